//! Gates over made-up measurements of servers that do not answer, do not evict, or evict late.

use indexmap::IndexMap;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::*;
use crate::{
    gate::{Gated, gated, repeat},
    profile::Profile,
    record::{Repeat, Verdict},
};

/// Two groups that behave well and one that does not, with evictions.
fn profile() -> Profile {
    let text = r#"
        title = "t"
        [server]
        send_timeout = "200ms"
        [[clients]]
        name = "closed"
        count = 32
        load = { depth = 1, payload = 9 }
        [[clients]]
        name = "open"
        count = 32
        load = { rate = 40000, payload = 9 }
        [[clients]]
        name = "stalled"
        count = 10
        recv_buffer = "16KiB"
        load = { depth = 1, payload = "16B", answer = "8MiB" }
        rx = "stall"
    "#;
    crate::profile::Source { file: "t.toml".into(), text: text.to_owned() }.parse(&[]).expect("valid")
}

/// About standard normal.
fn normal(coin: &mut Xoshiro256PlusPlus) -> f64 {
    (0..12).map(|_| coin.random::<f64>()).sum::<f64>() - 6.0
}

/// A repeat of a sound server: everything scatters as it does on a shared machine, and metrics that should not move mostly do not.
fn sound(coin: &mut Xoshiro256PlusPlus) -> Repeat {
    let mut one = |mean: f64, noise: f64| {
        let spike = if coin.random::<f64>() < 0.05 { 1.5 } else { 1.0 };
        mean * (noise * normal(coin)).exp() * spike
    };
    let mut numbers = vec![
        ("server_cpu_per_request", one(5000.0, 0.03)),
        ("server_calls_per_request", one(2.1, 0.01)),
        ("server_rss_growth", one(2e6, 0.05)),
        ("kernel_memory_growth", one(2e6, 0.1)),
        ("eviction_lateness_p50", one(0.6e6, 0.3)),
        ("eviction_lateness_p99", one(1.2e6, 0.6)),
        ("closed.requests", 1e5),
        ("closed.requests_rate", one(1e5, 0.04)),
        ("closed.longest_wait", one(6e6, 0.8)),
        ("closed.longest_silence", one(4e6, 0.8)),
        ("closed.fewest_answers", one(3000.0, 0.1)),
        ("open.requests", 4e4),
        ("open.latency_p50", one(2e5, 0.05)),
        ("open.latency_p99", one(1e6, 0.2)),
        ("open.longest_wait", one(6e6, 0.8)),
        ("open.longest_silence", one(4e6, 0.8)),
        ("open.fewest_answers", one(1000.0, 0.1)),
        ("stalled.server_ended", one(60.0, 0.05).round()),
        ("stalled.stalled_for_p50", one(210e6, 0.02)),
    ];
    // Now and then a few are open when the clients stop.
    let unanswered = if coin.random::<f64>() < 0.2 { 5e-4 } else { 0.0 };
    numbers.push(("open.unanswered_share", unanswered));
    for number in ["closed.unanswered_share", "closed.silent_share", "open.silent_share"] {
        numbers.push((number, 0.0));
    }
    for number in ["closed.errors_share", "closed.lost_share", "open.errors_share", "open.skipped_share"] {
        numbers.push((number, if coin.random::<f64>() < 0.02 { 2e-3 } else { 0.0 }));
    }
    repeat(&numbers)
}

fn pairs(coin: &mut Xoshiro256PlusPlus, count: usize, alter: &impl Fn(&mut Repeat)) -> Vec<Pair> {
    let mut pair = || {
        let (base, mut head) = (sound(coin), sound(coin));
        alter(&mut head);
        Pair { head_first: false, base, head }
    };
    (0..count).map(|_| pair()).collect()
}

/// A gate from end to end, of a head to which this is done.
fn gate(coin: &mut Xoshiro256PlusPlus, count: usize, alter: impl Fn(&mut Repeat)) -> Vec<PairedChange> {
    compare(&measured(coin, count, alter))
}

