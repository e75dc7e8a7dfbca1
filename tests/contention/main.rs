//! What must not be taken for the server's where a core has too much to do, and many runs at once. Each of these tests takes
//! all cores, and so they are a program of their own: none of the others runs meanwhile.

#[macro_use]
extern crate macro_rules_attribute;
#[macro_use]
#[path = "../common/mod.rs"]
mod common;
mod host;
mod parallel_runs;

use std::{
    process::{Child, Command},
    thread,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use serde_json::Value;

use self::common::{badpeer, ending, number, one_at_a_time::OneAtATime, repeat, skip, texts, with_profile};

static ONE: OneAtATime = OneAtATime::new();

/// A run of a profile: how it ends, what is said in one line, and its only repeat.
fn run(text: &str) -> (Option<i32>, String, Value) {
    let folder = with_profile(text);
    let (code, printed) = ending(&badpeer(&["run", "quick.toml", "-v"], folder.path()));
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    (code, printed, repeat(folder.path(), "quick"))
}

/// A program that computes until it is dropped, or half a minute is over.
struct BusyLoop(Child);

impl BusyLoop {
    fn start() -> Self {
        Self(
            Command::new("timeout").args(["30", "sh", "-c", "while :; do :; done"]).spawn().expect("a shell"),
        )
    }
}

impl Drop for BusyLoop {
    fn drop(&mut self) {
        // `timeout` hands it on to the shell.
        let _ = signal::kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

#[apply(timed_test!)]
fn busy_loops_on_the_servers_cores_make_a_run_invalid() {
    let _turn = ONE.turn();
    let cpus = thread::available_parallelism().expect("a number").get();
    let _loops: Vec<BusyLoop> = (0..cpus).map(|_| BusyLoop::start()).collect();
    let (_, printed, repeat) =
        run("title = \"crowded\"\nwarmup = \"300ms\"\nmeasure = \"2s\"\n[[clients]]\nname = \"good\"\n\
         count = 16\nload = { depth = 1, payload = \"64B\" }\n[expect]\n\"good.requests_rate\" = \"> 1\"\n");
    let disturbed = texts(&repeat, "disturbed");
    assert!(disturbed.contains("of the server's cores, and the server waited for a core"), "{printed}");
    // Where the clients waited for most of the time, nothing at all is proven.
    let is_void = !texts(&repeat, "invalid").is_empty();
    assert!(printed.contains("INVALID good.requests_rate > 1"), "{printed}");
    assert!(is_void || printed.contains("PASS corrupt_bytes"), "{printed}");
    assert!(number(&repeat, "others_on_server_cores") > 0.2, "{printed}");
}

/// Beyond what others do, the server's own threads wait for each other: that is its own affair.
#[apply(timed_test!)]
fn a_server_with_more_threads_than_cores_is_not_counted_as_other_load() {
    let _turn = ONE.turn();
    let (_, printed, repeat) =
        run("title = \"crowded\"\nwarmup = \"300ms\"\nmeasure = \"2s\"\n[server]\nthreads = 4\n\
         [[clients]]\nname = \"good\"\ncount = 64\nload = { depth = 1, payload = \"64B\" }\n[expect]\n\
         \"good.requests_rate\" = \"> 1\"\n");
    let summary = &repeat["summary"];
    let busy = number(&repeat, "server_cores_used_rate") - number(&repeat, "server_cpu_rate");
    let others = number(&repeat, "others_on_server_cores");
    let cores = repeat["effective"]["server_cores"].as_array().map_or(1, Vec::len).max(1) as f64;
    assert!((others - (busy / cores).max(0.0)).abs() < 1e-6, "{others}: {summary}: {printed}");
    assert!(number(&repeat, "server_run_delay_share") > 0.0, "{summary}");
}

#[apply(timed_test!)]
fn a_rate_that_the_clients_cannot_reach_makes_a_run_invalid() {
    let _turn = ONE.turn();
    let (code, printed, repeat) = run(
        "title = \"crowded\"\nwarmup = \"100ms\"\nmeasure = \"1s\"\n[[clients]]\nname = \"good\"\n\
         count = 8\nload = { rate = \"1000000/s\", payload = \"64B\" }\n[expect]\n\"good.requests\" = \"> 1\"\n",
    );
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.contains("INVALID good.requests > 1") && printed.contains("lower the rate"), "{printed}");
    assert!(printed.contains("load generator busy run delay longest stall start delay p99"), "{printed}");
    assert!(texts(&repeat, "invalid").contains("the load generator started requests"), "{repeat}");
    assert!(number(&repeat, "pacing_error_p99") > 10e6);
}

#[apply(timed_test!)]
fn latencies_of_saturated_closed_loop_clients_are_invalid() {
    let _turn = ONE.turn();
    // To make and check a byte costs more than to send it back.
    let (code, printed, repeat) = run(
        "title = \"crowded\"\nwarmup = \"100ms\"\nmeasure = \"1s\"\n[server]\nprotocol = \"echo\"\n\
         [[clients]]\nname = \"good\"\ncount = 8\nprotocol = \"echo\"\nload = { depth = 4, payload = \"64KiB\" }\n[expect]\n\
         \"good.latency_p99\" = \"< 10s\"\n\"good.requests\" = \"> 10\"\ncorrupt_bytes = \"= 0\"\n",
    );
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.contains("INVALID good.latency_p99 < 10s"), "{printed}");
    let busy = number(&repeat, "harness_busy");
    if busy < 0.95 || !texts(&repeat, "invalid").is_empty() || !texts(&repeat, "disturbed").is_empty() {
        // The server, and not the clients, waited for a core that others of this machine had; or the clients did.
        return skip("latencies_of_saturated_closed_loop_clients_are_invalid: others had the cores");
    }
    assert!(
        printed.contains("PASS good.requests > 10") && printed.contains("PASS corrupt_bytes"),
        "{printed}"
    );
    assert!(printed.contains("The load generator was the limit, not the server"), "{printed}");
}
