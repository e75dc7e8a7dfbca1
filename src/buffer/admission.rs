//! What every buffer does before bytes go in: the limit is kept, and one read fills two places.

use std::io::{self, ErrorKind, IoSliceMut, Read};

use super::Full;

/// May `more` bytes join those that wait?
pub(super) fn admit(readable: usize, more: usize, limit: Option<usize>) -> Result<(), Full> {
    let wanted = readable.saturating_add(more);
    match limit {
        Some(limit) if wanted > limit => Err(Full { limit, wanted }),
        _ => Ok(()),
    }
}

/// One vectored read of at most `room` bytes into `tail`, then `spill`: how many bytes landed in each.
#[inline]
pub(super) fn scatter(
    source: &mut dyn Read,
    tail: &mut [u8],
    spill: &mut [u8],
    room: usize,
) -> io::Result<(usize, usize)> {
    if room == 0 {
        return Err(ErrorKind::StorageFull.into());
    }
    let in_tail = tail.len().min(room);
    let in_spill = spill.len().min(room - in_tail);
    let (tail, spill) = (&mut tail[..in_tail], &mut spill[..in_spill]);
    let taken = if spill.is_empty() {
        source.read(tail)?
    } else {
        source.read_vectored(&mut [IoSliceMut::new(tail), IoSliceMut::new(spill)])?
    };
    let offered = in_tail + in_spill;
    assert!(taken <= offered, "the source was offered {offered} bytes and claims to have read {taken}");
    Ok((taken.min(in_tail), taken.saturating_sub(in_tail)))
}
