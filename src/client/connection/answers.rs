//! The answers of one connection: found in the bytes that come, checked, and counted.

use super::{
    requests::{Last, Requests},
    socket::Socket,
};
use crate::{
    client::{
        close_reason::CloseReason,
        context::Context,
        request::{Request, crossing_ns},
        workload::{RequestLoop, Workload},
    },
    codec::{Answered, Decoder, Tally},
};

/// The answers of one connection.
pub(super) struct Answers {
    decoder: Decoder,
    /// Bytes that were received.
    received: u64,
    /// When the last answer came, in nanoseconds; 0 before the first.
    last_ns: u64,
    /// Answers since the window began.
    count: u32,
    /// The last answer was an error.
    last_was_error: bool,
    /// Nothing came since the last answer was whole.
    is_between_two: bool,
    /// How the connection ended, where that was known before all that had come was read.
    broken: Option<CloseReason>,
}

/// What comes in.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// Bytes of the stream, as they follow each other.
    Bytes(&'a [u8]),
    /// Bytes on a socket that several threads read, put together from the parts that each has read.
    Parts(&'a [u8]),
    EndOfStream,
}

impl Answers {
    pub(super) const fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            received: 0,
            last_ns: 0,
            count: 0,
            last_was_error: false,
            is_between_two: true,
            broken: None,
        }
    }

    /// Takes what came, and starts the next requests.
    pub(super) fn take(
        &mut self,
        input: Input<'_>,
        socket: &Socket,
        requests: &mut Requests,
        context: &Context,
        workload: &mut impl Workload,
    ) {
        if let Input::Bytes(bytes) | Input::Parts(bytes) = input {
            self.received += bytes.len() as u64;
            self.is_between_two = false;
            workload.received(bytes.len());
        }
        self.decode(input, socket, requests, context, workload);
        if !matches!(input, Input::EndOfStream) && workload.rules().requests == RequestLoop::Open {
            requests.take_waiting(socket.token(), workload);
        }
    }

    /// Hears the answers, and starts the next requests of a closed loop.
    fn decode(
        &mut self,
        input: Input<'_>,
        socket: &Socket,
        requests: &mut Requests,
        context: &Context,
        workload: &mut impl Workload,
    ) {
        let rules = workload.rules();
        let is_loop = matches!(rules.requests, RequestLoop::Closed { .. });
        let goes_on = is_loop && !context.is_closing && !requests.is_stopped();
        let most = requests.most(rules);
        let (last_answer_ns, now_ns) = (self.last_ns, context.now_ns);
        let may_repeat = rules.may_repeat && last_answer_ns > 0;
        let (mut unasked, mut answers, mut gave_up, mut repeated) = (0, 0, false, None);
        let (sent, answered_before) = (requests.sent(), requests.answered_count());
        let mut answered = |answer: Answered| match requests.answered(answer.sequence) {
            None if answer.gave_up => gave_up = true,
            None => unasked += 1,
            Some(request)
                if answer.gave_up
                    && may_repeat
                    && request.has_crossed(now_ns, crossing_ns(socket.transport().least_rtt_us()))
                    && request.has_followed_a_pause(last_answer_ns) =>
            {
                gave_up = true;
                repeated = Some(request);
            }
            Some(request) => {
                self.last_was_error = answer.error;
                answers += u32::from(workload.answered(&request, answer.error, now_ns));
                if answer.last {
                    requests.set_last(if answer.error { Last::Error } else { Last::Proper });
                }
                if goes_on && !answer.last && requests.started() < most {
                    requests.start(now_ns, workload);
                }
            }
        };
        match input {
            Input::Parts(bytes) => self.decoder.feed_parts(bytes, &mut answered),
            Input::Bytes(bytes) => {
                self.decoder.feed(bytes, &mut answered);
                self.decoder.sent(sent, &mut answered);
            }
            Input::EndOfStream => self.decoder.end(&mut answered),
        }
        if gave_up {
            self.gave_up(repeated, requests, now_ns, workload);
        }
        self.count = self.count.saturating_add(answers);
        if requests.answered_count() > answered_before {
            self.is_between_two = true;
            self.last_ns = now_ns;
        }
        if unasked > 0 {
            self.decoder.unasked(unasked);
        }
    }

    /// The server no longer waited for a request, and said so: the ordinary end of a connection that is idle. A
    /// request that crossed that on the way is sent once more.
    fn gave_up(
        &mut self,
        crossed: Option<Request>,
        requests: &mut Requests,
        now_ns: u64,
        workload: &mut impl Workload,
    ) {
        self.decoder.withdraw();
        if let Some(request) = crossed {
            requests.retry(&request, now_ns, workload);
        }
        let is_idle = workload.rules().is_steady && requests.open() == 0;
        requests.set_last(if is_idle { Last::Idle } else { Last::Error });
        self.last_was_error = !is_idle;
    }

    /// How many of the bytes that come next are content and nothing else, where that is known.
    pub(super) fn content_ahead(&self, requests: &Requests) -> Option<u64> {
        self.decoder.content_ahead(requests.open())
    }

    /// The connection ended in that way, and what had come before is still to be read.
    pub(super) fn broke(&mut self, how: CloseReason) {
        self.broken = Some(how);
    }

    /// How it ended, where that was known before all that had come was read.
    pub(super) const fn broken(&self) -> Option<CloseReason> {
        self.broken
    }

    /// Bytes that were received.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// Whether nothing came since the last answer was whole.
    pub(super) const fn is_between_two(&self) -> bool {
        self.is_between_two
    }

    /// When the last answer came, in nanoseconds; 0 before the first.
    pub(super) const fn last_ns(&self) -> u64 {
        self.last_ns
    }

    pub(super) const fn last_was_error(&self) -> bool {
        self.last_was_error
    }

    /// Answers since the window began.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// What was found in them.
    pub(super) fn tally(&self) -> Tally {
        self.decoder.tally()
    }
}
