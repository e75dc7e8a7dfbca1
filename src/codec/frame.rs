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

use super::{Tally, content};

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
    #[error("the checksum is {found:08x} where the bytes give {computed:08x}")]
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
    hasher: crc32fast::Hasher,
    expected: u64,
    received: u64,
    /// Bytes of the present frame's payload that were wrong.
    wrong: u64,
    /// What came is no frame: nothing behind it can be told apart.
    lost: bool,
    tally: Tally,
}

impl Decoder {
    /// Expects answers with `answer` bytes of payload of the content of `stream`; the offset of answer `n` is
    /// `n · answer`.
    #[must_use]
    pub fn new(stream: u32, answer: u32) -> Self {
        Self {
            stream,
            answer,
            opening: [0; HEADER_BYTES],
            have: 0,
            hasher: crc32fast::Hasher::new(),
            expected: 0,
            received: 0,
            wrong: 0,
            lost: false,
            tally: Tally::default(),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally { verified: self.received, corrupt: self.tally.corrupt + self.wrong, ..self.tally }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], answered: &mut impl FnMut(u64)) {
        while !bytes.is_empty() && !self.lost {
            let taken = if self.have < HEADER_BYTES as u64 { self.open(bytes) } else { self.check(bytes) };
            self.received += taken as u64;
            bytes = &bytes[taken..];
            if self.have == HEADER_BYTES as u64 + u64::from(self.answer) {
                self.finish(answered);
            }
        }
        self.received += bytes.len() as u64;
        self.tally.corrupt += bytes.len() as u64;
    }

    /// Takes bytes of the opening; a whole one must announce the answer that is awaited.
    fn open(&mut self, bytes: &[u8]) -> usize {
        let have = self.have as usize;
        let take = bytes.len().min(HEADER_BYTES - have);
        self.opening[have..have + take].copy_from_slice(&bytes[..take]);
        self.have += take as u64;
        if self.have == HEADER_BYTES as u64 {
            self.hasher.reset();
            self.hasher.update(&self.opening[PREFIX_BYTES..]);
            let length = read_prefix(&fixed(&self.opening[..PREFIX_BYTES])).map(|(length, _)| length);
            let header = self.header();
            let awaited = Ok(HEADER_BYTES - PREFIX_BYTES + self.answer as usize);
            self.lost = length != awaited || header.stream != self.stream;
            if self.lost {
                self.tally.corrupt += self.have;
                let at = self.received + take as u64 - self.have;
                self.tally.fault(self.stream, at, None);
            }
        }
        take
    }

    fn header(&self) -> Header {
        Header::from_body(&fixed(&self.opening[PREFIX_BYTES..]))
    }

    /// Takes bytes of the payload, and counts those that are wrong.
    fn check(&mut self, bytes: &[u8]) -> usize {
        let done = self.have - HEADER_BYTES as u64;
        let take = bytes.len().min((u64::from(self.answer) - done) as usize);
        let offset = self.expected.wrapping_mul(u64::from(self.answer)) + done;
        let mut at = content::matching(self.stream, offset, &bytes[..take]);
        while at < take {
            if self.tally.first_fault.is_none() {
                let origin = content::explain(&bytes[at..take], self.stream);
                self.tally.fault(self.stream, self.received + at as u64, origin);
            }
            self.wrong += 1;
            at += 1;
            at += content::matching(self.stream, offset + at as u64, &bytes[at..take]);
        }
        self.hasher.update(&bytes[..take]);
        self.have += take as u64;
        take
    }

    fn finish(&mut self, answered: &mut impl FnMut(u64)) {
        let header = self.header();
        let computed = std::mem::take(&mut self.hasher).finalize();
        let found = u32::from_be_bytes(fixed(&self.opening[4..PREFIX_BYTES]));
        let at = self.received - self.have;
        self.have = 0;
        // A sequence number is believed only with its checksum.
        let sequence = if found == computed { header.sequence } else { self.expected };
        let wrong = std::mem::take(&mut self.wrong);
        self.tally.corrupt += wrong;
        if found != computed && wrong == 0 {
            self.tally.corrupt += PREFIX_BYTES as u64;
            self.tally.fault(self.stream, at, None);
        }
        if sequence != self.expected {
            self.tally.reordered += 1;
            self.tally.fault(self.stream, at, None);
        }
        self.expected = sequence.wrapping_add(1);
        answered(sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { sequence: 9, stream: 2, answer: 77, offset: 1 << 33 };

    #[test]
    fn a_header_reads_back() {
        assert_eq!(Header::from_body(&HEADER.body()), HEADER);
    }

    #[test]
    fn an_opening_announces_what_follows() {
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
    fn noise_is_not_taken_for_a_length() {
        assert_eq!(read_prefix(&prefix(23, 0)), Err(BadFrame::Length(23)));
        assert!(read_prefix(&prefix(24, 0)).is_ok());
        assert!(read_prefix(&[0xff; 8]).is_err());
    }

    /// Two answers of 100 bytes on stream 4.
    fn answers() -> Vec<u8> {
        (0..2)
            .flat_map(|sequence| {
                let header = Header { sequence, stream: 4, answer: 0, offset: sequence * 100 };
                let mut frame = opening(&header, 100).to_vec();
                frame.resize(HEADER_BYTES + 100, 0);
                content::fill(4, header.offset, &mut frame[HEADER_BYTES..]);
                frame
            })
            .collect()
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

    #[test]
    fn a_flipped_byte_is_found_wherever_it_is() {
        for at in 0..264 {
            let mut bytes = answers();
            bytes[at] ^= 4;
            let (tally, _) = checked(&bytes, 50);
            assert!(tally.corrupt > 0 || tally.reordered > 0, "byte {at}");
            assert!(tally.first_fault.is_some(), "byte {at}");
        }
    }

    #[test]
    fn a_repeated_answer_is_out_of_order() {
        let bytes = answers();
        let (tally, seen) = checked(&[&bytes[..132], &bytes[..132]].concat(), 64);
        assert_eq!(seen, [0, 0]);
        assert!(tally.reordered == 1 && tally.corrupt > 0);
    }
}
