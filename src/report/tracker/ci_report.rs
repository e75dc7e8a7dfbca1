//! The result of a run or of a comparison as test cases and metrics, for every format.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::super::{baseline, gate, meaning::meaning, price, view};
use crate::{
    gate::{
        BaselineChange, BaselineComparison, Expected, PairedChange, PairedComparison, censored_by, gated,
        measured,
    },
    metric::{Better, Key, Stat},
    record::{ExpectationResult, Point, Record, Verdict, place},
    stats,
};

/// Which numbers of a run trackers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Those that `compare` gates, and those that the profile expects something of.
    Judged,
    /// Every number that can get better or worse, also of each phase.
    All,
}

/// The result of a run or of a comparison, for CI systems and trackers.
#[derive(Clone, Debug)]
pub struct CiReport {
    /// The profile's name, with `compare-` before it for a comparison.
    pub(super) suite: String,
    /// The commit that was measured, where it is known.
    pub(super) commit: Option<String>,
    /// How long it took, or was measured for, in seconds.
    pub(super) seconds: f64,
    /// What bad peers cost, in a sentence for each point.
    pub(super) headlines: Vec<String>,
    pub(super) cases: Vec<Case>,
    pub(super) numbers: Vec<Number>,
}

/// Something that was judged.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) verdict: Verdict,
    /// What was found, in a sentence.
    pub(super) facts: String,
}

/// Something that was measured, and is better when there is less of it, or more.
#[derive(Clone, Debug)]
pub(super) struct Number {
    /// `key=value, …`; empty without a sweep.
    pub(super) point: String,
    /// The name in a summary, with a group's in front.
    pub(super) name: String,
    pub(super) stat: Stat,
    /// The mean over the repeats; of a comparison the head's median.
    pub(super) value: f64,
    /// The least and the most over the repeats.
    pub(super) range: Option<(f64, f64)>,
}

impl CiReport {
    /// What came of a run, and of it against a baseline, if it was held against one.
    #[must_use]
    pub fn of_run(record: &Record, comparison: Option<&BaselineComparison>, which: Numbers) -> Self {
        if record.capacity.is_some() {
            return Self::of_search(record);
        }
        let mut cases: Vec<Case> = Vec::new();
        for point in &record.points {
            let at = at(&words(&point.axes));
            cases.extend(point.verdicts.iter().map(|result| Case::of_result(result, &at)));
            let why = view::unique_notes(point, |repeat| &repeat.invalid).join("; ");
            cases.extend((!why.is_empty()).then(|| Case::invalid(&at, why)));
        }
        let judged = judged(record);
        let is_wanted = |name: &str| which == Numbers::All || judged.contains(name);
        cases.extend(record.died().map(Case::died));
        cases.extend(comparison.into_iter().flat_map(Case::of_baseline));
        Self {
            suite: record.name.clone(),
            commit: record.commit.clone(),
            seconds: record.repeats().map(|repeat| repeat.measured_ns() as f64 / 1e9).sum(),
            headlines: price::headlines(record).into_iter().map(|headline| headline.price).collect(),
            cases,
            numbers: record
                .points
                .iter()
                .flat_map(numbers)
                .filter(|number| is_wanted(&number.name))
                .collect(),
        }
    }
}

impl CiReport {
    /// What came of a search for how much a server holds. Its levels differ from search to search, so no tracker can follow
    /// their numbers.
    fn of_search(record: &Record) -> Self {
        let case = Case {
            name: "the bracket is found".to_owned(),
            verdict: record.verdict(),
            facts: meaning(record),
        };
        Self {
            suite: record.name.clone(),
            commit: record.commit.clone(),
            seconds: record.repeats().map(|repeat| repeat.measured_ns() as f64 / 1e9).sum(),
            headlines: vec![meaning(record)],
            cases: vec![case],
            numbers: Vec::new(),
        }
    }
}

impl From<&PairedComparison> for CiReport {
    fn from(comparison: &PairedComparison) -> Self {
        let findings = comparison.findings.iter().map(Case::of_finding);
        let mut cases: Vec<Case> = findings
            .chain(comparison.expected.iter().flatten().chain(&comparison.faults).map(Case::of_expected))
            .collect();
        if let Some(words) = &comparison.origin.head_died {
            cases.push(Case {
                name: "the head survives the load that the base survives".to_owned(),
                verdict: Verdict::Fail,
                facts: words.clone(),
            });
        } else if comparison.verdict == Verdict::Invalid {
            let why = "too few pairs were valid, or no gated metric was measured";
            cases.push(Case::invalid("", why.to_owned()));
        } else if let Some(why) = &comparison.origin.broken_off {
            let why = format!("the comparison ended before all pairs were measured: {why}");
            cases.push(Case::invalid("", why));
        }
        if !comparison.doubts.is_empty() && comparison.verdict != Verdict::Invalid {
            cases.push(Case {
                name: "no doubts about the PASS".to_owned(),
                verdict: Verdict::Inconclusive,
                facts: comparison.doubts.join(" "),
            });
        }
        let number = |finding: &PairedChange| {
            Some(Number {
                point: words(&finding.axes),
                name: finding.gated.name.clone(),
                stat: Key::parse(&finding.gated.name)?.stat,
                value: Some(finding.evidence.head).filter(|head| head.is_finite())?,
                range: None,
            })
        };
        Self {
            suite: format!("compare-{}", comparison.origin.name),
            commit: None,
            seconds: comparison.origin.seconds,
            headlines: Vec::new(),
            cases,
            numbers: comparison.findings.iter().filter_map(number).collect(),
        }
    }
}

