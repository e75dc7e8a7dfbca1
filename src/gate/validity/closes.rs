//! Notes on requests that were interrupted by a close of their connection.

use super::figures::{Figures, percent};
use crate::record::GroupResult;

/// Share of a group's answers after which the server closed the connection at once, from which on it is worth a note.
const NOTABLE_CLOSES: f64 = 0.05;

impl Figures<'_> {
    /// A server that ends connections without a word makes requests cross its close.
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

    /// Each of them is a request that the server did not answer, if only because it had closed before it came.
    fn crossings(&self) -> Option<String> {
        let group = self.repeat.groups.iter().find(|group| group.requests.retried > 0)?;
        Some(format!(
            "{} requests of `{}` were interrupted by a close and sent again on another connection ({}): this is \
             normal if the server closes idle connections, and a fault otherwise",
            group.requests.retried,
            group.name,
            percent(group.requests.retried as f64 / group.requests.answered.max(1) as f64)
        ))
    }
}
