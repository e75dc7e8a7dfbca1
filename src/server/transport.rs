//! A connection's socket: every system call on it is made here, and nowhere else.
//!
//! The usual ones, `recv` and `send`, are made without libc, which opens and closes a cancellation point for each of them where
//! the process has several threads.

use std::{
    io::{self, IoSlice, IoSliceMut, Read},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::atomic::{AtomicU64, Ordering},
};

use nix::sys::{
    sendfile::sendfile,
    socket::{self, MsgFlags, sendmsg, setsockopt, sockopt},
    stat::fstat,
    uio::readv,
};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::{
    address::Endpoint,
    sys::{self, TcpInfo},
};

/// A connected socket that never blocks. It is closed when it is dropped, unless another descriptor names it too.
#[derive(Debug)]
pub(super) struct Transport {
    socket: OwnedFd,
    kind: Kind,
}

/// What a socket speaks.
#[derive(Debug)]
enum Kind {
    Tcp,
    /// The kernel does not count what went over it: so many bytes did.
    Unix(AtomicU64),
}

/// What the kernel says of the bytes that it took for a peer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent {
    /// Over TCP, what the peer acknowledged, and when.
    Tcp(TcpInfo),
    /// Over a UNIX-domain socket.
    Unix {
        /// Bytes that the kernel took so far.
        taken: u64,
        /// Memory of those that the peer has not read (`SIOCOUTQ`): pieces of up to 36 KiB are in it whole until their last byte
        /// is read, and with the kernel's overhead (`unix_stream_read_generic()`, `sock_wfree()`).
        queued: u64,
    },
}

impl Transport {
    /// Takes over a connected TCP socket.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { socket: stream.into(), kind: Kind::Tcp })
    }

    /// Takes over a connected UNIX-domain socket.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub(super) fn unix(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { socket: stream.into(), kind: Kind::Unix(AtomicU64::new(0)) })
    }

    /// The number of the socket, by which the kernel names it to others; 0 where it does not say.
    pub(super) fn end(&self) -> Endpoint {
        // Numbers of sockets have 32 bits (`get_next_ino()` in the kernel).
        Endpoint::Unix { socket: fstat(&self.socket).map_or(0, |socket| socket.st_ino as u32) }
    }

    /// Whether it is a UNIX-domain socket.
    pub(super) const fn is_unix(&self) -> bool {
        matches!(self.kind, Kind::Unix(_))
    }

    /// Another descriptor of the same socket.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(super) fn duplicate(&self) -> io::Result<Self> {
        let kind = if self.is_unix() { Kind::Unix(AtomicU64::new(0)) } else { Kind::Tcp };
        Ok(Self { socket: self.socket.try_clone()?, kind })
    }

    /// recv(2): how many bytes came; 0 at the end of the peer's stream.
    pub(super) fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(recv(&self.socket, bytes, RecvFlags::empty())?.1)
    }

    /// send(2): how many bytes the kernel took.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.counted(send(&self.socket, bytes, SendFlags::NOSIGNAL)?))
    }

    /// sendmsg(2): how many bytes the kernel took of all slices together.
    pub(super) fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_message(slices, MsgFlags::MSG_NOSIGNAL)
    }

    /// The same where more follows from elsewhere (`MSG_MORE`): the kernel keeps a last segment back that is not full.
    pub(super) fn send_with_more(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_message(slices, MsgFlags::from_bits_retain(libc::MSG_MORE) | MsgFlags::MSG_NOSIGNAL)
    }

    /// sendfile(2): how many of `count` bytes from `offset` on went from the page cache to the socket. Fewer than that
    /// also where the file ends.
    pub(super) fn send_file(&self, file: impl AsFd, offset: u64, count: usize) -> io::Result<usize> {
        Ok(self.counted(sendfile(&self.socket, file, Some(&mut (offset as libc::off_t)), count)?))
    }

    /// Ends one direction, or both, for all descriptors of the socket.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => socket::Shutdown::Read,
            Shutdown::Write => socket::Shutdown::Write,
            Shutdown::Both => socket::Shutdown::Both,
        };
        Ok(socket::shutdown(self.socket.as_raw_fd(), how)?)
    }

    /// Makes the coming close an RST: what the kernel still holds for the peer is dropped. A UNIX-domain socket has none.
    pub(super) fn reset_on_close(&self) {
        let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
        // It fails only for what is no socket; then a plain close is what remains.
        let _ = setsockopt(&self.socket, sockopt::Linger, &at_once);
    }

    /// What broke the connection, if anything did; it is reported once.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        let error = socket::getsockopt(&self.socket, sockopt::SocketError).ok()?;
        (error != 0).then(|| io::Error::from_raw_os_error(error))
    }

    /// Bytes that have come and were not received (`SIOCINQ`).
    pub(super) fn unread_bytes(&self) -> io::Result<usize> {
        sys::receive_queue_bytes(self.socket.as_fd())
    }

    /// Bytes that the kernel has taken and the peer has not acknowledged (`SIOCOUTQ`); over a UNIX-domain socket the memory of
    /// those that it has not read.
    pub(super) fn unacknowledged_bytes(&self) -> io::Result<usize> {
        sys::send_queue_bytes(self.socket.as_fd())
    }

    /// What became of the bytes that the kernel took: `TCP_INFO`, or our own count and `SIOCOUTQ`.
    pub(super) fn sent(&self) -> io::Result<Sent> {
        Ok(match &self.kind {
            Kind::Tcp => Sent::Tcp(sys::tcp_info(self.socket.as_fd())?),
            Kind::Unix(taken) => Sent::Unix {
                taken: taken.load(Ordering::Relaxed),
                queued: self.unacknowledged_bytes()? as u64,
            },
        })
    }

    fn send_message(&self, slices: &[IoSlice<'_>], flags: MsgFlags) -> io::Result<usize> {
        Ok(self.counted(sendmsg::<()>(self.socket.as_raw_fd(), slices, &[], flags, None)?))
    }

    fn counted(&self, count: usize) -> usize {
        if let Kind::Unix(taken) = &self.kind {
            // One thread at a time sends: no other changes it in between.
            taken.store(taken.load(Ordering::Relaxed) + count as u64, Ordering::Relaxed);
        }
        count
    }
}

/// For a buffer that reads into itself.
impl Read for &Transport {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.receive(bytes)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(readv(&self.socket, slices)?)
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
