//! Connections that the server closes while no request is open on them, and requests that wait for a free connection.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use badpeer::{
    metric::Metric,
    record::{Cause, GroupResult},
};

use super::{driven_at, of};

/// A server that has a thread for each connection, where `serve` says when it is over.
fn server(serve: impl Fn(&mut BufReader<TcpStream>, u64) -> bool + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::spawn(move || {
                let stream = stream.expect("a client");
                stream.set_nodelay(true).expect("a socket");
                let mut reader = BufReader::new(stream);
                let mut number = 0;
                while serve(&mut reader, number) {
                    number += 1;
                }
            });
        }
    });
    address
}

/// Reads the head of a request; `false` at the end, and when none comes in time.
fn asked(reader: &mut BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(2) => return true,
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

fn say(reader: &mut BufReader<TcpStream>, text: &str) -> bool {
    reader.get_mut().write_all(text.as_bytes()).is_ok()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Clients of such a server that send so many requests a second between them.
fn group(address: SocketAddr, keys: &str, measure_ms: u64) -> (GroupResult, super::Driven) {
    let text = format!("[[clients]]\nname = \"g\"\nprotocol = \"http\"\n{keys}");
    let driven = driven_at(address, &text, measure_ms);
    let group = driven.groups[0].clone();
    assert!(group.ledger.balances() && group.requests.balance(), "{group:?}");
    (group, driven)
}

/// Closes a connection on which nothing was asked for in that time.
fn impatient(patience_ms: u64) -> SocketAddr {
    server(move |reader, _| {
        let patience = Some(Duration::from_millis(patience_ms));
        reader.get_ref().set_read_timeout(patience).expect("a socket");
        let goes_on = asked(reader);
        goes_on && say(reader, OK)
    })
}

#[apply(timed_test!)]
fn an_idle_connection_closed_by_the_server_is_no_eviction_and_reopens() {
    let (group, _) = group(impatient(600), "count = 4\nload = { rate = \"3/s\" }", 2500);
    assert!(group.ledger.closed_idle >= 4, "{:?}", group.ledger);
    assert_eq!((group.ledger.evicted_fin, group.ledger.evicted_rst), (0, 0), "{:?}", group.ledger);
    assert_eq!((group.requests.lost, group.requests.unanswered, group.content.errors), (0, 0, 0));
    assert!(group.requests.answered >= 6, "{:?}", group.requests);
}

const GIVE_UP: &str = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlate\n";

#[apply(timed_test!)]
fn a_408_on_an_idle_connection_closes_it_without_an_error() {
    // Says so in two pieces.
    let address = server(|reader, _| {
        let patience = Some(Duration::from_millis(600));
        reader.get_ref().set_read_timeout(patience).expect("a socket");
        let goes_on = asked(reader);
        if !goes_on {
            say(reader, &GIVE_UP[..40]);
            thread::sleep(Duration::from_millis(20));
            say(reader, &GIVE_UP[40..]);
        }
        goes_on && say(reader, OK)
    });
    let (group, _) = group(address, "count = 4\nload = { rate = \"3/s\" }", 2500);
    assert!(group.ledger.closed_idle >= 4, "{:?}", group.ledger);
    assert_eq!((group.ledger.evicted_fin, group.ledger.evicted_rst), (0, 0), "{:?}", group.ledger);
    assert_eq!(
        (group.requests.lost, group.content.errors, group.content.corrupt),
        (0, 0, 0),
        "{:?}",
        group.content
    );
    assert!(
        group.content.first_error.is_none() && group.content.first_fault.is_none(),
        "{:?}",
        group.content
    );
    assert!(group.requests.answered >= 6, "{:?}", group.requests);
}

#[apply(timed_test!)]
fn a_request_that_crosses_a_408_is_retried_once() {
    let address = server(|reader, number| {
        let is_odd = number == 1;
        let is_asked = asked(reader);
        is_asked && say(reader, if is_odd { GIVE_UP } else { OK }) && !is_odd
    });
    let (group, _) = group(address, "count = 1\nload = { rate = \"4/s\" }", 3000);
    assert!(group.requests.retried > 3, "{:?}", group.requests);
    assert_eq!(
        (group.requests.lost, group.content.errors, group.content.corrupt),
        (0, 0, 0),
        "{:?}",
        group.content
    );
    assert_eq!(group.ledger.evicted_fin + group.ledger.evicted_rst, 0, "{:?}", group.ledger);
}

#[apply(timed_test!)]
fn a_408_to_the_first_request_or_after_a_long_wait_is_an_error() {
    let address = server(|reader, number| {
        let is_asked = asked(reader);
        if number > 0 {
            thread::sleep(Duration::from_millis(80));
        }
        is_asked && say(reader, if number == 0 { OK } else { GIVE_UP }) && number == 0
    });
    let (group, _) = group(address, "count = 1\nload = { rate = \"20/s\" }", 400);
    assert!(
        group.content.errors >= 1 && group.requests.retried == 0,
        "{:?} {:?}",
        group.content,
        group.requests
    );
}

#[apply(timed_test!)]
fn a_408_without_a_pause_before_it_is_an_error() {
    let address = server(|reader, number| {
        let sheds = number % 4 == 3;
        asked(reader) && say(reader, if sheds { GIVE_UP } else { OK }) && !sheds
    });
    let (group, _) = group(address, "count = 2\nload = { depth = 1 }\nreconnect = {}", 300);
    assert!(group.content.errors >= 2 && group.requests.retried == 0, "{:?}", group.requests);
}

#[apply(timed_test!)]
fn a_request_dropped_after_a_while_is_lost() {
    let address = server(|reader, number| {
        let is_asked = asked(reader);
        if number == 2 {
            thread::sleep(Duration::from_millis(40));
        }
        is_asked && number < 2 && say(reader, OK)
    });
    let (group, _) = group(address, "count = 2\nload = { depth = 1 }", 300);
    assert_eq!((group.requests.lost, group.requests.retried), (2, 0), "{:?}", group.requests);
    assert_eq!(group.ledger.evicted_fin + group.ledger.evicted_rst, 2, "{:?}", group.ledger);
}

#[apply(timed_test!)]
fn a_connection_closed_at_once_is_an_eviction() {
    let address = server(|_, _| false);
    let (group, _) = group(address, "count = 4\nload = { rate = \"1/s\" }", 300);
    let evicted = group.ledger.evicted_fin + group.ledger.evicted_rst;
    assert_eq!((group.ledger.closed_idle, evicted), (0, 4), "{:?}", group.ledger);
}

#[apply(timed_test!)]
fn an_http_open_loop_has_one_request_per_connection() {
    // A server that takes no second request before it has answered the first: it ends the connection.
    let address = server(|reader, _| {
        let is_alone = asked(reader) && {
            thread::sleep(Duration::from_millis(20));
            reader.buffer().is_empty()
        };
        is_alone && say(reader, OK)
    });
    let keys = "count = 2\nload = { rate = \"400/s\" }\nreconnect = {}";
    let (slow, driven) = group(address, keys, 400);
    assert_eq!((slow.ledger.evicted_fin, slow.ledger.evicted_rst, slow.ledger.opened), (0, 0, 2));
    // A hundred a second can be answered. Who waits for a free connection counts from when it was due.
    let [latency, service] =
        [Metric::LatencyP50, Metric::ServiceP50].map(|metric| of(&driven.summaries[0], metric));
    assert!(latency > 200e6 && service < latency / 2.0, "{latency} ns, {service} ns since it was sent");
}

#[apply(timed_test!)]
fn requests_are_pipelined_when_depth_is_set() {
    let address = server(|reader, _| {
        let all = (0..4).all(|_| asked(reader));
        all && say(reader, &OK.repeat(4))
    });
    let (group, _) = group(address, "count = 1\nload = { rate = \"200/s\", depth = 4 }", 400);
    assert!(group.requests.answered > 20, "{:?}", group.requests);
    assert_eq!(group.content.corrupt, 0);
}

#[apply(timed_test!)]
fn a_connection_without_an_answer_is_counted_as_silent() {
    for load in ["{ depth = 1 }", "{ rate = \"500/s\" }"] {
        let (group, driven) = group(deaf_to_one(), &format!("count = 8\nload = {load}"), 500);
        let row = &driven.summaries[0];
        assert_eq!(of(row, Metric::SilentConnections).to_string(), "1", "{load}");
        assert_eq!((group.requests.unanswered, of(row, Metric::SilentShare)), (1, 0.125), "{load}");
        assert!(of(row, Metric::LongestWait) >= 400e6, "{load}: {row:?}");
        assert!(of(row, Metric::FewestAnswers) < 0.5, "{load}");
        let silence = of(row, Metric::LongestSilence);
        assert!(silence < of(row, Metric::LongestWait), "the others were answered: {silence} ns");
        assert!(driven.censored[0].contains(&(Metric::LatencyMax, Cause::Unanswered)), "{load}");
        assert!(of(row, Metric::LatencyMax) >= 400e6, "{load}: no less than it was seen to wait");
    }
}

/// Never answers on the first connection.
fn deaf_to_one() -> SocketAddr {
    let first = Arc::new(AtomicBool::new(true));
    server(move |reader, number| {
        let is_first = number == 0 && first.swap(false, Ordering::Relaxed);
        asked(reader) && (!is_first || asked(reader)) && say(reader, OK)
    })
}

#[apply(timed_test!)]
fn a_closed_loop_evicted_by_the_server_is_silent_until_the_end() {
    let begun = std::time::Instant::now();
    let address = server(move |reader, _| {
        let is_over = begun.elapsed() > std::time::Duration::from_millis(200);
        // A part of an answer, and the end of the connection.
        asked(reader) && say(reader, if is_over { &OK[..OK.len() - 1] } else { OK }) && !is_over
    });
    let (group, driven) = group(address, "count = 4\nload = { depth = 1 }", 1000);
    assert_eq!(group.ledger.evicted_fin + group.ledger.evicted_rst, 4, "{:?}", group.ledger);
    let silence = of(&driven.summaries[0], Metric::LongestSilence);
    assert!((300e6..=1000e6).contains(&silence), "{silence} ns");
}

#[apply(timed_test!)]
fn a_finished_closed_loop_is_not_silent() {
    let address = server(|reader, _| asked(reader) && say(reader, OK));
    let (group, driven) = group(address, "count = 4\nlifetime = \"200ms\"\nload = { depth = 1 }", 1500);
    assert_eq!(group.ledger.opened, 4, "{:?}", group.ledger);
    let silence = of(&driven.summaries[0], Metric::LongestSilence);
    assert!(silence < 500e6, "{silence} ns");
}
