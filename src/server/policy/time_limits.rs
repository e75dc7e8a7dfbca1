//! When a connection's patience ends: the soonest of all its deadlines, and whose it is.

use super::ack_progress::AckProgress;
use crate::{
    profile::{Progress, ServerOptions, unix_path},
    server::close_reason::{Deadline, EvictionReason},
    units::{OrOff, Span},
};

/// How long a connection may take for what, in nanoseconds; `None` means without a limit.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct TimeLimits {
    send_timeout: Option<u64>,
    pub(in crate::server) progress: Progress,
    /// `None` without a soft limit.
    soft_time: Option<u64>,
    /// Bytes per second, and how long data may wait before it is asked for.
    min_rate: Option<(u64, u64)>,
    deadline: Option<u64>,
    message: Option<u64>,
    idle: Option<u64>,
    /// Progress is dated by when it is looked for.
    is_dated_by_looks: bool,
}

/// Where the kernel does not date progress, it is looked for so often in the time that the send timeout gives.
const LOOKS: u64 = 16;

/// What has been seen of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::server) struct Seen<'a> {
    /// Something was last received, or the last of what waited was sent.
    pub(in crate::server) active_ns: u64,
    /// The first byte of an incomplete message was seen.
    pub(in crate::server) message_ns: Option<u64>,
    /// Something waits to be sent, watched or not, or a whole request to be answered.
    pub(in crate::server) is_waited_for: bool,
    /// What is known of that, if there is a limit to its time.
    pub(in crate::server) waiting: Option<&'a Waiting>,
}

/// Data that wait to be sent. Progress is counted in bytes that the peer acknowledged: how often the kernel had room
/// for more says nothing below a third of its send buffer (`__sk_stream_is_writeable`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Waiting {
    since_ns: u64,
    acked_before: u64,
    acked: u64,
    /// The last progress, or the instant at which data began to wait.
    progress_ns: u64,
    /// More than the soft limit has been waiting from this instant on.
    above_ns: Option<u64>,
}

impl TimeLimits {
    pub(super) fn new(options: &ServerOptions) -> Self {
        let time = |span: OrOff<Span>| span.0.map(nanoseconds);
        Self {
            send_timeout: time(options.send_timeout),
            progress: options.progress,
            soft_time: options.soft_limit.0.map(|_| nanoseconds(options.soft_time)),
            min_rate: options.min_rate.0.map(|rate| (rate.0, nanoseconds(options.grace))),
            deadline: time(options.deadline),
            message: time(options.message_timeout),
            idle: time(options.idle_timeout),
            is_dated_by_looks: unix_path::of(&options.listen).is_some(),
        }
    }

    /// Are connections watched while data wait?
    pub(in crate::server) fn for_sending(&self) -> bool {
        [self.send_timeout, self.soft_time, self.deadline].iter().any(Option::is_some)
            || self.min_rate.is_some()
    }

    /// Must the kernel be asked what the peer acknowledged?
    pub(in crate::server) fn by_acknowledged(&self) -> bool {
        self.min_rate.is_some() || (self.send_timeout.is_some() && self.progress == Progress::Acknowledged)
    }

    /// How often progress must be looked for while data wait, in nanoseconds, as the kernel does not say when it was: over a
    /// UNIX-domain socket. So a timeout may count from up to this time too late, never too early.
    pub(in crate::server) fn look_every_ns(&self) -> Option<u64> {
        let is_looked_for = self.is_dated_by_looks && self.by_acknowledged();
        self.send_timeout.filter(|_| is_looked_for).map(|time_ns| time_ns / LOOKS)
    }

    pub(in crate::server) fn for_messages(&self) -> bool {
        self.message.is_some()
    }

    pub(in crate::server) fn for_idleness(&self) -> bool {
        self.idle.is_some()
    }

