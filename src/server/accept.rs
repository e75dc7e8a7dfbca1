//! Listens and accepts: a lack of descriptors makes it neither spin nor hang.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixListener,
    },
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr, bind, getsockname, setsockopt, socket,
        sockopt,
    },
};

use super::{socket_file::bind_to, transport::Transport};
use crate::{
    address::{Address, Endpoint},
    profile::ServerOptions,
    sys,
    units::{Bytes, Span},
};

/// A listening socket.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: Listener,
    /// `SO_SNDBUF` of the connections, where they do not inherit it.
    send_buffer: Option<usize>,
    /// Closed for a moment when no descriptor is left, so that a connection can be accepted and closed.
    spare: Option<File>,
}

/// A listening socket of either kind.
#[derive(Debug)]
enum Listener {
    Inet(TcpListener),
    Unix(UnixListener),
}

/// What one call of accept(2) gave.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A connection, and the end by which its peer knows it: the peer's own address, or the number of this socket where the
    /// peer has none.
    Connection(Transport, Endpoint),
    /// No connection waits.
    NoneWaiting,
    /// A connection was closed at once: no descriptor is left.
    Refused,
    /// A connection waits that can be neither accepted nor refused. Level-triggered readiness would spin.
    Stuck,
}

impl Acceptor {
    /// Listens without blocking, on a new socket whose options its connections inherit (`sk_clone_lock`): so they
    /// cost no system call at each of them.
    pub(super) fn open(address: Address, options: &ServerOptions) -> io::Result<Self> {
        match address {
            Address::Inet(address) => Self::open_among(address, options, false),
            Address::Unix(address) => Self::open_unix(&address, options),
        }
    }

    /// A listening socket for each thread, at the same address: the kernel spreads the connections. The address must be
    /// free: with `SO_REUSEPORT` alone, a forgotten server of the same user would go on taking its share unseen. A
    /// UNIX-domain socket has no such option: there the threads have one listening socket in common.
    pub(super) fn open_several(
        address: Address,
        options: &ServerOptions,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let first = Self::open(address, options)?;
        match &first.listener {
            Listener::Inet(free) => {
                let free = free.local_addr()?;
                drop(first);
                (0..count).map(|_| Self::open_among(free, options, true)).collect()
            }
            Listener::Unix(shared) => {
                let another = |_| shared.try_clone().map(|shared| Self::new(Listener::Unix(shared), options));
                let mut all = (1..count).map(another).collect::<io::Result<Vec<_>>>()?;
                all.push(first);
                Ok(all)
            }
        }
    }

    fn new(listener: Listener, options: &ServerOptions) -> Self {
        let send_buffer = match listener {
            Listener::Inet(_) => None,
            Listener::Unix(_) => options.send_buffer.0.map(|Bytes(bytes)| bytes as usize),
        };
        Self { listener, send_buffer, spare: spare() }
    }

    fn open_unix(address: &UnixAddr, options: &ServerOptions) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        bind_to(&socket, address)?;
        listen(&socket, options)?;
        Ok(Self::new(Listener::Unix(socket.into()), options))
    }

    fn open_among(address: SocketAddr, options: &ServerOptions, others: bool) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(family, SockType::Stream, flags, None)?;
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        setsockopt(&socket, sockopt::ReusePort, &others)?;
        setsockopt(&socket, sockopt::TcpNoDelay, &true)?;
        if let Some(Bytes(bytes)) = options.send_buffer.0 {
            setsockopt(&socket, sockopt::SndBuf, &(bytes as usize))?;
        }
        if let Some(Bytes(bytes)) = options.notsent_lowat.0 {
            sys::set_notsent_lowat(socket.as_fd(), u32::try_from(bytes).unwrap_or(u32::MAX))?;
        }
        if let Some(Span(time)) = options.user_timeout.0 {
            let milliseconds = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
            setsockopt(&socket, sockopt::TcpUserTimeout, &milliseconds)?;
        }
        bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
        listen(&socket, options)?;
        Ok(Self::new(Listener::Inet(socket.into()), options))
    }

    pub(super) fn address(&self) -> io::Result<Address> {
        match &self.listener {
            Listener::Inet(listener) => listener.local_addr().map(Address::Inet),
            Listener::Unix(listener) => Ok(Address::Unix(getsockname(listener.as_raw_fd())?)),
        }
    }

    pub(super) fn accept(&mut self) -> Accepted {
        match self.listener.accept(self.send_buffer) {
            Ok(made) => {
                made.map_or(Accepted::Refused, |(transport, peer)| Accepted::Connection(transport, peer))
            }
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
                Errno::EMFILE | Errno::ENFILE => self.refuse(),
                Errno::ENOBUFS | Errno::ENOMEM => Accepted::Stuck,
                // EAGAIN, or what befell the connection while it waited: accept(2) advises to treat both the same.
                _ => Accepted::NoneWaiting,
            },
        }
    }

    /// The kernel reports the lack of a descriptor before it looks whether a connection waits.
    fn refuse(&mut self) -> Accepted {
        if !self.has_waiting() {
            return Accepted::NoneWaiting;
        }
        if self.spare.take().is_none() {
            self.spare = spare();
            return Accepted::Stuck;
        }
        let accepted = self.listener.accept(None);
        let result = match &accepted {
            Ok(_) => Accepted::Refused,
            // The waiting peer has left, or another thread was faster.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Accepted::NoneWaiting,
            Err(_) => Accepted::Stuck,
        };
        drop(accepted);
        self.spare = spare();
        result
    }

    fn has_waiting(&self) -> bool {
        let mut listener = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        // If poll fails, a connection may be waiting.
        poll(&mut listener, PollTimeout::ZERO).is_err() || listener[0].any() != Some(false)
    }
}

