//! The sending direction of a connection: requests go out as its behavior allows.

use std::{
    io::{self, ErrorKind},
    ops::ControlFlow,
};

use super::{
    direction::{Allowed, Direction},
    requests::Requests,
    socket::{Socket, Turn},
};
use crate::{
    behavior::{CloseMethod, Race, Spec},
    client::{
        context::{Context, TimerEvent, TimerKind},
        race::Writers,
        workload::Workload,
    },
};

/// The sending direction.
pub(super) struct Outbound {
    direction: Direction,
    /// Threads that share the socket to send.
    writers: Option<Box<Writers>>,
}

/// Why sending has stopped.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Until the socket or the clock lets it go on, or there is something to send again.
    Waits,
    /// The behavior ends the connection, or its sending direction.
    Close(CloseMethod),
    /// The connection gave this error.
    Broke(io::Error),
}

impl Outbound {
    pub(super) fn new(spec: &Spec, seed: u64) -> Self {
        Self { direction: Direction::new(spec, seed), writers: None }
    }

    /// Sends what is due, as the behavior allows.
    pub(super) fn send(
        &mut self,
        socket: &mut Socket,
        requests: &mut Requests,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> Stopped {
        let mut turn = Turn::begin(context.now_ns);
        loop {
            let left = requests.left_to_send();
            if left == 0 {
                return self.spent(socket, requests, context);
            }
            let allowed = self.direction.allowed(context.now_ns, requests.sent(), left, || requests.place());
            let step = match allowed {
                Allowed::Move(_) | Allowed::Endless(_) | Allowed::Race(_)
                    if !turn.takes_call(context.now_ns) =>
                {
                    break;
                }
                Allowed::Move(most) => self.send_once(most, left, socket, requests, context, workload),
                Allowed::Endless(most) => {
                    requests.become_endless();
                    self.send_once(most, left, socket, requests, context, workload)
                }
                Allowed::Wait(until_ns) => {
                    let event = TimerEvent { token: socket.token(), kind: TimerKind::Send };
                    self.direction.pause(until_ns, event, context);
                    wait(false, socket, context)
                }
                Allowed::Hold => wait(false, socket, context),
                Allowed::Race(race) => self.race(race, socket, requests, context, workload),
                Allowed::End(method) => ControlFlow::Break(Stopped::Close(method)),
            };
            if let ControlFlow::Break(stopped) = step {
                return stopped;
            }
        }
        // There is more to send: the reactor calls again when the others had their turn.
        socket.watch_writing(true, context);
        Stopped::Waits
    }

    /// Everything that is due was sent.
    fn spent(&mut self, socket: &mut Socket, requests: &Requests, context: &mut Context) -> Stopped {
        if let Some(method) = self.direction.spent(requests.sent(), || requests.place()) {
            return Stopped::Close(method);
        }
        // The next pause counts from when there is something to send again.
        self.direction.blocked();
        socket.watch_writing(false, context);
        Stopped::Waits
    }

    fn send_once(
        &mut self,
        most: usize,
        left: u64,
        socket: &mut Socket,
        requests: &mut Requests,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> ControlFlow<Stopped> {
        let most = most.min(context.send_buffer.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        let bytes = &mut context.send_buffer[..most];
        requests.fill(bytes);
        self.direction.corrupt(requests.sent(), bytes);
        context.calls += 1;
        match socket.transport().send(bytes) {
            Ok(count) => {
                requests.note_sent(count, context.now_ns);
                self.direction.carried_out();
                workload.sent(count);
                if count < most { wait(true, socket, context) } else { ControlFlow::Continue(()) }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.direction.blocked();
                wait(true, socket, context)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Stopped::Broke(error)),
        }
    }

    /// Hands every request that is due to the threads.
    fn race(
        &mut self,
        race: Race,
        socket: &mut Socket,
        requests: &mut Requests,
        context: &mut Context,
        workload: &mut impl Workload,
    ) -> ControlFlow<Stopped> {
        let writers = match &mut self.writers {
            Some(writers) => writers,
            none => match Writers::start(socket.transport(), race, requests.encoder()) {
                Ok(writers) => none.insert(Box::new(writers)),
                Err(error) => {
                    context.fail(error);
                    return ControlFlow::Break(Stopped::Waits);
                }
            },
        };
        while let Some((sequence, bytes)) = requests.hand_out(context.now_ns) {
            writers.hand_out(sequence);
            self.direction.carried_out();
            workload.sent(bytes);
        }
        ControlFlow::Continue(())
    }

    /// What its behavior allows, and its pause.
    pub(super) const fn direction(&self) -> &Direction {
        &self.direction
    }

    pub(super) const fn direction_mut(&mut self) -> &mut Direction {
        &mut self.direction
    }

    /// Whether threads share the socket to send.
    pub(super) const fn has_threads(&self) -> bool {
        self.writers.is_some()
    }

    /// Whether one of them met the peer's reset, which the socket reports only once.
    pub(super) fn met_reset(&self) -> bool {
        self.writers.as_ref().is_some_and(|writers| writers.met_reset())
    }
}

/// Nothing can be sent now; `watch`: until the socket has room.
fn wait(watch: bool, socket: &mut Socket, context: &mut Context) -> ControlFlow<Stopped> {
    socket.watch_writing(watch, context);
    ControlFlow::Break(Stopped::Waits)
}
