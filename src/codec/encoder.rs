//! Encoder of requests: all bytes that one connection sends, at any offset, without storing them.

use std::sync::Arc;

use super::{
    SHARED_STREAM, content,
    frame::{self, HEADER_BYTES, Header},
    text,
    upload::UploadRanges,
};

/// Makes the requests of one connection.
#[derive(Clone, Debug)]
pub struct Encoder(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// One stream of content, `size` bytes of it a request.
    Echo {
        stream: u32,
        size: u64,
    },
    Frames(Frames),
    Repeated {
        shape: Arc<Shape>,
        stream: u32,
    },
    /// The ranges of one resource, which is the same for all connections.
    Upload {
        ranges: Arc<UploadRanges>,
        stream: u32,
    },
    /// One request that never ends: how it begins, and text from there on.
    Endless {
        head: Arc<[u8]>,
        stream: u32,
    },
}

/// A request that is repeated: the same bytes around a payload.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) head: Vec<u8>,
    pub(super) payload: u64,
    pub(super) filling: Filling,
    pub(super) tail: &'static [u8],
    /// How one begins that never ends; `None` where nothing marks an end.
    pub(super) endless: Option<Arc<[u8]>>,
}

/// What payloads are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    /// The connection's stream, piece by piece.
    Own,
    /// The same as text.
    OwnText,
    /// The first bytes of the stream that all connections share, every time.
    Shared,
    /// These bytes, every time.
    Given(Vec<u8>),
}

impl Encoder {
    /// Requests of `size` bytes of the content of `stream`.
    #[must_use]
    pub const fn echo(stream: u32, size: u64) -> Self {
        Self(Kind::Echo { stream, size })
    }

    /// Frames with `payload` bytes that ask for answers with `answer` bytes.
    #[must_use]
    pub const fn frames(stream: u32, payload: u64, answer: u32) -> Self {
        Self(Kind::Frames(Frames { stream, payload, answer, opening: (u64::MAX, [0; HEADER_BYTES]) }))
    }

    pub(super) const fn repeated(shape: Arc<Shape>, stream: u32) -> Self {
        Self(Kind::Repeated { shape, stream })
    }

    pub(super) const fn upload(ranges: Arc<UploadRanges>, stream: u32) -> Self {
        Self(Kind::Upload { ranges, stream })
    }

    /// Bytes of each request; without an end, `u64::MAX`.
    #[must_use]
    pub fn message_bytes(&self) -> u64 {
        match &self.0 {
            Kind::Echo { size, .. } => *size,
            Kind::Frames(frames) => frames.message_bytes(),
            Kind::Repeated { shape, .. } => shape.message_bytes(),
            Kind::Upload { ranges, .. } => ranges.message_bytes(),
            Kind::Endless { .. } => u64::MAX,
        }
    }

    /// How many of them come before the payload.
    #[must_use]
    pub fn head_bytes(&self) -> u64 {
        match &self.0 {
            Kind::Echo { .. } => 0,
            Kind::Frames(_) => HEADER_BYTES as u64,
            Kind::Repeated { shape, .. } => shape.head.len() as u64,
            Kind::Upload { ranges, .. } => ranges.head_bytes(),
            Kind::Endless { head, .. } => head.len() as u64,
        }
    }

    /// The same client with a request that never ends: a length beyond every limit, or nothing of what marks the end.
    /// `None` where requests have no end of their own.
    #[must_use]
    pub fn endless(&self) -> Option<Self> {
        let (head, stream) = match &self.0 {
            Kind::Echo { .. } => return None,
            Kind::Frames(frames) => (Arc::from(frame::prefix(u32::MAX as usize, 0)), frames.stream),
            Kind::Repeated { shape, stream } => (Arc::clone(shape.endless.as_ref()?), *stream),
            Kind::Upload { ranges, stream } => (Arc::clone(&ranges.endless), *stream),
            Kind::Endless { .. } => return Some(self.clone()),
        };
        Some(Self(Kind::Endless { head, stream }))
    }

    /// Writes what the connection sends from its byte `offset` on: requests, one after the other.
    pub fn fill(&mut self, offset: u64, out: &mut [u8]) {
        match &mut self.0 {
            Kind::Echo { stream, .. } => content::fill(*stream, offset, out),
            Kind::Frames(frames) => frames.fill(offset, out),
            Kind::Repeated { shape, stream } => shape.fill(*stream, offset, out),
            Kind::Upload { ranges, .. } => ranges.fill(offset, out),
            Kind::Endless { head, stream } => {
                let from_head = head.get(offset as usize..).map_or(0, |left| copy(left, out));
                text::fill(*stream, offset + from_head as u64, &mut out[from_head..]);
            }
        }
    }
}

impl Shape {
    fn message_bytes(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.payload
    }

    fn fill(&self, stream: u32, mut offset: u64, mut out: &mut [u8]) {
        let size = self.message_bytes();
        let tail_at = self.head.len() as u64 + self.payload;
        while !out.is_empty() {
            let (sequence, at) = (offset / size, offset % size);
            let taken = if at < self.head.len() as u64 {
                copy(&self.head[at as usize..], out)
            } else if at < tail_at {
                let done = at - self.head.len() as u64;
                let take = (self.payload - done).min(out.len() as u64) as usize;
                self.filling.fill(stream, sequence.wrapping_mul(self.payload), done, &mut out[..take]);
                take
            } else {
                copy(&self.tail[(at - tail_at) as usize..], out)
            };
            offset += taken as u64;
            out = &mut out[taken..];
        }
    }
}

