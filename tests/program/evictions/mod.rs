//! Evictions seen from outside: how long a peer was held, who ended it and what stayed behind, and whether a fault had an
//! effect; through the built program, with servers that do as they please.

mod servers;

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use self::servers::{Holding, holding, one_page};
use crate::common::{badpeer, ending, number, repeat, skip, without_pictures};

/// Runs a profile under this name; exit code, and all that was said.
fn run(name: &str, profile: &str, folder: &Path) -> (Option<i32>, String) {
    fs::write(folder.join(format!("{name}.toml")), profile).expect("written");
    ending(&badpeer(&["run", &format!("{name}.toml"), "--verbose", "--format", "csv,html,markdown"], folder))
}

/// The same, up to three times while the host is too busy to decide.
fn judged(name: &str, profile: &str, folder: &Path) -> (Option<i32>, String) {
    let mut last = (None, String::new());
    for _ in 0..3 {
        last = run(name, profile, folder);
        if !last.1.contains("INVALID") {
            break;
        }
    }
    last
}

/// Whether the host was too busy for figures of time in every attempt; says so.
fn too_busy(name: &str, printed: &str) -> bool {
    let is_so = printed.contains("INVALID");
    if is_so {
        skip(&format!("{name}: the host is too busy to judge: {printed}"));
    }
    is_so
}

