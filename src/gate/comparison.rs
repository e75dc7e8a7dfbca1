//! A comparison as it is kept, and what it comes to.

use serde::{Deserialize, Serialize};

use super::{Call, Cell, Expected, Finding, Gated, Pair, Window, compare, expected, faults};
use crate::{
    profile::Profile,
    record::{Machine, Outcome, Trial, named_at},
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
    /// The last words of the head, if it ended by itself under load and the base did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_died: Option<String>,
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
    /// What the profile expects, judged of the head; `None` where it was not judged at all.
    #[serde(default)]
    pub expected: Option<Vec<Expected>>,
    /// What the profile expects and trials so short cannot tell, with the reason.
    #[serde(default)]
    pub not_judged: Vec<String>,
    /// How much shorter than the profile asks for the trials were; `None` if they were not.
    #[serde(default)]
    pub window: Option<Window>,
    /// What would have been gated, and had too little to go by; with the point of the sweep, where there is one.
    pub not_gated: Vec<String>,
    /// Why it is no PASS, beside what is said of the numbers: sentences.
    #[serde(default)]
    pub doubts: Vec<String>,
    /// What the head did wrong and the base did not, whatever the profile expects.
    #[serde(default)]
    pub faults: Vec<Expected>,
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
    /// Weighs what was measured, and judges the head by what these profiles of the cells expect; the trials may have been
    /// shorter than they ask for.
    #[must_use]
    pub fn of(origin: Origin, cells: &[Cell], profiles: &[Profile], window: Option<Window>) -> Self {
        let findings = compare(cells);
        let (expected, not_judged) = expected(profiles, cells, window);
        let pairs = || cells.iter().flat_map(|cell| cell.pairs.iter().chain(&cell.fresh));
        let dropped: Vec<String> = pairs().filter_map(Pair::dropped).collect();
        let is_found = |cell: &Cell, gated: &Gated| {
            findings.iter().any(|finding| finding.gated.name == gated.name && finding.axes == cell.axes)
        };
        let not_gated = names(cells, |cell, gated| !is_found(cell, gated));
        let asked = names(cells, |cell, gated| gated.is_asked && !is_found(cell, gated));
        let doubts = doubts(cells, &asked, origin.broken_off.as_deref());
        let faults = faults(cells);
        let judged = expected.iter().chain(&faults);
        let said = worst(&findings, judged, origin.head_died.is_some(), !doubts.is_empty());
        let too_few = dropped.len() * 2 > pairs().count() || findings.is_empty();
        // What was found stands, however little else can be said.
        let call =
            if too_few && !matches!(said, Call::Regression | Call::Fail) { Call::Invalid } else { said };
        Self {
            format: COMPARISON_FORMAT,
            badpeer: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::describe(),
            origin,
            call,
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

    /// The numbers of which that is said.
    pub fn said(&self, call: Call) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.call == call)
    }

    /// The numbers that are worth a line: all but those that stood still, as they should.
    pub fn telling(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.call != Call::Pass || !finding.stood_still())
    }

    /// Their names.
    #[must_use]
    pub fn names(&self, call: Call) -> Vec<&str> {
        self.said(call).map(|finding| finding.gated.name.as_str()).collect()
    }

    /// The expectations that are not met, and what the head did wrong whatever is expected.
    pub fn unmet(&self) -> impl Iterator<Item = &Expected> {
        let all = self.expected.iter().flatten().chain(&self.faults);
        all.filter(|expected| expected.verdict.outcome != Outcome::Pass)
    }
}

/// The numbers of the cells that are meant, with the point of the sweep.
fn names(cells: &[Cell], is_meant: impl Fn(&Cell, &Gated) -> bool) -> Vec<String> {
    let each = cells.iter().flat_map(|cell| cell.gated.iter().map(move |gated| (cell, gated)));
    let meant = each.filter(|(cell, gated)| is_meant(cell, gated));
    meant.map(|(cell, gated)| named_at(&gated.name, &cell.axes)).collect()
}

/// What speaks against a PASS though no number does.
fn doubts(cells: &[Cell], asked: &[String], broken_off: Option<&str>) -> Vec<String> {
    let mut doubts = Vec::new();
    doubts.extend(broken_off.map(|why| format!("It ended before all pairs were measured: {why}.")));
    let one_sided = names(cells, |cell, gated| cell.is_one_sided(gated));
    if !one_sided.is_empty() {
        let names = one_sided.join(", ");
        doubts.push(format!("In many pairs only one of the two has a number that counts: {names}."));
    }
    if !asked.is_empty() {
        doubts.push(format!("The profile's [gate] names what could not be gated: {}.", asked.join(", ")));
    }
    let few = cells.iter().filter(|cell| cell.has_too_few()).count();
    if few > 0 && cells.len() > 1 {
        doubts.push(format!("Too few pairs stand at {few} of {} points.", cells.len()));
    }
    doubts
}

