//! How a client ends a connection, as its behavior says.

use super::{
    close_reason::CloseReason,
    connection::{Connection, Last, Phase, Turn},
    context::Context,
    group::Group,
    request::{CROSSED_NS, Request, crossing_ns},
    transport::Transport,
};
use crate::{behavior::CloseMethod, codec::Protocol, reactor::Interest};

/// A server that lets go of a connection sooner than this after it was opened, with nothing asked for, turned it away.
const KEPT_NS: u64 = 500_000_000;

/// How short a time before the server's close arrives on this connection a request was sent that has crossed it, in
/// nanoseconds.
pub(super) fn crossing_of(transport: &Transport) -> u64 {
    crossing_ns(transport.least_rtt_us())
}

impl Connection {
    /// Ends the connection, or its sending direction.
    pub(super) fn end(&mut self, end: CloseMethod, context: &mut Context, group: &mut Group) -> Turn {
        self.forget_unsent(group);
        if end == CloseMethod::Close && self.transport.has_unread() {
            return Turn::End(CloseReason::ByUs(CloseMethod::Reset));
        }
        match (end, self.transport.prepare_close(end)) {
            // Fails only if the peer was faster; the engine sees that by itself.
            (CloseMethod::HalfClose, _) => {
                self.tx.shut();
                Turn::Again
            }
            (CloseMethod::Vanish, Err(error)) => self.stay_in_silence(error.to_string(), context, group),
            _ => Turn::End(CloseReason::ByUs(end)),
        }
    }

    /// The connection has lived as long as it was to. A good client begins nothing new on it, and closes it when it has heard
    /// all answers: what a server leaves unanswered is not hidden by that.
    pub(super) fn retire(&mut self, context: &mut Context, group: &mut Group) -> Option<CloseReason> {
        self.forget_unsent(group);
        if group.spec.is_steady() && self.pending.open() > 0 {
            self.is_retiring = true;
            return None;
        }
        if let Turn::End(ended) = self.end(CloseMethod::Close, context, group) { Some(ended) } else { None }
    }

    /// How many requests are started on it at most.
    pub(super) fn most_requests(&self, group: &Group) -> u64 {
        if self.is_retiring { self.pending.started() } else { group.requests_per_connection() }
    }

    /// What is left to do for who may not vanish.
    fn stay_in_silence(&mut self, why: String, context: &mut Context, group: &mut Group) -> Turn {
        group.cannot_vanish.get_or_insert(why);
        self.rx.shut();
        self.tx.shut();
        self.set_interest(Interest::default(), context)
    }

    /// How the connection ends now that answers were heard, if it does: the last one that there will be, as the peer
    /// said, or the last of those that the client asks for on one connection.
    pub(super) fn over(&mut self, context: &mut Context, group: &mut Group) -> Option<Turn> {
        let as_told = match self.last {
            Some(Last::Proper) => Some(CloseReason::AsAnnounced),
            // What follows is its FIN; whether the connection was kept until then, [`Self::hand_back`] tells.
            Some(Last::Idle) => Some(CloseReason::ByFin),
            Some(Last::Error) | None => None,
        };
        if let Some(how) = as_told {
            self.forget_unsent(group);
            return Some(Turn::End(how));
        }
        let is_over = self.is_spent(group) && (!self.is_retiring || self.pending.open() == 0);
        is_over.then(|| self.end(CloseMethod::Close, context, group))
    }

    /// Whether the client begins nothing new on it: it has lived for long enough, or the last request that it was for is
    /// answered.
    pub(super) fn is_spent(&self, group: &Group) -> bool {
        self.is_retiring || self.pending.answered_count() >= group.requests_per_connection()
    }

    /// A closed loop's requests of which nothing was sent are taken back: they became due only because the client does
    /// not think ahead.
    fn forget_unsent(&mut self, group: &mut Group) {
        if group.spec.load.is_closed_loop() {
            self.pending.take_back(|due_ns| group.take_back(due_ns));
        }
    }

