//! Other servers than our own: started or found, measured from outside, and ended or left as they were.

use std::{
    fs,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    BADPEER, badpeer, ending, leftovers, process::serving, processes_with, repeat, skip, text,
    without_pictures,
};

/// A profile whose server is this command.
fn profile(command: &str, rest: &str) -> String {
    format!(
        "title = \"another server\"\nwarmup = \"100ms\"\nmeasure = \"600ms\"\nsample_every = \"50ms\"\n\n[server]\n\
         command = {command}\n{rest}\n[[clients]]\nname = \"good\"\ncount = 4\nprotocol = \"echo\"\n\
         load = {{ rate = \"300/s\", payload = \"64B\" }}\n\n[expect]\ncorrupt_bytes = \"= 0\"\n\"good.requests\" = \"> 100\"\n"
    )
}

/// The reference server as if it were any other: its counters are not read.
fn echo() -> String {
    format!("[\"{BADPEER}\", \"serve\", \"--listen\", \"{{address}}\", \"--protocol\", \"echo\"]")
}

fn shell(script: &str) -> String {
    format!("[\"sh\", \"-c\", '{script}']")
}

fn run(text: &str, folder: &Path) -> (Option<i32>, String) {
    fs::write(folder.join("other.toml"), text).expect("written");
    ending(&without_pictures(&["run", "other.toml"], folder))
}

/// Whether figures were made: on a busy machine they may be INVALID, which is not judged here.
fn measured(code: Option<i32>) -> bool {
    matches!(code, Some(0 | 4))
}

#[apply(timed_test!)]
fn a_program_and_its_children_are_started_measured_and_ended() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("greeting.txt"), "hello {port} {other}").expect("written");
    let echo = format!("{BADPEER} serve --listen {{address}} --protocol echo");
    let script = format!("cat {{dir}}/greeting.txt; echo $WHERE; sleep 4711 & setsid sleep 4711 & {echo}");
    let rest = "files = [\"greeting.txt\"]\nenv = { WHERE = \"at {port}\" }";
    let (code, printed) = run(&profile(&shell(&script), rest), folder.path());
    assert!(measured(code), "{code:?} {printed}");
    let repeat = repeat(folder.path(), "other");
    let number = |name: &str| repeat["summary"][name].as_f64();
    let port =
        repeat["effective"]["address"].as_str().expect("an address").rsplit_once(':').expect("a port").1;
    let log =
        fs::read_to_string(folder.path().join("reports/other/latest/server-1.log")).expect("its output");
    assert!(
        log.contains(&format!("hello {port} {{other}}at {port}\n")) && log.contains("listening on"),
        "{log}"
    );
    assert_eq!(repeat["effective"]["server_exit"], "signal 15", "it ended on SIGTERM");
    assert_eq!(number("server_processes_peak"), Some(4.0), "a shell, two sleepers and the server");
    assert!(number("server_rss_peak") > Some(3e6) && number("server_cpu") > Some(1e6), "{repeat}");
    assert!(number("server_sockets_peak") == Some(4.0) && number("server_pss_peak") > Some(1e6), "{repeat}");
    for absent in
        ["server_reads", "server_calls_per_request", "evictions", "send_buffered_peak", "connections_peak"]
    {
        assert_eq!(number(absent), None, "{absent} is not known of another server");
    }
    let notes = repeat["notes"].to_string();
    assert!(!notes.contains("shut down cleanly"), "{notes}");
    assert!(notes.contains("known only for the reference server"), "{notes}");
    assert!(processes_with("sleep\u{0}4711").is_empty(), "a process was left behind");
    assert!(leftovers(folder.path()).is_empty(), "a directory was left behind");
}

#[apply(timed_test!)]
fn evictions_are_timed_without_help_from_the_server() {
    let folder = TempDir::new().expect("a folder");
    let server =
        echo().replace("\"echo\"]", "\"frame\", \"--send-timeout\", \"600ms\", \"--evict-by\", \"EVICT\"]");
    let clients = profile(&server, "")
        .replace("\"echo\"\nload", "\"frame\"\nload")
        .replace("\"600ms\"\ns", "\"2500ms\"\ns");
    let stalled = "\n[[clients]]\nname = \"stalled\"\ncount = 4\nrecv_buffer = \"16KiB\"\nrx = \"stall\"\n\
                   load = { depth = 1, payload = \"16B\", answer = \"5MiB\" }\n";
    for evict_by in ["rst", "fin"] {
        let text =
            (clients.clone() + "\"stalled.server_ended\" = \"= 4\"\n" + stalled).replace("EVICT", evict_by);
        let (code, printed) = run(&text, folder.path());
        assert!(measured(code), "{code:?} {printed}");
        let repeat = repeat(folder.path(), "other");
        // The last progress is dated at most a sample (50 ms) too late.
        let stalled_for = repeat["summary"]["stalled.stalled_for_min"].as_f64().expect("a time");
        assert!((540e6..1500e6).contains(&stalled_for), "{evict_by}: {stalled_for} ns");
        let ledger = &repeat["groups"][1]["ledger"];
        // Behind unread bytes, the FIN is never seen.
        let seen = if evict_by == "rst" { "evicted_rst" } else { "still_alive" };
        assert_eq!(ledger[seen], 4, "{evict_by}: {ledger}");
    }
}

