//! What people see while they wait: the figures of the good clients over the last second, and the server's memory.

use std::collections::VecDeque;

use super::{Progress, sample::Samples};
use crate::{metric::Metric, profile::Group};

/// Rates and latencies are of so many nanoseconds: between two samples, a slow server may have answered nothing.
const SPAN_NS: i64 = 1_000_000_000;

/// Makes what people want to see while they wait out of the last samples.
pub(super) struct Meter {
    /// Whether each group counts: good clients do, and all where there are none.
    counts: Vec<bool>,
    /// Those of the span, the oldest first.
    seen: VecDeque<Mark>,
}

/// The good clients at one instant.
#[derive(Clone, Copy, Default)]
struct Mark {
    /// Since the first client.
    at_ns: i64,
    answered: f64,
    /// Of the time since the mark before.
    p99_ns: Option<f64>,
}

impl Meter {
    pub(super) fn new(groups: &[Group]) -> Self {
        let has_good = groups.iter().any(Group::is_good);
        let counts = groups.iter().map(|group| !has_good || group.is_good()).collect();
        Self { counts, seen: VecDeque::from([Mark::default()]) }
    }

    pub(super) fn read(&mut self, samples: &Samples, epoch_ns: u64) -> Progress {
        let Some(sample) = samples.values().rev().find(|sample| !sample.groups.is_empty()) else {
            return Progress::default();
        };
        let counted =
            || sample.groups.iter().zip(&self.counts).filter(|(_, counts)| **counts).map(|(row, _)| row);
        let mark = Mark {
            at_ns: sample.at_ns as i64 - epoch_ns as i64,
            answered: counted().filter_map(|row| row.value(Metric::Answered)).sum(),
            p99_ns: counted().filter_map(|row| row.value(Metric::IntervalP99)).reduce(f64::max),
        };
        self.add(mark);
        Progress {
            seconds: mark.at_ns as f64 / 1e9,
            answers_per_second: self.rate(),
            response_p99_ns: self.seen.iter().filter_map(|mark| mark.p99_ns).reduce(f64::max),
            server_rss_bytes: sample.value(Metric::ServerRss),
            kernel_memory_bytes: sample.value(Metric::KernelMemory),
            evictions: sample.value(Metric::Evictions),
        }
    }

    /// One of a sample that was read already changes nothing.
    fn add(&mut self, mark: Mark) {
        if self.seen.back().is_some_and(|last| last.at_ns >= mark.at_ns) {
            return;
        }
        self.seen.push_back(mark);
        // The one before the span is where it begins.
        while self.seen.get(1).is_some_and(|second| second.at_ns <= mark.at_ns - SPAN_NS) {
            self.seen.pop_front();
        }
    }

    fn rate(&self) -> Option<f64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let seconds = (last.at_ns - first.at_ns) as f64 / 1e9;
        (seconds > 0.0).then(|| (last.answered - first.answered) / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn of_nothing() -> Meter {
        Meter::new(&[])
    }

    #[test]
    fn a_rate_is_of_the_last_second() {
        let mut meter = of_nothing();
        assert_eq!(meter.rate(), None);
        for (at_ms, answered) in [(500, 10.0), (1000, 20.0), (1500, 20.0), (2000, 120.0)] {
            meter.add(Mark { at_ns: at_ms * MS, answered, p99_ns: None });
        }
        assert_eq!(meter.rate(), Some(100.0), "from 1 s to 2 s");
    }

    #[test]
    fn a_sample_that_is_read_twice_does_not_make_the_rate_zero() {
        let mut meter = of_nothing();
        let mark = Mark { at_ns: 500 * MS, answered: 50.0, p99_ns: None };
        meter.add(mark);
        meter.add(mark);
        assert_eq!((meter.rate(), meter.seen.len()), (Some(100.0), 2), "it is kept once");
    }
}
