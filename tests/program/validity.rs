//! What must not be taken for the server's: every limit of the load generator and the host is provoked, and what a
//! server does to its latencies cannot be hidden.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::sys::{
    signal::Signal,
    socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    self, BADPEER, number,
    one_at_a_time::OneAtATime,
    process::{send, serving, started, stop_for},
    skip, texts,
};

/// A profile of one group, against a server of its own or at this address.
fn profile(attach: Option<SocketAddr>, measure: &str, group: &str, expect: &str) -> String {
    let server =
        attach.map_or_else(String::new, |at| format!("[server]\nattach = {{ address = \"{at}\" }}\n"));
    format!(
        "title = \"trust\"\nwarmup = \"100ms\"\nmeasure = \"{measure}\"\nsample_every = \"50ms\"\n{server}\n\
         [[clients]]\nname = \"good\"\n{group}\n\n[expect]\n{expect}\n"
    )
}

/// How badpeer is to be started with a profile, in its folder.
fn command(folder: &Path, text: &str) -> Command {
    fs::write(folder.join("trust.toml"), text).expect("written");
    let mut command = Command::new(BADPEER);
    command
        .args(["run", "trust.toml", "-v", "--format", "csv,html"])
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Exit code, and all that was said in one line: it may be broken anywhere.
fn ending(output: &Output) -> (Option<i32>, String) {
    let printed = [&output.stderr[..], &output.stdout].concat();
    (output.status.code(), String::from_utf8_lossy(&printed).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The only repeat in the record.
fn repeat(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("reports/trust/latest/record.json")).expect("a record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    record["points"][0]["trials"][0].clone()
}

/// Whether the repeat is invalid for a reason with these words in it.
fn is_invalid_for(repeat: &Value, words: &str) -> bool {
    repeat["invalid"]
        .as_array()
        .expect("reasons")
        .iter()
        .any(|r| r.as_str().is_some_and(|r| r.contains(words)))
}

/// A listener whose connections are never accepted, with room for so many of them.
fn deaf(room: i32) -> (OwnedFd, SocketAddr) {
    let kind = (AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC);
    let socket = socket(kind.0, kind.1, kind.2, None).expect("a socket");
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a port");
    listen(&socket, Backlog::new(room).expect("room")).expect("listening");
    let address: SockaddrIn = getsockname(socket.as_raw_fd()).expect("an address");
    (socket, (address.ip(), address.port()).into())
}

/// One test at a time: each is about time, and they would be each other's noise.
static ONE: OneAtATime = OneAtATime::new();

const PACED: &str = "count = 8\nload = { rate = \"1000/s\", payload = \"64B\" }";
const CLOSED: &str = "count = 8\nload = { depth = 1, payload = \"64B\" }";

#[apply(timed_test!)]
fn stopped_clients_make_a_run_invalid() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let child = started(command(folder.path(), &profile(None, "2s", CLOSED, "\"good.evicted\" = \"= 0\"")));
    thread::sleep(Duration::from_millis(900));
    stop_for(child.id(), Duration::from_millis(600));
    let (code, printed) = ending(&child.wait_with_output().expect("an end"));
    assert_eq!(code, Some(4), "{printed}");
    let repeat = repeat(folder.path());
    assert!(is_invalid_for(&repeat, "the load generator was stalled for"), "{repeat}");
    let pause = number(&repeat, "harness_pause_max");
    // Up to a sample (50 ms) of it passes for sleep, where answers came in meanwhile.
    assert!((500e6..1e9).contains(&pause), "{pause} ns");
}

#[apply(timed_test!)]
fn disturbances_of_the_warm_up_do_not_count() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let text = profile(None, "1s", PACED, "").replace("warmup = \"100ms\"", "warmup = \"2s\"");
    let child = started(command(folder.path(), &text));
    thread::sleep(Duration::from_millis(500));
    stop_for(child.id(), Duration::from_millis(800));
    let (_, printed) = ending(&child.wait_with_output().expect("an end"));
    let repeat = repeat(folder.path());
    for name in ["pacing_error_p99", "harness_pause_max", "harness_paused"] {
        assert!(number(&repeat, name) < 400e6, "{name}: {printed}");
    }
}

#[apply(timed_test!)]
fn clients_out_of_descriptors_keep_their_measurements() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let late = "count = 400\nstart = \"700ms\"\ntx = \"idle\"";
    let text =
        profile(None, "3s", PACED, "").replace("[expect]", "") + "[[clients]]\nname = \"late\"\n" + late;
    let child = started(command(folder.path(), &text));
    thread::sleep(Duration::from_millis(400));
    let limited =
        Command::new("prlimit").args(["--pid", &child.id().to_string(), "--nofile=100:100"]).status();
    let (code, printed) = ending(&child.wait_with_output().expect("an end"));
    if !limited.is_ok_and(|status| status.success()) {
        return skip("prlimit (util-linux) cannot lower the limit of a process here");
    }
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.contains("ran out of descriptors after") && printed.contains("ulimit -n"), "{printed}");
    let repeat = repeat(folder.path());
    assert_eq!(repeat["effective"]["shortage"], "descriptors");
    let answered = repeat["groups"][0]["requests"]["answered"].as_u64().expect("a count");
    assert!(answered > 100, "{answered} answers are kept");
    assert!(folder.path().join("reports/trust/latest/index.html").exists());
}

