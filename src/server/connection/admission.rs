//! How far a connection's next request has come: not whole, waiting, in progress, or to be answered.

use crate::{
    server::{policy::Policy, timers::Timers},
    timers::TimerId,
};

/// How far the next request has come. Where requests take no time, it is always [`Admission::None`].
///
/// ```text
///   none ─→ asking ─→ waiting ─→ in progress ─→ done ─┐
///     ↑                                               │
///     └─────────────────── answered ──────────────────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Admission {
    /// No whole request is known of.
    #[default]
    None,
    /// A whole request is to be queued by the event loop.
    Asking,
    /// It is queued.
    Waiting,
    /// It is in progress until the timer fires.
    InProgress(TimerId),
    /// It is to be answered.
    Done,
}

impl Admission {
    /// How many requests may be answered now.
    pub(super) fn take_permits(&mut self, policy: &Policy) -> u64 {
        if policy.processing_ns == 0 {
            return u64::MAX;
        }
        let is_done = *self == Self::Done;
        *self = Self::None;
        u64::from(is_done)
    }

    /// A whole request has come, and is not answered yet.
    pub(super) fn hold(&mut self) {
        *self = Self::Asking;
    }

    /// Whether the next request has come and is not to be answered yet: what the peer waits for is the server's doing.
    pub(super) fn is_held(self) -> bool {
        matches!(self, Self::Asking | Self::Waiting | Self::InProgress(_))
    }

    /// Whether the request is to be queued; it is from now on.
    pub(super) fn begin_waiting(&mut self) -> bool {
        let asks = *self == Self::Asking;
        if asks {
            *self = Self::Waiting;
        }
        asks
    }

    pub(super) fn is_waiting(self) -> bool {
        self == Self::Waiting
    }

    /// It is in progress until the timer fires.
    pub(super) fn begin(&mut self, timer: TimerId) {
        *self = Self::InProgress(timer);
    }

    pub(super) fn is_in_progress(self) -> bool {
        matches!(self, Self::InProgress(_))
    }

    /// The timer has fired.
    pub(super) fn end(&mut self) {
        *self = Self::Done;
    }

    pub(super) fn cancel(&mut self, timers: &mut Timers) {
        if let Self::InProgress(timer) = *self {
            timers.cancel(timer);
        }
        *self = Self::None;
    }
}
