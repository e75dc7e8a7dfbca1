//! The requests of an open loop that are due and wait for a connection, and the connections that have room for one.

use std::collections::VecDeque;

use crate::{client::request::Arrival, reactor::Token};

/// Requests that may wait for a connection; those beyond it are skipped at once. Each takes 16 bytes.
const MOST_WAITING: usize = 1 << 24;

/// What waits, and for whom.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Arrival>,
    /// Connections with room, the one whose turn is next in front. Some may have ended.
    free: VecDeque<Token>,
}

impl Queue {
    /// Puts a request behind those that wait; `false` if too many do.
    pub(super) fn push(&mut self, arrival: Arrival) -> bool {
        let has_room = self.waiting.len() < MOST_WAITING;
        if has_room {
            self.waiting.push_back(arrival);
        }
        has_room
    }

    /// Puts a request in front of those that wait: it has waited before.
    pub(super) fn push_front(&mut self, arrival: Arrival) {
        self.waiting.push_front(arrival);
    }

    /// The request that has waited longest.
    pub(super) fn pop(&mut self) -> Option<Arrival> {
        self.waiting.pop_front()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the request that waits longest was due.
    pub(super) fn oldest_due_ns(&self) -> Option<u64> {
        self.waiting.front().map(|arrival| arrival.due_ns)
    }

    /// A connection has room for another request; it is offered once until it is taken.
    pub(super) fn offer(&mut self, token: Token) {
        self.free.push_back(token);
    }

    /// The connection whose turn it is; it may have ended in the meantime.
    pub(super) fn take_free(&mut self) -> Option<Token> {
        self.free.pop_front()
    }

    /// Whether a connection may have room.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn due(due_ns: u64) -> Arrival {
        Arrival { due_ns, delay_us: 0, is_retry: false }
    }

    #[test]
    fn requests_leave_in_order_of_due_time() {
        let mut queue = Queue::default();
        assert!(queue.push(due(10)) && queue.push(due(20)));
        queue.push_front(due(5));
        assert_eq!(queue.oldest_due_ns(), Some(5));
        let order: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|arrival| arrival.due_ns).collect();
        assert_eq!((order, queue.is_empty()), (vec![5, 10, 20], true));
    }

    #[test]
    fn connections_take_turns() {
        let mut queue = Queue::default();
        assert!(!queue.has_free());
        queue.offer(Token::special(0));
        queue.offer(Token::special(1));
        assert_eq!(
            (queue.take_free(), queue.take_free()),
            (Some(Token::special(0)), Some(Token::special(1)))
        );
        assert_eq!(queue.take_free(), None);
    }
}
