//! The price of bad peers, from the numbers of a repeat in its phases.
//!
//! What the numbers of `before` move by alone is noise. For memory this is the distance between its samples. For the 99th
//! percentile it is the longest one of an interval between two samples: one of all of `with` is not longer than that unless more
//! than single intervals were slower.

use crate::{
    metric::{Fold, Key, Metric, Stat},
    profile::{AFTER, BEFORE, Group, Profile, WITH},
    record::{GoodClients, Phased, Price, Repeat, ServerEndings},
};

/// Each kind of memory counts as back when at most this share of all that the bad peers added is left of it, or no more than
/// noise.
const LEFT_SHARE: f64 = 0.1;
/// Share of the requests that take longer than the 99th percentile.
const BEYOND: f64 = 0.01;
/// The chance with which the 99th percentile of a phase may be beyond noise though nothing differs, at most.
const CHANCE: f64 = 0.05;

/// The price of a repeat; `None` where its profile has no such phases, or none of them was measured.
#[must_use]
pub fn price(profile: &Profile, repeat: &Repeat) -> Option<Price> {
    let phase = |name: &str| repeat.phases.iter().find(|phase| phase.name == name);
    let (before, with) = (phase(BEFORE)?, phase(WITH)?);
    if before.to_ns > with.from_ns {
        return None;
    }
    let is_bad = |group: &&Group| (with.from_ns..with.to_ns).contains(&(group.start.0.as_nanos() as i64));
    let bad: Vec<&Group> = profile.clients.iter().filter(is_bad).collect();
    if bad.is_empty() {
        return None;
    }
    let is_good = |group: &&Group| {
        group.start.0.as_nanos() as i64 <= before.from_ns
            && group.stop.is_none()
            && group.is_steady()
            && !group.tx.is_idle()
    };
    let good: Vec<&Group> = profile.clients.iter().filter(is_good).collect();
    let numbers = Numbers { repeat };
    let gauge = |metric| numbers.of(None, metric, [Fold::Peak, Fold::Peak, Fold::Last]);
    let (user_memory, kernel_memory) = (gauge(Metric::ServerRss), gauge(Metric::KernelMemory));
    let connected: u64 = bad.iter().filter_map(|group| connected(repeat, group)).sum();
    let open =
        bad.iter().filter_map(|group| open_before(repeat, &group.name, with.to_ns)).sum::<f64>() as u64;
    let per_peer =
        |memory: Phased| memory.growth().filter(|_| connected > 0).map(|growth| growth / connected as f64);
    let endings: Vec<_> =
        bad.iter().filter_map(|group| repeat.group(&group.name)).map(|g| &g.server_endings).collect();
    let sum = |of: fn(&ServerEndings) -> u64| endings.iter().map(|ended| of(ended)).sum::<u64>();
    let mut price = Price {
        peers: bad.iter().map(|group| u64::from(group.connections())).sum(),
        connected,
        with_ns: (with.to_ns - with.from_ns).max(0) as u64,
        user_bytes_per_peer: per_peer(user_memory),
        kernel_bytes_per_peer: per_peer(kernel_memory),
        user_noise_bytes: numbers.moved(Metric::ServerRss),
        kernel_noise_bytes: numbers.moved(Metric::KernelMemory),
        server_cores: numbers.of(None, Metric::ServerCpu, [Fold::Rate; 3]),
        good: good.iter().map(|group| numbers.good(group)).collect(),
        ended: sum(|ended| ended.count),
        ended_by_reset: sum(|ended| ended.by_reset),
        ended_by_fin: sum(|ended| ended.by_fin),
        ended_after_error: sum(|ended| ended.after_error),
        error_answer: bad
            .iter()
            .filter_map(|group| repeat.group(&group.name)?.content.first_error)
            .map(|answer| answer.begins.to_string())
            .next(),
        ended_after_ns: endings.iter().filter_map(|ended| ended.after_ns).max(),
        // Where a client has not noticed its end, its connection looks open to it.
        held: open.saturating_sub(sum(|ended| ended.unnoticed)),
        memory_back_ns: None,
        latency_back_ns: latency_back(repeat, with.to_ns, &good),
        user_memory,
        kernel_memory,
    };
    price.memory_back_ns = memory_back(repeat, with.to_ns, &price);
    Some(price)
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
            p99_noise_ns: longest_interval(self.repeat, &group.name).filter(|_| self.tells_apart(group)),
            is_lower_bound: self.repeat.censored.contains_key(&p99.within(WITH).to_string()),
            answers_per_second: self.of(Some(&group.name), Metric::Answered, [Fold::Rate; 3]),
            silence_ns: once(Metric::LongestSilence),
        }
    }

    /// Whether a group got so many answers that its 99th percentile of `with` is hardly longer by chance than all of `before`:
    /// that takes the longest of both phases, as many as lie beyond the percentile, to be of `with`.
    fn tells_apart(&self, group: &Group) -> bool {
        let answers = |phase| self.one(Some(&group.name), Metric::Answered, Fold::Total, phase);
        let (Some(before), Some(with)) = (answers(BEFORE), answers(WITH)) else { return false };
        (with / (before + with)).powf(with * BEYOND) <= CHANCE
    }

    /// How far the samples of a gauge lie apart in `before`.
    fn moved(&self, metric: Metric) -> Option<f64> {
        let before = self.repeat.phases.iter().find(|phase| phase.name == BEFORE)?;
        let points = self.repeat.series.run_points(metric);
        // The sample at its end may see bad peers already.
        let within = points.iter().filter(|(at, _)| (before.from_ns..before.to_ns).contains(at));
        let values: Vec<f64> = within.map(|(_, value)| *value).collect();
        let (least, most) = (values.iter().copied().reduce(f64::min)?, values.into_iter().reduce(f64::max)?);
        Some(most - least)
    }
}

