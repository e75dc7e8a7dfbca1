//! The change of a metric between two servers that were measured in pairs, and the verdict on it.

use serde::{Deserialize, Serialize};

use super::{
    super::{
        change::{Evidence, MetricChange},
        gated::Gated,
    },
    cell::{Cell, Pair},
    reading::{Number, Reading},
};
use crate::{
    record::Verdict,
    stats::{self, Estimate},
};

/// The significance level of the first stage, for all metrics together.
pub const ALPHA: f64 = 0.05;

/// The significance level at which fresh pairs must confirm each suspect metric.
pub const CONFIRM_ALPHA: f64 = 0.02;

/// Fewer pairs have no 95 % interval: both ends of what n of them bound are passed with a chance of 2^(1 − n).
const FEWEST_OF_AN_INTERVAL: usize = 6;

/// The change of a metric between two servers.
pub type PairedChange = MetricChange<PairEvidence>;

/// What pairs of repeats say about a metric. Shares are relative to the base; positive is worse: 0.1 is 10 % worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PairEvidence {
    /// Pairs that have the metric on both sides.
    pub pairs: usize,
    /// The base's median, in the metric's unit.
    pub base: f64,
    /// The head's median, in the metric's unit.
    pub head: f64,
    /// Why the base's median is only a lower bound: `unanswered`, `lost`, `skipped` or `errors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_censored: Option<String>,
    /// The same for the head's median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_censored: Option<String>,
    /// How much worse the head is, with a 95 % interval; for a suspect metric, from the fresh pairs alone. For a metric
    /// that may not move in either direction, how much larger it is.
    pub change: Estimate,
    /// The p-value of the first stage, from 0 to 1: the probability of such data if it is worse by no more than the floor.
    pub p: f64,
    /// The same after Holm's correction for all metrics that could reach the significance level.
    pub adjusted_p: f64,
    /// Whether it could reach the significance level, and so counts in the correction; a metric that did not move could
    /// not.
    #[serde(default = "yes")]
    pub is_counted: bool,
    /// The p-value of the fresh pairs, if the first stage found the metric suspect.
    pub confirmed_p: Option<f64>,
    /// The smallest change, as a share (0.1 is 10 %), that both stages would have detected in four of five cases with so
    /// many pairs and metrics; `None` if there are too few pairs to detect any.
    pub detectable: Option<f64>,
    /// The differences in the order of measurement, as logarithms; 20 if only the head got no answer to measure.
    pub differences: Vec<f64>,
    /// How many of the differences belong to the first stage; the others belong to fresh pairs.
    #[serde(default)]
    pub of_first_stage: Option<usize>,
}

const fn yes() -> bool {
    true
}

impl PairEvidence {
    /// How many differences are of the first stage: all if that is not given.
    #[must_use]
    pub fn first_stage(&self) -> usize {
        self.of_first_stage.unwrap_or(self.differences.len()).min(self.differences.len())
    }
}

impl Evidence for PairEvidence {
    fn changes(&self) -> impl Iterator<Item = f64> {
        self.differences.iter().copied()
    }
}

impl PairedChange {
    /// One number at one point; its correction and its verdict depend on all of them.
    pub(super) fn weigh(cell: &Cell, gated: &Gated) -> Option<Self> {
        let readings = |pairs: &[Pair]| -> Vec<(Reading, Reading)> {
            let number = Number::of(gated);
            let whole = pairs.iter().filter(|pair| pair.dropped().is_none());
            whole.filter_map(|pair| number.read_both(&pair.base, &pair.head)).collect()
        };
        let (first, fresh) = (readings(&cell.pairs), readings(&cell.fresh));
        if first.len() < 2 {
            return None;
        }
        let gated = Gated { start: gated.start + noise(gated, &first), ..gated.clone() };
        let number = Number::of(&gated);
        let all: Vec<&(Reading, Reading)> = first.iter().chain(&fresh).collect();
        let differences: Vec<f64> = all.iter().map(|(base, head)| number.difference(base, head)).collect();
        let side = |pick: fn(&(Reading, Reading)) -> &Reading| {
            number.median(&all.iter().map(|both| pick(both)).collect::<Vec<_>>())
        };
        let medians = [side(|(base, _)| base)?, side(|(_, head)| head)?];
        Some(Self::of(gated, cell, differences, first.len(), medians))
    }

    /// What these differences say, of which so many are the first stage's; the medians are the base's and the head's,
    /// with the reason of one that is only a lower bound.
    pub(super) fn of(
        gated: Gated,
        cell: &Cell,
        differences: Vec<f64>,
        first: usize,
        medians: [(f64, Option<String>); 2],
    ) -> Self {
        let (of_first, of_fresh) = differences.split_at(first);
        let (p, sign) = chance(&gated, of_first);
        let toward: Vec<f64> = of_fresh.iter().map(|d| gated.beyond(sign * d)).collect();
        let confirmed_p = (!of_fresh.is_empty()).then(|| stats::signed_rank_p(&toward));
        let [(base, base_censored), (head, head_censored)] = medians;
        let evidence = PairEvidence {
            pairs: differences.len(),
            base,
            head,
            base_censored,
            head_censored,
            change: Estimate { value: 0.0, low: 0.0, high: 0.0 },
            p,
            adjusted_p: 1.0,
            is_counted: true,
            confirmed_p,
            detectable: None,
            of_first_stage: Some(first),
            differences,
        };
        Self { axes: cell.axes.clone(), gated, evidence, verdict: Verdict::Inconclusive }
    }

