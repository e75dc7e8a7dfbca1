//! Notes on requests that were interrupted by a close of their connection.

use super::figures::{Figures, percent};
use crate::record::GroupResult;

/// A note is made if the server closed the connection right after more than this share of a group's answers.
const NOTABLE_CLOSES: f64 = 0.05;

impl Figures<'_> {
    /// If the server closes connections without announcing it, requests cross the close.
    pub(super) fn closing(&self) -> Option<String> {
        let closes = |group: &&GroupResult| {
            group.ledger.closed_after_answer as f64 > group.requests.answered as f64 * NOTABLE_CLOSES
        };
        let Some(group) = self.repeat.groups.iter().find(closes) else { return self.crossings() };
        Some(format!(
            "the server closed {} connections of `{}` right after an answer without announcing it (`Connection: \
             close`): {} requests crossed the close and were sent again on another connection. If the server closes \
             after each answer, use --requests-per-connection 1 (requests_per_connection = 1 in a profile)",
            group.ledger.closed_after_answer, group.name, group.requests.retried
        ))
    }

    /// Each of these requests was not answered by the server, if only because it had closed the connection before the
    /// request arrived.
    fn crossings(&self) -> Option<String> {
        let group = self.repeat.groups.iter().find(|group| group.requests.retried > 0)?;
        Some(format!(
            "{} requests of `{}` were interrupted by a close and sent again on another connection ({} of the answered \
             ones): this is normal if the server closes idle connections, and otherwise a fault of the server",
            group.requests.retried,
            group.name,
            percent(group.requests.retried as f64 / group.requests.answered.max(1) as f64)
        ))
    }
}
