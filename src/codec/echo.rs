//! The `echo` protocol, seen from a client: the stream must come back as it was sent. Message `k` of size `m` is the
//! bytes `[k·m, (k+1)·m)` of the connection's content.
//!
//! In an intact stream the checking is one comparison. Where it fails, the bytes are asked where they come from
//! ([`content::explain`]), and a new run starts there: that is how torn and reordered messages are told apart.

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
    /// Too few bytes to tell where they come from.
    undecided: Vec<u8>,
}

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
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let unfinished = self.undecided.len() as u64;
        let mut tally = *self.tally;
        if unfinished > 0 {
            let origin = content::explain(&self.undecided, self.stream);
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

    /// Takes whole answers that several readers have put together out of parts. All their bytes have come, and none
    /// of others: an answer is right, or a whole one in another's place, or torn. Bytes beyond the last whole answer
    /// are nobody's.
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: usize = 100;

    fn messages(stream: u32, range: std::ops::Range<usize>) -> Vec<u8> {
        let mut bytes = vec![0; range.len()];
        content::fill(stream, range.start as u64, &mut bytes);
        bytes
    }

    /// Feeds `bytes` in pieces of `step`; the tally and the answered messages.
    fn checked(bytes: &[u8], step: usize) -> (Tally, Vec<u64>) {
        let mut decoder = Decoder::new(5, SIZE as u64);
        let mut answers = Vec::new();
        for piece in bytes.chunks(step) {
            decoder.feed(piece, &mut |message| answers.push(message));
        }
        (decoder.tally(), answers)
    }

    proptest! {
        #[test]
        fn fragmentation_changes_nothing(len in 0_usize..1000, step in 1_usize..300) {
            let (tally, answers) = checked(&messages(5, 0..len), step);
            prop_assert_eq!(tally, Tally { verified: len as u64, ..Tally::default() });
            prop_assert_eq!(answers, (0..(len / SIZE) as u64).collect::<Vec<_>>());
        }

        #[test]
        fn fragmentation_changes_no_finding(cut in 1_usize..299, step in 1_usize..300) {
            let damaged = [messages(5, 0..cut), messages(5, 300..400), messages(5, cut..300)].concat();
            prop_assert_eq!(checked(&damaged, step), checked(&damaged, damaged.len()));
        }
    }

    #[test]
    fn a_message_with_another_inside_is_torn() {
        let bytes = [messages(5, 0..137), messages(5, 200..300), messages(5, 137..200)].concat();
        let (tally, answers) = checked(&bytes, 50);
        assert_eq!((tally.torn, tally.reordered), (1, 0));
        assert_eq!(answers, [0, 2, 1]);
        assert_eq!(tally.corrupt, 163, "every byte that is not at its place");
        let fault = tally.first_fault.expect("a fault");
        assert_eq!((fault.at, fault.found), (137, Some(Origin { stream: 5, offset: 200 })));
    }

    #[test]
    fn parts_in_each_others_place_are_whole_or_torn() {
        let swapped = [messages(5, 100..200), messages(5, 0..100)].concat();
        let torn = [messages(5, 200..230), messages(5, 250..300), messages(5, 230..250)].concat();
        let right = messages(5, 300..400);
        let mut decoder = Decoder::new(5, SIZE as u64);
        let mut answers = Vec::new();
        decoder.feed_parts(&[swapped, torn, right].concat(), &mut |message| answers.push(message));
        let tally = decoder.tally();
        assert_eq!((tally.reordered, tally.torn, tally.verified), (2, 1, 400));
        assert_eq!(answers, [0, 1, 2, 3], "every byte of them has come");
        assert!(
            (250..=270).contains(&tally.corrupt),
            "{}: one byte in 256 is right by chance",
            tally.corrupt
        );
        let fault = tally.first_fault.expect("a fault");
        assert_eq!((fault.at, fault.found), (0, Some(Origin { stream: 5, offset: 100 })));
    }

    #[test]
    fn whole_messages_out_of_order_are_reordered() {
        let bytes = [messages(5, 100..200), messages(5, 0..100), messages(5, 200..300)].concat();
        let (tally, answers) = checked(&bytes, 64);
        assert_eq!((tally.torn, tally.reordered, answers.len()), (0, 1, 3));
    }

    #[test]
    fn a_byte_that_fits_both_messages_belongs_to_the_later_one() {
        let first = |message: usize| messages(5, message * SIZE..message * SIZE + 1);
        let twin = (2..5000).find(|&message| first(message) == first(1)).expect("one in 256");
        let bytes = [messages(5, 0..100), messages(5, twin * SIZE..twin * SIZE + 100), messages(5, 100..200)];
        let (tally, answers) = checked(&bytes.concat(), 300);
        assert_eq!((tally.torn, tally.reordered), (0, 1));
        assert_eq!(answers, [0, twin as u64, 1]);
    }

    #[test]
    fn a_piece_goes_on_where_the_last_piece_of_its_message_ended() {
        // The last byte before the tear is also the last byte before message `twin`: it must not be taken for it.
        let last = |end: usize| messages(5, end - 1..end);
        let twin = (2..5000).find(|&message| last(message * SIZE) == last(137)).expect("one in 256");
        let other = messages(5, twin * SIZE..twin * SIZE + 100);
        let bytes = [messages(5, 0..137), other, messages(5, 137..200)].concat();
        let (tally, answers) = checked(&bytes, 300);
        assert_eq!((tally.torn, tally.reordered), (1, 0));
        assert_eq!(answers, [0, twin as u64, 1]);
    }

    #[test]
    fn a_flipped_byte_is_one_corrupt_byte() {
        let mut bytes = messages(5, 0..300);
        bytes[150] ^= 1;
        let (tally, answers) = checked(&bytes, 300);
        assert_eq!((tally.corrupt, tally.torn, answers.len()), (1, 0, 3));
        assert_eq!(tally.first_fault, Some(Fault { stream: 5, at: 150, found: None, flaw: None }));
    }

    #[test]
    fn wrong_bytes_at_the_very_end_are_judged_once_nothing_more_can_come() {
        for at in 286..300 {
            let mut bytes = messages(5, 0..300);
            bytes[at] ^= 1;
            let (mut decoder, mut answers) = (Decoder::new(5, SIZE as u64), Vec::new());
            decoder.feed(&bytes, &mut |message| answers.push(message));
            decoder.sent(400, &mut |_| panic!("more may come"));
            let place = |decoder: &Decoder| decoder.tally().first_fault.map(|fault| fault.at);
            assert_eq!((decoder.tally().corrupt, place(&decoder)), (300 - at as u64, Some(at as u64)));
            decoder.sent(300, &mut |message| answers.push(message));
            assert_eq!((decoder.tally().corrupt, place(&decoder)), (1, Some(at as u64)), "byte {at}");
            assert_eq!(answers, [0, 1, 2]);
        }
    }

    #[test]
    fn a_dropped_byte_shifts_everything_behind_it() {
        let bytes = [messages(5, 0..150), messages(5, 151..300)].concat();
        let (tally, answers) = checked(&bytes, 300);
        assert_eq!((tally.corrupt, tally.torn), (149, 1));
        assert_eq!(answers, [0, 2], "message 1 never becomes whole");
    }

    #[test]
    fn bytes_of_another_connection_are_named() {
        let bytes = [messages(5, 0..100), messages(9, 400..500), messages(5, 100..200)].concat();
        let (tally, answers) = checked(&bytes, 33);
        let fault = tally.first_fault.expect("a fault");
        assert_eq!(fault.found, Some(Origin { stream: 9, offset: 400 }));
        assert_eq!(fault.to_string(), "connection 5, received byte 100: here is byte 400 of connection 9");
        assert_eq!(answers, [0, 1]);
    }
}
