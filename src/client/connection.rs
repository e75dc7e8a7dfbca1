//! One connection: the only code that turns steps into system calls.

use std::io::ErrorKind;

use super::{
    close_reason::CloseReason,
    context::{Context, TimerEvent, TimerKind},
    direction::{Allowed, Direction},
    group::Group,
    pending::Pending,
    race::{Readers, Writers},
    transport::Transport,
};
use crate::{
    behavior::Message,
    codec::{Decoder, Encoder},
    reactor::{Interest, Mode, Ready, Token},
    timers::TimerId,
};

/// How many system calls one connection may make before the others have their turn.
pub(super) const TURN_CALLS: usize = 64;

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
    pub(super) transport: Transport,
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
    pub(super) fn handle(
        &mut self,
        ready: Ready,
        context: &mut Context,
        group: &mut Group,
    ) -> Option<CloseReason> {
        if ready.broken
            && let Some(error) = self.transport.take_error()
        {
            return self.broke(&error, context, group);
        }
        if (self.interest.read || self.is_read_by_threads()) && (ready.readable || ready.peer_closed) {
            let close_reason = self.receive(context, group);
            if close_reason.is_some() {
                return close_reason;
            }
        } else if ready.peer_closed || ready.broken {
            return self.peer_closed(context);
        }
        if ready.writable { self.send(context, group) } else { None }
    }

    /// The peer has ended its stream and nobody reads: a slow reader goes on with its pauses until it meets the end,
    /// but the reactor would repeat itself.
    fn peer_closed(&mut self, context: &mut Context) -> Option<CloseReason> {
        if self.rx.timer.is_none() {
            return Some(self.peer_ended());
        }
        context.calls += 1;
        self.watched = context.reactor.remove(&self.transport).is_err();
        None
    }

    /// Sends what is due, as the behavior allows.
    pub(super) fn send(&mut self, context: &mut Context, group: &mut Group) -> Option<CloseReason> {
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
                    && let Turn::End(ended) = self.end(end, context, group)
                {
                    return Some(ended);
                }
                // The next pause counts from when there is something to send again.
                self.tx.blocked();
                self.set_interest(Interest { write: false, ..self.interest }, context);
                return None;
            }
            let step = match self.tx.allowed(context.now_ns, left, place) {
                Allowed::Move(most) => self.send_once(most, left, context, group),
                Allowed::Endless(most) => self.send_endless(most, left, context, group),
                Allowed::Wait(until) => self.rest(TimerKind::Send, until, context),
                Allowed::Hold => self.set_interest(Interest { write: false, ..self.interest }, context),
                Allowed::Race(race) => self.race_to_send(race, context, group),
                Allowed::End(end) => self.end(end, context, group),
            };
            match step {
                Turn::Again => {}
                Turn::Over => return None,
                Turn::End(ended) => return Some(ended),
            }
        }
        // There is more to send: the reactor calls again when the others had their turn.
        self.set_interest(Interest { write: true, ..self.interest }, context);
        None
    }

    fn send_once(&mut self, most: usize, left: u64, context: &mut Context, group: &mut Group) -> Turn {
        let most = most.min(context.send_buffer.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        self.encoder.fill(self.tx.moved, &mut context.send_buffer[..most]);
        self.tx.spoil(&mut context.send_buffer[..most]);
        context.calls += 1;
        match self.transport.send(&context.send_buffer[..most]) {
            Ok(count) => {
                self.note_sent(count, context.now_ns);
                self.tx.moved(count);
                group.sent += count as u64;
                if count < most { self.want_to_write(context) } else { Turn::Again }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.tx.blocked();
                self.want_to_write(context)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Turn::Again,
            Err(error) => self.broke(&error, context, group).map_or(Turn::Over, Turn::End),
        }
    }

    /// From the first byte on, a request that never ends takes the place of those that are due.
    fn send_endless(&mut self, most: usize, left: u64, context: &mut Context, group: &mut Group) -> Turn {
        if let Some(endless) = self.encoder.endless() {
            self.encoder = endless;
        }
        self.send_once(most, left, context, group)
    }

    fn want_to_write(&mut self, context: &mut Context) -> Turn {
        self.set_interest(Interest { write: true, ..self.interest }, context)
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
    pub(super) fn rest(&mut self, kind: TimerKind, until_ns: u64, context: &mut Context) -> Turn {
        let token = self.token;
        let direction = if kind == TimerKind::Receive { &mut self.rx } else { &mut self.tx };
        if direction.timer.is_none() {
            direction.timer = Some(context.timers.arm(until_ns, TimerEvent { token, kind }));
        }
        let mut interest = self.interest;
        match kind {
            TimerKind::Receive => interest.read = false,
            TimerKind::Send | TimerKind::Connect | TimerKind::Lifetime => interest.write = false,
        }
        self.set_interest(interest, context)
    }

    /// Watches for this from now on; nothing to do if it does already.
    pub(super) fn set_interest(&mut self, interest: Interest, context: &mut Context) -> Turn {
        if interest != self.interest && self.watched {
            context.calls += 1;
            if let Err(error) = context.reactor.modify(&self.transport, self.token, interest, Mode::Level) {
                context.fail(error);
                return Turn::Over;
            }
        }
        self.interest = interest;
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