    /// The soonest deadline. A connection is idle only while nothing waits.
    pub(in crate::server) fn soonest(&self, seen: &Seen<'_>) -> Option<Deadline> {
        let from = |reason, since_ns: u64, time_ns| {
            let at_ns = since_ns.saturating_add(time_ns);
            Deadline { reason, since_ns, at_ns }
        };
        let waiting = seen.waiting;
        let idle = if seen.is_waited_for { None } else { self.idle };
        let deadlines = [
            self.message
                .zip(seen.message_ns)
                .map(|(time, since)| from(EvictionReason::MessageTimeout, since, time)),
            idle.map(|time| from(EvictionReason::IdleTimeout, seen.active_ns, time)),
            self.send_timeout
                .zip(waiting)
                .map(|(time, w)| from(EvictionReason::SendTimeout, w.progress_ns, time)),
            self.deadline.zip(waiting).map(|(time, w)| from(EvictionReason::Deadline, w.since_ns, time)),
            self.soft_time
                .zip(waiting.and_then(|w| w.above_ns))
                .map(|(time, since)| from(EvictionReason::SoftLimit, since, time)),
            self.min_rate.zip(waiting).map(|((rate, grace), w)| {
                from(EvictionReason::MinRate, w.since_ns, grace.max(w.paid_for_ns(rate)))
            }),
        ];
        deadlines.into_iter().flatten().min_by_key(|deadline| deadline.at_ns)
    }
}

impl Waiting {
    /// Data begin to wait.
    pub(in crate::server) fn begin(acked: u64, now_ns: u64) -> Self {
        Self { since_ns: now_ns, acked_before: acked, acked, progress_ns: now_ns, above_ns: None }
    }

    /// The kernel was asked.
    pub(in crate::server) fn look(&mut self, seen: &AckProgress, progress: Progress) {
        if seen.acked != self.acked {
            self.acked = seen.acked;
            if progress == Progress::Acknowledged {
                self.progress_ns = self.progress_ns.max(seen.progress_until_ns);
            }
        }
    }

    /// The kernel took something.
    pub(in crate::server) fn wrote(&mut self, now_ns: u64) {
        self.progress_ns = now_ns;
    }

    /// More than the soft limit waits, or no longer.
    pub(in crate::server) fn above(&mut self, above: bool, now_ns: impl FnOnce() -> u64) {
        self.above_ns = if above { self.above_ns.or_else(|| Some(now_ns())) } else { None };
    }

    /// For how long what was acknowledged is enough, at this rate.
    fn paid_for_ns(&self, rate: u64) -> u64 {
        let acked = u128::from(self.acked - self.acked_before);
        u64::try_from(acked * 1_000_000_000 / u128::from(rate.max(1))).unwrap_or(u64::MAX)
    }
}

