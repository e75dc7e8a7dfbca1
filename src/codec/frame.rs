//! The `frame` protocol: a length and a checksum in front, a sequence number inside.
//!
//! ```text
//!  0        4        8                16       20       24               32
//!  | length | crc32  | sequence       | stream | answer | offset         | payload …
//!  |<- written last, |<---------------- length bytes, checked by crc32 ------------>|
//!  |   in front      |
//! ```
//! All numbers are big-endian. A request says how long the payload of its answer must be (`answer`) and where in
//! the stream's content it starts (`offset`); the answer repeats sequence, stream and offset, with `answer` 0.

use super::{
    Flaw, Tally,
    content::{self, Origin},
    verifier::{Mark, Source, Verifier},
};

/// Length and checksum: what is put in front of a message that is already there.
pub const PREFIX_BYTES: usize = 8;
/// Prefix, sequence, stream, answer and offset.
pub const HEADER_BYTES: usize = 32;
/// The largest payload, in bytes: a length beyond it is no length but noise.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// What stands in front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Counts the requests of a connection, from 0.
    pub sequence: u64,
    /// Whose content it is.
    pub stream: u32,
    /// Bytes of payload that the answer must have.
    pub answer: u32,
    /// Where the payload (of the answer) starts in the stream's content.
    pub offset: u64,
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// The length is below the header's or beyond [`MAX_PAYLOAD_BYTES`].
    #[error("a frame cannot be {0} bytes long")]
    Length(u32),
    /// The checksum does not fit the bytes.
    #[error("the checksum is {found:08x}, but that of the bytes is {computed:08x}")]
    Checksum {
        /// As received.
        found: u32,
        /// Of the bytes received.
        computed: u32,
    },
}

impl Header {
    /// The 24 bytes that follow the prefix.
    #[must_use]
    pub fn body(&self) -> [u8; HEADER_BYTES - PREFIX_BYTES] {
        let mut out = [0; HEADER_BYTES - PREFIX_BYTES];
        out[..8].copy_from_slice(&self.sequence.to_be_bytes());
        out[8..12].copy_from_slice(&self.stream.to_be_bytes());
        out[12..16].copy_from_slice(&self.answer.to_be_bytes());
        out[16..].copy_from_slice(&self.offset.to_be_bytes());
        out
    }

    /// Reads what [`Header::body`] wrote.
    #[must_use]
    pub fn from_body(body: &[u8; HEADER_BYTES - PREFIX_BYTES]) -> Self {
        Self {
            sequence: u64::from_be_bytes(fixed(&body[..8])),
            stream: u32::from_be_bytes(fixed(&body[8..12])),
            answer: u32::from_be_bytes(fixed(&body[12..16])),
            offset: u64::from_be_bytes(fixed(&body[16..])),
        }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}

/// The prefix for a body (header without prefix, then payload) of `length` bytes with that checksum.
#[must_use]
pub fn prefix(length: usize, checksum: u32) -> [u8; PREFIX_BYTES] {
    let mut out = [0; PREFIX_BYTES];
    out[..4].copy_from_slice(&(length as u32).to_be_bytes());
    out[4..].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// The length of the body and the checksum that a prefix announces.
///
/// # Errors
/// [`BadFrame::Length`] when no frame is that long.
pub fn read_prefix(bytes: &[u8; PREFIX_BYTES]) -> Result<(usize, u32), BadFrame> {
    let length = u32::from_be_bytes(fixed(&bytes[..4]));
    let body = HEADER_BYTES - PREFIX_BYTES;
    if (length as usize) < body || length as usize > body + MAX_PAYLOAD_BYTES {
        return Err(BadFrame::Length(length));
    }
    Ok((length as usize, u32::from_be_bytes(fixed(&bytes[4..]))))
}

/// Checks a whole body (everything behind the prefix) against the checksum of its prefix.
///
/// # Errors
/// [`BadFrame::Checksum`] when they differ.
pub fn check(body: &[u8], found: u32) -> Result<(), BadFrame> {
    let computed = crc32fast::hash(body);
    if computed == found { Ok(()) } else { Err(BadFrame::Checksum { found, computed }) }
}

/// The first 32 bytes of a frame whose payload is `payload` bytes of the stream's content from `header.offset` on.
#[must_use]
pub fn opening(header: &Header, payload: usize) -> [u8; HEADER_BYTES] {
    let body = header.body();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&body);
    let mut block = [0; 4096];
    let mut done = 0;
    while done < payload {
        let take = block.len().min(payload - done);
        content::fill(header.stream, header.offset + done as u64, &mut block[..take]);
        hasher.update(&block[..take]);
        done += take;
    }
    let mut out = [0; HEADER_BYTES];
    out[..PREFIX_BYTES].copy_from_slice(&prefix(body.len() + payload, hasher.finalize()));
    out[PREFIX_BYTES..].copy_from_slice(&body);
    out
}

/// Checks the answers that come back on one connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    stream: u32,
    /// Payload bytes of every answer.
    answer: u32,
    opening: [u8; HEADER_BYTES],
    /// Bytes of the present frame that have come.
    have: u64,
    /// The tally before it.
    mark: Mark,
    hasher: crc32fast::Hasher,
    /// The sequence number that is awaited.
    expected: u64,
    verifier: Verifier,
}

