//! The title of a chart along a sweep: a sentence with its figures.

use indexmap::IndexMap;

use super::super::figure::Places;
use crate::{
    metric::{Fold, Key, Unit},
    report::view::show,
};

/// Each line by what it is: its places, and those of each repeat.
pub(super) type Lines = IndexMap<String, (Places, Places)>;

/// The sentence above a chart.
pub(super) fn title(number: Key<'_>, found: &Finding<'_>) -> String {
    let Key { group, stat, phase } = number;
    let rate = if stat.fold == Fold::Rate { " per second" } else { "" };
    let of = group.map(|group| format!(" of {group}")).unwrap_or_default();
    let phase = phase.map(|phase| format!(" @ {phase}")).unwrap_or_default();
    let label = format!("{}{rate}{of}{phase}", stat.metric.spec().label());
    // The line is named where there are several, and where one is of other settings than the axis's.
    let which = match (fold_words(stat.fold), found.line) {
        ("", "") => String::new(),
        ("", line) => format!(" ({line})"),
        (fold, "") => format!(", {fold},"),
        (fold, line) => format!(", {fold} ({line}),"),
    };
    format!("{}{which} {}", capitalized(&label), found.says)
}

/// The line that differs most, and what it does along the axis: the end of a sentence that the name of the number begins.
pub(super) struct Finding<'a> {
    line: &'a str,
    says: String,
}

pub(super) fn finding<'a>(unit: Unit, lines: &'a Lines, axis: &Settings<'_>) -> Option<Finding<'a>> {
    let spread = |means: &Places| {
        let (least, most) = extremes(means);
        let (least, most) = (means[least].1, means[most].1);
        if most > 0.0 { (most - least) / most } else { 0.0 }
    };
    let differing = lines.iter().filter(|(_, (means, _))| !means.is_empty());
    let (line, (means, _)) = differing.max_by(|(_, (a, _)), (_, (b, _))| spread(a).total_cmp(&spread(b)))?;
    let shown: Vec<(String, &str)> = means.iter().map(|(x, y)| (show(unit, *y), axis.label(*x))).collect();
    let at = |(value, label): &(String, &str)| format!("{value} {} {label}", axis.preposition());
    let says = match shown.as_slice() {
        [] => return None,
        [only] => format!("came to {}", at(only)),
        [first, .., last] if shown.iter().all(|(value, _)| *value == first.0) => {
            if axis.ordered {
                format!("stayed at {} from {} to {}", first.0, first.1, last.1)
            } else {
                format!("came to {} with all {} settings", first.0, shown.len())
            }
        }
        _ if axis.ordered => {
            let turns = turning_points(means).into_iter();
            course(&turns.map(|place| (means[place].1, at(&shown[place]))).collect::<Vec<_>>())
        }
        [first, second] => format!("came to {} and {}", at(first), at(second)),
        _ => {
            let (least, most) = extremes(means);
            format!("ranged from {} to {}", at(&shown[least]), at(&shown[most]))
        }
    };
    Some(Finding { line, says })
}

/// How a line goes between its two or three turning points: `rose from … to …, then fell to …`.
fn course(turns: &[(f64, String)]) -> String {
    let verb = |from: f64, to: f64| if to < from { "fell" } else { "rose" };
    let [(first, from), (second, to), rest @ ..] = turns else { return String::new() };
    let then = rest.first().map(|(third, end)| format!(", then {} to {end}", verb(*second, *third)));
    format!("{} from {from} to {to}{}", verb(*first, *second), then.unwrap_or_default())
}

/// The values of the swept key as a sentence names them.
pub(super) struct Settings<'a> {
    places: &'a [f64],
    labels: Vec<String>,
    /// Whether they are quantities, so that a line can rise or fall from one to the next.
    ordered: bool,
}

impl<'a> Settings<'a> {
    pub(super) fn new(axis: &str, places: &'a [f64], labels: &[String], ordered: bool) -> Self {
        Self { places, labels: labels.iter().map(|label| setting(axis, label)).collect(), ordered }
    }

    fn label(&self, x: f64) -> &str {
        let place = self.places.iter().position(|place| place.total_cmp(&x).is_eq());
        place.and_then(|place| self.labels.get(place)).map_or("", String::as_str)
    }

    const fn preposition(&self) -> &'static str {
        if self.ordered { "at" } else { "with" }
    }
}

/// A value of the sweep in a sentence; one that means nothing by itself, with what it is of.
fn setting(axis: &str, label: &str) -> String {
    let key = axis.rsplit('.').next().unwrap_or(axis);
    if means_nothing_alone(label) { format!("{key} = {label}") } else { label.to_owned() }
}

/// A value of another axis, in the name of a line: a word alone, else with what it is of.
pub(super) fn line_setting(key: &str, value: &str) -> String {
    if !means_nothing_alone(value) && value.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return value.to_owned();
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    // Whose it is, unless it is of all groups.
    match key.strip_prefix("clients.").and_then(|rest| rest.split_once('.')) {
        Some((group, _)) if group != "*" => format!("{group}: {last} = {value}"),
        _ => format!("{last} = {value}"),
    }
}

fn means_nothing_alone(value: &str) -> bool {
    matches!(value, "true" | "false" | "on" | "off") || value.parse::<f64>().is_ok()
}

