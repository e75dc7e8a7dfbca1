//! The requests of a group: how they become due, wait, are handed to its connections, and are accounted for.

use std::{
    iter,
    sync::{Arc, atomic::AtomicU64},
};

use super::{
    open_loop::OpenLoop,
    queue::Queue,
    request_account::RequestAccount,
    transfers::{Due, Transfers},
};
use crate::{
    client::{
        plan::MeasuredTime,
        request::{Arrival, Request},
        share::Part,
        workload::{Rules, Workload},
    },
    codec::Script,
    profile,
    reactor::Token,
};

/// The requests of a group that one thread drives.
pub(in crate::client) struct Demand {
    rules: Rules,
    /// What its connections say and must hear.
    script: Script,
    /// What they move together, each a part of it.
    pub(super) transfers: Option<Transfers>,
    /// The clock of its open loop.
    open_loop: Option<OpenLoop>,
    /// What is due and waits for a connection.
    pub(super) queue: Queue,
    pub(super) account: RequestAccount,
    /// Requests that were started and have not come to an end, on all connections.
    under_way: i64,
    /// Why its clients may not vanish, if they may not.
    pub(super) cannot_vanish: Option<String>,
}

impl Demand {
    /// `start_ns`: since when a closed loop asks; `last_answer_ns`: when the group's last answer came, on whichever thread.
    pub(super) fn new(
        spec: &profile::Group,
        part: Part,
        host: &str,
        measured: &MeasuredTime,
        seed: u64,
        start_ns: u64,
        last_answer_ns: Arc<AtomicU64>,
    ) -> Self {
        Self {
            rules: Rules::of(spec),
            script: spec.script(host),
            transfers: Transfers::of(spec, host, measured.window.0),
            open_loop: OpenLoop::new(spec, part, seed),
            queue: Queue::default(),
            account: RequestAccount::new(spec, measured, start_ns, last_answer_ns),
            under_way: 0,
            cannot_vanish: None,
        }
    }

    /// What a connection says: that of this part, where the group moves something in parts.
    pub(super) fn script(&self, part: u32) -> &Script {
        self.transfers.as_ref().map_or(&self.script, |transfers| &transfers.scripts[part as usize])
    }

    /// When the next request of an open loop becomes due that started at `start_ns`.
    pub(super) fn next_ns(&self, start_ns: u64) -> Option<u64> {
        self.open_loop.as_ref().map(|clock| clock.next_ns(start_ns))
    }

    /// Whether a clock of this thread makes requests become due.
    pub(super) const fn has_clock(&self) -> bool {
        self.open_loop.is_some()
    }

    /// When the next arrival of a loop that started at `start_ns` became due, if it did, and before the end of the window.
    pub(super) fn next_arrival(&mut self, start_ns: u64, now_ns: u64) -> Option<u64> {
        let last_ns = self.account.window().1 - 1;
        self.open_loop.as_mut()?.take_due(start_ns, now_ns.min(last_ns))
    }

    /// A request of an open loop became due, and waits for a connection from now on.
    pub(super) fn arrived(&mut self, due_ns: u64, now_ns: u64) {
        self.account.due(due_ns);
        let delay_us = (now_ns.saturating_sub(due_ns) / 1000).try_into().unwrap_or(u32::MAX);
        if !self.queue.push(Arrival { due_ns, delay_us, is_retry: false }) {
            self.account.skipped(due_ns, now_ns);
        }
    }

    /// A connection that has room for a request that waits, if there are both.
    pub(super) fn take_free(&mut self) -> Option<Token> {
        if self.queue.is_empty() { None } else { self.queue.take_free() }
    }

    /// What starts next of the transfers with so many connections open, that which fetches a copy among them or not.
    pub(super) fn start_transfer(&mut self, open: usize, has_copy: bool, now_ns: u64) -> Due {
        self.transfers.as_mut().map_or(Due::Nothing, |transfers| transfers.start(open, has_copy, now_ns))
    }

