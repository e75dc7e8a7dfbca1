//! The clients' own ports: what became of every connection that a thread opened.

use crate::{
    address::Endpoint,
    behavior::CloseMethod,
    client::{close_reason::CloseReason, connection::ClosedConnection, results::Port},
};

/// Every connection that was opened, in order.
#[derive(Default)]
pub(super) struct Ports(Vec<Port>);

impl Ports {
    /// How many there are, which is the index of the next.
    pub(super) const fn count(&self) -> u32 {
        self.0.len() as u32
    }

    /// A client of that group has opened a connection from this end.
    pub(super) fn opened(&mut self, end: Endpoint, group: usize, opened_ns: u64) {
        self.0.push(Port { end, group, opened_ns, ..Port::default() });
    }

    pub(super) fn connected(&mut self, index: u32) {
        self.0[index as usize].was_connected = true;
    }

    /// When the connection of that index was opened, on the monotonic clock.
    pub(super) fn opened_ns(&self, index: u32) -> u64 {
        self.0[index as usize].opened_ns
    }

    pub(super) fn ended(&mut self, index: u32, ended: &ClosedConnection, now_ns: u64) {
        let port = &mut self.0[index as usize];
        port.is_alive = ended.how == CloseReason::Alive;
        port.unfinished_ns = ended.unfinished_ns();
        if ended.how.is_by_peer() {
            port.ended_by_peer = true;
            port.ended_by_reset = ended.how == CloseReason::ByReset;
            port.ended_after_error = ended.is_after_error;
        }
        // A client that vanished has sent neither FIN nor RST.
        let is_known_to_peer =
            !matches!(ended.how, CloseReason::Alive | CloseReason::ByUs(CloseMethod::Vanish));
        port.ended_ns = is_known_to_peer.then_some(now_ns);
    }

    pub(super) fn into_vec(self) -> Vec<Port> {
        self.0
    }
}
