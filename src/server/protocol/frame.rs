//! Frames in, frames out: the answer has the length that the request asks for.

use super::{
    interface::{Batch, Protocol},
    scratch::{BATCH_BYTES, Scratch},
};
use crate::{
    buffer::{Buffer, Full},
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
        permits: u64,
    ) -> Result<Batch, EvictionReason> {
        let mut batch = Batch::default();
        loop {
            if self.pending.is_none()
                && let Some((whole, checksum)) = next_request(receive, self.limit)?
            {
                if batch.messages >= permits {
                    return Ok(Batch { is_held: true, ..batch });
                }
                self.pending = Some(take_request(receive, whole, checksum)?);
            }
            let Some(answer) = &mut self.pending else { return Ok(batch) };
            let piece = answer.next_piece();
            if batch.appended > 0 && batch.appended + piece > BATCH_BYTES {
                return Ok(Batch { more: true, ..batch });
            }
            let prepended =
                answer.put(piece, send, &mut scratch.bytes).map_err(|_| EvictionReason::SendLimit)?;
            batch.appended += piece;
            batch.prepended += prepended;
            if answer.left() == 0 {
                self.pending = None;
                batch.messages += 1;
            }
        }
    }

    fn has_taken(&self) -> bool {
        self.pending.is_some()
    }
}

/// How long the next request is, and its checksum; `None` until all of it is there.
fn next_request(receive: &mut dyn Buffer, limit: usize) -> Result<Option<(usize, u32)>, EvictionReason> {
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
    Ok((receive.readable() >= whole).then_some((whole, checksum)))
}

/// Takes a request of `whole` bytes out, and says what to answer.
fn take_request(receive: &mut dyn Buffer, whole: usize, checksum: u32) -> Result<Answer, EvictionReason> {
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
    Ok(Answer { header: Header { answer: 0, ..request }, payload, made: 0 })
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

    /// How much to make next: all of it if that fits a batch (plus its opening), else a part.
    fn next_piece(&self) -> usize {
        self.left().min(HEADER_BYTES + BATCH_BYTES)
    }

    /// Makes the next piece and puts it into the send buffer; how many bytes of it were put in front.
    fn put(&mut self, piece: usize, send: &mut dyn Buffer, scratch: &mut [u8]) -> Result<usize, Full> {
        let out = &mut scratch[..piece];
        let is_whole = piece == HEADER_BYTES + self.payload;
        let Header { stream, offset, .. } = self.header;
        let made = self.made;
        self.made += piece;
        if is_whole {
            content::fill(stream, offset, &mut out[HEADER_BYTES..]);
            return self.put_whole(send, out);
        }
        if made > 0 {
            content::fill(stream, offset + (made - HEADER_BYTES) as u64, out);
        } else {
            content::fill(stream, offset, &mut out[HEADER_BYTES..]);
            out[..HEADER_BYTES].copy_from_slice(&frame::opening(&self.header, self.payload));
        }
        send.append(out)?;
        Ok(0)
    }

    /// Puts a frame into the send buffer whose payload lies here: its checksum needs no second making of the content. The
    /// prefix is known last and goes into the free bytes in front of the rest, unless other answers wait there.
    fn put_whole(&self, send: &mut dyn Buffer, frame: &mut [u8]) -> Result<usize, Full> {
        frame[PREFIX_BYTES..HEADER_BYTES].copy_from_slice(&self.header.body());
        let body = &frame[PREFIX_BYTES..];
        let prefix = frame::prefix(body.len(), crc32fast::hash(body));
        if send.readable() == 0 {
            send.append(body)?;
            send.prepend(&prefix)?;
            return Ok(PREFIX_BYTES);
        }
        frame[..PREFIX_BYTES].copy_from_slice(&prefix);
        send.append(frame)?;
        Ok(0)
    }
}
