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
    assert!(said.contains("none was ended in 1 s Noise is up to: server +"), "{said}");
    assert!(said.contains("of one repeat; how far repeats differ is not known)"), "{said}");
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

#[apply(timed_test!)]
fn good_clients_in_place_of_bad_ones_have_no_price() {
    let profile = r#"
        title = "Clients like the good ones come and leave"
        warmup = "200ms"
        measure = "2s"
        repeats = 2

        [[clients]]
        name = "good"
        count = 4
        load = { rate = "400/s", payload = "64B" }

        [[clients]]
        name = "more"
        count = 4
        load = { rate = "100/s", payload = "64B" }
        start = "700ms"
        stop = "1700ms"

        [phases]
        before = "200ms"
        with = "700ms"
        after = "1700ms"

        [expect]
        memory_per_peer = "< 64KiB"
        "good.longest_silence @ with" = "< 1s"
    "#;
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("same.toml"), profile).expect("written");
    let (code, said) = ending(&badpeer(&["run", "same.toml"], folder.path()));
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(matches!(code, Some(0 | 4)), "{code:?} {said}");
    assert!(flat.contains("4 bad peers cost: no memory · good p99 "), "{said}");
    assert!(
        flat.contains("none was ended in 1 s The costliest of 2 repeats. Noise is up to: server +"),
        "{said}"
    );
}
