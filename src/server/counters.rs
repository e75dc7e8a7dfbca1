//! What the server has done so far, in numbers: one declaration each, written by one thread, read by any. If several
//! threads serve, each has its own, and the sums are reported.

use std::{
    fmt::Write,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::close_reason::{CloseKind, EvictionReason};

/// A number with one writer: a load and a store, so no lock prefix on the hot path.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(super) fn add(&self, more: u64) {
        self.0.store(self.value().wrapping_add(more), Relaxed);
    }

    /// One part of a gauge changed: the sum follows without being summed up again.
    pub(super) fn shift(&self, from: usize, to: usize) {
        self.add((to as u64).wrapping_sub(from as u64));
    }
}

/// What distinguishes the numbers of one family.
pub(super) trait Label: Copy + 'static {
    /// How Prometheus names the difference.
    const KEY: &'static str;
    /// All values; a value's place is its number.
    const ALL: &'static [(Self, &'static str)];
    fn index(self) -> usize;
}

impl Label for EvictionReason {
    const KEY: &'static str = "reason";
    const ALL: &'static [(Self, &'static str)] = Self::ALL;
    fn index(self) -> usize {
        self as usize
    }
}

impl Label for CloseKind {
    const KEY: &'static str = "how";
    const ALL: &'static [(Self, &'static str)] = Self::ALL;
    fn index(self) -> usize {
        self as usize
    }
}

/// A counter for each value of a label.
#[derive(Debug)]
pub(super) struct Labelled<L> {
    counters: Box<[Counter]>,
    label: PhantomData<L>,
}

impl<L: Label> Labelled<L> {
    pub(super) fn of(&self, label: L) -> &Counter {
        &self.counters[label.index()]
    }
}

impl<L: Label> Default for Labelled<L> {
    fn default() -> Self {
        Self { counters: L::ALL.iter().map(|_| Counter::default()).collect(), label: PhantomData }
    }
}

/// Writes the samples of a family, summed over its threads, in the text format of Prometheus.
trait Samples: Sized {
    fn write<'a>(threads: impl Iterator<Item = &'a Self> + Clone, name: &str, out: &mut String)
    where
        Self: 'a;
}

/// What came in with one thread may go out with another: only the sum of a gauge is 0 or more.
fn sum<'a>(counters: impl Iterator<Item = &'a Counter>) -> u64 {
    counters.fold(0, |sum, counter| sum.wrapping_add(counter.value()))
}

impl Samples for Counter {
    fn write<'a>(threads: impl Iterator<Item = &'a Self> + Clone, name: &str, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name} {}", sum(threads));
    }
}

impl<L: Label> Samples for Labelled<L> {
    fn write<'a>(threads: impl Iterator<Item = &'a Self> + Clone, name: &str, out: &mut String) {
        for (label, text) in L::ALL {
            let value = sum(threads.clone().map(|labelled| labelled.of(*label)));
            let _ = writeln!(out, "{name}{{{}=\"{text}\"}} {value}", L::KEY);
        }
    }
}

