//! HTTP/1.1 on one connection: what has come, what is being answered, and when the conversation is over.
//!
//! ```text
//!          ┌────────────────── keep-alive ───────────────────┐
//!   head ──┴─→ body ──→ answer ─→ streamed body ─────────────┴─→ end ─→ closed, or half-closed and heard out
//!                                 sent behind the send buffer
//! ```

pub(super) mod files;
pub(super) mod site;
pub(super) mod streamed_body;
pub(super) mod uploads;

use std::mem;

use self::{files::COPIED_BYTES, site::Site, streamed_body::StreamedBody, uploads::Receiving};
use super::{
    interface::{Batch, ConversationEnd, Protocol},
    scratch::{BATCH_BYTES, Scratch},
};
use crate::{
    buffer::Buffer,
    codec::http::{Body, CONTINUE, Keep, LineParser, Request, Search, Status},
    profile::HeadParsing,
    server::close_reason::EvictionReason,
};

/// One connection's conversation.
#[derive(Debug)]
pub(in crate::server) struct Http {
    /// Most bytes of a head, and of a body.
    limit: usize,
    phase: Phase,
    heads: Heads,
    body: Option<StreamedBody>,
}

/// How far the next head has come.
#[derive(Debug)]
enum Heads {
    Whole(Search),
    LineByLine(LineParser),
}

/// What one step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing: more has to come first.
    Incomplete,
    /// A whole request waits, because no more were to be answered.
    Held,
    /// A head was taken, and its body follows.
    Taken,
    Answered,
}

#[derive(Debug)]
enum Phase {
    Head,
    /// A request has left the receive buffer and is not answered yet: its body comes first, or it waits.
    Taken(Box<Pending>),
    Ended(ConversationEnd),
}

/// What becomes of a body: it is read away unless it is uploaded.
type Upload = Option<Result<Receiving, Status>>;

/// A request that has left the receive buffer.
#[derive(Debug)]
struct Pending {
    request: Request<'static>,
    /// Its body, until all of it has come.
    body: Option<Body>,
    upload: Upload,
}

impl Pending {
    /// Takes what has come of the body; whether the request is whole.
    fn take(&mut self, receive: &mut dyn Buffer) -> Result<bool, Status> {
        let Some(body) = &mut self.body else { return Ok(true) };
        let is_whole = match &mut self.upload {
            Some(Ok(receiving)) => body.take(receive, &mut |piece| receiving.write(piece)),
            Some(Err(_)) | None => body.skip(receive),
        }?;
        if is_whole {
            self.body = None;
        }
        Ok(is_whole)
    }
}

impl Http {
    pub(super) fn new(limit: usize, parsing: HeadParsing) -> Self {
        let heads = match parsing {
            HeadParsing::Whole => Heads::Whole(Search::default()),
            HeadParsing::LineByLine => Heads::LineByLine(LineParser::default()),
        };
        Self { limit, phase: Phase::Head, heads, body: None }
    }

    /// One step further; a request is answered only if it `may_answer` one. One without a body stays in the receive buffer
    /// until then, unless its lines were taken out of it as they came.
    fn next(&mut self, receive: &mut dyn Buffer, site: &mut Site, may_answer: bool) -> Result<Step, Status> {
        match &mut self.phase {
            Phase::Head => match &mut self.heads {
                Heads::Whole(_) if receive.readable() == 0 => Ok(Step::Incomplete),
                Heads::Whole(search) => {
                    let most = self.limit as u64;
                    let usual = if search.is_new() {
                        Request::parse_first(receive.front(), self.limit, most)
                    } else {
                        None
                    };
                    let (step, length) = match &usual {
                        Some((request, length)) => (self.begin_in_place(request, site, may_answer), *length),
                        None => match search.next(receive, self.limit)? {
                            Some(length) => {
                                let request = Request::parse(receive.peek(length), most)?;
                                (self.begin_in_place(&request, site, may_answer), length)
                            }
                            None => return Ok(Step::Incomplete),
                        },
                    };
                    if step != Step::Held {
                        receive.retrieve(length);
                    }
                    Ok(step)
                }
                Heads::LineByLine(parser) => Ok(match parser.next(receive, self.limit)? {
                    Some(request) => self.begin(&request, site, may_answer),
                    None => Step::Incomplete,
                }),
            },
            Phase::Taken(pending) => {
                if !pending.take(receive)? {
                    return Ok(Step::Incomplete);
                }
                if !may_answer {
                    return Ok(Step::Held);
                }
                if let Phase::Taken(pending) = mem::replace(&mut self.phase, Phase::Head) {
                    self.respond(&pending.request, pending.upload, site);
                }
                Ok(Step::Answered)
            }
            Phase::Ended(end) => {
                if receive.readable() > 0 {
                    *end = ConversationEnd::PeerMaySend;
                    receive.retrieve(receive.readable());
                }
                Ok(Step::Incomplete)
            }
        }
    }

