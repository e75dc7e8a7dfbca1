//! Which sockets of a port are those of one server: the listening socket that accepts connections to its address decides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::inet_diag::{SocketEntry, TcpState, TimeWait};
use crate::address::Endpoint;

/// The address of a server, and the sockets that listen on its port.
#[derive(Clone, Debug)]
pub(super) struct ServerSockets {
    ip: IpAddr,
    port: u16,
    listening: Vec<SocketEntry>,
    /// Numbers of the sockets that accept connections to it.
    accepting: Vec<u32>,
}

impl ServerSockets {
    /// The server at `address`, among all sockets of its port.
    pub(super) fn new(address: SocketAddr, sockets: &[SocketEntry]) -> Self {
        let port = address.port();
        let is_listening =
            |socket: &&SocketEntry| socket.state == TcpState::Listen && socket.local.port() == Some(port);
        let listening: Vec<SocketEntry> = sockets.iter().filter(is_listening).copied().collect();
        let ip = reached(address.ip());
        let accepting = accepting(&listening, ip);
        Self { ip, port, listening, accepting }
    }

    /// Whether the socket is one of the server's, or that of a client of this address.
    pub(super) fn has(&self, socket: &SocketEntry) -> bool {
        if socket.state == TcpState::Listen {
            return self.accepting.contains(&socket.inode);
        }
        self.has_ends(socket.local, socket.remote)
    }

    /// Whether the connection that has ended was one to the server.
    pub(super) fn had(&self, ended: &TimeWait) -> bool {
        self.has_ends(ended.local, ended.remote)
    }

    fn has_ends(&self, local: Endpoint, remote: Endpoint) -> bool {
        // Behind a port of another machine is another server, whatever listens here.
        let is_here = |ip: IpAddr| ip == self.ip || ip.to_canonical().is_loopback();
        let at_port = |end: Endpoint| end.ip().filter(|_| end.port() == Some(self.port));
        at_port(local).is_some_and(|ip| self.leads_to(ip))
            || at_port(remote).is_some_and(|ip| is_here(ip) && self.leads_to(ip))
    }

    /// Whether connections to the address `ip` of this machine are accepted by the same sockets.
    fn leads_to(&self, ip: IpAddr) -> bool {
        if ip == self.ip {
            return true;
        }
        let best = best_fit(&self.listening, ip);
        let accepts = |socket: &SocketEntry| best.is_some() && fit(socket, ip) == best;
        self.listening.iter().all(|socket| accepts(socket) == self.accepting.contains(&socket.inode))
    }
}

