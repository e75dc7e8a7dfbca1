//! From samples and counts to the record of a trial.

use super::{
    drive::{Sample, Samples},
    evictions::Evictions,
};
use crate::{
    client::Driven,
    gate,
    metric::{Fold, Metric, Row, Scope, Stat},
    profile::Profile,
    record::{Effective, Eviction, Series, Trial},
    stats,
};

/// The kernel tells user and system time in hundredths of a second: below this, their share is a matter of luck.
const LEAST_CPU_NS: f64 = 1e8;

/// What was measured in a trial.
pub(super) struct Measured {
    pub(super) samples: Samples,
    pub(super) driven: Driven,
    pub(super) evictions: Evictions,
    /// Faults that had no effect, in words.
    pub(super) unproven: Vec<String>,
    pub(super) notes: Vec<String>,
    /// When it was cut short, if it was.
    pub(super) cut_at_ns: Option<i64>,
}

/// Everything that a trial came to.
pub(super) fn trial(profile: &Profile, seed: u64, effective: Effective, measured: Measured) -> Trial {
    let Measured { samples, driven, evictions, unproven, notes, cut_at_ns } = measured;
    let warmup = profile.warmup.0.as_nanos() as i64;
    let end = warmup + profile.measure.0.as_nanos() as i64;
    let told = Told { lost: evictions.lost, unmatched: evictions.unmatched, tick_ns: evictions.tick_ns };
    let mut trial = Trial {
        seed,
        window_ns: (warmup, cut_at_ns.map_or(end, |cut| cut.clamp(warmup, end))),
        cut_short: cut_at_ns.is_some(),
        effective,
        series: series(profile, &samples),
        groups: driven.groups,
        evictions: evictions.all,
        summary: indexmap::IndexMap::new(),
        censored: indexmap::IndexMap::new(),
        invalid: Vec::new(),
        unproven,
        notes,
    };
    let mut last = driven.run;
    add_evictions(profile, &trial, &told, &mut last);
    add_missed(profile, &samples, &mut last);
    add_totals(&trial, driven.answered_in_window, &mut last);
    for stat in Stat::all().filter(|stat| stat.metric.spec().scope == Scope::Run) {
        summarize(&mut trial, stat, &last);
    }
    for (index, group) in profile.clients.iter().enumerate() {
        let counted = Counted { last: &driven.summaries[index], whole: &driven.whole[index], window: None };
        let window = driven.window.as_ref().map(|(rows, seconds)| (&rows[index], *seconds));
        for stat in Stat::all().filter(|stat| stat.metric.spec().scope == Scope::Group) {
            summarize_group(&mut trial, stat, &group.name, &Counted { window, ..counted });
        }
    }
    for findings in [gate::examine(profile, &trial), gate::lost(profile, &trial)] {
        trial.invalid.extend(findings.invalid);
        trial.notes.extend(findings.notes);
    }
    trial.notes.extend(gate::dispute(&trial, told.tick_ns));
    trial
}

fn series(profile: &Profile, samples: &Samples) -> Series {
    let samples: Vec<&Sample> = samples.values().collect();
    let mut series =
        Series { at_ns: samples.iter().map(|sample| sample.at_ns).collect(), ..Series::default() };
    let run: Vec<&Row> = samples.iter().map(|sample| &sample.run).collect();
    let nothing = Row::default();
    for &metric in Metric::ALL {
        if metric.spec().scope == Scope::Run {
            series.add(None, metric, &run);
            continue;
        }
        for (index, group) in profile.clients.iter().enumerate() {
            let rows: Vec<&Row> =
                samples.iter().map(|sample| sample.groups.get(index).unwrap_or(&nothing)).collect();
            series.add(Some(&group.name), metric, &rows);
        }
    }
    series
}

/// Folds what was sampled; takes what was set at the end.
fn summarize(trial: &mut Trial, stat: Stat, last: &Row) {
    let value = if stat.fold == Fold::Final {
        last.value(stat.metric)
    } else {
        let column = trial.series.run(stat.metric);
        let folded = column.and_then(|c| stats::fold(stat.fold, &trial.series.points(c), trial.window_ns));
        let factor = if stat.fold == Fold::Rate { stat.metric.spec().unit.per_second_factor() } else { 1.0 };
        folded.map(|value| value * factor)
    };
    if let Some(value) = value {
        trial.summary.insert(stat.name(), value);
    }
}

/// What the engine counted of a group; it knows the borders of the window better than samples do.
#[derive(Clone, Copy)]
struct Counted<'a> {
    last: &'a Row,
    whole: &'a Row,
    /// In the window, and its length in seconds.
    window: Option<(&'a Row, f64)>,
}

