//! Whether a server grows: the slopes of memory, descriptors and response times over a long run.

mod load;
mod trend;

use self::{
    load::{Change, change},
    trend::{Bound, NS_PER_HOUR, trend},
};
use crate::{
    metric::{Column, Metric},
    record::{Growth, Record, Repeat, Soak, Trend, Unmeasured},
};

/// Growth of memory over the whole time that is not called one: eight pages.
const LEAST_BYTES: f64 = 32_768.0;

/// The same of descriptors.
const LEAST_DESCRIPTORS: f64 = 2.0;

/// The same of response times, as a share of the first block.
const LEAST_DRIFT: f64 = 0.2;

/// A descriptor weighs as much as so many bytes: with the usual resolution, one a minute must be excluded.
const BYTES_OF_A_DESCRIPTOR: f64 = 61_440.0;

/// Response times must be known not to have grown by this share of their first block over the whole time.
const OPEN_DRIFT: f64 = 0.5;

/// What a soak asks of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Share of the measured window that is left out at its beginning, from 0 to 1.
    pub settling: f64,
    /// Bytes of memory per hour: more growth than this must be excluded, or the soak is INCONCLUSIVE.
    pub resolution: f64,
}

impl Plan {
    /// The resolution unless another is asked for: 1 KiB a second, which is what a leak of 1 KiB for 1,000 connections comes to
    /// at 1,000 connections a second.
    pub const USUAL_RESOLUTION: u64 = 3600 << 10;
}

/// What the first repeat of a run shows of growth; `None` if no repeat is whole.
#[must_use]
pub fn soak(record: &Record, plan: &Plan) -> Option<Soak> {
    let repeat = record.repeats().find(|repeat| !repeat.cut_short || repeat.measured_ns() > 0)?;
    let (from, to) = repeat.window_ns;
    let settled = from + (repeat.measured_ns() as f64 * plan.settling) as i64;
    let seconds = to.saturating_sub(settled) as f64 / 1e9;
    let good = record.profile.clients.iter().filter(|group| group.is_good());
    let columns = [
        (None, Metric::ServerRss, LEAST_BYTES, Bound::PerHour(plan.resolution)),
        (None, Metric::KernelMemory, LEAST_BYTES, Bound::PerHour(plan.resolution)),
        (
            None,
            Metric::ServerDescriptors,
            LEAST_DESCRIPTORS,
            Bound::PerHour(plan.resolution / BYTES_OF_A_DESCRIPTOR),
        ),
    ];
    let times = good
        .map(|group| (Some(group.name.as_str()), Metric::IntervalP50, LEAST_DRIFT, Bound::Share(OPEN_DRIFT)));
    let change = change(record, repeat, (settled, to));
    let (mut trends, mut unmeasured) = (Vec::new(), Vec::new());
    for (group, metric, least, bound) in columns.into_iter().chain(times) {
        let name = Column::new(group, metric).to_string();
        let series = match group {
            None => repeat.series.run_points(metric),
            Some(group) => repeat.series.group_points(group, metric),
        };
        match trend(&name, &series, (settled, to), least, bound) {
            Ok(trend) if trend.is_of_time() => trends.push(only_if_valid(trend, repeat)),
            Ok(trend) => trends.push(under(change.as_ref(), trend)),
            Err(few) => unmeasured.push(Unmeasured { name, reason: few.unwrap_or_else(|| hidden(metric)) }),
        }
    }
    Some(Soak {
        settled_after: settled.saturating_sub(from) as f64 / 1e9,
        seconds,
        connections_per_hour: opened_again(record, repeat) as f64 / (to.max(1) as f64 / NS_PER_HOUR),
        resolution: Some(plan.resolution),
        trends,
        unmeasured,
    })
}

/// Connections to the server beside the first one of each client, which are there before anything is judged.
fn opened_again(record: &Record, repeat: &Repeat) -> u64 {
    let again = |group: &crate::record::GroupResult| {
        let ledger = &group.ledger;
        let taken = ledger.opened.saturating_sub(ledger.refused + ledger.timed_out + group.not_accepted);
        let first = record.profile.clients.iter().find(|spec| spec.name == group.name);
        taken.saturating_sub(first.map_or(0, |spec| spec.connections().into()))
    };
    repeat.groups.iter().map(again).sum()
}

/// Why nothing was measured of it.
fn hidden(metric: Metric) -> String {
    let why = match metric {
        Metric::IntervalP50 => "no request was answered",
        Metric::KernelMemory => "the server's sockets could not be read (see the notes)",
        _ => {
            "the server's process is not known, or may not be read (see the notes): run badpeer on its machine and as its \
             user, or give its pid"
        }
    };
    format!("not measured: {why}")
}

/// Times say nothing of the server where others had its cores.
fn only_if_valid(trend: Trend, repeat: &Repeat) -> Trend {
    match repeat.doubts().next() {
        Some(why) => Trend { finding: Growth::Unknown, reason: Some(why.to_owned()), ..trend },
        None => trend,
    }
}

/// What a trend comes to where the load was not the same all the time: that it did not grow under a load that fell, or that it
/// grew under one that rose, says nothing.
fn under(change: Option<&Change>, trend: Trend) -> Trend {
    let unknown =
        |why: &String| Trend { finding: Growth::Unknown, reason: Some(why.clone()), ..trend.clone() };
    match (change, trend.finding) {
        (Some(Change::Fell(why)), Growth::NotShown | Growth::LevelsOff)
        | (Some(Change::Rose(why)), Growth::Grows) => unknown(why),
        _ => trend,
    }
}

/// Growth that went on, per so many connections, where they come and go; in the metric's unit.
#[must_use]
pub fn per_connections(soak: &Soak, trend: &Trend, connections: f64) -> Option<f64> {
    // So few say nothing of a connection.
    const FEWEST: f64 = 1000.0;
    let opened = soak.connections_per_hour * soak.seconds / 3600.0;
    (opened >= FEWEST).then(|| trend.lasting().per_hour / soak.connections_per_hour * connections)
}

#[cfg(test)]
mod tests;
