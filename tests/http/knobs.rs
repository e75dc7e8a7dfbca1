//! The server's knobs where it speaks HTTP: bodies under way, bodies that wait, requests that are not whole.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use badpeer::{
    codec::content,
    profile::{Dispatch, Overflow, ServerOptions, Service},
};

use crate::{
    Tree, every_http_kind,
    fixture::{Running, Serving, every_kind, every_kind_with, options},
    peer::Peer,
};

const LARGE: &str = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";

fn serving(tree: &Tree, knobs: &str) -> Running {
    let options = options(&format!("protocol = 'http'\n{knobs}"));
    Running::start(&ServerOptions { root: Some(tree.root()), ..options })
}

#[apply(timed_test!)]
fn every_way_of_sending_delivers_files() {
    let tree = Tree::new();
    let (large, small) = (tree.add("large", 3_000_000), tree.add("small", 60_000));
    for interest in ["on-demand", "eager", "always-arm"] {
        for trigger in ["level", "edge"] {
            for (sends, piece) in [("1", "40KiB"), ("16", "100B"), ("1", "off"), ("off", "off")] {
                let knobs = format!(
                    "trigger = '{trigger}'\nwrite_interest = '{interest}'\nmax_sends = '{sends}'\nsend_piece = '{piece}'"
                );
                let server = serving(&tree, &knobs);
                let mut peer = Peer::new(server.connect_narrow(64 * 1024));
                let asked = LARGE.to_owned() + &LARGE.replace("large", "small") + LARGE;
                peer.say(asked);
                for bytes in [&large, &small, &large] {
                    assert!(peer.hear().body == *bytes, "{knobs}");
                }
                assert!(piece != "40KiB" || server.metric("badpeer_server_writes_total") >= 148, "{knobs}");
                assert_eq!(peer.get("/ten.txt").body, b"0123456789", "{knobs}");
            }
        }
    }
}

#[apply(timed_test!)]
fn max_sends_gives_others_a_turn_beside_a_large_file() {
    let tree = Tree::new();
    tree.add("large", 3_000_000);
    let server = serving(&tree, "max_sends = 2\nsend_piece = '16KiB'");
    let mut peer = Peer::new(server.connect());
    peer.get("/large");
    let metrics = server.metrics();
    let (writes, events) = (metrics["badpeer_server_writes_total"], metrics["badpeer_write_events_total"]);
    assert!(writes >= 184 && events >= writes / 2 - 1, "{writes} writes, {events} events");
}

#[apply(timed_test!)]
fn a_stalled_file_is_subject_to_deadline_and_minimum_rate() {
    let tree = Tree::new();
    tree.add("large", 32 << 20);
    for (knobs, reason) in [
        ("deadline = '300ms'", "deadline"),
        ("min_rate = '50MiB/s'\ngrace = '200ms'", "min_rate"),
        ("progress = 'write-event'\nsend_timeout = '300ms'", "send_timeout"),
    ] {
        let server = serving(&tree, knobs);
        let mut peer = Peer::new(server.connect_narrow(16 * 1024));
        peer.say(LARGE);
        assert_eq!(server.eviction()["reason"], reason);
    }
}

#[apply(timed_test!)]
fn unsent_parts_of_a_file_take_no_memory_and_break_no_limit() {
    let tree = Tree::new();
    let bytes = tree.add("large", 8 << 20);
    for overflow in ["close", "pause"] {
        let server = serving(&tree, &format!("send_limit = '64KiB'\noverflow = '{overflow}'"));
        let mut peer = Peer::new(server.connect_narrow(64 * 1024));
        assert!(peer.get("/large").body == bytes);
        assert_eq!(server.metric("badpeer_reads_paused_total"), 0);
    }
}

#[apply(timed_test!)]
fn generated_content_waits_for_its_reader_without_memory() {
    let ask = |length: u64| format!("GET /bytes/{length} HTTP/1.1\r\nHost: x\r\n\r\n");
    for kind in every_kind(Service::Http) {
        for overflow in [Overflow::Close, Overflow::Pause] {
            let knobs = options("send_limit = '64KiB'\nsend_timeout = '400ms'");
            let (send_limit, send_timeout) = (knobs.send_limit, knobs.send_timeout);
            let server =
                Running::start(&ServerOptions { send_limit, send_timeout, overflow, ..kind.clone() });
            let mut peer = Peer::new(server.connect_narrow(32 * 1024));
            peer.say(ask(6_000_000) + &ask(6_000_000));
            peer.stream.shutdown(Shutdown::Write).unwrap();
            for _ in 0..2 {
                let body = peer.hear().body;
                assert_eq!((body.len(), content::matching(0, 0, &body)), (6_000_000, 6_000_000));
            }
            peer.expect_end();
            assert!(server.metric("badpeer_buffer_appended_total") < 1000, "it never lay in a buffer");
            // However much is asked for.
            let mut endless = server.connect_narrow(32 * 1024);
            endless.write_all(ask(1 << 40).as_bytes()).unwrap();
            endless.shutdown(Shutdown::Write).unwrap();
            let eviction = server.eviction();
            assert_eq!((&*eviction["reason"], &*eviction["send_buffered"]), ("send_timeout", "0"));
        }
    }
}

