//! Requests in all their forms, and how the conversation ends.

use std::{io::Write, net::Shutdown, thread, time::Duration};

use badpeer::{
    codec::content,
    profile::{HeadParsing, Service},
};

use crate::{
    every_http_kind,
    fixture::{Running, every_kind, options},
    peer,
    peer::Peer,
};

fn servers() -> impl Iterator<Item = Running> {
    every_http_kind().map(|options| Running::start(&options))
}

#[apply(timed_test!)]
fn without_a_root_generated_content_of_any_length_is_served() {
    for server in servers() {
        let mut peer = peer(&server);
        assert_eq!(peer.get("/any/path").body, b"ok\n");
        for length in [0, 1, 1000, 65_536, 1_000_000] {
            let answer = peer.get(&format!("/bytes/{length}"));
            assert_eq!((answer.status, answer.body.len()), (200, length));
            assert_eq!(content::matching(0, 0, &answer.body), length);
        }
        peer.say("GET /bytes/1000000 HTTP/1.1\r\nHost: x\r\nRange: bytes=777777-\r\n\r\n");
        assert_eq!(content::matching(0, 777_777, &peer.hear().body), 222_223);
        for target in ["/bytes/", "/bytes/x", "/bytes/-1", "/bytes/99999999999999"] {
            assert_eq!(peer.get(target).status, 404, "{target}");
        }
    }
}

#[apply(timed_test!)]
fn a_small_answer_takes_one_read_and_one_write() {
    for server in servers() {
        let mut peer = peer(&server);
        for _ in 0..100 {
            peer.get("/");
        }
        let metrics = server.metrics();
        assert_eq!(
            (metrics["badpeer_server_messages_total"], metrics["badpeer_server_writes_total"]),
            (100, 100)
        );
        assert_eq!(metrics["badpeer_write_armed_total"], 0);
    }
}

#[apply(timed_test!)]
fn pipelined_http_requests_are_answered_in_order_in_any_pieces() {
    for server in servers() {
        let mut peer = peer(&server);
        let requests = (0..30)
            .map(|n| format!("GET /bytes/{n} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .collect::<Vec<_>>()
            .concat();
        for byte in requests.as_bytes() {
            peer.say([*byte]);
        }
        peer.say(requests.repeat(20));
        for n in 0..21 * 30 {
            assert_eq!(peer.hear().body.len(), n % 30);
        }
        assert!(server.metric("badpeer_server_writes_total") < 330, "answers are sent in batches");
    }
}

#[apply(timed_test!)]
fn line_by_line_only_the_last_line_of_a_head_waits_in_the_receive_buffer() {
    let begun = "GET / HTTP/1.1\r\nHost: x\r\nA: b";
    for options in every_http_kind() {
        let server = Running::start(&options);
        let mut peer = peer(&server);
        peer.say(begun);
        let waits = if options.head_parsing == HeadParsing::Whole { begun.len() } else { "A: b".len() };
        server.wait_for("badpeer_receive_buffered", waits as u64);
        assert_eq!(peer.say("\r\n\r\n").hear().body, b"ok\n");
    }
}

#[apply(timed_test!)]
fn a_head_request_gets_no_body() {
    for server in servers() {
        let mut peer = peer(&server);
        let head = peer.say("HEAD /bytes/5000 HTTP/1.1\r\nHost: x\r\n\r\n").hear_head();
        assert_eq!((head.status, head.field("content-length")), (200, "5000"));
        assert_eq!(peer.get("/").body, b"ok\n", "the next answer follows at once");
    }
}

#[apply(timed_test!)]
fn request_bodies_are_read_to_their_end() {
    for server in servers() {
        let mut peer = peer(&server);
        let large = "x".repeat(1_000_000);
        peer.say(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{large}"));
        peer.say("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.say(format!("f4240;x=y\r\n{large}\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"));
        peer.say("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /bytes/7 HTTP/1.1\r\nHost: x\r\n\r\n");
        for _ in 0..2 {
            let answer = peer.hear();
            assert_eq!((answer.status, answer.field("allow")), (405, "GET, HEAD"));
        }
        assert_eq!(peer.hear().body, b"ok\n");
        assert_eq!(peer.hear().body.len(), 7);
    }
}

#[apply(timed_test!)]
fn a_peer_that_expects_100_continue_gets_it() {
    for server in servers() {
        let mut peer = peer(&server);
        peer.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(peer.hear_head().status, 100);
        assert_eq!(peer.say("hello").hear().status, 405);
        assert_eq!(peer.get("/").status, 200);
    }
}

#[apply(timed_test!)]
fn connection_close_is_honored() {
    for server in servers() {
        for (request, connection) in [
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "close"),
            ("GET / HTTP/1.0\r\n\r\n", "close"),
        ] {
            let mut peer = peer(&server);
            let answer = peer.say(request).hear();
            assert_eq!((answer.status, answer.field("connection")), (200, connection));
            peer.expect_end();
        }
        let mut peer = peer(&server);
        for _ in 0..2 {
            let answer = peer.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").hear();
            assert_eq!(answer.field("connection"), "keep-alive");
        }
        server.wait_for("badpeer_ended_total{how=\"completed\"}", 2);
    }
}

#[apply(timed_test!)]
fn a_half_closed_http_peer_gets_every_answer() {
    for server in servers() {
        let mut peer = peer(&server);
        peer.say(
            "GET /bytes/4000000 HTTP/1.1\r\nHost: x\r\n\r\nGET /bytes/9 HTTP/1.1\r\nHost: x\r\n\r\nGET /x HT",
        );
        peer.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(peer.hear().body.len(), 4_000_000);
        assert_eq!(peer.hear().body.len(), 9);
        peer.expect_end();
    }
}

#[apply(timed_test!)]
fn closes_after_answering_an_invalid_request() {
    let long = |name: &str, length: usize| format!("{name}{}", "x".repeat(length));
    let many = "A: b\r\n".repeat(101);
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\nHost: x\n\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(), 400),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_owned(),
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1} hello TLS\r\n".repeat(3) + "\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000000\r\n\r\n".to_owned(), 413),
        (long("GET /", 9000), 414),
        (long("GET / HTTP/1.1\r\nHost: x\r\nA: ", 70_000), 431),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(), 501),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n".to_owned(), 505),
    ];
    for server in servers() {
        for (request, status) in &cases {
            let mut peer = peer(&server);
            let answer = peer.say(request).hear();
            assert_eq!((answer.status, answer.field("connection")), (*status, "close"), "{request:.60}");
            peer.expect_end();
        }
        let mut peer = peer(&server);
        assert_eq!(peer.say("BREW / HTTP/1.1\r\nHost: x\r\n\r\n").hear().status, 501);
        assert_eq!(peer.get("/").status, 200, "a method that is not known can be framed nonetheless");
        assert_eq!(server.metric("badpeer_server_rejected_total"), cases.len() as u64);
    }
}

