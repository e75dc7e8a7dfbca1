//! The numbers that a page opens with: how the good clients were served, and what the server held.

use super::{contents::expected_numbers, price, view::show};
use crate::{
    gate::censored_by,
    metric::{Fold, Key, Metric, Stat, Unit},
    record::{Border, Bracket, Price, Record},
    stats::mean,
};

/// So many at most.
const MOST: usize = 5;

/// A number, and what it is.
#[derive(Debug, PartialEq)]
pub(super) struct KeyFigure {
    pub(super) what: String,
    pub(super) value: String,
}

/// Up to five numbers: along a sweep the one that its chart shows first; those of the first group that behaves well and of the
/// server; of a core experiment, what is expected of it; and of one with bad peers that come and leave, what they cost. Along a
/// sweep, the lowest and the highest.
pub(super) fn key_figures(record: &Record) -> Vec<KeyFigure> {
    if let Some(capacity) = &record.capacity {
        return of_bracket(&capacity.bracket);
    }
    if let [headline] = price::headlines(record).as_slice() {
        return of_price(&headline.numbers);
    }
    let telling = record.profile.telling_number();
    let first = telling.and_then(|key| number(record, &key.stat.metric.spec().label(), key));
    let others = if record.profile.core.is_some() {
        let expected = expected_numbers(record);
        let keys = expected.keys().filter_map(|name| Key::parse(name));
        keys.filter(|key| Some(*key) != telling)
            .filter_map(|key| number(record, &key.stat.metric.spec().label(), key))
            .collect()
    } else {
        usual(record, telling)
    };
    first.into_iter().chain(others).take(MOST).collect()
}

/// The ends of a bracket.
fn of_bracket(bracket: &Bracket) -> Vec<KeyFigure> {
    let figure = |what: &str, border: &Option<Border>| {
        border.as_ref().map(|border| KeyFigure { what: what.to_owned(), value: border.text.clone() })
    };
    [figure("holds", &bracket.holds), figure("fails", &bracket.fails)].into_iter().flatten().collect()
}

/// What bad peers cost: for each of them, and for the good clients.
fn of_price(price: &Price) -> Vec<KeyFigure> {
    let figure = |what: String, value: String| KeyFigure { what, value: value.replace(' ', "\u{a0}") };
    let memory = price
        .bytes_per_peer()
        .map(|bytes| figure("memory per bad peer".to_owned(), show(Unit::Bytes, bytes)));
    let good = price.worst().into_iter().flat_map(|good| {
        let p99 = good.p99_ns.before.zip(good.p99_ns.with).map(|(before, with)| {
            let bound = if good.is_lower_bound { "> " } else { "" };
            let [before, with] = [before, with].map(|ns| show(Unit::Nanoseconds, ns));
            let before = without_unit_of(&before, &with);
            figure(format!("{}: p99, before → with", good.group), format!("{before} → {bound}{with}"))
        });
        let silence = good
            .silence_ns
            .with
            .map(|ns| figure(format!("{}: longest silence", good.group), show(Unit::Nanoseconds, ns)));
        p99.into_iter().chain(silence)
    });
    let ended = figure("ended by the server".to_owned(), format!("{} of {}", price.ended, price.peers));
    memory.into_iter().chain(good).chain([ended]).collect()
}

/// What is asked of most runs, without what is shown already.
fn usual(record: &Record, shown: Option<Key<'_>>) -> Vec<KeyFigure> {
    let groups = &record.profile.clients;
    let good = groups.iter().find(|group| group.is_good()).map(|group| group.name.as_str());
    let any = good.or(groups.first().map(|group| group.name.as_str()));
    let of = |group, what, metric, fold| Some((what, Key::new(Some(group?), Stat { metric, fold })));
    let of_server = |what, metric, fold| Some((what, Key::new(None, Stat { metric, fold })));
    // How bad peers are served is no headline where there are others.
    let of_good = |what, metric, fold| of(good, what, metric, fold);
    let all = [
        of_good("response time p99", Metric::LatencyP99, Fold::Final),
        of_good("answers per second", Metric::Answered, Fold::Rate),
        of_server("server memory at its peak", Metric::ServerRss, Fold::Peak),
        of_server("kernel memory at its peak", Metric::KernelMemory, Fold::Peak),
        of_server("connections evicted", Metric::Evictions, Fold::Whole),
        of_good("longest silence", Metric::LongestSilence, Fold::Final),
        of(any.filter(|_| good.is_none()), "answers per second", Metric::Answered, Fold::Rate),
    ];
    let others = all.into_iter().flatten().filter(|(_, key)| Some(*key) != shown);
    let numbers = others.filter_map(|(what, key)| number(record, what, key));
    numbers.filter(|number| number.value != "0").collect()
}

