//! The tables and the sentences of a comparison of two servers.

mod remarks;
mod shown;

use std::iter;

pub(super) use self::remarks::remarks;
use self::shown::Shown;

use super::{
    table::{Align, Table},
    view::listed,
};
use crate::{
    gate::{PairedChange, PairedComparison},
    record::{Verdict, named_at},
};

/// The tables: the metrics by verdict, the worst first, then the expectations.
pub(super) fn tables(comparison: &PairedComparison) -> Vec<Table> {
    let verdicts = [Verdict::Regression, Verdict::Inconclusive, Verdict::Pass];
    let mut tables = verdicts.map(|verdict| table(comparison, verdict)).to_vec();
    tables.push(unmet(comparison));
    tables.retain(|table| !table.is_empty());
    tables
}

fn unmet(comparison: &PairedComparison) -> Table {
    let columns = ["expectation", "measured", "head", "base"].map(|title| (title, Align::Left));
    let mut table = Table::new("Unmet expectations (head)", &columns);
    for expected in comparison.unmet() {
        let claim = format!("{} {}", expected.result.name, expected.result.condition);
        table.row(vec![
            named_at(&claim, &expected.axes),
            expected.result.shown(),
            expected.result.verdict.word().to_owned(),
            expected.base.word().to_owned(),
        ]);
    }
    table
}

pub(super) fn title(comparison: &PairedComparison) -> String {
    let origin = &comparison.origin;
    let has_fresh = comparison.findings.iter().any(|finding| finding.evidence.confirmed_p.is_some());
    let fresh = if has_fresh { " and as many fresh ones" } else { "" };
    format!(
        "{}: `{}` against `{}`, {} pairs{fresh}, seed {}, {:.0} s",
        origin.name, origin.head, origin.base, origin.asked, origin.seed, origin.seconds
    )
}

fn table(comparison: &PairedComparison, verdict: Verdict) -> Table {
    let right = |title| (title, Align::Right);
    let head =
        [("metric", Align::Left), right("base"), right("head"), right("worse by"), right("95 % interval")];
    let mut table = Table::new(verdict.word(), &head);
    if verdict == Verdict::Inconclusive {
        table.column("detects changes from", Align::Right);
    }
    for finding in comparison.telling().filter(|finding| finding.verdict == verdict) {
        table.below(&finding.here());
        let shown = Shown::of(finding);
        let mut cells =
            vec![finding.gated.name.clone(), shown.base(), shown.head(), shown.estimate(), shown.interval()];
        if verdict == Verdict::Inconclusive {
            cells.push(
                finding
                    .evidence
                    .detectable
                    .map_or_else(|| "more pairs".to_owned(), |from| shown.change(from)),
            );
        }
        table.row(cells);
    }
    table
}

/// The result for a metric, in a sentence.
pub(super) fn sentence(finding: &PairedChange) -> String {
    let shown = Shown::of(finding);
    let direction = if finding.gated.is_two_sided() { "different" } else { "worse" };
    format!(
        "{} against {}: {} {direction} ({}), budget {:.0} %, {} pairs",
        shown.head(),
        shown.base(),
        shown.estimate(),
        shown.interval(),
        finding.gated.budget * 100.0,
        finding.evidence.pairs
    )
}

/// What the verdict of the comparison means, in a sentence or two.
#[must_use]
pub fn meaning(comparison: &PairedComparison) -> String {
    let names = |verdict| listed(comparison.names(verdict));
    match comparison.verdict {
        Verdict::Regression => {
            format!("Got worse, confirmed by fresh pairs: {}.", names(Verdict::Regression))
        }
        Verdict::Fail => failure(comparison),
        Verdict::Pass => "No gated metric got worse by as much as its budget.".to_owned(),
        Verdict::Inconclusive => undecided(comparison),
        Verdict::Invalid => {
            let why = "Too few pairs were valid, or no gated metric was measured.".to_owned();
            iter::once(why).chain(comparison.doubts.iter().cloned()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What the head does that it must not.
fn failure(comparison: &PairedComparison) -> String {
    match &comparison.origin.head_died {
        Some(words) => {
            format!("The head exited under a load that the base survived in the same pair: {words}.")
        }
        None => {
            "No gated metric got worse, but an expectation is not met or the head sent wrong data.".to_owned()
        }
    }
}

/// Why it is neither a regression nor a pass.
fn undecided(comparison: &PairedComparison) -> String {
    let mut reasons = Vec::new();
    let invalid =
        comparison.findings_with(Verdict::Inconclusive).find(|finding| finding.is_of_invalid_repeats());
    if let Some(invalid) = invalid {
        reasons.push(format!(
            "Repeats of the head were invalid more often than those of the base; by chance this happens in {:.0} % \
             of such comparisons. Use more --pairs to find out whether the head is the cause.",
            (invalid.evidence.p * 100.0).max(1.0)
        ));
    }
    let names: Vec<&str> = comparison
        .findings_with(Verdict::Inconclusive)
        .filter(|finding| !finding.is_of_invalid_repeats())
        .map(|finding| finding.gated.name.as_str())
        .collect();
    if !names.is_empty() {
        reasons.push(format!(
            "Undecided whether the change exceeds the budget: {}. Use more --pairs, a longer -d or a quieter \
             machine.",
            listed(names)
        ));
    }
    reasons.extend(comparison.doubts.iter().cloned());
    if reasons.is_empty() {
        reasons.push("The expectations of the profile could not be judged.".to_owned());
    }
    reasons.join(" ")
}
