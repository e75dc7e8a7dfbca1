//! One connection: the only code that turns the steps of behaviors into system calls.
//!
//! ```text
//!   Connection ── Exchange ─┬─ Outbound ── Requests    what is asked, and its bytes
//!                           ├─ Inbound ─── Answers     what is heard, and its bytes
//!                           └─ Socket                  what the reactor watches
//! ```

mod answers;
mod closed;
mod direction;
mod exchange;
mod inbound;
mod outbound;
mod requests;
mod socket;

use std::{io, time::Duration};

pub(super) use self::closed::ClosedConnection;
use self::{exchange::Exchange, inbound::Inbound, outbound::Outbound, requests::Requests, socket::Socket};
use super::{
    close_reason::CloseReason,
    context::{Context, TimerEvent, TimerKind},
    transport::Transport,
    workload::Workload,
};
use crate::{
    behavior,
    codec::Script,
    reactor::{Ready, Token},
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
        let exchange = Exchange::new(
            Socket::connecting(transport, token),
            Requests::new(script.encoder(stream), part),
            Outbound::new(tx, seed + 1),
            Inbound::new(rx, seed, script.decoder(stream)),
        );
        Self { exchange, is_open: false, deadline: None }
    }

    /// Has the end of the handshake reported, and ends it where it takes too long.
    ///
    /// # Errors
    /// When the machine allows no more sockets to be watched.
    pub(super) fn await_handshake(&mut self, context: &mut Context) -> io::Result<()> {
        self.exchange.await_handshake(context)?;
        self.arm_deadline(TimerKind::Connect, context.now_ns + CONNECT_TIMEOUT.as_nanos() as u64, context);
        Ok(())
    }

    /// The handshake is over; how the connection ended, if it has failed.
    pub(super) fn connected(&mut self, context: &mut Context) -> Option<CloseReason> {
        if let Some(error) = self.exchange.take_handshake_error() {
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
        self.exchange.begin(context, workload)
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
                self.exchange.retire(context, workload)
            }
            TimerKind::Receive => self.exchange.receive_timer_fired(context, workload),
            TimerKind::Send => self.exchange.send_timer_fired(context, workload),
        }
    }

    /// Starts a request that becomes due now.
    pub(super) fn start_request(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.exchange.start_request(context, workload)
    }

    /// Starts a request that waits, as the connection has offered to.
    pub(super) fn start_waiting_request(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.exchange.start_waiting_request(context, workload)
    }

    /// The connection has ended in that way. What the server has not looked at goes back to the group.
    pub(super) fn end(
        self,
        how: CloseReason,
        opened_ns: u64,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> ClosedConnection {
        if let Some(timer) = self.deadline {
            context.timers.cancel(timer);
        }
        self.exchange.end(how, self.is_open, opened_ns, context, workload)
    }

    fn arm_deadline(&mut self, kind: TimerKind, at_ns: u64, context: &mut Context) {
        let event = TimerEvent { token: self.exchange.token(), kind };
        self.deadline = Some(context.timers.arm(at_ns, event));
    }

    /// Which part of a transfer is its own, if one is.
    pub(super) const fn part(&self) -> u32 {
        self.exchange.part()
    }

    /// Whether the handshake was completed.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// When the oldest request that is under way was due.
    pub(super) fn oldest_due_ns(&self) -> Option<u64> {
        self.exchange.oldest_due_ns()
    }
}
