//! The report of a comparison of two servers.

mod remarks;
mod shown;

use std::iter;

pub(super) use self::remarks::remarks;
use self::shown::Shown;

use super::{
    table::{Align, Table, plain},
    terminal::{WIDTH, hanging, painted},
    view::listed,
};
use crate::{
    gate::{Calibration, Finding, GateVerdict, PairedComparison},
    record::named_at,
};

/// The comparison as text of 80 columns.
#[must_use]
pub fn render(comparison: &PairedComparison, color: bool) -> String {
    let mut out = vec![hanging("", &title(comparison), 2)];
    out.extend(
        tables(comparison).iter().map(|table| format!("\n{}\n{}", table.caption(), table.text(WIDTH))),
    );
    out.push("\n".to_owned());
    out.extend(remarks(comparison).iter().map(|remark| hanging("  note: ", remark, 4)));
    out.push(verdict_text(comparison.verdict, &meaning(comparison), color));
    out.concat()
}

/// A verdict and what it means, as the last words of a text.
pub(super) fn verdict_text(verdict: GateVerdict, meaning: &str, color: bool) -> String {
    let (word, text) = (verdict.word(), hanging(&format!("{}  ", verdict.word()), meaning, 4));
    painted(word, verdict.outcome(), color) + &text[word.len()..]
}

/// The same for a page that shows Markdown.
#[must_use]
pub fn markdown(comparison: &PairedComparison) -> String {
    let mut out = vec![format!(
        "# {}: {}\n\n{}\n",
        plain(&comparison.origin.name),
        comparison.verdict.word(),
        plain(&meaning(comparison))
    )];
    out.push(format!("\n{}\n", plain(&title(comparison))));
    out.extend(
        tables(comparison).iter().map(|table| format!("\n## {}\n\n{}", table.caption(), table.markdown())),
    );
    out.extend(remarks(comparison).iter().map(|remark| format!("\n- {}", plain(remark))));
    out.push("\n".to_owned());
    out.concat()
}

/// The result of a calibration, as text.
#[must_use]
pub fn calibration(calibration: &Calibration) -> String {
    let summary = calibration.summary();
    let right = |title| (title, Align::Right);
    let head = [("metric", Align::Left), right("worse by"), right("suspected"), right("confirmed")];
    let mut table = Table::new("What the gate detects", &head);
    if !calibration.is_planted {
        table.column("detects changes from", Align::Right);
    }
    for (name, number) in &summary.numbers {
        let change = number.change.map_or_else(String::new, |change| format!("{:+.1} %", change * 100.0));
        let mut cells = vec![name.clone(), change, number.suspected.to_string(), number.called.to_string()];
        if !calibration.is_planted {
            cells.push(number.found_from.map_or("never".to_owned(), |from| format!("{:.0} %", from * 100.0)));
        }
        table.row(cells);
    }
    let (alarms, gates) = (summary.alarms, summary.gates);
    let invalid = match summary.invalid {
        0 => String::new(),
        count => format!(" Another {count} were INVALID and do not count."),
    };
    let text = match summary.alarm_rate_below {
        None => format!(
            "{alarms} of {gates} comparisons with a server that is known to be worse ended with REGRESSION or \
             FAIL.{invalid}"
        ),
        Some(below) => format!(
            "{alarms} of {gates} comparisons of the server with itself ended with REGRESSION or FAIL: the false alarm \
             rate is below {:.1} % (95 % confidence).{invalid} \"detects changes from\" is the smallest change that \
             the first stage would report in four of five comparisons.",
            below * 100.0
        ),
    };
    let legend = "\"worse by\" is the median; \"suspected\" counts the comparisons whose first stage reported the \
        metric, \"confirmed\" those whose fresh pairs confirmed it.";
    let text = format!("{text} {legend} It took {:.0} s.", summary.seconds);
    format!("\n{}\n{}", table.text(WIDTH), hanging("", &text, 0))
}

