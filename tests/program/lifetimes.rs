//! Connections that a server ends in good order, clients that come back no faster than they may, and answers that are slow or
//! of another success than 200. Through the built program.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{BADPEER, ending, number, repeat, texts, with_profile, without_pictures};

/// A request: its number on its connection, from 0, and its head.
struct Asked {
    number: u64,
    head: String,
}

/// A server with a thread for each connection; `answer` says what is answered, and whether the connection goes on.
fn server(answer: impl Fn(&Asked) -> (String, bool) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || converse(stream, &answer));
        }
    });
    address
}

fn converse(stream: TcpStream, answer: &impl Fn(&Asked) -> (String, bool)) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    for number in 0.. {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let (printed, goes_on) = answer(&Asked { number, head });
        if reader.get_mut().write_all(printed.as_bytes()).is_err() {
            return;
        }
        if !goes_on {
            // With bytes unread the kernel would answer with an RST, and the client might lose the last answer.
            let _ = reader.get_ref().shutdown(Shutdown::Write);
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
            return;
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// A profile of one group of HTTP clients against that address.
fn profile(address: SocketAddr, group: &str, expect: &str) -> String {
    format!(
        "title = \"lives\"\nwarmup = \"100ms\"\nmeasure = \"500ms\"\n[server]\nattach = {{ address = \"{address}\" }}\n\
         [[clients]]\nname = \"good\"\nprotocol = \"http\"\n{group}\n[expect]\n{expect}\n"
    )
}

/// Runs a profile: exit code, what was said, and its only repeat.
fn run(text: &str) -> (Option<i32>, String, Value) {
    let folder = with_profile(text);
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml", "--quiet"], folder.path()));
    (code, in_one_line(&printed), repeat(folder.path(), "quick"))
}

fn in_one_line(printed: &str) -> String {
    printed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether others had the cores for so long that nothing, or nothing of time, is judged.
fn has_doubts(repeat: &Value) -> bool {
    ["disturbed", "invalid"].iter().any(|key| !texts(repeat, key).is_empty())
}

/// Whether nothing failed, or the host was too busy to decide.
fn is_well(code: Option<i32>) -> bool {
    matches!(code, Some(0 | 4))
}

fn bench(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = TempDir::new().expect("a folder");
    let (code, printed) =
        ending(&without_pictures(&[&["bench", "--quiet"], arguments].concat(), folder.path()));
    (code, in_one_line(&printed))
}

/// The part of 30 bytes that is asked for, after a pause that is longer for later ones.
fn part_of_thirty(asked: &Asked, last: &str) -> String {
    let range = asked.head.lines().find_map(|line| line.strip_prefix("Range: bytes=")).expect("a range");
    let (first, end) = range.trim().split_once('-').expect("two ends");
    let [first, end]: [usize; 2] = [first, end].map(|text| text.parse().expect("a number"));
    thread::sleep(Duration::from_millis(first as u64));
    let body = &"abcdefghijklmnopqrstuvwxyz0123"[first..=end];
    let length = body.len();
    format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{end}/30\r\n{last}Content-Length: {length}\r\n\r\n{body}"
    )
}

#[apply(timed_test!)]
fn a_download_continues_when_the_server_closes_its_connections() {
    let group = "count = 3\nload = { depth = 1, answer = \"30B\" }\nhttp = { ranges = true }";
    let expect = "\"good.downloads\" = \">= 3\"\n\"good.evicted\" = \"= 0\"\n\"good.lost\" = \"= 0\"";
    for last in ["", "Connection: close\r\n"] {
        let address = server(move |asked| (part_of_thirty(asked, last), false));
        let (code, printed, repeat) = run(&profile(address, group, expect));
        assert!(is_well(code), "{last}: {printed}");
        let opened = repeat["groups"][0]["ledger"]["opened"].as_u64();
        assert!(opened > Some(5), "{last}: {opened:?}");
    }
}

#[apply(timed_test!)]
fn an_open_loop_works_without_a_connection_on_the_first_thread() {
    let command = ["--", BADPEER, "serve", "--protocol", "http", "--listen", "{address}"];
    let arguments =
        ["http://127.0.0.1:0/bytes/100", "-t", "2", "-c", "3", "-d", "300ms", "--max-wait", "off"];
    let bad = ["--bad", "slow-reader=1", "--bad-path", "/bytes/8388608"];
    let (_, printed) = bench(&[&arguments[..], &bad, &command].concat());
    assert!(!printed.contains("never started"), "{printed}");
}

#[apply(timed_test!)]
fn answers_of_a_slow_server_are_awaited() {
    let address = server(|_| {
        thread::sleep(Duration::from_millis(1500));
        (OK.to_owned(), true)
    });
    // The second answer to each comes 0.9 s after the end of the window.
    let at = format!("http://{address}/");
    let (code, printed) =
        bench(&[&at, "-v", "-c", "4", "-d", "2s", "--warmup", "100ms", "--max-wait", "30s"]);
    assert!(is_well(code) && printed.contains("good.unanswered = 0: 0"), "{printed}");
}

#[apply(timed_test!)]
fn a_rate_limited_by_badpeer_makes_a_run_invalid() {
    let address = server(|_| (LAST.to_owned(), false));
    let group = "count = 8\nload = { depth = 1 }\nrequests_per_connection = 1";
    let expect = "\"good.requests_rate\" = \"< 5000/s\"";
    let (code, printed, repeat) = run(&profile(address, &format!("{group}\nreconnect = {{}}"), expect));
    let notes = texts(&repeat, "notes");
    assert!(
        notes.contains("to be opened again, because badpeer opens at most 1000/s (reconnect.at_most)"),
        "{notes}: {printed}"
    );
    assert_eq!(code, Some(4), "{printed}");
    assert!(has_doubts(&repeat) || printed.contains("The load generator was the limit"), "{printed}");
    // Where the profile is about that bound, what comes of it is what it wanted to know.
    let bounded = format!("{group}\nreconnect = {{ at_most = \"500/s\" }}");
    let (code, printed, repeat) = run(&profile(address, &bounded, expect));
    let notes = texts(&repeat, "notes");
    assert!(notes.contains("limited by the profile, not by the server"), "{notes}: {printed}");
    assert!(code == Some(0) || has_doubts(&repeat), "{printed}");
}

#[apply(timed_test!)]
fn an_unreachable_rate_is_refused() {
    let at = "http://127.0.0.1:9/";
    let (code, printed) = bench(&[at, "-r", "12000", "--requests-per-connection", "1"]);
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("cannot be reached") && printed.contains("10000/s"), "{printed}");
    let (code, printed) = bench(&[at, "-r", "12000", "--requests-per-connection", "2", "--print-profile"]);
    assert_eq!(code, Some(0), "{printed}");
}

#[apply(timed_test!)]
fn every_2xx_is_a_success_by_default() {
    for (status, is_success) in [("201 Created", true), ("206 Partial Content", true), ("302 Found", false)] {
        let address = server(move |_| (OK.replace("200 OK", status), true));
        let at = format!("http://{address}/");
        let arguments = [&at, "-c", "2", "-d", "300ms", "--warmup", "100ms", "--max-wait", "off"];
        let (code, printed) = bench(&arguments);
        assert_eq!(is_well(code), is_success, "{status}: {printed}");
        let (code, printed) = bench(&[&arguments[..], &["--status", "200"]].concat());
        assert_eq!(code, Some(1), "{status}: {printed}");
    }
    let address = server(|_| ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), true));
    let (code, printed, _) =
        run(&profile(address, "count = 2\nload = { depth = 1 }", "\"good.errors\" = \"= 0\""));
    assert!(is_well(code), "{printed}");
}

#[apply(timed_test!)]
fn requests_pipelined_behind_an_announced_close_are_retried() {
    let address = server(|asked| {
        let is_last = asked.number % 10 == 9;
        (if is_last { LAST } else { OK }.to_owned(), !is_last)
    });
    let expect = "\"good.lost\" = \"= 0\"\n\"good.evicted\" = \"= 0\"\n\"good.unanswered\" = \"= 0\"";
    for load in ["depth = 4", "rate = 2000, depth = 4"] {
        let (code, printed, repeat) =
            run(&profile(address, &format!("count = 2\nload = {{ {load} }}"), expect));
        assert!(is_well(code), "{load}: {printed}");
        let announced = repeat["groups"][0]["ledger"]["closed_as_announced"].as_u64();
        assert!(announced > Some(4), "{load}: {announced:?}");
        if !load.contains("rate") {
            assert!(number(&repeat, "good.retried_share") > 0.05, "{load}: {printed}");
        }
    }
}
