//! Every HTTP request names badpeer in its `User-Agent`, unless the user sets another. Through the built program.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use crate::common::{badpeer, ending, with_profile, without_pictures};

/// Request lines, each with the `User-Agent` fields of its head.
type Seen = Arc<Mutex<BTreeSet<(String, Vec<String>)>>>;

/// A server that records the head of every complete request.
fn server() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, seen) = (listener.local_addr().expect("an address"), Seen::default());
    let of_server = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&of_server);
            thread::spawn(move || while_open(&stream, &seen));
        }
    });
    (address, seen)
}

fn while_open(stream: &TcpStream, seen: &Seen) {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let field = |name: &str| {
            let fields = head.lines().filter_map(|line| line.split_once(": "));
            fields
                .filter(|(given, _)| given.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .collect()
        };
        let agents: Vec<String> = field("user-agent");
        let lengths: Vec<String> = field("content-length");
        let line = head.lines().next().unwrap_or_default().to_owned();
        seen.lock().expect("no panic").insert((line, agents));
        let length = lengths.first().and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        let is_whole = reader.read_exact(&mut body).is_ok();
        if !is_whole || writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

fn seen_by(seen: &Seen) -> Vec<(String, Vec<String>)> {
    seen.lock().expect("no panic").iter().cloned().collect()
}

#[test]
fn requests_of_all_clients_name_badpeer_once() {
    let (address, seen) = server();
    let mut text = format!(
        "title = \"t\"\nwarmup = 0\nmeasure = \"700ms\"\n[server]\nattach = {{ address = \"{address}\" }}\n"
    );
    let groups = [
        ("GET", "good", ""),
        ("GET", "pieces", "tx = { fragment = { bytes = 7 } }"),
        ("GET", "split", "tx = { split = {} }"),
        ("GET", "slow-header", "tx = { slow-header = { every = \"1ms\" } }"),
        ("POST", "slow-body", "tx = { slow-body = { bytes = 8, every = \"1ms\" } }"),
        ("GET", "reads-pieces", "rx = { fragment = { bytes = 7 } }"),
    ];
    for (method, name, behavior) in groups {
        let payload = if method == "POST" { ", payload = 32" } else { "" };
        let _ = write!(
            text,
            "[[clients]]\nname = \"{name}\"\ncount = 1\nprotocol = \"http\"\nload = {{ depth = 1{payload} }}\n\
             http = {{ method = \"{method}\", path = \"/{name}\" }}\n{behavior}\n"
        );
    }
    let folder = with_profile(&text);
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml"], folder.path()));
    let agent = vec![format!("badpeer/{}", env!("CARGO_PKG_VERSION"))];
    let mut expected: Vec<_> = groups
        .iter()
        .map(|(method, name, _)| (format!("{method} /{name} HTTP/1.1"), agent.clone()))
        .collect();
    expected.sort();
    assert_eq!(seen_by(&seen), expected, "{code:?} {printed}");
}

#[test]
fn a_given_user_agent_replaces_that_of_badpeer() {
    let (address, seen) = server();
    let folder = TempDir::new().expect("a folder");
    let url = format!("http://{address}/x");
    let words =
        ["bench", &url, "-c", "1", "-d", "300ms", "-H", "user-agent: mine/2", "--bad", "fragmented=1"];
    let (code, printed) = ending(&badpeer(&words, folder.path()));
    assert_eq!(
        seen_by(&seen),
        [("GET /x HTTP/1.1".to_owned(), vec!["mine/2".to_owned()])],
        "{code:?} {printed}"
    );
}
