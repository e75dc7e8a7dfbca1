//! What holds up sends to a client, according to the server's TCP in each sample.

use crate::sys::TcpInfo;

/// Of one connection, or of several together, since the looks count. The times are the kernel's own and miss nothing
/// between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SendStall {
    /// Microseconds with something to send.
    pub busy_us: u64,
    /// Of those, held back by the peer's receive window.
    pub window_us: u64,
    /// Of those, held back by the server's own send buffer.
    pub buffer_us: u64,
    /// Looks at which bytes waited unsent.
    pub looks: u64,
    /// Of those, with the peer's window closed.
    pub closed: u64,
    /// Of those, with bytes acknowledged since the look before.
    pub moved: u64,
    /// The most bytes that waited unsent.
    pub unsent_peak_bytes: u64,
    /// The kernel did not report the window at some look (it does since 5.4).
    pub window_unknown: bool,
}

/// What the kernel has counted of a connection since it came about, in microseconds.
#[allow(clippy::struct_field_names, reason = "the unit stands last in each name")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    busy_us: u64,
    window_us: u64,
    buffer_us: u64,
}

impl Times {
    pub(super) const fn of(tcp: &TcpInfo) -> Self {
        Self { busy_us: tcp.busy_time_us, window_us: tcp.rwnd_limited_us, buffer_us: tcp.sndbuf_limited_us }
    }
}

impl SendStall {
    /// Takes in a look; `moved`: whether the peer had acknowledged something since the last; `before`: what the kernel
    /// had counted of the connection when looks began to count.
    pub(super) fn look(&mut self, tcp: &TcpInfo, moved: bool, before: &Times) {
        let now = Times::of(tcp);
        self.busy_us = now.busy_us.saturating_sub(before.busy_us);
        self.window_us = now.window_us.saturating_sub(before.window_us);
        self.buffer_us = now.buffer_us.saturating_sub(before.buffer_us);
        if tcp.notsent_bytes > 0 {
            self.looks += 1;
            self.closed += u64::from(tcp.snd_wnd == Some(0));
            self.moved += u64::from(moved);
            self.unsent_peak_bytes = self.unsent_peak_bytes.max(tcp.notsent_bytes.into());
            self.window_unknown |= tcp.snd_wnd.is_none();
        }
    }

    /// Adds another connection's.
    pub fn add(&mut self, other: &Self) {
        self.busy_us += other.busy_us;
        self.window_us += other.window_us;
        self.buffer_us += other.buffer_us;
        self.looks += other.looks;
        self.closed += other.closed;
        self.moved += other.moved;
        self.unsent_peak_bytes = self.unsent_peak_bytes.max(other.unsent_peak_bytes);
        self.window_unknown |= other.window_unknown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_samples_with_unsent_bytes_count() {
        let stalled = TcpInfo {
            busy_time_us: 90,
            rwnd_limited_us: 80,
            sndbuf_limited_us: 5,
            notsent_bytes: 700,
            snd_wnd: Some(0),
            ..TcpInfo::default()
        };
        let mut send_stall = SendStall::default();
        let first = Times::default();
        send_stall.look(&TcpInfo { notsent_bytes: 0, ..stalled }, true, &first);
        assert_eq!((send_stall.busy_us, send_stall.looks, send_stall.moved), (90, 0, 0));
        send_stall.look(&stalled, false, &first);
        send_stall.look(&TcpInfo { snd_wnd: Some(9), notsent_bytes: 300, ..stalled }, true, &first);
        assert_eq!((send_stall.looks, send_stall.closed, send_stall.moved), (2, 1, 1));
        assert_eq!(
            (send_stall.busy_us, send_stall.window_us, send_stall.buffer_us),
            (90, 80, 5),
            "reported as sums"
        );
        assert_eq!((send_stall.unsent_peak_bytes, send_stall.window_unknown), (700, false));
        send_stall.look(&TcpInfo { snd_wnd: None, ..stalled }, false, &first);
        assert!(send_stall.window_unknown);
        send_stall.look(&stalled, false, &Times { busy_us: 50, window_us: 45, buffer_us: 5 });
        assert_eq!(
            (send_stall.busy_us, send_stall.window_us, send_stall.buffer_us),
            (40, 35, 0),
            "without what was before"
        );
    }
}
