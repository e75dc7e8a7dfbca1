//! Gates over made-up measurements: how often they alarm, and what they miss.

use indexmap::IndexMap;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::*;
use crate::{
    gate::{Gated, gated, repeat},
    metric::{Better, Fold, Key, Metric, Stat},
    record::Verdict,
};

const CPU: &str = "server_cpu_per_request";

fn pair(base: &[(&str, f64)], head: &[(&str, f64)]) -> Pair {
    Pair { head_first: false, base: repeat(base), head: repeat(head) }
}

fn cell(gated: Gated, pairs: Vec<Pair>, fresh: Vec<Pair>) -> Cell {
    Cell { axes: IndexMap::new(), gated: vec![gated], pairs, fresh }
}

fn cpu() -> Gated {
    Gated {
        name: CPU.to_owned(),
        floor: 0.03,
        budget: 0.06,
        start: 100.0,
        is_asked: false,
        only_beyond: false,
    }
}

/// Pairs of a server that needs 5 µs and of one that needs `factor` times that, with noise of 2 % on each, a drift that
/// both share, and now and then a spike.
fn noisy(coin: &mut Xoshiro256PlusPlus, count: usize, factor: f64) -> Vec<Pair> {
    let mut one = |mean: f64| {
        let noise: f64 = (0..12).map(|_| coin.random::<f64>()).sum::<f64>() - 6.0;
        let spike = if coin.random::<f64>() < 0.05 { 1.5 } else { 1.0 };
        mean * (1.0 + 0.02 * noise) * spike
    };
    (0..count)
        .map(|n| {
            let drift = 1.0 + 0.4 * (n as f64 / count as f64);
            pair(&[(CPU, one(5000.0 * drift))], &[(CPU, one(5000.0 * drift * factor))])
        })
        .collect()
}

/// A gate from end to end: fresh pairs only where the first stage fails.
fn gate(coin: &mut Xoshiro256PlusPlus, factor: f64) -> PairedChange {
    let mut cells = [cell(cpu(), noisy(coin, 20, factor), Vec::new())];
    if suspects(&cells)[0] {
        cells[0].fresh = noisy(coin, 20, factor);
    }
    compare(&cells).remove(0)
}

#[test]
fn a_slower_server_is_a_regression_and_the_same_one_is_not() {
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut called = |factor| -> Vec<Verdict> { (0..200).map(|_| gate(&mut coin, factor).verdict).collect() };
    let count = |calls: &[Verdict], verdict| calls.iter().filter(|c| **c == verdict).count();
    let same = called(1.0);
    assert_eq!(count(&same, Verdict::Regression), 0);
    assert!(count(&same, Verdict::Pass) > 150, "{}", count(&same, Verdict::Pass));
    let slower = called(1.1);
    assert!(count(&slower, Verdict::Regression) > 170, "{}", count(&slower, Verdict::Regression));
    assert_eq!(count(&slower, Verdict::Pass), 0);
    let faster = called(0.8);
    assert_eq!(count(&faster, Verdict::Pass), 200);
}

#[test]
fn the_first_stage_has_its_false_alarm_rate_at_the_floor() {
    // A true change of exactly the floor is the worst that is no regression.
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(8);
    let suspicions =
        (0..1000).filter(|_| suspects(&[cell(cpu(), noisy(&mut coin, 20, 1.03), Vec::new())])[0]);
    let suspicions = suspicions.count();
    assert!((20..80).contains(&suspicions), "{suspicions} of 1000 at a level of 5 %");
}

#[test]
fn an_unconfirmed_suspect_is_inconclusive() {
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(9);
    let cells = [cell(cpu(), noisy(&mut coin, 20, 1.3), noisy(&mut coin, 20, 1.0))];
    let finding = compare(&cells).remove(0);
    assert!(
        finding.evidence.adjusted_p < ALPHA && finding.evidence.confirmed_p.is_some_and(|p| p > 0.5),
        "{finding:?}"
    );
    assert_eq!(finding.verdict, Verdict::Inconclusive);
    let unasked = [cell(cpu(), noisy(&mut coin, 20, 1.3), Vec::new())];
    assert_eq!(compare(&unasked)[0].verdict, Verdict::Inconclusive);
}

#[test]
fn too_much_noise_is_inconclusive_and_reports_the_detectable_change() {
    let values = [1.0, 1.9, 0.6, 1.4, 0.7, 1.6, 0.5, 1.2];
    let pairs = values.map(|v| pair(&[(CPU, 5000.0)], &[(CPU, 5000.0 * v)])).to_vec();
    let finding = compare(&[cell(cpu(), pairs, Vec::new())]).remove(0);
    assert_eq!(finding.verdict, Verdict::Inconclusive);
    assert!(finding.evidence.detectable.is_some_and(|from| from > 0.3), "{finding:?}");
}

