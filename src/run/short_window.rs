//! Remarks about runs that are shorter than the server's timeouts: that nobody was ended then shows nothing.

use std::time::Duration;

use crate::{
    behavior::Needs,
    client::{Driven, Port},
    metric::Metric,
    profile::{Group, Profile},
    units::human_time,
};

/// The usual timeout of servers.
const USUAL: Duration = Duration::from_secs(60);

/// What a group keeps the server waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// A request, or the rest of its head.
    Request,
    /// The rest of the body of a request.
    Body,
    /// That the client takes more of an answer.
    Room,
}

/// A timeout of the server: what it is called, and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Timeout {
    name: String,
    length: Duration,
}

/// A sentence for each group of which the server ended nobody, where the run was too short to show that it never would.
/// `server` is the name of the server's process.
pub(super) fn remarks(profile: &Profile, driven: &Driven, server: Option<&str>) -> Vec<String> {
    let mut remarks = Vec::new();
    for (index, group) in profile.clients.iter().enumerate() {
        let Some(awaited) = awaited(group) else { continue };
        // Who got an answer did not keep the server waiting all the time.
        let is_answered = awaited != Awaited::Room && driven.groups[index].requests.answered > 0;
        let is_ended = driven.summaries[index].value(Metric::ServerEnded).is_some_and(|ended| ended > 0.0);
        let ports: Vec<&Port> = driven.ports.iter().filter(|port| port.group == index).collect();
        if is_answered || is_ended || ports.iter().any(|port| port.ended_by_peer) {
            continue;
        }
        // A group that leaves ends its connections itself.
        let stayed =
            ports.iter().filter(|port| port.was_connected && (port.is_alive || group.stop.is_some()));
        let until_ns = |port: &Port| port.ended_ns.unwrap_or(driven.stopped_ns);
        let held = stayed.map(|port| until_ns(port).saturating_sub(port.opened_ns)).max();
        let held = held.map(Duration::from_nanos);
        remarks.extend(held.and_then(|held| remark(group, held, &timeout(profile, server, awaited)?)));
    }
    remarks
}

/// What the group keeps the server waiting for, if a timeout of servers is about that. Bytes that keep coming or going
/// reset all other timeouts.
fn awaited(group: &Group) -> Option<Awaited> {
    if group.rx.stalls() {
        return Some(Awaited::Room);
    }
    let tx = group.tx.about();
    let is_awaited = group.rx.is_steady() && (tx.stalls || tx.is_idle || tx.delays_requests);
    let awaited = if tx.needs == Needs::Body { Awaited::Body } else { Awaited::Request };
    is_awaited.then_some(awaited)
}

/// The timeout that would end such a client; `None` if the server is known to have none.
fn timeout(profile: &Profile, server: Option<&str>, awaited: Awaited) -> Option<Timeout> {
    if let Some(options) = profile.server.reference() {
        let (name, length) = match awaited {
            Awaited::Request | Awaited::Body => ("message_timeout", options.message_timeout.0),
            Awaited::Room => ("send_timeout", options.send_timeout.0),
        };
        return length.map(|length| Timeout { name: format!("the server's {name} is"), length: length.0 });
    }
    let (name, seconds) = match (server, awaited) {
        (Some("nginx"), Awaited::Request) => ("nginx's client_header_timeout defaults to", 60),
        (Some("nginx"), Awaited::Room) => ("nginx's send_timeout defaults to", 60),
        (Some("node" | "MainThread"), Awaited::Request) => ("Node's headersTimeout defaults to", 60),
        (Some("node" | "MainThread"), Awaited::Body) => ("Node's requestTimeout defaults to", 300),
        (Some("apache2" | "httpd"), Awaited::Request | Awaited::Body) => {
            ("Apache's RequestReadTimeout defaults to at most", 40)
        }
        (Some("apache2" | "httpd"), Awaited::Room) => ("Apache's TimeOut defaults to", 60),
        // Neither ends such a client at its defaults.
        (Some("node" | "MainThread"), Awaited::Room)
        | (Some("nginx"), Awaited::Body)
        | (Some("redis-server"), _) => return None,
        _ => return Some(Timeout { name: "the usual timeout of servers is".to_owned(), length: USUAL }),
    };
    Some(Timeout { name: name.to_owned(), length: Duration::from_secs(seconds) })
}

