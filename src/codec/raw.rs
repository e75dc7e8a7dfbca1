//! Bytes as they are: what is sent is written out ([`Exchange`]), and an answer ends at a delimiter or has a length.

mod exchange;
mod octets;

use std::sync::Arc;

pub use self::{exchange::Exchange, octets::Octets};
use super::{
    Answered, Check, Excerpt, Flaw, Tally,
    sample::{Sample, SampleComparison},
    verifier::{Mark, Verifier},
};

/// The longest answer that ends at a delimiter, in bytes.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// What the answers must be. All connections of a group share it.
#[derive(Debug)]
pub(super) struct Rules {
    end: AnswerEnd,
    check: Check,
    /// The first answer.
    sample: Sample,
}

/// How the end of an answer is found.
#[derive(Debug)]
enum AnswerEnd {
    Length(u64),
    Delimiter(Delimiter),
}

/// A delimiter, for a search that looks at every byte once (Knuth, Morris and Pratt, SIAM J. Comput. 6, 1977).
#[derive(Debug)]
struct Delimiter {
    bytes: Vec<u8>,
    /// For each count of bytes that fit: the longest shorter count that fits as well.
    fallback: Vec<usize>,
}

impl Delimiter {
    fn new(bytes: Vec<u8>) -> Self {
        let mut fallback = vec![0; bytes.len()];
        for end in 1..bytes.len() {
            let mut fits = fallback[end - 1];
            while fits > 0 && bytes[fits] != bytes[end] {
                fits = fallback[fits - 1];
            }
            fallback[end] = fits + usize::from(bytes[fits] == bytes[end]);
        }
        Self { bytes, fallback }
    }

    /// How many bytes of the piece there are up to the delimiter's end, if it ends there; `fits` of its bytes came
    /// before.
    fn find(&self, fits: &mut usize, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            if *fits == 0 {
                at += memchr::memchr(self.bytes[0], &piece[at..])?;
            }
            while *fits > 0 && self.bytes[*fits] != piece[at] {
                *fits = self.fallback[*fits - 1];
            }
            *fits += usize::from(self.bytes[*fits] == piece[at]);
            at += 1;
            if *fits == self.bytes.len() {
                *fits = 0;
                return Some(at);
            }
        }
        None
    }
}

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

impl Decoder {
    pub(super) fn new(stream: u32, rules: Arc<Rules>) -> Self {
        let (verifier, comparison) = (Verifier::new(stream), SampleComparison::default());
        let (begins, mark) = (Excerpt::default(), verifier.mark());
        Self { rules, verifier, have: 0, begins, mark, fits: 0, comparison, sequence: 0 }
    }

    pub(super) fn tally(&self) -> Tally {
        self.verifier.tally()
    }

    pub(super) fn verifier(&mut self) -> &mut Verifier {
        &mut self.verifier
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], answered: &mut impl FnMut(Answered)) {
        while !bytes.is_empty() && !self.verifier.is_lost() {
            let (piece, most) = match &self.rules.end {
                AnswerEnd::Length(length) => (bytes, *length),
                AnswerEnd::Delimiter(_) => (bytes, MOST_BYTES),
            };
            let piece = &piece[..piece.len().min((most - self.have) as usize)];
            let end = match &self.rules.end {
                AnswerEnd::Length(length) => {
                    (self.have + piece.len() as u64 == *length).then_some(piece.len())
                }
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
            bytes = &bytes[taken..];
        }
        self.verifier.pass_lost(bytes);
    }

    /// The peer has ended its stream.
    pub(super) fn end(&mut self) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delimiter_is_found_at_its_first_end(
            bytes in proptest::collection::vec(0_u8..3, 0..200),
            delimiter in proptest::collection::vec(0_u8..3, 1..6),
            step in 1_usize..20,
        ) {
            let searched = Delimiter::new(delimiter.clone());
            let (mut fits, mut before, mut found) = (0, 0, None);
            for piece in bytes.chunks(step) {
                found = searched.find(&mut fits, piece).map(|end| before + end);
                if found.is_some() {
                    break;
                }
                before += piece.len();
            }
            let expected = bytes.windows(delimiter.len()).position(|window| window == delimiter);
            prop_assert_eq!(found, expected.map(|at| at + delimiter.len()));
        }
    }
}
