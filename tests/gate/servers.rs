//! `badpeer compare` and `badpeer calibrate` with servers, as a user runs them.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    BADPEER, badpeer, ending,
    pairs::{compare, comparison, disturbance, finding, turn, turn_alone},
    skip, text, with_profile,
};

/// Short repeats: pairs and not precision are what is tested here.
const BRIEF: &str = r#"
title = "brief"
warmup = "100ms"
measure = "300ms"
sample_every = "50ms"

[[clients]]
name = "good"
count = 4
load = { rate = "3000/s", payload = "64B" }
"#;

#[apply(timed_test!)]
fn a_slower_server_is_a_regression() {
    let (_turn, folder) = (turn(), with_profile(BRIEF));
    let slower = format!("{BADPEER} --work-per-message 50us");
    let test = "a_slower_server_is_a_regression";
    let Some((code, printed)) = compare(test, &folder, [BADPEER, &slower], &["--pairs", "8"]) else { return };
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("REGRESSION"), "{printed}");
    let comparison = comparison(&folder);
    let cpu = finding(&comparison, "server_cpu_per_request");
    assert_eq!(cpu["call"], "REGRESSION");
    let dropped = comparison["dropped"].as_array().expect("a list").len();
    // As many fresh ones; and another one for each that was dropped, unless these were too many.
    assert!(cpu["pairs"] == 16 || dropped > 8, "{cpu:#}: {dropped} were dropped");
    let more_ns = cpu["head"].as_f64().unwrap() - cpu["base"].as_f64().unwrap();
    assert!((45e3..70e3).contains(&more_ns), "{more_ns} ns, not 50 us");
    // 900 requests have no 99th percentile.
    assert!(comparison["not_gated"].as_array().unwrap().iter().any(|name| name == "good.latency_p99"));
    let markdown =
        fs::read_to_string(folder.path().join("reports/compare-quick/latest/comparison.md")).unwrap();
    assert!(markdown.contains("server_cpu_per_request"), "{markdown}");
}

/// With peers that hold connections, and peers that are evicted.
const EVICTING: &str = r#"
title = "evicting"
warmup = "100ms"
measure = "300ms"
sample_every = "50ms"

[server]
send_timeout = "100ms"
send_buffer = "16KiB"

[[clients]]
name = "good"
count = 4
load = { rate = "1000/s", payload = "64B" }

[[clients]]
name = "idle"
count = 200
tx = "idle"

[[clients]]
name = "stalled"
count = 4
recv_buffer = "4KiB"
load = { depth = 1, payload = "16B", answer = "256KiB" }
rx = "stall"

[expect]
evictions = "= 4"
corrupt_bytes = "= 0"

[gate]
server_cpu_per_request = "off"
server_calls_per_request = "off"
"good.requests_rate" = "budget 50%"
"#;

#[apply(timed_test!)]
fn a_leak_and_twice_the_timeout_are_regressions() {
    let (_turn, folder) = (turn(), with_profile(EVICTING));
    let worse = format!("{BADPEER} --plant-leak 32KiB --send-timeout 200ms");
    let summary = folder.path().join("summary");
    let output = std::process::Command::new(BADPEER)
        .args(["compare", "--base", BADPEER, "--head", &worse, "quick.toml", "--pairs", "8"])
        .args(["--format", "markdown,junit,bencher"])
        .envs([("GITHUB_ACTIONS", "true".as_ref()), ("GITHUB_STEP_SUMMARY", summary.as_os_str())])
        .current_dir(folder.path())
        .output()
        .expect("badpeer runs");
    let (code, printed) = ending(&output);
    if let Some(why) = disturbance(&comparison(&folder)).filter(|_| code != Some(1)) {
        return skip(&format!("a_leak_and_twice_the_timeout_are_regressions: {why}"));
    }
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("::error title=badpeer compare-quick%3A REGRESSION::server_rss_growth"),
        "{printed}"
    );
    assert!(fs::read_to_string(&summary).is_ok_and(|text| text.contains("# quick: REGRESSION")));
    let latest = folder.path().join("reports/compare-quick/latest");
    assert!(latest.join("junit.xml").is_file() && latest.join("bencher.json").is_file());
    // And again from what was kept.
    let kept = latest.to_str().expect("UTF-8");
    let (code, made) = ending(&badpeer(&["report", kept, "--format", "openmetrics"], folder.path()));
    assert_eq!(code, Some(0), "{made}");
    assert!(latest.join("openmetrics.txt").is_file(), "{made}");
    let comparison = comparison(&folder);
    let more = |name| {
        let finding = finding(&comparison, name);
        assert_eq!(finding["call"], "REGRESSION", "{finding:#}");
        finding["head"].as_f64().unwrap() - finding["base"].as_f64().unwrap()
    };
    let leaked = more("server_rss_growth") / (208.0 * 32.0 * 1024.0);
    assert!((0.9..1.2).contains(&leaked), "{leaked} of what was leaked");
    let later_ns = more("eviction_lateness_p50");
    assert!((90e6..120e6).contains(&later_ns), "{later_ns} ns, not 100 ms");
    // Of so few peers a repeat may have seen none being held: then too few pairs are left to call it.
    let held = finding(&comparison, "stalled.stalled_for_p50");
    assert!(held["head"].as_f64() > held["base"].as_f64().map(|base_ns| base_ns + 40e6), "{held:#}");
    let names: Vec<&str> =
        comparison["findings"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(!names.contains(&"server_cpu_per_request"), "off in [gate]: {names:?}");
    assert!(names.contains(&"good.requests_rate"), "asked for in [gate]: {names:?}");
    assert!(printed.contains("2 of 2 expectations"), "{printed}");
}

