//! Requests to answers, for every protocol: from a receive buffer into a send buffer, no socket in sight.

use crate::{
    buffer::Buffer,
    codec::{
        Protocol, content,
        frame::{self, HEADER_BYTES, Header, MAX_PAYLOAD_BYTES, PREFIX_BYTES},
    },
};

use super::eviction::Reason;

/// Answers are sent before more than this many bytes of them wait, so that a long queue of requests needs no long
/// queue of answers.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// Where answers are made before they are appended: one for all connections.
pub(super) struct Scratch(Box<[u8]>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; HEADER_BYTES + BATCH_BYTES].into_boxed_slice())
    }
}

/// What one call has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Requests answered to the last byte.
    pub(super) messages: u64,
    /// There may be more to answer: send first, then call again.
    pub(super) more: bool,
    /// Bytes put into the send buffer.
    pub(super) appended: usize,
}

/// The state of one connection's conversation.
#[derive(Debug)]
pub(super) enum Dialog {
    /// Everything comes back.
    Echo,
    /// See [`frame`].
    Frame {
        /// The longest request, in bytes.
        limit: usize,
        /// What remains of an answer that is longer than a batch.
        pending: Option<Answer>,
    },
}

impl Dialog {
    pub(super) fn new(protocol: Protocol, receive_limit: Option<usize>) -> Self {
        match protocol {
            Protocol::Echo => Self::Echo,
            Protocol::Frame => Self::Frame { limit: receive_limit.unwrap_or(usize::MAX), pending: None },
        }
    }

    /// Answers what has arrived, up to one batch.
    ///
    /// # Errors
    /// Why the peer has to go.
    pub(super) fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        scratch: &mut Scratch,
    ) -> Result<Batch, Reason> {
        match self {
            Self::Echo => echo(receive, send),
            Self::Frame { limit, pending } => {
                let mut batch = Batch::default();
                loop {
                    if pending.is_none() {
                        *pending = next_request(receive, *limit)?;
                    }
                    let Some(answer) = pending else { return Ok(batch) };
                    let piece = answer.next_piece();
                    if batch.appended > 0 && batch.appended + piece > BATCH_BYTES {
                        return Ok(Batch { more: true, ..batch });
                    }
                    send.append(answer.make(piece, scratch)).map_err(|_| Reason::SendLimit)?;
                    batch.appended += piece;
                    if answer.left() == 0 {
                        *pending = None;
                        batch.messages += 1;
                    }
                }
            }
        }
    }
}

/// The server does not know where a message ends; what came together counts as one.
fn echo(receive: &mut dyn Buffer, send: &mut dyn Buffer) -> Result<Batch, Reason> {
    let whole = receive.readable().min(BATCH_BYTES);
    let mut left = whole;
    while left > 0 {
        let front = receive.front();
        let piece = front.len().min(left);
        send.append(&front[..piece]).map_err(|_| Reason::SendLimit)?;
        receive.retrieve(piece);
        left -= piece;
    }
    Ok(Batch { messages: u64::from(whole > 0), more: receive.readable() > 0, appended: whole })
}

/// Takes the next request out, if all of it is there, and says what to answer.
fn next_request(receive: &mut dyn Buffer, limit: usize) -> Result<Option<Answer>, Reason> {
    if receive.readable() < PREFIX_BYTES {
        return Ok(None);
    }
    let mut prefix = [0; PREFIX_BYTES];
    prefix.copy_from_slice(receive.peek(PREFIX_BYTES));
    let (length, checksum) = frame::read_prefix(&prefix).map_err(|_| Reason::Protocol)?;
    let whole = PREFIX_BYTES + length;
    if whole > limit {
        return Err(Reason::ReceiveLimit);
    }
    if receive.readable() < whole {
        return Ok(None);
    }
    let body = &receive.peek(whole)[PREFIX_BYTES..];
    frame::check(body, checksum).map_err(|_| Reason::Protocol)?;
    let mut header = [0; HEADER_BYTES - PREFIX_BYTES];
    header.copy_from_slice(&body[..HEADER_BYTES - PREFIX_BYTES]);
    let request = Header::from_body(&header);
    let payload = request.answer as usize;
    if payload > MAX_PAYLOAD_BYTES || request.offset.checked_add(payload as u64).is_none() {
        return Err(Reason::Protocol);
    }
    receive.retrieve(whole);
    Ok(Some(Answer { header: Header { answer: 0, ..request }, payload, made: 0 }))
}

/// A frame that is being made.
#[derive(Debug)]
pub(super) struct Answer {
    header: Header,
    payload: usize,
    /// Bytes of the frame made so far, its opening included.
    made: usize,
}

impl Answer {
    fn left(&self) -> usize {
        HEADER_BYTES + self.payload - self.made
    }

    /// The length of what `make` should make next: all of it if that fits a batch (plus its opening), else a part.
    fn next_piece(&self) -> usize {
        self.left().min(HEADER_BYTES + BATCH_BYTES)
    }

