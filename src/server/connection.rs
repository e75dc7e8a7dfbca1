//! One connection: receive, answer, send, and how it ends.

mod ending;
mod linger;
mod receiving;
mod sending;
mod socket_writer;
mod timing;

use std::{
    io::Read,
    net::{Shutdown, TcpStream},
};

use self::{ending::Accounted, linger::Linger};
use super::{
    close_reason::{CloseKind, CloseReason, EvictionReason},
    event_loop::Shared,
    policy::{Policy, Waiting},
    protocol::{BATCH_BYTES, Batch, Conversation, Protocol},
};
use crate::{
    buffer::{self, Buffer, Layout, Nothing},
    profile::{Overflow, WriteInterest},
    reactor::{Interest, Mode, Ready, Token},
    sys,
    timers::TimerId,
};

/// A peer, from `accept` to the end.
#[allow(clippy::struct_excessive_bools, reason = "what is true of a connection is independent of the rest")]
pub(super) struct Connection {
    stream: TcpStream,
    token: Token,
    peer_port: u16,
    receive: Box<dyn Buffer + Send>,
    send: Box<dyn Buffer + Send>,
    /// It has no buffers yet: they are allocated at its first turn.
    unallocated: bool,
    conversation: Conversation,
    input: Input,
    intake: Intake,
    /// What the last read brought, in bytes: what is expected of the next.
    last_read: usize,
    /// Something waits for EPOLLOUT. Nothing is sent directly then.
    waiting: bool,
    /// What is known of what waits, if there is a limit to its time.
    watch: Option<Box<Waiting>>,
    /// Something was last received, or the last of what waited was sent; if there is a limit to idleness.
    active_ns: u64,
    /// The kernel held data for the peer when it was last looked whether it is idle.
    kernel_held: bool,
    /// The message that is not whole yet; if there is a limit to its time.
    partial: Option<Partial>,
    /// The one timer of all deadlines, and when it fires: at the soonest of them, or before.
    timer: Option<(TimerId, u64)>,
    linger: Linger,
    /// It was evicted and told why: it is in no other count.
    evicted: bool,
    /// Epoll is to be told something else after the turn.
    asks: bool,
    accounted: Accounted,
    /// In the queue of those that go on without new readiness.
    pub(super) queued: bool,
    /// In the list of those whose memory is looked after; and whether anything has happened since the last look.
    pub(super) reclaim: Option<bool>,
}

/// A message of which a part has come.
#[derive(Clone, Copy, Debug)]
struct Partial {
    /// It was seen first.
    since_ns: u64,
    /// Its time was over while more of it lay unread, and so many bytes had been received: it may be whole when they are read.
    spared_at: Option<u64>,
}

/// What is known of the bytes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Awaited,
    /// Readiness was reported and is not used up.
    Ready,
    /// The peer has ended its stream.
    Ended,
}

