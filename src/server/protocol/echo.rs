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
    ) -> Result<Batch, EvictionReason> {
        let whole = receive.readable().min(BATCH_BYTES);
        pass(receive, send, whole)?;
        let (messages, more) = (u64::from(whole > 0), receive.readable() > 0);
        Ok(Batch { messages, more, appended: whole, ..Batch::default() })
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
