//! What a group counts, and when.

mod pace;

use std::iter;

use super::*;
use crate::{
    behavior::CloseMethod,
    client::{
        close_reason::{CloseReason, Life},
        request::{Arrival, Request},
        share::Share,
    },
    codec::Protocol,
    metric::Metric,
    record::{Cause, PutOff},
};

const FIRST: Opening = Opening { since_ns: 0, again: false, part: 0 };
const AGAIN: Opening = Opening { since_ns: 0, again: true, part: 0 };

fn group() -> Group {
    let group = group_of("count = 1\nload = { depth = 1, payload = 9 }");
    assert_eq!(group.spec.protocol, Protocol::Frame);
    group
}

/// A group with these keys that one thread drives, and a window from 100 to 200 ns.
fn group_of(keys: &str) -> Group {
    threads_of(1, keys).remove(0)
}

/// The parts of it that so many threads drive.
fn threads_of(of: u32, keys: &str) -> Vec<Group> {
    threads_in((100, 200), of, keys)
}

/// The same with another window.
fn threads_in(window: (u64, u64), of: u32, keys: &str) -> Vec<Group> {
    let spec: profile::Group = toml::from_str(&format!("name = \"g\"\n{keys}")).expect("a group");
    let start = Arc::new(Start::new(spec.count, of, 100));
    let part = |index| Share { index, of }.part(0, spec.count);
    let measured = MeasuredTime { window, end_ns: window.1, phases: Vec::new() };
    let group = |index| Group::new(&spec, part(index), Arc::clone(&start), "server", 0, &measured, 1);
    (0..of).map(group).collect()
}

fn ends(group: &mut Group, how: CloseReason, now_ns: u64) {
    group.ended(how, Life::default(), iter::empty(), &Tally::default(), now_ns);
}

/// The longest silence of a closed loop of three, as these ends of connections leave it: how, and when.
fn silence_after(of: u32, ends_of: &[(usize, CloseReason, u64)]) -> Option<f64> {
    let mut threads = threads_of(of, "count = 3\nload = { depth = 1, payload = 9 }");
    for group in &mut threads {
        while group.take_turn(0).is_some() {}
    }
    for &(thread, how, now_ns) in ends_of {
        let group = &mut threads[thread];
        group.demand.answered(&Request { sent_ns: 1, ..Request::due(1) }, false, now_ns);
        ends(group, how, now_ns);
    }
    for group in &mut threads {
        group.stop(300);
    }
    let mut parts = threads.into_iter();
    let mut all = parts.next()?;
    parts.for_each(|part| all.absorb(part));
    all.summary().0.value(Metric::LongestSilence)
}

#[test]
fn a_finished_group_is_not_silent_and_an_evicted_one_is() {
    let done = CloseReason::ByUs(CloseMethod::Close);
    for of in [1, 2] {
        let last = of as usize - 1;
        assert_eq!(silence_after(of, &[(0, done, 110), (last, done, 120), (0, done, 130)]), Some(10.0));
        let evicted = [(0, done, 110), (last, done, 120), (0, CloseReason::ByFin, 130)];
        assert_eq!(silence_after(of, &evicted), Some(70.0), "the server ended the last");
        let first = [(0, CloseReason::ByReset, 105), (last, done, 120), (0, done, 130)];
        assert_eq!(silence_after(of, &first), Some(15.0), "the others went on");
        assert_eq!(silence_after(of, &first[..2]), Some(80.0), "one still asks, wherever it has come to");
    }
}

#[test]
fn a_group_that_has_left_opens_and_starts_nothing() {
    let mut group =
        group_of("count = 3\nload = { rate = 1000, payload = 9 }\nreconnect = {}\nstop = \"150ns\"");
    assert_eq!(group.demand.account.window(), (100, 150), "its window ends when it leaves");
    assert_eq!((group.take_turn(0), group.lifetime_ends(false, 10)), (Some(FIRST), Some(150)));
    group.arrived(120, 120);
    group.leave_in_time(149);
    assert_eq!(group.counts().value(Metric::Skipped), Some(0.0), "it is still there");
    ends(&mut group, CloseReason::ByReset, 149);
    group.leave_in_time(150);
    assert_eq!(group.counts().value(Metric::Skipped), Some(1.0), "what waited never gets a connection");
    ends(&mut group, CloseReason::ByReset, 151);
    assert_eq!((group.take_turn(u64::MAX), group.next_wake_ns()), (None, None));
    assert_eq!(
        group.summary().0.value(Metric::Offered),
        Some(1e7),
        "a rate over the whole window, as that of answers"
    );
    assert!(!group.is_steady_and_waits());
}

