//! What is known about a client group while it runs: its clock, its counts, its latencies.

mod outcome;

use std::{collections::VecDeque, sync::Arc};

use hdrhistogram::Histogram;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{
    download::Downloads,
    judged::Judged,
    latencies::Latencies,
    pending::{Pending, Request},
    queue::{Arrival, Queue},
    share::{Part, Start},
    silence::Silence,
};
use crate::{
    behavior::End,
    codec::{Protocol, Script, Tally},
    load::{Attempts, Pace, Reconnect},
    profile,
    reactor::Token,
    record::{Cause, Ledger, Requests},
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
    /// By the peer's FIN, while nothing was asked for: it was kept for long enough.
    Idle,
    ByFin,
    ByReset,
    Refused,
    TimedOut,
    /// Open when the clients stopped.
    Alive,
}

/// What is known of a connection when it ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    /// When it was opened, on the monotonic clock.
    pub(super) opened_ns: u64,
    /// The handshake was completed.
    pub(super) is_established: bool,
    /// Answers that it got since the window began.
    pub(super) answers: u32,
}

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
    /// When connections are opened again, in order.
    reopen_ns: VecDeque<u64>,
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
    answered_in_window: u64,
    /// What came of those that were due in the window.
    pub(super) judged: Judged,
    silence: Silence,
    /// When the oldest request was due that nobody answered to the end.
    outlasted_ns: Option<u64>,
    /// Its last connection has ended, and none comes back.
    has_ended: bool,
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
        let last_answer_ns = Arc::clone(&start.last_answer_ns);
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
            epoch_ns,
            to_open: part.count,
            attempts: spec.reconnect.as_ref().map(|reconnect| Attempts::new(reconnect, part.of)),
            reopen_ns: VecDeque::new(),
            rng: Xoshiro256PlusPlus::seed_from_u64(seed ^ 1 ^ u64::from(part.index) << 16),
            cannot_vanish: None,
            start,
            alive: Vec::new(),
            queue: Queue::new(most_under_way(spec)),
            window,
            due: 0,
            due_in_window: 0,
            answered_in_window: 0,
            judged: Judged::new(),
            silence: Silence::new(last_answer_ns, window),
            outlasted_ns: None,
            has_ended: false,
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

    /// A request became due.
    pub(super) fn due(&mut self, due_ns: u64) {
        self.due += 1;
        self.due_in_window += u64::from(self.in_window(due_ns));
    }

    /// A request of an open loop became due, and waits for a connection from now on.
    pub(super) fn arrived(&mut self, due_ns: u64, now_ns: u64) {
        self.due(due_ns);
        let delay_us = (now_ns.saturating_sub(due_ns) / 1000).try_into().unwrap_or(u32::MAX);
        if !self.queue.push(Arrival { due_ns, delay_us, is_retry: false }) {
            self.skip(due_ns, now_ns);
        }
    }

    /// A request that became due then was none after all.
    pub(super) fn take_back(&mut self, due_ns: u64) {
        self.requests.started -= 1;
        self.due -= 1;
        self.due_in_window -= u64::from(self.in_window(due_ns));
    }

    /// A request was sent as the server closed the connection: it waits for another one.
    pub(super) fn retry(&mut self, request: &Request) {
        self.requests.started -= 1;
        self.requests.retried += 1;
        let &Request { due_ns, delay_us, .. } = request;
        self.queue.push_front(Arrival { due_ns, delay_us, is_retry: true });
    }

    /// Requests that each of its connections starts at most.
    pub(super) fn requests_per_connection(&self) -> u64 {
        self.spec.requests_per_connection.map_or(u64::MAX, |Count(most)| u64::from(most))
    }

    /// The clients stop: what still waits for a connection never gets one.
    pub(super) fn stop(&mut self, now_ns: u64) {
        let oldest_ns = self.queue.oldest_due_ns();
        while let Some(arrival) = self.queue.pop() {
            self.skip(arrival.due_ns, now_ns);
        }
        self.outlasted_ns = self.outlasted_ns.into_iter().chain(oldest_ns).min();
        // In an open loop only requests that nobody answered make a silence; a closed loop always asks.
        let asks_always = self.spec.load.is_closed_loop() && !self.has_ended;
        if let Some(since_ns) = if asks_always { Some(0) } else { self.outlasted_ns } {
            self.silence.ended(since_ns, now_ns);
        }
        if let Some(downloads) = &mut self.downloads {
            downloads.stop(now_ns);
        }
        self.window.1 = self.window.1.min(now_ns);
    }

    fn skip(&mut self, due_ns: u64, now_ns: u64) {
        self.requests.skipped += 1;
        self.censor(Cause::Skipped, &Request::due(due_ns), now_ns);
    }

    fn in_window(&self, due_ns: u64) -> bool {
        (self.window.0..self.window.1).contains(&due_ns)
    }

    /// A request got no proper answer until now.
    fn censor(&mut self, cause: Cause, request: &Request, now_ns: u64) {
        self.waited(request.due_ns, now_ns);
        if self.in_window(request.due_ns) {
            let since = |ns: u64| if ns == 0 { 0 } else { now_ns.saturating_sub(ns) };
            self.judged.censor(cause, since(request.due_ns), since(request.sent_ns));
        }
    }

    /// A request that was due then has waited until now: as far as that lies in the window.
    fn waited(&mut self, due_ns: u64, now_ns: u64) {
        let wait_ns = now_ns.saturating_sub(due_ns.max(self.window.0));
        self.judged.longest_wait_ns = self.judged.longest_wait_ns.max(wait_ns);
    }

    /// A request was answered. An error is an answer, but no proper one: many come sooner than what was asked for would
    /// have. Whether it came in the window or later.
    pub(super) fn answered(&mut self, request: Request, error: bool, now_ns: u64) -> bool {
        let response = now_ns.saturating_sub(request.due_ns);
        self.requests.answered += 1;
        if let Some(downloads) = &mut self.downloads {
            downloads.part_came(error, now_ns);
        }
        self.answered_in_window += u64::from(self.in_window(now_ns));
        self.silence.answered(if self.pace.is_some() { request.due_ns } else { 0 }, now_ns);
        if error {
            self.censor(Cause::Errors, &request, now_ns);
            return now_ns >= self.window.0;
        }
        let service = now_ns.saturating_sub(request.sent_ns);
        self.waited(request.due_ns, now_ns);
        self.interval.record(response, self.pace.is_some().then_some(service));
        if self.in_window(request.due_ns) {
            self.judged.answered(response, service);
            if self.pace.is_some() {
                let delay_ns = u64::from(request.delay_us) * 1000;
                self.judged.undelayed.saturating_record(response.saturating_sub(delay_ns));
            }
        }
        now_ns >= self.window.0
    }

    /// The peer ended a connection that lived so long.
    pub(super) fn evicted_after(&mut self, lived_ns: u64) {
        self.evicted_after.saturating_record(lived_ns);
    }

    /// A connection ended, with these requests under way.
    pub(super) fn ended(&mut self, how: Ended, life: Life, pending: &Pending, content: &Tally, now_ns: u64) {
        let open = pending.open() as u64;
        let count = match how {
            Ended::ByUs(End::Close | End::HalfClose) => &mut self.ledger.closed_by_us,
            Ended::ByUs(End::Reset) => &mut self.ledger.reset_by_us,
            Ended::ByUs(End::Vanish) => &mut self.ledger.vanished,
            Ended::AsAnnounced => &mut self.ledger.closed_as_announced,
            Ended::Idle => &mut self.ledger.closed_idle,
            Ended::ByFin => &mut self.ledger.evicted_fin,
            Ended::ByReset => &mut self.ledger.evicted_rst,
            Ended::Refused => &mut self.ledger.refused,
            Ended::TimedOut => &mut self.ledger.timed_out,
            Ended::Alive => &mut self.ledger.still_alive,
        };
        *count += 1;
        self.count_life(how, life, open > 0, now_ns);
        if how == Ended::Alive {
            self.requests.unanswered += open;
            let age = pending.oldest_due_ns().map_or(0, |due| now_ns.saturating_sub(due));
            self.requests.oldest_unanswered_ns = self.requests.oldest_unanswered_ns.max(age);
            self.outlasted_ns = self.outlasted_ns.into_iter().chain(pending.oldest_due_ns()).min();
            pending.requests().for_each(|request| self.censor(Cause::Unanswered, request, now_ns));
        } else {
            self.requests.lost += open;
            // What our own end cut off is not the server's doing.
            if !matches!(how, Ended::ByUs(_)) {
                pending.requests().for_each(|request| self.censor(Cause::Lost, request, now_ns));
            }
            self.come_back(how, now_ns);
        }
        // Nobody knows what answers to spoilt requests must be.
        if !self.spec.tx.spoils() {
            self.content.add(content);
        }
    }

    /// Opens the connection again where the group does so, or where its end is one after which every client does.
    fn come_back(&mut self, how: Ended, now_ns: u64) {
        if self.spec.reconnect.is_some() || how == Ended::Idle {
            let of = self.part.of;
            let attempts = self.attempts.get_or_insert_with(|| Attempts::new(&Reconnect::default(), of));
            self.reopen_ns.push_back(attempts.after(now_ns));
        }
        if self.alive.is_empty() && self.reopen_ns.is_empty() && self.to_open == 0 {
            self.has_ended = true;
            if self.spec.load.is_closed_loop() {
                self.silence.ended(0, now_ns);
            }
        }
    }

    /// How many answers a connection got, where it had something to be answered.
    fn count_life(&mut self, how: Ended, life: Life, waits: bool, now_ns: u64) {
        let by_itself = matches!(how, Ended::Alive | Ended::ByFin | Ended::ByReset);
        let never_came_about = how == Ended::Alive && !life.is_established;
        let asks = !self.spec.tx.is_idle() && (waits || never_came_about);
        if now_ns > self.window.0 && by_itself && asks && life.answers == 0 {
            self.silent += 1;
        }
        let (start_ns, end_ns) = self.window;
        let soon_ns = start_ns + end_ns.saturating_sub(start_ns) / 10;
        if life.is_established && life.opened_ns <= soon_ns && now_ns >= end_ns {
            let answers = u64::from(life.answers);
            self.fewest_answers = Some(self.fewest_answers.map_or(answers, |fewest| fewest.min(answers)));
        }
    }

    /// Whether it has requests to start and does not know yet when the first is due.
    pub(super) fn awaits_start(&self) -> bool {
        self.part.of > 1 && self.pace.is_some() && self.start.at_ns().is_none()
    }

    /// Takes over what another thread drove of the same group.
    pub(super) fn absorb(&mut self, other: Self) {
        self.due += other.due;
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
        self.judged.add(&other.judged);
        self.silence.add(&other.silence);
        self.silent += other.silent;
        self.fewest_answers = self.fewest_answers.into_iter().chain(other.fewest_answers).min();
        self.cannot_vanish = self.cannot_vanish.take().or(other.cannot_vanish);
        self.evicted_after.add(&other.evicted_after).expect("histograms with the same bounds");
    }
}

#[cfg(test)]
mod tests;
