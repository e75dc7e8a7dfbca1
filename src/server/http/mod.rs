//! HTTP/1.1 on one connection: what has come, what is being answered, and when the conversation is over.
//!
//! ```text
//!          ┌────────────────── keep-alive ───────────────────┐
//!   head ──┴─→ body ──→ answer ─→ rest: of a file, or made ──┴─→ over ─→ closed, or half-closed and heard out
//!                                 sent behind the send buffer
//! ```

mod files;
mod respond;

use std::{io, mem, os::fd::AsFd, sync::Arc};

use nix::sys::uio::pread;

pub(super) use self::{files::OpenFile, respond::Site};
use super::{
    close_reason::EvictionReason,
    messages::{BATCH_BYTES, Batch, Scratch},
};
use crate::{
    buffer::Buffer,
    codec::{
        content,
        http::{Body, CONTINUE, Keep, Request, Search, Span, Status},
    },
};

/// Whose content is made where there is no file.
const STREAM: u32 = 0;

/// One connection's conversation.
#[derive(Debug)]
pub(super) struct Http {
    /// Most bytes of a head, and of a body.
    limit: usize,
    phase: Phase,
    search: Search,
    rest: Option<Rest>,
}

#[derive(Debug)]
enum Phase {
    Head,
    /// A body is read away before its request is answered.
    Body(Box<(Request<'static>, Body)>),
    Over(Over),
}

/// How to close the connection once everything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// After the answer that was announced to be the last; all that the peer sent before has been read.
    Clean,
    /// It may still be sending. To close now would answer that with a reset, which takes what the peer has not yet
    /// read of the answer away from it (RFC 9112 section 9.6).
    Sending,
}

/// What follows the send buffer and never lies in it: it takes no memory however slowly it is read.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    pub(super) source: Source,
    pub(super) span: Span,
}

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(Arc<OpenFile>),
    /// Made whenever the kernel has room: what it does not take is made once more.
    Made,
}

impl Rest {
    /// The first bytes of what is left, without sending them.
    ///
    /// # Errors
    /// `UnexpectedEof` when somebody has cut the file short since its length was announced: only the end of the
    /// connection can tell the peer.
    pub(super) fn read(&self, out: &mut [u8]) -> io::Result<()> {
        let start = self.span.start;
        let Source::File(file) = &self.source else {
            content::fill(STREAM, start, out);
            return Ok(());
        };
        let mut have = 0;
        while have < out.len() {
            match pread(file.as_fd(), &mut out[have..], start as libc::off_t + have as libc::off_t)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => have += count,
            }
        }
        Ok(())
    }

    /// So many bytes of it are sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.span.start += count as u64;
        self.span.length -= count as u64;
    }
}

