//! Requests to answers, for every protocol: from a receive buffer into a send buffer, no socket in sight.

mod frame;

use std::{io, path::Path};

use self::frame::Frames;
use super::{
    close_reason::EvictionReason,
    http::{Http, Over, Rest, Site},
    policy::Policy,
};
use crate::{
    buffer::Buffer,
    codec::{frame::HEADER_BYTES, line},
    profile::Service,
};

/// Answers are sent before more than this many bytes of them wait, so that a long queue of requests needs no long
/// queue of answers.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// Where answers are made before they are appended, and what they are made of: one for all connections.
pub(super) struct Scratch {
    pub(super) bytes: Box<[u8]>,
    /// What HTTP answers with.
    pub(super) site: Site,
}

impl Scratch {
    /// One of so many, each for a thread.
    ///
    /// # Errors
    /// When the root is no directory that can be read.
    pub(super) fn new(root: Option<&Path>, threads: u64) -> io::Result<Self> {
        let bytes = vec![0; HEADER_BYTES + BATCH_BYTES].into_boxed_slice();
        Ok(Self { bytes, site: Site::open(root, threads)? })
    }
}

/// What one call has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Requests answered to the last byte; what follows the send buffer may still be on its way.
    pub(super) messages: u64,
    /// Requests that were none, and were answered with what is wrong.
    pub(super) rejected: u64,
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
    /// See [`mod@line`].
    Line {
        /// The longest line, in bytes.
        limit: usize,
        /// What is still to be sent of one that has come.
        left: usize,
    },
    /// See [`codec::frame`](crate::codec::frame).
    Frame(Frames),
    /// See [`codec::http`](crate::codec::http).
    Http(Http),
}

impl Dialog {
    pub(super) fn new(policy: &Policy) -> Self {
        let limit = policy.receive_limit.unwrap_or(usize::MAX);
        match policy.protocol {
            Service::Echo => Self::Echo,
            Service::Line => Self::Line { limit, left: 0 },
            Service::Frame => Self::Frame(Frames::new(limit)),
            Service::Http => Self::Http(Http::new(limit)),
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
    ) -> Result<Batch, EvictionReason> {
        match self {
            Self::Echo => echo(receive, send),
            Self::Line { limit, left } => lines(receive, send, *limit, left),
            Self::Frame(frames) => frames.answer(receive, send, scratch),
            Self::Http(http) => http.answer(receive, send, scratch),
        }
    }

    /// What has to follow the send buffer and does not lie in it: nothing more is answered before it is sent.
    pub(super) fn rest(&mut self) -> Option<&mut Rest> {
        if let Self::Http(http) = self { http.rest() } else { None }
    }

    /// How many bytes that is.
    pub(super) fn rest_bytes(&self) -> usize {
        if let Self::Http(http) = self { http.rest_bytes() } else { 0 }
    }

    /// What a peer is told whose message did not become whole in time, where the protocol has words for it.
    pub(super) fn time_out<'a>(&self, scratch: &'a mut Scratch) -> &'a [u8] {
        if let Self::Http(_) = self { scratch.site.time_out() } else { &[] }
    }

    /// Whatever comes from now on is not answered.
    pub(super) fn give_up(&mut self) {
        if let Self::Http(http) = self {
            http.give_up();
        }
    }

    /// Whether a message has begun of which nothing lies in the receive buffer any more.
    pub(super) fn is_within_message(&self) -> bool {
        matches!(self, Self::Http(http) if http.is_within_request())
    }

    /// Whether nothing more will be answered, and how to part then.
    pub(super) fn over(&self) -> Option<Over> {
        if let Self::Http(http) = self { http.over() } else { None }
    }
}

/// The server does not know where a message ends; what came together counts as one.
fn echo(receive: &mut dyn Buffer, send: &mut dyn Buffer) -> Result<Batch, EvictionReason> {
    let whole = receive.readable().min(BATCH_BYTES);
    pass(receive, send, whole)?;
    let (messages, more) = (u64::from(whole > 0), receive.readable() > 0);
    Ok(Batch { messages, more, appended: whole, ..Batch::default() })
}

fn lines(
    receive: &mut dyn Buffer,
    send: &mut dyn Buffer,
    limit: usize,
    left: &mut usize,
) -> Result<Batch, EvictionReason> {
    let mut batch = Batch::default();
    loop {
        if *left == 0 {
            let whole = line::next(receive, limit).map_err(|_| EvictionReason::ReceiveLimit)?;
            let Some(length) = whole else { return Ok(batch) };
            *left = length;
        }
        let piece = (*left).min(BATCH_BYTES - batch.appended);
        if piece == 0 {
            return Ok(Batch { more: true, ..batch });
        }
        pass(receive, send, piece)?;
        *left -= piece;
        batch.messages += u64::from(*left == 0);
        batch.appended += piece;
    }
}

