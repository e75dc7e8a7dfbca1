//! What a profile may claim: nothing of good clients that were not served, and no PASS beside unexpected wrong bytes.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::wrong::{Act, Asked, Requests, answer, ok, serve};
use crate::common::{
    BADPEER, badpeer, ending,
    process::{send, started},
    record, text, with_profile,
};

/// A profile of four good clients with these keys, against the server at this address.
fn profile(attach: &str, keys: &str, expect: &str) -> String {
    format!(
        "title = \"a server\"\nwarmup = \"200ms\"\nmeasure = \"1s\"\nsample_every = \"50ms\"\n[server]\nattach = {{ {attach} }}\n\
         [[clients]]\nname = \"good\"\ncount = 4\n{keys}\n[expect]\n{expect}\n"
    )
}

fn at(address: SocketAddr) -> String {
    format!("address = \"{address}\"")
}

const HTTP: &str = "protocol = \"http\"\nload = { depth = 1 }";
const ECHO: &str = "protocol = \"echo\"\nload = { rate = \"400/s\", payload = \"100B\" }";

/// Runs it; exit code, and what is said.
fn run(attach: &str, keys: &str, expect: &str) -> (Option<i32>, String, Value) {
    let folder = with_profile(&profile(attach, keys, expect));
    let (code, printed) =
        ending(&badpeer(&["run", "quick.toml", "--format", "markdown,junit,csv"], folder.path()));
    let latest = folder.path().join("reports/quick/latest");
    let files =
        ["summary.md", "junit.xml"].map(|name| fs::read_to_string(latest.join(name)).unwrap_or_default());
    let printed = [printed, files.concat()].concat().split_whitespace().collect::<Vec<_>>().join(" ");
    (code, printed, record(folder.path(), "quick"))
}

/// An echo in which one byte of the 30th message of each connection is another.
fn faulty_server() -> SocketAddr {
    serve(Requests::Echo(100), |asked, request| {
        let mut bytes = request.to_vec();
        if asked.number == 30 {
            bytes[50] ^= 1;
        }
        Act::Say(bytes)
    })
}

#[apply(timed_test!)]
fn unanswered_good_clients_make_a_run_inconclusive() {
    let silent = at(serve(Requests::Http, |_, _| Act::Hang));
    for expect in ["", "\"good.evicted\" = \"= 0\"", "corrupt_bytes = \"= 0\""] {
        let (code, printed, record) = run(&silent, HTTP, expect);
        assert_eq!(code, Some(4), "{expect}: {printed}");
        let why =
            "No request of `good` was answered in the window (4 were sent), and no expectation covers this";
        assert!(printed.contains("INCONCLUSIVE") && printed.contains(why), "{printed}");
        assert!(printed.contains("<skipped message=\"INCONCLUSIVE: No request of"), "{printed}");
        let verdicts = record["points"][0]["verdicts"].as_array().expect("verdicts");
        assert!(verdicts.iter().any(|verdict| verdict["reason"].as_str().is_some_and(|r| r.contains(why))));
    }
    let (code, printed, _) = run(&silent, HTTP, "\"good.unanswered\" = \"> 0\"");
    assert_eq!(code, Some(0), "it is the question: {printed}");
}

#[apply(timed_test!)]
fn a_closed_loop_that_runs_dry_is_inconclusive() {
    // A fifth of a second into the window of a second, and for good: too few requests are open for any percentile to
    // show it.
    let from_then_on = |act: fn() -> Act| {
        let begun = OnceLock::new();
        let is_over = move || begun.get_or_init(Instant::now).elapsed() > Duration::from_millis(400);
        at(serve(Requests::Http, move |_, _| if is_over() { act() } else { ok() }))
    };
    for act in [|| Act::Hang, || Act::Close] {
        let expect = "server_rss_peak = \"< 10GiB\"";
        let (code, printed, _) = run(&from_then_on(act), HTTP, expect);
        assert_eq!(code, Some(4), "{printed}");
        assert!(
            printed.contains("INCONCLUSIVE") && printed.contains("`good` got no answer for"),
            "{printed}"
        );
    }
    let expect = "server_rss_peak = \"< 10GiB\"\n\"good.longest_silence\" = \"< 200ms\"";
    let (code, printed, _) = run(&from_then_on(|| Act::Hang), HTTP, expect);
    assert!(code == Some(1) || printed.contains("INVALID"), "{printed}");
}

#[apply(timed_test!)]
fn wrong_bytes_fail_without_an_expectation() {
    let (code, printed, _) = run(&at(faulty_server()), ECHO, "server_rss_peak = \"< 10GiB\"");
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FAIL corrupt_bytes = 0 (implied)"), "{printed}");
    let named = "server_rss_peak = \"< 10GiB\"\ncorrupt_bytes = \">= 0B\"";
    let (code, printed, _) = run(&at(faulty_server()), ECHO, named);
    assert_eq!(code, Some(0), "the profile says otherwise: {printed}");
}

