//! Why connections end: evictions, each with exactly one reason, and all other ends.

use std::io;

/// Why a connection was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictionReason {
    /// Data stayed unsent, and the peer made no progress for the send timeout.
    SendTimeout,
    /// More waited to be sent than the send limit allows.
    SendLimit,
    /// A message did not fit the receive limit.
    ReceiveLimit,
    /// Bytes that are no message.
    Protocol,
    /// More waited to be sent than the soft limit allows, for longer than it allows.
    SoftLimit,
    /// The peer acknowledged less than the minimum rate since data began to wait.
    MinRate,
    /// The send buffer was not empty once for the whole deadline.
    Deadline,
    /// A message was not whole in time.
    MessageTimeout,
    /// Nothing was received and nothing waited for too long.
    IdleTimeout,
    /// The kernel gave up, as `TCP_USER_TIMEOUT` asked it to.
    UserTimeout,
}

/// How a connection ended that was not evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseKind {
    /// The peer ended its stream, and everything it asked for was answered.
    PeerClosed,
    /// The peer reset the connection.
    PeerReset,
    /// The kernel gave up waiting for an acknowledgment.
    TimedOut,
    /// Any other error of the network.
    Error,
    /// The server ended it after the last answer, as the protocol says.
    Completed,
    /// The server was stopped.
    Shutdown,
}

/// An instant at which a connection is evicted, if nothing happens until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) reason: EvictionReason,
    /// What the time is counted from.
    pub(super) since_ns: u64,
    pub(super) at_ns: u64,
}

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    Evicted(EvictionReason),
    /// Evicted, because an instant was reached.
    Late(Deadline),
    /// Closed without an eviction.
    Other(CloseKind),
}

impl From<EvictionReason> for CloseReason {
    fn from(reason: EvictionReason) -> Self {
        Self::Evicted(reason)
    }
}

impl From<CloseKind> for CloseReason {
    fn from(how: CloseKind) -> Self {
        Self::Other(how)
    }
}

impl CloseKind {
    /// All of them in the order of their numbers, with their names in counters.
    pub(super) const ALL: &'static [(Self, &'static str)] = &[
        (Self::PeerClosed, "peer_closed"),
        (Self::PeerReset, "peer_reset"),
        (Self::TimedOut, "timed_out"),
        (Self::Error, "error"),
        (Self::Completed, "completed"),
        (Self::Shutdown, "shutdown"),
    ];

    /// What an error of the connection means. After a reset the first call says so, later ones say EPIPE.
    pub(super) fn from_error(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::PeerReset,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Error,
        }
    }
}

impl EvictionReason {
    /// All of them in the order of their numbers, with their names in counters and in the list of evictions.
    pub(super) const ALL: &'static [(Self, &'static str)] = &[
        (Self::SendTimeout, "send_timeout"),
        (Self::SendLimit, "send_limit"),
        (Self::ReceiveLimit, "receive_limit"),
        (Self::Protocol, "protocol"),
        (Self::SoftLimit, "soft_limit"),
        (Self::MinRate, "min_rate"),
        (Self::Deadline, "deadline"),
        (Self::MessageTimeout, "message_timeout"),
        (Self::IdleTimeout, "idle_timeout"),
        (Self::UserTimeout, "user_timeout"),
    ];

    /// As counters and the list of evictions name it.
    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl Deadline {
    /// When to look next. A peer close to the minimum rate moves its deadline with every byte: its average is judged
    /// to within 1/256, so that it costs no look at every tick.
    pub(super) fn look_at_ns(&self, now_ns: u64) -> u64 {
        if self.reason == EvictionReason::MinRate {
            self.at_ns.max(now_ns + now_ns.saturating_sub(self.since_ns) / 256)
        } else {
            self.at_ns
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_numbers() {
        assert!(EvictionReason::ALL.iter().enumerate().all(|(index, (reason, _))| *reason as usize == index));
        assert!(CloseKind::ALL.iter().enumerate().all(|(index, (kind, _))| *kind as usize == index));
    }
}
