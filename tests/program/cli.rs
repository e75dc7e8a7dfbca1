//! The built program, used as a user would: what it prints, what it leaves behind, how it ends.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    BADPEER, badpeer, ending, heeding, process::send, record, skip, text, with_profile, without_pictures,
};

/// A small profile that passes within a second.
const QUICK: &str = r#"
title = "quick"
warmup = "100ms"
measure = "500ms"
sample_every = "50ms"

[[clients]]
name = "good"
count = 4
load = { rate = "500/s", payload = "64B" }

[expect]
corrupt_bytes = "= 0"
"good.requests" = "> 100"
"#;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

#[apply(timed_test!)]
fn a_passing_run_writes_all_reports() {
    let folder = with_profile(QUICK);
    let output = badpeer(&["run", "quick.toml"], folder.path());
    let (code, printed) = ending(&output);
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("PASS") && printed.contains("good") && printed.contains("index.html"),
        "{printed}"
    );
    assert!(
        text(&output.stdout).lines().all(|line| line.chars().count() <= 80 || line.contains("page")),
        "{printed}"
    );
    let latest = folder.path().join("reports/quick/latest");
    for file in ["record.json", "series.csv", "summary.csv", "index.html", "throughput.png", "throughput.svg"]
    {
        assert!(fs::metadata(latest.join(file)).is_ok_and(|m| m.len() > 100), "{file}");
    }
    let record = record(folder.path(), "quick");
    let repeat = &record["points"][0]["trials"][0];
    assert_eq!(repeat["effective"]["server_exit"], "exit code 0");
    let verified = repeat["groups"][0]["content"]["verified"].as_u64().expect("a count");
    let answered = repeat["groups"][0]["requests"]["answered"].as_u64().expect("a count");
    assert_eq!(verified, answered * (64 + 32), "every byte of every answer");
}

#[apply(timed_test!)]
fn a_failed_expectation_is_exit_code_1() {
    let folder = with_profile(QUICK);
    let words = ["run", "quick.toml", "--set", "expect.good.requests=> 1000000"];
    let mut tries = (0..4).map(|_| ending(&badpeer(&words, folder.path())));
    let Some((code, printed)) = tries.find(|(code, _)| *code != Some(4)) else {
        return skip("a_failed_expectation_is_exit_code_1: the machine is too busy");
    };
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FAIL"), "{printed}");
    assert!(folder.path().join("reports/quick/latest/index.html").exists());
}

#[apply(timed_test!)]
fn usage_errors_are_exit_code_2_with_the_remedy() {
    let folder = with_profile(&QUICK.replace("count = 4", "cuont = 4"));
    for (arguments, part) in [
        (&["run", "quick.toml"][..], "quick.toml:9: unknown key `cuont`"),
        (&["run", "contrl"], "did you mean `control`?"),
        (&["run", "control", "--set", "server.bufer=chained"], "did you mean `buffer`?"),
        (&["run", "control", "--set", "measure=-1s"], "is not a time"),
        (&["run", "--sed", "1"], "--seed"),
        (&["report", "nowhere"], "cannot read the record nowhere"),
        (&["compare", "quick.toml", "quick.toml"], "is not a record"),
        (&["serve", "--send-limit", "much"], "is not a size"),
    ] {
        let (code, printed) = ending(&badpeer(arguments, folder.path()));
        assert_eq!(code, Some(2), "{arguments:?}: {printed}");
        assert!(printed.contains(part), "{arguments:?}: {printed}");
        assert!(!printed.contains("panicked") && !printed.contains("RUST_BACKTRACE"), "{printed}");
    }
    assert!(!folder.path().join("reports").exists(), "nothing was run");
}

#[apply(timed_test!)]
fn a_slow_reader_without_effect_is_refused() {
    let profile = QUICK
        .replace("\nload = { rate = \"500/s\"", "\nrx = \"stall\"\nload = { depth = 1, answer = \"64KiB\"");
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml"], with_profile(&profile).path()));
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("the kernel's buffers alone can hold"), "{printed}");
}

#[apply(timed_test!)]
fn a_busy_port_is_exit_code_3_with_the_servers_output() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = with_profile(QUICK);
    let listen = format!("server.listen={address}");
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml", "--set", &listen], folder.path()));
    assert_eq!(code, Some(3), "{printed}");
    assert!(
        printed.contains("last output") && printed.contains("in use") && printed.contains(&address),
        "{printed}"
    );
    assert!(!folder.path().join("reports/quick").exists(), "no empty folder is left");
}

#[apply(timed_test!)]
fn too_few_descriptors_are_exit_code_3_with_the_remedy() {
    let folder = with_profile(&QUICK.replace("count = 4", "count = 400"));
    let script = format!("ulimit -n 300; exec {BADPEER} run quick.toml");
    let output =
        Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().expect("a shell");
    let (code, printed) = ending(&output);
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.contains("descriptors") && printed.contains("ulimit"), "{printed}");
    assert!(!folder.path().join("reports").exists(), "nothing was run");
}