/// A file that the last run of a profile left.
fn left(folder: &Path, name: &str, file: &str) -> String {
    let path = folder.join("reports").join(name).join("latest").join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Four peers that ask a server at this address for something and never read it.
fn stalled_at(address: &str, expect: &str) -> String {
    format!(
        "title = \"stalled\"\nwarmup = \"100ms\"\nmeasure = \"2s\"\nsample_every = \"50ms\"\n\n[server]\n\
         attach = {{ address = \"{address}\" }}\n\n[[clients]]\nname = \"stalled\"\ncount = 4\nprotocol = \"raw\"\n\
         raw = {{ send = 'GET\\n', length = \"64MiB\" }}\nrecv_buffer = \"16KiB\"\nload = {{ depth = 1 }}\nrx = \"stall\"\n\n\
         [expect]\n\"stalled.server_ended\" = \"= 4\"\n{expect}\n"
    )
}

#[apply(lone_test!)]
fn a_server_with_the_expected_timeout_passes_and_others_fail() {
    let folder = TempDir::new().expect("a folder");
    let server = holding(Holding { after_last_write_ms: 700, dribbles: false });
    for (name, condition, passes) in [
        ("in-time", "\"stalled.stalled_for_min\" = \">= 700ms\"", true),
        ("too-early", "\"stalled.stalled_for_min\" = \">= 900ms\"", false),
        ("too-late", "\"stalled.stalled_for_max\" = \"< 500ms\"", false),
        ("late-enough", "\"stalled.stalled_for_max\" = \"< 1500ms\"", true),
    ] {
        let (code, printed) = judged(name, &stalled_at(&server.address, condition), folder.path());
        if too_busy(name, &printed) {
            continue;
        }
        assert_eq!(code, Some(i32::from(!passes)), "{name}: {printed}");
        let repeat = repeat(folder.path(), name);
        let uncertain = number(&repeat, "stalled.stalled_for_uncertainty");
        let span = number(&repeat, "stalled.stalled_for_min") - number(&repeat, "stalled.stalled_for_max");
        assert!(uncertain >= span && number(&repeat, "stalled.stalled_for_p50") > 600e6, "{name}: {printed}");
    }
}

#[apply(timed_test!)]
fn stalled_time_counts_from_the_last_write_and_not_from_acknowledgments() {
    let folder = TempDir::new().expect("a folder");
    let server = holding(Holding { after_last_write_ms: 700, dribbles: true });
    // Readers that take a little now and then: every acknowledgment is later than the last write.
    let profile = stalled_at(&server.address, "\"stalled.stalled_for_min\" = \">= 700ms\"")
        .replace("rx = \"stall\"", "rx = { slow = { bytes = 20000, every = \"250ms\" } }");
    let (code, printed) = judged("dribbling", &profile, folder.path());
    assert!(too_busy("dribbling", &printed) || code == Some(0), "{code:?} {printed}");
}

#[apply(timed_test!)]
fn reports_say_who_closed_peers_and_what_memory_stayed() {
    let folder = TempDir::new().expect("a folder");
    let server = holding(Holding { after_last_write_ms: 500, dribbles: false });
    let profile = stalled_at(&server.address, "").replace("\"stalled.server_ended\" = \"= 4\"\n", "");
    let (code, printed) = run("behind", &profile, folder.path());
    assert!(matches!(code, Some(0 | 4)), "{code:?} {printed}");
    let repeat = repeat(folder.path(), "behind");
    let group = &repeat["groups"][0];
    assert_eq!(group["ledger"]["still_alive"], 4, "the FIN waits behind unread bytes: {group}");
    let endings = &group["server_endings"];
    assert_eq!((&endings["count"], &endings["by_fin"]), (&4.into(), &4.into()), "{endings}");
    assert_eq!((&endings["unnoticed_alive"], &endings["left_sockets"]), (&4.into(), &4.into()), "{endings}");
    assert!(number(&repeat, "stalled.left_behind") > 1e6, "{endings}");
    assert!(
        number(&repeat, "kernel_memory_last") > 1e6 && number(&repeat, "kernel_memory_end") < 1e6,
        "{repeat}"
    );
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page =
        words(&left(folder.path(), "behind", "index.html")).replace("<code>", "`").replace("</code>", "`");
    let summary = words(&left(folder.path(), "behind", "summary.md")).replace('\\', "");
    for medium in [words(&printed), page, summary] {
        assert!(medium.contains("`stalled`: 4 ended by the server"), "{medium}");
        assert!(medium.contains("(FIN, not yet seen by the client)"), "{medium}");
        assert!(medium.contains("still in the kernel at the end of the window"), "{medium}");
        let counted = ["4 evicted (FIN unread)", "of these closed by the server"];
        assert!(counted.iter().any(|words| medium.contains(words)), "{medium}");
        assert!(medium.contains("end of window") && medium.contains("after clients left"), "{medium}");
    }
}

#[apply(timed_test!)]
fn a_fault_without_effect_is_inconclusive() {
    let folder = TempDir::new().expect("a folder");
    for status in ["200 OK", "404 Not Found", "200 OK\r\nConnection: close"] {
        let server = one_page(status, b"hello\n");
        let address = format!("http://{}/", server.address);
        let words = ["bench", &address, "-c", "2", "-r", "100", "-d", "1s", "--warmup", "200ms"];
        for peer in ["stalled-reader=3", "slow-reader=3"] {
            let (code, printed) =
                ending(&without_pictures(&[&words[..], &["--bad", peer]].concat(), folder.path()));
            let name = peer.trim_end_matches("=3");
            let flat = printed.split_whitespace().collect::<Vec<_>>().join(" ");
            let sentence = format!("these 3 slow clients (`{name}`) had no effect");
            assert!(flat.contains(&sentence) && flat.contains("--bad-path"), "{status}: {printed}");
            assert!(matches!(code, Some(1 | 4)), "no PASS: {code:?} {printed}");
            assert_eq!(repeat(folder.path(), "bench")["unproven"].as_array().map(Vec::len), Some(1));
        }
    }
    let (code, printed) = run(
        "large",
        &stalled_at(&holding(Holding::for_ever()).address, "").replace("\"= 4\"", "\"= 0\""),
        folder.path(),
    );
    assert!(matches!(code, Some(0 | 4)) && !printed.contains("had no effect"), "{code:?} {printed}");
}

#[apply(timed_test!)]
fn a_redis_reader_of_pong_has_no_effect() {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path().to_str().expect("a path");
    let server = std::process::Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", dir, "--save", ""])
        .stdout(std::process::Stdio::null())
        .spawn();
    let Ok(mut server) = server else {
        skip("redis-server is not installed");
        return;
    };
    servers::await_listener(port);
    let address = format!("127.0.0.1:{port}");
    let words =
        ["bench", &address, "-p", "resp", "-c", "2", "-r", "100", "-d", "1s", "--bad", "stalled-reader=2"];
    let (code, printed) = ending(&without_pictures(&words, folder.path()));
    let _ = server.kill();
    let _ = server.wait();
    let flat = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("these 2 slow clients (`stalled-reader`) had no effect"), "{printed}");
    assert_eq!(code, Some(4), "{printed}");
}

#[apply(timed_test!)]
fn pieces_longer_than_the_request_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let profile = "title = \"t\"\nmeasure = \"1s\"\n[server]\nprotocol = \"echo\"\n[[clients]]\nname = \"bad\"\ncount = 1\n\
                   protocol = \"echo\"\ntx = { fragment = { bytes = 1 } }\nload = { depth = 1, payload = 1 }\n";
    let (code, printed) = run("pieces", profile, folder.path());
    assert!(code == Some(2) && printed.contains("no request is split"), "{code:?} {printed}");
}

