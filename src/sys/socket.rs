//! The kernel's information about one socket, decoded: `struct tcp_info` and the memory array. Pure, no `unsafe`.
#![forbid(unsafe_code)]

/// What the kernel knows of one TCP connection: `struct tcp_info` of `linux/tcp.h`, filled by `tcp_get_info()`.
///
/// A field that the running kernel is too old for reads 0, except `snd_wnd`, where 0 has a meaning of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// `TCP_ESTABLISHED` = 1 and so on, `include/net/tcp_states.h`.
    pub state: u8,
    /// Retransmissions of the segment that waits at the front, without an answer.
    pub retransmits: u8,
    /// Zero-window or keep-alive probes without an answer.
    pub probes: u8,
    /// Largest segment we send, in bytes.
    pub snd_mss: u32,
    /// Segments sent and not acknowledged; on a listening socket: connections that wait for `accept`.
    pub unacked: u32,
    /// Segments that the peer has selectively acknowledged; on a listening socket: its backlog.
    pub sacked: u32,
    /// Milliseconds since data was last sent.
    pub last_data_sent_ms: u32,
    /// Milliseconds since data last arrived.
    pub last_data_recv_ms: u32,
    /// Milliseconds since an acknowledgment last arrived: how long the peer has said nothing at all.
    pub last_ack_recv_ms: u32,
    /// Smoothed round trip, in microseconds.
    pub rtt_us: u32,
    /// How far round trips deviate from that, smoothed, in microseconds.
    pub rtt_deviation_us: u32,
    /// Congestion window, in segments.
    pub snd_cwnd: u32,
    /// Segments sent again since the connection began.
    pub total_retrans: u32,
    /// Bytes sent and acknowledged, SYN and FIN included (≥ 4.1).
    pub bytes_acked: u64,
    /// Bytes received in order (≥ 4.1).
    pub bytes_received: u64,
    /// Bytes in the send queue that were never sent (≥ 4.6).
    pub notsent_bytes: u32,
    /// The shortest round trip of the last minutes, in microseconds (≥ 4.6); 0 before the first.
    pub least_rtt_us: u32,
    /// Segments with data that arrived (≥ 4.6).
    pub data_segs_in: u32,
    /// Microseconds with something to send (≥ 4.10).
    pub busy_time_us: u64,
    /// Microseconds of those held back by the peer's receive window (≥ 4.10).
    pub rwnd_limited_us: u64,
    /// Microseconds of those held back by our own send buffer (≥ 4.10).
    pub sndbuf_limited_us: u64,
    /// The receive window that the peer offers, in bytes; `Some(0)` says that it does not read (≥ 5.4).
    pub snd_wnd: Option<u32>,
}

impl TcpInfo {
    /// Microseconds within which what was sent is acknowledged, as the last round trips show: no less than the last one took,
    /// as the deviation takes a quarter of each surprise (RFC 6298, section 2.3).
    #[must_use]
    pub fn round_trip_at_most_us(&self) -> u64 {
        u64::from(self.rtt_us) + 4 * u64::from(self.rtt_deviation_us)
    }

    /// Decode what `getsockopt(TCP_INFO)` or the `INET_DIAG_INFO` attribute of `sock_diag` returned, which on an older
    /// kernel is shorter. Offsets as in `linux/tcp.h`: fields are only ever added at the end.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let byte = |offset: usize| bytes.get(offset).copied().unwrap_or(0);
        let u32_at = |offset| number_at(bytes, offset).map(u32::from_ne_bytes);
        let u64_at = |offset| number_at(bytes, offset).map_or(0, u64::from_ne_bytes);
        let u32_or_0 = |offset| u32_at(offset).unwrap_or(0);
        Self {
            state: byte(0),
            retransmits: byte(2),
            probes: byte(3),
            snd_mss: u32_or_0(16),
            unacked: u32_or_0(24),
            sacked: u32_or_0(28),
            last_data_sent_ms: u32_or_0(44),
            last_data_recv_ms: u32_or_0(52),
            last_ack_recv_ms: u32_or_0(56),
            rtt_us: u32_or_0(68),
            rtt_deviation_us: u32_or_0(72),
            snd_cwnd: u32_or_0(80),
            total_retrans: u32_or_0(100),
            bytes_acked: u64_at(120),
            bytes_received: u64_at(128),
            notsent_bytes: u32_or_0(144),
            least_rtt_us: u32_at(148).filter(|us| *us < u32::MAX).unwrap_or(0),
            data_segs_in: u32_or_0(152),
            busy_time_us: u64_at(168),
            rwnd_limited_us: u64_at(176),
            sndbuf_limited_us: u64_at(184),
            snd_wnd: u32_at(228),
        }
    }
}

