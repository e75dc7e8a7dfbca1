//! `index.html`: one file that holds everything and loads nothing.

pub(super) mod compare;
pub(super) mod history;
pub(super) mod index;
pub(super) mod page;
pub(super) mod pieces;
mod table;

use indexmap::IndexMap;

use self::{
    page::{Heading, details, figure, page, section},
    pieces::{coded, cores_and_memory, facts, figures, paragraphs, remarks, titled},
    table::table,
};
use super::{
    ReportError, baseline, capacity,
    chart::{Figure, Live},
    contents, ended,
    gallery::most_telling,
    key_figures::key_figures,
    meaning::meaning,
    medium::html as escape,
    price,
    problems::problems,
    soak, stall,
    table::Table,
    view::{axes, command_line, manner, unique_notes},
};
use crate::{
    gate::BaselineComparison,
    record::{Point, Record},
};

/// The whole page.
pub(super) fn render(
    record: &Record,
    comparison: Option<&BaselineComparison>,
    figures: &[Figure],
) -> Result<String, ReportError> {
    let several = record.points.len() > 1;
    let telling = most_telling(record, figures).map(|place| &figures[place]);
    let others = figures.iter().filter(|figure| telling.is_none_or(|telling| telling.name != figure.name));
    let (along, of_points): (Vec<&Figure>, Vec<&Figure>) =
        others.partition(|figure| figure.name.starts_with("sweep-"));
    let mut body = head(record);
    body += &telling.map(answer).transpose()?.unwrap_or_default();
    body += &manner_of(record);
    body += &paragraphs(&record.profile.about);
    body += &comparison.map(baseline_section).unwrap_or_default();
    if let Some(found) = &record.soak {
        let growth = format!("<p>{}</p>\n{}", escape(&soak::manner(found)), table(&soak::table(found)));
        body += &section("growth", "Growth", &growth, Heading::Part);
    }
    if let Some(capacity) = &record.capacity {
        let remarks = remarks("", &capacity::remarks(record, capacity), Heading::Part);
        let levels =
            format!("{}{remarks}{}", table(&capacity::table(record, capacity)), charts(&along, "sweep")?);
        body += &section("sweep", "Levels", &levels, Heading::Part);
    } else if several {
        let along = format!("{}{}", table(&contents::sweep(record)), charts(&along, "sweep")?);
        body += &section("sweep", "Points of the sweep", &along, Heading::Part);
    }
    for (index, point) in record.points.iter().enumerate() {
        let suffix = format!("-{}", index + 1);
        let own: Vec<&Figure> =
            of_points.iter().copied().filter(|f| !several || f.name.ends_with(&suffix)).collect();
        let heading = if several { Heading::Folded } else { Heading::Part };
        let content = point_content(point, &own, index + 1, heading)?;
        body += &if several {
            details(&format!("Point {}: {}", index + 1, axes(point)), &content, index == 0)
        } else {
            content
        };
    }
    body += &section("environment", "How it was measured", &environment(record), Heading::Part);
    let live: Vec<Live<'_>> = figures.iter().filter_map(Figure::live).collect();
    page(&record.profile.title, &body, &live)
}

fn head(record: &Record) -> String {
    let verdict = record.verdict().word();
    let class = verdict.to_lowercase();
    let wrong: Vec<String> = problems(record)
        .iter()
        .map(|problem| format!("<p class=\"verdict\">{}</p>\n", coded(problem)))
        .collect();
    let wrong = wrong.concat();
    let headlines = if record.capacity.is_some() { Vec::new() } else { price::headlines(record) };
    let cost: Vec<String> = headlines
        .iter()
        .map(|headline| {
            let (price, noise) = (escape(&headline.price), coded(&headline.noise));
            format!(
                "<p class=\"verdict\">{price}</p>\n<details class=\"rows\"><summary>How small a cost is noise</summary>\n\
                 <p>{noise}</p></details>\n"
            )
        })
        .collect();
    let cost = cost.concat();
    format!(
        "<header>\n<p class=\"kicker\">badpeer · {}</p>\n<h1>{}</h1>\n\
         <p class=\"verdict\"><b class=\"{class}\">{verdict}</b> {}</p>\n{cost}{wrong}{}</header>\n",
        escape(&record.name),
        escape(&record.profile.title),
        escape(&meaning(record)),
        figures(&key_figures(record)),
    )
}

