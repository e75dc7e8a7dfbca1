//! The price of bad peers, from the numbers of a repeat in its phases.

use crate::{
    metric::{Fold, Key, Metric, Stat},
    profile::{AFTER, BEFORE, Group, Profile, WITH},
    record::{GoodClients, Phased, Price, Repeat, ServerEndings},
};

/// Memory counts as back when at most this share of what the bad peers added is left.
const LEFT_SHARE: f64 = 0.1;

/// The price of a repeat; `None` where its profile has no such phases, or none of them was measured.
#[must_use]
pub fn price(profile: &Profile, repeat: &Repeat) -> Option<Price> {
    let phase = |name: &str| repeat.phases.iter().find(|phase| phase.name == name);
    let (_, with) = (phase(BEFORE)?, phase(WITH)?);
    let is_bad = |group: &&Group| group.start.0.as_nanos() as i64 >= with.from_ns;
    let bad: Vec<&Group> = profile.clients.iter().filter(is_bad).collect();
    if bad.is_empty() {
        return None;
    }
    let is_good =
        |group: &&Group| !is_bad(group) && group.stop.is_none() && group.is_steady() && !group.tx.is_idle();
    let good: Vec<&Group> = profile.clients.iter().filter(is_good).collect();
    let numbers = Numbers { repeat };
    let gauge = |metric| numbers.of(None, metric, [Fold::Last, Fold::Peak, Fold::Last]);
    let (user_memory, kernel_memory) = (gauge(Metric::ServerRss), gauge(Metric::KernelMemory));
    let connected = |group: &&Group| numbers.one(Some(&group.name), Metric::Alive, Fold::Peak, WITH);
    let connected = bad.iter().filter_map(connected).sum::<f64>() as u64;
    let open =
        bad.iter().filter_map(|group| open_before(repeat, &group.name, with.to_ns)).sum::<f64>() as u64;
    let per_peer =
        |memory: Phased| memory.growth().filter(|_| connected > 0).map(|growth| growth / connected as f64);
    let endings: Vec<_> =
        bad.iter().filter_map(|group| repeat.group(&group.name)).map(|g| &g.server_endings).collect();
    let sum = |of: fn(&ServerEndings) -> u64| endings.iter().map(|ended| of(ended)).sum::<u64>();
    Some(Price {
        peers: bad.iter().map(|group| u64::from(group.connections())).sum(),
        connected,
        with_ns: (with.to_ns - with.from_ns).max(0) as u64,
        user_bytes_per_peer: per_peer(user_memory),
        kernel_bytes_per_peer: per_peer(kernel_memory),
        server_cores: numbers.of(None, Metric::ServerCpu, [Fold::Rate; 3]),
        good: good.iter().map(|group| numbers.good(group)).collect(),
        ended: sum(|ended| ended.count),
        ended_by_reset: sum(|ended| ended.by_reset),
        ended_by_fin: sum(|ended| ended.by_fin),
        ended_after_error: sum(|ended| ended.after_error),
        ended_after_ns: endings.iter().filter_map(|ended| ended.after_ns).max(),
        // Where a client has not noticed its end, its connection looks open to it.
        held: open.saturating_sub(sum(|ended| ended.unnoticed)),
        memory_back_ns: memory_back(repeat, with.to_ns, user_memory, kernel_memory),
        latency_back_ns: latency_back(repeat, with.from_ns, with.to_ns, &good),
        user_memory,
        kernel_memory,
    })
}

/// The numbers of a repeat in its phases.
struct Numbers<'a> {
    repeat: &'a Repeat,
}

impl Numbers<'_> {
    fn one(&self, group: Option<&str>, metric: Metric, fold: Fold, phase: &str) -> Option<f64> {
        let name = Key::new(group, Stat { metric, fold }).within(phase).to_string();
        self.repeat.summary.get(&name).copied()
    }

    fn of(&self, group: Option<&str>, metric: Metric, folds: [Fold; 3]) -> Phased {
        let [before, with, after] = folds;
        let number = |fold, phase| self.one(group, metric, fold, phase);
        Phased { before: number(before, BEFORE), with: number(with, WITH), after: number(after, AFTER) }
    }

    fn good(&self, group: &Group) -> GoodClients {
        let once = |metric| self.of(Some(&group.name), metric, [Fold::Final; 3]);
        let p99 = Key::new(Some(&group.name), Stat::once(Metric::LatencyP99));
        GoodClients {
            group: group.name.clone(),
            p50_ns: once(Metric::LatencyP50),
            p99_ns: once(Metric::LatencyP99),
            is_lower_bound: self.repeat.censored.contains_key(&p99.within(WITH).to_string()),
            answers_per_second: self.of(Some(&group.name), Metric::Answered, [Fold::Rate; 3]),
            silence_ns: once(Metric::LongestSilence),
        }
    }
}

/// Connections of a group that were open at the last sample before it left: the one at that instant may be of either side.
fn open_before(repeat: &Repeat, group: &str, left_ns: i64) -> Option<f64> {
    let alive = repeat.series.group_points(group, Metric::Alive);
    alive.iter().rev().find(|(at, _)| *at < left_ns).map(|(_, open)| *open)
}

/// How long after `left_ns` a series first had a value that will do, and was read then.
fn back(readings: &[(i64, f64)], left_ns: i64, will_do: impl Fn(f64) -> bool) -> Option<u64> {
    let back = readings.iter().find(|(at, value)| *at > left_ns && will_do(*value))?;
    Some((back.0 - left_ns) as u64)
}

