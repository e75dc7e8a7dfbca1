//! Requests to answers, for every protocol: from a receive buffer into a send buffer.
//!
//! Each protocol has a file of its own and implements [`Protocol`]; [`Conversation`] is any one of them.

mod echo;
mod frame;
mod http;
mod interface;
mod line;
mod scratch;

use self::{echo::Echo, frame::Frame, http::Http, line::Line};
pub(super) use self::{
    http::{
        files::OpenFile,
        site::Site,
        streamed_body::{Source, StreamedBody},
        uploads::Uploads,
    },
    interface::{Batch, ConversationEnd, Protocol},
    scratch::{BATCH_BYTES, Scratch},
};
use super::{close_reason::EvictionReason, policy::Policy};
use crate::{buffer::Buffer, profile::Service};

/// The state of one connection's conversation, in the server's protocol.
#[derive(Debug)]
pub(super) enum Conversation {
    /// See [`mod@echo`].
    Echo(Echo),
    /// See [`mod@line`].
    Line(Line),
    /// See [`mod@frame`].
    Frame(Frame),
    /// See [`mod@http`].
    Http(Http),
}

impl Conversation {
    pub(super) fn new(policy: &Policy) -> Self {
        let limit = policy.receive_limit.unwrap_or(usize::MAX);
        match policy.protocol {
            Service::Echo => Self::Echo(Echo),
            Service::Line => Self::Line(Line::new(limit)),
            Service::Frame => Self::Frame(Frame::new(limit)),
            Service::Http => Self::Http(Http::new(limit, policy.head_parsing)),
        }
    }
}

/// The same call, whichever protocol it is.
macro_rules! dispatch {
    ($conversation:expr, $protocol:ident => $call:expr) => {
        match $conversation {
            Conversation::Echo($protocol) => $call,
            Conversation::Line($protocol) => $call,
            Conversation::Frame($protocol) => $call,
            Conversation::Http($protocol) => $call,
        }
    };
}

impl Protocol for Conversation {
    fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        scratch: &mut Scratch,
        permits: u64,
    ) -> Result<Batch, EvictionReason> {
        dispatch!(self, protocol => protocol.answer(receive, send, scratch, permits))
    }

    fn streamed_body(&mut self) -> Option<&mut StreamedBody> {
        dispatch!(self, protocol => protocol.streamed_body())
    }

    fn streamed_bytes(&self) -> usize {
        dispatch!(self, protocol => protocol.streamed_bytes())
    }

    fn has_taken(&self) -> bool {
        dispatch!(self, protocol => protocol.has_taken())
    }

    fn is_within_message(&self) -> bool {
        dispatch!(self, protocol => protocol.is_within_message())
    }

    fn timeout_answer<'a>(&self, scratch: &'a mut Scratch) -> &'a [u8] {
        dispatch!(self, protocol => protocol.timeout_answer(scratch))
    }

    fn give_up(&mut self) {
        dispatch!(self, protocol => protocol.give_up());
    }

    fn end(&self) -> Option<ConversationEnd> {
        dispatch!(self, protocol => protocol.end())
    }
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
            frame::{self, HEADER_BYTES, Header},
        },
        profile::{HeadParsing, ServerOptions},
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
        converse_with(u64::MAX, kind, protocol, bytes, step)
    }

    /// The same, with so many requests at a time.
    fn converse_with(
        permits: u64,
        kind: Kind,
        protocol: Service,
        bytes: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, u64), EvictionReason> {
        let receive_limit = OrOff(Some(Bytes(100_000)));
        let options = ServerOptions { protocol, receive_limit, ..ServerOptions::default() };
        let mut conversation = Conversation::new(&Policy::new(&options));
        let (mut receive, mut send) = (buffer::make(kind, 64, None), buffer::make(kind, 64, None));
        let (mut scratch, mut out, mut messages) = (Scratch::new(None, 1, None).unwrap(), Vec::new(), 0);
        for piece in bytes.chunks(step) {
            receive.append(piece).unwrap();
            loop {
                let batch = conversation.answer(&mut *receive, &mut *send, &mut scratch, permits)?;
                assert!(batch.messages <= permits && !(batch.more && batch.is_held));
                messages += batch.messages;
                let waiting = send.readable();
                assert!(waiting <= BATCH_BYTES + HEADER_BYTES, "{waiting} bytes in one batch");
                out.extend_from_slice(send.peek(waiting));
                send.retrieve(waiting);
                if !batch.more && !batch.is_held {
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
    fn requests_taken_one_at_a_time_get_the_same_answers() {
        let sizes = [0_u32, 65_537, 7, 200_000, 1];
        let frames: Vec<u8> = (0..).zip(sizes).flat_map(|(n, answer)| request(n, answer, 0, 50)).collect();
        let http = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".repeat(4).into_bytes();
        let lines = "one\ntwo\r\n\nthree\n".repeat(30_000).into_bytes();
        for (protocol, bytes) in [(Service::Frame, &frames), (Service::Http, &http), (Service::Line, &lines)]
        {
            for kind in [Kind::Contiguous, Kind::Chained] {
                for step in [50, bytes.len()] {
                    let (all, count) = converse(kind, protocol, bytes, step).unwrap();
                    let (answers, messages) = converse_with(1, kind, protocol, bytes, step).unwrap();
                    let sizes = (answers.len(), all.len());
                    let is_same = answers == all || (protocol == Service::Http && sizes.0 == sizes.1);
                    assert!(is_same && messages == count, "{kind}, pieces of {step}: {sizes:?}");
                }
            }
        }
    }

    #[test]
    fn no_request_is_taken_without_a_permit() {
        let get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let (whole, line_by_line) = (HeadParsing::Whole, HeadParsing::LineByLine);
        for (protocol, head_parsing, bytes) in [
            (Service::Echo, whole, b"x".to_vec()),
            (Service::Line, whole, b"x\n".to_vec()),
            (Service::Frame, whole, request(0, 10, 0, 10)),
            (Service::Http, whole, get.to_vec()),
            (Service::Http, line_by_line, get.to_vec()),
        ] {
            let options = ServerOptions { protocol, head_parsing, ..ServerOptions::default() };
            let policy = Policy::new(&options);
            let mut conversation = Conversation::new(&policy);
            let kind = Kind::Chained;
            let (mut receive, mut send) = (buffer::make(kind, 64, None), buffer::make(kind, 64, None));
            let mut scratch = Scratch::new(None, 1, None).unwrap();
            receive.append(&bytes).unwrap();
            for _ in 0..2 {
                let batch = conversation.answer(&mut *receive, &mut *send, &mut scratch, 0).unwrap();
                assert_eq!(batch, Batch { is_held: true, ..Batch::default() });
            }
            // Line by line, a head has left the buffer when it is whole.
            let kept = if head_parsing == whole { bytes.len() } else { 0 };
            assert_eq!((receive.readable(), send.readable()), (kept, 0));
            let batch = conversation.answer(&mut *receive, &mut *send, &mut scratch, 1).unwrap();
            assert!(batch.messages == 1 && !batch.is_held && receive.readable() == 0);
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
