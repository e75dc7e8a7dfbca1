//! The comparison of a run with a stored baseline. It is weaker than pairs: the two were measured at different times,
//! so a drift of the machine looks like a change of the server.
//!
//! The rule does without a model of the noise. The repeats of each side are taken as they are: a number is a REGRESSION if
//! every new repeat is worse than every old one by more than the floor, a PASS if no new repeat is worse than any old one by
//! as much as the budget, and else INCONCLUSIVE. If both runs came from the same server and nothing drifted, n old and m new
//! repeats would part like that once in (n + m choose n) numbers: once in 20 with three of each, once in 252 with five. With
//! fewer than three on either side nothing is called, nor with more numbers than a twentieth of those ways: with five repeats
//! of each, of more than twelve numbers none would be.
//!
//! Metrics that normally do not change (shares of errors, silent connections) are gated as well, and count among the
//! numbers only where one of them moved: two that are the same part never.
//!
//! A run with errors or silence is none to compare with, and FAILs against one that is.

mod unfit;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

pub use self::unfit::unfit;
use super::{
    change::{Evidence, MetricChange},
    gated::{Gated, gated},
    lost::with_reason,
    pairs::{WORST, is_trusted},
};
use crate::{
    metric::{Better, Fold, Key, Metric, Scope, Stat, Unit},
    profile::Profile,
    record::{Point, Record, Repeat, Verdict, named_at, point_at},
    stats,
};

/// Repeats of each side from which on something is called.
const LEAST_REPEATS: usize = 3;

/// A run against one that was kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BaselineComparison {
    /// The baseline's name.
    pub baseline: String,
    /// When the baseline was measured (RFC 3339).
    pub started: String,
    /// The commit that it was measured at, where there was one.
    pub commit: Option<String>,
    /// What else is different than the server: another machine, kernel, badpeer or profile. Then only counts are gated.
    pub differs: Vec<String>,
    /// Every metric that both have.
    pub numbers: Vec<BaselineChange>,
    /// Metrics that the baseline has and this run lacks, whichever of their profiles names them.
    #[serde(default)]
    pub lost: Vec<String>,
    /// Metrics that this run has and the baseline lacks.
    #[serde(default)]
    pub new: Vec<String>,
    /// Errors and unanswered requests of this run, which make it a FAIL against any baseline.
    #[serde(default)]
    pub faults: Vec<String>,
    /// The verdict of the comparison.
    #[serde(rename = "call")]
    pub verdict: Verdict,
}

/// The change of a metric since the baseline; without a verdict it is shown, but not gated.
pub type BaselineChange = MetricChange<RepeatEvidence, Option<Verdict>>;

/// What the repeats of two runs say about a metric. Shares are relative to the baseline; positive is worse: 0.1 is 10 %
/// worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepeatEvidence {
    /// The values of the baseline's repeats, in the metric's unit.
    pub then: Vec<f64>,
    /// The values of the new repeats, in the metric's unit.
    pub now: Vec<f64>,
    /// How much worse the best new repeat is than the worst old one.
    pub low: f64,
    /// How much worse the worst new repeat is than the best old one.
    pub high: f64,
}

impl Evidence for RepeatEvidence {
    fn changes(&self) -> impl Iterator<Item = f64> {
        [self.low, self.high].into_iter().map(f64::ln_1p)
    }
}

