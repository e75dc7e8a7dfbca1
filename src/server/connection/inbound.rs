//! One connection's way in: from the socket into the receive buffer, and whether more is wanted.

use std::{
    io::{self, ErrorKind},
    mem,
};

use crate::{
    buffer::{self, Buffer, Layout, Nothing},
    profile::ReadStrategy,
    reactor::Mode,
    server::{
        close_reason::{CloseKind, CloseReason},
        context::Context,
        policy::Policy,
        transport::Transport,
    },
};

/// What a naive server reads at a time.
const CHUNK_BYTES: usize = 1024;

/// The receive buffer, and what is known of the bytes that are still to come.
pub(super) struct Inbound {
    buffer: Box<dyn Buffer + Send>,
    /// What the last read brought, in bytes: what is expected of the next.
    last_read: u32,
    input: Input,
    intake: Intake,
    /// It has no memory yet.
    is_unallocated: bool,
}

/// What is known of the bytes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Awaited,
    /// Readiness was reported and is not used up.
    Ready,
    /// The peer has ended its stream.
    Ended,
}

/// Whether epoll is asked for bytes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intake {
    Open,
    /// Not while so many answers wait, or so many requests behind one.
    Paused,
    /// Not before a request is taken out of the receive buffer, which is full.
    Full,
    /// Never again.
    Closed,
    /// Nor will anything be sent: the server waits for the peer's FIN. To close with bytes of the peer unread would reset
    /// the connection, and what the peer has not read yet would be lost.
    AwaitingFin,
}

/// What one attempt to receive has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Bytes(usize),
    /// No bytes: there are none, or there will be none.
    Nothing,
    /// The receive limit leaves no room.
    Full,
}

impl Inbound {
    /// Without memory for a receive buffer.
    pub(super) fn unallocated() -> Self {
        Self {
            buffer: Box::new(Nothing),
            last_read: 0,
            input: Input::Awaited,
            intake: Intake::Open,
            is_unallocated: true,
        }
    }

    pub(super) fn is_unallocated(&self) -> bool {
        self.is_unallocated
    }

    pub(super) fn allocate(&mut self, policy: &Policy) {
        let layout = Layout { limit: policy.receive_limit, ..policy.layout };
        self.buffer = buffer::make_with(policy.buffer, layout);
        self.is_unallocated = false;
    }

    /// Gives the receive buffer back; nothing may wait in it.
    pub(super) fn free(&mut self) {
        self.buffer = Box::new(Nothing);
        self.is_unallocated = true;
    }

    pub(super) fn buffer(&self) -> &dyn Buffer {
        &*self.buffer
    }

    pub(super) fn buffer_mut(&mut self) -> &mut dyn Buffer {
        &mut *self.buffer
    }

    /// Forgets what has come and was not answered.
    pub(super) fn discard(&mut self) {
        self.buffer.retrieve(self.buffer.readable());
    }

    pub(super) fn input(&self) -> Input {
        self.input
    }

    /// Readiness was reported, or is to be looked for.
    pub(super) fn note_ready(&mut self) {
        if self.input == Input::Awaited {
            self.input = Input::Ready;
        }
    }

    /// Whether more requests are wanted.
    pub(super) fn is_open(&self) -> bool {
        self.intake == Intake::Open
    }

    /// Whether requests wait until answers are sent.
    pub(super) fn is_paused(&self) -> bool {
        self.intake == Intake::Paused
    }

    /// Whether what has come is still looked at.
    pub(super) fn is_answered(&self) -> bool {
        !matches!(self.intake, Intake::Paused | Intake::AwaitingFin)
    }

    /// No more requests are read for now; whether they were until now.
    pub(super) fn pause(&mut self) -> bool {
        let was_open = self.is_open();
        if was_open {
            self.intake = Intake::Paused;
        }
        was_open
    }

    pub(super) fn resume(&mut self) {
        self.intake = Intake::Open;
    }

    /// No more requests are read before one of those in the receive buffer is taken; whether they were until now.
    pub(super) fn note_full(&mut self) -> bool {
        let was_open = self.is_open();
        if was_open {
            self.intake = Intake::Full;
        }
        was_open
    }

