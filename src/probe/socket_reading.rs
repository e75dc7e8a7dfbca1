//! The sockets of one server, summed up: where the bytes wait.

use super::inet_diag::{SocketEntry, TcpState};

/// The server's end of all connections, summed up. Sockets in TIME-WAIT are not asked for: they hold no data. Bytes that were
/// received but not yet acknowledged are in the receive queue of one end and in the send queue of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideReading {
    by_state: [u32; 12],
    /// Sockets in any state.
    pub sockets: u64,
    /// Kernel memory for what waits: Σ [`kernel_bytes`](crate::sys::SocketMemory::kernel_bytes).
    pub kernel_bytes: u64,
    /// Bytes written by the application and not acknowledged by the peer, sent or not.
    pub send_queue_bytes: u64,
    /// Of those, the bytes never sent.
    pub unsent_bytes: u64,
    /// Kernel memory charged for the send queues: their bytes and the overhead.
    pub wmem_queued_bytes: u64,
    /// Bytes that arrived and were not read by the application.
    pub receive_queue_bytes: u64,
    /// The largest send buffer that a socket was granted (`sk_sndbuf`): twice what was asked for, within
    /// `net.core.wmem_max`, or what autotuning has come to.
    pub send_buffer_bytes: u64,
}

impl SideReading {
    /// Sockets in `state`.
    #[must_use]
    pub fn count(&self, state: TcpState) -> u64 {
        u64::from(self.by_state[state as usize])
    }

    /// Sockets that their owner has closed, and that are kept until the peer has heard of it.
    #[must_use]
    pub fn closing(&self) -> u64 {
        use TcpState::{Closing, FinWait1, FinWait2, LastAck};
        [FinWait1, FinWait2, Closing, LastAck].into_iter().map(|state| self.count(state)).sum()
    }

    pub(super) fn add(&mut self, socket: &SocketEntry) {
        self.by_state[socket.state as usize] += 1;
        self.sockets += 1;
        self.kernel_bytes += socket.memory.kernel_bytes();
        self.send_queue_bytes += u64::from(socket.send_queue);
        self.unsent_bytes += u64::from(socket.tcp.notsent_bytes);
        self.wmem_queued_bytes += u64::from(socket.memory.wmem_queued);
        self.receive_queue_bytes += u64::from(socket.receive_queue);
        self.send_buffer_bytes = self.send_buffer_bytes.max(u64::from(socket.memory.sndbuf));
    }
}

/// The listening sockets of the server, summed up (there are several with `SO_REUSEPORT`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenReading {
    /// Listening sockets.
    pub sockets: u64,
    /// Connections that wait for `accept`.
    pub accept_queue: u64,
    /// How many may wait.
    pub backlog: u64,
    /// Connections and SYNs dropped since the sockets listen: for want of room in the accept queue, as a rule.
    pub drops: u64,
}

/// The clients' ends of all connections, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientQueues {
    /// Sockets in any state.
    pub sockets: u64,
    /// Bytes written by the clients and not acknowledged by the server's kernel, sent or not.
    pub send_queue_bytes: u64,
    /// Bytes that arrived and were not read by the clients.
    pub receive_queue_bytes: u64,
}

impl ClientQueues {
    pub(super) fn add(&mut self, socket: &SocketEntry) {
        self.sockets += 1;
        self.send_queue_bytes += u64::from(socket.send_queue);
        self.receive_queue_bytes += u64::from(socket.receive_queue);
    }
}

/// One instant of the sockets of one server, in the network namespace of the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketReading {
    /// Its ends of the connections.
    pub server: SideReading,
    /// The listening sockets.
    pub listen: ListenReading,
}

impl SocketReading {
    /// Sum up the sockets of one server.
    #[must_use]
    pub fn of(sockets: &[SocketEntry]) -> Self {
        let mut reading = Self::default();
        for socket in sockets {
            if socket.state == TcpState::Listen {
                reading.listen.sockets += 1;
                reading.listen.accept_queue += u64::from(socket.receive_queue);
                reading.listen.backlog += u64::from(socket.send_queue);
                reading.listen.drops += u64::from(socket.memory.drops);
            } else {
                reading.server.add(socket);
            }
        }
        reading
    }
}
