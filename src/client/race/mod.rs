//! Several threads on one socket: the misuse itself. They share the socket, and a lock if they are told to.

mod readers;
mod shared;
mod threads;
mod writers;

use std::io::ErrorKind;

pub(super) use self::{readers::Readers, writers::Writers};
use super::{
    close_reason::CloseReason,
    connection::{Connection, Turn},
    context::Context,
    group::Group,
};
use crate::{
    behavior::Race,
    reactor::{Interest, Mode},
};

impl Connection {
    /// Hands every message that is due to the threads.
    pub(super) fn race_to_send(&mut self, race: Race, context: &mut Context, group: &mut Group) -> Turn {
        if self.writers.is_none() {
            match Writers::start(&self.transport, race, &self.encoder) {
                Ok(writers) => self.writers = Some(Box::new(writers)),
                Err(error) => {
                    context.fail(error);
                    return Turn::Over;
                }
            }
        }
        let size = self.encoder.message_bytes();
        while let (Some(writers), true) = (&self.writers, self.tx.moved < self.pending.started() * size) {
            let sequence = self.tx.moved / size;
            writers.hand_out(sequence);
            self.pending.sent(sequence, context.now_ns);
            self.tx.moved(size as usize);
            group.sent += size;
        }
        Turn::Again
    }

    /// Lets the threads read what comes next, or takes what they have read. What tells how long an answer is, they
    /// leave alone: it is read byte by byte, so that nothing behind it is.
    pub(super) fn race_to_receive(&mut self, race: Race, context: &mut Context, group: &mut Group) -> Turn {
        if self.is_read_by_threads() {
            return self.collect(context, group);
        }
        let Some(bytes) = self.decoder.content_ahead(self.pending.open()) else {
            return self.receive_once(1, context, group);
        };
        if self.readers.is_none() {
            let readers = Readers::start(&self.transport, race);
            let readers = readers.and_then(|readers| {
                context.reactor.add(readers.wakeup(), self.token, Interest::READ, Mode::Level)?;
                Ok(readers)
            });
            match readers {
                Ok(readers) => self.readers = Some(Box::new(readers)),
                Err(error) => {
                    context.fail(error);
                    return Turn::Over;
                }
            }
        }
        if let Some(readers) = &mut self.readers {
            readers.hand_out(bytes as usize);
        }
        self.set_interest(Interest { read: false, ..self.interest }, context)
    }

    /// Whether threads are reading: the engine learns of it by their eventfd only.
    pub(super) fn is_read_by_threads(&self) -> bool {
        self.readers.as_ref().is_some_and(|readers| readers.are_busy())
    }

    fn collect(&mut self, context: &mut Context, group: &mut Group) -> Turn {
        let Some(readers) = &mut self.readers else { return Turn::Over };
        context.calls += 1;
        match readers.collect() {
            Ok(None) => Turn::Over,
            Ok(Some(bytes)) => {
                context.read_clock();
                self.rx.moved(bytes.len());
                group.received += bytes.len() as u64;
                self.decode(Some(&bytes), context, group);
                Turn::Again
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Turn::End(self.peer_ended()),
            Err(_) => Turn::End(CloseReason::ByReset),
        }
    }
}
