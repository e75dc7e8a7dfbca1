//! How much a server holds, as `badpeer capacity` finds it.

use std::{path::Path, thread, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::{
    BADPEER, badpeer, ending, heeding,
    process::{send, started},
    record, text, with_profile, without_pictures,
};

/// A server with a limit of 50 connections. Who is turned away comes back at once, so that no busy machine explains how
/// often that happens.
const LIMIT: &str = r#"
title = "How many idle peers a server with a limit of 50 connections holds"
warmup = "100ms"
measure = "400ms"
[server]
max_connections = 50
[[clients]]
name = "crowd"
count = 10
tx = "idle"
reconnect = { pause = "1ms", at_most = "10000/s" }
[expect]
"crowd.evicted" = "= 0"
"#;

/// The search of the newest run, and the values of its bracket: the highest that holds, the lowest that fails.
fn searched(folder: &Path, name: &str) -> (Value, Option<u64>, Option<u64>) {
    let capacity = record(folder, name)["capacity"].clone();
    let end = |which: &str| capacity["bracket"][which]["value"].as_u64();
    let (holds, fails) = (end("holds"), end("fails"));
    (capacity, holds, fails)
}

fn search(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let words = ["capacity", "quick.toml", "--of", "clients.crowd.count"];
    let (code, printed) = ending(&badpeer(&[&words, more].concat(), folder));
    (code, printed.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[apply(timed_test!)]
fn three_searches_find_the_limit_on_connections() {
    let folder = with_profile(LIMIT);
    for seed in ["seed=1", "seed=2", "seed=3"] {
        let more = ["--to", "400", "--set", seed, "--format", "csv,png,html,markdown,junit"];
        let (code, printed) = search(folder.path(), &more);
        let (capacity, holds, fails) = searched(folder.path(), "quick");
        let (holds, fails) = (holds.expect("a level holds"), fails.expect("a level fails"));
        // Three brackets that contain 50 overlap.
        assert!(holds <= 50 && 50 < fails && fails - holds <= 5, "{holds} {fails}: {printed}");
        assert_eq!((code, capacity["end"].as_str()), (Some(0), Some("narrow")), "{printed}");
        let border = |which: &str| capacity["bracket"][which].clone();
        assert!(
            border("holds")["repeats"].as_u64() >= Some(3) && border("fails")["repeats"].as_u64() >= Some(3)
        );
        let figure = &border("fails")["figures"][0];
        assert_eq!(figure["name"], "crowd.evicted");
        assert!(figure["measured"].as_f64() > Some(0.0), "{figure}");
        let sentence =
            format!("clients.crowd.count holds {holds}, fails {fails}: crowd.evicted = 0 (0 at {holds}, ");
        assert!(printed.contains(&sentence), "{sentence}\n{printed}");
    }
    let latest = folder.path().join("reports/quick/latest");
    for (file, part) in [
        ("index.html", "holds "),
        ("summary.md", "clients.crowd.count"),
        ("summary.csv", "clients.crowd.count"),
        ("junit.xml", "the bracket is found"),
    ] {
        let written = std::fs::read_to_string(latest.join(file)).expect(file);
        assert!(written.contains(part), "{file}: {written}");
    }
    assert!(latest.join("capacity.png").exists());
}

#[apply(timed_test!)]
fn a_search_without_a_bracket_says_why() {
    let folder = with_profile(LIMIT);
    let (code, printed) = search(folder.path(), &["--from", "60", "--to", "100", "--repeats", "1"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FAIL clients.crowd.count fails 60 already: crowd.evicted = 0 ("), "{printed}");
    let (code, printed) = search(folder.path(), &["--to", "20", "--repeats", "2"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("clients.crowd.count holds 20, no failure up to there."), "{printed}");
    let levels = searched(folder.path(), "quick").0["levels"].clone();
    let repeats: Vec<_> =
        levels.as_array().expect("levels").iter().map(|level| level["repeats"].as_array()).collect();
    assert_eq!(repeats.iter().map(|repeats| repeats.map(Vec::len)).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[apply(timed_test!)]
fn a_level_whose_peers_are_not_all_held_neither_holds_nor_fails() {
    let folder = with_profile(&LIMIT.replace("reconnect =", "#"));
    // This holds at every level, and says nothing of the peers.
    let more = ["--until", "connections_peak <= 1000", "--from", "40", "--to", "80", "--repeats", "1"];
    let (code, printed) = search(folder.path(), &more);
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.contains("holds 40; no level is known to fail"), "{printed}");
    let why = "80 is inconclusive after 3 repeats: only 50 of 80 clients of `crowd` were connected at a time";
    assert!(printed.contains(why), "{printed}");
}

#[apply(timed_test!)]
fn a_level_whose_peers_were_ended_in_the_window_does_not_hold() {
    let limit = LIMIT.replace("reconnect =", "#");
    let folder = with_profile(&limit.replace("max_connections = 50", "idle_timeout = \"250ms\""));
    let more = ["--until", "connections_peak <= 1000", "--from", "10", "--to", "20", "--repeats", "1"];
    let (code, printed) = search(folder.path(), &more);
    assert_eq!(code, Some(4), "{printed}");
    assert!(
        printed.contains("has no bracket") && printed.contains("10 is inconclusive after 3 repeats"),
        "{printed}"
    );
}

#[apply(timed_test!)]
fn what_a_busy_machine_cannot_excuse_is_searched_over_sizes() {
    let folder = with_profile(
        "title = 't'\nwarmup = '50ms'\nmeasure = '200ms'\n[server]\nreceive_limit = '50KiB'\n[[clients]]\nname = 'good'\n\
         count = 2\nload = { depth = 1, payload = '1KiB' }\n[expect]\nevicted_receive_limit = '= 0'\n",
    );
    let words = ["capacity", "quick.toml", "--of", "clients.good.payload", "--from", "16KiB", "--to", "1MiB"];
    let (code, printed) =
        ending(&without_pictures(&[&words[..], &["--repeats", "1"]].concat(), folder.path()));
    let (capacity, holds, fails) = searched(folder.path(), "quick");
    assert_eq!((code, capacity["of"].as_str()), (Some(0), Some("clients.good.load.payload")), "{printed}");
    // A frame has a head as well.
    assert!(
        holds.is_some_and(|holds| holds < 51_200) && fails.is_some_and(|fails| fails > 51_100),
        "{printed}"
    );
    assert_eq!(capacity["unit"], "bytes");
}

#[apply(lone_test!)]
fn the_knee_of_a_server_lies_within_the_bracket_of_its_rate() {
    let folder = with_profile(
        "title = 't'\nwarmup = '200ms'\nmeasure = '1s'\n[server]\nconcurrency_limit = 1\nprocessing_time = '10ms'\n\
         [[clients]]\nname = 'good'\ncount = 8\nload = { rate = '20/s', payload = '64B' }\n",
    );
    let words = ["capacity", "quick.toml", "--of", "clients.good.rate", "--from", "20/s", "--to", "640/s"];
    let more = ["--until", "good.latency_p99 < 200ms", "--precision", "50%", "--repeats", "2"];
    let (_, printed) = ending(&without_pictures(&[&words[..], &more].concat(), folder.path()));
    let (_, holds, fails) = searched(folder.path(), "quick");
    // One request in 10 ms, and a second in which some may queue up.
    assert!(holds.is_some_and(|holds| holds <= 125) && fails.is_some_and(|fails| fails >= 90), "{printed}");
}

#[apply(timed_test!)]
fn a_server_is_searched_without_a_profile() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let words = "capacity 127.0.0.1:0 -c 2 -r 50 -d 600ms --warmup 100ms --bad idle --from 8 --to 64 --repeats 1 --quiet";
    let words: Vec<&str> = words.split(' ').collect();
    let until = ["--until", "idle.evicted = 0"];
    let server =
        ["--", BADPEER, "serve", "--listen", "{address}", "--protocol", "echo", "--max-connections", "20"];
    let (code, printed) = ending(&without_pictures(&[&words[..], &until, &server].concat(), folder.path()));
    assert!(matches!(code, Some(0 | 4)), "{code:?} {printed}");
    let (capacity, holds, fails) = searched(folder.path(), "capacity");
    // Two connections are those of the good clients.
    assert!(holds.is_some_and(|holds| holds <= 18) && fails.is_some_and(|fails| fails > 18), "{printed}");
    assert_eq!(capacity["of"], "clients.idle.count");
}

#[apply(timed_test!)]
fn the_server_of_a_unix_socket_is_searched_without_a_profile() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let words = "capacity unix: -c 1 -d 600ms --warmup 100ms --bad idle --from 8 --to 16 --repeats 1 --quiet";
    let words: Vec<&str> = words.split(' ').collect();
    let server = ["--until", "idle.evicted = 0", "--", BADPEER, "serve", "--listen", "unix:{socket}"];
    let (code, printed) =
        ending(&without_pictures(&[&words, &server[..], &["--protocol", "echo"]].concat(), folder.path()));
    assert!(matches!(code, Some(0 | 4)), "{code:?} {printed}");
    assert_eq!(searched(folder.path(), "capacity").0["of"], "clients.idle.count");
}

#[apply(timed_test!)]
fn a_rate_that_more_clients_share_is_remarked() {
    let folder = with_profile(
        "title = 't'\nwarmup = '50ms'\nmeasure = '200ms'\n[[clients]]\nname = 'good'\ncount = 2\n\
         load = { rate = '50/s', payload = '64B' }\n[expect]\nevictions = '= 0'\n",
    );
    let words = ["capacity", "quick.toml", "--of", "clients.0.count", "--from", "1", "--to", "1"];
    let (_, printed) = ending(&without_pictures(&[&words[..], &["--repeats", "1"]].concat(), folder.path()));
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(printed.contains("the rate of `good` (50/s) is that of all its clients together"), "{printed}");
    assert_eq!(searched(folder.path(), "quick").0["of"], "clients.good.count");
}

#[apply(timed_test!)]
fn a_search_that_is_interrupted_keeps_its_levels() {
    let folder = with_profile(LIMIT);
    let mut command = heeding();
    command.args(["capacity", "quick.toml", "--of", "clients.crowd.count", "--to", "400", "--json"]);
    let child = started({
        command.current_dir(folder.path()).env("TMPDIR", folder.path());
        command
    });
    let file = folder.path().join("reports/quick/latest/record.json");
    for _ in 0..600 {
        if file.exists() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    send(Signal::SIGINT, child.id());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let (capacity, ..) = searched(folder.path(), "quick");
    assert!(!capacity["levels"].as_array().expect("levels").is_empty() && capacity["end"].is_null());
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (printed["interrupted"].as_bool(), printed["outcome"].as_str()),
        (Some(true), Some("INCONCLUSIVE"))
    );
}

#[apply(timed_test!)]
fn a_time_budget_ends_the_search_with_what_was_found() {
    let folder = with_profile(LIMIT);
    let (code, printed) = search(folder.path(), &["--to", "400", "--budget", "100ms", "--repeats", "1"]);
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.contains("holds 10; no level is known to fail"), "{printed}");
    assert!(printed.contains("--budget ends it after 100 ms"), "{printed}");
}

fn refused(folder: &tempfile::TempDir, words: &str, part: &str) {
    let words: Vec<&str> = ["capacity"].into_iter().chain(words.split(' ')).collect();
    let (code, printed) = ending(&badpeer(&words, folder.path()));
    assert!(code == Some(2) && printed.contains(part), "{words:?}: {code:?} {printed}");
}

#[apply(timed_test!)]
fn searches_that_make_no_sense_are_refused() {
    let folder = with_profile(LIMIT);
    for (words, part) in [
        ("quick.toml", "Name a key with --of"),
        (
            "quick.toml --of clients.crwd.count",
            "--of clients.crwd.count at 10: there is no client group `crwd`",
        ),
        ("quick.toml --of clients.crowd.tx", "--of clients.crowd.tx at 10: must be a behavior"),
        (
            "quick.toml --of clients.crowd.count --until crowd.evictd=0",
            "--until: crowd.evictd: there is no metric",
        ),
        ("quick.toml --of clients.crowd.count --until crowd.evicted", "write NAME CONDITION"),
        (
            "quick.toml --of clients.crowd.count --from 9 --to 8",
            "--from 9 must be above 0 and at most --to 8",
        ),
        ("quick.toml --of clients.crowd.count --from 9/s", "have different units"),
        ("quick.toml --of clients.crowd.count --from some", "--from: `some` is not a level"),
        ("quick.toml --of clients.crowd.count --precision 0%", "is not a share such as 10%"),
        (
            "quick.toml --of clients.crowd.count -c 5",
            "--connections is for a server that is named by its address",
        ),
        (
            "quick.toml --of clients.crowd.count --bad idle=5",
            "--bad is for a server that is named by its address",
        ),
        ("quick.toml --of clients.crowd.count --to 3000000", "or choose a lower --to"),
        ("shrink --of clients.good.count", "has a sweep over server.shrink"),
        ("core-timers --of clients.good.count", "a core experiment has no server"),
        ("127.0.0.1:1", "what is searched?"),
        ("127.0.0.1:1 --bad idle,stalled-reader", "give all but one of them a number, as in idle=10"),
        ("127.0.0.1:1 --bad idle --of clients.idle.count", "write --bad idle=N"),
        ("127.0.0.1:1 --bad idel", "did you mean `idle`?"),
    ] {
        refused(&folder, words, part);
    }
    assert!(!folder.path().join("reports").exists(), "nothing was measured");
}

#[apply(timed_test!)]
fn options_of_a_search_that_would_have_no_effect_are_refused() {
    let folder = with_profile(LIMIT);
    for (words, part) in [
        ("quick.toml --of clients.crowd.count --set repeats=3", "write --repeats N"),
        (
            "quick.toml --of clients.crowd.count --set clients.crowd.count=3",
            "--set clients.crowd.count: the search sets it to each level: write --from and --to",
        ),
        ("quick.toml --of clients.crowd.count --set clients.0.count=3", "write --from and --to"),
        ("quick.toml --of clients.*.count --set clients.crowd.count=3", "write --from and --to"),
        (
            "quick.toml --of clients.crowd.count --until evictions=0 --set expect.evictions==1",
            "--until takes the place of all that the profile expects",
        ),
        ("quick.toml --of repeats", "--of repeats: each repeat of a search is one"),
        (
            "quick.toml --of clients.crowd.count --set expect={}",
            "nothing is expected that more load could break: give --until 'crowd.latency_p99 < 50ms'",
        ),
        (
            "127.0.0.1:1 --bad idle --until idle.evicted=0 --max-wait 1s",
            "--max-wait sets what is expected, and --until takes the place of that",
        ),
        (
            "127.0.0.1:1 --bad idle --until idle.evicted=0 --max-silence 1s",
            "--max-silence sets what is expected",
        ),
    ] {
        refused(&folder, words, part);
    }
}

#[apply(timed_test!)]
fn a_bracket_that_fell_below_the_other_is_a_regression() {
    let folder = with_profile(LIMIT);
    let mut records = Vec::new();
    for (name, limit) in [("before", "50"), ("after", "30"), ("again", "50")] {
        let limit = format!("server.max_connections={limit}");
        let more = ["--to", "100", "--repeats", "1", "--format", "csv", "--out", name, "--set", &limit];
        let (code, printed) = search(folder.path(), &more);
        assert_eq!(code, Some(0), "{printed}");
        records.push(format!("{name}/quick/latest"));
    }
    let compare = |a: usize, b: usize, more: &[&str]| {
        let words = ["compare", &records[a], &records[b], "--capacity"];
        ending(&badpeer(&[&words, more].concat(), folder.path()))
    };
    let (code, printed) = compare(0, 1, &[]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("REGRESSION  The head fails 3"), "{printed}");
    let (code, printed) = compare(1, 0, &["--strict"]);
    assert!(code == Some(0) && printed.contains("where the base fails"), "{code:?} {printed}");
    let other =
        ["--to", "100", "--repeats", "1", "--out", "other", "--set", "clients.crowd.recv_buffer=8KiB"];
    search(folder.path(), &other);
    let words = ["compare", &records[0], "other/quick/latest", "--capacity"];
    let (code, printed) = ending(&badpeer(&words, folder.path()));
    let wanted = "different loads (clients.crowd.recv_buffer: not set and \"8KiB\"): search both alike";
    assert!(code == Some(2) && printed.contains(wanted), "{code:?} {printed}");
    let (code, printed) = compare(0, 2, &["--strict", "--json"]);
    let json: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((code, json["verdict"].as_str()), (Some(0), Some("PASS")), "{printed}");
}
