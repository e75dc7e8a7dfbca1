//! Which requests are in progress, and which connections wait until one of them ends.

use std::collections::VecDeque;

use crate::{
    reactor::Token,
    server::{counters::Counters, policy::Policy},
};

/// The connections whose next request waits, in the order in which these requests were whole, and how many requests are in
/// progress. A connection is in it once at most: behind a request that ends, those of all other connections come first.
pub(super) struct AdmissionQueue {
    waiting: VecDeque<Token>,
    in_progress: usize,
    limit: usize,
}

impl AdmissionQueue {
    pub(super) fn new(policy: &Policy) -> Self {
        Self { waiting: VecDeque::new(), in_progress: 0, limit: policy.concurrency_limit }
    }

    /// A connection's next request waits from now on.
    pub(super) fn push(&mut self, token: Token, counters: &Counters) {
        self.waiting.push_back(token);
        counters.requests_waiting.shift(0, 1);
    }

    /// The next connection, if one more request may be in progress. It may have been closed meanwhile.
    pub(super) fn next(&mut self) -> Option<Token> {
        if self.in_progress < self.limit { self.waiting.pop_front() } else { None }
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

    /// A connection that waited was closed. It is [passed over](Self::next) when it would be next.
    pub(super) fn leave(&self, counters: &Counters) {
        counters.requests_waiting.shift(1, 0);
    }
}
