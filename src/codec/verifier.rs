//! Keeps the tally of one connection's answers: what was compared, what was wrong, and where that began.
//!
//! Everything is the same however the bytes are cut: what is needed to name the origin of wrong bytes is gathered until
//! there is enough of it.

use super::{
    ErrorAnswer, Excerpt, Fault, Flaw, Tally,
    content::{self, EXPLAIN_BYTES, Origin},
    flaw::Rank,
    text,
};

/// What the bytes of an answer are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The content of a stream.
    Content(u32),
    /// The same in hexadecimal digits: no byte of it is a delimiter anywhere.
    Text(u32),
}

/// The tally, and what is needed to keep it.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    stream: u32,
    /// Bytes that came.
    received: u64,
    /// Bytes that came and could not be compared with anything.
    unverified: u64,
    corrupt: u64,
    reordered: u64,
    errors: u64,
    overloaded: u64,
    /// From here on nothing can be decoded.
    lost_at: Option<u64>,
    first: Option<Box<First>>,
    /// The first answer that was an error or could not be understood.
    first_error: Option<Box<ErrorAnswer>>,
}

/// The first thing that was wrong. An answer that is only an error gives way to one with wrong bytes.
#[derive(Clone, Debug)]
struct First {
    at: u64,
    flaw: Option<Flaw>,
    source: Source,
    /// What stands there, as far as it is needed.
    bytes: Vec<u8>,
    /// Where it comes from, if that is known without looking at it.
    origin: Option<Origin>,
}

/// A state of the tally, to come back to when a message turns out to be another than the one that is awaited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    corrupt: u64,
    faultless: bool,
}

impl Verifier {
    pub(super) fn new(stream: u32) -> Self {
        Self {
            stream,
            received: 0,
            unverified: 0,
            corrupt: 0,
            reordered: 0,
            errors: 0,
            overloaded: 0,
            lost_at: None,
            first: None,
            first_error: None,
        }
    }

    /// Bytes that came so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Whether nothing can be decoded any more.
    pub(super) fn is_lost(&self) -> bool {
        self.lost_at.is_some()
    }

    /// Bytes that are judged elsewhere, as grammar or by their checksum.
    pub(super) fn pass(&mut self, count: usize) {
        self.received += count as u64;
    }

    /// Bytes of which it is unknown what they should be.
    pub(super) fn pass_unverified(&mut self, count: usize) {
        self.received += count as u64;
        self.unverified += count as u64;
    }

    /// Bytes that must be those of `source` from `offset` on.
    pub(super) fn compare(&mut self, source: Source, offset: u64, bytes: &[u8]) {
        self.gather(source, bytes);
        let right = source.matching(offset, bytes);
        let rest = &bytes[right..];
        if !rest.is_empty() && self.is_first(Rank::Corrupt) {
            let bytes = rest[..rest.len().min(source.explain_bytes())].to_vec();
            let at = self.received + right as u64;
            self.first = Some(Box::new(First { at, flaw: None, source, bytes, origin: None }));
        }
        self.corrupt += source.differing(offset + right as u64, rest);
        self.received += bytes.len() as u64;
    }

    /// Takes what follows the first wrong bytes without a gap, until there is enough to explain them.
    fn gather(&mut self, source: Source, bytes: &[u8]) {
        let Some(first) = &mut self.first else { return };
        let follows = first.flaw.is_none()
            && first.origin.is_none()
            && first.source == source
            && first.at + first.bytes.len() as u64 == self.received;
        if follows {
            let missing = source.explain_bytes() - first.bytes.len();
            first.bytes.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        }
    }

    /// An answer is not as it should be; so many of its bytes are wrong, superfluous or missing.
    pub(super) fn flaw(&mut self, at: u64, flaw: Flaw, corrupt: u64) {
        self.corrupt += corrupt;
        self.note(at, flaw);
    }

    /// An answer is an error: whole and well-formed, and not what was asked for. It may say that the server has too much to
    /// do.
    pub(super) fn error(&mut self, at: u64, flaw: Flaw, is_overload: bool) {
        self.errors += 1;
        self.overloaded += u64::from(is_overload);
        self.note(at, flaw);
    }

    /// Takes back an error: that of the answer which began at `at`, and has this number from 1.
    pub(super) fn withdraw(&mut self, at: u64, number: u64, is_overload: bool) {
        self.errors -= 1;
        self.overloaded -= u64::from(is_overload);
        self.first.take_if(|first| first.at == at && first.rank() == Rank::Error);
        self.first_error.take_if(|first| first.number == number);
    }

    /// The answer of this number (from 0), which begins like this at `at`, is an error or not to be understood.
    pub(super) fn begins(&mut self, number: u64, at: u64, bytes: &[u8]) {
        let stream = self.stream;
        self.first_error.get_or_insert_with(|| {
            Box::new(ErrorAnswer { stream, number: number + 1, at, begins: Excerpt::of(bytes) })
        });
    }

