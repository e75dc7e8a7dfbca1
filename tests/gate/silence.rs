//! `badpeer compare` and `badpeer run --baseline` with servers that do not answer, answer with errors, die, or evict other
//! peers than their base does, as a user runs them.

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

use crate::common::{
    BADPEER, badpeer, ending,
    pairs::{compare, comparison, disturbance, ended_with, names_with, turn},
    skip, text, with_profile,
};

/// Names what the server in this file does, and its port.
const STUB: &str = "BADPEER_TEST_STUB";

/// Not a test: the server of the tests below, which this program is when [`STUB`] says so.
#[apply(timed_test!)]
fn stub_server() {
    let Ok(instruction) = env::var(STUB) else { return };
    let (mode, port) = instruction.split_once(' ').expect("what and where");
    let (mode, number) = mode.split_once('=').unwrap_or((mode, "0"));
    let number: usize = number.parse().expect("a number");
    let listener =
        TcpListener::bind(("127.0.0.1", port.parse::<u16>().expect("a port"))).expect("a free port");
    for (index, socket) in listener.incoming().flatten().enumerate() {
        let is_deaf = mode == "silent" || (mode == "deaf-errors" && index == 5);
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
                process::abort();
            }
            let is_error = mode.ends_with("errors") && answers.is_multiple_of(number);
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
    format!("env '{STUB}={mode} {{port}}' {} --exact silence::stub_server --nocapture", program.display())
}

/// An open loop over HTTP, of any server: light enough for a machine that others use, too.
const HTTP: &str = r#"
title = "brief"
warmup = "100ms"
measure = "300ms"
sample_every = "50ms"

[server]
command = ["not used"]

[[clients]]
name = "open"
count = 32
protocol = "http"
load = { rate = "1000/s" }
"#;

#[apply(timed_test!)]
fn one_silent_connection_of_32_and_one_percent_of_errors_are_regressions() {
    let (_turn, folder) = (turn(), with_profile(HTTP));
    let servers = [&*stub("ok"), &stub("deaf-errors=100")];
    let test = "one_silent_connection_of_32_and_one_percent_of_errors_are_regressions";
    let Some((code, printed)) = compare(test, &folder, servers, &["--pairs", "8"]) else { return };
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("open.errors = 0, as for the base"), "{printed}");
    must_name(test, &folder, &["open.silent_share", "open.errors_share"], &printed);
}

#[apply(timed_test!)]
fn a_head_that_dies_under_load_fails_and_a_base_that_dies_breaks_the_comparison() {
    let (_turn, folder) = (turn(), with_profile(HTTP));
    let ended = |base: &str, head: &str| {
        let words = ["compare", "--base", base, "--head", head, "quick.toml", "--pairs", "8"];
        ending(&badpeer(&[&words[..], &["--format", "junit"]].concat(), folder.path()))
    };
    // A crash is one however busy the machine is.
    let (code, printed) = ended(&stub("ok"), &format!("env API_TOKEN=hunter2 {}", stub("die=100")));
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FAIL  The head exited under a load that the base survived"), "{printed}");
    let kept = comparison(&folder);
    assert_eq!(kept["call"], "FAIL");
    assert!(kept["head_died"].is_string(), "{kept:#}");
    assert!(
        !printed.contains("hunter2") && !kept.to_string().contains("hunter2"),
        "a secret is kept: {printed}"
    );
    let junit = fs::read_to_string(folder.path().join("reports/compare-quick/latest/junit.xml"));
    assert!(junit.is_ok_and(|junit| junit.contains("failures=\"1\"")));
    for (base, head) in [("die=100", "ok"), ("die=100", "die=100")] {
        let (code, printed) = ended(&stub(base), &stub(head));
        assert_eq!(code, Some(3), "{base} and {head}: {printed}");
        assert!(printed.contains("base: "), "{printed}");
    }
    let (code, printed) = ended(&stub("ok"), "false {port}");
    assert_eq!(code, Some(3), "what cannot be started is not dead: {printed}");
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

/// Holds a gate of a head with these flags, which must find that these numbers got worse.
fn must_find(
    test: &str,
    folder: &TempDir,
    flags: [&str; 2],
    window: &str,
    numbers: &[&str],
) -> Option<String> {
    let [base, head] = flags.map(|flags| format!("{BADPEER} {flags}"));
    let (code, printed) = compare(test, folder, [&base, &head], &["--pairs", "8", "-d", window])?;
    assert_eq!(code, 1, "{flags:?}: {printed}");
    must_name(test, folder, numbers, &printed);
    Some(printed)
}

/// These numbers got worse; not checked if the machine was too busy to decide.
fn must_name(test: &str, folder: &TempDir, numbers: &[&str], printed: &str) {
    let kept = comparison(folder);
    let worse = names_with(&kept, "REGRESSION");
    if !numbers.iter().all(|number| worse.iter().any(|name| name == number)) {
        match disturbance(&kept) {
            Some(why) => skip(&format!("{test}: which numbers got worse: {why}")),
            None => panic!("{worse:?}: {printed}"),
        }
    }
}

#[apply(timed_test!)]
fn a_head_that_evicts_nothing_fails_in_short_repeats_with_a_note() {
    let (_turn, folder) = (turn(), with_profile(EVICTING));
    let test = "a_head_that_evicts_nothing_fails_in_short_repeats_with_a_note";
    let flags = ["", "--send-timeout off --send-limit off"];
    let printed = must_find(test, &folder, flags, "400ms", &["stalled.server_ended"]);
    let Some(printed) = printed else { return };
    assert!(printed.contains("evictions >= 8"), "{printed}");
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("repeats measured for 0.4 s, but the profile asks for 0.9 s"), "{printed}");
    assert!(words.contains("scaled to the profile's window: good.requests"), "{printed}");
    let kept = comparison(&folder);
    let judged = |name: &str| {
        let expected = kept["expected"].as_array().expect("judged");
        expected.iter().find(|expected| expected["name"] == name).map(|expected| expected["judged"].clone())
    };
    assert_eq!(judged("good.evicted"), Some("as-it-is".into()), "{kept:#}");
    assert_eq!(judged("evictions"), Some("as-it-is".into()), "the base meets it");
    assert_eq!(judged("good.requests"), Some("scaled".into()));
    assert_eq!(judged("server_rss_residue"), None, "which the base does not meet");
    assert!(kept["not_judged"].as_array().is_some_and(|all| {
        all.iter().filter_map(Value::as_str).any(|name| name.starts_with("server_rss_residue"))
    }));
}