    fn make<'a>(&mut self, piece: usize, scratch: &'a mut Scratch) -> &'a [u8] {
        let out = &mut scratch.0[..piece];
        let Header { stream, offset, .. } = self.header;
        if self.made > 0 {
            content::fill(stream, offset + (self.made - HEADER_BYTES) as u64, out);
        } else {
            content::fill(stream, offset, &mut out[HEADER_BYTES..]);
            if piece == self.left() {
                // All of it lies here: the checksum needs no second making of the content.
                out[PREFIX_BYTES..HEADER_BYTES].copy_from_slice(&self.header.body());
                let checksum = crc32fast::hash(&out[PREFIX_BYTES..]);
                out[..PREFIX_BYTES].copy_from_slice(&frame::prefix(piece - PREFIX_BYTES, checksum));
            } else {
                out[..HEADER_BYTES].copy_from_slice(&frame::opening(&self.header, self.payload));
            }
        }
        self.made += piece;
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        buffer::{self, Kind},
        codec::{Decoder, Tally},
    };

    fn request(sequence: u64, answer: u32, offset: u64, payload: usize) -> Vec<u8> {
        let header = Header { sequence, stream: 3, answer, offset };
        let mut bytes = frame::opening(&header, payload).to_vec();
        bytes.resize(HEADER_BYTES + payload, 0);
        content::fill(3, offset, &mut bytes[HEADER_BYTES..]);
        bytes
    }

    /// Feeds `bytes` in pieces of `step`, takes the answers out after every batch.
    fn converse(kind: Kind, protocol: Protocol, bytes: &[u8], step: usize) -> Result<(Vec<u8>, u64), Reason> {
        let mut dialog = Dialog::new(protocol, Some(100_000));
        let (mut receive, mut send) = (buffer::make(kind, 64, None), buffer::make(kind, 64, None));
        let (mut scratch, mut out, mut messages) = (Scratch::default(), Vec::new(), 0);
        for piece in bytes.chunks(step) {
            receive.append(piece).unwrap();
            loop {
                let batch = dialog.answer(&mut *receive, &mut *send, &mut scratch)?;
                messages += batch.messages;
                let waiting = send.readable();
                assert!(waiting <= BATCH_BYTES + HEADER_BYTES, "{waiting} bytes in one batch");
                out.extend_from_slice(send.peek(waiting));
                send.retrieve(waiting);
                if !batch.more {
                    break;
                }
            }
        }
        assert_eq!(receive.readable(), 0);
        Ok((out, messages))
    }

    #[test]
    fn fragmentation_changes_nothing() {
        let sizes = [0_u32, 1, 100, 65_536, 65_537, 200_000, 7];
        let requests: Vec<u8> =
            (0..).zip(sizes).flat_map(|(n, answer)| request(n, answer, 1 << n, n as usize * 10)).collect();
        let expected: Vec<u8> =
            (0..).zip(sizes).flat_map(|(n, size)| request(n, 0, 1 << n, size as usize)).collect();
        for kind in [Kind::Contiguous, Kind::Chained] {
            for step in [1, 2, 7, 8, 31, 32, 33, 100, requests.len()] {
                let (answers, messages) = converse(kind, Protocol::Frame, &requests, step).unwrap();
                assert!(answers == expected, "{kind}, pieces of {step} bytes");
                assert_eq!(messages, 7);
            }
        }
    }

    #[test]
    fn a_client_finds_nothing_wrong() {
        let requests: Vec<u8> = (0..50).flat_map(|n| request(n, 5000, n * 5000, 10)).collect();
        let (answers, _) = converse(Kind::Chained, Protocol::Frame, &requests, 999).unwrap();
        let mut decoder = Decoder::Frame(frame::Decoder::new(3, 5000));
        let mut answered = Vec::new();
        decoder.feed(&answers, &mut |sequence| answered.push(sequence));
        assert_eq!(answered, (0..50).collect::<Vec<_>>());
        assert_eq!(decoder.tally(), Tally { verified: answers.len() as u64, ..Tally::default() });
    }

    #[test]
    fn an_echo_is_what_was_said() {
        let bytes = request(1, 0, 77, 150_000);
        for kind in [Kind::Contiguous, Kind::Chained] {
            assert_eq!(
                converse(kind, Protocol::Echo, &bytes, 10).unwrap().1,
                bytes.len().div_ceil(10) as u64
            );
            for step in [1_000, bytes.len()] {
                assert_eq!(converse(kind, Protocol::Echo, &bytes, step).unwrap().0, bytes);
            }
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let refused =
            |bytes: &[u8]| converse(Kind::Chained, Protocol::Frame, bytes, bytes.len()).unwrap_err();
        assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n"), Reason::Protocol);
        let mut flipped = request(0, 10, 0, 10);
        flipped[20] ^= 1;
        assert_eq!(refused(&flipped), Reason::Protocol);
        assert_eq!(refused(&request(0, u32::MAX, 0, 0)), Reason::Protocol);
        assert_eq!(refused(&request(0, 1, u64::MAX, 0)), Reason::Protocol);
        assert_eq!(refused(&request(0, 0, 0, 100_000)[..8]), Reason::ReceiveLimit);
        assert!(converse(Kind::Chained, Protocol::Frame, &request(0, 0, 0, 99_968), 5_000).is_ok());
    }
}
