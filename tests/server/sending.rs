//! When the server sends, how much at a time, and what counts as progress.

use std::{
    io::{ErrorKind, Read, Write},
    thread,
    time::{Duration, Instant},
};

use crate::fixture::*;

const WRITE_EVENTS: &str = "badpeer_write_events_total";

/// Echoes `count` small messages, one after the other.
fn echo(server: &Watched, count: usize) {
    let mut stream = server.connect();
    for _ in 0..count {
        stream.write_all(b"there").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
    }
}

/// Returns from epoll_wait within 100 ms in which nothing happens.
fn waits_while_idle(knobs: &str) -> u64 {
    let server = Running::start(&options(knobs));
    let _idle = server.connect();
    server.wait_for("badpeer_connections", 1);
    thread::sleep(Duration::from_millis(20));
    let before = server.waits();
    thread::sleep(Duration::from_millis(100));
    server.waits() - before
}

#[apply(timed_test!)]
fn eager_write_interest_spins_only_when_level_triggered() {
    assert_eq!(waits_while_idle("write_interest = 'on-demand'"), 0);
    assert_eq!(waits_while_idle("write_interest = 'eager'\ntrigger = 'edge'"), 0);
    let spins = waits_while_idle("write_interest = 'eager'\ntrigger = 'level'");
    assert!(spins > 500, "{spins} returns from epoll_wait");
}

#[apply(timed_test!)]
fn always_arming_costs_a_wait_and_up_to_two_controls_for_each_answer() {
    for (trigger, each) in [("level", 2), ("edge", 1)] {
        let knobs = format!("protocol = 'echo'\ntrigger = '{trigger}'\nwrite_interest = ");
        let server = Running::start(&options(&(knobs.clone() + "'always-arm'")));
        echo(&server, 100);
        let metrics = server.metrics();
        assert_eq!(metrics["badpeer_write_armed_total"], 100);
        assert!(metrics[WRITE_EVENTS] >= 100, "{metrics:?}");
        // The last one comes after the last answer.
        server.wait_for("badpeer_server_controls_total", 5 + each * 100);
        let server = Running::start(&options(&(knobs + "'on-demand'")));
        echo(&server, 100);
        assert_eq!((server.metric(WRITE_EVENTS), server.metric("badpeer_server_controls_total")), (0, 5));
    }
}

#[apply(timed_test!)]
fn every_write_interest_delivers_answers_of_any_size() {
    for interest in ["on-demand", "eager", "always-arm"] {
        for trigger in ["level", "edge"] {
            for sends in ["1", "16", "off"] {
                let knobs = format!(
                    "trigger = '{trigger}'\nwrite_interest = '{interest}'\nmax_sends = '{sends}'\nsend_piece = '40KiB'"
                );
                let server = Running::start(&options(&knobs));
                let mut stream = server.connect_narrow(64 * 1024);
                stream.write_all(&requests(3, 2 << 20)).unwrap();
                expect_answers(&mut stream, 3, 2 << 20, Duration::ZERO);
                server.wait_for("badpeer_send_buffered", 0);
                assert!(server.metric("badpeer_server_writes_total") >= 3 * 50, "{knobs}");
            }
        }
    }
}

#[apply(timed_test!)]
fn max_sends_bounds_the_sends_of_a_turn() {
    for trigger in ["level", "edge"] {
        let events = |sends: &str| {
            let knobs = format!("trigger = '{trigger}'\nsend_piece = '16KiB'\nmax_sends = '{sends}'");
            let server = Running::start(&options(&knobs));
            let mut stream = server.connect();
            stream.write_all(&request(0, 4 << 20)).unwrap();
            expect_answers(&mut stream, 1, 4 << 20, Duration::ZERO);
            let metrics = server.metrics();
            let sends = metrics["badpeer_server_writes_total"] - metrics["badpeer_partial_sends_total"];
            assert!(sends >= 256, "4 MiB in pieces of 16 KiB: {sends}");
            metrics[WRITE_EVENTS]
        };
        let (one, off) = (events("1"), events("off"));
        assert!(one > 200 && off < one / 2, "{trigger}: {one} turns of one send, {off} without a bound");
    }
}