/// A run of the profile on this port, left running, once the server listens.
fn started(folder: &Path, port: u16) -> std::process::Child {
    let listen = format!("server.listen=127.0.0.1:{port}");
    let child = heeding()
        .args(["run", "quick.toml", "--format", "csv", "-d", "20s", "--set", &listen])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("badpeer runs");
    let patience = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < patience, "the server never listened");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[apply(timed_test!)]
fn ctrl_c_keeps_the_measurements_and_leaves_no_child() {
    let folder = with_profile(QUICK);
    let port = free_port();
    let child = started(folder.path(), port);
    std::thread::sleep(Duration::from_millis(700));
    send(Signal::SIGINT, child.id());
    let (code, printed) = ending(&child.wait_with_output().expect("an end"));
    assert_eq!(code, Some(130), "{printed}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the server still listens");
    let record = record(folder.path(), "quick");
    assert_eq!(record["interrupted"], true);
    let times = record["points"][0]["trials"][0]["series"]["at_ns"].as_array().expect("samples").len();
    assert!(times > 5, "{times} samples were kept");
}

#[apply(timed_test!)]
fn a_killed_badpeer_leaves_no_server_behind() {
    let folder = with_profile(QUICK);
    let port = free_port();
    let mut child = started(folder.path(), port);
    child.kill().expect("killed");
    child.wait().expect("an end");
    let patience = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < patience, "the server outlives badpeer");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[apply(timed_test!)]
fn a_server_that_dies_is_exit_code_1() {
    let folder = with_profile(QUICK);
    let child = started(folder.path(), free_port());
    std::thread::sleep(Duration::from_millis(400));
    send(Signal::SIGKILL, child_of(child.id()));
    let (code, printed) = ending(&child.wait_with_output().expect("an end"));
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("the server exited by itself (signal 9)"), "{printed}");
}

/// The one process whose parent is this one.
fn child_of(parent: u32) -> u32 {
    badpeer::probe::descendants(parent).into_iter().next().expect("a child")
}

