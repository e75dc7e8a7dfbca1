//! Memory of connections: what they hold, how bytes are read, and what is freed.

use std::{io::Write, thread, time::Duration};

use badpeer::codec::frame::{self, HEADER_BYTES, Header};

use crate::fixture::*;

const FOOTPRINT: &str = "badpeer_buffer_footprint";

/// A request that carries `payload` bytes and asks for 10.
fn upload(sequence: u64, payload: usize) -> Vec<u8> {
    let header = Header { sequence, stream: 1, answer: 10, offset: sequence * 10 };
    // The checksum is over the content, which the codec makes.
    let mut encoder = frame::opening(&header, payload).to_vec();
    encoder.resize(HEADER_BYTES + payload, 0);
    badpeer::codec::content::fill(1, header.offset, &mut encoder[HEADER_BYTES..]);
    encoder
}

#[apply(timed_test!)]
fn without_an_initial_capacity_an_idle_connection_holds_nothing() {
    for buffer in ["contiguous", "chained"] {
        let knobs = |more: &str| options(&format!("buffer = '{buffer}'\ninitial = 0\n{more}"));
        let server = Running::start(&knobs(""));
        let mut stream = server.connect();
        server.wait_for("badpeer_connections", 1);
        assert_eq!(server.metric(FOOTPRINT), 0, "before the first use");
        stream.write_all(&request(0, 10)).unwrap();
        expect_answers(&mut stream, 1, 10, Duration::ZERO);
        server.wait_for("badpeer_buffer_allocations_total", 2);
        server.wait_for(FOOTPRINT, 0);
        stream.write_all(&request(0, 10)).unwrap();
        expect_answers(&mut stream, 1, 10, Duration::ZERO);
        server.wait_for("badpeer_buffer_allocations_total", 4);
        server.wait_for("badpeer_buffer_appended_total", 2 * (32 + 42));

        let server = Running::start(&knobs("shrink = false"));
        let mut stream = server.connect();
        stream.write_all(&request(0, 1 << 20)).unwrap();
        expect_answers(&mut stream, 1, 1 << 20, Duration::ZERO);
        server.wait_for("badpeer_send_buffered", 0);
        thread::sleep(Duration::from_millis(200));
        assert!(server.metric(FOOTPRINT) > 0, "what was once needed is kept");
    }
}

#[apply(timed_test!)]
fn memory_of_a_burst_is_freed_unless_shrinking_is_off() {
    for (shrink, kept) in [(true, false), (false, true)] {
        let server = Running::start(&options(&format!("buffer = 'contiguous'\nshrink = {shrink}")));
        let mut stream = server.connect_narrow(32 * 1024);
        stream.write_all(&request(0, 12 << 20)).unwrap();
        server.wait_for("badpeer_server_messages_total", 1);
        expect_answers(&mut stream, 1, 12 << 20, Duration::ZERO);
        server.wait_for("badpeer_send_buffered", 0);
        if kept {
            thread::sleep(Duration::from_millis(200));
            assert!(server.metric(FOOTPRINT) > 4 << 20, "{}", server.metric(FOOTPRINT));
        } else {
            server.wait_for(FOOTPRINT, 2048);
        }
    }
}

/// What is held and was moved after 3 MB of requests came in 1 KiB at a time, hardly ever ending with one.
fn pipelined_in_chunks(shift: &str) -> (u64, u64) {
    let server = Running::start(&options(&format!(
        "buffer = 'contiguous'\nshift = '{shift}'\nshrink = false\nread_strategy = 'chunk-1k'\nread_quantum = '1KiB'"
    )));
    let mut stream = server.connect();
    let bytes: Vec<u8> = (0..4_000).flat_map(|sequence| upload(sequence, 701)).collect();
    let mut writing = stream.try_clone().unwrap();
    let writer = thread::spawn(move || writing.write_all(&bytes));
    expect_answers(&mut stream, 4_000, 10, Duration::ZERO);
    writer.join().unwrap().unwrap();
    // The counters are brought up to date after the last answer is sent.
    server.wait_for("badpeer_receive_buffered", 0);
    let metrics = server.metrics();
    (metrics[FOOTPRINT], metrics["badpeer_buffer_moved_total"])
}

