//! The way to the first experiment: profiles that `badpeer init` writes run, and names are found.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{BADPEER, badpeer, ending, process::serving, text, without_pictures};

/// Runs `mine.toml`, with this program on the PATH.
fn run(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let own = Path::new(BADPEER).parent().expect("a folder").display().to_string();
    let path = format!("{own}:{}", std::env::var("PATH").unwrap_or_default());
    let words = ["run", "mine.toml", "--format", "csv", "-d", "1s", "--set", "warmup=200ms"];
    let output = Command::new(BADPEER)
        .args(words)
        .args(more)
        .env("PATH", path)
        .current_dir(folder)
        .output()
        .expect("badpeer runs");
    ending(&output)
}

#[apply(timed_test!)]
fn profiles_that_init_writes_run() {
    for (kind, protocol) in [("command", None), ("attach", Some("echo")), ("http", Some("http"))] {
        let folder = TempDir::new().expect("a folder");
        let (code, printed) = ending(&badpeer(&["init", kind, "mine.toml"], folder.path()));
        assert!(code == Some(0) && printed.contains("badpeer run mine.toml"), "{kind}: {printed}");
        let server = protocol.map(|protocol| serving(&["--protocol", protocol, "--listen", "127.0.0.1:0"]));
        let attach = server.as_ref().map(|(_, address)| format!("server.attach={address}"));
        let more: Vec<&str> = attach.iter().flat_map(|attach| ["--set", attach.as_str()]).collect();
        let (code, printed) = run(folder.path(), &more);
        drop(server);
        // A busy machine gets no verdict.
        assert!(matches!(code, Some(0 | 4)), "{kind}: {printed}");
        let record = fs::read(folder.path().join("reports/mine/latest/record.json")).expect("a record");
        let record: Value = serde_json::from_slice(&record).expect("JSON");
        let answered = &record["points"][0]["trials"][0]["groups"][0]["requests"]["answered"];
        assert!(answered.as_u64() > Some(100), "{kind}: {answered}");
    }
}

/// A program beside its profile, which reads a file beside it as well.
const BESIDE: &str = r#"
title = "beside"
warmup = "100ms"
measure = "300ms"

[server]
command = ["./shell", "./start", "{address}"]

[[clients]]
name = "good"
count = 2
protocol = "echo"
load = { depth = 1, payload = "64B" }
"#;

#[apply(timed_test!)]
fn a_program_runs_in_the_folder_of_its_profile() {
    let folder = TempDir::new().expect("a folder");
    let sub = folder.path().join("sub");
    fs::create_dir(&sub).expect("made");
    let start = "exec \"$(cat program)\" serve --protocol echo --listen \"$1\"\n";
    for (name, text) in [("mine.toml", BESIDE), ("start", start), ("program", BADPEER)] {
        fs::write(sub.join(name), text).expect("written");
    }
    symlink("/bin/sh", sub.join("shell")).expect("a link");
    let (code, printed) = ending(&without_pictures(&["run", "sub/mine.toml"], folder.path()));
    // A busy machine gets no verdict.
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    // What the command line sets is relative to the current directory, where there is no such program.
    let command = "server.command=[\"./shell\", \"./start\", \"{address}\"]";
    let (code, printed) =
        ending(&without_pictures(&["run", "sub/mine.toml", "--set", command], folder.path()));
    assert!(code == Some(2) && printed.contains("/shell does not exist"), "{printed}");
}

#[test]
fn init_keeps_a_file_that_is_there() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("badpeer.toml"), "mine").expect("written");
    let (code, printed) = ending(&badpeer(&["init"], folder.path()));
    assert!(code == Some(2) && printed.contains("badpeer.toml already exists"), "{printed}");
}

#[test]
fn names_are_shown_described_and_suggested() {
    let folder = TempDir::new().expect("a folder");
    let shown = badpeer(&["show", "slow-readers"], folder.path());
    assert_eq!(shown.status.code(), Some(0));
    assert_eq!(text(&shown.stdout).trim_end(), include_str!("../../profiles/slow-readers.toml").trim_end());
    for (words, wanted, part) in [
        (&["list"][..], 0, "stalled-readers"),
        (&["list", "good.latency_p99"], 0, "latency_p99 (ns)"),
        (&["list", "slowloris"], 0, "slow-writer (or slowloris)"),
        (&["list", "stal"], 2, "did you mean `stall`?"),
        (&["show", "slow-reader"], 2, "did you mean `slow-readers`?"),
        (&["bench", "--help"], 0, "slow-body, rudy: Sends the body"),
        (&["bench", "127.0.0.1:1", "--bad", "slow-writer=1,slowloris=1"], 2, "names slow-writer twice"),
        (&["bench", "127.0.0.1:1", "--bad", "slowlori=1"], 2, "did you mean `slowloris`?"),
        (&["bench", "127.0.0.1:1", "-p", "ehco"], 2, "did you mean `echo`?"),
        (&["bench", "127.0.0.1:1", "-c", "0"], 2, "badpeer: --connections: must be at least 1"),
        (&["bench", "127.0.0.1:1", "--bad", "idle=0"], 2, "`0` is not a number of connections from 1"),
        (&["bench", "127.0.0.1:1", "-t", "99"], 2, "badpeer: --threads: must be from 1 to 64"),
    ] {
        let (code, printed) = ending(&badpeer(words, folder.path()));
        assert!(code == Some(wanted) && printed.contains(part), "{words:?}: {printed}");
    }
}

/// What a short run says, on one line.
fn printed_by(words: &[&str]) -> String {
    let folder = TempDir::new().expect("a folder");
    let all = [&["bench"], words, &["-c", "2", "-d", "500ms", "--warmup", "100ms"]].concat();
    let (code, printed) = ending(&without_pictures(&all, folder.path()));
    assert_eq!(code, Some(1), "{printed}");
    printed.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[apply(timed_test!)]
fn another_protocol_is_reported_with_what_to_write_instead() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                let _ = stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    let printed = printed_by(&[&address]);
    assert!(
        printed.contains(&format!("The server speaks HTTP: write the address as http://{address}/")),
        "{printed}"
    );
}

#[apply(timed_test!)]
fn an_echo_is_reported_where_another_protocol_was_asked_for() {
    let (_server, address) = serving(&["--protocol", "echo", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{address}/");
    let plain = format!("The server sends back what it receives: write {address} -p echo, or");
    for (words, part) in [
        (
            &[address.as_str(), "-p", "frame"][..],
            "The server sends back what it receives: write -p echo, or -p line",
        ),
        (
            &[address.as_str(), "-p", "resp"],
            "The server sends back what it receives: write -p echo, or -p line",
        ),
        (&[url.as_str()], &plain),
    ] {
        let printed = printed_by(words);
        assert!(printed.contains(part), "{words:?}: {printed}");
    }
}
