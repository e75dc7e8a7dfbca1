//! Requests of other programs to the server, as its sockets show them; connections are distinguished by the client's
//! end: its address and its port.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use serde::{Deserialize, Serialize};

use super::gently::gently;
use super::inet_diag::{SocketEntry, TcpState, TimeWait};
use crate::address::Endpoint;

/// The kernel says how long ago a connection ended in units of its tick, which is up to 10 ms long, and rounds up
/// twice.
const TIME_WAIT_SLACK_NS: u64 = 20_000_000;

/// What others sent while it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherClients {
    /// Connections on which they sent something.
    pub connections: u64,
    /// Segments with data that arrived on them: a request is one at least, if it is not pipelined. A connection that was not
    /// seen while it lived counts as one.
    pub requests: u64,
    /// The same on the connections of this run, as far as they were seen.
    pub own_requests: u64,
}

/// A connection on the server's side.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Peer {
    end: Endpoint,
    /// When it was last seen, on the monotonic clock, in nanoseconds.
    seen_ns: u64,
    /// Segments with data that have arrived.
    segments: u64,
    /// Of those, as many had when the window began.
    before: u64,
}

impl Peer {
    const fn grown(&self) -> u64 {
        self.segments.saturating_sub(self.before)
    }
}

/// Follows the connections of a server's port from one look to the next, from the beginning of the measured window to
/// its end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct RequestCounts {
    open: HashMap<Endpoint, Peer>,
    ended: Vec<Peer>,
    unseen: Vec<Peer>,
    window_began_ns: Option<u64>,
    is_over: bool,
}

/// What was counted, once nothing more is looked at.
#[derive(Serialize, Deserialize)]
struct Kept {
    seen: Vec<Peer>,
    unseen: Vec<Peer>,
    window_began_ns: Option<u64>,
    is_over: bool,
}

impl From<RequestCounts> for Kept {
    fn from(counts: RequestCounts) -> Self {
        let RequestCounts { open, ended, unseen, window_began_ns, is_over } = counts;
        Self { seen: open.into_values().chain(ended).collect(), unseen, window_began_ns, is_over }
    }
}

impl From<Kept> for RequestCounts {
    fn from(kept: Kept) -> Self {
        let Kept { seen, unseen, window_began_ns, is_over } = kept;
        Self { open: HashMap::new(), ended: seen, unseen, window_began_ns, is_over }
    }
}

impl RequestCounts {
    /// Takes in a look at the server's side of all sockets of its port, which was over at `now_ns`, later than the one before.
    pub fn look(&mut self, sockets: &[SocketEntry], now_ns: u64) {
        if self.is_over {
            return;
        }
        let is_connection =
            |socket: &&SocketEntry| !matches!(socket.state, TcpState::Listen | TcpState::SynReceived);
        for socket in gently(sockets).filter(is_connection) {
            // An older kernel does not count segments.
            let arrived = u64::from(socket.tcp.data_segs_in).max(u64::from(socket.tcp.bytes_received > 0));
            let anew = Peer { end: socket.remote, seen_ns: now_ns, segments: 0, before: 0 };
            let peer = self.open.entry(socket.remote).or_insert(anew);
            if peer.segments > arrived {
                self.ended.push(mem::replace(peer, anew));
            }
            (peer.seen_ns, peer.segments) = (now_ns, arrived);
        }
        let gone = self.open.extract_if(|_, peer| peer.seen_ns != now_ns);
        self.ended.extend(gone.map(|(_, peer)| peer));
    }

    /// The window begins with the look that was just taken.
    pub fn begin_window(&mut self, now_ns: u64) {
        self.ended.clear();
        self.open.values_mut().for_each(|peer| peer.before = peer.segments);
        self.window_began_ns = Some(now_ns);
    }

    /// The window ends with the look that was just taken; these connections of the port had ended by then.
    pub fn end_window(&mut self, port: Option<u16>, ended: &[TimeWait], now_ns: u64) {
        self.is_over = true;
        let Some(began_ns) = self.window_began_ns else { return };
        let seen: HashSet<Endpoint> = self.open.values().chain(&self.ended).map(|peer| peer.end).collect();
        let ended_ns = |wait: &TimeWait| now_ns.saturating_sub(u64::from(wait.age_ms) * 1_000_000);
        let of_window = ended.iter().filter(|wait| ended_ns(wait) > began_ns);
        let peers = of_window.map(|wait| Peer {
            end: if wait.local.port() == port { wait.remote } else { wait.local },
            seen_ns: ended_ns(wait) + TIME_WAIT_SLACK_NS,
            segments: 1,
            before: 0,
        });
        self.unseen = peers.filter(|peer| !seen.contains(&peer.end)).collect();
    }

