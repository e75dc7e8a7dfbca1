//! One connection's way out: from the send buffer, and a body that is streamed behind it, into the socket.

use std::io::ErrorKind;

use super::send_attempt::attempt;
use crate::{
    buffer::{self, Buffer, Nothing},
    profile::WriteInterest,
    reactor::Mode,
    server::{
        close_reason::{CloseKind, CloseReason},
        context::Context,
        policy::Policy,
        protocol::StreamedBody,
        transport::Transport,
    },
};

/// The send buffer, and whether it waits for room in the kernel.
pub(super) struct Outbound {
    buffer: Box<dyn Buffer + Send>,
    /// Something waits for EPOLLOUT. Nothing is sent directly then.
    is_waiting: bool,
}

/// How far sending got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing waits.
    All,
    /// The kernel takes no more.
    Full,
    /// It was often enough; the kernel may have room.
    Enough,
}

impl Outbound {
    /// Without memory for a send buffer.
    pub(super) fn unallocated() -> Self {
        Self { buffer: Box::new(Nothing), is_waiting: false }
    }

    /// The send limit is not the buffer's: the policy looks at it after the kernel has taken its share.
    pub(super) fn allocate(&mut self, policy: &Policy) {
        self.buffer = buffer::make_with(policy.buffer, policy.layout);
    }

    /// Gives the send buffer back; nothing may wait in it.
    pub(super) fn free(&mut self) {
        self.buffer = Box::new(Nothing);
    }

    pub(super) fn buffer(&self) -> &dyn Buffer {
        &*self.buffer
    }

    pub(super) fn buffer_mut(&mut self) -> &mut dyn Buffer {
        &mut *self.buffer
    }

    /// Bytes that wait in memory.
    pub(super) fn buffered(&self) -> usize {
        self.buffer.readable()
    }

    /// Whether something waits until the kernel has room.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Something waits from now on. Whether epoll must be asked to report room.
    pub(super) fn begin_waiting(&mut self, sent: Sent, policy: &Policy) -> bool {
        self.is_waiting = true;
        let is_reported = match (policy.write_interest, policy.mode) {
            (WriteInterest::Eager, Mode::Level) => true,
            // The kernel says when it has room again; that it still has, it says only when asked.
            (WriteInterest::Eager, _) => sent == Sent::Full,
            _ => false,
        };
        let is_forgotten = policy.lost_wakeup && sent == Sent::Enough;
        !is_reported && !is_forgotten
    }

    /// Nothing waits any more.
    pub(super) fn end_waiting(&mut self) {
        self.is_waiting = false;
    }

    /// Sends what waits, with as many system calls as the policy allows: how far that got, and how many bytes the kernel
    /// took.
    ///
    /// # Errors
    /// What has broken the connection.
    pub(super) fn send(
        &mut self,
        transport: &Transport,
        mut body: Option<&mut StreamedBody>,
        context: &mut Context,
    ) -> Result<(Sent, usize), CloseReason> {
        let mut total = 0;
        for _ in 0..context.policy.max_sends {
            let streamed = body.as_ref().map_or(0, |body| body.span.length as usize);
            let waiting = self.buffer.readable() + streamed;
            context.counters.writes.add(1);
            match attempt(transport, &mut *self.buffer, body.as_deref_mut(), context) {
                Ok(done) => {
                    total += done.taken;
                    if done.taken == waiting {
                        return Ok((Sent::All, total));
                    }
                    if done.taken < done.offered {
                        context.counters.partial_sends.add(1);
                        return Ok((Sent::Full, total));
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        context.counters.partial_sends.add(1);
                        return Ok((Sent::Full, total));
                    }
                    ErrorKind::Interrupted => {}
                    _ => return Err(CloseKind::from_error(&error).into()),
                },
            }
        }
        Ok((Sent::Enough, total))
    }
}

/// Must epoll be asked anew, after a send that it made possible? `mode` is how the connection is watched, `is_open`
/// whether requests are read.
pub(super) fn asks_again(sent: Sent, mode: Mode, is_open: bool, policy: &Policy) -> bool {
    if policy.lost_wakeup && sent == Sent::Enough {
        return false;
    }
    let eager = policy.write_interest == WriteInterest::Eager;
    match mode {
        // Readiness goes on by itself until it is no longer asked for.
        Mode::Level => sent == Sent::All && !eager,
        // Every change is reported by itself, but asking has the end of the stream reported once more.
        _ if eager || !is_open => sent == Sent::Enough,
        // Another chance is asked for, and comes at once if the kernel has room already. One that is no longer awaited
        // may come, and is ignored.
        _ => sent != Sent::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ServerOptions;

    /// For a send that got that far: as epoll level-triggers, as it reports edges, and as it does when no more is read.
    fn asks(sent: Sent, policy: &Policy) -> [bool; 3] {
        [(Mode::Level, true), (Mode::Edge, true), (Mode::Edge, false)]
            .map(|(mode, is_open)| asks_again(sent, mode, is_open, policy))
    }

    #[test]
    fn epoll_is_asked_anew_only_where_it_would_not_report_by_itself() {
        let policy = Policy::new(&ServerOptions::default());
        assert_eq!(asks(Sent::All, &policy), [true, false, false]);
        assert_eq!(asks(Sent::Full, &policy), [false, true, false]);
        assert_eq!(asks(Sent::Enough, &policy), [false, true, true]);
    }

    #[test]
    fn an_eager_registration_changes_only_for_another_chance() {
        let eager = ServerOptions { write_interest: WriteInterest::Eager, ..ServerOptions::default() };
        let policy = Policy::new(&eager);
        assert_eq!(asks(Sent::All, &policy), [false; 3]);
        assert_eq!(asks(Sent::Full, &policy), [false; 3]);
        assert_eq!(asks(Sent::Enough, &policy), [false, true, true]);
    }

    #[test]
    fn a_lost_wakeup_is_never_asked_for() {
        let policy = Policy::new(&ServerOptions { lost_wakeup: true, ..ServerOptions::default() });
        assert_eq!(asks(Sent::Enough, &policy), [false; 3]);
        assert_eq!(asks(Sent::Full, &policy), [false, true, false]);
    }
}
