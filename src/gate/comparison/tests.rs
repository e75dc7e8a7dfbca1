//! Comparisons of made-up pairs.

use indexmap::IndexMap;

use super::*;
use crate::{
    gate::repeat,
    record::{GroupResult, Requests},
};

const NUMBER: &str = "server_rss_growth";

fn gated(is_asked: bool) -> Gated {
    Gated { name: NUMBER.to_owned(), floor: 0.05, budget: 0.1, start: 1.0, is_asked, only_beyond: false }
}

/// Pairs that are alike, but for what is done to the head of some.
fn pairs(count: usize, worse: impl Fn(usize, &mut Repeat)) -> Vec<Pair> {
    let pair = |n| {
        let base = repeat(&[(NUMBER, 1000.0), ("corrupt_bytes", 0.0), ("g.errors", 0.0)]);
        let mut head = base.clone();
        worse(n, &mut head);
        Pair { head_first: false, base, head }
    };
    (0..count).map(pair).collect()
}

fn cell(point: &str, pairs: Vec<Pair>) -> Cell {
    let axes: IndexMap<String, String> = [("key".to_owned(), point.to_owned())].into_iter().collect();
    Cell { axes, gated: vec![gated(false)], pairs, fresh: Vec::new() }
}

fn comparison(cells: &[Cell]) -> PairedComparison {
    compared(cells, &[])
}

fn compared(cells: &[Cell], profiles: &[Profile]) -> PairedComparison {
    let origin = Origin {
        name: "t".into(),
        base: "base".into(),
        head: "head".into(),
        seed: 1,
        asked: 20,
        started: String::new(),
        seconds: 1.0,
        command: Vec::new(),
        broken_off: None,
        head_died: None,
    };
    PairedComparison::of(origin, Machine::default(), cells, profiles, None)
}

#[test]
fn a_stored_comparison_has_flat_findings_and_is_read_back() {
    let comparison = comparison(&[cell("a", pairs(20, |_, _| ()))]);
    let stored = serde_json::to_value(&comparison).expect("JSON");
    for key in ["name", "floor", "axes", "pairs", "base", "head", "change", "p", "call", "differences"] {
        assert!(stored["findings"][0].get(key).is_some(), "{key}");
    }
    let read: PairedComparison = serde_json::from_value(stored).expect("a comparison");
    assert_eq!((read.findings.len(), read.findings), (1, comparison.findings));
}

#[test]
fn good_clients_that_neither_server_answers_make_it_invalid() {
    let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { rate = 9, payload = 9 }";
    let source = crate::profile::Source { file: "t.toml".into(), text: text.to_owned() };
    let profile = [source.parse(&[]).expect("valid")];
    let with = |answered: u64, errors: u64| {
        let requests = Requests { started: 5, answered, unanswered: 5 - answered, ..Requests::default() };
        let content = crate::codec::Tally { errors, ..Default::default() };
        let group = GroupResult { name: "g".to_owned(), requests, content, ..GroupResult::default() };
        let mut cell = cell("a", pairs(20, |_, _| ()));
        for pair in &mut cell.pairs {
            (pair.base.groups, pair.head.groups) = (vec![group.clone()], vec![group.clone()]);
        }
        compared(&[cell], &profile)
    };
    assert_eq!(with(5, 0).verdict, Verdict::Pass);
    for silent in [with(0, 0), with(5, 5)] {
        assert_eq!(silent.verdict, Verdict::Invalid);
        assert!(silent.doubts[0].starts_with("Base: "), "{:?}", silent.doubts);
    }
}

#[test]
fn a_fault_without_effect_is_inconclusive() {
    let shows_nothing =
        |_, repeat: &mut Repeat| repeat.unproven.push("the readers held nothing back".to_owned());
    let comparison = comparison(&[cell("a", pairs(20, shows_nothing))]);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert_eq!(comparison.doubts, ["The fault had no effect: the readers held nothing back."]);
}

