//! The answers that come back on one connection, compared with what the command gives.

use std::sync::{Arc, OnceLock};

use super::{
    Wanted,
    grammar::{Grammar, Kind, Part},
};
use crate::codec::{
    Answered, Check, Excerpt, Flaw, SHARED_STREAM,
    answer_decoder::AnswerDecoder,
    sample::{Sample, SampleComparison},
    verifier::{Source, Verifier},
};

/// Errors of a server that has too much to do: a script runs, data are being loaded, a cluster is being changed.
const OVERLOADED: [&[u8]; 3] = [b"-BUSY", b"-LOADING", b"-TRYAGAIN"];

/// What the answers must be. All connections of a group share it.
#[derive(Debug)]
pub(in crate::codec) struct Rules {
    wanted: Wanted,
    /// What the first answer that was neither null nor an error holds: its content; of an array, all behind its head; the
    /// whole of a number.
    sample: Sample,
    /// What it is, and the shape of what lies in it.
    first: OnceLock<(Kind, u64)>,
}

impl Rules {
    pub(in crate::codec) fn new(wanted: Wanted) -> Self {
        Self { wanted, sample: Sample::default(), first: OnceLock::new() }
    }
}

/// Checks the answers of one connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    stream: u32,
    rules: Arc<Rules>,
    /// Where the present answer differs from the first one. Apart, as of all decoders this one alone would be larger for it.
    comparison: Box<SampleComparison>,
    verifier: Verifier,
    grammar: Grammar,
    /// Where the present answer started.
    start: u64,
    /// Its first bytes.
    begins: Excerpt,
    /// Bytes of content of the present answer that came; where all in it is compared, of that.
    content: u64,
    /// How many of them are not those of the simple string that is awaited, and where the first of these is.
    wrong: (u64, u64),
    /// There is an error in it.
    error: bool,
    /// There was a value when the answer before it had come: a key does not lose it by itself.
    had_value: bool,
    sequence: u64,
}

impl AnswerDecoder for Decoder {
    fn step(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize {
        let within = self.grammar.depth() > 0;
        let part = self.grammar.next(bytes);
        let (Ok(Part::Framing(taken) | Part::Content(taken) | Part::Value(taken, _)) | Err((taken, _))) =
            part;
        self.begins.push(&bytes[..taken]);
        match part {
            Ok(Part::Framing(taken)) => self.frame(&bytes[..taken], within),
            Ok(Part::Content(taken)) => self.take(&bytes[..taken]),
            Ok(Part::Value(taken, kind)) => {
                self.frame(&bytes[..taken], within);
                self.error |= kind == Kind::Error;
                if self.grammar.depth() == 0 {
                    self.finish(kind, answered);
                }
                taken
            }
            Err((at, flaw)) => {
                // What came before is framing, judged as if it had come alone.
                self.frame(&bytes[..at], within);
                self.verifier.lose(self.verifier.received(), flaw, self.sequence, &[]);
                at
            }
        }
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
        Self {
            stream,
            had_value: rules.first.get().is_some(),
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

    /// The peer has ended its stream.
    pub(in crate::codec) fn end(&mut self) {
        if self.verifier.received() > self.start {
            self.verifier.cut_off();
        }
    }

    /// Takes framing, `within` an array or not. Where every byte is compared with the first answer, so is what frames the
    /// elements of an array, and a number: it consists of nothing else.
    fn frame(&mut self, bytes: &[u8], within: bool) -> usize {
        let is_held = within || self.begins.bytes().first() == Some(&b':');
        if is_held && matches!(self.rules.wanted, Wanted::Same(Check::Bytes, _)) {
            self.comparison.take(&self.rules.sample, bytes, &mut self.verifier);
            self.content += bytes.len() as u64;
        } else {
            self.verifier.pass(bytes.len());
        }
        bytes.len()
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
        let shape = self.grammar.take_shape();
        self.judge(kind, shape);
        self.had_value = self.rules.first.get().is_some();
        answered(Answered { sequence: self.sequence, error: self.error, last: false, gave_up: false });
        self.sequence += 1;
        self.start = self.verifier.received();
        self.begins = Excerpt::default();
        *self.comparison = SampleComparison::default();
        (self.content, self.wrong, self.error) = (0, (0, 0), false);
    }

    fn judge(&mut self, kind: Kind, shape: u64) {
        if self.error {
            self.error = self.rules.wanted != Wanted::Whatever;
            if self.error {
                self.fail(Flaw::RespError);
            }
            return;
        }
        let found = self.content;
        match (self.rules.wanted, kind) {
            (Wanted::Own(_) | Wanted::Shared(_) | Wanted::Same(_, Some(_)), Kind::Null) => self.fail_null(),
            (Wanted::Same(..), Kind::Null) if self.had_value => self.fail_null(),
            (Wanted::Same(_, Some(wanted)), Kind::Bulk) if found != wanted => {
                self.verifier.flaw(self.start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
            }
            (Wanted::Same(check, _), kind) if kind != Kind::Null => {
                self.compare_with_first(check, kind, shape);
            }
            // As long as no value has come, null means that the key has not been set yet.
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

    /// The answer is a whole value: is it what the first one was, as far as that is checked?
    fn compare_with_first(&mut self, check: Check, kind: Kind, shape: u64) {
        let (sample, start, verifier) = (&self.rules.sample, self.start, &mut self.verifier);
        match check {
            Check::Bytes => self.comparison.finish(sample, start, self.content, verifier),
            Check::Length => sample.compare_length(start, self.content, verifier),
            _ => return,
        }
        let first = *self.rules.first.get_or_init(|| (kind, shape));
        // Where every byte is compared, they show the shape.
        if kind != first.0 || (check == Check::Length && shape != first.1) {
            verifier.flaw(start, Flaw::Different, 1);
        }
    }

    fn fail_null(&mut self) {
        self.error = true;
        self.fail(Flaw::RespNull);
    }

    /// The answer is an error.
    fn fail(&mut self, flaw: Flaw) {
        let begins = self.begins.bytes();
        let is_overload = OVERLOADED.iter().any(|word| begins.starts_with(word));
        self.verifier.error(self.start, flaw, is_overload);
        self.verifier.begins(self.sequence, self.start, begins.strip_suffix(b"\r\n").unwrap_or(begins));
    }
}
