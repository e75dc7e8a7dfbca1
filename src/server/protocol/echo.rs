//! Echo: every byte comes back.

use super::{
    interface::{Batch, Protocol},
    scratch::{BATCH_BYTES, Scratch},
};
use crate::{buffer::Buffer, server::close_reason::EvictionReason};

/// The server does not know where a message ends; what came together counts as one.
#[derive(Debug)]
pub(in crate::server) struct Echo;

impl Protocol for Echo {
    fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        _: &mut Scratch,
        permits: u64,
    ) -> Result<Batch, EvictionReason> {
        let whole = if permits == 0 { 0 } else { receive.readable().min(BATCH_BYTES) };
        pass(receive, send, whole)?;
        let (messages, is_left) = (u64::from(whole > 0), receive.readable() > 0);
        let is_held = is_left && messages >= permits;
        Ok(Batch { messages, more: is_left && !is_held, is_held, appended: whole, ..Batch::default() })
    }
}

/// Moves bytes from one buffer to the other, without bringing them together.
pub(super) fn pass(
    receive: &mut dyn Buffer,
    send: &mut dyn Buffer,
    mut left: usize,
) -> Result<(), EvictionReason> {
    while left > 0 {
        let front = receive.front();
        let piece = front.len().min(left);
        send.append(&front[..piece]).map_err(|_| EvictionReason::SendLimit)?;
        receive.retrieve(piece);
        left -= piece;
    }
    Ok(())
}
