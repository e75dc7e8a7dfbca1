//! The `echo` protocol, seen from a client: the stream must come back as it was sent. Message `k` of size `m` is the
//! bytes `[k·m, (k+1)·m)` of the connection's content.
//!
//! In an intact stream the checking is one comparison. Where it fails, the bytes themselves show where they come from
//! ([`content::explain`]), and a new run starts there: that is how torn and reordered messages are distinguished.

use std::collections::HashMap;

use super::{
    ErrorAnswer, Excerpt, Fault, Flaw, Tally,
    content::{self, EXPLAIN_BYTES, Origin},
};

/// Checks the bytes that come back on one connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    stream: u32,
    size: u64,
    /// Where the next byte belongs if the present run goes on: its stream and its offset there.
    next: Origin,
    /// Where the present run started.
    run_start: u64,
    received: u64,
    /// Apart, as of all decoders this one alone would be larger for it.
    tally: Box<Tally>,
    /// The next message that would be in order.
    in_order: u64,
    /// Messages of which some pieces came: how many bytes of each.
    pieces: HashMap<u64, u64>,
    /// Too few bytes to show where they come from.
    undecided: Vec<u8>,
    /// Bytes that were looked at and belong to no stream.
    strays: u32,
}

/// Most messages of which pieces are kept: a peer that cuts up more at a time is not followed any further.
const MOST_PIECES: usize = 4096;
/// After so many bytes that belong nowhere none is looked at any more: all that follow are wrong, and are counted as fast as
/// they come.
const MOST_STRAYS: u32 = 1 << 16;

impl Decoder {
    /// Expects messages of `size` bytes of the content of `stream`.
    ///
    /// # Panics
    /// If the size is 0.
    #[must_use]
    pub fn new(stream: u32, size: u64) -> Self {
        assert!(size > 0, "an echo message has at least one byte");
        Self {
            stream,
            size,
            next: Origin { stream, offset: 0 },
            run_start: 0,
            received: 0,
            tally: Box::default(),
            in_order: 0,
            pieces: HashMap::new(),
            undecided: Vec::new(),
            strays: 0,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let unfinished = self.undecided.len() as u64;
        let mut tally = *self.tally;
        if unfinished > 0 {
            let origin = content::explain(&self.undecided, self.stream);
            // Wrong bytes tell more than the end of the connection behind them.
            tally.first_fault.take_if(|first| first.flaw == Some(Flaw::CutOff));
            tally.fault(self.stream, self.received, origin);
            if origin.is_none() {
                tally.first_error.get_or_insert(self.nobodys(&self.undecided));
            }
        }
        Tally {
            verified: self.received + unfinished,
            corrupt: self.tally.corrupt + unfinished,
            torn: self.tally.torn + self.pieces.len() as u64,
            ..tally
        }
    }

    /// Bytes that come next and belong to no stream.
    fn nobodys(&self, bytes: &[u8]) -> ErrorAnswer {
        let (at, number) = (self.received, self.received / self.size + 1);
        ErrorAnswer { stream: self.stream, number, at, begins: Excerpt::of(bytes) }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], answered: &mut impl FnMut(u64)) {
        if let Some(first) = &mut self.tally.first_error {
            first.begins.push(bytes);
        }
        if self.undecided.is_empty() {
            self.take(bytes, EXPLAIN_BYTES, answered);
        } else {
            let mut all = std::mem::take(&mut self.undecided);
            all.extend_from_slice(bytes);
            self.take(&all, EXPLAIN_BYTES, answered);
        }
    }

    /// So many bytes were sent: when all of them are back, nothing will come any more that could explain the last ones.
    pub(super) fn sent(&mut self, bytes: u64, answered: &mut impl FnMut(u64)) {
        let undecided = self.undecided.len() as u64;
        if undecided > 0 && self.received + undecided == bytes {
            let last = std::mem::take(&mut self.undecided);
            self.take(&last, 1, answered);
        }
    }

    /// The peer has ended its stream.
    pub(super) fn end(&mut self) {
        let received = self.received + self.undecided.len() as u64;
        if !received.is_multiple_of(self.size) {
            let fault = Fault { stream: self.stream, at: received, found: None, flaw: Some(Flaw::CutOff) };
            self.tally.first_fault.get_or_insert(fault);
        }
    }

    /// Follows the runs in `bytes`, as long as there are at least so many to explain what does not continue the present
    /// one.
    fn take(&mut self, mut bytes: &[u8], enough: usize, answered: &mut impl FnMut(u64)) {
        loop {
            if self.strays >= MOST_STRAYS {
                self.received += bytes.len() as u64;
                self.tally.corrupt += bytes.len() as u64;
                return;
            }
            let right = content::matching(self.next.stream, self.next.offset, bytes);
            self.advance(right as u64, answered);
            bytes = &bytes[right..];
            if bytes.is_empty() {
                return;
            }
            if bytes.len() < enough {
                self.undecided = bytes.to_vec();
                return;
            }
            bytes = self.turn(bytes, answered);
        }
    }