/// A server that accepts nobody is not excused by the queue that is full because of that.
fn assert_nobody_is_excused(repeat: &Value, printed: &str, remark: &str) {
    assert!(!is_invalid_for(repeat, remark), "{repeat}");
    assert!(
        printed.contains("no request of `g` was answered") || printed.contains("No request of"),
        "{printed}"
    );
    assert!(texts(repeat, "notes").contains(remark), "{repeat}");
}

#[apply(timed_test!)]
fn dropped_connection_attempts_are_counted_at_the_servers_socket() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let (_socket, address) = deaf(1);
    let storm = format!("{CLOSED}\nconnect_rate = \"off\"");
    let text = profile(Some(address), "1s", &storm, "corrupt_bytes = \"= 0\"");
    let (code, printed) = ending(&command(folder.path(), &text).output().expect("badpeer runs"));
    assert_eq!(code, Some(4), "{printed}");
    let dropped = repeat(folder.path());
    assert_nobody_is_excused(&dropped, &printed, "before the server saw them");
    assert!(number(&dropped, "listener_drops") >= 5.0 && number(&dropped, "accept_queue_peak") >= 1.0);

    let asked = text + "listener_drops = \"> 0\"\n";
    let (_, printed) = ending(&command(folder.path(), &asked).output().expect("badpeer runs"));
    assert!(printed.contains("PASS listener_drops > 0"), "it is the question: {printed}");
}

/// An echo server whose kernel tells it of a connection when data has come (as Apache httpd and H2O do).
const DEFERRING: &str = r#"
import socket, sys, threading
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 10)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(100)
def echo(client):
    while data := client.recv(65536):
        client.sendall(data)
while True:
    threading.Thread(target=echo, args=server.accept()[:1], daemon=True).start()
"#;

#[test]
fn a_handshake_that_is_set_aside_until_data_comes_is_no_dropped_attempt() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return skip("python3 is not installed");
    }
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("deferring.py"), DEFERRING).expect("written");
    let server =
        "[server]\ncommand = [\"python3\", \"{dir}/deferring.py\", \"{port}\"]\nfiles = [\"deferring.py\"]\n";
    let group = "count = 8\nprotocol = \"echo\"\nload = { rate = \"100/s\", payload = \"64B\" }";
    let text = profile(None, "1s", group, "").replace("[[clients]]", &format!("{server}\n[[clients]]"));
    let (_, printed) = ending(&command(folder.path(), &text).output().expect("badpeer runs"));
    let repeat = repeat(folder.path());
    assert!(repeat["groups"][0]["requests"]["answered"].as_u64() > Some(50), "{printed}");
    assert!(number(&repeat, "listener_drops") < 0.5, "{printed}");
    assert!(!is_invalid_for(&repeat, "before the server saw them"), "{printed}");
}

#[apply(timed_test!)]
fn a_full_accept_queue_is_not_overflowed_unasked() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let (_socket, address) = deaf(1);
    let text = profile(Some(address), "1s", CLOSED, "corrupt_bytes = \"= 0\"\nlistener_drops = \"= 0\"");
    let (code, printed) = ending(&command(folder.path(), &text).output().expect("badpeer runs"));
    assert_eq!(code, Some(4), "{printed}");
    let held = repeat(folder.path());
    assert_nobody_is_excused(&held, &printed, "7 of the 8 connections of `good` were not opened");
    let group = &held["groups"][0];
    assert_eq!((group["not_accepted"].as_u64(), group["ledger"]["opened"].as_u64()), (Some(7), Some(8)));
    assert!(number(&held, "listener_drops") < 0.5 && number(&held, "accept_queue_peak") >= 1.0, "{printed}");
    let bench = ["bench", &address.to_string(), "-c", "8", "-d", "1s", "--warmup", "100ms"];
    // An open loop waits for connections that the server never takes.
    for load in [&[][..], &["-r", "400"]] {
        let (code, printed) = ending(&common::without_pictures(&[&bench[..], load].concat(), folder.path()));
        // If other programs have the cores, they may be the reason why no client is answered.
        assert!(
            code == Some(1) || (code == Some(4) && printed.contains("times are not valid")),
            "{code:?} {printed}"
        );
    }
    // Who only connects shows nothing of a server that does not accept.
    let text = profile(Some(address), "1s", "count = 8\ntx = \"idle\"", "corrupt_bytes = \"= 0\"");
    let (code, printed) = ending(&command(folder.path(), &text).output().expect("badpeer runs"));
    assert_eq!(code, Some(4), "{printed}");
    assert!(
        is_invalid_for(&repeat(folder.path()), "of the 8 connections of `good` were not opened"),
        "{printed}"
    );
}

