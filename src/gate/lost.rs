//! Lost events: evictions that the server no longer lists, and connections that no sample showed. If more than 1 % of
//! the events of a figure is lost, the figure counts as not measured.

use crate::{
    metric::{Key, Kind, Metric, Stat},
    profile::Profile,
    record::{Eviction, Repeat},
};

/// Share of the events that may be missing in a figure.
pub const MOST_LOST: f64 = 0.01;

/// Timeouts that count from what can be seen of the server's sockets.
const SEEN_FROM_OUTSIDE: [&str; 3] = ["send_timeout", "idle_timeout", "message_timeout"];

/// Whether more than [`MOST_LOST`] is missing of what this number of a repeat is made of: then it is none, and is not
/// gated.
pub(super) fn lacks(Key { group, stat: Stat { metric, .. }, .. }: Key<'_>, repeat: &Repeat) -> bool {
    let lacks_evictions = || {
        let (gone, strange, all) = unlisted(repeat);
        is_much(gone + strange, all)
    };
    let is_by_word = || {
        let (unseen, timed, _) = taken_on_trust(repeat);
        is_much(unseen as f64, timed as f64)
    };
    match metric.spec().kind {
        Kind::Lateness => lacks_evictions() || is_by_word(),
        Kind::EvictionSeen => lacks_evictions(),
        Kind::Held => {
            let (unseen, ended) = ended_unseen(repeat, group.unwrap_or_default());
            is_much(unseen, ended)
        }
        Kind::Latency(_) | Kind::Download | Kind::Wait | Kind::Answers | Kind::Other => false,
    }
}

/// The name of a number of these repeats, with the reason where it is not gated because too much is missing in it.
pub(super) fn with_reason<'a>(
    name: String,
    number: &str,
    mut repeats: impl Iterator<Item = &'a Repeat>,
) -> String {
    let key = Key::parse(number);
    let is_incomplete =
        |repeat: &Repeat| repeat.summary.contains_key(number) && key.is_some_and(|key| lacks(key, repeat));
    if repeats.any(is_incomplete) {
        format!("{name} (more than {:.0} % of its events are missing)", MOST_LOST * 100.0)
    } else {
        name
    }
}

/// Evictions that the server no longer lists, those that belong to no connection of the clients, and all there were.
fn unlisted(repeat: &Repeat) -> (f64, f64, f64) {
    let of = |metric: Metric| repeat.summary.get(metric.spec().name).copied().unwrap_or(0.0);
    let gone = of(Metric::EvictionsLost);
    (gone, of(Metric::EvictionsUnmatched), repeat.evictions.len() as f64 + gone)
}

/// Connections of the group that the server ended and no look saw, and all that it ended.
fn ended_unseen(repeat: &Repeat, group: &str) -> (f64, f64) {
    let of =
        |metric: Metric| repeat.summary.get(&Key::new(Some(group), Stat::once(metric)).to_string()).copied();
    (of(Metric::EndedUnseen).unwrap_or(0.0), of(Metric::ServerEnded).unwrap_or(0.0))
}

/// What is missing: the repeat proves nothing if it is too much of what an expected figure is made of; if the figure
/// has no expectation, a note says so.
#[must_use]
pub fn lost(profile: &Profile, repeat: &Repeat) -> super::Findings {
    let mut findings = super::Findings::default();
    let expectations = profile.expectations();
    let expects = |kind: Kind| expectations.iter().any(|e| e.stat.metric.spec().kind == kind);
    let mut tell = |sentence: String, is_expected: bool| {
        if is_expected { findings.invalid.push(sentence) } else { findings.notes.push(sentence) }
    };
    let (gone, strange, all) = unlisted(repeat);
    if is_much(gone + strange, all) {
        let sentence = format!(
            "the server's list of evictions lacks {gone} of {all}, and {strange} belong to no connection of the \
             clients, so the lateness of evictions is not known. Make the run shorter, or evict fewer clients",
        );
        tell(sentence, expects(Kind::Lateness) || expects(Kind::EvictionSeen));
    }
    let (unseen, timed, by_word) = taken_on_trust(repeat);
    if is_much(unseen as f64, timed as f64) {
        let remedy = if profile.server.is_unix() {
            "At a UNIX socket the kernel does not say when a peer read; over TCP it does"
        } else {
            "Sample more often (sample_every)"
        };
        let sentence = format!(
            "for {unseen} of {timed} evictions no sample of the server's sockets shows when they were due, so their \
             lateness is known only from the server. {remedy}"
        );
        tell(sentence, expects(Kind::Lateness));
    }
    if !by_word.is_empty() {
        let sentence = format!(
            "when evictions for {} were due is known only from the server; from outside only the close is visible",
            by_word.join(", ")
        );
        tell(sentence, false);
    }
    for group in &profile.clients {
        let (unseen, ended) = ended_unseen(repeat, &group.name);
        if is_much(unseen, ended) {
            let is_held = |key: Key<'_>| {
                key.stat.metric.spec().kind == Kind::Held && key.group == Some(group.name.as_str())
            };
            let is_expected = expectations.iter().any(|e| Key::parse(&e.number).is_some_and(is_held));
            let sentence = format!(
                "{unseen} of the {ended} connections of `{}` that the server ended were gone before a sample of its \
                 sockets showed them, so it is not known how long they made no progress. Sample more often \
                 (sample_every)",
                group.name
            );
            tell(sentence, is_expected);
        }
    }
    findings
}

