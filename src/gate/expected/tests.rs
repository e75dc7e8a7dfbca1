//! Expectations judged for made-up heads.

use super::*;
use crate::{
    gate::{needs_the_whole_window, repeat},
    profile::Source,
};

fn profile(expect: &str) -> Profile {
    let text = format!(
        "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ rate = 9, payload = 9 }}\n[expect]\n{expect}"
    );
    Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
}

/// The verdicts on base and head where this number was measured in the repeats of the head, and 1 in those of the base.
fn verdicts_on(expect: &str, number: &str, heads: &[f64]) -> (Verdict, Verdict) {
    let pair = |value: &f64| Pair {
        head_first: false,
        base: repeat(&[(number, 1.0)]),
        head: repeat(&[(number, *value)]),
    };
    let cell = Cell {
        axes: IndexMap::new(),
        gated: Vec::new(),
        pairs: heads.iter().map(pair).collect(),
        fresh: Vec::new(),
    };
    let found = expected(&[profile(expect)], &[cell], None).0.remove(0);
    (found.base, found.result.verdict)
}

#[test]
fn counts_are_judged_in_every_repeat_and_times_by_the_median() {
    use Verdict::{Fail, Inconclusive, Pass};
    let evicted = |heads: &[f64]| verdicts_on("\"g.evicted\" = \"= 1\"", "g.evicted", heads);
    assert_eq!(evicted(&[1.0, 1.0, 1.0]), (Pass, Pass));
    assert_eq!(evicted(&[1.0, 2.0, 1.0]), (Pass, Fail));
    let late = |heads: &[f64]| verdicts_on("\"g.latency_p99\" = \"< 5ns\"", "g.latency_p99", heads);
    assert_eq!(late(&[3.0, 9.0, 4.0]), (Pass, Pass));
    assert_eq!(late(&[3.0, 9.0, 6.0]), (Pass, Fail));
    let early =
        |heads: &[f64]| verdicts_on("eviction_lateness_min = \">= 0ns\"", "eviction_lateness_min", heads);
    assert_eq!(early(&[3.0, -1.0, 4.0]), (Pass, Fail), "no median excuses an early eviction");
    assert_eq!(late(&[]), (Inconclusive, Inconclusive));
}

#[test]
fn wrong_bytes_of_the_base_do_not_excuse_those_of_the_head() {
    let corrupt = |base: f64, head: f64| {
        let side = |value: f64| repeat(&[("corrupt_bytes", value)]);
        let pair = Pair { head_first: false, base: side(base), head: side(head) };
        let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs: vec![pair], fresh: Vec::new() };
        let (all, _) = expected(&[profile("server_rss_peak = \"< 1GiB\"")], &[cell], None);
        all.into_iter().filter(|one| one.result.name == "corrupt_bytes").map(|one| one.result.verdict).next()
    };
    assert_eq!(corrupt(1.0, 131e6), Some(Verdict::Fail));
    assert_eq!((corrupt(1.0, 0.0), corrupt(0.0, 0.0)), (None, None));
    assert_eq!(corrupt(0.0, 1.0), None, "reported by `faults`");
}

#[test]
fn definite_faults_count_in_dropped_pairs() {
    let verdict_on = |expect: &str, number: &str, figure: f64| {
        let whole = Pair { head_first: true, base: repeat(&[(number, 0.0)]), head: repeat(&[(number, 0.0)]) };
        let mut dropped = Pair { head: repeat(&[(number, figure)]), ..whole.clone() };
        dropped.head.invalid.push("the host was busy".to_owned());
        let pairs = vec![whole.clone(), dropped, whole];
        let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs, fresh: Vec::new() };
        expected(&[profile(expect)], &[cell], None).0.remove(0).result.verdict
    };
    let late = "eviction_lateness_min";
    assert_eq!(verdict_on("eviction_lateness_min = \">= 0ms\"", late, -5e6), Verdict::Fail);
    assert_eq!(verdict_on("eviction_lateness_min = \">= 0ms\"", late, 5e6), Verdict::Pass);
    assert_eq!(verdict_on("\"g.errors_share\" = \"< 1%\"", "g.errors_share", 0.5), Verdict::Fail);
    assert_eq!(verdict_on("\"g.latency_p99\" = \"< 1s\"", "g.latency_p99", 5e9), Verdict::Pass);
}

#[test]
fn dropped_pairs_are_not_judged() {
    let mut pair =
        Pair { head_first: true, base: repeat(&[("g.evicted", 1.0)]), head: repeat(&[("g.evicted", 2.0)]) };
    let whole = Pair { head: repeat(&[("g.evicted", 1.0)]), ..pair.clone() };
    pair.head.invalid.push("it was not the server".to_owned());
    let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs: vec![pair, whole], fresh: Vec::new() };
    let (found, _) = expected(&[profile("\"g.evicted\" = \"= 1\"")], &[cell], None);
    assert_eq!(found[0].result.verdict, Verdict::Pass);
}

