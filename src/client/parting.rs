//! How a client ends a connection, as its behavior says.

use std::{net::Shutdown, os::fd::AsFd};

use super::{
    connection::{Connection, Turn},
    engine::Io,
    group::{Ended, Group},
};
use crate::{behavior::End, reactor::Interest, sys};

impl Connection {
    /// Ends the connection, or its sending direction.
    pub(super) fn part(&mut self, end: End, io: &mut Io, group: &mut Group) -> Turn {
        self.forget_unsent(group);
        match end {
            End::HalfClose => {
                // Fails only if the peer was faster; the engine sees that by itself.
                let _ = self.stream.shutdown(Shutdown::Write);
                self.tx.shut();
                return Turn::Again;
            }
            End::Close if self.has_unread() => return Turn::End(Ended::ByUs(End::Reset)),
            End::Close => {}
            End::Reset => super::reset_on_close(&self.stream),
            End::Vanish => {
                if let Err(error) = sys::drop_incoming(self.stream.as_fd()) {
                    return self.stay_in_silence(error.to_string(), io, group);
                }
            }
        }
        Turn::End(Ended::ByUs(end))
    }

    /// Whether bytes came that were not read: a close is an RST then (`tcp_close` in the kernel).
    fn has_unread(&self) -> bool {
        sys::receive_queue_bytes(self.stream.as_fd()).is_ok_and(|bytes| bytes > 0)
    }

    /// What is left to do for who may not vanish.
    fn stay_in_silence(&mut self, why: String, io: &mut Io, group: &mut Group) -> Turn {
        group.cannot_vanish.get_or_insert(why);
        self.rx.shut();
        self.tx.shut();
        self.set_interest(Interest::default(), io)
    }

    /// How the connection ends now that answers were heard, if it does: the last one that there will be, as the peer
    /// said, or the last of those that the client asks for on one connection.
    pub(super) fn over(&mut self, io: &mut Io, group: &mut Group) -> Option<Turn> {
        if self.last_answered {
            self.forget_unsent(group);
            return Some(Turn::End(Ended::AsAnnounced));
        }
        let is_over = self.pending.answered_count() >= group.requests_per_connection();
        is_over.then(|| self.part(End::Close, io, group))
    }

    /// A closed loop's requests of which nothing was sent are taken back: they became due only because the client does
    /// not think ahead.
    fn forget_unsent(&mut self, group: &mut Group) {
        if group.spec.load.depth.is_some() {
            self.pending.take_back(|due_ns| group.take_back(due_ns));
        }
    }

    /// What the end of the peer's stream means: for who has said everything and heard every answer, no more than that.
    pub(super) fn peer_ended(&self) -> Ended {
        if self.last_answered {
            return Ended::AsAnnounced;
        }
        if self.tx.is_shut() && self.pending.open() == 0 { Ended::ByUs(End::HalfClose) } else { Ended::ByFin }
    }
}
