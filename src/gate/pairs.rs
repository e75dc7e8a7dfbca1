//! Did it get worse? Pairs of trials of two servers in, a verdict for each number out.
//!
//! A trial gives one number for each metric, and a pair one difference: requests are never pooled across trials. The
//! difference is that of *started logarithms*, `ln(head + s) - ln(base + s)`, turned so that more is worse: a ratio where
//! the numbers are large against `s`, and a plain difference where they are near zero, so that nothing divides by nothing.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::validity::clients_were_the_limit;
use crate::{
    metric::{Better, Fold, Metric, Stat, Unit},
    profile::{Limits, Profile, Shares},
    record::{Outcome, Trial, place},
    stats::{self, Estimate},
};

/// The level of the first stage, for all numbers together.
pub const ALPHA: f64 = 0.05;
/// The level at which fresh pairs must confirm each number that failed.
pub const CONFIRM_ALPHA: f64 = 0.02;
/// Fewer pairs have no 95 % interval: both ends of what n of them bound are passed with a chance of 2^(1 − n).
const FEWEST_OF_AN_INTERVAL: usize = 6;
/// A quantile is trusted from so many requests beyond it on.
const BEYOND: f64 = 100.0;

/// A number that is gated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gated {
    /// Its name in a summary.
    pub name: String,
    /// A change is a regression only if it is surely larger than this share.
    pub floor: f64,
    /// A change is a pass only if it is surely smaller than this share.
    pub budget: f64,
    /// What is added to both sides before their ratio is taken, in the number's unit.
    pub start: f64,
    /// The profile itself names it in its `[gate]`: then it is no pass if it could not be gated.
    #[serde(default)]
    pub is_asked: bool,
}

impl Gated {
    /// The gate of that number, with the metric's own noise as the floor and twice that as the budget.
    pub(super) fn of(stat: Stat, group: Option<&str>) -> Self {
        let name = group.map_or_else(|| stat.name(), |group| format!("{group}.{}", stat.name()));
        Self::within(name, stat, Shares::above(stat.metric.spec().noise))
    }

    fn within(name: String, stat: Stat, Shares { floor, budget }: Shares) -> Self {
        Self { name, floor, budget, start: start(stat), is_asked: false }
    }

    /// How much worse `head` is than `base`, as a logarithm.
    pub(super) fn difference(&self, base: f64, head: f64) -> f64 {
        let sign = if better(&self.name) == Better::Higher { -1.0 } else { 1.0 };
        sign * ((head.max(0.0) + self.start).ln() - (base.max(0.0) + self.start).ln())
    }
}

/// Below this, differences count and not ratios: what a scheduler, an allocator or a clock gives or takes.
fn start(stat: Stat) -> f64 {
    match (stat.metric, stat.unit()) {
        (Metric::LatenessP50 | Metric::LatenessP99, _) => 20e6,
        (_, Unit::Nanoseconds) => 100.0,
        (_, Unit::Bytes) => 1024.0 * 1024.0,
        _ => 0.01,
    }
}

fn better(name: &str) -> Better {
    crate::record::stat_of(name).map_or(Better::Lower, |stat| stat.metric.spec().better)
}

/// The numbers of this profile that are gated: what a request costs, the most memory, how late evictions are, the latencies
/// of steady clients in an open loop, and the rate of steady clients in a closed one; less and more as its `[gate]` says.
#[must_use]
pub fn gated(profile: &Profile) -> Vec<Gated> {
    let mut all = gated_anyway(profile);
    for Limits { number, stat, shares } in profile.limits() {
        let place = all.iter().position(|gated| gated.name == number);
        let asked = |shares| Gated { is_asked: true, ..Gated::within(number, stat, shares) };
        match (place, shares.map(asked)) {
            (Some(place), Some(gated)) => all[place] = gated,
            (Some(place), None) => drop(all.remove(place)),
            (None, gated) => all.extend(gated),
        }
    }
    all
}

fn gated_anyway(profile: &Profile) -> Vec<Gated> {
    let run = |metric, fold| Gated::of(Stat { metric, fold }, None);
    let mut all = vec![
        run(Metric::ServerCpuPerRequest, Fold::Final),
        run(Metric::ServerCallsPerRequest, Fold::Final),
        run(Metric::ServerInstructionsPerRequest, Fold::Final),
        run(Metric::ServerRss, Fold::Growth),
        run(Metric::KernelMemory, Fold::Growth),
        run(Metric::LatenessP50, Fold::Final),
        run(Metric::LatenessP99, Fold::Final),
    ];
    for group in profile.clients.iter().filter(|group| group.is_steady()) {
        let of = |metric, fold| Gated::of(Stat { metric, fold }, Some(&group.name));
        if group.load.is_closed_loop() {
            all.push(of(Metric::Answered, Fold::Rate));
        } else {
            all.extend([of(Metric::LatencyP50, Fold::Final), of(Metric::LatencyP99, Fold::Final)]);
        }
    }
    all
}

/// Two trials of one seed, one of each server, one right after the other.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Whether the head's came first.
    pub head_first: bool,
    /// The trial of the server that is compared with.
    pub base: Trial,
    /// The trial of the server that is judged.
    pub head: Trial,
}

