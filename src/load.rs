//! When a request is due. Pure: time and counts go in, a decision comes out.
//!
//! In an *open loop* requests become due by the clock, whatever the server does, and latency counts from then
//! (Schroeder, Wierman and Harchol-Balter, "Open versus closed", NSDI 2006). In a *closed loop* a connection keeps
//! `depth` requests under way, and the next is due when one is answered.

mod reconnect;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::{Deserialize, Serialize};

pub use self::reconnect::{Attempts, Reconnect};
use crate::units::{Bytes, Rate};

/// How requests of an open loop follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// At equal distances.
    #[default]
    Constant,
    /// At random: a Poisson process, as independent users make it.
    Poisson,
}

/// What a group asks for. Either `depth` or `rate` is set, or nothing is ever asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Closed loop: requests under way on each connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Open loop: requests per second of the whole group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Open loop: how requests follow each other.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Bytes of payload in each request; none unless set.
    #[serde(default)]
    pub payload: Bytes,
    /// Bytes of payload in each answer. For `echo`, `frame` and `line` as many as in the request unless set; for `http`
    /// and `resp` what is expected, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Bytes>,
}

impl Load {
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
    per_second: f64,
    /// For a Poisson process: the source of gaps.
    gaps: Option<Xoshiro256PlusPlus>,
    started: u64,
    next_ns: u64,
}

impl Pace {
    /// `rate` requests per second; the seed fixes every arrival.
    ///
    /// # Panics
    /// If the rate is not above 0.
    #[must_use]
    pub fn new(rate: Rate, arrivals: Arrivals, seed: u64) -> Self {
        assert!(rate.0 > 0.0, "an open loop needs a rate above 0");
        let gaps = (arrivals == Arrivals::Poisson).then(|| Xoshiro256PlusPlus::seed_from_u64(seed));
        let mut pace = Self { per_second: rate.0, gaps, started: 0, next_ns: 0 };
        if pace.gaps.is_some() {
            pace.next_ns = pace.gap();
        }
        pace
    }

    /// What to do at this time. A `Due` counts as started.
    pub fn decide(&mut self, elapsed_ns: u64) -> Pacing {
        if self.next_ns > elapsed_ns {
            return Pacing::Wait(self.next_ns);
        }
        let due = self.next_ns;
        self.started += 1;
        // Constant arrivals are computed from their number, so that rounding never adds up.
        self.next_ns = match self.gaps {
            None => (self.started as f64 * 1e9 / self.per_second) as u64,
            Some(_) => due + self.gap(),
        };
        Pacing::Due(due)
    }

    /// Leaves out the next requests: others start them.
    pub fn skip(&mut self, count: u32) {
        for _ in 0..count {
            self.decide(u64::MAX);
        }
    }

    /// When the next request becomes due.
    #[must_use]
    pub const fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// An exponential gap, by inversion.
    fn gap(&mut self) -> u64 {
        let uniform: f64 = self.gaps.as_mut().map_or(0.5, RngExt::random);
        (-(1.0 - uniform).ln() * 1e9 / self.per_second) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_until(pace: &mut Pace, end_ns: u64) -> Vec<u64> {
        std::iter::from_fn(|| match pace.decide(end_ns) {
            Pacing::Due(at) => Some(at),
            Pacing::Wait(_) => None,
        })
        .collect()
    }

    #[test]
    fn constant_arrivals_never_drift() {
        let mut pace = Pace::new(Rate(3.0), Arrivals::Constant, 0);
        let due = due_until(&mut pace, 1_000_000_000_000);
        assert_eq!(due.len(), 3001);
        assert_eq!((due[0], due[1], due[3000]), (0, 333_333_333, 1_000_000_000_000));
        assert_eq!(pace.decide(1_000_000_000_000), Pacing::Wait(1_000_333_333_333));
    }

    #[test]
    fn late_requests_keep_the_time_they_were_due() {
        let mut pace = Pace::new(Rate(1000.0), Arrivals::Constant, 0);
        assert_eq!(due_until(&mut pace, 2_500_000), [0, 1_000_000, 2_000_000]);
    }

    #[test]
    fn several_who_skip_each_others_requests_start_every_one_once() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let pace = || Pace::new(Rate(1000.0), arrivals, 3);
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
        let due = due_until(&mut Pace::new(Rate(1000.0), Arrivals::Poisson, 7), 100_000_000_000);
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "mean gap {mean} ms");
        assert!((variance.sqrt() - 1.0).abs() < 0.03, "spread {} ms", variance.sqrt());
    }

    #[test]
    fn the_seed_fixes_the_arrivals() {
        let arrivals = |seed| due_until(&mut Pace::new(Rate(100.0), Arrivals::Poisson, seed), 1_000_000_000);
        assert_eq!(arrivals(1), arrivals(1));
        assert_ne!(arrivals(1), arrivals(2));
    }
}
