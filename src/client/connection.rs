//! One connection: the only code that turns steps into system calls.

use std::{
    io::{self, ErrorKind},
    net::TcpStream,
    os::fd::AsRawFd,
};

use nix::sys::socket::{self, MsgFlags};

use super::{
    direction::{Allowed, Direction},
    engine::{Io, TimerEvent, TimerKind},
    group::{CloseReason, Group},
    pending::Pending,
    race::{Readers, Writers},
};
use crate::{
    behavior::Message,
    codec::{Decoder, Encoder},
    reactor::{Interest, Mode, Ready, Token},
    timers::TimerId,
};

/// How many system calls one connection may make before the others have their turn.
pub(super) const TURN_CALLS: usize = 64;

/// The engine never waits for a socket, also where threads share it that do; and a peer that is gone is no signal.
pub(super) const AT_ONCE: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    Open,
}

/// The last answer on a connection, as the peer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Proper,
    /// The server no longer waited for a request on a connection that had nothing under way.
    Idle,
    /// An error that ends the connection is an eviction, announced or not.
    Error,
}

/// One connection.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Connection {
    pub(super) token: Token,
    pub(super) stream: TcpStream,
    /// The number of its group.
    pub(super) group: u32,
    /// Its place among the group's open connections.
    pub(super) place: u32,
    pub(super) phase: Phase,
    /// It is one that was opened again.
    pub(super) again: bool,
    /// Which part of a download it fetches, if it does.
    pub(super) part: u32,
    /// The timer that ends it.
    pub(super) lifetime: Option<TimerId>,
    /// Which one it is of its thread's, in the order of opening.
    pub(super) own: u32,
    pub(super) interest: Interest,
    /// Whether the reactor watches it.
    pub(super) watched: bool,
    pub(super) rx: Direction,
    pub(super) tx: Direction,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) pending: Pending,
    /// When the first byte of the last request was sent.
    pub(super) begun_ns: u64,
    /// Threads that share the socket to send.
    pub(super) writers: Option<Box<Writers>>,
    /// Threads that share the socket to receive.
    pub(super) readers: Option<Box<Readers>>,
    /// What the answer was that said that it is the last.
    pub(super) last: Option<Last>,
    /// The last answer was an error.
    pub(super) last_was_error: bool,
    /// Its group knows that it has room for another request of an open loop.
    pub(super) is_offered: bool,
    /// It has lived as long as it was to, and ends with the answers that are under way.
    pub(super) is_retiring: bool,
    /// How it ended, where that was told before all that had come was read: nothing is sent any more.
    pub(super) broken: Option<CloseReason>,
    /// Bytes that had been received when the last answer was whole.
    pub(super) answered_at: u64,
    /// When the last answer came, in nanoseconds; 0 before the first.
    pub(super) last_answer_ns: u64,
    /// Answers since the window began.
    pub(super) answers: u32,
}

impl Connection {
    /// Something happened to an open connection.
    pub(super) fn handle(&mut self, ready: Ready, io: &mut Io, group: &mut Group) -> Option<CloseReason> {
        if ready.broken
            && let Ok(Some(error)) = self.stream.take_error()
        {
            return self.broke(&error, io, group);
        }
        if (self.interest.read || self.is_read_by_threads()) && (ready.readable || ready.peer_closed) {
            let close_reason = self.receive(io, group);
            if close_reason.is_some() {
                return close_reason;
            }
        } else if ready.peer_closed || ready.broken {
            return self.peer_closed(io);
        }
        if ready.writable { self.send(io, group) } else { None }
    }

    /// The peer has ended its stream and nobody reads: a slow reader goes on with its pauses until it meets the end,
    /// but the reactor would repeat itself.
    fn peer_closed(&mut self, io: &mut Io) -> Option<CloseReason> {
        if self.rx.timer.is_none() {
            return Some(self.peer_ended());
        }
        io.calls += 1;
        self.watched = io.reactor.remove(&self.stream).is_err();
        None
    }

