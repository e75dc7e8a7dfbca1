//! A comparison as it is kept, and what many comparisons of a server with itself say about the gate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ALPHA, CONFIRM_ALPHA, Call, Cell, Expected, Finding, Pair, compare, expected};
use crate::{
    profile::Profile,
    record::{Machine, Outcome, Trial, named_at},
    stats,
};

/// The version of the file's format.
pub const COMPARISON_FORMAT: u32 = 1;

/// What was compared, and how.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Compared")]
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
    /// Why it ended before all pairs were measured; `None` if it did not.
    #[serde(default)]
    pub broken_off: Option<String>,
}

/// Two servers under one profile, and what is said of each number.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// What the profile expects, judged of the head; `None` where trials were shorter than the profile asks for.
    #[serde(default)]
    pub expected: Option<Vec<Expected>>,
    /// What would have been gated, and had too little to go by; with the point of the sweep, where there is one.
    pub not_gated: Vec<String>,
    /// What most trials of the base had, and not half as many of the head: something that the head may do no more.
    #[serde(default)]
    pub lost: Vec<String>,
    /// Why pairs were dropped.
    pub dropped: Vec<String>,
    /// What the host did meanwhile.
    #[serde(default)]
    pub host: Disturbance,
}

/// What the host did in each trial, base and head of each pair in turn; absent where it was not measured. For a reader: pairs
/// are dropped by the rule of [`Pair::dropped`] alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Disturbance {
    /// Share of a core that other guests took.
    pub steal: Vec<f64>,
    /// Share of the time in which some task of the machine waited for a core.
    pub cpu_pressure: Vec<f64>,
    /// Share of the time for which the server's threads waited for a core, all together.
    pub server_run_delay: Vec<f64>,
}

impl Disturbance {
    fn of(trials: &[&Trial]) -> Self {
        let rates = |name: &str| trials.iter().filter_map(|trial| trial.summary.get(name).copied()).collect();
        Self {
            steal: rates("host_steal_rate"),
            cpu_pressure: rates("host_cpu_pressure_rate"),
            server_run_delay: rates("server_run_delay_rate"),
        }
    }
}

impl Comparison {
    /// Weighs what was measured, and judges the head by what these profiles of the cells expect, if any are given.
    #[must_use]
    pub fn of(origin: Origin, cells: &[Cell], judged_by: Option<&[Profile]>) -> Self {
        let findings = compare(cells);
        let expected = judged_by.map(|profiles| expected(profiles, cells));
        let pairs = || cells.iter().flat_map(|cell| cell.pairs.iter().chain(&cell.fresh));
        let dropped: Vec<String> = pairs().filter_map(Pair::dropped).collect();
        let names = |is_meant: &dyn Fn(&Cell, &str) -> bool| -> Vec<String> {
            let each = cells.iter().flat_map(|cell| cell.gated.iter().map(move |gated| (cell, &gated.name)));
            let meant = each.filter(|(cell, name)| is_meant(cell, name));
            meant.map(|(cell, name)| named_at(name, &cell.axes)).collect()
        };
        let is_found = |cell: &Cell, name: &str| {
            findings.iter().any(|finding| finding.gated.name == name && finding.axes == cell.axes)
        };
        let not_gated = names(&|cell, name| !is_found(cell, name));
        let lost = names(&Cell::has_lost);
        let too_few = dropped.len() * 2 > pairs().count();
        let call = if too_few || findings.is_empty() {
            Call::Invalid
        } else {
            let whole = lost.is_empty() && origin.broken_off.is_none();
            worst(&findings, expected.as_deref().unwrap_or_default(), whole)
        };
        Self {
            format: COMPARISON_FORMAT,
            badpeer: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::describe(),
            origin,
            call,
            findings,
            expected,
            not_gated,
            lost,
            dropped,
            host: Disturbance::of(&pairs().flat_map(|pair| [&pair.base, &pair.head]).collect::<Vec<_>>()),
        }
    }

    /// The numbers of which that is said.
    pub fn said(&self, call: Call) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.call == call)
    }

    /// Their names.
    #[must_use]
    pub fn names(&self, call: Call) -> Vec<&str> {
        self.said(call).map(|finding| finding.gated.name.as_str()).collect()
    }

    /// The expectations that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = &Expected> {
        self.expected.iter().flatten().filter(|expected| expected.verdict.outcome != Outcome::Pass)
    }
}

/// What it all comes to; where not the whole was measured it is no PASS.
fn worst(findings: &[Finding], expected: &[Expected], whole: bool) -> Call {
    let said = findings.iter().map(|finding| finding.call);
    let of_outcome = |expected: &Expected| match expected.verdict.outcome {
        Outcome::Pass => Call::Pass,
        Outcome::Fail => Call::Fail,
        Outcome::Inconclusive | Outcome::Invalid => Call::Inconclusive,
    };
    let all: Vec<Call> = said.chain(expected.iter().map(of_outcome)).collect();
    [Call::Regression, Call::Fail, Call::Inconclusive]
        .into_iter()
        .find(|call| all.contains(call))
        .unwrap_or(if whole { Call::Pass } else { Call::Inconclusive })
}

/// Many comparisons of a server with itself, or with one that is known to be worse.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    /// The head is known to be worse: then a REGRESSION is no false alarm.
    pub is_planted: bool,
    comparisons: Vec<Comparison>,
}

/// What it says about the gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationSummary {
    /// Comparisons that were made.
    pub gates: usize,
    /// How many of them said REGRESSION.
    pub alarms: usize,
    /// Of a server with itself, the rate of false alarms is below this, with 95 % confidence (Clopper–Pearson).
    pub alarm_rate_below: Option<f64>,
    /// What was found about each number.
    pub numbers: BTreeMap<String, NumberSummary>,
    /// How long all of it took, in seconds.
    pub seconds: f64,
}

/// What many comparisons found about one number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NumberSummary {
    /// How often it failed the first stage.
    pub suspected: usize,
    /// How often fresh pairs confirmed it.
    pub called: usize,
    /// The median of how much worse it was found to be, as a share.
    pub change: Option<f64>,
    /// Of a server with itself, the smallest of the tried shifts that at least four of five of these gates would have
    /// flagged; `None` where not even twice as much would be.
    pub found_from: Option<f64>,
}

impl Calibration {
    /// None yet, of a server with itself or with one that is known to be worse.
    #[must_use]
    pub const fn new(is_planted: bool) -> Self {
        Self { is_planted, comparisons: Vec::new() }
    }

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
            numbers.entry(named_at(&finding.gated.name, &finding.axes)).or_default().push(finding);
        }
        let (gates, alarms) = (self.comparisons.len(), self.alarms());
        let bound = || stats::clopper_pearson_upper(alarms as u32, gates as u32, 0.05);
        CalibrationSummary {
            gates,
            alarms,
            alarm_rate_below: (!self.is_planted).then(bound),
            numbers: numbers.into_iter().map(|(name, found)| (name, self.of_number(&found))).collect(),
            seconds: self.comparisons.iter().map(|comparison| comparison.origin.seconds).sum(),
        }
    }

    fn of_number(&self, found: &[&Finding]) -> NumberSummary {
        let count = |is: fn(&Finding) -> bool| found.iter().filter(|finding| is(finding)).count();
        NumberSummary {
            suspected: count(|finding| finding.adjusted_p <= ALPHA),
            called: count(|finding| finding.call == Call::Regression),
            change: stats::median(&found.iter().map(|finding| finding.change.value).collect::<Vec<_>>()),
            found_from: if self.is_planted { None } else { found_from(found) },
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
