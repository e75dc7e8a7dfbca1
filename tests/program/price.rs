//! What bad peers cost, as `badpeer bench` reports it.

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{BADPEER, ending, repeat, text, without_pictures};

/// Twenty idle peers at an echo server with these flags, beside four good clients; what was printed, and the repeat.
fn idle_peers(flags: &[&str]) -> (String, Value) {
    let folder = TempDir::new().expect("a folder");
    let words = "bench 127.0.0.1:0 -c 4 -r 400 -d 2s --warmup 200ms --bad idle=20 --max-memory-per-peer off";
    let words: Vec<&str> = words.split_whitespace().collect();
    let server = ["--", BADPEER, "serve", "--listen", "{address}", "--protocol", "echo"];
    let (code, printed) = ending(&without_pictures(&[&words[..], &server, flags].concat(), folder.path()));
    let flat = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(matches!(code, Some(0 | 1 | 4)), "{code:?} {printed}");
    (flat, repeat(folder.path(), "bench"))
}

#[apply(timed_test!)]
fn peers_that_are_held_come_and_leave_with_their_phase() {
    let (printed, repeat) = idle_peers(&[]);
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
    assert!(printed.contains("20 bad peers cost: "), "{printed}");
    // Behind it may stand that times are not valid.
    assert!(
        printed.contains("none was ended in 1 s") && printed.contains("Noise: server up to +"),
        "{printed}"
    );
    assert!(printed.contains("of one repeat; how much repeats differ is not known)"), "{printed}");
}

#[apply(timed_test!)]
fn peers_that_the_server_ends_are_counted_with_the_time_it_took() {
    let (printed, repeat) = idle_peers(&["--idle-timeout", "300ms"]);
    let price = &repeat["price"];
    assert_eq!(["ended", "held"].map(|name| price[name].as_u64()), [Some(20), Some(0)], "{price}");
    let after_ms = price["ended_after_ns"].as_u64().expect("a time") / 1_000_000;
    assert!((290..600).contains(&after_ms), "{after_ms} ms");
    assert!(printed.contains("20 ended after ") && printed.contains("0 still held"), "{printed}");
}

#[apply(timed_test!)]
fn json_begins_with_the_verdict_and_the_price() {
    let folder = TempDir::new().expect("a folder");
    let words = "bench 127.0.0.1:0 -c 2 -r 200 -d 1s --warmup 100ms --bad half-sent=3 --json";
    let words: Vec<&str> = words.split_whitespace().collect();
    let server =
        ["--", BADPEER, "serve", "--listen", "{address}", "--protocol", "echo", "--message-timeout", "off"];
    let output = without_pictures(&[&words[..], &server].concat(), folder.path());
    let printed = text(&output.stdout);
    let at =
        |name: &str| printed.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name}: {printed}"));
    assert!(at("outcome") < at("headline") && at("headline") < at("profile") && at("profile") < at("points"));
    let value: Value = serde_json::from_str(&printed).expect("JSON");
    let price = &value[0]["price"][0];
    assert!(price["headline"].as_str().is_some_and(|line| line.starts_with("3 bad peers cost: ")), "{price}");
    assert!(price["noise"].is_string() && price["numbers"]["peers"] == 3, "{price}");
    let notes = value[0]["points"][0]["trials"][0]["notes"].to_string();
    assert!(notes.contains("none of the 3 `half-sent` clients was ended in 5"), "{notes}");
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
    let (code, printed) = ending(&without_pictures(&["run", "same.toml"], folder.path()));
    let flat = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(matches!(code, Some(0 | 4)), "{code:?} {printed}");
    assert!(flat.contains("4 bad peers cost: memory within noise · good p99 "), "{printed}");
    assert!(!flat.contains("exceeds its noise"), "{printed}");
    assert!(
        flat.contains("none was ended in 1 s")
            && flat
                .contains(" The repeat with the most memory for each bad peer of 2. Noise: server up to +"),
        "{printed}"
    );
}