    /// A head is whole: its request is answered, unless a body follows or it has to wait.
    fn begin(&mut self, request: &Request<'_>, site: &mut Site, may_answer: bool) -> Step {
        let (body, upload) = (request.body, site.upload(request));
        if body.is_none() && may_answer {
            self.respond(request, upload, site);
            return Step::Answered;
        }
        if body.is_some() && request.expects_continue {
            site.out.extend_from_slice(CONTINUE);
        }
        self.phase = Phase::Taken(Box::new(Pending { request: request.clone().into_owned(), body, upload }));
        if body.is_some() { Step::Taken } else { Step::Held }
    }

    /// The same for a head that lies in the receive buffer: it stays there, held, if its request has no body and has to wait.
    fn begin_in_place(&mut self, request: &Request<'_>, site: &mut Site, may_answer: bool) -> Step {
        if request.body.is_none() && !may_answer { Step::Held } else { self.begin(request, site, may_answer) }
    }

    /// Copies a body that is kept in memory behind its head, where that is cheaper: for one send with the answers in front of
    /// it and those that follow, and where it is short. An answer that is kept with its head, and `is_alone`, goes out from
    /// where it lies.
    fn join(&mut self, out: &mut Vec<u8>, is_alone: bool) {
        let Some(bytes) = self.body.as_ref().and_then(StreamedBody::in_memory) else { return };
        if !is_alone || (!out.is_empty() && bytes.len() <= COPIED_BYTES) {
            out.extend_from_slice(bytes);
            self.body = None;
        }
    }

    fn respond(&mut self, request: &Request<'_>, upload: Upload, site: &mut Site) {
        match upload {
            Some(upload) => site.respond_to_upload(upload.and_then(Receiving::finish), request.keep),
            None => self.body = site.respond(request),
        }
        if request.keep == Keep::Close {
            self.phase = Phase::Ended(ConversationEnd::Clean);
        }
    }
}