/// The address that a connection to `ip` reaches: an unspecified one is this machine, and IPv4 within IPv6 is IPv4.
fn reached(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// The numbers of those of the listening sockets that accept connections to `ip`, ascending.
fn accepting(listening: &[SocketEntry], ip: IpAddr) -> Vec<u32> {
    let best = best_fit(listening, ip);
    let fitting = listening.iter().filter(|socket| best.is_some() && fit(socket, ip) == best);
    let mut numbers: Vec<u32> = fitting.map(|socket| socket.inode).collect();
    numbers.sort_unstable();
    numbers
}

fn best_fit(listening: &[SocketEntry], ip: IpAddr) -> Option<u8> {
    listening.iter().filter_map(|socket| fit(socket, ip)).max()
}

/// How well a listening socket fits an address, if it does: that address itself comes before any address of the family, and
/// that before any address of IPv6 for IPv4 (`inet_lookup_listener()` and `compute_score()`, `net/ipv4/inet_hashtables.c`).
fn fit(listening: &SocketEntry, ip: IpAddr) -> Option<u8> {
    match (listening.local.ip()?, ip) {
        (local, ip) if local == ip => Some(2),
        (IpAddr::V4(local), IpAddr::V4(_)) if local.is_unspecified() => Some(1),
        (IpAddr::V6(local), IpAddr::V6(_)) if local.is_unspecified() => Some(1),
        (IpAddr::V6(local), IpAddr::V4(_)) if local.is_unspecified() && !listening.is_v6_only => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn listening(inode: u32, local: &str, is_v6_only: bool) -> SocketEntry {
        SocketEntry { inode, local: Endpoint::new(ip(local), 80), is_v6_only, ..SocketEntry::listening(80) }
    }

    fn server_at(address: &str, sockets: &[SocketEntry]) -> Vec<u32> {
        ServerSockets::new(SocketAddr::new(ip(address), 80), sockets).accepting
    }

    #[test]
    fn the_listening_socket_is_that_which_the_kernel_chooses() {
        let one = |local, is_v6_only| [listening(1, local, is_v6_only)];
        for (sockets, address, wanted) in [
            (&one("127.0.0.1", false)[..], "127.0.0.1", &[1][..]),
            (&one("127.0.0.1", false), "127.0.0.2", &[]),
            (&one("127.0.0.1", false), "::1", &[]),
            (&one("127.0.0.1", false), "0.0.0.0", &[1]),
            (&one("127.0.0.1", false), "::ffff:127.0.0.1", &[1]),
            (&one("0.0.0.0", false), "127.0.0.2", &[1]),
            (&one("0.0.0.0", false), "::1", &[]),
            (&one("::1", true), "::1", &[1]),
            (&one("::1", true), "::", &[1]),
            (&one("::1", true), "127.0.0.1", &[]),
            (&one("::", false), "127.0.0.1", &[1]),
            (&one("::", false), "::1", &[1]),
            (&one("::", true), "127.0.0.1", &[]),
            (&one("::", true), "::1", &[1]),
            (&[listening(1, "0.0.0.0", false), listening(2, "::", false)], "127.0.0.1", &[1]),
            (&[listening(1, "0.0.0.0", false), listening(2, "::", false)], "::1", &[2]),
            (&[listening(1, "0.0.0.0", false), listening(2, "127.0.0.1", false)], "127.0.0.1", &[2]),
            (&[listening(1, "0.0.0.0", false), listening(2, "127.0.0.1", false)], "127.0.0.2", &[1]),
            (&[listening(2, "127.0.0.1", false), listening(1, "127.0.0.1", false)], "127.0.0.1", &[1, 2]),
        ] {
            assert_eq!(server_at(address, sockets), wanted, "{address} of {sockets:?}");
        }
        let another_port =
            SocketEntry { local: Endpoint::new(ip("127.0.0.1"), 81), ..listening(1, "127.0.0.1", false) };
        assert!(server_at("127.0.0.1", &[another_port]).is_empty());
    }

    #[test]
    fn connections_of_another_server_on_the_same_port_are_not_the_servers() {
        let connection = |local: (&str, u16), remote: (&str, u16)| SocketEntry {
            state: TcpState::Established,
            local: Endpoint::new(ip(local.0), local.1),
            remote: Endpoint::new(ip(remote.0), remote.1),
            ..SocketEntry::listening(80)
        };
        let two = [listening(1, "127.0.0.1", false), listening(2, "127.0.0.2", false)];
        let every = [listening(1, "::", false)];
        for (sockets, local, remote, is_meant) in [
            (&two[..], ("127.0.0.1", 80), ("127.0.0.1", 5), true),
            (&two, ("127.0.0.1", 5), ("127.0.0.1", 80), true),
            (&two, ("127.0.0.2", 80), ("127.0.0.1", 5), false),
            (&two, ("127.0.0.1", 5), ("127.0.0.2", 80), false),
            (&two, ("192.0.2.1", 5), ("198.51.100.1", 80), false),
            (&every, ("192.0.2.1", 80), ("198.51.100.1", 5), true),
            (&every, ("192.0.2.1", 5), ("198.51.100.1", 80), false),
            (&every, ("::1", 5), ("::1", 80), true),
            // Nobody listens any more.
            (&[], ("127.0.0.1", 80), ("127.0.0.1", 5), true),
            (&[listening(2, "127.0.0.2", false)], ("127.0.0.2", 80), ("127.0.0.1", 5), false),
        ] {
            let server = ServerSockets::new("127.0.0.1:80".parse().unwrap(), sockets);
            assert_eq!(server.has(&connection(local, remote)), is_meant, "{local:?} {remote:?}");
        }
    }
}
