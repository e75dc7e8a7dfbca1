//! Opening a connection: its buffers are set before it connects, and read back.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        self, AddressFamily, SockFlag, SockType, SockaddrStorage,
        sockopt::{RcvBuf, SndBuf, TcpNoDelay},
    },
};

use crate::{profile::Group, record::ResourceExhaustion};

/// Starts to connect; the stream and its own port.
///
/// # Errors
/// When there is no descriptor or no port left, or when the peer refuses at once.
pub(super) fn open(address: SocketAddr, group: &Group) -> io::Result<(TcpStream, u16)> {
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
    match socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    let port = stream.local_addr()?.port();
    Ok((stream, port))
}

/// The peer's doing, not ours.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

/// What our own machine lacks, where that is the error.
pub(super) fn exhausted(error: &io::Error) -> Option<ResourceExhaustion> {
    Some(match Errno::from_raw(error.raw_os_error()?) {
        Errno::EMFILE => ResourceExhaustion::Descriptors,
        Errno::ENFILE => ResourceExhaustion::MachineDescriptors,
        Errno::EADDRNOTAVAIL => ResourceExhaustion::Ports,
        Errno::ENOMEM | Errno::ENOBUFS => ResourceExhaustion::Memory,
        Errno::ENOSPC => ResourceExhaustion::Watches,
        Errno::EAGAIN => ResourceExhaustion::Threads,
        _ => return None,
    })
}

/// The receive and send buffer that the kernel really gave, in bytes.
pub(super) fn buffers(stream: &TcpStream) -> io::Result<(u64, u64)> {
    let fd = stream.as_fd();
    Ok((socket::getsockopt(&fd, RcvBuf)? as u64, socket::getsockopt(&fd, SndBuf)? as u64))
}
