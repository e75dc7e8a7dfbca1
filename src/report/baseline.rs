//! The table and the sentences of a comparison with a baseline.

use super::{
    table::{Align, Table},
    view::listed,
};
use crate::{
    gate::{BaselineChange, BaselineComparison},
    metric::{Key, Unit},
    record::Verdict,
    stats::median,
};

pub(super) fn title(comparison: &BaselineComparison) -> String {
    let commit = comparison.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    format!("against the baseline `{}` of {}{commit}", comparison.baseline, comparison.started)
}

pub(super) fn differs(comparison: &BaselineComparison) -> Vec<String> {
    let each = comparison.differs.iter().cloned();
    let what = "times, rates and memory are shown but not gated".to_owned();
    let new = format!("new since the baseline, so not gated: {}", comparison.new.join(", "));
    let what = (!comparison.differs.is_empty()).then_some(what);
    each.chain(what).chain((!comparison.new.is_empty()).then_some(new)).collect()
}

pub(super) fn table(comparison: &BaselineComparison) -> Table {
    let right = |title| (title, Align::Right);
    let head = [("metric", Align::Left), right("then"), right("now"), right("worse by"), ("", Align::Left)];
    let mut table = Table::new("Since the baseline", &head);
    for change in comparison.numbers.iter().filter(|change| change.is_telling()) {
        table.below(&change.here());
        table.row(cells(change).to_vec());
    }
    table
}

fn cells(change: &BaselineChange) -> [String; 5] {
    let unit = Key::parse(&change.gated.name).map_or(Unit::Count, |key| key.stat.unit());
    let shown = |values: &[f64]| median(values).map_or_else(String::new, |value| unit.show(value));
    [
        change.gated.name.clone(),
        shown(&change.evidence.then),
        shown(&change.evidence.now),
        format!("{} to {}", percent(change.evidence.low), percent(change.evidence.high)),
        change.verdict.map_or("not gated", Verdict::word).to_owned(),
    ]
}

fn percent(share: f64) -> String {
    // What never came is as bad as can be.
    if share > 1e6 {
        return "without bound".to_owned();
    }
    // Not -0.0.
    format!("{:+.1} %", (share * 1000.0).round() / 10.0 + 0.0)
}

/// The result for a metric, in a sentence.
pub(super) fn sentence(change: &BaselineChange) -> String {
    let [_, then, now, worse, _] = cells(change);
    format!("{now} now, {then} then: {worse} worse")
}

/// What the verdict means, in a sentence.
#[must_use]
pub fn meaning(comparison: &BaselineComparison) -> String {
    let of = |verdict| {
        let with_verdict =
            comparison.numbers.iter().filter(move |change: &&BaselineChange| change.verdict == Some(verdict));
        listed(with_verdict.map(|change| change.gated.name.as_str()))
    };
    match comparison.verdict {
        Verdict::Regression => {
            format!(
                "Every repeat of this run is worse than every repeat of the baseline: {}.",
                of(Verdict::Regression)
            )
        }
        Verdict::Inconclusive => undecided(&of(Verdict::Inconclusive), &comparison.lost),
        Verdict::Pass => {
            "No repeat is worse than any repeat of the baseline by as much as the budget.".to_owned()
        }
        Verdict::Fail => {
            format!(
                "This run has errors or unanswered requests, which fail against any baseline: {}.",
                comparison.faults.join("; ")
            )
        }
        Verdict::Invalid => "No gated metric was measured in both runs.".to_owned(),
    }
}

fn undecided(names: &str, lost: &[String]) -> String {
    let mut reasons = Vec::new();
    if !names.is_empty() {
        reasons.push(format!(
            "Undecided: {names}. Both runs need at least three repeats, or five with more than one metric, and more \
             repeats detect smaller changes; pairs (`badpeer compare --base --head`) detect the smallest."
        ));
    }
    if !lost.is_empty() {
        reasons.push(format!("The baseline has metrics that this run lacks: {}.", lost.join(", ")));
    }
    reasons.join(" ")
}
