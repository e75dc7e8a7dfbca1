//! One connection's way in: how bytes get from the socket into the receive buffer.

use std::{
    io::{self, ErrorKind, Read},
    os::fd::AsFd,
};

use super::{Connection, Input};
use crate::{
    profile::ReadStrategy,
    reactor::Mode,
    server::{
        close_reason::{CloseKind, CloseReason, EvictionReason},
        event_loop::Shared,
        protocol::Protocol,
    },
    sys,
};

/// What a naive server reads at a time.
const CHUNK_BYTES: usize = 1024;

impl Connection {
    /// One read; level-triggered readiness is used up then, an edge only when nothing is left. How many bytes came.
    pub(super) fn receive(
        &mut self,
        quantum: usize,
        shared: &mut Shared,
        spill: &mut [u8],
    ) -> Result<usize, CloseReason> {
        if shared.policy.mode == Mode::Level {
            self.input = Input::Awaited;
        }
        let got = match shared.policy.read_strategy {
            ReadStrategy::ReadvSpill => self.read_and_spill(shared, spill),
            ReadStrategy::Fionread => self.ask_and_read(shared),
            ReadStrategy::Fixed64k => self.read_and_append(shared, spill),
            ReadStrategy::Chunk1k => self.read_in_chunks(quantum, shared, &mut spill[..CHUNK_BYTES]),
        };
        match got {
            Ok(0) => self.input = Input::Ended,
            Ok(count) => {
                self.last_read = count;
                if shared.policy.times.for_idleness() {
                    self.active_ns = sys::monotonic_ns();
                }
                return Ok(count);
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.input = Input::Awaited,
                ErrorKind::Interrupted => self.input = Input::Ready,
                // That they wait behind an answer under way is not the peer's doing.
                ErrorKind::StorageFull if self.conversation.streamed_bytes() > 0 => self.pause(shared)?,
                ErrorKind::StorageFull => return Err(EvictionReason::ReceiveLimit.into()),
                _ => return Err(CloseKind::from_error(&error).into()),
            },
        }
        Ok(0)
    }

    /// At most one spill block at a time: with half of it free in the buffer, no spilling is needed. Nor is it where
    /// less came last time than there is room for: a read into one place costs 300 ns less.
    fn read_and_spill(&mut self, shared: &Shared, spill: &mut [u8]) -> io::Result<usize> {
        let room = self.receive.writable();
        let enough = room > self.last_read || room >= spill.len() / 2;
        let spilled = if enough && room > 0 { 0 } else { spill.len() - room };
        shared.counters.reads.add(1);
        self.receive.read_from(&mut &self.stream, &mut spill[..spilled])
    }

    /// The buffer grows to what the kernel says is there; at the end of the stream that is nothing.
    fn ask_and_read(&mut self, shared: &Shared) -> io::Result<usize> {
        shared.counters.reads.add(2);
        let there = sys::receive_queue_bytes(self.stream.as_fd())?;
        let room = self.receive_room(shared);
        if room > 0 {
            self.receive.reserve(there.clamp(1, room));
        }
        self.receive.read_from(&mut &self.stream, &mut [])
    }

    fn read_and_append(&mut self, shared: &Shared, block: &mut [u8]) -> io::Result<usize> {
        let room = self.receive_room(shared).min(block.len());
        if room == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        shared.counters.reads.add(1);
        let got = (&self.stream).read(&mut block[..room])?;
        self.receive.append(&block[..got]).map_err(|_| ErrorKind::StorageFull)?;
        Ok(got)
    }

    /// Until less comes than was asked for, or the quantum is used up. Trouble after the first chunk comes again.
    fn read_in_chunks(&mut self, quantum: usize, shared: &Shared, chunk: &mut [u8]) -> io::Result<usize> {
        let mut total = self.read_and_append(shared, chunk)?;
        let mut last = total;
        while last == chunk.len() && total < quantum {
            match self.read_and_append(shared, chunk) {
                Ok(got) => last = got,
                Err(_) => break,
            }
            total += last;
        }
        Ok(total)
    }

    /// What the receive limit leaves.
    fn receive_room(&self, shared: &Shared) -> usize {
        shared.policy.receive_limit.map_or(usize::MAX, |limit| limit - self.receive.readable())
    }
}