/// The tables: the metrics by verdict, the worst first, then the expectations.
pub(super) fn tables(comparison: &PairedComparison) -> Vec<Table> {
    let verdicts = [GateVerdict::Regression, GateVerdict::Inconclusive, GateVerdict::Pass];
    let mut tables = verdicts.map(|verdict| table(comparison, verdict)).to_vec();
    tables.push(unmet(comparison));
    tables.retain(|table| !table.is_empty());
    tables
}

fn unmet(comparison: &PairedComparison) -> Table {
    let columns = ["expectation", "measured", "head", "base"].map(|title| (title, Align::Left));
    let mut table = Table::new("Unmet expectations (head)", &columns);
    for expected in comparison.unmet() {
        let claim = format!("{} {}", expected.verdict.name, expected.verdict.condition);
        table.row(vec![
            named_at(&claim, &expected.axes),
            expected.verdict.shown(),
            expected.verdict.outcome.word().to_owned(),
            expected.base.word().to_owned(),
        ]);
    }
    table
}

fn title(comparison: &PairedComparison) -> String {
    let origin = &comparison.origin;
    let has_fresh = comparison.findings.iter().any(|finding| finding.confirmed_p.is_some());
    let fresh = if has_fresh { " and as many fresh ones" } else { "" };
    format!(
        "{}: `{}` against `{}`, {} pairs{fresh}, seed {}, {:.0} s",
        origin.name, origin.head, origin.base, origin.asked, origin.seed, origin.seconds
    )
}

fn table(comparison: &PairedComparison, verdict: GateVerdict) -> Table {
    let right = |title| (title, Align::Right);
    let head =
        [("metric", Align::Left), right("base"), right("head"), right("worse by"), right("95 % interval")];
    let mut table = Table::new(verdict.word(), &head);
    if verdict == GateVerdict::Inconclusive {
        table.column("detects changes from", Align::Right);
    }
    for finding in comparison.telling().filter(|finding| finding.verdict == verdict) {
        table.below(&finding.here());
        let shown = Shown::of(finding);
        let mut cells =
            vec![finding.gated.name.clone(), shown.base(), shown.head(), shown.estimate(), shown.interval()];
        if verdict == GateVerdict::Inconclusive {
            cells.push(finding.detectable.map_or_else(|| "more pairs".to_owned(), |from| shown.change(from)));
        }
        table.row(cells);
    }
    table
}

/// The result for a metric, in a sentence.
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

/// What the verdict of the comparison means, in a sentence or two.
#[must_use]
pub fn meaning(comparison: &PairedComparison) -> String {
    let names = |verdict| listed(comparison.names(verdict));
    match comparison.verdict {
        GateVerdict::Regression => {
            format!("Got worse, confirmed by fresh pairs: {}.", names(GateVerdict::Regression))
        }
        GateVerdict::Fail => failure(comparison),
        GateVerdict::Pass => "No gated metric got worse by as much as its budget.".to_owned(),
        GateVerdict::Inconclusive => undecided(comparison),
        GateVerdict::Invalid => {
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
    let spoilt =
        comparison.findings_with(GateVerdict::Inconclusive).find(|finding| finding.is_of_spoilt_trials());
    if let Some(spoilt) = spoilt {
        reasons.push(format!(
            "Repeats of the head were invalid more often than those of the base; by chance this happens in {:.0} % of \
             such comparisons. Use more --pairs to find out whether the head is the cause.",
            (spoilt.p * 100.0).max(1.0)
        ));
    }
    let names: Vec<&str> = comparison
        .findings_with(GateVerdict::Inconclusive)
        .filter(|finding| !finding.is_of_spoilt_trials())
        .map(|finding| finding.gated.name.as_str())
        .collect();
    if !names.is_empty() {
        reasons.push(format!(
            "Undecided whether the change exceeds the budget: {}. Use more --pairs, a longer -d or a quieter machine.",
            listed(names)
        ));
    }
    reasons.extend(comparison.doubts.iter().cloned());
    if reasons.is_empty() {
        reasons.push("The expectations of the profile could not be judged.".to_owned());
    }
    reasons.join(" ")
}
