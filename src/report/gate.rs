//! A comparison of two servers made visible.

use std::iter;

use super::{
    table::{Align, Table},
    terminal::{WIDTH, hanging, painted},
    view::listed,
};
use crate::{
    gate::{Calibration, Call, Comparison, Finding},
    metric::{Stat, Unit},
    record::{Outcome, named_at, stat_of},
    stats::quantile,
};

/// The comparison as text of 80 columns.
#[must_use]
pub fn render(comparison: &Comparison, color: bool) -> String {
    let mut out = vec![hanging("", &title(comparison), 2)];
    out.extend(
        tables(comparison).iter().map(|table| format!("\n{}\n{}", table.caption(), table.text(WIDTH))),
    );
    out.push("\n".to_owned());
    out.extend(remarks(comparison).iter().map(|remark| hanging("  note: ", remark, 4)));
    out.push(said(comparison.call, &meaning(comparison), color));
    out.concat()
}

/// A call and what it means, as the last words of a text.
pub(super) fn said(call: Call, meaning: &str, color: bool) -> String {
    let (word, text) = (call.word(), hanging(&format!("{}  ", call.word()), meaning, 4));
    painted(word, call.outcome(), color) + &text[word.len()..]
}

/// The same for a page that shows Markdown.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = vec![format!(
        "# {}: {}\n\n{}\n",
        comparison.origin.name,
        comparison.call.word(),
        meaning(comparison)
    )];
    out.push(format!("\n{}\n", title(comparison)));
    out.extend(
        tables(comparison).iter().map(|table| format!("\n## {}\n\n{}", table.caption(), table.markdown())),
    );
    out.extend(remarks(comparison).iter().map(|remark| format!("\n- {remark}")));
    out.push("\n".to_owned());
    out.concat()
}

/// What many comparisons say about the gate, as text.
#[must_use]
pub fn calibration(calibration: &Calibration) -> String {
    let summary = calibration.summary();
    let right = |title| (title, Align::Right);
    let head = [("number", Align::Left), right("worse by"), right("suspected"), right("called")];
    let mut table = Table::new("What the gate finds", &head);
    if !calibration.is_planted {
        table.column("found from", Align::Right);
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
        count => format!(" Another {count} were INVALID, and count for nothing."),
    };
    let said = match summary.alarm_rate_below {
        None => format!(
            "{alarms} of {gates} comparisons with a server that is known to be worse said REGRESSION or FAIL.{invalid}"
        ),
        Some(below) => format!(
            "{alarms} of {gates} comparisons with itself said REGRESSION or FAIL: false alarms are below {:.1} % (95 % \
             confidence).{invalid} \"found from\" is the smallest shift that four of five first stages would suspect.",
            below * 100.0
        ),
    };
    let legend = "\"worse by\" is the median, \"suspected\" counts first stages, \"called\" the fresh pairs that confirmed them.";
    let said = format!("{said} {legend} It took {:.0} s.", summary.seconds);
    format!("\n{}\n{}", table.text(WIDTH), hanging("", &said, 0))
}

/// What there is to show: the numbers by what is said of them, the worst first, then the expectations.
pub(super) fn tables(comparison: &Comparison) -> Vec<Table> {
    let calls = [Call::Regression, Call::Inconclusive, Call::Pass];
    let mut tables = calls.map(|call| table(comparison, call)).to_vec();
    tables.push(unmet(comparison));
    tables.retain(|table| !table.is_empty());
    tables
}

