//! What became of each connection, as the server's own sockets show it: when it last made progress, and when the server
//! let go of it. Needs no word from the server.

use std::collections::HashMap;

use super::{
    hold_up::HoldUp,
    inet_diag::{SocketEntry, TcpState},
};

/// A connection as seen on the server's side. Times are on the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The client's port.
    pub peer_port: u16,
    /// When it was first seen.
    pub first_ns: u64,
    /// When the peer last acknowledged bytes: not before the last look that did not see them, and not after the last
    /// segment that arrived.
    pub acked_ns: u64,
    /// When bytes of the peer last arrived, likewise.
    pub received_ns: u64,
    /// When the server was seen to have closed it, its socket being gone or on its way out: late by at most the time
    /// between two looks.
    pub ended_ns: Option<u64>,
    /// What held the server back from sending to it.
    pub hold_up: HoldUp,
}

/// A connection that is still there, with its counts at the last look.
#[derive(Clone, Copy, Debug)]
struct Followed {
    sighting: Sighting,
    acked: u64,
    received: u64,
}

/// Follows the connections of a port from one look to the next.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    open: HashMap<u16, Followed>,
    ended: Vec<Sighting>,
    looked_ns: u64,
    saw_server: bool,
}

impl Sightings {
    /// Takes in a look at all sockets of the server's port, which lasted from `from_ns` to `until_ns`.
    pub fn look(&mut self, port: u16, sockets: &[SocketEntry], from_ns: u64, until_ns: u64) {
        self.saw_server |= sockets.iter().any(|socket| socket.local_port == port);
        let mut seen = HashMap::with_capacity(self.open.len());
        for socket in sockets.iter().filter(|socket| socket.local_port == port && is_held(socket.state)) {
            let before = self.open.remove(&socket.remote_port);
            let again = before
                .filter(|old| old.acked > socket.tcp.bytes_acked || old.received > socket.tcp.bytes_received);
            // Fewer bytes than before: the port has come again.
            self.ended.extend(again.map(|old| Sighting { ended_ns: Some(until_ns), ..old.sighting }));
            let before = before.filter(|_| again.is_none());
            seen.insert(socket.remote_port, self.follow(before, socket, from_ns));
        }
        let gone = self.open.drain().map(|(_, old)| Sighting { ended_ns: Some(until_ns), ..old.sighting });
        self.ended.extend(gone);
        self.open = seen;
        self.looked_ns = from_ns;
    }

    fn follow(&self, before: Option<Followed>, socket: &SocketEntry, now_ns: u64) -> Followed {
        let SocketEntry { tcp, remote_port, .. } = socket;
        let dated = |age_ms: u32| now_ns.saturating_sub(u64::from(age_ms) * 1_000_000).max(self.looked_ns);
        let (acked_ns, received_ns) = (dated(tcp.last_ack_recv_ms), dated(tcp.last_data_recv_ms));
        let fresh = Sighting {
            peer_port: *remote_port,
            first_ns: now_ns,
            acked_ns,
            received_ns,
            ended_ns: None,
            hold_up: HoldUp::default(),
        };
        let mut sighting = before.map_or(fresh, |before| before.sighting);
        let moved = before.is_some_and(|before| before.acked < tcp.bytes_acked);
        if moved {
            sighting.acked_ns = acked_ns;
        }
        sighting.hold_up.look(tcp, moved);
        if before.is_some_and(|before| before.received < tcp.bytes_received) {
            sighting.received_ns = received_ns;
        }
        Followed { sighting, acked: tcp.bytes_acked, received: tcp.bytes_received }
    }

    /// Whether the server's side was ever seen: it is not when the server is on another machine.
    #[must_use]
    pub const fn saw_server(&self) -> bool {
        self.saw_server
    }

    /// Every connection seen so far, those that ended first.
    pub fn all(&self) -> impl Iterator<Item = Sighting> {
        self.ended.iter().copied().chain(self.open.values().map(|open| open.sighting))
    }
}

