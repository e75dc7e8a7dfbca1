//! Which requests are in progress, and which connections wait until one of them ends.

use std::collections::{HashSet, VecDeque};

use crate::{
    reactor::Token,
    server::{counters::Counters, policy::Policy},
};

/// So many closed connections may stand in a queue of any length.
const MOST_CLOSED: usize = 64;

/// The connections whose next request waits, in the order in which these requests were whole, and how many requests are in
/// progress. A connection is in it once at most: behind a request that ends, those of all other connections come first.
pub(super) struct AdmissionQueue {
    waiting: VecDeque<Token>,
    /// Those in the queue that were closed: never more than half of it, and [`MOST_CLOSED`].
    closed: HashSet<Token>,
    in_progress: usize,
    limit: usize,
}

impl AdmissionQueue {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            waiting: VecDeque::new(),
            closed: HashSet::new(),
            in_progress: 0,
            limit: policy.concurrency_limit,
        }
    }

    /// A connection's next request waits from now on.
    pub(super) fn push(&mut self, token: Token, counters: &Counters) {
        self.waiting.push_back(token);
        counters.requests_waiting.shift(0, 1);
    }

    /// The next connection, if one more request may be in progress.
    pub(super) fn next(&mut self) -> Option<Token> {
        if self.in_progress >= self.limit {
            return None;
        }
        loop {
            let next = self.waiting.pop_front()?;
            if !self.closed.remove(&next) {
                return Some(next);
            }
        }
    }

    /// The request of the connection that was next is in progress.
    pub(super) fn begin(&mut self, counters: &Counters) {
        self.in_progress += 1;
        counters.requests_waiting.shift(1, 0);
        counters.requests_in_progress.shift(0, 1);
    }

    /// A request is no longer in progress: it was processed, or its connection was closed.
    pub(super) fn end(&mut self, counters: &Counters) {
        self.in_progress -= 1;
        counters.requests_in_progress.shift(1, 0);
    }

    /// A connection that waited was closed. Searching for it each time would cost as much as all that wait.
    pub(super) fn leave(&mut self, token: Token, counters: &Counters) {
        counters.requests_waiting.shift(1, 0);
        self.closed.insert(token);
        if self.closed.len() > MOST_CLOSED + self.waiting.len() / 2 {
            self.waiting.retain(|waiting| !self.closed.contains(waiting));
            self.closed.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ServerOptions;

    #[test]
    fn closed_connections_are_passed_over_and_do_not_accumulate() {
        let policy =
            Policy::new(&ServerOptions { concurrency_limit: "1".parse().unwrap(), ..Default::default() });
        let (mut queue, counters) = (AdmissionQueue::new(&policy), Counters::default());
        let mut longest = 0;
        for n in 0..100_000 {
            queue.push(Token::special(n), &counters);
            if n % 1000 > 0 {
                queue.leave(Token::special(n), &counters);
            }
            longest = longest.max(queue.waiting.len());
        }
        assert!(longest < 500, "{longest}");
        let rest: Vec<Token> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(rest, (0..100).map(|n| Token::special(n * 1000)).collect::<Vec<_>>());
        assert!(queue.closed.is_empty());
    }
}