    /// What began at `at` is no answer: from there on it is unknown where an answer begins. All of it that came is in
    /// `bytes`, which are shown from their first one on; `number` counts the answers before it.
    pub(super) fn lose(&mut self, at: u64, flaw: Flaw, number: u64, bytes: &[u8]) {
        self.lose_within(at, flaw, number, at, bytes);
    }

    /// The same of what began at `start`, and is no answer from `at` on; `bytes` is all of it that came from `start` on.
    pub(super) fn lose_within(&mut self, at: u64, flaw: Flaw, number: u64, start: u64, bytes: &[u8]) {
        self.note(at, flaw);
        self.begins(number, start, bytes);
        self.lost_at.get_or_insert(at);
    }

    /// Bytes behind that place.
    pub(super) fn pass_lost(&mut self, bytes: &[u8]) {
        // An error that came before is shown as it was.
        let lost_at = self.lost_at;
        let is_lost = |first: &&mut Box<ErrorAnswer>| {
            let shown = first.begins.bytes().len() as u64;
            lost_at.is_some_and(|at| first.at == at || (first.at..first.at + shown).contains(&at))
        };
        if let Some(first) = self.first_error.as_mut().filter(is_lost) {
            first.begins.push(bytes);
        }
        self.pass(bytes.len());
    }

    /// A place to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark { corrupt: self.corrupt, faultless: self.is_first(Rank::Corrupt) }
    }

    /// Whether nothing was wrong since then.
    pub(super) fn is_clean_since(&self, mark: Mark) -> bool {
        self.corrupt == mark.corrupt
    }

    /// The `count` bytes from `at` on, which came since `mark`, are whole and right, but belong elsewhere: what was
    /// noted of each of them is replaced by that.
    pub(super) fn misplaced(&mut self, mark: Mark, at: u64, count: u64, origin: Origin) {
        self.corrupt = mark.corrupt + count;
        if mark.faultless {
            let source = Source::Content(self.stream);
            self.first =
                Some(Box::new(First { at, flaw: None, source, bytes: Vec::new(), origin: Some(origin) }));
        }
    }

    /// A message came whole, but after a later one.
    pub(super) fn reordered(&mut self) {
        self.reordered += 1;
    }

    /// The stream ended here, within an answer.
    pub(super) fn cut_off(&mut self) {
        if !self.is_lost() {
            self.note(self.received, Flaw::CutOff);
        }
    }

    fn note(&mut self, at: u64, flaw: Flaw) {
        if self.is_first(flaw.rank()) {
            let source = Source::Content(self.stream);
            self.first =
                Some(Box::new(First { at, flaw: Some(flaw), source, bytes: Vec::new(), origin: None }));
        }
    }

    /// Whether nothing was wrong so far that is as informative.
    fn is_first(&self, rank: Rank) -> bool {
        self.first.as_ref().is_none_or(|first| rank < first.rank())
    }

    pub(super) fn tally(&self) -> Tally {
        let lost = self.lost_at.map_or(0, |at| self.received - at);
        Tally {
            verified: self.received - self.unverified,
            corrupt: self.corrupt + lost,
            reordered: self.reordered,
            errors: self.errors,
            overloaded: self.overloaded,
            first_fault: self.first.as_ref().map(|first| first.fault(self.stream)),
            first_error: self.first_error.as_deref().copied(),
            ..Tally::default()
        }
    }
}

impl First {
    fn rank(&self) -> Rank {
        self.flaw.map_or(Rank::Corrupt, Flaw::rank)
    }

    fn fault(&self, stream: u32) -> Fault {
        // A stream that all connections share is this connection's as well.
        let own = |origin: Origin, shared| {
            if origin.stream == shared { Origin { stream, ..origin } } else { origin }
        };
        let found = match self.source {
            _ if self.origin.is_some() => self.origin,
            Source::Content(of) => content::explain(&self.bytes, of).map(|origin| own(origin, of)),
            Source::Text(of) => text::explain(&self.bytes, of),
        };
        Fault { stream, at: self.at, found, flaw: self.flaw }
    }
}

impl Source {
    fn matching(self, offset: u64, bytes: &[u8]) -> usize {
        match self {
            Self::Content(stream) => content::matching(stream, offset, bytes),
            Self::Text(stream) => text::matching(stream, offset, bytes),
        }
    }

    /// How many bytes are not those from `offset` on: wrong ones are counted about as fast as right ones.
    fn differing(self, mut offset: u64, bytes: &[u8]) -> u64 {
        let mut block = [0; 256];
        let mut count = 0;
        for piece in bytes.chunks(block.len()) {
            let expected = &mut block[..piece.len()];
            match self {
                Self::Content(stream) => content::fill(stream, offset, expected),
                Self::Text(stream) => text::fill(stream, offset, expected),
            }
            count += piece.iter().zip(&*expected).filter(|(a, b)| a != b).count() as u64;
            offset += piece.len() as u64;
        }
        count
    }

    const fn explain_bytes(self) -> usize {
        match self {
            Self::Content(_) => EXPLAIN_BYTES,
            Self::Text(_) => text::EXPLAIN_BYTES,
        }
    }
}