fn remark(group: &Group, held: Duration, timeout: &Timeout) -> Option<String> {
    // In tenths of a second, so that several repeats make one remark.
    let tenths = |time: Duration| Duration::from_millis((time.as_millis() as u64 + 50) / 100 * 100);
    let shown = if held.as_secs() > 0 { tenths(held) } else { held };
    let [shown, length] = [shown, timeout.length].map(|time| human_time(time.as_nanos() as f64));
    (held < timeout.length).then(|| {
        format!(
            "none of the {} `{}` clients was ended in {shown}, but {} {length}: measure longer to see whether the server \
             ends them",
            group.count, group.name, timeout.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metric::Row, profile::Source, record::GroupResult};

    const SECOND: u64 = 1_000_000_000;

    fn profile(server: &str, keys: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[server]\n{server}\n[[clients]]\nname = \"bad\"\ncount = 3\nprotocol = \"http\"\n{keys}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    /// The remarks about clients that stayed connected for so many seconds.
    fn remarks_after(profile: &Profile, server: Option<&str>, seconds: u64, answered: u64) -> Vec<String> {
        let port = Port { was_connected: true, is_alive: true, opened_ns: SECOND, ..Port::default() };
        let mut group = GroupResult::default();
        group.requests.answered = answered;
        let driven = Driven {
            groups: vec![group],
            summaries: vec![Row::default()],
            ports: vec![port],
            stopped_ns: (seconds + 1) * SECOND,
            ..Driven::default()
        };
        remarks(profile, &driven, server)
    }

    const ANY: &str = "command = ['a']";
    const SLOWLORIS: &str = "load = { depth = 1 }\ntx = { slow = { bytes = 1, every = '100ms' } }";
    const BODY: &str = "load = { depth = 1, payload = 90 }\nhttp = { method = 'POST' }\ntx = { slow-body = { every = '100ms' } }";
    const STALLED: &str = "load = { rate = 9 }\nrx = 'stall'";

    #[test]
    fn a_run_that_is_shorter_than_the_timeout_of_the_server_gets_a_remark() {
        let slowloris = profile(ANY, SLOWLORIS);
        assert_eq!(
            remarks_after(&slowloris, Some("nginx"), 8, 0),
            [
                "none of the 3 `bad` clients was ended in 8 s, but nginx's client_header_timeout defaults to 60 s: measure \
                 longer to see whether the server ends them"
            ]
        );
        let other = remarks_after(&slowloris, Some("mine"), 8, 0);
        assert!(other[0].contains("the usual timeout of servers is 60 s"), "{other:?}");
        let stalled = remarks_after(&profile(ANY, STALLED), Some("nginx"), 8, 5);
        assert!(stalled[0].contains("nginx's send_timeout"), "{stalled:?}");
        let apache = remarks_after(&profile(ANY, STALLED), Some("httpd"), 8, 5);
        assert!(apache[0].contains("Apache's TimeOut defaults to 60 s"), "{apache:?}");
        let node = remarks_after(&profile(ANY, BODY), Some("node"), 61, 0);
        assert!(node[0].contains("Node's requestTimeout defaults to"), "{node:?}");
        let usual = Timeout { name: "it is".to_owned(), length: USUAL };
        let rounded = remark(&slowloris.clients[0], Duration::from_millis(8049), &usual).expect("a remark");
        assert!(rounded.contains(" in 8 s,"), "{rounded}");
        let own = profile("protocol = 'http'\nsend_timeout = '10s'", STALLED);
        assert!(remarks_after(&own, None, 8, 0)[0].contains("the server's send_timeout is 10 s"));
    }

    #[test]
    fn a_long_run_and_a_server_without_such_a_timeout_get_none() {
        let slowloris = profile(ANY, SLOWLORIS);
        assert!(remarks_after(&slowloris, Some("nginx"), 61, 0).is_empty());
        assert!(remarks_after(&slowloris, Some("nginx"), 8, 1).is_empty(), "its requests come to an end");
        assert!(remarks_after(&slowloris, Some("redis-server"), 8, 0).is_empty());
        assert!(remarks_after(&profile(ANY, STALLED), Some("node"), 8, 0).is_empty());
        assert!(remarks_after(&profile(ANY, BODY), Some("nginx"), 8, 0).is_empty());
        let own = |timeout: &str| profile(&format!("protocol = 'http'\nsend_timeout = '{timeout}'"), STALLED);
        assert!(
            remarks_after(&own("5s"), None, 8, 0).is_empty(),
            "it should have ended them, which is no remark"
        );
        assert!(remarks_after(&own("off"), None, 8, 0).is_empty());
        let steady = profile(ANY, "load = { depth = 1 }");
        assert!(remarks_after(&steady, Some("nginx"), 8, 0).is_empty());
    }

    #[test]
    fn clients_that_left_were_held_until_then() {
        let profile = profile(ANY, &format!("{SLOWLORIS}\nstop = '4s'"));
        let port =
            Port { was_connected: true, opened_ns: SECOND, ended_ns: Some(4 * SECOND), ..Port::default() };
        let of = |port: Port| {
            let driven = Driven {
                groups: vec![GroupResult::default()],
                summaries: vec![Row::default()],
                ports: vec![port],
                stopped_ns: 9 * SECOND,
                ..Driven::default()
            };
            remarks(&profile, &driven, Some("nginx"))
        };
        assert!(of(port)[0].starts_with("none of the 3 `bad` clients was ended in 3 s"), "{:?}", of(port));
        assert!(of(Port { ended_by_peer: true, ..port }).is_empty(), "the server ended it");
        assert!(of(Port { was_connected: false, ..port }).is_empty());
    }
}
