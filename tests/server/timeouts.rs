//! Limits and timeouts: how much may wait, for how long, and why a client is evicted.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

use badpeer::profile::Service;

use crate::fixture::*;

/// The only eviction: its reason, and the time that was over.
fn verdict(server: &Watched) -> (String, u64) {
    let event = server.eviction();
    let ns = |name: &str| event[name].parse::<u64>().unwrap();
    assert!(ns("at_ns") >= ns("deadline_ns"), "never early: {event:?}");
    let time = ns("deadline_ns") - ns("progress_ns");
    (event["reason"].clone(), time / MS)
}

/// Reads 4 KiB every `every` until the connection ends; at most for 5 seconds.
fn read_slowly(mut stream: impl Read, every: Duration) -> bool {
    let start = Instant::now();
    let mut piece = vec![0; 4096];
    while start.elapsed().as_secs() < 5 {
        if stream.read_exact(&mut piece).is_err() {
            return true;
        }
        thread::sleep(every);
    }
    false
}

#[apply(timed_test!)]
fn the_soft_limit_may_be_exceeded_for_a_while() {
    let knobs = "soft_limit = '256KiB'\nsoft_time = '300ms'\nsend_timeout = 'off'";
    let server = Running::start(&options(knobs));
    let mut stream = server.connect_narrow(32 * 1024);
    stream.write_all(&request(0, 12 << 20)).unwrap();
    assert_eq!(verdict(&server), ("soft_limit".to_owned(), 300));

    let server = Running::start(&options(knobs));
    let mut stream = server.connect_narrow(32 * 1024);
    stream.write_all(&request(0, 8 << 20)).unwrap();
    server.wait_for("badpeer_server_messages_total", 1);
    expect_answers(&mut stream, 1, 8 << 20, Duration::ZERO);
    thread::sleep(Duration::from_millis(400));
    stream.write_all(&request(0, 10)).unwrap();
    expect_answers(&mut stream, 1, 10, Duration::ZERO);
}

#[apply(timed_test!)]
fn a_soft_limit_does_not_time_out_smaller_backlogs() {
    let server = Running::start(&options("soft_limit = '14MiB'\nsoft_time = '50ms'\nsend_timeout = '400ms'"));
    let mut stream = server.connect_narrow(32 * 1024);
    stream.write_all(&request(0, 12 << 20)).unwrap();
    assert_eq!(verdict(&server).0, "send_timeout");
}

#[apply(timed_test!)]
fn a_paused_connection_waits_for_its_reader_and_loses_no_byte() {
    for kind in every_kind(Service::Frame) {
        let knobs = options("send_limit = '256KiB'\noverflow = 'pause'");
        let server = Running::start(&badpeer::profile::ServerOptions {
            send_limit: knobs.send_limit,
            overflow: knobs.overflow,
            ..kind
        });
        let mut stream = server.connect_narrow(32 * 1024);
        stream.write_all(&requests(12, 1 << 20)).unwrap();
        server.wait_for("badpeer_reads_paused_total", 1);
        thread::sleep(Duration::from_millis(50));
        let (before, held) = (server.waits(), server.metric("badpeer_send_buffered"));
        assert!((256 << 10..=(256 + 65) << 10).contains(&held), "the limit and one batch: {held}");
        thread::sleep(Duration::from_millis(100));
        assert!(server.waits() <= before + 1, "a pause does not spin");
        expect_answers(&mut stream, 12, 1 << 20, Duration::from_micros(500));
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
        assert!(server.metric("badpeer_reads_paused_total") >= 2, "again and again");
    }
}

#[apply(timed_test!)]
fn a_reader_below_the_minimum_rate_is_evicted_after_the_grace() {
    let server = Running::start(&options("min_rate = '2MiB/s'\ngrace = '400ms'"));
    let mut stream = server.connect_narrow(32 * 1024);
    stream.write_all(&request(0, 14 << 20)).unwrap();
    assert!(read_slowly(stream, Duration::from_millis(5)), "800 kB/s are too few");
    let (reason, time) = verdict(&server);
    assert!(reason == "min_rate" && time >= 400, "{reason} after {time} ms");
    assert!(server.metric("badpeer_server_acked_total") > 64 * 1024);
}

