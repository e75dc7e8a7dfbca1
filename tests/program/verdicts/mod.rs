//! Silence, errors and wrong bytes prove nothing and are never a PASS: servers that are wrong in one way each, driven by the
//! built program.

mod profiles;
mod shapes;
mod wrong;

use std::{
    net::SocketAddr,
    sync::{Once, OnceLock},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use self::wrong::{Act, Requests, answer, ok, serve};
use crate::common::{badpeer, ending, skip, text, without_pictures};

/// Drives the server at this address with four good clients, briefly: the exit code, and what is said on stdout in one line.
fn bench(address: &str, flags: &[&str]) -> (Option<i32>, String) {
    let folder = TempDir::new().expect("a folder");
    let fixed = ["bench", address, "-c", "4", "-d", "700ms", "--warmup", "200ms", "--format", "csv"];
    let output = badpeer(&[&fixed, flags].concat(), folder.path());
    let printed = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.code(), printed)
}

fn http(address: SocketAddr, flags: &[&str]) -> (Option<i32>, String) {
    bench(&format!("http://{address}/page"), flags)
}

/// Whether it passes; asked again, and skipped, where the machine is too busy for anything to be said of time.
fn assert_passes(test: &str, address: SocketAddr, flags: &[&str]) {
    let mut tries = (0..4).map(|_| http(address, flags));
    match tries.find(|(_, printed)| !printed.contains("INVALID")) {
        Some((code, printed)) => assert_eq!(code, Some(0), "{printed}"),
        None => skip(&format!("{test}: the machine is too busy")),
    }
}

fn resp(address: SocketAddr) -> (Option<i32>, String) {
    bench(&address.to_string(), &["-p", "resp"])
}

/// It must fail, and say these words before the first table.
fn assert_fails((code, printed): &(Option<i32>, String), words: &[&str]) {
    assert_eq!(*code, Some(1), "{printed}");
    let (first, _) = printed.split_once("group offered").unwrap_or((printed, ""));
    assert!(first.contains("FAIL"), "what fails is named first: {printed}");
    for words in words {
        assert!(first.contains(words), "`{words}` is missing: {printed}");
    }
}

/// The same of silence, which others may be the cause of where they have the cores.
fn assert_silence_fails(test: &str, found: &(Option<i32>, String), words: &[&str]) {
    if found.0 == Some(4) && found.1.contains("times are not valid") {
        return skip(&format!("{test}: others had the cores"));
    }
    assert_fails(found, words);
}

#[apply(timed_test!)]
fn a_server_that_answers_all_requests_passes() {
    for flags in [&[][..], &["-r", "400"]] {
        assert_passes("a_server_that_answers_all_requests_passes", serve(Requests::Http, |_, _| ok()), flags);
    }
}

#[apply(timed_test!)]
fn error_answers_fail_showing_the_first_one_and_the_remedy() {
    for (status, words) in [
        ("500 Internal Server Error", "read the server's log, or allow it with --status 500"),
        ("404 Not Found", "name a path that exists, or allow it with --status 404"),
        ("301 Moved Permanently", "name the path that it redirects to, or allow it with --status 301"),
    ] {
        let found = http(serve(Requests::Http, move |_, _| answer(status, "no")), &[]);
        let line = format!("answer 1: `HTTP/1.1 {status}`");
        assert_fails(&found, &["good.errors = 0", &line, "Status 2xx is expected", words]);
    }
    let rate = http(serve(Requests::Http, |_, _| answer("404 Not Found", "no")), &["-r", "400"]);
    assert_fails(&rate, &["good.errors = 0", "`HTTP/1.1 404 Not Found`"]);
}

#[apply(timed_test!)]
fn one_error_in_a_hundred_fails() {
    let act = |asked: wrong::Asked, _: &[u8]| {
        if asked.of_all % 100 == 50 { answer("404 Not Found", "no") } else { ok() }
    };
    assert_fails(&http(serve(Requests::Http, act), &[]), &["good.errors = 0", "--status 2xx,404"]);
    let act = |asked: wrong::Asked, _: &[u8]| {
        let is_error = asked.of_all % 100 == 50;
        Act::Say(if is_error { b"-ERR no\r\n".to_vec() } else { b"+PONG\r\n".to_vec() })
    };
    assert_fails(&resp(serve(Requests::Resp, act)), &["good.errors = 0", "`-ERR no`"]);
}

