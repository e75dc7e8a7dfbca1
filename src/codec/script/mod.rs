//! The requests of a group and the checks of their answers, made once and shared by all its connections.

use std::sync::Arc;

use super::{
    Answered, Check, Encoder, Flaw, Tally,
    answer_decoder::AnswerDecoder,
    echo,
    encoder::{Filling, Shape},
    frame, http, line, raw, resp,
    sample::Samples,
    upload::UploadRanges,
};

/// The requests of the connections of a group, and the checks of their answers.
#[derive(Clone, Debug)]
pub struct Script(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Echo { size: u64 },
    Frame { payload: u64, answer: u32 },
    Line(Arc<Shape>),
    Http(Arc<Shape>, Arc<http::Rules>),
    Upload(Arc<UploadRanges>, Arc<http::Rules>),
    Resp(Arc<Shape>, Arc<resp::Rules>),
    Raw(Arc<Shape>, Arc<raw::Rules>),
}

impl Script {
    /// Messages of `size` bytes that come back.
    #[must_use]
    pub const fn echo(size: u64) -> Self {
        Self(Kind::Echo { size })
    }

    /// Frames with `payload` bytes that ask for answers with `answer` bytes.
    #[must_use]
    pub const fn frame(payload: u64, answer: u32) -> Self {
        Self(Kind::Frame { payload, answer })
    }

    /// Lines of `size` bytes, their end not included, that come back.
    #[must_use]
    pub fn line(size: u64) -> Self {
        let shape = Shape {
            head: Vec::new(),
            payload: size,
            filling: Filling::OwnText,
            tail: b"\n",
            endless: Some(Arc::from([])),
        };
        Self(Kind::Line(Arc::new(shape)))
    }

    /// A request in HTTP/1.1 to a server known as `host`, with `payload` bytes of body; a body of the answer has
    /// `answer` bytes, if that is known; or it is this part of them.
    #[must_use]
    pub fn http(
        spec: &http::RequestSpec,
        host: &str,
        payload: u64,
        answer: Option<u64>,
        part: Option<http::Span>,
    ) -> Self {
        let head = spec.head(host, payload, part);
        // In place of the empty line, a field that goes on and on.
        let endless = [&head[..head.len() - 2], b"X-Endless: "].concat();
        let (payload, filling) = match &spec.body {
            Some(body) => (body.0.len() as u64, Filling::Given(body.0.clone())),
            None => (payload, Filling::Own),
        };
        let shape = Shape { head, payload, filling, tail: b"", endless: Some(endless.into()) };
        let rules = http::Rules {
            bodiless: spec.method == http::HttpMethod::Head,
            statuses: if part.is_some() { http::Statuses::only(206) } else { spec.status.clone() },
            length: part.map_or(answer, |part| Some(part.length)),
            part: part.zip(answer),
            check: spec.check,
            samples: Samples::default(),
        };
        Self(Kind::Http(Arc::new(shape), Arc::new(rules)))
    }

    /// The ranges that part `index` (from 0) of `parts` uploads of a resource of `whole` bytes, `ranges` in each part, in
    /// HTTP/1.1 to a server known as `host`. The resource is the content that all connections share, and `whole` a multiple
    /// of the number of all ranges.
    #[must_use]
    pub fn upload(
        spec: &http::RequestSpec,
        host: &str,
        whole: u64,
        (index, parts): (u64, u64),
        ranges: u64,
    ) -> Self {
        let rules = http::Rules {
            bodiless: false,
            statuses: spec.status.clone(),
            length: None,
            part: None,
            check: Check::Status,
            samples: Samples::default(),
        };
        let ranges = UploadRanges::new(spec, host, whole, (index, parts), ranges);
        Self(Kind::Upload(Arc::new(ranges), Arc::new(rules)))
    }

    /// Fetches what [`Self::upload`] has uploaded, and compares it byte for byte.
    #[must_use]
    pub fn copy_of_upload(spec: &http::RequestSpec, host: &str, whole: u64) -> Self {
        let fetching = http::RequestSpec {
            method: http::HttpMethod::Get,
            status: http::Statuses::only(200),
            check: Check::Content,
            ranges: false,
            ..spec.clone()
        };
        Self::http(&fetching, host, 0, Some(whole), None)
    }

    /// A command of redis with `payload` bytes of argument; its value has `answer` bytes, if that is known.
    #[must_use]
    pub fn resp(command: &resp::Command, payload: u64, answer: Option<u64>) -> Self {
        let (head, tail) = command.around(payload);
        let filling = if command.sends_own() { Filling::Own } else { Filling::Shared };
        let endless = resp::ENDLESS.to_vec();
        let shape = Shape { head, payload, filling, tail, endless: Some(endless.into()) };
        let rules = resp::Rules::new(command.wanted(payload, answer));
        Self(Kind::Resp(Arc::new(shape), Arc::new(rules)))
    }

    /// Bytes as they are.
    #[must_use]
    pub fn raw(exchange: &raw::Exchange) -> Self {
        let head = exchange.send.0.clone();
        let shape = Shape { head, payload: 0, filling: Filling::Own, tail: b"", endless: None };
        Self(Kind::Raw(Arc::new(shape), Arc::new(exchange.rules())))
    }

    /// What the connection of this stream sends.
    #[must_use]
    pub fn encoder(&self, stream: u32) -> Encoder {
        match &self.0 {
            Kind::Echo { size } => Encoder::echo(stream, *size),
            Kind::Frame { payload, answer } => Encoder::frames(stream, *payload, *answer),
            Kind::Upload(ranges, _) => Encoder::upload(Arc::clone(ranges), stream),
            Kind::Line(shape) | Kind::Http(shape, _) | Kind::Resp(shape, _) | Kind::Raw(shape, _) => {
                Encoder::repeated(Arc::clone(shape), stream)
            }
        }
    }

