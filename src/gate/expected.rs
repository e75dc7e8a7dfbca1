//! What a profile expects, of the servers of a comparison.

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use super::{Cell, Pair, judge, measured};
use crate::{
    metric::Metric,
    profile::Profile,
    record::{Outcome, Point, Trial, Verdict},
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
}

/// What is expected of the head at every point. A number that does not scatter by itself (a count of evictions, a wrong
/// byte) must be as expected in every trial; of a time, a rate or an amount of memory it is the median over all trials,
/// as with so many the worst one says more about the machine.
#[must_use]
pub fn expected(profiles: &[Profile], cells: &[Cell]) -> Vec<Expected> {
    let of =
        |side: fn(&Pair) -> &Trial| -> Vec<Point> { cells.iter().map(|cell| point(cell, side)).collect() };
    let (heads, bases) = (of(|pair| &pair.head), of(|pair| &pair.base));
    let (head_medians, base_medians) = (medians(&heads), medians(&bases));
    let mut all = Vec::new();
    for (index, (profile, cell)) in profiles.iter().zip(cells).enumerate() {
        let scatters: IndexMap<String, bool> =
            profile.expectations().into_iter().map(|e| (e.name, e.stat.metric.spec().noise > 0.0)).collect();
        let judged = |points: &[Point], medians: &[Point]| -> Vec<Verdict> {
            let both = judge(profile, points, index).into_iter().zip(judge(profile, medians, index));
            both.map(|(each, median)| if scatters[&each.name] { median } else { each }).collect()
        };
        let sides = judged(&heads, &head_medians).into_iter().zip(judged(&bases, &base_medians));
        all.extend(sides.map(|(verdict, base)| Expected {
            axes: cell.axes.clone(),
            verdict,
            base: base.outcome,
        }));
    }
    all
}

/// What the head does wrong and the base does not, at every point: a wrong byte, in any trial; answers that are errors, in half
/// of the trials or more. Nobody need expect their absence in so many words.
#[must_use]
pub fn faults(cells: &[Cell]) -> Vec<Expected> {
    cells.iter().flat_map(faults_at).collect()
}

fn faults_at(cell: &Cell) -> Vec<Expected> {
    let (corrupt, errors) = (Metric::CorruptBytes.spec().name, Metric::Errors.spec().name);
    let heads: Vec<&Trial> = cell.standing().map(|pair| &pair.head).collect();
    let bases: Vec<&Trial> = cell.standing().map(|pair| &pair.base).collect();
    let names: IndexSet<&String> = heads.iter().flat_map(|trial| trial.summary.keys()).collect();
    let is_of_errors = |name: &str| name.rsplit_once('.').is_some_and(|(_, number)| number == errors);
    let with = |trials: &[&Trial], name: &str| {
        trials.iter().filter(|trial| trial.summary.get(name).is_some_and(|value| *value > 0.0)).count()
    };
    let is_wrong = |name: &str| {
        let least = if name == corrupt { 1 } else { heads.len().div_ceil(2).max(1) };
        with(&bases, name) == 0 && with(&heads, name) >= least
    };
    let wrong =
        names.into_iter().filter(|name| *name == corrupt || is_of_errors(name)).filter(|name| is_wrong(name));
    let worst =
        |name: &str| heads.iter().filter_map(|trial| trial.summary.get(name).copied()).reduce(f64::max);
    wrong
        .map(|name| Expected {
            axes: cell.axes.clone(),
            verdict: Verdict::new(name, "= 0, as of the base", worst(name), Outcome::Fail),
            base: Outcome::Pass,
        })
        .collect()
}

/// One side of the pairs that stand.
fn point(cell: &Cell, side: fn(&Pair) -> &Trial) -> Point {
    Point {
        axes: cell.axes.clone(),
        trials: cell.standing().map(|pair| side(pair).clone()).collect(),
        verdicts: Vec::new(),
    }
}

/// The points with one trial each, that has the median of every number which all of its trials have.
fn medians(points: &[Point]) -> Vec<Point> {
    let typical = |point: &Point| {
        let mut trial = point.trials.first()?.clone();
        let over_all = |name: &str| stats::median(&measured(point, name)?);
        trial.summary = trial
            .summary
            .keys()
            .filter_map(|name| over_all(name).map(|median| (name.clone(), median)))
            .collect();
        Some(trial)
    };
    let one = |point: &Point| Point { trials: typical(point).into_iter().collect(), ..point.clone() };
    points.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::trial, profile::Source};

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
        let found = expected(&[profile(expect)], &[cell]).remove(0);
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
    fn pairs_that_were_dropped_are_not_judged() {
        let mut pair =
            Pair { head_first: true, base: trial(&[("g.evicted", 1.0)]), head: trial(&[("g.evicted", 2.0)]) };
        let whole = Pair { head: trial(&[("g.evicted", 1.0)]), ..pair.clone() };
        pair.head.invalid.push("it was not the server".to_owned());
        let cell =
            Cell { axes: IndexMap::new(), gated: Vec::new(), pairs: vec![pair, whole], fresh: Vec::new() };
        let found = expected(&[profile("\"g.evicted\" = \"= 1\"")], &[cell]);
        assert_eq!(found[0].verdict.outcome, Outcome::Pass);
    }
}
