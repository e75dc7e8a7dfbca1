//! One connection: receive, answer, send, and how it ends.

mod sending;

use std::{
    io::{self, ErrorKind},
    net::TcpStream,
    os::fd::AsFd,
};

use nix::sys::socket::{setsockopt, sockopt};

use super::{
    counters::Counters,
    event_loop::Shared,
    eviction::{End, Eviction, How, Reason},
    messages::{BATCH_BYTES, Batch, Dialog},
    policy::{Policy, Watch},
};
use crate::{
    buffer::{self, Buffer},
    profile::EvictBy,
    reactor::{Interest, Mode, Ready, Token},
    sys,
    timers::TimerId,
};

/// What one connection may receive, and how much may be answered to it, before the others have their turn.
const QUANTUM_BYTES: usize = 256 * 1024;

/// A peer, from `accept` to the end.
pub(super) struct Connection {
    stream: TcpStream,
    token: Token,
    peer_port: u16,
    receive: Box<dyn Buffer + Send>,
    send: Box<dyn Buffer + Send>,
    dialog: Dialog,
    input: Input,
    /// EPOLLOUT is awaited: exactly while something waits to be sent. Nothing is sent directly then.
    write_armed: bool,
    timer: Option<(TimerId, Watch)>,
    accounted: Accounted,
    /// In the queue of those that go on without new readiness.
    pub(super) queued: bool,
    /// In the list of those whose memory is looked after; and whether anything has happened since the last look.
    pub(super) tidy: Option<bool>,
}

/// What is known of the bytes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Awaited,
    /// Readiness was reported and is not used up.
    Ready,
    /// The peer has ended its stream.
    Ended,
    /// And epoll was told not to listen for more.
    Muted,
}

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When epoll reports readiness.
    Wait,
    /// After the others have had their turn.
    Again,
}

