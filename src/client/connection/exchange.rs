//! The exchange of requests and answers on one connection: what one direction finds out of the other, and how both end.

use std::io::{self, ErrorKind};

use super::{
    inbound::{self, Inbound},
    outbound::{self, Outbound},
    requests::{Last, Requests},
    socket::Socket,
};
use crate::{
    behavior::CloseMethod,
    client::{close_reason::CloseReason, context::Context, workload::Workload},
    reactor::{Interest, Ready},
};

/// Both directions of one connection.
pub(super) struct Exchange {
    pub(super) socket: Socket,
    pub(super) requests: Requests,
    pub(super) outbound: Outbound,
    pub(super) inbound: Inbound,
}

impl Exchange {
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
    pub(super) fn send(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
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
    pub(super) fn receive(
        &mut self,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
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

    /// The peer has ended its stream and nobody reads: a slow reader goes on with its pauses until it meets the end,
    /// but the reactor would repeat itself.
    fn peer_closed(&mut self, context: &mut Context) -> Option<CloseReason> {
        if self.inbound.direction().timer().is_none() {
            return Some(self.peer_ended());
        }
        self.socket.unwatch(context);
        None
    }

    /// What the end of the peer's stream means: for who has said everything and heard every answer, no more than that;
    /// after an error, the error.
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
    pub(super) fn close(
        &mut self,
        method: CloseMethod,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Option<CloseReason> {
        self.requests.take_back_unsent(workload);
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
}
