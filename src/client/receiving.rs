//! How a connection receives: as its behavior allows, and after an RST all that had come before it.

use std::io::{self, ErrorKind};

use super::{
    close::crossing_of,
    close_reason::CloseReason,
    connection::{Connection, Last, TURN_CALLS, Turn},
    context::{Context, TimerKind},
    direction::Allowed,
    group::Group,
    request::Request,
    starting::start,
};
use crate::{behavior::Message, codec::Answered, reactor::Interest};

impl Connection {
    /// The connection gave an error. What had come before can still be read (`tcp_recvmsg` in the kernel gives what is
    /// queued first): who reads all that comes hears it to its end, and that a server answered and then closed with the
    /// request half read is no lost answer. Who reads slowly has lost what it did not read, and what came before
    /// anything was asked is no answer.
    pub(super) fn broke(
        &mut self,
        error: &io::Error,
        context: &mut Context,
        group: &mut Group,
    ) -> Option<CloseReason> {
        let how = CloseReason::of_error(error);
        if !group.spec.rx.reads_everything() || self.rx.is_shut() || self.tx.moved == 0 {
            return Some(how);
        }
        // The RST of a peer whose FIN came before it is this error (`tcp_reset` in the kernel), and the FIN is still read.
        let is_after_fin = error.kind() == ErrorKind::BrokenPipe;
        self.broken = Some(if is_after_fin { CloseReason::ByFin } else { how });
        self.receive(context, group)
    }

    /// Receives as the behavior allows, and asks for the next requests of a closed loop.
    pub(super) fn receive(&mut self, context: &mut Context, group: &mut Group) -> Option<CloseReason> {
        let before = self.pending.started();
        for _ in 0..TURN_CALLS {
            let step = match self
                .rx
                .allowed(context.now_ns, u64::MAX, || Message::of_answers(self.pending.answered_count()))
            {
                Allowed::Move(most) => self.receive_once(most, context, group),
                Allowed::Wait(until) => self.rest(TimerKind::Receive, until, context),
                Allowed::Race(race) => self.race_to_receive(race, context, group),
                Allowed::Hold | Allowed::Endless(_) => {
                    self.set_interest(Interest { read: false, ..self.interest }, context)
                }
                Allowed::End(end) => self.end(end, context, group),
            };
            match step {
                Turn::Again => {}
                Turn::Over => return self.send_new(before, context, group),
                Turn::End(ended) => return Some(ended),
            }
        }
        // There may be more: the reactor calls again when the others had their turn.
        self.want_to_read(context);
        self.send_new(before, context, group)
    }

    /// Sends the requests that became due since so many were started.
    fn send_new(&mut self, before: u64, context: &mut Context, group: &mut Group) -> Option<CloseReason> {
        if self.pending.started() > before { self.send(context, group) } else { None }
    }

    pub(super) fn receive_once(&mut self, most: usize, context: &mut Context, group: &mut Group) -> Turn {
        let most = most.min(context.receive_buffer.len());
        context.calls += 1;
        match self.transport.receive(&mut context.receive_buffer[..most]) {
            Ok(0) if self.writers.as_ref().is_some_and(|writers| writers.met_reset()) => {
                Turn::End(CloseReason::ByReset)
            }
            Ok(0) => {
                if matches!(self.broken, None | Some(CloseReason::ByFin)) {
                    self.decode(None, context, group);
                }
                Turn::End(self.peer_ended())
            }
            Ok(count) => {
                context.read_clock();
                self.rx.moved(count);
                group.received += count as u64;
                self.decode(Some(&context.receive_buffer[..count]), context, group);
                if let Some(end) = self.over(context, group) {
                    return end;
                }
                // A steady reader that got less than it offered to take has drained the socket. Others are asked first:
                // they may end the connection before the next request is sent.
                let drained = most == context.receive_buffer.len() && count < most && self.broken.is_none();
                if drained && self.rx.is_steady() { self.want_to_read(context) } else { Turn::Again }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.broken.is_none() => {
                self.rx.blocked();
                self.want_to_read(context)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Turn::Again,
            Err(error) => Turn::End(self.broken.unwrap_or_else(|| CloseReason::of_error(&error))),
        }
    }

    fn want_to_read(&mut self, context: &mut Context) -> Turn {
        self.set_interest(Interest { read: true, ..self.interest }, context)
    }

    /// Takes the bytes that came, or (`None`) the end of the stream.
    pub(super) fn decode(&mut self, bytes: Option<&[u8]>, context: &Context, group: &mut Group) {
        let closed_loop = group.spec.load.is_closed_loop() && group.downloads.is_none();
        let closed_loop = closed_loop && !context.is_closing && !self.tx.is_shut() && self.broken.is_none();
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
                    && request.has_crossed(context.now_ns, crossing_of(&self.transport))
                    && request.has_followed_a_pause(last_answer_ns) =>
            {
                gave_up = true;
                repeated = Some(request);
            }
            Some(request) => {
                *last_was_error = answer.error;
                answers += u32::from(group.answered(request, answer.error, context.now_ns));
                if answer.last {
                    *last = Some(if answer.error { Last::Error } else { Last::Proper });
                }
                if closed_loop && !answer.last && pending.started() < most {
                    start(pending, group, Request::due(context.now_ns));
                    group.due(context.now_ns);
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
            self.gave_up(repeated, group, context.now_ns);
        }
        self.answers = self.answers.saturating_add(answers);
        if self.pending.answered_count() > answered_before {
            self.answered_at = self.rx.moved;
            self.last_answer_ns = context.now_ns;
        }
        if unasked > 0 {
            self.decoder.unasked(unasked);
        }
        if bytes.is_some() && group.pace.is_some() {
            self.take_waiting(group);
        }
    }
}
