//! From samples and counts to the record of a repeat.

use std::mem;

use super::{
    costs::Costs,
    evictions::Evictions,
    phases,
    sample::{self, Sample, Samples},
};
use crate::{
    client::Driven,
    gate,
    metric::{Fold, Key, Metric, Row, Scope, Stat},
    probe::OtherClients,
    profile::Profile,
    record::{Effective, Eviction, Price, Repeat},
    stats::{self, Instants},
};

/// What was measured in a repeat. Times are nanoseconds since the first client.
pub(super) struct Measured {
    pub(super) samples: Samples,
    pub(super) driven: Driven,
    pub(super) evictions: Evictions,
    /// Faults that had no effect, in words.
    pub(super) unproven: Vec<String>,
    pub(super) others: Option<OtherClients>,
    pub(super) notes: Vec<String>,
    /// The first client, on the monotonic clock.
    pub(super) epoch_ns: u64,
    /// When the clients began to close what was left.
    pub(super) stopped_ns: i64,
    /// It was interrupted, its server died, or its clients ran out of something.
    pub(super) cut_short: bool,
    /// The server's last words, if it died: then nothing was read after the clients stopped.
    pub(super) died: Option<String>,
}

impl Measured {
    /// A repeat that was cut short is measured until its last sample.
    fn instants(&self, profile: &Profile) -> Instants {
        let from = profile.warmup.0.as_nanos() as i64;
        let since = |sample: &Sample| sample.at_ns as i64 - self.epoch_ns as i64;
        let last = self.samples.values().rev().map(since).find(|at| *at <= self.stopped_ns);
        let to = from + profile.measure.0.as_nanos() as i64;
        Instants {
            from,
            to: if self.cut_short { last.unwrap_or(to).clamp(from, to) } else { to },
            left: self.died.is_none().then_some(self.stopped_ns),
        }
    }
}

/// Everything that a repeat came to.
pub(super) fn repeat(profile: &Profile, seed: u64, effective: Effective, measured: Measured) -> Repeat {
    let instants = measured.instants(profile);
    let Measured { samples, mut driven, evictions, .. } = measured;
    let known =
        EvictionList { lost: evictions.lost, unmatched: evictions.unmatched, tick_ns: evictions.tick_ns };
    let (from, end) = (instants.from, instants.from + profile.measure.0.as_nanos() as i64);
    let mut repeat = Repeat {
        seed,
        window_ns: (from, if measured.cut_short { measured.stopped_ns.clamp(from, end) } else { end }),
        phases: Vec::new(),
        cut_short: measured.cut_short,
        died: measured.died,
        effective,
        series: sample::series(profile, &samples, measured.epoch_ns),
        groups: mem::take(&mut driven.groups),
        evictions: evictions.all,
        summary: indexmap::IndexMap::new(),
        censored: indexmap::IndexMap::new(),
        price: None,
        invalid: Vec::new(),
        disturbed: Vec::new(),
        unproven: measured.unproven,
        notes: measured.notes,
    };
    let mut last = mem::take(&mut driven.run);
    add_evictions(profile, &repeat, &known, &mut last);
    add_missed(profile, &samples, &mut last);
    let costs = Costs::new(profile, &repeat, instants, &driven.whole);
    costs.add(&mut last);
    costs.add_others(measured.others, driven.answered_in_window, &mut last);
    summarize_run(&mut repeat, &last, instants);
    summarize_groups(&mut repeat, profile, &driven, instants);
    phases::add(&mut repeat, profile, &driven, instants);
    repeat.price = gate::price(profile, &repeat);
    if let Some(bytes) = repeat.price.as_ref().and_then(Price::bytes_per_peer) {
        repeat.summary.insert(Stat::once(Metric::MemoryPerPeer).name(), bytes);
    }
    for findings in [gate::examine(profile, &repeat), gate::lost(profile, &repeat)] {
        repeat.invalid.extend(findings.invalid);
        repeat.disturbed.extend(findings.disturbed);
        repeat.notes.extend(findings.notes);
    }
    repeat.notes.extend(gate::dispute(&repeat, known.tick_ns));
    repeat
}

fn summarize_run(repeat: &mut Repeat, last: &Row, instants: Instants) {
    let mut missing = Vec::new();
    for stat in Stat::all().filter(|stat| stat.metric.spec().scope == Scope::Run) {
        missing.extend(summarize(repeat, stat, last, instants));
    }
    if !missing.is_empty() && !repeat.cut_short {
        repeat.notes.push(format!(
            "not measured, because a sample lacks it (before the first client, at the start or end of the window, or \
             after the last client): {}",
            missing.join(", ")
        ));
    }
}

fn summarize_groups(repeat: &mut Repeat, profile: &Profile, driven: &Driven, instants: Instants) {
    for (index, group) in profile.clients.iter().enumerate() {
        let counted = Counted { last: &driven.summaries[index], whole: &driven.whole[index], window: None };
        let window = driven.window.as_ref().map(|(rows, seconds)| (&rows[index], *seconds));
        for (metric, cause) in &driven.censored[index] {
            let key = Key::new(Some(&group.name), Stat::once(*metric));
            repeat.censored.insert(key.to_string(), cause.word().to_owned());
        }
        for stat in Stat::all().filter(|stat| stat.metric.spec().scope == Scope::Group) {
            summarize_group(repeat, stat, &group.name, &Counted { window, ..counted }, instants);
        }
    }
}

