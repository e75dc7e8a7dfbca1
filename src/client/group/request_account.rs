//! What becomes of a group's requests, counted as it happens.

use std::sync::{Arc, atomic::AtomicU64};

use serde::{Deserialize, Serialize};

use super::{grace::Grace, judged::Judged, phases::Phases, silence::Silence};
use crate::{
    client::{latencies::Latencies, plan::MeasuredTime, request::Request, results::PhaseNumbers},
    codec::Tally,
    metric::{Metric, Row},
    profile,
    record::{Buckets, Cause, GroupResult, Requests},
};

/// What becomes of a group's requests.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RequestAccount {
    /// Those of good clients.
    is_steady: bool,
    /// A clock makes them become due.
    is_open_loop: bool,
    /// Those due from `window.0` until before `window.1` are in the latencies.
    window: (u64, u64),
    /// When the whole window ends, over which rates are.
    end_ns: u64,
    /// Since when a closed loop asks.
    #[serde(skip)]
    start_ns: u64,
    /// Those that became due.
    due: u64,
    due_in_window: u64,
    /// Those of the warm-up that were never answered, and that waited in the window.
    left_over: u64,
    answered_in_window: u64,
    /// Those that were to be sent again.
    retried_in_window: u64,
    /// What came of those that were due in the window.
    judged: Judged,
    phases: Phases,
    silence: Silence,
    /// How long answers are waited for in the end.
    #[serde(skip)]
    grace: Grace,
    /// When the oldest was due that was still unanswered at the end.
    #[serde(skip)]
    outlasted_ns: Option<u64>,
    requests: Requests,
    /// Bytes.
    received: u64,
    sent: u64,
    content: Tally,
    #[serde(skip)]
    interval: Latencies,
}

impl RequestAccount {
    /// `last_answer_ns`: when the group's last answer came, on whichever thread.
    pub(super) fn new(
        spec: &profile::Group,
        measured: &MeasuredTime,
        start_ns: u64,
        last_answer_ns: Arc<AtomicU64>,
    ) -> Self {
        let window = measured.window;
        Self {
            is_steady: spec.is_steady(),
            is_open_loop: spec.load.rate.is_some(),
            window,
            end_ns: measured.end_ns,
            start_ns,
            due: 0,
            due_in_window: 0,
            left_over: 0,
            answered_in_window: 0,
            retried_in_window: 0,
            judged: Judged::new(),
            phases: Phases::new(&measured.phases),
            silence: Silence::new(last_answer_ns, window, &measured.phases),
            grace: Grace::default(),
            outlasted_ns: None,
            requests: Requests::default(),
            received: 0,
            sent: 0,
            content: Tally::default(),
            interval: Latencies::default(),
        }
    }

    /// The measured window, as far as the run has come.
    pub(super) const fn window(&self) -> (u64, u64) {
        self.window
    }

    fn is_in_window(&self, at_ns: u64) -> bool {
        (self.window.0..self.window.1).contains(&at_ns)
    }

    /// One became due.
    pub(super) fn due(&mut self, due_ns: u64) {
        self.due += 1;
        self.due_in_window += u64::from(self.is_in_window(due_ns));
    }

    /// One was started.
    pub(super) const fn started(&mut self) {
        self.requests.started += 1;
    }

    /// One that became due then, and was started, was none after all.
    pub(super) fn take_back(&mut self, due_ns: u64) {
        self.requests.started -= 1;
        self.due -= 1;
        self.due_in_window -= u64::from(self.is_in_window(due_ns));
    }

    /// One that was started is to be sent again.
    pub(super) fn retried(&mut self, now_ns: u64) {
        self.requests.started -= 1;
        self.requests.retried += 1;
        self.retried_in_window += u64::from(self.is_in_window(now_ns));
    }

    /// One never gets a connection.
    pub(super) fn skipped(&mut self, due_ns: u64, now_ns: u64) {
        self.requests.skipped += 1;
        self.censor(Cause::Skipped, &Request::due(due_ns), now_ns);
    }

