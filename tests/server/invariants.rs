//! What must hold whatever the peers do, over both triggers and both buffers: the tests that fit no other file.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use badpeer::{buffer::Kind, codec::frame::HEADER_BYTES, probe::SocketProbe, profile::Trigger};

use crate::fixture::*;

const SEND_BUFFERED: &str = "badpeer_send_buffered";

/// A peer that has asked for `bytes` and takes nothing yet.
fn asking(server: &Watched, bytes: u32) -> TcpStream {
    let mut stream = server.connect_narrow(16 * 1024);
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(&request(0, bytes)).unwrap();
    stream
}

/// Asks for bodies of sizes around what the kernel takes at once, and checks each; how many of 33 it did not take whole.
fn bodies_around_what_the_kernel_takes(server: &Running) -> u64 {
    let asked = |count: u64| server.wait_for("badpeer_server_messages_total", count);
    let before = server.metric("badpeer_server_messages_total");
    let large = asking(server, 2 << 20);
    asked(before + 1);
    let taken = (2 << 20) + HEADER_BYTES as u64 - server.metric(SEND_BUFFERED);
    drop(large);
    server.wait_for("badpeer_connections", 0);
    let mut waited = 0;
    for (n, size) in (taken - (16 << 10)..=taken + (16 << 10)).step_by(1 << 10).enumerate() {
        let mut stream = asking(server, size as u32);
        asked(before + n as u64 + 2);
        waited += u64::from(server.metric(SEND_BUFFERED) > 0);
        expect_answers(&mut stream, 1, size as u32, Duration::ZERO);
        drop(stream);
        server.wait_for("badpeer_connections", 0);
    }
    waited
}

#[apply(timed_test!)]
fn bodies_around_the_send_buffer_size_arrive_complete() {
    for options in every_kind_with("send_buffer = '64KiB'") {
        let server = Running::start(&options);
        // How much the kernel takes depends on when the client's kernel opens the window.
        let waited: Vec<u64> = (0..4).map(|_| bodies_around_what_the_kernel_takes(&server)).collect();
        assert!(waited.iter().any(|waited| (8..=25).contains(waited)), "did not fit, of 33: {waited:?}");
    }
}

/// Resident memory of a process, in bytes.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[apply(timed_test!)]
fn accounted_memory_matches_the_growth_of_the_process_and_is_freed() {
    const MIB: u64 = 1 << 20;
    for options in every_kind_with("") {
        let serving = Serving::with(&options);
        let server = &serving.server;
        let mut stream = server.connect();
        stream.write_all(&request(0, 1000)).unwrap();
        expect_answers(&mut stream, 1, 1000, Duration::ZERO);
        let before = resident(serving.pid());
        let stalled: Vec<_> = (0..8).map(|_| asking(server, 14 << 20)).collect();
        server.wait_for("badpeer_server_messages_total", 9);
        let (held, footprint) = (server.metric(SEND_BUFFERED), server.metric("badpeer_buffer_footprint"));
        let grown = resident(serving.pid()) - before;
        assert!(held > 60 * MIB && footprint >= held, "{held} bytes in {footprint}");
        // A page that was never written takes no memory, whatever holds it.
        assert!(grown + 2 * MIB >= held && grown <= footprint + 4 * MIB, "{grown} for {held} in {footprint}");
        drop((stream, stalled));
        server.wait_for("badpeer_buffer_footprint", 0);
        let start = Instant::now();
        while resident(serving.pid()) > before + 2 * MIB {
            assert!(start.elapsed().as_secs() < 2, "{} bytes were kept", resident(serving.pid()) - before);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[apply(timed_test!)]
fn an_eviction_by_reset_leaves_nothing_in_the_kernel() {
    let mut probe = SocketProbe::new().unwrap();
    for (by, stays) in [("rst", false), ("fin", true)] {
        for options in every_kind_with(&format!("send_timeout = '200ms'\nevict_by = '{by}'")) {
            let server = Running::start(&options);
            let _stalled: Vec<_> = (0..4).map(|_| asking(&server, 8 << 20)).collect();
            server.wait_for("badpeer_evictions_total{reason=\"send_timeout\"}", 4);
            let left = probe.read(server.0.service).unwrap().server;
            assert_eq!((left.sockets > 0, left.kernel_bytes > 1 << 20), (stays, stays), "{by}: {left:?}");
        }
    }
}

/// What epoll is asked for, by descriptor: `/proc/PID/fdinfo` of the epoll descriptor shows it.
fn write_interests(pid: u32) -> usize {
    let infos = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    // Descriptors may come and go meanwhile.
    let texts = infos.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok()).collect::<String>();
    let watched = texts.lines().filter_map(|line| line.strip_prefix("tfd:"));
    let masks = watched.map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != "events:");
        u32::from_str_radix(words.nth(1).unwrap(), 16).unwrap()
    });
    masks.filter(|mask| mask & libc::EPOLLOUT as u32 != 0).count()
}

