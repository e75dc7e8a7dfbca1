//! The exchange of requests and answers on one connection: what one direction finds out of the other, and how both end.

use std::io::{self, ErrorKind};

use super::{
    closed::{ClosedConnection, final_reason, is_right_after_answer},
    inbound::{self, Inbound},
    outbound::{self, Outbound},
    requests::{Last, Requests},
    socket::Socket,
};
use crate::{
    behavior::CloseMethod,
    client::{
        close_reason::{CloseReason, Life},
        context::Context,
        workload::Workload,
    },
    reactor::{Interest, Ready, Token},
};

/// Both directions of one connection.
pub(super) struct Exchange {
    socket: Socket,
    requests: Requests,
    outbound: Outbound,
    inbound: Inbound,
}

impl Exchange {
    /// The exchange of requests and answers over a socket that is connecting.
    pub(super) const fn new(
        socket: Socket,
        requests: Requests,
        outbound: Outbound,
        inbound: Inbound,
    ) -> Self {
        Self { socket, requests, outbound, inbound }
    }

    /// Has the end of the handshake reported.
    ///
    /// # Errors
    /// When the machine allows no more sockets to be watched.
    pub(super) fn await_handshake(&self, context: &Context) -> io::Result<()> {
        self.socket.register(context)
    }

    /// Why the handshake has failed, if it has.
    pub(super) fn take_handshake_error(&self) -> Option<io::Error> {
        self.socket.transport().take_error()
    }

    /// Begins what the connection is for.
    pub(super) fn begin(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.socket.watch(Interest::READ, context);
        self.requests.start_first(self.socket.token(), context.now_ns, context.is_closing, workload);
        let close_reason = self.send(context, workload);
        // A behavior of its own decides whether the socket is read at all.
        if close_reason.is_some() || self.inbound.direction().is_steady() {
            close_reason
        } else {
            self.receive(context, workload)
        }
    }

    /// Starts a request that becomes due now.
    pub(super) fn start_request(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.requests.start(context.now_ns, workload);
        self.send(context, workload)
    }

    /// Starts a request that waits, as the connection has offered to.
    pub(super) fn start_waiting_request(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.requests.take_one(self.socket.token(), workload);
        self.send(context, workload)
    }

    /// The timer of the receiving direction has fired.
    pub(super) fn receive_timer_fired(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.inbound.direction_mut().timer_fired(context);
        self.receive(context, workload)
    }

    /// The timer of the sending direction has fired.
    pub(super) fn send_timer_fired(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.outbound.direction_mut().timer_fired(context);
        self.send(context, workload)
    }

    /// Something happened to the socket.
    pub(super) fn ready(
        &mut self,
        ready: Ready,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        if ready.broken
            && let Some(error) = self.socket.transport().take_error()
        {
            return self.broke(&error, context, workload);
        }
        if (self.socket.is_read() || self.inbound.is_read_by_threads())
            && (ready.readable || ready.peer_closed)
        {
            let close_reason = self.receive(context, workload);
            if close_reason.is_some() {
                return close_reason;
            }
        } else if ready.peer_closed || ready.broken {
            return self.peer_closed(context);
        }
        if ready.writable { self.send(context, workload) } else { None }
    }

    /// Sends what is due, as the behavior allows.
    fn send(&mut self, context: &mut Context, workload: &mut impl Workload) -> Option<CloseReason> {
        if self.inbound.broken().is_some() {
            return None;
        }
        loop {
            match self.outbound.send(&mut self.socket, &mut self.requests, context, workload) {
                outbound::Stopped::Waits => return None,
                outbound::Stopped::Broke(error) => return self.broke(&error, context, workload),
                outbound::Stopped::Close(method) => {
                    let close_reason = self.close(method, context, workload);
                    if close_reason.is_some() {
                        return close_reason;
                    }
                }
            }
        }
    }

    /// Receives as the behavior allows, and sends the requests that became due by that.
    fn receive(&mut self, context: &mut Context, workload: &mut impl Workload) -> Option<CloseReason> {
        let before = self.requests.started();
        loop {
            match self.inbound.receive(&mut self.socket, &mut self.requests, context, workload) {
                inbound::Stopped::Waits => break,
                inbound::Stopped::Ended(how) => return Some(how),
                inbound::Stopped::EndOfStream if self.outbound.met_reset() => {
                    return Some(CloseReason::ByReset);
                }
                inbound::Stopped::EndOfStream => {
                    self.inbound.end_of_stream(&self.socket, &mut self.requests, context, workload);
                    return Some(self.peer_ended());
                }
                inbound::Stopped::EndOfSharedStream => return Some(self.peer_ended()),
                inbound::Stopped::Close(method) => {
                    let close_reason = self.close(method, context, workload);
                    if close_reason.is_some() {
                        return close_reason;
                    }
                }
            }
        }
        if self.requests.started() > before { self.send(context, workload) } else { None }
    }

