//! Which UNIX-domain sockets are those of one server, and which of its clients are at their other ends.

use std::{
    collections::HashMap,
    fs, mem,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
};

use nix::sys::{
    socket::UnixAddr,
    stat::{major, minor},
};

use super::{
    gently::gently,
    inet_diag::{SocketEntry, TcpState},
    socket_reading::ClientQueues,
    unix_diag::UnixSocket,
};
use crate::{address::Endpoint, sys::TcpInfo};

/// The clients' sockets by the server's that they are connected to, as seen so far: the kernel forgets a client's when it is
/// closed, and the server still holds the connection. What a look needs lies where that of the look before lay.
#[derive(Debug, Default)]
pub(super) struct UnixPeers {
    known: HashMap<u32, u32>,
    /// Those that the look has found, until it is over.
    found: HashMap<u32, u32>,
    /// Where each socket stands in what the kernel has answered.
    places: HashMap<u32, usize>,
}

impl UnixPeers {
    /// Puts those of the sockets that belong to the server at this address in place of what `entries` has, and sums up the
    /// other ends of its connections.
    pub(super) fn entries(
        &mut self,
        server: &UnixAddr,
        sockets: &[UnixSocket],
        entries: &mut Vec<SocketEntry>,
    ) -> ClientQueues {
        let is_servers = Bound::to(server, sockets);
        self.places.clear();
        self.places.extend(gently(sockets).enumerate().map(|(place, socket)| (socket.inode, place)));
        self.found.clear();
        let mut clients = ClientQueues::default();
        entries.clear();
        for socket in gently(sockets).filter(|socket| is_servers.has(socket)) {
            if socket.state == TcpState::Listen {
                entries.push(listening(socket));
                continue;
            }
            let known = Some(socket.peer).filter(|peer| *peer != 0);
            // Numbers are those of all sockets: one's own is that of no client.
            let peer = known.or_else(|| self.known.get(&socket.inode).copied()).unwrap_or(socket.inode);
            self.found.insert(socket.inode, peer);
            let client = self.places.get(&peer).map(|place| &sockets[*place]);
            let client = client.filter(|client| client.peer == socket.inode);
            entries.push(connected(socket, peer, client.map(|client| client.receive_queue)));
            if let Some(client) = client {
                clients.add(&connected(client, socket.inode, Some(socket.receive_queue)));
            }
        }
        mem::swap(&mut self.known, &mut self.found);
        clients
    }
}

/// The sockets that are bound to an address.
enum Bound {
    /// To this file, as the kernel numbers it and its device.
    File(u32, u32),
    /// To this name.
    Name(Vec<u8>),
}

impl Bound {
    fn to(server: &UnixAddr, sockets: &[UnixSocket]) -> Self {
        let Some(path) = server.path() else {
            return Self::Name([&[0], server.as_abstract().unwrap_or_default()].concat());
        };
        // A server may have bound a relative path, or one with a symbolic link in it: the file tells.
        let file = fs::metadata(path).ok().map(|file| {
            let device = file.dev();
            // `MKDEV` of the kernel.
            (file.ino() as u32, (major(device) << 20 | minor(device)) as u32)
        });
        match file.filter(|file| gently(sockets).any(|socket| socket.file == Some(*file))) {
            Some((inode, device)) => Self::File(inode, device),
            // Some file systems give a file another device than their own (btrfs).
            None => Self::Name([path.as_os_str().as_bytes(), &[0]].concat()),
        }
    }

    fn has(&self, socket: &UnixSocket) -> bool {
        match self {
            Self::File(inode, device) => socket.file == Some((*inode, *device)),
            Self::Name(name) => socket.name == *name,
        }
    }
}

fn listening(socket: &UnixSocket) -> SocketEntry {
    let end = Endpoint::Unix { socket: socket.inode };
    SocketEntry { send_queue: socket.backlog, ..entry(socket, end, end) }
}

/// One end of a connection; `unread` is what waits at the other one, which is what this one has sent.
fn connected(socket: &UnixSocket, peer: u32, unread: Option<u32>) -> SocketEntry {
    let (local, remote) = (Endpoint::Unix { socket: socket.inode }, Endpoint::Unix { socket: peer });
    SocketEntry { send_queue: unread.unwrap_or(0), ..entry(socket, local, remote) }
}

