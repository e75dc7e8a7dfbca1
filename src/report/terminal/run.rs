//! The result of a run as text of 80 columns.

use super::{
    super::{
        contents, ended,
        meaning::meaning,
        price,
        problems::problems,
        stall::explanations,
        table::{Align, Table},
        view::{
            NOTHING, axes, brief, connection_counts, evictions, faults, groups, manner, silences, troubles,
            unique_notes,
        },
    },
    set::{self, WIDTH, hanging, painted, verdict_text},
};
use crate::{
    metric::{Fold, Metric},
    record::{ExpectationResult, Point, Record, Verdict},
    text::shortened,
};

/// What fails is named before the tables, up to so many.
const MOST_FAILURES: usize = 10;

/// The result: for each point the groups, the server's memory, the evictions and the verdicts; then the verdict on the
/// run. `color` paints the verdicts with ANSI sequences.
#[must_use]
pub fn render(record: &Record, color: bool) -> String {
    let mut out = hanging("", &format!("{}: {}", record.name, record.profile.title), 2);
    out += &hanging("  ", &manner(record), 2);
    out += &price_lines(record);
    out += &failures(record, color);
    for point in &record.points {
        out += &point_text(point, color);
    }
    out + "\n" + &ending(record, color)
}

/// The verdicts alone, failures first, and the verdict on the run.
#[must_use]
pub fn verdicts(record: &Record, color: bool) -> String {
    let sorted = contents::worst_first(record.verdicts());
    let lines: String = sorted.into_iter().map(|verdict| verdict_line(verdict, color)).collect();
    let price = price_lines(record);
    format!("{}:\n{}{price}{lines}{}", record.name, problem_lines(record), ending(record, color))
}

/// What fails, and what went wrong with the answers: before all tables; nothing where all is well.
fn failures(record: &Record, color: bool) -> String {
    let failed: Vec<&ExpectationResult> =
        record.verdicts().filter(|result| result.verdict == Verdict::Fail).collect();
    let mut lines: Vec<String> =
        failed.iter().take(MOST_FAILURES).map(|verdict| verdict_line(verdict, color)).collect();
    if failed.len() > MOST_FAILURES {
        lines.push(format!("      and {} more below\n", failed.len() - MOST_FAILURES));
    }
    let text = lines.concat() + &problem_lines(record);
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// What bad peers cost: before anything else.
fn price_lines(record: &Record) -> String {
    let headline =
        |headline: &price::Headline| hanging("", &headline.price, 2) + &hanging("  ", &headline.noise, 2);
    let lines: String = price::headlines(record).iter().map(headline).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn problem_lines(record: &Record) -> String {
    problems(record).iter().map(|problem| hanging("  ", problem, 4)).collect()
}

/// A profile that was not run, and why.
#[must_use]
pub fn skipped(name: &str, title: &str, why: &str) -> String {
    hanging("", &format!("{name}: {title}"), 2) + &hanging("SKIP  ", why, 6)
}

fn ending(record: &Record, color: bool) -> String {
    let verdict = record.verdict();
    verdict_text(verdict, &meaning(record), verdict.word().len() + 2, color)
}

fn point_text(point: &Point, color: bool) -> String {
    let mut parts = Vec::new();
    if !point.axes.is_empty() {
        parts.push(hanging("── ", &axes(point), 3));
    }
    let tables = [
        price::table(point),
        clients(point),
        contents::memory(point),
        evicted(point),
        load_generator(point),
        contents::core(point),
    ];
    parts.extend(tables.iter().filter(|table| !table.is_empty()).map(|table| set::table(table, WIDTH)));
    let remarks = |kind: &str, texts: &[String]| {
        texts.iter().map(|text| hanging(&format!("  {kind}: "), text, 4)).collect::<String>()
    };
    parts.push(
        remarks("bad peers", price::afterwards(point).as_slice())
            + &remarks("first fault", &faults(point))
            + &remarks("ended by the server", &ended::sentences(point))
            + &remarks("invalid", &unique_notes(point, |t| &t.invalid))
            + &remarks("times are not valid", &unique_notes(point, |t| &t.disturbed))
            + &remarks("fault without effect", &unique_notes(point, |t| &t.unproven))
            + &remarks("note", &unique_notes(point, |t| &t.notes))
            + &remarks("where bytes were held up", &explanations(point)),
    );
    parts.push(point.verdicts.iter().map(|verdict| verdict_line(verdict, color)).collect());
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

fn verdict_line(result: &ExpectationResult, color: bool) -> String {
    let measured = result.shown();
    let padded = format!("{:<5}", result.verdict.word());
    let room = WIDTH.saturating_sub(padded.len() + measured.chars().count() + 4);
    let claim = shortened(&format!("{} {}", result.name, result.condition), room);
    let pad = padded.len() - result.verdict.word().len();
    format!("{}{:pad$} {claim}: {measured}\n", painted(result.verdict, color), "")
}
