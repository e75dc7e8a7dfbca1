//! The door: connections come in in batches, and a lack of descriptors neither spins nor locks it.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
        sockopt,
    },
};

use crate::{
    profile::ServerOptions,
    sys,
    units::{Bytes, Span},
};

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A listening socket.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    /// Given up for a moment when no descriptor is left, so that the peer can be told by closing.
    spare: Option<File>,
}

/// What one look outside brought.
#[derive(Debug)]
pub(super) enum Knock {
    /// A connection, not blocking.
    Visitor(TcpStream, SocketAddr),
    /// Nobody waits.
    Nobody,
    /// Somebody was turned away: no descriptor is left.
    Refused,
    /// Somebody waits and can be neither let in nor turned away. Level-triggered readiness would spin.
    Stuck,
}

impl Door {
    /// Listens without blocking, on a new socket whose options its connections inherit (`sk_clone_lock`): so they
    /// cost no system call at each of them.
    pub(super) fn open(address: SocketAddr, options: &ServerOptions) -> io::Result<Self> {
        Self::open_among(address, options, false)
    }

    /// As many doors as there are threads, at the same address: the kernel spreads the connections. The address must be
    /// free: with `SO_REUSEPORT` alone, a forgotten server of the same user would go on taking its share unseen.
    pub(super) fn open_several(
        address: SocketAddr,
        options: &ServerOptions,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let free = Self::open(address, options)?.address()?;
        (0..count).map(|_| Self::open_among(free, options, true)).collect()
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
        listen(&socket, Backlog::new(BACKLOG)?)?;
        Ok(Self { listener: TcpListener::from(socket), spare: spare() })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) fn knock(&mut self) -> Knock {
        match self.listener.accept() {
            Ok((stream, peer)) if stream.set_nonblocking(true).is_ok() => Knock::Visitor(stream, peer),
            Ok(_) => Knock::Refused,
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
                Errno::EMFILE | Errno::ENFILE => self.turn_away(),
                Errno::ENOBUFS | Errno::ENOMEM => Knock::Stuck,
                // EAGAIN, or what befell the connection while it waited: accept(2) advises to treat both the same.
                _ => Knock::Nobody,
            },
        }
    }

    /// The lack of a descriptor is told before it is looked whether anybody waits.
    fn turn_away(&mut self) -> Knock {
        if !self.is_knocked_at() {
            return Knock::Nobody;
        }
        if self.spare.take().is_none() {
            self.spare = spare();
            return Knock::Stuck;
        }
        let accepted = self.listener.accept();
        let knock = match &accepted {
            Ok(_) => Knock::Refused,
            // Who waited has left, or another thread was faster.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Knock::Nobody,
            Err(_) => Knock::Stuck,
        };
        drop(accepted);
        self.spare = spare();
        knock
    }

    fn is_knocked_at(&self) -> bool {
        let mut listener = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        // Where that cannot be told, somebody may wait.
        poll(&mut listener, PollTimeout::ZERO).is_err() || listener[0].any() != Some(false)
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::getsockopt;

    use super::*;

    #[test]
    fn connections_inherit_what_the_listener_was_told() {
        let options = toml::from_str("send_buffer = 50000\nuser_timeout = '1500ms'").unwrap();
        let mut door = Door::open("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        assert!(matches!(door.knock(), Knock::Nobody));
        let client = TcpStream::connect(door.address().unwrap()).unwrap();
        let Knock::Visitor(stream, peer) = door.knock() else { panic!("somebody knocked") };
        assert_eq!(peer, client.local_addr().unwrap());
        assert!(stream.nodelay().unwrap());
        assert_eq!(getsockopt(&stream, sockopt::SndBuf).unwrap(), 100_000, "Linux doubles it");
        assert_eq!(getsockopt(&stream, sockopt::TcpUserTimeout).unwrap(), 1_500);
        let would_block = io::Read::read(&mut &stream, &mut [0]).unwrap_err();
        assert_eq!(would_block.kind(), io::ErrorKind::WouldBlock);
    }
}
