//! The answers that come back on one connection, compared with what the command gives.

use std::sync::Arc;

use super::{
    Wanted,
    grammar::{Grammar, Kind, Part},
};
use crate::codec::{
    Answered, Check, Excerpt, Flaw, SHARED_STREAM, Tally,
    sample::{Comparison, Sample},
    verifier::{Source, Verifier},
};

/// Errors of a server that has too much to do: a script runs, data are being loaded, a cluster is being changed.
const OVERLOADED: [&[u8]; 3] = [b"-BUSY", b"-LOADING", b"-TRYAGAIN"];

/// What the answers must be. All connections of a group share it.
#[derive(Debug)]
pub(in crate::codec) struct Rules {
    wanted: Wanted,
    /// The content of the first answer that was neither null nor an error.
    sample: Sample,
}

impl Rules {
    pub(in crate::codec) fn new(wanted: Wanted) -> Self {
        Self { wanted, sample: Sample::default() }
    }
}

/// Checks the answers of one connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    stream: u32,
    rules: Arc<Rules>,
    /// Where the present answer differs from the first one. Apart, as of all decoders this one alone would be larger for it.
    comparison: Box<Comparison>,
    verifier: Verifier,
    grammar: Grammar,
    /// Where the present answer started.
    start: u64,
    /// Its first bytes.
    begins: Excerpt,
    /// Bytes of content of the present answer that came, if it is no array.
    content: u64,
    /// How many of them are not those of the simple string that is awaited, and where the first of these is.
    wrong: (u64, u64),
    /// There is an error in it.
    error: bool,
    sequence: u64,
}

impl Decoder {
    pub(in crate::codec) fn new(stream: u32, rules: Arc<Rules>) -> Self {
        Self {
            stream,
            rules,
            comparison: Box::default(),
            verifier: Verifier::new(stream),
            grammar: Grammar::new(),
            start: 0,
            begins: Excerpt::default(),
            content: 0,
            wrong: (0, 0),
            error: false,
            sequence: 0,
        }
    }

    pub(in crate::codec) fn tally(&self) -> Tally {
        self.verifier.tally()
    }

    pub(in crate::codec) fn verifier(&mut self) -> &mut Verifier {
        &mut self.verifier
    }

    pub(in crate::codec) fn feed(&mut self, mut bytes: &[u8], answered: &mut impl FnMut(Answered)) {
        while !bytes.is_empty() {
            if self.verifier.is_lost() {
                self.verifier.pass_lost(bytes);
                return;
            }
            let part = self.grammar.next(bytes);
            if let Ok(Part::Framing(taken) | Part::Content(taken) | Part::Value(taken, _)) = part {
                self.begins.push(&bytes[..taken]);
            }
            let taken = match part {
                Ok(Part::Framing(taken)) => {
                    self.verifier.pass(taken);
                    taken
                }
                Ok(Part::Content(taken)) => self.take(&bytes[..taken]),
                Ok(Part::Value(taken, kind)) => {
                    self.verifier.pass(taken);
                    self.error |= kind == Kind::Error;
                    if self.grammar.depth() == 0 {
                        self.finish(kind, answered);
                    }
                    taken
                }
                Err((at, flaw)) => {
                    self.verifier.pass(at);
                    self.verifier.lose(self.verifier.received(), flaw, self.sequence, &[]);
                    at
                }
            };
            bytes = &bytes[taken..];
        }
    }

    /// The peer has ended its stream.
    pub(in crate::codec) fn end(&mut self) {
        if self.verifier.received() > self.start {
            self.verifier.cut_off();
        }
    }

