//! What a request is answered with: a file, or without a root a body made on the spot.

use std::{io, path::Path, sync::Arc};

use nix::time::{ClockId, clock_gettime};

use super::{
    files::{Files, OpenFile},
    streamed_body::{STREAM, Source, StreamedBody},
    uploads::{Receiving, UploadedCopy, Uploads},
};
use crate::codec::{
    content,
    http::{Answer, Keep, Method, Request, Span, Status, http_date},
};

/// What `/` is answered with when there is no root.
const GREETING: &str = "ok\n";
/// The most that `/bytes/N` can ask for.
const MOST_MADE: u64 = 1 << 40;
/// Below this path lies what clients have uploaded, where they may.
const UPLOADS: &[u8] = b"uploads/";
/// The methods that it has there.
const UPLOAD_METHODS: &str = "GET, HEAD, PUT";
/// Up to so many bytes of made content go into the send buffer, so that many short answers make one send.
const SHORT_BYTES: u64 = 16 * 1024;

/// What all connections are answered with, and where the answers are written.
pub(in crate::server) struct Site {
    files: Option<Files>,
    /// What clients have uploaded, if they may.
    uploads: Option<Arc<Uploads>>,
    date: Date,
    pub(super) out: Vec<u8>,
}

/// What a path leads to.
enum Resource {
    Greeting,
    /// So many bytes that say where they belong.
    Made(u64),
    File(Arc<OpenFile>),
    Uploaded(Arc<UploadedCopy>),
}

impl Resource {
    fn length(&self) -> u64 {
        match self {
            Self::Greeting => GREETING.len() as u64,
            Self::Made(length) => *length,
            Self::File(file) => file.length,
            Self::Uploaded(copy) => copy.length(),
        }
    }

    fn media_type(&self) -> &'static str {
        match self {
            Self::Greeting => "text/plain",
            Self::Made(_) | Self::Uploaded(_) => "application/octet-stream",
            Self::File(file) => file.media_type,
        }
    }

    fn last_modified(&self) -> Option<&str> {
        if let Self::File(file) = self { Some(&file.last_modified) } else { None }
    }
}

impl Site {
    /// One of so many that serve the same root, each for a thread; and what clients may upload to all of them.
    ///
    /// # Errors
    /// When the root is no directory that can be read.
    pub(in crate::server) fn open(
        root: Option<&Path>,
        sites: u64,
        uploads: Option<Arc<Uploads>>,
    ) -> io::Result<Self> {
        let files = root.map(|root| Files::below(root, sites)).transpose()?;
        Ok(Self { files, uploads, date: Date::default(), out: Vec::new() })
    }

    /// Closes the files that are kept open and not being sent; whether there were any.
    pub(in crate::server) fn forget_files(&mut self) -> bool {
        self.files.as_mut().is_some_and(Files::forget)
    }

    /// Begins to receive what the request uploads, if it does; or why it is refused, which is said behind its body.
    pub(super) fn upload(&self, request: &Request<'_>) -> Option<Result<Receiving, Status>> {
        let (uploads, name) = self.uploaded(&request.path)?;
        (request.method == Method::Put).then(|| uploads.begin(name, request))
    }