    pub(super) const fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    pub(super) const fn received(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    /// One was answered. An error is an answer, but no proper one: many come sooner than what was asked for would
    /// have. Whether it came in the window or later.
    pub(super) fn answered(&mut self, request: &Request, error: bool, now_ns: u64) -> bool {
        let response = now_ns.saturating_sub(request.due_ns);
        self.requests.answered += 1;
        self.answered_in_window += u64::from(self.is_in_window(now_ns));
        self.grace.answered(response, now_ns < self.window.1);
        self.silence.answered(if self.is_open_loop { request.due_ns } else { self.start_ns }, now_ns);
        if error {
            self.censor(Cause::Errors, request, now_ns);
            return now_ns >= self.window.0;
        }
        let service = now_ns.saturating_sub(request.sent_ns);
        self.waited(request.due_ns, now_ns, None);
        self.interval.record(response, self.is_open_loop.then_some(service));
        if self.is_in_window(request.due_ns) {
            self.judged.answered(response, service);
            self.phases.answered(request.due_ns, now_ns, response, service);
            if self.is_open_loop {
                let delay_ns = u64::from(request.delay_us) * 1000;
                self.judged.undelayed.saturating_record(response.saturating_sub(delay_ns));
            }
        }
        now_ns >= self.window.0
    }

    /// These were under way when the clients stopped.
    pub(super) fn left_unanswered<'a>(&mut self, under_way: impl Iterator<Item = &'a Request>, now_ns: u64) {
        for (index, request) in under_way.enumerate() {
            if index == 0 {
                let age_ns = now_ns.saturating_sub(request.due_ns);
                self.requests.oldest_unanswered_ns = self.requests.oldest_unanswered_ns.max(age_ns);
                self.outlasted(Some(request.due_ns));
            }
            self.requests.unanswered += 1;
            self.censor(Cause::Unanswered, request, now_ns);
        }
    }

