//! The result of a run as text: what failed, then the figures, then the passed checks as a count and the verdict.

use super::{
    super::{
        contents,
        meaning::meaning,
        price,
        table::{Align, Table},
        view::{NOTHING, axes, brief, connection_counts, evictions, groups, manner, silences, troubles},
    },
    checks, columns, remarks, soak,
    style::Style,
    sweep,
};
use crate::{
    metric::{Fold, Metric},
    record::{Point, Record},
};

/// The result: what failed; then the groups, the server's memory and the evictions, or of a sweep one table; then the passed
/// checks and the verdict on the run.
#[must_use]
pub fn render(record: &Record, style: Style) -> String {
    let mut out = style.hanging("", &format!("{}: {}", record.name, record.profile.title), 2);
    out += &style.hanging("  ", &manner(record), 2);
    out += &price_lines(record, style);
    out += &checks::unmet(record, style);
    out += &match record.points.as_slice() {
        [point] if point.axes.is_empty() => point_text(point, style),
        points => sweep_text(record, points, style),
    };
    out + &soak::text(record, style) + "\n" + &checks::passed(record, style) + &ending(record, style)
}

/// The verdicts alone, failures first, and the verdict on the run.
#[must_use]
pub fn verdicts(record: &Record, style: Style) -> String {
    [
        format!("{}:\n", record.name),
        price_lines(record, style),
        checks::problem_lines(record, style),
        checks::unmet_lines(record, style),
        checks::passed(record, style),
        ending(record, style),
    ]
    .concat()
}

/// What bad peers cost: before anything else.
fn price_lines(record: &Record, style: Style) -> String {
    let headline = |headline: &price::Headline| {
        style.hanging("", &headline.price, 2) + &style.hanging("  ", &headline.noise, 2)
    };
    let lines: String = price::headlines(record).iter().map(headline).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// A profile that was not run, and why.
#[must_use]
pub fn skipped(name: &str, title: &str, why: &str, style: Style) -> String {
    style.hanging("", &format!("{name}: {title}"), 2) + &style.hanging("SKIP  ", why, 6)
}

fn ending(record: &Record, style: Style) -> String {
    let verdict = record.verdict();
    style.verdict_text(verdict, &meaning(record), verdict.word().len() + 2)
}

fn sweep_text(record: &Record, points: &[Point], style: Style) -> String {
    if points.is_empty() {
        return String::new();
    }
    let mut parts = vec![columns::table(&sweep::table(record), style.width)];
    if style.verbose {
        parts.extend(
            points.iter().map(|point| style.hanging("── ", &axes(point), 3) + &point_text(point, style)),
        );
    } else {
        parts.push(remarks::of_sweep(points, style));
    }
    spaced(&parts)
}

fn point_text(point: &Point, style: Style) -> String {
    let tables = [
        price::table(point),
        clients(point),
        contents::memory(point),
        evicted(point),
        load_generator(point),
        contents::core(point),
    ];
    let tables = tables.iter().filter(|table| !table.is_empty());
    let mut parts: Vec<String> = tables.map(|table| columns::table(table, style.width)).collect();
    parts.push(remarks::of_point(point, style));
    spaced(&parts)
}

/// Each part behind an empty line.
fn spaced(parts: &[String]) -> String {
    let spaced = parts.iter().filter(|part| !part.is_empty()).map(|part| format!("\n{part}"));
    spaced.collect::<Vec<_>>().concat()
}

fn clients(point: &Point) -> Table {
    use Align::{Left, Right};
    let head = [
        ("group", Left),
        ("offered", Right),
        ("answered", Right),
        ("response p50", Right),
        ("p99", Right),
        ("connections", Left),
    ];
    let mut table = Table::new("Clients", &head);
    for group in groups(point) {
        let of = |metric, fold| brief(point, Some(group), metric, fold);
        // The first stands beside the figures, further ones below each other.
        let ended = connection_counts(point, group);
        let ended = ended.split(", ").map(str::to_owned).chain(troubles(point, group));
        let mut ended = ended.chain(silences(point, group));
        table.row(vec![
            group.to_owned(),
            of(Metric::Offered, Fold::Final),
            of(Metric::Answered, Fold::Rate),
            of(Metric::LatencyP50, Fold::Final),
            of(Metric::LatencyP99, Fold::Final),
            ended.next().unwrap_or_default(),
        ]);
        for line in ended {
            let blank = std::iter::repeat_n(String::new(), head.len() - 1);
            table.row(blank.chain([line]).collect());
        }
    }
    table
}

fn evicted(point: &Point) -> Table {
    use Align::{Left, Right};
    let head = [
        ("evicted for", Left),
        ("count", Right),
        ("late: min", Right),
        ("p50", Right),
        ("p99", Right),
        ("max", Right),
    ];
    let mut table = Table::new("Evictions", &head);
    for eviction in evictions(point) {
        let late = [0.0, 0.5, 0.99, 1.0].map(|q| eviction.late(q));
        table.row([eviction.reason, eviction.count].into_iter().chain(late).collect());
    }
    table
}

/// How busy and how late the load generator was.
fn load_generator(point: &Point) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("busy", Metric::HarnessBusy, Fold::Final),
        ("run delay", Metric::HarnessRunDelay, Fold::Final),
        ("longest stall", Metric::HarnessPauseMax, Fold::Final),
        ("start delay p99", Metric::PacingErrorP99, Fold::Final),
    ];
    let mut table = Table::new("Load generator", &[("load generator", Left)]);
    for (title, ..) in columns {
        table.column(title, Right);
    }
    let cells = columns.map(|(_, metric, fold)| brief(point, None, metric, fold));
    if cells.iter().any(|cell| cell != NOTHING) {
        table.row(std::iter::once("its threads".to_owned()).chain(cells).collect());
    }
    table
}
