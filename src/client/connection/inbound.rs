//! The receiving direction of a connection: answers come in as its behavior allows, and after an RST all that had come before it.

use std::{io::ErrorKind, ops::ControlFlow};

use super::{
    answers::{Answers, Input},
    direction::{Allowed, Direction},
    requests::{Over, Requests},
    socket::{Socket, Turn},
};
use crate::{
    behavior::{CloseMethod, Message, Race, Spec},
    client::{
        close_reason::CloseReason,
        context::{Context, TimerEvent, TimerKind},
        race::Readers,
        workload::Workload,
    },
    codec::Decoder,
    reactor::{Interest, Mode},
};

/// The receiving direction.
pub(super) struct Inbound {
    direction: Direction,
    answers: Answers,
    /// Threads that share the socket to receive.
    readers: Option<Box<Readers>>,
}

/// Why receiving has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Until the socket or the clock lets it go on.
    Waits,
    /// The behavior ends the connection.
    Close(CloseMethod),
    /// The peer's stream has ended.
    EndOfStream,
    /// The same, as threads that share the socket have met it.
    EndOfSharedStream,
    /// The connection has ended.
    Ended(CloseReason),
}

impl Inbound {
    pub(super) fn new(spec: &Spec, seed: u64, decoder: Decoder) -> Self {
        let direction = Direction::new(spec, seed);
        Self { direction, answers: Answers::new(decoder), readers: None }
    }

