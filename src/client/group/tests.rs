//! What a group counts, and when.

use super::*;
use crate::{
    client::{
        pending::{Pending, Request},
        queue::Arrival,
        share::Share,
    },
    codec::Protocol,
    metric::Metric,
    record::Cause,
};

fn group() -> Group {
    let text = "name = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
    let spec: profile::Group = toml::from_str(text).expect("a group");
    assert_eq!(spec.protocol, Protocol::Frame);
    let part = Share { index: 0, of: 1 }.part(0, spec.count);
    let start = Arc::new(Start::new(spec.count, 1, 100));
    Group::new(&spec, part, start, "server", 0, (100, 200), 1)
}

#[test]
fn only_requests_due_in_the_window_are_in_the_latencies() {
    let mut group = group();
    for (due_ns, now) in [(90, 150), (100, 130), (199, 260), (200, 210)] {
        group.due(due_ns);
        group.answered(Request { sent_ns: due_ns + 10, ..Request::due(due_ns) }, false, now);
    }
    let (summary, censored) = group.summary();
    assert_eq!((summary.value(Metric::LatencyMax), censored), (Some(61.0), Vec::new()));
    assert_eq!(summary.value(Metric::ServiceP50), Some(20.0), "from when it was sent");
    assert_eq!(summary.value(Metric::Offered), Some(2.0 / 100e-9));
    assert_eq!((group.requests.answered, group.answered_in_window()), (4, 2));
}

#[test]
fn what_the_warm_up_left_unanswered_counts_in_the_window() {
    let mut group = group();
    let mut pending = Pending::default();
    pending.start(Request::due(90));
    group.due(90);
    let life = Life { opened_ns: 80, is_established: true, answers: 0 };
    group.ended(Ended::Alive, life, &pending, &Tally::default(), 250);
    let (summary, censored) = group.summary();
    assert_eq!(summary.value(Metric::LatencyP99), Some(160.0), "it waited all the time");
    assert!(censored.contains(&(Metric::LatencyP99, Cause::Unanswered)), "{censored:?}");
    assert_eq!(summary.value(Metric::UnansweredShare), Some(1.0), "of all that asked in the window");
    let mut group = self::group();
    group.due(90);
    group.ended(Ended::ByReset, life, &pending, &Tally::default(), 95);
    assert_eq!(group.summary().0.value(Metric::LatencyP99), None, "it was over before the window");
}

#[test]
fn an_error_is_an_answer_and_no_latency() {
    let mut group = group();
    group.due(110);
    group.due(100);
    group.answered(Request { sent_ns: 112, ..Request::due(110) }, false, 120);
    group.answered(Request { sent_ns: 100, ..Request::due(100) }, true, 199);
    let (summary, censored) = group.summary();
    assert_eq!((group.requests.answered, group.answered_in_window()), (2, 2));
    assert_eq!(
        (summary.value(Metric::LatencyP50), summary.value(Metric::LatencyP90)),
        (Some(10.0), Some(99.0))
    );
    assert!(censored.contains(&(Metric::LatencyP90, Cause::Errors)), "{censored:?}");
    assert!(!censored.contains(&(Metric::LatencyP50, Cause::Errors)), "{censored:?}");
    assert_eq!(summary.value(Metric::ErrorsShare), Some(0.5));
}

#[test]
fn a_request_open_at_the_end_is_unanswered_or_lost() {
    let mut group = group();
    let mut pending = Pending::default();
    pending.start(Request::due(150));
    let life = Life { opened_ns: 90, is_established: true, answers: 0 };
    for how in [Ended::Alive, Ended::ByReset] {
        group.due(150);
        group.ended(how, life, &pending, &Tally::default(), 250);
    }
    let requests = group.requests;
    let (summary, censored) = group.summary();
    assert_eq!(summary.value(Metric::LatencyP50), Some(100.0), "it waited for so long at least");
    assert!(censored.iter().any(|(metric, _)| *metric == Metric::LatencyP50));
    assert_eq!(
        (summary.value(Metric::UnansweredShare), summary.value(Metric::LostShare)),
        (Some(0.5), Some(0.5))
    );
    assert_eq!(
        (summary.value(Metric::SilentConnections), summary.value(Metric::LongestWait)),
        (Some(2.0), Some(100.0))
    );
    assert_eq!((requests.unanswered, requests.lost, requests.oldest_unanswered_ns), (1, 1, 100));
    assert_eq!((group.ledger.still_alive, group.ledger.evicted_rst), (1, 1));
}