/// What both stages of it measure.
fn measured(coin: &mut Xoshiro256PlusPlus, count: usize, alter: impl Fn(&mut Repeat)) -> [Cell; 1] {
    let cell = |pairs| Cell { axes: IndexMap::new(), gated: gated(&profile()), pairs, fresh: Vec::new() };
    let mut cells = [cell(pairs(coin, count, &alter))];
    if suspects(&cells)[0] {
        cells[0].fresh = pairs(coin, count, &alter);
    }
    cells
}

fn names_with(findings: &[PairedChange], verdict: Verdict) -> Vec<&str> {
    findings.iter().filter(|f| f.verdict == verdict).map(|f| f.gated.name.as_str()).collect()
}

fn set(number: &'static str, value: f64) -> impl Fn(&mut Repeat) {
    move |repeat| {
        repeat.summary.insert(number.to_owned(), value);
    }
}

fn scale(number: &'static str, factor: f64, more: f64) -> impl Fn(&mut Repeat) {
    move |repeat| {
        if let Some(value) = repeat.summary.get_mut(number) {
            *value = *value * factor + more;
        }
    }
}

/// In how many of 20 gates of 20 pairs the number is called.
fn found(number: &str, alter: impl Fn(&mut Repeat)) -> usize {
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(21);
    let is_found = |finding: &PairedChange| finding.gated.name == number && finding.is_worse();
    // Only what decides: how much worse each is would take most of the time.
    (0..20).filter(|_| weigh(&measured(&mut coin, 20, &alter)).iter().any(is_found)).count()
}

#[test]
fn a_server_against_itself_raises_no_alarm() {
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(20);
    let mut suspected = 0;
    for _ in 0..400 {
        let findings = weigh(&measured(&mut coin, 20, |_| ()));
        suspected += usize::from(findings.iter().any(PairedChange::is_suspect));
        assert!(!findings.iter().any(PairedChange::is_worse));
        assert!(
            findings.iter().filter(|finding| finding.evidence.is_counted).count() < 14,
            "most stand still"
        );
    }
    // 5 % of 400 are 20, and three standard deviations 13.
    assert!(suspected <= 33, "{suspected} of 400 first stages");
    let passed: usize = (0..10).map(|_| names_with(&gate(&mut coin, 20, |_| ()), Verdict::Pass).len()).sum();
    assert!(passed > 10 * 23, "{passed}");
}

#[test]
fn silence_and_errors_are_regressions() {
    for (number, value) in [
        ("closed.silent_share", 1.0 / 32.0),
        ("open.silent_share", 1.0 / 32.0),
        ("closed.errors_share", 0.01),
        ("open.unanswered_share", 0.01),
        ("closed.lost_share", 0.01),
        ("open.skipped_share", 0.01),
    ] {
        let found = found(number, set(number, value));
        assert!(found >= 19, "{number}: {found} of 20");
    }
}

#[test]
fn a_starved_connection_is_a_regression() {
    let found = |number, factor, more| found(number, scale(number, factor, more));
    assert!(found("closed.longest_wait", 1.0, 150e6) >= 19);
    assert!(found("open.longest_silence", 1.0, 150e6) >= 19);
    assert!(found("closed.fewest_answers", 0.3, 0.0) >= 19);
    assert_eq!(found("closed.fewest_answers", 0.9, 0.0), 0);
}

#[test]
fn late_early_and_missing_evictions_are_regressions() {
    let found = |number, factor, more| found(number, scale(number, factor, more));
    assert!(found("eviction_lateness_p50", 1.0, 8e6) >= 19);
    assert_eq!(found("eviction_lateness_p50", 1.0, 0.3e6), 0, "a third of a tick is none");
    assert!(found("stalled.stalled_for_p50", 2.0, 0.0) >= 19);
    assert!(found("stalled.stalled_for_p50", 0.5, 0.0) >= 19, "before their time");
    assert!(found("stalled.server_ended", 0.0, 0.0) >= 19);
}