/// The largest number of nanoseconds stands for all times that are longer.
pub(super) fn nanoseconds(span: Span) -> u64 {
    u64::try_from(span.0.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn limits(toml: &str) -> TimeLimits {
        TimeLimits::new(&toml::from_str(toml).expect("options"))
    }

    fn due(limits: &TimeLimits, waiting: &Waiting) -> Option<(EvictionReason, u64)> {
        let deadline =
            limits.soonest(&Seen { is_waited_for: true, waiting: Some(waiting), ..Seen::default() });
        deadline.map(|deadline| (deadline.reason, deadline.at_ns / MS))
    }

    fn ack_progress(acked: u64, progress_until_ms: u64) -> AckProgress {
        AckProgress { now_ns: 0, acked, progress_until_ns: progress_until_ms * MS }
    }

    #[test]
    fn the_send_timeout_counts_from_the_last_acknowledged_byte() {
        let limits = limits("send_timeout = '1s'");
        let mut waiting = Waiting::begin(500, 800 * MS);
        waiting.look(&ack_progress(500, 900), limits.progress);
        assert_eq!(due(&limits, &waiting), Some((EvictionReason::SendTimeout, 1_800)), "nothing new");
        waiting.look(&ack_progress(501, 700), limits.progress);
        assert_eq!(
            due(&limits, &waiting),
            Some((EvictionReason::SendTimeout, 1_800)),
            "not older than the waiting"
        );
        waiting.look(&ack_progress(502, 900), limits.progress);
        assert_eq!(due(&limits, &waiting), Some((EvictionReason::SendTimeout, 1_900)));
    }

    #[test]
    fn the_send_timeout_counts_from_the_last_write_event_when_set() {
        let limits = limits("send_timeout = '1s'\nprogress = 'write-event'");
        let mut waiting = Waiting::begin(0, 0);
        waiting.look(&ack_progress(9_999, 900), limits.progress);
        assert_eq!(
            due(&limits, &waiting),
            Some((EvictionReason::SendTimeout, 1_000)),
            "acknowledged, in vain"
        );
        waiting.wrote(300 * MS);
        assert_eq!(due(&limits, &waiting), Some((EvictionReason::SendTimeout, 1_300)));
        assert!(limits.for_sending() && !limits.by_acknowledged());
    }

    #[test]
    fn progress_over_a_unix_socket_is_looked_for_several_times() {
        let every = |toml: &str| limits(toml).look_every_ns().map(|ns| ns / MS);
        assert_eq!(every("listen = 'unix:/a'\nsend_timeout = '1600ms'"), Some(100));
        assert_eq!(every("listen = 'unix:'\nsend_timeout = '1600ms'\nprogress = 'write-event'"), None);
        assert_eq!(every("listen = 'unix:'\nsend_timeout = 'off'\nmin_rate = '1B/s'"), None);
        assert_eq!(every("send_timeout = '1600ms'"), None, "TCP dates it");
    }

    #[test]
    fn the_minimum_rate_is_an_average_after_a_grace() {
        let limits = limits("send_timeout = 'off'\nmin_rate = '1000B/s'\ngrace = '2s'");
        let mut waiting = Waiting::begin(100, 1_000 * MS);
        assert_eq!(due(&limits, &waiting), Some((EvictionReason::MinRate, 3_000)));
        waiting.look(&ack_progress(1_600, 0), limits.progress);
        assert_eq!(
            due(&limits, &waiting),
            Some((EvictionReason::MinRate, 3_000)),
            "1500 bytes in 2 s are too few"
        );
        waiting.look(&ack_progress(3_100, 0), limits.progress);
        assert_eq!(due(&limits, &waiting), Some((EvictionReason::MinRate, 4_000)), "3000 bytes last for 3 s");
        let deadline = Deadline { reason: EvictionReason::MinRate, since_ns: 0, at_ns: 1 };
        assert_eq!(deadline.look_at_ns(2_560 * MS), 2_570 * MS);
        assert_eq!(Deadline { reason: EvictionReason::Deadline, ..deadline }.look_at_ns(2_560 * MS), 1);
    }

    #[test]
    fn the_soft_limit_counts_from_its_last_excess() {
        let limits = limits("send_timeout = 'off'\nsoft_limit = '1MiB'\nsoft_time = '1s'");
        let mut waiting = Waiting::begin(0, 0);
        assert_eq!(due(&limits, &waiting), None);
        waiting.above(true, || 100 * MS);
        waiting.above(true, || 500 * MS);
        assert_eq!(due(&limits, &waiting), Some((EvictionReason::SoftLimit, 1_100)));
        waiting.above(false, || 600 * MS);
        assert_eq!(due(&limits, &waiting), None);
        waiting.above(true, || 700 * MS);
        assert_eq!(due(&limits, &waiting), Some((EvictionReason::SoftLimit, 1_700)));
    }

    #[test]
    fn the_soonest_deadline_gives_the_only_reason() {
        let limits =
            limits("send_timeout = '3s'\ndeadline = '2s'\nmessage_timeout = '1s'\nidle_timeout = '4s'");
        let mut waiting = Waiting::begin(0, 0);
        let reason = |seen: &Seen<'_>| limits.soonest(seen).map(|deadline| deadline.reason);
        let all = Seen { active_ns: 0, message_ns: Some(0), is_waited_for: true, waiting: Some(&waiting) };
        assert_eq!(reason(&all), Some(EvictionReason::MessageTimeout));
        assert_eq!(reason(&Seen { message_ns: None, ..all }), Some(EvictionReason::Deadline));
        assert_eq!(reason(&Seen::default()), Some(EvictionReason::IdleTimeout));
        waiting.wrote(500 * MS);
        assert_eq!(
            due(&limits, &waiting),
            Some((EvictionReason::Deadline, 2_000)),
            "progress does not move it"
        );
    }

    #[test]
    fn a_connection_with_unsent_data_is_not_idle() {
        let limits = limits("send_timeout = 'off'\nidle_timeout = '4s'");
        let of = |is_waited_for| limits.soonest(&Seen { is_waited_for, ..Seen::default() });
        assert_eq!(of(true), None);
        assert_eq!(of(false).map(|deadline| deadline.reason), Some(EvictionReason::IdleTimeout));
    }
}