    /// What the connection of this stream must receive.
    #[must_use]
    pub fn decoder(&self, stream: u32) -> Decoder {
        match &self.0 {
            // A client that sends nothing has messages of no bytes: whatever comes is wrong.
            Kind::Echo { size } => Decoder::Echo(echo::Decoder::new(stream, (*size).max(1))),
            Kind::Frame { answer, .. } => Decoder::Frame(frame::Decoder::new(stream, *answer)),
            Kind::Line(shape) => Decoder::Line(line::Decoder::new(stream, shape.payload)),
            Kind::Http(_, rules) | Kind::Upload(_, rules) => {
                Decoder::Http(http::Decoder::new(stream, Arc::clone(rules)))
            }
            Kind::Resp(_, rules) => Decoder::Resp(resp::Decoder::new(stream, Arc::clone(rules))),
            Kind::Raw(_, rules) => Decoder::Raw(raw::Decoder::new(stream, Arc::clone(rules))),
        }
    }
}

/// Finds the answers in what one connection receives, and checks every byte.
#[derive(Clone, Debug)]
pub enum Decoder {
    /// The stream itself comes back.
    Echo(echo::Decoder),
    /// Frames come back.
    Frame(frame::Decoder),
    /// Lines come back.
    Line(line::Decoder),
    /// Answers in HTTP/1.1 come back.
    Http(http::Decoder),
    /// RESP values come back.
    Resp(resp::Decoder),
    /// Answers end at a delimiter or have a length.
    Raw(raw::Decoder),
}

impl Decoder {
    /// Takes the bytes that arrived next, and reports every answer that they complete.
    pub fn feed(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) {
        let mut well = |sequence| answered(Answered { sequence, error: false, last: false, gave_up: false });
        match self {
            Self::Echo(decoder) => decoder.feed(bytes, &mut well),
            Self::Frame(decoder) => decoder.feed(bytes, &mut well),
            Self::Line(decoder) => decoder.feed(bytes, &mut well),
            Self::Http(decoder) => decoder.feed(bytes, answered),
            Self::Resp(decoder) => decoder.feed(bytes, answered),
            Self::Raw(decoder) => decoder.feed(bytes, answered),
        }
    }

    /// How many of the bytes that come next are content and nothing else, where that is known: all of the answers under
    /// way for `echo`, the rest of a body for `http`, as far as it is expected.
    #[must_use]
    pub fn content_ahead(&self, open: usize) -> Option<u64> {
        match self {
            Self::Echo(decoder) => Some(decoder.content_ahead(open)),
            Self::Http(decoder) => decoder.content_ahead(),
            Self::Frame(_) | Self::Line(_) | Self::Resp(_) | Self::Raw(_) => None,
        }
        .filter(|bytes| *bytes > 0)
    }

    /// Takes what [`Self::content_ahead`] announced, put together from parts that may have come from each other's
    /// place.
    pub fn feed_parts(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) {
        match self {
            Self::Echo(decoder) => {
                decoder.feed_parts(bytes, &mut |sequence| {
                    answered(Answered { sequence, error: false, last: false, gave_up: false });
                });
            }
            _ => self.feed(bytes, answered),
        }
    }

    /// The peer has ended its stream, which some answers in HTTP end with; others are cut off.
    pub fn end(&mut self, answered: &mut impl FnMut(Answered)) {
        match self {
            Self::Echo(decoder) => decoder.end(),
            Self::Frame(decoder) => decoder.end(),
            Self::Line(decoder) => decoder.end(),
            Self::Http(decoder) => decoder.end(answered),
            Self::Resp(decoder) => decoder.end(),
            Self::Raw(decoder) => decoder.end(),
        }
    }

    /// So many bytes were sent so far. Once an echo has given all of them back, no more will come that could explain the
    /// last ones.
    pub fn sent(&mut self, bytes: u64, answered: &mut impl FnMut(Answered)) {
        if let Self::Echo(decoder) = self {
            decoder.sent(bytes, &mut |sequence| {
                answered(Answered { sequence, error: false, last: false, gave_up: false });
            });
        }
    }

    /// So many of the answers were to no request. (An echo, a frame or a line says itself what it answers.)
    pub fn unasked(&mut self, count: u64) {
        let verifier = match self {
            Self::Echo(_) | Self::Frame(_) | Self::Line(_) => return,
            Self::Http(decoder) => decoder.verifier_mut(),
            Self::Resp(decoder) => decoder.verifier_mut(),
            Self::Raw(decoder) => decoder.verifier_mut(),
        };
        verifier.flaw(verifier.received(), Flaw::Unasked, count);
    }

    /// Takes back that the newest answer, with which the server gave up to wait for a request, was an error: it was an
    /// answer to none.
    pub fn withdraw(&mut self) {
        if let Self::Http(decoder) = self {
            decoder.withdraw();
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        match self {
            Self::Echo(decoder) => decoder.tally(),
            Self::Frame(decoder) => decoder.tally(),
            Self::Line(decoder) => decoder.tally(),
            Self::Http(decoder) => decoder.tally(),
            Self::Resp(decoder) => decoder.tally(),
            Self::Raw(decoder) => decoder.tally(),
        }
    }
}

#[cfg(test)]
mod tests;
