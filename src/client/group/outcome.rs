//! What there is to see of a group while it runs, and what it came to.

use super::Group;
use crate::{
    client::results::Seen,
    metric::{Metric, Row},
    record::{Buckets, Cause, GroupResult, Ledger},
};

impl Group {
    /// What there is to see now; the interval starts anew.
    pub(in crate::client) fn sample(&mut self) -> Seen {
        let mut counts = self.counts();
        counts.set(Metric::Alive, self.alive.len() as f64);
        Seen { counts, latencies: std::mem::take(&mut self.interval) }
    }

    /// The counters.
    pub(in crate::client) fn counts(&self) -> Row {
        let mut row = Row::default();
        row.set(Metric::Answered, self.requests.answered as f64);
        if self.spec.load.rate.is_some() {
            row.set(Metric::Due, self.due as f64);
        }
        row.set(Metric::Skipped, self.requests.skipped as f64);
        row.set(Metric::Retried, self.requests.retried as f64);
        row.set(Metric::Received, self.received as f64);
        row.set(Metric::Sent, self.sent as f64);
        if let Some(downloads) = &self.downloads {
            downloads.count(&mut row);
        }
        row
    }

    pub(in crate::client) fn answered_in_window(&self) -> u64 {
        self.answered_in_window
    }

    /// What the group came to, as numbers; and those of them that are lower bounds, with the reason.
    pub(in crate::client) fn summary(&self) -> (Row, Vec<(Metric, Cause)>) {
        let mut row = Row::default();
        let seconds = self.window.1.saturating_sub(self.window.0) as f64 / 1e9;
        if seconds > 0.0 {
            row.set(Metric::Offered, self.due_in_window as f64 / seconds);
        }
        self.summarize_silence(&mut row);
        for (metric, count) in [
            (Metric::Unanswered, self.requests.unanswered),
            (Metric::UnansweredAge, self.requests.oldest_unanswered_ns),
            (Metric::Lost, self.requests.lost),
            (Metric::Opened, self.ledger.opened),
            (Metric::Evicted, self.ledger.evicted_fin + self.ledger.evicted_rst),
            (Metric::EvictedReset, self.ledger.evicted_rst),
            (Metric::EvictedFin, self.ledger.evicted_fin),
            (Metric::Closed, self.ledger.closed_by_us),
            (Metric::ClosedAsAnnounced, self.ledger.closed_as_announced),
            (Metric::ClosedIdle, self.ledger.closed_idle),
            (Metric::Reset, self.ledger.reset_by_us),
            (Metric::Refused, self.ledger.refused),
            (Metric::TimedOut, self.ledger.timed_out),
            (Metric::GroupVerified, self.content.verified),
            (Metric::GroupCorrupt, self.content.corrupt),
            (Metric::Torn, self.content.torn),
            (Metric::Reordered, self.content.reordered),
            (Metric::Errors, self.content.errors),
            (Metric::Disordered, self.content.torn + self.content.reordered),
        ] {
            row.set(metric, count as f64);
        }
        if self.cannot_vanish.is_none() {
            row.set(Metric::Vanished, self.ledger.vanished as f64);
        }
        if !self.evicted_after.is_empty() {
            row.set(Metric::EvictedAfterP50, self.evicted_after.value_at_quantile(0.5) as f64);
            row.set(Metric::EvictedAfterMax, self.evicted_after.max() as f64);
        }
        let mut censored = self.judged.summarize(&mut row);
        if !self.spec.tx.is_idle() {
            censored.extend(self.judged.summarize_longest_wait(&mut row));
        }
        if let Some(downloads) = &self.downloads {
            censored.extend(downloads.summarize(&mut row));
        }
        (row, censored)
    }

    /// What was not answered, how long it was waited for, and how evenly the answers fell.
    fn summarize_silence(&self, row: &mut Row) {
        if self.spec.tx.is_idle() {
            return;
        }
        let due = (self.due_in_window + self.left_over).max(1) as f64;
        for (metric, cause) in [
            (Metric::UnansweredShare, Cause::Unanswered),
            (Metric::LostShare, Cause::Lost),
            (Metric::SkippedShare, Cause::Skipped),
            (Metric::ErrorsShare, Cause::Errors),
        ] {
            row.set(metric, self.judged.count(cause) as f64 / due);
        }
        row.set(Metric::RetriedShare, self.retried_in_window as f64 / due);
        let Ledger { evicted_fin, evicted_rst, refused, timed_out, opened, .. } = self.ledger;
        let ended = evicted_fin + evicted_rst + refused + timed_out;
        row.set(Metric::EndedShare, ended as f64 / opened.max(1) as f64);
        row.set(Metric::SilentConnections, self.silent as f64);
        row.set(Metric::SilentShare, (self.silent as f64 / f64::from(self.spec.count)).min(1.0));
        row.set(Metric::LongestSilence, self.silence.longest_ns() as f64);
        if let Some(fewest) = self.fewest_answers {
            row.set(Metric::FewestAnswers, fewest as f64);
        }
    }

    /// What its clients were not permitted to do, in words.
    pub(in crate::client) fn note(&self) -> Option<String> {
        let why = self.cannot_vanish.as_ref()?;
        Some(format!(
            "the clients of `{}` may not vanish here (SO_ATTACH_FILTER: {why}) and stayed connected in silence; run as root",
            self.spec.name
        ))
    }

    /// What the group came to, for the record.
    pub(in crate::client) fn result(&self) -> GroupResult {
        GroupResult {
            name: self.spec.name.clone(),
            ledger: self.ledger,
            requests: self.requests,
            content: self.content,
            response_ns: Buckets::from(&self.judged.response.answered),
            service_ns: Buckets::from(&self.judged.service.answered),
            censored_ns: Buckets::from(&self.judged.response.censored),
            undelayed_ns: Buckets::from(&self.judged.undelayed),
            put_off: self.put_off(),
            // This thread may drive none of the group's connections, and has no clock for it then.
            loop_started_ns: self
                .start
                .at_ns()
                .filter(|_| self.spec.load.rate.is_some())
                .map(|at_ns| at_ns as i64 - self.epoch_ns as i64),
            ..GroupResult::default()
        }
    }
}
