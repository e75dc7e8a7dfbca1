//! How many connections may be opened now, so that the server's kernel has room for all that the server has not accepted
//! yet: what it has no room for it drops, and the client's kernel repeats it a second later.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// Connections that wait for a server to accept them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueReading {
    /// How many wait.
    pub waiting: u64,
    /// How many may wait: the backlog that the server asked for, as far as the kernel has granted it.
    pub most: u64,
}

/// A look at a server's accept queue.
pub trait AcceptQueue: fmt::Debug + Send + Sync {
    /// What waits now, in the fullest queue where there are several; `None` where that cannot be seen.
    fn read(&self) -> Option<QueueReading>;
}

/// Where the queue cannot be seen, so many handshakes are under way at most: servers with a shorter queue are rare.
const MOST_IN_FLIGHT: u32 = 128;
/// The queue is looked at no more often than this, in nanoseconds.
pub(super) const LOOK_EVERY_NS: u64 = 1_000_000;
/// If there was no room for so long, connections whose turn came before that count as not accepted, in nanoseconds: an
/// attempt to connect takes no longer.
pub(super) const PATIENCE_NS: u64 = 5_000_000_000;

/// If there was no room for so long when the clients stop, the server accepts no connections, and is not only slow, in
/// nanoseconds.
pub(super) const FULL_FOR_NS: u64 = 500_000_000;

/// Shared by the threads that open connections. Times are nanoseconds on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct ConnectLimit {
    queue: Option<Arc<dyn AcceptQueue>>,
    /// Processes that connect to the server, each of which looks at the queue for itself; 0 counts as 1.
    processes: u32,
    /// Handshakes under way.
    in_flight: AtomicU32,
    /// Connections that may still be opened before the queue is looked at again.
    room: AtomicU32,
    /// When it was looked at last.
    looked_ns: AtomicU64,
    /// Since when there has been no room; 0: there is some.
    full_since_ns: AtomicU64,
}

impl ConnectLimit {
    /// That of a server with this accept queue, if it can be seen, to which so many processes connect.
    pub(super) fn new(queue: Option<Arc<dyn AcceptQueue>>, processes: u32) -> Self {
        Self { queue, processes, ..Self::default() }
    }

    /// Whether a connection may be opened now, which then is.
    pub(super) fn take(&self, now_ns: u64) -> bool {
        let spend = |room: u32| room.checked_sub(1);
        if self.room.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend).is_ok() {
            return true;
        }
        let in_flight = self.in_flight.load(Ordering::Acquire);
        let has_room = match self.look(in_flight, now_ns) {
            // Another thread looked just now, or this one did.
            Look::TooSoon => return false,
            Look::Unseen => in_flight < (MOST_IN_FLIGHT / self.processes.max(1)).max(1),
            Look::Room(room) => {
                self.room.store(room.saturating_sub(1), Ordering::Release);
                room > 0
            }
        };
        if has_room {
            self.note_room();
        } else {
            self.note_full(now_ns);
        }
        has_room
    }

    /// Room for half of what the queue can still hold, as others connect, too, and of that the part of this process; an empty queue has room for one. It can hold one
    /// more than it says (`sk_acceptq_is_full()` in the kernel), and handshakes under way come into it.
    fn look(&self, in_flight: u32, now_ns: u64) -> Look {
        let Some(queue) = &self.queue else { return Look::Unseen };
        let looked_ns = self.looked_ns.load(Ordering::Acquire);
        let is_due = looked_ns == 0 || now_ns >= looked_ns + LOOK_EVERY_NS;
        let claim = |()| {
            self.looked_ns.compare_exchange(looked_ns, now_ns.max(1), Ordering::AcqRel, Ordering::Acquire)
        };
        if !is_due || claim(()).is_err() {
            return Look::TooSoon;
        }
        let Some(QueueReading { waiting, most }) = queue.read() else { return Look::Unseen };
        let taken = waiting + u64::from(in_flight);
        let half = (most + 1).saturating_sub(taken) / 2 / u64::from(self.processes.max(1));
        Look::Room(u32::try_from(half.max(u64::from(taken == 0))).unwrap_or(u32::MAX))
    }

    /// The kernel has said that the queue has no room.
    pub(super) fn note_full(&self, now_ns: u64) {
        let _ = self.full_since_ns.compare_exchange(0, now_ns.max(1), Ordering::AcqRel, Ordering::Acquire);
    }

    /// A connection has found room.
    pub(super) fn note_room(&self) {
        if self.full_since_ns.load(Ordering::Acquire) > 0 {
            self.full_since_ns.store(0, Ordering::Release);
        }
    }

    /// A handshake has begun.
    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// A handshake is over, one way or the other.
    pub(super) fn settled(&self) {
        let less = |in_flight: u32| in_flight.checked_sub(1);
        let _ = self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    /// Since when there has been no room for another connection; `None` if there is some.
    pub(super) fn full_since_ns(&self) -> Option<u64> {
        Some(self.full_since_ns.load(Ordering::Acquire)).filter(|since_ns| *since_ns > 0)
    }
}

