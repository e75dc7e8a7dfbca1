//! When the bad peers of `badpeer bench` come and leave, and what they may cost.

use std::{fmt::Write, time::Duration};

use super::phases::{AFTER, BEFORE, WITH};
use crate::units::{Bytes, OrOff, Span};

/// When bad peers come and leave, and what they may cost the good clients and the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhasePlan {
    /// How long good clients are alone first, in the measured window.
    pub before: Span,
    /// How long the bad peers stay.
    pub with: Span,
    /// How long good clients are alone again.
    pub after: Span,
    /// The most that the 99th percentile of good clients may be with bad peers, as a multiple of that before them.
    pub max_p99_factor: OrOff<f64>,
    /// The longest time in which all good clients together may get no answer while the bad peers are there.
    pub max_silence: OrOff<Span>,
    /// The most that the server's memory, in user space and in the kernel, may grow for each bad peer.
    pub max_memory_per_peer: OrOff<Bytes>,
}

impl PhasePlan {
    /// The most that the 99th percentile may be, as a multiple of that before, by default.
    pub const USUAL_P99_FACTOR: f64 = 10.0;
    /// The longest silence, by default.
    pub const USUAL_SILENCE: Span = Span(Duration::from_secs(1));
    /// The most memory for each bad peer, by default.
    pub const USUAL_MEMORY_PER_PEER: Bytes = Bytes(1 << 20);

    /// A quarter of a time, a half, and a quarter, with the usual bounds.
    #[must_use]
    pub fn of(duration: Span) -> Self {
        let (quarter, half) = (Span(duration.0 / 4), Span(duration.0 / 2));
        Self {
            before: quarter,
            with: half,
            after: quarter,
            max_p99_factor: OrOff(Some(Self::USUAL_P99_FACTOR)),
            max_silence: OrOff(Some(Self::USUAL_SILENCE)),
            max_memory_per_peer: OrOff(Some(Self::USUAL_MEMORY_PER_PEER)),
        }
    }

    /// Length of the measured window.
    #[must_use]
    pub fn measure(&self) -> Span {
        Span(self.before.0 + self.with.0 + self.after.0)
    }

    /// When the bad peers come and when they leave, counted from the start of the warm-up.
    fn stay(&self, warmup: Span) -> (Span, Span) {
        let come = warmup.0 + self.before.0;
        (Span(come), Span(come + self.with.0))
    }

    /// Time between two samples, so that the shortest phase has some.
    pub(super) fn sample_every(&self) -> Span {
        let shortest = self.before.0.min(self.with.0).min(self.after.0);
        Span((shortest / 4).clamp(Duration::from_millis(10), Duration::from_millis(100)))
    }

    /// The keys of a group that comes and leaves.
    pub(super) fn group_keys(&self, warmup: Span) -> String {
        let (come, leave) = self.stay(warmup);
        format!("start = \"{come}\"\nstop = \"{leave}\"\n")
    }

    /// The section that names the phases.
    pub(super) fn phases(&self, warmup: Span) -> String {
        let (come, leave) = self.stay(warmup);
        format!("\n[phases]\n{BEFORE} = \"{warmup}\"\n{WITH} = \"{come}\"\n{AFTER} = \"{leave}\"\n")
    }

    /// The expectations of what the bad peers may cost.
    pub(super) fn expect(&self) -> String {
        let mut text = String::new();
        if let Some(factor) = self.max_p99_factor.0 {
            let _ = writeln!(
                text,
                "\"good.latency_p99 @ {WITH}\" = \"<= 10ms or <= {factor} * latency_p99 @ {BEFORE}\""
            );
        }
        if let Some(silence) = self.max_silence.0 {
            let _ = writeln!(text, "\"good.longest_silence @ {WITH}\" = \"<= {silence}\"");
        }
        if let Some(bytes) = self.max_memory_per_peer.0 {
            let _ = writeln!(text, "memory_per_peer = \"<= {bytes}\"");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Span {
        text.parse().expect("a time")
    }

    #[test]
    fn a_quarter_a_half_and_a_quarter_are_the_default() {
        let plan = PhasePlan::of(span("10s"));
        assert_eq!((plan.before, plan.with, plan.after), (span("2500ms"), span("5s"), span("2500ms")));
        assert_eq!(plan.measure(), span("10s"));
        assert_eq!(plan.group_keys(span("1s")), "start = \"3500ms\"\nstop = \"8500ms\"\n");
        assert_eq!(
            (plan.sample_every(), PhasePlan::of(span("300ms")).sample_every()),
            (span("100ms"), span("18750us"))
        );
    }

    #[test]
    fn a_bound_that_is_off_is_not_expected() {
        let plan = PhasePlan { max_silence: OrOff(None), ..PhasePlan::of(span("1s")) };
        assert_eq!(
            plan.expect(),
            "\"good.latency_p99 @ with\" = \"<= 10ms or <= 10 * latency_p99 @ before\"\nmemory_per_peer = \"<= 1MiB\"\n"
        );
        let off = PhasePlan { max_p99_factor: OrOff(None), max_memory_per_peer: OrOff(None), ..plan };
        assert_eq!(off.expect(), "");
    }
}
