//! The only code that makes system calls on a client's socket: plain TCP.

use std::{
    io,
    net::{IpAddr, Shutdown, SocketAddr, TcpStream},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc::linger,
    poll::{PollFd, PollFlags, PollTimeout},
    sys::socket::{
        self, AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage,
        sockopt::{IpBindAddressNoPort, Linger, RcvBuf, SndBuf, TcpNoDelay},
    },
};

use crate::{address::Endpoint, behavior::CloseMethod, profile::Group, sys};

/// The event loop never waits for a socket, even one that it shares with threads that do; and a peer that is gone
/// causes no signal.
const AT_ONCE: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);

/// A client's end of a connection. It is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Transport(TcpStream);

impl Transport {
    /// System calls that it takes to open one, and to bind it before.
    pub(super) const CONNECT_CALLS: u64 = 6;
    pub(super) const BIND_CALLS: u64 = 2;

    /// Starts to connect, from this address if one is given; the socket and its own end.
    ///
    /// # Errors
    /// When there is no descriptor or no port left, when this machine does not have the source, or when the peer refuses at
    /// once.
    pub(super) fn connect(
        address: SocketAddr,
        source: Option<IpAddr>,
        group: &Group,
    ) -> io::Result<(Self, Endpoint)> {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket: OwnedFd = socket::socket(family, SockType::Stream, flags, None)?;
        socket::setsockopt(&socket, TcpNoDelay, &true)?;
        // The window is negotiated in the handshake: later is too late.
        if let Some(bytes) = group.recv_buffer {
            socket::setsockopt(&socket, RcvBuf, &(bytes.0 as usize))?;
        }
        if let Some(bytes) = group.send_buffer {
            socket::setsockopt(&socket, SndBuf, &(bytes.0 as usize))?;
        }
        if let Some(source) = source {
            bind(&socket, source)?;
        }
        match socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from(socket);
        let end = stream.local_addr()?.into();
        Ok((Self(stream), end))
    }

    /// The receive and send buffer that the kernel really gave, in bytes.
    pub(super) fn buffers(&self) -> io::Result<(u64, u64)> {
        Ok((socket::getsockopt(&self.0, RcvBuf)? as u64, socket::getsockopt(&self.0, SndBuf)? as u64))
    }

    /// The pending error of the socket, if there is one; the socket reports each error only once.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.0.take_error().ok().flatten()
    }

    /// Receives what is there; 0 at the end of the peer's stream.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is there, or what became of the connection.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(socket::recv(self.0.as_raw_fd(), buffer, AT_ONCE)?)
    }

    /// Sends as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` where there is no room, or what became of the connection.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(socket::send(self.0.as_raw_fd(), bytes, AT_ONCE)?)
    }

    /// Prepares the coming end of the connection, or ends its sending direction: what dropping the socket does after it.
    ///
    /// # Errors
    /// For a half-close, where the peer was faster; to vanish, where that is not permitted.
    pub(super) fn prepare_close(&self, method: CloseMethod) -> io::Result<()> {
        match method {
            CloseMethod::Close => Ok(()),
            CloseMethod::HalfClose => self.0.shutdown(Shutdown::Write),
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
        self.0.shutdown(Shutdown::Both)
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
        let stream = self.0.try_clone()?;
        stream.set_nonblocking(!is_blocking)?;
        Ok(Self(stream))
    }

    /// Receives as [`Self::receive`] does, but waits where the socket is one that blocks.
    ///
    /// # Errors
    /// Those of [`Self::receive`].
    pub(super) fn receive_waiting(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(socket::recv(self.0.as_raw_fd(), buffer, MsgFlags::empty())?)
    }

    /// Sends as [`Self::send`] does, but waits where the socket is one that blocks.
    ///
    /// # Errors
    /// Those of [`Self::send`].
    pub(super) fn send_waiting(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(socket::send(self.0.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?)
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