/// The places of the first value, of the one that is furthest beyond both ends if there is one, and of the last.
fn turning_points(means: &[(f64, f64)]) -> Vec<usize> {
    let [first, .., last] = means else { return (0..means.len()).collect() };
    let (low, high) = (first.1.min(last.1), first.1.max(last.1));
    let beyond = |place: &usize| (means[*place].1 - high).max(low - means[*place].1);
    let furthest = (1..means.len() - 1).max_by(|a, b| beyond(a).total_cmp(&beyond(b)));
    let furthest = furthest.filter(|place| beyond(place) > (high - low).max(high * 0.05));
    [Some(0), furthest, Some(means.len() - 1)].into_iter().flatten().collect()
}

/// The places of the least and of the greatest value.
fn extremes(means: &[(f64, f64)]) -> (usize, usize) {
    let by_value = |a: &usize, b: &usize| means[*a].1.total_cmp(&means[*b].1);
    let places = 0..means.len();
    (places.clone().min_by(by_value).unwrap_or(0), places.max_by(by_value).unwrap_or(0))
}

fn capitalized(text: &str) -> String {
    let is_name = text.split(' ').next().is_some_and(|word| word.contains('_'));
    let mut letters = text.chars();
    if is_name {
        return text.to_owned();
    }
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

const fn fold_words(fold: Fold) -> &'static str {
    match fold {
        Fold::Start => "start",
        Fold::Peak => "peak",
        Fold::Last => "at the end of the window",
        Fold::End => "end",
        Fold::Growth => "growth",
        Fold::Residue => "residue",
        Fold::Rate | Fold::Total | Fold::Whole | Fold::Final => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &Lines, ordered: bool) -> (String, String) {
        let labels = ["64 KiB", "1 MiB", "off"].map(str::to_owned);
        let axis = Settings::new("a.key", &[0.0, 1.0, 2.0], &labels, ordered);
        let found = finding(Unit::Count, lines, &axis).expect("a line");
        (found.line.to_owned(), found.says)
    }

    fn line(values: &[f64]) -> (Places, Places) {
        (values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect(), Places::new())
    }

    fn one(values: &[f64]) -> Lines {
        Lines::from([(String::new(), line(values))])
    }

    #[test]
    fn a_title_says_how_the_line_that_differs_most_goes() {
        let says = |values: &[f64]| found(&one(values), true).1;
        assert_eq!(says(&[1.0, 2.0, 3.0]), "rose from 1 at 64 KiB to 3 at key = off");
        assert_eq!(says(&[3.0, 2.0, 1.0]), "fell from 3 at 64 KiB to 1 at key = off");
        assert_eq!(
            says(&[1.0, 9.0, 2.0]),
            "rose from 1 at 64 KiB to 9 at 1 MiB, then fell to 2 at key = off"
        );
        assert_eq!(
            says(&[9.0, 1.0, 9.0]),
            "fell from 9 at 64 KiB to 1 at 1 MiB, then rose to 9 at key = off"
        );
        assert_eq!(says(&[2.0, 2.0, 2.0]), "stayed at 2 from 64 KiB to key = off");
        assert_eq!(says(&[2.0]), "came to 2 at 64 KiB");
        let two =
            Lines::from([("a".to_owned(), line(&[2.0, 2.0, 2.0])), ("b".to_owned(), line(&[1.0, 9.0, 1.0]))]);
        let (line, says) = found(&two, true);
        assert_eq!(
            (line.as_str(), says.as_str()),
            ("b", "rose from 1 at 64 KiB to 9 at 1 MiB, then fell to 1 at key = off")
        );
    }

    #[test]
    fn values_without_an_order_neither_rise_nor_fall() {
        let says = |values: &[f64]| found(&one(values), false).1;
        assert_eq!(says(&[3.0, 1.0]), "came to 3 with 64 KiB and 1 with 1 MiB");
        assert_eq!(says(&[3.0, 1.0, 2.0]), "ranged from 1 with 1 MiB to 3 with 64 KiB");
        assert_eq!(says(&[3.0, 3.0]), "came to 3 with all 2 settings");
        assert_eq!(says(&[3.0]), "came to 3 with 64 KiB");
    }

    #[test]
    fn a_title_names_the_number_its_fold_and_the_line() {
        let title = |name: &str, line: &str| {
            title(Key::parse(name).expect("a number"), &Finding { line, says: "rose".to_owned() })
        };
        assert_eq!(title("server_rss_peak", ""), "Server's memory (RSS), peak, rose");
        assert_eq!(title("good.latency_p99", "backlog = 8"), "Latency p99 of good (backlog = 8) rose");
        assert_eq!(
            title("server_rss_peak @ with", "heap"),
            "Server's memory (RSS) @ with, peak (heap), rose"
        );
        assert_eq!(title("good.requests_rate", ""), "Requests per second of good rose");
        let settings = ["off", "2s", "8"].map(|label| setting("server.idle_timeout", label));
        assert_eq!(settings, ["idle_timeout = off", "2s", "idle_timeout = 8"]);
        for (key, value, name) in [
            ("server.progress", "write-event", "write-event"),
            ("server.deadline", "off", "deadline = off"),
            ("server.send_limit", "256KiB", "send_limit = 256KiB"),
            ("clients.slow reader.count", "100", "slow reader: count = 100"),
            ("clients.*.load.payload", "128KiB", "payload = 128KiB"),
        ] {
            assert_eq!(line_setting(key, value), name);
        }
        assert_eq!(capitalized("epoll_wait returns"), "epoll_wait returns");
    }
}