#[apply(timed_test!)]
fn an_edge_without_rearming_hangs() {
    for interest in ["on-demand", "eager"] {
        let knobs = format!(
            "trigger = 'edge'\nwrite_interest = '{interest}'\nmax_sends = 2\nsend_piece = '16KiB'\nlost_wakeup = true"
        );
        let server = Running::start(&options(&knobs));
        let mut stream = server.connect();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.write_all(&request(0, 1 << 20)).unwrap();
        assert_eq!(drain(&mut stream).unwrap_err().kind(), ErrorKind::WouldBlock, "nothing comes any more");
        assert!(server.metric("badpeer_send_buffered") > 0, "and something waits");
    }
}

/// How long a message takes beside a flood that costs 2 ms of work for each 64 KiB.
fn probe_beside_flood(quantum: &str) -> Duration {
    let knobs =
        format!("protocol = 'echo'\ntrigger = 'edge'\nwork_per_message = '2ms'\nread_quantum = '{quantum}'");
    let server = Running::start(&options(&knobs));
    let mut probe = server.connect();
    let mut flood = server.connect();
    let mut returning = flood.try_clone().unwrap();
    let reader = thread::spawn(move || returning.read_exact(&mut vec![0; 16 << 20]));
    let writer = thread::spawn(move || flood.write_all(&vec![7; 16 << 20]));
    thread::sleep(Duration::from_millis(50));
    let sent = Instant::now();
    probe.write_all(b"there").unwrap();
    probe.read_exact(&mut [0; 5]).unwrap();
    let took = sent.elapsed();
    writer.join().unwrap().unwrap();
    reader.join().unwrap().unwrap();
    took
}

#[apply(timed_test!)]
fn without_a_quantum_a_flood_starves_the_others() {
    // On a busy machine the flood may have hardly begun when the probe comes.
    let mut tries = (0..5).map(|_| (probe_beside_flood("64KiB"), probe_beside_flood("off")));
    let starves =
        |(capped, starved): &(Duration, Duration)| *starved > 4 * *capped && starved.as_millis() > 100;
    assert!(tries.any(|both| starves(&both)), "never");
}

#[apply(timed_test!)]
fn work_per_message_is_spent_for_every_message() {
    let server = Running::start(&options("work_per_message = '2ms'"));
    let mut stream = server.connect();
    let start = Instant::now();
    stream.write_all(&requests(25, 10)).unwrap();
    expect_answers(&mut stream, 25, 10, Duration::ZERO);
    assert!(start.elapsed() >= Duration::from_millis(50), "{:?}", start.elapsed());
}

#[apply(timed_test!)]
fn a_timer_moved_by_write_events_evicts_a_slow_reader() {
    for trigger in ["level", "edge"] {
        let knobs = format!("trigger = '{trigger}'\nsend_timeout = '250ms'\nprogress = 'write-event'");
        let server = Running::start(&options(&knobs));
        let mut stream = server.connect_narrow(64 * 1024);
        stream.write_all(&request(0, 14 << 20)).unwrap();
        let start = Instant::now();
        let mut piece = vec![0; 4096];
        while stream.read_exact(&mut piece).is_ok() {
            assert!(start.elapsed().as_secs() < 5, "it reads, with a timeout as long, and stays");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(server.eviction()["reason"], "send_timeout");
        let acked = server.metric("badpeer_server_acked_total");
        assert!(acked > 100_000, "it did acknowledge: {acked}");
    }
}

/// What the kernel held of a peer that does not read.
fn held_by_the_kernel(knobs: &str) -> usize {
    let server = Running::start(&options(&format!("send_timeout = '150ms'\n{knobs}")));
    let mut stream = server.connect_narrow(16 * 1024);
    stream.write_all(&request(0, 12 << 20)).unwrap();
    server.eviction()["kernel_queued"].parse().unwrap()
}

#[apply(timed_test!)]
fn notsent_lowat_and_send_buffer_keep_the_bytes_out_of_the_kernel() {
    let [plain, lowat, buffer] =
        ["", "notsent_lowat = '16KiB'", "send_buffer = '64KiB'"].map(held_by_the_kernel);
    assert!(plain > 4 * lowat && plain > 4 * buffer, "{plain}, {lowat}, {buffer}");
}

#[apply(timed_test!)]
fn tcp_user_timeout_closes_the_connection() {
    let server = Running::start(&options("send_timeout = 'off'\nuser_timeout = '300ms'"));
    let mut stream = server.connect_narrow(16 * 1024);
    stream.write_all(&request(0, 12 << 20)).unwrap();
    let event = server.eviction();
    assert_eq!((&*event["reason"], &*event["deadline_ns"]), ("user_timeout", ""));
    assert_eq!(server.metric("badpeer_evictions_total{reason=\"user_timeout\"}"), 1);
}