#[test]
fn a_thread_without_a_connection_of_a_group_takes_nothing_from_its_account() {
    let mut threads = threads_of(3, "count = 1\nload = { rate = 1000, payload = 9 }");
    let at = threads.iter().position(|group| group.part.count == 1).expect("one has it");
    assert_eq!(at, 0);
    // The thread that reports it is one that has none.
    let (mut teller, mut driver) = (threads.remove(1), threads.remove(0));
    driver.settled_one(false, 50);
    driver.demand.account.due(110);
    driver.demand.answered(&Request { sent_ns: 110, ..Request::due(110) }, false, 120);
    teller.absorb(driver);
    assert!(teller.result().loop_started_ns.is_some());
    assert_eq!(teller.counts().value(Metric::Due), Some(1.0));
}

#[test]
fn retried_share_counts_retries_and_requests_of_the_window() {
    let mut group = group_of("count = 1\nload = { depth = 1 }\nprotocol = \"http\"");
    (0..10).for_each(|_| group.demand.account.started());
    (101..105).for_each(|due_ns| group.demand.account.due(due_ns));
    for now_ns in [20, 50, 90, 150, 230] {
        group.demand.retry(&Request::due(10), 0, now_ns);
    }
    assert_eq!(group.summary().0.value(Metric::RetriedShare), Some(0.25), "one in the window of four");
    assert_eq!(group.result().requests.retried, 5);
}

#[test]
fn an_http_connection_reopens_after_an_announced_close_unless_finished() {
    let keys = "count = 1\nload = { depth = 1 }\nprotocol = \"http\"\nrequests_per_connection = 9";
    for (keys, is_spent, comes_back) in [
        (keys.to_owned(), false, true),
        (keys.to_owned(), true, false),
        (format!("{keys}\nreconnect = {{}}"), true, true),
        (format!("{keys}\nrx = {{ close = {{ messages = 1 }} }}"), false, false),
    ] {
        let mut group = group_of(&keys);
        assert!(group.take_turn(0).is_some());
        let life = Life { is_spent, ..Life::default() };
        group.ended(CloseReason::AsAnnounced, life, iter::empty(), &Tally::default(), 150);
        assert_eq!(group.take_turn(u64::MAX).is_some(), comes_back, "{keys}");
    }
}

#[test]
fn a_reopened_connection_fetches_the_part_of_the_closed_one() {
    let keys = "count = 3\nload = { depth = 1, answer = 90 }\nprotocol = \"http\"\nhttp = { ranges = true }";
    let mut group = group_of(keys);
    let parts: Vec<u32> = std::iter::from_fn(|| group.take_turn(0)).map(|opening| opening.part).collect();
    assert_eq!(parts, [0, 1, 2]);
    for (part, how) in [(1, CloseReason::Idle), (0, CloseReason::AsAnnounced)] {
        let life = Life { part, ..Life::default() };
        group.ended(how, life, iter::empty(), &Tally::default(), 150);
        assert_eq!(
            group.take_turn(u64::MAX).map(|opening| (opening.again, opening.part)),
            Some((true, part))
        );
    }
    group.demand.account.started();
    group.demand.retry(&Request::due(120), 2, 150);
    assert!(group.demand.has_waiting() && group.demand.queue.is_empty(), "nobody else can fetch it");
    group.stop(250);
    assert_eq!((group.result().requests.skipped, group.demand.has_waiting()), (1, false));
}

#[test]
fn an_upload_whose_last_range_is_taken_back_has_lasted_until_then() {
    let keys = "count = 1\nload = { depth = 1, payload = 90 }\nprotocol = \"http\"\n\
                http = { method = \"PUT\", path = \"/uploads/a\", ranges = true }";
    let mut group = group_of(keys);
    for part in [0, 1] {
        group.joins(Token::special(part), part);
    }
    let ranges = group.start_transfer(110);
    assert_eq!(ranges.len(), 1);
    group.demand.start_due(110);
    group.demand.take_back(110, 170);
    let (summary, censored) = group.summary();
    assert_eq!(summary.value(Metric::UploadMax), Some(60.0), "from when it was due");
    assert!(censored.contains(&(Metric::UploadMax, Cause::Errors)), "{censored:?}");
}