#[test]
fn too_few_pairs_are_inconclusive_even_if_equal() {
    let verdict = |count| {
        let pairs = vec![pair(&[(CPU, 5000.0)], &[(CPU, 5000.0)]); count];
        compare(&[cell(cpu(), pairs, Vec::new())])[0].verdict
    };
    // Of five pairs, both ends are passed by chance once in 16 times: that is no interval of 95 %.
    assert_eq!(verdict(5), Verdict::Inconclusive);
    assert_eq!(verdict(6), Verdict::Pass);
}

/// A cell of ten pairs, in so many of which each side has the number.
fn one_sided(base: usize, head: usize) -> Cell {
    let one = |has: bool| if has { vec![(CPU, 5000.0)] } else { Vec::new() };
    let pairs = (0..10).map(|n| pair(&one(n < base), &one(n < head))).collect();
    cell(cpu(), pairs, Vec::new())
}

#[test]
fn a_number_that_one_side_lacks_is_reported() {
    let is_one_sided = |base, head| one_sided(base, head).is_one_sided(&cpu());
    assert!(is_one_sided(10, 0) && is_one_sided(10, 8) && is_one_sided(0, 10));
    assert!(!is_one_sided(10, 9), "once is an accident");
    assert!(!is_one_sided(5, 5) && !is_one_sided(0, 0), "both lack it");
}

#[test]
fn the_size_of_a_regression_comes_from_fresh_pairs_alone() {
    let pairs = |factor: f64| vec![pair(&[(CPU, 5000.0)], &[(CPU, 5000.0 * factor)]); 12];
    let finding = compare(&[cell(cpu(), pairs(1.5), pairs(1.2))]).remove(0);
    assert_eq!(finding.verdict, Verdict::Regression);
    assert!(
        (finding.evidence.change.value - 0.2).abs() < 0.01,
        "the first stage was chosen for its 50 %: {finding:?}"
    );
    let unsuspected = compare(&[cell(cpu(), pairs(1.0), pairs(1.0))]).remove(0);
    assert_eq!((unsuspected.verdict, unsuspected.evidence.pairs), (Verdict::Pass, 24));
}

#[test]
fn an_unchanged_number_passes_with_a_budget_of_zero() {
    let strict = Gated { floor: 0.0, budget: 0.0, ..cpu() };
    let same = vec![pair(&[(CPU, 5000.0)], &[(CPU, 5000.0)]); 8];
    assert_eq!(compare(&[cell(strict.clone(), same, Vec::new())])[0].verdict, Verdict::Pass);
    let more = vec![pair(&[(CPU, 5000.0)], &[(CPU, 5001.0)]); 8];
    assert_eq!(compare(&[cell(strict, more, Vec::new())])[0].verdict, Verdict::Inconclusive);
}

/// What is said to be found is found so often, by both stages and among so many numbers.
#[test]
fn the_detectable_change_is_found_in_four_of_five_cases() {
    const NUMBERS: usize = 9;
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(11);
    for pairs in [10, 20] {
        let effect =
            crate::stats::findable(pairs, ALPHA / NUMBERS as f64, CONFIRM_ALPHA).expect("enough pairs");
        let normal = |coin: &mut Xoshiro256PlusPlus| (0..12).map(|_| coin.random::<f64>()).sum::<f64>() - 6.0;
        let mut made = |shift: f64| -> Vec<Pair> {
            let head = |d: f64| pair(&[(CPU, 5000.0)], &[(CPU, 5100.0 * d.exp() - 100.0)]);
            (0..pairs).map(|_| head(0.02 * (normal(&mut coin) + shift))).collect()
        };
        let others = |name: usize| Gated { name: format!("other{name}"), ..cpu() };
        let mut is_found = || {
            let floor = 0.03_f64.ln_1p() / 0.02;
            let shifted = [made(floor + effect), made(floor + effect)];
            // The other numbers have not moved: they are there to be looked at.
            let [mut first, mut fresh] = shifted;
            for pair in first.iter_mut().chain(&mut fresh) {
                for other in 1..NUMBERS {
                    for repeat in [&mut pair.base, &mut pair.head] {
                        repeat.summary.insert(format!("other{other}"), 5000.0);
                    }
                }
            }
            let gated = std::iter::once(cpu()).chain((1..NUMBERS).map(others)).collect();
            let cell = Cell { axes: IndexMap::new(), gated, pairs: first, fresh };
            compare(&[cell])[0].verdict == Verdict::Regression
        };
        let found = (0..200).filter(|_| is_found()).count();
        assert!((140..185).contains(&found), "{found} of 200 with {pairs} pairs");
    }
}

