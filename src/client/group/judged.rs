//! The latencies that a group is judged by. A request without a proper answer took at least as long as it was seen to
//! wait: it is *censored*, and a quantile that lies among such requests has no value but a lower bound.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{
    client::histogram::{self, histogram},
    metric::{Metric, Row},
    record::Cause,
};

/// Latencies of one kind, in nanoseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Latency {
    /// Of the requests that were answered.
    #[serde(with = "histogram")]
    pub(super) answered: Histogram<u64>,
    /// How long the others were seen to wait.
    #[serde(with = "histogram")]
    pub(super) censored: Histogram<u64>,
}

/// A quantile of the judged latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantile {
    /// As many requests were answered within that time, in nanoseconds.
    Known(u64),
    /// It lies among the censored: it is no less than this.
    AtLeast(u64),
}

impl Latency {
    pub(super) fn new() -> Self {
        Self { answered: histogram(), censored: histogram() }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, others) in [(&mut self.answered, &other.answered), (&mut self.censored, &other.censored)] {
            mine.add(others).expect("histograms with the same bounds");
        }
    }

    /// Sets these quantiles; those that are lower bounds are returned.
    pub(super) fn set(&self, wanted: &[(Metric, f64)], row: &mut Row) -> Vec<Metric> {
        let mut censored = Vec::new();
        for &(metric, q) in wanted {
            match self.quantile(q) {
                None => {}
                Some(Quantile::Known(ns)) => row.set(metric, ns as f64),
                Some(Quantile::AtLeast(ns)) => {
                    row.set(metric, ns as f64);
                    censored.push(metric);
                }
            }
        }
        censored
    }

    /// The value at or below which the share `q` (0 to 1) of all latencies lies, those of unanswered requests counted as
    /// infinite; `None` without any.
    pub(super) fn quantile(&self, q: f64) -> Option<Quantile> {
        let (known, unknown) = (self.answered.len(), self.censored.len());
        let all = known + unknown;
        if all == 0 {
            return None;
        }
        let rank = ((all as f64 * q).ceil() as u64).clamp(1, all);
        if rank <= known {
            return Some(Quantile::Known(self.answered.value_at_quantile(middle(rank, known))));
        }
        let mut both = self.answered.clone();
        both.add(&self.censored).expect("histograms with the same bounds");
        Some(Quantile::AtLeast(both.value_at_quantile(middle(rank, all))))
    }
}

/// The share that is surely the value of that rank: nothing is rounded to the next.
fn middle(rank: u64, of: u64) -> f64 {
    (rank as f64 - 0.5) / of as f64
}

/// What a group's requests of the window came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    /// From when requests were due.
    pub(super) response: Latency,
    /// From when they were sent.
    pub(super) service: Latency,
    /// Response times without what the load generator itself was late by, of answered requests of an open loop.
    #[serde(with = "histogram")]
    pub(super) undelayed: Histogram<u64>,
    /// Requests were left without an answer, in the window or before it.
    left_waiting: bool,
    /// Requests without a proper answer, by cause.
    causes: [u64; Cause::ALL.len()],
    /// The longest wait that overlapped the window, in nanoseconds.
    longest_wait_ns: u64,
    /// Why it is unknown how long that would have been, if no answer ever came.
    longest_wait_is: Option<Cause>,
}

/// The quantiles that are reported, each of response times and of service times.
const RESPONSE: [(Metric, f64); 5] = [
    (Metric::LatencyP50, 0.5),
    (Metric::LatencyP90, 0.9),
    (Metric::LatencyP99, 0.99),
    (Metric::LatencyP999, 0.999),
    (Metric::LatencyMax, 1.0),
];
const SERVICE: [(Metric, f64); 2] = [(Metric::ServiceP50, 0.5), (Metric::ServiceP99, 0.99)];

impl Judged {
    pub(super) fn new() -> Self {
        Self {
            response: Latency::new(),
            service: Latency::new(),
            undelayed: histogram(),
            left_waiting: false,
            causes: [0; Cause::ALL.len()],
            longest_wait_ns: 0,
            longest_wait_is: None,
        }
    }

    /// A request was answered, in so many nanoseconds since it was due and since it was sent.
    pub(super) fn answered(&mut self, response_ns: u64, service_ns: u64) {
        self.response.answered.saturating_record(response_ns);
        self.service.answered.saturating_record(service_ns);
    }

    /// A request got no proper answer for so long since it was due, and since it was sent (0: it was not).
    pub(super) fn censor(&mut self, cause: Cause, response_ns: u64, service_ns: u64) {
        self.response.censored.saturating_record(response_ns);
        self.service.censored.saturating_record(service_ns);
        self.causes[cause as usize] += 1;
    }

    /// A request has waited for so long, in the window; nothing came if a cause is given.
    pub(super) fn waited(&mut self, wait_ns: u64, cause: Option<Cause>) {
        self.left_waiting |= cause == Some(Cause::Unanswered);
        if wait_ns > self.longest_wait_ns {
            (self.longest_wait_ns, self.longest_wait_is) = (wait_ns, cause);
        }
    }