impl Case {
    fn of_finding(finding: &PairedChange) -> Self {
        Self {
            name: format!("{}{}", finding.gated.name, at(&words(&finding.axes))),
            verdict: finding.verdict,
            facts: gate::sentence(finding),
        }
    }

    fn of_result(result: &ExpectationResult, at: &str) -> Self {
        Self {
            name: format!("{} {}{at}", result.name, result.condition),
            verdict: result.verdict,
            facts: match &result.reason {
                Some(reason) if result.measured.is_none() || result.verdict == Verdict::Inconclusive => {
                    reason.clone()
                }
                Some(reason) => format!("{}; {reason}", result.fact()),
                None => result.fact(),
            },
        }
    }

    fn of_expected(expected: &Expected) -> Self {
        let case = Self::of_result(&expected.result, &at(&words(&expected.axes)));
        Self { facts: format!("{}; the base: {}", case.facts, expected.base.word()), ..case }
    }

    /// Every number that is gated against a baseline, or that nothing could be.
    fn of_baseline(comparison: &BaselineComparison) -> Vec<Self> {
        let since = format!("since the baseline {}", comparison.baseline);
        if comparison.verdict == Verdict::Invalid {
            return vec![Self::invalid(&format!(" {since}"), baseline::meaning(comparison))];
        }
        let case = |number: &BaselineChange| {
            let verdict = number.verdict?;
            Some(Self {
                name: format!("{}{} {since}", number.gated.name, at(&words(&number.axes))),
                verdict,
                facts: baseline::sentence(number),
            })
        };
        let case_of = |name: &str, verdict: Verdict, facts: Vec<String>| Self {
            name: format!("{name} {since}"),
            verdict,
            facts: facts.join("; "),
        };
        let mut cases: Vec<Self> = comparison.numbers.iter().filter_map(case).collect();
        if !comparison.faults.is_empty() {
            cases.push(case_of(
                "no errors and no unanswered requests",
                Verdict::Fail,
                comparison.faults.clone(),
            ));
        }
        if !comparison.lost.is_empty() {
            cases.push(case_of("no metric is lost", Verdict::Inconclusive, comparison.lost.clone()));
        }
        cases
    }

    /// The server ended by itself.
    fn died(how: &str) -> Self {
        let (name, verdict) = ("the server stays alive".to_owned(), Verdict::Fail);
        Self { name, verdict, facts: how.to_owned() }
    }

    /// The measurement at this point is not valid.
    fn invalid(at: &str, why: String) -> Self {
        Self { name: format!("the measurement is valid{at}"), verdict: Verdict::Invalid, facts: why }
    }
}

impl Number {
    pub(super) fn better(&self) -> Better {
        self.stat.metric.spec().better
    }

    pub(super) fn group(&self) -> Option<&str> {
        Key::parse(&self.name).and_then(|key| key.group)
    }

    pub(super) fn phase(&self) -> Option<&str> {
        Key::parse(&self.name).and_then(|key| key.phase)
    }
}

fn words(axes: &IndexMap<String, String>) -> String {
    place(axes, ", ")
}

/// A point behind what is said of it: ` (key=value, …)`, or nothing without a sweep.
pub(super) fn at(point: &str) -> String {
    if point.is_empty() { String::new() } else { format!(" ({point})") }
}

/// The numbers that are gated or expected, whether the run met the expectations or not.
fn judged(record: &Record) -> BTreeSet<String> {
    let expected =
        record.profile.expect.keys().filter_map(|name| Key::parse(name)).map(|key| key.to_string());
    gated(&record.profile).into_iter().map(|gated| gated.name).chain(expected).collect()
}

/// Every number of a point that can get better or worse, over its repeats that are whole and prove something: a tracker
/// would take the others for changes, and a lower bound for an improvement.
fn numbers(point: &Point) -> Vec<Number> {
    let point = &view::sound(point);
    let Some(first) = point.repeats.first() else { return Vec::new() };
    let number = |name: &String| {
        let Key { stat, .. } = Key::parse(name)?;
        if stat.metric.spec().better == Better::Neither {
            return None;
        }
        if censored_by(point, name).is_some() {
            return None;
        }
        let values = measured(point, name)?;
        let range = (stats::quantile(&values, 0.0)?, stats::quantile(&values, 1.0)?);
        Some(Number {
            point: words(&point.axes),
            name: name.clone(),
            stat,
            value: stats::mean(&values).filter(|mean| mean.is_finite())?,
            range: (values.len() > 1).then_some(range),
        })
    };
    first.summary.keys().filter_map(number).collect()
}
