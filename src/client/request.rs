//! A request: while it waits for a connection, and while it is under way on one.

/// The shortest time, in nanoseconds, after which a server may give up to wait for the next request: far less than any
/// keep-alive timeout.
pub(super) const PAUSE_NS: u64 = 100_000_000;

/// A request that was sent so short a time before the server's close arrived had crossed it on the way, in nanoseconds: a
/// round trip within a data center, and the turns of others until the client reads it.
pub(super) const CROSSED_NS: u64 = 10_000_000;

/// The same where a round trip takes no less than so many microseconds: twice as long, where that is more.
pub(super) const fn crossing_ns(least_round_trip_us: u32) -> u64 {
    let twice_ns = 2 * 1000 * least_round_trip_us as u64;
    if twice_ns > CROSSED_NS { twice_ns } else { CROSSED_NS }
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// When it was due, in nanoseconds.
    pub(super) due_ns: u64,
    /// When its first byte was handed to the kernel; 0 before that.
    pub(super) sent_ns: u64,
    /// How late the load generator noticed it, in microseconds.
    pub(super) delay_us: u32,
    /// It was sent before, on another connection.
    pub(super) is_retry: bool,
}

impl Request {
    /// One that is due now, or was then, and has not been sent.
    pub(super) const fn due(due_ns: u64) -> Self {
        Self { due_ns, sent_ns: 0, delay_us: 0, is_retry: false }
    }

    /// Whether it was sent so short a time before now ([`crossing_ns`]) that it crossed what comes now on the way; not for a
    /// second time.
    pub(super) const fn has_crossed(&self, now_ns: u64, crossing_ns: u64) -> bool {
        !self.is_retry && (self.sent_ns == 0 || now_ns.saturating_sub(self.sent_ns) <= crossing_ns)
    }

    /// Whether its connection had nothing to do for a while before it was sent: only then can a server have given up to wait.
    pub(super) const fn has_followed_a_pause(&self, last_answer_ns: u64) -> bool {
        self.sent_ns.saturating_sub(last_answer_ns) >= PAUSE_NS
    }

    /// One that has waited for a connection.
    pub(super) const fn waiting(arrival: Arrival) -> Self {
        let Arrival { due_ns, delay_us, is_retry } = arrival;
        Self { due_ns, sent_ns: 0, delay_us, is_retry }
    }
}

/// A request that is due and was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// When it was due, in nanoseconds.
    pub(super) due_ns: u64,
    /// How much later the load generator noticed it, in microseconds: its own delay, not the server's.
    pub(super) delay_us: u32,
    /// It was sent before, on a connection that the server closed in that moment.
    pub(super) is_retry: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_sent_within_two_round_trips_cross_a_close() {
        const MS: u64 = 1_000_000;
        let sent = Request { sent_ns: 100 * MS, ..Request::due(90 * MS) };
        let crossed =
            |after_ms: u64, least_us| sent.has_crossed((100 + after_ms) * MS, crossing_ns(least_us));
        assert!(crossed(10, 50) && !crossed(11, 50), "on one machine");
        assert!(crossed(42, 40_000) && crossed(80, 40_000) && !crossed(81, 40_000), "over a continent");
        assert!(crossed(10, 0), "if the kernel does not report it");
        let again = Request { is_retry: true, ..sent };
        assert!(!again.has_crossed(101 * MS, crossing_ns(40_000)), "not for a second time");
    }
}
