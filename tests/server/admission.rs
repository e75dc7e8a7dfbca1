//! Requests in progress, and whole requests that wait until they may be.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use badpeer::codec::{
    content,
    frame::{self, HEADER_BYTES, Header},
};

use crate::fixture::*;

const IN_PROGRESS: &str = "badpeer_requests_in_progress";
const WAITING: &str = "badpeer_requests_waiting";

/// Requests with `payload` bytes each, and answers of 10 bytes.
fn uploads(count: u64, payload: usize) -> Vec<u8> {
    let one = |sequence: u64| {
        let header = Header { sequence, stream: 1, answer: 10, offset: sequence * 10 };
        let mut bytes = frame::opening(&header, payload).to_vec();
        bytes.resize(HEADER_BYTES + payload, 0);
        content::fill(1, header.offset, &mut bytes[HEADER_BYTES..]);
        bytes
    };
    (0..count).flat_map(one).collect()
}

fn asking(server: &Watched, bytes: &[u8]) -> TcpStream {
    let mut stream = server.connect();
    stream.write_all(bytes).unwrap();
    stream
}

#[apply(timed_test!)]
fn no_more_requests_are_in_progress_than_the_limit_and_none_is_lost() {
    for options in every_kind_with("processing_time = '5ms'\nconcurrency_limit = 2") {
        let server = Running::start(&options);
        let begun = Instant::now();
        let streams: Vec<_> = (0..8).map(|_| asking(&server, &requests(10, 100))).collect();
        let readers: Vec<_> = streams
            .into_iter()
            .map(|mut stream| {
                thread::spawn(move || {
                    expect_answers(&mut stream, 10, 100, Duration::ZERO);
                    stream
                })
            })
            .collect();
        let mut most = 0;
        while readers.iter().any(|reader| !reader.is_finished()) {
            most = most.max(server.metric(IN_PROGRESS));
        }
        assert_eq!(most, 2);
        assert!(begun.elapsed() >= Duration::from_millis(200), "80 requests of 5 ms, two at a time");
        for reader in readers {
            drop(reader.join().unwrap());
        }
        server.wait_for("badpeer_connections", 0);
        let metrics = server.metrics();
        assert_eq!((metrics[IN_PROGRESS], metrics[WAITING]), (0, 0));
        assert_eq!(metrics["badpeer_server_messages_total"], 80);
    }
}

#[apply(timed_test!)]
fn one_request_of_a_connection_is_in_progress_at_a_time() {
    for options in every_kind_with("processing_time = '20ms'") {
        let server = Running::start(&options);
        let begun = Instant::now();
        let mut streams: Vec<_> = (0..20).map(|_| asking(&server, &requests(3, 10))).collect();
        server.wait_for(IN_PROGRESS, 20);
        for stream in &mut streams {
            expect_answers(stream, 3, 10, Duration::ZERO);
        }
        assert!(begun.elapsed() >= Duration::from_millis(60), "{:?}", begun.elapsed());
        assert_eq!(server.metric(WAITING), 0, "without a limit, no request waits for another connection's");
    }
}

#[apply(timed_test!)]
fn whole_requests_wait_in_receive_buffers_up_to_the_limit() {
    const LIMIT: u64 = 64 << 10;
    let knobs = "processing_time = '30s'\nconcurrency_limit = 1\nreceive_limit = '64KiB'";
    for options in every_kind_with(knobs) {
        let server = Running::start(&options);
        let waiting: Vec<_> = (0..4).map(|_| asking(&server, &uploads(20, 10_000))).collect();
        server.wait_for("badpeer_reads_paused_total", 4);
        let held = server.metric("badpeer_receive_buffered");
        assert_eq!(held, 4 * LIMIT, "the rest waits in the kernel");
        assert_eq!((server.metric(IN_PROGRESS), server.metric(WAITING)), (1, 3));
        thread::sleep(Duration::from_millis(50));
        let before = server.waits();
        thread::sleep(Duration::from_millis(100));
        assert_eq!(server.waits(), before, "a request that waits does not spin");
        drop(waiting);
    }
}

#[apply(timed_test!)]
fn requests_behind_a_full_receive_buffer_are_answered_in_order() {
    let knobs = "processing_time = '1ms'\nconcurrency_limit = 1\nreceive_limit = '64KiB'";
    for options in every_kind_with(knobs) {
        let server = Running::start(&options);
        let mut streams: Vec<_> = (0..3).map(|_| asking(&server, &uploads(30, 10_000))).collect();
        for stream in &mut streams {
            expect_answers(stream, 30, 10, Duration::ZERO);
        }
        assert!(server.metric("badpeer_reads_paused_total") > 0);
        assert_eq!(server.ask("/evictions").lines().count(), 1, "nobody was evicted");
    }
}

#[apply(timed_test!)]
fn a_connection_that_ends_gives_its_place_to_the_next() {
    for options in every_kind_with("processing_time = '30s'\nconcurrency_limit = 1") {
        let server = Running::start(&options);
        let mut streams: Vec<_> = (0..4)
            .map(|n| {
                let stream = asking(&server, &requests(2, 10));
                server.wait_for(IN_PROGRESS, 1);
                server.wait_for(WAITING, n);
                stream
            })
            .collect();
        // The last one waits, the first one is in progress.
        for (place, waiting) in [(3, 2), (0, 1), (0, 0)] {
            reset(streams.remove(place));
            server.wait_for(WAITING, waiting);
            assert_eq!(server.metric(IN_PROGRESS), 1);
        }
        reset(streams.remove(0));
        server.wait_for(IN_PROGRESS, 0);
        server.wait_for("badpeer_connections", 0);
        assert_eq!(server.metric("badpeer_server_messages_total"), 0);
    }
}

