//! The kernel's side of every connection to a server, at both ends, read through `sock_diag(7)`: where the bytes wait.

use std::{io, net::SocketAddr};

use nix::sys::socket::UnixAddr;

use super::inet_diag::{
    Side, SocketEntry, TCPDIAG_GETSOCK, TcpState, TimeWait, decode, decode_time_wait, request,
    request_listeners, request_time_wait,
};
use super::netlink::Netlink;
use super::server_sockets::ServerSockets;
use super::unix_diag::{self, SOCK_DIAG_BY_FAMILY};
use super::unix_sockets::UnixPeers;
use crate::address::Address;

/// One end of all connections, summed up. Sockets in TIME-WAIT are not asked for: they hold no data. Bytes that were
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

    fn add(&mut self, socket: &SocketEntry) {
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

/// One instant of all sockets of one server, in the network namespace of the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketReading {
    /// The server's ends.
    pub server: SideReading,
    /// The clients' ends; nothing when the clients are on another machine.
    pub client: SideReading,
    /// The listening sockets.
    pub listen: ListenReading,
}

impl SocketReading {
    /// Sum up the sockets of a server and of its clients.
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
                match socket.side {
                    Side::Server => reading.server.add(socket),
                    Side::Client => reading.client.add(socket),
                }
            }
        }
        reading
    }
}

/// Asks the kernel about the sockets of a server: TCP over IPv4 and IPv6, or UNIX-domain stream sockets. Needs no privilege.
///
/// The server's are the sockets that listen at its address, and the connections to this machine that the same sockets
/// accept, whatever their address. Another server may listen on the same port at another address.
#[derive(Debug)]
pub struct SocketProbe {
    netlink: Netlink,
    sockets: Vec<SocketEntry>,
    /// The server, as the last look found it.
    server: Option<ServerSockets>,
    unix_peers: UnixPeers,
}

/// How often a dump that was not whole is asked for, in all.
const ATTEMPTS: u32 = 4;