impl Http {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, phase: Phase::Head, search: Search::default(), rest: None }
    }

    /// What follows the send buffer, unless nothing is left of it.
    pub(super) fn rest(&mut self) -> Option<&mut Rest> {
        self.rest.as_mut().filter(|rest| rest.span.length > 0)
    }

    pub(super) fn rest_bytes(&self) -> usize {
        self.rest.as_ref().map_or(0, |rest| rest.span.length as usize)
    }

    /// Whether a request has begun of which nothing may lie in the receive buffer: the rest of its body is awaited, or a
    /// blank line came in front of it.
    pub(super) fn is_within_request(&self) -> bool {
        matches!(self.phase, Phase::Body(_)) || self.search.has_begun()
    }

    /// Whatever comes from now on is not answered.
    pub(super) fn give_up(&mut self) {
        self.phase = Phase::Over(Over::Sending);
    }

    pub(super) fn over(&self) -> Option<Over> {
        if let Phase::Over(over) = self.phase { Some(over) } else { None }
    }

    /// Answers what has arrived, up to one batch, or up to what follows the send buffer: it goes out before the
    /// next answer is made.
    pub(super) fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        scratch: &mut Scratch,
    ) -> Result<Batch, EvictionReason> {
        let mut batch = Batch::default();
        while batch.appended < BATCH_BYTES && self.rest().is_none() {
            self.rest = None;
            let site = &mut scratch.site;
            site.out.clear();
            match self.next(receive, site) {
                Ok(None) => return Ok(batch),
                Ok(Some(answered)) => batch.messages += u64::from(answered),
                Err(status) => {
                    batch.rejected += 1;
                    site.refuse(status);
                    self.give_up();
                }
            }
            send.append(&site.out).map_err(|_| EvictionReason::SendLimit)?;
            batch.appended += site.out.len();
        }
        Ok(Batch { more: batch.appended > 0, ..batch })
    }

    /// One step further, and whether it was an answer; `None` when more has to come first.
    fn next(&mut self, receive: &mut dyn Buffer, site: &mut Site) -> Result<Option<bool>, Status> {
        match &mut self.phase {
            Phase::Head => {
                let Some(length) = self.search.next(receive, self.limit)? else { return Ok(None) };
                let request = Request::parse(receive.peek(length), self.limit as u64)?;
                let body = request.body;
                if let Some(body) = body {
                    site.out.extend_from_slice(if request.expects_continue { CONTINUE } else { b"" });
                    self.phase = Phase::Body(Box::new((request.into_owned(), body)));
                } else {
                    self.respond(&request, site);
                }
                receive.retrieve(length);
                Ok(Some(body.is_none()))
            }
            Phase::Body(pending) => {
                if !pending.1.skip(receive)? {
                    return Ok(None);
                }
                if let Phase::Body(pending) = mem::replace(&mut self.phase, Phase::Head) {
                    self.respond(&pending.0, site);
                }
                Ok(Some(true))
            }
            Phase::Over(over) => {
                if receive.readable() > 0 {
                    *over = Over::Sending;
                    receive.retrieve(receive.readable());
                }
                Ok(None)
            }
        }
    }

    fn respond(&mut self, request: &Request<'_>, site: &mut Site) {
        self.rest = site.respond(request);
        if request.keep == Keep::Close {
            self.phase = Phase::Over(Over::Clean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{self, Kind};

    impl Rest {
        /// Sends all of it, up to so many bytes, to somebody who takes everything.
        pub(in crate::server) fn send_into(&mut self, out: &mut Vec<u8>, most: usize) -> bool {
            let (start, count) = (out.len(), self.span.length.min(most as u64) as usize);
            out.resize(start + count, 0);
            self.read(&mut out[start..]).unwrap();
            self.sent(count);
            count > 0
        }
    }

    /// Feeds `bytes` in pieces of `step`: the answers without their dates, how many there were, and how it ended.
    fn converse(kind: Kind, bytes: &[u8], step: usize) -> (String, u64, Option<Over>) {
        let mut http = Http::new(100_000);
        let (mut receive, mut send) = (buffer::make(kind, 64, None), buffer::make(kind, 64, None));
        let (mut scratch, mut out, mut messages) = (Scratch::new(None, 1).unwrap(), Vec::new(), 0);
        for piece in bytes.chunks(step) {
            receive.append(piece).unwrap();
            loop {
                let batch = http.answer(&mut *receive, &mut *send, &mut scratch).unwrap();
                messages += batch.messages;
                let waiting = send.readable();
                out.extend_from_slice(send.peek(waiting));
                send.retrieve(waiting);
                let followed = http.rest().is_some_and(|rest| rest.send_into(&mut out, usize::MAX));
                if !batch.more && !followed {
                    break;
                }
            }
        }
        let text = String::from_utf8_lossy(&out);
        let lines = text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: "));
        (lines.collect(), messages, http.over())
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
        assert_eq!((whole.1, whole.2), (7, Some(Over::Sending)));
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
            let (answers, messages, over) = converse(Kind::Chained, text, step);
            assert!(answers.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answers}");
            assert!(answers.ends_with("Connection: close\r\n\r\n400 Bad Request\n"), "{answers}");
            assert_eq!((messages, over), (0, Some(Over::Sending)));
        }
    }

    #[test]
    fn closes_cleanly_after_an_announced_last_answer() {
        let (answer, _, over) = converse(Kind::Chained, b"GET / HTTP/1.0\r\n\r\n", 100);
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert_eq!(over, Some(Over::Clean));
    }
}
