//! A comparison of two servers as it is stored, and its verdict.

use serde::{Deserialize, Serialize};

use super::{
    Cell, Expected, Gated, Pair, PairedChange, Window, compare, expected, faults, judge, lost::with_reason,
    unserved,
};
use crate::{
    metric::{Fold, Metric, Stat},
    profile::Profile,
    record::{Machine, Point, Repeat, Verdict, named_at},
};

/// The version of the file's format.
pub const COMPARISON_FORMAT: u32 = 1;

/// What was compared, and how.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Origin {
    /// The profile's name.
    pub name: String,
    /// The base.
    pub base: String,
    /// The head.
    pub head: String,
    /// Seed of the order within each pair, and of the clients in both repeats.
    pub seed: u64,
    /// Requested pairs at each point.
    pub asked: u32,
    /// When it started (RFC 3339).
    #[serde(default)]
    pub started: String,
    /// How long it took.
    pub seconds: f64,
    /// The command line.
    pub command: Vec<String>,
    /// Why it ended before all pairs were measured; `None` if it did not.
    #[serde(default)]
    pub broken_off: Option<String>,
    /// The last output of the head, if it exited by itself under load and the base did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_died: Option<String>,
}

/// A comparison of two servers under one profile, with a verdict for each metric.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PairedComparison {
    /// The version of this format.
    pub format: u32,
    /// The version of badpeer.
    pub badpeer: String,
    /// Where it was measured.
    pub machine: Machine,
    /// What was compared.
    #[serde(flatten)]
    pub origin: Origin,
    /// The verdict of the comparison.
    #[serde(rename = "call")]
    pub verdict: Verdict,
    /// Every gated metric.
    pub findings: Vec<PairedChange>,
    /// The expectations of the profile, judged for the head; `None` if they were not judged.
    #[serde(default)]
    pub expected: Option<Vec<Expected>>,
    /// The expectations that could not be judged in so short repeats, with the reason.
    #[serde(default)]
    pub not_judged: Vec<String>,
    /// The shorter window of the repeats; `None` if it was the profile's.
    #[serde(default)]
    pub window: Option<Window>,
    /// Metrics that could not be gated for lack of data, with the point of the sweep, if there is one.
    pub not_gated: Vec<String>,
    /// Other reasons why it is not a PASS, as sentences.
    #[serde(default)]
    pub doubts: Vec<String>,
    /// Faults of the head that the base does not have, whatever the profile expects.
    #[serde(default)]
    pub faults: Vec<Expected>,
    /// Why pairs were dropped.
    pub dropped: Vec<String>,
    /// What the host did in the repeats.
    #[serde(default)]
    pub host: Disturbance,
}

/// What the host did in each repeat, base and head of each pair in turn; absent where it was not measured. For a
/// reader: pairs are dropped by the rule of [`Pair::dropped`] alone.
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
    fn of(repeats: &[&Repeat]) -> Self {
        let rates = |metric| {
            let name = Stat { metric, fold: Fold::Rate }.name();
            repeats.iter().filter_map(|repeat| repeat.summary.get(&name).copied()).collect()
        };
        Self {
            steal: rates(Metric::HostSteal),
            cpu_pressure: rates(Metric::HostCpuPressure),
            server_run_delay: rates(Metric::ServerRunDelay),
        }
    }
}

impl PairedComparison {
    /// Weighs what was measured on this machine, and judges the head by what these profiles of the cells expect; the
    /// repeats may have been shorter than they ask for.
    #[must_use]
    pub fn of(
        origin: Origin,
        machine: Machine,
        cells: &[Cell],
        profiles: &[Profile],
        window: Option<Window>,
    ) -> Self {
        let findings = compare(cells);
        let (expected, not_judged) = expected(profiles, cells, window);
        let pairs = || cells.iter().flat_map(|cell| cell.pairs.iter().chain(&cell.fresh));
        let dropped: Vec<String> = pairs().filter_map(Pair::dropped).collect();
        let is_found = |cell: &Cell, gated: &Gated| {
            findings.iter().any(|finding| finding.gated.name == gated.name && finding.axes == cell.axes)
        };
        let not_gated = not_gated(cells, |cell, gated| !is_found(cell, gated));
        let asked = names(cells, |cell, gated| gated.is_asked && !is_found(cell, gated));
        let mut doubts = doubts(cells, &asked, origin.broken_off.as_deref());
        let unserved = unserved_by_base(cells, profiles);
        let nobody_was_served = !unserved.is_empty();
        doubts.extend(unserved);
        let faults = faults(cells);
        let judged = expected.iter().chain(&faults);
        let found = worst(&findings, judged, origin.head_died.is_some(), !doubts.is_empty());
        let too_few = dropped.len() * 2 > pairs().count() || findings.is_empty() || nobody_was_served;
        // What was found stands, however little else can be said.
        let verdict = if too_few && !matches!(found, Verdict::Regression | Verdict::Fail) {
            Verdict::Invalid
        } else {
            found
        };
        Self {
            format: COMPARISON_FORMAT,
            badpeer: env!("CARGO_PKG_VERSION").to_owned(),
            machine,
            origin,
            verdict,
            findings,
            expected: Some(expected),
            not_judged,
            window,
            not_gated,
            doubts,
            faults,
            dropped,
            host: Disturbance::of(&pairs().flat_map(|pair| [&pair.base, &pair.head]).collect::<Vec<_>>()),
        }
    }