impl SocketProbe {
    /// Open the way to the kernel.
    ///
    /// # Errors
    /// When netlink sockets are forbidden (a sandbox) or unknown.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            netlink: Netlink::open()?,
            sockets: Vec::new(),
            server: None,
            unix_peers: UnixPeers::default(),
        })
    }

    /// All sockets of the server at `address`, summed up.
    ///
    /// # Errors
    /// What the kernel says: `NotFound` when it was built without `CONFIG_INET_DIAG` (or `CONFIG_UNIX_DIAG`); `Interrupted` when no attempt
    /// gave a whole answer.
    pub fn read(&mut self, address: impl Into<Address>) -> io::Result<SocketReading> {
        Ok(SocketReading::of(&self.sockets(address)?))
    }

    /// All sockets of the server at `address`, one by one.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`].
    pub fn sockets(&mut self, address: impl Into<Address>) -> io::Result<Vec<SocketEntry>> {
        match address.into() {
            Address::Inet(address) => self.inet_sockets(address),
            Address::Unix(address) => self.unix_sockets(&address, &unix_diag::request()),
        }
    }

    fn inet_sockets(&mut self, address: SocketAddr) -> io::Result<Vec<SocketEntry>> {
        let sockets = self.dump(address.port())?;
        let server = ServerSockets::new(address, sockets);
        let found = sockets.iter().filter(|socket| server.has(socket)).copied().collect();
        self.server = Some(server);
        Ok(found)
    }

    /// The listening sockets of `port`, at whatever address, with no more than their queues; it takes as long beside many
    /// connections as beside none.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`].
    pub fn listeners(&mut self, port: u16) -> io::Result<Vec<SocketEntry>> {
        let is_one =
            |socket: &SocketEntry| socket.local.port() == Some(port) && socket.state == TcpState::Listen;
        Ok(self.ask_of(port, &request_listeners(port), is_one)?.to_vec())
    }

    /// The listening sockets that accept connections to `address`, with no more than their queues.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`].
    pub fn accepting(&mut self, address: impl Into<Address>) -> io::Result<Vec<SocketEntry>> {
        let address = match address.into() {
            Address::Inet(address) => address,
            Address::Unix(address) => return self.unix_sockets(&address, &unix_diag::request_listeners()),
        };
        let sockets = self.listeners(address.port())?;
        let server = ServerSockets::new(address, &sockets);
        Ok(sockets.into_iter().filter(|socket| server.has(socket)).collect())
    }

    /// All connections to the server at `address` that have ended and that one end of still keeps its port for. Which
    /// sockets are the server's is known since the last look at them. Of a UNIX-domain socket nothing is left.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`], but no second attempt is made.
    pub fn time_wait(&mut self, address: impl Into<Address>) -> io::Result<Vec<TimeWait>> {
        let Address::Inet(address) = address.into() else { return Ok(Vec::new()) };
        let mut ended = Vec::new();
        let server = self.server.take().unwrap_or_else(|| ServerSockets::new(address, &[]));
        let answer = self.netlink.dump(TCPDIAG_GETSOCK, &request_time_wait(address.port()), |payload| {
            ended.extend(decode_time_wait(payload).filter(|wait| server.had(wait)));
        });
        self.server = Some(server);
        if let Err(error) = answer {
            self.netlink = Netlink::open()?;
            return Err(error);
        }
        Ok(ended)
    }

    fn dump(&mut self, port: u16) -> io::Result<&[SocketEntry]> {
        let has_port =
            |socket: &SocketEntry| [socket.local.port(), socket.remote.port()].contains(&Some(port));
        self.ask_of(port, &request(port), has_port)
    }

    /// What the kernel answers to this request about TCP, as far as it is wanted.
    fn ask_of(
        &mut self,
        port: u16,
        request: &[u8],
        is_wanted: impl Fn(&SocketEntry) -> bool,
    ) -> io::Result<&[SocketEntry]> {
        let mut sockets = std::mem::take(&mut self.sockets);
        let decode = |payload: &[u8]| decode(payload, port).filter(|socket| is_wanted(socket));
        self.ask(TCPDIAG_GETSOCK, request, &mut sockets, decode)?;
        self.sockets = sockets;
        Ok(&self.sockets)
    }

    fn unix_sockets(&mut self, address: &UnixAddr, request: &[u8]) -> io::Result<Vec<SocketEntry>> {
        let mut sockets = Vec::new();
        self.ask(SOCK_DIAG_BY_FAMILY, request, &mut sockets, unix_diag::decode)?;
        Ok(self.unix_peers.entries(address, &sockets))
    }

    /// What the kernel answers to this request.
    fn ask<T>(
        &mut self,
        kind: u16,
        request: &[u8],
        found: &mut Vec<T>,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<()> {
        let mut attempts_left = ATTEMPTS;
        loop {
            found.clear();
            let answer = self.netlink.dump(kind, request, |payload| found.extend(decode(payload)));
            let Err(error) = answer else { return Ok(()) };
            self.netlink = Netlink::open()?;
            attempts_left -= 1;
            if error.kind() != io::ErrorKind::Interrupted || attempts_left == 0 {
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;
    use crate::{address::Endpoint, sys};

    #[test]
    fn sockets_of_a_unix_server_are_read_at_both_ends() {
        use std::os::unix::net::{UnixListener, UnixStream};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let address: Address = format!("unix:{}", path.display()).parse().unwrap();
        let client = UnixStream::connect(&path).unwrap();
        let mut server = listener.accept().unwrap().0;
        let _waiting = UnixStream::connect(&path).unwrap();
        server.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(bytes) = server.write(&[7; 8_192]) {
            written += bytes as u64;
        }
        let mut probe = SocketProbe::new().unwrap();
        let reading = probe.read(address).unwrap();
        assert_eq!((reading.listen.sockets, reading.listen.accept_queue), (1, 1));
        assert_eq!(reading.server.send_queue_bytes, written);
        assert_eq!(reading.client.receive_queue_bytes, written);
        assert!(reading.server.kernel_bytes >= written, "{reading:?}");
        assert_eq!((reading.server.count(TcpState::Established), reading.client.sockets), (1, 1));
        drop(client);
        let reading = probe.read(address).unwrap();
        assert_eq!((reading.server.count(TcpState::CloseWait), reading.client.sockets), (1, 0));
        drop((server, listener));
        assert!(probe.sockets(address).unwrap().is_empty());
    }

    /// A listener, its address, and a connection to it: the client's end and the server's.
    fn connection(address: &str) -> (TcpListener, SocketAddr, TcpStream, TcpStream) {
        let listener = TcpListener::bind(address.parse::<SocketAddr>().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let server = listener.accept().unwrap().0;
        (listener, address, client, server)
    }

    /// An acknowledgment may be 40 ms late on purpose; until then the bytes are in both queues.
    fn read_until(
        probe: &mut SocketProbe,
        address: SocketAddr,
        settled: impl Fn(&SocketReading) -> bool,
    ) -> SocketReading {
        let deadline = sys::monotonic_ns() + 5_000_000_000;
        loop {
            let reading = probe.read(address).unwrap();
            if settled(&reading) {
                return reading;
            }
            assert!(sys::monotonic_ns() < deadline, "{reading:?}");
        }
    }

    #[test]
    fn waiting_bytes_are_read_at_both_ends() {
        let (_listener, address, client, mut server) = connection("127.0.0.1:0");
        let _unrelated = connection("127.0.0.1:0");
        server.set_nonblocking(true).unwrap();
        let payload = vec![7; 65_536];
        let mut written = 0;
        while let Ok(bytes) = server.write(&payload) {
            written += bytes as u64;
        }
        let mut probe = SocketProbe::new().unwrap();
        let reading = read_until(&mut probe, address, |now| {
            now.server.send_queue_bytes + now.client.receive_queue_bytes == written
        });
        let waiting = sys::send_queue_bytes(server.as_fd()).unwrap() as u64;
        assert_eq!(reading.server.send_queue_bytes, waiting);
        assert_eq!(reading.client.receive_queue_bytes, written - waiting);
        assert_eq!(reading.server.kernel_bytes, sys::socket_memory(server.as_fd()).unwrap().kernel_bytes());
        assert_eq!(reading.client.kernel_bytes, sys::socket_memory(client.as_fd()).unwrap().kernel_bytes());
        assert_eq!(
            reading.server.unsent_bytes,
            u64::from(sys::tcp_info(server.as_fd()).unwrap().notsent_bytes)
        );
        assert!(reading.server.wmem_queued_bytes >= waiting && waiting > 0);
        assert_eq!((reading.server.count(TcpState::Established), reading.client.sockets), (1, 1));
        assert_eq!(reading.listen.sockets, 1);
    }

    #[test]
    fn a_closed_connection_is_dated() {
        let (_listener, address, client, server) = connection("127.0.0.1:0");
        let client_end = Endpoint::from(client.local_addr().unwrap());
        drop(client);
        drop(server);
        let mut probe = SocketProbe::new().unwrap();
        let deadline = sys::monotonic_ns() + 5_000_000_000;
        let ended = loop {
            let ended = probe.time_wait(address).unwrap();
            if !ended.is_empty() {
                break ended;
            }
            assert!(sys::monotonic_ns() < deadline);
        };
        assert_eq!((ended[0].local, ended[0].remote), (client_end, address.into()));
        assert!(ended[0].age_ms < 10_000, "{ended:?}");
    }

    #[test]
    fn states_accept_queue_and_ipv6_are_read() {
        let (listener, address, client, server) = connection("[::1]:0");
        let mut probe = SocketProbe::new().unwrap();
        let _not_accepted = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(client);
        // A dump is no snapshot: what is seen of one end may be older than what is seen of the other.
        let reading = read_until(&mut probe, address, |now| {
            (now.client.count(TcpState::FinWait2), now.server.count(TcpState::CloseWait)) == (1, 1)
        });
        assert_eq!((reading.listen.accept_queue, reading.listen.backlog), (1, 128));
        drop((server, listener));
        assert!(probe.sockets(address).unwrap().iter().all(|socket| socket.state != TcpState::Listen));
    }

    #[test]
    fn sockets_of_another_server_on_the_port_are_not_read() {
        let (_listener, address, _client, _server) = connection("127.0.0.1:0");
        let (_other, other, client, server) = connection(&format!("127.0.0.2:{}", address.port()));
        let mut probe = SocketProbe::new().unwrap();
        let reading = probe.read(address).unwrap();
        assert_eq!((reading.listen.sockets, reading.server.sockets, reading.client.sockets), (1, 1, 1));
        assert_eq!(probe.listeners(address.port()).unwrap().len(), 2);
        drop((client, server));
        assert!(probe.time_wait(address).unwrap().is_empty());
        probe.read(other).unwrap();
        assert!(probe.time_wait(other).unwrap().iter().all(|wait| wait.remote.ip() == Some(other.ip())));
    }
}