#[apply(timed_test!)]
fn explanations_of_held_up_bytes_follow_the_behavior() {
    let folder = TempDir::new().expect("a folder");
    let profile = "title = \"t\"\nwarmup = \"300ms\"\nmeasure = \"2500ms\"\n\n[server]\nsend_timeout = \"1s\"\n\n\
                   [[clients]]\nname = \"slow\"\ncount = 2\nrecv_buffer = \"16KiB\"\n\
                   load = { depth = 1, payload = \"16B\", answer = \"5MiB\" }\n\
                   rx = { slow = { bytes = 6554, every = \"100ms\" } }\n\n\
                   [[clients]]\nname = \"stalled\"\ncount = 2\nrecv_buffer = \"16KiB\"\n\
                   load = { depth = 1, payload = \"16B\", answer = \"5MiB\" }\nrx = \"stall\"\n";
    let (code, printed) = run("both", profile, folder.path());
    assert!(matches!(code, Some(0 | 4)), "{code:?} {printed}");
    let flat = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("where bytes were held up: `slow`: the clients of this group read slowly"),
        "{printed}"
    );
    assert!(
        flat.contains("where bytes were held up: `stalled`: the clients of this group do not read"),
        "{printed}"
    );
    assert!(
        flat.contains("`stalled`: 2 ended by the server") && flat.contains("this server closed some"),
        "{printed}"
    );
}

#[apply(timed_test!)]
fn reported_evictions_agree_with_observations_from_outside() {
    let folder = TempDir::new().expect("a folder");
    let profile = "title = \"t\"\nwarmup = \"200ms\"\nmeasure = \"2500ms\"\n\n[server]\nsend_timeout = \"600ms\"\n\
                   idle_timeout = \"900ms\"\nmessage_timeout = \"700ms\"\n\n\
                   [[clients]]\nname = \"stalled\"\ncount = 4\nrecv_buffer = \"16KiB\"\n\
                   load = { depth = 1, payload = \"16B\", answer = \"5MiB\" }\nrx = \"stall\"\n\n\
                   [[clients]]\nname = \"silent\"\ncount = 4\ntx = \"idle\"\n\n\
                   [[clients]]\nname = \"half-sent\"\ncount = 4\nload = { depth = 1, payload = \"64B\" }\n\
                   tx = { stall = { after = \"9B\" } }\n\n[expect]\neviction_lateness_min = \">= 0ms\"\n";
    let (code, printed) = judged("agreed", profile, folder.path());
    assert!(matches!(code, Some(0 | 4)), "{code:?} {printed}");
    assert!(printed.contains("evictions_disputed = 0 (implied): 0"), "{printed}");
    let repeat = repeat(folder.path(), "agreed");
    let evictions = repeat["evictions"].as_array().expect("evictions");
    for reason in ["send_timeout", "idle_timeout", "message_timeout"] {
        let of: Vec<&Value> = evictions.iter().filter(|eviction| eviction["reason"] == reason).collect();
        assert_eq!(of.len(), 4, "{reason}: {repeat}");
        for eviction in of {
            assert_eq!(eviction["lateness_ns"], eviction["claimed_lateness_ns"], "{eviction}");
            assert_eq!(eviction["disagreement_ns"], 0, "{eviction}");
        }
    }
    assert!(number(&repeat, "evictions_lost") + number(&repeat, "evictions_unmatched") < 0.5);
}

#[apply(timed_test!)]
fn a_reader_above_the_minimum_rate_is_never_evicted_by_default() {
    let folder = TempDir::new().expect("a folder");
    let group = |name: &str, recv_buffer: &str, bytes: u32| {
        format!(
            "[[clients]]\nname = \"{name}\"\ncount = 2\nprotocol = \"http\"\nhttp = {{ path = \"/bytes/67108864\" }}\n\
             {recv_buffer}load = {{ depth = 1, answer = \"64MiB\" }}\nrx = {{ slow = {{ bytes = {bytes}, every = \"100ms\" }} }}\n\n"
        )
    };
    // A tenth more than the receive buffer in each send timeout of 10 s: 128 KiB, Linux's default; 32 KiB and 128 KiB.
    let profile = [
        "title = \"t\"\nwarmup = \"500ms\"\nmeasure = \"32s\"\n\n[server]\nprotocol = \"http\"\n\n",
        &group("default", "", 1_442),
        &group("small", "recv_buffer = \"16KiB\"\n", 361),
        &group("large", "recv_buffer = \"64KiB\"\n", 1_442),
        &group("too slow", "recv_buffer = \"64KiB\"\n", 200),
        "[expect]\n\"default.evicted\" = \"= 0\"\n\"small.evicted\" = \"= 0\"\n\"large.evicted\" = \"= 0\"\n\
         \"too slow.evicted\" = \"= 2\"\nevicted_send_timeout = \"= 2\"\n",
    ]
    .concat();
    let (code, printed) = judged("steady", &profile, folder.path());
    assert!(too_busy("steady", &printed) || code == Some(0), "{code:?} {printed}");
}