/// When the later of the two kinds of memory was back that were measured.
fn memory_back(repeat: &Repeat, left_ns: i64, user: Phased, kernel: Phased) -> Option<u64> {
    let mut latest = None;
    for (metric, memory) in [(Metric::ServerRss, user), (Metric::KernelMemory, kernel)] {
        let (Some(before), Some(growth)) = (memory.before, memory.growth()) else { continue };
        let most = before + growth * LEFT_SHARE;
        latest = latest.max(Some(back(&repeat.series.run_points(metric), left_ns, |bytes| bytes <= most)?));
    }
    latest
}

/// When the slowest group of good clients was back.
fn latency_back(repeat: &Repeat, came_ns: i64, left_ns: i64, good: &[&Group]) -> Option<u64> {
    let mut latest = None;
    for group in good {
        let p99 = repeat.series.group_points(&group.name, Metric::IntervalP99);
        let from = repeat.phases.iter().find(|phase| phase.name == BEFORE)?.from_ns;
        let before = p99.iter().filter(|(at, _)| *at > from && *at <= came_ns).map(|(_, ns)| *ns);
        let most = before.reduce(f64::max)?;
        latest = latest.max(Some(back(&p99, left_ns, |ns| ns <= most)?));
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        profile::Source,
        record::{GroupResult, Phase, Series},
    };

    const SECOND: i64 = 1_000_000_000;
    const MIB: f64 = 1024.0 * 1024.0;

    fn profile(bad: &str) -> Profile {
        let text = format!(
            "title = \"t\"\nmeasure = \"4s\"\n[[clients]]\nname = \"good\"\ncount = 1\n\
             load = {{ depth = 1, payload = 9 }}\n[[clients]]\nname = \"bad\"\ncount = 10\n\
             load = {{ depth = 1, payload = 9 }}\n{bad}\n\
             [phases]\nbefore = \"1s\"\nwith = \"2s\"\nafter = \"4s\""
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    /// Ten bad peers from 2 s to 4 s.
    fn repeat() -> Repeat {
        let mut repeat = Repeat::default();
        for (name, from, to) in [(BEFORE, 1, 2), (WITH, 2, 4), (AFTER, 4, 5)] {
            repeat.phases.push(Phase { name: name.into(), from_ns: from * SECOND, to_ns: to * SECOND });
        }
        for (name, value) in [
            ("server_rss_last @ before", 5.0 * MIB),
            ("server_rss_peak @ with", 4.0 * MIB),
            ("kernel_memory_last @ before", MIB),
            ("kernel_memory_peak @ with", 31.0 * MIB),
            ("kernel_memory_last @ after", 2.0 * MIB),
            ("good.latency_p99 @ before", 2e6),
            ("good.latency_p99 @ with", 8e8),
            ("good.longest_silence @ before", 1e6),
            ("good.longest_silence @ with", 1.6e9),
            ("bad.alive_peak @ with", 10.0),
        ] {
            repeat.summary.insert(name.to_owned(), value);
        }
        repeat.censored.insert("good.latency_p99 @ with".to_owned(), "unanswered".to_owned());
        repeat.series = Series { at_ns: (0..6).map(|s| s * SECOND).collect(), ..Series::default() };
        let mut column = |name: &str, values: [f64; 6]| {
            repeat.series.columns.insert(name.to_owned(), values.map(Some).to_vec());
        };
        column("server_rss", [5.0 * MIB; 6]);
        column("kernel_memory", [0.0, MIB, MIB, 31.0 * MIB, 31.0 * MIB, 2.0 * MIB]);
        column("bad.alive", [0.0, 0.0, 10.0, 8.0, 0.0, 0.0]);
        column("good.response_p99", [0.0, 9e9, 3e6, 8e8, 8e8, 4e6]);
        let server_endings = ServerEndings {
            count: 3,
            by_reset: 1,
            by_fin: 2,
            unnoticed: 1,
            after_ns: Some(700),
            ..ServerEndings::default()
        };
        repeat.groups = vec![GroupResult { name: "bad".into(), server_endings, ..GroupResult::default() }];
        repeat
    }

    fn found() -> Price {
        let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
        price(&profile, &repeat()).expect("a price")
    }

    #[test]
    fn the_price_is_what_the_phases_differ_by() {
        let price = found();
        assert_eq!((price.peers, price.connected, price.with_ns), (10, 10, 2_000_000_000));
        assert_eq!((price.user_bytes_per_peer, price.kernel_bytes_per_peer), (Some(0.0), Some(3.0 * MIB)));
        assert_eq!(price.bytes_per_peer(), Some(3.0 * MIB));
        assert_eq!(price.kernel_memory.after, Some(2.0 * MIB));
        let good = price.worst().expect("good clients");
        assert_eq!((good.p99_ns.before, good.p99_ns.with, good.is_lower_bound), (Some(2e6), Some(8e8), true));
        assert_eq!((price.ended, price.ended_by_reset, price.ended_by_fin), (3, 1, 2));
        assert_eq!((price.held, price.ended_after_ns), (7, Some(700)), "one does not know that it was ended");
    }

    #[test]
    fn memory_and_latency_are_back_when_a_sample_shows_it() {
        let price = found();
        assert_eq!(price.memory_back_ns, Some(1_000_000_000));
        assert_eq!(price.latency_back_ns, None, "the longest of before was 3 ms");
    }

    #[test]
    fn good_clients_that_come_are_a_price_of_their_own() {
        let profile = profile("start = \"2s\"\nstop = \"4s\"");
        assert_eq!(price(&profile, &repeat()).map(|price| (price.peers, price.good.len())), Some((10, 1)));
    }

    #[test]
    fn there_is_no_price_without_phases_or_bad_peers() {
        let profile = profile("rx = \"stall\"");
        assert_eq!(price(&profile, &repeat()), None);
        assert_eq!(price(&self::profile("start = \"2s\""), &Repeat::default()), None);
    }
}