fn unmet(comparison: &Comparison) -> Table {
    let columns = ["expectation", "measured", "head", "base"].map(|title| (title, Align::Left));
    let mut table = Table::new("What must be so of the head, and is not", &columns);
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

fn title(comparison: &Comparison) -> String {
    let origin = &comparison.origin;
    let has_fresh = comparison.findings.iter().any(|finding| finding.confirmed_p.is_some());
    let fresh = if has_fresh { " and as many fresh ones" } else { "" };
    format!(
        "{}: `{}` against `{}`, {} pairs{fresh}, seed {}, {:.0} s",
        origin.name, origin.head, origin.base, origin.asked, origin.seed, origin.seconds
    )
}

fn table(comparison: &Comparison, call: Call) -> Table {
    let right = |title| (title, Align::Right);
    let head =
        [("number", Align::Left), right("base"), right("head"), right("worse by"), right("95 % interval")];
    let mut table = Table::new(call.word(), &head);
    if call == Call::Inconclusive {
        table.column("finds from", Align::Right);
    }
    for finding in comparison.said(call) {
        table.below(&finding.here());
        let shown = Shown::of(finding);
        let change = finding.change;
        let mut cells = vec![
            finding.gated.name.clone(),
            shown.value(finding.base),
            shown.value(finding.head),
            shown.change(change.value),
            format!("{} to {}", shown.change(change.low), shown.change(change.high)),
        ];
        if call == Call::Inconclusive {
            cells.push(finding.detectable.map_or_else(|| "more pairs".to_owned(), |from| shown.change(from)));
        }
        table.row(cells);
    }
    table
}

/// What was found about a number, in a sentence.
pub(super) fn sentence(finding: &Finding) -> String {
    let (shown, change) = (Shown::of(finding), finding.change);
    format!(
        "{} against {}: {} worse ({} to {}), budget {:.0} %, {} pairs",
        shown.value(finding.head),
        shown.value(finding.base),
        shown.change(change.value),
        shown.change(change.low),
        shown.change(change.high),
        finding.gated.budget * 100.0,
        finding.pairs
    )
}

/// How a number and its changes are written.
struct Shown {
    unit: Unit,
    base: f64,
    start: f64,
}

impl Shown {
    fn of(finding: &Finding) -> Self {
        let unit = stat_of(&finding.gated.name).map_or(Unit::Count, Stat::unit);
        Self { unit, base: finding.base, start: finding.gated.start }
    }

    fn value(&self, value: f64) -> String {
        self.unit.show(value)
    }

    /// In percent of the base; where that is small beside what is added to both sides, in its unit.
    fn change(&self, share: f64) -> String {
        let amount = share * (self.base + self.start);
        if self.base > self.start {
            return format!("{:+.1} %", amount / self.base * 100.0);
        }
        let sign = if amount < 0.0 { "-" } else { "+" };
        format!("{sign}{}", self.unit.show(amount.abs()))
    }
}

pub(super) fn remarks(comparison: &Comparison) -> Vec<String> {
    let mut all = vec![match &comparison.expected {
        None => {
            "what the profile expects was not judged: it is meant for windows as long as the profile's own, which -d asks for"
                .to_owned()
        }
        Some(expected) => {
            let met = expected.iter().filter(|expected| expected.verdict.outcome == Outcome::Pass).count();
            format!("{met} of {} expectations of the profile hold of the head", expected.len())
        }
    }];
    if !comparison.not_gated.is_empty() {
        let names = comparison.not_gated.join(", ");
        all.push(format!(
            "not gated, because it was not measured, or too few requests stand behind it: {names}"
        ));
    }
    all.extend(disturbance(comparison));
    if let Some(first) = comparison.dropped.first() {
        let (count, words) = match comparison.dropped.len() {
            1 => (1, "pair was"),
            more => (more, "pairs were"),
        };
        all.push(format!("{count} {words} dropped whole; the first: {first}"));
    }
    all
}

/// What the host did in the trials, if it was measured.
fn disturbance(comparison: &Comparison) -> Option<String> {
    let host = &comparison.host;
    let kinds = [
        ("steal", &host.steal),
        ("CPU pressure", &host.cpu_pressure),
        ("the server waited for a core", &host.server_run_delay),
    ];
    let said = kinds.into_iter().filter_map(|(what, shares)| {
        let (usual, worst) = (quantile(shares, 0.5)?, quantile(shares, 1.0)?);
        Some(format!("{what} {:.1} % ({:.1} %)", usual * 100.0, worst * 100.0))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("the host, median trial (worst): {}", said.join(", ")))
}

/// What the comparison comes to, in a sentence or two.
#[must_use]
pub fn meaning(comparison: &Comparison) -> String {
    let names = |call| listed(comparison.names(call));
    match comparison.call {
        Call::Regression => {
            format!("It got worse, and fresh pairs confirmed it: {}.", names(Call::Regression))
        }
        Call::Fail => "No number got worse that was gated, but the head does what it must not.".to_owned(),
        Call::Pass => "Nothing that was gated got worse by as much as its budget.".to_owned(),
        Call::Inconclusive => undecided(comparison),
        Call::Invalid => {
            let why = "Too few pairs stand, or nothing was measured that could be gated.".to_owned();
            iter::once(why).chain(comparison.doubts.iter().cloned()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Why it is neither a regression nor a pass.
fn undecided(comparison: &Comparison) -> String {
    let mut reasons = Vec::new();
    let names = comparison.names(Call::Inconclusive);
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
