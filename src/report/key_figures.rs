//! The numbers that a page opens with: how the good clients were served, and what the server held.

use super::{
    contents::expected_numbers,
    view::{mean, show, values},
};
use crate::{
    gate::censored_by,
    metric::{Fold, Key, Metric, Stat, Unit},
    record::{Record, lower_bound},
};

/// So many at most.
const MOST: usize = 5;

/// A number, and what it is.
#[derive(Debug, PartialEq)]
pub(super) struct KeyFigure {
    pub(super) what: String,
    pub(super) value: String,
}

/// Up to five numbers: those of the first group that behaves well (of the first group, where none does) and of the server;
/// of a core experiment, what is expected of it. Along a sweep, the lowest and the highest.
pub(super) fn key_figures(record: &Record) -> Vec<KeyFigure> {
    let all: Vec<KeyFigure> = if record.profile.core.is_some() {
        let expected = expected_numbers(record).into_iter();
        let named = |name: String| {
            let what = Key::parse(&name).map(|key| key.stat.metric.spec().label()).unwrap_or_default();
            (what, name)
        };
        expected.filter_map(|(name, unit)| figure(record, unit, named(name))).collect()
    } else {
        usual(record)
    };
    all.into_iter().take(MOST).collect()
}

fn usual(record: &Record) -> Vec<KeyFigure> {
    let groups = &record.profile.clients;
    let group = groups.iter().find(|group| group.is_good()).or(groups.first());
    let name = group.map(|group| group.name.as_str());
    let number = |what: &str, group, metric, fold| {
        let stat = Stat { metric, fold };
        figure(record, stat.unit(), (what.to_owned(), Key::new(group, stat).to_string()))
    };
    let of_group = |what: &str, metric, fold| {
        let whose = name.filter(|_| groups.len() > 1).map(|name| format!("{name}: ")).unwrap_or_default();
        number(&format!("{whose}{what}"), name, metric, fold)
    };
    let of_server = |what, metric, fold| number(what, None, metric, fold);
    [
        of_group("response time p99", Metric::LatencyP99, Fold::Final),
        of_group("answers per second", Metric::Answered, Fold::Rate),
        of_server("server's resident memory at its peak", Metric::ServerRss, Fold::Peak),
        of_server("its connections' kernel memory at its peak", Metric::KernelMemory, Fold::Peak),
        of_server("connections evicted", Metric::Evictions, Fold::Whole).filter(|number| number.value != "0"),
        of_group("longest silence", Metric::LongestSilence, Fold::Final),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The number at all points: one value where they agree to three digits, else the lowest and the highest.
fn figure(record: &Record, unit: Unit, (what, name): (String, String)) -> Option<KeyFigure> {
    let means: Vec<(f64, Option<&str>)> = record
        .points
        .iter()
        .filter_map(|point| Some((mean(&values(point, &name))?, censored_by(point, &name))))
        .collect();
    let (low, _) = means.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    // A lower bound may be more than any number.
    let by_height = |a: &&(f64, Option<&str>), b: &&(f64, Option<&str>)| {
        a.1.is_some().cmp(&b.1.is_some()).then(a.0.total_cmp(&b.0))
    };
    let (high, bound) = means.iter().max_by(by_height)?;
    let [low, high] = [low, high].map(|value| show(unit, *value));
    let value = match bound {
        Some(_) if means.len() == 1 => lower_bound(high, *bound),
        None if low == high => high,
        Some(_) => format!("{low} to {}", lower_bound(high, *bound)),
        None => format!("{low} to {high}"),
    };
    Some(KeyFigure { what, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FORMAT, Machine, Point, Repeat};
    use indexmap::IndexMap;

    /// A record of two groups, with a point for each of these summaries.
    fn record(points: &[&[(&str, f64)]]) -> Record {
        let group =
            |name, rx| format!("[[clients]]\nname = \"{name}\"\ncount = 1\nload = {{ depth = 1 }}\n{rx}\n");
        let text = format!("title = \"t\"\n{}{}", group("bad", "rx = \"stall\""), group("good", ""));
        let point = |summary: &&[(&str, f64)]| {
            let summary = summary.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            Point {
                axes: IndexMap::new(),
                repeats: vec![Repeat { summary, ..Repeat::default() }],
                verdicts: Vec::new(),
            }
        };
        Record {
            format: FORMAT,
            badpeer: String::new(),
            command: Vec::new(),
            name: String::new(),
            started: String::new(),
            machine: Machine::default(),
            commit: None,
            profile: toml::from_str(&text).expect("a profile"),
            files: IndexMap::new(),
            points: points.iter().map(point).collect(),
            interrupted: false,
        }
    }

    fn told(points: &[&[(&str, f64)]]) -> Vec<String> {
        let figures = key_figures(&record(points));
        figures.into_iter().map(|KeyFigure { what, value }| format!("{what} {value}")).collect()
    }

    #[test]
    fn good_clients_come_before_the_server_and_zeros_are_left_out() {
        let summary = [
            ("server_rss_peak", 1_048_576.0),
            ("evictions", 0.0),
            ("bad.latency_p99", 1e9),
            ("good.latency_p99", 2e6),
            ("good.requests_rate", 50.0),
        ];
        assert_eq!(
            told(&[&summary]),
            [
                "good: response time p99 2 ms",
                "good: answers per second 50/s",
                "server's resident memory at its peak 1 MiB"
            ]
        );
    }

    #[test]
    fn a_sweep_gives_the_lowest_and_the_highest() {
        let points: [&[(&str, f64)]; 3] =
            [&[("evictions", 4.0)], &[("evictions", 2.0)], &[("server_rss_peak", 1024.0)]];
        assert_eq!(
            told(&points),
            ["server's resident memory at its peak 1 KiB", "connections evicted 2 to 4"]
        );
        assert_eq!(told(&[&[("evictions", 4.0)], &[("evictions", 4.0)]]), ["connections evicted 4"]);
    }
}