impl Decoder {
    /// Expects answers with `answer` bytes of payload of the content of `stream`; the offset of answer `n` is
    /// `n · answer`.
    #[must_use]
    pub fn new(stream: u32, answer: u32) -> Self {
        let verifier = Verifier::new(stream);
        Self {
            stream,
            answer,
            opening: [0; HEADER_BYTES],
            have: 0,
            mark: verifier.mark(),
            hasher: crc32fast::Hasher::new(),
            expected: 0,
            verifier,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.verifier.tally()
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], answered: &mut impl FnMut(u64)) {
        while !bytes.is_empty() && !self.verifier.is_lost() {
            let taken = if self.have < HEADER_BYTES as u64 { self.open(bytes) } else { self.payload(bytes) };
            bytes = &bytes[taken..];
            if self.have == self.frame_bytes() {
                self.finish(answered);
            }
        }
        self.verifier.pass_lost(bytes);
    }

    /// The peer has ended its stream.
    pub(super) fn end(&mut self) {
        if self.have > 0 {
            self.verifier.cut_off();
        }
    }

    const fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.answer as u64
    }

    /// Takes bytes of the opening. Its length must be that of every answer: with another one, it is unknown where the
    /// next frame begins.
    fn open(&mut self, bytes: &[u8]) -> usize {
        let have = self.have as usize;
        if have == 0 {
            self.mark = self.verifier.mark();
        }
        let take = bytes.len().min(HEADER_BYTES - have);
        self.opening[have..have + take].copy_from_slice(&bytes[..take]);
        self.have += take as u64;
        let start = self.verifier.received() - have as u64;
        self.verifier.pass(take);
        let length = ((HEADER_BYTES - PREFIX_BYTES) as u32 + self.answer).to_be_bytes();
        if let Some(at) = self.opening.iter().zip(length).take(have + take).position(|(a, b)| *a != b) {
            let (lost_at, bytes) = (start + at as u64, &self.opening[..have + take]);
            self.verifier.lose_within(lost_at, Flaw::FrameLength, self.expected, start, bytes);
        } else if self.have == HEADER_BYTES as u64 {
            self.hasher.reset();
            self.hasher.update(&self.opening[PREFIX_BYTES..]);
            self.check_head(start + PREFIX_BYTES as u64);
        }
        take
    }

    /// Compares what stands between prefix and payload, from `start` on, with what the awaited answer says there.
    fn check_head(&mut self, start: u64) {
        let (sequence, stream) = (self.expected, self.stream);
        let offset = sequence.wrapping_mul(u64::from(self.answer));
        let awaited = Header { sequence, stream, answer: 0, offset }.body();
        for at in (0..awaited.len()).filter(|&at| self.opening[PREFIX_BYTES + at] != awaited[at]) {
            self.verifier.flaw(start + at as u64, Flaw::FrameHead, 1);
        }
    }

    /// Takes bytes of the payload.
    fn payload(&mut self, bytes: &[u8]) -> usize {
        let done = self.have - HEADER_BYTES as u64;
        let take = bytes.len().min((u64::from(self.answer) - done) as usize);
        let offset = self.expected.wrapping_mul(u64::from(self.answer)) + done;
        self.verifier.compare(Source::Content(self.stream), offset, &bytes[..take]);
        self.hasher.update(&bytes[..take]);
        self.have += take as u64;
        take
    }

    /// A frame is whole. What its head says is believed only with its checksum; a frame that cannot be believed, or is
    /// another connection's, has taken the place of the one that was awaited.
    fn finish(&mut self, answered: &mut impl FnMut(u64)) {
        let header = Header::from_body(&fixed(&self.opening[PREFIX_BYTES..]));
        let computed = self.hasher.clone().finalize().to_be_bytes();
        let found = &self.opening[4..PREFIX_BYTES];
        let start = self.verifier.received() - self.have;
        let (awaited, length) = (self.expected, self.have);
        self.expected = awaited.wrapping_add(1);
        self.have = 0;
        if found != computed {
            let wrong = found.iter().zip(computed).filter(|(a, b)| **a != *b).count() as u64;
            let first = found.iter().zip(computed).take_while(|(a, b)| **a == *b).count() as u64;
            if self.verifier.is_clean_since(self.mark) {
                self.verifier.flaw(start + 4 + first, Flaw::FrameChecksum, wrong);
            }
            return answered(awaited);
        }
        if (header.stream, header.sequence) == (self.stream, awaited) {
            return answered(awaited);
        }
        let origin = Origin { stream: header.stream, offset: header.offset };
        self.verifier.misplaced(self.mark, start, length, origin);
        if header.stream != self.stream {
            return;
        }
        if header.sequence < awaited {
            self.verifier.reordered();
        }
        self.expected = awaited.max(header.sequence.wrapping_add(1));
        answered(header.sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { sequence: 9, stream: 2, answer: 77, offset: 1 << 33 };

    #[test]
    fn a_header_is_read_back() {
        assert_eq!(Header::from_body(&HEADER.body()), HEADER);
    }

    #[test]
    fn an_opening_announces_length_and_checksum() {
        let mut frame = opening(&HEADER, 10_000).to_vec();
        let mut payload = vec![0; 10_000];
        content::fill(2, 1 << 33, &mut payload);
        frame.extend(payload);
        let (length, checksum) = read_prefix(&fixed(&frame[..8])).expect("a length");
        assert_eq!(length + PREFIX_BYTES, frame.len());
        assert_eq!(check(&frame[8..], checksum), Ok(()));
        frame[5000] ^= 1;
        assert!(check(&frame[8..], checksum).is_err());
    }

    #[test]
    fn noise_is_refused_as_a_length() {
        assert_eq!(read_prefix(&prefix(23, 0)), Err(BadFrame::Length(23)));
        assert!(read_prefix(&prefix(24, 0)).is_ok());
        assert!(read_prefix(&[0xff; 8]).is_err());
    }

    /// Two answers of 100 bytes on stream 4.
    fn answers() -> Vec<u8> {
        frames(4)[..2].concat()
    }

    fn checked(bytes: &[u8], step: usize) -> (Tally, Vec<u64>) {
        let mut decoder = Decoder::new(4, 100);
        let mut seen = Vec::new();
        for piece in bytes.chunks(step) {
            decoder.feed(piece, &mut |sequence| seen.push(sequence));
        }
        (decoder.tally(), seen)
    }

    #[test]
    fn fragmentation_changes_nothing() {
        let bytes = answers();
        for step in 1..=bytes.len() {
            let (tally, seen) = checked(&bytes, step);
            assert_eq!(tally, Tally { verified: 264, ..Tally::default() });
            assert_eq!(seen, [0, 1]);
        }
    }

    /// The frames of three answers of 100 bytes of a stream.
    fn frames(stream: u32) -> Vec<Vec<u8>> {
        let frame = |sequence| {
            let header = Header { sequence, stream, answer: 0, offset: sequence * 100 };
            let mut payload = [0; 100];
            content::fill(stream, header.offset, &mut payload);
            [&opening(&header, 100)[..], &payload].concat()
        };
        (0..3).map(frame).collect()
    }

    /// What is found whatever the cut, and which answers.
    fn found(frames: &[&Vec<u8>]) -> (Tally, Vec<u64>) {
        let bytes: Vec<u8> = frames.iter().copied().flatten().copied().collect();
        let whole = checked(&bytes, bytes.len());
        assert!((1..150).all(|step| checked(&bytes, step) == whole));
        whole
    }

    #[test]
    fn a_flipped_byte_is_found_at_any_offset() {
        for at in 0..132_u64 {
            let mut bytes = answers();
            bytes[132 + at as usize] ^= 4;
            let (tally, seen) = checked(&bytes, 50);
            assert_eq!(tally.first_fault.map(|fault| fault.at), Some(132 + at));
            // With another length it is unknown where the next frame begins.
            let expected = if at < 4 { (132 - at, 1) } else { (1, 2) };
            assert_eq!((tally.corrupt, seen.len()), expected, "byte {at}");
        }
    }

    #[test]
    fn a_repeated_answer_is_out_of_order_and_answers_nothing() {
        let own = frames(4);
        let (tally, seen) = found(&[&own[0], &own[0], &own[1]]);
        assert_eq!((tally.corrupt, tally.reordered, seen), (132, 1, vec![0, 0, 1]));
        let fault = tally.first_fault.expect("a fault");
        assert_eq!((fault.at, fault.found), (132, Some(Origin { stream: 4, offset: 0 })));
    }

    #[test]
    fn swapped_answers_are_distinguished_from_wrong_bytes() {
        let own = frames(4);
        let (tally, seen) = found(&[&own[1], &own[0], &own[2]]);
        assert_eq!((tally.corrupt, tally.reordered, seen), (264, 1, vec![1, 0, 2]));
        let fault = tally.first_fault.expect("a fault");
        assert_eq!((fault.at, fault.found), (0, Some(Origin { stream: 4, offset: 100 })));
    }

    #[test]
    fn an_answer_of_another_connection_is_identified_and_answers_nothing() {
        let (own, foreign) = (frames(4), frames(9));
        let (tally, seen) = found(&[&own[0], &foreign[1], &own[2]]);
        assert_eq!((tally.corrupt, tally.reordered, seen), (132, 0, vec![0, 2]));
        let fault = tally.first_fault.expect("a fault");
        assert_eq!((fault.at, fault.found), (132, Some(Origin { stream: 9, offset: 100 })));
    }

    #[test]
    fn wrong_content_with_a_correct_checksum_is_found() {
        let mut own = frames(4);
        own[1][40] ^= 1;
        let checksum = crc32fast::hash(&own[1][PREFIX_BYTES..]);
        own[1][4..8].copy_from_slice(&checksum.to_be_bytes());
        let (tally, seen) = found(&[&own[0], &own[1], &own[2]]);
        assert_eq!((tally.corrupt, tally.first_fault.map(|fault| fault.at)), (1, Some(172)));
        assert_eq!(seen, [0, 1, 2]);
    }
}
