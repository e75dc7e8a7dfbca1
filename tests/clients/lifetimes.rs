//! When connections begin, how many requests each lives for, and how it ends when the server announces it.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use badpeer::{metric::Metric, record::GroupResult, sys::monotonic_ns};

use super::{driven, driven_at, of};

/// A server that answers every request with this head and `ok`, and then ends the connection.
fn once(head: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a client"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            // The client may have left.
            let _ = reader.get_mut().write_all(format!("{head}\r\n\r\nok").as_bytes());
        }
    });
    address
}

fn asked_once(head: &'static str, keys: &str) -> GroupResult {
    let clients =
        format!("[[clients]]\nname = \"g\"\ncount = 2\nprotocol = \"http\"\nload = {{ depth = 1 }}\n{keys}");
    let group = driven_at(once(head), &clients, 300).groups.remove(0);
    assert!(group.ledger.balances(), "{:?}", group.ledger);
    group
}

#[apply(timed_test!)]
fn an_announced_close_is_no_eviction() {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2",
        "HTTP/1.0 200 OK\r\nContent-Length: 2",
        "HTTP/1.1 200 OK",
    ] {
        // Every HTTP client comes back then, told to or not.
        for keys in ["", "reconnect = { pause = \"1ms\" }"] {
            let group = asked_once(head, keys);
            let (ledger, requests) = (group.ledger, group.requests);
            assert!(ledger.closed_as_announced > 20, "{head}: {ledger:?}");
            assert_eq!(
                (ledger.evicted_fin, ledger.evicted_rst, requests.lost),
                (0, 0, 0),
                "{head}: {ledger:?}"
            );
            assert_eq!(requests.answered, ledger.closed_as_announced, "{head}");
            assert_eq!((group.content.corrupt, group.content.errors), (0, 0), "{head}");
        }
        let spent = asked_once(head, "requests_per_connection = 1");
        let (ledger, requests) = (spent.ledger, spent.requests);
        assert_eq!((ledger.opened, ledger.closed_as_announced), (2, 2), "{head}: {ledger:?}");
        assert_eq!((requests.started, requests.answered, requests.lost), (2, 2, 0), "{head}: {requests:?}");
    }
}

#[apply(timed_test!)]
fn a_close_after_an_error_is_an_eviction() {
    let head = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 2";
    let group = asked_once(head, "");
    assert_eq!((group.ledger.evicted_fin, group.ledger.closed_as_announced), (2, 0), "{:?}", group.ledger);
    assert_eq!((group.requests.started, group.content.errors), (2, 2), "no request follows the last answer");
}

#[apply(timed_test!)]
fn a_get_that_crosses_an_unannounced_close_is_retried_once() {
    let group = asked_once("HTTP/1.1 200 OK\r\nContent-Length: 2", "");
    let (ledger, requests) = (group.ledger, group.requests);
    assert_eq!((ledger.evicted_fin, ledger.evicted_rst, ledger.closed_as_announced), (0, 0, 0), "{ledger:?}");
    assert!(ledger.closed_idle > 4 && ledger.opened > 4, "it reconnects without `reconnect`: {ledger:?}");
    assert!(requests.retried > 4 && requests.answered >= requests.retried, "{requests:?}");
    assert_eq!((requests.lost, group.content.corrupt), (0, 0), "{requests:?}");
}

#[apply(timed_test!)]
fn a_post_that_crosses_an_unannounced_close_is_lost() {
    let keys = "http = { method = \"POST\" }";
    let group = asked_once("HTTP/1.1 200 OK\r\nContent-Length: 2", keys);
    let (ledger, requests) = (group.ledger, group.requests);
    assert_eq!((ledger.evicted_fin + ledger.evicted_rst, ledger.closed_idle), (2, 0), "{ledger:?}");
    assert_eq!((requests.retried, requests.lost), (0, 2), "{requests:?}");
}

/// The longest silence of four clients in a second, in nanoseconds.
fn silence(keys: &str) -> f64 {
    let clients =
        format!("[[clients]]\nname = \"g\"\ncount = 4\nload = {{ depth = 1, payload = 64 }}\n{keys}");
    of(&driven("", &clients, 1000).summaries[0], Metric::LongestSilence)
}

#[apply(timed_test!)]
fn a_finished_group_is_not_silent_and_an_evicted_one_is() {
    let done = silence("requests_per_connection = 50");
    assert!(done < 600e6, "{done} ns: it had asked for all that it was to");
    let thrown_out = silence("tx = \"garbage\"");
    assert!(thrown_out > 800e6, "{thrown_out} ns");
}

#[apply(timed_test!)]
fn a_connection_closes_cleanly_after_its_last_request() {
    for load in
        ["{ depth = 4, payload = 64 }", "{ depth = 25, payload = 64 }", "{ rate = \"4000/s\", payload = 64 }"]
    {
        let clients = format!(
            "[[clients]]\nname = \"g\"\ncount = 4\nload = {load}\nrequests_per_connection = 10\nreconnect = {{}}"
        );
        let group = driven("", &clients, 400).groups.remove(0);
        let (ledger, requests) = (group.ledger, group.requests);
        assert!(ledger.closed_by_us > 20 && ledger.balances(), "{load}: {ledger:?}");
        assert_eq!((ledger.reset_by_us, ledger.evicted_fin, ledger.evicted_rst), (0, 0, 0), "{load}");
        assert_eq!((requests.lost, requests.unanswered), (0, 0), "{load}: {requests:?}");
        let whole = 10 * ledger.closed_by_us;
        assert!(
            (whole..=whole + 10 * ledger.still_alive).contains(&requests.answered),
            "{load}: {requests:?}, {ledger:?}"
        );
    }
}

#[apply(timed_test!)]
fn connections_open_at_the_connect_rate_before_the_load_starts() {
    let clients = r#"
        [[clients]]
        name = "g"
        count = 20
        connect_rate = "100/s"
        load = { rate = "100/s to 300/s over 200ms", payload = 64 }
    "#;
    let before_ns = monotonic_ns();
    let driven = driven("", clients, 400);
    assert_eq!(driven.ports.len(), 20);
    for (index, port) in driven.ports.iter().enumerate() {
        let wanted = Duration::from_millis(10) * index as u32;
        let after = Duration::from_nanos(port.opened_ns - before_ns);
        assert!(after >= wanted, "number {index} came after {after:?}");
    }
    // The load begins with the last connection, after 190 ms or, on a busy machine, later.
    let started_ns = driven.groups[0].loop_started_ns.expect("it started");
    assert!(started_ns >= 190_000_000, "{started_ns}");
    let seconds = (400_000_000 - started_ns) as f64 / 1e9;
    let ramp = seconds.min(0.2);
    let wanted = 100.0 * ramp + 500.0 * ramp * ramp + 300.0 * (seconds - ramp);
    let due = of(&driven.whole[0], Metric::Due);
    assert!((due - wanted).abs() <= 2.0, "{due} requests became due in {seconds} s instead of {wanted}");
    assert_eq!(driven.groups[0].requests.skipped, 0);
}
