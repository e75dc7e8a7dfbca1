//! Whether a server grows: the slopes of memory, descriptors and response times over a long run.

use crate::{
    metric::{Column, Metric},
    record::{Growth, Record, Repeat, Soak, Trend},
    stats::{Slope, block_medians, theil_sen},
};

/// Blocks of equal time that the series is cut into; each counts as one value.
const BLOCKS: usize = 24;

/// Standard errors of an interval of 99 % of so many blocks: Student's 2.82 for 22 degrees of freedom, and 5 % for a median in
/// place of a mean.
const ERRORS: f64 = 3.0;

/// Growth of memory over the whole time that is not called one: eight pages.
const LEAST_BYTES: f64 = 32_768.0;

/// The same of descriptors.
const LEAST_DESCRIPTORS: f64 = 2.0;

/// The same of response times, as a share of the first block.
const LEAST_DRIFT: f64 = 0.2;

/// Of the slope of the whole time, the second half has at least this share if it still grows.
const STILL: f64 = 0.5;

const NS_PER_HOUR: f64 = 3.6e12;

/// What the first repeat of a run shows of growth, if its first `settling` share (0 to 1) of the measured window is left out;
/// `None` if no repeat is whole.
#[must_use]
pub fn soak(record: &Record, settling: f64) -> Option<Soak> {
    let repeat = record.repeats().find(|repeat| !repeat.cut_short || repeat.measured_ns() > 0)?;
    let (from, to) = repeat.window_ns;
    let settled = from + (repeat.measured_ns() as f64 * settling) as i64;
    let seconds = to.saturating_sub(settled) as f64 / 1e9;
    let opened: u64 = repeat.groups.iter().map(|group| group.ledger.opened).sum();
    let hours = (to.max(1) as f64) / NS_PER_HOUR;
    let good = record.profile.clients.iter().filter(|group| group.is_good());
    let columns = [
        (None, Metric::ServerRss, LEAST_BYTES),
        (None, Metric::KernelMemory, LEAST_BYTES),
        (None, Metric::ServerDescriptors, LEAST_DESCRIPTORS),
    ];
    let times = good.map(|group| (Some(group.name.as_str()), Metric::IntervalP50, LEAST_DRIFT));
    let trends = columns.into_iter().chain(times).filter_map(|(group, metric, least)| {
        let series = match group {
            None => repeat.series.run_points(metric),
            Some(group) => repeat.series.group_points(group, metric),
        };
        let within = series.into_iter().filter(|(at, _)| (settled..=to).contains(at));
        let series: Vec<(f64, f64)> = within.map(|(at, value)| (at as f64 / NS_PER_HOUR, value)).collect();
        let trend = trend(&Column::new(group, metric).to_string(), &series, least)?;
        Some(if metric == Metric::IntervalP50 { only_if_valid(trend, repeat) } else { trend })
    });
    Some(Soak {
        settled_after: settled.saturating_sub(from) as f64 / 1e9,
        seconds,
        connections_per_hour: opened as f64 / hours,
        trends: trends.collect(),
    })
}

/// The growth of one series of times in hours and values. `least` below 1 is a share of its first block.
fn trend(name: &str, series: &[(f64, f64)], least: f64) -> Option<Trend> {
    let blocks = block_medians(series, BLOCKS);
    let Slope { slope, low, high, correlation } = theil_sen(&blocks, ERRORS)?;
    let ends = (blocks.first()?.1, blocks.last()?.1);
    let least = if least < 1.0 { least * ends.0 } else { least };
    let hours = series.last()?.0 - series.first()?.0;
    let late = theil_sen(&blocks[blocks.len() / 2..], ERRORS).map_or(slope, |late| late.slope);
    let finding = if low <= 0.0 || slope * hours < least {
        Growth::NotShown
    } else if late < STILL * slope {
        Growth::LevelsOff
    } else {
        Growth::Grows
    };
    Some(Trend {
        name: name.to_owned(),
        finding,
        per_hour: slope,
        low,
        high,
        correlation,
        ends,
        least,
        reason: None,
    })
}

/// Times say nothing of the server where others had its cores.
fn only_if_valid(trend: Trend, repeat: &Repeat) -> Trend {
    match repeat.doubts().next() {
        Some(why) => Trend { finding: Growth::Unknown, reason: Some(why.to_owned()), ..trend },
        None => trend,
    }
}

/// The median of a series' slope per so many connections, where they come and go; in the metric's unit.
#[must_use]
pub fn per_connections(soak: &Soak, trend: &Trend, connections: f64) -> Option<f64> {
    // So few say nothing of a connection.
    const FEWEST: f64 = 1000.0;
    let opened = soak.connections_per_hour * soak.seconds / 3600.0;
    (opened >= FEWEST).then(|| trend.per_hour / soak.connections_per_hour * connections)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    const PAGE: f64 = 4096.0;

    /// Eight minutes of memory in pages, a sample a second: this growth per hour, and an arena of an allocator that grows and is
    /// given back, with a memory of half a minute.
    fn memory(seed: u64, per_hour: f64) -> Vec<(f64, f64)> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut arena: f64 = 0.0;
        let sample = |second: u32| {
            let hours = f64::from(second) / 3600.0;
            arena = arena * 0.97 + (random.random::<f64>() - 0.5) * 12_000.0;
            (hours, ((8e6 + arena + per_hour * hours) / PAGE).round() * PAGE)
        };
        (0..480).map(sample).collect()
    }

    fn finding(series: &[(f64, f64)]) -> Growth {
        trend("server_rss", series, LEAST_BYTES).expect("enough values").finding
    }

    /// Eight minutes of what a function makes of the seconds.
    fn series(of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..480).map(|second| (f64::from(second) / 3600.0, of(f64::from(second)))).collect()
    }

    #[test]
    fn a_leak_of_a_kibibyte_per_thousand_connections_is_found_in_ten_minutes() {
        // 1000 connections a second leak 3.5 MiB in an hour; a fifth of the time is left out.
        let found = (0..200).filter(|seed| finding(&memory(*seed, 3600.0 * 1024.0)) == Growth::Grows).count();
        assert!(found >= 195, "{found} of 200");
    }

    #[test]
    fn a_clean_server_is_not_accused() {
        let accused = (0..500).filter(|seed| finding(&memory(*seed, 0.0)) == Growth::Grows).count();
        assert!(accused <= 10, "{accused} of 500");
        assert_eq!(finding(&series(|_| 8e6)), Growth::NotShown);
        assert_eq!(finding(&series(|at| 8e6 + at * 50.0)), Growth::NotShown, "24 KiB are six pages");
        assert_eq!(finding(&series(|at| 8e6 + at * 1000.0)), Growth::Grows);
    }

    #[test]
    fn growth_that_ends_is_no_leak() {
        assert_eq!(finding(&series(|at| 8e6 + at.min(320.0) * 1000.0)), Growth::LevelsOff);
        assert_ne!(finding(&series(|at| if at > 240.0 { 9e6 } else { 8e6 })), Growth::Grows, "a single step");
    }

    #[test]
    fn growth_is_per_connection_where_they_come_and_go() {
        let trend = trend("server_rss", &memory(1, 3.6e6), LEAST_BYTES).expect("enough values");
        let mut soak =
            Soak { settled_after: 0.0, seconds: 600.0, connections_per_hour: 3.6e6, trends: Vec::new() };
        let bytes = per_connections(&soak, &trend, 1000.0).expect("many connections");
        assert!((850.0..1150.0).contains(&bytes), "{bytes}");
        soak.connections_per_hour = 600.0;
        assert_eq!(per_connections(&soak, &trend, 1000.0), None);
    }
}