/// What comes of an expectation in repeats half as long as the profile asks for, with these numbers of base and head.
fn of_half(expect: &str, number: &str, base: &[f64], head: &[f64]) -> Option<(Verdict, Judged)> {
    let pair = |(base, head): (&f64, &f64)| Pair {
        head_first: false,
        base: repeat(&[(number, *base)]),
        head: repeat(&[(number, *head)]),
    };
    let pairs = base.iter().zip(head).map(pair).collect();
    let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs, fresh: Vec::new() };
    let window = Window { asked: 4.0, measured: 2.0 };
    let (mut found, skipped) = expected(&[profile(expect)], &[cell], Some(window));
    assert_eq!(found.len() + skipped.len(), 1);
    found.pop().map(|expected| (expected.result.verdict, expected.judged))
}

#[test]
fn shorter_repeats_are_judged_where_they_can_decide() {
    use Judged::{AsItIs, Scaled};
    use Verdict::{Fail, Pass};
    let of = |expect: &str, base: f64, head: f64| {
        let number = expect.split('=').next().unwrap_or_default().trim().trim_matches('"');
        of_half(expect, number, &[base; 3], &[head; 3])
    };
    let requests = "\"g.requests\" = \"> 7500\"";
    assert_eq!(of(requests, 4000.0, 4000.0), Some((Pass, Scaled)));
    assert_eq!(of(requests, 4000.0, 3000.0), Some((Fail, Scaled)));
    assert_eq!(of("\"g.requests_rate\" = \"> 7500\"", 4000.0, 4000.0), Some((Fail, AsItIs)));
    assert_eq!(of("\"g.latency_p99\" = \"< 5ns\"", 9.0, 9.0), Some((Fail, AsItIs)));
    assert_eq!(of("\"g.unanswered_share\" = \"< 5%\"", 0.1, 0.1), Some((Fail, AsItIs)));
    assert_eq!(of("evictions = \"= 0\"", 1.0, 1.0), Some((Fail, AsItIs)), "more time makes more");
    // What may need its time is asked of the head where the base meets it.
    let evicted = "\"g.evicted\" = \"= 1\"";
    assert_eq!(of(evicted, 1.0, 1.0), Some((Pass, AsItIs)));
    assert_eq!(of(evicted, 1.0, 0.0), Some((Fail, AsItIs)), "a head that evicts no client");
    assert_eq!(of(evicted, 0.0, 0.0), None, "skipped by name");
    assert_eq!(of("kernel_memory_last = \"< 5B\"", 9.0, 9.0), None);
    let once = of_half(evicted, "g.evicted", &[1.0; 3], &[1.0, 0.0, 1.0]);
    assert_eq!(once, Some((Pass, AsItIs)), "one was not in time");
    let early = |expect: &str, number: &str, base: f64, head: &[f64]| {
        of_half(&format!("\"{number}\" = \"{expect}\""), number, &[base; 3], head)
    };
    let late = "eviction_lateness_min";
    assert_eq!(early(">= 0ms", late, 1.0, &[3.0, -5e6, 4.0]), Some((Fail, AsItIs)), "one of three");
    assert_eq!(early(">= 0ms", late, -1.0, &[-5e6; 3]), Some((Fail, AsItIs)), "as early as the base");
    assert_eq!(early(">= 0ms", late, 1.0, &[3.0; 3]), Some((Pass, AsItIs)));
    let held = "g.stalled_for_min";
    assert_eq!(early(">= 2s", held, 2e9, &[2e9, 1.9e9, 2e9]), Some((Fail, AsItIs)));
    assert_eq!(of_half(evicted, "g.other", &[1.0], &[1.0]), None, "not measured at all");
}

#[test]
fn a_profile_that_expects_evictions_needs_the_whole_window() {
    let needs = |expect: &str| needs_the_whole_window(&profile(expect));
    assert!(needs("evictions = \"= 4\"") && needs("\"g.server_ended\" = \"> 3\""));
    assert!(needs("\"g.stalled_for_p50\" = \">= 1s\""));
    assert!(!needs("evictions = \"= 0\"") && !needs("\"g.evicted\" = \"< 3\""));
    // A time of evictions is known once some have come about.
    assert!(needs("eviction_lateness_min = \">= 0ms\"") && needs("eviction_lateness_p99 = \"< 20ms\""));
    assert!(!needs("\"g.requests\" = \"> 9\""));
}

#[test]
fn a_median_among_lower_bounds_is_a_lower_bound() {
    let bound = |value: f64, is_bound: bool| {
        let mut repeat = repeat(&[("g.latency_p99", value)]);
        repeat.censored.extend(is_bound.then(|| ("g.latency_p99".to_owned(), "unanswered".to_owned())));
        repeat
    };
    let of = |repeats: &[Repeat]| median(repeats, "g.latency_p99");
    let few = [bound(1.0, false), bound(0.5, true), bound(3.0, false)];
    assert_eq!(of(&few), Some((3.0, None)), "a lower bound lies above what was measured");
    let many = [bound(1.0, false), bound(9.0, true), bound(8.0, true)];
    assert_eq!(of(&many), Some((8.0, Some("unanswered".to_owned()))));
}

#[test]
fn a_wrong_byte_counts_even_in_an_invalid_repeat() {
    let mut pair = Pair { head_first: true, base: repeat(&[]), head: repeat(&[("corrupt_bytes", 2.0)]) };
    pair.head.invalid.push("the host was busy".to_owned());
    let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs: vec![pair], fresh: Vec::new() };
    assert_eq!(faults(&[cell])[0].result.measured, Some(2.0));
}
