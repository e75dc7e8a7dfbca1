//! Several server threads: which thread has which connection, and the cost when all share it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use badpeer::{
    codec::{Decoder, echo},
    profile::{Dispatch, ServerOptions, Service},
    server::Server,
    units::Count,
};

use crate::fixture::*;

const THREADS: usize = 3;

/// Several threads that serve well, with both triggers and both buffers.
fn every_thread_model() -> impl Iterator<Item = ServerOptions> {
    every_kind(Service::Frame).flat_map(|options| {
        [Dispatch::Reactors, Dispatch::Workers].map(|dispatch| ServerOptions {
            dispatch,
            threads: Count(THREADS as u32),
            ..options.clone()
        })
    })
}

fn with(dispatch: Dispatch, toml: &str) -> ServerOptions {
    ServerOptions { dispatch, threads: Count(THREADS as u32), ..options(toml) }
}

#[apply(timed_test!)]
fn answers_are_complete_and_in_order_in_every_thread_model() {
    for options in every_thread_model() {
        let server = Running::start(&options);
        thread::scope(|scope| {
            for client in 0..12 {
                let server = &server;
                scope.spawn(move || {
                    let mut stream = server.connect();
                    let asked = requests(400, 3_000);
                    let mut sender = stream.try_clone().unwrap();
                    let writer = thread::spawn(move || {
                        for piece in asked.chunks(1 + client * 37) {
                            sender.write_all(piece).unwrap();
                        }
                        sender.shutdown(Shutdown::Write).unwrap();
                    });
                    expect_answers(&mut stream, 400, 3_000, Duration::ZERO);
                    writer.join().unwrap();
                    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an orderly end and nothing else");
                });
            }
        });
        server.wait_for("badpeer_connections", 0);
        let metrics = server.metrics();
        assert_eq!(metrics["badpeer_server_messages_total"], 12 * 400);
        assert_eq!(metrics["badpeer_accepted_total"], 12);
        assert_eq!(metrics["badpeer_ended_total{how=\"peer_closed\"}"], 12);
        assert_eq!((metrics["badpeer_buffer_footprint"], metrics["badpeer_send_buffered"]), (0, 0));
    }
}

#[apply(timed_test!)]
fn large_answers_reach_slow_readers_intact_in_every_thread_model() {
    for options in every_thread_model() {
        let server = Running::start(&options);
        let mut streams: Vec<TcpStream> = (0..4).map(|_| server.connect_narrow(32 * 1024)).collect();
        for stream in &mut streams {
            stream.write_all(&request(0, 8 << 20)).unwrap();
        }
        // More than the kernel takes, and all of it made before the first byte is read.
        server.wait_for("badpeer_server_messages_total", 4);
        thread::scope(|scope| {
            for stream in &mut streams {
                scope.spawn(|| expect_answers(stream, 1, 8 << 20, Duration::from_micros(50)));
            }
        });
        assert!(server.metric("badpeer_write_armed_total") > 0);
    }
}

#[apply(timed_test!)]
fn one_shot_readiness_costs_a_control_for_each_message() {
    // Before the first message: the signals, the connection, and an acceptor and two shutdown events for each that waits; who
    // accepts the connection from an acceptor that is armed once, arms it again.
    let reactors = 1 + 1 + 3 * THREADS as u64;
    let workers = 1 + 1 + 3 + 1;
    for (dispatch, before, controls) in [(Dispatch::Reactors, reactors, 0), (Dispatch::Workers, workers, 100)]
    {
        let server = Running::start(&with(dispatch, ""));
        let mut stream = server.connect();
        server.wait_for("badpeer_connections", 1);
        server.wait_for("badpeer_server_controls_total", before);
        for n in 0..100 {
            stream.write_all(&request(n, 10)).unwrap();
            stream.read_exact(&mut [0; 42]).unwrap();
        }
        // The last one may still be on its way.
        thread::sleep(Duration::from_millis(50));
        assert_eq!(server.metric("badpeer_server_controls_total") - before, controls);
    }
}

#[apply(timed_test!)]
fn stalled_readers_are_evicted_and_an_idle_server_sleeps() {
    for options in every_thread_model() {
        let server = Running::start(&ServerOptions {
            send_timeout: "300ms".parse().unwrap(),
            evict_by: badpeer::profile::EvictBy::Rst,
            ..options
        });
        let _idle: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
        let mut stalled: Vec<TcpStream> = (0..6).map(|_| server.connect_narrow(32 * 1024)).collect();
        for stream in &mut stalled {
            stream.write_all(&request(0, 9 << 20)).unwrap();
        }
        server.wait_for("badpeer_evictions_total{reason=\"send_timeout\"}", 6);
        let events = server.ask("/evictions?from=0");
        for event in events.lines().skip(1) {
            let field = |n: usize| event.split(',').nth(n).unwrap().parse::<u64>().unwrap();
            let (at_ns, deadline_ns) = (field(1), field(5));
            assert!((deadline_ns..deadline_ns + 100 * MS).contains(&at_ns), "{events}");
        }
        server.wait_for("badpeer_connections", 20);
        // Memory is given back some time later.
        thread::sleep(Duration::from_millis(200));
        let before = server.waits();
        thread::sleep(Duration::from_millis(300));
        assert_eq!(server.waits(), before);
    }
}