/// The chart that tells most, above everything else; it is zoomed with the others of its point.
fn answer(chart: &Figure) -> Result<String, ReportError> {
    let number = chart.name.rsplit('-').next().and_then(|end| end.parse::<usize>().ok()).unwrap_or(1);
    let group = if chart.is_over_time() { format!("time-{number}") } else { chart.name.clone() };
    let hint = if chart.live().is_some() { hint(&group) } else { String::new() };
    Ok(format!("<section id=\"answer\">\n{}{hint}</section>\n", figure(chart, &group)?))
}

/// How it was measured, and when.
fn manner_of(record: &Record) -> String {
    let (how, when) = (escape(&manner(record)), escape(&record.started));
    format!("<p class=\"manner\">{how}; started {when}.</p>\n")
}

/// The comparison of the run with a baseline.
fn baseline_section(comparison: &BaselineComparison) -> String {
    let word = comparison.verdict.word();
    let differs = baseline::differs(comparison);
    let differs: Vec<String> = differs.iter().map(|note| format!("<p>{}</p>\n", escape(note))).collect();
    let body = format!(
        "<p class=\"verdict\"><b class=\"{}\">{word}</b> {}</p>\n<p class=\"manner\">{}</p>\n{}{}",
        word.to_lowercase(),
        escape(&baseline::meaning(comparison)),
        escape(&baseline::title(comparison)),
        differs.concat(),
        table(&baseline::table(comparison)),
    );
    section("baseline", "Since the baseline", &body, Heading::Part)
}

/// Everything about one point, in the order in which it is asked for.
fn point_content(
    point: &Point,
    figures: &[&Figure],
    number: usize,
    heading: Heading,
) -> Result<String, ReportError> {
    let one = |title: &str, tables: &[Table], words: &str| {
        let shown = tables.iter().filter(|table| !table.is_empty());
        let shown: String =
            shown.map(|one| if tables.len() > 1 { titled(one, heading) } else { table(one) }).collect();
        if shown.is_empty() { String::new() } else { section("", title, &format!("{words}{shown}"), heading) }
    };
    let repeats = if point.repeats.len() > 1 {
        "<p>Figures are means over the repeats, ± half the distance between the lowest and the highest; a count that \
         differs between repeats is shown as a range. Charts show the first repeat.</p>\n"
    } else {
        ""
    };
    let (over_time, others): (Vec<&Figure>, Vec<&Figure>) =
        figures.iter().partition(|figure| figure.is_over_time());
    let happened = if over_time.is_empty() {
        String::new()
    } else {
        let group = format!("time-{number}");
        section("", "Over time", &format!("{}{}", hint(&group), charts(&over_time, &group)?), heading)
    };
    let others: Result<Vec<String>, ReportError> =
        others.iter().map(|chart| figure(chart, &chart.name)).collect();
    Ok([
        remarks("Why this run is not valid", &unique_notes(point, |repeat| &repeat.invalid), heading),
        remarks(
            "Why times, rates and costs are not valid",
            &unique_notes(point, |repeat| &repeat.disturbed),
            heading,
        ),
        one("The price of bad peers", &[price::table(point)], &(repeats.to_owned() + &afterwards(point))),
        one("Expectations", &[contents::expectations(point)], ""),
        remarks("Faults without effect", &unique_notes(point, |repeat| &repeat.unproven), heading),
        remarks("Notes on the figures", &unique_notes(point, |repeat| &repeat.notes), heading),
        remarks("Connections closed by the server", &ended::sentences(point), heading),
        happened,
        others?.concat(),
        remarks("Where bytes were held up", &stall::explanations(point), heading),
        one("Results", &[contents::core(point)], repeats),
        one(
            "Client groups",
            &[
                contents::latencies(point),
                contents::requests(point),
                contents::silence(point),
                contents::connections(point),
                contents::content(point),
                contents::send_stalls(point),
            ],
            repeats,
        ),
        one("Evictions", &[contents::evictions(point)], ""),
        one("The server and the load generator", &[contents::gauges(point), contents::counters(point)], ""),
    ]
    .concat())
}