    /// Sends what is due, as the behavior allows.
    pub(super) fn send(&mut self, io: &mut Io, group: &mut Group) -> Option<CloseReason> {
        if self.broken.is_some() {
            return None;
        }
        for _ in 0..TURN_CALLS {
            let (size, head) = (self.encoder.message_bytes(), self.encoder.head_bytes());
            let left = self.pending.started().saturating_mul(size) - self.tx.moved;
            let moved = self.tx.moved;
            let place = || Message::of_requests(moved, head, size.max(1));
            if left == 0 {
                if let Some(end) = self.tx.spent(place)
                    && let Turn::End(ended) = self.end(end, io, group)
                {
                    return Some(ended);
                }
                // The next pause counts from when there is something to send again.
                self.tx.blocked();
                self.set_interest(Interest { write: false, ..self.interest }, io);
                return None;
            }
            let step = match self.tx.allowed(io.now_ns, left, place) {
                Allowed::Move(most) => self.send_once(most, left, io, group),
                Allowed::Endless(most) => self.send_endless(most, left, io, group),
                Allowed::Wait(until) => self.rest(TimerKind::Send, until, io),
                Allowed::Hold => self.set_interest(Interest { write: false, ..self.interest }, io),
                Allowed::Race(race) => self.race_to_send(race, io, group),
                Allowed::End(end) => self.end(end, io, group),
            };
            match step {
                Turn::Again => {}
                Turn::Over => return None,
                Turn::End(ended) => return Some(ended),
            }
        }
        // There is more to send: the reactor calls again when the others had their turn.
        self.set_interest(Interest { write: true, ..self.interest }, io);
        None
    }

    fn send_once(&mut self, most: usize, left: u64, io: &mut Io, group: &mut Group) -> Turn {
        let most = most.min(io.outbox.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        self.encoder.fill(self.tx.moved, &mut io.outbox[..most]);
        self.tx.spoil(&mut io.outbox[..most]);
        io.calls += 1;
        match socket::send(self.stream.as_raw_fd(), &io.outbox[..most], AT_ONCE).map_err(io::Error::from) {
            Ok(count) => {
                self.note_sent(count, io.now_ns);
                self.tx.moved(count);
                group.sent += count as u64;
                if count < most { self.want_to_write(io) } else { Turn::Again }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.tx.blocked();
                self.want_to_write(io)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Turn::Again,
            Err(error) => self.broke(&error, io, group).map_or(Turn::Over, Turn::End),
        }
    }

    /// From the first byte on, a request that never ends takes the place of those that are due.
    fn send_endless(&mut self, most: usize, left: u64, io: &mut Io, group: &mut Group) -> Turn {
        if let Some(endless) = self.encoder.endless() {
            self.encoder = endless;
        }
        self.send_once(most, left, io, group)
    }

    fn want_to_write(&mut self, io: &mut Io) -> Turn {
        self.set_interest(Interest { write: true, ..self.interest }, io)
    }

    /// Every message whose first byte is among the next `count` bytes is being sent now.
    fn note_sent(&mut self, count: usize, now_ns: u64) {
        let size = self.encoder.message_bytes();
        for sequence in self.tx.moved.div_ceil(size)..(self.tx.moved + count as u64).div_ceil(size) {
            self.pending.sent(sequence, now_ns);
            self.begun_ns = now_ns;
        }
    }

    /// When the first byte was sent of the request that is not sent to its end, if there is one.
    pub(super) fn unfinished_ns(&self) -> Option<u64> {
        let is_whole = self.tx.moved.is_multiple_of(self.encoder.message_bytes().max(1));
        (!is_whole && self.begun_ns > 0).then_some(self.begun_ns)
    }

    /// A pause: nothing is watched in this direction until it is over.
    pub(super) fn rest(&mut self, kind: TimerKind, until_ns: u64, io: &mut Io) -> Turn {
        let token = self.token;
        let direction = if kind == TimerKind::Receive { &mut self.rx } else { &mut self.tx };
        if direction.timer.is_none() {
            direction.timer = Some(io.timers.arm(until_ns, TimerEvent { token, kind }));
        }
        let mut interest = self.interest;
        match kind {
            TimerKind::Receive => interest.read = false,
            TimerKind::Send | TimerKind::Connect | TimerKind::Lifetime => interest.write = false,
        }
        self.set_interest(interest, io)
    }

    /// Watches for this from now on; nothing to do if it does already.
    pub(super) fn set_interest(&mut self, interest: Interest, io: &mut Io) -> Turn {
        if interest != self.interest && self.watched {
            io.calls += 1;
            if let Err(error) = io.reactor.modify(&self.stream, self.token, interest, Mode::Level) {
                return io.fail(error);
            }
        }
        self.interest = interest;
        Turn::Over
    }
}

impl Io {
    /// The machine refused us something; the engine stops, and the connection is not blamed.
    pub(super) fn fail(&mut self, error: io::Error) -> Turn {
        self.failure.get_or_insert(error);
        Turn::Over
    }
}

/// What follows from a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask the behavior again.
    Again,
    /// Wait for the socket or the clock.
    Over,
    /// The connection is over.
    End(CloseReason),
}