    /// The server no longer waited for a request, and said so: the ordinary end of a connection that is idle. A
    /// request that crossed that on the way is sent once more.
    pub(super) fn gave_up(&mut self, crossed: Option<Request>, group: &mut Group, now_ns: u64) {
        self.decoder.withdraw();
        if let Some(request) = crossed {
            group.retry(&request, self.part, now_ns);
        }
        let is_idle = group.spec.is_steady() && self.pending.open() == 0;
        self.last = Some(if is_idle { Last::Idle } else { Last::Error });
        self.last_was_error = !is_idle;
    }

    /// What the end of the peer's stream means: for who has said everything and heard every answer, no more than that;
    /// after an error, the error.
    pub(super) fn peer_ended(&self) -> CloseReason {
        if self.last == Some(Last::Proper) {
            return CloseReason::AsAnnounced;
        }
        if let Some(how) = self.broken.filter(|how| *how != CloseReason::ByFin) {
            return how;
        }
        if self.tx.is_shut() && self.pending.open() == 0 {
            CloseReason::ByUs(CloseMethod::HalfClose)
        } else {
            CloseReason::ByFin
        }
    }

    /// How the connection ended, now that more is known of it; what was sent as the server closed it goes back to the group
    /// and is sent once more, as browsers do.
    pub(super) fn hand_back(
        &mut self,
        how: CloseReason,
        group: &mut Group,
        opened_ns: u64,
        now_ns: u64,
    ) -> CloseReason {
        if how == CloseReason::AsAnnounced
            && group.may_repeat()
            && group.comes_back(how, self.is_spent(group))
        {
            // What is pipelined behind the last answer was not looked at (RFC 9112 sections 9.3.2 and 9.6).
            self.ask_elsewhere(group, now_ns);
        }
        let is_by_peer = matches!(how, CloseReason::ByFin | CloseReason::ByReset);
        if !is_by_peer || !group.spec.is_steady() || self.phase != Phase::Open {
            return how;
        }
        if self.pending.open() == 0 {
            // HTTP leaves it to the server how many answers it gives on a connection; elsewhere only idle ones are let go.
            let was_used = self.last_answer_ns > 0 && group.spec.protocol == Protocol::Http;
            let idle_ns = now_ns.saturating_sub(opened_ns.max(self.last_answer_ns));
            let is_kept = was_used || idle_ns >= KEPT_NS;
            let is_kept = is_kept && matches!(self.last, None | Some(Last::Idle));
            return if how == CloseReason::ByFin && is_kept { self.closed_idle(group, now_ns) } else { how };
        }
        self.forget_unsent(group);
        if !self.has_crossed(group, now_ns) {
            return how;
        }
        self.ask_elsewhere(group, now_ns);
        self.closed_idle(group, now_ns)
    }

    /// Hands all that is under way back to the group.
    fn ask_elsewhere(&mut self, group: &mut Group, now_ns: u64) {
        let under_way = self.pending.take_all();
        under_way.iter().rev().for_each(|request| group.retry(request, self.part, now_ns));
    }

    /// The server closed it with nothing to be answered; perhaps right after an answer.
    fn closed_idle(&self, group: &mut Group, now_ns: u64) -> CloseReason {
        let was_at_once = now_ns.saturating_sub(self.last_answer_ns) <= CROSSED_NS;
        group.ledger.closed_after_answer += u64::from(was_at_once);
        CloseReason::Idle
    }

    /// Whether the only request under way was sent just before the close arrived, on a connection that has served others,
    /// with nothing of an answer received: then the server has not looked at it. It may be sent again where that has no
    /// effect (RFC 9110 section 9.2.2), and was not before.
    fn has_crossed(&self, group: &Group, now_ns: u64) -> bool {
        group.may_repeat()
            && self.pending.open() <= 1
            && self.pending.answered_count() > 0
            && self.rx.moved == self.answered_at
            && self
                .pending
                .requests()
                .all(|request| request.has_crossed(now_ns, crossing_of(&self.transport)))
    }
}