impl AsFd for Acceptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.listener {
            Listener::Inet(listener) => listener.as_fd(),
            Listener::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Listener {
    /// A connection that waits; within that, why it is closed at once. `SO_SNDBUF` of a UNIX-domain socket is not inherited.
    fn accept(&self, send_buffer: Option<usize>) -> io::Result<io::Result<(Transport, Endpoint)>> {
        match self {
            Self::Inet(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok(Transport::tcp(stream).map(|transport| (transport, peer.into())))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                if let Some(bytes) = send_buffer
                    && let Err(error) = setsockopt(&stream, sockopt::SndBuf, &bytes)
                {
                    return Ok(Err(error.into()));
                }
                Ok(Transport::unix(stream).map(|transport| {
                    let end = transport.end();
                    (transport, end)
                }))
            }
        }
    }
}

fn listen(socket: &OwnedFd, options: &ServerOptions) -> io::Result<()> {
    sys::listen(socket.as_fd(), i32::try_from(options.backlog.0).unwrap_or(i32::MAX))
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use nix::sys::socket::getsockopt;

    use super::*;

    #[test]
    fn connections_inherit_the_listeners_socket_options() {
        let options = toml::from_str("send_buffer = 50000\nuser_timeout = '1500ms'\nbacklog = 7").unwrap();
        let mut acceptor = Acceptor::open("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        assert!(matches!(acceptor.accept(), Accepted::NoneWaiting));
        // On a listening socket these are what waits for accept(2), and how much may: tcp_get_info() in the kernel.
        let info = sys::tcp_info(acceptor.as_fd()).unwrap();
        assert_eq!((info.unacked, info.sacked), (0, 7));
        let client = TcpStream::connect(acceptor.address().unwrap()).unwrap();
        let Accepted::Connection(transport, peer) = acceptor.accept() else { panic!("a connection waits") };
        assert_eq!(peer, client.local_addr().unwrap().into());
        assert!(getsockopt(&transport, sockopt::TcpNoDelay).unwrap());
        assert_eq!(getsockopt(&transport, sockopt::SndBuf).unwrap(), 100_000, "Linux doubles it");
        assert_eq!(getsockopt(&transport, sockopt::TcpUserTimeout).unwrap(), 1_500);
        let would_block = transport.receive(&mut [0]).unwrap_err();
        assert_eq!(would_block.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_unix_connection_has_the_send_buffer_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let address: Address = format!("unix:{}/s", folder.path().display()).parse().unwrap();
        let options = toml::from_str("send_buffer = 50000\nbacklog = 7").unwrap();
        let mut acceptors = Acceptor::open_several(address, &options, 2).unwrap();
        assert!(acceptors.iter().all(|acceptor| acceptor.address().unwrap() == address));
        let _client = std::os::unix::net::UnixStream::connect(address.path().unwrap()).unwrap();
        for acceptor in &mut acceptors {
            let accepted = acceptor.accept();
            let Accepted::Connection(transport, end) = accepted else { continue };
            assert_eq!(getsockopt(&transport, sockopt::SndBuf).unwrap(), 100_000);
            assert!(matches!(end, Endpoint::Unix { socket } if socket > 0), "{end}");
            return;
        }
        panic!("a connection waits");
    }
}