/// The number at all points: one value where they agree to three digits, else the lowest and the highest.
fn number(record: &Record, what: &str, key: Key<'_>) -> Option<KeyFigure> {
    let whose = key.group.filter(|_| record.profile.clients.len() > 1);
    let what = whose.map_or_else(|| what.to_owned(), |group| format!("{group}: {what}"));
    let (name, unit) = (key.to_string(), key.stat.unit());
    let means: Vec<(f64, bool)> = record
        .points
        .iter()
        .filter_map(|point| Some((mean(&point.values(&name))?, censored_by(point, &name).is_some())))
        .collect();
    let (low, _) = means.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    // A lower bound may be more than any number.
    let (high, is_bound) = means.iter().max_by(|a, b| a.1.cmp(&b.1).then(a.0.total_cmp(&b.0)))?;
    let (low, high) = (show(unit, *low), show(unit, *high));
    let bound = if *is_bound { "> " } else { "" };
    let value = if means.len() == 1 || (low == high && !is_bound) {
        format!("{bound}{high}")
    } else {
        format!("{} – {bound}{high}", without_unit_of(&low, &high))
    };
    // A number stays with its unit.
    Some(KeyFigure { what, value: value.replace(' ', "\u{a0}").replace("–\u{a0}", "– ") })
}

/// The lower end of a range, whose unit is that of the upper end if it has none.
fn without_unit_of<'a>(low: &'a str, high: &str) -> &'a str {
    match (low.rsplit_once(' '), high.rsplit_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => number,
        _ => low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{GoodClients, Phased, Point, Repeat};
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
        Record::of_points(&text, points.iter().map(point).collect())
    }

    fn figures(points: &[&[(&str, f64)]]) -> Vec<String> {
        let figures = key_figures(&record(points));
        figures
            .into_iter()
            .map(|KeyFigure { what, value }| format!("{what} {value}").replace('\u{a0}', " "))
            .collect()
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
            figures(&[&summary]),
            [
                "good: response time p99 2 ms",
                "good: answers per second 50/s",
                "server memory at its peak 1 MiB"
            ]
        );
    }

    #[test]
    fn a_sweep_gives_the_lowest_and_the_highest() {
        let points: [&[(&str, f64)]; 3] =
            [&[("evictions", 4.0)], &[("evictions", 2.0)], &[("server_rss_peak", 1024.0)]];
        assert_eq!(figures(&points), ["server memory at its peak 1 KiB", "connections evicted 2 – 4"]);
        assert_eq!(figures(&[&[("evictions", 4.0)], &[("evictions", 4.0)]]), ["connections evicted 4"]);
        let p99 = ("good.latency_p99", 2e6);
        let mut bound = record(&[&[p99], &[p99]]);
        bound.points[1].repeats[0].censored.insert(p99.0.to_owned(), "unanswered".to_owned());
        assert_eq!(key_figures(&bound)[0].value.replace('\u{a0}', " "), "2 – > 2 ms");
        assert_eq!(without_unit_of("31.5 MiB", "31.9 MiB"), "31.5");
        assert_eq!(without_unit_of("471 KiB", "31.9 MiB"), "471 KiB");
    }

    #[test]
    fn a_price_is_what_its_page_opens_with() {
        let mut record = record(&[&[("good.latency_p99", 7e6)]]);
        let phased = |before, with| Phased { before: Some(before), with: Some(with), after: None };
        let good = GoodClients {
            group: "good".into(),
            p99_ns: phased(2e6, 8e6),
            silence_ns: phased(1e6, 5e8),
            is_lower_bound: true,
            ..GoodClients::default()
        };
        let kernel_bytes_per_peer = Some(2048.0);
        record.points[0].repeats[0].price =
            Some(Price { peers: 9, ended: 3, kernel_bytes_per_peer, good: vec![good], ..Price::default() });
        let shown: Vec<String> = key_figures(&record)
            .into_iter()
            .map(|figure| format!("{}: {}", figure.what, figure.value))
            .collect();
        assert_eq!(
            shown.iter().map(|text| text.replace('\u{a0}', " ")).collect::<Vec<_>>(),
            [
                "memory per bad peer: 2 KiB",
                "good: p99, before → with: 2 → > 8 ms",
                "good: longest silence: 500 ms",
                "ended by the server: 3 of 9",
            ]
        );
    }
}