#[apply(timed_test!)]
fn another_program_is_compared_by_its_command_line() {
    let profile = format!("{BRIEF}\n[server]\ncommand = [\"not used\"]\n");
    let (_turn, folder) = (turn_alone(), with_profile(&profile));
    let serve = format!("{BADPEER} serve --listen 127.0.0.1:{{port}}");
    let more = format!("{serve} --max-connections 100");
    let test = "another_program_is_compared_by_its_command_line";
    let Some((code, printed)) = compare(test, &folder, [&serve, &more], &["--pairs", "8"]) else { return };
    // The same program twice: whatever the machine does, fresh pairs do not confirm it.
    assert_eq!(code, 0, "{printed}");
    let comparison = comparison(&folder);
    assert_eq!(comparison["head"], more.as_str());
    assert!(comparison["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{printed}");
}

/// A server that ends by itself in its fourth repeat and in each after it.
fn frail(folder: &TempDir) -> String {
    let starts = folder.path().join("starts");
    let script = folder.path().join("frail.sh");
    let text = format!(
        "echo x >> {0}\nif [ $(wc -l < {0}) -gt 3 ]; then exec timeout 0.3 {BADPEER} serve --listen 127.0.0.1:$1; fi\n\
         exec {BADPEER} serve --listen 127.0.0.1:$1\n",
        starts.display()
    );
    fs::write(&script, text).expect("a script");
    format!("sh {} {{port}}", script.display())
}

/// A server that stops badpeer now and then during its first four repeats, so that two pairs prove nothing.
fn stopping(folder: &TempDir) -> String {
    let starts = folder.path().join("starts");
    let script = folder.path().join("stopping.sh");
    let text = format!(
        "echo x >> {0}\nGENERATOR=$(cut -d' ' -f4 /proc/$PPID/stat)\nif [ $(wc -l < {0}) -le 4 ]; then\n  for i in 1 2 3 4 5 6 7 8 9 10; do\n    \
         sleep 0.06; kill -STOP $GENERATOR; sleep 0.06; kill -CONT $GENERATOR\n  done &\nfi\n\
         exec {BADPEER} serve --listen 127.0.0.1:$1\n",
        starts.display()
    );
    fs::write(&script, text).expect("a script");
    format!("sh {} {{port}}", script.display())
}

#[apply(timed_test!)]
fn pairs_that_were_dropped_are_measured_again() {
    let (_turn, folder) = (turn(), with_profile(&format!("{BRIEF}\n[server]\ncommand = [\"not used\"]\n")));
    let server = stopping(&folder);
    let words = ["compare", "--base", &server, "--head", &server, "quick.toml", "--pairs", "8"];
    let (_, printed) = ending(&badpeer(&words, folder.path()));
    let comparison = comparison(&folder);
    let dropped = comparison["dropped"].as_array().expect("a list");
    assert!(dropped.len() >= 2, "{printed}");
    assert!(printed.contains("another one was measured in place of each"), "{printed}");
    // A busy host may drop more of them than are measured again.
    if dropped.len() <= 8 {
        let growth = finding(&comparison, "server_rss_growth");
        assert!(growth["pairs"].as_u64().is_some_and(|pairs| pairs == 8 || pairs == 16), "{growth:#}");
    }
}

#[apply(timed_test!)]
fn pairs_measured_before_a_server_died_are_kept() {
    let (_turn, folder) = (turn(), with_profile(&format!("{BRIEF}\n[server]\ncommand = [\"not used\"]\n")));
    let serve = format!("{BADPEER} serve --listen 127.0.0.1:{{port}}");
    let frail = frail(&folder);
    let dying = |base: &str, head: &str| {
        let _ = fs::remove_file(folder.path().join("starts"));
        let words = ["compare", "--base", base, "--head", head, "quick.toml", "--pairs", "8"];
        ending(&badpeer(&[&words[..], &["--format", "junit"]].concat(), folder.path()))
    };
    let kept = |call: &str, side: &str| {
        let comparison = comparison(&folder);
        let dropped = comparison["dropped"].as_array().expect("a list").len();
        // Of a single pair nothing is found.
        if dropped < 2 {
            assert_eq!(finding(&comparison, "server_rss_growth")["pairs"], 3 - dropped, "{comparison:#}");
        }
        let is_busy = dropped > 0 && comparison["call"] == "INVALID";
        assert!(comparison["call"] == call || is_busy, "{comparison:#}");
        assert!(comparison["broken_off"].as_str().is_some_and(|why| why.starts_with(side)), "{comparison:#}");
        fs::read_to_string(folder.path().join("reports/compare-quick/latest/junit.xml")).unwrap()
    };
    let (code, printed) = dying(&frail, &serve);
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.contains("badpeer: quick: base: the server"), "which of the two died: {printed}");
    let junit = kept("INCONCLUSIVE", "base: ");
    // Where a busy machine left too little to go by, that is all there is to say.
    let is_busy = junit.contains("errors=\"1\"");
    assert!(is_busy || junit.contains("ended before all pairs were measured"), "{junit}");
    // The base stood what the head died of.
    let (code, printed) = dying(&serve, &frail);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FAIL  The head exited under a load that the base survived"), "{printed}");
    let junit = kept("FAIL", "head: ");
    assert!(junit.contains("the head survives the load"), "{junit}");
    // A calibration counts it as found, and goes on.
    fs::remove_file(folder.path().join("starts")).unwrap();
    let words = ["calibrate", "quick.toml", "--command", &serve, "--head", &frail, "-k", "1"];
    let (code, printed) =
        ending(&badpeer(&[&words[..], &["--pairs", "8", "-d", "100ms"]].concat(), folder.path()));
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("1 of 1 comparisons"), "{printed}");
}