    /// The metrics with this verdict.
    pub fn findings_with(&self, verdict: Verdict) -> impl Iterator<Item = &PairedChange> {
        self.findings.iter().filter(move |finding| finding.verdict == verdict)
    }

    /// The metrics that reports list.
    pub fn telling(&self) -> impl Iterator<Item = &PairedChange> {
        self.findings.iter().filter(|finding| finding.is_telling())
    }

    /// Their names.
    #[must_use]
    pub fn names(&self, verdict: Verdict) -> Vec<&str> {
        self.findings_with(verdict).map(|finding| finding.gated.name.as_str()).collect()
    }

    /// The expectations that are not met, and what the head did wrong whatever is expected.
    pub fn unmet(&self) -> impl Iterator<Item = &Expected> {
        let all = self.expected.iter().flatten().chain(&self.faults);
        all.filter(|expected| expected.result.verdict != Verdict::Pass)
    }
}

/// The numbers of the cells that are meant.
fn meant(cells: &[Cell], is_meant: impl Fn(&Cell, &Gated) -> bool) -> impl Iterator<Item = (&Cell, &Gated)> {
    let each = cells.iter().flat_map(|cell| cell.gated.iter().map(move |gated| (cell, gated)));
    each.filter(move |(cell, gated)| is_meant(cell, gated))
}

/// Their names, with the point of the sweep.
fn names(cells: &[Cell], is_meant: impl Fn(&Cell, &Gated) -> bool) -> Vec<String> {
    meant(cells, is_meant).map(|(cell, gated)| named_at(&gated.name, &cell.axes)).collect()
}

/// The same with the reason, where too much is missing in the number.
fn not_gated(cells: &[Cell], is_meant: impl Fn(&Cell, &Gated) -> bool) -> Vec<String> {
    let of = |(cell, gated): (&Cell, &Gated)| {
        let repeats = cell.standing().flat_map(|pair| [&pair.base, &pair.head]);
        with_reason(named_at(&gated.name, &cell.axes), &gated.name, repeats)
    };
    meant(cells, is_meant).map(of).collect()
}

/// Reasons against a PASS other than metrics.
fn doubts(cells: &[Cell], asked: &[String], broken_off: Option<&str>) -> Vec<String> {
    let mut doubts = Vec::new();
    doubts
        .extend(broken_off.map(|why| format!("The comparison ended before all pairs were measured: {why}.")));
    let one_sided = names(cells, Cell::is_one_sided);
    if !one_sided.is_empty() {
        let names = one_sided.join(", ");
        doubts.push(format!("In many pairs only one side has enough data for: {names}."));
    }
    if !asked.is_empty() {
        doubts.push(format!(
            "The profile's [gate] names metrics that could not be gated: {}.",
            asked.join(", ")
        ));
    }
    let unproven = cells.iter().flat_map(Cell::standing).flat_map(|pair| [&pair.base, &pair.head]);
    if let Some(why) = unproven.flat_map(|repeat| &repeat.unproven).next() {
        doubts.push(format!("The fault had no effect: {}.", why.trim_end_matches('.')));
    }
    let few = cells.iter().filter(|cell| cell.has_too_few()).count();
    if few > 0 && cells.len() > 1 {
        doubts.push(format!("There are too few valid pairs at {few} of {} points.", cells.len()));
    }
    doubts
}

/// Good clients that the base does not serve at all: beside them nothing can be compared.
fn unserved_by_base(cells: &[Cell], profiles: &[Profile]) -> Vec<String> {
    let at = |(cell, profile): (&Cell, &Profile)| {
        let repeats: Vec<Repeat> = cell.standing().map(|pair| pair.base.clone()).collect();
        let points = [Point { axes: cell.axes.clone(), repeats, verdicts: Vec::new() }];
        let verdicts = judge(profile, &points, 0);
        unserved(profile, &points[0], &verdicts).into_iter().filter_map(|verdict| verdict.reason)
    };
    let all = cells.iter().zip(profiles).flat_map(at);
    all.map(|reason| format!("Base: {reason}")).collect()
}

/// The verdict of the comparison; with doubts it is not a PASS.
fn worst<'a>(
    findings: &[PairedChange],
    expected: impl Iterator<Item = &'a Expected>,
    head_died: bool,
    is_doubtful: bool,
) -> Verdict {
    let found = findings.iter().map(|finding| finding.verdict);
    let of_expectation = |expected: &Expected| match expected.result.verdict {
        Verdict::Pass => Verdict::Pass,
        Verdict::Regression | Verdict::Fail => Verdict::Fail,
        Verdict::Inconclusive | Verdict::Invalid => Verdict::Inconclusive,
    };
    let died = head_died.then_some(Verdict::Fail);
    let all: Vec<Verdict> = found.chain(expected.map(of_expectation)).chain(died).collect();
    [Verdict::Regression, Verdict::Fail, Verdict::Inconclusive]
        .into_iter()
        .find(|verdict| all.contains(verdict))
        .unwrap_or(if is_doubtful { Verdict::Inconclusive } else { Verdict::Pass })
}

#[cfg(test)]
mod tests;
