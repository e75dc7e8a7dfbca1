//! `index.html` of a comparison.

use super::{
    page::{Heading, details, figure, page, section},
    pieces::{cores_and_memory, facts, remarks, titled},
};
use crate::{
    gate::PairedComparison,
    record::Verdict,
    report::{ReportError, chart::Figure, gate, medium::html as escape, view::command_line},
};

/// Why the figures beside each other need not agree.
const HOW_TO_READ: &str = "<p>“Base” and “head” are the medians of each server. “Worse by” is estimated from the \
    differences within the pairs, so it does not contain what the machine did to both, and it can differ from the \
    difference of the medians. Below zero is better.</p>\n";

/// The whole page.
pub(in crate::report) fn render(
    comparison: &PairedComparison,
    figures: &[Figure],
) -> Result<String, ReportError> {
    let (pairs, intervals): (Vec<&Figure>, Vec<&Figure>) =
        figures.iter().partition(|figure| figure.name.starts_with("pairs-"));
    let of_finding = comparison.telling().zip(pairs);
    let (doubtful, passed): (Vec<_>, Vec<_>) =
        of_finding.partition(|(finding, _)| finding.verdict != Verdict::Pass);
    let drawn = |figures: &mut dyn Iterator<Item = &Figure>| {
        figures.map(|chart| figure(chart, &chart.name)).collect::<Result<String, _>>()
    };
    let intervals = drawn(&mut intervals.into_iter())?;
    let doubtful = drawn(&mut doubtful.into_iter().map(|(_, figure)| figure))?;
    let passed = drawn(&mut passed.into_iter().map(|(_, figure)| figure))?;
    let tables: String = gate::tables(comparison).iter().map(|table| titled(table, Heading::Part)).collect();
    let in_order =
        [doubtful, if passed.is_empty() { passed } else { details("Metrics that passed", &passed, false) }];
    let some = |title: &str, content: &str| {
        if content.is_empty() { String::new() } else { section("", title, content, Heading::Part) }
    };
    let body = [
        head(comparison),
        some("Results", &if tables.is_empty() { tables } else { HOW_TO_READ.to_owned() + &tables }),
        some("Estimated changes with 95 % intervals", &intervals),
        some("The pairs, in the order of the run", &in_order.concat()),
        remarks("Notes", &gate::remarks(comparison), Heading::Part),
        section("environment", "How it was measured", &environment(comparison), Heading::Part),
    ];
    page(&format!("{}: {}", comparison.origin.name, comparison.verdict.word()), &body.concat(), &[])
}

fn head(comparison: &PairedComparison) -> String {
    let (origin, word) = (&comparison.origin, comparison.verdict.word());
    format!(
        "<header>\n<p class=\"kicker\">badpeer compare · {}</p>\n<h1>Did it get worse?</h1>\n\
         <p class=\"verdict\"><b class=\"{}\">{word}</b> {}</p>\n<dl>\n<dt>Head</dt><dd><code>{}</code></dd>\n\
         <dt>Base</dt><dd><code>{}</code></dd>\n</dl>\n</header>\n",
        escape(&origin.name),
        word.to_lowercase(),
        escape(&gate::meaning(comparison)),
        escape(&origin.head),
        escape(&origin.base),
    )
}

fn environment(comparison: &PairedComparison) -> String {
    let origin = &comparison.origin;
    let own = [
        ("Command", command_line(&origin.command)),
        ("badpeer", comparison.badpeer.clone()),
        ("Seed", origin.seed.to_string()),
        ("Pairs asked for", origin.asked.to_string()),
        ("Started", origin.started.clone()),
        ("Time taken", format!("{:.0} s", origin.seconds)),
    ];
    facts(own.into_iter().chain(cores_and_memory(&comparison.machine)))
}
