//! The reference server as well-behaved and misbehaving clients see it, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
extern crate macro_rules_attribute;
#[macro_use]
#[path = "../common/mod.rs"]
mod common;
mod admission;
#[path = "../common/server.rs"]
mod fixture;
mod invariants;
mod memory;
mod sending;
mod shutdown;
mod threads;
mod timeouts;
mod unix_sockets;

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    process::{Command, Stdio},
    thread::{self},
    time::{Duration, Instant},
};

use badpeer::{
    buffer::{self},
    codec::{Decoder, content, echo},
    profile::{ServerOptions, Service, Trigger},
    server::{Addresses, Server},
    sys,
};
use nix::sys::signal::{SigSet, Signal};

use common::process::{Mortal, send};
use fixture::*;

#[apply(timed_test!)]
fn an_echo_takes_one_read_and_one_write() {
    for options in every_kind(Service::Echo) {
        let server = Running::start(&options);
        let mut stream = server.connect();
        let mut decoder = Decoder::Echo(echo::Decoder::new(9, 64));
        let (mut message, mut back) = ([0; 64], [0; 64]);
        for n in 0..500 {
            content::fill(9, n * 64, &mut message);
            stream.write_all(&message).unwrap();
            stream.read_exact(&mut back).unwrap();
            decoder.feed(&back, &mut |_| {});
        }
        assert_eq!((decoder.tally().corrupt, decoder.tally().verified), (0, 32_000));
        let metrics = server.metrics();
        assert_eq!(metrics["badpeer_server_messages_total"], 500);
        assert_eq!(metrics["badpeer_server_writes_total"], 500);
        // An edge is read until nothing is left; that second read may find the next message already.
        let most = if options.trigger == Trigger::Level { 500 } else { 1000 };
        assert!((500..=most).contains(&metrics["badpeer_server_reads_total"]), "{metrics:?}");
        assert_eq!(metrics["badpeer_write_armed_total"], 0, "EPOLLOUT is armed only while something waits");
        assert_eq!(
            metrics["badpeer_server_controls_total"], 5,
            "the acceptor, signals, two shutdown events, one connection"
        );
        assert!(metrics["badpeer_server_waits_total"] <= 501);
    }
}

#[apply(timed_test!)]
fn pipelined_requests_are_answered_in_order() {
    for options in every_kind(Service::Frame) {
        let server = Running::start(&options);
        let mut stream = server.connect();
        stream.write_all(&requests(2_000, 100)).unwrap();
        expect_answers(&mut stream, 2_000, 100, Duration::ZERO);
        assert_eq!(server.metric("badpeer_server_messages_total"), 2_000);
        assert!(server.metric("badpeer_server_writes_total") < 200, "answers are sent in batches");
    }
}

#[apply(timed_test!)]
fn one_byte_at_a_time_gives_the_same_answers() {
    for options in every_kind(Service::Frame) {
        let server = Running::start(&options);
        let mut stream = server.connect();
        for byte in requests(20, 77) {
            stream.write_all(&[byte]).unwrap();
        }
        expect_answers(&mut stream, 20, 77, Duration::ZERO);
    }
}

#[apply(timed_test!)]
fn a_half_closed_peer_gets_every_answer() {
    for options in every_kind(Service::Frame) {
        let server = Running::start(&options);
        let mut stream = server.connect();
        stream.write_all(&requests(3, 4 << 20)).unwrap();
        stream.write_all(&request(3, 10)[..20]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        server.wait_for("badpeer_server_messages_total", 3);
        thread::sleep(Duration::from_millis(50));
        let before = server.waits();
        thread::sleep(Duration::from_millis(100));
        let waits = server.waits() - before;
        assert!(waits <= 1, "{waits}: the end of the stream does not spin");
        expect_answers(&mut stream, 3, 4 << 20, Duration::ZERO);
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "an orderly end and nothing else");
        server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
    }
}

