//! The limit of connections, and how the server shuts down.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

use crate::fixture::*;

#[apply(timed_test!)]
fn connections_beyond_the_limit_are_refused() {
    let server = Running::start(&options("max_connections = 3"));
    let mut held: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
    server.wait_for("badpeer_connections", 3);
    for n in 1..=2 {
        assert_eq!(server.connect().read(&mut [0]).unwrap(), 0, "closed at once");
        server.wait_for("badpeer_accept_refused_total", n);
    }
    held.pop();
    server.wait_for("badpeer_connections", 2);
    let mut stream = server.connect();
    stream.write_all(&request(0, 10)).unwrap();
    expect_answers(&mut stream, 1, 10, Duration::ZERO);
}

/// A peer that has asked for `bytes` and not read them.
fn stalled(server: &Watched, bytes: u32) -> TcpStream {
    let mut stream = server.connect_narrow(32 * 1024);
    stream.write_all(&request(0, bytes)).unwrap();
    server.wait_for("badpeer_server_messages_total", 1);
    stream
}

#[apply(timed_test!)]
fn pending_answers_are_finished_after_a_signal() {
    for trigger in ["level", "edge"] {
        let serving = Serving::start(&["--drain", "20s", "--trigger", trigger]);
        let mut stream = stalled(&serving.server, 12 << 20);
        // It is younger, so it is notified after the other: when it has noticed, all have.
        let mut idle = serving.server.connect();
        serving.server.wait_for("badpeer_connections", 2);
        serving.terminate();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "an idle connection is closed at once");
        assert!(TcpStream::connect(serving.server.0.service).is_err(), "no connection is accepted");
        // What is asked from now on is not answered, and does not make it spin.
        stream.write_all(&request(1, 10)).unwrap();
        let before = serving.server.waits();
        thread::sleep(Duration::from_millis(100));
        assert!(serving.server.waits() - before < 5);
        let mut answer = vec![0; 32 + (12 << 20)];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an orderly end");
        drop(stream);
        assert!(serving.ended().as_secs() < 5);
    }
}

#[apply(timed_test!)]
fn bytes_in_the_kernel_survive_a_request_that_crosses_the_close() {
    const BYTES: u32 = 150_000;
    let flags = [["--trigger", "level"], ["--trigger", "edge"], ["--dispatch", "workers"]];
    for (flags, half_closes) in flags.into_iter().flat_map(|flags| [(flags, false), (flags, true)]) {
        let serving = Serving::start(&[&flags[..], &["--drain", "20s", "--send-buffer", "1MiB"]].concat());
        let mut stream = stalled(&serving.server, BYTES);
        serving.server.wait_for("badpeer_send_buffered", 0);
        let mut idle = serving.server.connect();
        serving.server.wait_for("badpeer_connections", 2);
        serving.terminate();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "an idle connection is closed at once");
        for sequence in 1..10 {
            stream.write_all(&request(sequence, 10)).unwrap();
            thread::sleep(Duration::from_millis(10));
        }
        if half_closes {
            stream.shutdown(Shutdown::Write).unwrap();
            thread::sleep(Duration::from_millis(50));
        }
        expect_answers(&mut stream, 1, BYTES, Duration::ZERO);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an orderly end");
        drop(stream);
        assert!(serving.ended().as_secs() < 5, "a peer that has everything and ends its stream is closed");
    }
}

#[apply(timed_test!)]
fn the_drain_ends_after_its_timeout() {
    // To those to whom all is sent as well, as long as they have not got it.
    for bytes in [12 << 20, 150_000] {
        let serving = Serving::start(&["--drain", "300ms", "--send-buffer", "1MiB"]);
        let _stalled = stalled(&serving.server, bytes);
        serving.terminate();
        let took = serving.ended();
        assert!((200..5_000).contains(&took.as_millis()), "{took:?}");
    }
}

#[apply(timed_test!)]
fn a_second_signal_ends_the_drain_at_once() {
    let serving = Serving::start(&["--drain", "60s"]);
    let _stalled = stalled(&serving.server, 12 << 20);
    serving.terminate();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(serving.server.metric("badpeer_connections"), 1);
    serving.terminate();
    assert!(serving.ended().as_secs() < 5);
}

#[apply(timed_test!)]
fn impossible_options_are_refused() {
    for (options, wanted) in [
        (&["--overflow", "pause", "--send-limit", "off"][..], "--overflow pause needs a send_limit"),
        (&["--descriptors", "15"], "--descriptors must be at least 16"),
        (&["--descriptors", "4000000000"], "--descriptors is more than the hard limit of the process allows"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_badpeer")).arg("serve").args(options).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(printed.contains(wanted), "{printed}");
    }
}