    /// What was counted in the window; `opened` is each end that a client of this run has had, and when it first opened a
    /// connection from it. An end that was used by both counts as this run's. `None` where the window was not seen whole.
    #[must_use]
    pub fn others(&self, opened: &HashMap<Endpoint, u64>) -> Option<OtherClients> {
        (self.is_over && self.window_began_ns.is_some()).then_some(())?;
        let mut found = OtherClients::default();
        for peer in self.open.values().chain(&self.ended).chain(&self.unseen) {
            if opened.get(&peer.end).is_some_and(|opened_ns| *opened_ns <= peer.seen_ns) {
                found.own_requests += peer.grown();
            } else if peer.grown() > 0 {
                found.connections += 1;
                found.requests += peer.grown();
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::TcpInfo;

    fn end(port: u16) -> Endpoint {
        Endpoint::at_port(port)
    }

    /// The server's end of a connection from this port on which so many segments have arrived.
    fn socket(remote_port: u16, data_segs_in: u32) -> SocketEntry {
        SocketEntry {
            local: end(80),
            remote: end(remote_port),
            state: TcpState::Established,
            inode: 1,
            tcp: TcpInfo { data_segs_in, bytes_received: u64::from(data_segs_in) * 9, ..TcpInfo::default() },
            ..SocketEntry::listening(80)
        }
    }

    /// What is counted when the window lies between the second and the last of these looks, which are a second apart; port 5
    /// is a client of this run.
    fn counted(looks: &[&[SocketEntry]], time_wait: &[TimeWait]) -> OtherClients {
        let mut counts = RequestCounts::default();
        for (second, sockets) in looks.iter().enumerate() {
            let now_ns = second as u64 * 1_000_000_000;
            counts.look(sockets, now_ns);
            match second {
                1 => counts.begin_window(now_ns),
                _ if second + 1 == looks.len() => counts.end_window(Some(80), time_wait, now_ns),
                _ => {}
            }
        }
        // Later looks are of no account.
        counts.look(&[socket(6, 1_000_000)], u64::MAX);
        counts.others(&HashMap::from([(end(5), 10)])).expect("a window")
    }

    fn found(connections: u64, requests: u64, own_requests: u64) -> OtherClients {
        OtherClients { connections, requests, own_requests }
    }

    #[test]
    fn requests_of_other_clients_in_the_window_are_counted() {
        let looks: [&[SocketEntry]; 4] = [
            &[],
            &[socket(5, 10), socket(6, 100)],
            &[socket(5, 20), socket(6, 150), socket(7, 3)],
            &[socket(5, 40), socket(6, 180)],
        ];
        assert_eq!(counted(&looks, &[]), found(2, 83, 30));
    }

    #[test]
    fn an_idle_or_closed_connection_does_not_count() {
        let looks: [&[SocketEntry]; 3] =
            [&[socket(8, 50)], &[socket(5, 1), socket(6, 7)], &[socket(5, 2), socket(6, 7)]];
        assert_eq!(counted(&looks, &[]), found(0, 0, 1));
    }

    #[test]
    fn connections_too_short_to_be_seen_are_counted_by_their_ports() {
        let wait = |port, age_ms| TimeWait { local: end(port), remote: end(80), age_ms };
        let by_server = TimeWait { local: end(80), remote: end(9), age_ms: 10 };
        let looks: [&[SocketEntry]; 3] = [&[], &[socket(5, 1)], &[socket(5, 1), socket(6, 4)]];
        // Port 6 was seen alive, port 8 ended before the window, port 5 is ours.
        let ended = [wait(6, 100), wait(7, 100), wait(8, 1500), wait(5, 100), by_server];
        assert_eq!(counted(&looks, &ended), found(3, 6, 0));
    }

    #[test]
    fn an_own_connection_that_closed_at_once_does_not_count() {
        let mut counts = RequestCounts::default();
        counts.look(&[], 0);
        counts.begin_window(0);
        let ended = TimeWait { local: end(5), remote: end(80), age_ms: 104 };
        counts.end_window(Some(80), &[ended], 200_000_000);
        // It was opened 100 ms ago: the tick puts its end 4 ms before that.
        let opened = |ms: u64| counts.others(&HashMap::from([(end(5), ms * 1_000_000)]));
        assert_eq!(opened(100), Some(found(0, 0, 1)));
        assert_eq!(opened(120), Some(found(1, 1, 0)), "another had the port before us");
    }

    #[test]
    fn a_reused_port_is_another_connection() {
        let looks: [&[SocketEntry]; 4] = [&[], &[socket(6, 50)], &[socket(6, 60)], &[socket(6, 4)]];
        assert_eq!(counted(&looks, &[]), found(2, 14, 0));
    }

    #[test]
    fn a_port_counts_as_other_before_it_was_ours() {
        let looks: [&[SocketEntry]; 3] = [&[], &[], &[socket(5, 3)]];
        let mut counts = RequestCounts::default();
        for (now_ns, sockets) in looks.iter().enumerate() {
            counts.look(sockets, now_ns as u64);
        }
        counts.begin_window(0);
        counts.look(&[socket(5, 9)], 7);
        assert_eq!(counts.others(&HashMap::new()), None, "the window is not over");
        counts.end_window(Some(80), &[], 7);
        assert_eq!(counts.others(&HashMap::from([(end(5), 8)])), Some(found(1, 6, 0)));
        assert_eq!(counts.others(&HashMap::from([(end(5), 7)])), Some(found(0, 0, 6)));
    }

    #[test]
    fn a_port_of_ours_at_another_address_is_another_client() {
        let at = |last, segments| SocketEntry {
            remote: Endpoint::new([127, 0, 0, last].into(), 5),
            ..socket(5, segments)
        };
        let mut counts = RequestCounts::default();
        counts.look(&[at(1, 0), at(2, 0)], 0);
        counts.begin_window(0);
        counts.look(&[at(1, 4), at(2, 9)], 7);
        let ended = TimeWait { local: Endpoint::new([127, 0, 0, 3].into(), 5), remote: end(80), age_ms: 0 };
        counts.end_window(Some(80), &[ended], 7);
        assert_eq!(counts.others(&HashMap::from([(at(1, 0).remote, 0)])), Some(found(2, 10, 4)));
    }
}