#[apply(timed_test!)]
fn requests_behind_a_pending_answer_wait_in_the_kernel_when_buffers_are_full() {
    let tree = Tree::new();
    let large = tree.add("large", 8 << 20);
    for kind in every_kind(Service::Http) {
        let receive_limit = options("receive_limit = '16KiB'").receive_limit;
        let server = Running::start(&ServerOptions { root: Some(tree.root()), receive_limit, ..kind });
        let mut peer = Peer::new(server.connect_narrow(32 * 1024));
        peer.say(LARGE);
        peer.say(LARGE.replace("large", "ten.txt").repeat(3_000) + LARGE);
        peer.stream.shutdown(Shutdown::Write).unwrap();
        server.wait_for("badpeer_reads_paused_total", 1);
        let before = server.waits();
        thread::sleep(Duration::from_millis(100));
        assert!(server.waits() <= before + 1, "a pause does not spin");
        assert!(server.metric("badpeer_receive_buffered") <= 16 << 10);
        assert!(peer.hear().body == large);
        for _ in 0..3_000 {
            assert_eq!(peer.hear().body, b"0123456789");
        }
        assert!(peer.hear().body == large);
        peer.expect_end();
        server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
    }
}

/// Sends one byte every 25 ms until the connection ends; at most for 4 seconds.
fn trickle(mut stream: &TcpStream, text: &str) {
    let start = Instant::now();
    for byte in text.bytes() {
        if stream.write_all(&[byte]).is_err() || start.elapsed().as_secs() > 4 {
            break;
        }
        thread::sleep(Duration::from_millis(25));
    }
}

#[apply(timed_test!)]
fn head_and_body_must_arrive_within_the_message_timeout() {
    let body = "x".repeat(200);
    for trigger in ["level", "edge"] {
        for text in [
            format!("GET /{body} HTTP/1.1\r\nHost: x\r\n\r\n"),
            format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n{body}"),
        ] {
            let knobs = format!("protocol = 'http'\ntrigger = '{trigger}'\nmessage_timeout = '300ms'");
            let server = Running::start(&options(&knobs));
            let stream = server.connect();
            let at_once = text.len() - 200;
            let at_once = if text.starts_with("POST") { at_once } else { 0 };
            (&stream).write_all(&text.as_bytes()[..at_once]).unwrap();
            trickle(&stream, &text[at_once..]);
            assert_eq!(server.eviction()["reason"], "message_timeout");
        }
    }
}

