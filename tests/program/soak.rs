//! Whether a server grows, as `badpeer soak` finds it.

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{BADPEER, badpeer, ending, record, with_profile};

/// A server with these flags, and clients that come for one request each and go.
fn profile(flags: &[&str]) -> TempDir {
    let server = ["serve", "--listen", "{address}"].iter().chain(flags).map(|word| format!(", '{word}'"));
    with_profile(&format!(
        "title = 'churn'\nwarmup = '200ms'\nmeasure = '2s'\n[server]\ncommand = ['{BADPEER}'{}]\n[[clients]]\n\
         name = 'churn'\ncount = 8\nload = {{ depth = 1, payload = '64B' }}\nrequests_per_connection = 1\n\
         reconnect = {{ pause = '1ms', at_most = '400/s' }}\n",
        server.collect::<String>()
    ))
}

/// What a soak of so many seconds ends with, and what it found.
fn soaked(folder: &TempDir, seconds: u32) -> (Option<i32>, String, Value) {
    let duration = format!("{seconds}s");
    let words = ["soak", "quick.toml", "-d", &duration, "--format", "csv,html,markdown"];
    let (code, printed) = ending(&badpeer(&words, folder.path()));
    let soak = record(folder.path(), "quick")["soak"].clone();
    (code, printed.split_whitespace().collect::<Vec<_>>().join(" "), soak)
}

fn trend<'a>(soak: &'a Value, name: &str) -> &'a Value {
    let mut trends = soak["trends"].as_array().expect("trends").iter();
    trends.find(|trend| trend["name"] == name).unwrap_or_else(|| panic!("{name}: {soak:#}"))
}

#[apply(timed_test!)]
fn a_planted_leak_for_each_connection_is_found_with_its_size() {
    let folder = profile(&["--plant-leak", "4KiB"]);
    let (code, printed, soak) = soaked(&folder, 12);
    let memory = trend(&soak, "server_rss");
    assert_eq!((code, memory["finding"].as_str()), (Some(1), Some("grows")), "{printed}");
    let connections = soak["connections_per_hour"].as_f64().expect("a number");
    let each = memory["per_hour"].as_f64().expect("a number") / connections;
    // What malloc adds is a few bytes.
    assert!((3500.0..4800.0).contains(&each), "{each} bytes per connection: {soak:#}");
    assert!(
        memory["low"].as_f64() > Some(0.0) && memory["low"].as_f64() <= memory["high"].as_f64(),
        "{memory}"
    );
    assert!(printed.contains("FAIL server_rss grows by ") && printed.contains(" per hour ± "), "{printed}");
    assert!(printed.contains(" per 1000 connections"), "{printed}");
    let latest = folder.path().join("reports/quick/latest");
    for file in ["index.html", "summary.md"] {
        let written = std::fs::read_to_string(latest.join(file)).expect(file);
        assert!(written.contains("server_rss") && written.contains("grows by"), "{file}: {written}");
    }
}

#[apply(timed_test!)]
fn a_leak_of_every_tenth_connection_is_a_tenth() {
    let folder = profile(&["--plant-leak", "40KiB", "--plant-leak-every", "10"]);
    let (code, printed, soak) = soaked(&folder, 12);
    assert_eq!(code, Some(1), "{printed}");
    let connections = soak["connections_per_hour"].as_f64().expect("a number");
    let each = trend(&soak, "server_rss")["per_hour"].as_f64().expect("a number") / connections;
    assert!((3500.0..4800.0).contains(&each), "{each} bytes per connection: {soak:#}");
}

#[apply(timed_test!)]
fn a_clean_server_is_not_accused_in_five_of_five() {
    let folder = profile(&[]);
    for run in 0..5 {
        let (_, printed, soak) = soaked(&folder, 8);
        for name in ["server_rss", "server_descriptors"] {
            assert_ne!(trend(&soak, name)["finding"], "grows", "run {run}, {name}: {soak:#}");
        }
        // In six seconds, what is not excluded comes to much in an hour.
        assert!(
            printed.contains("no growth shown, at most") || printed.contains("use a longer window"),
            "{printed}"
        );
    }
}

#[apply(timed_test!)]
fn soaks_that_make_no_sense_are_refused() {
    let folder = with_profile(
        "title = 't'\n[[clients]]\nname = 'g'\ncount = 1\nstop = '2s'\nload = { depth = 1, payload = 9 }\n",
    );
    for (words, part) in [
        (&["quick.toml"][..], "the clients of `g` stop early"),
        (&["shrink"], "has a sweep over server.shrink"),
        (&["core-timers"], "a core experiment has no server"),
        (&["control", "-d", "2s"], "use at least 5s"),
        (&["control", "--settle", "90%"], "is not a share from 0% to 80%"),
        (&["control", "--resolution", "0"], "use a size above 0"),
        (&["control", "--set", "measure=5m"], "--set measure has no effect in a soak: write --duration"),
        (&["control", "--set", "repeats=3"], "a soak has one repeat"),
        (&["control", "--set", "sample_every=1s"], "write --sample-every"),
        (&["control", "--set", "seed=7", "--seed", "8"], "remove it, or --seed"),
        (
            &["control", "-d", "20s", "--set", "clients.good.load.rate='100/s to 900/s over 20s'"],
            "the rate of `good` is constant only after 20s, and growth is looked for from 5s on",
        ),
        (
            &["control", "-d", "5s", "--set", "clients.closed.connect_rate=10/s"],
            "all clients of `closed` are connected (start, connect_rate) only after 3100ms",
        ),
    ] {
        let (code, printed) = ending(&badpeer(&[&["soak"], words].concat(), folder.path()));
        assert!(code == Some(2) && printed.contains(part), "{words:?}: {code:?} {printed}");
    }
}