/// Copies what fits; how much that was.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    to[..count].copy_from_slice(&from[..count]);
    count
}

impl Filling {
    /// Writes a payload from its byte `done` on, where the connection's own would start at `base`.
    fn fill(&self, stream: u32, base: u64, done: u64, out: &mut [u8]) {
        match self {
            Self::Own => content::fill(stream, base + done, out),
            Self::OwnText => text::fill(stream, base + done, out),
            Self::Shared => content::fill(SHARED_STREAM, done, out),
            Self::Given(bytes) => out.copy_from_slice(&bytes[done as usize..][..out.len()]),
        }
    }
}

#[derive(Clone, Debug)]
struct Frames {
    stream: u32,
    payload: u64,
    answer: u32,
    /// The opening of the frame that was last asked for, and its number.
    opening: (u64, [u8; HEADER_BYTES]),
}

impl Frames {
    const fn message_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.payload
    }

    fn fill(&mut self, mut offset: u64, mut out: &mut [u8]) {
        while !out.is_empty() {
            let (sequence, at) = (offset / self.message_bytes(), offset % self.message_bytes());
            let left = (self.message_bytes() - at).min(out.len() as u64) as usize;
            let (mut piece, rest) = out.split_at_mut(left);
            let content_offset = sequence * u64::from(self.answer);
            if at < HEADER_BYTES as u64 {
                self.open(sequence, content_offset);
                let from = at as usize;
                let take = piece.len().min(HEADER_BYTES - from);
                piece[..take].copy_from_slice(&self.opening.1[from..from + take]);
                piece = &mut piece[take..];
            }
            let done = at.saturating_sub(HEADER_BYTES as u64);
            content::fill(self.stream, content_offset + done, piece);
            offset += left as u64;
            out = rest;
        }
    }

    /// A frame's checksum covers its payload, so its opening is made once and kept while pieces of it are asked for.
    fn open(&mut self, sequence: u64, offset: u64) {
        if self.opening.0 != sequence {
            let header = Header { sequence, stream: self.stream, answer: self.answer, offset };
            self.opening = (sequence, frame::opening(&header, self.payload as usize));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(mut encoder: Encoder, step: usize) -> Vec<u8> {
        let mut out = vec![0; 3 * encoder.message_bytes() as usize];
        for (index, piece) in out.chunks_mut(step).enumerate() {
            encoder.fill((index * step) as u64, piece);
        }
        out
    }

    fn repeated(filling: Filling) -> Encoder {
        let shape = Shape { head: b"HEAD ".to_vec(), payload: 50, filling, tail: b"\r\n", endless: None };
        Encoder::repeated(Arc::new(shape), 3)
    }

    #[test]
    fn pieces_add_up_to_the_whole_stream() {
        for encoder in [
            Encoder::echo(3, 50),
            Encoder::frames(3, 50, 10),
            repeated(Filling::Own),
            repeated(Filling::OwnText),
            repeated(Filling::Shared),
        ] {
            let whole = sent(encoder.clone(), 1000);
            for step in 1..100 {
                assert_eq!(sent(encoder.clone(), step), whole, "{encoder:?} by {step}");
            }
        }
    }

    #[test]
    fn the_server_parses_an_encoded_frame() {
        let bytes = sent(Encoder::frames(3, 50, 10), 1000);
        for (sequence, frame) in bytes.chunks(82).enumerate() {
            let prefix: [u8; 8] = frame[..8].try_into().expect("a prefix");
            let (length, checksum) = frame::read_prefix(&prefix).expect("a length");
            assert_eq!(length + 8, frame.len());
            assert_eq!(frame::check(&frame[8..], checksum), Ok(()));
            let header = Header::from_body(&frame[8..32].try_into().expect("a header"));
            let sequence = sequence as u64;
            assert_eq!(header, Header { sequence, stream: 3, answer: 10, offset: sequence * 10 });
        }
    }

    #[test]
    fn an_endless_request_begins_like_a_normal_one() {
        let mut endless = Encoder::frames(3, 50, 10).endless().expect("a frame has a length");
        assert_eq!((endless.message_bytes(), endless.head_bytes()), (u64::MAX, 8));
        let mut whole = [0; 1000];
        endless.fill(0, &mut whole);
        let length = frame::read_prefix(&whole[..8].try_into().expect("a prefix"));
        assert_eq!(length, Err(frame::BadFrame::Length(u32::MAX)));
        assert!(whole[8..].iter().all(u8::is_ascii_hexdigit));
        for step in [1, 5, 8, 9] {
            let mut pieces = [0; 1000];
            for (index, piece) in pieces.chunks_mut(step).enumerate() {
                endless.fill((index * step) as u64, piece);
            }
            assert_eq!(pieces, whole, "by {step}");
        }
        assert!(endless.endless().is_some() && Encoder::echo(3, 50).endless().is_none());
        assert!(repeated(Filling::Own).endless().is_none());
    }

    #[test]
    fn repeated_requests_differ_only_in_their_payload() {
        let own = sent(repeated(Filling::Own), 1000);
        let mut payload = [0; 50];
        for (sequence, request) in own.chunks(57).enumerate() {
            content::fill(3, sequence as u64 * 50, &mut payload);
            assert_eq!(request, [b"HEAD ", &payload[..], b"\r\n"].concat());
        }
        let shared = sent(repeated(Filling::Shared), 1000);
        assert_eq!(shared[..57], shared[57..114]);
    }
}
