//! The list of a server's evictions, kept for those who ask for it later.

use std::{
    collections::VecDeque,
    fmt::Write,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::close_reason::EvictionReason;
use crate::address::Endpoint;

/// Events kept for those who ask later; older ones are dropped, their numbers stay taken.
const KEPT_EVENTS: usize = 1 << 17;
/// So many of them are copied at a time: the loop waits for no more than that.
const COPIED_EVENTS: usize = 1 << 12;

/// One eviction. Instants are nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eviction {
    pub(super) at_ns: u64,
    pub(super) reason: EvictionReason,
    /// The end by which the client is known.
    pub(super) peer: Endpoint,
    /// For a timeout: what it counted from (for the send timeout: when the peer last acknowledged something, or the
    /// data began to wait if that was later); and when it was over.
    pub(super) timer: Option<(u64, u64)>,
    /// Bytes that waited in the send buffer.
    pub(super) send_buffered: usize,
    /// Bytes that the kernel had taken and the peer had not acknowledged (`SIOCOUTQ`).
    pub(super) kernel_queued: usize,
}

/// The evictions of one server, in order, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    first: u64,
    events: VecDeque<Eviction>,
}

impl Journal {
    pub(super) fn record(&self, eviction: Eviction) {
        let mut kept = self.kept();
        if kept.events.len() == KEPT_EVENTS {
            kept.events.pop_front();
            kept.first += 1;
        }
        kept.events.push_back(eviction);
    }

    /// Event number `from` and all later ones, one a line, under a line of names.
    pub(super) fn csv(&self, from: u64) -> String {
        let mut out =
            "index,at_ns,reason,peer_port,progress_ns,deadline_ns,send_buffered,kernel_queued,peer_address,socket\n"
                .to_owned();
        let mut next = from;
        loop {
            // A copy, so that the loop never waits while text is made of it.
            let (first, events) = self.since(next);
            if events.is_empty() {
                return out;
            }
            next = first + events.len() as u64;
            Self::write(first, events, &mut out);
        }
    }

    fn write(first: u64, events: Vec<Eviction>, out: &mut String) {
        for (index, event) in (first..).zip(events) {
            let Eviction { at_ns, reason, peer, timer, send_buffered, kernel_queued } = event;
            let reason = reason.name();
            let timer = timer.map_or(",".to_owned(), |(progress, deadline)| format!("{progress},{deadline}"));
            // Writing to a String cannot fail.
            let (port, end) = match peer {
                Endpoint::Inet { ip, port } => (port, format!("{ip},")),
                Endpoint::Unix { socket } => (0, format!(",{socket}")),
            };
            let _ = writeln!(
                out,
                "{index},{at_ns},{reason},{port},{timer},{send_buffered},{kernel_queued},{end}"
            );
        }
    }

    /// The number of the first event from that one on which is still there, and some of those that follow.
    fn since(&self, from: u64) -> (u64, Vec<Eviction>) {
        let kept = self.kept();
        let first = from.max(kept.first);
        let skipped = usize::try_from(first - kept.first).unwrap_or(usize::MAX).min(kept.events.len());
        let end = kept.events.len().min(skipped + COPIED_EVENTS);
        (first, kept.events.range(skipped..end).copied().collect())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const EVENT: Eviction = Eviction {
        at_ns: 2_000,
        reason: EvictionReason::SendTimeout,
        peer: Endpoint::Inet { ip: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), port: 40_000 },
        timer: Some((900, 1_900)),
        send_buffered: 65,
        kernel_queued: 7,
    };

    #[test]
    fn events_are_listed_from_the_requested_number() {
        let journal = Journal::default();
        journal.record(EVENT);
        journal.record(Eviction { reason: EvictionReason::Protocol, timer: None, ..EVENT });
        let header = "index,at_ns,reason,peer_port,progress_ns,deadline_ns,send_buffered,kernel_queued,peer_address,socket\n";
        let first = "0,2000,send_timeout,40000,900,1900,65,7,127.0.0.2,\n";
        let second = "1,2000,protocol,40000,,,65,7,127.0.0.2,\n";
        assert_eq!(journal.csv(0), [header, first, second].concat());
        assert_eq!(journal.csv(1), [header, second].concat());
        assert_eq!(journal.csv(9), header);
        journal.record(Eviction { peer: Endpoint::Unix { socket: 8 }, ..EVENT });
        assert_eq!(journal.csv(2), [header, "2,2000,send_timeout,0,900,1900,65,7,,8\n"].concat());
    }

    #[test]
    fn old_events_are_dropped_and_numbers_kept() {
        let journal = Journal::default();
        for _ in 0..KEPT_EVENTS + 5 {
            journal.record(EVENT);
        }
        assert_eq!(journal.csv(0).lines().nth(1).and_then(|line| line.split_once(',')).unwrap().0, "5");
        assert_eq!(journal.csv(KEPT_EVENTS as u64 + 4).lines().count(), 2);
    }
}