fn entry(socket: &UnixSocket, local: Endpoint, remote: Endpoint) -> SocketEntry {
    SocketEntry {
        local,
        remote,
        is_v6_only: false,
        state: socket.state,
        receive_queue: socket.receive_queue,
        send_queue: 0,
        inode: socket.inode,
        memory: socket.memory,
        tcp: TcpInfo::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::SocketMemory;

    fn socket(inode: u32, peer: u32, name: &str, receive_queue: u32) -> UnixSocket {
        UnixSocket {
            state: TcpState::Established,
            inode,
            name: name.as_bytes().to_vec(),
            file: None,
            peer,
            receive_queue,
            backlog: 0,
            memory: SocketMemory::default(),
        }
    }

    #[test]
    fn both_ends_of_a_connection_know_what_the_other_has_not_read() {
        let server = UnixAddr::new("/no/such/a").unwrap();
        let listener = UnixSocket { state: TcpState::Listen, backlog: 9, ..socket(1, 0, "/no/such/a\0", 2) };
        let all = [
            listener,
            socket(5, 6, "/no/such/a\0", 100),
            socket(6, 5, "", 7),
            socket(7, 8, "/no/such/b\0", 1),
            socket(8, 7, "", 1),
        ];
        let (mut peers, mut found) = (UnixPeers::default(), Vec::new());
        let clients = peers.entries(&server, &all, &mut found);
        let told: Vec<_> =
            found.iter().map(|entry| (entry.inode, entry.receive_queue, entry.send_queue)).collect();
        assert_eq!(told, [(1, 2, 9), (5, 100, 7)]);
        assert_eq!(found[1].remote, Endpoint::Unix { socket: 6 });
        assert_eq!((clients.sockets, clients.receive_queue_bytes, clients.send_queue_bytes), (1, 7, 100));
        // The client has closed its socket, which the kernel names no more.
        let clients = peers.entries(&server, &[socket(5, 0, "/no/such/a\0", 100)], &mut found);
        assert_eq!((found[0].remote, clients.sockets), (Endpoint::Unix { socket: 6 }, 0));
        let unknown = [socket(9, 0, "/no/such/a\0", 0), socket(10, 0, "/no/such/a\0", 0)];
        peers.entries(&server, &unknown, &mut found);
        assert_ne!(found[0].remote, found[1].remote);
        assert!(peers.known.len() == 2, "those that are gone are forgotten");
    }

    #[test]
    fn looks_use_the_memory_of_those_before() {
        let server = UnixAddr::new("/no/such/a").unwrap();
        let connection = |number: u32| {
            [socket(2 * number, 2 * number + 1, "/no/such/a\0", 0), socket(2 * number + 1, 2 * number, "", 0)]
        };
        let many: Vec<UnixSocket> = (1..=1000).flat_map(connection).collect();
        let (mut peers, mut found) = (UnixPeers::default(), Vec::new());
        // One of the two maps is that of the look before.
        peers.entries(&server, &many, &mut found);
        peers.entries(&server, &many, &mut found);
        let memory = |peers: &UnixPeers| {
            let mut of_ends = [peers.known.capacity(), peers.found.capacity()];
            of_ends.sort_unstable();
            (of_ends, peers.places.capacity())
        };
        let before = memory(&peers);
        assert!(before.0[0] >= 1000 && before.1 >= 2000, "{before:?}");
        for connections in [0, 10, 2000] {
            peers.entries(&server, &many[..connections], &mut found);
            assert_eq!(memory(&peers), before, "{connections}");
            assert_eq!(found.len(), connections / 2);
        }
    }

    #[test]
    fn an_abstract_name_is_no_path() {
        let server = UnixAddr::new_abstract(b"a").unwrap();
        let all = [socket(5, 6, "\0a", 0), socket(7, 8, "a\0", 0)];
        let mut found = Vec::new();
        UnixPeers::default().entries(&server, &all, &mut found);
        assert_eq!(found.len(), 1);
    }
}
