//! A client group as one thread drives it: which connections it opens, which requests they start, and what comes of both.

mod connection_account;
mod demand;
mod grace;
mod judged;
mod keeping;
mod kept;
mod open_loop;
mod openings;
mod phases;
mod queue;
mod request_account;
mod results;
mod silence;
mod transfers;

use std::{iter, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use self::{connection_account::ConnectionAccount, openings::Openings, transfers::Due};
pub(super) use self::{demand::Demand, kept::KeptGroup, openings::Opening};
use super::{
    close_reason::{CloseReason, Life},
    plan::MeasuredTime,
    request::Request,
    share::{Part, Start},
    workload::Workload,
};
use crate::{
    behavior,
    codec::{Script, Tally},
    profile,
    reactor::Token,
    units::Span,
};

/// What one thread drives of a client group, at work.
pub(super) struct Group {
    spec: profile::Group,
    demand: Demand,
    openings: Openings,
    /// Its open connections.
    open: Vec<Token>,
    /// That of them which fetches the copy of an upload.
    fetching: Option<Token>,
    /// How that one behaves.
    steady: behavior::Spec,
    connections: ConnectionAccount,
    /// Fixes how long connections are kept.
    rng: Xoshiro256PlusPlus,
    /// When its open loop starts, and whether its last connection has ended.
    start: Arc<Start>,
    /// What the thread drives of it.
    part: Part,
    epoch_ns: u64,
    /// When it leaves, if it does before the window ends.
    leaves_ns: Option<u64>,
}

impl Group {
    pub(super) fn new(
        spec: &profile::Group,
        part: Part,
        start: Arc<Start>,
        host: &str,
        epoch_ns: u64,
        measured: &MeasuredTime,
        seed: u64,
    ) -> Self {
        let start_ns = epoch_ns + spec.start.0.as_nanos() as u64;
        let leaves_ns = spec.stop.map(|stop| epoch_ns + stop.0.as_nanos() as u64);
        // What is measured of a group that leaves ends with it.
        let measured = measured.until(leaves_ns);
        let last_answer_ns = Arc::clone(&start.last_answer_ns);
        Self {
            spec: spec.clone(),
            demand: Demand::new(spec, part, host, &measured, seed, start_ns, last_answer_ns),
            openings: Openings::new(spec, part, start_ns),
            open: Vec::new(),
            fetching: None,
            steady: behavior::Spec::default(),
            connections: ConnectionAccount::new(&measured.phases),
            rng: Xoshiro256PlusPlus::seed_from_u64(seed ^ 1 ^ u64::from(part.index) << 16),
            start,
            part,
            epoch_ns,
            leaves_ns,
        }
    }

    /// What it is to do.
    pub(super) const fn spec(&self) -> &profile::Group {
        &self.spec
    }

    /// How a connection receives and sends. That which fetches the copy of an upload has no part in the group's behavior.
    pub(super) fn behaviors(&self, part: u32) -> (&behavior::Spec, &behavior::Spec) {
        if self.is_copy(part) { (&self.steady, &self.steady) } else { (&self.spec.rx, &self.spec.tx) }
    }

    fn is_copy(&self, part: u32) -> bool {
        self.demand.transfers.as_ref().is_some_and(|transfers| transfers.is_copy(part))
    }

    /// What a connection says: that of this part, where the group moves something in parts.
    pub(super) fn script(&self, part: u32) -> &Script {
        self.demand.script(part)
    }

    /// When there is something to do for the group: a connection to open, a request to start.
    pub(super) fn next_wake_ns(&self) -> Option<u64> {
        let request = self.start.at_ns().and_then(|start_ns| self.demand.next_ns(start_ns));
        let next_ns = self.openings.next_ns().into_iter().chain(request).min();
        next_ns.filter(|next_ns| self.leaves_ns.is_none_or(|leaves_ns| *next_ns < leaves_ns))
    }

    /// Whether it has left: it opens no connection and starts no request any more.
    fn has_left(&self, now_ns: u64) -> bool {
        self.leaves_ns.is_some_and(|leaves_ns| now_ns >= leaves_ns)
    }

    /// If it has left, no connection is opened and what waits for one never gets it. Those that are open end by themselves
    /// ([`Self::lifetime_ends`]).
    pub(super) fn leave_in_time(&mut self, now_ns: u64) {
        if self.has_left(now_ns) {
            self.openings.give_up();
            self.demand.give_up(now_ns);
        }
    }

    /// Whether it has requests to start and does not know yet when the first is due.
    pub(super) fn awaits_start(&self) -> bool {
        self.part.of > 1 && self.demand.has_clock() && self.start.at_ns().is_none()
    }
}

/// Its connections.
impl Group {
    /// The connection whose time to be opened has come, if there is one.
    pub(super) fn take_turn(&mut self, now_ns: u64) -> Option<Opening> {
        if self.has_left(now_ns) {
            return None;
        }
        let needed = self.demand.needs_more().then(|| self.demand.account.window());
        self.openings.take_turn(now_ns, needed)
    }

    /// Since when it has been the next connection's turn, if it is, and whether it waits until the server has room for it.
    pub(super) fn turn(&self, now_ns: u64) -> Option<(u64, bool)> {
        self.openings.turn(now_ns).filter(|_| !self.has_left(now_ns))
    }

    /// When the next connection may be opened, if one is to be.
    pub(super) fn next_connect_ns(&self) -> Option<u64> {
        self.openings.next_ns()
    }

    /// The server has no room: connections that wait for it are not tried before this.
    pub(super) const fn hold(&mut self, until_ns: u64) {
        self.openings.hold(until_ns);
    }

    /// Whether requests of good clients wait for a connection, and none has room.
    pub(super) fn needs_connection(&self) -> bool {
        self.is_steady_and_waits() && !self.demand.queue.has_free()
    }

    /// A connection is opened.
    pub(super) fn opened(&mut self, now_ns: u64) {
        self.connections.opened(now_ns);
        self.openings.opened(now_ns);
    }

    /// A connection was not opened, because the server accepted none of those that waited. It counts as one that waited with
    /// them: as timed out, or, where the clients stop, as one that was never established.
    pub(super) fn not_accepted(&mut self, opening: Opening, is_over: bool, now_ns: u64) {
        self.connections.not_accepted();
        let how = if is_over { CloseReason::Alive } else { CloseReason::TimedOut };
        self.failed_to_open(opening, how, now_ns);
    }

    /// The server's kernel had no room for a connection: it is tried again after `pause_ns`, or counts as not accepted when it
    /// has been tried for `patience_ns`.
    pub(super) fn found_no_room(&mut self, opening: Opening, now_ns: u64, pause_ns: u64, patience_ns: u64) {
        if now_ns >= opening.since_ns + patience_ns {
            self.not_accepted(opening, false, now_ns);
        } else {
            self.openings.put_back(opening, now_ns + pause_ns);
        }
    }

    /// A connection was over before it had a socket.
    pub(super) fn failed_to_open(
        &mut self,
        Opening { again, part, .. }: Opening,
        how: CloseReason,
        now_ns: u64,
    ) {
        self.opened(now_ns);
        if how != CloseReason::Alive {
            self.settled_one(again, now_ns);
        }
        self.ended(how, Life { part, ..Life::default() }, iter::empty(), &Tally::default(), now_ns);
    }

    /// A connection has come about, or failed to; with the last of the first ones the open loop starts.
    pub(super) fn settled_one(&mut self, again: bool, now_ns: u64) {
        if !again {
            self.start.settled_one(now_ns);
        }
    }

    /// When a connection that came about now is closed, if it has a lifetime or the group leaves.
    pub(super) fn lifetime_ends(&mut self, again: bool, now_ns: u64) -> Option<u64> {
        let ends_ns = self.spec.lifetime.map(|Span(whole)| {
            let life = if again { whole } else { whole.mul_f64(self.rng.random::<f64>()) };
            now_ns + life.as_nanos() as u64
        });
        ends_ns.into_iter().chain(self.leaves_ns).min()
    }

    /// The connection of this part has come about; its place among those that are open.
    pub(super) fn joins(&mut self, token: Token, part: u32) -> u32 {
        if self.is_copy(part) {
            self.fetching = Some(token);
        }
        self.open.push(token);
        self.open.len() as u32 - 1
    }

    /// The connection at that place has ended; the one that takes its place, if one does.
    pub(super) fn leaves(&mut self, place: u32) -> Option<Token> {
        let token = self.open.swap_remove(place as usize);
        self.fetching.take_if(|fetching| *fetching == token);
        self.open.get(place as usize).copied()
    }

    /// A connection ended, with these requests under way.
    pub(super) fn ended<'a>(
        &mut self,
        how: CloseReason,
        life: Life,
        under_way: impl Iterator<Item = &'a Request> + Clone,
        content: &Tally,
        now_ns: u64,
    ) {
        self.demand.ended(under_way.clone().count());
        let is_alive = how == CloseReason::Alive;
        let was_waiting = under_way.clone().next().is_some() || (is_alive && !life.is_established);
        let was_owed = was_waiting && !self.spec.tx.is_idle();
        self.connections.ended(how, life, was_owed, self.demand.account.window(), now_ns);
        if is_alive {
            self.demand.account.left_unanswered(under_way, now_ns);
        } else {
            if let Some(transfers) = &mut self.demand.transfers {
                under_way.clone().for_each(|_| transfers.lost(now_ns));
            }
            self.demand.account.lost(under_way, matches!(how, CloseReason::ByUs(_)), now_ns);
            self.come_back(how, life, now_ns);
        }
        if let Some(transfers) = &mut self.demand.transfers {
            transfers.found(life.part, content);
        }
        // It is unknown what answers to corrupted requests must be.
        if !self.spec.tx.sends_invalid_bytes() {
            self.demand.account.found(content);
        }
    }

    /// Opens the connection again in its time, where it comes back; if it was the last one that asked for something, the group
    /// has ended.
    fn come_back(&mut self, how: CloseReason, life: Life, now_ns: u64) {
        if self.demand.rules().comes_back(how, life.is_spent) {
            return self.openings.reopen(life.part, now_ns);
        }
        let by_us = matches!(how, CloseReason::ByUs(_)) || life.is_spent;
        if self.start.ended_one(by_us) && self.demand.rules().is_closed_loop() {
            self.demand.account.loop_ended(now_ns);
        }
    }
}

