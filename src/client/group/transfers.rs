//! A resource moved over several connections, a part each: downloads, and uploads whose copy is fetched back and compared.
//!
//! ```text
//!   download   over ─ parts ─→ over ─ parts ─→ …                 it is over when the last part is there
//!   upload     over ─ parts ─→ copy due ─ copy ─→ over ─→ …      nothing is uploaded while its copy is compared
//! ```

use serde::{Deserialize, Serialize};

use super::judged::Latency;
use crate::{
    client::request::Arrival,
    codec::{Script, Tally},
    metric::{Metric, Row},
    profile,
    record::Cause,
};

/// The transfers of a group, one after the other.
pub(super) struct Transfers {
    /// What each connection says, in the order of opening; who comes in its place says the same.
    pub(super) scripts: Vec<Script>,
    direction: Direction,
    /// Requests for parts that crossed the end of their connection, and are sent once more on the next.
    owed: Vec<Option<Arrival>>,
    /// When the measured window begins, in nanoseconds. What was started before it is the warm-up's.
    window_start_ns: u64,
    phase: Phase,
    failed: bool,
    whole: u64,
    times: Latency,
}

enum Direction {
    Download,
    Upload(Upload),
}

/// What there is to know of uploads.
struct Upload {
    /// Ranges on each connection.
    ranges: u32,
    /// Bytes of the whole.
    bytes: u64,
    /// Ranges that the server did not accept.
    missing: u64,
    /// Bytes of copies that are wrong.
    wrong: u64,
}

/// What the transfers of a group came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TransferCounts {
    failed: bool,
    whole: u64,
    times: Latency,
    /// Of uploads.
    missing: u64,
    wrong: u64,
}

/// How far the present transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Over,
    /// When it started, and how many of its parts are still to come.
    Parts(u64, u32),
    CopyDue,
    Copy,
}

/// Requests that are to be started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// So many on each connection that has a part.
    Parts(u32),
    /// One, on the connection that fetches the copy.
    Copy,
}

impl Transfers {
    /// Those of a group that moves something in parts, to a server known as `host`.
    pub(super) fn of(spec: &profile::Group, host: &str, window_start_ns: u64) -> Option<Self> {
        let scripts = spec.parts(host)?;
        let direction = if spec.uploads_in_ranges() {
            let (ranges, bytes) = (spec.ranges_per_connection(), spec.load.payload.0);
            Direction::Upload(Upload { ranges, bytes, missing: 0, wrong: 0 })
        } else {
            Direction::Download
        };
        Some(Self::new(scripts, direction, window_start_ns))
    }

    fn new(scripts: Vec<Script>, direction: Direction, window_start_ns: u64) -> Self {
        let owed = vec![None; scripts.len()];
        let (phase, times) = (Phase::Over, Latency::new());
        Self { scripts, direction, owed, window_start_ns, phase, failed: false, whole: 0, times }
    }

