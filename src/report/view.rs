//! The values of a record over its repeats, formatted for tables and titles.

use std::fmt::Display;

use indexmap::{IndexMap, IndexSet};

use crate::{
    codec::Fault,
    gate::censored_by,
    metric::{Fold, Key, Metric, Stat, Unit},
    record::{GroupResult, Ledger, Point, Record, Repeat, Requests, lower_bound},
    stats::{mean, quantile},
};

/// A command line that a shell takes apart as it was.
pub(super) fn command_line(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Names for a sentence, each once: with how often it is meant, where that is at several points of a sweep.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut counts: IndexMap<&str, usize> = IndexMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let each = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        _ => format!("{name} (at {count} points)"),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What is said where there is nothing to say.
pub(super) const NOTHING: &str = "–";

/// The point with those repeats alone that are whole and prove something.
pub(super) fn sound(point: &Point) -> Point {
    let repeats = point.repeats.iter().filter(|repeat| repeat.is_sound());
    Point { repeats: repeats.cloned().collect(), ..point.clone() }
}

/// Three significant digits and a short unit.
pub(super) fn show(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Cores => format!("{:.1} %", value * 100.0),
        _ => unit.show(value),
    }
}

/// The mean over the repeats, without its error: for places where there is no room.
pub(super) fn brief(point: &Point, group: Option<&str>, metric: Metric, fold: Fold) -> String {
    let stat = Stat { metric, fold };
    let name = Key::new(group, stat).to_string();
    let shown = |mean| lower_bound(show(stat.unit(), mean), censored_by(point, &name));
    mean(&point.values(&name)).map_or_else(|| NOTHING.to_owned(), shown)
}

/// The mean over the repeats, and how far they lie apart: ± half the distance between the lowest and the highest.
pub(super) fn full(point: &Point, group: Option<&str>, metric: Metric, fold: Fold) -> String {
    let stat = Stat { metric, fold };
    figure(point, &Key::new(group, stat).to_string(), stat.unit())
}

/// The same of a number by its name; where it is a lower bound in one of the repeats, so is the mean.
pub(super) fn figure(point: &Point, name: &str, unit: Unit) -> String {
    let values = point.values(name);
    match (censored_by(point, name), mean(&values)) {
        (Some(cause), Some(mean)) => lower_bound(show(unit, mean), Some(cause)),
        _ => spread(unit, &values),
    }
}

/// The mean of values, and how far they lie apart.
pub(super) fn spread(unit: Unit, values: &[f64]) -> String {
    let Some(mean) = mean(values) else { return NOTHING.to_owned() };
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let apart = (highest - lowest) / 2.0 / mean.abs() * 100.0;
    let shown = show(unit, mean);
    if apart.is_finite() && apart >= 0.5 { format!("{shown} ±{apart:.0} %") } else { shown }
}

/// Counts over the repeats: one where they agree, else the lowest and the highest.
pub(super) fn counts(counts: impl IntoIterator<Item = u64>) -> String {
    range(counts, |count| count)
}

/// Sizes over the repeats, likewise.
pub(super) fn sizes(sizes: impl IntoIterator<Item = u64>) -> String {
    range(sizes, |bytes| Unit::Bytes.show(bytes as f64))
}

fn range<T: Display>(values: impl IntoIterator<Item = u64>, shown: impl Fn(u64) -> T) -> String {
    let values: Vec<u64> = values.into_iter().collect();
    match (values.iter().min(), values.iter().max()) {
        (Some(low), Some(high)) if low == high => shown(*low).to_string(),
        (Some(low), Some(high)) => format!("{}–{}", shown(*low), shown(*high)),
        _ => NOTHING.to_owned(),
    }
}

/// The keys that the sweep sets at a point, and their values; empty without a sweep.
pub(super) fn axes(point: &Point) -> String {
    in_words(&point.axes)
}

/// Keys that the sweep sets, and their values.
pub(super) fn in_words(axes: &IndexMap<String, String>) -> String {
    axes.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
}

/// The client groups of a point, in the profile's order.
pub(super) fn groups(point: &Point) -> Vec<&str> {
    let names: IndexSet<&str> =
        point.repeats.iter().flat_map(|t| &t.groups).map(|g| g.name.as_str()).collect();
    names.into_iter().collect()
}

/// What became of a group in each repeat.
pub(super) fn results<'a>(point: &'a Point, group: &'a str) -> impl Iterator<Item = &'a GroupResult> + Clone {
    point.repeats.iter().flat_map(|repeat| &repeat.groups).filter(move |result| result.name == group)
}

/// One of the counts of a ledger or of a tally of requests.
pub(super) type Count<T> = fn(&T) -> u64;