#[apply(timed_test!)]
fn allowed_statuses_are_no_errors() {
    let alternating = || {
        serve(Requests::Http, |asked, _| {
            if asked.of_all % 2 == 0 { ok() } else { answer("404 Not Found", "nothing here") }
        })
    };
    let (code, printed) = http(alternating(), &["--status", "200,404", "--max-wait", "off"]);
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = http(alternating(), &["--status", "2xx,4xx", "--max-wait", "off"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_fails(
        &http(alternating(), &["--status", "404,5xx"]),
        &["good.errors = 0", "Status 404,5xx is expected"],
    );
    let (code, printed) = http(alternating(), &["--check", "none", "--max-wait", "off"]);
    assert_eq!(code, Some(0), "nothing of an answer is judged: {printed}");
}

#[apply(timed_test!)]
fn a_head_with_bare_line_feeds_is_reported_and_not_as_silence() {
    let act = |_: wrong::Asked, _: &[u8]| Act::Say(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok".to_vec());
    let found = http(serve(Requests::Http, act), &[]);
    assert_fails(&found, &["corrupt_bytes = 0", "bare LF", "`HTTP/1.1 200 OK\\nContent-Length: 2\\n\\nok`"]);
}

#[apply(timed_test!)]
fn a_server_that_falls_silent_fails() {
    let test = "a_server_that_falls_silent_fails";
    let hang = |is_silent: fn(wrong::Asked) -> bool| {
        serve(Requests::Http, move |asked, _| if is_silent(asked) { Act::Hang } else { ok() })
    };
    let unanswered = "good.unanswered = 0";
    for flags in [&[][..], &["-r", "400"]] {
        let never = http(hang(|_| true), flags);
        assert_silence_fails(test, &never, &[unanswered, "`good`: none of"]);
        assert_silence_fails(test, &http(hang(|asked| asked.of_all >= 100), flags), &[unanswered]);
        assert_silence_fails(test, &http(hang(|asked| asked.connection % 2 == 1), flags), &[unanswered]);
        assert_silence_fails(test, &http(hang(|asked| asked.connection > 0), flags), &[unanswered]);
        assert_silence_fails(
            test,
            &http(hang(|asked| asked.connection == 2 && asked.number >= 20), flags),
            &[unanswered],
        );
    }
}

#[apply(timed_test!)]
fn connections_without_an_answer_fail() {
    let half = |asked: wrong::Asked, _: &[u8]| if asked.connection % 2 == 1 { Act::Hang } else { ok() };
    let found = http(serve(Requests::Http, half), &[]);
    let silent = "good.silent_connections = 0: 2";
    let wait = "good.longest_wait <= 1s or <= 20 * latency_p50: >";
    // A long wait may be others' where what is silent for good is not.
    let words = if found.1.contains("times are not valid") { &[silent][..] } else { &[silent, wait] };
    assert_silence_fails("connections_without_an_answer_fail", &found, words);
}

#[apply(timed_test!)]
fn a_long_wait_fails_unless_it_is_allowed() {
    // Half a second after the first request, within the window, one of them waits.
    let stall = || {
        let (begun, once) = (OnceLock::new(), Once::new());
        serve(Requests::Http, move |_, _| {
            if begun.get_or_init(Instant::now).elapsed() > Duration::from_millis(500) {
                once.call_once(|| thread::sleep(Duration::from_millis(250)));
            }
            ok()
        })
    };
    let mut tries = (0..4).map(|_| http(stall(), &["--max-wait", "100ms"]));
    match tries.find(|(_, printed)| !printed.contains("INVALID")) {
        Some(found) => assert_fails(&found, &["good.longest_wait <= 100ms: 2"]),
        None => skip("a_long_wait_fails_unless_it_is_allowed: the machine is too busy"),
    }
    for flags in [&["--max-wait", "off"], &["--max-wait", "30s"]] {
        assert_passes("a_long_wait_fails_unless_it_is_allowed", stall(), flags);
    }
}

#[apply(timed_test!)]
fn a_server_that_ends_connections_without_an_answer_fails() {
    let found = http(serve(Requests::Http, |_, _| Act::Close), &[]);
    assert_silence_fails(
        "a_server_that_ends_connections_without_an_answer_fails",
        &found,
        &["good.lost = 0", "good.evicted = 0", "`good`: none of", "the server ended"],
    );
}

#[apply(timed_test!)]
fn changing_answers_fail_as_far_as_check_compares() {
    let changing = || {
        serve(Requests::Http, |asked, _| answer("200 OK", if asked.of_all > 40 { "jello" } else { "hello" }))
    };
    assert_fails(
        &http(changing(), &[]),
        &["corrupt_bytes = 0", "differs from the first one", "--check length"],
    );
    let longer = || {
        serve(Requests::Http, |asked, _| {
            answer("200 OK", if asked.of_all == 40 { "hello!" } else { "hello" })
        })
    };
    assert_fails(
        &http(longer(), &["--check", "length"]),
        &["corrupt_bytes = 0", "6 bytes where 5", "--check status"],
    );
    for (server, check) in
        [(changing(), "length"), (changing(), "status"), (longer(), "status"), (longer(), "none")]
    {
        let (code, printed) = http(server, &["--check", check, "--max-wait", "off"]);
        assert_eq!(code, Some(0), "{check}: {printed}");
    }
}

#[apply(timed_test!)]
fn resp_error_answers_fail() {
    let act = |_: wrong::Asked, _: &[u8]| Act::Say(b"-NOAUTH Authentication required.\r\n".to_vec());
    let found = resp(serve(Requests::Resp, act));
    assert_fails(&found, &["good.errors = 0", "`-NOAUTH Authentication required.`", "send no password"]);
}

#[apply(timed_test!)]
fn another_protocol_is_recognized_by_its_answer() {
    let act = |_: wrong::Asked, _: &[u8]| {
        Act::Say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec())
    };
    for (protocol, size) in [("echo", 128), ("line", 129), ("resp", 14)] {
        let found = bench(&serve(Requests::Echo(size), act).to_string(), &["-p", protocol]);
        assert_fails(
            &found,
            &["corrupt_bytes = 0", "`HTTP/1.1 400 Bad Request", "write the address as http://"],
        );
    }
}

#[apply(timed_test!)]
fn quiet_output_begins_with_the_failures() {
    let (code, printed) = http(serve(Requests::Http, |_, _| answer("404 Not Found", "no")), &["--quiet"]);
    assert_eq!(code, Some(1), "{printed}");
    let verdicts = printed.split_once("FAIL good.errors = 0").expect("the verdict");
    assert!(!verdicts.0.contains("PASS") && verdicts.0.contains("`HTTP/1.1 404 Not Found`"), "{printed}");
}

#[apply(timed_test!)]
fn impossible_bench_flags_are_refused() {
    for (arguments, part) in [
        (&["127.0.0.1:1", "--status", "200"][..], "--status is only for HTTP"),
        (&["127.0.0.1:1", "-p", "resp", "--check", "status"], "every byte of an answer in resp is known"),
        (&["http://127.0.0.1:1/", "--status", "200,ok"], "`ok` is not a status"),
        (
            &["http://127.0.0.1:1/", "--status", "200", "--check", "none"],
            "--check none does not check the status",
        ),
        (&["http://127.0.0.1:1/", "--max-wait", "soon"], "or off"),
    ] {
        let folder = TempDir::new().expect("a folder");
        let (code, printed) = ending(&without_pictures(&[&["bench"], arguments].concat(), folder.path()));
        assert!(code == Some(2) && printed.contains(part), "{arguments:?}: {printed}");
    }
}

#[apply(timed_test!)]
fn bench_flags_set_the_request() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("body.bin"), b"\x00\r\nabc").expect("written");
    for (flags, begins, fields, body) in [
        (
            &["-H", "Accept: text/html", "-H", "X-Odd:one"][..],
            "GET /x?y=1 HTTP/1.1\r\n",
            "Accept: text/html\r\nX-Odd: one\r\n",
            "",
        ),
        (&["-m", "delete"], "DELETE /x?y=1 HTTP/1.1\r\n", "", ""),
        (&["--body", "hello"], "POST /x?y=1 HTTP/1.1\r\n", "Content-Length: 5\r\n", "hello"),
        (
            &["-m", "PUT", "--body", "@body.bin"],
            "PUT /x?y=1 HTTP/1.1\r\n",
            "Content-Length: 6\r\n",
            "\x00\r\nabc",
        ),
    ] {
        // A body stands before the next request.
        let server = serve(Requests::Http, move |asked, request| {
            let text = String::from_utf8_lossy(request);
            let head = if asked.number == 0 { Some(&*text) } else { text.strip_prefix(body) };
            let is_it = head.is_some_and(|head| head.starts_with(begins) && head.contains(fields));
            if is_it { ok() } else { answer("400 Bad Request", "") }
        });
        let address = format!("http://{server}/x?y=1#part");
        let words =
            [&["bench", &address, "-v", "-c", "2", "-d", "300ms", "--warmup", "100ms"][..], flags].concat();
        let (code, printed) = ending(&badpeer(&words, folder.path()));
        // Times may be invalid on a busy machine; an error is one on any.
        assert!(matches!(code, Some(0 | 4)) && !printed.contains("FAIL"), "{flags:?}: {code:?} {printed}");
        assert!(printed.contains("PASS  good.errors = 0"), "{flags:?}: {printed}");
    }
    for (words, part) in [
        (&["bench", "http://host:99999/"][..], "<ADDRESS>: invalid port"),
        (&["bench", "http://u:secret@host/"], "remove the user name"),
        (&["bench", "host:80", "-H", "A: b"], "--header is only for HTTP"),
        (&["bench", "http://host/", "-H", "A: b", "-H", "A: c"], "given twice"),
        (&["bench", "http://host/", "--body", "@none"], "cannot read none"),
        (&["bench", "http://host/", "-m", "GET", "--body", "x"], "GET sends no payload"),
    ] {
        let (code, printed) = ending(&badpeer(words, folder.path()));
        assert_eq!(code, Some(2), "{words:?}: {printed}");
        assert!(printed.contains(part) && !printed.contains("secret"), "{words:?}: {printed}");
    }
}