    /// Where this path leads among what clients may upload.
    fn uploaded<'a>(&self, path: &'a [u8]) -> Option<(&Uploads, &'a [u8])> {
        Some((self.uploads.as_deref()?, path.strip_prefix(UPLOADS)?))
    }

    /// Writes the answer to a request that has uploaded something, or was not to.
    pub(super) fn respond_to_upload(&mut self, result: Result<(), Status>, keep: Keep) {
        self.date.look();
        self.plain(result.err().unwrap_or(Status::Ok), keep, true);
    }

    /// Writes the head of the answer, and a body that is made on the spot and short; what follows is left. Where all of the
    /// answer is kept, all of it is left.
    pub(super) fn respond(&mut self, request: &Request<'_>) -> Option<StreamedBody> {
        self.date.look();
        let found = match request.method {
            Method::Get | Method::Head => self.find(&request.path),
            Method::Put | Method::Known => Err(Status::MethodNotAllowed),
            Method::Unknown => Err(Status::NotImplemented),
        };
        match found {
            Ok(resource) => self.answer(resource, request),
            Err(status) => {
                self.refuse_request(status, request);
                None
            }
        }
    }

    fn refuse_request(&mut self, status: Status, request: &Request<'_>) {
        if status == Status::MethodNotAllowed && self.uploaded(&request.path).is_some() {
            let (answer, text) = Answer::plain(status, request.keep);
            let answer = Answer { methods: UPLOAD_METHODS, ..answer };
            answer.write(&self.date.text, &mut self.out);
            self.out.extend_from_slice(text);
        } else {
            self.plain(status, request.keep, request.method != Method::Head);
        }
    }

    /// The same for what was found.
    fn answer(&mut self, resource: Resource, request: &Request<'_>) -> Option<StreamedBody> {
        let with_body = request.method != Method::Head;
        let is_usual = with_body && request.range.is_none() && request.keep == Keep::Open;
        let resource = match resource {
            Resource::File(file) if is_usual && !file.usual_answer().is_empty() => {
                return Some(self.answer_as_usual(file));
            }
            resource => resource,
        };
        let begin = self.out.len();
        let (length, modified) = (resource.length(), resource.last_modified());
        let (answer, span) = Answer::of(length, resource.media_type(), modified, request.range, request.keep);
        answer.write(&self.date.text, &mut self.out);
        let status = answer.status;
        match (resource, span.filter(|_| with_body)) {
            (Resource::Greeting, Some(Span { start, length })) => {
                self.out.extend_from_slice(&GREETING.as_bytes()[start as usize..][..length as usize]);
                None
            }
            (Resource::Made(_), Some(Span { start, length })) if length <= SHORT_BYTES => {
                let head = self.out.len();
                self.out.resize(head + length as usize, 0);
                content::fill(STREAM, start, &mut self.out[head..]);
                None
            }
            (Resource::Made(_), Some(span)) => Some(StreamedBody { source: Source::Generated, span }),
            (Resource::Uploaded(copy), Some(span)) => {
                Some(StreamedBody { source: Source::Uploaded(copy), span })
            }
            (Resource::File(file), Some(span)) => {
                if file.content.is_none() {
                    return Some(StreamedBody { source: Source::File(file), span });
                }
                if is_usual {
                    let mut usual = self.out[begin..].to_vec();
                    usual.extend_from_slice(if file.is_copied() { file.content() } else { b"" });
                    let _ = file.usual_answer.set(usual.into());
                }
                Some(StreamedBody { source: Source::Kept(file), span })
            }
            (_, None) => {
                if with_body {
                    self.out.extend_from_slice(Answer::plain(status, request.keep).1);
                }
                None
            }
        }
    }

    /// The usual answer, which is kept: all of it is left, or its body.
    fn answer_as_usual(&mut self, file: Arc<OpenFile>) -> StreamedBody {
        if file.is_copied() {
            return StreamedBody::usual_answer(file);
        }
        self.out.extend_from_slice(file.usual_answer());
        let span = Span { start: 0, length: file.length };
        StreamedBody { source: Source::Kept(file), span }
    }

    /// Writes the last answer to a peer whose bytes cannot be understood any further.
    pub(super) fn refuse(&mut self, status: Status) {
        self.date.look();
        self.plain(status, Keep::Close, true);
    }

    /// The last answer to a peer whose request did not become whole in time (RFC 9110 section 15.5.9).
    pub(in crate::server) fn time_out(&mut self) -> &[u8] {
        self.out.clear();
        self.refuse(Status::RequestTimeout);
        &self.out
    }

    fn plain(&mut self, status: Status, keep: Keep, with_body: bool) {
        let (answer, text) = Answer::plain(status, keep);
        answer.write(&self.date.text, &mut self.out);
        self.out.extend_from_slice(if with_body { text } else { b"" });
    }

    fn find(&mut self, path: &[u8]) -> Result<Resource, Status> {
        if let Some((uploads, name)) = self.uploaded(path) {
            return uploads.find(name).map(Resource::Uploaded).ok_or(Status::NotFound);
        }
        if let Some(files) = &mut self.files {
            return files.open(path, self.date.second).map(Resource::File);
        }
        let Some(count) = path.strip_prefix(b"bytes/") else { return Ok(Resource::Greeting) };
        let count = std::str::from_utf8(count).ok().and_then(|digits| digits.parse().ok());
        count.filter(|count| *count <= MOST_MADE).map(Resource::Made).ok_or(Status::NotFound)
    }
}

/// The present, as HTTP writes it: written once a second.
struct Date {
    second: i64,
    text: String,
}

impl Default for Date {
    fn default() -> Self {
        Self { second: 0, text: http_date(0) }
    }
}

impl Date {
    fn look(&mut self) {
        // A second begins a few milliseconds late, which does not matter, and this clock is the cheapest there is.
        let second = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).map_or(0, |now| now.tv_sec());
        if second != self.second {
            (self.second, self.text) = (second, http_date(second));
        }
    }
}
