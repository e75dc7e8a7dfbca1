//! The answers that come back on one connection: found however they are cut, and compared with what they must be.
//!
//! ```text
//!   head ─┬─→ interim (1xx) ─→ head                               nothing is looked at twice: a head is kept until it
//!         ├─→ no body (HEAD, 204, 304) ─────────────┐             is whole, a body is not kept at all
//!         └─→ body, by length, in chunks, or until ─┴─→ answered
//!             the end of the connection
//! ```

use std::sync::Arc;

use memchr::memmem;

use super::{
    HEAD_BYTES, MOST_INTERIM, Span, Statuses,
    body::{Chunked, Part},
    reply::{self, Framing, Reply},
};
use crate::codec::{
    Answered, Check, Flaw, SHARED_STREAM,
    answer_decoder::AnswerDecoder,
    sample::{Sample, SampleComparison, Samples},
    verifier::{Source, Verifier},
};

const HEAD_END: &[u8] = b"\r\n\r\n";
/// A head that comes in pieces is taken in steps of so many bytes, so that little of a body is copied with its end.
const STEP_BYTES: usize = 1024;
/// A longer head is not remembered.
const KNOWN_BYTES: usize = 1024;

/// Statuses of a server that has too much to do, or too little time (RFC 9110, RFC 6585).
const OVERLOADED: [u16; 4] = [REQUEST_TIMEOUT, 429, 503, 504];
/// A server may send it on a connection that has nothing under way, and close it (RFC 9110 section 15.5.9).
const REQUEST_TIMEOUT: u16 = 408;

/// What the answers to a request must be. All connections of a group share it.
#[derive(Debug)]
pub(in crate::codec) struct Rules {
    /// The request is a HEAD: no answer has a body.
    pub(in crate::codec) bodiless: bool,
    pub(in crate::codec) statuses: Statuses,
    /// Bytes of the body, where the profile says.
    pub(in crate::codec) length: Option<u64>,
    /// Which part of how many bytes is asked for, if it is not the whole.
    pub(in crate::codec) part: Option<(Span, u64)>,
    pub(in crate::codec) check: Check,
    /// The first body with each status.
    pub(in crate::codec) samples: Samples,
}

/// Checks the answers of one connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    rules: Arc<Rules>,
    verifier: Verifier,
    at: At,
    /// A head that has begun.
    head: Vec<u8>,
    /// The last head that was whole. Most are the same but for the date, which changes once a second.
    known: Option<Box<(Box<[u8]>, Reply)>>,
    /// Where the present answer started.
    start: u64,
    /// Bytes of its body that came.
    body: u64,
    /// The first answer with the status that came last, and that status.
    sample: Option<(u16, Arc<Sample>)>,
    /// Where the present answer differs from it.
    comparison: SampleComparison,
    status: u16,
    /// It is an error.
    error: bool,
    /// It says that the connection ends with it.
    last: bool,
    sequence: u64,
    /// Interim answers (1xx) before the present one.
    interim: u8,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum At {
    Head,
    /// A body, and how much of it is left.
    Length(u64),
    Chunked(Chunked),
    UntilEnd,
}

