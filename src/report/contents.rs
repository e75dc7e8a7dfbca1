//! The tables of a report. The declaration of a metric decides which table it belongs to, so a new metric appears by
//! itself.

use indexmap::IndexMap;

use super::{
    table::{
        Align::{Left, Right},
        Table,
    },
    view::{
        Count, Evicted, NOTHING, brief, connection_counts, counts, counts as counted, evictions as evicted,
        figure, full, groups as group_names, ledger, requests as request_counts, results, show, sizes,
        unnoticed,
    },
};
use crate::{
    codec::Fault,
    metric::{Fold, Key, Metric, Scope, Stat, Unit},
    record::{ExpectationResult, Ledger, Point, Record, Requests, Verdict},
    stats::quantile,
};

/// What was expected and what was measured.
pub(super) fn expectations(point: &Point) -> Table {
    let head = [("expectation", Left), ("verdict", Left), ("condition", Left), ("measured", Right)];
    let mut table = Table::new("Expectations", &head);
    for result in worst_first(point.verdicts.iter()) {
        let word = result.verdict.word().to_owned();
        table.row(vec![result.name.clone(), word, result.condition.clone(), result.shown()]);
    }
    table
}

/// Verdicts by importance: failures, then invalid and inconclusive ones, then passes; otherwise in their order.
fn worst_first<'a>(verdicts: impl Iterator<Item = &'a ExpectationResult>) -> Vec<&'a ExpectationResult> {
    let mut sorted: Vec<&ExpectationResult> = verdicts.collect();
    sorted.sort_by_key(|result| importance(result.verdict));
    sorted
}

/// Where a verdict stands among others: failures first, passes last.
pub(super) const fn importance(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Regression | Verdict::Fail => 0,
        Verdict::Invalid | Verdict::Inconclusive => 1,
        Verdict::Pass => 2,
    }
}

/// The groups in brief.
pub(super) fn groups(point: &Point) -> Table {
    let head = [("group", Left), ("requests", Right), ("p50", Right), ("p99", Right), ("connections", Left)];
    let mut table = Table::new("Client groups", &head);
    for group in group_names(point) {
        let of = |metric, fold| full(point, Some(group), metric, fold);
        table.row(vec![
            group.to_owned(),
            of(Metric::Answered, Fold::Rate),
            of(Metric::LatencyP50, Fold::Final),
            of(Metric::LatencyP99, Fold::Final),
            connection_counts(point, group),
        ]);
    }
    table
}

/// How fast each group was served.
pub(super) fn latencies(point: &Point) -> Table {
    let mut table = Table::new("Requests and latency", &[("group", Left)]);
    let columns = [
        ("requests", Metric::Answered, Fold::Rate),
        ("offered", Metric::Offered, Fold::Final),
        ("response p50", Metric::LatencyP50, Fold::Final),
        ("p99", Metric::LatencyP99, Fold::Final),
        ("p99.9", Metric::LatencyP999, Fold::Final),
        ("max", Metric::LatencyMax, Fold::Final),
        ("service p50", Metric::ServiceP50, Fold::Final),
        ("p99", Metric::ServiceP99, Fold::Final),
    ];
    for (title, ..) in columns {
        table.column(title, Right);
    }
    for group in group_names(point) {
        let cells = columns.iter().map(|(_, metric, fold)| full(point, Some(group), *metric, *fold));
        table.row(std::iter::once(group.to_owned()).chain(cells).collect());
    }
    table
}

/// What became of the requests of each group.
pub(super) fn requests(point: &Point) -> Table {
    let counts: [(&str, Count<Requests>); 6] = [
        ("started", |r| r.started),
        ("answered", |r| r.answered),
        ("unanswered", |r| r.unanswered),
        ("lost", |r| r.lost),
        ("skipped", |r| r.skipped),
        ("sent again", |r| r.retried),
    ];
    let mut table = Table::new("Requests, warm-up included", &[("group", Left)]);
    for (title, _) in counts {
        table.column(title, Right);
    }
    table.column("oldest unanswered", Right);
    for group in group_names(point) {
        let oldest = results(point, group).map(|result| result.requests.oldest_unanswered_ns).max();
        let oldest = oldest.filter(|ns| *ns > 0).map(|ns| show(Unit::Nanoseconds, ns as f64));
        let cells = counts.iter().map(|(_, count)| request_counts(point, group, *count));
        let cells = std::iter::once(group.to_owned()).chain(cells);
        table.row(cells.chain([oldest.unwrap_or_else(|| NOTHING.to_owned())]).collect());
    }
    table
}

/// Whether all connections of each group were served, and how long they waited.
pub(super) fn silence(point: &Point) -> Table {
    let mut table = Table::new("Unanswered and starved connections", &[("group", Left)]);
    let columns = [
        ("silent connections", Metric::SilentConnections),
        ("fewest answers", Metric::FewestAnswers),
        ("longest wait", Metric::LongestWait),
        ("longest silence", Metric::LongestSilence),
    ];
    for (title, _) in columns {
        table.column(title, Right);
    }
    for group in group_names(point) {
        let cells = columns.map(|(_, metric)| full(point, Some(group), metric, Fold::Final));
        if cells.iter().any(|cell| cell != NOTHING) {
            table.row(std::iter::once(group.to_owned()).chain(cells).collect());
        }
    }
    table
}

