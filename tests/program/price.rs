//! What bad peers cost, as `badpeer bench` tells it.

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{BADPEER, badpeer, ending, repeat};

/// Twenty idle peers at an echo server with these flags, beside four good clients; what was said, and the repeat.
fn idle_peers(flags: &[&str]) -> (String, Value) {
    let folder = TempDir::new().expect("a folder");
    let words = "bench 127.0.0.1:0 -c 4 -r 400 -d 2s --warmup 200ms --bad idle=20 --max-memory-per-peer off";
    let words: Vec<&str> = words.split_whitespace().collect();
    let server = ["--", BADPEER, "serve", "--listen", "{address}", "--protocol", "echo"];
    let (code, said) = ending(&badpeer(&[&words[..], &server, flags].concat(), folder.path()));
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(matches!(code, Some(0 | 1 | 4)), "{code:?} {said}");
    (flat, repeat(folder.path(), "bench"))
}

#[apply(timed_test!)]
fn peers_that_are_held_come_and_leave_with_their_phase() {
    let (said, repeat) = idle_peers(&[]);
    let names = repeat["phases"].as_array().expect("phases").iter().map(|phase| phase["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["before", "with", "after"]);
    let price = &repeat["price"];
    let found = ["peers", "connected", "ended", "held"].map(|name| price[name].as_u64());
    assert_eq!(found, [20, 20, 0, 20].map(Some), "{price}");
    for name in ["good.latency_p99", "good.requests_rate", "server_rss_peak", "server_cpu_rate"] {
        for phase in ["before", "with", "after"] {
            let name = format!("{name} @ {phase}");
            assert!(repeat["summary"][&name].is_number(), "{name} is missing");
        }
    }
    assert_eq!(repeat["summary"]["idle.alive_last @ after"].as_f64(), Some(0.0), "they have left");
    assert!(said.contains("20 bad peers cost: "), "{said}");
    assert!(said.contains("none was ended in 1 s (one repeat: its noise is not known)"), "{said}");
}

#[apply(timed_test!)]
fn peers_that_the_server_ends_are_counted_with_the_time_it_took() {
    let (said, repeat) = idle_peers(&["--idle-timeout", "300ms"]);
    let price = &repeat["price"];
    assert_eq!(["ended", "held"].map(|name| price[name].as_u64()), [Some(20), Some(0)], "{price}");
    let after_ms = price["ended_after_ns"].as_u64().expect("a time") / 1_000_000;
    assert!((290..600).contains(&after_ms), "{after_ms} ms");
    assert!(said.contains("20 ended after ") && said.contains("0 still held"), "{said}");
}
