//! How the connections and requests of a group ended, as counts that add up.

use serde::{Deserialize, Serialize};

/// How the connections of a group ended, as counts that add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ledger {
    /// Connections that were attempted.
    pub opened: u64,
    /// Ended by the client with FIN, as its behavior says, while the run lasted.
    pub closed_by_us: u64,
    /// Ended by the client with RST, or with bytes unread, which the kernel answers with RST.
    #[serde(default)]
    pub reset_by_us: u64,
    /// Abandoned by the client without FIN or RST.
    #[serde(default)]
    pub vanished: u64,
    /// Ended because the server's last answer announced it (HTTP: `Connection: close`, or HTTP/1.0).
    #[serde(default)]
    pub closed_as_announced: u64,
    /// Ended by the server while no request was open: an idle connection.
    #[serde(default)]
    pub closed_idle: u64,
    /// Of those, ended within 10 ms of an answer: the server closes connections without announcing it.
    #[serde(default)]
    pub closed_after_answer: u64,
    /// Ended by the server with FIN.
    pub evicted_fin: u64,
    /// Ended by the server with RST.
    pub evicted_rst: u64,
    /// Refused.
    pub refused: u64,
    /// Not established in time, or before the client gave up.
    pub timed_out: u64,
    /// Open when the clients stopped.
    pub still_alive: u64,
}

impl Ledger {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.closed_by_us += other.closed_by_us;
        self.reset_by_us += other.reset_by_us;
        self.vanished += other.vanished;
        self.closed_as_announced += other.closed_as_announced;
        self.closed_idle += other.closed_idle;
        self.closed_after_answer += other.closed_after_answer;
        self.evicted_fin += other.evicted_fin;
        self.evicted_rst += other.evicted_rst;
        self.refused += other.refused;
        self.timed_out += other.timed_out;
        self.still_alive += other.still_alive;
    }

    /// Whether every connection that was tried is accounted for exactly once.
    #[must_use]
    pub fn balances(&self) -> bool {
        let by_us = self.closed_by_us + self.reset_by_us + self.vanished;
        let by_peer = self.closed_as_announced + self.closed_idle + self.evicted_fin + self.evicted_rst;
        self.opened == by_us + by_peer + self.refused + self.timed_out + self.still_alive
    }
}

/// How the requests of a group ended, from start to end, including the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Requests {
    /// Became due and were started.
    pub started: u64,
    /// Were answered.
    pub answered: u64,
    /// Open when the clients stopped.
    pub unanswered: u64,
    /// Open on a connection when it ended.
    pub lost: u64,
    /// Became due and could not be started.
    pub skipped: u64,
    /// Were sent again on another connection, because the server closed an idle connection while they were sent.
    #[serde(default)]
    pub retried: u64,
    /// Age of the oldest open request when the clients stopped, in nanoseconds.
    pub oldest_unanswered_ns: u64,
}

impl Requests {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.lost += other.lost;
        self.skipped += other.skipped;
        self.retried += other.retried;
        self.oldest_unanswered_ns = self.oldest_unanswered_ns.max(other.oldest_unanswered_ns);
    }

    /// Whether every request that was started is accounted for exactly once.
    #[must_use]
    pub const fn balance(&self) -> bool {
        self.started == self.answered + self.unanswered + self.lost
    }
}

/// Delay of reconnecting: connections of good clients that were opened again later because badpeer or the profile
/// limits the attempts per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PutOff {
    /// Time that they waited in the measured window, as a share of the time of all connections, from 0 to 1.
    pub share: f64,
    /// The profile itself sets the limit (`reconnect.at_most`, below 10000/s).
    pub is_asked_for: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_misses_a_connection_does_not_balance() {
        let ledger = Ledger { opened: 3, evicted_rst: 1, still_alive: 2, ..Ledger::default() };
        assert!(ledger.balances());
        assert!(!Ledger { opened: 4, ..ledger }.balances());
    }

    #[test]
    fn a_request_without_an_outcome_does_not_balance() {
        let requests = Requests { started: 6, answered: 3, unanswered: 2, lost: 1, ..Requests::default() };
        assert!(requests.balance());
        assert!(!Requests { answered: 2, ..requests }.balance());
    }
}
