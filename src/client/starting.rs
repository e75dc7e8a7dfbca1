//! How a connection starts requests: those that become due, and those that have waited for one with room.

use super::{connection::Connection, group::Group, pending::Pending, request::Request};

impl Connection {
    /// A request becomes due now, and is started.
    pub(super) fn start(&mut self, now_ns: u64, group: &mut Group) {
        start(&mut self.pending, group, Request::due(now_ns));
        group.due(now_ns);
    }

    /// Starts a closed loop: what waits to be sent again comes first.
    pub(super) fn start_loop(&mut self, now_ns: u64, group: &mut Group) {
        let depth = u64::from(group.spec.load.depth.unwrap_or(0));
        for _ in 0..depth.min(group.requests_per_connection()) {
            match group.queue.pop() {
                Some(arrival) => start(&mut self.pending, group, Request::waiting(arrival)),
                None => self.start(now_ns, group),
            }
        }
    }

    /// Starts requests that wait for a connection, as many as it has room for; what room is left, the group is told of.
    pub(super) fn take_waiting(&mut self, group: &mut Group) {
        while self.has_room(group) {
            let Some(arrival) = group.queue.pop() else {
                return self.offer(group);
            };
            start(&mut self.pending, group, Request::waiting(arrival));
        }
    }

    /// Starts the request that has waited longest, if there is room: several connections take turns.
    pub(super) fn take_one(&mut self, group: &mut Group) {
        if self.has_room(group)
            && let Some(arrival) = group.queue.pop()
        {
            start(&mut self.pending, group, Request::waiting(arrival));
        }
        self.offer(group);
    }

    /// Tells the group that there is room for another request.
    pub(super) fn offer(&mut self, group: &mut Group) {
        if !self.is_offered && self.has_room(group) {
            self.is_offered = true;
            group.queue.offer(self.token);
        }
    }

    /// Whether another request of an open loop may be started on it.
    fn has_room(&self, group: &Group) -> bool {
        self.pending.open() < group.queue.most_under_way
            && self.pending.started() < self.most_requests(group)
            && !self.tx.is_shut()
            && self.last.is_none()
            && self.broken.is_none()
    }
}

pub(super) fn start(pending: &mut Pending, group: &mut Group, request: Request) {
    pending.start(request);
    group.requests.started += 1;
}
