//! What there is to see of a group while it runs, and what it came to.

use super::Group;
use crate::{
    client::Seen,
    metric::{Metric, Row},
    record::{Buckets, GroupResult},
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
        if self.pace.is_some() {
            row.set(Metric::Due, (self.requests.started + self.requests.skipped) as f64);
        }
        row.set(Metric::Skipped, self.requests.skipped as f64);
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

    /// What the group came to, as numbers.
    pub(in crate::client) fn summary(&self) -> Row {
        let mut row = Row::default();
        let seconds = (self.window.1 - self.window.0) as f64 / 1e9;
        row.set(Metric::Offered, self.due_in_window as f64 / seconds);
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
        if let Some(downloads) = &self.downloads {
            downloads.summarize(&mut row);
        }
        if self.cannot_vanish.is_none() {
            row.set(Metric::Vanished, self.ledger.vanished as f64);
        }
        if !self.evicted_after.is_empty() {
            row.set(Metric::EvictedAfterP50, self.evicted_after.value_at_quantile(0.5) as f64);
            row.set(Metric::EvictedAfterMax, self.evicted_after.max() as f64);
        }
        if !self.response.is_empty() {
            for (metric, q) in [
                (Metric::LatencyP50, 0.5),
                (Metric::LatencyP90, 0.9),
                (Metric::LatencyP99, 0.99),
                (Metric::LatencyP999, 0.999),
                (Metric::LatencyMax, 1.0),
            ] {
                row.set(metric, self.response.value_at_quantile(q) as f64);
            }
            row.set(Metric::ServiceP50, self.service.value_at_quantile(0.5) as f64);
            row.set(Metric::ServiceP99, self.service.value_at_quantile(0.99) as f64);
        }
        row
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
            response_ns: Buckets::from(&self.response),
            service_ns: Buckets::from(&self.service),
            ..GroupResult::default()
        }
    }
}