#[apply(timed_test!)]
fn connections_take_turns() {
    for options in every_kind_with("processing_time = '50ms'\nconcurrency_limit = 1") {
        let server = Running::start(&options);
        let mut many = asking(&server, &requests(20, 10));
        server.wait_for(IN_PROGRESS, 1);
        let mut one = asking(&server, &request(0, 10));
        expect_answers(&mut one, 1, 10, Duration::ZERO);
        let answered = server.metric("badpeer_server_messages_total");
        assert!(answered <= 10, "behind one request of the other connection, not behind 20: {answered}");
        expect_answers(&mut many, 20, 10, Duration::ZERO);
    }
}

#[apply(timed_test!)]
fn a_connection_whose_request_waits_is_neither_idle_nor_late() {
    let knobs =
        "processing_time = '200ms'\nconcurrency_limit = 1\nidle_timeout = '150ms'\nmessage_timeout = '100ms'";
    for options in every_kind_with(knobs) {
        let server = Running::start(&options);
        let bytes = [request(0, 10), request(1, 10)[..20].to_vec()].concat();
        let mut streams: Vec<_> = (0..3).map(|_| asking(&server, &bytes)).collect();
        for stream in &mut streams {
            expect_answers(stream, 1, 10, Duration::ZERO);
            // What the peer has not sent counts from when the server has come to it.
            assert!(drain(stream).is_err(), "evicted");
        }
        let evictions = server.metric("badpeer_evictions_total{reason=\"message_timeout\"}");
        assert_eq!(evictions, 3, "{:?}", server.metrics());
    }
}

#[apply(timed_test!)]
fn a_half_closed_peer_gets_the_answers_to_requests_that_waited() {
    for options in every_kind_with("processing_time = '10ms'\nconcurrency_limit = 1") {
        let server = Running::start(&options);
        let mut streams: Vec<_> = (0..3).map(|_| asking(&server, &requests(5, 10))).collect();
        for stream in &streams {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        for stream in &mut streams {
            expect_answers(stream, 5, 10, Duration::ZERO);
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an orderly end");
        }
        server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 3);
    }
}

#[apply(timed_test!)]
fn requests_that_wait_are_answered_after_a_signal() {
    for trigger in ["level", "edge"] {
        let flags = ["--processing-time", "50ms", "--concurrency-limit", "1", "--drain", "20s"];
        let serving = Serving::start(&[&flags[..], &["--trigger", trigger]].concat());
        let mut streams: Vec<_> = (0..3).map(|_| asking(&serving.server, &requests(3, 10))).collect();
        serving.server.wait_for(WAITING, 2);
        serving.terminate();
        for stream in &mut streams {
            expect_answers(stream, 3, 10, Duration::ZERO);
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an orderly end");
        }
        drop(streams);
        assert!(serving.ended().as_secs() < 5);
    }
}

#[apply(timed_test!)]
fn a_place_is_kept_for_no_peer_that_sends_slowly() {
    for options in every_kind_with("processing_time = '1ms'\nconcurrency_limit = 1") {
        let server = Running::start(&options);
        let _half_sent: Vec<_> = (0..3).map(|_| asking(&server, &request(0, 10)[..20])).collect();
        let mut stream = asking(&server, &requests(5, 10));
        expect_answers(&mut stream, 5, 10, Duration::ZERO);
        assert_eq!((server.metric(IN_PROGRESS), server.metric(WAITING)), (0, 0));
    }
}

#[apply(timed_test!)]
fn a_place_is_kept_for_no_body_that_comes_slowly() {
    for parsing in ["whole", "line-by-line"] {
        let knobs = format!(
            "protocol = 'http'\nhead_parsing = '{parsing}'\nprocessing_time = '1ms'\nconcurrency_limit = 1"
        );
        for options in every_kind_with(&knobs) {
            let server = Running::start(&options);
            let post = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
            let mut slow = asking(&server, post.as_bytes());
            let mut start = [0; 25];
            slow.read_exact(&mut start).unwrap();
            assert_eq!(&start, b"HTTP/1.1 100 Continue\r\n\r\n", "at once");
            let get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            let mut text = String::new();
            asking(&server, get.as_bytes()).read_to_string(&mut text).unwrap();
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
            assert_eq!((server.metric(IN_PROGRESS), server.metric(WAITING)), (0, 0));
            slow.write_all(b"hello").unwrap();
            slow.read_exact(&mut start).unwrap();
            assert_eq!(&start[..12], b"HTTP/1.1 405", "once its body has come");
        }
    }
}

#[apply(timed_test!)]
fn http_requests_wait_with_their_bodies() {
    let knobs = "protocol = 'http'\nprocessing_time = '10ms'\nconcurrency_limit = 1";
    for options in every_kind_with(knobs) {
        let server = Running::start(&options);
        let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
        let last = "GET /bytes/100000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let bytes = [post, post, last].concat();
        let mut streams: Vec<_> = (0..3).map(|_| asking(&server, bytes.as_bytes())).collect();
        for stream in &mut streams {
            let mut text = Vec::new();
            stream.read_to_end(&mut text).unwrap();
            let answers = text.windows(9).filter(|piece| *piece == b"HTTP/1.1 ").count();
            assert!(answers == 3 && text.len() > 100_000, "{answers} answers, {} bytes", text.len());
        }
    }
}