#[apply(timed_test!)]
fn an_attached_server_is_found_by_its_port_and_left_running() {
    let folder = TempDir::new().expect("a folder");
    let (mut server, address) = serving(&["--protocol", "echo"]);
    let (code, printed) = ending(&without_pictures(
        &["bench", &address, "-c", "3", "-d", "500ms", "-r", "200/s"],
        folder.path(),
    ));
    assert!(measured(code), "{code:?} {printed}");
    assert!(server.0.try_wait().expect("a status").is_none(), "it was ended");
    let repeat = repeat(folder.path(), "bench");
    assert_eq!(repeat["effective"]["server_exit"], "left running");
    assert!(repeat["summary"]["server_rss_peak"].as_f64() > Some(1e6), "{printed}");
    assert!(
        repeat["notes"].to_string().contains(&format!("process {} (badpeer)", server.pid())),
        "{printed}"
    );
    drop(server);
    let (code, printed) = ending(&without_pictures(&["bench", &address, "-d", "1s"], folder.path()));
    assert!(
        code == Some(3) && printed.contains("nothing listens there; start the server first"),
        "{code:?} {printed}"
    );
}

#[test]
fn a_server_at_another_address_of_the_port_is_not_taken_for_the_one_that_was_named() {
    let folder = TempDir::new().expect("a folder");
    let (_server, address) = serving(&["--protocol", "echo"]);
    let port = address.rsplit_once(':').expect("a port").1;
    for host in ["[::1]", "127.0.0.2"] {
        let other = format!("{host}:{port}");
        let output = without_pictures(&["bench", &other, "-d", "1s"], folder.path());
        let (code, printed) = ending(&output);
        assert_eq!(code, Some(3), "{printed}");
        let messages: Vec<&str> =
            printed.lines().filter(|line| line.contains(&format!("cannot reach {other}"))).collect();
        assert_eq!(messages.len(), 1, "{printed}");
        assert!(messages[0].contains("start the server first"), "{printed}");
        // Without IPv6, the address is not one of this machine.
        assert!(
            host == "[::1]" || messages[0].contains(&format!("a server listens at {address}")),
            "{printed}"
        );
        assert!(!folder.path().join("reports").exists(), "nothing was run: {printed}");
    }
}

#[apply(timed_test!)]
fn bench_prints_an_equivalent_profile() {
    let folder = TempDir::new().expect("a folder");
    let words = [
        "bench",
        "127.0.0.1:0",
        "-c",
        "2",
        "-d",
        "500ms",
        "--warmup",
        "100ms",
        "--bad",
        "idle=3,fragmented=2",
    ];
    let command = [BADPEER, "serve", "--listen", "{address}", "--protocol", "echo"];
    let all = |extra: &[&'static str]| [&words[..], extra, &["--"], &command].concat();
    let printed = badpeer(&all(&["--print-profile"]), folder.path());
    let text = String::from_utf8(printed.stdout).expect("text");
    let (code, printed) = run(&text, folder.path());
    assert!(measured(code), "{code:?} {printed}\n{text}");
    let (code, printed) = ending(&badpeer(&all(&[]), folder.path()));
    assert!(measured(code), "{code:?} {printed}");
    assert!(folder.path().join("reports/bench/latest/index.html").exists());
    let ledgers = repeat(folder.path(), "bench")["groups"].as_array().expect("groups").len();
    assert_eq!(ledgers, 3);
}

#[apply(timed_test!)]
fn a_missing_program_with_install_instructions_is_skipped() {
    let folder = TempDir::new().expect("a folder");
    let command = "[\"no-such-server\", \"{port}\"]";
    let (code, printed) = run(&profile(command, "install = \"ask its author\"\n"), folder.path());
    assert!(
        code == Some(0) && printed.contains("SKIP  `no-such-server` is not installed: ask its author"),
        "{printed}"
    );
    let (code, printed) = run(&profile(command, ""), folder.path());
    assert!(code == Some(2) && printed.contains("there is no program `no-such-server`"), "{printed}");
    let skipped = profile(command, "install = \"ask its author\"\n");
    fs::write(folder.path().join("other.toml"), skipped).expect("written");
    let output = without_pictures(&["run", "other.toml", "--json"], folder.path());
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value[0]["outcome"], "SKIP");
    assert!(!folder.path().join("reports").exists(), "nothing was run");
}