#[test]
fn scatter_of_lateness_is_added_to_the_tick() {
    let lateness = gated(&profile()).into_iter().find(Gated::is_lateness).expect("gated");
    assert!((lateness.start - 1e6).abs() < 1.0, "the tick of the profile's server");
    let of = |values: [f64; 6]| {
        let repeat = |value: f64| repeat(&[(lateness.name.as_str(), value)]);
        let pair = |value: f64| Pair { head_first: false, base: repeat(value), head: repeat(value + 3e6) };
        let cell = Cell {
            axes: IndexMap::new(),
            gated: vec![lateness.clone()],
            pairs: values.map(pair).to_vec(),
            fresh: Vec::new(),
        };
        compare(&[cell])[0].gated.start
    };
    assert!((of([0.5e6; 6]) - 1e6).abs() < 1.0, "a shift of all is no noise");
    let busy = of([0.5e6, 4e6, 1e6, 9e6, 2e6, 6e6]);
    assert!((5e6..9e6).contains(&busy), "{busy}");
}

/// What is done where requests without an answer lie in a number.
fn censored(number: &'static str) -> impl Fn(&mut Repeat) {
    move |repeat| {
        repeat.summary.insert(number.to_owned(), 1.9e9);
        repeat.censored.insert(number.to_owned(), "unanswered".to_owned());
    }
}

#[test]
fn a_lower_bound_of_a_latency_is_the_worst_value() {
    let number = "open.latency_p99";
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(23);
    let findings = gate(&mut coin, 20, censored(number));
    let finding = findings.iter().find(|finding| finding.gated.name == number).expect("gated");
    assert_eq!(finding.verdict, Verdict::Regression);
    assert_eq!(
        (finding.evidence.head, finding.evidence.head_censored.as_deref()),
        (1.9e9, Some("unanswered"))
    );
    assert_eq!(finding.evidence.base_censored, None);
    // Whoever was answered seldom lacks the 99th percentile for it: that makes no difference.
    let also_few = |repeat: &mut Repeat| {
        censored(number)(repeat);
        repeat.summary.insert("open.requests".to_owned(), 10.0);
    };
    assert!(found(number, also_few) == 20);
    // On both sides it is no difference, and on the base's alone it is better.
    let both = |swap: bool| {
        let mut pairs = pairs(&mut coin.clone(), 20, &|_| ());
        for pair in &mut pairs {
            censored(number)(&mut pair.base);
            if !swap {
                censored(number)(&mut pair.head);
            }
        }
        let cell = Cell { axes: IndexMap::new(), gated: gated(&profile()), pairs, fresh: Vec::new() };
        let found = compare(&[cell]).into_iter().find(|finding| finding.gated.name == number);
        found.map(|finding| (finding.verdict, finding.evidence.differences[0]))
    };
    assert_eq!(both(false), Some((Verdict::Pass, 0.0)));
    assert_eq!(both(true).map(|(verdict, d)| (verdict, d < -10.0)), Some((Verdict::Pass, true)));
}

#[test]
fn a_head_that_answers_nothing_is_a_regression() {
    let silent = |repeat: &mut Repeat| {
        for number in ["open.latency_p50", "open.latency_p99", "server_cpu_per_request"] {
            repeat.summary.shift_remove(number);
        }
        repeat.summary.insert("open.requests".to_owned(), 0.0);
    };
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(24);
    let findings = gate(&mut coin, 20, silent);
    assert!(names_with(&findings, Verdict::Regression).contains(&"open.latency_p99"));
    let p99 = findings.iter().find(|finding| finding.gated.name == "open.latency_p99").expect("gated");
    assert_eq!(p99.evidence.head_censored.as_deref(), Some("unanswered"));
}

#[test]
fn eight_pairs_find_a_head_that_does_everything_wrong() {
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(25);
    let wrong = |repeat: &mut Repeat| {
        for (name, value) in &mut repeat.summary {
            let is_worse_with_less = name.ends_with("fewest_answers") || name.ends_with("requests_rate");
            *value = if is_worse_with_less { 0.0 } else { *value * 10.0 + 0.5 };
        }
    };
    let findings = gate(&mut coin, 8, wrong);
    assert!(
        !names_with(&findings, Verdict::Regression).is_empty(),
        "{:?}",
        names_with(&findings, Verdict::Inconclusive)
    );
}
