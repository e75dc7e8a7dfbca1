//! Servers whose times of evictions are true, and servers whose times are not.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::address::Endpoint;

const MS: u64 = 1_000_000;

/// The client's end.
const OWN: Endpoint = Endpoint::Inet { ip: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), port: 5 };

fn between(from_ms: u64, until_ms: u64) -> Between {
    Between::new(from_ms * MS, until_ms * MS)
}

/// A peer that never reads: connected at 1,000 ms, the kernel full at about 1,040 ms, the last look that saw it held at
/// 1,200 ms; its client saw the end at 1,250 ms.
fn stalled() -> (Port, TrackedConnection) {
    let port = Port {
        end: OWN,
        opened_ns: 1_000 * MS,
        ended_ns: Some(1_250 * MS),
        ended_by_peer: true,
        ..Port::default()
    };
    let seen = TrackedConnection {
        peer: OWN,
        first: between(1_050, 1_051),
        held_ns: 1_200 * MS,
        acked: between(1_030, 1_045),
        received: between(1_000, 1_010),
        written: between(1_000, 1_051),
        waits_by_ns: 1_051 * MS,
        read_by_ns: Some(1_051 * MS),
        ..TrackedConnection::default()
    };
    (port, seen)
}

fn reported(progress_ms: u64, deadline_ms: u64, at_ms: u64) -> ReportedEviction {
    of("send_timeout", progress_ms, deadline_ms, at_ms)
}

fn of(reason: &str, progress_ms: u64, deadline_ms: u64, at_ms: u64) -> ReportedEviction {
    ReportedEviction {
        index: 0,
        at_ns: at_ms * MS,
        reason: reason.into(),
        peer_port: OWN.port().unwrap(),
        peer_address: OWN.ip(),
        socket: None,
        progress_ns: Some(progress_ms * MS),
        deadline_ns: Some(deadline_ms * MS),
        send_buffered: 0,
        kernel_queued: 0,
    }
}

fn options(text: &str) -> ServerOptions {
    toml::from_str(text).expect("options")
}

/// Lateness and disagreement in milliseconds, where `asked` is the profile's server and `configured` the one started.
fn timing(
    asked: &str,
    configured: &str,
    reported: &ReportedEviction,
    (port, seen): (Port, TrackedConnection),
) -> (i64, u64) {
    let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
    let profile =
        crate::profile::Source { file: "t.toml".into(), text: text.into() }.parse(&[]).expect("valid");
    let asked = Asked { profile: &profile, options: options(asked), configured: options(configured) };
    let known = Known { port: &port, seen: Some(seen), outside: None };
    let timing = Timing::of(reported, &asked, Some(&known));
    (timing.lateness_ns.expect("a timeout") / MS as i64, timing.disagreement_ns / MS)
}

const TIMEOUT: &str = "send_timeout = '200ms'";

#[test]
fn a_consistent_report_is_taken_to_the_nanosecond() {
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_041, 1_241, 1_242), stalled()), (1, 0));
    // A tick of the kernel before what was seen is no contradiction.
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_025, 1_225, 1_226), stalled()), (1, 0));
}

#[test]
fn twice_the_timeout_is_late_whatever_the_server_reports() {
    let (port, seen) = stalled();
    let later =
        (Port { ended_ns: Some(1_450 * MS), ..port }, TrackedConnection { held_ns: 1_400 * MS, ..seen });
    // It counts from the right instant, and believes to be on time.
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_041, 1_441, 1_442), later), (201, 200));
    // It says that the last progress was later than it can have been, so that the time between seems right.
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_241, 1_441, 1_442), later), (181, 180));
    // Or that it was on time, while everybody saw it hold on.
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_041, 1_241, 1_242), later), (149, 148));
}

#[test]
fn an_early_eviction_is_early_whatever_the_server_reports() {
    // Half of the timeout, owned up to.
    let (port, seen) = stalled();
    let sooner =
        (Port { ended_ns: Some(1_150 * MS), ..port }, TrackedConnection { held_ns: 1_100 * MS, ..seen });
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_041, 1_141, 1_142), sooner), (-99, 100));
    // The same with a progress that was made up to be old enough.
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(941, 1_141, 1_142), sooner), (-78, 79));
    // An eviction that is said to have come later than the client saw it.
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_041, 1_241, 1_242), sooner).0, -81);
}

#[test]
fn flags_of_a_build_are_undisputed_but_late_for_the_profile() {
    let (port, seen) = stalled();
    let later =
        (Port { ended_ns: Some(1_450 * MS), ..port }, TrackedConnection { held_ns: 1_400 * MS, ..seen });
    let own = "send_timeout = '400ms'";
    assert_eq!(timing(TIMEOUT, own, &reported(1_041, 1_441, 1_442), later), (201, 0));
}

