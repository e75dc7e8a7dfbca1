//! The only code that makes system calls on a client's socket: plain TCP, or a UNIX-domain stream.
//!
//! Bytes are received and sent without libc, whose `recv` and `send` in a process of several threads open and close a
//! cancellation point for each call.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    libc::linger,
    poll::{PollFd, PollFlags, PollTimeout},
    sys::{
        socket::{
            self, AddressFamily, Shutdown, SockFlag, SockType, SockaddrStorage, UnixAddr,
            sockopt::{IpBindAddressNoPort, Linger, RcvBuf, SndBuf, SocketError, TcpNoDelay},
        },
        stat::fstat,
    },
};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::{
    address::{Address, Endpoint},
    behavior::CloseMethod,
    profile::Group,
    sys,
};

/// A client's end of a connection. It is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Transport(OwnedFd);

impl Transport {
    /// System calls that it takes to open one, and to bind it before.
    pub(super) const CONNECT_CALLS: u64 = 6;
    pub(super) const BIND_CALLS: u64 = 2;

    /// Starts to connect, from this address if one is given; the socket and its own end.
    ///
    /// # Errors
    /// When there is no descriptor or no port left, when this machine does not have the source, or when the peer refuses at
    /// once. `WouldBlock` where the accept queue of a UNIX-domain socket is full: then nothing was begun.
    pub(super) fn connect(
        address: Address,
        source: Option<IpAddr>,
        group: &Group,
    ) -> io::Result<(Self, Endpoint)> {
        match address {
            Address::Inet(address) => Self::connect_inet(address, source, group),
            Address::Unix(address) => Self::connect_unix(&address, group),
        }
    }

    fn connect_inet(
        address: SocketAddr,
        source: Option<IpAddr>,
        group: &Group,
    ) -> io::Result<(Self, Endpoint)> {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket = open(family)?;
        socket::setsockopt(&socket, TcpNoDelay, &true)?;
        // The window is negotiated in the handshake: later is too late.
        if let Some(bytes) = group.recv_buffer {
            socket::setsockopt(&socket, RcvBuf, &(bytes.0 as usize))?;
        }
        set_send_buffer(&socket, group)?;
        if let Some(source) = source {
            bind(&socket, source)?;
        }
        match socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let end = socket::getsockname::<SockaddrStorage>(socket.as_raw_fd())?;
        Ok((Self(socket), inet_end(&end)))
    }

    /// Connects at once or not at all: such a connection has no handshake (`unix_stream_connect()` in the kernel).
    fn connect_unix(address: &UnixAddr, group: &Group) -> io::Result<(Self, Endpoint)> {
        let socket = open(AddressFamily::Unix)?;
        set_send_buffer(&socket, group)?;
        socket::connect(socket.as_raw_fd(), address)?;
        // Numbers of sockets have 32 bits (`get_next_ino()` in the kernel).
        let end = Endpoint::Unix { socket: fstat(&socket)?.st_ino as u32 };
        Ok((Self(socket), end))
    }

    /// The receive and send buffer that the kernel really gave, in bytes.
    pub(super) fn buffers(&self) -> io::Result<(u64, u64)> {
        Ok((socket::getsockopt(&self.0, RcvBuf)? as u64, socket::getsockopt(&self.0, SndBuf)? as u64))
    }

