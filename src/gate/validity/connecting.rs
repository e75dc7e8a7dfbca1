//! How connections came about: those that the load generator opened late, and attempts that the server's kernel dropped.

use super::{WORST_PACING_ERROR_NS, figures::Figures};
use crate::{
    metric::{Fold, Metric},
    profile::Group,
    record::GroupResult,
    units::human_time,
};

/// The client's kernel repeats a dropped attempt to connect after so many nanoseconds, its first timeout (RFC 6298).
const RETRY_NS: u64 = 1_000_000_000;
/// A pause that is so much too long is late, in nanoseconds.
const LATE_PAUSE_NS: f64 = 10e6;

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

    /// Whether a group has connections opened at a pace of its own.
    fn is_pace_asked_for(&self) -> bool {
        let is_bounded = |group: &Group| group.reconnect.is_some_and(|again| again.is_bounded());
        self.profile.clients.iter().any(|group| group.connect_rate.is_some() || is_bounded(group))
    }

    /// A storm that comes later than it should is another storm.
    pub(super) fn connect_pace(&self) -> Option<String> {
        let late_ns = self.of(Metric::ConnectDelayP99, Fold::Final)?;
        (late_ns > WORST_PACING_ERROR_NS && self.is_pace_asked_for()).then(|| {
            format!(
                "the load generator opened connections {} late (99th percentile), so they did not come at the pace that                  was asked for; lower `connect_rate` or `at_most`, or use more threads or processes (`--threads`, \
                 `--shards`)",
                human_time(late_ns)
            )
        })
    }

    /// Connections that the load generator opened late, though the server had room for them.
    pub(super) fn connected_late(&self) -> Option<String> {
        let late = self.of(Metric::ConnectedLate, Fold::Final).filter(|late| *late > 0.0)?;
        let delay_ns =
            self.of(Metric::ConnectDelayP99, Fold::Final).filter(|_| self.connect_pace().is_none())?;
        Some(format!(
            "{late} connections were opened more than 10 ms later than they were due, although the server had room for              them (connect delay p99 {}): the load generator was busy, or waited for its core",
            human_time(delay_ns)
        ))
    }

    /// Slow clients are as slow as they should be only where their pauses end in time. A few late ones are made up for.
    pub(super) fn pauses_late(&self) -> Option<String> {
        let late = self.of(Metric::PausesLate, Fold::Final)?;
        let delay_ns = self.of(Metric::PauseDelayP99, Fold::Final).filter(|ns| *ns > LATE_PAUSE_NS)?;
        Some(format!(
            "{late} pauses of slow clients lasted more than 10 ms too long (pause delay p99 {}): the load generator was              busy, or waited for its core; the pauses that follow are shorter by as much",
            human_time(delay_ns)
        ))
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

#[cfg(test)]
mod tests {
    use super::super::tests::{remarks, remarks_of};

    /// Of a group that connects at a rate of its own.
    fn of_storm(numbers: &[(&str, f64)]) -> String {
        remarks_of("connect_rate = '10/s'\nload = { depth = 1, payload = 9 }", numbers)
    }

    #[test]
    fn connections_that_come_later_than_asked_for_make_a_repeat_invalid() {
        let late = [("connect_delay_p99", 51e6), ("connected_late", 40.0)];
        let said = remarks("depth = 1", &late);
        assert!(said.starts_with("note: 40 connections were opened more than 10 ms later"), "{said}");
        let said = of_storm(&late);
        assert!(said.starts_with("invalid: the load generator opened connections 51 ms late"), "{said}");
        assert!(!said.contains("note"), "it is said once: {said}");
        let few = [("connect_delay_p99", 9e6), ("connected_late", 1.0)];
        assert!(of_storm(&few).starts_with("note: 1 connections"));
        assert_eq!(remarks("depth = 1", &[("connect_delay_p99", 9e6), ("connected_late", 0.0)]), "");
    }

    #[test]
    fn pauses_that_last_too_long_get_a_note() {
        let said = remarks("depth = 1", &[("pause_delay_p99", 11e6), ("pauses_late", 12.0)]);
        assert!(
            said.starts_with("note: 12 pauses of slow clients lasted more than 10 ms too long"),
            "{said}"
        );
        assert_eq!(remarks("depth = 1", &[("pause_delay_p99", 9e6), ("pauses_late", 1.0)]), "", "a few");
    }
}