/// When memory and response times were back.
fn afterwards(point: &Point) -> String {
    price::afterwards(point).map(|text| format!("<p>Bad peers: {}.</p>\n", escape(&text))).unwrap_or_default()
}

fn charts(figures: &[&Figure], group: &str) -> Result<String, ReportError> {
    figures.iter().map(|chart| figure(chart, group)).collect()
}

/// How charts over time are used; shown where the page's script runs.
fn hint(group: &str) -> String {
    format!(
        "<p class=\"hint\" data-group=\"{group}\" hidden><span class=\"desk\">Drag across a chart to zoom into all of them; \
         double-click, or <kbd>Esc</kbd>, shows everything again. With the keyboard: <kbd>←</kbd> <kbd>→</kbd> move the \
         cursor, <kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>Shift</kbd> with an arrow moves the view. </span>\
         <button type=\"button\" value=\"in\" aria-label=\"zoom in\">+</button> \
         <button type=\"button\" value=\"out\" aria-label=\"zoom out\">−</button> \
         <button type=\"button\" value=\"left\" aria-label=\"earlier\">←</button> \
         <button type=\"button\" value=\"right\" aria-label=\"later\">→</button> \
         <button type=\"button\">Show everything</button></p>\n"
    )
}

/// What is needed to repeat the measurement.
fn environment(record: &Record) -> String {
    let effective =
        record.points.first().and_then(|p| p.repeats.first()).map(|repeat| repeat.effective.clone());
    let effective = effective.unwrap_or_default();
    let is_core = record.profile.core.is_some();
    let sizes = |sizes: &[u64]| {
        sizes.iter().map(|b| crate::units::human_bytes(*b as f64)).collect::<Vec<_>>().join(", ")
    };
    let seeds = record.points.iter().flat_map(|p| &p.repeats).map(|repeat| repeat.seed.to_string());
    let own = [
        ("Command", command_line(&record.command)),
        ("badpeer", record.badpeer.clone()),
        ("Commit", record.commit.clone().unwrap_or_default()),
        ("Seeds", seeds.collect::<Vec<_>>().join(", ")),
    ];
    let of_repeat = [
        (if is_core { "Cores" } else { "Server's cores" }, cores(&effective.server_cores)),
        ("Load generator's cores", if is_core { String::new() } else { cores(&effective.client_cores) }),
        ("Load generator's threads", threads(effective.client_threads)),
        ("Server's address", effective.address.clone()),
        ("Clients' addresses", addresses(&effective.client_addresses)),
        ("Clients' receive buffers", sizes(&effective.client_receive_buffer)),
        ("Clients' send buffers", sizes(&effective.client_send_buffer)),
        ("Server's instructions", effective.instructions.clone()),
        ("How the server ended", effective.server_exit.clone()),
    ];
    let facts = facts(own.into_iter().chain(cores_and_memory(&record.machine)).chain(of_repeat));
    let profile = record.profile.to_toml().unwrap_or_else(|error| format!("# {error}"));
    let profile = format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escape(&profile));
    format!("{facts}{}", details("The profile", &profile, false))
}

/// How many there were, if there were any.
fn threads(number: u32) -> String {
    if number > 0 { number.to_string() } else { String::new() }
}

/// The addresses that clients connected from: all of them, or the first, the last and how many there are.
fn addresses(used: &IndexMap<String, u64>) -> String {
    const SHOWN: usize = 4;
    let all: Vec<&str> = used.keys().map(String::as_str).collect();
    match all[..] {
        [first, .., last] if all.len() > SHOWN => format!("{first} to {last} ({} addresses)", all.len()),
        _ => all.join(", "),
    }
}

fn cores(cores: &[usize]) -> String {
    match cores {
        [] => "any".to_owned(),
        _ => cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
