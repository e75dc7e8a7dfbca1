//! The remarks on the points of a run: what was wrong, what casts doubt, and why; what is true of several points is said
//! once.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::{
    super::{
        ended, price,
        stall::explanations,
        view::{axes, faults, unique_notes},
    },
    style::Style,
};
use crate::record::Point;

/// A kind of remark, and those of a point.
struct Kind {
    name: &'static str,
    of: fn(&Point) -> Vec<String>,
    /// Whether it explains the figures of one point: of several points they are shown with their tables only.
    is_detail: bool,
}

const KINDS: [Kind; 8] = [
    Kind { name: "bad peers", of: |point| price::afterwards(point).into_iter().collect(), is_detail: true },
    Kind { name: "first fault", of: faults, is_detail: false },
    Kind { name: "ended by the server", of: ended::sentences, is_detail: true },
    Kind { name: "invalid", of: |point| unique_notes(point, |t| &t.invalid), is_detail: false },
    Kind { name: "times are not valid", of: |point| unique_notes(point, |t| &t.disturbed), is_detail: false },
    Kind { name: "fault without effect", of: |point| unique_notes(point, |t| &t.unproven), is_detail: false },
    Kind { name: "note", of: |point| unique_notes(point, |t| &t.notes), is_detail: false },
    Kind { name: "where bytes were held up", of: explanations, is_detail: true },
];

/// All remarks on one point.
pub(super) fn of_point(point: &Point, style: Style) -> String {
    let lines = |kind: &Kind| {
        let texts = if style.verbose { (kind.of)(point) } else { once(std::slice::from_ref(point), kind.of) };
        shown(kind, &texts, style)
    };
    KINDS.iter().map(lines).collect()
}

/// What is to be said of the points of a sweep, each once.
pub(super) fn of_sweep(points: &[Point], style: Style) -> String {
    let kinds = KINDS.iter().filter(|kind| !kind.is_detail);
    kinds.map(|kind| shown(kind, &once(points, kind.of), style)).collect()
}

fn shown(kind: &Kind, texts: &[String], style: Style) -> String {
    texts.iter().map(|text| style.hanging(&format!("  {}: ", kind.name), text, 4)).collect()
}

/// Remarks that differ in their figures only, and the points they are made on.
#[derive(Default)]
struct Similar {
    texts: Vec<String>,
    points: BTreeSet<usize>,
}

fn once(points: &[Point], of: fn(&Point) -> Vec<String>) -> Vec<String> {
    let mut all: IndexMap<String, Similar> = IndexMap::new();
    for (index, point) in points.iter().enumerate() {
        for text in of(point) {
            let similar = all.entry(without_figures(&text)).or_default();
            similar.texts.push(text);
            similar.points.insert(index);
        }
    }
    all.into_values().filter_map(|similar| similar.sentence(points)).collect()
}

impl Similar {
    fn sentence(&self, points: &[Point]) -> Option<String> {
        let first = self.texts.first()?;
        let alike = if self.texts.iter().all(|text| text == first) { "" } else { "similar " };
        let place = match (self.points.len(), points.len()) {
            (1, 1) => match self.texts.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} similar)"),
            },
            (1, _) => format!(" ({})", self.points.iter().map(|i| axes(&points[*i])).collect::<String>()),
            (count, all) if count == all => format!(" ({alike}at all {all} points)"),
            (count, all) => format!(" ({alike}at {count} of {all} points)"),
        };
        Some(format!("{first}{place}"))
    }
}

/// Units behind a number, which go with it.
const UNITS: [&str; 12] = ["%", "ns", "µs", "ms", "s", "min", "h", "B", "KiB", "MiB", "GiB", "k"];
/// What stands for a number with its unit.
const NUMBER: &str = "#";

/// The words of a remark, whatever its numbers are. Names with digits stay.
fn without_figures(text: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '%' && c != '`');
        if words.last() == Some(&NUMBER) && UNITS.contains(&bare) {
            continue;
        }
        let is_number = bare.starts_with(|c: char| c.is_ascii_digit());
        words.push(if is_number { NUMBER } else { word });
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Repeat;

    fn point(value: &str, note: &str) -> Point {
        let repeat = Repeat { notes: vec![note.to_owned()], ..Repeat::default() };
        let axes = [("server.buffer".to_owned(), value.to_owned())].into_iter().collect();
        Point { axes, repeats: vec![repeat], verdicts: Vec::new() }
    }

    fn notes(points: &[Point]) -> Vec<String> {
        once(points, |point| unique_notes(point, |t| &t.notes))
    }

    #[test]
    fn a_remark_on_several_points_is_made_once() {
        let points =
            [point("a", "steal took 1.2 % of it"), point("b", "steal took 12 % of it"), point("c", "other")];
        assert_eq!(
            notes(&points),
            ["steal took 1.2 % of it (similar at 2 of 3 points)", "other (server.buffer = c)"]
        );
        assert_eq!(notes(&[point("a", "x"), point("b", "x")]), ["x (at all 2 points)"]);
        assert_eq!(notes(&points[..1]), ["steal took 1.2 % of it"]);
    }

    #[test]
    fn figures_go_with_their_units_and_names_stay() {
        assert_eq!(without_figures("`g1`: 64 KiB in 3.1 ms, (12 of 13)"), "`g1`: # in # # of #");
        assert_ne!(without_figures("`g1`: slow"), without_figures("`g2`: slow"));
    }
}