#[apply(timed_test!)]
fn a_comparison_that_cannot_be_written_is_reported_and_the_next_runs() {
    let (_turn, folder) = (turn(), with_profile(BRIEF));
    fs::write(folder.path().join("other.toml"), BRIEF).expect("written");
    fs::create_dir_all(folder.path().join("reports/compare-quick/latest")).expect("a folder in the way");
    let servers = ["compare", "--base", BADPEER, "--head", BADPEER, "quick.toml", "other.toml"];
    let words = [&servers[..], &["--pairs", "8", "-d", "100ms", "--format", "junit", "--json"]].concat();
    let output = badpeer(&words, folder.path());
    let (code, printed) = ending(&output);
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.contains("latest is not a link to the newest run"), "{printed}");
    let listed: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    assert!(listed[0]["call"].is_string() && listed[0]["reports"].is_null(), "{listed:#}");
    assert!(
        listed[1]["reports"].as_str().is_some_and(|folder| folder.contains("compare-other")),
        "{listed:#}"
    );
}

#[apply(timed_test!)]
fn a_calibration_reports_what_the_gate_detects() {
    let (_turn, folder) = (turn(), with_profile(BRIEF));
    let output = badpeer(
        &["calibrate", "quick.toml", "-k", "1", "--pairs", "8", "-d", "200ms", "--json"],
        folder.path(),
    );
    let (code, printed) = ending(&output);
    if code == Some(4) {
        return skip("a_calibration_reports_what_the_gate_detects: every pair was dropped");
    }
    assert_eq!(code, Some(0), "{printed}");
    let summary: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    assert_eq!((&summary["gates"], &summary["alarms"]), (&1.into(), &0.into()));
    assert!(
        summary["alarm_rate_below"].as_f64().is_some_and(|rate| (0.94..0.96).contains(&rate)),
        "{printed}"
    );
    assert!(summary["numbers"]["server_cpu_per_request"]["found_from"].is_number(), "{printed}");
}

#[apply(timed_test!)]
fn impossible_comparisons_are_refused() {
    let folder = with_profile(BRIEF);
    let core = "title = \"c\"\n[core]\nexperiment = \"prepend\"\n";
    fs::write(folder.path().join("core.toml"), core).unwrap();
    for (arguments, code, part) in [
        (&["compare", "quick.toml"][..], 2, "name two records"),
        (&["compare", "--base", BADPEER, "quick.toml"], 2, "--head"),
        (&["compare", "--base", "no-such-program", "--head", BADPEER, "quick.toml"], 3, "no-such-program"),
        (&["compare", "--base", "a 'b", "--head", BADPEER, "quick.toml"], 2, "is not a valid command line"),
        (&["compare", "--base", BADPEER, "--head", BADPEER, "core.toml"], 2, "core"),
        (&["calibrate", "quick.toml", "--pairs", "3"], 2, "--pairs"),
        (&["compare", "--base", BADPEER, "--head", BADPEER, "--format", "hlog"], 2, "a comparison has no"),
    ] {
        let (ended, printed) = ending(&badpeer(arguments, folder.path()));
        assert_eq!(ended, Some(code), "{arguments:?}: {printed}");
        assert!(printed.contains(part), "{arguments:?}: {printed}");
    }
}