#[test]
fn more_is_worse_except_for_rates() {
    let cpu = cpu();
    assert!((cpu.difference(900.0, 1900.0) - 2.0_f64.ln()).abs() < 1e-12);
    let rate = Gated { name: "g.requests_rate".to_owned(), start: 0.0, ..cpu };
    assert!((rate.difference(1000.0, 500.0) - 2.0_f64.ln()).abs() < 1e-12);
}

#[test]
fn differences_near_zero_are_not_compared_as_ratios() {
    let lateness = Gated::of(Stat { metric: Metric::LatenessP99, fold: Fold::Final }, None);
    // 0.4 against 0.8 ms is nothing; 8 ms more is.
    assert!(lateness.difference(0.4e6, 0.8e6) < lateness.floor.ln_1p());
    assert!(lateness.difference(0.4e6, 8.4e6) > lateness.budget.ln_1p());
    assert!(lateness.difference(-0.2e6, 0.0).abs() < 1e-12, "too early is not good");
}

#[test]
fn a_pair_with_an_invalid_repeat_is_dropped() {
    let good = || pair(&[(CPU, 5000.0)], &[(CPU, 5000.0)]);
    let mut bad = good();
    bad.head.invalid.push("steal".to_owned());
    assert_eq!(bad.dropped().as_deref(), Some("head: steal"));
    let findings = compare(&[cell(cpu(), vec![good(), bad, good(), good()], Vec::new())]);
    let finding = findings.iter().find(|finding| finding.gated.name == CPU).expect("gated");
    assert_eq!((finding.evidence.pairs, findings.len()), (3, 2), "and the spoilt repeat is reported");
}

#[test]
fn a_quantile_needs_requests_beyond_it_and_a_rate_needs_idle_clients() {
    let p99 = Gated { name: "g.latency_p99".to_owned(), ..cpu() };
    let with = |requests| {
        pair(
            &[("g.latency_p99", 1e6), ("g.requests", 2e4)],
            &[("g.latency_p99", 1e6), ("g.requests", requests)],
        )
    };
    let found =
        |gated: &Gated, pair: &Pair| compare(&[cell(gated.clone(), vec![pair.clone(); 8], Vec::new())]).len();
    assert_eq!(found(&p99, &with(10_000.0)), 1);
    assert_eq!(found(&p99, &with(9_999.0)), 0);
    let rate = Gated { name: "g.requests_rate".to_owned(), ..cpu() };
    let busy = |share| {
        pair(
            &[("g.requests_rate", 1e4), ("harness_busy", 0.5)],
            &[("g.requests_rate", 1e4), ("harness_busy", share)],
        )
    };
    assert_eq!(found(&rate, &busy(0.5)), 1);
    assert_eq!(found(&rate, &busy(0.99)), 0);
}

#[test]
fn every_shipped_profile_with_clients_gates_a_number() {
    for shipped in crate::profile::SHIPPED {
        let profile = shipped.source().parse(&[]).expect("valid");
        for gated in gated(&profile) {
            let stat = Key::parse(&gated.name).map(|key| key.stat).expect("a number of a summary");
            let is_either_way = stat.metric.spec().better == Better::Neither;
            assert_eq!(gated.is_two_sided(), is_either_way, "{}", gated.name);
            assert!(!is_either_way || gated.only_beyond, "{}", gated.name);
            assert!(gated.floor > 0.0 && gated.start > 0.0, "{}", gated.name);
        }
    }
}

#[test]
fn a_profile_sets_gated_numbers_floors_and_budgets() {
    let text = r#"
        title = "t"
        [[clients]]
        name = "g"
        count = 1
        load = { rate = 9, payload = 9 }
        [gate]
        server_rss_growth = "off"
        server_cpu_per_request = "floor 5%, budget 8%"
        "g.latency_p99" = "budget 50%"
        server_switches = "off"
        server_waits_per_request = "budget 10%"
    "#;
    let parse =
        |text: &str| crate::profile::Source { file: "t.toml".into(), text: text.to_owned() }.parse(&[]);
    assert!(parse(text).is_err(), "there is no metric server_switches");
    let profile = parse(&text.replace("server_switches", "server_descriptors_peak")).expect("valid");
    let gated = gated(&profile);
    let of = |name: &str| gated.iter().find(|gated| gated.name == name).map(|g| (g.floor, g.budget));
    assert_eq!(of("server_rss_growth"), None);
    assert_eq!(of("server_descriptors_peak"), None, "it was not gated anyway");
    assert_eq!(of(CPU), Some((0.05, 0.08)));
    assert_eq!(of("g.latency_p50"), Some((0.1, 0.2)), "as noisy as the metric is");
    assert_eq!(of("g.latency_p99"), Some((0.25, 0.5)));
    assert_eq!(of("server_waits_per_request"), Some((0.05, 0.1)));
}