#[apply(timed_test!)]
fn a_large_answer_reaches_a_slow_reader_intact() {
    for options in every_kind(Service::Frame) {
        let server = Running::start(&options);
        let mut stream = server.connect_narrow(32 * 1024);
        stream.write_all(&request(0, 8 << 20)).unwrap();
        // More than the kernel takes, and all of it made before the first byte is read.
        server.wait_for("badpeer_server_messages_total", 1);
        expect_answers(&mut stream, 1, 8 << 20, Duration::from_micros(100));
        assert!(server.metric("badpeer_write_armed_total") > 0);
        server.wait_for("badpeer_send_buffered", 0);
        // Once it was quiet for a while, the connection is as small as a new one.
        let small = buffer::make(options.buffer, 1024, None).footprint() as u64;
        server.wait_for("badpeer_buffer_footprint", 2 * small);
    }
}

#[apply(timed_test!)]
fn a_reader_that_never_reads_runs_into_the_limit() {
    for options in every_kind_with("send_limit = '256KiB'") {
        let server = Running::start(&options);
        let mut stream = server.connect();
        stream.write_all(&requests(64, 1 << 20)).unwrap();
        let event = server.eviction();
        assert_eq!((&*event["reason"], &*event["deadline_ns"]), ("send_limit", ""));
        assert_eq!(event["peer_port"], stream.local_addr().unwrap().port().to_string());
        let buffered: usize = event["send_buffered"].parse().unwrap();
        assert!((256 * 1024..=(256 + 65) * 1024).contains(&buffered), "the limit and one batch: {buffered}");
        assert_eq!(drain(&mut stream).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(server.metric("badpeer_evictions_total{reason=\"send_limit\"}"), 1);
        server.wait_for("badpeer_buffer_footprint", 0);
    }
}

#[apply(timed_test!)]
fn a_reader_that_never_reads_is_evicted_at_the_send_timeout() {
    for by in ["rst", "fin"] {
        for options in every_kind_with(&format!("evict_by = '{by}'\nsend_timeout = '300ms'")) {
            // Never early; and in time, unless the machine is busy with other tests: then once in a few attempts.
            let in_time = (0..4).any(|_| stall_until_evicted(&options, by == "fin") <= 20 * MS);
            assert!(in_time, "{options:?}");
        }
    }
}

/// How late the eviction was, in nanoseconds.
fn stall_until_evicted(options: &ServerOptions, orderly: bool) -> u64 {
    let server = Running::start(options);
    let mut stream = server.connect_narrow(32 * 1024);
    let asked_ns = sys::monotonic_ns();
    stream.write_all(&request(0, 12 << 20)).unwrap();
    let event = server.eviction();
    let ns = |name: &str| event[name].parse::<u64>().unwrap();
    assert_eq!(event["reason"], "send_timeout");
    assert_eq!(ns("deadline_ns"), ns("progress_ns") + 300 * MS);
    assert!(ns("progress_ns") >= asked_ns && ns("at_ns") >= ns("deadline_ns"), "never early: {event:?}");
    assert!(ns("kernel_queued") > 0 && ns("send_buffered") > 0, "{event:?}");
    assert_eq!(drain(&mut stream).is_ok(), orderly);
    assert!(server.waits() < 150, "some while the answer was made, and one for the timer");
    ns("at_ns") - ns("deadline_ns")
}

#[apply(timed_test!)]
fn a_slow_reader_stays_while_it_makes_progress() {
    for options in every_kind_with("send_timeout = '500ms'") {
        let server = Running::start(&options);
        let mut stream = server.connect_narrow(64 * 1024);
        stream.write_all(&request(0, 14 << 20)).unwrap();
        let mut piece = vec![0; 64 * 1024];
        let mut progress = Progress::default();
        for step in 0..1900 {
            if step < 1000 && step % 50 == 0 {
                stream.read_exact(&mut piece).unwrap();
                assert_eq!(server.ask("/evictions").lines().count(), 1, "step {step}: it reads, slowly");
            }
            thread::sleep(Duration::from_millis(1));
            progress.look(&stream);
        }
        let silent_ns = server.eviction()["at_ns"].parse::<u64>().unwrap() - progress.not_before_ns;
        assert!(silent_ns >= 500 * MS, "early: {silent_ns} ns after the last progress");
        assert!(silent_ns <= 700 * MS, "late: {silent_ns} ns after the last progress");
    }
}

#[apply(timed_test!)]
fn an_invalid_message_closes_the_connection() {
    let wrong_checksum = [&[0, 0, 0, 24, 1, 2, 3, 4][..], &[0; 24]].concat();
    let cases: [(&[u8], &str); 3] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "protocol"),
        (&wrong_checksum, "protocol"),
        (&[0, 1, 0, 1, 0, 0, 0, 0], "receive_limit"),
    ];
    for (bytes, reason) in cases {
        let server = Running::start(&options("receive_limit = '64KiB'"));
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        assert_eq!(server.eviction()["reason"], reason);
        assert!(drain(&mut stream).is_err());
        assert_eq!(server.metric("badpeer_server_rejected_total"), u64::from(reason == "protocol"));
        assert_eq!(server.metric(&format!("badpeer_evictions_total{{reason=\"{reason}\"}}")), 1);
    }
}