    /// The connection gave an error. What had come before can still be read (`tcp_recvmsg` in the kernel gives what is
    /// queued first): who reads all that comes hears it to its end, and that a server answered and then closed with the
    /// request half read is no lost answer. Who reads slowly has lost what it did not read, and what came before
    /// anything was asked is no answer.
    fn broke(
        &mut self,
        error: &io::Error,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        let how = CloseReason::of_error(error);
        if !workload.rules().reads_everything
            || self.inbound.direction().is_shut()
            || self.requests.sent() == 0
        {
            return Some(how);
        }
        // The RST of a peer whose FIN came before it is this error (`tcp_reset` in the kernel), and the FIN is still read.
        let is_after_fin = error.kind() == ErrorKind::BrokenPipe;
        self.inbound.broke(if is_after_fin { CloseReason::ByFin } else { how });
        self.requests.stop();
        self.receive(context, workload)
    }

    /// The peer has ended its stream while the client is not reading. A slow reader goes on with its pauses until it
    /// reads the end; until then the reactor would report the end again and again, so the socket is no longer watched.
    fn peer_closed(&mut self, context: &mut Context) -> Option<CloseReason> {
        if self.inbound.direction().timer().is_none() {
            return Some(self.peer_ended());
        }
        self.socket.unwatch(context);
        None
    }

    /// What the end of the peer's stream means: a close by the client if it has ended its own stream and got every
    /// answer; after an error, that error.
    fn peer_ended(&self) -> CloseReason {
        if self.requests.last() == Some(Last::Proper) {
            return CloseReason::AsAnnounced;
        }
        if let Some(how) = self.inbound.broken().filter(|how| *how != CloseReason::ByFin) {
            return how;
        }
        if self.outbound.direction().is_shut() && self.requests.open() == 0 {
            CloseReason::ByUs(CloseMethod::HalfClose)
        } else {
            CloseReason::ByFin
        }
    }

    /// Ends the connection, or its sending direction only, or lets it stay in silence: `None`.
    fn close(
        &mut self,
        method: CloseMethod,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.requests.take_back_unsent(context.now_ns, workload);
        let transport = self.socket.transport();
        if method == CloseMethod::Close && transport.has_unread() {
            return Some(CloseReason::ByUs(CloseMethod::Reset));
        }
        match (method, transport.prepare_close(method)) {
            // Fails only if the peer was faster; the reactor reports that by itself.
            (CloseMethod::HalfClose, _) => {
                self.outbound.direction_mut().shut();
                self.requests.stop();
                None
            }
            // What is left to do for who may not vanish.
            (CloseMethod::Vanish, Err(error)) => {
                workload.cannot_vanish(error.to_string());
                self.inbound.direction_mut().shut();
                self.outbound.direction_mut().shut();
                self.requests.stop();
                self.socket.watch(Interest::default(), context);
                None
            }
            (CloseMethod::Close | CloseMethod::Reset | CloseMethod::Vanish, _) => {
                Some(CloseReason::ByUs(method))
            }
        }
    }

    /// The connection has lived as long as it was to. A good client begins nothing new on it, and closes it when it has heard
    /// all answers: what a server leaves unanswered is not hidden by that.
    pub(super) fn retire(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.requests.take_back_unsent(context.now_ns, workload);
        if workload.rules().is_steady && self.requests.retire() {
            return None;
        }
        self.close(CloseMethod::Close, context, workload)
    }

    /// The connection has ended in that way, after its handshake was completed or before. What the server has not looked at
    /// goes back to the group.
    pub(super) fn end(
        self,
        how: CloseReason,
        is_open: bool,
        opened_ns: u64,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> ClosedConnection {
        let Self { socket, mut requests, outbound, inbound } = self;
        for timer in [inbound.direction().timer(), outbound.direction().timer()].into_iter().flatten() {
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
        ClosedConnection { how, life, content: tally, is_after_error, vanished, requests }
    }

    /// The name under which the reactor and the timers know the connection.
    pub(super) const fn token(&self) -> Token {
        self.socket.token()
    }

    /// Which part of a transfer is its own, if one is.
    pub(super) const fn part(&self) -> u32 {
        self.requests.part()
    }

    /// When the oldest request that is under way was due.
    pub(super) fn oldest_due_ns(&self) -> Option<u64> {
        self.requests.oldest_due_ns()
    }
}