/// A count of each repeat's ledger.
pub(super) fn ledger(point: &Point, group: &str, count: Count<Ledger>) -> String {
    counts(results(point, group).map(|result| count(&result.ledger)))
}

/// A count of each repeat's requests.
pub(super) fn requests(point: &Point, group: &str, count: Count<Requests>) -> String {
    counts(results(point, group).map(|result| count(&result.requests)))
}

/// Connections that the clients held when they stopped, and that the server had closed by then.
pub(super) fn unnoticed(result: &GroupResult) -> u64 {
    result.server_endings.unnoticed_alive.min(result.ledger.still_alive)
}

/// How the connections of a group ended, leaving out what did not happen.
pub(super) fn connection_counts(point: &Point, group: &str) -> String {
    let kinds: [(&str, Count<GroupResult>); 11] = [
        ("alive", |g| g.ledger.still_alive.saturating_sub(unnoticed(g))),
        ("evicted (FIN unread)", unnoticed),
        ("evicted (RST)", |g| g.ledger.evicted_rst),
        ("evicted (FIN)", |g| g.ledger.evicted_fin),
        ("closed idle", |g| g.ledger.closed_idle),
        ("closed by client", |g| g.ledger.closed_by_us),
        ("closed as announced", |g| g.ledger.closed_as_announced),
        ("reset by client", |g| g.ledger.reset_by_us),
        ("vanished", |g| g.ledger.vanished),
        ("refused", |g| g.ledger.refused),
        ("timed out", |g| g.ledger.timed_out),
    ];
    let happened = kinds.into_iter().filter(|(_, count)| results(point, group).any(|r| count(r) > 0));
    let parts: Vec<String> = happened
        .map(|(kind, count)| format!("{} {kind}", counts(results(point, group).map(count))))
        .collect();
    if parts.is_empty() { NOTHING.to_owned() } else { parts.join(", ") }
}

/// What went wrong with the requests and answers of a group, leaving out what did not happen.
pub(super) fn troubles(point: &Point, group: &str) -> Vec<String> {
    let kinds: [(&str, Count<GroupResult>); 7] = [
        ("unanswered", |g| g.requests.unanswered),
        ("lost", |g| g.requests.lost),
        ("skipped", |g| g.requests.skipped),
        ("B corrupt", |g| g.content.corrupt),
        ("torn", |g| g.content.torn),
        ("reordered", |g| g.content.reordered),
        ("errors", |g| g.content.errors),
    ];
    let happened = kinds.into_iter().filter(|(_, count)| results(point, group).any(|r| count(r) > 0));
    happened.map(|(kind, count)| format!("{} {kind}", counts(results(point, group).map(count)))).collect()
}

