//! One connection: receives, answers, sends, and ends.
//!
//! ```text
//!                       exchange
//!            ┌─────────────┴────────────┐
//!         channel                  conversation
//!      inbound, outbound        (of the protocol)
//!
//!   socket ─→ inbound ─→ conversation ─→ outbound ─→ socket
//! ```
//! The deadlines, the account and the closing stand beside the exchange, which reports to them what happens.

mod account;
mod admission;
mod channel;
mod close;
mod deadlines;
mod exchange;
mod inbound;
mod outbound;
mod send_attempt;
mod socket;

use std::net::Shutdown;

use self::{
    account::Account,
    admission::Admission,
    channel::Channel,
    close::Closing,
    deadlines::{Deadlines, Situation},
    exchange::Exchange,
    inbound::Input,
    outbound::Sent,
};
use super::{
    close_reason::{CloseKind, CloseReason},
    context::Context,
    policy::Policy,
    protocol::{BATCH_BYTES, Batch},
    timers::{TimerEvent, Timers},
    transport::Transport,
};
use crate::{
    address::Endpoint,
    reactor::{Ready, Token},
    timers::TimerId,
};

/// A peer, from `accept` to the end.
pub(super) struct Connection {
    exchange: Exchange,
    deadlines: Deadlines,
    closing: Closing,
    account: Account,
    admission: Admission,
    /// It goes on without new readiness.
    is_queued: bool,
}

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When epoll reports readiness.
    Wait,
    /// After the others have had their turn, by [`Connection::resume`].
    Again,
}

impl Connection {
    pub(super) fn new(transport: Transport, token: Token, peer: Endpoint, policy: &Policy) -> Self {
        Self {
            exchange: Exchange::new(Channel::new(transport, token, peer, policy), policy),
            deadlines: Deadlines::new(policy),
            closing: Closing::default(),
            account: Account::default(),
            admission: Admission::default(),
            is_queued: false,
        }
    }

    /// Epoll watches it from now on.
    ///
    /// # Errors
    /// The end of the connection, as for all that follow.
    pub(super) fn open(&self, context: &Context) -> Result<(), CloseReason> {
        self.exchange.channel().open(context)
    }

    /// Readiness was reported.
    pub(super) fn ready(&mut self, ready: Ready, context: &mut Context) -> Result<Next, CloseReason> {
        let hung_up = ready.broken && self.is_peer_only_gone(context)?;
        if ready.broken && !hung_up {
            return Err(self.failure(context));
        }
        if ready.writable {
            context.counters.write_events.add(1);
            if self.exchange.channel().outbound().is_waiting() {
                self.send_on(context)?;
            }
        }
        if ready.readable || ready.peer_closed || hung_up {
            self.exchange.channel_mut().note_ready();
        }
        if self.is_queued { Ok(Next::Wait) } else { self.turn(context) }
    }

    /// It was to go on, and the others have had their turn.
    pub(super) fn resume(&mut self, context: &mut Context) -> Result<Next, CloseReason> {
        self.is_queued = false;
        self.turn(context)
    }

    /// The server ends: requests that have arrived are still answered, and no others.
    pub(super) fn drain(&mut self, context: &mut Context) -> Result<Next, CloseReason> {
        if self.is_queued {
            return Ok(Next::Wait);
        }
        self.exchange.channel_mut().note_ready();
        self.turn(context)
    }

    /// Whether its next request is to be queued until it may be in progress; it is from now on.
    pub(super) fn begin_waiting(&mut self) -> bool {
        self.admission.begin_waiting()
    }

    /// Whether its next request is queued.
    pub(super) fn is_waiting(&self) -> bool {
        self.admission.is_waiting()
    }

    /// Its next request is in progress until the timer fires.
    pub(super) fn begin_request(&mut self, timer: TimerId) {
        self.admission.begin(timer);
    }

    /// Whether its next request is in progress.
    pub(super) fn is_in_progress(&self) -> bool {
        self.admission.is_in_progress()
    }

    /// Its request is no longer in progress: it is answered, and what was held up behind it goes on.
    pub(super) fn request_done(&mut self, context: &mut Context) -> Result<Next, CloseReason> {
        self.admission.end();
        self.deadlines.note_active(&context.policy);
        self.exchange.channel_mut().note_room(context)?;
        if self.is_queued { Ok(Next::Wait) } else { self.turn(context) }
    }