/// Folds what was sampled; takes what was set at the end. The name of what was sampled, but not when it counts.
fn summarize(repeat: &mut Repeat, stat: Stat, last: &Row, instants: Instants) -> Option<String> {
    if stat.fold == Fold::Final {
        if let Some(value) = last.value(stat.metric) {
            repeat.summary.insert(stat.name(), value);
        }
        return None;
    }
    let mut readings = repeat.series.run_points(stat.metric);
    if readings.is_empty() {
        return None;
    }
    if let (Fold::Peak | Fold::Growth, Some(high)) = (stat.fold, high_water(stat.metric)) {
        readings.extend(repeat.series.run_points(high));
        readings.sort_by_key(|(at, _)| *at);
    }
    let factor = if stat.fold == Fold::Rate { stat.metric.spec().unit.per_second_factor() } else { 1.0 };
    match stats::fold(stat.fold, &readings, instants) {
        Some(value) => repeat.summary.insert(stat.name(), value * factor).and(None),
        None => Some(stat.name()),
    }
}

/// The metric that has the marks between the samples of this one.
fn high_water(metric: Metric) -> Option<Metric> {
    (metric == Metric::ServerRss).then_some(Metric::ServerRssHigh)
}

/// What the load generator counted of a group; it knows the borders of the window better than samples do.
#[derive(Clone, Copy)]
struct Counted<'a> {
    last: &'a Row,
    whole: &'a Row,
    /// In the window, and its length in seconds.
    window: Option<(&'a Row, f64)>,
}

fn summarize_group(repeat: &mut Repeat, stat: Stat, group: &str, counted: &Counted<'_>, instants: Instants) {
    let in_window = || counted.window.and_then(|(row, seconds)| Some((row.value(stat.metric)?, seconds)));
    let value = match stat.fold {
        Fold::Final => counted.last.value(stat.metric),
        Fold::Whole => counted.whole.value(stat.metric),
        Fold::Total => in_window().map(|(count, _)| count),
        Fold::Rate => in_window().map(|(count, seconds)| count / seconds),
        fold => stats::fold(fold, &repeat.series.group_points(group, stat.metric), instants),
    };
    if let Some(value) = value {
        repeat.summary.insert(Key::new(Some(group), stat).to_string(), value);
    }
}

/// What is known of the server's own list of evictions.
struct EvictionList {
    lost: u64,
    unmatched: u64,
    tick_ns: u64,
}

fn add_evictions(profile: &Profile, repeat: &Repeat, known: &EvictionList, row: &mut Row) {
    let of = |number: fn(&Eviction) -> Option<i64>| -> Vec<f64> {
        repeat.evictions.iter().filter_map(number).map(|ns| ns as f64).collect()
    };
    let (lateness, seen) = (of(|eviction| eviction.lateness_ns), of(|eviction| eviction.seen_after_ns));
    for (metric, values, q) in [
        (Metric::LatenessMin, &lateness, 0.0),
        (Metric::LatenessP50, &lateness, 0.5),
        (Metric::LatenessP99, &lateness, 0.99),
        (Metric::EvictionSeenP50, &seen, 0.5),
    ] {
        if let Some(value) = stats::quantile(values, q) {
            row.set(metric, value);
        }
    }
    if profile.server.reference().is_some() {
        let disagreement = repeat.evictions.iter().map(|eviction| eviction.disagreement_ns);
        let disputed = disagreement.clone().filter(|ns| *ns > known.tick_ns).count();
        row.set(Metric::EvictionsDisputed, disputed as f64);
        row.set(Metric::EvictionsLost, known.lost as f64);
        row.set(Metric::EvictionsUnmatched, known.unmatched as f64);
        if let Some(most) = disagreement.max() {
            row.set(Metric::EvictionDisagreement, most as f64);
        }
    }
}

/// Samples in which something was not read that could have been.
fn add_missed(profile: &Profile, samples: &Samples, row: &mut Row) {
    let is_read =
        |sample: &&Sample| sample.value(Metric::HostSteal).or(sample.value(Metric::ServerRss)).is_some();
    let all = samples.values().filter(is_read);
    let without = |metric| all.clone().filter(|sample| sample.value(metric).is_none()).count() as f64;
    // Of clients on other machines only the server's side is looked at.
    let looks = [Metric::ClientReceiveQueue, Metric::KernelMemory];
    let is_missed = |sample: &&Sample| looks.iter().all(|metric| sample.value(*metric).is_none());
    row.set(Metric::LooksMissed, all.clone().filter(is_missed).count() as f64);
    if profile.server.reference().is_some() {
        row.set(Metric::CountersMissed, without(Metric::Connections));
    }
}