#[test]
fn delayed_reconnects_count_only_while_connections_are_needed() {
    let keys = "protocol = \"http\"\ncount = 2\nrequests_per_connection = 1\n\
                reconnect = { at_most = \"10000/s\" }";
    let put_off = |load: &str, waits: bool| {
        let mut group = threads_in((100, 1_000_100), 1, &format!("{keys}\nload = {load}")).remove(0);
        (0..2).for_each(|_| assert!(group.take_turn(0).is_some()));
        (0..2).for_each(|_| ends(&mut group, CloseReason::ByUs(CloseMethod::Close), 50_000));
        if waits {
            group.arrived(60_000, 60_000);
        }
        assert!(group.take_turn(50_000).is_some());
        assert!(group.take_turn(149_999).is_none() && group.take_turn(150_000).is_some());
        group.result().put_off
    };
    let share = 100_000.0 / 2_000_000.0;
    assert_eq!(put_off("{ depth = 1 }", false), PutOff { share, is_asked_for: false });
    assert_eq!(put_off("{ rate = 100 }", true), PutOff { share, is_asked_for: false });
    assert_eq!(put_off("{ rate = 100 }", false), PutOff::default(), "nothing waited for it");
}

#[test]
fn latencies_contain_only_requests_due_in_the_window() {
    let mut group = group();
    for (due_ns, now) in [(90, 150), (100, 130), (199, 260), (200, 210)] {
        group.demand.account.due(due_ns);
        group.demand.answered(&Request { sent_ns: due_ns + 10, ..Request::due(due_ns) }, false, now);
    }
    let (summary, censored) = group.summary();
    assert_eq!((summary.value(Metric::LatencyMax), censored), (Some(61.0), Vec::new()));
    assert_eq!(summary.value(Metric::ServiceP50), Some(20.0), "from when it was sent");
    assert_eq!(summary.value(Metric::Offered), Some(2.0 / 100e-9));
    assert_eq!((group.result().requests.answered, group.answered_in_window()), (4, 2));
}

#[test]
fn unanswered_requests_of_the_warm_up_count_in_the_window() {
    let mut group = group();
    let waits = [Request::due(90)];
    group.demand.account.due(90);
    let life = Life { opened_ns: 80, is_established: true, ..Life::default() };
    group.ended(CloseReason::Alive, life, waits.iter(), &Tally::default(), 250);
    let (summary, censored) = group.summary();
    assert_eq!(summary.value(Metric::LatencyP99), Some(160.0), "it waited all the time");
    assert!(censored.contains(&(Metric::LatencyP99, Cause::Unanswered)), "{censored:?}");
    assert_eq!(summary.value(Metric::UnansweredShare), Some(1.0), "of all that asked in the window");
    let mut group = self::group();
    group.demand.account.due(90);
    group.ended(CloseReason::ByReset, life, waits.iter(), &Tally::default(), 95);
    assert_eq!(group.summary().0.value(Metric::LatencyP99), None, "it was over before the window");
}

#[test]
fn an_error_counts_as_an_answer_and_not_as_a_latency() {
    let mut group = group();
    group.demand.account.due(110);
    group.demand.account.due(100);
    group.demand.answered(&Request { sent_ns: 112, ..Request::due(110) }, false, 120);
    group.demand.answered(&Request { sent_ns: 100, ..Request::due(100) }, true, 199);
    let (summary, censored) = group.summary();
    assert_eq!((group.result().requests.answered, group.answered_in_window()), (2, 2));
    assert_eq!(
        (summary.value(Metric::LatencyP50), summary.value(Metric::LatencyP90)),
        (Some(10.0), Some(99.0))
    );
    assert!(censored.contains(&(Metric::LatencyP90, Cause::Errors)), "{censored:?}");
    assert!(!censored.contains(&(Metric::LatencyP50, Cause::Errors)), "{censored:?}");
    assert_eq!(summary.value(Metric::ErrorsShare), Some(0.5));
}

#[test]
fn a_request_open_at_the_end_counts_as_unanswered_or_lost() {
    let mut group = group();
    let waits = [Request::due(150)];
    let life = Life { opened_ns: 90, is_established: true, ..Life::default() };
    for how in [CloseReason::Alive, CloseReason::ByReset] {
        group.demand.account.due(150);
        group.ended(how, life, waits.iter(), &Tally::default(), 250);
    }
    let requests = group.result().requests;
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
    assert_eq!((group.result().ledger.still_alive, group.result().ledger.evicted_rst), (1, 1));
}

#[test]
fn requests_cut_off_by_the_client_do_not_count_against_the_server() {
    let mut group = group();
    let waits = [Request::due(150)];
    group.demand.account.due(150);
    group.ended(CloseReason::ByUs(CloseMethod::Close), Life::default(), waits.iter(), &Tally::default(), 190);
    let (summary, censored) = group.summary();
    assert_eq!((group.result().requests.lost, censored.len()), (1, 0));
    assert_eq!(
        (summary.value(Metric::LostShare), summary.value(Metric::SilentConnections)),
        (Some(0.0), Some(0.0))
    );
}

