//! Messages that arrive in pieces: the cost of checking after each piece whether the message is complete.

use std::hint::black_box;

use super::cpu_time::cpu_ns;
use crate::{
    buffer::{Buffer, make},
    codec::{
        content,
        frame::{self, HEADER_BYTES, Header, PREFIX_BYTES},
        http, line,
    },
    metric::{Metric, Row},
    profile::{Decode, Decoder},
};

pub(super) fn run(asked: &Decode) -> Row {
    let message = message(asked.decoder, asked.message.0 as usize);
    let messages = (asked.volume.0 / asked.message.0).max(1);
    let mut buffer = make(asked.buffer, crate::buffer::INITIAL_BYTES, None);
    let mut found = 0;
    let cpu = cpu_ns(|| {
        for _ in 0..messages {
            found += arrive(asked.decoder, &mut *buffer, &message, asked.piece.0 as usize);
        }
    });
    assert_eq!(found, messages, "each message is found once");
    let mut row = Row::default();
    row.set(Metric::CoreCpuPerStep, cpu / messages as f64);
    row.set(Metric::CoreCpuPerByte, cpu / (messages * asked.message.0) as f64);
    row
}

/// A message of this length, in bytes.
///
/// # Panics
/// If the length is less than the least message of the decoder.
#[must_use]
pub fn message(decoder: Decoder, length: usize) -> Vec<u8> {
    match decoder {
        Decoder::Line | Decoder::Rescan => [vec![b'x'; length - 1], b"\n".to_vec()].concat(),
        Decoder::Http => head(length),
        Decoder::Frame => {
            let payload = length - HEADER_BYTES;
            let header = Header { sequence: 0, stream: 1, answer: 0, offset: 0 };
            let mut bytes = frame::opening(&header, payload).to_vec();
            bytes.resize(length, 0);
            content::fill(header.stream, header.offset, &mut bytes[HEADER_BYTES..]);
            bytes
        }
    }
}

/// A head of this length: fields of about 1 KiB, of which the last makes up for the rest.
fn head(length: usize) -> Vec<u8> {
    const FIELD: usize = 1024;
    const LEAST: usize = b"A: \r\n".len();
    let mut head = b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec();
    loop {
        let left = length - head.len() - b"\r\n".len();
        let next = if left < FIELD + LEAST { left } else { FIELD };
        head.extend(b"A: ");
        head.resize(head.len() + next - LEAST, b'x');
        head.extend(b"\r\n");
        if next == left {
            return [head, b"\r\n".to_vec()].concat();
        }
    }
}

/// The message arrives in pieces, and is taken out once it is whole; how many were found.
///
/// # Panics
/// If it is no message of the decoder.
pub fn arrive(decoder: Decoder, buffer: &mut dyn Buffer, message: &[u8], piece: usize) -> u64 {
    let mut search = http::Search::default();
    arrive_for(buffer, message, piece, |buffer| {
        let length = whole(decoder, buffer, &mut search);
        length.map(|length| buffer.retrieve(length)).is_some()
    })
}

/// The message arrives in pieces; how often `take` took it out of the buffer, which it is asked to after each piece.
///
/// # Panics
/// If the buffer has a limit, and the message goes beyond it.
pub fn arrive_for(
    buffer: &mut dyn Buffer,
    message: &[u8],
    piece: usize,
    mut take: impl FnMut(&mut dyn Buffer) -> bool,
) -> u64 {
    let mut taken = 0;
    for piece in message.chunks(piece) {
        buffer.append(piece).expect("there is no limit");
        taken += u64::from(take(buffer));
    }
    taken
}

/// The length of the message in front, once it is whole and understood, as the server does it.
fn whole(decoder: Decoder, buffer: &mut dyn Buffer, search: &mut http::Search) -> Option<usize> {
    match decoder {
        Decoder::Line => line::next(buffer, usize::MAX).expect("no line is too long"),
        Decoder::Rescan => {
            let waiting = buffer.readable();
            memchr::memchr(b'\n', buffer.peek(waiting)).map(|at| at + 1)
        }
        Decoder::Http => {
            let length = search.next(buffer, http::HEAD_BYTES).expect("a head")?;
            black_box(http::Request::parse(buffer.peek(length), 0).expect("a request"));
            Some(length)
        }
        Decoder::Frame => whole_frame(buffer),
    }
}

fn whole_frame(buffer: &mut dyn Buffer) -> Option<usize> {
    if buffer.readable() < PREFIX_BYTES {
        return None;
    }
    let mut prefix = [0; PREFIX_BYTES];
    prefix.copy_from_slice(buffer.peek(PREFIX_BYTES));
    let (length, checksum) = frame::read_prefix(&prefix).expect("a frame");
    let whole = PREFIX_BYTES + length;
    if buffer.readable() < whole {
        return None;
    }
    frame::check(&buffer.peek(whole)[PREFIX_BYTES..], checksum).expect("the checksum fits");
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Kind;

    #[test]
    fn every_message_has_the_requested_length_and_is_found_once() {
        let decoders = [Decoder::Line, Decoder::Rescan, Decoder::Http, Decoder::Frame];
        for (decoder, length) in decoders.into_iter().flat_map(|d| [64, 1090, 1091, 5000].map(|l| (d, l))) {
            let message = message(decoder, length);
            assert_eq!(message.len(), length, "{decoder}");
            for (kind, piece) in [(Kind::Contiguous, 7), (Kind::Chained, 1), (Kind::Chained, 1 << 20)] {
                let mut buffer = make(kind, 16, None);
                assert_eq!(arrive(decoder, &mut *buffer, &message, piece), 1, "{decoder}, {length} bytes");
                assert_eq!(buffer.readable(), 0);
            }
        }
    }
}
