//! What the server's own sockets show of each connection: its last progress, when the server closed it, and the bytes
//! that stayed in the kernel. This needs no information from the server.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    inet_diag::{Side, SocketEntry, TcpState},
    tracked_connection::{Followed, Look, TrackedConnection},
};
use crate::address::Endpoint;

/// Follows the connections of a server from one look to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct ConnectionTracker {
    open: HashMap<Endpoint, Followed>,
    ended: Vec<TrackedConnection>,
    /// Where in `ended` the connections are of which the kernel still keeps the rest, by the client's end.
    leaving: HashMap<Endpoint, usize>,
    look: Look,
    /// When each look ended.
    looks_ns: Vec<u64>,
    counts_from_ns: u64,
    saw_server: bool,
}

impl ConnectionTracker {
    /// What held the server back counts from this instant on.
    pub fn count_from(&mut self, counts_from_ns: u64) {
        self.counts_from_ns = counts_from_ns;
    }

    /// Takes in a look at all sockets of the server, which lasted from `from_ns` to `until_ns`.
    pub fn look(&mut self, sockets: &[SocketEntry], from_ns: u64, until_ns: u64) {
        self.saw_server |= sockets.iter().any(is_servers);
        let counts = from_ns >= self.counts_from_ns;
        self.look = Look { before_ns: self.look.from_ns, from_ns, until_ns, counts };
        self.looks_ns.push(until_ns);
        let (look, mut seen) = (self.look, HashMap::with_capacity(self.open.len()));
        let mut left = HashMap::with_capacity(self.leaving.len());
        for socket in sockets.iter().filter(|socket| is_servers(socket)) {
            let peer = socket.remote;
            if is_leaving(socket.state) {
                left.insert(peer, self.leave(socket));
            } else if is_held(socket.state) {
                let followed = match self.open.remove(&peer) {
                    Some(mut old) if !old.is_other_than(socket) => {
                        old.see(socket, &look);
                        old
                    }
                    again => {
                        self.ended.extend(again.map(|old| ended(&old, &look)));
                        Followed::first(socket, &look)
                    }
                };
                seen.insert(peer, followed);
            }
        }
        for (_, place) in self.leaving.drain().filter(|(peer, _)| !left.contains_key(peer)) {
            // What the kernel kept is gone.
            self.ended[place].left_bytes = Some(0);
        }
        self.leaving = left;
        self.ended.extend(self.open.drain().map(|(_, old)| ended(&old, &look)));
        self.open = seen;
    }

    /// The server has closed it, and the kernel keeps the rest. Returns its place among those that ended.
    fn leave(&mut self, socket: &SocketEntry) -> usize {
        let place = self.leaving.get(&socket.remote).copied().unwrap_or_else(|| {
            let followed = self.open.remove(&socket.remote);
            // One that came and went between two looks is known by its end alone.
            let followed = followed.unwrap_or_else(|| Followed::first(socket, &self.look));
            self.ended.push(ended(&followed, &self.look));
            self.ended.len() - 1
        });
        self.ended[place].left_bytes = Some(socket.memory.kernel_bytes());
        place
    }

    /// Whether the server's side was ever seen: it is not when the server is on another machine.
    #[must_use]
    pub const fn saw_server(&self) -> bool {
        self.saw_server
    }

    /// Every connection seen so far, those that ended first.
    pub fn all(&self) -> impl Iterator<Item = TrackedConnection> {
        self.ended.iter().copied().chain(self.open.values().map(|open| open.tracked))
    }

    /// When the second look after this instant was over: by then whoever is not hung has noticed what was there at the
    /// first. `None` if there was none.
    #[must_use]
    pub fn noticed_by_ns(&self, at_ns: u64) -> Option<u64> {
        let after = self.looks_ns.partition_point(|until_ns| *until_ns <= at_ns);
        self.looks_ns.get(after + 1).copied()
    }
}

/// What was seen, once nothing more is looked at.
#[derive(Serialize, Deserialize)]
struct Kept {
    connections: Vec<TrackedConnection>,
    looks_ns: Vec<u64>,
    saw_server: bool,
}

impl From<ConnectionTracker> for Kept {
    fn from(tracker: ConnectionTracker) -> Self {
        Self {
            connections: tracker.all().collect(),
            saw_server: tracker.saw_server,
            looks_ns: tracker.looks_ns,
        }
    }
}

impl From<Kept> for ConnectionTracker {
    fn from(kept: Kept) -> Self {
        let Kept { connections, looks_ns, saw_server } = kept;
        Self { ended: connections, looks_ns, saw_server, ..Self::default() }
    }
}

/// A connection that the server does not hold any more at this look.
fn ended(followed: &Followed, look: &Look) -> TrackedConnection {
    let mut tracked = followed.tracked;
    let held_ns = if tracked.held_ns == look.from_ns { look.before_ns } else { tracked.held_ns };
    tracked.ended = Some(super::Between::new(held_ns, look.until_ns));
    tracked
}

/// Whether the socket is at the server's end.
fn is_servers(socket: &SocketEntry) -> bool {
    socket.side == Side::Server
}

/// Whether the server still has it: not closed, whatever the peer did.
fn is_held(state: TcpState) -> bool {
    matches!(state, TcpState::Established | TcpState::CloseWait)
}

/// Whether the server has closed it, and its kernel has not heard yet that the peer knows, or has closed as well.
fn is_leaving(state: TcpState) -> bool {
    matches!(state, TcpState::FinWait1 | TcpState::FinWait2 | TcpState::Closing | TcpState::LastAck)
}

#[cfg(test)]
mod tests;