#[apply(timed_test!)]
fn a_run_of_a_server_that_died_keeps_its_record() {
    let folder = with_profile(QUICK);
    let child = started(folder.path(), free_port());
    std::thread::sleep(Duration::from_millis(700));
    send(Signal::SIGKILL, child_of(child.id()));
    assert_eq!(child.wait_with_output().expect("an end").status.code(), Some(1));
    let record = record(folder.path(), "quick");
    let repeat = &record["points"][0]["trials"][0];
    assert_eq!((&record["interrupted"], &repeat["cut_short"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(repeat["groups"][0]["requests"]["answered"].as_u64() > Some(50));
    assert_eq!(record["points"][0]["verdicts"][0]["outcome"], "INCONCLUSIVE");
}

#[apply(timed_test!)]
fn a_server_stopped_for_a_second_shows_in_the_latency() {
    let folder = with_profile(QUICK);
    let args = [
        "run",
        "quick.toml",
        "--json",
        "--format",
        "csv",
        "-d",
        "3s",
        "--set",
        "expect.good.requests_rate=> 450/s",
    ];
    let child = Command::new(BADPEER)
        .args(args)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("badpeer runs");
    std::thread::sleep(Duration::from_secs(1));
    let server = child_of(child.id());
    send(Signal::SIGSTOP, server);
    std::thread::sleep(Duration::from_secs(1));
    send(Signal::SIGCONT, server);
    let output = child.wait_with_output().expect("an end");
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let summary = &value[0]["points"][0]["trials"][0]["summary"];
    let number = |name: &str| summary[name].as_f64().unwrap_or_else(|| panic!("{name}: {summary}"));
    assert!((0.9e9..1.4e9).contains(&number("good.latency_max")), "{}", number("good.latency_max"));
    assert!(number("good.latency_p90") > 0.4e9, "a third of all requests waited");
    assert!(number("good.service_p99") > 0.5e9, "nor does the service time hide it");
    assert!((450.0..550.0).contains(&number("good.requests_rate")), "in the end all were answered");
}

#[apply(timed_test!)]
fn reports_are_recreated_from_the_record() {
    let folder = with_profile(QUICK);
    assert_eq!(badpeer(&["run", "quick.toml", "--quiet"], folder.path()).status.code(), Some(0));
    let latest = folder.path().join("reports/quick/latest");
    fs::copy(latest.join("record.json"), folder.path().join("moved.json")).expect("copied");
    let output = badpeer(&["report", "moved.json", "--out", "again"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut compared = 0;
    for entry in fs::read_dir(folder.path().join("again")).expect("reports") {
        let path: PathBuf = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        assert!(fs::read(&path).ok() == fs::read(latest.join(name)).ok(), "{} differs", path.display());
        compared += 1;
    }
    assert!(compared >= 6, "{compared} files");
}

#[apply(timed_test!)]
fn compare_shows_two_records_side_by_side() {
    let folder = with_profile(QUICK);
    for out in ["a", "b"] {
        assert_eq!(
            without_pictures(&["run", "quick.toml", "--out", out, "--quiet"], folder.path()).status.code(),
            Some(0)
        );
    }
    let output = badpeer(&["compare", "-v", "a/quick/latest", "b/quick/latest"], folder.path());
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("server_rss_peak") && printed.contains('%'), "{printed}");
}

#[apply(timed_test!)]
fn json_output_is_complete_and_keeps_the_seed() {
    let folder = with_profile(QUICK);
    let output =
        without_pictures(&["run", "quick.toml", "--json", "--seed", "7", "--repeats", "2"], folder.path());
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value[0]["outcome"], "PASS");
    let repeats = value[0]["points"][0]["trials"].as_array().expect("trials");
    assert_eq!(repeats.iter().map(|t| t["seed"].as_u64()).collect::<Vec<_>>(), [Some(7), Some(8)]);
    assert!(repeats[0]["summary"]["good.latency_p99"].is_number());
    assert!(repeats[0].get("series").is_none(), "samples are for --json=full");
    assert!(text(&output.stdout).find("\"outcome\"") < text(&output.stdout).find("\"profile\""));
    let full = without_pictures(&["run", "quick.toml", "--json=full"], folder.path());
    let value: Value = serde_json::from_slice(&full.stdout).expect("JSON");
    assert!(value[0]["points"][0]["trials"][0]["series"]["at_ns"].is_array());
}

#[apply(timed_test!)]
fn a_sweep_runs_every_point() {
    let folder =
        with_profile(&format!("{QUICK}\n[sweep]\n\"server.buffer\" = [\"contiguous\", \"chained\"]\n"));
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml"], folder.path()));
    assert_eq!(code, Some(0), "{printed}");
    let record = record(folder.path(), "quick");
    let axes: Vec<_> = (0..2).map(|n| record["points"][n]["axes"]["server.buffer"].clone()).collect();
    assert_eq!(axes, ["contiguous", "chained"]);
}

#[apply(timed_test!)]
fn serve_exports_prometheus_metrics_and_ends_on_sigterm() {
    let mut child = Command::new(BADPEER)
        .args(["serve", "--admin", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("badpeer serves");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    let admin = line.trim().rsplit_once("admin on ").expect("two addresses").1.to_owned();
    let mut stream = TcpStream::connect(&admin).expect("admin");
    std::io::Write::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\n\r\n").expect("asked");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer");
    assert!(answer.contains("# TYPE badpeer_connections gauge\nbadpeer_connections 0\n"), "{answer}");
    send(Signal::SIGTERM, child.id());
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[apply(timed_test!)]
fn completions_and_manual_pages_name_every_command() {
    let folder = TempDir::new().expect("a folder");
    let (code, script) = ending(&badpeer(&["completions", "bash"], folder.path()));
    assert_eq!(code, Some(0));
    // As bash itself completes them; it is there wherever .ci/run is.
    for (command, begun, whole) in
        [("compare", "--str", "--strict"), ("show", "stalled", "stalled-readers"), ("run", "redi", "redis")]
    {
        let ask = format!(
            "{script}\nCOMP_WORDS=(badpeer {command} {begun}); COMP_CWORD=2; _badpeer badpeer {begun} {command}; echo \"${{COMPREPLY[@]}}\""
        );
        let answer = Command::new("bash").args(["--norc", "-c", &ask]).output().expect("bash");
        assert_eq!(text(&answer.stdout).trim(), whole, "{}", text(&answer.stderr));
    }
    for shell in ["zsh", "fish"] {
        let (code, script) = ending(&badpeer(&["completions", shell], folder.path()));
        assert!(code == Some(0) && script.contains("calibrate"), "{shell}: {script}");
    }
    let (code, page) = ending(&badpeer(&["man"], folder.path()));
    assert!(code == Some(0) && page.contains(".TH badpeer 1") && page.contains("Exit codes"), "{page}");
    let (code, printed) = ending(&badpeer(&["man", "pages"], folder.path()));
    assert_eq!(code, Some(0), "{printed}");
    let serve = fs::read_to_string(folder.path().join("pages/badpeer-serve.1")).expect("a page");
    assert!(serve.contains("send\\-timeout") && !serve.contains("plant"), "{serve}");
    let (code, printed) = ending(&badpeer(&["man", "pages/badpeer.1/below"], folder.path()));
    assert!(code == Some(3) && printed.contains("cannot write into"), "{printed}");
}

#[apply(timed_test!)]
fn list_shows_every_topic() {
    let folder = TempDir::new().expect("a folder");
    for (topic, part) in [
        ("profiles", "stalled-readers"),
        ("behaviors", "fragment (rx, tx)"),
        ("metrics", "server_rss_growth (bytes)"),
        ("server", "send_timeout = \"10s\"   --send-timeout"),
    ] {
        let (code, printed) = ending(&badpeer(&["list", topic], folder.path()));
        assert!(code == Some(0) && printed.contains(part), "{topic}: {printed}");
    }
    let (code, printed) = ending(&badpeer(&["doctor"], folder.path()));
    assert!(code == Some(0) && printed.contains("descriptor"), "{printed}");
}