#[apply(timed_test!)]
fn a_run_with_errors_or_silence_is_not_kept_as_a_baseline() {
    let profile =
        |mode: &str| HTTP.replace("command = [\"not used\"]", &format!("command = {}", command(mode)));
    let run = |folder: &TempDir, mode: &str, words: &[&str]| {
        fs::write(folder.path().join("quick.toml"), profile(mode)).expect("written");
        let words = [&["run", "quick.toml", "--format", "junit", "--repeats", "3"][..], words].concat();
        ended_with(folder, &words)
    };
    let _turn = turn();
    let folder = with_profile(HTTP);
    for mode in ["errors=50", "silent"] {
        let (code, printed) = run(&folder, mode, &["--save-baseline", "main"]);
        assert_ne!(code, Some(0), "{mode}: {printed}");
        assert!(printed.contains("not kept as a baseline"), "{mode}: {printed}");
        assert!(!folder.path().join("reports/baselines").exists(), "{mode}");
    }
    let test = "a_run_with_errors_or_silence_is_not_kept_as_a_baseline";
    let (code, printed) = run(&folder, "ok", &["--save-baseline", "main"]);
    if code == Some(4) {
        return skip(&format!("{test}: the machine was too busy"));
    }
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = run(&folder, "errors=50", &["--baseline", "main"]);
    if code == Some(4) {
        return skip(&format!("{test}: the machine was too busy"));
    }
    assert_eq!(code, Some(1), "{printed}");
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("This run has errors or unanswered requests") || words.contains("REGRESSION"),
        "{printed}"
    );
    let against = folder.path().join("reports/quick/latest/against-baseline.json");
    let against: Value = serde_json::from_str(&fs::read_to_string(against).expect("kept")).expect("JSON");
    let faults = against["faults"].as_array().expect("a list");
    assert!(faults.iter().filter_map(Value::as_str).any(|fault| fault.contains("errors")), "{against:#}");
}

/// The stub's command line as TOML.
fn command(mode: &str) -> String {
    let words = shlex::split(&stub(mode)).expect("words");
    serde_json::to_string(&words).expect("strings")
}

#[apply(timed_test!)]
fn the_help_states_the_limits_of_exit_code_0() {
    let output = badpeer(&["compare", "--help"], env::temp_dir().as_path());
    let printed = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        printed.contains("INCONCLUSIVE says nothing in either direction; with --strict it is exit code 4"),
        "{printed}"
    );
}