#[apply(timed_test!)]
fn a_peer_that_is_still_sending_can_read_the_refusal() {
    for server in servers() {
        let mut peer = peer(&server);
        peer.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000000\r\n\r\n");
        // Closing at once would answer this with a reset, and the reset would take the answer away.
        for _ in 0..50 {
            peer.say(vec![b'x'; 100_000]);
        }
        thread::sleep(Duration::from_millis(50));
        assert_eq!(peer.hear().status, 413);
        peer.expect_end();
        drop(peer);
        server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
    }
}

#[apply(timed_test!)]
fn the_last_answer_arrives_whatever_the_peer_still_sends() {
    for server in servers() {
        for last in [
            "GET /bytes/200000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /bytes/200000 HTTP/1.0\r\n\r\n",
        ] {
            let before = server.metric("badpeer_server_messages_total");
            let mut peer = Peer::new(server.connect_narrow(16 * 1024));
            peer.say(last);
            server.wait_for("badpeer_server_messages_total", before + 1);
            thread::sleep(Duration::from_millis(20));
            peer.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            if last.contains("1.0") {
                peer.stream.shutdown(Shutdown::Write).unwrap();
            }
            thread::sleep(Duration::from_millis(20));
            assert_eq!(peer.hear().body.len(), 200_000, "a reset takes away what was not read");
            peer.expect_end();
        }
    }
}

/// The server has long closed its side when the peer sends more, and has half of the answer to come.
#[apply(timed_test!)]
fn the_last_answer_arrives_however_slowly_it_is_read() {
    thread::scope(|scope| {
        for server in servers() {
            scope.spawn(move || {
                let mut peer = Peer::new(server.connect_narrow(16 * 1024));
                peer.say("GET /bytes/200000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                thread::sleep(Duration::from_millis(2500));
                peer.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
                thread::sleep(Duration::from_millis(50));
                assert_eq!(peer.hear().body.len(), 200_000, "a reset takes away what was not read");
                peer.expect_end();
                drop(peer);
                server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
            });
        }
    });
}

#[apply(timed_test!)]
fn a_peer_that_never_stops_sending_is_closed_eventually() {
    // One will do: it takes as long as we listen.
    for server in servers().take(1) {
        let mut peer = peer(&server);
        peer.say("nonsense\r\n\r\n");
        while peer.stream.write_all(b"more").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
        server.wait_for("badpeer_ended_total{how=\"completed\"}", 1);
    }
}

#[apply(timed_test!)]
fn lines_are_echoed_until_one_exceeds_the_limit() {
    for kind in every_kind(Service::Line) {
        let receive_limit = options("receive_limit = '1000B'").receive_limit;
        let server = Running::start(&badpeer::profile::ServerOptions { receive_limit, ..kind });
        let mut peer = peer(&server);
        peer.say("one\ntwo\r\nthr").say("ee\n");
        assert_eq!(peer.take(15), b"one\ntwo\r\nthree\n");
        peer.say(vec![b'x'; 1000]);
        assert_eq!(server.eviction()["reason"], "receive_limit");
    }
}
