//! What is known about a client group while it runs: its clock, its counts, its latencies.

mod outcome;

use std::{collections::VecDeque, sync::Arc};

use hdrhistogram::Histogram;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{
    download::Downloads,
    latencies::Latencies,
    pending::{Pending, Request},
    share::{Part, Start},
};
use crate::{
    behavior::End,
    codec::{Script, Tally},
    load::{Attempts, Pace},
    profile,
    reactor::Token,
    record::{Ledger, Requests},
    units::Count,
};

/// The longest latency that is told apart: a day, in nanoseconds.
const LONGEST_NS: u64 = 24 * 3600 * 1_000_000_000;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// As the behavior says; `HalfClose`: the peer closed after us, with everything answered.
    ByUs(End),
    /// As the peer's last answer said that it would.
    AsAnnounced,
    ByFin,
    ByReset,
    Refused,
    TimedOut,
    /// Open when the clients stopped.
    Alive,
}

/// What one thread drives of a client group, at work.
pub(super) struct Group {
    pub(super) spec: profile::Group,
    /// What its connections say and must hear.
    script: Script,
    /// What they fetch together, each a part of it.
    pub(super) downloads: Option<Downloads>,
    /// What the thread drives of it.
    pub(super) part: Part,
    /// The clock of its open loop, of which the thread starts every request that is its own.
    pub(super) pace: Option<Pace>,
    /// When its first connections are opened: from here on, as a schedule says or at once.
    start_ns: u64,
    /// Connections that are still to be opened.
    to_open: u32,
    /// Who comes back, and no sooner than when.
    attempts: Option<Attempts>,
    /// When connections are opened again, in order.
    reopen_ns: VecDeque<u64>,
    rng: Xoshiro256PlusPlus,
    /// Why its clients may not vanish, if they may not.
    pub(super) cannot_vanish: Option<String>,
    /// When its open loop starts.
    pub(super) start: Arc<Start>,
    /// Its open connections; arrivals go round.
    pub(super) alive: Vec<Token>,
    turn: usize,
    /// Requests due from `window.0` until before `window.1` are in the latencies.
    window: (u64, u64),
    due_in_window: u64,
    answered_in_window: u64,
    pub(super) requests: Requests,
    pub(super) ledger: Ledger,
    pub(super) received: u64,
    pub(super) sent: u64,
    content: Tally,
    response: Histogram<u64>,
    service: Histogram<u64>,
    interval: Latencies,
    /// How long connections lived that the peer ended.
    evicted_after: Histogram<u64>,
}

/// Counts values from 1 ns to a day; longer ones are counted as a day.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("bounds that HdrHistogram accepts")
}

impl Group {
    pub(super) fn new(
        spec: &profile::Group,
        part: Part,
        start: Arc<Start>,
        host: &str,
        epoch_ns: u64,
        window: (u64, u64),
        seed: u64,
    ) -> Self {
        let pace = spec.load.rate.clone().filter(|_| part.count > 0).map(|rate| {
            let mut pace = Pace::new(rate, spec.load.arrivals, seed);
            pace.skip(part.index);
            pace
        });
        Self {
            spec: spec.clone(),
            script: spec.script(host),
            downloads: spec.parts(host).map(Downloads::new),
            part,
            pace,
            start_ns: epoch_ns + spec.start.0.as_nanos() as u64,
            to_open: part.count,
            attempts: spec.reconnect.as_ref().map(|reconnect| Attempts::new(reconnect, part.of)),
            reopen_ns: VecDeque::new(),
            rng: Xoshiro256PlusPlus::seed_from_u64(seed ^ 1 ^ u64::from(part.index) << 16),
            cannot_vanish: None,
            start,
            alive: Vec::new(),
            turn: 0,
            window,
            due_in_window: 0,
            answered_in_window: 0,
            requests: Requests::default(),
            ledger: Ledger::default(),
            received: 0,
            sent: 0,
            content: Tally::default(),
            response: histogram(),
            service: histogram(),
            interval: Latencies::default(),
            evicted_after: histogram(),
        }
    }

    /// What the connection says that was opened last.
    pub(super) fn script(&self) -> &Script {
        let index = (self.ledger.opened - 1) as usize;
        self.downloads.as_ref().map_or(&self.script, |downloads| &downloads.parts[index])
    }

    /// Whether it is time to open a connection, and whether it is one that is opened again.
    pub(super) fn take_turn(&mut self, now_ns: u64) -> Option<bool> {
        if self.next_open_ns().is_some_and(|at_ns| at_ns <= now_ns) {
            self.to_open -= 1;
            return Some(false);
        }
        self.reopen_ns.front().filter(|at_ns| **at_ns <= now_ns)?;
        self.reopen_ns.pop_front().map(|_| true)
    }

    /// When the next of the first connections is opened, if one is left.
    fn next_open_ns(&self) -> Option<u64> {
        let opened = self.part.count - self.to_open;
        let after_ns = match &self.spec.connect_rate {
            None => 0,
            Some(schedule) => schedule.due_ns(f64::from(self.part.index + opened * self.part.of))?,
        };
        (self.to_open > 0).then(|| self.start_ns.saturating_add(after_ns))
    }

    /// A connection has come about, or failed to; with the last of the first ones the open loop starts.
    pub(super) fn settled_one(&mut self, again: bool, now_ns: u64) {
        if !again {
            self.start.settled_one(now_ns);
        }
    }

