//! What was not answered is in the figures: servers and clients that are stopped, loads that start too late, runs that are
//! cut short. Through the built program.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Child,
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    ending, heeding, number,
    one_at_a_time::OneAtATime,
    process::{Mortal, send, serving, started, stop_for},
    repeat, skip,
};

/// One test at a time: each is about time, and they would be each other's noise.
static ONE: OneAtATime = OneAtATime::new();

/// A reference server that speaks HTTP and ends with the test.
fn serving_http() -> (Mortal, SocketAddr) {
    let (server, address) = serving(&["--protocol", "http"]);
    (server, address.parse().expect("an address"))
}

/// Starts badpeer in that folder.
fn run_in(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = heeding();
    command.args(arguments).current_dir(folder).env("TMPDIR", folder);
    started(command)
}

/// Exit code, and all that was said in one line.
fn ended(child: Child) -> (Option<i32>, String) {
    let (code, printed) = ending(&child.wait_with_output().expect("an end"));
    (code, printed.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A profile of one group of HTTP clients against that address.
fn profile(address: SocketAddr, measure: &str, group: &str, expect: &str) -> String {
    format!(
        "title = \"silence\"\nwarmup = \"500ms\"\nmeasure = \"{measure}\"\n[server]\n\
         attach = {{ address = \"{address}\" }}\n[[clients]]\nname = \"good\"\nprotocol = \"http\"\n{group}\n\
         [expect]\n{expect}\n"
    )
}

/// Runs that profile from a folder of its own, and does something after so many milliseconds.
fn run(text: &str, after_ms: u64, meanwhile: impl FnOnce(&Child)) -> (Option<i32>, String, Value) {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("silence.toml"), text).expect("written");
    let child = run_in(folder.path(), &["run", "silence.toml", "-v", "--format", "csv"]);
    thread::sleep(Duration::from_millis(after_ms));
    meanwhile(&child);
    let (code, printed) = ended(child);
    (code, printed, repeat(folder.path(), "silence"))
}

#[apply(timed_test!)]
fn requests_without_a_free_connection_count_from_their_due_time() {
    let _turn = ONE.turn();
    let (server, address) = serving_http();
    let group = "count = 16\nload = { rate = \"500/s\" }\nrequests_per_connection = 1\n\
                 reconnect = { at_most = \"10000/s\" }";
    let expect = "\"good.latency_p99\" = \"< 100ms\"";
    let mut pause = Duration::ZERO;
    let text = profile(address, "4s", group, expect);
    let (code, printed, repeat) =
        run(&text, 1500, |_| pause = stop_for(server.pid(), Duration::from_secs(1)));
    let share = number(&repeat, "good.latency_p99") / pause.as_nanos() as f64;
    // Of 2,000 requests 500 were due while the server was stalled: the slowest 20 waited for nearly all of it.
    assert!((0.9..1.6).contains(&share), "the p99 is {share} of the pause: {printed}");
    assert!(
        (0.9..1.6).contains(&(number(&repeat, "good.longest_wait") / pause.as_nanos() as f64)),
        "{printed}"
    );
    if was_disturbed("requests_without_a_free_connection_count_from_their_due_time", code, &repeat) {
        return;
    }
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FAIL good.latency_p99 < 100ms"), "{printed}");
}

/// Whether others had the cores for so long that they may be why; a line then says which test could not be judged.
fn was_disturbed(test: &str, code: Option<i32>, repeat: &Value) -> bool {
    let disturbed = repeat["disturbed"].as_array().is_some_and(|reasons| !reasons.is_empty());
    let is_so = code == Some(4) && disturbed;
    if is_so {
        skip(&format!("{test}: {}", repeat["disturbed"]));
    }
    is_so
}

#[apply(timed_test!)]
fn a_server_that_stops_answering_fails_its_latency() {
    let _turn = ONE.turn();
    for group in ["count = 16\nload = { rate = \"500/s\" }", "count = 16\nload = { depth = 1 }"] {
        let (server, address) = serving_http();
        let expect = "\"good.latency_max\" = \"< 100ms\"\n\"good.longest_wait\" = \"< 900ms\"";
        let text = profile(address, "2s", group, expect);
        let (code, printed, repeat) = run(&text, 1500, |_| send(Signal::SIGSTOP, server.pid()));
        send(Signal::SIGCONT, server.pid());
        if was_disturbed("a_server_that_stops_answering_fails_its_latency", code, &repeat) {
            continue;
        }
        assert_eq!(code, Some(1), "{printed}");
        assert!(printed.contains("FAIL good.latency_max < 100ms"), "{group}: {printed}");
        assert_eq!(repeat["censored"]["good.latency_max"], "unanswered", "{group}: {repeat}");
        assert!(number(&repeat, "good.latency_max") > 0.9e9, "{group}: {printed}");
        assert!(number(&repeat, "good.longest_silence") > 0.7e9, "{group}: {printed}");
        // All connections were answered before: none of them is silent.
        assert!(number(&repeat, "good.silent_connections") < 0.5, "{group}: {printed}");
        if group.contains("rate") {
            assert!(repeat["censored"]["good.latency_p90"].is_string(), "half of them: {repeat}");
            // Those that became due in the silence, but for one on each connection.
            let silent_s = number(&repeat, "good.longest_silence") / 1e9;
            let due = (500.0 * silent_s - 16.0) / (500.0 * 2.0);
            let skipped = number(&repeat, "good.skipped_share");
            assert!((skipped - due).abs() < 0.05, "{skipped} of {due}: {printed}");
        }
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server in this process that does this for each request, as long as it says that the connection goes on.
fn answering(answer: impl Fn(&mut TcpStream) -> bool + Copy + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
                while lines.by_ref().map_while(Result::ok).any(|line| line.is_empty()) {
                    if !answer(&mut stream) {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[apply(timed_test!)]
fn a_server_with_two_second_answers_is_slow_and_not_silent() {
    let _turn = ONE.turn();
    let address = answering(|stream| {
        thread::sleep(Duration::from_millis(1200));
        stream.write_all(OK).is_ok()
    });
    let expect = "\"good.unanswered\" = \"= 0\"\n\"good.latency_max\" = \"> 1s, < 3s\"";
    let text = profile(address, "2s", "count = 4\nload = { depth = 1 }", expect);
    let (code, printed, repeat) = run(&text, 0, |_| ());
    // On a busy machine no time proves anything; that nothing was left unanswered stands.
    assert!(code == Some(0) || repeat["disturbed"].is_array(), "{printed}");
    assert!(printed.contains("PASS good.unanswered = 0"), "{printed}");
    assert!(repeat["censored"].is_null(), "{repeat}");
}

#[apply(timed_test!)]
fn a_latency_caused_by_a_stopped_load_generator_is_not_judged() {
    let _turn = ONE.turn();
    let (_server, address) = serving_http();
    let expect = "\"good.latency_p99\" = \"< 8ms\"";
    let text = profile(address, "2s", "count = 16\nload = { rate = \"1000/s\" }", expect);
    let (code, printed, repeat) = run(&text, 1500, |child| {
        stop_for(child.id(), Duration::from_millis(120));
    });
    // Of 2,000 requests a hundred were started late: the slowest twenty by a tenth of a second.
    assert!(number(&repeat, "good.latency_p99") > 30e6, "{printed}");
    assert!(number(&repeat, "started_late") > 50.0, "{printed}");
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.contains("INVALID good.latency_p99 < 8ms"), "{printed}");
    assert!(
        printed.contains("of the 99th percentile of `good` was caused by the load generator"),
        "{printed}"
    );
}

#[apply(timed_test!)]
fn requests_due_while_the_load_generator_was_stopped_are_counted() {
    let _turn = ONE.turn();
    let (_server, address) = serving_http();
    let text = profile(address, "1s", "count = 16\nload = { rate = \"1000/s\" }", "");
    let (_, printed, repeat) = run(&text, 1400, |child| {
        stop_for(child.id(), Duration::from_millis(400));
    });
    let due = number(&repeat, "good.offered_rate");
    assert!((due - 1000.0).abs() < 1.5, "{due} requests were due in the second: {printed}");
    let requests = &repeat["groups"][0]["requests"];
    let count = |name: &str| requests[name].as_u64().expect("a count");
    assert!(count("started") + count("skipped") >= 1450, "of 1,500 in all: {requests}");
    assert!(number(&repeat, "started_late") > 30.0, "{printed}");
}

#[apply(timed_test!)]
fn an_open_loop_that_starts_within_the_window_makes_a_run_invalid() {
    let _turn = ONE.turn();
    let (_server, address) = serving_http();
    let group = "count = 20\nconnect_rate = \"20/s\"\nload = { rate = \"200/s\" }";
    let (code, printed, repeat) = run(&profile(address, "1s", group, ""), 0, |_| ());
    assert_eq!(code, Some(4), "{printed}");
    assert!(
        printed.contains("the open loop of `good` started") && printed.contains("`warmup` longer"),
        "{printed}"
    );
    assert!(repeat["groups"][0]["loop_started_ns"].as_i64() > Some(500_000_000), "{repeat}");
}

#[apply(timed_test!)]
fn rates_of_an_interrupted_run_are_per_measured_time() {
    let _turn = ONE.turn();
    let (server, address) = serving_http();
    let text = profile(address, "20s", "count = 4\nload = { rate = \"500/s\" }", "");
    let (code, printed, repeat) = run(&text, 2000, |child| send(Signal::SIGINT, child.id()));
    assert_eq!(code, Some(130), "{printed}");
    for name in ["good.offered_rate", "good.requests_rate"] {
        let rate = number(&repeat, name);
        assert!((450.0..550.0).contains(&rate), "{name} is {rate}: {printed}");
    }
    drop(server);
}

#[apply(timed_test!)]
fn an_unannounced_close_after_each_answer_gets_a_note() {
    let _turn = ONE.turn();
    let address = answering(|stream| {
        let _ = stream.write_all(OK);
        false
    });
    let (_, printed, repeat) = run(&profile(address, "1s", "count = 2\nload = { depth = 1 }", ""), 0, |_| ());
    assert!(
        printed.contains("without announcing it") && printed.contains("--requests-per-connection 1"),
        "{printed}"
    );
    let requests = &repeat["groups"][0]["requests"];
    // One that was sent long before the end was seen, as a busy machine makes it, did not cross the close.
    let [lost, retried] = ["lost", "retried"].map(|name| requests[name].as_u64().expect("a count"));
    assert!(retried > 20 && lost * 20 <= retried, "{requests}");
    // Only such a one is an eviction.
    let evicted = repeat["groups"][0]["ledger"]["evicted_fin"].as_u64().expect("a count");
    assert!(evicted <= lost, "{evicted} evictions: {requests}");
}
