//! What all connections of a thread share: the reactor, the timers, the buffers, the clock and the counter of system calls.

use std::io;

use super::delays::OwnDelays;
use crate::{
    reactor::{Reactor, Token},
    sys,
    timers::Wheel,
};

const TICK_NS: u64 = 100_000;
const BATCH: usize = 512;
const RECEIVE_BUFFER_BYTES: usize = 256 * 1024;
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// What a timer reports when it fires.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerEvent {
    pub(super) token: Token,
    pub(super) kind: TimerKind,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerKind {
    /// The connection should have come about by now.
    Connect,
    /// A pause in receiving is over.
    Receive,
    /// A pause in sending is over.
    Send,
    /// The connection was kept for long enough.
    Lifetime,
}

/// What all connections of a thread share.
pub(super) struct Context {
    pub(super) reactor: Reactor,
    pub(super) timers: Wheel<TimerEvent>,
    /// What a connection receives lies here until it is decoded.
    pub(super) receive_buffer: Vec<u8>,
    /// What a connection sends is written here.
    pub(super) send_buffer: Vec<u8>,
    /// The time of what is being handled, on the monotonic clock.
    pub(super) now_ns: u64,
    /// System calls made.
    pub(super) calls: u64,
    /// How late the thread did what was due.
    pub(super) delays: OwnDelays,
    /// The window is over: nothing new is started.
    pub(super) is_closing: bool,
    failure: Option<io::Error>,
}

impl Context {
    /// Before anything has happened, at `now_ns`, with a window that begins later.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub(super) fn new(now_ns: u64, window_start_ns: u64) -> io::Result<Self> {
        Ok(Self {
            reactor: Reactor::new(BATCH)?,
            timers: Wheel::new(TICK_NS, now_ns),
            receive_buffer: vec![0; RECEIVE_BUFFER_BYTES],
            send_buffer: vec![0; SEND_BUFFER_BYTES],
            now_ns,
            calls: 0,
            delays: OwnDelays::new(window_start_ns),
            is_closing: false,
            failure: None,
        })
    }

    /// Looks at the clock.
    pub(super) fn read_clock(&mut self) {
        self.now_ns = sys::monotonic_ns();
    }

    /// The machine refused us something: the run cannot go on, and no connection is blamed.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.failure.get_or_insert(error);
    }

    /// What the machine refused us, if it did.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}
