//! What a profile expects, of the servers of a comparison.

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use super::{
    Cell, Pair,
    judge::{fault, judge, judge_each},
    window::{Kind, Window, is_unexcused, kind, scale},
};
use crate::{
    metric::{Metric, Stat},
    profile::{Expectation, Profile},
    record::{Outcome, Point, Trial, Verdict, named_at, stat_of},
    stats,
};

/// An expectation of the profile, and what came of it in the pairs that stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Expected {
    /// The point of the sweep.
    pub axes: IndexMap<String, String>,
    /// Of the server that is judged.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The same of the server that is compared with, which is not judged by it.
    pub base: Outcome,
    /// How it was judged.
    #[serde(default)]
    pub judged: Judged,
}

/// How an expectation was judged of trials that may be shorter than the profile asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// The trials were as long as the profile asks for.
    #[default]
    Whole,
    /// The number of the shorter trials as it is.
    AsItIs,
    /// A count of the shorter trials, multiplied by how much longer the profile's window is.
    Scaled,
}

/// What is expected of the head at every point, and what could not be judged of trials so short, with the reason.
///
/// A number that does not scatter by itself (a count of evictions, a wrong byte) must be as expected in every trial; of a
/// time, a rate, an amount of memory or what a busy machine alone may cause it is the median over all trials, as with so
/// many the worst one says more about the machine. What no load excuses ([`crate::metric::Definite`]) counts in every trial,
/// also of a pair that was dropped, however short it was. What trials that are shorter than the profile's can tell is said in
/// the notes that are returned beside.
#[must_use]
pub fn expected(
    profiles: &[Profile],
    cells: &[Cell],
    window: Option<Window>,
) -> (Vec<Expected>, Vec<String>) {
    let of = |pairs: fn(&Cell) -> Vec<&Pair>, side: fn(&Pair) -> &Trial| -> Vec<Point> {
        let points = cells.iter().zip(profiles).map(|(cell, profile)| {
            let mut point = point(cell, &pairs(cell), side);
            if let Some(window) = window {
                scale(&mut point, profile, window);
            }
            point
        });
        points.collect()
    };
    let standing: fn(&Cell) -> Vec<&Pair> = |cell| cell.standing().collect();
    let (heads, bases) = (of(standing, |pair| &pair.head), of(standing, |pair| &pair.base));
    let all_heads = of(all_pairs, |pair| &pair.head);
    let (head_medians, base_medians) = (medians(&heads), medians(&bases));
    let (mut all, mut skipped) = (Vec::new(), Vec::new());
    for (index, (profile, cell)) in profiles.iter().zip(cells).enumerate() {
        let expectations: IndexMap<String, Expectation> =
            profile.expectations().into_iter().map(|e| (e.name.clone(), e)).collect();
        let kind_of = |name: &str| window.map(|_| kind(&expectations[name], profile));
        let judged = |points: &[Point], medians: &[Point]| -> Vec<Verdict> {
            let is_typical =
                |name: &str| scatters(expectations[name].stat) || kind_of(name) == Some(Kind::AsTheBase);
            let both = judge(profile, points, index).into_iter().zip(judge(profile, medians, index));
            both.map(|(each, median)| if is_typical(&each.name) { median } else { each }).collect()
        };
        let sides = judged(&heads, &head_medians).into_iter().zip(judged(&bases, &base_medians));
        for (verdict, base) in sides {
            let expectation = &expectations[&verdict.name];
            let fault = fault(expectation, profile, &all_heads, index).filter(|fault| {
                fault
                    .measured
                    .is_some_and(|figure| window.is_none_or(|w| is_unexcused(expectation, figure, w)))
            });
            let kind = if fault.is_some() { window.map(|_| Kind::AsItIs) } else { kind_of(&verdict.name) };
            let verdict = fault.unwrap_or(verdict);
            if let Some(why) = kind.and_then(|kind| kind.is_beyond(verdict.outcome, base.outcome)) {
                let claim = format!("{} {}", verdict.name, verdict.condition);
                skipped.push(format!("{} ({why})", named_at(&claim, &cell.axes)));
                continue;
            }
            let judged = kind.map_or(Judged::Whole, Kind::judged);
            all.push(Expected { axes: cell.axes.clone(), verdict, base: base.outcome, judged });
        }
        all.extend(wrong_on_both_sides(profile, &heads, &bases, index));
    }
    (all, skipped)
}

