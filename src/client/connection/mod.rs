//! One connection: the only code that turns the steps of behaviors into system calls.
//!
//! ```text
//!   Connection ── Exchange ─┬─ Outbound ── Requests    what is asked, and its bytes
//!                           ├─ Inbound ─── Answers     what is heard, and its bytes
//!                           └─ Socket                  what the reactor watches
//! ```

mod answers;
mod direction;
mod ended;
mod exchange;
mod inbound;
mod outbound;
mod requests;
mod socket;

use std::{io, time::Duration};

pub(super) use self::ended::Ended;
use self::{
    ended::{final_reason, is_right_after_answer},
    exchange::Exchange,
    inbound::Inbound,
    outbound::Outbound,
    requests::Requests,
    socket::Socket,
};
use super::{
    close_reason::{CloseReason, Life},
    context::{Context, TimerEvent, TimerKind},
    transport::Transport,
    workload::Workload,
};
use crate::{
    behavior::{self, CloseMethod},
    codec::Script,
    reactor::{Interest, Ready, Token},
    timers::TimerId,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One connection.
pub(super) struct Connection {
    exchange: Exchange,
    /// The handshake was completed.
    is_open: bool,
    /// The timer that ends it: before the handshake was completed, or when it was kept for long enough.
    deadline: Option<TimerId>,
}

/// What a connection says, and how.
pub(super) struct Role<'a> {
    /// How it receives, and how it sends.
    pub(super) rx: &'a behavior::Spec,
    pub(super) tx: &'a behavior::Spec,
    /// What is said and must be heard.
    pub(super) script: &'a Script,
    /// The number of its content.
    pub(super) stream: u32,
    /// Which part of a transfer is its own, if one is.
    pub(super) part: u32,
    /// Fixes everything random.
    pub(super) seed: u64,
}

impl Connection {
    /// A connection whose handshake has begun.
    pub(super) fn open(transport: Transport, token: Token, role: &Role<'_>) -> Self {
        let Role { rx, tx, script, stream, part, seed } = *role;
        Self {
            exchange: Exchange {
                socket: Socket::connecting(transport, token),
                requests: Requests::new(script.encoder(stream), part),
                outbound: Outbound::new(tx, seed + 1),
                inbound: Inbound::new(rx, seed, script.decoder(stream)),
            },
            is_open: false,
            deadline: None,
        }
    }

    /// Has the end of the handshake reported, and ends it where it takes too long.
    ///
    /// # Errors
    /// When the machine allows no more sockets to be watched.
    pub(super) fn await_handshake(&mut self, context: &mut Context) -> io::Result<()> {
        self.exchange.socket.register(context)?;
        self.arm_deadline(TimerKind::Connect, context.now_ns + CONNECT_TIMEOUT.as_nanos() as u64, context);
        Ok(())
    }

    /// The handshake is over; how the connection ended, if it has failed.
    pub(super) fn connected(&mut self, context: &mut Context) -> Option<CloseReason> {
        if let Some(error) = self.exchange.socket.transport().take_error() {
            // Nothing was asked yet: what may have come before an RST is no answer.
            return Some(CloseReason::of_failed_connect(&error));
        }
        if let Some(timer) = self.deadline.take() {
            context.timers.cancel(timer);
        }
        self.is_open = true;
        None
    }

    /// Begins what the connection is for; it ends at `lifetime_ends_ns` at the latest.
    pub(super) fn begin(
        &mut self,
        lifetime_ends_ns: Option<u64>,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        if let Some(end_ns) = lifetime_ends_ns {
            self.arm_deadline(TimerKind::Lifetime, end_ns, context);
        }
        self.exchange.socket.watch(Interest::READ, context);
        self.exchange.requests.start_first(
            self.exchange.socket.token(),
            context.now_ns,
            context.is_closing,
            workload,
        );
        let close_reason = self.exchange.send(context, workload);
        // A behavior of its own decides whether the socket is read at all.
        if close_reason.is_some() || self.exchange.inbound.direction().is_steady() {
            close_reason
        } else {
            self.exchange.receive(context, workload)
        }
    }

    /// Something happened to an open connection.
    pub(super) fn ready(
        &mut self,
        ready: Ready,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.exchange.ready(ready, context, workload)
    }

    /// A timer of the connection has fired.
    pub(super) fn timer_fired(
        &mut self,
        kind: TimerKind,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        match kind {
            TimerKind::Connect => Some(CloseReason::TimedOut),
            TimerKind::Lifetime => {
                self.deadline = None;
                self.retire(context, workload)
            }
            TimerKind::Receive => {
                self.exchange.inbound.direction_mut().timer_fired();
                self.exchange.receive(context, workload)
            }
            TimerKind::Send => {
                self.exchange.outbound.direction_mut().timer_fired();
                self.exchange.send(context, workload)
            }
        }
    }

    /// Starts a request that becomes due now.
    pub(super) fn start_request(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.exchange.requests.start(context.now_ns, workload);
        self.exchange.send(context, workload)
    }

    /// Starts a request that waits, as the connection has offered to.
    pub(super) fn start_waiting_request(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.exchange.requests.take_one(self.exchange.socket.token(), workload);
        self.exchange.send(context, workload)
    }

    /// The connection has ended in that way. What the server has not looked at goes back to the group.
    pub(super) fn end(
        self,
        how: CloseReason,
        opened_ns: u64,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Ended {
        let Self { exchange, is_open, deadline } = self;
        let Exchange { socket, mut requests, outbound, inbound } = exchange;
        for timer in
            [inbound.direction().timer(), outbound.direction().timer(), deadline].into_iter().flatten()
        {
            context.timers.cancel(timer);
        }
        let (now_ns, answers) = (context.now_ns, inbound.answers());
        let is_spent = requests.is_spent(workload.rules());
        let how = if is_open {
            final_reason(how, opened_ns, now_ns, answers, &mut requests, &socket, workload)
        } else {
            how
        };
        let life = Life {
            opened_ns,
            is_established: is_open,
            answers: answers.count(),
            is_right_after_answer: is_right_after_answer(how, now_ns, answers),
            is_spent,
            part: requests.part(),
        };
        let (tally, is_after_error) = (answers.tally(), answers.last_was_error());
        let has_threads = outbound.has_threads() || inbound.has_threads();
        let vanished = socket.release(how, has_threads, context);
        Ended { how, life, content: tally, is_after_error, vanished, requests }
    }

    /// The connection has lived as long as it was to. A good client begins nothing new on it, and closes it when it has heard
    /// all answers: what a server leaves unanswered is not hidden by that.
    fn retire(&mut self, context: &mut Context, workload: &mut impl Workload) -> Option<CloseReason> {
        self.exchange.requests.take_back_unsent(workload);
        if workload.rules().is_steady && self.exchange.requests.retire() {
            return None;
        }
        self.exchange.close(CloseMethod::Close, context, workload)
    }

    fn arm_deadline(&mut self, kind: TimerKind, at_ns: u64, context: &mut Context) {
        let event = TimerEvent { token: self.exchange.socket.token(), kind };
        self.deadline = Some(context.timers.arm(at_ns, event));
    }

    /// Which part of a transfer is its own, if one is.
    pub(super) const fn part(&self) -> u32 {
        self.exchange.requests.part()
    }

    /// Whether the handshake was completed.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// When the oldest request that is under way was due.
    pub(super) fn oldest_due_ns(&self) -> Option<u64> {
        self.exchange.requests.oldest_due_ns()
    }
}
