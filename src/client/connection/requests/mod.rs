//! The requests of one connection: those that it starts, their bytes as they are sent, and those that it gives back.

mod pending;

use self::pending::Pending;
use crate::{
    behavior::{CloseMethod, Message},
    client::{
        close_reason::CloseReason,
        request::Request,
        workload::{RequestLoop, Rules, Workload},
    },
    codec::Encoder,
    reactor::Token,
};

/// The requests of one connection.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Requests {
    pending: Pending,
    encoder: Encoder,
    /// Bytes of them that were sent.
    sent: u64,
    /// When the first byte of the last one was sent.
    begun_ns: u64,
    /// Which part of a transfer they are for, if they are.
    part: u32,
    /// What the answer was that said that it is the last.
    last: Option<Last>,
    /// The group knows that there is room for another one of an open loop.
    is_offered: bool,
    /// The connection has lived as long as it was to, and ends with the answers that are under way.
    is_retiring: bool,
    /// The connection takes none any more: it ends, or ended its sending direction.
    is_stopped: bool,
}

/// The last answer on a connection, as the peer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Proper,
    /// The server no longer waited for a request on a connection that had nothing under way.
    Idle,
    /// An error that ends the connection is an eviction, announced or not.
    Error,
}

/// How a connection ends on which nothing more is to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// As the peer said.
    Ended(CloseReason),
    /// By the client.
    Close(CloseMethod),
}

impl Requests {
    pub(super) fn new(encoder: Encoder, part: u32) -> Self {
        Self {
            pending: Pending::default(),
            encoder,
            sent: 0,
            begun_ns: 0,
            part,
            last: None,
            is_offered: false,
            is_retiring: false,
            is_stopped: false,
        }
    }

    pub(super) const fn part(&self) -> u32 {
        self.part
    }

    /// How many were ever started.
    pub(super) fn started(&self) -> u64 {
        self.pending.started()
    }

    /// How many were answered.
    pub(super) fn answered_count(&self) -> u64 {
        self.pending.answered_count()
    }

    /// How many are under way.
    pub(super) fn open(&self) -> usize {
        self.pending.open()
    }

    /// Those that are under way, in the order in which they were started.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &Request> + Clone {
        self.pending.requests()
    }

    /// When the oldest that is under way was due.
    pub(super) fn oldest_due_ns(&self) -> Option<u64> {
        self.pending.oldest_due_ns()
    }

    /// What the answer was that said that it is the last, if one did.
    pub(super) const fn last(&self) -> Option<Last> {
        self.last
    }

    /// An answer came that is the last.
    pub(super) fn set_last(&mut self, last: Last) {
        self.last = Some(last);
    }

    /// The answer to the request of that number came; `None` if no request waits for it.
    pub(super) fn answered(&mut self, sequence: u64) -> Option<Request> {
        self.pending.answered(sequence)
    }
}

/// How requests are started.
impl Requests {
    /// A request becomes due now, and is started.
    pub(super) fn start(&mut self, now_ns: u64, workload: &mut impl Workload) {
        self.pending.start(Request::due(now_ns));
        workload.start_due(now_ns);
    }

    /// The first ones of a connection that has just come about.
    pub(super) fn start_first(
        &mut self,
        token: Token,
        now_ns: u64,
        is_closing: bool,
        workload: &mut impl Workload,
    ) {
        match workload.rules().requests {
            RequestLoop::Transfer => {
                self.start_waiting(workload);
            }
            RequestLoop::Closed { depth } if !is_closing => self.start_loop(depth, now_ns, workload),
            RequestLoop::None if !is_closing => {}
            RequestLoop::None | RequestLoop::Closed { .. } | RequestLoop::Open => {
                self.take_waiting(token, workload);
            }
        }
    }

    /// Starts a closed loop: what waits to be sent again comes first.
    fn start_loop(&mut self, depth: u32, now_ns: u64, workload: &mut impl Workload) {
        for _ in 0..u64::from(depth).min(workload.rules().requests_per_connection) {
            if !self.start_waiting(workload) {
                self.start(now_ns, workload);
            }
        }
    }

    /// Starts requests that wait for a connection, as many as there is room for; if room is left, this is offered to
    /// the group.
    pub(super) fn take_waiting(&mut self, token: Token, workload: &mut impl Workload) {
        while self.has_room(workload.rules()) {
            if !self.start_waiting(workload) {
                return self.offer(token, workload);
            }
        }
    }

    /// Starts the request that has waited longest, if there is room: several connections take turns.
    pub(super) fn take_one(&mut self, token: Token, workload: &mut impl Workload) {
        self.is_offered = false;
        if self.has_room(workload.rules()) {
            self.start_waiting(workload);
        }
        self.offer(token, workload);
    }

    /// Starts the request that has waited longest; whether there was one.
    fn start_waiting(&mut self, workload: &mut impl Workload) -> bool {
        let waiting = workload.start_waiting(self.part);
        waiting.map(|request| self.pending.start(request)).is_some()
    }

