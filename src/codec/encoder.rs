//! Requests into bytes: everything that one connection ever sends, at any offset, without keeping any of it.

use super::{
    Protocol, content,
    frame::{self, HEADER_BYTES, Header},
};

/// Makes the requests of one connection.
#[derive(Clone, Debug)]
pub struct Encoder {
    protocol: Protocol,
    stream: u32,
    payload: u64,
    answer: u32,
    /// The opening of the frame that was last asked for, and its number.
    opening: (u64, [u8; HEADER_BYTES]),
}

impl Encoder {
    /// Requests with `payload` bytes that ask for answers with `answer` bytes (an echo: the same).
    #[must_use]
    pub fn new(protocol: Protocol, stream: u32, payload: u64, answer: u32) -> Self {
        Self { protocol, stream, payload, answer, opening: (u64::MAX, [0; HEADER_BYTES]) }
    }

    /// Bytes of each request.
    #[must_use]
    pub const fn message_bytes(&self) -> u64 {
        match self.protocol {
            Protocol::Echo => self.payload,
            Protocol::Frame => HEADER_BYTES as u64 + self.payload,
        }
    }

    /// Writes what the connection sends from its byte `offset` on: requests, one after the other.
    pub fn fill(&mut self, offset: u64, out: &mut [u8]) {
        match self.protocol {
            Protocol::Echo => content::fill(self.stream, offset, out),
            Protocol::Frame => self.fill_frames(offset, out),
        }
    }

    fn fill_frames(&mut self, mut offset: u64, mut out: &mut [u8]) {
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

    fn sent(protocol: Protocol, step: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(protocol, 3, 50, 10);
        let mut out = vec![0; 3 * encoder.message_bytes() as usize];
        for (index, piece) in out.chunks_mut(step).enumerate() {
            encoder.fill((index * step) as u64, piece);
        }
        out
    }

    #[test]
    fn the_pieces_make_the_whole() {
        for protocol in [Protocol::Echo, Protocol::Frame] {
            let whole = sent(protocol, 1000);
            for step in 1..100 {
                assert_eq!(sent(protocol, step), whole, "{protocol} by {step}");
            }
        }
    }

    #[test]
    fn a_frame_is_what_the_server_reads() {
        let bytes = sent(Protocol::Frame, 1000);
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
}
