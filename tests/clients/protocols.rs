//! Every protocol of the clients, against the reference server if it supports it, or else against a few lines of a
//! server.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use badpeer::{
    codec::{Fault, Flaw},
    metric::Metric,
    record::{Cause, GroupResult},
};

use super::{driven, driven_at};

/// One client with these keys, for 200 ms.
fn group(keys: &str) -> String {
    format!("[[clients]]\nname = \"g\"\ncount = 1\n{keys}")
}

/// What one client of the reference server came to.
fn with_reference(server: &str, keys: &str) -> GroupResult {
    driven(server, &group(keys), 200).groups.remove(0)
}

/// A server for one connection that answers the n-th request, of `size` bytes, with what `answer` makes of it. It ends
/// the connection when that is nothing.
fn fake(size: usize, answer: impl Fn(u64, &[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = vec![0; size];
        for n in 0.. {
            if stream.read_exact(&mut request).is_err() {
                return;
            }
            let bytes = answer(n, &request);
            if bytes.is_empty() || stream.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    address
}

fn with_fake(
    size: usize,
    keys: &str,
    answer: impl Fn(u64, &[u8]) -> Vec<u8> + Send + 'static,
) -> GroupResult {
    driven_at(fake(size, answer), &group(keys), 200).groups.remove(0)
}

fn all_well(result: &GroupResult) {
    let (requests, content) = (result.requests, result.content);
    assert!(requests.answered > 20, "{requests:?}");
    assert_eq!((requests.unanswered, requests.lost), (0, 0));
    assert_eq!((content.corrupt, content.errors, content.first_fault), (0, 0, None));
}

fn first_flaw(result: &GroupResult) -> Option<(u64, Flaw)> {
    result.content.first_fault.and_then(|Fault { at, flaw, .. }| Some((at, flaw?)))
}

const PING: &str = "protocol = \"resp\"\nload = { depth = 1 }";

#[apply(timed_test!)]
fn the_reference_server_passes_every_protocol() {
    for (server, keys) in [
        ("protocol = \"line\"", "protocol = \"line\"\nload = { depth = 3, payload = 100 }"),
        ("protocol = \"http\"", "protocol = \"http\"\nload = { depth = 1 }"),
        (
            "protocol = \"http\"",
            "protocol = \"http\"\nload = { depth = 4, answer = 3 }\nhttp = { method = \"HEAD\" }",
        ),
        (
            "protocol = \"http\"",
            "protocol = \"http\"\nload = { depth = 2, answer = 70000 }\n\
             http = { path = \"/bytes/70000\", check = \"content\" }",
        ),
        (
            "protocol = \"http\"",
            "protocol = \"http\"\nload = { depth = 2, payload = 5000 }\n\
             http = { method = \"POST\", status = 405 }\ntx = { split = {} }",
        ),
        (
            "protocol = \"http\"",
            "protocol = \"raw\"\nload = { rate = \"300/s\" }\n\
             raw = { send = 'HEAD / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n', until = '\\r\\n\\r\\n', check = \"any\" }",
        ),
        (
            "protocol = \"echo\"",
            "protocol = \"raw\"\nload = { depth = 1 }\nraw = { send = '\\x00abc', length = 4 }",
        ),
    ] {
        let result = with_reference(server, keys);
        assert!(result.requests.answered > 20, "{keys}: {:?}", result.requests);
        all_well(&result);
    }
}

#[apply(timed_test!)]
fn an_error_counts_as_an_answer_and_not_as_a_latency() {
    let clients = group("protocol = \"http\"\nload = { depth = 1 }\nhttp = { path = \"/bytes/many\" }");
    let driven = driven("protocol = \"http\"", &clients, 200);
    let result = &driven.groups[0];
    assert!(result.content.errors > 20 && result.content.errors == result.requests.answered, "{result:?}");
    assert_eq!(first_flaw(result), Some((0, Flaw::StatusOther { found: 404 })));
    // How long an error took is no latency, but a bound of what was asked for.
    assert!(driven.censored[0].contains(&(Metric::LatencyP50, Cause::Errors)), "{:?}", driven.censored);
    assert_eq!(result.response_ns.count(), 0);
    assert_eq!(driven.summaries[0].value(Metric::Errors), Some(result.content.errors as f64));
}

#[apply(timed_test!)]
fn a_wrong_protocol_is_reported_as_corrupt() {
    let result = with_reference("protocol = \"line\"", "protocol = \"http\"\nload = { depth = 1 }");
    assert_eq!((result.requests.answered, first_flaw(&result)), (0, Some((0, Flaw::StatusLine))));
    assert!(result.content.corrupt > 20);
}

#[apply(timed_test!)]
fn a_redis_get_returns_the_value_that_was_set() {
    let set = "protocol = \"resp\"\nresp = { command = \"SET k\" }\nload = { depth = 1, payload = 50 }";
    let (sender, receiver) = std::sync::mpsc::channel();
    let result = with_fake(77, set, move |_, request| {
        let _ = sender.send(request[request.len() - 52..request.len() - 2].to_vec());
        b"+OK\r\n".to_vec()
    });
    all_well(&result);
    let value = receiver.recv().expect("a value");
    assert!(receiver.iter().all(|other| other == value));
    let get = "protocol = \"resp\"\nresp = { command = \"GET k\" }\nload = { depth = 1, answer = 50 }";
    let answer = [b"$50\r\n", &value[..], b"\r\n"].concat();
    all_well(&with_fake(20, get, move |_, _| answer.clone()));
}

#[apply(timed_test!)]
fn wrong_bytes_errors_and_unrequested_answers_are_found() {
    let pong = |n| if n == 3 { b"+PUNG\r\n".to_vec() } else { b"+PONG\r\n".to_vec() };
    let wrong = with_fake(14, PING, move |n, _| pong(n));
    assert_eq!((wrong.content.corrupt, first_flaw(&wrong)), (1, Some((23, Flaw::RespOther))));
    let error = with_fake(14, PING, |n, _| if n == 3 { b"-ERR\r\n".to_vec() } else { b"+PONG\r\n".to_vec() });
    assert_eq!((error.content.errors, error.content.corrupt), (1, 0));
    assert_eq!(first_flaw(&error), Some((21, Flaw::RespError)));
    let unasked = with_fake(14, PING, |n, _| b"+PONG\r\n".repeat(if n == 3 { 3 } else { 1 }));
    // From there on it is unknown which answer belongs to which request.
    assert_eq!((unasked.requests.answered, unasked.content.corrupt), (4, 3));
    assert!(matches!(first_flaw(&unasked), Some((_, Flaw::Unasked))), "{:?}", unasked.content);
}

#[apply(timed_test!)]
fn an_http_body_without_a_length_ends_with_the_connection() {
    let get = "protocol = \"http\"\nload = { rate = \"20/s\", depth = 2 }\n\
         http = { headers = { Host = \"x\", User-Agent = \"y\" } }";
    let size = "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n\r\n".len();
    let result = with_fake(size, get, |n, _| match n {
        0 => b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec(),
        _ => Vec::new(),
    });
    assert_eq!(
        (result.requests.answered, result.ledger.closed_as_announced, result.content.corrupt),
        (1, 1, 0)
    );
}
