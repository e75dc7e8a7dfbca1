//! What became of a group's connections, counted as it happens.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{
    behavior::CloseMethod,
    client::{
        close_reason::{CloseReason, Life},
        histogram::{self, histogram},
        results::PhaseNumbers,
    },
    metric::{Metric, Row},
    profile,
    record::Ledger,
};

/// What became of a group's connections.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ConnectionAccount {
    ledger: Ledger,
    /// What became of connections in each phase of the window: from when until when, in nanoseconds.
    phases: Vec<((u64, u64), Ledger)>,
    /// Of those that were opened, the ones that in fact were not, because the server accepted none of those that waited.
    not_accepted: u64,
    /// Those that had something to be answered and got nothing in the window.
    silent: u64,
    /// The fewest answers to one that was there for the whole window, or all but its first tenth.
    fewest_answers: Option<u64>,
    /// How long those lived that the peer ended.
    #[serde(with = "histogram")]
    evicted_after: Histogram<u64>,
}

impl ConnectionAccount {
    pub(super) fn new(phases: &[(u64, u64)]) -> Self {
        let phases = phases.iter().map(|span| (*span, Ledger::default())).collect();
        Self {
            ledger: Ledger::default(),
            phases,
            not_accepted: 0,
            silent: 0,
            fewest_answers: None,
            evicted_after: histogram(),
        }
    }

    /// One is opened.
    pub(super) fn opened(&mut self, now_ns: u64) {
        for ledger in self.ledgers(now_ns) {
            ledger.opened += 1;
        }
    }

    /// Those in which something is counted that happens now.
    fn ledgers(&mut self, now_ns: u64) -> impl Iterator<Item = &mut Ledger> {
        let phase = self.phases.iter_mut().find(|((from_ns, to_ns), _)| (*from_ns..*to_ns).contains(&now_ns));
        [&mut self.ledger].into_iter().chain(phase.map(|(_, ledger)| ledger))
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
        for ledger in self.ledgers(now_ns) {
            *counter(ledger, how, life) += 1;
            ledger.closed_after_answer += u64::from(life.is_right_after_answer);
        }
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

    /// Counts the times of phases from `epoch_ns` on.
    pub(super) fn rebase(&mut self, epoch_ns: u64) {
        for ((from_ns, to_ns), _) in &mut self.phases {
            (*from_ns, *to_ns) = (from_ns.saturating_sub(epoch_ns), to_ns.saturating_sub(epoch_ns));
        }
    }

    /// How many phases the window has.
    pub(super) const fn phases(&self) -> usize {
        self.phases.len()
    }

    /// The counts, for the record.
    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What they came to, as numbers; `can_vanish`: those that were to vanish could.
    pub(super) fn summarize(&self, spec: &profile::Group, can_vanish: bool, row: &mut Row) {
        let ledger = &self.ledger;
        count(ledger, can_vanish, row);
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

    /// Adds what became of connections in each phase, as numbers.
    pub(super) fn summarize_phases(&self, can_vanish: bool, numbers: &mut [PhaseNumbers]) {
        for ((_, ledger), (row, _)) in self.phases.iter().zip(numbers) {
            count(ledger, can_vanish, row);
        }
    }

    /// Takes over what became of those of another thread.
    pub(super) fn add(&mut self, other: &Self) {
        self.ledger.add(&other.ledger);
        for ((_, mine), (_, others)) in self.phases.iter_mut().zip(&other.phases) {
            mine.add(others);
        }
        self.not_accepted += other.not_accepted;
        self.silent += other.silent;
        self.fewest_answers = self.fewest_answers.into_iter().chain(other.fewest_answers).min();
        self.evicted_after.add(&other.evicted_after).expect("histograms with the same bounds");
    }
}

/// Where a connection is counted that ended like this.
const fn counter(ledger: &mut Ledger, how: CloseReason, life: Life) -> &mut u64 {
    match how {
        // It was given up before the server had answered.
        CloseReason::ByUs(_) if !life.is_established => &mut ledger.timed_out,
        CloseReason::ByUs(CloseMethod::Close | CloseMethod::HalfClose) => &mut ledger.closed_by_us,
        CloseReason::ByUs(CloseMethod::Reset) => &mut ledger.reset_by_us,
        CloseReason::ByUs(CloseMethod::Vanish) => &mut ledger.vanished,
        CloseReason::AsAnnounced => &mut ledger.closed_as_announced,
        CloseReason::Idle => &mut ledger.closed_idle,
        CloseReason::ByFin => &mut ledger.evicted_fin,
        CloseReason::ByReset => &mut ledger.evicted_rst,
        CloseReason::Refused => &mut ledger.refused,
        CloseReason::TimedOut => &mut ledger.timed_out,
        CloseReason::Alive => &mut ledger.still_alive,
    }
}

/// The counts as numbers; `can_vanish`: those that were to vanish could.
fn count(ledger: &Ledger, can_vanish: bool, row: &mut Row) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_counts_what_happened_in_it() {
        let established = Life { is_established: true, ..Life::default() };
        let account = || {
            let mut account = ConnectionAccount::new(&[(100, 200), (200, 400)]);
            // Before the window, in each phase, at the border between them, and behind the window.
            for now_ns in [50, 150, 200, 399, 400] {
                account.opened(now_ns);
                account.ended(CloseReason::ByReset, established, false, (100, 400), now_ns + 1);
            }
            account
        };
        let mut all = account();
        all.add(&account());
        let mut numbers = vec![(Row::default(), Vec::new()), (Row::default(), Vec::new())];
        all.summarize_phases(false, &mut numbers);
        let of = |metric| numbers.iter().map(|(row, _)| row.value(metric)).collect::<Vec<_>>();
        assert_eq!(of(Metric::Opened), [Some(2.0), Some(4.0)]);
        assert_eq!(of(Metric::EvictedReset), [Some(2.0), Some(2.0)], "the last one ended behind the window");
        assert_eq!(of(Metric::EvictedFin), [Some(0.0), Some(0.0)]);
        assert_eq!(of(Metric::Vanished), [None, None], "they could not");
        assert_eq!((all.ledger().opened, all.ledger().evicted_rst), (10, 10));
    }
}