#[apply(timed_test!)]
fn an_idle_or_stalled_server_does_not_wake_up() {
    for options in every_kind_with("send_timeout = '30s'") {
        let server = Running::start(&options);
        let idle: Vec<TcpStream> = (0..50).map(|_| server.connect()).collect();
        let mut stalled: Vec<TcpStream> = (0..4).map(|_| server.connect_narrow(16 * 1024)).collect();
        for stream in &mut stalled {
            stream.write_all(&request(0, 10 << 20)).unwrap();
        }
        server.wait_for("badpeer_server_messages_total", 4);
        server.wait_for("badpeer_connections", 54);
        thread::sleep(Duration::from_millis(200));
        let before = server.waits();
        thread::sleep(Duration::from_millis(300));
        assert_eq!(server.waits(), before);
        drop((idle, stalled));
        server.wait_for("badpeer_connections", 0);
    }
}

#[apply(timed_test!)]
fn survives_peers_that_close_or_reset_without_reading() {
    for options in every_kind(Service::Frame) {
        let server = Running::start(&options);
        for n in 0..200 {
            let mut stream = server.connect();
            stream.write_all(&requests(n % 5, 200_000)).unwrap();
            if n % 3 == 0 { drop(stream) } else { reset(stream) }
        }
        let mut stream = server.connect();
        stream.write_all(&request(0, 1000)).unwrap();
        expect_answers(&mut stream, 1, 1000, Duration::ZERO);
        drop(stream);
        for gauge in ["connections", "send_buffered", "receive_buffered", "buffer_footprint"] {
            server.wait_for(&format!("badpeer_{gauge}"), 0);
        }
        let metrics = server.metrics();
        assert_eq!(metrics["badpeer_accepted_total"], 201);
        let ended = metrics.iter().filter(|(name, _)| name.starts_with("badpeer_ended"));
        assert_eq!(ended.map(|(_, n)| n).sum::<u64>(), 201, "each ends exactly once: {metrics:?}");
    }
}

#[apply(timed_test!)]
fn a_flood_does_not_delay_other_connections() {
    for options in every_kind(Service::Echo) {
        let server = Running::start(&ServerOptions { send_limit: "off".parse().unwrap(), ..options });
        let mut flood = server.connect();
        let mut returning = flood.try_clone().unwrap();
        let reader = thread::spawn(move || drain(&mut returning));
        let writer = thread::spawn(move || {
            let piece = vec![7; 1 << 20];
            (0..100).try_for_each(|_| flood.write_all(&piece)).and_then(|()| flood.shutdown(Shutdown::Write))
        });
        let mut stream = server.connect();
        for _ in 0..50 {
            let sent = Instant::now();
            stream.write_all(b"still there?").unwrap();
            stream.read_exact(&mut [0; 12]).unwrap();
            assert!(sent.elapsed() < Duration::from_millis(200), "{:?}", sent.elapsed());
        }
        writer.join().unwrap().unwrap();
        reader.join().unwrap().unwrap();
    }
}