impl Protocol for Http {
    /// Answers what has arrived, up to one batch, or up to a streamed body: it goes out before the next answer is made.
    fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        scratch: &mut Scratch,
        permits: u64,
    ) -> Result<Batch, EvictionReason> {
        let mut batch = Batch::default();
        while batch.appended < BATCH_BYTES && self.streamed_bytes() == 0 {
            self.body = None;
            let site = &mut scratch.site;
            site.out.clear();
            match self.next(receive, site, batch.messages < permits) {
                Ok(Step::Incomplete) => return Ok(batch),
                Ok(Step::Held) => return Ok(Batch { is_held: true, ..batch }),
                Ok(Step::Taken) => {}
                Ok(Step::Answered) => batch.messages += 1,
                Err(status) => {
                    batch.rejected += 1;
                    site.refuse(status);
                    self.give_up();
                }
            }
            let is_alone = batch.appended + send.readable() + receive.readable() == 0;
            self.join(&mut site.out, is_alone);
            if !site.out.is_empty() {
                send.append(&site.out).map_err(|_| EvictionReason::SendLimit)?;
            }
            batch.appended += site.out.len() + self.streamed_bytes();
        }
        let is_left = receive.readable() > 0 || self.has_taken();
        Ok(Batch { more: batch.appended > 0 && is_left, ..batch })
    }

    fn has_taken(&self) -> bool {
        matches!(self.phase, Phase::Taken(_))
    }

    fn streamed_body(&mut self) -> Option<&mut StreamedBody> {
        self.body.as_mut().filter(|body| body.span.length > 0)
    }

    fn streamed_bytes(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.span.length as usize)
    }

    /// The rest of a body is awaited, or lines of the head, or in front of it, were taken out of the buffer.
    fn is_within_message(&self) -> bool {
        let has_head_begun = match &self.heads {
            Heads::Whole(search) => search.has_begun(),
            Heads::LineByLine(parser) => parser.has_begun(),
        };
        matches!(&self.phase, Phase::Taken(pending) if pending.body.is_some()) || has_head_begun
    }

    fn timeout_answer<'a>(&self, scratch: &'a mut Scratch) -> &'a [u8] {
        scratch.site.time_out()
    }

    fn give_up(&mut self) {
        self.phase = Phase::Ended(ConversationEnd::PeerMaySend);
    }

    fn end(&self) -> Option<ConversationEnd> {
        if let Phase::Ended(end) = self.phase { Some(end) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{self, Kind};

    /// Feeds `bytes` in pieces of `step`: the answers without their dates, how many there were, and how it ended.
    fn converse(kind: Kind, bytes: &[u8], step: usize) -> (String, u64, Option<ConversationEnd>) {
        let mut http = Http::new(100_000, HeadParsing::Whole);
        let (mut receive, mut send) = (buffer::make(kind, 64, None), buffer::make(kind, 64, None));
        let (mut scratch, mut out, mut messages) = (Scratch::new(None, 1, None).unwrap(), Vec::new(), 0);
        for piece in bytes.chunks(step) {
            receive.append(piece).unwrap();
            loop {
                let batch = http.answer(&mut *receive, &mut *send, &mut scratch, u64::MAX).unwrap();
                messages += batch.messages;
                let waiting = send.readable();
                out.extend_from_slice(send.peek(waiting));
                send.retrieve(waiting);
                let followed = http.streamed_body().is_some_and(|body| body.send_into(&mut out, usize::MAX));
                if !batch.more && !followed {
                    break;
                }
            }
        }
        let text = String::from_utf8_lossy(&out);
        let lines = text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: "));
        (lines.collect(), messages, http.end())
    }

    #[test]
    fn fragmentation_changes_nothing() {
        let text = b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\
            POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello\
            HEAD /bytes/70000 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nB: c\r\n\r\n\
            GET /bytes/70000 HTTP/1.1\r\nHost: x\r\n\r\n\
            GET /bytes/9 HTTP/1.1\r\nHost: x\r\nRange: bytes=-4\r\n\r\n\
            BREW / HTTP/1.1\r\nHost: x\r\n\r\n\
            GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET";
        let whole = converse(Kind::Chained, text, text.len());
        let statuses: Vec<&str> = whole.0.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert_eq!(statuses, ["200", "100", "405", "200", "200", "206", "501", "200"]);
        assert_eq!((whole.1, whole.2), (7, Some(ConversationEnd::PeerMaySend)));
        assert!(whole.0.len() > 70_000 && whole.0.ends_with("Connection: close\r\n\r\nok\n"), "{}", whole.0);
        for kind in [Kind::Contiguous, Kind::Chained] {
            for step in (1..100).chain([text.len()]) {
                assert!(converse(kind, text, step) == whole, "{kind}, pieces of {step} bytes");
            }
        }
    }

    #[test]
    fn closes_after_answering_an_invalid_request() {
        let text = b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for step in 1..=text.len() {
            let (answers, messages, end) = converse(Kind::Chained, text, step);
            assert!(answers.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answers}");
            assert!(answers.ends_with("Connection: close\r\n\r\n400 Bad Request\n"), "{answers}");
            assert_eq!((messages, end), (0, Some(ConversationEnd::PeerMaySend)));
        }
    }

    #[test]
    fn closes_cleanly_after_an_announced_last_answer() {
        let (answer, _, end) = converse(Kind::Chained, b"GET / HTTP/1.0\r\n\r\n", 100);
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert_eq!(end, Some(ConversationEnd::Clean));
    }
}