#[test]
fn an_idle_peer_is_timed_from_its_last_byte_and_a_message_from_its_first() {
    let idle = "idle_timeout = '200ms'";
    assert_eq!(timing(idle, idle, &of("idle_timeout", 1_012, 1_212, 1_213), stalled()), (1, 0));
    assert_eq!(
        timing(idle, idle, &of("idle_timeout", 1_112, 1_312, 1_313), stalled()).1,
        53,
        "read by 1,051 ms"
    );
    let message = "message_timeout = '200ms'";
    let (port, seen) = stalled();
    let half_sent = (Port { unfinished_ns: Some(1_020 * MS), ..port }, seen);
    assert_eq!(timing(message, message, &of("message_timeout", 1_021, 1_221, 1_222), half_sent), (1, 0));
    let early = timing(message, message, &of("message_timeout", 921, 1_121, 1_222), half_sent);
    assert_eq!(early, (12, 89), "nothing had been sent");
}

#[test]
fn a_timer_that_follows_writes_is_judged_by_writes() {
    let (port, seen) = stalled();
    let dribbles = (port, TrackedConnection { acked: between(1_100, 1_110), ..seen });
    let text = "send_timeout = '200ms'\nprogress = 'write-event'";
    assert_eq!(timing(text, text, &reported(1_041, 1_241, 1_242), dribbles), (1, 0));
    // By acknowledged bytes the same would be too early.
    assert_eq!(timing(TIMEOUT, TIMEOUT, &reported(1_041, 1_241, 1_242), dribbles), (-48, 49));
}

#[test]
fn lost_and_unmatched_evictions_are_counted() {
    let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
    let profile =
        crate::profile::Source { file: "t.toml".into(), text: text.into() }.parse(&[]).expect("valid");
    let asked = Asked { profile: &profile, options: options(TIMEOUT), configured: options(TIMEOUT) };
    let mut driven = Driven::default();
    driven.ports.push(stalled().0);
    let made = |journal: Option<Journal>, counted| {
        let found = asked.evictions(journal, counted, &driven, None, 0);
        (found.all.len(), found.lost, found.unmatched)
    };
    let stranger = ReportedEviction { peer_port: 6, ..reported(1_041, 1_241, 1_242) };
    let list = vec![reported(1_041, 1_241, 1_242), stranger];
    assert_eq!(made(Some(Journal { evictions: list.clone(), lost: 0 }), 2), (2, 0, 1));
    assert_eq!(
        made(Some(Journal { evictions: list, lost: 3 }), 6),
        (2, 4, 1),
        "one more than it ever listed"
    );
    assert_eq!(made(None, 7), (0, 7, 0), "it did not answer");
    let from = |peer_address| {
        let eviction = ReportedEviction { peer_address, ..reported(1_041, 1_241, 1_242) };
        made(Some(Journal { evictions: vec![eviction], lost: 0 }), 1).2
    };
    let [mapped, another] = ["::ffff:127.0.0.2", "127.0.0.1"].map(|text| text.parse().ok());
    assert_eq!((from(None), from(mapped), from(another)), (0, 0, 1), "the same port at another address");
}

#[test]
fn the_last_connection_of_an_end_before_the_eviction_is_meant() {
    // One after the other had the port, and another address has it as well.
    let another: IpAddr = "127.0.0.9".parse().unwrap();
    let own = OWN.ip().unwrap();
    let at = |ip, ms: u64| Port { end: Endpoint::new(ip, 5), opened_ns: ms * MS, ..Port::default() };
    let ports: Vec<Port> =
        (1..=1000).flat_map(|turn| [at(own, turn * 100), at(another, turn * 100 + 50)]).collect();
    let opened = |peer_address, at_ms| {
        let reported = ReportedEviction { peer_address, ..reported(0, 0, at_ms) };
        let journal = Journal { evictions: vec![reported.clone()], lost: 0 };
        PortsByEnd::new(&ports, &journal).last_before(&reported, None).map(|port| port.opened_ns / MS)
    };
    assert_eq!([opened(Some(own), 30_080), opened(Some(another), 30_080)], [Some(30_000), Some(30_050)]);
    assert_eq!(opened(None, 30_080), Some(30_050), "whichever came last, where no address is listed");
    assert_eq!((opened(Some(own), 80), opened(Some("127.0.0.3".parse().unwrap()), 90_000)), (None, None));
}
