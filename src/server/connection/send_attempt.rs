//! One attempt to send: from the send buffer, from what follows it (a file, made content), or from both together.

use std::io::{self, ErrorKind, IoSlice, Write};

use nix::sys::stat::fstat;

use crate::{
    buffer::Buffer,
    codec::http::Span,
    server::{
        context::Context,
        protocol::{BATCH_BYTES, OpenFile, Source, StreamedBody},
        transport::Transport,
    },
};

/// The most that one `sendfile` is asked for.
const FILE_BYTES: usize = 1 << 20;

/// What goes out in one `writev` with the head before it, if it is no file: that never comes into memory.
const TOGETHER_BYTES: usize = BATCH_BYTES;

/// What the kernel was offered, and what it took: less when its send buffer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The buffer may hold more than one vector does.
    pub(super) offered: usize,
    pub(super) taken: usize,
}

/// Sends some of what waits, with one system call to the socket.
///
/// # Errors
/// What the kernel says; `UnexpectedEof` where a file is shorter than was announced.
pub(super) fn attempt(
    transport: &Transport,
    buffer: &mut dyn Buffer,
    body: Option<&mut StreamedBody>,
    context: &mut Context,
) -> io::Result<Attempt> {
    let (piece, scratch) = (context.policy.send_piece, &mut context.scratch.bytes[..]);
    let head = buffer.readable();
    let mut writer = SocketWriter { transport, piece, more: false, offered: 0 };
    if let Some(body) = body.filter(|body| body.span.length > 0) {
        if head == 0 {
            let attempt = match &body.source {
                Source::File(file) => from_file(transport, file, body.span, piece),
                Source::Kept(_) | Source::UsualAnswer(_) | Source::Uploaded(_) | Source::Generated => {
                    from_memory(transport, body, piece, scratch)
                }
            }?;
            body.sent(attempt.taken);
            return Ok(attempt);
        }
        let fits = body.span.length <= TOGETHER_BYTES.min(piece.saturating_sub(head)) as u64;
        let is_file = matches!(body.source, Source::File(_));
        if fits && !is_file && head == buffer.front().len() {
            return together(transport, buffer, body, scratch);
        }
        // Without this the head would go out as a small segment of its own.
        writer.more = true;
    }
    let taken = buffer.write_to(&mut writer)?;
    Ok(Attempt { offered: writer.offered, taken })
}

/// From the page cache to the socket, from wherever the last attempt has left off.
fn from_file(transport: &Transport, file: &OpenFile, span: Span, piece: usize) -> io::Result<Attempt> {
    let offered = span.length.min(FILE_BYTES.min(piece) as u64) as usize;
    let taken = transport.send_file(file, span.start, offered)?;
    // A full send buffer is waited for, the end of the file would be in vain.
    if taken < offered && fstat(file)?.st_size <= (span.start + taken as u64) as libc::off_t {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Attempt { offered, taken })
}

/// A batch of what lies in memory, or is made on the spot.
fn from_memory(
    transport: &Transport,
    body: &StreamedBody,
    piece: usize,
    scratch: &mut [u8],
) -> io::Result<Attempt> {
    let bytes = bytes_of(body, piece.min(BATCH_BYTES), scratch)?;
    Ok(Attempt { offered: bytes.len(), taken: transport.send(bytes)? })
}

/// The first bytes of what is left, at most so many: from where they lie, or copied.
fn bytes_of<'a>(body: &'a StreamedBody, most: usize, scratch: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let count = body.span.length.min(most as u64) as usize;
    if let Some(bytes) = body.in_memory() {
        return Ok(&bytes[..count]);
    }
    let bytes = &mut scratch[..count];
    body.read(bytes)?;
    Ok(bytes)
}

/// Head and body as two slices of one `writev`. What was made on the spot, and the kernel does not take, is made again.
fn together(
    transport: &Transport,
    buffer: &mut dyn Buffer,
    body: &mut StreamedBody,
    scratch: &mut [u8],
) -> io::Result<Attempt> {
    let bytes = bytes_of(body, TOGETHER_BYTES, scratch)?;
    let head = buffer.readable();
    let taken = transport.send_vectored(&[IoSlice::new(buffer.front()), IoSlice::new(bytes)])?;
    let offered = head + bytes.len();
    buffer.retrieve(taken.min(head));
    body.sent(taken.saturating_sub(head));
    Ok(Attempt { offered, taken })
}

/// What is in one piece goes out with `send(2)`: the vector costs the kernel about 100 ns, 2 % of a small answer.
struct SocketWriter<'a> {
    transport: &'a Transport,
    /// Most that is offered at a time.
    piece: usize,
    /// More follows, from elsewhere.
    more: bool,
    offered: usize,
}

impl Write for SocketWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.more {
            return self.write_vectored(&[IoSlice::new(bytes)]);
        }
        self.offered = bytes.len().min(self.piece);
        self.transport.send(&bytes[..self.offered])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut whole = 0;
        let mut offered = 0;
        for slice in slices {
            if slice.len() > self.piece - offered {
                break;
            }
            whole += 1;
            offered += slice.len();
        }
        if self.more && whole > 0 {
            self.offered = offered;
            return self.transport.send_with_more(&slices[..whole]);
        }
        if whole <= 1 {
            self.more = false;
            return self.write(slices.first().map_or(&[], |slice| slice));
        }
        self.offered = offered;
        self.transport.send_vectored(&slices[..whole])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn offers_at_most_one_piece_at_a_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let transport = Transport::tcp(stream).unwrap();
        let blocks = [[0; 10], [0; 10], [0; 10]];
        let slices = blocks.each_ref().map(|block| IoSlice::new(block));
        for more in [false, true] {
            for (piece, wanted) in [(usize::MAX, 30), (30, 30), (29, 20), (10, 10), (7, 7)] {
                let mut writer = SocketWriter { transport: &transport, piece, more, offered: 0 };
                assert_eq!(writer.write_vectored(&slices).unwrap(), wanted, "{piece}");
                assert_eq!(writer.offered, wanted);
            }
        }
    }
}