/// What was seen of the accept queue.
enum Look {
    /// It was looked at a moment ago.
    TooSoon,
    /// It cannot be seen.
    Unseen,
    /// So many connections may be opened.
    Room(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue in which so many of so many places are taken.
    #[derive(Debug)]
    struct Queue(AtomicU64, u64);

    impl AcceptQueue for Queue {
        fn read(&self) -> Option<QueueReading> {
            Some(QueueReading { waiting: self.0.load(Ordering::Relaxed), most: self.1 })
        }
    }

    /// How many connections are opened at this time, each of which comes into the queue.
    fn open(limit: &ConnectLimit, queue: &Queue, now_ns: u64) -> u64 {
        let opened = (0..10_000).take_while(|_| limit.take(now_ns)).count() as u64;
        queue.0.fetch_add(opened, Ordering::Relaxed);
        opened
    }

    #[test]
    fn half_of_the_free_places_are_used_between_two_looks() {
        let queue = Arc::new(Queue(AtomicU64::new(0), 127));
        let limit = ConnectLimit::new(Some(Arc::clone(&queue) as Arc<dyn AcceptQueue>), 1);
        let opened: Vec<u64> = (1..=9).map(|ms| open(&limit, &queue, ms * LOOK_EVERY_NS)).collect();
        assert_eq!(opened, [64, 32, 16, 8, 4, 2, 1, 0, 0], "one of 128 places is left to others");
        assert_eq!(limit.full_since_ns(), Some(8 * LOOK_EVERY_NS));
        queue.0.store(100, Ordering::Relaxed);
        assert_eq!(open(&limit, &queue, 10 * LOOK_EVERY_NS - 1), 0, "it is not looked at sooner");
        assert_eq!(open(&limit, &queue, 10 * LOOK_EVERY_NS), 14);
        assert_eq!(limit.full_since_ns(), None);
    }

    #[test]
    fn handshakes_under_way_take_places() {
        let queue = Arc::new(Queue(AtomicU64::new(2), 9));
        let limit = ConnectLimit::new(Some(Arc::clone(&queue) as Arc<dyn AcceptQueue>), 1);
        (0..6).for_each(|_| limit.began());
        assert_eq!(open(&limit, &queue, 1), 1);
        limit.settled();
        assert_eq!(open(&limit, &queue, 1 + LOOK_EVERY_NS), 1);
    }

    #[test]
    fn a_queue_without_places_takes_one_connection() {
        let queue = Arc::new(Queue(AtomicU64::new(0), 0));
        let limit = ConnectLimit::new(Some(Arc::clone(&queue) as Arc<dyn AcceptQueue>), 1);
        assert_eq!([1, 2, 3].map(|ms| open(&limit, &queue, ms * LOOK_EVERY_NS)), [1, 0, 0]);
    }

    #[test]
    fn handshakes_are_bounded_where_the_queue_is_not_seen() {
        let limit = ConnectLimit::new(None, 1);
        let mut opened = 0;
        while limit.take(7) {
            limit.began();
            opened += 1;
        }
        assert_eq!((opened, limit.full_since_ns()), (MOST_IN_FLIGHT, Some(7)));
        limit.settled();
        assert!(limit.take(8) && limit.full_since_ns().is_none());
    }
}
