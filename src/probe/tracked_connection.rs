//! One connection as the server's own socket shows it in each sample: bounds of its last progress.

use std::num::NonZeroU32;

use super::{
    between::Between,
    inet_diag::SocketEntry,
    send_stall::{SendStall, Times},
};
use crate::address::Endpoint;

/// The kernel's own instants are as coarse as its tick: 10 ms at most (`CONFIG_HZ` 100).
const JIFFY_NS: u64 = 10_000_000;
const MS: u64 = 1_000_000;

/// A connection as seen on the server's side. Times are on the monotonic clock, in nanoseconds. What happened between two
/// looks is dated by both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TrackedConnection {
    /// The client's end.
    pub peer: Endpoint,
    /// The number of the server's socket, if it is a UNIX-domain socket.
    #[serde(default)]
    pub server_socket: Option<NonZeroU32>,
    /// The first look that saw it.
    pub first: Between,
    /// The last look that saw it held by the server began then.
    pub held_ns: u64,
    /// When the peer last acknowledged bytes.
    pub acked: Between,
    /// The longest round trip that the kernel reckoned with since then: an acknowledgment may be taken for as much later.
    pub round_trip_ns: u64,
    /// When bytes of the peer last arrived.
    pub received: Between,
    /// When the server last had bytes taken by its kernel: acknowledged bytes and those in the send queue grew together.
    pub written: Between,
    /// The most likely instant of that.
    pub written_about_ns: u64,
    /// If anything waits to be sent in the server itself, it does so since this instant at the latest: by then it had
    /// something to send, and its kernel took no more.
    pub waits_by_ns: u64,
    /// By this instant the server had accepted the connection and read all that had arrived.
    pub read_by_ns: Option<u64>,
    /// By this instant it had done so for the first time after something had arrived.
    pub first_read_by_ns: Option<u64>,
    /// When the server closed it: its socket was gone, or on its way out.
    pub ended: Option<Between>,
    /// Kernel memory of the server's socket when it was last looked at on its way out (FIN-WAIT, CLOSING, LAST-ACK), in
    /// bytes; 0 when nothing was left of it any more. `None` if it was never seen so: after a reset there is no socket.
    pub left_bytes: Option<u64>,
    /// What held the server back from sending to it.
    pub send_stall: SendStall,
    /// Bytes for it were seen to wait unsent in the server's kernel.
    pub has_waited: bool,
    /// So many of them that the kernel took no more from the server (`sk_stream_is_writeable`).
    pub was_full: bool,
}

impl TrackedConnection {
    /// Whether it is not known when there was progress: the kernel counts no bytes and dates nothing that goes over a
    /// UNIX-domain socket.
    #[must_use]
    pub const fn is_undated(&self) -> bool {
        self.server_socket.is_some()
    }
}

/// When a look was taken, and the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    /// The look before began.
    pub(super) before_ns: u64,
    pub(super) from_ns: u64,
    pub(super) until_ns: u64,
    /// What held the server back counts from this look on.
    pub(super) counts: bool,
}

impl Look {
    /// Something that was not there at the look before.
    pub(super) fn since_last(&self) -> Between {
        Between::new(self.before_ns, self.until_ns)
    }

    /// The same, where the kernel says how long ago it was.
    fn dated(&self, age_ms: u32) -> Between {
        let since = u64::from(age_ms) * MS;
        let earliest = self.from_ns.saturating_sub(since + JIFFY_NS).max(self.before_ns);
        let latest = self.until_ns.saturating_sub(since.saturating_sub(JIFFY_NS));
        Between::new(earliest, latest.min(self.until_ns))
    }
}

/// A connection that is still there, with its counts at the last look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed {
    pub(super) tracked: TrackedConnection,
    acked: u64,
    received: u64,
    written: u64,
    /// What had been received when the kernel last took something.
    received_before_wait: Option<u64>,
    /// What the kernel had counted when looks began to count.
    before: Times,
}

impl Followed {
    /// A connection that was not there at the look before.
    pub(super) fn first(socket: &SocketEntry, look: &Look) -> Self {
        let anew = look.since_last();
        let server_socket =
            if let Endpoint::Unix { socket } = socket.local { NonZeroU32::new(socket) } else { None };
        let tracked = TrackedConnection {
            peer: socket.remote,
            server_socket,
            first: Between::new(look.from_ns, look.until_ns),
            acked: anew,
            received: anew,
            written: anew,
            written_about_ns: anew.middle_ns(),
            waits_by_ns: look.until_ns,
            ..TrackedConnection::default()
        };
        let mut followed = Self {
            tracked,
            acked: 0,
            received: 0,
            written: 0,
            received_before_wait: None,
            before: Times::default(),
        };
        followed.see(socket, look);
        followed
    }

