//! How connections end: evictions, each with exactly one reason and kept as an event, and all other ends.

use std::{
    collections::VecDeque,
    fmt::Write,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{counters::Label, policy::Deadline};

/// Events kept for those who ask later; older ones are dropped, their numbers stay taken.
const KEPT_EVENTS: usize = 1 << 17;
/// So many of them are copied at a time: the loop waits for no more than that.
const COPIED_EVENTS: usize = 1 << 12;

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

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    Evicted(EvictionReason),
    /// Evicted, because an instant was reached.
    Late(Deadline),
    Ended(CloseKind),
}

impl From<EvictionReason> for CloseReason {
    fn from(reason: EvictionReason) -> Self {
        Self::Evicted(reason)
    }
}

impl From<CloseKind> for CloseReason {
    fn from(how: CloseKind) -> Self {
        Self::Ended(how)
    }
}

impl CloseKind {
    /// What an error of the connection means. After a reset the first call says so, later ones say EPIPE.
    pub(super) fn from_error(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::PeerReset,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Error,
        }
    }
}

impl Label for EvictionReason {
    const KEY: &'static str = "reason";
    const ALL: &'static [(Self, &'static str)] = &[
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
    fn index(self) -> usize {
        self as usize
    }
}

impl Label for CloseKind {
    const KEY: &'static str = "how";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::PeerClosed, "peer_closed"),
        (Self::PeerReset, "peer_reset"),
        (Self::TimedOut, "timed_out"),
        (Self::Error, "error"),
        (Self::Completed, "completed"),
        (Self::Shutdown, "shutdown"),
    ];
    fn index(self) -> usize {
        self as usize
    }
}

/// One eviction. Instants are nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eviction {
    pub(super) at_ns: u64,
    pub(super) reason: EvictionReason,
    pub(super) peer_port: u16,
    /// For a timeout: what it counted from (for the send timeout: when the peer last acknowledged something, or the
    /// data began to wait if that was later); and when it was over.
    pub(super) timer: Option<(u64, u64)>,
    /// Bytes that waited in the send buffer.
    pub(super) send_buffered: usize,
    /// Bytes that the kernel had taken and the peer had not acknowledged (`SIOCOUTQ`).
    pub(super) kernel_queued: usize,
}

/// The evictions of one server, in order, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    first: u64,
    events: VecDeque<Eviction>,
}

impl Journal {
    pub(super) fn record(&self, eviction: Eviction) {
        let mut kept = self.kept();
        if kept.events.len() == KEPT_EVENTS {
            kept.events.pop_front();
            kept.first += 1;
        }
        kept.events.push_back(eviction);
    }

    /// Event number `from` and all later ones, one a line, under a line of names.
    pub(super) fn csv(&self, from: u64) -> String {
        let mut out =
            "index,at_ns,reason,peer_port,progress_ns,deadline_ns,send_buffered,kernel_queued\n".to_owned();
        let mut next = from;
        loop {
            // A copy, so that the loop never waits while text is made of it.
            let (first, events) = self.since(next);
            if events.is_empty() {
                return out;
            }
            next = first + events.len() as u64;
            Self::write(first, events, &mut out);
        }
    }

    fn write(first: u64, events: Vec<Eviction>, out: &mut String) {
        for (index, event) in (first..).zip(events) {
            let Eviction { at_ns, reason, peer_port, timer, send_buffered, kernel_queued } = event;
            let reason = EvictionReason::ALL[reason.index()].1;
            let timer = timer.map_or(",".to_owned(), |(progress, deadline)| format!("{progress},{deadline}"));
            // Writing to a String cannot fail.
            let _ =
                writeln!(out, "{index},{at_ns},{reason},{peer_port},{timer},{send_buffered},{kernel_queued}");
        }
    }

    /// The number of the first event from that one on which is still there, and some of those that follow.
    fn since(&self, from: u64) -> (u64, Vec<Eviction>) {
        let kept = self.kept();
        let first = from.max(kept.first);
        let skipped = usize::try_from(first - kept.first).unwrap_or(usize::MAX).min(kept.events.len());
        let end = kept.events.len().min(skipped + COPIED_EVENTS);
        (first, kept.events.range(skipped..end).copied().collect())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Eviction = Eviction {
        at_ns: 2_000,
        reason: EvictionReason::SendTimeout,
        peer_port: 40_000,
        timer: Some((900, 1_900)),
        send_buffered: 65,
        kernel_queued: 7,
    };

    #[test]
    fn events_are_listed_from_the_requested_number() {
        let journal = Journal::default();
        journal.record(EVENT);
        journal.record(Eviction { reason: EvictionReason::Protocol, timer: None, ..EVENT });
        let header = "index,at_ns,reason,peer_port,progress_ns,deadline_ns,send_buffered,kernel_queued\n";
        let first = "0,2000,send_timeout,40000,900,1900,65,7\n";
        let second = "1,2000,protocol,40000,,,65,7\n";
        assert_eq!(journal.csv(0), [header, first, second].concat());
        assert_eq!(journal.csv(1), [header, second].concat());
        assert_eq!(journal.csv(9), header);
    }

    #[test]
    fn old_events_are_dropped_and_numbers_kept() {
        let journal = Journal::default();
        for _ in 0..KEPT_EVENTS + 5 {
            journal.record(EVENT);
        }
        assert_eq!(journal.csv(0).lines().nth(1).and_then(|line| line.split_once(',')).unwrap().0, "5");
        assert_eq!(journal.csv(KEPT_EVENTS as u64 + 4).lines().count(), 2);
    }
}