    /// Sets the longest wait; why it is a lower bound, if it is one.
    pub(super) fn summarize_longest_wait(&self, row: &mut Row) -> Option<(Metric, Cause)> {
        row.set(Metric::LongestWait, self.longest_wait_ns as f64);
        self.longest_wait_is.map(|cause| (Metric::LongestWait, cause))
    }

    /// Requests without a proper answer for that reason.
    pub(super) const fn count(&self, cause: Cause) -> u64 {
        self.causes[cause as usize]
    }

    /// Sets which shares of so many requests got no proper answer, for each reason.
    pub(super) fn summarize_shares(&self, of: u64, row: &mut Row) {
        for (metric, cause) in [
            (Metric::UnansweredShare, Cause::Unanswered),
            (Metric::LostShare, Cause::Lost),
            (Metric::SkippedShare, Cause::Skipped),
            (Metric::ErrorsShare, Cause::Errors),
        ] {
            row.set(metric, self.count(cause) as f64 / of as f64);
        }
    }

    /// Why most of the censored are. Requests that waited for a free connection waited for those that were not answered.
    fn main_cause(&self) -> Cause {
        let count = |cause| self.count(cause);
        let without_answer = count(Cause::Unanswered) + count(Cause::Skipped);
        let waiting = if self.left_waiting { Cause::Unanswered } else { Cause::Skipped };
        let causes = [
            (count(Cause::Errors), Cause::Errors),
            (count(Cause::Lost), Cause::Lost),
            (without_answer, waiting),
        ];
        causes.into_iter().max_by_key(|(count, _)| *count).map_or(waiting, |(_, cause)| cause)
    }

    /// Sets the quantiles; those that are lower bounds are named.
    pub(super) fn summarize(&self, row: &mut Row) -> Vec<(Metric, Cause)> {
        let mut censored = self.response.set(&RESPONSE, row);
        censored.extend(self.service.set(&SERVICE, row));
        censored.into_iter().map(|metric| (metric, self.main_cause())).collect()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.response.add(&other.response);
        self.service.add(&other.service);
        self.undelayed.add(&other.undelayed).expect("histograms with the same bounds");
        self.left_waiting |= other.left_waiting;
        for (mine, others) in self.causes.iter_mut().zip(other.causes) {
            *mine += others;
        }
        self.waited(other.longest_wait_ns, other.longest_wait_is);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(answered: u64, censored: u64) -> Judged {
        let mut judged = Judged::new();
        (0..answered).for_each(|_| judged.answered(100, 50));
        (0..censored).for_each(|_| judged.censor(Cause::Lost, 7, 3));
        judged
    }

    #[test]
    fn quantiles_are_exact_without_censored_requests() {
        let latency = judged(1000, 0).response;
        assert_eq!(latency.quantile(0.999), Some(Quantile::Known(100)));
        assert_eq!(Latency::new().quantile(0.5), None);
    }

    #[test]
    fn a_quantile_among_censored_requests_is_a_lower_bound() {
        let judged = judged(985, 15);
        assert_eq!(judged.response.quantile(0.9), Some(Quantile::Known(100)));
        assert_eq!(judged.response.quantile(0.985), Some(Quantile::Known(100)));
        assert_eq!(judged.response.quantile(0.99), Some(Quantile::AtLeast(100)));
        assert_eq!(judged.service.quantile(1.0), Some(Quantile::AtLeast(50)));
    }

    #[test]
    fn the_lower_bound_is_the_observed_wait() {
        let mut judged = judged(100, 0);
        (0..100).for_each(|_| judged.censor(Cause::Unanswered, 9000, 0));
        assert_eq!(judged.response.quantile(0.5), Some(Quantile::Known(100)));
        let Some(Quantile::AtLeast(bound)) = judged.response.quantile(0.51) else { panic!("censored") };
        assert!((8990..=9010).contains(&bound), "{bound}");
    }

    #[test]
    fn the_longest_wait_is_a_lower_bound_without_an_answer() {
        let mut judged = judged(10, 0);
        judged.waited(70, None);
        judged.waited(60, Some(Cause::Unanswered));
        let longest = |judged: &Judged| {
            let mut row = Row::default();
            let censored = judged.summarize_longest_wait(&mut row);
            (row.value(Metric::LongestWait), censored.map(|(_, cause)| cause))
        };
        assert_eq!(longest(&judged), (Some(70.0), None));
        let mut other = Judged::new();
        other.waited(80, Some(Cause::Lost));
        judged.add(&other);
        assert_eq!(longest(&judged), (Some(80.0), Some(Cause::Lost)));
    }

    #[test]
    fn censored_numbers_name_their_main_cause() {
        let mut judged = judged(10, 3);
        judged.censor(Cause::Errors, 9, 9);
        let mut row = Row::default();
        let censored = judged.summarize(&mut row);
        assert_eq!(row.value(Metric::LatencyP50), Some(100.0));
        assert!(censored.contains(&(Metric::LatencyP99, Cause::Lost)), "{censored:?}");
        assert!(!censored.iter().any(|(metric, _)| *metric == Metric::LatencyP50), "{censored:?}");
    }
}