/// Evictions that were timed, but whose due time was not seen from outside although it can be; all that were timed; and
/// the reasons whose due time can never be seen from outside.
fn taken_on_trust(repeat: &Repeat) -> (usize, usize, Vec<&str>) {
    let timed: Vec<&Eviction> = repeat.evictions.iter().filter(|e| e.lateness_ns.is_some()).collect();
    let unseen = timed.iter().filter(|e| e.seen_lateness_ns.is_none());
    let (seen_others, never): (Vec<&Eviction>, Vec<&Eviction>) =
        unseen.partition(|e| SEEN_FROM_OUTSIDE.contains(&e.reason.as_str()));
    let mut reasons: Vec<&str> = never.iter().map(|e| e.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    (seen_others.len(), timed.len(), reasons)
}

fn is_much(lost: f64, all: f64) -> bool {
    lost > all * MOST_LOST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Source;

    fn profile(expect: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"bad\"\ncount = 1\nload = {{ depth = 1, payload = 9, answer = \"8MiB\" }}\n\
             rx = \"stall\"\n[expect]\n{expect}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    fn found(expect: &str, evictions: usize, numbers: &[(&str, f64)]) -> (usize, usize) {
        let repeat =
            Repeat { evictions: vec![Eviction::default(); evictions], ..super::super::repeat(numbers) };
        let findings = lost(&profile(expect), &repeat);
        (findings.invalid.len(), findings.notes.len())
    }

    #[test]
    fn lateness_is_invalid_when_evictions_are_missing() {
        let late = "eviction_lateness_p99 = \"< 1s\"";
        assert_eq!(found(late, 99, &[("evictions_lost", 1.0)]), (0, 0), "one of a hundred");
        assert_eq!(found(late, 98, &[("evictions_lost", 2.0)]), (1, 0));
        assert_eq!(found(late, 100, &[("evictions_unmatched", 2.0)]), (1, 0));
        assert_eq!(found("evictions = \"> 1\"", 98, &[("evictions_lost", 2.0)]), (0, 1), "not expected");
        assert_eq!(found(late, 0, &[("evictions_lost", 7.0)]), (1, 0), "the server did not answer");
    }

    #[test]
    fn lateness_is_invalid_when_too_many_evictions_were_unseen() {
        let late = "eviction_lateness_p99 = \"< 1s\"";
        let found = |reason: &str, expect: &str, unseen: usize| {
            let of = |index: usize| Eviction {
                reason: reason.to_owned(),
                lateness_ns: Some(1),
                seen_lateness_ns: (index >= unseen).then_some((0, 2)),
                ..Eviction::default()
            };
            let repeat = Repeat { evictions: (0..100).map(of).collect(), ..super::super::repeat(&[]) };
            let findings = lost(&profile(expect), &repeat);
            (findings.invalid.len(), findings.notes.len())
        };
        assert_eq!(found("send_timeout", late, 1), (0, 0), "one of a hundred");
        assert_eq!(found("send_timeout", late, 2), (1, 0));
        assert_eq!(found("send_timeout", "evictions = \"> 1\"", 2), (0, 1), "not expected");
        assert_eq!(found("deadline", late, 100), (0, 1), "it is never seen from outside, which a note says");
    }

    #[test]
    fn stalled_time_is_invalid_when_closes_were_unseen() {
        let held = "\"bad.stalled_for_min\" = \"> 1s\"";
        let numbers = |unseen| [("bad.server_ended", 50.0), ("bad.server_ended_unseen", unseen)];
        assert_eq!(found(held, 0, &numbers(0.0)), (0, 0));
        assert_eq!(found(held, 0, &numbers(1.0)), (1, 0));
        assert_eq!(found("\"bad.server_ended\" = \"= 50\"", 0, &numbers(1.0)), (0, 1));
    }
}