fn summarize_group(trial: &mut Trial, stat: Stat, group: &str, counted: &Counted<'_>) {
    let in_window = || counted.window.and_then(|(row, seconds)| Some((row.value(stat.metric)?, seconds)));
    let value = match stat.fold {
        Fold::Final => counted.last.value(stat.metric),
        Fold::Whole => counted.whole.value(stat.metric),
        Fold::Total => in_window().map(|(count, _)| count),
        Fold::Rate => in_window().map(|(count, seconds)| count / seconds),
        fold => {
            let column = trial.series.group(group, stat.metric);
            column.and_then(|c| stats::fold(fold, &trial.series.points(c), trial.window_ns))
        }
    };
    if let Some(value) = value {
        trial.summary.insert(format!("{group}.{}", stat.name()), value);
    }
}

/// What is known of the server's own list of evictions.
struct Told {
    lost: u64,
    unmatched: u64,
    tick_ns: u64,
}

fn add_evictions(profile: &Profile, trial: &Trial, told: &Told, row: &mut Row) {
    let of = |number: fn(&Eviction) -> Option<i64>| -> Vec<f64> {
        trial.evictions.iter().filter_map(number).map(|ns| ns as f64).collect()
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
        let disagreement = trial.evictions.iter().map(|eviction| eviction.disagreement_ns);
        let disputed = disagreement.clone().filter(|ns| *ns > told.tick_ns).count();
        row.set(Metric::EvictionsDisputed, disputed as f64);
        row.set(Metric::EvictionsLost, told.lost as f64);
        row.set(Metric::EvictionsUnmatched, told.unmatched as f64);
        if let Some(most) = disagreement.max() {
            row.set(Metric::EvictionDisagreement, most as f64);
        }
    }
}

/// Samples in which something was not read that could have been.
fn add_missed(profile: &Profile, samples: &Samples, row: &mut Row) {
    let read = |row: &Row| row.value(Metric::HostSteal).or(row.value(Metric::ServerRss)).is_some();
    let rows = samples.values().map(|sample| &sample.run).filter(|row| read(row));
    let without = |metric: Metric| rows.clone().filter(|row| row.value(metric).is_none()).count() as f64;
    row.set(Metric::LooksMissed, without(Metric::ClientReceiveQueue));
    if profile.server.reference().is_some() {
        row.set(Metric::CountersMissed, without(Metric::Connections));
    }
}

/// What is counted over all groups, and what one answered request cost.
fn add_totals(trial: &Trial, answered_in_window: u64, row: &mut Row) {
    row.set(Metric::VerifiedBytes, trial.groups.iter().map(|g| g.content.verified).sum::<u64>() as f64);
    row.set(Metric::CorruptBytes, trial.groups.iter().map(|g| g.content.corrupt).sum::<u64>() as f64);
    let fold = |fold, metric| {
        let points = trial.series.points(trial.series.run(metric)?);
        stats::fold(fold, &points, trial.window_ns)
    };
    let total = |metric| fold(Fold::Total, metric);
    for (metric, time) in [
        (Metric::ServerCpuPerRequest, Metric::ServerCpu),
        (Metric::ServerCpuUserPerRequest, Metric::ServerCpuUser),
        (Metric::ServerCpuSystemPerRequest, Metric::ServerCpuSystem),
    ] {
        if let (Some(cpu), true) = (total(time), answered_in_window > 0) {
            row.set(metric, cpu / answered_in_window as f64);
        }
    }
    if let (Some(count), true) = (total(Metric::ServerInstructions), answered_in_window > 0) {
        row.set(Metric::ServerInstructionsPerRequest, count / answered_in_window as f64);
    }
    if let (Some(user), Some(system)) = (total(Metric::ServerCpuUser), total(Metric::ServerCpuSystem))
        && user + system >= LEAST_CPU_NS
    {
        row.set(Metric::ServerKernelShare, system / (user + system));
    }
    if let (Some(bytes), Some(wakeups)) = (total(Metric::WakeupBytes), total(Metric::WriteWakeups))
        && wakeups > 0.0
    {
        row.set(Metric::BytesPerWakeup, bytes / wakeups);
        if let Some(granted) = fold(Fold::Peak, Metric::ServerSendBuffer) {
            row.set(Metric::WakeupShare, bytes / wakeups / granted);
        }
    }
    let Some(messages) = total(Metric::ServerMessages).filter(|messages| *messages > 0.0) else { return };
    let mut all = 0.0;
    for (metric, counter) in [
        (Metric::ServerReadsPerRequest, Metric::ServerReads),
        (Metric::ServerWritesPerRequest, Metric::ServerWrites),
        (Metric::ServerControlsPerRequest, Metric::ServerControls),
        (Metric::ServerWaitsPerRequest, Metric::ServerWaits),
    ] {
        let Some(calls) = total(counter) else { return };
        row.set(metric, calls / messages);
        all += calls;
    }
    row.set(Metric::ServerCallsPerRequest, all / messages);
}
