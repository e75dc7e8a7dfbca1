//! One attempt to send: from the send buffer, from what follows it (a file, made content), or from both together.

use std::{
    io::{self, ErrorKind, IoSlice, Write},
    net::TcpStream,
    os::fd::AsRawFd,
};

use nix::sys::{
    sendfile::sendfile,
    socket::{MsgFlags, sendmsg},
    stat::fstat,
};

use super::Connection;
use crate::{
    buffer::Buffer,
    codec::http::Span,
    server::{
        event_loop::Shared,
        protocol::{BATCH_BYTES, OpenFile, Protocol, Scratch, Source, StreamedBody},
    },
};

/// The most that one `sendfile` is asked for.
const FILE_BYTES: usize = 1 << 20;

/// What goes out in one `writev` with the head before it: read into memory, as two system calls cost more than the
/// copy. Longer files never come into memory.
const TOGETHER_BYTES: usize = BATCH_BYTES;

/// What the kernel was offered, and what it took: less when its send buffer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The buffer may hold more than one vector does.
    pub(super) offered: usize,
    pub(super) taken: usize,
}

impl Connection {
    /// Bytes that wait to be sent: in memory, in a file, and such as are still to be made.
    pub(super) fn unsent(&self) -> usize {
        self.send.readable() + self.conversation.streamed_bytes()
    }

    /// Sends some of what waits, with one system call to the socket.
    pub(super) fn write_some(&mut self, shared: &mut Shared) -> io::Result<Attempt> {
        let piece = shared.policy.send_piece;
        let head = self.send.readable();
        let mut writer = SocketWriter { stream: &self.stream, piece, more: false, offered: 0 };
        if let Some(rest) = self.conversation.streamed_body() {
            if head == 0 {
                let attempt = match &rest.source {
                    Source::File(file) => from_file(&self.stream, file, rest.span, piece),
                    Source::Generated => from_nowhere(&self.stream, rest, piece, &mut shared.scratch),
                }?;
                rest.sent(attempt.taken);
                return Ok(attempt);
            }
            let length = rest.span.length;
            let fits = length <= TOGETHER_BYTES as u64 && length as usize <= piece.saturating_sub(head);
            if fits && head == self.send.front().len() {
                return together(&self.stream, &mut *self.send, rest, &mut shared.scratch);
            }
            // Without this the head would go out as a small segment of its own.
            writer.more = true;
        }
        let taken = self.send.write_to(&mut writer)?;
        Ok(Attempt { offered: writer.offered, taken })
    }
}

/// From the page cache to the socket, from wherever the last attempt has left off.
fn from_file(stream: &TcpStream, file: &OpenFile, span: Span, piece: usize) -> io::Result<Attempt> {
    let mut offset = span.start as libc::off_t;
    let offered = span.length.min(FILE_BYTES.min(piece) as u64) as usize;
    let taken = sendfile(stream, file, Some(&mut offset), offered)?;
    // A full send buffer is waited for, the end of the file would be in vain.
    if taken < offered && fstat(file)?.st_size <= offset {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Attempt { offered, taken })
}

/// A batch of what is made on the spot.
fn from_nowhere(
    mut stream: &TcpStream,
    rest: &StreamedBody,
    piece: usize,
    scratch: &mut Scratch,
) -> io::Result<Attempt> {
    let offered = rest.span.length.min(BATCH_BYTES.min(piece) as u64) as usize;
    let bytes = &mut scratch.bytes[..offered];
    rest.read(bytes)?;
    let taken = stream.write(bytes)?;
    Ok(Attempt { offered, taken })
}

/// Head and body as two slices of one `writev`. What the kernel does not take of the body is read again.
fn together(
    mut stream: &TcpStream,
    send: &mut dyn Buffer,
    rest: &mut StreamedBody,
    scratch: &mut Scratch,
) -> io::Result<Attempt> {
    let body = &mut scratch.bytes[..rest.span.length as usize];
    rest.read(body)?;
    let head = send.readable();
    let taken = stream.write_vectored(&[IoSlice::new(send.front()), IoSlice::new(body)])?;
    let offered = head + body.len();
    send.retrieve(taken.min(head));
    rest.sent(taken.saturating_sub(head));
    Ok(Attempt { offered, taken })
}

/// What is in one piece goes out with `send(2)`: the vector costs the kernel about 100 ns, 2 % of a small answer.
struct SocketWriter<'a> {
    stream: &'a TcpStream,
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
        self.stream.write(&bytes[..self.offered])
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
            let flags = MsgFlags::from_bits_retain(libc::MSG_MORE) | MsgFlags::MSG_NOSIGNAL;
            return Ok(sendmsg::<()>(self.stream.as_raw_fd(), &slices[..whole], &[], flags, None)?);
        }
        if whole <= 1 {
            self.more = false;
            return self.write(slices.first().map_or(&[], |slice| slice));
        }
        self.offered = offered;
        self.stream.write_vectored(&slices[..whole])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn offers_at_most_one_piece_at_a_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let blocks = [[0; 10], [0; 10], [0; 10]];
        let slices = blocks.each_ref().map(|block| IoSlice::new(block));
        for more in [false, true] {
            for (piece, wanted) in [(usize::MAX, 30), (30, 30), (29, 20), (10, 10), (7, 7)] {
                let mut writer = SocketWriter { stream: &stream, piece, more, offered: 0 };
                assert_eq!(writer.write_vectored(&slices).unwrap(), wanted, "{piece}");
                assert_eq!(writer.offered, wanted);
            }
        }
    }
}
