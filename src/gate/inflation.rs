//! How much of a latency was caused by the load generator, which started requests late, or read answers late because it
//! was stalled.

use crate::{
    metric::{Fold, Key, Kind, Metric, Stat},
    profile::Group,
    record::{GroupResult, Repeat},
};

/// A latency of which the load generator caused more than this share is not judged, unless it stayed below its limit.
pub const MOST_OWN_SHARE: f64 = 0.2;
/// Pauses shorter than this are not added up in `harness_paused`, in nanoseconds.
const PAUSE_NS: f64 = 50e6;

/// The share of a group's latency, from 0 to 1, that the load generator caused in this repeat, by starting requests
/// late or by being stalled while answers waited to be read. 0 for metrics that are not latencies.
#[must_use]
pub fn own_share(repeat: &Repeat, group: &Group, metric: Metric) -> f64 {
    let Some(result) = repeat.group(&group.name) else { return 0.0 };
    let name = Key::new(Some(&group.name), Stat::once(metric)).to_string();
    let value = repeat.summary.get(&name).copied().filter(|value| *value > 0.0);
    let (Some(value), Some(q)) = (value, share_below(metric)) else { return 0.0 };
    let paused = paused_share(repeat, group, result, q, value);
    let is_response = !matches!(metric, Metric::ServiceP50 | Metric::ServiceP99);
    if is_response { paused.max(delayed_share(result, q)) } else { paused }
}

/// The quantile that a latency is.
const fn share_below(metric: Metric) -> Option<f64> {
    match metric.spec().kind {
        Kind::Latency(beyond) => Some(1.0 - beyond),
        Kind::Wait => Some(1.0),
        Kind::Download | Kind::Answers | Kind::Lateness | Kind::EvictionSeen | Kind::Held | Kind::Other => {
            None
        }
    }
}

/// Of an open loop's quantile, the share that requests were started late by.
fn delayed_share(result: &GroupResult, q: f64) -> f64 {
    let quantiles = result.response_ns.quantile(q).zip(result.undelayed_ns.quantile(q));
    quantiles.map_or(0.0, |(all, undelayed)| 1.0 - (undelayed as f64 / all.max(1) as f64).min(1.0))
}

/// A pause makes every answer late that comes in it: one for each request under way. Where these can be the slowest ones
/// that a quantile is about, the longest pause as a share of it.
fn paused_share(repeat: &Repeat, group: &Group, result: &GroupResult, q: f64, value: f64) -> f64 {
    let number = |metric| {
        let name = Stat { metric, fold: Fold::Final }.name();
        repeat.summary.get(&name).copied().unwrap_or(0.0)
    };
    let longest = number(Metric::HarnessPauseMax);
    let pauses = (number(Metric::HarnessPaused) / PAUSE_NS).ceil().max(1.0);
    let under_way = f64::from(group.count) * f64::from(group.load.depth.unwrap_or(1));
    let slower = (1.0 - q) * result.response_ns.count() as f64;
    if slower <= pauses * under_way && (q >= 1.0 || longest >= PAUSE_NS) {
        (longest / value).min(1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::repeat, record::Buckets};

    fn group(load: &str) -> Group {
        toml::from_str(&format!("name = 'g'\ncount = 8\nload = {load}")).expect("a group")
    }

    const OPEN: &str = "{ rate = 1000, payload = 9 }";
    const CLOSED: &str = "{ depth = 1, payload = 9 }";

    /// The share of the p99 and of the longest wait, where so many were answered in 40 ms at most.
    fn shares(load: &str, numbers: &[(&str, f64)], answered: u64, undelayed_ns: u64) -> [f64; 2] {
        let mut repeat = repeat(&[numbers, &[("g.latency_p99", 40e6), ("g.longest_wait", 40e6)]].concat());
        repeat.groups.push(GroupResult {
            name: "g".to_owned(),
            response_ns: Buckets(vec![(40_000_000, answered)]),
            undelayed_ns: Buckets(if undelayed_ns > 0 { vec![(undelayed_ns, answered)] } else { Vec::new() }),
            ..GroupResult::default()
        });
        [Metric::LatencyP99, Metric::LongestWait].map(|metric| own_share(&repeat, &group(load), metric))
    }

    #[test]
    fn late_starts_are_compared_with_the_latency() {
        let [p99, _] = shares(OPEN, &[], 10_000, 1_000_000);
        assert!((p99 - 0.975).abs() < 1e-9, "{p99}");
        assert!(shares(OPEN, &[], 10_000, 40_000_000)[0] < 1e-9);
        assert!(shares(CLOSED, &[], 10_000, 0)[0] < 1e-9, "a closed loop is never late by itself");
    }

    #[test]
    fn a_pause_counts_for_the_quantiles_it_can_reach() {
        let paused = [("harness_pause_max", 60e6), ("harness_paused", 60e6)];
        // Of 100,000 requests 16 at most were read late: not the slowest 1,000.
        assert_eq!(shares(CLOSED, &paused, 100_000, 0).map(|share| share > 0.0), [false, true]);
        assert_eq!(shares(CLOSED, &paused, 1000, 0).map(|share| share >= 1.0), [true, true]);
    }

    #[test]
    fn short_pauses_count_only_for_the_longest_wait() {
        let [p99, wait] = shares(CLOSED, &[("harness_pause_max", 10e6)], 100, 0);
        assert!(p99 < 1e-9 && (wait - 0.25).abs() < 1e-9, "{p99} {wait}");
    }

    #[test]
    fn other_numbers_are_not_inflated() {
        let repeat = repeat(&[("g.evicted", 3.0), ("harness_pause_max", 1e9)]);
        assert!(own_share(&repeat, &group(OPEN), Metric::Evicted) < 1e-9);
    }
}