    /// Epoll reported it once, to one of several threads: it may be reported again.
    pub(super) fn rearm(&mut self, context: &Context) -> Result<(), CloseReason> {
        self.exchange.channel_mut().rearm(self.is_queued, context)
    }

    /// One of its timers has fired.
    pub(super) fn timer_fired(
        &mut self,
        event: TimerEvent,
        context: &Context,
        timers: &mut Timers,
    ) -> Result<(), CloseReason> {
        if let TimerEvent::Linger(_) = event {
            return self.closing.timer_fired(self.exchange.channel(), timers);
        }
        let is_waited_for = self.is_waited_for();
        let channel = self.exchange.channel();
        let situation =
            Situation { channel, account: &mut self.account, is_waited_for, is_queued: self.is_queued };
        self.deadlines.timer_fired(situation, context, timers)
    }

    /// Which of its timers has fired while a thread had the connection for itself.
    pub(super) fn missed_timer(&self, timers: &Timers) -> Option<TimerEvent> {
        let token = self.exchange.channel().socket().token();
        if self.closing.has_missed(timers) {
            return Some(TimerEvent::Linger(token));
        }
        self.deadlines.has_missed(timers).then_some(TimerEvent::Deadline(token))
    }

    /// Brings counters and timers up to date after something has happened. Whether its memory is to be
    /// [looked after](Self::reclaim) from now on.
    pub(super) fn settle(&mut self, context: &Context, timers: &mut Timers) -> bool {
        let is_waited_for = self.is_waited_for();
        let channel = self.exchange.channel();
        self.account.update(channel, &context.counters);
        self.closing.keep(channel, timers);
        if self.deadlines.are_kept(&context.policy) {
            self.deadlines.keep(channel.socket().token(), is_waited_for, &context.policy, timers);
        }
        self.account.notice_slack(&context.policy)
    }

    /// Gives memory back if nothing waits and nothing has happened since the last look: how many bytes. `None`: look again
    /// later.
    pub(super) fn reclaim(&mut self, context: &Context) -> Option<usize> {
        self.account.reclaim(self.exchange.channel_mut(), context)
    }

    /// Evicts a peer that took too long to ask, and answers so where that is possible. False: the connection can only be
    /// [closed](Self::close).
    pub(super) fn evict_with_answer(&mut self, end: CloseReason, context: &mut Context) -> bool {
        self.closing.evict_with_answer(end, &mut self.exchange, context) && self.close_own_side().is_ok()
    }

    /// Ends the connection; its sums and timers go with it. Returns how many bytes its buffers held.
    pub(super) fn close(mut self, end: CloseReason, context: &Context, timers: &mut Timers) -> usize {
        self.deadlines.cancel(timers);
        self.closing.cancel(timers);
        self.admission.cancel(timers);
        let channel = self.exchange.channel();
        // The last count, unless the connection is broken.
        let _ = self.account.ask(channel, context);
        self.closing.note(end, channel, context);
        // The others hold the socket too: all but the end of the peer's stream would pass them by.
        if context.policy.is_shared() && end != CloseReason::Other(CloseKind::PeerClosed) {
            // It fails when one of them was first.
            let _ = channel.socket().transport().shutdown(Shutdown::Both);
        }
        self.account.close(channel, context)
    }

    /// Answers what is there and receives more, within bounds.
    fn turn(&mut self, context: &mut Context) -> Result<Next, CloseReason> {
        self.exchange.channel_mut().allocate_buffers(&context.policy);
        let mut bytes = context.policy.read_quantum;
        let mut batches = (bytes / BATCH_BYTES).max(1);
        while self.exchange.channel().inbound().is_answered() {
            if self.admission.is_held() {
                if !self.exchange.channel().inbound().is_open() {
                    break;
                }
            } else if self.exchange.may_answer() && self.answer(context)?.more {
                batches -= 1;
                if batches == 0 {
                    return Ok(self.queue());
                }
                continue;
            }
            self.close_own_side()?;
            match self.exchange.channel().inbound().input() {
                Input::Awaited if context.is_draining && !self.closing.has_begun() => {
                    return self.finish(CloseKind::Shutdown, context);
                }
                Input::Awaited => break,
                Input::Ended => return self.finish(self.exchange.peer_close_kind(), context),
                Input::Ready if bytes == 0 => return Ok(self.queue()),
                Input::Ready => bytes = bytes.saturating_sub(self.receive(bytes, context)?),
            }
        }
        if context.policy.times.for_messages() {
            let is_partial = !self.admission.is_held() && self.exchange.awaits_rest_of_message();
            self.deadlines.note_partial(is_partial);
        }
        Ok(Next::Wait)
    }