#[apply(timed_test!)]
fn connections_dropped_by_another_server_do_not_count() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let (_socket, other) = deaf(1);
    let child = started(command(folder.path(), &profile(None, "1500ms", PACED, "")));
    thread::sleep(Duration::from_millis(400));
    let patience = Duration::from_millis(100);
    let kept: Vec<_> = (0..6).map(|_| TcpStream::connect_timeout(&other, patience)).collect();
    assert!(kept.iter().any(Result::is_err), "the queue had room for all");
    let (_, printed) = ending(&child.wait_with_output().expect("an end"));
    let repeat = repeat(folder.path());
    assert!(number(&repeat, "listen_drops") > 0.0, "{printed}");
    assert!(number(&repeat, "listener_drops") < 0.5 && !is_invalid_for(&repeat, "saw them"), "{printed}");
}

/// Stops a server for a second while it is driven at 1,000 requests/s for five: the repeat, and how long it was, in ns.
fn stopped_for_a_second(folder: &Path) -> (Value, f64) {
    let (server, address) = serving(&[]);
    let address = address.parse().expect("an address");
    let child = started(command(folder, &profile(Some(address), "5s", PACED, "")));
    thread::sleep(Duration::from_millis(1500));
    let stopped = Instant::now();
    stop_for(server.pid(), Duration::from_secs(1));
    let stopped = stopped.elapsed().as_nanos() as f64;
    child.wait_with_output().expect("an end");
    (repeat(folder), stopped)
}

#[apply(timed_test!)]
fn a_server_stopped_for_a_second_shows_in_the_percentiles() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    // A machine that is too busy for the figures says so itself; it may be quieter the next time.
    let mut tries = (0..3).map(|_| stopped_for_a_second(folder.path()));
    let valid = tries.find(|(repeat, _)| repeat["invalid"].as_array().is_some_and(Vec::is_empty));
    let (repeat, stopped) = valid.expect("three invalid repeats: is this machine overloaded?");
    // Of 5,000 requests 1,000 were due meanwhile, at all times of that second: the slowest 1 % of all, 50, waited for
    // at least 0.95 of it, and the slowest 10 %, 500, for half of it.
    for (name, share) in [
        ("good.latency_p90", 0.5),
        ("good.latency_p99", 0.95),
        ("good.service_p99", 0.95),
        ("good.latency_max", 1.0),
    ] {
        let found = number(&repeat, name) / stopped;
        assert!((share - 0.05..share + 0.1).contains(&found), "{name} is {found} of the pause: {repeat}");
    }
    assert!(number(&repeat, "good.latency_p50") < 0.2e9, "four fifths did not wait");
}

#[apply(timed_test!)]
fn a_server_that_never_answers_is_reported_with_open_requests_and_age() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let expect = "\"good.unanswered\" = \"= 0\"\n\"good.latency_p99\" = \"< 10s\"";
    let text = profile(Some(address), "1s", PACED, expect);
    let (code, printed) = ending(&command(folder.path(), &text).output().expect("badpeer runs"));
    assert!(matches!(code, Some(1 | 4)), "{printed}");
    let repeat = repeat(folder.path());
    let requests = &repeat["groups"][0]["requests"];
    assert!(
        requests["unanswered"] == requests["started"] && requests["started"].as_u64() > Some(500),
        "{requests}"
    );
    let age = number(&repeat, "good.unanswered_age");
    assert!((1e9..2.5e9).contains(&age), "the first was due at the beginning: {age} ns");
    assert_eq!(
        repeat["censored"]["good.latency_p50"], "unanswered",
        "no answer, no latency but a bound of it"
    );
    assert!((0.9e9..2.5e9).contains(&number(&repeat, "good.latency_p50")), "half of them waited for so long");
    assert!(!printed.replace("PASS good.errors = 0 (implied)", "").contains("PASS good"), "{printed}");
}

#[apply(timed_test!)]
fn a_server_that_hangs_fails_despite_earlier_answers() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let (server, address) = serving(&[]);
    let address = address.parse().expect("an address");
    let child = started(command(folder.path(), &profile(Some(address), "2s", PACED, "")));
    thread::sleep(Duration::from_millis(1200));
    send(Signal::SIGSTOP, server.pid());
    let (_, printed) = ending(&child.wait_with_output().expect("an end"));
    send(Signal::SIGCONT, server.pid());
    assert!(printed.contains("latency percentiles count them as slower than any answer"), "{printed}");
    let repeat = repeat(folder.path());
    assert!(number(&repeat, "good.unanswered_age") > 0.5e9);
    assert_eq!(repeat["censored"]["good.latency_p90"], "unanswered", "two fifths of the window were silence");
}
