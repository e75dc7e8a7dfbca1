//! Peers at a UNIX-domain socket: how they end, and what counts as their progress.

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use badpeer::codec::frame::HEADER_BYTES;

use crate::fixture::*;

fn connect(server: &Watched) -> UnixStream {
    let stream = UnixStream::connect(server.0.service.path().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// Reads so many answers of this size.
fn read_answers(stream: &mut UnixStream, count: usize, size: usize) {
    stream.read_exact(&mut vec![0; count * (HEADER_BYTES + size)]).unwrap();
}

#[test]
fn a_peer_that_has_all_answers_closes_and_does_not_reset() {
    for kind in ["dispatch = 'single'", "dispatch = 'reactors'", "dispatch = 'workers'", "trigger = 'edge'"] {
        let server = Running::start(&options(&format!("listen = 'unix:'\n{kind}")));
        let path = server.0.service.path().unwrap().to_owned();
        for n in 1..=3 {
            let mut stream = connect(&server);
            stream.write_all(&requests(2, 10)).unwrap();
            read_answers(&mut stream, 2, 10);
            drop(stream);
            server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", n);
        }
        let mut stream = connect(&server);
        stream.write_all(&request(0, 10)).unwrap();
        server.wait_for("badpeer_server_messages_total", 7);
        // With an answer unread, which is as an RST to the server (`unix_release_sock()` in the kernel).
        drop(stream);
        server.wait_for("badpeer_ended_total{how=\"peer_reset\"}", 1);
        server.wait_for("badpeer_connections", 0);
        drop(server);
        assert!(!path.exists(), "{kind}");
    }
}

#[test]
fn what_came_before_a_close_is_answered_to_who_has_closed_one_direction() {
    let server = Running::start(&options("listen = 'unix:'"));
    let mut stream = connect(&server);
    stream.write_all(&requests(3, 100_000)).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    read_answers(&mut stream, 3, 100_000);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
}

#[apply(timed_test!)]
fn the_send_timer_counts_from_the_last_piece_that_was_read() {
    let server = Running::start(&options("listen = 'unix:'\nsend_timeout = '800ms'\nsend_buffer = '16KiB'"));
    let mut stream = connect(&server);
    stream.write_all(&request(0, 2_000_000)).unwrap();
    // Twice the timeout in all, with pieces in between.
    let mut piece = vec![0; 40_000];
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(200));
        stream.read_exact(&mut piece).unwrap();
    }
    let last_read = Instant::now();
    server.wait_for("badpeer_evictions_total{reason=\"send_timeout\"}", 1);
    let held = last_read.elapsed();
    assert!(held >= Duration::from_millis(790), "evicted {held:?} after it had read something");
    // What the kernel had taken can still be read.
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest);
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    assert!((1..500_000).contains(&rest.len()), "{}", rest.len());
    let eviction = server.eviction();
    assert!(eviction["peer_address"].is_empty() && eviction["socket"].parse::<u32>().unwrap() > 0);
}