    /// Whether this socket cannot be the same connection: it has fewer bytes behind it. The port has come again.
    pub(super) fn is_other_than(&self, socket: &SocketEntry) -> bool {
        self.acked > socket.tcp.bytes_acked || self.received > socket.tcp.bytes_received
    }

    /// Takes in another look.
    pub(super) fn see(&mut self, socket: &SocketEntry, look: &Look) {
        if self.tracked.is_undated() {
            self.see_unix(socket, look);
        } else {
            self.see_tcp(socket, look);
        }
    }

    /// Over a UNIX-domain socket the kernel tells no more than what waits now.
    fn see_unix(&mut self, socket: &SocketEntry, look: &Look) {
        self.tracked.held_ns = look.from_ns;
        // `unix_writable()`: the server is not told of room before three quarters of its send buffer are free.
        let is_full = u64::from(socket.memory.wmem_queued) * 4 > u64::from(socket.memory.sndbuf);
        self.tracked.has_waited |= is_full;
        self.tracked.was_full |= is_full;
    }

    fn see_tcp(&mut self, socket: &SocketEntry, look: &Look) {
        let tcp = &socket.tcp;
        let moved = tcp.bytes_acked > self.acked;
        let arrived = tcp.bytes_received > self.received;
        let written = tcp.bytes_acked + u64::from(socket.send_queue);
        self.tracked.held_ns = look.from_ns;
        if moved {
            self.tracked.acked = acknowledged(socket, look);
            self.tracked.round_trip_ns = 0;
        }
        let round_trip_ns = tcp.round_trip_at_most_us() * 1_000;
        self.tracked.round_trip_ns = self.tracked.round_trip_ns.max(round_trip_ns);
        if arrived {
            self.tracked.received = look.dated(tcp.last_data_recv_ms);
            self.tracked.read_by_ns = None;
        }
        if socket.receive_queue == 0 && socket.inode != 0 {
            self.tracked.read_by_ns.get_or_insert(look.until_ns);
            if tcp.bytes_received > 0 {
                self.tracked.first_read_by_ns.get_or_insert(look.until_ns);
            }
        }
        self.note_writing(written, tcp.bytes_received, socket, look);
        if look.counts {
            self.tracked.send_stall.look(tcp, moved && self.acked > 0, &self.before);
        } else {
            self.before = Times::of(tcp);
        }
        let memory = &socket.memory;
        self.tracked.has_waited |= tcp.notsent_bytes > 0;
        self.tracked.was_full |=
            tcp.notsent_bytes > 0 && u64::from(memory.wmem_queued) * 3 >= u64::from(memory.sndbuf) * 2;
        (self.acked, self.received) = (tcp.bytes_acked, tcp.bytes_received);
    }

    /// The kernel took more, or it took nothing although the peer asked for something.
    fn note_writing(&mut self, written: u64, received: u64, socket: &SocketEntry, look: &Look) {
        if written > self.written {
            let anew = look.since_last();
            let sent_ns = look.from_ns.saturating_sub(u64::from(socket.tcp.last_data_sent_ms) * MS);
            self.tracked.written = anew;
            // What is written is sent at once, as long as the peer's window lets it through.
            let was_sent = sent_ns > anew.earliest_ns;
            self.tracked.written_about_ns =
                if was_sent { sent_ns.min(anew.latest_ns) } else { anew.middle_ns() };
            self.tracked.waits_by_ns = look.until_ns;
            self.written = written;
            self.received_before_wait = Some(received);
        } else if self.received_before_wait.is_some_and(|before| received > before) {
            self.tracked.waits_by_ns = look.until_ns;
            self.received_before_wait = None;
        }
    }
}

/// When the peer acknowledged what it had not at the look before. The kernel does not say, but two of its instants bound it,
/// as no acknowledgment of a probe or of a retransmission is progress (see `server::policy::Sight`): the last
/// acknowledgment came at or after it, and data was last sent at most a round trip before it. Where all that was sent is
/// acknowledged, it was acknowledged after it was sent.
fn acknowledged(socket: &SocketEntry, look: &Look) -> Between {
    let tcp = &socket.tcp;
    let all = look.since_last();
    let silent_ms = tcp.last_data_sent_ms.max(tcp.last_ack_recv_ms);
    let latest = look.dated(silent_ms).latest_ns + tcp.round_trip_at_most_us() * 1_000 + JIFFY_NS;
    let earliest =
        if tcp.unacked == 0 { look.dated(tcp.last_data_sent_ms).earliest_ns } else { all.earliest_ns };
    Between::new(earliest.max(all.earliest_ns), latest.min(all.latest_ns))
}