#[apply(timed_test!)]
fn epollout_is_armed_only_while_bytes_wait() {
    for options in every_kind_with("").filter(|options| options.trigger == Trigger::Level) {
        let serving = Serving::with(&options);
        let server = &serving.server;
        let mut quick = server.connect();
        quick.write_all(&request(0, 1000)).unwrap();
        expect_answers(&mut quick, 1, 1000, Duration::ZERO);
        assert_eq!(write_interests(serving.pid()), 0, "nothing waits");
        let mut slow: Vec<_> = (0..3).map(|_| asking(server, 8 << 20)).collect();
        server.wait_for("badpeer_server_messages_total", 4);
        assert_eq!(write_interests(serving.pid()), 3, "for each of those for whom something waits");
        expect_answers(&mut slow[0], 1, 8 << 20, Duration::ZERO);
        let start = Instant::now();
        while write_interests(serving.pid()) != 2 {
            assert!(start.elapsed().as_secs() < 2, "no longer for the one that has taken it");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[apply(timed_test!)]
fn a_peer_that_breaks_every_limit_is_evicted_once_for_one_reason() {
    let knobs = "send_timeout = '200ms'\ndeadline = '200ms'\nmin_rate = '100MiB/s'\ngrace = '200ms'\n\
                 soft_limit = '64KiB'\nsoft_time = '200ms'\nuser_timeout = '200ms'";
    for options in every_kind_with(knobs) {
        let server = Running::start(&options);
        let mut streams: Vec<_> = (0..20).map(|_| asking(&server, 8 << 20)).collect();
        server.wait_for("badpeer_accepted_total", 20);
        server.wait_for("badpeer_connections", 0);
        let metrics = server.metrics();
        let counted = |family: &str| -> u64 {
            metrics.iter().filter(|(name, _)| name.starts_with(family)).map(|(_, count)| count).sum()
        };
        assert_eq!((counted("badpeer_evictions_total"), counted("badpeer_ended_total")), (20, 0));
        assert_eq!(server.ask("/evictions?from=0").lines().count(), 21, "a line of names, and one for each");
        assert!(streams.iter_mut().all(|stream| drain(stream).is_err()));
    }
}

#[apply(timed_test!)]
fn a_reset_within_an_answer_closes_the_connection_at_once() {
    for options in every_kind_with("") {
        let server = Running::start(&options);
        for n in 1..=10 {
            let mut stream = asking(&server, 8 << 20);
            server.wait_for("badpeer_server_messages_total", n);
            stream.read_exact(&mut [0; 1000]).unwrap();
            reset(stream);
            server.wait_for("badpeer_ended_total{how=\"peer_reset\"}", n);
            server.wait_for("badpeer_connections", 0);
        }
        assert_eq!(server.metric("badpeer_buffer_footprint"), 0);
    }
}

#[apply(timed_test!)]
fn at_most_twice_the_appended_bytes_are_moved() {
    for options in every_kind_with("send_buffer = '64KiB'\nsend_timeout = 'off'") {
        let server = Running::start(&options);
        let mut stream = server.connect_narrow(16 * 1024);
        // A backlog that grows while the peer does not read, and then keeps its size: what comes in at one end goes out
        // at the other.
        stream.write_all(&requests(40, 100_000)).unwrap();
        server.wait_for("badpeer_server_messages_total", 40);
        for _ in 0..200 {
            stream.read_exact(&mut vec![0; HEADER_BYTES + 100_000]).unwrap();
            stream.write_all(&request(0, 100_000)).unwrap();
        }
        let metrics = server.metrics();
        let (appended, moved) =
            (metrics["badpeer_buffer_appended_total"], metrics["badpeer_buffer_moved_total"]);
        // The counters of the last turn may not be up to date yet.
        assert!(appended > 15_000_000 && moved <= 2 * appended, "{moved} moved, {appended} appended");
        assert!(options.buffer == Kind::Chained || moved > 1 << 20, "{moved}: there was little to move");
    }
}
