//! A comparison of two servers: its tables, and what is said of it.

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
    gate::{Finding, PairedComparison},
    record::{Verdict, named_at},
};

/// What there is to show: the numbers by what is said of them, the worst first, then the expectations.
pub(super) fn tables(comparison: &PairedComparison) -> Vec<Table> {
    let verdicts = [Verdict::Regression, Verdict::Inconclusive, Verdict::Pass];
    let mut tables = verdicts.map(|verdict| table(comparison, verdict)).to_vec();
    tables.push(unmet(comparison));
    tables.retain(|table| !table.is_empty());
    tables
}

fn unmet(comparison: &PairedComparison) -> Table {
    let columns = ["expectation", "measured", "head", "base"].map(|title| (title, Align::Left));
    let mut table = Table::new("What must be so of the head, and is not", &columns);
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
    let has_fresh = comparison.findings.iter().any(|finding| finding.confirmed_p.is_some());
    let fresh = if has_fresh { " and as many fresh ones" } else { "" };
    format!(
        "{}: `{}` against `{}`, {} pairs{fresh}, seed {}, {:.0} s",
        origin.name, origin.head, origin.base, origin.asked, origin.seed, origin.seconds
    )
}

fn table(comparison: &PairedComparison, verdict: Verdict) -> Table {
    let right = |title| (title, Align::Right);
    let head =
        [("number", Align::Left), right("base"), right("head"), right("worse by"), right("95 % interval")];
    let mut table = Table::new(verdict.word(), &head);
    if verdict == Verdict::Inconclusive {
        table.column("finds from", Align::Right);
    }
    for finding in comparison.telling().filter(|finding| finding.verdict == verdict) {
        table.below(&finding.here());
        let shown = Shown::of(finding);
        let mut cells =
            vec![finding.gated.name.clone(), shown.base(), shown.head(), shown.estimate(), shown.interval()];
        if verdict == Verdict::Inconclusive {
            cells.push(finding.detectable.map_or_else(|| "more pairs".to_owned(), |from| shown.change(from)));
        }
        table.row(cells);
    }
    table
}

/// What was found about a number, in a sentence.
pub(super) fn sentence(finding: &Finding) -> String {
    let shown = Shown::of(finding);
    let direction = if finding.gated.is_two_sided() { "different" } else { "worse" };
    format!(
        "{} against {}: {} {direction} ({}), budget {:.0} %, {} pairs",
        shown.head(),
        shown.base(),
        shown.estimate(),
        shown.interval(),
        finding.gated.budget * 100.0,
        finding.pairs
    )
}

/// What the comparison comes to, in a sentence or two.
#[must_use]
pub fn meaning(comparison: &PairedComparison) -> String {
    let names = |verdict| listed(comparison.names(verdict));
    match comparison.verdict {
        Verdict::Regression => {
            format!("It got worse, and fresh pairs confirmed it: {}.", names(Verdict::Regression))
        }
        Verdict::Fail => failure(comparison),
        Verdict::Pass => "Nothing that was gated got worse by as much as its budget.".to_owned(),
        Verdict::Inconclusive => undecided(comparison),
        Verdict::Invalid => {
            let why = "Too few pairs stand, or nothing was measured that could be gated.".to_owned();
            iter::once(why).chain(comparison.doubts.iter().cloned()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What the head does that it must not.
fn failure(comparison: &PairedComparison) -> String {
    match &comparison.origin.head_died {
        Some(words) => {
            format!("The head ended by itself under a load that the base stood in the same pair: {words}.")
        }
        None => "No number got worse that was gated, but the head does what it must not.".to_owned(),
    }
}

/// Why it is neither a regression nor a pass.
fn undecided(comparison: &PairedComparison) -> String {
    let mut reasons = Vec::new();
    let spoilt =
        comparison.findings_with(Verdict::Inconclusive).find(|finding| finding.is_of_spoilt_trials());
    if let Some(spoilt) = spoilt {
        reasons.push(format!(
            "The head's trials alone proved nothing more often than the base's: by chance in {:.0} % of such comparisons. More \
             --pairs would tell whether it is the head's doing.",
            (spoilt.p * 100.0).max(1.0)
        ));
    }
    let names: Vec<&str> = comparison
        .findings_with(Verdict::Inconclusive)
        .filter(|finding| !finding.is_of_spoilt_trials())
        .map(|finding| finding.gated.name.as_str())
        .collect();
    if !names.is_empty() {
        reasons.push(format!(
            "It cannot be told whether these got worse by as much as their budget: {}. More --pairs, a longer -d or a \
             quieter machine would tell.",
            listed(names)
        ));
    }
    reasons.extend(comparison.doubts.iter().cloned());
    if reasons.is_empty() {
        reasons.push("What the profile expects could not be judged.".to_owned());
    }
    reasons.join(" ")
}
