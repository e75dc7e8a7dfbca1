//! Answers that are followed by an RST: their bytes are read before the end is reported.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use badpeer::record::{GroupResult, Ledger};
use nix::{
    libc::linger,
    sys::socket::{setsockopt, sockopt::Linger},
};

use super::driven_at;

const CLIENTS: usize = 48;

/// How the server closes a connection.
#[derive(Clone, Copy)]
enum CloseMethod {
    /// By an RST.
    Reset,
    /// By its FIN, and an RST behind that.
    FinAndReset,
    /// As a program does that has read a part of the request only: the kernel makes an RST of that.
    HalfRead,
}

/// Once so many bytes of a request have come on each connection, each gets an answer and the end in one go: the clients,
/// which hear of the first one, find the others reset before they come to read them.
fn answers_and_resets(request: usize, answer: fn(&[u8]) -> Vec<u8>, end: CloseMethod) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let asked = |_| {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut bytes = vec![0; request];
            stream.read_exact(&mut bytes).expect("a request");
            (stream, bytes)
        };
        let streams: Vec<(TcpStream, Vec<u8>)> = (0..CLIENTS).map(asked).collect();
        for (mut stream, bytes) in streams {
            if !matches!(end, CloseMethod::HalfRead) {
                setsockopt(&stream, Linger, &linger { l_onoff: 1, l_linger: 0 }).expect("a socket");
            }
            stream.write_all(&answer(&bytes)).expect("sent");
            if matches!(end, CloseMethod::FinAndReset) {
                stream.shutdown(Shutdown::Write).expect("a FIN");
            }
        }
        // Who comes again finds a server that says nothing.
        thread::sleep(Duration::from_secs(10));
    });
    address
}

fn group(keys: &str, address: SocketAddr) -> GroupResult {
    let text = format!("[[clients]]\nname = \"g\"\ncount = {CLIENTS}\n{keys}");
    let group = driven_at(address, &text, 800).groups.remove(0);
    assert!(group.ledger.balances() && group.requests.balance(), "{keys}: {group:?}");
    group
}

fn all(ledger: Ledger) -> Ledger {
    Ledger { opened: CLIENTS as u64, ..ledger }
}

const UPLOAD: &str =
    "protocol = \"http\"\nload = { depth = 1, payload = \"1MiB\" }\nhttp = { method = \"POST\" }";
const ONCE: &str = "requests_per_connection = 1\n";

/// Bytes of the least that these requests have.
const HEAD: usize = 16;

#[apply(patient_test!)]
fn an_upload_refused_before_it_was_read_is_an_error_and_not_lost() {
    let refusal = |_: &[u8]| {
        b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()
    };
    for end in [CloseMethod::HalfRead, CloseMethod::Reset] {
        let group = group(UPLOAD, answers_and_resets(HEAD, refusal, end));
        let n = CLIENTS as u64;
        assert_eq!((group.requests.answered, group.requests.lost, group.content.errors), (n, 0, n));
        assert_eq!(group.ledger, all(Ledger { evicted_rst: n, ..Ledger::default() }));
        let first = group.content.first_fault.map(|fault| fault.to_string()).unwrap_or_default();
        let error = group.content.first_error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("413 Content Too Large"), "{error} {first}");
    }
}

#[apply(patient_test!)]
fn an_announced_close_followed_by_rst_stays_announced() {
    let n = CLIENTS as u64;
    let printed = |_: &[u8]| b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_vec();
    let until_end = |_: &[u8]| b"HTTP/1.1 200 OK\r\n\r\nas much as there is".to_vec();
    let get = "protocol = \"http\"\nload = { depth = 1 }";
    for keys in [get, UPLOAD] {
        for (answer, end) in [
            (printed as fn(&[u8]) -> _, CloseMethod::HalfRead),
            (printed, CloseMethod::Reset),
            (until_end, CloseMethod::FinAndReset),
        ] {
            // A GET is read whole.
            if keys == get && matches!(end, CloseMethod::HalfRead) {
                continue;
            }
            let group = group(keys, answers_and_resets(HEAD, answer, end));
            assert_eq!((group.requests.answered, group.requests.lost), (n, 0), "{keys}: {group:?}");
            assert_eq!((group.requests.retried, group.content.errors), (0, 0), "{keys}");
            // Every client of HTTP comes again then.
            let again = Ledger { opened: 2 * n, closed_as_announced: n, still_alive: n, ..Ledger::default() };
            assert_eq!(group.ledger, again, "{keys}");
        }
    }
}

