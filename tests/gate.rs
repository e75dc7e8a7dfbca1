//! `badpeer compare` and `badpeer calibrate` with servers, as a user runs them.

mod common;

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use self::common::{BADPEER, badpeer, ending, text, with_profile};

/// Short trials: pairs and not precision are what is tested here.
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

fn comparison(folder: &TempDir) -> Value {
    let path = folder.path().join("reports/compare-quick/latest/comparison.json");
    serde_json::from_str(&fs::read_to_string(path).expect("kept")).expect("JSON")
}

fn finding<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    let findings = comparison["findings"].as_array().expect("findings");
    findings
        .iter()
        .find(|finding| finding["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {comparison:#}"))
}

#[test]
fn a_slower_server_is_a_regression() {
    let folder = with_profile(BRIEF);
    let slower = format!("{BADPEER} --work-per-message 50us");
    let output = badpeer(
        &["compare", "--base", BADPEER, "--head", &slower, "quick.toml", "--pairs", "10"],
        folder.path(),
    );
    let (code, said) = ending(&output);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("REGRESSION"), "{said}");
    let comparison = comparison(&folder);
    let cpu = finding(&comparison, "server_cpu_per_request");
    assert_eq!(cpu["call"], "REGRESSION");
    assert_eq!(cpu["pairs"], 20, "as many fresh ones");
    let more_ns = cpu["head"].as_f64().unwrap() - cpu["base"].as_f64().unwrap();
    assert!((45e3..70e3).contains(&more_ns), "{more_ns} ns, not 50 us");
    // 900 requests have no 99th percentile.
    assert!(comparison["not_gated"].as_array().unwrap().iter().any(|name| name == "good.latency_p99"));
    let markdown =
        fs::read_to_string(folder.path().join("reports/compare-quick/latest/comparison.md")).unwrap();
    assert!(markdown.contains("server_cpu_per_request"), "{markdown}");
}

#[test]
fn another_program_is_compared_by_its_command_line() {
    let profile = format!("{BRIEF}\n[server]\ncommand = [\"not used\"]\n");
    let folder = with_profile(&profile);
    let serve = format!("{BADPEER} serve --listen 127.0.0.1:{{port}}");
    let more = format!("{serve} --max-connections 100");
    let output = badpeer(
        &["compare", "--base", &serve, "--head", &more, "quick.toml", "--pairs", "8", "--json"],
        folder.path(),
    );
    let (code, said) = ending(&output);
    // The same program twice: whatever the machine does, fresh pairs do not confirm it.
    assert_eq!(code, Some(0), "{said}");
    let all: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    assert_eq!(all[0]["head"], more.as_str());
    assert!(all[0]["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{said}");
}

#[test]
fn a_calibration_tells_what_the_gate_finds() {
    let folder = with_profile(BRIEF);
    let output = badpeer(
        &["calibrate", "quick.toml", "-k", "2", "--pairs", "8", "-d", "200ms", "--json"],
        folder.path(),
    );
    let (code, said) = ending(&output);
    assert_eq!(code, Some(0), "{said}");
    let summary: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    assert_eq!((&summary["gates"], &summary["alarms"]), (&2.into(), &0.into()));
    assert!(summary["alarm_rate_below"].as_f64().is_some_and(|rate| (0.77..0.78).contains(&rate)), "{said}");
    assert!(summary["found_from"]["server_cpu_per_request"].is_number(), "{said}");
}

#[test]
fn what_cannot_be_compared_is_told() {
    let folder = with_profile(BRIEF);
    let core = "title = \"c\"\n[core]\nexperiment = \"prepend\"\n";
    fs::write(folder.path().join("core.toml"), core).unwrap();
    for (arguments, code, part) in [
        (&["compare", "quick.toml"][..], 2, "name two records"),
        (&["compare", "--base", BADPEER, "quick.toml"], 2, "--head"),
        (&["compare", "--base", "no-such-program", "--head", BADPEER, "quick.toml"], 3, "no-such-program"),
        (&["compare", "--base", "a 'b", "--head", BADPEER, "quick.toml"], 2, "is no command line"),
        (&["compare", "--base", BADPEER, "--head", BADPEER, "core.toml"], 2, "core"),
        (&["calibrate", "quick.toml", "--pairs", "3"], 2, "--pairs"),
    ] {
        let (ended, said) = ending(&badpeer(arguments, folder.path()));
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}