#[apply(timed_test!)]
fn a_reader_above_the_minimum_rate_is_not_evicted() {
    let server = Running::start(&options("min_rate = '200KiB/s'\ngrace = '100ms'"));
    let mut stream = server.connect_narrow(64 * 1024);
    stream.write_all(&request(0, 8 << 20)).unwrap();
    expect_answers(&mut stream, 1, 8 << 20, Duration::from_millis(5));
    let waits = server.waits();
    assert!(waits < 1_500, "{waits}: it is not looked at with every tick");
}

#[apply(timed_test!)]
fn progress_does_not_move_a_deadline() {
    let server = Running::start(&options("deadline = '400ms'\nsend_timeout = '300ms'"));
    let mut stream = server.connect_narrow(64 * 1024);
    stream.write_all(&request(0, 15 << 20)).unwrap();
    assert!(read_slowly(stream, Duration::from_millis(2)));
    assert_eq!(verdict(&server), ("deadline".to_owned(), 400));
}

#[apply(timed_test!)]
fn an_incomplete_message_is_evicted_at_the_message_timeout() {
    for trigger in ["level", "edge"] {
        let server = Running::start(&options(&format!("trigger = '{trigger}'\nmessage_timeout = '300ms'")));
        let mut whole = server.connect();
        let mut trickle = server.connect();
        let start = Instant::now();
        // Two whole messages and a piece of a third, whose time counts from its own first byte.
        whole.write_all(&requests(2, 10)).unwrap();
        for byte in request(0, 10).iter().cycle() {
            if trickle.write_all(&[*byte]).is_err() || start.elapsed().as_secs() > 4 {
                break;
            }
            thread::sleep(Duration::from_millis(25));
        }
        assert_eq!(verdict(&server), ("message_timeout".to_owned(), 300));
        expect_answers(&mut whole, 2, 10, Duration::ZERO);
        whole.write_all(&request(0, 10)).unwrap();
        expect_answers(&mut whole, 1, 10, Duration::ZERO);
    }
}

#[apply(timed_test!)]
fn every_message_has_its_own_timeout() {
    let server = Running::start(&options("message_timeout = '300ms'"));
    let mut stream = server.connect();
    let bytes = requests(25, 10);
    let (first, rest) = bytes.split_at(16);
    stream.write_all(first).unwrap();
    // There is always half a message, never the same for long.
    for half_and_half in rest.chunks_exact(32) {
        thread::sleep(Duration::from_millis(25));
        stream.write_all(half_and_half).unwrap();
    }
    server.wait_for("badpeer_server_messages_total", 24);
    assert_eq!(server.metric("badpeer_evictions_total{reason=\"message_timeout\"}"), 0);
}