/// Makes so many repeats invalid.
fn invalid(count: usize) -> impl Fn(usize, &mut Repeat) {
    move |n, repeat| {
        if n < count {
            repeat.invalid.push("the server dropped connections".to_owned());
        }
    }
}

#[test]
fn equal_servers_pass() {
    let comparison = comparison(&[cell("a", pairs(20, |_, _| ())), cell("b", pairs(20, |_, _| ()))]);
    assert_eq!((comparison.verdict, comparison.doubts.len()), (Verdict::Pass, 0), "{:?}", comparison.doubts);
}

/// The same with as many fresh pairs, in which the head makes so many invalid as well.
fn confirmed(count: usize, fresh: usize) -> PairedComparison {
    let fresh = pairs(20, invalid(fresh));
    comparison(&[Cell { fresh, ..cell("a", pairs(20, invalid(count))) }])
}

#[test]
fn a_head_that_invalidates_its_repeats_is_a_regression() {
    // A whole point is gone, and in the fresh pairs again.
    let gone = cell("b", pairs(20, invalid(20)));
    let gone = Cell { fresh: pairs(20, invalid(20)), ..gone };
    let gone = comparison(&[cell("a", pairs(20, |_, _| ())), gone]);
    assert_eq!(gone.verdict, Verdict::Regression);
    assert_eq!(gone.names(Verdict::Regression), [crate::gate::INVALID_REPEATS]);
    assert!(gone.doubts[0].contains("1 of 2 points"), "{:?}", gone.doubts);
    assert_eq!(confirmed(20, 20).verdict, Verdict::Regression, "though no pair stands");
    assert_eq!(confirmed(8, 6).verdict, Verdict::Regression);
    assert_eq!(confirmed(8, 5).verdict, Verdict::Inconclusive, "not confirmed at 2 %");
    assert_eq!(confirmed(20, 0).verdict, Verdict::Inconclusive);
}

#[test]
fn one_repeat_invalidated_by_the_head_alone_is_inconclusive() {
    for count in [1, 2, 5] {
        let few = comparison(&[cell("a", pairs(20, invalid(count)))]);
        assert_eq!(few.verdict, Verdict::Inconclusive, "{count}");
        let finding = &few.findings[0];
        assert!(
            finding.is_of_invalid_repeats()
                && (finding.evidence.p - 0.5_f64.powi(count as i32)).abs() < 1e-12
        );
        assert!((finding.evidence.head - count as f64 / 20.0).abs() < 1e-12);
    }
    // As often the base's: the host's doing.
    let both = pairs(20, |_, _| ()).into_iter().enumerate().map(|(n, mut pair)| {
        let repeat = if n % 2 == 0 { &mut pair.base } else { &mut pair.head };
        invalid(6)(n, repeat);
        pair
    });
    assert_eq!(comparison(&[cell("a", both.collect())]).verdict, Verdict::Pass);
}

#[test]
fn a_head_that_dies_under_load_fails() {
    let cells = [cell("a", pairs(3, |_, _| ()))];
    let mut origin = comparison(&cells).origin;
    origin.broken_off = Some("head: the server ended".into());
    assert_eq!(
        PairedComparison::of(origin.clone(), Machine::default(), &cells, &[], None).verdict,
        Verdict::Inconclusive
    );
    origin.head_died = Some("the server ended".into());
    assert_eq!(
        PairedComparison::of(origin.clone(), Machine::default(), &cells, &[], None).verdict,
        Verdict::Fail
    );
    assert_eq!(
        PairedComparison::of(origin, Machine::default(), &[], &[], None).verdict,
        Verdict::Fail,
        "in its first repeat"
    );
}