impl BaselineComparison {
    /// Weighs a run against a baseline of this name.
    #[must_use]
    pub fn of(name: &str, baseline: &Record, now: &Record) -> Self {
        let differs = differs(baseline, now);
        let mut numbers = Vec::new();
        for point in &now.points {
            let Some(then) = point_at(&baseline.points, &point.axes) else { continue };
            let gated = numbers_of(&now.profile);
            numbers.extend(
                gated.into_iter().filter_map(|gated| metric_change(gated, then, point, differs.is_empty())),
            );
        }
        let (lost, new) = (only_in(baseline, now), only_in(now, baseline));
        let faults = unfit(now);
        correct(&mut numbers);
        let verdicts: Vec<Verdict> =
            numbers.iter().filter_map(|change: &BaselineChange| change.verdict).collect();
        let verdict = [Verdict::Regression, Verdict::Inconclusive, Verdict::Pass];
        let verdict = match verdict
            .into_iter()
            .find(|verdict| verdicts.contains(verdict))
            .unwrap_or(Verdict::Invalid)
        {
            Verdict::Regression => Verdict::Regression,
            _ if !faults.is_empty() => Verdict::Fail,
            Verdict::Pass if !lost.is_empty() => Verdict::Inconclusive,
            verdict => verdict,
        };
        Self {
            baseline: name.to_owned(),
            started: baseline.started.clone(),
            commit: baseline.commit.clone(),
            differs,
            numbers,
            lost,
            new,
            faults,
            verdict,
        }
    }
}

/// The numbers that one of the runs has and the other has not, or at points that the other does not have: of those that
/// either of their profiles gates.
fn only_in(has: &Record, lacks: &Record) -> Vec<String> {
    let names: IndexSet<String> =
        [has, lacks].into_iter().flat_map(|record| numbers_of(&record.profile)).map(|g| g.name).collect();
    let of_point = |point: &Point| -> Vec<String> {
        let other = point_at(&lacks.points, &point.axes);
        let is_there = |name: &str| other.is_some_and(|other| !values(name, other).is_empty());
        let had = names.iter().filter(|name| !values(name, point).is_empty());
        let repeats = || other.iter().flat_map(|other| &other.repeats);
        let sentence = |name: &String| with_reason(named_at(name, &point.axes), name, repeats());
        had.filter(|name| !is_there(name)).map(sentence).collect()
    };
    has.points.iter().flat_map(of_point).collect()
}

/// With many numbers one parts by chance: a regression is only called where so many repeats would seldom part in any of them.
fn correct(numbers: &mut [BaselineChange]) {
    let looks = numbers.iter().filter(|change| change.verdict.is_some() && !change.stood_still()).count();
    for change in numbers {
        let repeats = (change.evidence.then.len(), change.evidence.now.len());
        if change.verdict == Some(Verdict::Regression)
            && stats::ways(repeats.0, repeats.0 + repeats.1) < 20.0 * looks as f64
        {
            change.verdict = Some(Verdict::Inconclusive);
        }
    }
}

/// The number in the repeats that prove something and have enough of it.
fn values(name: &str, point: &Point) -> Vec<f64> {
    plain(&figures(name, point))
}

fn plain(figures: &[Figure]) -> Vec<f64> {
    figures.iter().map(|figure| figure.value).collect()
}

/// A number of a repeat.
#[derive(Clone, Copy)]
struct Figure {
    value: f64,
    /// It is a lower bound.
    is_lower_bound: bool,
}

fn figures(name: &str, point: &Point) -> Vec<Figure> {
    let trusted = point.repeats.iter().filter(|repeat| repeat.is_sound() && is_trusted(name, repeat));
    let figure = |repeat: &Repeat| {
        let is_lower_bound = repeat.censored.contains_key(name);
        Some(Figure { value: *repeat.summary.get(name)?, is_lower_bound })
    };
    trusted.filter_map(figure).collect()
}

/// How much worse it is now, as a logarithm: what never came is the worst there is, and no worse than that.
fn difference(gated: &Gated, then: Figure, now: Figure) -> f64 {
    match (then.is_lower_bound, now.is_lower_bound) {
        (false, false) => gated.difference(then.value, now.value),
        (false, true) => WORST,
        (true, false) => -WORST,
        (true, true) => 0.0,
    }
}

/// What is gated: what a comparison gates, and of a core experiment every cost.
fn numbers_of(profile: &Profile) -> Vec<Gated> {
    if profile.core.is_none() {
        return gated(profile);
    }
    let costs = Metric::ALL.iter().filter(|metric| {
        let spec = metric.spec();
        spec.scope == Scope::Core && spec.better == Better::Lower && spec.folds.contains(&Fold::Final)
    });
    costs.map(|metric| Gated::of(Stat { metric: *metric, fold: Fold::Final }, None)).collect()
}

