//! Why a connection closed, and what is known of it then.

use std::io::{self, ErrorKind};

use crate::behavior::CloseMethod;

/// Why a connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// As the behavior says; `HalfClose`: the peer closed after us, with everything answered.
    ByUs(CloseMethod),
    /// As the peer's last answer said that it would.
    AsAnnounced,
    /// By the peer's FIN, while nothing was asked for: it was kept for long enough.
    Idle,
    ByFin,
    ByReset,
    Refused,
    TimedOut,
    /// Open when the clients stopped.
    Alive,
}

impl CloseReason {
    /// How a connection closed that gave this error.
    pub(super) fn of_error(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::ByReset,
        }
    }

    /// The same of one whose handshake was never completed.
    pub(super) fn of_failed_connect(error: &io::Error) -> Self {
        if is_refusal(error) { Self::Refused } else { Self::TimedOut }
    }

    /// Whether the peer ended it, and not in good order.
    pub(super) const fn is_by_peer(self) -> bool {
        matches!(self, Self::ByFin | Self::ByReset)
    }
}

/// Whether a connection could not be opened by the peer's doing, not by ours.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    // At a UNIX-domain socket whose server has ended there may be no file any more.
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::NotFound)
}

/// What is known of a connection when it ends.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    /// When it was opened, on the monotonic clock.
    pub(super) opened_ns: u64,
    /// The handshake was completed.
    pub(super) is_established: bool,
    /// Answers that it got since the window began.
    pub(super) answers: u32,
    /// The server closed it with nothing to be answered, right after an answer.
    pub(super) is_right_after_answer: bool,
    /// It has done all that it was to do: its lifetime was over, or the last of its requests was answered.
    pub(super) is_spent: bool,
    /// Which part of a transfer was its own.
    pub(super) part: u32,
}