    /// Compares content with what is awaited.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let (source, size, offset) = match self.rules.wanted {
            Wanted::Own(size) => (Source::Content(self.stream), size, self.sequence.wrapping_mul(size)),
            Wanted::Shared(size) => (Source::Content(SHARED_STREAM), size, 0),
            Wanted::Simple(text) => {
                let rest = text.get(self.content as usize..).unwrap_or_default();
                for (at, _) in bytes.iter().zip(rest).enumerate().filter(|(_, (byte, right))| byte != right) {
                    let first =
                        if self.wrong.0 == 0 { self.verifier.received() + at as u64 } else { self.wrong.1 };
                    self.wrong = (self.wrong.0 + 1, first);
                }
                self.verifier.pass(bytes.len());
                self.content += bytes.len() as u64;
                return bytes.len();
            }
            Wanted::Same(check, _) => {
                // Of an array, all that is in it; an error's text is no value.
                if check == Check::Bytes && self.begins.bytes().first() != Some(&b'-') {
                    self.comparison.take(&self.rules.sample, bytes, &mut self.verifier);
                } else {
                    self.verifier.pass_unverified(bytes.len());
                }
                self.content += bytes.len() as u64;
                return bytes.len();
            }
            Wanted::Any | Wanted::Whatever => {
                self.verifier.pass_unverified(bytes.len());
                return bytes.len();
            }
        };
        // An error's text is no content, and neither is what lies in an array: what is judged is the kind.
        let is_value = self.grammar.is_bulk() && self.grammar.depth() == 0;
        let room = if is_value { size.saturating_sub(self.content).min(bytes.len() as u64) } else { 0 };
        let (expected, surplus) = bytes.split_at(room as usize);
        self.verifier.compare(source, offset + self.content, expected);
        self.verifier.pass(surplus.len());
        self.content += bytes.len() as u64;
        bytes.len()
    }

    /// An answer is whole.
    fn finish(&mut self, kind: Kind, answered: &mut impl FnMut(Answered)) {
        self.judge(kind);
        answered(Answered { sequence: self.sequence, error: self.error, last: false, gave_up: false });
        self.sequence += 1;
        self.start = self.verifier.received();
        self.begins = Excerpt::default();
        *self.comparison = Comparison::default();
        (self.content, self.wrong, self.error) = (0, (0, 0), false);
    }

    fn judge(&mut self, kind: Kind) {
        if self.error {
            self.error = self.rules.wanted != Wanted::Whatever;
            if self.error {
                self.fail(Flaw::RespError);
            }
            return;
        }
        let found = self.content;
        match (self.rules.wanted, kind) {
            (Wanted::Own(_) | Wanted::Shared(_) | Wanted::Same(_, Some(_)), Kind::Null) => {
                self.error = true;
                self.fail(Flaw::RespNull);
            }
            (Wanted::Same(_, Some(wanted)), Kind::Bulk) if found != wanted => {
                self.verifier.flaw(self.start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
            }
            (Wanted::Same(Check::Bytes, _), kind) if kind != Kind::Null => {
                self.comparison.finish(&self.rules.sample, self.start, found, &mut self.verifier);
            }
            (Wanted::Same(Check::Length, _), kind) if kind != Kind::Null => {
                self.rules.sample.compare_length(self.start, found, &mut self.verifier);
            }
            // Null is a key that nobody has set yet.
            (Wanted::Any | Wanted::Whatever | Wanted::Same(..), _) => {}
            (Wanted::Own(wanted) | Wanted::Shared(wanted), Kind::Bulk) => {
                if found != wanted {
                    let flaw = Flaw::Length { found, wanted };
                    self.verifier.flaw(self.start, flaw, found.abs_diff(wanted));
                }
            }
            (Wanted::Simple(text), Kind::Simple) if found == text.len() as u64 => {
                let (count, first) = self.wrong;
                if count > 0 {
                    self.verifier.flaw(first, Flaw::RespOther, count);
                }
            }
            _ => {
                let bytes = self.verifier.received() - self.start;
                self.verifier.flaw(self.start, Flaw::RespOther, bytes);
                self.verifier.begins(self.sequence, self.start, self.begins.bytes());
            }
        }
    }

    /// The answer is an error.
    fn fail(&mut self, flaw: Flaw) {
        let begins = self.begins.bytes();
        let is_overload = OVERLOADED.iter().any(|word| begins.starts_with(word));
        self.verifier.error(self.start, flaw, is_overload);
        self.verifier.begins(self.sequence, self.start, begins.strip_suffix(b"\r\n").unwrap_or(begins));
    }
}
