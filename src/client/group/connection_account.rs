//! What became of a group's connections, counted as it happens.

use hdrhistogram::Histogram;

use crate::{
    behavior::CloseMethod,
    client::{
        close_reason::{CloseReason, Life},
        histogram::histogram,
    },
    metric::{Metric, Row},
    profile,
    record::Ledger,
};

/// What became of a group's connections.
pub(super) struct ConnectionAccount {
    ledger: Ledger,
    /// Of those that were opened, the ones that in fact were not, because the server accepted none of those that waited.
    not_accepted: u64,
    /// Those that had something to be answered and got nothing in the window.
    silent: u64,
    /// The fewest answers to one that was there for the whole window, or all but its first tenth.
    fewest_answers: Option<u64>,
    /// How long those lived that the peer ended.
    evicted_after: Histogram<u64>,
}

impl ConnectionAccount {
    pub(super) fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            not_accepted: 0,
            silent: 0,
            fewest_answers: None,
            evicted_after: histogram(),
        }
    }

    /// One is opened.
    pub(super) const fn opened(&mut self) {
        self.ledger.opened += 1;
    }

    /// One is not opened, because the server accepts none of those that wait.
    pub(super) const fn not_accepted(&mut self) {
        self.not_accepted += 1;
    }

    /// How many were not opened for this reason.
    pub(super) const fn counted_as_not_accepted(&self) -> u64 {
        self.not_accepted
    }

    /// One has ended; `was_owed`: it had something to be answered.
    pub(super) fn ended(
        &mut self,
        how: CloseReason,
        life: Life,
        was_owed: bool,
        window: (u64, u64),
        now_ns: u64,
    ) {
        let count = match how {
            // It was given up before the server had answered.
            CloseReason::ByUs(_) if !life.is_established => &mut self.ledger.timed_out,
            CloseReason::ByUs(CloseMethod::Close | CloseMethod::HalfClose) => &mut self.ledger.closed_by_us,
            CloseReason::ByUs(CloseMethod::Reset) => &mut self.ledger.reset_by_us,
            CloseReason::ByUs(CloseMethod::Vanish) => &mut self.ledger.vanished,
            CloseReason::AsAnnounced => &mut self.ledger.closed_as_announced,
            CloseReason::Idle => &mut self.ledger.closed_idle,
            CloseReason::ByFin => &mut self.ledger.evicted_fin,
            CloseReason::ByReset => &mut self.ledger.evicted_rst,
            CloseReason::Refused => &mut self.ledger.refused,
            CloseReason::TimedOut => &mut self.ledger.timed_out,
            CloseReason::Alive => &mut self.ledger.still_alive,
        };
        *count += 1;
        self.ledger.closed_after_answer += u64::from(life.is_right_after_answer);
        if how.is_by_peer() {
            self.evicted_after.saturating_record(now_ns.saturating_sub(life.opened_ns));
        }
        let (start_ns, end_ns) = window;
        let by_itself = how == CloseReason::Alive || how.is_by_peer();
        self.silent += u64::from(now_ns > start_ns && by_itself && was_owed && life.answers == 0);
        let soon_ns = start_ns + end_ns.saturating_sub(start_ns) / 10;
        if life.is_established && life.opened_ns <= soon_ns && now_ns >= end_ns {
            let answers = u64::from(life.answers);
            self.fewest_answers = Some(self.fewest_answers.map_or(answers, |fewest| fewest.min(answers)));
        }
    }

    /// The counts, for the record.
    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What they came to, as numbers; `can_vanish`: those that were to vanish could.
    pub(super) fn summarize(&self, spec: &profile::Group, can_vanish: bool, row: &mut Row) {
        let ledger = &self.ledger;
        for (metric, count) in [
            (Metric::Opened, ledger.opened),
            (Metric::Evicted, ledger.evicted_fin + ledger.evicted_rst),
            (Metric::EvictedReset, ledger.evicted_rst),
            (Metric::EvictedFin, ledger.evicted_fin),
            (Metric::Closed, ledger.closed_by_us),
            (Metric::ClosedAsAnnounced, ledger.closed_as_announced),
            (Metric::ClosedIdle, ledger.closed_idle),
            (Metric::Reset, ledger.reset_by_us),
            (Metric::Refused, ledger.refused),
            (Metric::TimedOut, ledger.timed_out),
        ] {
            row.set(metric, count as f64);
        }
        if can_vanish {
            row.set(Metric::Vanished, ledger.vanished as f64);
        }
        if !self.evicted_after.is_empty() {
            row.set(Metric::EvictedAfterP50, self.evicted_after.value_at_quantile(0.5) as f64);
            row.set(Metric::EvictedAfterMax, self.evicted_after.max() as f64);
        }
        if spec.tx.is_idle() {
            return;
        }
        let ended = ledger.evicted_fin + ledger.evicted_rst + ledger.refused + ledger.timed_out;
        row.set(Metric::EndedShare, ended as f64 / ledger.opened.max(1) as f64);
        row.set(Metric::SilentConnections, self.silent as f64);
        row.set(Metric::SilentShare, (self.silent as f64 / f64::from(spec.connections())).min(1.0));
        if let Some(fewest) = self.fewest_answers {
            row.set(Metric::FewestAnswers, fewest as f64);
        }
    }

    /// Takes over what became of those of another thread.
    pub(super) fn add(&mut self, other: &Self) {
        self.ledger.add(&other.ledger);
        self.not_accepted += other.not_accepted;
        self.silent += other.silent;
        self.fewest_answers = self.fewest_answers.into_iter().chain(other.fewest_answers).min();
        self.evicted_after.add(&other.evicted_after).expect("histograms with the same bounds");
    }
}