    /// Receives as the behavior allows, and starts the next requests of a closed loop.
    pub(super) fn receive(
        &mut self,
        socket: &mut Socket,
        requests: &mut Requests,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Stopped {
        let mut turn = Turn::begin(context.now_ns);
        loop {
            let place = || Message::of_answers(requests.answered_count());
            let allowed = self.direction.allowed(context.now_ns, self.answers.received(), u64::MAX, place);
            // Only moves end a turn: a behavior that ends the connection here must do so before the next request is sent.
            let step = match allowed {
                Allowed::Move(_) | Allowed::Race(_) if !turn.takes_call(context.now_ns) => break,
                Allowed::Move(most) => self.receive_once(most, socket, requests, context, workload),
                Allowed::Wait(until_ns) => {
                    let event = TimerEvent { token: socket.token(), kind: TimerKind::Receive };
                    self.direction.pause(until_ns, event, context);
                    wait(false, socket, context)
                }
                Allowed::Race(race) => self.race(race, socket, requests, context, workload),
                Allowed::Hold | Allowed::Endless(_) => wait(false, socket, context),
                Allowed::End(method) => ControlFlow::Break(Stopped::Close(method)),
            };
            if let ControlFlow::Break(stopped) = step {
                return stopped;
            }
        }
        // There may be more: the reactor calls again when the others had their turn.
        socket.watch_reading(true, context);
        Stopped::Waits
    }

    fn receive_once(
        &mut self,
        most: usize,
        socket: &mut Socket,
        requests: &mut Requests,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> ControlFlow<Stopped> {
        let most = most.min(context.receive_buffer.len());
        context.calls += 1;
        match socket.transport().receive(&mut context.receive_buffer[..most]) {
            Ok(0) => ControlFlow::Break(Stopped::EndOfStream),
            Ok(count) => {
                context.read_clock();
                self.direction.carried_out();
                let input = match self.readers {
                    Some(_) => Input::Parts(&context.receive_buffer[..count]),
                    None => Input::Bytes(&context.receive_buffer[..count]),
                };
                self.answers.take(input, socket, requests, context, workload);
                if let Some(over) = requests.over(workload.rules()) {
                    return ControlFlow::Break(match over {
                        Over::Ended(how) => {
                            requests.take_back_unsent(context.now_ns, workload);
                            Stopped::Ended(how)
                        }
                        Over::Close(method) => Stopped::Close(method),
                    });
                }
                // A steady reader that got less than it offered to take has drained the socket. Others are asked first:
                // they may end the connection before the next request is sent.
                let is_drained =
                    most == context.receive_buffer.len() && count < most && self.answers.broken().is_none();
                if is_drained && self.direction.is_steady() {
                    wait(true, socket, context)
                } else {
                    ControlFlow::Continue(())
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.answers.broken().is_none() => {
                self.direction.blocked();
                wait(true, socket, context)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => ControlFlow::Continue(()),
            Err(error) => {
                let how = self.answers.broken().unwrap_or_else(|| CloseReason::of_error(&error));
                ControlFlow::Break(Stopped::Ended(how))
            }
        }
    }

    /// Lets the threads read what comes next, or takes what they have read. The threads do not read the part that says
    /// how long an answer is: it is read byte by byte, so that nothing behind it is read with it.
    fn race(
        &mut self,
        race: Race,
        socket: &mut Socket,
        requests: &mut Requests,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> ControlFlow<Stopped> {
        if self.is_read_by_threads() {
            return self.collect(socket, requests, context, workload);
        }
        let Some(bytes) = self.answers.content_ahead(requests) else {
            return self.receive_once(1, socket, requests, context, workload);
        };
        let readers = match &mut self.readers {
            Some(readers) => readers,
            none => {
                let started = Readers::start(socket.transport(), race).and_then(|readers| {
                    context.reactor.add(readers.wakeup(), socket.token(), Interest::READ, Mode::Level)?;
                    Ok(readers)
                });
                match started {
                    Ok(readers) => none.insert(Box::new(readers)),
                    Err(error) => {
                        context.fail(error);
                        return ControlFlow::Break(Stopped::Waits);
                    }
                }
            }
        };
        readers.hand_out(bytes as usize);
        wait(false, socket, context)
    }

    /// Takes what the threads have read, once all are through.
    fn collect(
        &mut self,
        socket: &Socket,
        requests: &mut Requests,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> ControlFlow<Stopped> {
        let Some(readers) = &mut self.readers else { return ControlFlow::Break(Stopped::Waits) };
        context.calls += 1;
        match readers.collect() {
            Ok(None) => ControlFlow::Break(Stopped::Waits),
            Ok(Some(bytes)) => {
                context.read_clock();
                self.direction.carried_out();
                self.answers.take(Input::Parts(&bytes), socket, requests, context, workload);
                ControlFlow::Continue(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                ControlFlow::Break(Stopped::EndOfSharedStream)
            }
            Err(_) => ControlFlow::Break(Stopped::Ended(CloseReason::ByReset)),
        }
    }

    /// The peer's stream has ended, which may be what an answer ends with; not where it was cut off.
    pub(super) fn end_of_stream(
        &mut self,
        socket: &Socket,
        requests: &mut Requests,
        context: &Context,
        workload: &mut impl Workload,
    ) {
        if matches!(self.answers.broken(), None | Some(CloseReason::ByFin)) {
            self.answers.take(Input::EndOfStream, socket, requests, context, workload);
        }
    }

    /// What was heard.
    pub(super) const fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The connection ended in that way, and what had come before is still to be read.
    pub(super) fn broke(&mut self, how: CloseReason) {
        self.answers.broke(how);
    }

    /// How it ended, where that was known before all that had come was read.
    pub(super) const fn broken(&self) -> Option<CloseReason> {
        self.answers.broken()
    }

    /// What its behavior allows, and its pause.
    pub(super) const fn direction(&self) -> &Direction {
        &self.direction
    }

    pub(super) const fn direction_mut(&mut self) -> &mut Direction {
        &mut self.direction
    }

    /// Whether threads share the socket to receive.
    pub(super) const fn has_threads(&self) -> bool {
        self.readers.is_some()
    }

    /// Whether they are reading: the event loop learns of it by their eventfd only.
    pub(super) fn is_read_by_threads(&self) -> bool {
        self.readers.as_ref().is_some_and(|readers| readers.are_busy())
    }
}

/// Nothing can be received now; `watch`: until something comes.
fn wait(watch: bool, socket: &mut Socket, context: &mut Context) -> ControlFlow<Stopped> {
    socket.watch_reading(watch, context);
    ControlFlow::Break(Stopped::Waits)
}