/// How the connections of each group ended; the counts add up.
pub(super) fn connections(point: &Point) -> Table {
    let counts: [(&str, Count<Ledger>); 11] = [
        ("opened", |l| l.opened),
        ("closed by client", |l| l.closed_by_us),
        ("reset by client", |l| l.reset_by_us),
        ("vanished", |l| l.vanished),
        ("closed as announced", |l| l.closed_as_announced),
        ("closed idle", |l| l.closed_idle),
        ("evicted (FIN)", |l| l.evicted_fin),
        ("evicted (RST)", |l| l.evicted_rst),
        ("refused", |l| l.refused),
        ("timed out", |l| l.timed_out),
        ("still alive", |l| l.still_alive),
    ];
    let mut table = Table::new("How connections were closed", &[("group", Left)]);
    for (title, _) in counts {
        table.column(title, Right);
    }
    table.column("of these closed by the server", Right);
    for group in group_names(point) {
        let cells = counts.iter().map(|(_, count)| ledger(point, group, *count));
        let closed = counted(results(point, group).map(unnoticed));
        table.row(std::iter::once(group.to_owned()).chain(cells).chain([closed]).collect());
    }
    table
}

/// Where the bytes for each group were held up, if the kernel says so.
pub(super) fn send_stalls(point: &Point) -> Table {
    let mut table = Table::new("Where bytes were held up", &[("group", Left)]);
    let columns = [
        ("by clients' windows", Metric::WindowLimited),
        ("by its own send buffer", Metric::SendBufferLimited),
        ("window closed", Metric::WindowClosed),
        ("stalls with progress", Metric::StallProgress),
        ("unsent per client (max)", Metric::UnsentPeak),
    ];
    for (title, _) in columns {
        table.column(title, Right);
    }
    for group in group_names(point) {
        let cells: Vec<String> =
            columns.iter().map(|(_, metric)| full(point, Some(group), *metric, Fold::Final)).collect();
        if cells.iter().any(|cell| cell != NOTHING) {
            table.row(std::iter::once(group.to_owned()).chain(cells).collect());
        }
    }
    table
}

/// What checking every received byte found.
pub(super) fn content(point: &Point) -> Table {
    let mut table = Table::new("Content", &[("group", Left)]);
    for title in ["verified", "corrupt", "torn", "reordered", "errors"] {
        table.column(title, Right);
    }
    table.column("first fault", Left);
    for group in group_names(point) {
        let of = results(point, group).map(|result| &result.content);
        let fault = Fault::first_of(of.clone().filter_map(|tally| tally.first_fault));
        table.row(vec![
            group.to_owned(),
            sizes(of.clone().map(|tally| tally.verified)),
            sizes(of.clone().map(|tally| tally.corrupt)),
            counts(of.clone().map(|tally| tally.torn)),
            counts(of.clone().map(|tally| tally.reordered)),
            counts(of.map(|tally| tally.errors)),
            fault.map_or_else(|| NOTHING.to_owned(), |fault| fault.to_string()),
        ]);
    }
    table
}

/// What a core experiment found.
pub(super) fn core(point: &Point) -> Table {
    let mut table = Table::new("The experiment", &[("metric", Left), ("measured", Right)]);
    for metric in Metric::ALL.iter().filter(|metric| metric.spec().scope == Scope::Core) {
        row(&mut table, *metric, [full(point, None, *metric, Fold::Final)]);
    }
    table
}

/// The folds that are shown of a gauge.
const MARKS: [Fold; 4] = [Fold::Start, Fold::Peak, Fold::Last, Fold::End];
/// The last value of the measured window, while the clients are there.
pub(super) const END_OF_WINDOW: &str = "end of window";
/// The value when the clients are gone.
pub(super) const AFTER_CLIENTS: &str = "after clients left";

/// The server's memory in brief.
pub(super) fn memory(point: &Point) -> Table {
    let head = [
        ("server memory", Left),
        ("start", Right),
        ("peak", Right),
        (END_OF_WINDOW, Right),
        (AFTER_CLIENTS, Right),
    ];
    let mut table = Table::new("Memory", &head);
    let kinds = [
        ("user space (RSS)", Metric::ServerRss),
        ("kernel, for its sockets", Metric::KernelMemory),
        ("send buffers", Metric::SendBuffered),
    ];
    for (name, metric) in kinds {
        let cells = MARKS.map(|fold| brief(point, None, metric, fold));
        if cells.iter().any(|cell| cell != NOTHING) {
            table.row(std::iter::once(name.to_owned()).chain(cells).collect());
        }
    }
    table
}

