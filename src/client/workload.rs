//! What a connection must know of its group, and what it reports to it: all that the two know of each other.

use super::{close_reason::CloseReason, request::Request};
use crate::{codec::Protocol, profile::Group, reactor::Token, units::Count};

/// Requests that one connection may have under way in an open loop unless the group says how many.
const MOST_UNDER_WAY: u32 = 1 << 16;

/// Where requests come from, and what becomes of them.
pub(super) trait Workload {
    /// What holds for all connections of the group.
    fn rules(&self) -> &Rules;

    /// A request becomes due now, and is started.
    fn start_due(&mut self, now_ns: u64);

    /// Starts the request that has waited longest for a connection, or for one that has this part of a transfer.
    fn start_waiting(&mut self, part: u32) -> Option<Request>;

    /// The connection has room for another request; it says so once until it is asked to take one.
    fn offer(&mut self, token: Token);

    /// Undoes a request that was started but not sent. `due_ns` is when it was due.
    fn take_back(&mut self, due_ns: u64, now_ns: u64);

    /// A request was sent as the server closed the connection: it is sent once more on another one, which has the same
    /// part where the group moves something in parts.
    fn retry(&mut self, request: &Request, part: u32, now_ns: u64);

    /// A request was answered; whether that counts as an answer of the window, or of the time after it.
    fn answered(&mut self, request: &Request, is_error: bool, now_ns: u64) -> bool;

    /// So many bytes were sent.
    fn sent(&mut self, bytes: usize);

    /// So many bytes were received.
    fn received(&mut self, bytes: usize);

    /// A client was not permitted to vanish, for that reason.
    fn cannot_vanish(&mut self, why: String);
}

/// What holds for all connections of a group.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// They behave well in both directions.
    pub(super) is_steady: bool,
    /// They never let received bytes wait longer than they must.
    pub(super) reads_everything: bool,
    /// They use HTTP.
    pub(super) is_http: bool,
    /// Their requests may be sent again without asking: that has no effect (RFC 9110 section 9.2.2).
    pub(super) may_repeat: bool,
    /// All that end are opened again.
    pub(super) reconnects: bool,
    /// What makes requests become due.
    pub(super) requests: RequestLoop,
    /// Requests that each of them starts at most.
    pub(super) requests_per_connection: u64,
    /// Requests that each of them has under way at most, in an open loop.
    pub(super) most_under_way: usize,
}

/// What makes requests become due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestLoop {
    /// Nothing is ever asked for.
    None,
    /// An answer: so many requests are always under way on each connection.
    Closed { depth: u32 },
    /// A clock.
    Open,
    /// The end of a transfer, of which each connection has a part.
    Transfer,
}

impl Rules {
    pub(super) fn of(group: &Group) -> Self {
        let is_http = group.protocol == Protocol::Http;
        // Over HTTP one request at a time, unless more are asked for.
        let most_under_way = group.load.depth.unwrap_or(if is_http { 1 } else { MOST_UNDER_WAY });
        Self {
            is_steady: group.is_steady(),
            reads_everything: group.rx.reads_everything(),
            is_http,
            // Another connection would begin with its first range.
            may_repeat: group.is_safe_to_repeat() && group.ranges_per_connection() == 1,
            reconnects: group.reconnect.is_some(),
            requests: RequestLoop::of(group),
            requests_per_connection: group
                .requests_per_connection
                .map_or(u64::MAX, |Count(most)| u64::from(most)),
            most_under_way: most_under_way as usize,
        }
    }

    /// Whether a connection asks for something whenever it has heard what it asked for.
    pub(super) const fn is_closed_loop(&self) -> bool {
        matches!(self.requests, RequestLoop::Closed { .. } | RequestLoop::Transfer)
    }

    /// Whether a connection that ended in that way is opened again: because the group does so, or because every client of HTTP
    /// does where the server let it go with nothing to do, or announced its end before the client had done all on it that it
    /// was to do.
    pub(super) fn comes_back(&self, how: CloseReason, is_spent: bool) -> bool {
        let was_cut_off = how == CloseReason::AsAnnounced && self.is_http && self.is_steady && !is_spent;
        self.reconnects || how == CloseReason::Idle || was_cut_off
    }
}

impl RequestLoop {
    fn of(group: &Group) -> Self {
        match group.load.depth {
            _ if group.moves_in_parts() => Self::Transfer,
            _ if group.load.rate.is_some() => Self::Open,
            Some(depth) => Self::Closed { depth },
            None => Self::None,
        }
    }
}
