//! The requests under way on one connection.

use std::collections::VecDeque;

use crate::client::request::Request;

/// Requests by their sequence number, which starts at 0.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The sequence number of the first entry.
    first: u64,
    /// `None`: answered, but an earlier one is not.
    entries: VecDeque<Option<Request>>,
    open: usize,
}

impl Pending {
    /// A request is due.
    pub(super) fn start(&mut self, request: Request) {
        self.entries.push_back(Some(request));
        self.open += 1;
    }

    /// How many requests were ever started.
    pub(super) fn started(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// How many were answered.
    pub(super) fn answered_count(&self) -> u64 {
        self.started() - self.open as u64
    }

    /// Forgets the requests of which no byte was sent; returns when each was due.
    pub(super) fn take_back(&mut self, mut taken: impl FnMut(u64)) {
        while let Some(Some(Request { due_ns, sent_ns: 0, .. })) = self.entries.back() {
            taken(*due_ns);
            self.entries.pop_back();
            self.open -= 1;
        }
    }

    /// Takes all that are under way: they go on elsewhere.
    pub(super) fn take_all(&mut self) -> Vec<Request> {
        self.first += self.entries.len() as u64;
        self.open = 0;
        self.entries.drain(..).flatten().collect()
    }

    /// How many are under way.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Those that are under way, in the order in which they were started.
    pub(super) fn requests(&self) -> impl Iterator<Item = &Request> + Clone {
        self.entries.iter().flatten()
    }

    /// When the oldest that is under way was due.
    pub(super) fn oldest_due_ns(&self) -> Option<u64> {
        self.requests().map(|request| request.due_ns).next()
    }

    /// The first byte of this request was sent.
    pub(super) fn sent(&mut self, sequence: u64, now_ns: u64) {
        if let Some(Some(request)) = self.entry(sequence) {
            request.sent_ns = now_ns;
        }
    }

    /// Its answer came. `None` if it had been answered before, or never sent.
    pub(super) fn answered(&mut self, sequence: u64) -> Option<Request> {
        let request = self.entry(sequence)?.take_if(|request| request.sent_ns > 0)?;
        self.open -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        Some(request)
    }

    fn entry(&mut self, sequence: u64) -> Option<&mut Option<Request>> {
        let index = sequence.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_answered_once_in_any_order() {
        let mut pending = Pending::default();
        for due in [10, 20, 30] {
            pending.start(Request::due(due));
        }
        assert_eq!(pending.answered(1), None, "nobody has asked yet");
        for sequence in 0..3 {
            pending.sent(sequence, 25);
        }
        assert_eq!(pending.answered(1), Some(Request { sent_ns: 25, ..Request::due(20) }));
        assert_eq!((pending.answered(1), pending.open()), (None, 2));
        assert_eq!(pending.oldest_due_ns(), Some(10));
        assert!(pending.answered(0).is_some() && pending.answered(2).is_some());
        assert_eq!((pending.answered(0), pending.answered(3), pending.started()), (None, None, 3));
        assert_eq!((pending.open(), pending.oldest_due_ns()), (0, None));
    }

    #[test]
    fn unsent_requests_are_taken_back() {
        let mut pending = Pending::default();
        for due in [10, 20, 30] {
            pending.start(Request::due(due));
        }
        pending.sent(0, 15);
        let mut taken = Vec::new();
        pending.take_back(|due| taken.push(due));
        assert_eq!((taken, pending.started(), pending.open()), (vec![30, 20], 1, 1));
        assert!(pending.answered(0).is_some());
        assert_eq!((pending.answered_count(), pending.oldest_due_ns()), (1, None));
        pending.take_back(|_| panic!("nothing is left"));
    }
}