/// What it all comes to; where there is doubt it is no PASS.
fn worst<'a>(
    findings: &[Finding],
    expected: impl Iterator<Item = &'a Expected>,
    head_died: bool,
    is_doubtful: bool,
) -> Call {
    let said = findings.iter().map(|finding| finding.call);
    let of_outcome = |expected: &Expected| match expected.verdict.outcome {
        Outcome::Pass => Call::Pass,
        Outcome::Fail => Call::Fail,
        Outcome::Inconclusive | Outcome::Invalid => Call::Inconclusive,
    };
    let died = head_died.then_some(Call::Fail);
    let all: Vec<Call> = said.chain(expected.map(of_outcome)).chain(died).collect();
    [Call::Regression, Call::Fail, Call::Inconclusive]
        .into_iter()
        .find(|call| all.contains(call))
        .unwrap_or(if is_doubtful { Call::Inconclusive } else { Call::Pass })
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::gate::trial;

    const NUMBER: &str = "server_rss_growth";

    fn gated(is_asked: bool) -> Gated {
        Gated { name: NUMBER.to_owned(), floor: 0.05, budget: 0.1, start: 1.0, is_asked, only_beyond: false }
    }

    /// Pairs that are alike, but for what is done to the head of some.
    fn pairs(count: usize, worse: impl Fn(usize, &mut Trial)) -> Vec<Pair> {
        let pair = |n| {
            let base = trial(&[(NUMBER, 1000.0), ("corrupt_bytes", 0.0), ("g.errors", 0.0)]);
            let mut head = base.clone();
            worse(n, &mut head);
            Pair { head_first: false, base, head }
        };
        (0..count).map(pair).collect()
    }

    fn cell(point: &str, pairs: Vec<Pair>) -> Cell {
        let axes: IndexMap<String, String> = [("key".to_owned(), point.to_owned())].into_iter().collect();
        Cell { axes, gated: vec![gated(false)], pairs, fresh: Vec::new() }
    }

    fn comparison(cells: &[Cell]) -> Comparison {
        let origin = Origin {
            name: "t".into(),
            base: "base".into(),
            head: "head".into(),
            seed: 1,
            asked: 20,
            started: String::new(),
            seconds: 1.0,
            command: Vec::new(),
            broken_off: None,
            head_died: None,
        };
        Comparison::of(origin, cells, &[], None)
    }

    /// Makes so many trials invalid.
    fn spoiling(count: usize) -> impl Fn(usize, &mut Trial) {
        move |n, trial| {
            if n < count {
                trial.invalid.push("the server dropped connections".to_owned());
            }
        }
    }

    #[test]
    fn alike_is_a_pass() {
        let comparison = comparison(&[cell("a", pairs(20, |_, _| ())), cell("b", pairs(20, |_, _| ()))]);
        assert_eq!((comparison.call, comparison.doubts.len()), (Call::Pass, 0), "{:?}", comparison.doubts);
    }

    /// The same with as many fresh pairs, in which the head spoils so many as well.
    fn confirmed(count: usize, fresh: usize) -> Comparison {
        let fresh = pairs(20, spoiling(fresh));
        comparison(&[Cell { fresh, ..cell("a", pairs(20, spoiling(count))) }])
    }

    #[test]
    fn a_head_that_spoils_its_trials_is_a_regression() {
        // A whole point is gone, and in the fresh pairs again.
        let gone = cell("b", pairs(20, spoiling(20)));
        let gone = Cell { fresh: pairs(20, spoiling(20)), ..gone };
        let gone = comparison(&[cell("a", pairs(20, |_, _| ())), gone]);
        assert_eq!(gone.call, Call::Regression);
        assert_eq!(gone.names(Call::Regression), [crate::gate::SPOILT]);
        assert!(gone.doubts[0].contains("1 of 2 points"), "{:?}", gone.doubts);
        assert_eq!(confirmed(20, 20).call, Call::Regression, "though no pair stands");
        assert_eq!(confirmed(8, 6).call, Call::Regression);
        assert_eq!(confirmed(8, 5).call, Call::Inconclusive, "not confirmed at 2 %");
        assert_eq!(confirmed(20, 0).call, Call::Inconclusive);
    }

    #[test]
    fn what_the_head_alone_spoils_is_no_pass_from_the_first_trial_on() {
        for count in [1, 2, 5] {
            let few = comparison(&[cell("a", pairs(20, spoiling(count)))]);
            assert_eq!(few.call, Call::Inconclusive, "{count}");
            let spoilt = &few.findings[0];
            assert!(spoilt.is_of_spoilt_trials() && (spoilt.p - 0.5_f64.powi(count as i32)).abs() < 1e-12);
            assert!((spoilt.head - count as f64 / 20.0).abs() < 1e-12);
        }
        // As often the base's: the host's doing.
        let both = pairs(20, |_, _| ()).into_iter().enumerate().map(|(n, mut pair)| {
            let trial = if n % 2 == 0 { &mut pair.base } else { &mut pair.head };
            spoiling(6)(n, trial);
            pair
        });
        assert_eq!(comparison(&[cell("a", both.collect())]).call, Call::Pass);
    }

    #[test]
    fn a_head_that_died_under_load_is_a_fail() {
        let cells = [cell("a", pairs(3, |_, _| ()))];
        let mut origin = comparison(&cells).origin;
        origin.broken_off = Some("head: the server ended".into());
        assert_eq!(Comparison::of(origin.clone(), &cells, &[], None).call, Call::Inconclusive);
        origin.head_died = Some("the server ended".into());
        assert_eq!(Comparison::of(origin.clone(), &cells, &[], None).call, Call::Fail);
        assert_eq!(Comparison::of(origin, &[], &[], None).call, Call::Fail, "in its first trial");
    }

    #[test]
    fn what_the_profile_asks_for_and_nothing_measured_is_no_pass() {
        let mut cell = cell("a", pairs(20, |_, _| ()));
        cell.gated.push(Gated { name: "g.latency_p99".into(), ..gated(false) });
        assert_eq!(comparison(std::slice::from_ref(&cell)).call, Call::Pass);
        cell.gated[1].is_asked = true;
        let asked = comparison(&[cell]);
        assert_eq!((asked.call, asked.not_gated.len()), (Call::Inconclusive, 1));
        assert!(asked.doubts[0].contains("g.latency_p99 key=a"), "{:?}", asked.doubts);
    }

    #[test]
    fn wrong_bytes_and_errors_fail_whatever_is_expected() {
        let set = |name: &'static str, least: usize| {
            move |n: usize, head: &mut Trial| {
                if n < least {
                    head.summary.insert(name.to_owned(), 3.0);
                }
            }
        };
        let of = |name, least| comparison(&[cell("a", pairs(20, set(name, least)))]);
        assert_eq!(of("corrupt_bytes", 1).call, Call::Fail);
        assert_eq!(of("g.errors", 10).call, Call::Fail);
        assert_eq!(of("g.errors", 9).call, Call::Pass, "the server was full now and then");
        assert_eq!(of("corrupt_bytes", 1).unmet().count(), 1);
        let both = pairs(20, |_, _| ()).into_iter().map(|mut pair| {
            pair.base.summary.insert("corrupt_bytes".into(), 1.0);
            pair.head.summary.insert("corrupt_bytes".into(), 1.0);
            pair
        });
        assert_eq!(comparison(&[cell("a", both.collect())]).call, Call::Pass, "the head is no worse");
    }

    #[test]
    fn what_was_found_is_not_hidden_by_what_was_dropped() {
        let wrong = |n: usize, head: &mut Trial| {
            spoiling(11)(n, head);
            head.summary.insert("corrupt_bytes".to_owned(), 1.0);
        };
        assert_eq!(comparison(&[cell("a", pairs(20, wrong))]).call, Call::Fail);
        let by_both = |n: usize, mut pair: Pair| {
            spoiling(11)(n, &mut pair.base);
            spoiling(11)(n, &mut pair.head);
            pair
        };
        let dropped = pairs(20, |_, _| ()).into_iter().enumerate().map(|(n, pair)| by_both(n, pair));
        assert_eq!(comparison(&[cell("a", dropped.collect())]).call, Call::Invalid);
    }

    #[test]
    fn a_calibration_counts_the_gates_that_could_alarm() {
        let mut calibration = super::super::Calibration::new(false);
        calibration.add(comparison(&[cell("a", pairs(20, |_, _| ()))]));
        calibration.add(comparison(&[]));
        let summary = calibration.summary();
        assert_eq!((summary.gates, summary.invalid, summary.alarms), (1, 1, 0));
        assert!(summary.alarm_rate_below.is_some_and(|rate| rate > 0.94), "one gate proves next to nothing");
    }
}
