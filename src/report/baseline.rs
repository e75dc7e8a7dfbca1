//! A run against one that was kept, made visible.

use super::{
    gate::said,
    table::{Align, Table, plain},
    terminal::{WIDTH, hanging},
    view::listed,
};
use crate::{
    gate::{Against, Call, Since},
    metric::{Stat, Unit},
    record::{place, stat_of},
    stats::median,
};

/// Text of 80 columns.
#[must_use]
pub fn render(against: &Against, color: bool) -> String {
    let (head, differs) = (title(against), differs(against));
    let table = table(against);
    let mut out = vec![hanging("", &head, 2)];
    out.extend(differs.iter().map(|note| hanging("  note: ", note, 4)));
    if !table.is_empty() {
        out.push(format!("\n{}\n", table.text(WIDTH)));
    }
    out.push(said(against.call, &meaning(against), color));
    out.concat()
}

/// The same for the page of a CI job.
pub(super) fn markdown(against: &Against) -> String {
    let mut out = vec![format!("\n## Against the baseline {}\n\n", plain(&against.baseline))];
    let (meaning, title) = (plain(&meaning(against)), plain(&title(against)));
    out.push(format!("**{}** {meaning}\n\n{title}\n", against.call.word()));
    out.extend(differs(against).iter().map(|note| format!("\n- {}", plain(note))));
    out.push(format!("\n\n{}\n", table(against).markdown()));
    out.concat()
}

pub(super) fn title(against: &Against) -> String {
    let commit = against.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    format!("against the baseline `{}` of {}{commit}", against.baseline, against.started)
}

pub(super) fn differs(against: &Against) -> Vec<String> {
    let each = against.differs.iter().cloned();
    let what = "times, rates and memory are shown and not gated".to_owned();
    let new = format!("new since the baseline, and not gated: {}", against.new.join(", "));
    let what = (!against.differs.is_empty()).then_some(what);
    each.chain(what).chain((!against.new.is_empty()).then_some(new)).collect()
}

pub(super) fn table(against: &Against) -> Table {
    let right = |title| (title, Align::Right);
    let head = [("number", Align::Left), right("then"), right("now"), right("worse by"), ("", Align::Left)];
    let mut table = Table::new("Since the baseline", &head);
    for since in against.numbers.iter().filter(|since| since.call != Some(Call::Pass) || !since.stood_still())
    {
        table.below(&place(&since.axes, " "));
        table.row(cells(since).to_vec());
    }
    table
}

fn cells(since: &Since) -> [String; 5] {
    let unit = stat_of(&since.gated.name).map_or(Unit::Count, Stat::unit);
    let shown = |values: &[f64]| median(values).map_or_else(String::new, |value| unit.show(value));
    [
        since.gated.name.clone(),
        shown(&since.then),
        shown(&since.now),
        format!("{} to {}", percent(since.low), percent(since.high)),
        since.call.map_or("not gated", Call::word).to_owned(),
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

/// What is said of a number, in a sentence.
pub(super) fn sentence(since: &Since) -> String {
    let [_, then, now, worse, _] = cells(since);
    format!("{now} now, {then} then: {worse} worse")
}

/// What it comes to, in a sentence.
#[must_use]
pub fn meaning(against: &Against) -> String {
    let of = |call| {
        let said = against.numbers.iter().filter(move |since: &&Since| since.call == Some(call));
        listed(said.map(|since| since.gated.name.as_str()))
    };
    match against.call {
        Call::Regression => {
            format!("Every repeat is worse than every one of the baseline: {}.", of(Call::Regression))
        }
        Call::Inconclusive => undecided(&of(Call::Inconclusive), &against.lost),
        Call::Pass => "No repeat is worse than one of the baseline by as much as its budget.".to_owned(),
        Call::Fail => {
            format!(
                "Whatever the baseline was, this run has errors or silence: {}.",
                against.faults.join("; ")
            )
        }
        Call::Invalid => "Nothing that is gated was measured in both.".to_owned(),
    }
}

fn undecided(names: &str, lost: &[String]) -> String {
    let mut reasons = Vec::new();
    if !names.is_empty() {
        reasons.push(format!(
            "It cannot be told of {names}. At least three repeats on both sides are needed, five with more than one number, \
             and more tell more; pairs (`badpeer compare --base --head`) tell most."
        ));
    }
    if !lost.is_empty() {
        reasons.push(format!("The baseline has what this run has not: {}.", lost.join(", ")));
    }
    reasons.join(" ")
}