macro_rules! counters {
    ($( $(#[doc = $help:literal])+ $field:ident: $of:ty, $kind:literal $name:literal; )+) => {
        /// All numbers of one of a server's threads.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $( $(#[doc = $help])+ pub(super) $field: $of, )+
        }

        impl Counters {
            /// The text exposition format of Prometheus, version 0.0.4.
            pub(super) fn prometheus(threads: &[Arc<Self>]) -> String {
                let mut out = String::with_capacity(4096);
                $(
                    let help = concat!($($help),+).trim_ascii();
                    let _ = writeln!(out, concat!("# HELP ", $name, " {}\n# TYPE ", $name, " ", $kind), help);
                    Samples::write(threads.iter().map(|counters| &counters.$field), $name, &mut out);
                )+
                out
            }
        }
    };
}

counters! {
    /// Connections held now
    connections: Counter, "gauge" "badpeer_connections";
    /// Bytes that wait in the send buffers
    send_buffered: Counter, "gauge" "badpeer_send_buffered";
    /// Bytes that wait in the receive buffers
    receive_buffered: Counter, "gauge" "badpeer_receive_buffered";
    /// Requests in progress
    requests_in_progress: Counter, "gauge" "badpeer_requests_in_progress";
    /// Connections whose next request is complete and waits until it may be in progress
    requests_waiting: Counter, "gauge" "badpeer_requests_waiting";
    /// Memory held by all connection buffers, in bytes
    footprint: Counter, "gauge" "badpeer_buffer_footprint";
    /// Messages understood and answered; for echo, reads that brought something
    messages: Counter, "counter" "badpeer_server_messages_total";
    /// Times the loop woke up: returns from waiting for events
    waits: Counter, "counter" "badpeer_server_waits_total";
    /// Receive system calls, and questions how much there is (FIONREAD)
    reads: Counter, "counter" "badpeer_server_reads_total";
    /// Send system calls
    writes: Counter, "counter" "badpeer_server_writes_total";
    /// System calls that changed what epoll watches
    controls: Counter, "counter" "badpeer_server_controls_total";
    /// Times EPOLLOUT was armed: a send was cut short or refused, or the policy asks for it
    write_armed: Counter, "counter" "badpeer_write_armed_total";
    /// Times a connection was reported writable (EPOLLOUT)
    write_events: Counter, "counter" "badpeer_write_events_total";
    /// Times a connection was reported writable while something waited to be sent to it
    write_wakeups: Counter, "counter" "badpeer_write_wakeups_total";
    /// Bytes that the kernel took at those times
    wakeup_bytes: Counter, "counter" "badpeer_wakeup_bytes_total";
    /// Sends of which the kernel took only a part, or nothing
    partial_sends: Counter, "counter" "badpeer_partial_sends_total";
    /// Bytes the peers acknowledged, as of the last look: while data wait, and when a connection ends
    acked: Counter, "counter" "badpeer_server_acked_total";
    /// Times a connection's requests were no longer read because too many of them, or of their answers, waited
    reads_paused: Counter, "counter" "badpeer_reads_paused_total";
    /// Times memory was asked for by connection buffers
    allocations: Counter, "counter" "badpeer_buffer_allocations_total";
    /// Bytes put into connection buffers
    appended: Counter, "counter" "badpeer_buffer_appended_total";
    /// Bytes moved inside connection buffers, by shifting and growing
    moved: Counter, "counter" "badpeer_buffer_moved_total";
    /// Requests that were none: a wrong checksum, a wrong length, no HTTP
    rejected: Counter, "counter" "badpeer_server_rejected_total";
    /// Connections accepted
    accepted: Counter, "counter" "badpeer_accepted_total";
    /// Connections closed at once because no descriptor was left or max_connections was reached
    accept_refused: Counter, "counter" "badpeer_accept_refused_total";
    /// Connections evicted because they broke a limit
    evictions: Labelled<EvictionReason>, "counter" "badpeer_evictions_total";
    /// Connections that ended without an eviction
    ended: Labelled<CloseKind>, "counter" "badpeer_ended_total";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_the_sum_of_its_parts() {
        let gauge = Counter::default();
        gauge.shift(0, 100);
        gauge.shift(0, 11);
        gauge.shift(100, 30);
        assert_eq!(gauge.value(), 41);
        gauge.shift(30, 0);
        gauge.shift(11, 0);
        assert_eq!(gauge.value(), 0);
    }

    #[test]
    fn every_family_has_help_a_type_and_samples() {
        let threads = [Arc::<Counters>::default(), Arc::default()];
        threads[0].evictions.of(EvictionReason::SendLimit).add(1);
        threads[1].evictions.of(EvictionReason::SendLimit).add(2);
        threads[0].connections.shift(0, 9);
        threads[1].connections.shift(2, 0);
        let text = Counters::prometheus(&threads);
        assert!(text.starts_with(
            "# HELP badpeer_connections Connections held now\n# TYPE badpeer_connections gauge\nbadpeer_connections 7\n"
        ));
        assert!(text.contains("\nbadpeer_evictions_total{reason=\"send_limit\"} 3\n"));
        assert!(text.contains("\nbadpeer_ended_total{how=\"peer_closed\"} 0\n"));
        let helped = text.lines().filter(|line| line.starts_with("# HELP")).count();
        assert_eq!(helped, text.lines().filter(|line| line.starts_with("# TYPE")).count());
        assert_eq!(
            text.lines().filter(|line| !line.starts_with('#')).count(),
            helped + EvictionReason::ALL.len() + CloseKind::ALL.len() - 2
        );
    }
}
