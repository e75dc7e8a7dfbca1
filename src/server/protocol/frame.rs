//! Frames in, frames out: the answer has the length that the request asks for.

use super::{
    interface::{Batch, Protocol},
    scratch::{BATCH_BYTES, Scratch},
};
use crate::{
    buffer::Buffer,
    codec::{
        content,
        frame::{self, HEADER_BYTES, Header, MAX_PAYLOAD_BYTES, PREFIX_BYTES},
    },
    server::close_reason::EvictionReason,
};

/// One connection's frames.
#[derive(Debug)]
pub(in crate::server) struct Frame {
    /// The longest request, in bytes.
    limit: usize,
    /// What remains of an answer that is longer than a batch.
    pending: Option<Answer>,
}

impl Frame {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, pending: None }
    }
}

impl Protocol for Frame {
    fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        scratch: &mut Scratch,
    ) -> Result<Batch, EvictionReason> {
        let mut batch = Batch::default();
        loop {
            if self.pending.is_none() {
                self.pending = next_request(receive, self.limit)?;
            }
            let Some(answer) = &mut self.pending else { return Ok(batch) };
            let piece = answer.next_piece();
            if batch.appended > 0 && batch.appended + piece > BATCH_BYTES {
                return Ok(Batch { more: true, ..batch });
            }
            send.append(answer.make(piece, &mut scratch.bytes)).map_err(|_| EvictionReason::SendLimit)?;
            batch.appended += piece;
            if answer.left() == 0 {
                self.pending = None;
                batch.messages += 1;
            }
        }
    }
}

/// Takes the next request out, if all of it is there, and says what to answer.
fn next_request(receive: &mut dyn Buffer, limit: usize) -> Result<Option<Answer>, EvictionReason> {
    if receive.readable() < PREFIX_BYTES {
        return Ok(None);
    }
    let mut prefix = [0; PREFIX_BYTES];
    prefix.copy_from_slice(receive.peek(PREFIX_BYTES));
    let (length, checksum) = frame::read_prefix(&prefix).map_err(|_| EvictionReason::Protocol)?;
    let whole = PREFIX_BYTES + length;
    if whole > limit {
        return Err(EvictionReason::ReceiveLimit);
    }
    if receive.readable() < whole {
        return Ok(None);
    }
    let body = &receive.peek(whole)[PREFIX_BYTES..];
    frame::check(body, checksum).map_err(|_| EvictionReason::Protocol)?;
    let mut header = [0; HEADER_BYTES - PREFIX_BYTES];
    header.copy_from_slice(&body[..HEADER_BYTES - PREFIX_BYTES]);
    let request = Header::from_body(&header);
    let payload = request.answer as usize;
    if payload > MAX_PAYLOAD_BYTES || request.offset.checked_add(payload as u64).is_none() {
        return Err(EvictionReason::Protocol);
    }
    receive.retrieve(whole);
    Ok(Some(Answer { header: Header { answer: 0, ..request }, payload, made: 0 }))
}

/// A frame that is being made.
#[derive(Debug)]
struct Answer {
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

    fn make<'a>(&mut self, piece: usize, scratch: &'a mut [u8]) -> &'a [u8] {
        let out = &mut scratch[..piece];
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
