//! What the server's own sockets show of each connection: its last progress, when the server closed it, and the bytes
//! that stayed in the kernel. This needs no information from the server.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
};

use serde::{Deserialize, Serialize};

use super::{
    gently::gently,
    inet_diag::{SocketEntry, TcpState},
    tracked_connection::{Followed, Look, TrackedConnection},
};
use crate::address::Endpoint;

/// A connection that the server has closed.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// Its place in `ended`.
    place: usize,
    /// When the last look that saw it began.
    seen_ns: u64,
}

/// Follows the connections of a port from one look to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct ConnectionTracker {
    open: HashMap<Endpoint, Followed>,
    ended: Vec<TrackedConnection>,
    /// Connections of which the kernel still keeps the rest, by the client's end.
    leaving: HashMap<Endpoint, Left>,
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

    /// Takes in a look at the server's side of all sockets of its port, which lasted from `from_ns` to `until_ns` and began
    /// after the look before. What is known of a connection stays where it is from one look to the next.
    pub fn look(&mut self, sockets: &[SocketEntry], from_ns: u64, until_ns: u64) {
        self.saw_server |= !sockets.is_empty();
        let counts = from_ns >= self.counts_from_ns;
        self.look = Look { before_ns: self.look.from_ns, from_ns, until_ns, counts };
        self.looks_ns.push(until_ns);
        for socket in gently(sockets) {
            if is_leaving(socket.state) {
                self.leave(socket);
            } else if is_held(socket.state) {
                self.hold(socket);
            }
        }
        for (_, gone) in self.leaving.extract_if(|_, left| left.seen_ns != from_ns) {
            // What the kernel kept is gone.
            self.ended[gone.place].left_bytes = Some(0);
        }
        let gone = self.open.extract_if(|_, followed| followed.tracked.held_ns != from_ns);
        self.ended.extend(gone.map(|(_, old)| ended(&old, &self.look)));
    }

    /// The server has it.
    fn hold(&mut self, socket: &SocketEntry) {
        let look = self.look;
        match self.open.entry(socket.remote) {
            Entry::Occupied(mut known) if !known.get().is_other_than(socket) => {
                known.get_mut().see(socket, &look);
            }
            Entry::Occupied(mut known) => {
                let old = known.insert(Followed::first(socket, &look));
                self.ended.push(ended(&old, &look));
            }
            Entry::Vacant(place) => {
                place.insert(Followed::first(socket, &look));
            }
        }
    }

    /// The server has closed it, and the kernel keeps the rest.
    fn leave(&mut self, socket: &SocketEntry) {
        let (open, ended_before, look) = (&mut self.open, &mut self.ended, &self.look);
        let left = self.leaving.entry(socket.remote).or_insert_with(|| {
            let followed = open.remove(&socket.remote);
            // One that came and went between two looks is known by its end alone.
            let followed = followed.unwrap_or_else(|| Followed::first(socket, look));
            ended_before.push(ended(&followed, look));
            Left { place: ended_before.len() - 1, seen_ns: 0 }
        });
        left.seen_ns = look.from_ns;
        self.ended[left.place].left_bytes = Some(socket.memory.kernel_bytes());
    }

    /// What was seen until now. What is looked at from now on begins anew.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let anew = Self { saw_server: self.saw_server, ..Self::default() };
        mem::replace(self, anew)
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