    /// The pending error of the socket, if there is one; the socket reports each error only once.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        socket::getsockopt(&self.0, SocketError)
            .ok()
            .filter(|error| *error != 0)
            .map(io::Error::from_raw_os_error)
    }

    /// Receives what is there; 0 at the end of the peer's stream. It never waits, even for a socket that threads which wait
    /// share.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is there, or what became of the connection.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(recv(&self.0, buffer, RecvFlags::DONTWAIT)?.1)
    }

    /// Sends as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` where there is no room, or what became of the connection.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Prepares the coming end of the connection, or ends its sending direction: what dropping the socket does after it.
    ///
    /// # Errors
    /// For a half-close, where the peer was faster; to vanish, where that is not permitted.
    pub(super) fn prepare_close(&self, method: CloseMethod) -> io::Result<()> {
        match method {
            CloseMethod::Close => Ok(()),
            CloseMethod::HalfClose => Ok(socket::shutdown(self.0.as_raw_fd(), Shutdown::Write)?),
            // What is under way is dropped, and no port waits in TIME-WAIT.
            CloseMethod::Reset => {
                Ok(socket::setsockopt(&self.0, Linger, &linger { l_onoff: 1, l_linger: 0 })?)
            }
            CloseMethod::Vanish => sys::drop_incoming(self.0.as_fd()),
        }
    }

    /// Ends both directions, also for those that wait for the socket.
    ///
    /// # Errors
    /// Where the peer was faster.
    pub(super) fn shutdown(&self) -> io::Result<()> {
        Ok(socket::shutdown(self.0.as_raw_fd(), Shutdown::Both)?)
    }

    /// Whether bytes came that were not read: a close is an RST then (`tcp_close` in the kernel).
    pub(super) fn has_unread(&self) -> bool {
        sys::receive_queue_bytes(self.0.as_fd()).is_ok_and(|bytes| bytes > 0)
    }

    /// The shortest round trip so far, in microseconds; 0 if the kernel does not report it.
    pub(super) fn least_rtt_us(&self) -> u32 {
        sys::tcp_info(self.0.as_fd()).map_or(0, |info| info.least_rtt_us)
    }

    /// Another descriptor of the same socket, which is made to block or not to: for all of its descriptors, as they belong to
    /// the same open file description.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub(super) fn duplicate(&self, is_blocking: bool) -> io::Result<Self> {
        let socket = self.0.try_clone()?;
        let mut flags = OFlag::from_bits_retain(fcntl(&socket, FcntlArg::F_GETFL)?);
        flags.set(OFlag::O_NONBLOCK, !is_blocking);
        fcntl(&socket, FcntlArg::F_SETFL(flags))?;
        Ok(Self(socket))
    }

    /// Receives as [`Self::receive`] does, but waits where the socket is one that blocks.
    ///
    /// # Errors
    /// Those of [`Self::receive`].
    pub(super) fn receive_waiting(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(recv(&self.0, buffer, RecvFlags::empty())?.1)
    }

    /// Sends as [`Self::send`] does, but waits where the socket is one that blocks.
    ///
    /// # Errors
    /// Those of [`Self::send`].
    pub(super) fn send_waiting(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    /// Waits until the socket is ready for that, for so many milliseconds at most.
    ///
    /// # Errors
    /// When the thread is interrupted.
    pub(super) fn wait(&self, needed: PollFlags, most_ms: u16) -> io::Result<()> {
        nix::poll::poll(&mut [PollFd::new(self.0.as_fd(), needed)], PollTimeout::from(most_ms))?;
        Ok(())
    }
}

fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    Ok(socket::socket(family, SockType::Stream, flags, None)?)
}

fn set_send_buffer(socket: &OwnedFd, group: &Group) -> io::Result<()> {
    let set = |bytes: u64| socket::setsockopt(socket, SndBuf, &(bytes as usize));
    Ok(group.send_buffer.map_or(Ok(()), |bytes| set(bytes.0))?)
}

/// The end of a TCP connection that the kernel names so.
fn inet_end(address: &SockaddrStorage) -> Endpoint {
    let four = address.as_sockaddr_in().map(|four| Endpoint::new(four.ip().into(), four.port()));
    let six = || address.as_sockaddr_in6().map(|six| Endpoint::new(six.ip().into(), six.port()));
    four.or_else(six).unwrap_or_default()
}

/// Has the connection come from this address. Its port is left to connect(2), which knows the other end: any port that has
/// no connection to it yet will do (`ip(7)`, `IP_BIND_ADDRESS_NO_PORT`, for IPv6 as well).
fn bind(socket: &OwnedFd, source: IpAddr) -> io::Result<()> {
    socket::setsockopt(socket, IpBindAddressNoPort, &true)?;
    let address = SockaddrStorage::from(SocketAddr::new(source, 0));
    socket::bind(socket.as_raw_fd(), &address).map_err(|error| match error {
        // The same number would say that no port is left.
        Errno::EADDRNOTAVAIL => {
            io::Error::new(io::ErrorKind::AddrNotAvailable, format!("{source} is no address of this machine"))
        }
        error => error.into(),
    })
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