    /// These were under way on a connection that has ended. What our own end cut off is not the server's doing.
    pub(super) fn lost<'a>(
        &mut self,
        under_way: impl Iterator<Item = &'a Request>,
        is_by_us: bool,
        now_ns: u64,
    ) {
        for request in under_way {
            self.requests.lost += 1;
            if !is_by_us {
                self.censor(Cause::Lost, request, now_ns);
            }
        }
    }

    /// What was found in the answers of a connection that has ended.
    pub(super) fn found(&mut self, content: &Tally) {
        self.content.add(content);
    }

    /// A request that was due then was not answered to the end.
    fn outlasted(&mut self, due_ns: Option<u64>) {
        self.outlasted_ns = self.outlasted_ns.into_iter().chain(due_ns).min();
    }

    /// One got no proper answer until now.
    fn censor(&mut self, cause: Cause, request: &Request, now_ns: u64) {
        // An error came, late or not.
        self.waited(request.due_ns, now_ns, Some(cause).filter(|cause| *cause != Cause::Errors));
        // What a good client asked before the window, and waited for in vain until now, it has waited for in the window, too.
        let is_left_over = self.is_steady
            && cause != Cause::Errors
            && request.due_ns < self.window.0
            && now_ns > self.window.0;
        self.left_over += u64::from(is_left_over);
        if is_left_over || self.is_in_window(request.due_ns) {
            let since = |ns: u64| if ns == 0 { 0 } else { now_ns.saturating_sub(ns) };
            self.judged.censor(cause, since(request.due_ns), since(request.sent_ns));
            self.phases.censor(cause, request, now_ns);
        }
    }

    /// One that was due then has waited until now: as far as that lies in the window.
    fn waited(&mut self, due_ns: u64, now_ns: u64, cause: Option<Cause>) {
        self.judged.waited(now_ns.saturating_sub(due_ns.max(self.window.0)), cause);
        self.phases.waited(due_ns, now_ns, cause);
    }

    /// No more requests are made.
    pub(super) fn loop_ended(&mut self, now_ns: u64) {
        self.silence.ended(self.start_ns, now_ns);
    }

    /// The clients stop, with nothing started that was due since `oldest_due_ns`. In an open loop only unanswered
    /// requests make a silence; a closed loop `asks_always`.
    pub(super) fn stop(&mut self, oldest_due_ns: Option<u64>, asks_always: bool, now_ns: u64) {
        self.outlasted(oldest_due_ns);
        if let Some(since_ns) = if asks_always { Some(self.start_ns) } else { self.outlasted_ns } {
            self.silence.ended(since_ns, now_ns);
        }
        self.window.1 = self.window.1.min(now_ns);
        self.end_ns = self.end_ns.min(now_ns);
    }

    /// The window is over, and what is waited for was due since then.
    pub(super) fn begin_grace(&mut self, oldest_due_ns: Option<u64>) {
        self.grace.begin(oldest_due_ns);
    }

    /// Until when the last answers are waited for, after a window that ended then: those of good clients as long as they may
    /// take, those of others no longer than they must.
    pub(super) fn grace_ends_ns(&self, end_ns: u64) -> u64 {
        if self.is_steady {
            self.grace.ends_ns(end_ns, self.silence.last_ns())
        } else {
            Grace::default().ends_ns(end_ns, 0)
        }
    }

    /// Latencies since this was asked last.
    pub(super) fn take_interval(&mut self) -> Latencies {
        std::mem::take(&mut self.interval)
    }

    pub(super) const fn answered_in_window(&self) -> u64 {
        self.answered_in_window
    }

    /// The counters.
    pub(super) fn count(&self, row: &mut Row) {
        row.set(Metric::Answered, self.requests.answered as f64);
        if self.is_open_loop {
            row.set(Metric::Due, self.due as f64);
        }
        row.set(Metric::Skipped, self.requests.skipped as f64);
        row.set(Metric::Retried, self.requests.retried as f64);
        row.set(Metric::Received, self.received as f64);
        row.set(Metric::Sent, self.sent as f64);
    }

    /// What they came to, as numbers; and those of them that are lower bounds, with the reason.
    pub(super) fn summarize(&self, spec: &profile::Group, row: &mut Row) -> Vec<(Metric, Cause)> {
        let seconds = self.end_ns.saturating_sub(self.window.0) as f64 / 1e9;
        if seconds > 0.0 {
            row.set(Metric::Offered, self.due_in_window as f64 / seconds);
        }
        for (metric, count) in [
            (Metric::Unanswered, self.requests.unanswered),
            (Metric::UnansweredAge, self.requests.oldest_unanswered_ns),
            (Metric::Lost, self.requests.lost),
            (Metric::GroupVerified, self.content.verified),
            (Metric::GroupCorrupt, self.content.corrupt),
            (Metric::Torn, self.content.torn),
            (Metric::Reordered, self.content.reordered),
            (Metric::Errors, self.content.errors),
            (Metric::Disordered, self.content.torn + self.content.reordered),
        ] {
            row.set(metric, count as f64);
        }
        let mut censored = self.judged.summarize(row);
        if spec.tx.is_idle() {
            return censored;
        }
        let due = (self.due_in_window + self.left_over).max(1);
        self.judged.summarize_shares(due, row);
        row.set(Metric::RetriedShare, self.retried_in_window as f64 / due as f64);
        row.set(Metric::LongestSilence, self.silence.longest_ns() as f64);
        censored.extend(self.judged.summarize_longest_wait(row));
        censored
    }

    /// What those of each phase came to, as numbers; and those of them that are lower bounds, with the reason.
    pub(super) fn summarize_phases(&self, spec: &profile::Group) -> Vec<PhaseNumbers> {
        let mut phases = self.phases.summarize(spec.tx.is_idle());
        if !spec.tx.is_idle() {
            for ((row, _), longest_ns) in phases.iter_mut().zip(self.silence.longest_of_phases_ns()) {
                row.set(Metric::LongestSilence, longest_ns as f64);
            }
        }
        phases
    }

    /// What they came to, for the record.
    pub(super) fn result(&self) -> GroupResult {
        GroupResult {
            requests: self.requests,
            content: self.content,
            response_ns: Buckets::from(&self.judged.response.answered),
            service_ns: Buckets::from(&self.judged.service.answered),
            censored_ns: Buckets::from(&self.judged.response.censored),
            undelayed_ns: Buckets::from(&self.judged.undelayed),
            ..GroupResult::default()
        }
    }

    /// Counts the window from `epoch_ns` on, of which the account is kept: what else has a time is used up.
    pub(super) fn rebase(&mut self, epoch_ns: u64) {
        for at_ns in [&mut self.window.0, &mut self.window.1, &mut self.end_ns] {
            *at_ns = at_ns.saturating_sub(epoch_ns);
        }
    }

    /// How many phases the window has.
    pub(super) const fn phases(&self) -> usize {
        self.phases.count()
    }

    /// The longest time without an answer to the whole group.
    pub(super) const fn silence(&mut self) -> &mut Silence {
        &mut self.silence
    }

    /// The same, to look at.
    pub(super) const fn silence_seen(&self) -> &Silence {
        &self.silence
    }

    /// Takes over what became of those of another thread.
    pub(super) fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.due_in_window += other.due_in_window;
        self.left_over += other.left_over;
        self.answered_in_window += other.answered_in_window;
        self.retried_in_window += other.retried_in_window;
        self.requests.add(&other.requests);
        self.received += other.received;
        self.sent += other.sent;
        self.content.add(&other.content);
        self.judged.add(&other.judged);
        self.phases.add(&other.phases);
        self.silence.add(&other.silence);
    }
}