    /// Offers the group room for another request.
    fn offer(&mut self, token: Token, workload: &mut impl Workload) {
        if !self.is_offered && self.has_room(workload.rules()) {
            self.is_offered = true;
            workload.offer(token);
        }
    }

    /// Whether another request of an open loop may be started.
    fn has_room(&self, rules: &Rules) -> bool {
        self.pending.open() < rules.most_under_way
            && self.pending.started() < self.most(rules)
            && !self.is_stopped
            && self.last.is_none()
    }

    /// How many are started at most.
    pub(super) fn most(&self, rules: &Rules) -> u64 {
        if self.is_retiring { self.pending.started() } else { rules.requests_per_connection }
    }

    /// No more are taken.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

/// How requests are sent: as one stream of bytes.
impl Requests {
    /// Bytes that were sent.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes of the started ones that are still to be sent.
    pub(super) fn left_to_send(&self) -> u64 {
        self.pending.started().saturating_mul(self.encoder.message_bytes()) - self.sent
    }

    /// Where in the requests the next byte lies.
    pub(super) fn place(&self) -> Message {
        Message::of_requests(self.sent, self.encoder.head_bytes(), self.encoder.message_bytes().max(1))
    }

    pub(super) const fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// From the first byte on, a request that never ends takes the place of those that are due.
    pub(super) fn become_endless(&mut self) {
        if let Some(endless) = self.encoder.endless() {
            self.encoder = endless;
        }
    }

    /// Writes the bytes that are sent next.
    pub(super) fn fill(&mut self, out: &mut [u8]) {
        self.encoder.fill(self.sent, out);
    }

    /// So many bytes were sent, and with them every request whose first byte is among them.
    pub(super) fn note_sent(&mut self, count: usize, now_ns: u64) {
        let size = self.encoder.message_bytes();
        for sequence in self.sent.div_ceil(size)..(self.sent + count as u64).div_ceil(size) {
            self.pending.sent(sequence, now_ns);
            self.begun_ns = now_ns;
        }
        self.sent += count as u64;
    }

    /// The next request is sent as a whole by others; its number and its bytes, if there is one.
    pub(super) fn hand_out(&mut self, now_ns: u64) -> Option<(u64, usize)> {
        let size = self.encoder.message_bytes();
        (self.sent < self.pending.started() * size).then(|| {
            let sequence = self.sent / size;
            self.pending.sent(sequence, now_ns);
            self.sent += size;
            (sequence, size as usize)
        })
    }

    /// When the first byte was sent of the request that is not sent to its end, if there is one.
    pub(super) fn unfinished_ns(&self) -> Option<u64> {
        let is_whole = self.sent.is_multiple_of(self.encoder.message_bytes().max(1));
        (!is_whole && self.begun_ns > 0).then_some(self.begun_ns)
    }
}

/// How requests come to their end.
impl Requests {
    /// No more are begun than are under way; whether some are.
    pub(super) fn retire(&mut self) -> bool {
        self.is_retiring = self.pending.open() > 0;
        self.is_retiring
    }

    /// Whether the client begins nothing new on the connection: it has lived for long enough, or the last request that it was
    /// for is answered.
    pub(super) fn is_spent(&self, rules: &Rules) -> bool {
        self.is_retiring || self.pending.answered_count() >= rules.requests_per_connection
    }

    /// How the connection ends now that answers were heard, if it does: the last one that there will be, as the peer
    /// said, or the last of those that the client asks for on one connection.
    pub(super) fn over(&self, rules: &Rules) -> Option<Over> {
        match self.last {
            Some(Last::Proper) => Some(Over::Ended(CloseReason::AsAnnounced)),
            // What follows is its FIN; whether the connection was kept until then is seen when it ends.
            Some(Last::Idle) => Some(Over::Ended(CloseReason::ByFin)),
            Some(Last::Error) | None => {
                let is_over = self.is_spent(rules) && (!self.is_retiring || self.pending.open() == 0);
                is_over.then_some(Over::Close(CloseMethod::Close))
            }
        }
    }

    /// A closed loop's requests of which nothing was sent are taken back: they became due only because the client does
    /// not think ahead.
    pub(super) fn take_back_unsent(&mut self, now_ns: u64, workload: &mut impl Workload) {
        if workload.rules().is_closed_loop() {
            self.pending.take_back(|due_ns| workload.take_back(due_ns, now_ns));
        }
    }

    /// Sends this one once more, on another connection.
    pub(super) fn retry(&self, request: &Request, now_ns: u64, workload: &mut impl Workload) {
        workload.retry(request, self.part, now_ns);
    }

    /// Sends all that are under way once more, on another connection.
    pub(super) fn retry_all(&mut self, now_ns: u64, workload: &mut impl Workload) {
        let under_way = self.pending.take_all();
        under_way.iter().rev().for_each(|request| self.retry(request, now_ns, workload));
    }
}

#[cfg(test)]
mod tests;
