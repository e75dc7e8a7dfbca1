//! Whether a fault had an effect: slow readers that never made the server wait show nothing.

use super::outside::Outside;
use crate::{
    client::Driven,
    codec::Protocol,
    metric::Metric,
    probe::TrackedConnection,
    profile::{Group, Profile},
};

/// A sentence for each group that reads slowly or not at all without an effect on the server: the kernel accepted
/// everything that the server had to send. That the server closed the connections shows no effect, because many servers
/// close after an answer. A client that does not read sees a FIN only when all earlier bytes are in its own kernel.
pub(super) fn without_effect(
    profile: &Profile,
    driven: &Driven,
    outside: Option<&Outside<'_>>,
) -> Vec<String> {
    let Some(outside) = outside else { return Vec::new() };
    let mut sentences = Vec::new();
    for (index, group) in profile.clients.iter().enumerate() {
        // Who fetches parts at a rate of its own is no fault: how long that takes is what is shown.
        if group.rx.reads_everything() || group.moves_in_parts() {
            continue;
        }
        let ports = driven.ports.iter().filter(|port| port.group == index);
        let looks: Vec<Option<TrackedConnection>> = ports.map(|port| outside.of(port)).collect();
        let number = |metric| driven.summaries[index].value(metric).unwrap_or(0.0) as u64;
        let all =
            [Metric::ServerEnded, Metric::ClosedAsAnnounced, Metric::ClosedIdle].map(number).iter().sum();
        let closes = ServerCloseCounts { all, resets: number(Metric::EvictedReset) };
        sentences.extend(sentence(profile, group, &looks, closes));
    }
    sentences
}

/// How many of a group's connections the server ended.
#[derive(Clone, Copy, Debug, Default)]
struct ServerCloseCounts {
    all: u64,
    /// With an RST, which may have thrown away what waited.
    resets: u64,
}

/// `looks` are what was seen of each connection, if a look saw it.
fn sentence(
    profile: &Profile,
    group: &Group,
    looks: &[Option<TrackedConnection>],
    closes: ServerCloseCounts,
) -> Option<String> {
    let seen: Vec<&TrackedConnection> = looks.iter().flatten().collect();
    // A server that stops at TCP_NOTSENT_LOWAT has more to send while its kernel's buffer is all but empty.
    let stops_early = profile.server.reference().is_some_and(|server| server.notsent_lowat.0.is_some());
    let has_waited = seen.iter().any(|seen| seen.has_waited);
    let may_have_waited =
        if seen.len() < looks.len() && closes.resets > 0 { true } else { seen.is_empty() && closes.all == 0 };
    let was_held_up =
        seen.iter().any(|seen| seen.was_full) || (has_waited && (stops_early || closes.all > 0));
    if may_have_waited || was_held_up {
        return None;
    }
    let why = if has_waited {
        "the kernel's socket buffers took all bytes for these clients, and the server never had to wait"
    } else {
        "no bytes for these clients ever waited at the server"
    };
    let hint = match group.protocol {
        Protocol::Http => "request something larger (--bad-path of `badpeer bench`, http.path of a profile)",
        Protocol::Resp => "request something larger (resp.command and load.payload of a profile)",
        Protocol::Raw => "request something larger (raw.send of a profile)",
        Protocol::Echo | Protocol::Frame | Protocol::Line => {
            "request something larger, or more often (load.answer, load.payload, load.rate of a profile)"
        }
    };
    Some(format!("these {} slow clients (`{}`) had no effect: {why}; {hint}", group.count, group.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(server: &str, protocol: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[server]\n{server}\n[[clients]]\nname = \"stalled-reader\"\ncount = 200\nrx = \"stall\"\n\
             protocol = \"{protocol}\"\nload = {{ rate = 9 }}"
        );
        crate::profile::Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    fn sentence_on(profile: &Profile, seen: &[(bool, bool)]) -> Option<String> {
        told_of(profile, seen, ServerCloseCounts::default())
    }

    fn told_of(profile: &Profile, seen: &[(bool, bool)], ended: ServerCloseCounts) -> Option<String> {
        let of = |&(has_waited, was_full): &(bool, bool)| TrackedConnection {
            has_waited,
            was_full,
            ..TrackedConnection::default()
        };
        sentence(
            profile,
            &profile.clients[0],
            &seen.iter().map(|seen| Some(of(seen))).collect::<Vec<_>>(),
            ended,
        )
    }

    #[test]
    fn slow_readers_without_effect_are_reported_with_the_remedy() {
        let http = profile("command = ['a']", "http");
        let sentence = sentence_on(&http, &[(false, false); 3]).expect("a sentence");
        assert!(sentence.starts_with("these 200 slow clients (`stalled-reader`) had no effect: no bytes"));
        assert!(sentence.contains("--bad-path"), "{sentence}");
        assert!(
            sentence_on(&http, &[(true, false), (false, false)])
                .is_some_and(|s| s.contains("buffers took all bytes"))
        );
        let resp = profile("command = ['a']", "resp");
        assert!(sentence_on(&resp, &[(false, false)]).is_some_and(|s| s.contains("resp.command")));
    }

    #[test]
    fn closes_by_the_server_do_not_show_that_it_waited() {
        let http = profile("command = ['a']", "http");
        let (fins, resets) =
            (ServerCloseCounts { all: 200, resets: 0 }, ServerCloseCounts { all: 200, resets: 200 });
        assert!(told_of(&http, &[(false, false); 3], fins).is_some(), "it closes after each answer");
        assert!(told_of(&http, &[(false, false); 3], resets).is_some());
        assert_eq!(told_of(&http, &[(true, false)], fins), None, "it waited, and ended it before more came");
        assert!(
            sentence(&http, &http.clients[0], &[None], fins).is_some(),
            "it was over before a look saw it"
        );
        assert_eq!(
            sentence(&http, &http.clients[0], &[None], resets),
            None,
            "it is unknown what was thrown away"
        );
    }

    #[test]
    fn one_reader_that_made_the_server_wait_is_enough() {
        let http = profile("command = ['a']", "http");
        assert_eq!(sentence_on(&http, &[(false, false), (true, true)]), None);
        assert_eq!(sentence_on(&http, &[]), None, "nothing was seen");
        let lowat = profile("notsent_lowat = '16KiB'", "frame");
        assert_eq!(sentence_on(&lowat, &[(true, false)]), None, "it stops long before the buffer is full");
        assert!(sentence_on(&lowat, &[(false, false)]).is_some());
    }
}