    /// Bytes of so many answers, from the next one on.
    pub(super) fn content_ahead(&self, open: usize) -> u64 {
        self.size.saturating_mul(open as u64)
    }

    /// Takes whole answers that several readers have put together out of parts. All their bytes have come, and none of
    /// others: an answer is right, or a whole one in another's place, or torn. Bytes beyond the last whole answer
    /// belong to none.
    pub(super) fn feed_parts(&mut self, bytes: &[u8], answered: &mut impl FnMut(u64)) {
        for found in bytes.chunks(self.size as usize) {
            let message = self.received / self.size;
            let wrong = self.wrong_bytes(found);
            if wrong > 0 {
                self.tally.corrupt += wrong;
                let whole = content::explain(found, self.stream).is_some_and(|origin| {
                    origin.offset % self.size == 0
                        && content::matching(origin.stream, origin.offset, found) == found.len()
                });
                *(if whole { &mut self.tally.reordered } else { &mut self.tally.torn }) += 1;
            }
            self.received += found.len() as u64;
            if found.len() as u64 == self.size {
                answered(message);
            }
        }
    }

    /// How many of the bytes are not what comes next.
    fn wrong_bytes(&mut self, bytes: &[u8]) -> u64 {
        let (mut at, mut wrong) = (0, 0);
        loop {
            at += content::matching(self.stream, self.received + at as u64, &bytes[at..]);
            if at == bytes.len() {
                return wrong;
            }
            if self.tally.first_fault.is_none() {
                let origin = content::explain(&bytes[at..], self.stream);
                self.tally.fault(self.stream, self.received + at as u64, origin);
            }
            wrong += 1;
            at += 1;
        }
    }

    /// The run goes on for `count` bytes.
    fn advance(&mut self, count: u64, answered: &mut impl FnMut(u64)) {
        let from = self.next.offset;
        if self.next != (Origin { stream: self.stream, offset: self.received }) {
            self.tally.corrupt += count;
        }
        self.next.offset += count;
        self.received += count;
        if self.next.stream == self.stream {
            for message in from / self.size..self.next.offset / self.size {
                self.complete(message, answered);
            }
        }
    }

    /// The run has reached the end of this message.
    fn complete(&mut self, message: u64, answered: &mut impl FnMut(u64)) {
        let start = message * self.size;
        if self.run_start > start {
            self.piece(message, start + self.size - self.run_start, answered);
            return;
        }
        if message < self.in_order {
            self.tally.reordered += 1;
        }
        self.in_order = self.in_order.max(message + 1);
        answered(message);
    }

    /// A part of a message came by itself; with all its parts it is answered, and torn.
    fn piece(&mut self, message: u64, bytes: u64, answered: &mut impl FnMut(u64)) {
        if self.pieces.len() == MOST_PIECES && !self.pieces.contains_key(&message) {
            // Of this one no more is kept than that it was cut up.
            self.tally.torn += 1;
            return;
        }
        let so_far = self.pieces.entry(message).or_default();
        *so_far += bytes;
        if *so_far >= self.size {
            self.pieces.remove(&message);
            self.tally.torn += 1;
            answered(message);
        }
    }

    /// The next byte does not continue the run: start the run that it belongs to, or pass one byte over.
    fn turn<'a>(&mut self, bytes: &'a [u8], answered: &mut impl FnMut(u64)) -> &'a [u8] {
        let origin = content::explain(bytes, self.stream);
        self.tally.fault(self.stream, self.received, origin);
        let Some(origin) = origin else {
            self.strays += 1;
            if self.tally.first_error.is_none() {
                self.tally.first_error = Some(self.nobodys(bytes));
            }
            self.tally.corrupt +=
                u64::from(self.next == (Origin { stream: self.stream, offset: self.received }));
            self.advance(1, answered);
            return &bytes[1..];
        };
        let shared = self.shared_with(origin);
        self.next.offset -= shared;
        let message = self.next.offset / self.size;
        let unfinished = self.next.offset - self.run_start.max(message * self.size);
        if self.next.stream == self.stream && unfinished > 0 {
            self.piece(message, unfinished, answered);
        }
        self.next = origin;
        self.run_start = origin.offset - shared;
        bytes
    }

    /// How many of the last bytes were taken for the old run and belong to the new one: one run in 256 starts with the
    /// very byte that was expected. Whoever sends a message sends its bytes in order, so the new run must go on where
    /// the pieces of its message ended.
    fn shared_with(&self, origin: Origin) -> u64 {
        let message = origin.offset / self.size;
        let start = message * self.size + self.pieces.get(&message).copied().unwrap_or(0);
        let missing = origin.offset.saturating_sub(start);
        if missing > (self.next.offset % self.size).min(8) {
            return 0;
        }
        let (mut old, mut new) = ([0; 8], [0; 8]);
        let (old, new) = (&mut old[..missing as usize], &mut new[..missing as usize]);
        content::fill(self.next.stream, self.next.offset - missing, old);
        content::fill(origin.stream, start, new);
        if old == new { missing } else { 0 }
    }
}

#[cfg(test)]
mod tests;