    /// Whether the first stage finds that it got worse.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.evidence.adjusted_p <= ALPHA
    }

    /// Whether fresh pairs confirm it.
    fn is_confirmed(&self) -> bool {
        self.evidence.confirmed_p.is_some_and(|p| p <= CONFIRM_ALPHA)
    }

    /// Whether both stages find that it got worse.
    #[cfg(test)]
    pub(super) fn is_worse(&self) -> bool {
        self.is_suspect() && self.is_confirmed()
    }

    /// The smallest chance that the first stage could come to, as given by the sizes of the differences and not their
    /// signs.
    pub(super) fn smallest_p(&self) -> f64 {
        let first = &self.evidence.differences[..self.evidence.first_stage()];
        let moves = |d: &&f64| !self.gated.only_beyond || self.gated.beyond(**d) != 0.0;
        let sides = if self.gated.is_two_sided() { 2.0 } else { 1.0 };
        sides * 0.5_f64.powi(first.iter().filter(moves).count() as i32)
    }

    /// Says how much worse it is, and what is said, where so many numbers count.
    pub(super) fn conclude(&mut self, looks: usize) {
        self.evidence.change =
            shares(stats::hodges_lehmann(self.telling(), 0.05)).unwrap_or(self.evidence.change);
        let effect = stats::findable(self.evidence.first_stage(), ALPHA / looks.max(1) as f64, CONFIRM_ALPHA);
        let scatter = stats::scatter(&self.evidence.differences);
        self.evidence.detectable =
            effect.map(|effect| (self.gated.floor.ln_1p() + effect * scatter).exp_m1());
        self.verdict = self.decide();
    }

    fn decide(&self) -> Verdict {
        if self.is_suspect() {
            if self.is_confirmed() { Verdict::Regression } else { Verdict::Inconclusive }
        } else if self.is_within_budget() && self.evidence.pairs >= FEWEST_OF_AN_INTERVAL {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        }
    }

    fn is_within_budget(&self) -> bool {
        let Estimate { low, high, .. } = self.evidence.change;
        let budget = self.gated.budget;
        let is_too_little = self.gated.is_two_sided() && low.ln_1p() <= -budget.ln_1p();
        // What is no worse at all is within any budget, also one of nothing.
        (high < budget || high <= 0.0) && !is_too_little
    }

    /// The differences that show how much worse it is. Those that made a number look worse were chosen for that reason,
    /// and exaggerate; fresh ones do not.
    fn telling(&self) -> &[f64] {
        let (_, fresh) = self.evidence.differences.split_at(self.evidence.first_stage());
        if self.is_suspect() && !fresh.is_empty() { fresh } else { &self.evidence.differences }
    }
}

/// The chance that these differences are no more than chance, and the direction in which they are not: 1.0, or -1.0 where
/// less is as bad as more and it is less.
fn chance(gated: &Gated, differences: &[f64]) -> (f64, f64) {
    let p = |sign: f64| {
        stats::signed_rank_p(&differences.iter().map(|d| gated.beyond(sign * d)).collect::<Vec<_>>())
    };
    if !gated.is_two_sided() {
        return (p(1.0), 1.0);
    }
    let (more, less) = (p(1.0), p(-1.0));
    ((2.0 * more.min(less)).min(1.0), if less < more { -1.0 } else { 1.0 })
}

/// By how much a number scatters from repeat to repeat, where that is added to what lies below every difference: of the
/// lateness of evictions, which is a tick on a quiet machine and more on a busy one. It is taken from the means of the
/// pairs, which are the same whichever of the two came out worse, so it does not change how often the test is wrong by
/// chance.
fn noise(gated: &Gated, pairs: &[(Reading, Reading)]) -> f64 {
    if !gated.is_lateness() {
        return 0.0;
    }
    let means: Vec<f64> = pairs
        .iter()
        .filter_map(|pair| match pair {
            (Reading::Measured(base), Reading::Measured(head)) => Some(f64::midpoint(*base, *head)),
            _ => None,
        })
        .collect();
    std::f64::consts::SQRT_2 * stats::scatter(&means)
}

/// Logarithms as shares.
fn shares(change: Option<Estimate>) -> Option<Estimate> {
    change.map(|Estimate { value, low, high }| Estimate {
        value: value.exp_m1(),
        low: low.exp_m1(),
        high: high.exp_m1(),
    })
}