/// The longest 99th percentile of a group in an interval between two samples of `before`.
fn longest_interval(repeat: &Repeat, group: &str) -> Option<f64> {
    let before = repeat.phases.iter().find(|phase| phase.name == BEFORE)?;
    let p99 = repeat.series.group_points(group, Metric::IntervalP99);
    let within = p99.iter().filter(|(at, _)| *at > before.from_ns && *at <= before.to_ns);
    within.map(|(_, ns)| *ns).reduce(f64::max)
}

/// How many of a group were connected at some time: a server may end them before a sample sees them.
fn connected(repeat: &Repeat, group: &Group) -> Option<u64> {
    let ledger = &repeat.group(&group.name)?.ledger;
    let established = ledger.opened.saturating_sub(ledger.refused + ledger.timed_out);
    Some(established.min(u64::from(group.connections())))
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

/// When the later of the two kinds of memory was back that were measured. What is left of the smaller kind is weighed against
/// all that was added: an allocator that keeps 2 MiB beside 1 GiB of the kernel that is free again is back to normal.
fn memory_back(repeat: &Repeat, left_ns: i64, price: &Price) -> Option<u64> {
    let added: f64 = [price.user_memory, price.kernel_memory].iter().filter_map(Phased::growth).sum();
    let mut latest = None;
    for (metric, memory, noise) in [
        (Metric::ServerRss, price.user_memory, price.user_noise()),
        (Metric::KernelMemory, price.kernel_memory, price.kernel_noise()),
    ] {
        let (Some(before), Some(_)) = (memory.before, memory.growth()) else { continue };
        let most = before + (added * LEFT_SHARE).max(noise.unwrap_or(0.0));
        let readings = repeat.series.run_points(metric);
        // One that was ended before it would have left costs nothing any more.
        let last = readings.iter().rev().find(|(at, _)| *at < left_ns);
        let was_back = last.is_some_and(|(_, bytes)| *bytes <= most);
        latest =
            latest.max(Some(if was_back { 0 } else { back(&readings, left_ns, |bytes| bytes <= most)? }));
    }
    latest
}

/// When the slowest group of good clients was back: at the end of an interval that began after the bad peers had left.
fn latency_back(repeat: &Repeat, left_ns: i64, good: &[&Group]) -> Option<u64> {
    let mut latest = None;
    for group in good {
        let most = longest_interval(repeat, &group.name)?;
        let p99 = repeat.series.group_points(&group.name, Metric::IntervalP99);
        let without = p99.partition_point(|(at, _)| *at < left_ns);
        latest = latest.max(Some(back(p99.get(without + 1..)?, left_ns, |ns| ns <= most)?));
    }
    latest
}

#[cfg(test)]
mod tests;