/// What this connection adds to the sums in [`Counters`].
#[derive(Clone, Copy, Debug, Default)]
struct Accounted {
    send: usize,
    receive: usize,
    footprint: usize,
    appended: u64,
    moved: u64,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, token: Token, peer_port: u16, policy: &Policy) -> Self {
        Self {
            stream,
            token,
            peer_port,
            receive: buffer::make(policy.buffer, policy.initial, policy.receive_limit),
            // The policy looks at the limit after the kernel has taken its share.
            send: buffer::make(policy.buffer, policy.initial, None),
            dialog: Dialog::new(policy.protocol, policy.receive_limit),
            input: Input::Awaited,
            write_armed: false,
            timer: None,
            accounted: Accounted::default(),
            queued: false,
            tidy: None,
        }
    }

    pub(super) fn watch(&self, shared: &Shared) -> io::Result<()> {
        shared.counters.controls.add(1);
        shared.reactor.add(&self.stream, self.token, Interest::READ, shared.policy.mode)
    }

    /// Readiness was reported.
    pub(super) fn ready(&mut self, ready: Ready, shared: &mut Shared, spill: &mut [u8]) -> Result<Next, End> {
        if ready.broken {
            return Err(self.failure());
        }
        if ready.writable && self.write_armed {
            self.send_on(shared)?;
        }
        if (ready.readable || ready.peer_closed) && self.input == Input::Awaited {
            self.input = Input::Ready;
        }
        if self.queued { Ok(Next::Wait) } else { self.turn(shared, spill) }
    }

    /// Answers what is there and receives more, within bounds.
    pub(super) fn turn(&mut self, shared: &mut Shared, spill: &mut [u8]) -> Result<Next, End> {
        let (mut bytes, mut batches) = (QUANTUM_BYTES, QUANTUM_BYTES / BATCH_BYTES);
        loop {
            while self.answer(shared)?.more {
                batches -= 1;
                if batches == 0 {
                    return Ok(Next::Again);
                }
            }
            match self.input {
                Input::Awaited => return Ok(Next::Wait),
                Input::Ended | Input::Muted => return self.finish(shared),
                Input::Ready if bytes == 0 => return Ok(Next::Again),
                Input::Ready => bytes = bytes.saturating_sub(self.receive(shared, spill)?),
            }
        }
    }

    /// One batch of answers, and one attempt to send it.
    fn answer(&mut self, shared: &mut Shared) -> Result<Batch, End> {
        let answered = self.dialog.answer(&mut *self.receive, &mut *self.send, &mut shared.scratch);
        let batch = answered.inspect_err(|reason| {
            shared.counters.rejected.add(u64::from(*reason == Reason::Protocol));
        })?;
        shared.counters.messages.add(batch.messages);
        if batch.appended > 0 {
            self.send_directly(shared)?;
            if shared.policy.overfull(self.send.readable()) {
                return Err(Reason::SendLimit.into());
            }
        }
        Ok(batch)
    }

    /// One read; level-triggered readiness is used up then, an edge only when nothing is left.
    fn receive(&mut self, shared: &mut Shared, spill: &mut [u8]) -> Result<usize, End> {
        // At most one spill block at a time: with half of it free in the buffer, no spilling is needed.
        let room = self.receive.writable();
        let spilled = if room >= spill.len() / 2 { 0 } else { spill.len() - room };
        shared.counters.reads.add(1);
        if shared.policy.mode == Mode::Level {
            self.input = Input::Awaited;
        }
        match self.receive.read_from(&mut &self.stream, &mut spill[..spilled]) {
            Ok(0) => self.input = Input::Ended,
            Ok(count) => return Ok(count),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.input = Input::Awaited,
                ErrorKind::Interrupted => self.input = Input::Ready,
                ErrorKind::StorageFull => return Err(Reason::ReceiveLimit.into()),
                _ => return Err(How::from_error(&error).into()),
            },
        }
        Ok(0)
    }

    /// The peer has ended its stream; what it asked for is still sent.
    fn finish(&mut self, shared: &Shared) -> Result<Next, End> {
        if self.send.readable() == 0 {
            return Err(How::PeerClosed.into());
        }
        if self.input == Input::Ended {
            self.input = Input::Muted;
            self.register(shared)?;
        }
        Ok(Next::Wait)
    }

    /// What broke the connection.
    fn failure(&self) -> End {
        // Both directions closed without an error: we never close only one, so the peer has done it.
        let error = self.stream.take_error().ok().flatten();
        error.map_or(How::PeerReset, |error| How::from_error(&error)).into()
    }

    /// Brings the sums up to date.
    pub(super) fn account(&mut self, counters: &Counters) {
        let (sent, received) = (self.send.work(), self.receive.work());
        let now = Accounted {
            send: self.send.readable(),
            receive: self.receive.readable(),
            footprint: self.send.footprint() + self.receive.footprint(),
            appended: sent.appended + received.appended,
            moved: sent.moved + received.moved,
        };
        let before = std::mem::replace(&mut self.accounted, now);
        counters.send_buffered.shift(before.send, now.send);
        counters.receive_buffered.shift(before.receive, now.receive);
        counters.footprint.shift(before.footprint, now.footprint);
        counters.appended.add(now.appended - before.appended);
        counters.moved.add(now.moved - before.moved);
    }

    /// Memory of both buffers, in bytes, as last accounted.
    pub(super) fn footprint(&self) -> usize {
        self.accounted.footprint
    }

    /// Nothing waited when last accounted.
    pub(super) fn is_drained(&self) -> bool {
        self.accounted.send + self.accounted.receive == 0
    }

    pub(super) fn shrink(&mut self) {
        self.send.shrink();
        self.receive.shrink();
    }

    /// Ends the connection; its sums and timers go with it. Returns how many bytes its buffers held.
    pub(super) fn close(mut self, end: End, shared: &mut Shared) -> usize {
        if let Some((timer, _)) = self.timer {
            shared.timers.cancel(timer);
        }
        match end {
            End::Evicted(reason) => self.evict(reason, shared),
            End::Ended(how) => shared.counters.ended.of(how).add(1),
        }
        self.account(&shared.counters);
        let counters = &shared.counters;
        counters.send_buffered.shift(self.accounted.send, 0);
        counters.receive_buffered.shift(self.accounted.receive, 0);
        counters.footprint.shift(self.accounted.footprint, 0);
        self.accounted.footprint
    }

    fn evict(&self, reason: Reason, shared: &Shared) {
        let timeout_ns = shared.policy.send_timeout_ns.filter(|_| reason == Reason::SendTimeout);
        let timer = timeout_ns.zip(self.timer).map(|(timeout_ns, (_, watch))| {
            (watch.progress_ns, watch.progress_ns.saturating_add(timeout_ns))
        });
        shared.counters.evictions.of(reason).add(1);
        let kernel_queued = sys::send_queue_bytes(self.stream.as_fd()).unwrap_or(0);
        if shared.policy.evict_by == EvictBy::Rst {
            let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
            // It fails only for what is no socket; then a plain close is what remains.
            let _ = setsockopt(&self.stream, sockopt::Linger, &at_once);
        }
        shared.journal.record(Eviction {
            at_ns: sys::monotonic_ns(),
            reason,
            peer_port: self.peer_port,
            timer,
            send_buffered: self.send.readable(),
            kernel_queued,
        });
    }
}
