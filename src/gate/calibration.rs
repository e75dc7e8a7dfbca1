//! The rates of false alarms and of detection, from many comparisons.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ALPHA, PairedChange, PairedComparison};
use crate::{
    record::{Verdict, named_at},
    stats,
};

/// Many comparisons of a server with itself, or with one that is known to be worse.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    /// The head is known to be worse: then a REGRESSION is no false alarm.
    pub is_planted: bool,
    comparisons: Vec<PairedComparison>,
}

/// The result of the calibration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationSummary {
    /// Comparisons that had a verdict.
    pub gates: usize,
    /// Comparisons with too few valid pairs, which do not count.
    pub invalid: usize,
    /// How many comparisons ended with REGRESSION or FAIL.
    pub alarms: usize,
    /// Of a server with itself, the rate of false alarms is below this, with 95 % confidence (Clopper–Pearson).
    pub alarm_rate_below: Option<f64>,
    /// The result for each metric.
    pub numbers: BTreeMap<String, NumberSummary>,
    /// How long all of it took, in seconds.
    pub seconds: f64,
}

/// The result of many comparisons for one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NumberSummary {
    /// How often it failed the first stage.
    pub suspected: usize,
    /// How often fresh pairs confirmed it.
    pub called: usize,
    /// The median of how much worse it was found to be, as a share.
    pub change: Option<f64>,
    /// Of a server with itself, the smallest of the tried shifts that at least four of five first stages would have
    /// suspected; `None` where not even twice as much would be.
    pub found_from: Option<f64>,
}

impl Calibration {
    /// None yet, of a server with itself or with one that is known to be worse.
    #[must_use]
    pub const fn new(is_planted: bool) -> Self {
        Self { is_planted, comparisons: Vec::new() }
    }

    /// One more.
    pub fn add(&mut self, comparison: PairedComparison) {
        self.comparisons.push(comparison);
    }

    /// How many ended with REGRESSION or FAIL.
    #[must_use]
    pub fn alarms(&self) -> usize {
        let is_alarm = |comparison: &&PairedComparison| comparison.verdict.is_failure();
        self.comparisons.iter().filter(is_alarm).count()
    }

    /// Their combined result.
    #[must_use]
    pub fn summary(&self) -> CalibrationSummary {
        let mut numbers: BTreeMap<String, Vec<Looked<'_>>> = BTreeMap::new();
        let sound = || self.comparisons.iter().filter(|comparison| comparison.verdict != Verdict::Invalid);
        for comparison in sound() {
            let looks =
                comparison.findings.iter().filter(|finding| finding.evidence.is_counted).count().max(1);
            for finding in &comparison.findings {
                let name = named_at(&finding.gated.name, &finding.axes);
                numbers.entry(name).or_default().push(Looked { finding, looks });
            }
        }
        let (gates, alarms) = (sound().count(), self.alarms());
        let bound = || stats::clopper_pearson_upper(alarms as u32, gates as u32, 0.05);
        CalibrationSummary {
            gates,
            invalid: self.comparisons.len() - gates,
            alarms,
            alarm_rate_below: (!self.is_planted).then(bound),
            numbers: numbers.into_iter().map(|(name, found)| (name, self.of_number(&found))).collect(),
            seconds: self.comparisons.iter().map(|comparison| comparison.origin.seconds).sum(),
        }
    }

    fn of_number(&self, found: &[Looked<'_>]) -> NumberSummary {
        let count = |is: fn(&PairedChange) -> bool| found.iter().filter(|looked| is(looked.finding)).count();
        NumberSummary {
            suspected: count(PairedChange::is_suspect),
            called: count(|finding| finding.verdict == Verdict::Regression),
            change: stats::median(
                &found.iter().map(|looked| looked.finding.evidence.change.value).collect::<Vec<_>>(),
            ),
            found_from: if self.is_planted { None } else { found_from(found) },
        }
    }
}

/// What a comparison found about a number, and how many numbers it looked at.
struct Looked<'a> {
    finding: &'a PairedChange,
    looks: usize,
}

/// The smallest shift, in steps of a hundredth, that four of five first stages would have suspected if it were the only one.
fn found_from(found: &[Looked<'_>]) -> Option<f64> {
    let flags = |Looked { finding, looks }: &Looked<'_>, shift: f64| {
        let first = &finding.evidence.differences[..finding.evidence.first_stage()];
        let shifted: Vec<f64> = first.iter().map(|d| finding.gated.beyond(d + shift.ln_1p())).collect();
        let sides = if finding.gated.is_two_sided() { 2.0 } else { 1.0 };
        // One that would move counts among those that could be found.
        let looks = looks + usize::from(!finding.evidence.is_counted);
        sides * stats::signed_rank_p(&shifted) * looks as f64 <= ALPHA
    };
    let shifts = (1..=200).map(|step| f64::from(step) / 100.0);
    let is_found = |shift: &f64| {
        let hits = found.iter().filter(|looked| flags(looked, *shift)).count();
        hits * 5 >= found.len() * 4
    };
    shifts.into_iter().find(is_found)
}
