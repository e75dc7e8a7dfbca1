//! What the server decides about a peer, from numbers alone: which limit is broken, and whether silence is too long.

use crate::{
    buffer::Kind,
    codec::Protocol,
    profile::{EvictBy, ServerOptions, Trigger},
    reactor::Mode,
    sys::TcpInfo,
};

/// The options, as the loop wants them.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) protocol: Protocol,
    pub(super) mode: Mode,
    pub(super) buffer: Kind,
    pub(super) initial: usize,
    pub(super) receive_limit: Option<usize>,
    pub(super) send_limit: Option<usize>,
    pub(super) send_timeout_ns: Option<u64>,
    pub(super) evict_by: EvictBy,
}

impl Policy {
    pub(super) fn new(options: &ServerOptions) -> Self {
        let limit = |bytes: crate::units::Bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX);
        Self {
            protocol: options.protocol,
            mode: match options.trigger {
                Trigger::Level => Mode::Level,
                Trigger::Edge => Mode::Edge,
            },
            buffer: options.buffer,
            initial: limit(options.initial),
            receive_limit: options.receive_limit.0.map(limit),
            send_limit: options.send_limit.0.map(limit),
            send_timeout_ns: options.send_timeout.0.map(|time| time.0.as_nanos() as u64),
            evict_by: options.evict_by,
        }
    }

    /// Does too much wait to be sent?
    pub(super) fn overfull(&self, waiting: usize) -> bool {
        self.send_limit.is_some_and(|limit| waiting > limit)
    }
}

/// What the kernel told of a connection, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) now_ns: u64,
    /// Bytes that the peer has acknowledged.
    pub(super) acked: u64,
    /// An instant that the last progress did not come after.
    pub(super) progress_until_ns: u64,
}

impl Sight {
    /// `jiffy_ns` is how coarse the kernel's own instants are.
    ///
    /// When did the peer last acknowledge something new? The kernel does not say, but two of its instants bound it.
    /// `tcpi_last_ack_recv` is never before it; but zero-window probes are answered too, so for a peer that never
    /// reads it is always recent. `tcpi_last_data_sent` is at most one round trip before it; but retransmissions
    /// count as sent, so for a peer that is dead it is always recent. So the earlier one plus a round trip and a
    /// jiffy is a bound from above: a peer is never thought to be silent for longer than it was.
    pub(super) fn new(info: &TcpInfo, now_ns: u64, jiffy_ns: u64) -> Self {
        let silent_ns = u64::from(info.last_data_sent_ms.max(info.last_ack_recv_ms)) * 1_000_000;
        let slack_ns = u64::from(info.rtt_us) * 1_000 + jiffy_ns;
        let progress_until_ns = now_ns.saturating_sub(silent_ns.saturating_sub(slack_ns));
        Self { now_ns, acked: info.bytes_acked, progress_until_ns }
    }
}

/// Watches one connection's unsent data. Progress is counted in bytes that the peer acknowledged: how often the
/// kernel had room for more says nothing below a third of its send buffer (`__sk_stream_is_writeable`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    acked: u64,
    /// The last progress, or the instant at which data began to wait.
    pub(super) progress_ns: u64,
}

/// What follows from a look at the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing was acknowledged for the whole timeout.
    Evict,
    /// Look again at this instant.
    Look(u64),
}

impl Watch {
    /// Data begin to wait.
    pub(super) fn begin(acked: u64, now_ns: u64) -> Self {
        Self { acked, progress_ns: now_ns }
    }

    /// The timer has fired.
    pub(super) fn look(&mut self, sight: &Sight, timeout_ns: u64) -> Verdict {
        if sight.acked != self.acked {
            self.acked = sight.acked;
            self.progress_ns = self.progress_ns.max(sight.progress_until_ns);
        }
        let deadline_ns = self.progress_ns.saturating_add(timeout_ns);
        if sight.now_ns >= deadline_ns { Verdict::Evict } else { Verdict::Look(deadline_ns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn sight(now_ms: u64, acked: u64, sent_ms_ago: u32, ack_ms_ago: u32) -> Sight {
        let info = TcpInfo {
            bytes_acked: acked,
            last_data_sent_ms: sent_ms_ago,
            last_ack_recv_ms: ack_ms_ago,
            rtt_us: 2_000,
            ..TcpInfo::default()
        };
        Sight::new(&info, now_ms * MS, 4 * MS)
    }

    #[test]
    fn a_limit_may_be_reached_and_not_exceeded() {
        let limited =
            Policy { send_limit: Some(100), ..Policy::new(&ServerOptions { ..ServerOptions::default() }) };
        assert!(!limited.overfull(100) && limited.overfull(101));
        assert!(!Policy { send_limit: None, ..limited }.overfull(usize::MAX));
    }

    #[test]
    fn one_who_acknowledges_nothing_is_evicted_when_the_time_is_over() {
        let mut watch = Watch::begin(500, 1_000 * MS);
        assert_eq!(watch.look(&sight(1_999, 500, 999, 3), 1_000 * MS), Verdict::Look(2_000 * MS));
        assert_eq!(watch.look(&sight(2_000, 500, 1_000, 4), 1_000 * MS), Verdict::Evict);
        assert_eq!(watch.progress_ns, 1_000 * MS);
    }

    #[test]
    fn progress_moves_the_deadline() {
        let mut watch = Watch::begin(500, 1_000 * MS);
        // Data went out 300 ms ago and were acknowledged; round trip 2 ms, jiffy 4 ms.
        assert_eq!(watch.look(&sight(2_000, 501, 300, 10), 1_000 * MS), Verdict::Look(2_706 * MS));
        assert_eq!(watch.look(&sight(2_706, 501, 1_006, 50), 1_000 * MS), Verdict::Evict);
    }

    #[test]
    fn probes_answered_are_no_progress_and_neither_are_retransmissions() {
        let mut stalled = Watch::begin(0, 0);
        assert_eq!(stalled.look(&sight(1_000, 1, 900, 1), 1_000 * MS), Verdict::Look(1_106 * MS));
        let mut dead = Watch::begin(0, 0);
        assert_eq!(dead.look(&sight(1_000, 1, 1, 900), 1_000 * MS), Verdict::Look(1_106 * MS));
    }

    #[test]
    fn progress_is_never_thought_to_be_older_than_the_waiting_nor_newer_than_now() {
        let mut watch = Watch::begin(0, 800 * MS);
        assert_eq!(watch.look(&sight(1_000, 1, 900, 900), 1_000 * MS), Verdict::Look(1_800 * MS));
        let mut watch = Watch::begin(0, 800 * MS);
        assert_eq!(watch.look(&sight(1_000, 1, 0, 0), 1_000 * MS), Verdict::Look(2_000 * MS));
    }
}