    fn queue(&mut self) -> Next {
        debug_assert!(!self.is_queued, "it is in the queue already");
        self.is_queued = true;
        Next::Again
    }

    /// No more will come from the peer, or be taken; what it asked for is still answered.
    fn finish(&mut self, kind: CloseKind, context: &Context) -> Result<Next, CloseReason> {
        if self.admission.is_held() {
            self.exchange.channel_mut().finish(false, context)?;
        } else {
            self.exchange.finish(kind, context)?;
        }
        Ok(Next::Wait)
    }

    /// Whether something waits to be sent, or a whole request to be answered.
    fn is_waited_for(&self) -> bool {
        self.exchange.unsent() > 0 || self.admission.is_held()
    }

    /// One read: how many bytes came.
    fn receive(&mut self, quantum: usize, context: &mut Context) -> Result<usize, CloseReason> {
        let count = self.exchange.receive(quantum, self.admission.is_held(), context)?;
        if count > 0 {
            self.deadlines.note_active(&context.policy);
        }
        Ok(count)
    }

    /// One batch of answers, and one attempt to send it.
    fn answer(&mut self, context: &mut Context) -> Result<Batch, CloseReason> {
        let batch = self.exchange.answer(self.admission.take_permits(&context.policy), context)?;
        if batch.messages > 0 {
            self.deadlines.message_ended();
        }
        if batch.appended > 0 {
            match self.exchange.send_directly(context)? {
                None => {}
                Some(Sent::All) => self.deadlines.end_waiting(&context.policy),
                Some(_) => {
                    self.deadlines.begin_waiting(self.exchange.channel(), &mut self.account, context)?;
                }
            }
            self.deadlines.buffered(self.exchange.channel().outbound().buffered(), &context.policy);
            self.exchange.limit_unsent(context)?;
        }
        // While too many answers wait, the next request is not in progress either.
        if batch.is_held && self.exchange.channel().inbound().is_answered() {
            self.deadlines.message_ended();
            self.admission.hold();
        }
        Ok(batch)
    }

    /// There is room in the kernel for what waits.
    fn send_on(&mut self, context: &mut Context) -> Result<(), CloseReason> {
        let (sent, taken) = self.exchange.send_on(context)?;
        if sent == Sent::All {
            self.deadlines.end_waiting(&context.policy);
        } else if taken > 0 {
            self.deadlines.note_sent(&context.policy);
        }
        self.deadlines.buffered(self.exchange.channel().outbound().buffered(), &context.policy);
        context.counters.write_wakeups.add(1);
        context.counters.wakeup_bytes.add(taken as u64);
        Ok(())
    }

    /// Leaves a peer that will get no more answers, once it is sent all of them.
    fn close_own_side(&mut self) -> Result<(), CloseReason> {
        if self.closing.begin(&self.exchange)? {
            self.deadlines.end();
        }
        Ok(())
    }

    /// Whether nothing is broken and the peer has closed its UNIX-domain socket: then both directions have ended at once, which
    /// over TCP takes two to do, and what it sent before can still be read.
    ///
    /// # Errors
    /// What broke the connection.
    fn is_peer_only_gone(&self, context: &Context) -> Result<bool, CloseReason> {
        let transport = self.exchange.channel().socket().transport();
        if !transport.is_unix() || context.is_draining || self.closing.has_begun() {
            return Ok(false);
        }
        transport.take_error().map_or(Ok(true), |error| Err(CloseKind::from_error(&error).into()))
    }

    /// What broke the connection. Where nothing did, and both sides have ended their streams, what is still unread is
    /// thrown away: to close with it there would reset the connection, and what the kernel holds for the peer would be lost.
    fn failure(&self, context: &mut Context) -> CloseReason {
        // Both directions closed without an error: unless we have closed ours, the peer has closed both.
        let closed = match (context.is_draining, self.closing.has_begun()) {
            (true, _) => CloseKind::Shutdown,
            (_, false) => CloseKind::PeerReset,
            _ => self.exchange.peer_close_kind(),
        };
        let channel = self.exchange.channel();
        if let Some(error) = channel.socket().transport().take_error() {
            return CloseKind::from_error(&error).into();
        }
        // The end of the peer's stream has come: there is no more than this.
        channel.socket().discard_unread(context);
        closed.into()
    }
}
