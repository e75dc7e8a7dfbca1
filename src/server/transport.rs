//! A connection's socket: every system call on it is made here, and nowhere else.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use nix::sys::{
    sendfile::sendfile,
    socket::{MsgFlags, sendmsg, setsockopt, sockopt},
};

use crate::sys::{self, TcpInfo};

/// A connected socket that never blocks. It is closed when it is dropped, unless another descriptor names it too.
#[derive(Debug)]
pub(super) struct Transport(TcpStream);

impl Transport {
    /// Takes over a connected socket.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }

    /// Another descriptor of the same socket.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(super) fn duplicate(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// recv(2): how many bytes came; 0 at the end of the peer's stream.
    pub(super) fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(bytes)
    }

    /// send(2): how many bytes the kernel took.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    /// writev(2): how many bytes the kernel took of all slices together.
    pub(super) fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(slices)
    }

    /// The same where more follows from elsewhere (`MSG_MORE`): the kernel keeps a last segment back that is not full.
    pub(super) fn send_with_more(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = MsgFlags::from_bits_retain(libc::MSG_MORE) | MsgFlags::MSG_NOSIGNAL;
        Ok(sendmsg::<()>(self.0.as_raw_fd(), slices, &[], flags, None)?)
    }

    /// sendfile(2): how many of `count` bytes from `offset` on went from the page cache to the socket. Fewer than that
    /// also where the file ends.
    pub(super) fn send_file(&self, file: impl AsFd, offset: u64, count: usize) -> io::Result<usize> {
        Ok(sendfile(&self.0, file, Some(&mut (offset as libc::off_t)), count)?)
    }

    /// Ends one direction, or both, for all descriptors of the socket.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// Makes the coming close an RST: what the kernel still holds for the peer is dropped.
    pub(super) fn reset_on_close(&self) {
        let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
        // It fails only for what is no socket; then a plain close is what remains.
        let _ = setsockopt(&self.0, sockopt::Linger, &at_once);
    }

    /// What broke the connection, if anything did; it is reported once.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.0.take_error().ok().flatten()
    }

    /// Bytes that have come and were not received (`SIOCINQ`).
    pub(super) fn unread_bytes(&self) -> io::Result<usize> {
        sys::receive_queue_bytes(self.0.as_fd())
    }

    /// Bytes that the kernel has taken and the peer has not acknowledged (`SIOCOUTQ`).
    pub(super) fn unacknowledged_bytes(&self) -> io::Result<usize> {
        sys::send_queue_bytes(self.0.as_fd())
    }

    /// `TCP_INFO`.
    pub(super) fn info(&self) -> io::Result<TcpInfo> {
        sys::tcp_info(self.0.as_fd())
    }
}

/// For a buffer that reads into itself.
impl Read for &Transport {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.receive(bytes)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&self.0).read_vectored(slices)
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