/// Whether the server still has it: not closed, whatever the peer did.
fn is_held(state: TcpState) -> bool {
    matches!(state, TcpState::Established | TcpState::CloseWait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{SocketMemory, TcpInfo};

    const MS: u64 = 1_000_000;

    /// The server's end of the connection from port 5, after so many bytes were acknowledged, the last segment so many
    /// milliseconds ago.
    fn socket(state: TcpState, acked: u64, age_ms: u32) -> SocketEntry {
        let tcp = TcpInfo {
            bytes_acked: acked,
            bytes_received: 7,
            last_ack_recv_ms: age_ms,
            last_data_recv_ms: age_ms,
            ..TcpInfo::default()
        };
        let memory = SocketMemory::default();
        SocketEntry {
            local_port: 80,
            remote_port: 5,
            state,
            receive_queue: 0,
            send_queue: 0,
            inode: 1,
            memory,
            tcp,
        }
    }

    /// What is known after these looks, 100 ms apart and 2 ms long.
    fn looked(looks: &[&[SocketEntry]]) -> Vec<Sighting> {
        let mut sightings = Sightings::default();
        for (number, sockets) in looks.iter().enumerate() {
            let at = (number as u64 + 1) * 100 * MS;
            sightings.look(80, sockets, at, at + 2 * MS);
        }
        sightings.all().collect()
    }

    /// Last acknowledgment and end of every connection, in milliseconds.
    fn after(looks: &[&[SocketEntry]]) -> Vec<(u64, Option<u64>)> {
        looked(looks).iter().map(|s| (s.acked_ns / MS, s.ended_ns.map(|ns| ns / MS))).collect()
    }

    #[test]
    fn progress_is_dated_by_the_last_segment_and_the_look_before() {
        use TcpState::Established;
        assert_eq!(after(&[&[socket(Established, 1, 30)]]), [(70, None)]);
        let more = [socket(Established, 9, 30)];
        assert_eq!(after(&[&[socket(Established, 1, 30)], &more]), [(170, None)]);
        // A probe of a closed window is answered, and is no progress.
        assert_eq!(
            after(&[&[socket(Established, 1, 30)], &more, &[socket(Established, 9, 5)]]),
            [(170, None)]
        );
        // The segment cannot have come before the look that did not see it.
        assert_eq!(after(&[&[socket(Established, 1, 30)], &[socket(Established, 9, 180)]]), [(100, None)]);
    }

    #[test]
    fn each_direction_has_its_own_progress() {
        let mut asks = socket(TcpState::Established, 1, 10);
        let first = [asks];
        asks.tcp.bytes_received += 1;
        let sighting = looked(&[&first, &[asks]])[0];
        assert_eq!((sighting.acked_ns / MS, sighting.received_ns / MS), (90, 190));
    }

    #[test]
    fn a_socket_that_is_gone_or_on_its_way_out_was_let_go() {
        use TcpState::{CloseWait, Established, FinWait1, LastAck};
        let open = [socket(Established, 1, 30)];
        assert_eq!(after(&[&open, &[]]), [(70, Some(202))]);
        assert_eq!(after(&[&open, &[socket(FinWait1, 1, 0)], &[]]), [(70, Some(202))]);
        assert_eq!(after(&[&open, &[socket(CloseWait, 1, 0)]]), [(70, None)], "the peer's doing");
        assert_eq!(after(&[&open, &[socket(LastAck, 1, 0)]]), [(70, Some(202))]);
    }

    #[test]
    fn a_port_that_comes_again_is_another_connection() {
        use TcpState::Established;
        let looks: &[&[SocketEntry]] = &[&[socket(Established, 9, 30)], &[socket(Established, 1, 10)]];
        assert_eq!(after(looks), [(70, Some(202)), (190, None)]);
    }

    #[test]
    fn listeners_and_the_clients_own_sockets_are_no_connections_of_the_server() {
        assert!(!Sightings::default().saw_server());
        let listening = SocketEntry { remote_port: 0, ..socket(TcpState::Listen, 0, 0) };
        let client = SocketEntry { local_port: 5, remote_port: 80, ..socket(TcpState::Established, 1, 0) };
        assert_eq!(after(&[&[listening, client]]), []);
    }
}
