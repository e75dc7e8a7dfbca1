//! The expectations of a profile, judged for the servers of a comparison.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Cell, Pair,
    judge::{fault, judge, judge_each},
    window::{Judged, Kind, Window, is_unexcused, kind, scale},
};
use crate::{
    metric::{Key, Metric, Stat},
    profile::{Expectation, Profile},
    record::{ExpectationResult, ExpectationVerdict, Point, Repeat, Verdict, named_at, names},
    stats,
};

/// An expectation of the profile, and its verdict over the valid pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Expected {
    /// The point of the sweep.
    pub axes: IndexMap<String, String>,
    /// The verdict for the head.
    #[serde(flatten)]
    pub result: ExpectationResult,
    /// The same for the base, which is only shown.
    #[schemars(with = "ExpectationVerdict")]
    pub base: Verdict,
    /// How it was judged.
    #[serde(default)]
    pub judged: Judged,
}

/// What is expected of the head at every point, and what could not be judged of repeats so short, with the reason.
///
/// A number that does not scatter by itself (a count of evictions, a wrong byte) must be as expected in every repeat;
/// of a time, a rate, an amount of memory or what a busy machine alone may cause it is the median over all repeats, as
/// with so many the worst one says more about the machine. What no load excuses ([`crate::metric::Definite`]) counts in
/// every repeat, also of a pair that was dropped, however short it was. What cannot be judged in repeats that are
/// shorter than the profile's is named in the notes that are returned as well.
#[must_use]
pub fn expected(
    profiles: &[Profile],
    cells: &[Cell],
    window: Option<Window>,
) -> (Vec<Expected>, Vec<String>) {
    let of = |pairs: fn(&Cell) -> Vec<&Pair>, side: fn(&Pair) -> &Repeat| -> Vec<Point> {
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
        let judged = |points: &[Point], medians: &[Point]| -> Vec<ExpectationResult> {
            let is_typical =
                |name: &str| scatters(expectations[name].stat) || kind_of(name) == Some(Kind::AsTheBase);
            let both = judge(profile, points, index).into_iter().zip(judge(profile, medians, index));
            both.map(|(each, median)| if is_typical(&each.name) { median } else { each }).collect()
        };
        let sides = judged(&heads, &head_medians).into_iter().zip(judged(&bases, &base_medians));
        for (result, base) in sides {
            let expectation = &expectations[&result.name];
            let fault = fault(expectation, profile, &all_heads, index).filter(|fault| {
                fault
                    .measured
                    .is_some_and(|figure| window.is_none_or(|w| is_unexcused(expectation, figure, w)))
            });
            let kind = if fault.is_some() { window.map(|_| Kind::AsItIs) } else { kind_of(&result.name) };
            let result = fault.unwrap_or(result);
            if let Some(why) = kind.and_then(|kind| kind.is_beyond(result.verdict, base.verdict)) {
                let claim = format!("{} {}", result.name, result.condition);
                skipped.push(format!("{} ({why})", named_at(&claim, &cell.axes)));
                continue;
            }
            let judged = kind.map_or(Judged::Whole, Kind::judged);
            all.push(Expected { axes: cell.axes.clone(), result, base: base.verdict, judged });
        }
        all.extend(wrong_on_both_sides(profile, &heads, &bases, index));
    }
    (all, skipped)
}

/// Wrong bytes of the head where the base has wrong ones, too: no expectation is needed for that, and a base that is
/// wrong is no excuse. Those that the head alone has are [`faults`].
fn wrong_on_both_sides(profile: &Profile, heads: &[Point], bases: &[Point], index: usize) -> Vec<Expected> {
    let axes = &heads[index].axes;
    let is_content = |e: &Expectation| matches!(e.stat.metric, Metric::CorruptBytes | Metric::GroupCorrupt);
    let implied: Vec<Expectation> = profile.implied(axes).into_iter().filter(is_content).collect();
    let of = |points: &[Point]| judge_each(&implied, profile, points, index);
    let both = of(heads).into_iter().zip(of(bases));
    let failed = both.filter(|(head, base)| [head, base].iter().all(|side| side.verdict == Verdict::Fail));
    failed
        .map(|(result, base)| Expected {
            axes: axes.clone(),
            result,
            base: base.verdict,
            judged: Judged::Whole,
        })
        .collect()
}