#[test]
fn a_gated_number_that_was_not_measured_is_inconclusive() {
    let mut cell = cell("a", pairs(20, |_, _| ()));
    cell.gated.push(Gated { name: "g.latency_p99".into(), ..gated(false) });
    assert_eq!(comparison(std::slice::from_ref(&cell)).verdict, Verdict::Pass);
    cell.gated[1].is_asked = true;
    let asked = comparison(&[cell]);
    assert_eq!((asked.verdict, asked.not_gated.len()), (Verdict::Inconclusive, 1));
    assert!(asked.doubts[0].contains("g.latency_p99 key=a"), "{:?}", asked.doubts);
}

#[test]
fn a_time_with_missing_events_is_not_gated() {
    let of = |lost: f64| {
        let with = move |_: usize, head: &mut Repeat| {
            let numbers = [("eviction_lateness_p99", 1e6), ("evictions_lost", lost)];
            head.summary.extend(numbers.map(|(name, value)| (name.to_owned(), value)));
            head.evictions = vec![crate::record::Eviction::default(); 99];
        };
        let mut cell = cell("a", pairs(20, with));
        for pair in &mut cell.pairs {
            pair.base.summary.insert("eviction_lateness_p99".into(), 1e6);
        }
        cell.gated.push(Gated { name: "eviction_lateness_p99".into(), ..gated(false) });
        comparison(&[cell])
    };
    assert_eq!((of(1.0).verdict, of(1.0).not_gated.len()), (Verdict::Pass, 0));
    let holes = of(2.0);
    assert_eq!(holes.not_gated, ["eviction_lateness_p99 key=a (more than 1 % of its events are missing)"]);
    assert_eq!(
        holes.verdict,
        Verdict::Inconclusive,
        "the head hides what the base shows: {:?}",
        holes.doubts
    );
}

#[test]
fn wrong_bytes_and_errors_fail_without_an_expectation() {
    let set = |name: &'static str, least: usize| {
        move |n: usize, head: &mut Repeat| {
            if n < least {
                head.summary.insert(name.to_owned(), 3.0);
            }
        }
    };
    let of = |name, least| comparison(&[cell("a", pairs(20, set(name, least)))]);
    assert_eq!(of("corrupt_bytes", 1).verdict, Verdict::Fail);
    assert_eq!(of("g.errors", 10).verdict, Verdict::Fail);
    assert_eq!(of("g.errors", 9).verdict, Verdict::Pass, "the server was full now and then");
    assert_eq!(of("corrupt_bytes", 1).unmet().count(), 1);
    let both = pairs(20, |_, _| ()).into_iter().map(|mut pair| {
        pair.base.summary.insert("corrupt_bytes".into(), 1.0);
        pair.head.summary.insert("corrupt_bytes".into(), 1.0);
        pair
    });
    assert_eq!(comparison(&[cell("a", both.collect())]).verdict, Verdict::Pass, "the head is no worse");
}

#[test]
fn dropped_pairs_do_not_hide_a_failure() {
    let wrong = |n: usize, head: &mut Repeat| {
        invalid(11)(n, head);
        head.summary.insert("corrupt_bytes".to_owned(), 1.0);
    };
    assert_eq!(comparison(&[cell("a", pairs(20, wrong))]).verdict, Verdict::Fail);
    let by_both = |n: usize, mut pair: Pair| {
        invalid(11)(n, &mut pair.base);
        invalid(11)(n, &mut pair.head);
        pair
    };
    let dropped = pairs(20, |_, _| ()).into_iter().enumerate().map(|(n, pair)| by_both(n, pair));
    assert_eq!(comparison(&[cell("a", dropped.collect())]).verdict, Verdict::Invalid);
}

#[test]
fn a_calibration_counts_only_valid_comparisons() {
    let mut calibration = super::super::Calibration::new(false);
    calibration.add(comparison(&[cell("a", pairs(20, |_, _| ()))]));
    calibration.add(comparison(&[]));
    let summary = calibration.summary();
    assert_eq!((summary.gates, summary.invalid, summary.alarms), (1, 1, 0));
    assert!(summary.alarm_rate_below.is_some_and(|rate| rate > 0.94), "one gate proves next to nothing");
}
