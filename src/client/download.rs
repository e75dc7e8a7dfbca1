//! A resource fetched over several connections: each gets a part, and a download is over when the last part is there.

use super::{engine::Engine, judged::Latency};
use crate::{
    codec::Script,
    metric::{Metric, Row},
    record::Cause,
};

/// The downloads of a group, one after the other.
pub(super) struct Downloads {
    /// What each connection says, in the order of opening.
    pub(super) parts: Vec<Script>,
    /// When the present download started, and how many of its parts are still to come.
    present: Option<(u64, usize)>,
    failed: bool,
    whole: u64,
    times: Latency,
}

impl Downloads {
    pub(super) fn new(parts: Vec<Script>) -> Self {
        Self { parts, present: None, failed: false, whole: 0, times: Latency::new() }
    }

    /// Whether the next one may start, with so many connections open.
    fn is_due(&self, open: usize) -> bool {
        self.present.is_none() && open == self.parts.len()
    }

    fn start(&mut self, now_ns: u64) {
        self.present = Some((now_ns, self.parts.len()));
        self.failed = false;
    }

    /// A part came, or an error in its place.
    pub(super) fn part_came(&mut self, error: bool, now_ns: u64) {
        self.failed |= error;
        self.present = match self.present {
            Some((started_ns, 1)) => {
                if self.failed {
                    self.times.censored.saturating_record(now_ns - started_ns);
                } else {
                    self.whole += 1;
                    self.times.answered.saturating_record(now_ns - started_ns);
                }
                None
            }
            Some((started_ns, left)) => Some((started_ns, left - 1)),
            None => None,
        };
    }

    /// The counter.
    pub(super) fn count(&self, row: &mut Row) {
        row.set(Metric::Downloads, self.whole as f64);
    }

    /// The clients stop: a download under way never becomes whole.
    pub(super) fn stop(&mut self, now_ns: u64) {
        if let Some((started_ns, _)) = self.present.take() {
            self.times.censored.saturating_record(now_ns.saturating_sub(started_ns));
        }
    }

    /// How long they took; and what of that is a lower bound, as some never became whole.
    pub(super) fn summarize(&self, row: &mut Row) -> Vec<(Metric, Cause)> {
        let cause = if self.failed { Cause::Errors } else { Cause::Unanswered };
        let censored = self.times.set(&[(Metric::DownloadP50, 0.5), (Metric::DownloadMax, 1.0)], row);
        censored.into_iter().map(|metric| (metric, cause)).collect()
    }
}

impl Engine<'_> {
    /// Starts the next download of every group whose last one is over: all parts at once.
    pub(super) fn start_downloads(&mut self) {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            let open = group.alive.len();
            let Some(downloads) = group.downloads.as_mut().filter(|downloads| downloads.is_due(open)) else {
                continue;
            };
            downloads.start(self.io.now_ns);
            for token in group.alive.clone() {
                let Some(connection) = self.connections.entry(token) else { continue };
                let group = &mut self.groups[index];
                connection.start(self.io.now_ns, group);
                let fate = connection.send(&mut self.io, group);
                self.settle(Some(token), fate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::http;

    #[test]
    fn a_download_takes_as_long_as_its_last_part() {
        let script = Script::http(&http::Ask::default(), "h", 0, None, None);
        let mut downloads = Downloads::new(vec![script; 3]);
        assert!(!downloads.is_due(2) && downloads.is_due(3), "all connections, or none");
        for (start, errors) in [(1000, [false, false, false]), (5000, [false, true, false])] {
            downloads.start(start);
            for (error, now) in errors.into_iter().zip([10, 20, 90]) {
                assert!(!downloads.is_due(3));
                downloads.part_came(error, start + now);
            }
            assert!(downloads.is_due(3));
        }
        let mut row = Row::default();
        downloads.count(&mut row);
        downloads.summarize(&mut row);
        let [whole, longest] = [Metric::Downloads, Metric::DownloadMax].map(|metric| row.value(metric));
        assert_eq!((whole, longest), (Some(1.0), Some(90.0)), "an error makes it none");
    }
}