#[apply(timed_test!)]
fn blank_lines_count_for_the_timeout_of_the_next_request() {
    for kind in every_http_kind() {
        let message_timeout = options("message_timeout = '300ms'").message_timeout;
        let server = Running::start(&ServerOptions { message_timeout, ..kind.clone() });
        let stream = server.connect();
        for _ in 0..6 {
            let _ = (&stream).write_all(b"\r\n");
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(server.eviction()["reason"], "message_timeout");

        let server = Running::start(&kind);
        let mut peer = Peer::new(server.connect());
        assert_eq!(peer.say("\r\n\r\n").get("/").status, 200);
        assert_eq!(peer.say("\r\n".repeat(100)).hear().status, 400);
        peer.expect_end();
    }
}

#[apply(timed_test!)]
fn a_peer_that_got_its_last_answer_is_not_evicted() {
    let knobs = "message_timeout = '200ms'\nidle_timeout = '300ms'\nevict_by = 'rst'\nprotocol = 'http'";
    for kind in every_kind_with(knobs) {
        let server = Running::start(&kind);
        let blank = "\r\n".repeat(100);
        let printed = [&*blank, "\r\nGET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"];
        let mut peers = printed.map(|_| Peer::new(server.connect()));
        for (peer, printed) in peers.iter_mut().zip(printed) {
            peer.say(printed);
        }
        thread::sleep(Duration::from_millis(600));
        for reason in ["message_timeout", "idle_timeout"] {
            assert_eq!(server.metric(&format!("badpeer_evictions_total{{reason=\"{reason}\"}}")), 0);
        }
        for (peer, status) in peers.iter_mut().zip([400, 400, 200]) {
            assert_eq!(peer.hear().status, status);
            peer.expect_end();
        }
    }
}

#[apply(timed_test!)]
fn a_request_that_takes_too_long_is_answered_with_408() {
    for kind in every_http_kind() {
        for begun in ["GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"] {
            let message_timeout = options("message_timeout = '200ms'").message_timeout;
            let server = Running::start(&ServerOptions { message_timeout, ..kind.clone() });
            let mut peer = Peer::new(server.connect());
            assert_eq!(peer.get("/").body, b"ok\n");
            let answer = peer.say(begun).hear();
            assert_eq!((answer.status, answer.field("connection")), (408, "close"));
            peer.expect_end();
            assert_eq!(server.eviction()["reason"], "message_timeout");
            assert_eq!(server.metric("badpeer_server_messages_total"), 1, "that was no answer to a request");
        }
    }
}

#[apply(timed_test!)]
fn a_peer_that_keeps_sending_still_receives_the_408() {
    let knobs = "message_timeout = '200ms'\nidle_timeout = '250ms'\nevict_by = 'rst'\nprotocol = 'http'";
    for kind in every_kind_with(knobs) {
        for dispatch in [Dispatch::Single, Dispatch::Workers] {
            let server = Running::start(&ServerOptions { dispatch, ..kind.clone() });
            let mut peer = Peer::new(server.connect());
            peer.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n");
            // Beyond the eviction, and beyond what would be idle.
            for _ in 0..80 {
                peer.say([b'x'; 1000]);
                thread::sleep(Duration::from_millis(10));
            }
            assert_eq!(server.eviction()["reason"], "message_timeout", "journaled when it was decided");
            let answer = peer.hear();
            assert_eq!((answer.status, answer.field("connection")), (408, "close"));
            thread::sleep(Duration::from_millis(400));
            peer.expect_end();
            drop(peer);
            server.wait_for("badpeer_connections", 0);
            let metrics = server.metrics();
            let ends = metrics.iter().filter(|(name, _)| name.starts_with("badpeer_ended_total"));
            assert_eq!(ends.map(|(_, count)| count).sum::<u64>(), 0, "it is counted once");
            assert_eq!(server.eviction()["reason"], "message_timeout");
        }
    }
}

#[apply(timed_test!)]
fn a_peer_that_got_a_408_is_closed_after_a_while() {
    let server = Running::start(&options("message_timeout = '200ms'\nprotocol = 'http'"));
    let mut peer = Peer::new(server.connect());
    assert_eq!(peer.say("GET / HT").hear().status, 408);
    server.wait_for("badpeer_connections", 0);
    drop(peer);
}

#[apply(timed_test!)]
fn a_peer_with_unread_answers_gets_no_408() {
    for kind in every_kind(Service::Http) {
        let message_timeout = options("message_timeout = '200ms'").message_timeout;
        let server = Running::start(&ServerOptions { message_timeout, ..kind });
        let mut peer = Peer::new(server.connect_narrow(16 * 1024));
        peer.say("GET /bytes/16000 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(60) + "GET / HT");
        assert_eq!(server.eviction()["reason"], "message_timeout");
        let mut printed = Vec::new();
        let ended = peer.stream.read_to_end(&mut printed).map_err(|error| error.kind());
        assert_eq!(ended, Err(ErrorKind::ConnectionReset));
        assert!(!printed.windows(12).any(|bytes| bytes == b"HTTP/1.1 408"));
    }
}

#[apply(timed_test!)]
fn a_request_behind_a_file_does_not_time_out() {
    let tree = Tree::new();
    let bytes = tree.add("large", 6 << 20);
    let server = serving(&tree, "message_timeout = '200ms'");
    let mut peer = Peer::new(server.connect_narrow(64 * 1024));
    peer.say(LARGE.repeat(2));
    thread::sleep(Duration::from_millis(500));
    for _ in 0..2 {
        assert!(peer.hear().body == bytes);
    }
    assert_eq!(server.metric("badpeer_evictions_total{reason=\"message_timeout\"}"), 0);
}

#[apply(timed_test!)]
fn files_being_sent_are_finished_after_a_signal() {
    let tree = Tree::new();
    let bytes = tree.add("large", 16 << 20);
    let root = tree.root();
    for trigger in ["level", "edge"] {
        let flags = ["--protocol", "http", "--root", root.to_str().unwrap(), "--drain", "20s", "--trigger"];
        let serving = Serving::start(&[&flags[..], &[trigger]].concat());
        let mut peer = Peer::new(serving.server.connect_narrow(32 * 1024));
        // The second has arrived, and so it is answered, too.
        peer.say(LARGE.repeat(2));
        let mut idle = serving.server.connect();
        serving.server.wait_for("badpeer_server_messages_total", 1);
        serving.server.wait_for("badpeer_connections", 2);
        thread::sleep(Duration::from_millis(50));
        serving.terminate();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "an idle connection is closed at once");
        for _ in 0..2 {
            assert!(peer.hear().body == bytes);
        }
        peer.expect_end();
        drop(peer);
        assert!(serving.ended().as_secs() < 5);
    }
}

#[apply(timed_test!)]
fn cached_open_files_do_not_exhaust_the_descriptors() {
    let tree = Tree::new();
    for n in 0..600 {
        fs::write(tree.root().join(n.to_string()), n.to_string()).unwrap();
    }
    let root = tree.root();
    let flags = ["--protocol", "http", "--root", root.to_str().unwrap(), "--descriptors", "60"];
    let serving = Serving::start(&flags);
    let ask = |peer: &mut Peer, n: usize| {
        let answer = peer.get(&format!("/{n}"));
        assert_eq!((answer.status, answer.body), (200, n.to_string().into_bytes()), "file {n}");
    };
    let mut peer = Peer::new(serving.server.connect());
    (0..300).for_each(|n| ask(&mut peer, n));
    drop(peer);
    // Most descriptors are for connections.
    let mut peers: Vec<Peer> = (0..35).map(|_| Peer::new(serving.server.connect())).collect();
    peers.iter_mut().zip(300..).for_each(|(peer, n)| ask(peer, n));
    drop(peers);
    let mut peer = Peer::new(serving.server.connect());
    (300..600).for_each(|n| ask(&mut peer, n));
}

#[apply(timed_test!)]
fn open_files_of_several_threads_do_not_exhaust_the_descriptors() {
    let tree = Tree::new();
    (0..400).for_each(|n| fs::write(tree.root().join(n.to_string()), n.to_string()).unwrap());
    let root = tree.root();
    // On one shared socket every thread has a descriptor of its own for it.
    for (dispatch, threads) in [("single", "1"), ("reactors", "8"), ("workers", "8"), ("workers-shared", "3")]
    {
        let flags = ["--protocol", "http", "--root", root.to_str().unwrap(), "--descriptors", "60"];
        let serving = Serving::start(&[&flags[..], &["--dispatch", dispatch, "--threads", threads]].concat());
        let connect = |count| (0..count).map(|_| Peer::new(serving.server.connect())).collect::<Vec<_>>();
        let ask = |peers: &mut [Peer], files: std::ops::Range<usize>| {
            for n in files {
                let count = peers.len();
                let answer = peers[n % count].get(&format!("/{n}"));
                assert_eq!(
                    (answer.status, answer.body),
                    (200, n.to_string().into_bytes()),
                    "{dispatch}: {n}"
                );
            }
        };
        // One after the other, so that each thread has some of them.
        (0..30).for_each(|n| ask(&mut connect(1), n * 10..(n + 1) * 10));
        ask(&mut connect(7), 300..400);
    }
}

#[apply(timed_test!)]
fn a_truncated_file_closes_the_connection_however_it_is_sent() {
    let tree = Tree::new();
    for interest in ["on-demand", "eager"] {
        tree.add("large", 32 << 20);
        let server = serving(&tree, &format!("trigger = 'edge'\nwrite_interest = '{interest}'"));
        let mut peer = Peer::new(server.connect_narrow(16 * 1024));
        peer.say(LARGE);
        thread::sleep(Duration::from_millis(100));
        let file = fs::File::options().write(true).open(tree.root().join("large")).unwrap();
        // Not at a boundary of what was asked for, and further than the kernel has taken.
        file.set_len((20 << 20) + 1234).unwrap();
        let mut bytes = Vec::new();
        let _ = peer.stream.read_to_end(&mut bytes);
        assert!(bytes.len() < 21 << 20);
        server.wait_for("badpeer_ended_total{how=\"error\"}", 1);
    }
}