/// Whether epoll is asked for bytes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intake {
    Open,
    /// Not while so many answers wait, or so many requests behind one.
    Paused,
    /// Never again.
    Closed,
    /// Nor will anything be sent: the server waits for the peer's FIN. To close with bytes of the peer unread would reset
    /// the connection, and what the peer has not read yet would be lost.
    AwaitingFin,
}

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When epoll reports readiness.
    Wait,
    /// After the others have had their turn.
    Again,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, token: Token, peer_port: u16, policy: &Policy) -> Self {
        let mut connection = Self {
            stream,
            token,
            peer_port,
            receive: Box::new(Nothing),
            send: Box::new(Nothing),
            unallocated: true,
            conversation: Conversation::new(policy),
            input: Input::Awaited,
            intake: Intake::Open,
            last_read: 0,
            waiting: false,
            watch: None,
            active_ns: if policy.times.for_idleness() { sys::monotonic_ns() } else { 0 },
            kernel_held: false,
            partial: None,
            timer: None,
            linger: Linger::No,
            evicted: false,
            asks: false,
            accounted: Accounted::default(),
            queued: false,
            reclaim: None,
        };
        if policy.layout.initial > 0 {
            connection.allocate_buffers(policy);
        }
        connection
    }

    fn allocate_buffers(&mut self, policy: &Policy) {
        let receive = Layout { limit: policy.receive_limit, ..policy.layout };
        self.receive = buffer::make_with(policy.buffer, receive);
        // The policy looks at the limit after the kernel has taken its share.
        self.send = buffer::make_with(policy.buffer, policy.layout);
        self.unallocated = false;
    }

    /// Readiness was reported.
    pub(super) fn ready(
        &mut self,
        ready: Ready,
        shared: &mut Shared,
        spill: &mut [u8],
    ) -> Result<Next, CloseReason> {
        if ready.broken {
            return Err(self.failure(shared, spill));
        }
        if ready.writable {
            shared.counters.write_events.add(1);
            if self.waiting {
                let before = self.unsent();
                self.send_on(shared)?;
                shared.counters.write_wakeups.add(1);
                shared.counters.wakeup_bytes.add((before - self.unsent()) as u64);
            }
        }
        if (ready.readable || ready.peer_closed) && self.input == Input::Awaited {
            self.input = Input::Ready;
        }
        if self.queued { Ok(Next::Wait) } else { self.turn(shared, spill) }
    }

    /// The server ends: requests that have arrived are still answered, and no others.
    pub(super) fn drain(&mut self, shared: &mut Shared, spill: &mut [u8]) -> Result<Next, CloseReason> {
        if self.queued {
            return Ok(Next::Wait);
        }
        if self.input == Input::Awaited {
            self.input = Input::Ready;
        }
        self.turn(shared, spill)
    }

    /// Answers what is there and receives more, within bounds.
    pub(super) fn turn(&mut self, shared: &mut Shared, spill: &mut [u8]) -> Result<Next, CloseReason> {
        if self.unallocated {
            self.allocate_buffers(&shared.policy);
        }
        let mut bytes = shared.policy.read_quantum;
        let mut batches = (bytes / BATCH_BYTES).max(1);
        while !matches!(self.intake, Intake::Paused | Intake::AwaitingFin) {
            if self.answer(shared)?.more {
                batches -= 1;
                if batches == 0 {
                    return Ok(Next::Again);
                }
                continue;
            }
            self.close_own_side()?;
            match self.input {
                Input::Awaited if shared.draining && self.linger == Linger::No => {
                    return self.finish(CloseKind::Shutdown, shared);
                }
                Input::Awaited => break,
                Input::Ended => return self.finish(self.peer_close_kind(), shared),
                Input::Ready if bytes == 0 => return Ok(Next::Again),
                Input::Ready => bytes = bytes.saturating_sub(self.receive(bytes, shared, spill)?),
            }
        }
        self.note_message(shared);
        Ok(Next::Wait)
    }

    /// One batch of answers, and one attempt to send it.
    fn answer(&mut self, shared: &mut Shared) -> Result<Batch, CloseReason> {
        if self.intake == Intake::Paused {
            return Ok(Batch::default());
        }
        let answered = self.conversation.answer(&mut *self.receive, &mut *self.send, &mut shared.scratch);
        let batch = answered.inspect_err(|reason| {
            shared.counters.rejected.add(u64::from(*reason == EvictionReason::Protocol));
        })?;
        shared.counters.rejected.add(batch.rejected);
        if batch.messages > 0 {
            shared.counters.messages.add(batch.messages);
            self.partial = None;
            if shared.policy.work_ns > 0 {
                burn(shared.policy.work_ns.saturating_mul(batch.messages));
            }
        }
        if batch.appended > 0 {
            self.send_directly(shared)?;
            self.limit_waiting(shared)?;
        }
        Ok(batch)
    }

    /// What waits is measured against the limits. They are about memory: what is left in a file, or to
    /// be made, takes none.
    fn limit_waiting(&mut self, shared: &Shared) -> Result<(), CloseReason> {
        let waiting = self.send.readable();
        self.watch_soft_limit(shared);
        if !shared.policy.above_high_water(waiting) {
            return Ok(());
        }
        if shared.policy.overflow == Overflow::Close {
            return Err(EvictionReason::SendLimit.into());
        }
        self.pause(shared)
    }

    /// No more requests are read until what waits is sent.
    fn pause(&mut self, shared: &Shared) -> Result<(), CloseReason> {
        if self.intake != Intake::Open {
            return Ok(());
        }
        self.intake = Intake::Paused;
        shared.counters.reads_paused.add(1);
        self.register(shared)
    }

    /// No more will come from the peer, or be taken; what it asked for is still sent.
    fn finish(&mut self, how: CloseKind, shared: &Shared) -> Result<Next, CloseReason> {
        let is_sent = self.unsent() == 0;
        if is_sent && self.may_close(how) {
            return Err(how.into());
        }
        let before = self.intake;
        self.intake = if is_sent { Intake::AwaitingFin } else { Intake::Closed };
        if before == Intake::Open {
            self.register(shared)?;
        }
        if is_sent {
            self.stream.shutdown(Shutdown::Write).map_err(|error| CloseKind::from_error(&error))?;
        }
        Ok(Next::Wait)
    }

    /// Whether a close can take nothing away from a peer to which all is sent: it says no more, or it was let go while it
    /// waited for nothing. A request that crosses the close resets the connection, and what the kernel holds is lost.
    fn may_close(&self, how: CloseKind) -> bool {
        let is_idle =
            self.intake == Intake::Open && (how != CloseKind::Shutdown || self.held_by_kernel() == 0);
        how == CloseKind::PeerClosed || is_idle
    }

    /// What broke the connection. Where nothing did, and both sides have ended their streams, what is still unread is
    /// thrown away: to close with it there would reset the connection, and what the kernel holds for the peer would be lost.
    fn failure(&self, shared: &Shared, spill: &mut [u8]) -> CloseReason {
        // Both directions closed without an error: unless we have closed ours, the peer has closed both.
        let closed = match (shared.draining, self.linger) {
            (true, _) => CloseKind::Shutdown,
            (_, Linger::No) => CloseKind::PeerReset,
            _ => self.peer_close_kind(),
        };
        if let Ok(Some(error)) = self.stream.take_error() {
            return CloseKind::from_error(&error).into();
        }
        // The end of the peer's stream has come: there is no more than this.
        while matches!((&self.stream).read(spill), Ok(count) if count > 0) {}
        closed.into()
    }

    pub(super) fn watch(&self, shared: &Shared) -> Result<(), CloseReason> {
        shared.counters.controls.add(1);
        let interest = self.interest(shared);
        let added = shared.reactor.add(&self.stream, self.token, interest, self.mode(shared));
        added.map_err(|_| CloseKind::Error.into())
    }

    fn register(&mut self, shared: &Shared) -> Result<(), CloseReason> {
        if shared.policy.one_shot() {
            self.asks = true;
            return Ok(());
        }
        self.modify(self.interest(shared), shared)
    }

    /// After a turn of a thread that had the connection for itself: the others may have it again. One that will go on
    /// by itself is armed only for room to send.
    pub(super) fn rearm(&mut self, shared: &Shared) -> Result<(), CloseReason> {
        let asks = std::mem::take(&mut self.asks);
        let waits = if self.queued { self.waiting } else { self.intake == Intake::Open };
        if !(asks || waits) {
            return Ok(());
        }
        let interest = self.interest(shared);
        self.modify(Interest { read: interest.read && !self.queued, ..interest }, shared)
    }

    fn modify(&self, interest: Interest, shared: &Shared) -> Result<(), CloseReason> {
        shared.counters.controls.add(1);
        let modified = shared.reactor.modify(&self.stream, self.token, interest, self.mode(shared));
        modified.map_err(|error| CloseKind::from_error(&error).into())
    }

    fn interest(&self, shared: &Shared) -> Interest {
        let eager = shared.policy.write_interest == WriteInterest::Eager;
        Interest { read: self.intake == Intake::Open, write: self.waiting || eager }
    }

    /// The end of the peer's stream is readiness that does not go away while nothing is read, and `EPOLLRDHUP` is
    /// always asked for: level-triggered it would spin, an edge reports it once.
    fn mode(&self, shared: &Shared) -> Mode {
        match self.intake {
            Intake::Open if shared.policy.one_shot() => Mode::OneShot,
            Intake::Open => shared.policy.mode,
            _ => Mode::Edge,
        }
    }
}

/// Keeps the CPU busy, as an application that has to think would.
fn burn(ns: u64) {
    let end_ns = sys::monotonic_ns().saturating_add(ns);
    while sys::monotonic_ns() < end_ns {
        std::hint::spin_loop();
    }
}
