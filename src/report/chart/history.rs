//! A number over the runs of one profile: a dot for each run, and never a line from one machine or kernel to another.

use indexmap::{IndexMap, IndexSet};

use super::{
    axis::Axis,
    figure::{Figure, Layer, Note, Places, Shape, color, stem},
};
use crate::{
    metric::{Better, Key, Stat, Unit},
    report::{history::Row, view::show},
};

/// Characters of a commit that are written.
const COMMIT: usize = 7;

/// The charts of the runs of one profile, in the order of the rows: one for each number.
pub(in crate::report) fn figures(profile: &str, rows: &[&Row]) -> Vec<Figure> {
    let names: IndexSet<&str> = rows.iter().flat_map(|row| row.numbers.keys().map(String::as_str)).collect();
    names.into_iter().filter_map(|name| figure(profile, rows, name)).collect()
}

fn figure(profile: &str, rows: &[&Row], name: &str) -> Option<Figure> {
    let stat = Key::parse(name).map(|key| key.stat);
    let unit = stat.map_or(Unit::Count, Stat::unit);
    // The points of a sweep that were measured in one run stand above each other.
    let mut runs: IndexMap<&str, &Row> = IndexMap::new();
    let mut lines: IndexMap<&str, Vec<(usize, &Row, f64)>> = IndexMap::new();
    for row in rows {
        let run = runs.insert_full(row.time.as_str(), row).0;
        if let Some(value) = row.numbers.get(name) {
            lines.entry(row.point.as_str()).or_default().push((run, row, *value));
        }
    }
    let values = || lines.values().flatten().map(|(.., value)| *value);
    let (min, max) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let layers = lines.iter().enumerate().flat_map(|(index, (point, places))| {
        let same = |a: &(usize, &Row, f64), b: &(usize, &Row, f64)| setting(a.1) == setting(b.1);
        let pieces = places.chunk_by(same);
        let pieces: Vec<Places> =
            pieces.map(|part| part.iter().map(|(run, _, value)| (*run as f64, *value)).collect()).collect();
        let label = (!point.is_empty()).then(|| (*point).to_owned());
        let dots = Shape::Dots(pieces.concat());
        [
            Layer { label, color: color(index), shape: Shape::Line(pieces, 2) },
            Layer { label: None, color: color(index), shape: dots },
        ]
    });
    let layers = layers.collect();
    let first_and_last = lines.values().next().and_then(|places| Some((places.first()?.2, places.last()?.2)));
    let title = first_and_last.filter(|_| lines.len() == 1 && runs.len() > 1).map_or_else(
        || format!("{name} of {profile}"),
        |(first, last)| {
            format!("{name} of {profile}: {} at first, {} now", show(unit, first), show(unit, last))
        },
    );
    let labels: Vec<String> = runs.values().map(|row| label(row)).collect();
    Some(Figure {
        name: format!("history-{profile}-{}", stem(name)),
        title,
        about: format!("{}{}", stat.map(Stat::help).unwrap_or_default(), better(stat)),
        caption: String::new(),
        x: Axis::names(&labels).named("commit"),
        y: Axis::of_values(unit, min, max),
        shaded: Vec::new(),
        phases: Vec::new(),
        struck: Vec::new(),
        notes: changes(&runs.values().copied().collect::<Vec<_>>()),
        layers,
    })
}

fn better(stat: Option<Stat>) -> &'static str {
    match stat.map(|stat| stat.metric.spec().better) {
        Some(Better::Lower) => " (less is better)",
        Some(Better::Higher) => " (more is better)",
        _ => "",
    }
}

/// What must be the same for two runs to be comparable.
fn setting(row: &Row) -> (&str, &str) {
    (&row.machine, &row.kernel)
}

/// Where another machine, loopback interface or kernel begins.
fn changes(runs: &[&Row]) -> Vec<Note> {
    let note = |(index, pair): (usize, &[&Row])| {
        let text = match (pair[0].machine == pair[1].machine, pair[0].kernel == pair[1].kernel) {
            (true, true) => return None,
            (false, _) if pair[0].hardware() == pair[1].hardware() => "another loopback interface",
            (false, _) => "another machine",
            (true, false) => "another kernel",
        };
        Some(Note { at: index as f64 + 0.5, text: text.to_owned(), rule: true })
    };
    runs.windows(2).enumerate().filter_map(note).collect()
}

fn label(row: &Row) -> String {
    if row.commit.is_empty() {
        return row.time.chars().skip(5).take(14).collect::<String>().replace('T', " ");
    }
    row.commit.chars().take(COMMIT).collect()
}