    /// Whether the connection of this part fetches the copy.
    pub(super) fn is_copy(&self, part: u32) -> bool {
        matches!(self.direction, Direction::Upload(_)) && part as usize + 1 == self.scripts.len()
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

    /// Starts what comes next, if it may start with so many connections open, that which fetches the copy among them or not.
    pub(super) fn start(&mut self, open: usize, has_copy: bool, now_ns: u64) -> Due {
        match (self.phase, &self.direction) {
            (Phase::Over, _) if open < self.scripts.len() => Due::Nothing,
            (Phase::Over, direction) => {
                let (each, parts) = match direction {
                    Direction::Download => (1, open as u32),
                    Direction::Upload(upload) => (upload.ranges, (open as u32 - 1) * upload.ranges),
                };
                self.phase = Phase::Parts(now_ns, parts);
                self.failed = false;
                Due::Parts(each)
            }
            (Phase::CopyDue, _) if has_copy => {
                self.phase = Phase::Copy;
                Due::Copy
            }
            (Phase::CopyDue | Phase::Parts(..) | Phase::Copy, _) => Due::Nothing,
        }
    }

    /// A part came or was taken, or the copy came; or an error in its place.
    pub(super) fn answered(&mut self, error: bool, now_ns: u64) {
        match (self.phase, &mut self.direction) {
            (Phase::Parts(started_ns, left), direction) => {
                self.failed |= error;
                if let Direction::Upload(upload) = direction {
                    upload.missing += u64::from(error);
                }
                self.phase = Phase::Parts(started_ns, left - 1);
                if left == 1 {
                    self.parts_over(started_ns, now_ns);
                }
            }
            (Phase::Copy, Direction::Upload(upload)) => {
                // There is none: all of it is missing.
                upload.wrong += if error { upload.bytes } else { 0 };
                self.copy_over(error);
            }
            (Phase::Over | Phase::CopyDue | Phase::Copy, _) => {}
        }
    }

    /// A request of an upload ended with its connection. A download waits for its part forever.
    pub(super) fn lost(&mut self, now_ns: u64) {
        match (self.phase, &self.direction) {
            (_, Direction::Download) => {}
            (Phase::Copy, Direction::Upload(_)) => self.copy_over(true),
            (_, Direction::Upload(_)) => self.answered(true, now_ns),
        }
    }

    fn parts_over(&mut self, started_ns: u64, now_ns: u64) {
        if started_ns >= self.window_start_ns {
            let times = if self.failed { &mut self.times.censored } else { &mut self.times.answered };
            times.saturating_record(now_ns.saturating_sub(started_ns));
        }
        match self.direction {
            Direction::Download => {
                self.whole += u64::from(!self.failed);
                self.phase = Phase::Over;
            }
            Direction::Upload(_) => self.phase = Phase::CopyDue,
        }
    }

    fn copy_over(&mut self, error: bool) {
        self.failed |= error;
        self.whole += u64::from(!self.failed);
        self.phase = Phase::Over;
    }

    /// What was found on a connection of this part, over all its answers.
    pub(super) fn found(&mut self, part: u32, content: &Tally) {
        let is_copy = self.is_copy(part);
        if let Direction::Upload(upload) = &mut self.direction
            && is_copy
        {
            upload.wrong += content.corrupt;
        }
    }

    /// The counter.
    pub(super) fn count(&self, row: &mut Row) {
        let metric = match self.direction {
            Direction::Download => Metric::Downloads,
            Direction::Upload(_) => Metric::Uploads,
        };
        row.set(metric, self.whole as f64);
    }

    /// What they came to, to be kept.
    pub(super) fn into_counts(self) -> TransferCounts {
        let (missing, wrong) = match self.direction {
            Direction::Download => (0, 0),
            Direction::Upload(upload) => (upload.missing, upload.wrong),
        };
        TransferCounts { failed: self.failed, whole: self.whole, times: self.times, missing, wrong }
    }

    /// Takes over what was kept of the same transfers.
    pub(super) fn restore(&mut self, counts: TransferCounts) {
        (self.failed, self.whole, self.times) = (counts.failed, counts.whole, counts.times);
        if let Direction::Upload(upload) = &mut self.direction {
            (upload.missing, upload.wrong) = (counts.missing, counts.wrong);
        }
    }

    /// The clients stop: a transfer whose parts are under way never becomes whole.
    pub(super) fn stop(&mut self, now_ns: u64) {
        if let Phase::Parts(started_ns, _) = self.phase {
            self.times.censored.saturating_record(now_ns.saturating_sub(started_ns));
        }
        self.phase = Phase::Over;
    }

    /// How long they took, and what is wrong with the copies; and what of that is a lower bound, as some never became whole.
    pub(super) fn summarize(&self, row: &mut Row) -> Vec<(Metric, Cause)> {
        let cause = if self.failed { Cause::Errors } else { Cause::Unanswered };
        let [median, longest] = match &self.direction {
            Direction::Download => [Metric::DownloadP50, Metric::DownloadMax],
            Direction::Upload(Upload { missing, wrong, .. }) => {
                row.set(Metric::RangesMissing, *missing as f64);
                row.set(Metric::CopyWrong, *wrong as f64);
                [Metric::UploadP50, Metric::UploadMax]
            }
        };
        let censored = self.times.set(&[(median, 0.5), (longest, 1.0)], row);
        censored.into_iter().map(|metric| (metric, cause)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::http;

    fn scripts(count: usize) -> Vec<Script> {
        vec![Script::http(&http::RequestSpec::default(), "h", 0, None, None); count]
    }

    fn values<const N: usize>(transfers: &Transfers, metrics: [Metric; N]) -> [Option<f64>; N] {
        let mut row = Row::default();
        transfers.count(&mut row);
        transfers.summarize(&mut row);
        metrics.map(|metric| row.value(metric))
    }

    #[test]
    fn a_download_of_the_warm_up_is_not_measured() {
        let mut downloads = Transfers::new(scripts(1), Direction::Download, 1000);
        for (started_ns, error, came_ns) in
            [(100, false, 900), (950, false, 1900), (960, true, 1900), (2000, false, 2050)]
        {
            downloads.start(1, false, started_ns);
            downloads.answered(error, came_ns);
        }
        let mut row = Row::default();
        assert!(downloads.summarize(&mut row).is_empty());
        assert_eq!(row.value(Metric::DownloadMax), Some(50.0), "of those that started in the window");
        downloads.start(1, false, 3000);
        downloads.stop(9000);
        downloads.summarize(&mut row);
        assert!(row.value(Metric::DownloadMax) >= Some(6000.0), "one that never came took no less");
    }

    #[test]
    fn a_download_takes_as_long_as_its_last_part() {
        let mut downloads = Transfers::new(scripts(3), Direction::Download, 0);
        assert_eq!(downloads.start(2, false, 0), Due::Nothing, "all connections, or none");
        for (start, errors) in [(1000, [false, false, false]), (5000, [false, true, false])] {
            assert_eq!(downloads.start(3, false, start), Due::Parts(1));
            for (error, now) in errors.into_iter().zip([10, 20, 90]) {
                assert_eq!(downloads.start(3, false, start + now), Due::Nothing);
                downloads.answered(error, start + now);
            }
        }
        let [whole, longest] = values(&downloads, [Metric::Downloads, Metric::DownloadMax]);
        assert_eq!((whole, longest), (Some(1.0), Some(90.0)), "an error makes it none");
    }

    #[test]
    fn an_upload_is_whole_when_its_copy_was_fetched_back() {
        let upload = Upload { ranges: 2, bytes: 4000, missing: 0, wrong: 0 };
        let mut uploads = Transfers::new(scripts(3), Direction::Upload(upload), 0);
        assert!(uploads.is_copy(2) && !uploads.is_copy(1));
        let mut round = |errors: [bool; 4], copy: bool| {
            assert_eq!(uploads.start(3, true, 1000), Due::Parts(2), "on two connections");
            for (error, now) in errors.into_iter().zip([10, 20, 30, 90]) {
                assert_eq!(uploads.start(3, true, 1000 + now), Due::Nothing);
                uploads.answered(error, 1000 + now);
            }
            assert_eq!(uploads.start(3, false, 2000), Due::Nothing, "nobody can fetch the copy");
            assert_eq!(uploads.start(1, true, 2000), Due::Copy);
            uploads.answered(copy, 3000);
        };
        round([false; 4], false);
        round([false, true, true, false], false);
        round([false; 4], true);
        let tally = Tally { corrupt: 7, ..Tally::default() };
        uploads.found(0, &tally);
        uploads.found(2, &tally);
        let metrics = [Metric::Uploads, Metric::UploadP50, Metric::RangesMissing, Metric::CopyWrong];
        assert_eq!(values(&uploads, metrics), [Some(1.0), Some(90.0), Some(2.0), Some(4007.0)]);
    }

    #[test]
    fn an_upload_goes_on_to_its_copy_when_a_connection_is_lost() {
        let upload = Upload { ranges: 4, bytes: 4000, missing: 0, wrong: 0 };
        let mut uploads = Transfers::new(scripts(2), Direction::Upload(upload), 0);
        uploads.start(2, true, 0);
        uploads.answered(true, 10);
        (0..3).for_each(|_| uploads.lost(20));
        assert_eq!(uploads.start(1, true, 30), Due::Copy);
        uploads.lost(40);
        assert_eq!(uploads.start(1, true, 50), Due::Nothing, "until the connection is back");
        assert_eq!(uploads.start(2, true, 60), Due::Parts(4));
        assert_eq!(values(&uploads, [Metric::Uploads, Metric::RangesMissing]), [Some(0.0), Some(4.0)]);
    }
}