/// Whether a number differs from repeat to repeat though nothing is wrong, or because the machine was busy.
fn scatters(stat: Stat) -> bool {
    use Metric::{
        ListenDrops, ListenerDrops, Lost, Refused, SilentConnections, Skipped, TimedOut, Unanswered,
    };
    let by_load =
        [Unanswered, Lost, Skipped, Refused, TimedOut, SilentConnections, ListenDrops, ListenerDrops];
    stat.metric.spec().noise > 0.0 || by_load.contains(&stat.metric)
}

/// What the head does wrong and the base does not, at every point: a wrong byte, in any repeat, also in one that proves
/// nothing else, as no load makes a byte wrong; answers that are errors, in half of the repeats or more. The profile
/// need not expect their absence.
#[must_use]
pub fn faults(cells: &[Cell]) -> Vec<Expected> {
    cells.iter().flat_map(faults_at).collect()
}

fn faults_at(cell: &Cell) -> Vec<Expected> {
    let all = all_pairs(cell);
    let standing: Vec<&Pair> = cell.standing().collect();
    let names = names(all.iter().map(|pair| &pair.head));
    let with = |pairs: &[&Pair], side: fn(&Pair) -> &Repeat, name: &str| {
        pairs.iter().filter(|pair| side(pair).summary.get(name).is_some_and(|value| *value > 0.0)).count()
    };
    let is_wrong = |name: &str| {
        let (pairs, least) = match Key::parse(name).map(|key| key.stat.metric) {
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
            result: ExpectationResult::new(name, "= 0, as for the base", worst(name), Verdict::Fail),
            base: Verdict::Pass,
            judged: Judged::Whole,
        })
        .collect()
}

fn all_pairs(cell: &Cell) -> Vec<&Pair> {
    cell.pairs.iter().chain(&cell.fresh).collect()
}

/// One side of these pairs.
fn point(cell: &Cell, pairs: &[&Pair], side: fn(&Pair) -> &Repeat) -> Point {
    Point {
        axes: cell.axes.clone(),
        repeats: pairs.iter().map(|pair| side(pair).clone()).collect(),
        verdicts: Vec::new(),
    }
}

/// The points with one repeat each, that has the median of every number which all of its repeats have. Where the median
/// lies among the repeats in which the number is a lower bound, it is one, too.
fn medians(points: &[Point]) -> Vec<Point> {
    let typical = |point: &Point| {
        let mut repeat = point.repeats.first()?.clone();
        let names: Vec<String> = repeat.summary.keys().cloned().collect();
        (repeat.summary, repeat.censored) = (IndexMap::new(), IndexMap::new());
        for name in names {
            let Some((median, cause)) = median(&point.repeats, &name) else { continue };
            repeat.censored.extend(cause.map(|cause| (name.clone(), cause)));
            repeat.summary.insert(name, median);
        }
        Some(repeat)
    };
    let one = |point: &Point| Point { repeats: typical(point).into_iter().collect(), ..point.clone() };
    points.iter().map(one).collect()
}

/// The median of a number over the repeats, and why it is a lower bound if it is one; `None` if one of them lacks it.
fn median(repeats: &[Repeat], name: &str) -> Option<(f64, Option<String>)> {
    let values: Vec<(Option<&String>, f64)> = repeats
        .iter()
        .map(|repeat| Some((repeat.censored.get(name), *repeat.summary.get(name)?)))
        .collect::<Option<_>>()?;
    let causes: Vec<&String> = values.iter().filter_map(|(cause, _)| *cause).collect();
    if causes.len() * 2 >= repeats.len() && !causes.is_empty() {
        let least: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        return Some((stats::median(&least)?, Some(causes[0].clone())));
    }
    // Those that are lower bounds lie above all others.
    let all: Vec<f64> =
        values.iter().map(|(cause, value)| if cause.is_some() { f64::INFINITY } else { *value }).collect();
    Some((stats::median(&all)?, None))
}

#[cfg(test)]
mod tests;