#[apply(timed_test!)]
fn a_server_that_does_not_start_is_reported_with_its_output() {
    let folder = TempDir::new().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = format!("address = \"{}\"\n", taken.local_addr().expect("an address"));
    for (script, rest, code, part) in [
        (
            "echo no good {port} >&2; exit 7",
            "",
            3,
            "exited by itself: exit code 7; its last output:\n    no good",
        ),
        ("sleep 4712 & exit 0 # {port}", "", 3, "must stay in the foreground"),
        ("sleep 1", "", 2, "does not get the free port"),
        ("sleep 1", &taken, 3, "is not free"),
        ("cat {dir}/a {port}", "files = [\"a.conf\"]\n", 2, "server.files: cannot read a.conf"),
    ] {
        let (exit, printed) = run(&profile(&shell(script), rest), folder.path());
        assert!(exit == Some(code) && printed.contains(part), "{script}: {exit:?} {printed}");
        assert!(!folder.path().join("reports").exists(), "no empty folder is left");
    }
    assert!(processes_with("sleep\u{0}4712").is_empty(), "a process was left behind");
    assert!(leftovers(folder.path()).is_empty(), "a directory was left behind");
}

#[apply(timed_test!)]
fn the_death_of_a_server_is_reported_once() {
    let folder = TempDir::new().expect("a folder");
    let dies = format!(
        "{BADPEER} serve --listen {{address}} --protocol echo & sleep 0.8; kill -9 $!; echo bye >&2; echo now >&2; exit 7"
    );
    for (script, code) in [(dies.as_str(), 1), ("echo bye >&2; echo now >&2; exit 7 # {port}", 3)] {
        let words = ["bench", "127.0.0.1:0", "-c", "2", "-d", "2s", "--warmup", "100ms"];
        let output = without_pictures(&[&words[..], &["--", "sh", "-c", script]].concat(), folder.path());
        let (exit, printed) = ending(&output);
        assert_eq!(exit, Some(code), "{printed}");
        assert_eq!(printed.matches("exited by itself").count(), 1, "{printed}");
        let last: Vec<&str> =
            printed.lines().map(str::trim).filter(|line| ["bye", "now", "now."].contains(line)).collect();
        assert_eq!(last.len(), 2, "each line of its output is a line: {printed}");
        assert!(!printed.contains("bench: the server"), "{printed}");
    }
    let json = badpeer(
        &["bench", "127.0.0.1:0", "-c", "2", "-d", "2s", "--json", "--", "sh", "-c", &dies],
        folder.path(),
    );
    assert!(text(&json.stderr).contains("exited by itself"), "{}", text(&json.stderr));
}

#[apply(timed_test!)]
fn a_killed_badpeer_leaves_no_server_and_no_directory() {
    let folder = TempDir::new().expect("a folder");
    let script = format!("sleep 4713 & {BADPEER} serve --listen {{address}} --protocol echo");
    fs::write(folder.path().join("other.toml"), profile(&shell(&script), "")).expect("written");
    let mut generator = Command::new(BADPEER)
        .args(["run", "other.toml", "-d", "20s"])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("badpeer runs");
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let patience = Instant::now() + Duration::from_secs(10);
        while !holds() {
            assert!(Instant::now() < patience, "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    until("the server never came up", &|| !processes_with("sleep\u{0}4713").is_empty());
    thread::sleep(Duration::from_millis(500));
    generator.kill().expect("killed");
    generator.wait().expect("an end");
    until("the server outlives badpeer", &|| processes_with("sleep\u{0}4713").is_empty());
    until("its directory outlives badpeer", &|| leftovers(folder.path()).is_empty());
}

#[apply(timed_test!)]
fn a_server_is_driven_at_the_resolved_address_it_listens_on() {
    let addresses: Vec<SocketAddr> = "localhost:0".to_socket_addrs().expect("a name").collect();
    let Some(six) = addresses.iter().find(|address| address.is_ipv6() && TcpListener::bind(address).is_ok())
    else {
        return skip("a_server_is_driven_at_the_resolved_address_it_listens_on: no IPv6 localhost");
    };
    let folder = TempDir::new().expect("a folder");
    let command = echo().replace("{address}", &format!("[{}]:{{port}}", six.ip()));
    let (code, printed) = run(&profile(&command, "address = \"localhost:0\""), folder.path());
    assert!(measured(code), "{code:?}: {printed}");
    let address = repeat(folder.path(), "other")["effective"]["address"].clone();
    assert!(address.as_str().is_some_and(|address| address.starts_with("[::1]:")), "{address}");
}
