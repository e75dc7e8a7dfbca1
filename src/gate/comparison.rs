//! A comparison as it is kept, and what many comparisons of a server with itself say about the gate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ALPHA, CONFIRM_ALPHA, Call, Cell, Finding, Pair, compare};
use crate::{record::Machine, stats};

/// The version of the file's format.
pub const COMPARISON_FORMAT: u32 = 1;

/// What was compared, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The profile's name.
    pub name: String,
    /// The server that was compared with.
    pub base: String,
    /// The server that was judged.
    pub head: String,
    /// Decided the order within each pair, and the clients of both trials.
    pub seed: u64,
    /// Pairs that were asked for, at each point.
    pub asked: u32,
    /// How long it took.
    pub seconds: f64,
    /// The command line.
    pub command: Vec<String>,
}

/// Two servers under one profile, and what is said of each number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// The version of this format.
    pub format: u32,
    /// The version of badpeer.
    pub badpeer: String,
    /// Where it was measured.
    pub machine: Machine,
    /// What was compared.
    #[serde(flatten)]
    pub origin: Origin,
    /// What it all comes to.
    pub call: Call,
    /// Every number that was gated.
    pub findings: Vec<Finding>,
    /// What would have been gated, and had too little to go by.
    pub not_gated: Vec<String>,
    /// Why pairs were dropped.
    pub dropped: Vec<String>,
}

impl Comparison {
    /// Weighs what was measured.
    #[must_use]
    pub fn of(origin: Origin, cells: &[Cell]) -> Self {
        let findings = compare(cells);
        let pairs = || cells.iter().flat_map(|cell| cell.pairs.iter().chain(&cell.fresh));
        let dropped: Vec<String> = pairs().filter_map(Pair::dropped).collect();
        let is_found = |name: &str| findings.iter().any(|finding| finding.gated.name == name);
        let mut not_gated: Vec<String> = cells
            .iter()
            .flat_map(|cell| &cell.gated)
            .map(|gated| gated.name.clone())
            .filter(|name| !is_found(name))
            .collect();
        not_gated.dedup();
        let too_few = dropped.len() * 2 > pairs().count();
        Self {
            format: COMPARISON_FORMAT,
            badpeer: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::describe(),
            origin,
            call: if too_few || findings.is_empty() { Call::Invalid } else { worst(&findings) },
            findings,
            not_gated,
            dropped,
        }
    }

    /// The numbers of which that is said.
    pub fn said(&self, call: Call) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.call == call)
    }
}

fn worst(findings: &[Finding]) -> Call {
    let has = |call| findings.iter().any(|finding| finding.call == call);
    [Call::Regression, Call::Inconclusive].into_iter().find(|call| has(*call)).unwrap_or(Call::Pass)
}

/// Many comparisons of a server with itself.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    comparisons: Vec<Comparison>,
}

/// What it says about the gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationSummary {
    /// Comparisons of a server with itself.
    pub gates: usize,
    /// How many of them said REGRESSION.
    pub alarms: usize,
    /// The rate of false alarms is below this, with 95 % confidence (Clopper–Pearson).
    pub alarm_rate_below: f64,
    /// For each number, the smallest of the tried shifts that at least four of five of these gates would have flagged;
    /// `None` where not even twice as much would be.
    pub found_from: BTreeMap<String, Option<f64>>,
    /// How often each number would have failed the first stage, before it was confirmed.
    pub suspicions: BTreeMap<String, usize>,
    /// How long all of it took, in seconds.
    pub seconds: f64,
}

impl Calibration {
    /// One more.
    pub fn add(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    /// How many said REGRESSION.
    #[must_use]
    pub fn alarms(&self) -> usize {
        self.comparisons.iter().filter(|comparison| comparison.call == Call::Regression).count()
    }

    /// What they say together.
    #[must_use]
    pub fn summary(&self) -> CalibrationSummary {
        let mut numbers: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
        for finding in self.comparisons.iter().flat_map(|comparison| &comparison.findings) {
            let point: Vec<String> =
                finding.axes.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            numbers.entry(format!("{}{}", finding.gated.name, point.concat())).or_default().push(finding);
        }
        let suspicions = |findings: &Vec<&Finding>| findings.iter().filter(|f| f.adjusted_p <= ALPHA).count();
        let (gates, alarms) = (self.comparisons.len(), self.alarms());
        CalibrationSummary {
            gates,
            alarms,
            alarm_rate_below: stats::clopper_pearson_upper(alarms as u32, gates as u32, 0.05),
            found_from: numbers.iter().map(|(name, found)| (name.clone(), found_from(found))).collect(),
            suspicions: numbers.iter().map(|(name, found)| (name.clone(), suspicions(found))).collect(),
            seconds: self.comparisons.iter().map(|comparison| comparison.origin.seconds).sum(),
        }
    }
}

/// The smallest shift, in steps of a hundredth, that four of five would have flagged if it were the only number.
fn found_from(findings: &[&Finding]) -> Option<f64> {
    let flags = |finding: &Finding, shift: f64| {
        let above = shift.ln_1p() - finding.gated.floor.ln_1p();
        let shifted: Vec<f64> = finding.differences.iter().map(|d| d + above).collect();
        stats::signed_rank_p(&shifted) <= CONFIRM_ALPHA
    };
    let shifts = (1..=200).map(|step| f64::from(step) / 100.0);
    let is_found = |shift: &f64| {
        let hits = findings.iter().filter(|finding| flags(finding, *shift)).count();
        hits * 5 >= findings.len() * 4
    };
    shifts.into_iter().find(is_found)
}