/// Wrong bytes of the head where the base has wrong ones, too: nobody need expect their absence, and a base that is wrong
/// excuses nobody. Those that the head alone has are [`faults`].
fn wrong_on_both_sides(profile: &Profile, heads: &[Point], bases: &[Point], index: usize) -> Vec<Expected> {
    let axes = &heads[index].axes;
    let is_content = |e: &Expectation| matches!(e.stat.metric, Metric::CorruptBytes | Metric::GroupCorrupt);
    let implied: Vec<Expectation> = profile.implied(axes).into_iter().filter(is_content).collect();
    let of = |points: &[Point]| judge_each(&implied, profile, points, index);
    let both = of(heads).into_iter().zip(of(bases));
    let failed = both.filter(|(head, base)| [head, base].iter().all(|side| side.outcome == Outcome::Fail));
    failed
        .map(|(verdict, base)| Expected {
            axes: axes.clone(),
            verdict,
            base: base.outcome,
            judged: Judged::Whole,
        })
        .collect()
}

/// Whether a number differs from trial to trial though nothing is wrong, or because the machine was busy.
fn scatters(stat: Stat) -> bool {
    use Metric::{
        ListenDrops, ListenerDrops, Lost, Refused, SilentConnections, Skipped, TimedOut, Unanswered,
    };
    let by_load =
        [Unanswered, Lost, Skipped, Refused, TimedOut, SilentConnections, ListenDrops, ListenerDrops];
    stat.metric.spec().noise > 0.0 || by_load.contains(&stat.metric)
}

/// What the head does wrong and the base does not, at every point: a wrong byte, in any trial, also in one that proves
/// nothing else, as no load makes a byte wrong; answers that are errors, in half of the trials or more. Nobody need expect
/// their absence in so many words.
#[must_use]
pub fn faults(cells: &[Cell]) -> Vec<Expected> {
    cells.iter().flat_map(faults_at).collect()
}

fn faults_at(cell: &Cell) -> Vec<Expected> {
    let all = all_pairs(cell);
    let standing: Vec<&Pair> = cell.standing().collect();
    let names: IndexSet<&String> = all.iter().flat_map(|pair| pair.head.summary.keys()).collect();
    let with = |pairs: &[&Pair], side: fn(&Pair) -> &Trial, name: &str| {
        pairs.iter().filter(|pair| side(pair).summary.get(name).is_some_and(|value| *value > 0.0)).count()
    };
    let is_wrong = |name: &str| {
        let (pairs, least) = match stat_of(name).map(|stat| stat.metric) {
            // No load makes them.
            Some(Metric::CorruptBytes | Metric::Torn | Metric::Disordered | Metric::ServerRejected) => {
                (&all, 1)
            }
            Some(Metric::Errors | Metric::EvictionsDisputed) => {
                (&standing, standing.len().div_ceil(2).max(1))
            }
            _ => return false,
        };
        with(pairs, |pair| &pair.base, name) == 0 && with(pairs, |pair| &pair.head, name) >= least
    };
    let worst =
        |name: &str| all.iter().filter_map(|pair| pair.head.summary.get(name).copied()).reduce(f64::max);
    let wrong = names.into_iter().filter(|name| is_wrong(name));
    wrong
        .map(|name| Expected {
            axes: cell.axes.clone(),
            verdict: Verdict::new(name, "= 0, as of the base", worst(name), Outcome::Fail),
            base: Outcome::Pass,
            judged: Judged::Whole,
        })
        .collect()
}

fn all_pairs(cell: &Cell) -> Vec<&Pair> {
    cell.pairs.iter().chain(&cell.fresh).collect()
}

/// One side of these pairs.
fn point(cell: &Cell, pairs: &[&Pair], side: fn(&Pair) -> &Trial) -> Point {
    Point {
        axes: cell.axes.clone(),
        trials: pairs.iter().map(|pair| side(pair).clone()).collect(),
        verdicts: Vec::new(),
    }
}

/// The points with one trial each, that has the median of every number which all of its trials have. Where the median lies
/// among the trials in which the number is a lower bound, it is one, too.
fn medians(points: &[Point]) -> Vec<Point> {
    let typical = |point: &Point| {
        let mut trial = point.trials.first()?.clone();
        let names: Vec<String> = trial.summary.keys().cloned().collect();
        (trial.summary, trial.censored) = (IndexMap::new(), IndexMap::new());
        for name in names {
            let Some((median, cause)) = median(&point.trials, &name) else { continue };
            trial.censored.extend(cause.map(|cause| (name.clone(), cause)));
            trial.summary.insert(name, median);
        }
        Some(trial)
    };
    let one = |point: &Point| Point { trials: typical(point).into_iter().collect(), ..point.clone() };
    points.iter().map(one).collect()
}

