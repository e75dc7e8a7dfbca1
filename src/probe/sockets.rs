//! The kernel's side of every connection to a server, read through `sock_diag(7)`: where the bytes wait.

use std::{io, mem, net::SocketAddr};

use nix::sys::socket::UnixAddr;

use super::inet_diag::{
    SocketEntry, TCPDIAG_GETSOCK, TimeWait, decode, decode_time_wait, request_clients, request_listeners,
    request_server, request_time_wait,
};
use super::netlink::Netlink;
use super::server_sockets::ServerSockets;
use super::socket_reading::{ClientQueues, SocketReading};
use super::unix_diag::{self, SOCK_DIAG_BY_FAMILY, UnixSocket};
use super::unix_sockets::UnixPeers;
use crate::address::Address;

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
    /// All UNIX-domain sockets of the machine, as the last look found them.
    unix_sockets: Vec<UnixSocket>,
    /// The clients' ends at the last look at a server that listens at a UNIX-domain socket.
    unix_clients: ClientQueues,
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
            unix_sockets: Vec::new(),
            unix_clients: ClientQueues::default(),
        })
    }

    /// All sockets of the server at `address`, summed up.
    ///
    /// # Errors
    /// What the kernel says: `NotFound` when it was built without `CONFIG_INET_DIAG` (or `CONFIG_UNIX_DIAG`); `Interrupted` when no attempt
    /// gave a whole answer.
    pub fn read(&mut self, address: impl Into<Address>) -> io::Result<SocketReading> {
        Ok(SocketReading::of(self.sockets(address)?))
    }

    /// All sockets of the server at `address`, one by one; the kernel leaves out those of its clients. They lie where those of
    /// the look before lay.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`].
    pub fn sockets(&mut self, address: impl Into<Address>) -> io::Result<&[SocketEntry]> {
        match address.into() {
            Address::Inet(address) => self.inet_sockets(address)?,
            Address::Unix(address) => self.unix_sockets(&address, &unix_diag::request())?,
        }
        Ok(&self.sockets)
    }

    fn inet_sockets(&mut self, address: SocketAddr) -> io::Result<()> {
        self.ask_of_tcp(&request_server(address.port()))?;
        let server = ServerSockets::new(address, &self.sockets);
        self.sockets.retain(|socket| server.has(socket));
        self.server = Some(server);
        Ok(())
    }

    /// The ends of the clients on this machine of the server at `address`. Which sockets are the server's is known since the
    /// last look at them.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`].
    pub fn client_queues(&mut self, address: impl Into<Address>) -> io::Result<ClientQueues> {
        // Over UNIX-domain sockets, the last look has read them as well.
        let Address::Inet(address) = address.into() else { return Ok(self.unix_clients) };
        let server = self.server.take().unwrap_or_else(|| ServerSockets::new(address, &[]));
        let mut queues = ClientQueues::default();
        let answer =
            self.attempt(
                TCPDIAG_GETSOCK,
                &request_clients(address.port()),
                decode,
                |answered| match answered {
                    Answered::Nothing => queues = ClientQueues::default(),
                    Answered::Socket(socket) if server.has(&socket) => queues.add(&socket),
                    Answered::Socket(_) => {}
                },
            );
        self.server = Some(server);
        answer.map(|()| queues)
    }

    /// The listening sockets of `port`, at whatever address, with no more than their queues; it takes as long beside many
    /// connections as beside none.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`].
    pub fn listeners(&mut self, port: u16) -> io::Result<Vec<SocketEntry>> {
        self.ask_of_tcp(&request_listeners(port))?;
        Ok(self.sockets.clone())
    }

    /// The listening sockets that accept connections to `address`, with no more than their queues.
    ///
    /// # Errors
    /// As for [`SocketProbe::read`].
    pub fn accepting(&mut self, address: impl Into<Address>) -> io::Result<Vec<SocketEntry>> {
        let address = match address.into() {
            Address::Inet(address) => address,
            Address::Unix(address) => {
                self.unix_sockets(&address, &unix_diag::request_listeners())?;
                return Ok(self.sockets.clone());
            }
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

    /// Keeps what the kernel answers to this request about TCP, in place of what was there.
    fn ask_of_tcp(&mut self, request: &[u8]) -> io::Result<()> {
        let mut sockets = mem::take(&mut self.sockets);
        let answer = self.attempt(TCPDIAG_GETSOCK, request, decode, |answered| match answered {
            Answered::Nothing => sockets.clear(),
            Answered::Socket(socket) => sockets.push(socket),
        });
        self.sockets = sockets;
        answer
    }

    /// Keeps the sockets of the server at this address, in place of what was there, and sums up those of its clients.
    fn unix_sockets(&mut self, address: &UnixAddr, request: &[u8]) -> io::Result<()> {
        let mut all = mem::take(&mut self.unix_sockets);
        let answer =
            self.attempt(SOCK_DIAG_BY_FAMILY, request, unix_diag::decode, |answered| match answered {
                Answered::Nothing => all.clear(),
                Answered::Socket(socket) => all.push(socket),
            });
        if answer.is_ok() {
            self.unix_clients = self.unix_peers.entries(address, &all, &mut self.sockets);
        }
        self.unix_sockets = all;
        answer
    }

    /// Hands on what the kernel answers to this request, until an answer was whole.
    fn attempt<T>(
        &mut self,
        kind: u16,
        request: &[u8],
        decode: impl Fn(&[u8]) -> Option<T>,
        mut each: impl FnMut(Answered<T>),
    ) -> io::Result<()> {
        let mut attempts_left = ATTEMPTS;
        loop {
            each(Answered::Nothing);
            let answer = self.netlink.dump(kind, request, |payload| {
                if let Some(socket) = decode(payload) {
                    each(Answered::Socket(socket));
                }
            });
            let Err(error) = answer else { return Ok(()) };
            self.netlink = Netlink::open()?;
            attempts_left -= 1;
            if error.kind() != io::ErrorKind::Interrupted || attempts_left == 0 {
                return Err(error);
            }
        }
    }
}

/// A part of what the kernel answers.
enum Answered<T> {
    /// What came until now is void.
    Nothing,
    Socket(T),
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;
    use crate::{
        address::Endpoint,
        probe::{TcpState, eventually},
        sys,
    };

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
        let clients = probe.client_queues(address).unwrap();
        assert_eq!((clients.sockets, clients.receive_queue_bytes), (1, written));
        assert!(reading.server.kernel_bytes >= written, "{reading:?}");
        assert_eq!(reading.server.count(TcpState::Established), 1);
        drop(client);
        assert!(eventually(|| { probe.read(address).unwrap().server.count(TcpState::CloseWait) == 1 }));
        assert_eq!(probe.client_queues(address).unwrap().sockets, 0);
        assert!(probe.unix_sockets.capacity() > 1, "for the next look");
        drop((server, listener));
        assert!(eventually(|| probe.sockets(address).unwrap().is_empty()));
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
        settled: impl Fn(&SocketReading, &ClientQueues) -> bool,
    ) -> (SocketReading, ClientQueues) {
        let deadline = sys::monotonic_ns() + 5_000_000_000;
        loop {
            let (reading, clients) = (probe.read(address).unwrap(), probe.client_queues(address).unwrap());
            if settled(&reading, &clients) {
                return (reading, clients);
            }
            assert!(sys::monotonic_ns() < deadline, "{reading:?} {clients:?}");
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
        let (reading, clients) = read_until(&mut probe, address, |now, clients| {
            let waiting = sys::send_queue_bytes(server.as_fd()).unwrap() as u64;
            now.server.send_queue_bytes == waiting && waiting + clients.receive_queue_bytes == written
        });
        let waiting = reading.server.send_queue_bytes;
        assert_eq!(clients.receive_queue_bytes, written - waiting);
        assert_eq!(reading.server.kernel_bytes, sys::socket_memory(server.as_fd()).unwrap().kernel_bytes());
        assert_eq!(
            reading.server.unsent_bytes,
            u64::from(sys::tcp_info(server.as_fd()).unwrap().notsent_bytes)
        );
        assert!(reading.server.wmem_queued_bytes >= waiting && waiting > 0);
        assert_eq!((reading.server.count(TcpState::Established), clients.sockets), (1, 1));
        drop(client);
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
        let (reading, clients) =
            read_until(&mut probe, address, |now, _| now.server.count(TcpState::CloseWait) == 1);
        assert_eq!((reading.listen.accept_queue, reading.listen.backlog), (1, 128));
        assert_eq!(clients.sockets, 2, "one of them in FIN-WAIT");
        drop((server, listener));
        // A process that another test starts has them as well, until it is another program.
        assert!(eventually(|| {
            probe.sockets(address).unwrap().iter().all(|socket| socket.state != TcpState::Listen)
        }));
    }

    #[test]
    fn sockets_of_another_server_on_the_port_are_not_read() {
        let (_listener, address, _client, _server) = connection("127.0.0.1:0");
        let (_other, other, client, server) = connection(&format!("127.0.0.2:{}", address.port()));
        let mut probe = SocketProbe::new().unwrap();
        let reading = probe.read(address).unwrap();
        let clients = probe.client_queues(address).unwrap();
        assert_eq!((reading.listen.sockets, reading.server.sockets, clients.sockets), (1, 1, 1));
        assert_eq!(probe.listeners(address.port()).unwrap().len(), 2);
        drop((client, server));
        assert!(probe.time_wait(address).unwrap().is_empty());
        probe.read(other).unwrap();
        assert!(probe.time_wait(other).unwrap().iter().all(|wait| wait.remote.ip() == Some(other.ip())));
    }

    #[test]
    fn a_server_at_all_addresses_is_read_in_both_families() {
        // Where there is IPv6.
        let Ok(listener) = TcpListener::bind("[::]:0") else { return };
        let port = listener.local_addr().unwrap().port();
        let clients = ["127.0.0.1", "127.0.0.7", "::1"].map(|ip| TcpStream::connect((ip, port)).unwrap());
        let _accepted = clients.each_ref().map(|_| listener.accept().unwrap());
        let mut probe = SocketProbe::new().unwrap();
        for address in ["127.0.0.1", "[::1]", "[::]", "0.0.0.0", "[::ffff:127.0.0.1]"] {
            let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
            let reading = probe.read(address).unwrap();
            assert_eq!((reading.listen.sockets, reading.server.sockets), (1, 3), "{address}");
            assert_eq!(probe.client_queues(address).unwrap().sockets, 3, "{address}");
        }
    }

    #[test]
    fn a_look_takes_no_more_memory_than_the_one_before() {
        let (listener, address, _client, _server) = connection("127.0.0.1:0");
        let open = || (TcpStream::connect(address).unwrap(), listener.accept().unwrap());
        let _more: Vec<_> = (0..300).map(|_| open()).collect();
        let mut probe = SocketProbe::new().unwrap();
        let mut look = || {
            let sockets = probe.sockets(address).unwrap();
            let place = (sockets.as_ptr() as usize, sockets.len());
            probe.client_queues(address).unwrap();
            (place, probe.sockets.capacity())
        };
        let first = look();
        assert_eq!(first.0.1, 302, "the server's side, and the listening socket");
        assert_eq!([look(), look()], [first, first]);
    }
}