#[test]
fn what_our_own_end_cut_off_is_not_held_against_the_server() {
    let mut group = group();
    let mut pending = Pending::default();
    pending.start(Request::due(150));
    group.due(150);
    group.ended(Ended::ByUs(End::Close), Life::default(), &pending, &Tally::default(), 190);
    let (summary, censored) = group.summary();
    assert_eq!((group.requests.lost, censored.len()), (1, 0));
    assert_eq!(
        (summary.value(Metric::LostShare), summary.value(Metric::SilentConnections)),
        (Some(0.0), Some(0.0))
    );
}

#[test]
fn what_waits_for_a_connection_to_the_end_is_skipped_and_counts_from_when_it_was_due() {
    let mut group = group();
    group.arrived(140, 145);
    group.arrived(90, 145);
    group.stop(230);
    let (summary, censored) = group.summary();
    assert_eq!((group.requests.skipped, summary.value(Metric::SkippedShare)), (2, Some(1.0)));
    assert_eq!(summary.value(Metric::LatencyP50), Some(90.0));
    assert_eq!(
        summary.value(Metric::LatencyMax),
        Some(140.0),
        "that of the warm-up has waited in the window, too"
    );
    assert!(censored.contains(&(Metric::LatencyP50, Cause::Skipped)), "{censored:?}");
    assert_eq!(summary.value(Metric::LongestWait), Some(130.0), "it waited through the window");
}

#[test]
fn a_request_sent_as_the_server_closed_waits_again_and_is_started_once() {
    let mut group = group();
    group.requests.started = 1;
    group.due(120);
    group.retry(&Request { sent_ns: 125, delay_us: 3, ..Request::due(120) });
    assert_eq!((group.requests.started, group.requests.retried), (0, 1));
    assert_eq!(group.queue.pop(), Some(Arrival { due_ns: 120, delay_us: 3, is_retry: true }));
}

#[test]
fn the_fewest_answers_are_those_of_a_connection_that_was_there_all_the_time() {
    let mut group = group();
    for (opened_ns, answers, now) in [(50, 7, 210), (60, 3, 210), (60, 1, 150), (150, 0, 210)] {
        let life = Life { opened_ns, is_established: true, answers };
        group.ended(Ended::Alive, life, &Pending::default(), &Tally::default(), now);
    }
    let (summary, _) = group.summary();
    assert_eq!(summary.value(Metric::FewestAnswers), Some(3.0));
    assert_eq!(summary.value(Metric::SilentConnections), Some(0.0), "nothing was asked for");
}

#[test]
fn an_idle_connection_that_the_server_closed_is_opened_again_also_without_being_told_to() {
    let mut group = group();
    assert_eq!(group.take_turn(0), Some(false), "the first one");
    group.ended(Ended::ByFin, Life::default(), &Pending::default(), &Tally::default(), 100);
    assert_eq!(group.take_turn(u64::MAX), None, "that was an eviction");
    group.ended(Ended::Idle, Life::default(), &Pending::default(), &Tally::default(), 100);
    assert_eq!(
        (group.take_turn(100), group.ledger.closed_idle, group.ledger.evicted_fin),
        (Some(true), 1, 1)
    );
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
    let reconnect = toml::from_str("pause = '10ns'").expect("knobs");
    group.attempts = Some(Attempts::new(&reconnect, 1));
    group.spec.reconnect = Some(reconnect);
    assert_eq!((group.take_turn(0), group.take_turn(0)), (Some(false), None), "the first one");
    for how in [Ended::ByReset, Ended::Alive] {
        group.ended(how, Life::default(), &Pending::default(), &Tally::default(), 100);
    }
    assert_eq!((group.take_turn(109), group.next_wake_ns()), (None, Some(110)));
    assert_eq!((group.take_turn(110), group.take_turn(u64::MAX)), (Some(true), None));
}