#[apply(timed_test!)]
fn the_connection_limit_is_shared_by_all_threads() {
    for dispatch in [Dispatch::Reactors, Dispatch::Workers] {
        let server = Running::start(&with(dispatch, "max_connections = 5"));
        let held: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
        server.wait_for("badpeer_accept_refused_total", 15);
        assert_eq!(server.metric("badpeer_connections"), 5);
        drop(held);
        server.wait_for("badpeer_connections", 0);
    }
}

#[apply(timed_test!)]
fn every_reactor_accepts_connections() {
    let serving = Serving::start(&["--dispatch", "reactors", "--threads", "3"]);
    let mut streams: Vec<TcpStream> = (0..60).map(|_| serving.server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&request(0, 10)).unwrap();
        expect_answers(stream, 1, 10, Duration::ZERO);
    }
    // All 60 with one of three: once in 3^59 times.
    let tasks = std::fs::read_dir(format!("/proc/{}/task", serving.pid())).unwrap();
    let busy = tasks.filter_map(Result::ok).filter(|task| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap();
        let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap();
        name.trim() != "admin" && switches.unwrap().trim().parse::<u64>().unwrap() > 5
    });
    assert!(busy.count() >= 2);
}

#[apply(timed_test!)]
fn all_threads_end_after_a_signal() {
    for dispatch in ["reactors", "workers", "workers-shared"] {
        let flags = ["--drain", "60s", "--threads", "3", "--dispatch", dispatch, "--protocol", "echo"];
        let serving = Serving::start(&flags);
        let mut idle: Vec<TcpStream> = (0..9).map(|_| serving.server.connect()).collect();
        serving.server.wait_for("badpeer_connections", 9);
        serving.terminate();
        for stream in &mut idle {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an idle connection is closed at once");
        }
        assert!(serving.ended().as_secs() < 5, "{dispatch}");

        let serving = Serving::start(&flags);
        let mut stalled = serving.server.connect_narrow(32 * 1024);
        stalled.write_all(&vec![b'x'; 400_000]).unwrap();
        serving.server.wait_for("badpeer_connections", 1);
        serving.terminate();
        thread::sleep(Duration::from_millis(200));
        serving.terminate();
        assert!(serving.ended().as_secs() < 5, "{dispatch}: the second signal ends it at once");
    }
}

#[apply(timed_test!)]
fn reactors_refuse_a_port_of_another_server() {
    let options = with(Dispatch::Reactors, "");
    let first = Running::start(&options);
    let again = ServerOptions { listen: first.0.service.to_string(), ..options };
    let refused = Server::bind(&again, None).err().unwrap().to_string();
    assert!(refused.contains("address already in use"), "{refused}");
}

const MESSAGES: u64 = 128;
const BYTES: usize = 256 * 1024;

/// Says 32 MiB in one go, and hears what comes back: how many bytes are not where they were.
fn mixed_up(dispatch: Dispatch) -> u64 {
    let server = Running::start(&with(dispatch, "protocol = 'echo'\nsend_limit = 'off'"));
    let mut stream = server.connect();
    let mut sender = stream.try_clone().unwrap();
    let writer = thread::spawn(move || {
        let mut message = vec![0; BYTES];
        for n in 0..MESSAGES {
            badpeer::codec::content::fill(9, n * BYTES as u64, &mut message);
            sender.write_all(&message).unwrap();
        }
    });
    let mut decoder = Decoder::Echo(echo::Decoder::new(9, BYTES as u64));
    let (mut heard, mut piece) = (0, vec![0; 64 * 1024]);
    while heard < MESSAGES as usize * BYTES {
        let got = stream.read(&mut piece).unwrap();
        assert!(got > 0, "closed after {heard} bytes");
        decoder.feed(&piece[..got], &mut |_| {});
        heard += got;
    }
    writer.join().unwrap();
    decoder.tally().corrupt
}

#[apply(timed_test!)]
fn a_connection_shared_by_all_threads_loses_its_order() {
    for dispatch in [Dispatch::Single, Dispatch::Reactors, Dispatch::Workers] {
        assert_eq!(mixed_up(dispatch), 0, "{dispatch}");
    }
    // Nothing is lost, as many bytes come back as were sent; their order is left to chance, so it gets several.
    assert!((0..20).any(|_| mixed_up(Dispatch::WorkersShared) > 0));
}
