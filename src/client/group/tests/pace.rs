//! When connections are due, what is under way, and how fast a group reads.

use super::*;
use crate::metric::Row;

#[test]
fn requests_under_way_are_counted_until_each_comes_to_an_end() {
    let mut group = group();
    let starts = |group: &mut Group| {
        group.demand().start_due(110);
        Request { sent_ns: 111, ..Request::due(110) }
    };
    let all: Vec<Request> = (0..4).map(|_| starts(&mut group)).collect();
    assert_eq!((group.under_way(), group.awaits_answers()), (4, true));
    group.demand().answered(&all[0], false, 120);
    group.demand().take_back(110, 120);
    group.demand().retry(&all[1], 0, 120);
    assert_eq!(group.under_way(), 1);
    assert!(group.demand().start_waiting(0).is_some());
    let left = [all[2], all[3]];
    group.ended(CloseReason::ByReset, Life::default(), left.iter(), &Tally::default(), 130);
    assert_eq!((group.under_way(), group.awaits_answers()), (0, false));
    let mut stalled =
        group_of("count = 1\nload = { depth = 1, payload = 9, answer = '64MiB' }\nrx = 'stall'");
    starts(&mut stalled);
    assert!(!stalled.awaits_answers(), "it does not read what comes");
}

#[test]
fn connections_without_a_pace_are_due_one_after_the_other() {
    let mut group = group_of("count = 3\nload = { depth = 1, payload = 9 }");
    let mut opened = |at_ns| {
        let due_ns = group.next_connect_ns();
        if group.take_turn(at_ns).is_some() {
            group.opened(at_ns);
        }
        due_ns
    };
    assert_eq!([opened(500), opened(700), opened(900)], [Some(0), Some(500), Some(700)]);
    assert_eq!(opened(900), None);
    let mut paced = group_of("count = 3\nconnect_rate = '1000000000/s'\nload = { depth = 1, payload = 9 }");
    paced.take_turn(500);
    paced.opened(500);
    assert_eq!(paced.next_connect_ns(), Some(1), "whenever the one before was opened");
    let mut held = group_of("count = 3\nload = { depth = 1, payload = 9 }");
    held.hold(2000);
    assert_eq!(held.next_connect_ns(), Some(2000), "the server has no room");
}

#[test]
fn the_pace_of_slow_readers_is_measured_against_what_was_declared() {
    const SLOW: &str = "load = { depth = 1, payload = 9, answer = '1MiB' }\nrx = { slow = { bytes = 100, every = '500ms' } }";
    let pace = |keys: &str| {
        let (mut counted, mut row) = (Row::default(), Row::default());
        counted.set(Metric::Received, 3960.0);
        group_of(keys).add_read_pace(&counted, 2.0, &mut row);
        row.value(Metric::ReadPace)
    };
    assert_eq!(pace(&format!("count = 10\n{SLOW}")), Some(0.99));
    assert_eq!(pace("count = 10\nload = { depth = 1, payload = 9 }"), None);
    assert_eq!(pace(&format!("count = 10\nstart = '1s'\n{SLOW}")), None, "not all the time");
}
