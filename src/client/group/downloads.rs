//! A resource fetched over several connections: each gets a part, and a download is over when the last part is there.

use super::judged::Latency;
use crate::{
    client::request::Arrival,
    codec::Script,
    metric::{Metric, Row},
    record::Cause,
};

/// The downloads of a group, one after the other.
pub(super) struct Downloads {
    /// What each connection says, in the order of opening; who comes in its place says the same.
    pub(super) parts: Vec<Script>,
    /// Requests for parts that crossed the end of their connection, and are sent once more on the next.
    owed: Vec<Option<Arrival>>,
    /// When the measured window begins, in nanoseconds. What was started before it is the warm-up's.
    window_start_ns: u64,
    /// When the present download started, and how many of its parts are still to come.
    present: Option<(u64, usize)>,
    failed: bool,
    whole: u64,
    times: Latency,
}

impl Downloads {
    pub(super) fn new(parts: Vec<Script>, window_start_ns: u64) -> Self {
        let owed = vec![None; parts.len()];
        Self { parts, owed, window_start_ns, present: None, failed: false, whole: 0, times: Latency::new() }
    }

    /// A request for this part is to be sent once more.
    pub(super) fn owe(&mut self, part: u32, arrival: Arrival) {
        self.owed[part as usize] = Some(arrival);
    }

    /// Whether a part is to be asked for once more.
    pub(super) fn owes(&self) -> bool {
        self.owed.iter().any(Option::is_some)
    }

    /// Asks once more for this part, if it is to be.
    pub(super) fn take(&mut self, part: u32) -> Option<Arrival> {
        self.owed[part as usize].take()
    }

    /// What was to be asked for once more, and is not.
    pub(super) fn take_owed(&mut self) -> Vec<Arrival> {
        self.owed.iter_mut().filter_map(Option::take).collect()
    }

    /// Whether the next one may start, with so many connections open.
    pub(super) fn is_due(&self, open: usize) -> bool {
        self.present.is_none() && open == self.parts.len()
    }

    pub(super) fn start(&mut self, now_ns: u64) {
        self.present = Some((now_ns, self.parts.len()));
        self.failed = false;
    }

    /// A part came, or an error in its place.
    pub(super) fn part_came(&mut self, error: bool, now_ns: u64) {
        self.failed |= error;
        self.present = match self.present {
            Some((started_ns, 1)) => {
                self.whole += u64::from(!self.failed);
                if started_ns >= self.window_start_ns {
                    let times = if self.failed { &mut self.times.censored } else { &mut self.times.answered };
                    times.saturating_record(now_ns - started_ns);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::http;

    #[test]
    fn a_download_of_the_warm_up_is_not_measured() {
        let script = Script::http(&http::RequestSpec::default(), "h", 0, None, None);
        let mut downloads = Downloads::new(vec![script], 1000);
        for (started_ns, error, came_ns) in
            [(100, false, 900), (950, false, 1900), (960, true, 1900), (2000, false, 2050)]
        {
            downloads.start(started_ns);
            downloads.part_came(error, came_ns);
        }
        let mut row = Row::default();
        assert!(downloads.summarize(&mut row).is_empty());
        assert_eq!(row.value(Metric::DownloadMax), Some(50.0), "of those that started in the window");
        downloads.start(3000);
        downloads.stop(9000);
        downloads.summarize(&mut row);
        assert!(row.value(Metric::DownloadMax) >= Some(6000.0), "one that never came took no less");
    }

    #[test]
    fn a_download_takes_as_long_as_its_last_part() {
        let script = Script::http(&http::RequestSpec::default(), "h", 0, None, None);
        let mut downloads = Downloads::new(vec![script; 3], 0);
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
