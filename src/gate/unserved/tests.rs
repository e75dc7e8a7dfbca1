//! Groups that were not served, and the reasons that are given.

use crate::{
    codec::Tally,
    gate::{repeat, verdicts},
    profile::{Profile, Source},
    record::{ExpectationResult, GroupResult, Point, Repeat, Requests, Verdict},
};

fn profile(expect: &str) -> Profile {
    let group = |name: &str, keys: &str| {
        format!("[[clients]]\nname = \"{name}\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n{keys}\n")
    };
    let text = format!(
        "title = \"t\"\n{}{}[expect]\n{expect}",
        group("good", ""),
        group("late", "tx = { slow = { bytes = 1, every = \"1s\" } }")
    );
    Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
}

/// A repeat in which both groups got so many answers, so many of which were errors.
fn answered(answered: u64, errors: u64, numbers: &[(&str, f64)]) -> Repeat {
    let group = |name: &str| GroupResult {
        name: name.into(),
        requests: Requests { started: 7, answered, ..Requests::default() },
        content: Tally { errors, ..Tally::default() },
        ..GroupResult::default()
    };
    Repeat { groups: vec![group("good"), group("late")], ..repeat(numbers) }
}

fn judged(expect: &str, repeat: Repeat) -> Vec<ExpectationResult> {
    let point = Point { axes: indexmap::IndexMap::new(), repeats: vec![repeat], verdicts: Vec::new() };
    verdicts(&profile(expect), &[point], 0, None)
}

/// What is said of groups that were not served.
fn reasons(expect: &str, repeat: Repeat) -> Vec<String> {
    let judged = judged(expect, repeat);
    let inconclusive = judged.iter().filter(|result| result.verdict == Verdict::Inconclusive);
    inconclusive.filter_map(|verdict| verdict.reason.clone()).collect()
}

const MEMORY: &str = "server_rss_growth = \"< 1GiB\"";
const CLEAN: [(&str, f64); 3] = [("server_rss_growth", 1.0), ("corrupt_bytes", 0.0), ("good.errors", 0.0)];

#[test]
fn good_clients_without_an_answer_are_inconclusive() {
    let reasons_of = |answers, errors| reasons(MEMORY, answered(answers, errors, &CLEAN));
    assert_eq!(reasons_of(5, 0), [""; 0]);
    let none = reasons_of(0, 0);
    assert_eq!(none.len(), 1, "who misbehaves need not be served: {none:?}");
    assert!(none[0].starts_with("No request of `good` was answered in the window (7 were sent)"), "{none:?}");
    assert!(reasons_of(5, 5)[0].starts_with("All 5 answers to `good` were errors"));
    let late = reasons("", answered(5, 0, &[("good.requests", 0.0)]));
    assert_eq!(late.len(), 1, "the warm-up is not the window, and nothing need be expected");
}

#[test]
fn a_group_cut_short_is_not_judged() {
    let mut cut = answered(0, 0, &CLEAN);
    cut.cut_short = true;
    assert_eq!(reasons("", cut), [""; 0]);
}

#[test]
fn an_expectation_about_the_silence_replaces_the_implied_verdict() {
    for (expect, numbers, is_enough) in [
        ("\"good.evicted\" = \"= 0\"", [("good.evicted", 0.0), ("good.errors", 0.0)], false),
        ("\"good.evicted\" = \"= 1\"", [("good.evicted", 1.0), ("good.errors", 0.0)], true),
        ("\"good.lost\" = \"= 0\"", [("good.lost", 0.0), ("good.errors", 0.0)], false),
        ("\"good.unanswered\" = \"= 0\"", [("good.unanswered", 1.0), ("good.errors", 0.0)], true),
        ("\"good.requests\" = \"= 0\"", [("good.requests", 0.0), ("good.errors", 0.0)], true),
        ("\"good.opened\" = \"= 1\"", [("good.opened", 1.0), ("good.errors", 0.0)], false),
    ] {
        let found = reasons(expect, answered(0, 0, &numbers));
        assert_eq!(found.is_empty(), is_enough, "{expect}: {found:?}");
    }
}

#[test]
fn wrong_bytes_fail_without_an_expectation() {
    let wrong = [("server_rss_growth", 1.0), ("corrupt_bytes", 131e6), ("good.errors", 0.0)];
    let verdicts = judged(MEMORY, answered(5, 0, &wrong));
    let judged: Vec<Verdict> = verdicts.iter().map(|result| result.verdict).collect();
    assert_eq!(judged, [Verdict::Pass, Verdict::Fail, Verdict::Pass]);
    assert_eq!(verdicts[1].condition, "= 0 (implied)");
}

/// What is said of a repeat of ten seconds in which the whole of `good` got no answer for so many.
fn of_silence(expect: &str, seconds: f64, numbers: &[(&str, f64)]) -> Vec<String> {
    let silent = [("good.longest_silence", seconds * 1e9)];
    let repeat = answered(3200, 0, &[&CLEAN[1..], &silent, numbers].concat());
    reasons(expect, Repeat { window_ns: (0, 10_000_000_000), ..repeat })
}

#[test]
fn a_closed_loop_that_runs_dry_is_inconclusive() {
    let latency = "\"good.latency_p99\" = \"< 20ms\"";
    let of = |seconds| of_silence(latency, seconds, &[("good.latency_p99", 1e6)]);
    assert_eq!(of(5.0), [""; 0], "half of the time");
    let dry = of(9.0);
    assert_eq!(dry.len(), 1, "{dry:?}");
    assert!(dry[0].starts_with("`good` got no answer for 9 s of the 10 s"), "{dry:?}");
    assert_eq!(of_silence(MEMORY, 9.0, &[("server_rss_growth", 1.0)]).len(), 1, "memory alone");
}

#[test]
fn an_expectation_about_the_cause_of_the_silence_is_enough() {
    for (metric, condition, figure, is_enough) in [
        ("longest_silence", "> 1s", 9e9, true),
        ("longest_wait", "> 1s", 9.1e9, true),
        ("longest_wait", "< 1s", 5e6, false),
        ("unanswered", "= 32", 32.0, true),
        ("unanswered", "= 0", 0.0, false),
        ("unanswered", "= 0", 32.0, true),
        ("evicted", "= 32", 32.0, true),
        ("lost_share", "< 2%", 0.01, true),
        ("requests", "> 3000", 3200.0, true),
        ("alive_last", "= 32", 32.0, false),
        ("service_p99", "< 1s", 1e6, false),
    ] {
        let number = format!("good.{metric}");
        let found = of_silence(&format!("\"{number}\" = \"{condition}\""), 9.0, &[(&number, figure)]);
        assert_eq!(found.is_empty(), is_enough, "{metric} {condition}: {found:?}");
    }
}

#[test]
fn an_expectation_of_a_phase_speaks_of_the_silence_only_if_it_fails() {
    let expect = "\"good.longest_silence @ with\" = \"< 1s\"\n[phases]\nwith = \"1s\"";
    let of = |figure| of_silence(expect, 9.0, &[("good.longest_silence @ with", figure)]).len();
    assert_eq!((of(5e6), of(9e9)), (1, 0));
    let unserved = answered(0, 0, &[("good.longest_silence @ with", 5e6), ("good.errors", 0.0)]);
    let reasons = reasons(expect, unserved);
    assert!(reasons[0].starts_with("No request of `good` was answered"), "{reasons:?}");
}