#[apply(timed_test!)]
fn without_descriptors_neither_spins_nor_hangs_and_ends_on_a_signal() {
    // Inherited by all threads of the child: the signal cannot hit one that does not await it.
    SigSet::from_iter([Signal::SIGTERM]).thread_block().unwrap();
    let spawned = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_with_few_descriptors", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Mortal(spawned);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut address = |name: &str| -> SocketAddr {
        lines.find_map(|line| line.strip_prefix(name).map(|rest| rest.parse().unwrap())).unwrap()
    };
    let server = Watched(Addresses { service: address("service ").into(), admin: Some(address("admin ")) });
    let streams: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    thread::sleep(Duration::from_millis(200));
    let refused = streams.iter().filter(|stream| was_refused(stream)).count();
    assert!((60..90).contains(&refused), "{refused}");
    // Who watches is not shut out meanwhile.
    assert_eq!(server.metric("badpeer_connections"), (streams.len() - refused) as u64);
    let waits = server.waits();
    thread::sleep(Duration::from_millis(300));
    assert!(server.waits() - waits < 3, "full, and no client connects");
    drop(streams);
    server.wait_for("badpeer_connections", 0);
    let mut stream = server.connect();
    stream.write_all(&request(0, 10)).unwrap();
    expect_answers(&mut stream, 1, 10, Duration::ZERO);
    assert_eq!(server.metric("badpeer_accept_refused_total"), refused as u64);
    assert!(server.waits() < 400, "no spin");
    send(Signal::SIGTERM, child.pid());
    assert!(child.0.wait().unwrap().success());
}

#[apply(timed_test!)]
fn accepts_at_once_when_descriptors_are_free_again() {
    let serving = Serving::start(&["--descriptors", "40"]);
    let server = &serving.server;
    let greet = |mut stream: TcpStream| -> io::Result<TcpStream> {
        stream.write_all(&request(0, 10))?;
        stream.read_exact(&mut [0; 32])?;
        Ok(stream)
    };
    let mut streams: Vec<TcpStream> = (0..40).map_while(|_| greet(server.connect()).ok()).collect();
    assert!((10..40).contains(&streams.len()), "{}", streams.len());
    let mut waits: Vec<Duration> = Vec::new();
    for _ in 0..15 {
        let full = streams.len() as u64;
        drop(streams.pop());
        server.wait_for("badpeer_connections", full - 1);
        let begun = Instant::now();
        streams.push(greet(server.connect()).unwrap());
        waits.push(begun.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[7] < Duration::from_millis(30), "{waits:?}");
}

#[apply(timed_test!)]
fn idle_admin_clients_delay_no_other() {
    let server = Running::start(&options(""));
    let connect = || TcpStream::connect(server.0.admin.unwrap()).unwrap();
    let mut silent: Vec<TcpStream> = (0..5).map(|_| connect()).collect();
    for text in ["GET /metr", "GET /metrics HTTP/1.1\r\n\r\n"] {
        let mut client = connect();
        client.write_all(text.as_bytes()).unwrap();
        silent.push(client);
    }
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(server.metric("badpeer_connections"), 0);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    // However many they are, and they are closed in the end.
    silent.extend((0..100).map(|_| connect()));
    assert_eq!(server.metric("badpeer_connections"), 0);
    silent[0].set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(
        silent[0].read(&mut [0]).map_err(|error| error.kind() == io::ErrorKind::ConnectionReset),
        Ok(0)
    );
}

#[test]
#[ignore = "the other process of the test above"]
fn child_with_few_descriptors() {
    let server = Server::bind(&options("descriptors = 40"), Some(ANY_PORT.into())).unwrap();
    let Addresses { service, admin } = server.addresses();
    writeln!(io::stdout(), "\nservice {service}\nadmin {}", admin.unwrap()).unwrap();
    server.run().unwrap();
}