/// What rises and falls: every gauge of the whole run, before the clients, at most, when the window ends and when the
/// clients are gone.
pub(super) fn gauges(point: &Point) -> Table {
    let head =
        [("", Left), ("start", Right), ("peak", Right), (END_OF_WINDOW, Right), (AFTER_CLIENTS, Right)];
    let mut table = Table::new("Memory, queues and descriptors of the server", &head);
    for &metric in run_metrics(|folds| folds.contains(&Fold::Peak)) {
        row(&mut table, metric, MARKS.map(|fold| full(point, None, metric, fold)));
    }
    table
}

/// Counters and single values: every other metric of the whole run.
pub(super) fn counters(point: &Point) -> Table {
    let head = [("", Left), ("per second", Right), ("total or value", Right)];
    let mut table = Table::new("Work of the server, the load generator and the host", &head);
    for &metric in run_metrics(|folds| !folds.contains(&Fold::Peak)) {
        let in_all =
            metric.spec().folds.iter().copied().find(|fold| *fold != Fold::Rate).unwrap_or(Fold::Total);
        row(&mut table, metric, [Fold::Rate, in_all].map(|fold| full(point, None, metric, fold)));
    }
    table
}

fn run_metrics(wanted: impl Fn(&[Fold]) -> bool) -> impl Iterator<Item = &'static Metric> {
    Metric::ALL.iter().filter(move |m| m.spec().scope == Scope::Run && wanted(m.spec().folds))
}

/// A row for a metric, unless there is nothing to say.
fn row<const N: usize>(table: &mut Table, metric: Metric, cells: [String; N]) {
    if cells.iter().any(|cell| cell != NOTHING) {
        table.row(std::iter::once(metric.spec().label()).chain(cells).collect());
    }
}

/// Evictions by reason, with their lateness.
pub(super) fn evictions(point: &Point) -> Table {
    let head = [("reason", Left), ("count", Right), ("late: min", Right), ("p50", Right), ("p99", Right)];
    let mut table = Table::new("Evictions", &head);
    for title in
        ["max", "reported by the server (p50)", "seen from outside", "delay until the client noticed (p50)"]
    {
        table.column(title, Right);
    }
    for eviction in evicted(point) {
        let late = [0.0, 0.5, 0.99, 1.0].map(|q| eviction.late(q));
        let seen = [eviction.claimed(), eviction.seen(), seen_after(&eviction)];
        table.row([eviction.reason, eviction.count].into_iter().chain(late).chain(seen).collect());
    }
    table
}

fn seen_after(eviction: &Evicted) -> String {
    let median = quantile(&eviction.seen_after, 0.5);
    median.map_or_else(|| NOTHING.to_owned(), |ns| show(Unit::Nanoseconds, ns))
}

/// A row for each point of the sweep: its axes, what it comes to, and the numbers that matter.
pub(super) fn sweep(record: &Record) -> Table {
    let mut table = Table::new("Points of the sweep", &[("point", Left)]);
    let axes: Vec<&String> = record.points.first().map(|p| p.axes.keys().collect()).unwrap_or_default();
    for axis in &axes {
        table.column(axis.as_str(), Left);
    }
    let numbers = sweep_numbers(record);
    table.column("expectations met", Right);
    for name in numbers.keys() {
        table.column(name.as_str(), Right);
    }
    for (index, point) in record.points.iter().enumerate() {
        let place = |axis: &&String| {
            let value = point.axes.get(*axis)?;
            Some(record.profile.value_label(axis, value).unwrap_or(value).to_owned())
        };
        let places = axes.iter().map(|axis| place(axis).unwrap_or_default());
        let cells = numbers.iter().map(|(name, unit)| figure(point, name, *unit));
        let start = std::iter::once((index + 1).to_string()).chain(places);
        table.row(start.chain([met(point)]).chain(cells).collect());
    }
    table
}

/// How many expectations are met at a point.
pub(super) fn met(point: &Point) -> String {
    let met = point.verdicts.iter().filter(|result| result.verdict == Verdict::Pass).count();
    format!("{met} of {}", point.verdicts.len())
}

/// Names and units of what matters along a sweep: what is expected, the rates, and the server's memory.
pub(super) fn sweep_numbers(record: &Record) -> IndexMap<String, Unit> {
    let groups = record.points.first().map(group_names).unwrap_or_default();
    let rate = Stat { metric: Metric::Answered, fold: Fold::Rate };
    let rss = Stat { metric: Metric::ServerRss, fold: Fold::Peak };
    let step = Stat { metric: Metric::CoreCpuPerStep, fold: Fold::Final };
    let of_all = if record.profile.core.is_some() { step } else { rss };
    let always = groups
        .into_iter()
        .map(|group| (Key::new(Some(group), rate).to_string(), rate))
        .chain([(Key::new(None, of_all).to_string(), of_all)]);
    always.map(|(name, stat)| (name, stat.unit())).chain(expected_numbers(record)).collect()
}

/// Names and units of what is expected; what is expected of some points only is shown for all.
pub(super) fn expected_numbers(record: &Record) -> IndexMap<String, Unit> {
    let keys = record.profile.expect.keys().filter_map(|name| Key::parse(name));
    keys.map(|key| (key.to_string(), key.stat.unit())).collect()
}