    /// Whether requests wait for a connection.
    pub(super) fn has_waiting(&self) -> bool {
        !self.queue.is_empty() || self.transfers.as_ref().is_some_and(Transfers::owes)
    }

    /// Whether requests of good clients wait for a connection.
    pub(super) fn is_steady_and_waits(&self) -> bool {
        self.rules.is_steady && self.has_waiting()
    }

    /// How many requests are under way, on all connections.
    pub(super) const fn under_way(&self) -> i64 {
        self.under_way
    }

    /// So many were under way on a connection that has ended.
    pub(super) const fn ended(&mut self, under_way: usize) {
        self.under_way -= under_way as i64;
    }

    /// Whether a good client would ask for something on another connection: always in a closed loop, in an open one where
    /// requests wait for it.
    pub(super) fn needs_more(&self) -> bool {
        self.rules.is_steady && (self.rules.is_closed_loop() || !self.queue.is_empty())
    }

    /// The window is over; what its connections wait for was due since then.
    pub(super) fn begin_grace(&mut self, oldest_due_ns: Option<u64>) {
        let oldest_due_ns = oldest_due_ns.into_iter().chain(self.queue.oldest_due_ns()).min();
        self.account.begin_grace(oldest_due_ns);
    }

    /// What waits for a connection never gets one.
    pub(super) fn give_up(&mut self, now_ns: u64) {
        for arrival in iter::from_fn(|| self.queue.pop()) {
            self.account.skipped(arrival.due_ns, now_ns);
        }
    }

    /// The clients stop: what still waits for a connection never gets one. `has_ended`: no more requests were due.
    pub(super) fn stop(&mut self, has_ended: bool, now_ns: u64) {
        let oldest_due_ns = self.queue.oldest_due_ns();
        let owed = self.transfers.as_mut().map(Transfers::take_owed).unwrap_or_default();
        for arrival in iter::from_fn(|| self.queue.pop()).chain(owed) {
            self.account.skipped(arrival.due_ns, now_ns);
        }
        let asks_always = self.rules.is_closed_loop() && !has_ended;
        self.account.stop(oldest_due_ns, asks_always, now_ns);
        if let Some(transfers) = &mut self.transfers {
            transfers.stop(now_ns);
        }
    }
}

impl Workload for Demand {
    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn start_due(&mut self, now_ns: u64) {
        self.under_way += 1;
        self.account.started();
        self.account.due(now_ns);
    }

    fn start_waiting(&mut self, part: u32) -> Option<Request> {
        let arrival = match &mut self.transfers {
            Some(transfers) => transfers.take(part),
            None => self.queue.pop(),
        }?;
        self.under_way += 1;
        self.account.started();
        Some(Request::waiting(arrival))
    }

    fn offer(&mut self, token: Token) {
        self.queue.offer(token);
    }

    fn take_back(&mut self, due_ns: u64, now_ns: u64) {
        self.under_way -= 1;
        self.account.take_back(due_ns);
        if let Some(transfers) = &mut self.transfers {
            transfers.lost(now_ns);
        }
    }

    fn retry(&mut self, request: &Request, part: u32, now_ns: u64) {
        self.under_way -= 1;
        self.account.retried(now_ns);
        let &Request { due_ns, delay_us, .. } = request;
        let arrival = Arrival { due_ns, delay_us, is_retry: true };
        match &mut self.transfers {
            Some(transfers) => transfers.owe(part, arrival),
            None => self.queue.push_front(arrival),
        }
    }

    fn answered(&mut self, request: &Request, is_error: bool, now_ns: u64) -> bool {
        self.under_way -= 1;
        if let Some(transfers) = &mut self.transfers {
            transfers.answered(is_error, now_ns);
        }
        self.account.answered(request, is_error, now_ns)
    }

    fn sent(&mut self, bytes: usize) {
        self.account.sent(bytes);
    }

    fn received(&mut self, bytes: usize) {
        self.account.received(bytes);
    }

    fn cannot_vanish(&mut self, why: String) {
        self.cannot_vanish.get_or_insert(why);
    }
}
