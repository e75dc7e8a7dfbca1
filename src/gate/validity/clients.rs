//! Whether the load generator, and not the server, was the limit.

use super::figures::number;
use crate::{
    metric::{Fold, Metric},
    record::Repeat,
};

/// The same where the load generator is never idle: it then reads answers as late as it starts requests, and nothing
/// else shows that.
pub const WORST_BUSY_PACING_ERROR_NS: f64 = 10e6;

/// A load generator that is busy, or waits for its core, for this share of the time is what limits a closed loop: there
/// is no time left in which it waits for the server.
pub const SATURATED: f64 = 0.95;

/// Share of the time that the load generator waits for its core from which on no single wait is judged.
pub const MOST_RUN_DELAY: f64 = 0.5;

/// Whether the clients' thread had no time left to wait for the server: a closed loop was as fast as the clients were.
#[must_use]
pub fn clients_were_the_limit(repeat: &Repeat) -> bool {
    strain(repeat) >= SATURATED
}

/// Whether the clients' thread had no idle time, and open loops were late for it.
#[must_use]
pub fn clients_were_late(repeat: &Repeat) -> bool {
    let late_ns = number(repeat, Metric::PacingErrorP99, Fold::Final).unwrap_or(0.0);
    clients_were_the_limit(repeat) && late_ns > WORST_BUSY_PACING_ERROR_NS
}

/// Whether the clients' thread waited for its core for most of the time: then it read answers at any time but theirs.
#[must_use]
pub fn clients_were_starved(repeat: &Repeat) -> bool {
    number(repeat, Metric::HarnessRunDelay, Fold::Final).is_some_and(|share| share >= MOST_RUN_DELAY)
}

/// Share of the window that the load generator was busy; 0 where it was not measured.
pub(super) fn strain(repeat: &Repeat) -> f64 {
    number(repeat, Metric::HarnessBusy, Fold::Final).unwrap_or(0.0)
}