/// Kernel memory of one socket, in bytes but for `drops`: `SO_MEMINFO` and `SKMEMINFO`, filled by
/// `sk_get_meminfo()` in `net/core/sock.c`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketMemory {
    /// Charged for data that arrived, with the kernel's own overhead.
    pub rmem_alloc: u32,
    /// Limit of `rmem_alloc`: the effective `SO_RCVBUF`.
    pub rcvbuf: u32,
    /// Charged for packets on their way to the device.
    pub wmem_alloc: u32,
    /// Limit of `wmem_queued`: the effective `SO_SNDBUF`.
    pub sndbuf: u32,
    /// Reserved for this socket and not used yet.
    pub fwd_alloc: u32,
    /// Charged for the send queue, sent or not, until it is acknowledged.
    pub wmem_queued: u32,
    /// Charged for options and filters.
    pub optmem: u32,
    /// Arrived while the application held the socket's lock.
    pub backlog: u32,
    /// Packets dropped, a count.
    pub drops: u32,
}

impl SocketMemory {
    /// Decode the array of 32-bit numbers; those that an older kernel does not send are 0.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let field = |index: usize| number_at(bytes, index * 4).map_or(0, u32::from_ne_bytes);
        Self {
            rmem_alloc: field(0),
            rcvbuf: field(1),
            wmem_alloc: field(2),
            sndbuf: field(3),
            fwd_alloc: field(4),
            wmem_queued: field(5),
            optmem: field(6),
            backlog: field(7),
            drops: field(8),
        }
    }

    /// Bytes that the kernel holds because of what waits in this socket. `wmem_alloc` is left out: its packets are
    /// clones of those in `wmem_queued`.
    #[must_use]
    pub fn kernel_bytes(&self) -> u64 {
        [self.rmem_alloc, self.wmem_queued, self.optmem, self.backlog].into_iter().map(u64::from).sum()
    }
}

fn number_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #[cfg(target_env = "gnu")]
    use std::mem::offset_of;

    use super::*;

    #[cfg(target_env = "gnu")]
    #[test]
    fn tcp_info_offsets_are_those_of_the_struct() {
        let mut bytes = [0_u8; 240];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = index as u8;
        }
        let info = TcpInfo::parse(&bytes);
        let low_byte = |offset: usize| offset as u8;
        macro_rules! same {
            ($($ours:ident = $theirs:ident),* $(,)?) => {
                $(assert_eq!(info.$ours.to_le() as u8, low_byte(offset_of!(libc::tcp_info, $theirs)), stringify!($ours));)*
            };
        }
        same!(
            state = tcpi_state,
            retransmits = tcpi_retransmits,
            probes = tcpi_probes,
            snd_mss = tcpi_snd_mss,
            unacked = tcpi_unacked,
            sacked = tcpi_sacked,
            last_data_sent_ms = tcpi_last_data_sent,
            last_data_recv_ms = tcpi_last_data_recv,
            last_ack_recv_ms = tcpi_last_ack_recv,
            rtt_us = tcpi_rtt,
            rtt_deviation_us = tcpi_rttvar,
            snd_cwnd = tcpi_snd_cwnd,
            total_retrans = tcpi_total_retrans,
            bytes_acked = tcpi_bytes_acked,
            bytes_received = tcpi_bytes_received,
            notsent_bytes = tcpi_notsent_bytes,
            least_rtt_us = tcpi_min_rtt,
            data_segs_in = tcpi_data_segs_in,
            busy_time_us = tcpi_busy_time,
            rwnd_limited_us = tcpi_rwnd_limited,
            sndbuf_limited_us = tcpi_sndbuf_limited,
        );
        assert_eq!(info.snd_wnd.unwrap().to_le() as u8, low_byte(offset_of!(libc::tcp_info, tcpi_snd_wnd)));
    }

    #[test]
    fn the_largest_round_trip_adds_four_deviations() {
        let info = TcpInfo { rtt_us: 2_000, rtt_deviation_us: 500, ..TcpInfo::default() };
        assert_eq!(info.round_trip_at_most_us(), 4_000);
    }

    #[test]
    fn fields_missing_in_older_kernels_are_absent() {
        let info = TcpInfo::parse(&[1; 104]);
        assert_eq!(
            (info.state, info.total_retrans, info.bytes_acked, info.snd_wnd),
            (1, 0x0101_0101, 0, None)
        );
        assert_eq!(TcpInfo::parse(&[]), TcpInfo::default());
        assert_eq!(SocketMemory::parse(&[0; 7]), SocketMemory::default());
    }
}
