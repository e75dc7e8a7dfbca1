//! Connection attempts that the server's kernel dropped.

use super::figures::Figures;
use crate::{
    metric::{Fold, Metric},
    profile::Group,
    record::GroupResult,
};

/// The client's kernel repeats a dropped attempt to connect after so many nanoseconds, its first timeout (RFC 6298).
const RETRY_NS: u64 = 1_000_000_000;

impl Figures<'_> {
    fn was_anybody_answered(&self) -> bool {
        self.repeat.groups.iter().any(|group| group.requests.answered > 0)
    }

    /// Whether no client got an answer and the server left connections waiting: then the server itself caused a load
    /// that started late.
    pub(super) fn took_nobody(&self) -> bool {
        let never_came =
            |group: &GroupResult| group.ledger.timed_out + group.ledger.refused + group.not_accepted > 0;
        let left_waiting = self.of(Metric::ListenerDrops, Fold::Whole).is_some_and(|drops| drops > 0.0)
            || self.repeat.groups.iter().any(never_came);
        left_waiting && !self.was_anybody_answered()
    }

    /// Whether dropped attempts to connect may be the reason why some clients got no answer. A request is started only
    /// on an open connection: if one waited for as long as a dropped attempt takes to be repeated, and was still
    /// unanswered when the clients stopped, dropped attempts are not the reason.
    pub(super) fn explains_silence(&self) -> bool {
        let hangs = |(group, result): (&Group, &GroupResult)| {
            let requests = &result.requests;
            group.is_steady() && requests.unanswered > 0 && requests.oldest_unanswered_ns >= RETRY_NS
        };
        self.was_anybody_answered() && !self.profile.clients.iter().zip(&self.repeat.groups).any(hangs)
    }

    /// The server's own sockets are judged: drops of other sockets on this machine do not matter. A profile that
    /// expects something of these drops is about them, and gets no remark.
    pub(super) fn listen_queue(&self) -> Option<String> {
        let drops = self.of(Metric::ListenerDrops, Fold::Whole).filter(|drops| *drops > 0.0)?;
        let name = Metric::ListenerDrops.spec().name;
        let asked = self.profile.expectations().iter().any(|e| e.stat.metric == Metric::ListenerDrops);
        (!asked).then(|| {
            let queued = self.of(Metric::AcceptQueue, Fold::Peak).unwrap_or(0.0);
            format!(
                "the kernel dropped {drops} connection attempts before the server saw them (up to {queued} \
                 connections waited to be accepted), and the clients retried them a second or more later. Remove \
                 `connect_rate` and `at_most`: without them badpeer connects no faster than the server accepts. Or \
                 raise the server's backlog (`server.backlog` of the reference server) and net.core.somaxconn, or add \
                 an expectation for `{name}` if this is what you test"
            )
        })
    }

    /// Connections that a server did not accept are no fault of the load generator; but a group that only connects shows
    /// nothing without them.
    pub(super) fn not_accepted(&self, of_idle_groups: bool) -> Option<String> {
        let mut groups = self.profile.clients.iter().zip(&self.repeat.groups);
        let (group, result) = groups
            .find(|(group, result)| result.not_accepted > 0 && group.tx.is_idle() == of_idle_groups)
            .filter(|_| !self.repeat.cut_short)?;
        let queued = self.of(Metric::AcceptQueue, Fold::Peak).unwrap_or(0.0);
        Some(format!(
            "{} of the {} connections of `{}` were not opened, because the server accepted none of those that waited (up \
             to {queued}): its accept queue was full. Make the server accept more, or use fewer clients; \
             `connect_rate = \"off\"` opens them nevertheless",
            result.not_accepted, result.ledger.opened, group.name
        ))
    }
}
