//! What is known of a connection when it has ended.

use super::{
    answers::Answers,
    requests::{Last, Requests},
    socket::Socket,
};
use crate::{
    client::{
        close_reason::{CloseReason, Life},
        request::{CROSSED_NS, Request, crossing_ns},
        transport::Transport,
        workload::Workload,
    },
    codec::Tally,
};

/// A server that closes a connection sooner than this after it was opened, without a request on it, rejected it.
const KEPT_NS: u64 = 500_000_000;

/// A connection that has ended.
pub(in crate::client) struct ClosedConnection {
    /// How, now that everything is known.
    pub(in crate::client) how: CloseReason,
    pub(in crate::client) life: Life,
    /// What was found in its answers.
    pub(in crate::client) content: Tally,
    /// The last answer was an error.
    pub(in crate::client) is_after_error: bool,
    /// The socket of a client that vanished, kept open: closing it would send a FIN or RST.
    pub(in crate::client) vanished: Option<Transport>,
    pub(super) requests: Requests,
}

impl ClosedConnection {
    /// The requests that were under way, in the order in which they were started.
    pub(in crate::client) fn under_way(&self) -> impl Iterator<Item = &Request> + Clone {
        self.requests.under_way()
    }

    /// When the first byte was sent of the request that is not sent to its end, if there is one.
    pub(in crate::client) fn unfinished_ns(&self) -> Option<u64> {
        self.requests.unfinished_ns()
    }
}

/// How a connection ended that seems to have ended in that way, now that more is known of it; what was sent as the server
/// closed it goes back to the group and is sent once more, as browsers do.
pub(super) fn final_reason(
    how: CloseReason,
    opened_ns: u64,
    now_ns: u64,
    answers: &Answers,
    requests: &mut Requests,
    socket: &Socket,
    workload: &mut impl Workload,
) -> CloseReason {
    let rules = workload.rules();
    let (is_steady, is_http) = (rules.is_steady, rules.is_http);
    if how == CloseReason::AsAnnounced && rules.may_repeat && rules.comes_back(how, requests.is_spent(rules))
    {
        // What is pipelined behind the last answer was not looked at (RFC 9112 sections 9.3.2 and 9.6).
        requests.retry_all(now_ns, workload);
    }
    if !how.is_by_peer() || !is_steady {
        return how;
    }
    if requests.open() == 0 {
        // HTTP leaves it to the server how many answers it gives on a connection; over other protocols only idle
        // connections may be closed.
        let was_used = answers.last_ns() > 0 && is_http;
        let idle_ns = now_ns.saturating_sub(opened_ns.max(answers.last_ns()));
        let is_kept = was_used || idle_ns >= KEPT_NS;
        let is_kept = is_kept && matches!(requests.last(), None | Some(Last::Idle));
        return if how == CloseReason::ByFin && is_kept { CloseReason::Idle } else { how };
    }
    requests.take_back_unsent(now_ns, workload);
    if !has_crossed(now_ns, answers, requests, socket, workload) {
        return how;
    }
    requests.retry_all(now_ns, workload);
    CloseReason::Idle
}

/// Whether the only request under way was sent just before the close arrived, on a connection that has served others,
/// with nothing of an answer received: then the server has not looked at it. It may be sent again where that has no
/// effect (RFC 9110 section 9.2.2), and was not before.
fn has_crossed(
    now_ns: u64,
    answers: &Answers,
    requests: &Requests,
    socket: &Socket,
    workload: &impl Workload,
) -> bool {
    let crossing_ns = || crossing_ns(socket.transport().least_rtt_us());
    workload.rules().may_repeat
        && requests.open() <= 1
        && requests.answered_count() > 0
        && answers.is_between_two()
        && requests.under_way().all(|request| request.has_crossed(now_ns, crossing_ns()))
}

/// Whether a connection that the server closed with nothing to be answered was closed right after an answer.
pub(super) fn is_right_after_answer(how: CloseReason, now_ns: u64, answers: &Answers) -> bool {
    how == CloseReason::Idle && now_ns.saturating_sub(answers.last_ns()) <= CROSSED_NS
}