/// From one buffer to the other, without bringing the bytes together.
fn pass(receive: &mut dyn Buffer, send: &mut dyn Buffer, mut left: usize) -> Result<(), EvictionReason> {
    while left > 0 {
        let front = receive.front();
        let piece = front.len().min(left);
        send.append(&front[..piece]).map_err(|_| EvictionReason::SendLimit)?;
        receive.retrieve(piece);
        left -= piece;
    }
    Ok(())
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        buffer::{self, Kind},
        codec::{
            Decoder, Tally, content,
            frame::{self, Header},
        },
        profile::ServerOptions,
        units::{Bytes, OrOff},
    };

    fn request(sequence: u64, answer: u32, offset: u64, payload: usize) -> Vec<u8> {
        let header = Header { sequence, stream: 3, answer, offset };
        let mut bytes = frame::opening(&header, payload).to_vec();
        bytes.resize(HEADER_BYTES + payload, 0);
        content::fill(3, offset, &mut bytes[HEADER_BYTES..]);
        bytes
    }

    /// Feeds `bytes` in pieces of `step`, takes the answers out after every batch.
    fn converse(
        kind: Kind,
        protocol: Service,
        bytes: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, u64), EvictionReason> {
        let receive_limit = OrOff(Some(Bytes(100_000)));
        let options = ServerOptions { protocol, receive_limit, ..ServerOptions::default() };
        let mut dialog = Dialog::new(&Policy::new(&options));
        let (mut receive, mut send) = (buffer::make(kind, 64, None), buffer::make(kind, 64, None));
        let (mut scratch, mut out, mut messages) = (Scratch::new(None, 1).unwrap(), Vec::new(), 0);
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
                let (answers, messages) = converse(kind, Service::Frame, &requests, step).unwrap();
                assert!(answers == expected, "{kind}, pieces of {step} bytes");
                assert_eq!(messages, 7);
            }
        }
    }

    #[test]
    fn answers_pass_the_clients_checks() {
        let requests: Vec<u8> = (0..50).flat_map(|n| request(n, 5000, n * 5000, 10)).collect();
        let (answers, _) = converse(Kind::Chained, Service::Frame, &requests, 999).unwrap();
        let mut decoder = Decoder::Frame(frame::Decoder::new(3, 5000));
        let mut answered = Vec::new();
        decoder.feed(&answers, &mut |answer| answered.push(answer.sequence));
        assert_eq!(answered, (0..50).collect::<Vec<_>>());
        assert_eq!(decoder.tally(), Tally { verified: answers.len() as u64, ..Tally::default() });
    }

    #[test]
    fn an_echo_returns_the_received_bytes() {
        let bytes = request(1, 0, 77, 150_000);
        for kind in [Kind::Contiguous, Kind::Chained] {
            assert_eq!(converse(kind, Service::Echo, &bytes, 10).unwrap().1, bytes.len().div_ceil(10) as u64);
            for step in [1_000, bytes.len()] {
                assert_eq!(converse(kind, Service::Echo, &bytes, step).unwrap().0, bytes);
            }
        }
    }

    #[test]
    fn invalid_requests_are_refused() {
        let refused = |bytes: &[u8]| converse(Kind::Chained, Service::Frame, bytes, bytes.len()).unwrap_err();
        assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n"), EvictionReason::Protocol);
        let mut flipped = request(0, 10, 0, 10);
        flipped[20] ^= 1;
        assert_eq!(refused(&flipped), EvictionReason::Protocol);
        assert_eq!(refused(&request(0, u32::MAX, 0, 0)), EvictionReason::Protocol);
        assert_eq!(refused(&request(0, 1, u64::MAX, 0)), EvictionReason::Protocol);
        assert_eq!(refused(&request(0, 0, 0, 100_000)[..8]), EvictionReason::ReceiveLimit);
        assert!(converse(Kind::Chained, Service::Frame, &request(0, 0, 0, 99_968), 5_000).is_ok());
    }

    #[test]
    fn lines_are_echoed_up_to_the_limit() {
        let text = format!("one\r\n\ntwo\n{}\n{}\n", "x".repeat(80_000), "y".repeat(60_000)).into_bytes();
        for kind in [Kind::Contiguous, Kind::Chained] {
            for step in [1, 5, 4096, text.len()] {
                let (answers, messages) = converse(kind, Service::Line, &text, step).unwrap();
                assert!(answers == text && messages == 5, "{kind}, pieces of {step} bytes");
            }
            assert_eq!(
                converse(kind, Service::Line, &vec![b'x'; 100_000], 999),
                Err(EvictionReason::ReceiveLimit)
            );
        }
    }
}