#[apply(timed_test!)]
fn a_buffer_that_never_shifts_wastes_its_front() {
    let [(always, _), (never, moved_never), (amortized, moved)] =
        ["always", "never", "amortized"].map(pipelined_in_chunks);
    assert!(always <= 16 << 10 && amortized <= 16 << 10, "{always}, {amortized}");
    assert!(never > 4 * amortized, "{never} bytes held, {amortized} would do");
    assert!(moved_never < moved / 4, "{moved_never} bytes moved, {moved} when what is left is shifted");
}

#[apply(timed_test!)]
fn prepend_space_costs_memory() {
    let allocations = |prepend: &str| {
        let server = Running::start(&options(&format!("prepend = '{prepend}'")));
        let mut stream = server.connect();
        stream.write_all(&request(0, 200)).unwrap();
        expect_answers(&mut stream, 1, 200, Duration::ZERO);
        drop(stream);
        server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
        server.wait_for("badpeer_connections", 0);
        server.metric("badpeer_buffer_allocations_total")
    };
    assert_eq!(allocations("8B"), 2, "one for each buffer");
    assert_eq!(allocations("0B"), 3, "the length of the answer needs a block of its own");
    assert!(allocations("1000B") > 2, "24 bytes are too few for a message");
}

#[apply(timed_test!)]
fn without_prepend_space_every_answer_is_moved_to_put_its_length_in_front() {
    let moved = |prepend: &str| {
        let server = Running::start(&options(&format!("buffer = 'contiguous'\nprepend = '{prepend}'")));
        let mut stream = server.connect();
        for sequence in 0..10 {
            stream.write_all(&request(sequence, 200)).unwrap();
            server.wait_for("badpeer_server_messages_total", sequence + 1);
        }
        expect_answers(&mut stream, 10, 200, Duration::ZERO);
        server.wait_for("badpeer_buffer_appended_total", 10 * (HEADER_BYTES as u64 * 2 + 200));
        server.metric("badpeer_buffer_moved_total")
    };
    assert_eq!(moved("8B"), 0);
    assert_eq!(moved("0B"), 10 * (HEADER_BYTES as u64 - 8 + 200), "all but the length and the checksum");
}

#[apply(timed_test!)]
fn every_read_strategy_reads_the_same_bytes_at_its_own_cost() {
    for trigger in ["level", "edge"] {
        for buffer in ["contiguous", "chained"] {
            let reads = |strategy: &str| {
                let server = Running::start(&options(&format!(
                    "trigger = '{trigger}'\nbuffer = '{buffer}'\nread_strategy = '{strategy}'"
                )));
                let mut stream = server.connect();
                for sequence in 0..8 {
                    stream.write_all(&upload(sequence, 200_000)).unwrap();
                    // So that the next one does not come before this is read.
                    server.wait_for("badpeer_server_messages_total", sequence + 1);
                }
                expect_answers(&mut stream, 8, 10, Duration::ZERO);
                server.metric("badpeer_server_reads_total")
            };
            let [spill, asked, fixed, chunks] =
                ["readv-spill", "fionread", "fixed-64k", "chunk-1k"].map(reads);
            assert!(chunks >= 8 * 195, "1 KiB at a time: {chunks}");
            assert!(spill.max(fixed) < chunks / 3, "{spill}, {fixed}");
            assert!(asked.is_multiple_of(2) && asked >= 16, "each read is asked for first: {asked}");
        }
    }
}

#[apply(timed_test!)]
fn every_read_strategy_keeps_the_receive_limit() {
    for strategy in ["readv-spill", "fionread", "fixed-64k", "chunk-1k"] {
        for options in every_kind_with(&format!("receive_limit = '100KiB'\nread_strategy = '{strategy}'")) {
            let server = Running::start(&options);
            let mut stream = server.connect();
            stream.write_all(&upload(0, 100 * 1024 - HEADER_BYTES)).unwrap();
            expect_answers(&mut stream, 1, 10, Duration::ZERO);
            stream.write_all(&upload(1, 100 * 1024 - HEADER_BYTES + 1)).unwrap();
            assert_eq!(server.eviction()["reason"], "receive_limit", "{strategy}");
        }
    }
}