/// Its requests.
impl Group {
    /// What its connections start, and report to.
    pub(super) const fn demand(&mut self) -> &mut Demand {
        &mut self.demand
    }

    /// When the group's next arrival became due, if it did, and before the end of the window.
    pub(super) fn next_arrival(&mut self, now_ns: u64) -> Option<u64> {
        self.demand.next_arrival(self.start.at_ns()?, now_ns)
    }

    /// A request of an open loop became due, and waits for a connection from now on.
    pub(super) fn arrived(&mut self, due_ns: u64, now_ns: u64) {
        self.demand.arrived(due_ns, now_ns);
    }

    /// A connection that has room for a request that waits, if there are both.
    pub(super) fn take_free(&mut self) -> Option<Token> {
        self.demand.take_free()
    }

    /// Starts what comes next of the group's transfers: the connections that send a request for it, once for each request.
    pub(super) fn start_transfer(&mut self, now_ns: u64) -> Vec<Token> {
        let fetching = self.fetching;
        match self.demand.start_transfer(self.open.len(), fetching.is_some(), now_ns) {
            Due::Nothing => Vec::new(),
            Due::Parts(each) => {
                let with_part = self.open.iter().copied().filter(|token| Some(*token) != fetching);
                with_part.flat_map(|token| iter::repeat_n(token, each as usize)).collect()
            }
            Due::Copy => fetching.into_iter().collect(),
        }
    }

    /// Whether requests of good clients wait for a connection.
    pub(super) fn is_steady_and_waits(&self) -> bool {
        self.demand.is_steady_and_waits()
    }

    /// How many requests are under way, on all of its connections.
    pub(super) const fn under_way(&self) -> i64 {
        self.demand.under_way()
    }

    /// Whether what comes to an end by the server alone has not: an answer, or a connection for a request that waits.
    pub(super) fn awaits_answers(&self) -> bool {
        self.is_steady_and_waits() || (self.under_way() > 0 && self.spec.rx.reads_everything())
    }

    /// The window is over; what its connections wait for was due since then.
    pub(super) fn begin_grace(&mut self, oldest_due_ns: Option<u64>) {
        self.demand.begin_grace(oldest_due_ns);
    }

    /// Until when its last answers are waited for, after a window that ended then.
    pub(super) fn grace_ends_ns(&self, end_ns: u64) -> u64 {
        self.demand.account.grace_ends_ns(end_ns)
    }

    /// The clients stop.
    pub(super) fn stop(&mut self, now_ns: u64) {
        self.demand.stop(self.start.has_ended(), now_ns);
    }
}

#[cfg(test)]
mod tests;
