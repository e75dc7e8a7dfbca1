//! What becomes of a group's requests and connections, counted as it happens.

use super::Group;
use crate::{
    behavior::CloseMethod,
    client::{
        close_reason::{CloseReason, Life},
        download::Downloads,
        request::{Arrival, Request},
    },
    codec::Tally,
    record::Cause,
};

impl Group {
    /// A request became due.
    pub(in crate::client) fn due(&mut self, due_ns: u64) {
        self.due += 1;
        self.due_in_window += u64::from(self.in_window(due_ns));
    }

    /// A request of an open loop became due, and waits for a connection from now on.
    pub(in crate::client) fn arrived(&mut self, due_ns: u64, now_ns: u64) {
        self.due(due_ns);
        let delay_us = (now_ns.saturating_sub(due_ns) / 1000).try_into().unwrap_or(u32::MAX);
        if !self.queue.push(Arrival { due_ns, delay_us, is_retry: false }) {
            self.skip(due_ns, now_ns);
        }
    }

    /// A request that became due then was none after all.
    pub(in crate::client) fn take_back_due(&mut self, due_ns: u64) {
        self.requests.started -= 1;
        self.due -= 1;
        self.due_in_window -= u64::from(self.in_window(due_ns));
    }

    /// A request was sent as the server closed the connection: it waits for another one, which fetches the same part where
    /// the group fetches something in parts.
    pub(in crate::client) fn retry_elsewhere(&mut self, request: &Request, part: u32, now_ns: u64) {
        self.requests.started -= 1;
        self.requests.retried += 1;
        self.retried_in_window += u64::from(self.in_window(now_ns));
        let &Request { due_ns, delay_us, .. } = request;
        let arrival = Arrival { due_ns, delay_us, is_retry: true };
        match &mut self.downloads {
            Some(downloads) => downloads.owe(part, arrival),
            None => self.queue.push_front(arrival),
        }
    }

    /// Whether requests wait for a connection.
    pub(in crate::client) fn has_waiting(&self) -> bool {
        !self.queue.is_empty() || self.downloads.as_ref().is_some_and(Downloads::owes)
    }

    /// The clients stop: what still waits for a connection never gets one.
    pub(in crate::client) fn stop(&mut self, now_ns: u64) {
        let oldest_ns = self.queue.oldest_due_ns();
        while let Some(arrival) = self.queue.pop() {
            self.skip(arrival.due_ns, now_ns);
        }
        for arrival in self.downloads.as_mut().map(Downloads::take_owed).unwrap_or_default() {
            self.skip(arrival.due_ns, now_ns);
        }
        self.outlasted_ns = self.outlasted_ns.into_iter().chain(oldest_ns).min();
        // In an open loop only requests that nobody answered make a silence; a closed loop always asks.
        let asks_always = self.spec.load.is_closed_loop() && !self.start.has_ended();
        if let Some(since_ns) = if asks_always { Some(self.start_ns) } else { self.outlasted_ns } {
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
        // An error came, late or not.
        self.waited(request.due_ns, now_ns, Some(cause).filter(|cause| *cause != Cause::Errors));
        // What a good client asked before the window, and waited for in vain until now, it has waited for in the window, too.
        let is_left_over = self.spec.is_steady()
            && cause != Cause::Errors
            && request.due_ns < self.window.0
            && now_ns > self.window.0;
        self.left_over += u64::from(is_left_over);
        if is_left_over || self.in_window(request.due_ns) {
            let since = |ns: u64| if ns == 0 { 0 } else { now_ns.saturating_sub(ns) };
            self.judged.censor(cause, since(request.due_ns), since(request.sent_ns));
        }
    }

    /// A request that was due then has waited until now: as far as that lies in the window.
    fn waited(&mut self, due_ns: u64, now_ns: u64, cause: Option<Cause>) {
        self.judged.waited(now_ns.saturating_sub(due_ns.max(self.window.0)), cause);
    }

    /// A request was answered. An error is an answer, but no proper one: many come sooner than what was asked for would
    /// have. Whether it came in the window or later.
    pub(in crate::client) fn note_answered(&mut self, request: &Request, error: bool, now_ns: u64) -> bool {
        let response = now_ns.saturating_sub(request.due_ns);
        self.requests.answered += 1;
        if let Some(downloads) = &mut self.downloads {
            downloads.part_came(error, now_ns);
        }
        self.answered_in_window += u64::from(self.in_window(now_ns));
        self.grace.answered(response, now_ns < self.window.1);
        self.silence.answered(if self.pace.is_some() { request.due_ns } else { self.start_ns }, now_ns);
        if error {
            self.censor(Cause::Errors, request, now_ns);
            return now_ns >= self.window.0;
        }
        let service = now_ns.saturating_sub(request.sent_ns);
        self.waited(request.due_ns, now_ns, None);
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

    /// A connection ended, with these requests under way.
    pub(in crate::client) fn ended<'a>(
        &mut self,
        how: CloseReason,
        life: Life,
        under_way: impl Iterator<Item = &'a Request> + Clone,
        content: &Tally,
        now_ns: u64,
    ) {
        let open = under_way.clone().count() as u64;
        let oldest_due_ns = under_way.clone().map(|request| request.due_ns).next();
        let count = match how {
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
        self.count_life(how, life, open > 0, now_ns);
        if how == CloseReason::Alive {
            self.requests.unanswered += open;
            let age = oldest_due_ns.map_or(0, |due| now_ns.saturating_sub(due));
            self.requests.oldest_unanswered_ns = self.requests.oldest_unanswered_ns.max(age);
            self.outlasted_ns = self.outlasted_ns.into_iter().chain(oldest_due_ns).min();
            under_way.for_each(|request| self.censor(Cause::Unanswered, request, now_ns));
        } else {
            self.requests.lost += open;
            // What our own end cut off is not the server's doing.
            if !matches!(how, CloseReason::ByUs(_)) {
                under_way.for_each(|request| self.censor(Cause::Lost, request, now_ns));
            }
            self.come_back(how, life, now_ns);
        }
        // Nobody knows what answers to spoilt requests must be.
        if !self.spec.tx.sends_invalid_bytes() {
            self.content.add(content);
        }
    }

    /// How many answers a connection got, where it had something to be answered.
    fn count_life(&mut self, how: CloseReason, life: Life, waits: bool, now_ns: u64) {
        let by_itself = matches!(how, CloseReason::Alive | CloseReason::ByFin | CloseReason::ByReset);
        let never_came_about = how == CloseReason::Alive && !life.is_established;
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

    /// Takes over what another thread drove of the same group.
    pub(in crate::client) fn absorb(&mut self, other: Self) {
        self.due += other.due;
        self.due_in_window += other.due_in_window;
        self.left_over += other.left_over;
        self.answered_in_window += other.answered_in_window;
        self.retried_in_window += other.retried_in_window;
        self.put_off_ns += other.put_off_ns;
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