impl Pair {
    /// Why the pair as a whole does not count, if it does not. The rule is fixed before anything is measured: a pair of
    /// which either trial is invalid or was cut short is dropped, whatever its numbers are.
    #[must_use]
    pub fn dropped(&self) -> Option<String> {
        let sides = [("base", &self.base), ("head", &self.head)];
        sides.into_iter().find_map(|(side, trial)| {
            let reason = trial.invalid.first().cloned();
            let reason = reason.or_else(|| trial.cut_short.then(|| "cut short".to_owned()))?;
            Some(format!("{side}: {reason}"))
        })
    }

    /// The number on both sides, if both trials have enough of it.
    fn values(&self, name: &str) -> Option<(f64, f64)> {
        Some((value(&self.base, name)?, value(&self.head, name)?))
    }
}

/// The trial's number, if it has enough of it.
fn value(trial: &Trial, name: &str) -> Option<f64> {
    let value = *trial.summary.get(name)?;
    is_trusted(name, trial).then_some(value)
}

/// Whether the trial's number is one: a quantile needs requests beyond it, and a rate is the server's only where the
/// clients were not the limit.
pub(super) fn is_trusted(name: &str, trial: &Trial) -> bool {
    let Some((group, number)) = name.rsplit_once('.') else { return true };
    let stat = Stat::named(number);
    let requests = trial.summary.get(&format!("{group}.requests")).copied().unwrap_or(0.0);
    let beyond = match stat.map(|stat| stat.metric) {
        Some(Metric::LatencyP50 | Metric::ServiceP50) => 0.5,
        Some(Metric::LatencyP90) => 0.1,
        Some(Metric::LatencyP99 | Metric::ServiceP99) => 0.01,
        Some(Metric::LatencyP999) => 0.001,
        Some(Metric::Answered) => return !clients_were_the_limit(trial),
        _ => return true,
    };
    requests >= BEYOND / beyond
}

/// What a gate says of a number, and of a comparison as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Call {
    /// It got worse, by more than the floor, and fresh pairs confirmed it.
    Regression,
    /// An expectation of the profile does not hold: said of a whole comparison only.
    Fail,
    /// It did not get worse by as much as the budget.
    Pass,
    /// Neither can be said.
    Inconclusive,
    /// Too few pairs stand for anything to be said.
    Invalid,
}

impl Call {
    /// The outcome that it is for those who know no more.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Regression | Self::Fail => Outcome::Fail,
            Self::Pass => Outcome::Pass,
            Self::Inconclusive => Outcome::Inconclusive,
            Self::Invalid => Outcome::Invalid,
        }
    }

    /// REGRESSION, FAIL, PASS, INCONCLUSIVE or INVALID.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Regression => "REGRESSION",
            Self::Fail => "FAIL",
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
        }
    }
}

/// A number of both servers, and what is said of it. Shares are of the base's, more being worse: 0.1 is 10 % worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// What was gated, and how.
    #[serde(flatten)]
    pub gated: Gated,
    /// The point of the sweep.
    pub axes: IndexMap<String, String>,
    /// Pairs that had the number on both sides.
    pub pairs: usize,
    /// The base's median.
    pub base: f64,
    /// The head's median.
    pub head: f64,
    /// How much worse the head is, with its 95 % interval; of a number that looked worse, told by the fresh pairs alone.
    pub change: Estimate,
    /// The chance that it is worse by no more than the floor and looks like this all the same, in the first stage.
    pub p: f64,
    /// The same after Holm's correction for all numbers that were looked at.
    pub adjusted_p: f64,
    /// The chance in the fresh pairs, where the first stage failed.
    pub confirmed_p: Option<f64>,
    /// The smallest change that both stages would have found in four of five cases, with so many pairs and numbers; `None`
    /// where these are too few pairs to find any.
    pub detectable: Option<f64>,
    /// What is said.
    pub call: Call,
    /// The differences in the order they were measured, as logarithms.
    pub differences: Vec<f64>,
    /// How many of the differences are the first stage's; the others are of fresh pairs.
    #[serde(default)]
    pub of_first_stage: Option<usize>,
}

impl Finding {
    /// The point of the sweep in words; empty without a sweep.
    #[must_use]
    pub fn here(&self) -> String {
        place(&self.axes, " ")
    }

    /// Whether the first stage says that it got worse.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.adjusted_p <= ALPHA
    }

    /// The differences that tell how much worse it is. Those that made a number look worse were chosen for it, and say too
    /// much; fresh ones do not.
    fn telling(&self) -> &[f64] {
        let (_, fresh) = self.differences.split_at(self.first_stage());
        if self.is_suspect() && !fresh.is_empty() { fresh } else { &self.differences }
    }

    /// How many differences are of the first stage: all where that is not told.
    #[must_use]
    pub fn first_stage(&self) -> usize {
        self.of_first_stage.unwrap_or(self.differences.len()).min(self.differences.len())
    }
}