#[apply(timed_test!)]
fn errors_fail_without_an_expectation() {
    let act = |asked: Asked, _: &[u8]| if asked.number == 5 { answer("404 Not Found", "no") } else { ok() };
    let server = || at(serve(Requests::Http, act));
    let (code, printed, _) = run(&server(), HTTP, "\"good.evicted\" = \"= 0\"");
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("FAIL good.errors = 0 (implied)")
            && printed.contains("http = { status = \"2xx,404\" }"),
        "{printed}"
    );
    let allowed = HTTP.to_owned() + "\nhttp = { status = [200, \"4xx\"] }";
    for (keys, expect) in [
        (HTTP, "\"good.errors\" = \"= 4\""),
        (&allowed, "\"good.errors\" = \"= 0\""),
        (&allowed, "\"good.evicted\" = \"= 0\""),
    ] {
        let (code, printed, _) = run(&server(), keys, expect);
        assert_eq!(code, Some(0), "{expect}: {printed}");
    }
}

#[apply(timed_test!)]
fn latencies_of_unanswered_requests_are_lower_bounds() {
    let act = |asked: Asked, _: &[u8]| if asked.of_all >= 200 { Act::Hang } else { ok() };
    let open = "protocol = \"http\"\nload = { rate = \"400/s\" }";
    let expect = "\"good.latency_p99\" = \"< 100ms\"";
    let folder = with_profile(&profile(&at(serve(Requests::Http, act)), open, expect));
    let (code, printed) = ending(&badpeer(&["run", "quick.toml", "--format", "csv"], folder.path()));
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("FAIL  good.latency_p99 < 100ms: > ") && printed.contains("(unanswered)"),
        "{printed}"
    );
    let summary =
        fs::read_to_string(folder.path().join("reports/quick/latest/summary.csv")).expect("a table");
    assert!(summary.lines().next().is_some_and(|head| head.ends_with(",censored")), "{summary}");
    assert!(summary.contains("good.latency_p99=unanswered"), "{summary}");
}

fn run_in(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(BADPEER);
    command.args(arguments).current_dir(folder).env("TMPDIR", folder);
    started(command)
}

#[apply(timed_test!)]
fn wrong_bytes_fail_even_in_an_invalid_repeat() {
    let expect = "corrupt_bytes = \"= 0\"\n\"good.latency_p99\" = \"< 10s\"";
    let folder = with_profile(&profile(&at(faulty_server()), ECHO, expect).replace("\"1s\"", "\"2s\""));
    let mut child = run_in(folder.path(), &["run", "quick.toml", "--format", "junit,markdown"]);
    // Half of the time, whenever its window begins.
    while child.try_wait().expect("an end").is_none() {
        for stop_or_go in [Signal::SIGSTOP, Signal::SIGCONT] {
            send(stop_or_go, child.id());
            thread::sleep(Duration::from_millis(100));
        }
    }
    let (code, printed) = ending(&child.wait_with_output().expect("an end"));
    let record = record(folder.path(), "quick");
    assert_ne!(record["points"][0]["trials"][0]["invalid"], serde_json::json!([]), "{printed}");
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("FAIL  corrupt_bytes = 0") && printed.contains("INVALID good.latency_p99"),
        "{printed}"
    );
    assert!(printed.contains("High load does not excuse this."), "{printed}");
    let latest = folder.path().join("reports/quick/latest");
    let page = fs::read_to_string(latest.join("summary.md")).expect("a page");
    assert!(page.starts_with("# FAIL: "), "{page}");
    let junit = fs::read_to_string(latest.join("junit.xml")).expect("cases");
    assert!(junit.contains("failures=\"1\""), "{junit}");
}

#[apply(timed_test!)]
fn a_server_that_dies_fails_and_its_measurements_are_kept() {
    // The process that is watched in the server's place.
    let mut process = Command::new("sleep").arg("100").spawn().expect("sleep");
    let attach = format!("{}, pid = {}", at(faulty_server()), process.id());
    let expect = "corrupt_bytes = \"= 0\"\n\"good.latency_p99\" = \"< 10s\"";
    let folder = with_profile(&profile(&attach, ECHO, expect).replace("\"1s\"", "\"20s\""));
    let child = run_in(folder.path(), &["run", "quick.toml", "--json", "--format", "junit"]);
    thread::sleep(Duration::from_millis(1500));
    process.kill().expect("killed");
    process.wait().expect("an end");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let parsed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(parsed[0]["outcome"], "FAIL", "{parsed}");
    assert!(
        parsed[0]["meaning"].as_str().is_some_and(|words| words.contains("the server exited by itself")),
        "{parsed}"
    );
    let point = &record(folder.path(), "quick")["points"][0];
    assert!(point["trials"][0]["died"].as_str().is_some_and(|how| how.contains("is gone")), "{point}");
    let outcomes = [&point["verdicts"][0]["outcome"], &point["verdicts"][1]["outcome"]];
    assert_eq!(outcomes, ["FAIL", "INCONCLUSIVE"], "{point}");
    let junit = fs::read_to_string(folder.path().join("reports/quick/latest/junit.xml")).expect("cases");
    assert!(junit.contains("the server stays alive") && junit.contains("failures=\"2\""), "{junit}");
}
