//! What is known about a client group while it runs: its clock, its counts, its latencies.

mod account;
mod openings;
mod outcome;

use std::{collections::VecDeque, sync::Arc};

use hdrhistogram::Histogram;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

pub(super) use self::openings::Opening;
use self::openings::Reopening;
use super::{
    download::Downloads,
    grace::Grace,
    histogram::histogram,
    judged::Judged,
    latencies::Latencies,
    queue::Queue,
    share::{Part, Start},
    silence::Silence,
};
use crate::{
    codec::{Protocol, Script, Tally},
    load::{Attempts, Pace},
    profile,
    reactor::Token,
    record::{Ledger, Requests},
};

/// Requests that a connection has under way at most: in an open loop over HTTP one, unless more are asked for.
fn most_under_way(spec: &profile::Group) -> Option<u32> {
    spec.load.depth.or((spec.protocol == Protocol::Http).then_some(1))
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
    epoch_ns: u64,
    /// Connections that are still to be opened.
    to_open: u32,
    /// Who comes back, and no sooner than when.
    attempts: Option<Attempts>,
    /// Connections that are opened again, in order.
    reopenings: VecDeque<Reopening>,
    /// Time of the window in which connections were needed and not opened again, because no more attempts are allowed, added up.
    put_off_ns: u64,
    rng: Xoshiro256PlusPlus,
    /// Why its clients may not vanish, if they may not.
    pub(super) cannot_vanish: Option<String>,
    /// When its open loop starts.
    pub(super) start: Arc<Start>,
    /// Its open connections.
    pub(super) alive: Vec<Token>,
    /// What is due and waits for one of them.
    pub(super) queue: Queue,
    /// Requests due from `window.0` until before `window.1` are in the latencies.
    window: (u64, u64),
    /// Requests that became due.
    due: u64,
    due_in_window: u64,
    /// Requests of the warm-up that nobody answered, and that waited in the window.
    left_over: u64,
    answered_in_window: u64,
    /// Requests that were to be sent again.
    retried_in_window: u64,
    /// What came of those that were due in the window.
    pub(super) judged: Judged,
    silence: Silence,
    /// How long it is waited for in the end.
    pub(super) grace: Grace,
    /// When the oldest request was due that nobody answered to the end.
    outlasted_ns: Option<u64>,
    /// Connections that had something to be answered and got nothing in the window.
    silent: u64,
    /// The fewest answers to a connection that was there for the whole window, or all but its first tenth.
    fewest_answers: Option<u64>,
    pub(super) requests: Requests,
    pub(super) ledger: Ledger,
    pub(super) received: u64,
    pub(super) sent: u64,
    content: Tally,
    interval: Latencies,
    /// How long connections lived that the peer ended.
    evicted_after: Histogram<u64>,
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
        let last_answer_ns = Arc::clone(&start.last_answer_ns);
        let pace = spec.load.rate.clone().filter(|_| part.count > 0).map(|rate| {
            let mut pace = Pace::new(rate, spec.load.arrivals, seed);
            pace.skip(part.index);
            pace
        });
        Self {
            spec: spec.clone(),
            script: spec.script(host),
            downloads: spec.parts(host).map(|parts| Downloads::new(parts, window.0)),
            part,
            pace,
            start_ns: epoch_ns + spec.start.0.as_nanos() as u64,
            epoch_ns,
            to_open: part.count,
            attempts: spec.reconnect.as_ref().map(|reconnect| Attempts::new(reconnect, part.of)),
            reopenings: VecDeque::new(),
            put_off_ns: 0,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed ^ 1 ^ u64::from(part.index) << 16),
            cannot_vanish: None,
            start,
            alive: Vec::new(),
            queue: Queue::new(most_under_way(spec)),
            window,
            due: 0,
            due_in_window: 0,
            left_over: 0,
            answered_in_window: 0,
            retried_in_window: 0,
            judged: Judged::new(),
            silence: Silence::new(last_answer_ns, window),
            grace: Grace::default(),
            outlasted_ns: None,
            silent: 0,
            fewest_answers: None,
            requests: Requests::default(),
            ledger: Ledger::default(),
            received: 0,
            sent: 0,
            content: Tally::default(),
            interval: Latencies::default(),
            evicted_after: histogram(),
        }
    }

    /// What a connection says: that of this part, where the group fetches something in parts.
    pub(super) fn script(&self, part: u32) -> &Script {
        self.downloads.as_ref().map_or(&self.script, |downloads| &downloads.parts[part as usize])
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
        let again = self.next_reopen_ns();
        let request = self
            .start
            .at_ns()
            .zip(self.pace.as_ref())
            .map(|(start, pace)| start.saturating_add(pace.next_ns()));
        [first, again, request].into_iter().flatten().min()
    }

    /// Until when its last answers are waited for, after a window that ended then: those of good clients as long as they may
    /// take, those of others no longer than they must.
    pub(super) fn grace_ends_ns(&self, end_ns: u64) -> u64 {
        if self.spec.is_steady() {
            self.grace.ends_ns(end_ns, self.silence.last_ns())
        } else {
            Grace::default().ends_ns(end_ns, 0)
        }
    }

    /// Whether requests of good clients wait for a connection.
    pub(super) fn is_steady_and_waits(&self) -> bool {
        self.spec.is_steady() && self.has_waiting()
    }

    /// Whether it has requests to start and does not know yet when the first is due.
    pub(super) fn awaits_start(&self) -> bool {
        self.part.of > 1 && self.pace.is_some() && self.start.at_ns().is_none()
    }
}

#[cfg(test)]
mod tests;
