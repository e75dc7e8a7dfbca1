//! Checks the answers that come back on one connection.

use std::sync::Arc;

use super::{
    answer_end::{AnswerEnd, MOST_BYTES},
    rules::Rules,
};
use crate::codec::{
    Answered, Check, Excerpt, Flaw,
    answer_decoder::AnswerDecoder,
    sample::SampleComparison,
    verifier::{Mark, Verifier},
};

/// Checks the answers that come back on one connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    rules: Arc<Rules>,
    verifier: Verifier,
    /// Bytes of the present answer that came.
    have: u64,
    /// The first of them.
    begins: Excerpt,
    /// The tally before it.
    mark: Mark,
    /// How many bytes of the delimiter fit the last that came.
    fits: usize,
    /// Where it differs from the first one.
    comparison: SampleComparison,
    sequence: u64,
}

impl AnswerDecoder for Decoder {
    fn step(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize {
        let (piece, most) = match &self.rules.end {
            AnswerEnd::Length(length) => (bytes, *length),
            AnswerEnd::Delimiter(_) => (bytes, MOST_BYTES),
        };
        let piece = &piece[..piece.len().min((most - self.have) as usize)];
        let end = match &self.rules.end {
            AnswerEnd::Length(length) => (self.have + piece.len() as u64 == *length).then_some(piece.len()),
            AnswerEnd::Delimiter(delimiter) => delimiter.find(&mut self.fits, piece),
        };
        let taken = end.unwrap_or(piece.len());
        self.take(&piece[..taken]);
        if end.is_some() {
            self.finish(answered);
        } else if self.have == most {
            let start = self.verifier.received() - self.have;
            self.verifier.lose(start, Flaw::NoDelimiter, self.sequence, self.begins.bytes());
        }
        taken
    }

    fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    fn verifier_mut(&mut self) -> &mut Verifier {
        &mut self.verifier
    }
}

impl Decoder {
    pub(in crate::codec) fn new(stream: u32, rules: Arc<Rules>) -> Self {
        let (verifier, comparison) = (Verifier::new(stream), SampleComparison::default());
        let (begins, mark) = (Excerpt::default(), verifier.mark());
        Self { rules, verifier, have: 0, begins, mark, fits: 0, comparison, sequence: 0 }
    }

    /// The peer has ended its stream.
    pub(in crate::codec) fn end(&mut self) {
        if self.have > 0 {
            self.verifier.cut_off();
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.have == 0 {
            self.mark = self.verifier.mark();
        }
        self.begins.push(bytes);
        if self.rules.check == Check::Bytes {
            self.comparison.take(&self.rules.sample, bytes, &mut self.verifier);
        } else {
            self.verifier.pass_unverified(bytes.len());
        }
        self.have += bytes.len() as u64;
    }

    fn finish(&mut self, answered: &mut impl FnMut(Answered)) {
        let found = std::mem::take(&mut self.have);
        let start = self.verifier.received() - found;
        match self.rules.check {
            Check::Bytes => self.comparison.finish(&self.rules.sample, start, found, &mut self.verifier),
            Check::Length => self.rules.sample.compare_length(start, found, &mut self.verifier),
            _ => {}
        }
        let begins = std::mem::take(&mut self.begins);
        if !self.verifier.is_clean_since(self.mark) {
            self.verifier.begins(self.sequence, start, begins.bytes());
        }
        answered(Answered { sequence: self.sequence, error: false, last: false, gave_up: false });
        self.sequence += 1;
    }
}