impl AnswerDecoder for Decoder {
    fn step(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize {
        match self.at {
            At::Head => self.head(bytes, answered),
            At::Length(left) => self.by_length(left, bytes, answered),
            At::Chunked(chunked) => self.chunk(chunked, bytes, answered),
            At::UntilEnd => self.content(bytes),
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
            rules,
            verifier: Verifier::new(stream),
            at: At::Head,
            head: Vec::new(),
            known: None,
            start: 0,
            body: 0,
            sample: None,
            comparison: SampleComparison::default(),
            status: 0,
            error: false,
            last: false,
            sequence: 0,
            interim: 0,
        }
    }

    /// Takes back that the newest answer was an error.
    pub(in crate::codec) fn withdraw(&mut self) {
        self.verifier.withdraw(self.start, self.sequence, OVERLOADED.contains(&self.status));
    }

    /// Bytes of a body that come next, as far as they are expected.
    pub(in crate::codec) fn content_ahead(&self) -> Option<u64> {
        let At::Length(left) = self.at else { return None };
        Some(left.min(self.rules.length?.saturating_sub(self.body)))
    }

    /// At the end of the stream, a body of unknown length ends; anything else is cut off.
    pub(in crate::codec) fn end(&mut self, answered: &mut impl FnMut(Answered)) {
        match self.at {
            _ if self.verifier.is_lost() => {}
            At::UntilEnd => self.finish(Some(self.body), answered),
            At::Head if self.head.is_empty() => {}
            At::Head | At::Length(_) | At::Chunked(_) => self.verifier.cut_off(),
        }
    }

    /// Takes bytes of a head.
    fn head(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize {
        if !self.head.is_empty() {
            return self.more_head(bytes, answered);
        }
        self.start = self.verifier.received();
        if let Some((known, reply)) = self.known.as_deref().filter(|(known, _)| bytes.starts_with(known)) {
            let (taken, reply) = (known.len(), *reply);
            self.verifier.pass(taken);
            self.open(reply, &bytes[..taken], answered);
            return taken;
        }
        let window = &bytes[..bytes.len().min(HEAD_BYTES)];
        match memmem::find(window, HEAD_END) {
            Some(at) => {
                let head = &bytes[..at + HEAD_END.len()];
                self.verifier.pass(head.len());
                self.whole(head, answered);
                head.len()
            }
            None => self.more_head(bytes, answered),
        }
    }

    /// Takes bytes of a head that comes in pieces.
    fn more_head(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize {
        let before = self.head.len();
        let take = bytes.len().min(STEP_BYTES).min(HEAD_BYTES - before);
        self.head.extend_from_slice(&bytes[..take]);
        let from = before.saturating_sub(HEAD_END.len() - 1);
        let Some(at) = memmem::find(&self.head[from..], HEAD_END) else {
            self.verifier.pass(take);
            if !reply::may_begin(&self.head) {
                self.verifier.lose(self.start, Flaw::StatusLine, self.sequence, &self.head);
            } else if let Some(at) = reply::bare_lf(&self.head, before) {
                let place = self.start + at as u64;
                self.verifier.lose(place, Flaw::BareLf, self.sequence, &self.head[at..]);
            } else if self.head.len() == HEAD_BYTES {
                self.verifier.lose(self.start, Flaw::HeadTooLong, self.sequence, &self.head);
            }
            return take;
        };
        let end = from + at + HEAD_END.len();
        self.verifier.pass(end - before);
        let mut head = std::mem::take(&mut self.head);
        head.truncate(end);
        self.whole(&head, answered);
        end - before
    }

    fn whole(&mut self, head: &[u8], answered: &mut impl FnMut(Answered)) {
        match Reply::parse(head) {
            Err((at, flaw)) => {
                self.verifier.lose(self.start + at as u64, flaw, self.sequence, &head[at..]);
            }
            Ok(reply) => {
                self.known = (head.len() <= KNOWN_BYTES).then(|| Box::new((head.into(), reply)));
                self.open(reply, head, answered);
            }
        }
    }

    /// A head is whole: what follows it?
    fn open(&mut self, reply: Reply, head: &[u8], answered: &mut impl FnMut(Answered)) {
        match reply.status {
            101 => return self.verifier.lose(self.start, Flaw::Upgrade, self.sequence, head),
            100..200 if self.interim == MOST_INTERIM => {
                return self.verifier.lose(self.start, Flaw::TooManyInterim, self.sequence, head);
            }
            // The answer itself is still to come.
            100..200 => return self.interim += 1,
            _ => self.interim = 0,
        }
        self.status = reply.status;
        self.error = self.judge_head(reply, head);
        self.last = reply.last;
        let is_compared = matches!(self.rules.check, Check::Bytes | Check::Length);
        if is_compared && self.sample.as_ref().is_none_or(|(of, _)| *of != reply.status) {
            self.sample = Some((reply.status, self.rules.samples.of(reply.status)));
        }
        let declared = if let Framing::Length(length) = reply.framing { Some(length) } else { None };
        if self.rules.bodiless || matches!(reply.status, 204 | 304) {
            let length = if self.rules.bodiless { declared } else { Some(0) };
            return self.finish(length, answered);
        }
        self.at = match reply.framing {
            Framing::Length(0) => return self.finish(Some(0), answered),
            Framing::Length(length) => At::Length(length),
            Framing::Chunked => At::Chunked(Chunked::of_answer()),
            Framing::UntilEnd => {
                self.last = true;
                At::UntilEnd
            }
        };
    }

    /// Whether the answer is an error, by what its head says.
    fn judge_head(&mut self, reply: Reply, head: &[u8]) -> bool {
        let found = reply.status;
        // Outside of 100 to 599 it means nothing (RFC 9110 section 15), whoever accepts anything.
        let is_void = !(100..=599).contains(&found);
        let is_judged = is_void || self.rules.check != Check::None;
        let flaw = if is_judged && !self.rules.statuses.accept(found) {
            match self.rules.statuses.single() {
                Some(wanted) => Flaw::Status { found, wanted },
                None => Flaw::StatusOther { found },
            }
        } else if self.rules.part.is_some() && reply.part != self.rules.part {
            Flaw::Part
        } else {
            return false;
        };
        self.verifier.error(self.start, flaw, OVERLOADED.contains(&found));
        let line = memmem::find(head, b"\r\n").unwrap_or(head.len());
        self.verifier.begins(self.sequence, self.start, &head[..line]);
        true
    }

    fn by_length(&mut self, left: u64, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize {
        let take = left.min(bytes.len() as u64) as usize;
        self.content(&bytes[..take]);
        self.at = At::Length(left - take as u64);
        if take as u64 == left {
            self.finish(Some(self.body), answered);
        }
        take
    }

    fn chunk(&mut self, mut chunked: Chunked, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize {
        let part = chunked.next(bytes);
        self.at = At::Chunked(chunked);
        match part {
            Ok(Part::Content(count)) => self.content(&bytes[..count]),
            Ok(Part::Framing(count)) => {
                self.verifier.pass(count);
                count
            }
            Ok(Part::Last(count)) => {
                self.verifier.pass(count);
                self.finish(Some(self.body), answered);
                count
            }
            Err((at, _)) => {
                self.verifier.pass(at);
                self.verifier.lose(self.verifier.received(), Flaw::Chunk, self.sequence, &[]);
                at
            }
        }
    }

    /// Compares bytes of a body with what they must be.
    fn content(&mut self, bytes: &[u8]) -> usize {
        match (self.rules.check, &self.sample) {
            (Check::Content, _) if !self.error => {
                let start = self.rules.part.map_or(0, |(part, _)| part.start);
                self.verifier.compare(Source::Content(SHARED_STREAM), start + self.body, bytes);
            }
            (Check::Bytes, Some((_, sample))) if !self.error => {
                self.comparison.take(sample, bytes, &mut self.verifier);
            }
            _ => self.verifier.pass_unverified(bytes.len()),
        }
        self.body += bytes.len() as u64;
        bytes.len()
    }

    /// The answer is whole; its body has (or would have, for a HEAD) so many bytes, if anybody said.
    fn finish(&mut self, length: Option<u64>, answered: &mut impl FnMut(Answered)) {
        if let (Some(found), false) = (length, self.error) {
            self.judge(found);
        }
        self.comparison = SampleComparison::default();
        self.at = At::Head;
        self.body = 0;
        let gave_up = self.error && self.status == REQUEST_TIMEOUT;
        answered(Answered { sequence: self.sequence, error: self.error, last: self.last, gave_up });
        self.sequence += 1;
    }

    fn judge(&mut self, found: u64) {
        let expected = self.rules.length.filter(|_| self.rules.check.judges_length());
        match (expected, self.rules.check, &self.sample) {
            (Some(wanted), ..) if wanted != found => {
                self.verifier.flaw(self.start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
            }
            (_, Check::Bytes, Some((_, sample))) => {
                self.comparison.finish(sample, self.start, found, &mut self.verifier);
            }
            (None, Check::Length, Some((_, sample))) => {
                sample.compare_length(self.start, found, &mut self.verifier);
            }
            _ => {}
        }
    }
}