    /// When a connection that came about now is closed, if it has a lifetime.
    pub(super) fn lifetime_ends(&mut self, again: bool, now_ns: u64) -> Option<u64> {
        let whole = self.spec.lifetime?.0;
        let life = if again { whole } else { whole.mul_f64(self.rng.random::<f64>()) };
        Some(now_ns + life.as_nanos() as u64)
    }

    /// When there is something to do for the group: a connection to open, a request to start.
    pub(super) fn next_wake_ns(&self) -> Option<u64> {
        let first = self.next_open_ns();
        let again = self.reopen_ns.front().copied();
        let request = self
            .start
            .at_ns()
            .zip(self.pace.as_ref())
            .map(|(start, pace)| start.saturating_add(pace.next_ns()));
        [first, again, request].into_iter().flatten().min()
    }

    /// The connection that the next arrival goes to.
    pub(super) fn next_in_turn(&mut self) -> Option<Token> {
        self.turn = if self.turn + 1 < self.alive.len() { self.turn + 1 } else { 0 };
        self.alive.get(self.turn).copied()
    }

    /// A request became due.
    pub(super) fn due(&mut self, due_ns: u64) {
        self.due_in_window += u64::from(self.in_window(due_ns));
    }

    /// A request that became due then was none after all.
    pub(super) fn take_back(&mut self, due_ns: u64) {
        self.requests.started -= 1;
        self.due_in_window -= u64::from(self.in_window(due_ns));
    }

    /// Requests that each of its connections starts at most.
    pub(super) fn requests_per_connection(&self) -> u64 {
        self.spec.requests_per_connection.map_or(u64::MAX, |Count(most)| u64::from(most))
    }

    /// A request became due and cannot be started.
    pub(super) fn skip(&mut self, due_ns: u64) {
        self.due(due_ns);
        self.requests.skipped += 1;
    }

    fn in_window(&self, due_ns: u64) -> bool {
        (self.window.0..self.window.1).contains(&due_ns)
    }

    /// A request was answered. An error is an answer, but no part of the latencies: many come sooner than what was
    /// asked for would have.
    pub(super) fn answered(&mut self, request: Request, error: bool, now_ns: u64) {
        let response = now_ns.saturating_sub(request.due_ns);
        self.requests.answered += 1;
        if let Some(downloads) = &mut self.downloads {
            downloads.part_came(error, now_ns);
        }
        self.answered_in_window += u64::from(self.in_window(now_ns));
        if error {
            return;
        }
        let service = now_ns.saturating_sub(request.sent_ns);
        self.interval.record(response, self.pace.is_some().then_some(service));
        if self.in_window(request.due_ns) {
            self.response.saturating_record(response);
            self.service.saturating_record(service);
        }
    }

    /// The peer ended a connection that lived so long.
    pub(super) fn evicted_after(&mut self, lived_ns: u64) {
        self.evicted_after.saturating_record(lived_ns);
    }

    /// A connection ended, with these requests under way.
    pub(super) fn ended(&mut self, how: Ended, pending: &Pending, content: &Tally, now_ns: u64) {
        let open = pending.open() as u64;
        let count = match how {
            Ended::ByUs(End::Close | End::HalfClose) => &mut self.ledger.closed_by_us,
            Ended::ByUs(End::Reset) => &mut self.ledger.reset_by_us,
            Ended::ByUs(End::Vanish) => &mut self.ledger.vanished,
            Ended::AsAnnounced => &mut self.ledger.closed_as_announced,
            Ended::ByFin => &mut self.ledger.evicted_fin,
            Ended::ByReset => &mut self.ledger.evicted_rst,
            Ended::Refused => &mut self.ledger.refused,
            Ended::TimedOut => &mut self.ledger.timed_out,
            Ended::Alive => &mut self.ledger.still_alive,
        };
        *count += 1;
        if how == Ended::Alive {
            self.requests.unanswered += open;
            let age = pending.oldest_due_ns().map_or(0, |due| now_ns.saturating_sub(due));
            self.requests.oldest_unanswered_ns = self.requests.oldest_unanswered_ns.max(age);
        } else {
            self.requests.lost += open;
            self.reopen_ns.extend(self.attempts.as_mut().map(|attempts| attempts.after(now_ns)));
        }
        // Nobody knows what answers to spoilt requests must be.
        if !self.spec.tx.spoils() {
            self.content.add(content);
        }
    }

    /// Whether it has requests to start and does not know yet when the first is due.
    pub(super) fn awaits_start(&self) -> bool {
        self.part.of > 1 && self.pace.is_some() && self.start.at_ns().is_none()
    }

    /// Takes over what another thread drove of the same group.
    pub(super) fn absorb(&mut self, other: Self) {
        self.due_in_window += other.due_in_window;
        self.answered_in_window += other.answered_in_window;
        self.requests.add(&other.requests);
        self.ledger.add(&other.ledger);
        self.received += other.received;
        self.sent += other.sent;
        self.content.add(&other.content);
        if other.part.count > 0 && other.downloads.is_some() {
            // One thread drives all of them.
            self.downloads = other.downloads;
        }
        self.cannot_vanish = self.cannot_vanish.take().or(other.cannot_vanish);
        for (mine, others) in [
            (&mut self.response, &other.response),
            (&mut self.service, &other.service),
            (&mut self.evicted_after, &other.evicted_after),
        ] {
            mine.add(others).expect("histograms with the same bounds");
        }
    }
}

#[cfg(test)]
mod tests;