/// What a group that was answered did not get, where it is bad: connections without an answer, and a wait or a silence of more
/// than a second.
pub(super) fn silences(point: &Point, group: &str) -> Vec<String> {
    let is_served = results(point, group).any(|result| result.requests.answered > 0);
    let most = |metric| {
        let stat = Stat { metric, fold: Fold::Final };
        point
            .values(&Key::new(Some(group), stat).to_string())
            .into_iter()
            .reduce(f64::max)
            .filter(|_| is_served)
    };
    let silent = most(Metric::SilentConnections).filter(|count| *count > 0.0);
    let long = |metric| {
        let stat = Stat { metric, fold: Fold::Final };
        let cause = censored_by(point, &Key::new(Some(group), stat).to_string());
        most(metric)
            .filter(|ns| *ns > LONG_NS || cause.is_some())
            .map(|ns| lower_bound(show(Unit::Nanoseconds, ns), cause))
    };
    [
        silent.map(|count| format!("{count} silent connections")),
        long(Metric::LongestWait).map(|wait| format!("longest wait {wait}")),
        long(Metric::LongestSilence).map(|time| format!("no answer for {time}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A wait that is worth a word, in nanoseconds.
const LONG_NS: f64 = 1e9;

/// The first thing that was wrong with the answers of each group, if anything was: on which connection, and at which byte.
pub(super) fn faults(point: &Point) -> Vec<String> {
    let first =
        |group| Fault::first_of(results(point, group).filter_map(|result| result.content.first_fault));
    groups(point).into_iter().filter_map(|group| Some(format!("{group}, {}", first(group)?))).collect()
}

/// The evictions of one reason, over all repeats.
pub(super) struct Evicted {
    pub(super) reason: String,
    pub(super) count: String,
    /// Nanoseconds after the end of the timeout, of those that had one.
    lateness: Vec<f64>,
    /// The same by the server's own times alone.
    claimed: Vec<f64>,
    /// Bounds of the same as seen from outside alone.
    seen: Vec<(f64, f64)>,
    pub(super) seen_after: Vec<f64>,
}

impl Evicted {
    /// A quantile of the lateness, in words.
    pub(super) fn late(&self, q: f64) -> String {
        quantile(&self.lateness, q).map_or_else(|| NOTHING.to_owned(), |ns| show(Unit::Nanoseconds, ns))
    }

    /// What the server alone says of the lateness: the median, in words.
    pub(super) fn claimed(&self) -> String {
        quantile(&self.claimed, 0.5).map_or_else(|| NOTHING.to_owned(), |ns| show(Unit::Nanoseconds, ns))
    }

    /// What was seen of the lateness from outside alone: the median of both bounds, in words.
    pub(super) fn seen(&self) -> String {
        let of =
            |bound: fn(&(f64, f64)) -> f64| quantile(&self.seen.iter().map(bound).collect::<Vec<_>>(), 0.5);
        match (of(|seen| seen.0), of(|seen| seen.1)) {
            (Some(least), Some(most)) => {
                format!("{} to {}", show(Unit::Nanoseconds, least), show(Unit::Nanoseconds, most))
            }
            _ => NOTHING.to_owned(),
        }
    }
}

/// The evictions of a point by reason, in the order in which reasons came up.
pub(super) fn evictions(point: &Point) -> Vec<Evicted> {
    let reasons: IndexSet<&str> =
        point.repeats.iter().flat_map(|repeat| &repeat.evictions).map(|e| e.reason.as_str()).collect();
    let of = |reason: &str| {
        let per_repeat =
            point.repeats.iter().map(|t| t.evictions.iter().filter(|e| e.reason == reason).count() as u64);
        let all = point.repeats.iter().flat_map(|repeat| &repeat.evictions).filter(|e| e.reason == reason);
        Evicted {
            reason: reason.to_owned(),
            count: counts(per_repeat),
            lateness: all.clone().filter_map(|e| e.lateness_ns).map(|ns| ns as f64).collect(),
            claimed: all.clone().filter_map(|e| e.claimed_lateness_ns).map(|ns| ns as f64).collect(),
            seen: all
                .clone()
                .filter_map(|e| e.seen_lateness_ns)
                .map(|(least, most)| (least as f64, most as f64))
                .collect(),
            seen_after: all.filter_map(|e| e.seen_after_ns).map(|ns| ns as f64).collect(),
        }
    };
    reasons.into_iter().map(of).collect()
}

/// Texts of all repeats, each once, with how many repeats say it where not all do.
pub(super) fn unique_notes<'a>(point: &'a Point, of: fn(&Repeat) -> &Vec<String>) -> Vec<String> {
    let mut texts: IndexMap<&'a str, usize> = IndexMap::new();
    for text in point.repeats.iter().flat_map(of) {
        *texts.entry(text).or_default() += 1;
    }
    let repeats = point.repeats.len();
    let with_count = |(text, count): (&str, usize)| {
        if count >= repeats { text.to_owned() } else { format!("{text} (in {count} of {repeats} repeats)") }
    };
    texts.into_iter().map(with_count).collect()
}

/// How the run was done, in a line.
pub(super) fn manner(record: &Record) -> String {
    let repeats = record.points.iter().map(|point| point.repeats.len()).max().unwrap_or(0);
    let times = if record.capacity.is_some() {
        format!("up to {repeats} repeats at each level")
    } else if repeats == 1 {
        "1 repeat".to_owned()
    } else {
        format!("{repeats} repeats")
    };
    if record.profile.core.is_some() {
        return format!("{times}, seed {}", record.profile.seed);
    }
    let (measure, warmup) = (record.profile.measure, record.profile.warmup);
    format!("{times} of {measure} after {warmup} of warm-up, seed {}", record.profile.seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ServerEndings;

    #[test]
    fn differing_counts_are_shown_as_a_range() {
        assert_eq!(counts([64, 64]), "64");
        assert_eq!(counts([64, 63, 65]), "63–65");
        assert_eq!(counts([]), NOTHING);
        assert_eq!(sizes([1024, 2048]), "1 KiB–2 KiB");
    }

    #[test]
    fn shares_and_times_are_shown_with_three_digits() {
        assert_eq!(show(Unit::Cores, 0.453), "45.3 %");
        assert_eq!(show(Unit::Nanoseconds, 3.1e6), "3.10 ms");
    }

    #[test]
    fn connections_closed_by_the_server_are_not_alive() {
        let server_endings = ServerEndings { unnoticed_alive: 3, ..ServerEndings::default() };
        let ledger = Ledger { still_alive: 5, ..Ledger::default() };
        assert_eq!(unnoticed(&GroupResult { ledger, server_endings, ..GroupResult::default() }), 3);
    }
}