/// The median of a number over the trials, and why it is a lower bound if it is one; `None` if one of them lacks it.
fn median(trials: &[Trial], name: &str) -> Option<(f64, Option<String>)> {
    let values: Vec<(Option<&String>, f64)> = trials
        .iter()
        .map(|trial| Some((trial.censored.get(name), *trial.summary.get(name)?)))
        .collect::<Option<_>>()?;
    let causes: Vec<&String> = values.iter().filter_map(|(cause, _)| *cause).collect();
    if causes.len() * 2 >= trials.len() && !causes.is_empty() {
        let least: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        return Some((stats::median(&least)?, Some(causes[0].clone())));
    }
    // Those that are lower bounds lie above all others.
    let all: Vec<f64> =
        values.iter().map(|(cause, value)| if cause.is_some() { f64::INFINITY } else { *value }).collect();
    Some((stats::median(&all)?, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gate::{needs_the_whole_window, trial},
        profile::Source,
    };

    fn profile(expect: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ rate = 9, payload = 9 }}\n[expect]\n{expect}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    /// The outcomes of base and head where this number was measured in the trials of the head, and 1 in those of the base.
    fn outcomes(expect: &str, number: &str, heads: &[f64]) -> (Outcome, Outcome) {
        let pair = |value: &f64| Pair {
            head_first: false,
            base: trial(&[(number, 1.0)]),
            head: trial(&[(number, *value)]),
        };
        let cell = Cell {
            axes: IndexMap::new(),
            gated: Vec::new(),
            pairs: heads.iter().map(pair).collect(),
            fresh: Vec::new(),
        };
        let found = expected(&[profile(expect)], &[cell], None).0.remove(0);
        (found.base, found.verdict.outcome)
    }

    #[test]
    fn counts_must_be_right_in_every_trial_and_times_in_the_median_one() {
        use Outcome::{Fail, Inconclusive, Pass};
        let evicted = |heads: &[f64]| outcomes("\"g.evicted\" = \"= 1\"", "g.evicted", heads);
        assert_eq!(evicted(&[1.0, 1.0, 1.0]), (Pass, Pass));
        assert_eq!(evicted(&[1.0, 2.0, 1.0]), (Pass, Fail));
        let late = |heads: &[f64]| outcomes("\"g.latency_p99\" = \"< 5ns\"", "g.latency_p99", heads);
        assert_eq!(late(&[3.0, 9.0, 4.0]), (Pass, Pass));
        assert_eq!(late(&[3.0, 9.0, 6.0]), (Pass, Fail));
        let early =
            |heads: &[f64]| outcomes("eviction_lateness_min = \">= 0ns\"", "eviction_lateness_min", heads);
        assert_eq!(early(&[3.0, -1.0, 4.0]), (Pass, Fail), "no median excuses an early eviction");
        assert_eq!(late(&[]), (Inconclusive, Inconclusive));
    }

    #[test]
    fn a_base_with_wrong_bytes_excuses_no_head_with_wrong_bytes() {
        let corrupt = |base: f64, head: f64| {
            let side = |value: f64| trial(&[("corrupt_bytes", value)]);
            let pair = Pair { head_first: false, base: side(base), head: side(head) };
            let cell =
                Cell { axes: IndexMap::new(), gated: Vec::new(), pairs: vec![pair], fresh: Vec::new() };
            let (all, _) = expected(&[profile("server_rss_peak = \"< 1GiB\"")], &[cell], None);
            all.into_iter()
                .filter(|one| one.verdict.name == "corrupt_bytes")
                .map(|one| one.verdict.outcome)
                .next()
        };
        assert_eq!(corrupt(1.0, 131e6), Some(Outcome::Fail));
        assert_eq!((corrupt(1.0, 0.0), corrupt(0.0, 0.0)), (None, None));
        assert_eq!(corrupt(0.0, 1.0), None, "told by `faults`");
    }

    #[test]
    fn what_no_load_excuses_counts_in_pairs_that_were_dropped() {
        let outcome = |expect: &str, number: &str, figure: f64| {
            let whole =
                Pair { head_first: true, base: trial(&[(number, 0.0)]), head: trial(&[(number, 0.0)]) };
            let mut dropped = Pair { head: trial(&[(number, figure)]), ..whole.clone() };
            dropped.head.invalid.push("the host was busy".to_owned());
            let pairs = vec![whole.clone(), dropped, whole];
            let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs, fresh: Vec::new() };
            expected(&[profile(expect)], &[cell], None).0.remove(0).verdict.outcome
        };
        let late = "eviction_lateness_min";
        assert_eq!(outcome("eviction_lateness_min = \">= 0ms\"", late, -5e6), Outcome::Fail);
        assert_eq!(outcome("eviction_lateness_min = \">= 0ms\"", late, 5e6), Outcome::Pass);
        assert_eq!(outcome("\"g.errors_share\" = \"< 1%\"", "g.errors_share", 0.5), Outcome::Fail);
        assert_eq!(outcome("\"g.latency_p99\" = \"< 1s\"", "g.latency_p99", 5e9), Outcome::Pass);
    }

    #[test]
    fn pairs_that_were_dropped_are_not_judged() {
        let mut pair =
            Pair { head_first: true, base: trial(&[("g.evicted", 1.0)]), head: trial(&[("g.evicted", 2.0)]) };
        let whole = Pair { head: trial(&[("g.evicted", 1.0)]), ..pair.clone() };
        pair.head.invalid.push("it was not the server".to_owned());
        let cell =
            Cell { axes: IndexMap::new(), gated: Vec::new(), pairs: vec![pair, whole], fresh: Vec::new() };
        let (found, _) = expected(&[profile("\"g.evicted\" = \"= 1\"")], &[cell], None);
        assert_eq!(found[0].verdict.outcome, Outcome::Pass);
    }

    /// What comes of an expectation in trials half as long as the profile asks for, with these numbers of base and head.
    fn of_half(expect: &str, number: &str, base: &[f64], head: &[f64]) -> Option<(Outcome, Judged)> {
        let pair = |(base, head): (&f64, &f64)| Pair {
            head_first: false,
            base: trial(&[(number, *base)]),
            head: trial(&[(number, *head)]),
        };
        let pairs = base.iter().zip(head).map(pair).collect();
        let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs, fresh: Vec::new() };
        let window = Window { asked: 4.0, measured: 2.0 };
        let (mut found, skipped) = expected(&[profile(expect)], &[cell], Some(window));
        assert_eq!(found.len() + skipped.len(), 1);
        found.pop().map(|expected| (expected.verdict.outcome, expected.judged))
    }

    #[test]
    fn shorter_trials_are_judged_as_far_as_they_can_tell() {
        use Judged::{AsItIs, Scaled};
        use Outcome::{Fail, Pass};
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
        assert_eq!(of(evicted, 1.0, 0.0), Some((Fail, AsItIs)), "a head that evicts nobody");
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
    fn a_profile_that_expects_evictions_needs_its_window() {
        let needs = |expect: &str| needs_the_whole_window(&profile(expect));
        assert!(needs("evictions = \"= 4\"") && needs("\"g.server_ended\" = \"> 3\""));
        assert!(needs("\"g.stalled_for_p50\" = \">= 1s\""));
        assert!(!needs("evictions = \"= 0\"") && !needs("\"g.evicted\" = \"< 3\""));
        // A time of evictions is known once some have come about.
        assert!(needs("eviction_lateness_min = \">= 0ms\"") && needs("eviction_lateness_p99 = \"< 20ms\""));
        assert!(!needs("\"g.requests\" = \"> 9\""));
    }

    #[test]
    fn a_median_among_lower_bounds_is_one() {
        let bound = |value: f64, is_bound: bool| {
            let mut trial = trial(&[("g.latency_p99", value)]);
            trial.censored.extend(is_bound.then(|| ("g.latency_p99".to_owned(), "unanswered".to_owned())));
            trial
        };
        let of = |trials: &[Trial]| median(trials, "g.latency_p99");
        let few = [bound(1.0, false), bound(0.5, true), bound(3.0, false)];
        assert_eq!(of(&few), Some((3.0, None)), "a lower bound lies above what was measured");
        let many = [bound(1.0, false), bound(9.0, true), bound(8.0, true)];
        assert_eq!(of(&many), Some((8.0, Some("unanswered".to_owned()))));
    }

    #[test]
    fn a_wrong_byte_counts_also_in_a_trial_that_proves_nothing_else() {
        let mut pair = Pair { head_first: true, base: trial(&[]), head: trial(&[("corrupt_bytes", 2.0)]) };
        pair.head.invalid.push("the host was busy".to_owned());
        let cell = Cell { axes: IndexMap::new(), gated: Vec::new(), pairs: vec![pair], fresh: Vec::new() };
        assert_eq!(faults(&[cell])[0].verdict.measured, Some(2.0));
    }
}
