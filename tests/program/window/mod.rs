//! The right figure at the right time: when samples are taken, where memory starts and peaks, and who else was there. Through
//! the built program, against servers of the tests' own.

mod servers;

use std::{
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{sys::signal, unistd::Pid};
use serde_json::Value;
use tempfile::TempDir;

use self::servers::{OtherClient, server_here, started_as};
use crate::common::{
    BADPEER, badpeer, ending, number, one_at_a_time::OneAtATime, process::send, repeat, texts, with_profile,
    without_pictures,
};

const MIB: f64 = 1024.0 * 1024.0;
/// One test at a time: each is about time, and they would be each other's noise.
static ONE: OneAtATime = OneAtATime::new();

/// Runs a profile, and gives its only repeat.
fn run(text: &str) -> (Value, String) {
    let folder = with_profile(text);
    let output = without_pictures(&["run", "quick.toml", "--quiet"], folder.path());
    (repeat(folder.path(), "quick"), ending(&output).1)
}

/// A profile of HTTP clients, against a server of this file that is started as a process, or against one at an address.
fn http(server: &str, measure: &str, sample_every: &str, load: &str) -> String {
    format!(
        "title = \"window\"\nwarmup = \"250ms\"\nmeasure = \"{measure}\"\nsample_every = \"{sample_every}\"\n\n[server]\n\
         {server}\n\n[[clients]]\nname = \"good\"\ncount = 4\nprotocol = \"http\"\nhttp = {{ path = \"/\" }}\n\
         load = {{ {load}, answer = \"3B\" }}\n\n[expect]\ncorrupt_bytes = \"= 0\"\n"
    )
}

#[apply(timed_test!)]
fn memory_freed_between_two_samples_is_in_the_peak() {
    let _turn = ONE.turn();
    // Samples are taken at 0.25, 2 and 3.25 s.
    let (repeat, printed) = run(&http(&started_as("server_with_bursts"), "3s", "2s", "rate = 50"));
    let column = |name: &str| -> Vec<f64> {
        let values = repeat["series"]["columns"][name].as_array().expect(name);
        values.iter().filter_map(Value::as_f64).collect()
    };
    let sampled = column("server_rss").iter().copied().fold(0.0, f64::max);
    let (peak, growth) = (number(&repeat, "server_rss_peak"), number(&repeat, "server_rss_growth"));
    let start = number(&repeat, "server_rss_start");
    assert!(peak - start > 195.0 * MIB && peak - start < 240.0 * MIB, "{peak} {start} {sampled}: {printed}");
    assert!((growth - (peak - start)).abs() < 1.0, "{growth}");
    assert!(column("server_rss_high").contains(&peak), "it is in the series");
}

#[apply(timed_test!)]
fn memory_growth_counts_from_the_started_workers() {
    let _turn = ONE.turn();
    let (repeat, printed) = run(&http(&started_as("server_with_workers"), "500ms", "100ms", "rate = 50"));
    let processes = number(&repeat, "server_processes_start");
    assert!((processes - 5.0).abs() < 0.5, "{processes} processes at the start: {printed}");
    assert!(number(&repeat, "server_rss_start") > 64.0 * MIB, "{printed}");
    assert!(number(&repeat, "server_rss_growth") < 16.0 * MIB, "{printed}");
    assert!(!texts(&repeat, "notes").contains("did not come to rest"), "{printed}");
}

#[apply(timed_test!)]
fn a_server_that_does_not_come_to_rest_gets_a_note() {
    let _turn = ONE.turn();
    let (repeat, printed) = run(&http(&started_as("server_without_rest"), "300ms", "100ms", "rate = 50"));
    assert!(texts(&repeat, "notes").contains("the server did not come to rest within 1 s"), "{printed}");
}

/// The instants at which the sockets were read, and what was seen of them, in a run with so many idle connections that a
/// dump of them costs more than a fifth of the time between two samples.
#[apply(timed_test!)]
fn window_borders_are_sampled_even_if_samples_are_slow() {
    let _turn = ONE.turn();
    let (repeat, printed) = run(
        "title = \"window\"\nwarmup = \"1250ms\"\nmeasure = \"700ms\"\nsample_every = \"10ms\"\n[[clients]]\nname = \"idle\"\n\
         count = 1500\ntx = \"idle\"\n[expect]\ncorrupt_bytes = \"= 0\"\n",
    );
    let window: Vec<i64> =
        repeat["window_ns"].as_array().expect("two").iter().filter_map(Value::as_i64).collect();
    let sampled: Vec<i64> =
        repeat["series"]["at_ns"].as_array().expect("times").iter().filter_map(Value::as_i64).collect();
    let column = |name: &str| repeat["series"]["columns"][name].as_array().expect(name).clone();
    let (memory, alive, pss) = (column("kernel_memory"), column("idle.alive"), column("server_pss"));
    let read = memory.iter().filter(|value| !value.is_null()).count();
    assert!(
        read < sampled.len() * 4 / 5,
        "samples between were left out: {read} of {}: {printed}",
        sampled.len()
    );
    for border in window {
        let at_border = |(_, at): &(usize, &i64)| **at >= border && **at - border < 250_000_000;
        let (index, at) = sampled.iter().enumerate().find(at_border).expect("a sample");
        assert!(memory[index].is_number(), "{border} {at}: {printed}");
        assert!(alive[index].is_number() && pss[index].is_number(), "{border} {at}: {printed}");
    }
    let last = number(&repeat, "kernel_memory_last");
    assert!(memory.iter().any(|value| value.as_f64() == Some(last)));
    // Seen before the clients disconnect: they wait for it.
    let sockets = number(&repeat, "server_sockets_peak");
    let established = column("sockets_established");
    let at_end = sampled.iter().position(|at| *at >= repeat["window_ns"][1].as_i64().expect("an end"));
    let at_end = established[at_end.expect("a sample")].as_f64().expect("read");
    assert!(at_end >= 1500.0 && sockets >= 1500.0, "{at_end} {sockets}: {printed}");
}

/// The reference server that this process of badpeer has started.
fn server_of(badpeer: &Child) -> u32 {
    let until = Instant::now() + Duration::from_secs(20);
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    loop {
        let children = read(format!("/proc/{0}/task/{0}/children", badpeer.id()));
        let mut servers = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        // It asks git for the commit, too.
        if let Some(pid) =
            servers.find(|pid: &u32| read(format!("/proc/{pid}/cmdline")).contains("\0serve\0"))
        {
            return pid;
        }
        assert!(Instant::now() < until, "no server was started");
        thread::sleep(Duration::from_millis(10));
    }
}

#[apply(timed_test!)]
fn values_missing_in_the_last_sample_are_absent_with_a_note() {
    let _turn = ONE.turn();
    let folder = with_profile(
        "title = \"window\"\nwarmup = \"200ms\"\nmeasure = \"3s\"\n[[clients]]\nname = \"good\"\ncount = 4\n\
         load = { depth = 1, payload = \"64B\" }\n[expect]\ncorrupt_bytes = \"= 0\"\n",
    );
    let mut command = Command::new(BADPEER);
    command.args(["run", "quick.toml", "--quiet", "--format", "csv"]).current_dir(folder.path());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("badpeer runs");
    let server = server_of(&child);
    thread::sleep(Duration::from_millis(1500));
    // Its counters cannot be read from well before the end of the window until well after it.
    send(signal::SIGSTOP, server);
    thread::sleep(Duration::from_millis(4500));
    // On a slow day it was ended meanwhile.
    let _ = signal::kill(Pid::from_raw(server as i32), signal::SIGCONT);
    let printed = ending(&child.wait_with_output().expect("an end")).1;
    let repeat = repeat(folder.path(), "quick");
    let buffered = repeat["series"]["columns"]["send_buffered"].as_array().expect("a column");
    assert!(buffered.iter().any(Value::is_number), "it was read before: {printed}");
    let summary = &repeat["summary"];
    assert!(summary["send_buffered_last"].is_null(), "{summary}");
    assert!(summary["server_messages"].is_null() && summary["server_messages_rate"].is_null(), "{summary}");
    assert!(summary["kernel_memory_last"].is_number(), "the kernel was asked: {summary}");
    let notes = texts(&repeat, "notes");
    assert!(notes.contains("send_buffered_last") && notes.contains("not measured, because"), "{notes}");
}

/// A repeat of `run` against a server in this process, at 200 requests a second.
fn attached(address: SocketAddr) -> (Value, String) {
    let server = format!("attach = {{ address = \"{address}\" }}");
    run(&http(&server, "1500ms", "100ms", "rate = 200"))
}

#[apply(timed_test!)]
fn another_client_on_the_servers_port_makes_a_run_invalid() {
    let _turn = ONE.turn();
    for (anew, pause) in [(false, Duration::ZERO), (true, Duration::from_millis(2))] {
        let address = server_here();
        let _other = OtherClient::start(address, pause, anew);
        let (repeat, printed) = attached(address);
        let invalid = texts(&repeat, "invalid");
        assert!(
            invalid.contains("clients other than badpeer's sent at least"),
            "anew: {anew}: {invalid}: {printed}"
        );
        assert!(number(&repeat, "other_requests_share") > 0.05, "{printed}");
    }
}

#[apply(timed_test!)]
fn another_client_on_the_port_makes_a_bench_invalid() {
    let (_turn, folder) = (ONE.turn(), TempDir::new().expect("a folder"));
    let address = server_here();
    let _other = OtherClient::start(address, Duration::ZERO, false);
    let target = format!("http://{address}/");
    let output = without_pictures(&["bench", &target, "-c", "2", "-r", "100", "-d", "1s"], folder.path());
    let (code, printed) = ending(&output);
    assert!(
        printed.split_whitespace().collect::<Vec<_>>().join(" ").contains("clients other than badpeer's"),
        "{printed}"
    );
    assert_ne!(code, Some(0), "{printed}");
}

#[apply(timed_test!)]
fn an_occasional_other_client_gets_a_note_and_a_silent_one_does_not() {
    let _turn = ONE.turn();
    let address = server_here();
    let silent = TcpStream::connect(address).expect("a connection");
    let (repeat, printed) = attached(address);
    assert!(number(&repeat, "other_clients") < 0.5, "{printed}");
    assert!(!texts(&repeat, "notes").contains("clients other than badpeer's"), "{printed}");
    drop(silent);
    let _other = OtherClient::start(address, Duration::from_millis(900), false);
    let (repeat, printed) = attached(address);
    assert!((1.0..4.0).contains(&number(&repeat, "other_requests")), "{printed}");
    assert!(texts(&repeat, "notes").contains("clients other than badpeer's sent at least"), "{printed}");
    assert!(!texts(&repeat, "invalid").contains("clients other than"), "{printed}");
}

/// What was read at a border of the window: the server's CPU time, and the answers that the clients had counted. `None` where
/// the machine was so busy that the reading came too late to count.
fn at_border(repeat: &Value, border: i64) -> Option<(f64, f64)> {
    let series = &repeat["series"];
    let read = series["clocks"]["process"]["at_ns"].as_array().expect("a clock");
    let is_near = |at: &Value| at.as_i64().is_some_and(|at| at >= border && at - border < 50_000_000);
    let index = read.iter().position(is_near)?;
    assert!(series["clocks"]["clients"]["at_ns"][index].is_i64(), "the clients count at the same instants");
    let value = |name: &str| series["columns"][name][index].as_f64();
    Some((value("server_cpu")?, value("good.requests")?))
}

#[apply(timed_test!)]
fn costs_and_answers_are_counted_between_equal_readings() {
    let _turn = ONE.turn();
    // The window's borders are no multiples of the sampling period.
    let profile = "title = \"window\"\nwarmup = \"250ms\"\nmeasure = \"2s\"\n[[clients]]\nname = \"good\"\ncount = 8\n\
                   load = { depth = 1, payload = \"64B\" }\n[expect]\n\"good.requests_rate\" = \"> 1\"\n";
    let read = || {
        let (repeat, printed) = run(profile);
        let [from, to] = [0, 1].map(|border| repeat["window_ns"][border].as_i64().expect("a time"));
        Some((at_border(&repeat, from)?, at_border(&repeat, to)?, repeat, printed))
    };
    let found = (0..5).find_map(|_| read());
    let ((cpu_from, from), (cpu_to, to), repeat, printed) = found.expect("is this machine overloaded?");
    let cost = number(&repeat, "server_cpu_per_request") * (to - from) / (cpu_to - cpu_from);
    // What is answered between the clients' count and the reading of the CPU time lies on a line between two counts.
    assert!((0.8..1.25).contains(&cost), "{cost}: {printed}");
}

#[apply(timed_test!)]
fn the_split_of_cores_is_reported() {
    let _turn = ONE.turn();
    let folder = TempDir::new().expect("a folder");
    let printed = ending(&badpeer(&["doctor"], folder.path())).1;
    assert!(printed.contains("core topology") && printed.contains("physical core"), "{printed}");
    let (repeat, printed) = run(&http(&started_as("server_with_bursts"), "200ms", "100ms", "rate = 50"));
    let effective = &repeat["effective"];
    assert!(
        effective["cores"].as_str().is_some_and(|words| words.contains("hardware thread")),
        "{effective}"
    );
    let cores = |side: &str| effective[side].as_array().expect(side).clone();
    for server in cores("server_cores") {
        let siblings = format!("/sys/devices/system/cpu/cpu{server}/topology/thread_siblings_list");
        let Ok(siblings) = std::fs::read_to_string(Path::new(&siblings)) else { continue };
        let is_noted = effective["cores"].as_str().is_some_and(|words| words.starts_with("1 physical core "));
        for client in cores("client_cores") {
            let mut listed = siblings.trim().split([',', '-']);
            assert!(
                is_noted || !listed.any(|cpu| cpu.parse().ok() == client.as_u64()),
                "{effective}: {printed}"
            );
        }
    }
}
