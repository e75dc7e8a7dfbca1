//! Lines: every line comes back once all of it has come.

use super::{
    echo::pass,
    interface::{Batch, Protocol},
    scratch::{BATCH_BYTES, Scratch},
};
use crate::{buffer::Buffer, codec::line, server::close_reason::EvictionReason};

/// One connection's lines; see [`mod@line`].
#[derive(Debug)]
pub(in crate::server) struct Line {
    /// The longest line, in bytes.
    limit: usize,
    /// Bytes still to be sent of a line that has come.
    left: usize,
}

impl Line {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, left: 0 }
    }
}

impl Protocol for Line {
    fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        _: &mut Scratch,
        permits: u64,
    ) -> Result<Batch, EvictionReason> {
        let mut batch = Batch::default();
        loop {
            if self.left == 0 {
                let whole = line::next(receive, self.limit).map_err(|_| EvictionReason::ReceiveLimit)?;
                let Some(length) = whole else { return Ok(batch) };
                if batch.messages >= permits {
                    return Ok(Batch { is_held: true, ..batch });
                }
                self.left = length;
            }
            let piece = self.left.min(BATCH_BYTES - batch.appended);
            if piece == 0 {
                return Ok(Batch { more: true, ..batch });
            }
            pass(receive, send, piece)?;
            self.left -= piece;
            batch.messages += u64::from(self.left == 0);
            batch.appended += piece;
        }
    }
}
