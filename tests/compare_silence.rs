//! `badpeer compare` and `badpeer run --baseline` with servers that do not answer, answer with errors, die, or evict other
//! peers than their base does, as a user runs them.

mod common;

use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use self::common::{BADPEER, badpeer, ending, text, with_profile};

/// Names what the server in this file does, and its port.
const STUB: &str = "BADPEER_TEST_STUB";

/// Not a test: the server of the tests below, which this program is when [`STUB`] says so.
#[test]
fn stub_server() {
    let Ok(told) = env::var(STUB) else { return };
    let (mode, port) = told.split_once(' ').expect("what and where");
    let (mode, number) = mode.split_once('=').unwrap_or((mode, "0"));
    let number: usize = number.parse().expect("a number");
    let listener =
        TcpListener::bind(("127.0.0.1", port.parse::<u16>().expect("a port"))).expect("a free port");
    for (index, socket) in listener.incoming().flatten().enumerate() {
        let is_deaf = mode == "silent" || (mode == "deaf" && index == number);
        let mode = mode.to_owned();
        thread::spawn(move || serve(socket, &mode, number, is_deaf));
    }
}

/// Answers of all connections so far.
static ANSWERS: AtomicUsize = AtomicUsize::new(0);

fn serve(mut socket: TcpStream, mode: &str, number: usize, is_deaf: bool) {
    let _ = socket.set_nodelay(true);
    let mut heard = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count) = socket.read(&mut piece) {
        if count == 0 {
            return;
        }
        heard.extend_from_slice(&piece[..count]);
        while let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") {
            heard.drain(..end + 4);
            if is_deaf {
                continue;
            }
            let answers = ANSWERS.fetch_add(1, Ordering::Relaxed) + 1;
            if mode == "die" && answers > number {
                process::exit(1);
            }
            let is_error = mode == "errors" && answers % number == 0;
            let status = if is_error { "500 Broken" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
            if socket.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The command line of that server.
fn stub(mode: &str) -> String {
    let program = env::current_exe().expect("this program");
    format!("env '{STUB}={mode} {{port}}' {} --exact stub_server --nocapture", program.display())
}

/// A closed and an open loop over HTTP, of any server.
const HTTP: &str = r#"
title = "brief"
warmup = "100ms"
measure = "300ms"
sample_every = "50ms"

[server]
command = ["not used"]

[[clients]]
name = "closed"
count = 32
protocol = "http"
load = { depth = 1 }

[[clients]]
name = "open"
count = 8
protocol = "http"
load = { rate = "1000/s" }
"#;

fn comparison(folder: &TempDir) -> Value {
    let path = folder.path().join("reports/compare-quick/latest/comparison.json");
    serde_json::from_str(&fs::read_to_string(path).expect("kept")).expect("JSON")
}

/// The names of the numbers of which that is said.
fn said(comparison: &Value, call: &str) -> Vec<String> {
    let findings = comparison["findings"].as_array().expect("findings").iter();
    let those = findings.filter(|finding| finding["call"] == call);
    those.map(|finding| finding["name"].as_str().expect("a name").to_owned()).collect()
}

/// What a comparison of these two ends with.
fn compare(folder: &TempDir, base: &str, head: &str, more: &[&str]) -> (Option<i32>, String) {
    let words = ["compare", "--base", base, "--head", head, "quick.toml", "--format", "junit"];
    ending(&badpeer(&[&words[..], more].concat(), folder.path()))
}

#[test]
fn a_head_that_answers_nobody_is_a_regression_and_never_inconclusive() {
    let folder = with_profile(HTTP);
    let (code, told) = compare(&folder, &stub("ok"), &stub("silent"), &["--pairs", "9"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("REGRESSION  It got worse"), "{told}");
    let comparison = comparison(&folder);
    assert_eq!(comparison["call"], "REGRESSION");
    let worse = said(&comparison, "REGRESSION");
    assert!(worse.contains(&"open.latency_p50".to_owned()), "{worse:?}");
    // Nothing absurd is said of what nobody measured.
    assert!(told.contains("(unanswered)") && !told.contains("e+"), "{told}");
}

#[test]
fn one_silent_connection_of_32_is_a_regression() {
    let folder = with_profile(HTTP);
    let (code, told) = compare(&folder, &stub("ok"), &stub("deaf=5"), &["--pairs", "12"]);
    assert_eq!(code, Some(1), "{told}");
    let worse = said(&comparison(&folder), "REGRESSION");
    assert!(worse.iter().any(|name| name.ends_with(".silent_share")), "{worse:?}: {told}");
}

#[test]
fn one_percent_of_errors_is_no_pass() {
    let folder = with_profile(HTTP);
    let (code, told) = compare(&folder, &stub("ok"), &stub("errors=100"), &["--pairs", "9"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("closed.errors"), "{told}");
}

#[test]
fn a_head_that_dies_under_load_fails_and_a_base_that_dies_breaks_the_comparison() {
    let folder = with_profile(HTTP);
    let (code, told) = compare(&folder, &stub("ok"), &stub("die=500"), &["--pairs", "9"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("FAIL  The head ended by itself under a load that the base stood"), "{told}");
    let kept = comparison(&folder);
    assert_eq!(kept["call"], "FAIL");
    assert!(kept["head_died"].is_string(), "{kept:#}");
    let junit =
        fs::read_to_string(folder.path().join("reports/compare-quick/latest/junit.xml")).expect("made");
    assert!(junit.contains("failures=\"1\""), "{junit}");
    for (base, head) in [("die=500", "ok"), ("die=500", "die=500")] {
        let (code, told) = compare(&folder, &stub(base), &stub(head), &["--pairs", "9"]);
        assert_eq!(code, Some(3), "{base} and {head}: {told}");
        assert!(told.contains("base: "), "{told}");
    }
    let (code, told) = compare(&folder, &stub("ok"), "no-such-program", &["--pairs", "9"]);
    assert_eq!(code, Some(3), "what cannot be started is not dead: {told}");
}

/// Peers that never read, and are evicted when the send timeout ends.
const EVICTING: &str = r#"
title = "evicting"
warmup = "100ms"
measure = "900ms"
sample_every = "50ms"

[server]
send_timeout = "100ms"
send_buffer = "16KiB"

[[clients]]
name = "good"
count = 4
load = { rate = "1000/s", payload = "64B" }

[[clients]]
name = "stalled"
count = 8
recv_buffer = "4KiB"
load = { depth = 1, payload = "16B", answer = "256KiB" }
rx = "stall"
reconnect = { pause = "10ms" }

[expect]
evictions = ">= 8"
corrupt_bytes = "= 0"
"good.requests" = "> 700"
"good.evicted" = "= 0"
server_rss_residue = "< 1B"

[gate]
server_cpu_per_request = "off"
server_calls_per_request = "off"
server_rss_growth = "off"
kernel_memory_growth = "off"
"good.latency_p50" = "off"
"#;

/// Which numbers get worse with these flags of the head.
fn regressions(flags: &str) -> Vec<String> {
    let folder = with_profile(EVICTING);
    let head = format!("{BADPEER} {flags}");
    let (code, told) = compare(&folder, BADPEER, &head, &["--pairs", "8", "-d", "600ms"]);
    assert_eq!(code, Some(1), "{flags}: {told}");
    said(&comparison(&folder), "REGRESSION")
}

#[test]
fn evictions_8_ms_late_are_a_regression() {
    let worse = regressions("--plant-delay 8ms");
    assert!(worse.contains(&"eviction_lateness_p50".to_owned()), "{worse:?}");
}

#[test]
fn a_timeout_twice_as_long_or_half_as_long_is_a_regression() {
    for timeout in ["200ms", "50ms"] {
        let worse = regressions(&format!("--send-timeout {timeout}"));
        assert!(worse.contains(&"stalled.stalled_for_p50".to_owned()), "{timeout}: {worse:?}");
    }
}

#[test]
fn a_head_that_evicts_nobody_is_a_regression_also_in_short_trials() {
    let worse = regressions("--send-timeout off --send-limit off");
    assert!(worse.contains(&"stalled.server_ended".to_owned()), "{worse:?}");
}

#[test]
fn it_is_said_what_was_judged_of_trials_that_are_shorter() {
    let folder = with_profile(EVICTING);
    let (_, told) = compare(&folder, BADPEER, BADPEER, &["--pairs", "8", "-d", "300ms"]);
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("scaled to the profile's window: good.requests"), "{told}");
    assert!(words.contains("trials measured for 0.3 s and the profile asks for 0.9 s"), "{told}");
    let kept = comparison(&folder);
    let judged = |name: &str| {
        let expected = kept["expected"].as_array().expect("judged");
        expected.iter().find(|expected| expected["name"] == name).map(|expected| expected["judged"].clone())
    };
    assert_eq!(judged("good.evicted"), Some("as-it-is".into()), "{kept:#}");
    assert_eq!(judged("good.requests"), Some("scaled".into()));
    assert_eq!(judged("evictions"), Some("as-it-is".into()), "the base meets it all the same");
    assert_eq!(judged("server_rss_residue"), None, "which the base does not meet");
    assert!(kept["not_judged"][0].as_str().is_some_and(|name| name.starts_with("server_rss_residue")));
    // The head must meet what the base meets.
    let never = format!("{BADPEER} --send-timeout off --send-limit off");
    let (code, told) = compare(&folder, BADPEER, &never, &["--pairs", "8", "-d", "300ms"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("evictions >= 8"), "{told}");
}

#[test]
fn a_run_with_errors_or_silence_is_not_kept_and_fails_against_a_baseline() {
    let profile =
        |mode: &str| HTTP.replace("command = [\"not used\"]", &format!("command = {}", command(mode)));
    let run = |folder: &TempDir, mode: &str, words: &[&str]| {
        fs::write(folder.path().join("quick.toml"), profile(mode)).expect("written");
        let words = [&["run", "quick.toml", "--format", "junit", "--repeats", "3"][..], words].concat();
        ending(&badpeer(&words, folder.path()))
    };
    let folder = with_profile(HTTP);
    for mode in ["errors=50", "silent"] {
        let (code, told) = run(&folder, mode, &["--save-baseline", "main"]);
        assert_ne!(code, Some(0), "{mode}: {told}");
        assert!(told.contains("not kept as a baseline"), "{mode}: {told}");
        assert!(!folder.path().join("reports/baselines").exists(), "{mode}");
    }
    let (code, told) = run(&folder, "ok", &["--save-baseline", "main"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = run(&folder, "errors=50", &["--baseline", "main"]);
    assert_eq!(code, Some(1), "{told}");
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("this run has errors or silence") || words.contains("REGRESSION"), "{told}");
    let against = folder.path().join("reports/quick/latest/against-baseline.json");
    let against: Value = serde_json::from_str(&fs::read_to_string(against).expect("kept")).expect("JSON");
    assert!(against["faults"][0].as_str().is_some_and(|fault| fault.contains("errors in `")), "{against:#}");
}

/// The stub's command line as TOML.
fn command(mode: &str) -> String {
    let words = shlex::split(&stub(mode)).expect("words");
    serde_json::to_string(&words).expect("strings")
}

#[test]
fn the_help_says_what_exit_code_0_does_not_prove() {
    let output = badpeer(&["compare", "--help"], env::temp_dir().as_path());
    let told = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("An INCONCLUSIVE proves nothing in either direction: with --strict it is 4"),
        "{told}"
    );
}
