//! Deadlines of many connections, of which every event moves one: what a move costs, and how late those come that are
//! reached.
//!
//! Time passes in the experiment only: the owner wakes exactly when an event comes or a timer asks for it, so that
//! lateness is the data structure's own.

mod scheme;

use super::cpu_time::cpu_ns;
use crate::{
    metric::{Metric, Row},
    profile::Timers,
};

pub use self::scheme::{Keeper, Popped, keeper};

pub(super) fn run(asked: &Timers, seed: u64) -> Row {
    let mut connections = Connections::new(asked, seed);
    let moving = cpu_ns(|| (0..asked.steps.0).for_each(|_| connections.event()));
    let stale = connections.stale;
    connections.fall_silent();

    let steps = f64::from(asked.steps.0);
    let mut row = Row::default();
    row.set(Metric::CoreCpuPerStep, moving / steps);
    row.set(Metric::CoreEntries, connections.most_entries as f64);
    row.set(Metric::CoreStalePerStep, stale as f64 / steps);
    row.set(Metric::CoreLatenessMin, connections.lateness_ns.0 as f64);
    row.set(Metric::CoreLatenessMax, connections.lateness_ns.1 as f64);
    row
}

/// Connections with a deadline each, and the clock they live by.
#[derive(Debug)]
pub struct Connections {
    keeper: Box<dyn Keeper>,
    armed: u32,
    timeout_ns: u64,
    every_ns: u64,
    now_ns: u64,
    random: Random,
    most_entries: usize,
    /// Timers that came up although their deadline had been moved.
    stale: u64,
    /// The least and the most that a timer came after its deadline.
    lateness_ns: (i64, i64),
}

impl Connections {
    /// Arms all deadlines, evenly over one timeout.
    #[must_use]
    pub fn new(asked: &Timers, seed: u64) -> Self {
        let Timers { scheme, armed, timeout, every, tick, .. } = asked;
        let (armed, timeout_ns) = (armed.0, timeout.0.as_nanos() as u64);
        let mut keeper = keeper(*scheme, armed, tick.0.as_nanos() as u64);
        for key in 0..armed {
            let share = (u128::from(timeout_ns) * u128::from(key + 1)).div_ceil(u128::from(armed));
            keeper.arm(key, share as u64);
        }
        Self {
            keeper,
            armed,
            timeout_ns,
            every_ns: every.0.as_nanos() as u64,
            now_ns: 0,
            random: Random::new(seed),
            most_entries: 0,
            stale: 0,
            lateness_ns: (i64::MAX, i64::MIN),
        }
    }

    /// An event on a random connection moves its deadline. What is reached until then comes up at the instant that its
    /// timer asks for; another connection takes its place.
    pub fn event(&mut self) {
        let event_ns = self.now_ns + self.every_ns;
        while let Some(wake_ns) = self.keeper.next_wake_ns().filter(|wake_ns| *wake_ns < event_ns) {
            self.expire(wake_ns, true);
        }
        self.expire(event_ns, true);
        let key = self.random.below(self.armed);
        self.keeper.rearm(key, event_ns + self.timeout_ns);
        self.most_entries = self.most_entries.max(self.keeper.entries());
    }

    /// No more events: every deadline is reached.
    fn fall_silent(&mut self) {
        let mut reached = 0;
        while let Some(wake_ns) = self.keeper.next_wake_ns() {
            reached += self.expire(wake_ns, false);
        }
        assert_eq!(reached, self.armed, "each deadline that was armed is reached once");
    }

    /// Takes out what is due; how many deadlines were.
    fn expire(&mut self, now_ns: u64, replace: bool) -> u32 {
        self.now_ns = now_ns;
        let mut reached = 0;
        while let Some(popped) = self.keeper.pop(now_ns) {
            let Popped::Reached { key, deadline_ns } = popped else {
                self.stale += 1;
                continue;
            };
            reached += 1;
            let late = now_ns as i64 - deadline_ns as i64;
            self.lateness_ns = (self.lateness_ns.0.min(late), self.lateness_ns.1.max(late));
            if replace {
                self.keeper.arm(key, now_ns + self.timeout_ns);
            }
        }
        reached
    }
}

/// Xorshift (Marsaglia 2003): a few instructions, so that little of what is measured is its own.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Any state but 0; multiplying by an odd number spreads neighboring seeds.
        Self((seed | 1 << 63).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        profile::Scheme,
        units::{Count, Span},
    };

    const SCHEMES: [Scheme; 3] = [Scheme::Wheel, Scheme::Heap, Scheme::Lazy];

    /// A thousand deadlines 100 ms ahead, of which one is moved every 10 µs, ten timeouts long.
    fn found(scheme: Scheme) -> impl Fn(Metric) -> f64 {
        let timers = Timers {
            scheme,
            armed: Count(1000),
            timeout: Span(Duration::from_millis(100)),
            steps: Count(100_000),
            ..Timers::default()
        };
        let row = run(&timers, 42);
        move |metric| row.value(metric).expect("a number")
    }

    #[test]
    fn no_scheme_fires_early_and_the_wheel_is_late_by_less_than_a_tick() {
        for scheme in SCHEMES {
            let found = found(scheme);
            let (least, most) = (found(Metric::CoreLatenessMin), found(Metric::CoreLatenessMax));
            assert!((0.0..=most).contains(&least), "{scheme}: {least}");
            let tick = if scheme == Scheme::Heap { 1.0 } else { 1e6 };
            assert!(most < tick, "{scheme}: {most}");
        }
    }

    #[test]
    fn each_scheme_keeps_as_many_stale_entries_as_expected() {
        let [wheel, heap, lazy] = SCHEMES.map(found);
        let entries = |found: &dyn Fn(Metric) -> f64| found(Metric::CoreEntries);
        let stale = |found: &dyn Fn(Metric) -> f64| found(Metric::CoreStalePerStep) * 100_000.0;
        assert_eq!((entries(&wheel), entries(&lazy)), (1000.0, 1000.0));
        assert!(entries(&heap) > 10_000.0, "one left behind for each move of a timeout: {}", entries(&heap));
        assert!(stale(&wheel) < 1.0, "{}", stale(&wheel));
        assert!((80_000.0..100_000.0).contains(&stale(&heap)), "{}", stale(&heap));
        assert!((9_000.0..11_000.0).contains(&stale(&lazy)), "each once in a timeout: {}", stale(&lazy));
    }

    #[test]
    fn random_numbers_cover_the_range_and_follow_the_seed() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..1000).map(|_| random.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
        assert!((0..10).all(|key| draw(7).iter().filter(|drawn| **drawn == key).count() > 50));
    }
}
