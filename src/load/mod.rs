//! When a request is due. Pure: time and counts go in, a decision comes out.
//!
//! In an *open loop* requests become due by the clock, whatever the server does, and latency counts from then
//! (Schroeder, Wierman and Harchol-Balter, "Open versus closed", NSDI 2006). In a *closed loop* a connection keeps
//! `depth` requests under way, and the next is due when one is answered.

mod connect_rate;
mod reconnect;
mod schedule;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::{Deserialize, Serialize};

pub use self::{
    connect_rate::ConnectRate,
    reconnect::{Attempts, Reconnect},
    schedule::{BadSchedule, Schedule},
};
use crate::units::Bytes;

/// How requests of an open loop are distributed over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// At equal intervals.
    #[default]
    Constant,
    /// At random: a Poisson process, like that of independent users.
    Poisson,
}

/// The load of a group: a closed loop has a `depth`, an open loop a `rate`; without either, no requests are sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Closed loop: open requests on each connection. Open loop: largest number of open requests on one connection.
    /// Default: 1 for HTTP, because not every server accepts pipelined requests; unlimited for other protocols.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Open loop: requests per second of the whole group, as soon as all of its connections are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Schedule>,
    /// Open loop: how requests are distributed over time.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Bytes of payload in each request. Default: none.
    #[serde(default)]
    pub payload: Bytes,
    /// Bytes of payload in each answer. Default for `echo`, `frame` and `line`: as many as in the request. For `http`
    /// and `resp`: the expected length, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Bytes>,
}

impl Load {
    /// Whether the next request is due when one is answered. An open loop may have a `depth`, too: then it is the most
    /// that one connection has under way.
    #[must_use]
    pub const fn is_closed_loop(&self) -> bool {
        self.depth.is_some() && self.rate.is_none()
    }

    /// Bytes of payload in each answer, where it is as long as the request unless set.
    #[must_use]
    pub fn answer_bytes(&self) -> u64 {
        self.answer.unwrap_or(self.payload).0
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// A request became due at this time (ns since the start): start it.
    Due(u64),
    /// The next becomes due at this time.
    Wait(u64),
}

/// The clock of an open loop. Times are nanoseconds since its start.
#[derive(Clone, Debug)]
pub struct Pace {
    schedule: Schedule,
    /// For a Poisson process: the source of gaps.
    gaps: Option<Xoshiro256PlusPlus>,
    /// The place of the next request among the arrivals. Its time is computed from that, so that rounding never adds up.
    place: f64,
    next_ns: u64,
}

impl Pace {
    /// Requests as the schedule says; the seed fixes every arrival.
    #[must_use]
    pub fn new(schedule: Schedule, arrivals: Arrivals, seed: u64) -> Self {
        let gaps = (arrivals == Arrivals::Poisson).then(|| Xoshiro256PlusPlus::seed_from_u64(seed));
        let mut pace = Self { schedule, gaps, place: 0.0, next_ns: 0 };
        if pace.gaps.is_some() {
            pace.place = pace.gap();
        }
        pace.next_ns = pace.due_ns();
        pace
    }

    /// What to do at this time. A `Due` counts as started.
    pub fn decide(&mut self, elapsed_ns: u64) -> Pacing {
        if self.next_ns > elapsed_ns {
            return Pacing::Wait(self.next_ns);
        }
        let due = self.next_ns;
        self.place += self.gap();
        self.next_ns = self.due_ns();
        Pacing::Due(due)
    }

    /// Leaves out the next requests: others start them.
    pub fn skip(&mut self, count: u32) {
        if self.gaps.is_none() && count > 0 {
            // The sum of ones is exact.
            self.place += f64::from(count);
            self.next_ns = self.due_ns();
            return;
        }
        for _ in 0..count {
            self.decide(u64::MAX);
        }
    }

    /// When the next request becomes due; `u64::MAX`: none ever will.
    #[must_use]
    pub const fn next_ns(&self) -> u64 {
        self.next_ns
    }

    fn due_ns(&self) -> u64 {
        self.schedule.due_ns(self.place).unwrap_or(u64::MAX)
    }

    /// From one arrival to the next at a rate of 1: 1, or an exponential gap, by inversion.
    fn gap(&mut self) -> f64 {
        let Some(gaps) = &mut self.gaps else { return 1.0 };
        let uniform: f64 = gaps.random();
        -(1.0 - uniform).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(schedule: &str, arrivals: Arrivals, seed: u64) -> Pace {
        Pace::new(schedule.parse().expect("a schedule"), arrivals, seed)
    }

    fn due_until(pace: &mut Pace, end_ns: u64) -> Vec<u64> {
        std::iter::from_fn(|| match pace.decide(end_ns) {
            Pacing::Due(at) => Some(at),
            Pacing::Wait(_) => None,
        })
        .collect()
    }

    #[test]
    fn constant_arrivals_never_drift() {
        let mut pace = pace("3/s", Arrivals::Constant, 0);
        let due = due_until(&mut pace, 1_000_000_000_000);
        assert_eq!(due.len(), 3001);
        assert_eq!((due[0], due[1], due[3000]), (0, 333_333_333, 1_000_000_000_000));
        assert_eq!(pace.decide(1_000_000_000_000), Pacing::Wait(1_000_333_333_333));
    }

    #[test]
    fn late_requests_keep_their_due_time() {
        let mut pace = pace("1000/s", Arrivals::Constant, 0);
        assert_eq!(due_until(&mut pace, 2_500_000), [0, 1_000_000, 2_000_000]);
    }

    #[test]
    fn threads_that_skip_each_others_requests_start_each_once() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let pace = || pace("1000/s", arrivals, 3);
            let mut shared = Vec::new();
            for index in 0..3 {
                let mut part = pace();
                part.skip(index);
                while let Pacing::Due(due) = part.decide(1_000_000_000) {
                    shared.push(due);
                    part.skip(2);
                }
            }
            shared.sort_unstable();
            assert_eq!(shared, due_until(&mut pace(), 1_000_000_000));
        }
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread() {
        let due = due_until(&mut pace("1000/s", Arrivals::Poisson, 7), 100_000_000_000);
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "mean gap {mean} ms");
        assert!((variance.sqrt() - 1.0).abs() < 0.03, "spread {} ms", variance.sqrt());
    }

    #[test]
    fn the_seed_fixes_the_arrivals() {
        let arrivals = |seed| due_until(&mut pace("100/s", Arrivals::Poisson, seed), 1_000_000_000);
        assert_eq!(arrivals(1), arrivals(1));
        assert_ne!(arrivals(1), arrivals(2));
    }

    #[test]
    fn a_poisson_process_follows_the_ramp() {
        // 50 · t² requests are due after t seconds, whichever way they follow each other.
        let due = due_until(&mut pace("0/s to 20000/s over 200s", Arrivals::Poisson, 3), 200_000_000_000);
        for second in [50_u64, 100, 200] {
            let found = due.partition_point(|due| *due < second * 1_000_000_000) as f64;
            let wanted = 50.0 * (second * second) as f64;
            // Four standard deviations of a Poisson variable.
            assert!(
                (found - wanted).abs() < 4.0 * wanted.sqrt(),
                "{found} by {second} s instead of {wanted}"
            );
        }
        assert!(due.is_sorted());
    }

    #[test]
    fn nothing_becomes_due_after_the_last_request() {
        let mut pace = pace("4/s for 1s then 0/s", Arrivals::Constant, 0);
        assert_eq!(due_until(&mut pace, u64::MAX - 1).len(), 4);
        assert_eq!(pace.decide(u64::MAX - 1), Pacing::Wait(u64::MAX));
    }
}