#[apply(timed_test!)]
fn idle_connections_are_evicted_and_busy_ones_are_not() {
    let server = Running::start(&options("idle_timeout = '300ms'"));
    let _idle = server.connect();
    let mut busy = server.connect();
    for _ in 0..12 {
        busy.write_all(&request(0, 10)).unwrap();
        expect_answers(&mut busy, 1, 10, Duration::ZERO);
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(verdict(&server), ("idle_timeout".to_owned(), 300));
    // Whoever is being answered is not idle.
    let mut slow = server.connect_narrow(32 * 1024);
    slow.write_all(&request(0, 9 << 20)).unwrap();
    drop(busy);
    thread::sleep(Duration::from_millis(500));
    expect_answers(&mut slow, 1, 9 << 20, Duration::ZERO);
}

#[apply(timed_test!)]
fn a_connection_with_unsent_data_is_not_idle() {
    // What waits lies in the server, or in the kernel alone.
    for size in [9 << 20, 100_000] {
        let server = Running::start(&options("idle_timeout = '200ms'\nsend_timeout = 'off'"));
        let mut stream = server.connect_narrow(4 * 1024);
        stream.write_all(&request(0, size)).unwrap();
        thread::sleep(Duration::from_millis(900));
        assert_eq!(server.metric("badpeer_connections"), 1, "{size} bytes");
        expect_answers(&mut stream, 1, size, Duration::ZERO);
        assert_eq!(verdict(&server), ("idle_timeout".to_owned(), 200), "{size} bytes");
    }
}

#[apply(timed_test!)]
fn unread_bytes_in_the_kernel_do_not_time_out() {
    for trigger in ["level", "edge"] {
        let knobs = "work_per_message = '700ms'\nidle_timeout = '400ms'\nmessage_timeout = '400ms'";
        let server = Running::start(&options(&format!("{knobs}\ntrigger = '{trigger}'")));
        let (mut busy, mut waiting, mut halved) = (server.connect(), server.connect(), server.connect());
        server.wait_for("badpeer_connections", 3);
        let whole = request(0, 10);
        let (half, rest) = whole.split_at(5);
        halved.write_all(half).unwrap();
        server.wait_for("badpeer_receive_buffered", 5);
        busy.write_all(&whole).unwrap();
        thread::sleep(Duration::from_millis(50));
        waiting.write_all(&whole).unwrap();
        halved.write_all(rest).unwrap();
        // Each answer took longer than anybody may be idle.
        expect_answers(&mut busy, 1, 10, Duration::ZERO);
        busy.write_all(&whole).unwrap();
        for peer in [&mut waiting, &mut halved, &mut busy] {
            expect_answers(peer, 1, 10, Duration::ZERO);
        }
    }
}

#[apply(timed_test!)]
fn an_earlier_deadline_moves_the_timer_forward() {
    let server = Running::start(&options("idle_timeout = '2s'\nmessage_timeout = '200ms'"));
    let mut stream = server.connect();
    server.wait_for("badpeer_connections", 1);
    stream.write_all(&request(0, 10)[..5]).unwrap();
    assert_eq!(verdict(&server), ("message_timeout".to_owned(), 200));
    assert!(lateness(&server)[0] < 1_000_000_000, "the timer of the idle connection was moved");
}

/// Nanoseconds that each eviction came after its deadline, sorted.
fn lateness(server: &Watched) -> Vec<i64> {
    let csv = server.ask("/evictions?from=0");
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let mut late: Vec<i64> = lines
        .map(|event| names.iter().copied().zip(event).collect::<HashMap<_, _>>())
        .map(|event| event["at_ns"].parse::<i64>().unwrap() - event["deadline_ns"].parse::<i64>().unwrap())
        .collect();
    late.sort_unstable();
    late
}

#[apply(timed_test!)]
fn evictions_are_never_early_and_at_most_a_tick_late() {
    for (tick, tick_ms) in [("1ms", 1), ("100ms", 100)] {
        // In time, unless the machine is busy with other tests: then once in a few attempts.
        let in_time = (0..4).any(|_| {
            let server = Running::start(&options(&format!("idle_timeout = '250ms'\ntick = '{tick}'")));
            let idle: Vec<_> = (0..200).map(|_| server.connect()).collect();
            server.wait_for("badpeer_evictions_total{reason=\"idle_timeout\"}", 200);
            drop(idle);
            let late = lateness(&server);
            assert!(late[0] >= 0, "{} ns", late[0]);
            assert!(server.waits() < 1_000, "{} waits", server.waits());
            late[198] < (tick_ms + 10) * 1_000_000 && (tick_ms == 1 || late[199] > 5_000_000)
        });
        assert!(in_time, "a tick of {tick}");
    }
}

#[apply(timed_test!)]
fn distant_timers_cause_no_wake_ups() {
    let knobs =
        "idle_timeout = '30s'\nmessage_timeout = '30s'\nmin_rate = '1B/s'\ngrace = '30s'\ndeadline = '30s'";
    let server = Running::start(&options(knobs));
    let mut streams: Vec<_> = (0..20).map(|_| server.connect_narrow(16 * 1024)).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        match n % 3 {
            0 => stream.write_all(&request(0, 8 << 20)).unwrap(),
            1 => stream.write_all(&request(0, 10)[..5]).unwrap(),
            _ => {}
        }
    }
    server.wait_for("badpeer_server_messages_total", 7);
    thread::sleep(Duration::from_millis(200));
    let before = server.waits();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.waits(), before);
}
