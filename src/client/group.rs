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
    close_reason::{CloseReason, Life},
    download::Downloads,
    grace::Grace,
    histogram::histogram,
    judged::Judged,
    latencies::Latencies,
    queue::Queue,
    request::Request,
    share::{Part, Start},
    silence::Silence,
    workload::{Rules, Workload},
};
use crate::{
    codec::{Script, Tally},
    load::{Attempts, Pace, Pacing},
    profile,
    reactor::Token,
    record::{Ledger, Requests},
};

/// What one thread drives of a client group, at work.
pub(super) struct Group {
    spec: profile::Group,
    rules: Rules,
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
            rules: Rules::of(spec),
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
            queue: Queue::default(),
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

    /// What it asks for, and how.
    pub(super) const fn spec(&self) -> &profile::Group {
        &self.spec
    }

    /// Whether its clients never let received bytes wait longer than they must.
    pub(super) const fn reads_everything(&self) -> bool {
        self.rules.reads_everything
    }

    /// A connection is opened.
    pub(super) fn opened(&mut self) {
        self.ledger.opened += 1;
    }

    /// A connection was refused at once.
    pub(super) fn refused(&mut self, again: bool, part: u32, now_ns: u64) {
        self.opened();
        self.settled_one(again, now_ns);
        let life = Life { part, ..Life::default() };
        self.ended(CloseReason::Refused, life, std::iter::empty(), &Tally::default(), now_ns);
    }

    /// A connection has come about; its place among those that are open.
    pub(super) fn joins(&mut self, token: Token) -> u32 {
        self.alive.push(token);
        self.alive.len() as u32 - 1
    }

    /// The connection at that place has ended; the one that takes its place, if one does.
    pub(super) fn leaves(&mut self, place: u32) -> Option<Token> {
        self.alive.swap_remove(place as usize);
        self.alive.get(place as usize).copied()
    }

    /// A connection that has room for a request that waits, if there are both.
    pub(super) fn take_free(&mut self) -> Option<Token> {
        if self.queue.is_empty() { None } else { self.queue.take_free() }
    }

    /// Whether requests of good clients wait for a connection, and none has room.
    pub(super) fn needs_connection(&self) -> bool {
        self.is_steady_and_waits() && !self.queue.has_free()
    }

    /// When the group's next arrival became due, if it did, and before the end of the window.
    pub(super) fn next_arrival(&mut self, now_ns: u64) -> Option<u64> {
        let pace = self.pace.as_mut()?;
        let start_ns = self.start.at_ns()?;
        let elapsed_ns = now_ns.min(self.window.1 - 1).checked_sub(start_ns)?;
        match pace.decide(elapsed_ns) {
            Pacing::Due(due) => {
                pace.skip(self.part.of - 1);
                Some(start_ns + due)
            }
            Pacing::Wait(_) => None,
        }
    }

    /// Starts the next download if the last one is over; the connections that fetch a part of it, each.
    pub(super) fn start_download(&mut self, now_ns: u64) -> Vec<Token> {
        let open = self.alive.len();
        match self.downloads.as_mut().filter(|downloads| downloads.is_due(open)) {
            Some(downloads) => {
                downloads.start(now_ns);
                self.alive.clone()
            }
            None => Vec::new(),
        }
    }

    /// The window is over; what its connections wait for was due since then.
    pub(super) fn begin_grace(&mut self, oldest_due_ns: Option<u64>) {
        self.grace.begin(oldest_due_ns.into_iter().chain(self.queue.oldest_due_ns()).min());
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

impl Workload for Group {
    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn start_due(&mut self, now_ns: u64) {
        self.requests.started += 1;
        self.due(now_ns);
    }

    fn start_waiting(&mut self, part: u32) -> Option<Request> {
        let arrival = match &mut self.downloads {
            Some(downloads) => downloads.take(part),
            None => self.queue.pop(),
        }?;
        self.requests.started += 1;
        Some(Request::waiting(arrival))
    }

    fn offer(&mut self, token: Token) {
        self.queue.offer(token);
    }

    fn take_back(&mut self, due_ns: u64) {
        self.take_back_due(due_ns);
    }

    fn retry(&mut self, request: &Request, part: u32, now_ns: u64) {
        self.retry_elsewhere(request, part, now_ns);
    }

    fn answered(&mut self, request: &Request, is_error: bool, now_ns: u64) -> bool {
        self.note_answered(request, is_error, now_ns)
    }

    fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    fn received(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    fn cannot_vanish(&mut self, why: String) {
        self.cannot_vanish.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests;
