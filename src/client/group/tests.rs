//! What a group counts, and when.

use super::*;
use crate::{client::share::Share, codec::Protocol, metric::Metric};

fn group() -> Group {
    let text = "name = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
    let spec: profile::Group = toml::from_str(text).expect("a group");
    assert_eq!(spec.protocol, Protocol::Frame);
    let part = Share { index: 0, of: 1 }.part(0, spec.count);
    let start = Arc::new(Start::new(spec.count, 1));
    Group::new(&spec, part, start, "server", 0, (100, 200), 1)
}

#[test]
fn only_requests_due_in_the_window_are_in_the_latencies() {
    let mut group = group();
    for (due_ns, now) in [(90, 150), (100, 130), (199, 260), (200, 210)] {
        group.due(due_ns);
        group.answered(Request { due_ns, sent_ns: due_ns + 10 }, false, now);
    }
    group.answered(Request { due_ns: 100, sent_ns: 100 }, true, 199);
    let summary = group.summary();
    assert_eq!(summary.value(Metric::LatencyMax), Some(61.0));
    assert_eq!(summary.value(Metric::ServiceP50), Some(20.0), "from when it was sent");
    assert_eq!(summary.value(Metric::Offered), Some(2.0 / 100e-9));
    assert_eq!((group.requests.answered, group.answered_in_window()), (5, 3), "an error is an answer");
}

#[test]
fn a_request_open_at_the_end_is_unanswered_or_lost() {
    let mut group = group();
    let mut pending = Pending::default();
    pending.start(150);
    group.ended(Ended::Alive, &pending, &Tally::default(), 250);
    group.ended(Ended::ByReset, &pending, &Tally::default(), 250);
    let requests = group.requests;
    assert_eq!((requests.unanswered, requests.lost, requests.oldest_unanswered_ns), (1, 1, 100));
    assert_eq!((group.ledger.still_alive, group.ledger.evicted_rst), (1, 1));
}

#[test]
fn arrivals_go_round() {
    let mut group = group();
    assert_eq!(group.next_in_turn(), None);
    group.alive = vec![Token::special(0), Token::special(1)];
    let turns: Vec<_> = (0..3).filter_map(|_| group.next_in_turn()).collect();
    assert_eq!(turns, [Token::special(1), Token::special(0), Token::special(1)]);
}

#[test]
fn the_first_connections_are_opened_on_a_schedule() {
    let mut group = group();
    (group.part.count, group.to_open) = (3, 3);
    group.spec.connect_rate = Some("100/s".parse().expect("a schedule"));
    group.start_ns = 50;
    let mut opened = Vec::new();
    while let Some(at_ns) = group.next_wake_ns() {
        assert_eq!(group.take_turn(at_ns - 1), None);
        assert_eq!(group.take_turn(at_ns), Some(false));
        opened.push(at_ns);
    }
    assert_eq!(opened, [50, 10_000_050, 20_000_050]);
}

#[test]
fn who_reconnects_comes_back_after_a_pause_and_once_for_each_end() {
    let mut group = group();
    group.attempts = Some(Attempts::new(&toml::from_str("pause = '10ns'").expect("knobs"), 1));
    assert_eq!((group.take_turn(0), group.take_turn(0)), (Some(false), None), "the first one");
    for how in [Ended::ByReset, Ended::Alive] {
        group.ended(how, &Pending::default(), &Tally::default(), 100);
    }
    assert_eq!((group.take_turn(109), group.next_wake_ns()), (None, Some(110)));
    assert_eq!((group.take_turn(110), group.take_turn(u64::MAX)), (Some(true), None));
}
