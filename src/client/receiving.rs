//! How a connection receives: as its behavior allows, and after an RST all that had come before it.

use std::{
    io::{self, ErrorKind},
    os::fd::AsRawFd,
};

use nix::sys::socket;

use super::{
    close::crossing_of,
    connection::{AT_ONCE, Connection, Last, TURN_CALLS, Turn},
    direction::Allowed,
    engine::{Io, TimerKind},
    group::{CloseReason, Group},
    pending::Request,
    starting::start,
};
use crate::{behavior::Message, codec::Answered, reactor::Interest, sys};

/// How a connection ended that gave this error.
fn ended(error: &io::Error) -> CloseReason {
    match error.kind() {
        ErrorKind::ConnectionRefused => CloseReason::Refused,
        ErrorKind::TimedOut => CloseReason::TimedOut,
        _ => CloseReason::ByReset,
    }
}

impl Connection {
    /// The connection gave an error. What had come before can still be read (`tcp_recvmsg` in the kernel gives what is
    /// queued first): who reads all that comes hears it to its end, and that a server answered and then closed with the
    /// request half read is no lost answer. Who reads slowly has lost what it did not read, and what came before
    /// anything was asked is no answer.
    pub(super) fn broke(&mut self, error: &io::Error, io: &mut Io, group: &mut Group) -> Option<CloseReason> {
        let how = ended(error);
        if !group.spec.rx.reads_everything() || self.rx.is_shut() || self.tx.moved == 0 {
            return Some(how);
        }
        // The RST of a peer whose FIN came before it is this error (`tcp_reset` in the kernel), and the FIN is still read.
        let is_after_fin = error.kind() == ErrorKind::BrokenPipe;
        self.broken = Some(if is_after_fin { CloseReason::ByFin } else { how });
        self.receive(io, group)
    }

    /// Receives as the behavior allows, and asks for the next requests of a closed loop.
    pub(super) fn receive(&mut self, io: &mut Io, group: &mut Group) -> Option<CloseReason> {
        let before = self.pending.started();
        for _ in 0..TURN_CALLS {
            let step = match self
                .rx
                .allowed(io.now_ns, u64::MAX, || Message::of_answers(self.pending.answered_count()))
            {
                Allowed::Move(most) => self.receive_once(most, io, group),
                Allowed::Wait(until) => self.rest(TimerKind::Receive, until, io),
                Allowed::Race(race) => self.race_to_receive(race, io, group),
                Allowed::Hold | Allowed::Endless(_) => {
                    self.set_interest(Interest { read: false, ..self.interest }, io)
                }
                Allowed::End(end) => self.end(end, io, group),
            };
            match step {
                Turn::Again => {}
                Turn::Over => return self.send_new(before, io, group),
                Turn::End(ended) => return Some(ended),
            }
        }
        // There may be more: the reactor calls again when the others had their turn.
        self.want_to_read(io);
        self.send_new(before, io, group)
    }

    /// Sends the requests that became due since so many were started.
    fn send_new(&mut self, before: u64, io: &mut Io, group: &mut Group) -> Option<CloseReason> {
        if self.pending.started() > before { self.send(io, group) } else { None }
    }

    pub(super) fn receive_once(&mut self, most: usize, io: &mut Io, group: &mut Group) -> Turn {
        let most = most.min(io.inbox.len());
        io.calls += 1;
        match socket::recv(self.stream.as_raw_fd(), &mut io.inbox[..most], AT_ONCE).map_err(io::Error::from) {
            Ok(0) if self.writers.as_ref().is_some_and(|writers| writers.met_reset()) => {
                Turn::End(CloseReason::ByReset)
            }
            Ok(0) => {
                if matches!(self.broken, None | Some(CloseReason::ByFin)) {
                    self.decode(None, io, group);
                }
                Turn::End(self.peer_ended())
            }
            Ok(count) => {
                io.now_ns = sys::monotonic_ns();
                self.rx.moved(count);
                group.received += count as u64;
                self.decode(Some(&io.inbox[..count]), io, group);
                if let Some(end) = self.over(io, group) {
                    return end;
                }
                // A steady reader that got less than it offered to take has drained the socket. Others are asked first:
                // they may end the connection before the next request is sent.
                let drained = most == io.inbox.len() && count < most && self.broken.is_none();
                if drained && self.rx.is_steady() { self.want_to_read(io) } else { Turn::Again }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.broken.is_none() => {
                self.rx.blocked();
                self.want_to_read(io)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Turn::Again,
            Err(error) => Turn::End(self.broken.unwrap_or_else(|| ended(&error))),
        }
    }

    fn want_to_read(&mut self, io: &mut Io) -> Turn {
        self.set_interest(Interest { read: true, ..self.interest }, io)
    }

    /// Takes the bytes that came, or (`None`) the end of the stream.
    pub(super) fn decode(&mut self, bytes: Option<&[u8]>, io: &Io, group: &mut Group) {
        let closed_loop = group.spec.load.is_closed_loop() && group.downloads.is_none();
        let closed_loop = closed_loop && !io.closing && !self.tx.is_shut() && self.broken.is_none();
        let most = self.most_requests(group);
        let (pending, last) = (&mut self.pending, &mut self.last);
        let last_was_error = &mut self.last_was_error;
        let (mut unasked, mut answers, mut gave_up) = (0, 0, false);
        let last_answer_ns = self.last_answer_ns;
        let may_repeat = group.may_repeat() && last_answer_ns > 0;
        let mut repeated = None;
        let answered_before = pending.answered_count();
        let mut answered = |answer: Answered| match pending.answered(answer.sequence) {
            None if answer.gave_up => gave_up = true,
            None => unasked += 1,
            Some(request)
                if answer.gave_up
                    && may_repeat
                    && request.has_crossed(io.now_ns, crossing_of(&self.stream))
                    && request.has_followed_a_pause(last_answer_ns) =>
            {
                gave_up = true;
                repeated = Some(request);
            }
            Some(request) => {
                *last_was_error = answer.error;
                answers += u32::from(group.answered(request, answer.error, io.now_ns));
                if answer.last {
                    *last = Some(if answer.error { Last::Error } else { Last::Proper });
                }
                if closed_loop && !answer.last && pending.started() < most {
                    start(pending, group, Request::due(io.now_ns));
                    group.due(io.now_ns);
                }
            }
        };
        match bytes {
            Some(bytes) if self.readers.is_some() => self.decoder.feed_parts(bytes, &mut answered),
            Some(bytes) => {
                self.decoder.feed(bytes, &mut answered);
                self.decoder.sent(self.tx.moved, &mut answered);
            }
            None => self.decoder.end(&mut answered),
        }
        if gave_up {
            self.gave_up(repeated, group, io.now_ns);
        }
        self.answers = self.answers.saturating_add(answers);
        if self.pending.answered_count() > answered_before {
            self.answered_at = self.rx.moved;
            self.last_answer_ns = io.now_ns;
        }
        if unasked > 0 {
            self.decoder.unasked(unasked);
        }
        if bytes.is_some() && group.pace.is_some() {
            self.take_waiting(group);
        }
    }
}
