//! epoll, and nothing else: it reports which descriptor is ready, by a token that outlives no connection.
//!
//! The owner drives the loop and keeps its connections in [`Slots`]; a [`Token`] names a slot *and* its generation, so
//! that an event queued for a connection that is gone never reaches the one that took its place.

mod slots;
mod token;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

pub use self::{slots::Slots, token::Token};
use crate::sys;

/// How readiness is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At every wait, as long as it lasts.
    Level,
    /// Once for each change (`EPOLLET`).
    Edge,
    /// Once, then not again until it is asked for anew (`EPOLLONESHOT`).
    OneShot,
}

/// What to wait for. The end of the peer's stream and errors are always reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Bytes to receive.
    pub read: bool,
    /// Room to send.
    pub write: bool,
}

impl Interest {
    /// Bytes to receive, and no more.
    pub const READ: Self = Self { read: true, write: false };

    fn flags(self, mode: Mode) -> EpollFlags {
        let mut flags = EpollFlags::EPOLLRDHUP;
        flags.set(EpollFlags::EPOLLIN, self.read);
        flags.set(EpollFlags::EPOLLOUT, self.write);
        flags.set(EpollFlags::EPOLLET, mode == Mode::Edge);
        flags.set(EpollFlags::EPOLLONESHOT, mode == Mode::OneShot);
        flags
    }
}

/// One report of readiness.
#[allow(clippy::struct_excessive_bools, reason = "the bits of one event are independent of each other")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whose.
    pub token: Token,
    /// There are bytes to receive, or the end of the stream.
    pub readable: bool,
    /// There is room to send.
    pub writable: bool,
    /// The peer has ended its stream (`EPOLLRDHUP`); bytes may still wait before the end.
    pub peer_closed: bool,
    /// The connection is broken in both directions (`EPOLLERR` or `EPOLLHUP`).
    pub broken: bool,
}

/// An epoll instance.
#[derive(Debug)]
pub struct Reactor {
    epoll: Epoll,
    events: Vec<libc::epoll_event>,
    ready: usize,
}

impl Reactor {
    /// Reports at most `batch` (at least 1) events at a time.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub fn new(batch: usize) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, events: vec![libc::epoll_event { events: 0, u64: 0 }; batch.max(1)], ready: 0 })
    }

    /// Another waiter for the same events: each report goes to one of them, or, level-triggered, to all.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn share(&self) -> io::Result<Self> {
        let epoll = Epoll(self.epoll.0.try_clone()?);
        Ok(Self { epoll, events: self.events.clone(), ready: 0 })
    }

    /// Starts to watch a descriptor.
    ///
    /// # Errors
    /// epoll_ctl(2): watched already, or out of memory or watches.
    pub fn add(&self, fd: impl AsFd, token: Token, interest: Interest, mode: Mode) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(interest.flags(mode), token.0))?)
    }

    /// Watches for something else; arms an edge or a one-shot anew.
    ///
    /// # Errors
    /// epoll_ctl(2): not watched.
    pub fn modify(&self, fd: impl AsFd, token: Token, interest: Interest, mode: Mode) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut EpollEvent::new(interest.flags(mode), token.0))?)
    }

    /// Watches no more. Closing the only descriptor of a socket does the same.
    ///
    /// # Errors
    /// epoll_ctl(2): not watched.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// Waits until something is ready, or for `timeout` (`None`: forever); how many reports there are. A signal ends
    /// the wait with none.
    ///
    /// # Errors
    /// epoll_pwait2(2).
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let epoll: BorrowedFd<'_> = self.epoll.0.as_fd();
        self.ready = sys::epoll_wait_ns(epoll, &mut self.events, timeout)?;
        Ok(self.ready)
    }

    /// Report number `index` of the last wait.
    ///
    /// # Panics
    /// If the last wait had no such report.
    #[must_use]
    pub fn report(&self, index: usize) -> Ready {
        assert!(index < self.ready, "report {index} of {}", self.ready);
        let event = self.events[index];
        let flags = EpollFlags::from_bits_truncate(event.events as i32);
        Ready {
            token: Token(event.u64),
            readable: flags.intersects(EpollFlags::EPOLLIN),
            writable: flags.intersects(EpollFlags::EPOLLOUT),
            peer_closed: flags.intersects(EpollFlags::EPOLLRDHUP),
            broken: flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };

    use super::*;

    fn waited(reactor: &mut Reactor) -> Vec<Ready> {
        let count = reactor.wait(Some(Duration::from_millis(1))).expect("wait");
        (0..count).map(|index| reactor.report(index)).collect()
    }

    fn watched(mode: Mode) -> (Reactor, UnixStream, UnixStream, Token) {
        let reactor = Reactor::new(8).expect("epoll");
        let (near, far) = UnixStream::pair().expect("pair");
        let token = Slots::default().insert_with(|_| ());
        reactor.add(&near, token, Interest::READ, mode).expect("add");
        (reactor, near, far, token)
    }

    #[test]
    fn level_triggered_readiness_repeats_until_bytes_are_read() {
        let (mut reactor, mut near, mut far, token) = watched(Mode::Level);
        far.write_all(b"x").expect("write");
        for _ in 0..2 {
            assert!(matches!(waited(&mut reactor)[..], [ready] if ready.token == token && ready.readable));
        }
        near.read_exact(&mut [0]).expect("read");
        assert_eq!(waited(&mut reactor), []);
    }

    #[test]
    fn edge_triggered_readiness_reports_each_arrival_once() {
        let (mut reactor, _near, mut far, _) = watched(Mode::Edge);
        for _ in 0..2 {
            far.write_all(b"x").expect("write");
            assert_eq!(waited(&mut reactor).len(), 1);
            assert_eq!(waited(&mut reactor), []);
        }
    }

    #[test]
    fn one_shot_readiness_reports_once_until_rearmed() {
        let (mut reactor, near, mut far, token) = watched(Mode::OneShot);
        far.write_all(b"x").expect("write");
        assert_eq!(waited(&mut reactor).len(), 1);
        far.write_all(b"x").expect("write");
        assert_eq!(waited(&mut reactor), []);
        reactor.modify(&near, token, Interest::READ, Mode::OneShot).expect("modify");
        assert_eq!(waited(&mut reactor).len(), 1);
    }

    #[test]
    fn the_end_of_the_peers_stream_is_reported_without_interest() {
        let (mut reactor, near, far, token) = watched(Mode::Level);
        reactor.modify(&near, token, Interest::default(), Mode::Level).expect("modify");
        drop(far);
        assert!(matches!(waited(&mut reactor)[..], [ready] if ready.peer_closed && !ready.readable));
    }

    #[test]
    fn two_waiting_threads_get_a_one_shot_event_once() {
        let (mut reactor, _near, mut far, _) = watched(Mode::OneShot);
        let mut other = reactor.share().expect("share");
        far.write_all(b"x").expect("write");
        assert_eq!((waited(&mut other).len(), waited(&mut reactor).len()), (1, 0));
    }
}