/// A point of the sweep, and the pairs that were measured at it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The keys that make the point.
    pub axes: IndexMap<String, String>,
    /// What is gated there.
    pub gated: Vec<Gated>,
    /// The first stage.
    pub pairs: Vec<Pair>,
    /// The fresh pairs of the second stage; empty unless the first one failed here.
    pub fresh: Vec<Pair>,
}

impl Cell {
    /// The pairs that count.
    pub(super) fn standing(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().chain(&self.fresh).filter(|pair| pair.dropped().is_none())
    }

    /// Whether in more than a tenth of the pairs, and in more than one, one of the two had the number and the other had not:
    /// what is left to compare may be the better trials.
    pub(super) fn is_one_sided(&self, name: &str) -> bool {
        let has = |trial: &Trial| value(trial, name).is_some();
        let apart = self.standing().filter(|pair| has(&pair.base) != has(&pair.head)).count();
        apart > 1 && apart * 10 > self.standing().count()
    }

    /// Whether more than half of the pairs were dropped.
    pub(super) fn has_too_few(&self) -> bool {
        let all = self.pairs.len() + self.fresh.len();
        all == 0 || self.standing().count() * 2 < all
    }
}

/// Whether some number of the cell fails the first stage, so that fresh pairs must confirm it.
#[must_use]
pub fn suspects(cells: &[Cell]) -> Vec<bool> {
    let findings = compare(cells);
    let fails =
        |cell: &Cell| findings.iter().any(|finding| finding.axes == cell.axes && finding.is_suspect());
    cells.iter().map(fails).collect()
}

/// What is said of every number of every cell that at least two pairs have.
#[must_use]
pub fn compare(cells: &[Cell]) -> Vec<Finding> {
    let each = cells.iter().flat_map(|cell| cell.gated.iter().map(move |gated| (cell, gated)));
    let mut findings: Vec<Finding> = each.filter_map(|(cell, gated)| weigh_one(cell, gated)).collect();
    let adjusted = stats::holm(&findings.iter().map(|finding| finding.p).collect::<Vec<_>>());
    let looks = findings.len();
    for (finding, adjusted_p) in findings.iter_mut().zip(adjusted) {
        finding.adjusted_p = adjusted_p;
        finding.change = shares(stats::hodges_lehmann(finding.telling(), 0.05)).unwrap_or(finding.change);
        let effect = stats::findable(finding.first_stage(), ALPHA / looks as f64, CONFIRM_ALPHA);
        finding.detectable = effect.map(|effect| {
            (finding.gated.floor.ln_1p() + effect * stats::scatter(&finding.differences)).exp_m1()
        });
        finding.call = call(finding);
    }
    findings
}

/// Logarithms as shares.
fn shares(change: Option<Estimate>) -> Option<Estimate> {
    change.map(|Estimate { value, low, high }| Estimate {
        value: value.exp_m1(),
        low: low.exp_m1(),
        high: high.exp_m1(),
    })
}

fn call(finding: &Finding) -> Call {
    let confirmed = finding.confirmed_p.is_some_and(|p| p <= CONFIRM_ALPHA);
    // What is no worse at all is within any budget, also one of nothing.
    let is_within = finding.change.high < finding.gated.budget || finding.change.high <= 0.0;
    if finding.is_suspect() {
        if confirmed { Call::Regression } else { Call::Inconclusive }
    } else if is_within && finding.pairs >= FEWEST_OF_AN_INTERVAL {
        Call::Pass
    } else {
        Call::Inconclusive
    }
}

/// One number at one point; its correction and its verdict depend on all of them.
fn weigh_one(cell: &Cell, gated: &Gated) -> Option<Finding> {
    let values = |pairs: &[Pair]| -> Vec<(f64, f64)> {
        let whole = pairs.iter().filter(|pair| pair.dropped().is_none());
        whole.filter_map(|pair| pair.values(&gated.name)).collect()
    };
    let (first, fresh) = (values(&cell.pairs), values(&cell.fresh));
    if first.len() < 2 {
        return None;
    }
    let all: Vec<(f64, f64)> = first.iter().chain(&fresh).copied().collect();
    let differences: Vec<f64> = all.iter().map(|(base, head)| gated.difference(*base, *head)).collect();
    let side = |pick: fn(&(f64, f64)) -> f64| stats::median(&all.iter().map(pick).collect::<Vec<_>>());
    let floor = gated.floor.ln_1p();
    let p = |differences: &[f64]| {
        stats::signed_rank_p(&differences.iter().map(|difference| difference - floor).collect::<Vec<_>>())
    };
    let (of_first, of_fresh) = differences.split_at(first.len());
    Some(Finding {
        gated: gated.clone(),
        axes: cell.axes.clone(),
        pairs: all.len(),
        base: side(|(base, _)| *base)?,
        head: side(|(_, head)| *head)?,
        change: shares(stats::hodges_lehmann(&differences, 0.05))?,
        p: p(of_first),
        adjusted_p: 1.0,
        confirmed_p: (!fresh.is_empty()).then(|| p(of_fresh)),
        detectable: None,
        call: Call::Inconclusive,
        of_first_stage: Some(first.len()),
        differences,
    })
}

#[cfg(test)]
mod tests;
