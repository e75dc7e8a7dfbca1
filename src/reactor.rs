//! epoll, and nothing else: it reports which descriptor is ready, by a token that outlives no connection.
//!
//! The owner drives the loop and keeps its connections in [`Slots`]; a [`Token`] names a slot *and* its generation, so
//! that an event queued for a connection that is gone never reaches the one that took its place.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

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

/// A connection, by its slot and the slot's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u64);

impl Token {
    /// A token outside any [`Slots`], for listeners and signals: `n` counts from 0.
    #[must_use]
    pub const fn special(n: u32) -> Self {
        Self(u64::MAX - n as u64)
    }

    const fn new(slot: u32, generation: u32) -> Self {
        Self(((generation as u64) << 32) | slot as u64)
    }

    /// The slot: small numbers, used again after their connection is gone.
    #[must_use]
    pub const fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
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

/// Connections under tokens. A slot is used again, a token never.
#[derive(Debug)]
pub struct Slots<T> {
    entries: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Keeps what `make` makes for its token.
    pub fn insert_with(&mut self, make: impl FnOnce(Token) -> T) -> Token {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, None));
            (self.entries.len() - 1) as u32
        });
        let entry = &mut self.entries[slot as usize];
        let token = Token::new(slot, entry.0);
        entry.1 = Some(make(token));
        token
    }

    /// What the token stands for, unless it is gone.
    pub fn entry(&mut self, token: Token) -> Option<&mut T> {
        let (generation, value) = self.entries.get_mut(token.slot())?;
        if *generation == token.generation() { value.as_mut() } else { None }
    }

    /// Takes out what the token stands for; the token is dead from now on.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let (generation, value) = self.entries.get_mut(token.slot())?;
        if *generation != token.generation() {
            return None;
        }
        let removed = value.take()?;
        // After 2^31 connections in one slot the generations start again, well clear of the special tokens.
        *generation = (*generation + 1) & 0x7fff_ffff;
        self.free.push(token.slot() as u32);
        Some(removed)
    }

    /// Takes out what the token stands for, for a while: the token lives on, and its slot is kept.
    pub fn take(&mut self, token: Token) -> Option<T> {
        let (generation, value) = self.entries.get_mut(token.slot())?;
        if *generation == token.generation() { value.take() } else { None }
    }

    /// Puts back what was [taken](Self::take) for a while.
    ///
    /// # Panics
    /// If the token is dead.
    pub fn put_back(&mut self, token: Token, value: T) {
        assert!(self.is_alive(token), "{token:?} is dead");
        self.entries[token.slot()].1 = Some(value);
    }

    /// Whether the token stands for something, be it there or taken for a while.
    #[must_use]
    pub fn is_alive(&self, token: Token) -> bool {
        self.entries.get(token.slot()).is_some_and(|(generation, _)| *generation == token.generation())
    }

    /// How many there are, with those that are taken for a while.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tokens of all that are there.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, (_, value))| value.is_some())
            .map(|(slot, (generation, _))| Token::new(slot as u32, *generation))
    }

    /// All that are there.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|(_, value)| value.as_ref())
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
    fn an_old_token_never_reaches_the_new_owner_of_its_slot() {
        let mut slots = Slots::default();
        let old = slots.insert_with(|_| "old");
        assert_eq!(slots.remove(old), Some("old"));
        let new = slots.insert_with(|_| "new");
        assert_eq!(old.slot(), new.slot());
        assert_eq!(slots.entry(old), None);
        assert_eq!(slots.remove(old), None);
        assert_eq!(slots.entry(new), Some(&mut "new"));
        assert_eq!((slots.len(), slots.tokens().collect::<Vec<_>>()), (1, vec![new]));
    }

    #[test]
    fn a_taken_connection_keeps_its_token() {
        let mut slots = Slots::default();
        let token = slots.insert_with(|_| "x");
        assert_eq!(slots.take(token), Some("x"));
        assert_eq!(slots.take(token), None);
        assert_eq!(slots.entry(token), None);
        assert_eq!(slots.len(), 1);
        let other = slots.insert_with(|_| "y");
        assert_ne!(token.slot(), other.slot());
        assert!(slots.is_alive(token));
        slots.put_back(token, "x");
        assert_eq!(slots.remove(token), Some("x"));
        assert!(!slots.is_alive(token));
    }

    #[test]
    fn two_waiting_threads_get_a_one_shot_event_once() {
        let (mut reactor, _near, mut far, _) = watched(Mode::OneShot);
        let mut other = reactor.share().expect("share");
        far.write_all(b"x").expect("write");
        assert_eq!((waited(&mut other).len(), waited(&mut reactor).len()), (1, 0));
    }

    #[test]
    fn special_tokens_name_no_slot() {
        let mut slots: Slots<()> = Slots::default();
        assert_eq!(slots.entry(Token::special(0)), None);
        assert_ne!(Token::special(0), Token::special(1));
    }
}
