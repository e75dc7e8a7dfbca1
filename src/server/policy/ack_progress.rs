//! What the kernel reports of a connection's progress, and how far it can be relied on.

use crate::{server::transport::Sent, sys::TcpInfo};

/// What a peer at a UNIX-domain socket has read of what was sent, as far as the kernel tells: it does not count bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::server) struct UnixProgress {
    taken: u64,
    queued: u64,
    read: u64,
}

impl UnixProgress {
    /// Bytes that the peer has read at least, of those that the kernel took; what it has not read is in `queued` bytes of memory.
    ///
    /// Each sent byte adds one at least to the memory, so what is missing of that was read. A kernel that has taken more from a
    /// server whose bytes wait had got room, whatever its overhead hides.
    pub(in crate::server) fn look(&mut self, taken: u64, queued: u64) -> u64 {
        let more = taken - self.taken;
        let least = (self.queued + more).saturating_sub(queued).max(u64::from(more > 0));
        self.read = if queued == 0 { taken } else { (self.read + least).min(taken) };
        (self.taken, self.queued) = (taken, queued);
        self.read
    }
}

/// What the kernel reported of a connection, and when.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct AckProgress {
    pub(in crate::server) now_ns: u64,
    /// Bytes that the peer has acknowledged.
    pub(in crate::server) acked: u64,
    /// An instant that the last progress did not come after.
    pub(in crate::server) progress_until_ns: u64,
}

impl AckProgress {
    /// What was seen at `now_ns`. At a UNIX-domain socket the kernel does not say when the peer read: at this look at the latest.
    pub(in crate::server) fn new(sent: &Sent, unix: &mut UnixProgress, now_ns: u64, jiffy_ns: u64) -> Self {
        match *sent {
            Sent::Tcp(ref info) => Self::tcp(info, now_ns, jiffy_ns),
            Sent::Unix { taken, queued } => {
                Self { now_ns, acked: unix.look(taken, queued), progress_until_ns: now_ns }
            }
        }
    }

    /// `jiffy_ns` is how coarse the kernel's own instants are.
    ///
    /// When did the peer last acknowledge something new? The kernel does not say, but two of its instants bound it.
    /// `tcpi_last_ack_recv` is never before it; but zero-window probes are answered too, so for a peer that never
    /// reads it is always recent. `tcpi_last_data_sent` is at most one round trip before it; but retransmissions
    /// count as sent, so for a peer that is dead it is always recent. So the earlier one plus a round trip and a
    /// jiffy is a bound from above: a peer is never thought to be silent for longer than it was. A round trip is what the
    /// last ones took, surprises included: on a busy machine an acknowledgment may come long after the mean.
    pub(in crate::server) fn tcp(info: &TcpInfo, now_ns: u64, jiffy_ns: u64) -> Self {
        let silent_ns = u64::from(info.last_data_sent_ms.max(info.last_ack_recv_ms)) * 1_000_000;
        let slack_ns = info.round_trip_at_most_us() * 1_000 + jiffy_ns;
        let progress_until_ns = now_ns.saturating_sub(silent_ns.saturating_sub(slack_ns));
        Self { now_ns, acked: info.bytes_acked, progress_until_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn progress_until_ms(sent_ms_ago: u32, ack_ms_ago: u32) -> u64 {
        let info = TcpInfo {
            last_data_sent_ms: sent_ms_ago,
            last_ack_recv_ms: ack_ms_ago,
            rtt_us: 2_000,
            ..TcpInfo::default()
        };
        AckProgress::tcp(&info, 1_000 * MS, 4 * MS).progress_until_ns / MS
    }

    #[test]
    fn answered_probes_and_retransmissions_are_not_progress() {
        assert_eq!(progress_until_ms(900, 1), 106, "stalled: probes are answered");
        assert_eq!(progress_until_ms(1, 900), 106, "dead: data are sent again");
    }

    #[test]
    fn progress_allows_for_a_late_acknowledgment() {
        let info = TcpInfo {
            last_data_sent_ms: 900,
            last_ack_recv_ms: 1,
            rtt_us: 2_000,
            rtt_deviation_us: 5_000,
            ..TcpInfo::default()
        };
        assert_eq!(AckProgress::tcp(&info, 1_000 * MS, 4 * MS).progress_until_ns / MS, 126);
    }

    #[test]
    fn progress_is_never_in_the_future() {
        assert_eq!(progress_until_ms(0, 0), 1_000);
        assert_eq!(progress_until_ms(5, 3), 1_000, "within a round trip and a jiffy");
    }

    #[test]
    fn what_a_unix_peer_has_read_is_seen_from_the_memory_that_waits() {
        let mut progress = UnixProgress::default();
        let looks = [(200_000, 205_000), (200_000, 205_000), (200_000, 168_000), (240_000, 206_000)];
        let read: Vec<u64> = looks.map(|(taken, queued)| progress.look(taken, queued)).to_vec();
        // The first look finds the kernel full: one byte stands for what it cannot tell.
        assert_eq!(read, [1, 1, 37_001, 39_001]);
        assert_eq!(progress.look(240_000, 0), 240_000, "all of it");
        assert_eq!(
            progress.look(240_100, 1_024),
            240_001,
            "a small piece costs more memory than it has bytes"
        );
        assert_eq!(progress.look(240_200, 1_024), 240_101);
    }
}