fn metric_change(gated: Gated, then: &Point, now: &Point, is_same_setting: bool) -> Option<BaselineChange> {
    let figures = [figures(&gated.name, then), figures(&gated.name, now)];
    let [then, values_now] = figures.each_ref().map(|side| plain(side));
    let all =
        || figures[0].iter().flat_map(|then| figures[1].iter().map(|now| difference(&gated, *then, *now)));
    let (low, high) = (all().reduce(f64::min)?, all().reduce(f64::max)?);
    let few = then.len().min(values_now.len()) < LEAST_REPEATS;
    let is_gated = is_same_setting || is_count(&gated.name);
    let verdict = is_gated.then(|| {
        let (floor, budget) = (gated.floor.ln_1p(), gated.budget.ln_1p());
        // For metrics that normally do not change, the extremes of a few repeats say little, so the medians are
        // compared.
        let typical = gated.difference(stats::median(&then)?, stats::median(&values_now)?);
        let (least, most) = if gated.only_beyond { (typical, typical) } else { (low, high) };
        let is_too_little = |change: f64, limit: f64| gated.is_two_sided() && change < -limit;
        Some(if few {
            Verdict::Inconclusive
        } else if low > floor || is_too_little(high, floor) {
            Verdict::Regression
        } else if (most < budget || most <= 0.0) && !is_too_little(least, budget) {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        })
    });
    let verdict = verdict.flatten();
    let evidence = RepeatEvidence { then, now: values_now, low: low.exp_m1(), high: high.exp_m1() };
    Some(MetricChange { gated, axes: now.axes.clone(), evidence, verdict })
}

/// Whether it is the same on any machine: neither a time, nor a rate, nor memory.
fn is_count(name: &str) -> bool {
    let is_as_long_as_the_window = |stat: Stat| matches!(stat.fold, Fold::Total | Fold::Whole);
    // How fast the machine is decides how many answers there are, and how many peers come again to be evicted.
    let is_as_fast = |stat: Stat| matches!(stat.metric, Metric::FewestAnswers | Metric::ServerEnded);
    Key::parse(name).is_some_and(|Key { stat, .. }| {
        stat.unit() == Unit::Count && !is_as_long_as_the_window(stat) && !is_as_fast(stat)
    })
}

/// Whether two profiles run the same load on the same server, however they are shown and whatever is expected.
#[must_use]
pub fn is_same_setting(one: &Profile, other: &Profile) -> bool {
    let setting = |profile: &Profile| {
        let mut setting = profile.clone();
        (setting.title, setting.about, setting.chart) = (String::new(), String::new(), None);
        setting.labels.clear();
        setting.expect.clear();
        setting.gate.clear();
        (setting.seed, setting.repeats) = (0, 1);
        setting
    };
    setting(one) == setting(other)
}

/// What is different beside the server.
fn differs(baseline: &Record, now: &Record) -> Vec<String> {
    let (then, here) = (&baseline.machine, &now.machine);
    let memory = |bytes: u64| crate::units::human_bytes(bytes as f64);
    let pairs = [
        ("processor", then.cpu.clone(), here.cpu.clone()),
        ("number of cores", then.cores.to_string(), here.cores.to_string()),
        ("memory", memory(then.memory_bytes), memory(here.memory_bytes)),
        ("instruction set", then.arch.clone(), here.arch.clone()),
        ("kernel", then.kernel.clone(), here.kernel.clone()),
        ("badpeer", baseline.badpeer.clone(), now.badpeer.clone()),
    ];
    let mut differs: Vec<String> = pairs
        .into_iter()
        .filter(|(_, then, here)| then != here)
        .map(|(what, then, here)| format!("the {what} changed: {then} then, {here} now"))
        .collect();
    if let Some([then, here]) = then.other_loopback(here) {
        differs.push(format!("the loopback interface changed: {then} then, {here} now"));
    }
    if !is_same_setting(&baseline.profile, &now.profile) || baseline.files != now.files {
        differs.push("the profile has changed".to_owned());
    }
    differs
}

#[cfg(test)]
mod tests;
