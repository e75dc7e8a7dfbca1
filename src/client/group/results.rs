//! What there is to see of a group, and what it came to.

use std::time::Duration;

use super::Group;
use crate::{
    client::results::{PhaseNumbers, Seen},
    metric::{Metric, Row},
    record::{Cause, GroupResult},
};

impl Group {
    /// What there is to see now; the interval starts anew.
    pub(in crate::client) fn sample(&mut self) -> Seen {
        let mut counts = self.counts();
        counts.set(Metric::Alive, self.open.len() as f64);
        Seen { counts, latencies: self.demand.account.take_interval() }
    }

    /// The counters.
    pub(in crate::client) fn counts(&self) -> Row {
        let mut row = Row::default();
        self.demand.account.count(&mut row);
        if let Some(transfers) = &self.demand.transfers {
            transfers.count(&mut row);
        }
        row
    }

    pub(in crate::client) const fn answered_in_window(&self) -> u64 {
        self.demand.account.answered_in_window()
    }

    /// What the group came to, as numbers; and those of them that are lower bounds, with the reason.
    pub(in crate::client) fn summary(&self) -> (Row, Vec<(Metric, Cause)>) {
        let mut row = Row::default();
        self.connections.summarize(&self.spec, self.demand.cannot_vanish.is_none(), &mut row);
        let mut censored = self.demand.account.summarize(&self.spec, &mut row);
        if let Some(transfers) = &self.demand.transfers {
            censored.extend(transfers.summarize(&mut row));
        }
        (row, censored)
    }

    /// Adds how much of what its clients should have read they did, where they read at a rate all the time: it counted so
    /// much in a window that was so many seconds long.
    pub(in crate::client) fn add_read_pace(&self, counted: &Row, seconds: f64, row: &mut Row) {
        let comes_and_goes = self.spec.start.0 > Duration::ZERO || self.spec.stop.is_some();
        let declared = self.spec.rx.bytes_per_second().filter(|_| !comes_and_goes);
        if let Some((declared, received)) = declared.zip(counted.value(Metric::Received)) {
            row.set(Metric::ReadPace, received / (declared * f64::from(self.spec.count) * seconds));
        }
    }

    /// What it came to in each phase of the window, as numbers; and those of them that are lower bounds, with the reason.
    pub(in crate::client) fn phase_summaries(&self) -> Vec<PhaseNumbers> {
        let mut phases = self.demand.account.summarize_phases(&self.spec);
        self.connections.summarize_phases(self.demand.cannot_vanish.is_none(), &mut phases);
        phases
    }

    /// What its clients were not permitted to do, in words.
    pub(in crate::client) fn note(&self) -> Option<String> {
        let why = self.demand.cannot_vanish.as_ref()?;
        Some(format!(
            "the clients of `{}` could not vanish (SO_ATTACH_FILTER: {why}) and stayed connected without sending; run as root",
            self.spec.name
        ))
    }

    /// What the group came to, for the record.
    pub(in crate::client) fn result(&self) -> GroupResult {
        GroupResult {
            name: self.spec.name.clone(),
            ledger: *self.connections.ledger(),
            not_accepted: self.connections.counted_as_not_accepted(),
            put_off: self.openings.put_off(&self.spec, self.demand.account.window()),
            // This thread may drive none of the group's connections, and has no clock for it then.
            loop_started_ns: self
                .start
                .at_ns()
                .filter(|_| self.spec.load.rate.is_some())
                .map(|at_ns| at_ns as i64 - self.epoch_ns as i64),
            ..self.demand.account.result()
        }
    }

    /// Takes over what another thread drove of the same group.
    pub(in crate::client) fn absorb(&mut self, other: Self) {
        self.demand.account.add(&other.demand.account);
        self.connections.add(&other.connections);
        self.openings.add(&other.openings);
        if other.part.count > 0 && other.demand.transfers.is_some() {
            // One thread drives all of them.
            self.demand.transfers = other.demand.transfers;
        }
        self.part.count += other.part.count;
        self.demand.cannot_vanish = self.demand.cannot_vanish.take().or(other.demand.cannot_vanish);
    }
}