    /// A request of a full receive buffer is taken: there may be more to read. Whether none was read until now.
    pub(super) fn note_room(&mut self) -> bool {
        let was_full = self.intake == Intake::Full;
        if was_full {
            self.intake = Intake::Open;
            self.note_ready();
        }
        was_full
    }

    /// No more is read; where nothing will be sent either, only the peer's FIN is awaited. Whether requests were read until
    /// now.
    pub(super) fn close(&mut self, awaits_fin: bool) -> bool {
        let after = if awaits_fin { Intake::AwaitingFin } else { Intake::Closed };
        mem::replace(&mut self.intake, after) == Intake::Open
    }

    /// One read; level-triggered readiness is used up then, an edge only when nothing is left.
    ///
    /// # Errors
    /// What has broken the connection.
    pub(super) fn receive(
        &mut self,
        transport: &Transport,
        quantum: usize,
        context: &mut Context,
    ) -> Result<Received, CloseReason> {
        if context.policy.mode == Mode::Level {
            self.input = Input::Awaited;
        }
        let got = match context.policy.read_strategy {
            ReadStrategy::ReadvSpill => self.read_and_spill(transport, context),
            ReadStrategy::Fionread => self.ask_and_read(transport, context),
            ReadStrategy::Fixed64k => self.read_and_append(transport, usize::MAX, context),
            ReadStrategy::Chunk1k => self.read_in_chunks(transport, quantum, context),
        };
        match got {
            Ok(0) => self.input = Input::Ended,
            Ok(count) => {
                self.last_read = u32::try_from(count).unwrap_or(u32::MAX);
                return Ok(Received::Bytes(count));
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.input = Input::Awaited,
                ErrorKind::Interrupted => self.input = Input::Ready,
                ErrorKind::StorageFull => return Ok(Received::Full),
                _ => return Err(CloseKind::from_error(&error).into()),
            },
        }
        Ok(Received::Nothing)
    }

    /// At most one spill block at a time: with half of it free in the buffer, no spilling is needed. Nor is it where
    /// less came last time than there is room for: a read into one place costs 300 ns less.
    fn read_and_spill(&mut self, mut transport: &Transport, context: &mut Context) -> io::Result<usize> {
        let (room, most) = (self.buffer.writable(), context.spill.len());
        let enough = room > self.last_read as usize || room >= most / 2;
        let spilled = if enough && room > 0 { 0 } else { most - room };
        context.counters.reads.add(1);
        self.buffer.read_from(&mut transport, &mut context.spill[..spilled])
    }

    /// The buffer grows to what the kernel says is there; at the end of the stream that is nothing.
    fn ask_and_read(&mut self, mut transport: &Transport, context: &Context) -> io::Result<usize> {
        context.counters.reads.add(2);
        let there = transport.unread_bytes()?;
        let room = self.room(&context.policy);
        if room > 0 {
            self.buffer.reserve(there.clamp(1, room));
        }
        self.buffer.read_from(&mut transport, &mut [])
    }

    /// Up to `most` bytes, by way of the spill block.
    fn read_and_append(
        &mut self,
        transport: &Transport,
        most: usize,
        context: &mut Context,
    ) -> io::Result<usize> {
        let room = self.room(&context.policy).min(context.spill.len()).min(most);
        if room == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        context.counters.reads.add(1);
        let got = transport.receive(&mut context.spill[..room])?;
        self.buffer.append(&context.spill[..got]).map_err(|_| ErrorKind::StorageFull)?;
        Ok(got)
    }

    /// Until less comes than was asked for, or the quantum is used up. Trouble after the first chunk comes again.
    fn read_in_chunks(
        &mut self,
        transport: &Transport,
        quantum: usize,
        context: &mut Context,
    ) -> io::Result<usize> {
        let mut total = self.read_and_append(transport, CHUNK_BYTES, context)?;
        let mut last = total;
        while last == CHUNK_BYTES && total < quantum {
            match self.read_and_append(transport, CHUNK_BYTES, context) {
                Ok(got) => last = got,
                Err(_) => break,
            }
            total += last;
        }
        Ok(total)
    }

    /// What the receive limit leaves.
    fn room(&self, policy: &Policy) -> usize {
        policy.receive_limit.map_or(usize::MAX, |limit| limit - self.buffer.readable())
    }
}