#[test]
fn a_request_without_a_connection_counts_as_skipped_from_its_due_time() {
    let mut group = group();
    group.arrived(140, 145);
    group.arrived(90, 145);
    group.stop(230);
    let (summary, censored) = group.summary();
    assert_eq!((group.result().requests.skipped, summary.value(Metric::SkippedShare)), (2, Some(1.0)));
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
fn a_request_that_crosses_a_close_is_queued_again_and_started_once() {
    let mut group = group();
    group.demand.account.started();
    group.demand.account.due(120);
    group.demand.retry(&Request { sent_ns: 125, delay_us: 3, ..Request::due(120) }, 0, 130);
    assert_eq!((group.result().requests.started, group.result().requests.retried), (0, 1));
    assert_eq!(group.demand.queue.pop(), Some(Arrival { due_ns: 120, delay_us: 3, is_retry: true }));
}

#[test]
fn fewest_answers_considers_only_connections_open_for_the_whole_window() {
    let mut group = group();
    for (opened_ns, answers, now) in [(50, 7, 210), (60, 3, 210), (60, 1, 150), (150, 0, 210)] {
        let life = Life { opened_ns, is_established: true, answers, ..Life::default() };
        group.ended(CloseReason::Alive, life, iter::empty(), &Tally::default(), now);
    }
    let (summary, _) = group.summary();
    assert_eq!(summary.value(Metric::FewestAnswers), Some(3.0));
    assert_eq!(summary.value(Metric::SilentConnections), Some(0.0), "nothing was asked for");
}

/// Since when it has been its turn is another matter.
fn timeless(opening: Opening) -> Opening {
    Opening { since_ns: 0, ..opening }
}

#[test]
fn a_connection_that_found_no_room_is_tried_again_and_given_up_in_the_end() {
    let mut group = group_of("count = 2\nload = { depth = 1 }\nconnect_rate = '1000000/s'");
    let opening = group.take_turn(5).expect("the first one");
    group.found_no_room(opening, 7, 100, 1_000);
    assert_eq!((group.turn(106), group.next_wake_ns()), (None, Some(107)), "however fast it was to be");
    let again = group.take_turn(107).expect("the same one");
    assert_eq!((again, group.result().ledger.opened), (opening, 0));
    group.found_no_room(again, 1_000, 100, 1_000);
    assert!(group.turn(1_100).is_some());
    assert_eq!(group.take_turn(1_100).expect("the second one").part, 1);
    assert_eq!(group.result().ledger.timed_out, 1);
}

#[test]
fn an_idle_connection_closed_by_the_server_reopens_by_default() {
    let mut group = group();
    assert_eq!(group.take_turn(0), Some(FIRST), "the first one");
    group.ended(CloseReason::ByFin, Life::default(), iter::empty(), &Tally::default(), 100);
    assert_eq!(group.take_turn(u64::MAX), None, "that was an eviction");
    group.ended(CloseReason::Idle, Life::default(), iter::empty(), &Tally::default(), 100);
    assert_eq!(
        (
            group.take_turn(100).map(timeless),
            group.result().ledger.closed_idle,
            group.result().ledger.evicted_fin
        ),
        (Some(AGAIN), 1, 1)
    );
}

#[test]
fn the_first_connections_are_opened_on_a_schedule() {
    let mut group = group_of("count = 3\nload = { depth = 1 }\nstart = '50ns'\nconnect_rate = '100/s'");
    let mut opened = Vec::new();
    while let Some(at_ns) = group.next_wake_ns() {
        assert_eq!(group.take_turn(at_ns - 1), None);
        let part = opened.len() as u32;
        assert_eq!(group.take_turn(at_ns).map(|opening| (opening.again, opening.part)), Some((false, part)));
        opened.push(at_ns);
    }
    assert_eq!(opened, [50, 10_000_050, 20_000_050]);
}

#[test]
fn a_reconnecting_group_reopens_once_for_each_close_after_a_pause() {
    let mut group = group_of("count = 1\nload = { depth = 1 }\nreconnect = { pause = '10ns' }");
    assert_eq!((group.take_turn(0), group.take_turn(0)), (Some(FIRST), None), "the first one");
    for how in [CloseReason::ByReset, CloseReason::Alive] {
        group.ended(how, Life::default(), iter::empty(), &Tally::default(), 100);
    }
    assert_eq!((group.take_turn(109), group.next_wake_ns()), (None, Some(110)));
    assert_eq!((group.take_turn(110).map(timeless), group.take_turn(u64::MAX)), (Some(AGAIN), None));
}