#[apply(patient_test!)]
fn an_answered_request_is_not_retried_after_a_reset() {
    let n = CLIENTS as u64;
    let ok = |_: &[u8]| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
    for load in ["depth = 1", "rate = \"480/s\""] {
        let keys = format!("protocol = \"http\"\nload = {{ {load} }}\n{ONCE}");
        let group = group(&keys, answers_and_resets(HEAD, ok, CloseMethod::Reset));
        let requests = group.requests;
        assert_eq!((requests.answered, requests.lost, requests.retried), (n, 0, 0), "{load}: {requests:?}");
        assert_eq!(group.ledger, all(Ledger { closed_by_us: n, ..Ledger::default() }), "{load}");
    }
}

#[apply(patient_test!)]
fn answers_before_an_rst_count_and_missing_ones_are_lost_in_every_protocol() {
    let n = CLIENTS as u64;
    let echo = |bytes: &[u8]| bytes.to_vec();
    let value = |bytes: &[u8]| bytes[14..].to_vec();
    let resp = "protocol = \"resp\"\nresp = { command = \"ECHO\" }\n";
    let (echoing, line) = ("protocol = \"echo\"\n", "protocol = \"line\"\n");
    for (protocol, request, answer) in
        [(echoing, 100, echo as fn(&[u8]) -> _), (line, 101, echo), (resp, 122, value)]
    {
        let whole = format!("{protocol}load = {{ depth = 1, payload = 100 }}\n{ONCE}");
        let group_of = |keys: &str| group(keys, answers_and_resets(request, answer, CloseMethod::Reset));
        let heard = group_of(&whole);
        assert_eq!((heard.requests.answered, heard.requests.lost), (n, 0), "{protocol}");
        assert_eq!((heard.content.corrupt, heard.content.errors), (0, 0), "{protocol}");
        assert_eq!(heard.ledger, all(Ledger { closed_by_us: n, ..Ledger::default() }), "{protocol}");
        // One of two is answered.
        let two = format!("{protocol}load = {{ depth = 2, payload = 100 }}\nrequests_per_connection = 2\n");
        let cut = group_of(&two);
        assert_eq!((cut.requests.answered, cut.requests.lost), (n, n), "{protocol}");
        assert_eq!(cut.ledger, all(Ledger { evicted_rst: n, ..Ledger::default() }), "{protocol}");
        assert_eq!((cut.content.corrupt, cut.content.errors), (0, 0), "{protocol}");
    }
}

#[apply(patient_test!)]
fn shared_sockets_and_fragmented_readers_get_answers_before_an_rst() {
    let n = CLIENTS as u64;
    for way in [
        "tx = { race = { threads = 2 } }",
        "rx = { race = { threads = 2 } }",
        "rx = { race = { threads = 2, blocking = true } }",
        "rx = { fragment = { bytes = 7 } }",
    ] {
        let keys = format!("protocol = \"echo\"\nload = {{ depth = 1, payload = 100 }}\n{ONCE}{way}\n");
        let group = group(&keys, answers_and_resets(100, <[u8]>::to_vec, CloseMethod::Reset));
        assert_eq!((group.requests.answered, group.requests.lost), (n, 0), "{way}: {group:?}");
        assert_eq!(group.ledger.evicted_rst + group.ledger.closed_by_us, n, "{way}: {:?}", group.ledger);
    }
}

#[apply(patient_test!)]
fn a_slow_reader_loses_unread_answers_at_a_reset() {
    let n = CLIENTS as u64;
    let keys = "protocol = \"echo\"\nload = { depth = 1, payload = 100 }\nrx = { slow = { bytes = 10, every = \"200ms\" } }";
    let group = group(keys, answers_and_resets(100, <[u8]>::to_vec, CloseMethod::Reset));
    assert_eq!((group.requests.answered, group.requests.lost), (0, n), "{group:?}");
    assert_eq!(group.ledger, all(Ledger { evicted_rst: n, ..Ledger::default() }));
}
