//! A client's connection as the server's own sockets showed it, and when the server ended it.

use std::collections::HashMap;

use crate::{
    address::Endpoint,
    client::Port,
    probe::{Between, ConnectionTracker, TrackedConnection},
};

/// What was seen of all connections on the server's side.
pub(super) struct Outside<'a> {
    pub(super) tracker: &'a ConnectionTracker,
    /// In the order in which they were made.
    by_end: HashMap<Endpoint, Vec<TrackedConnection>>,
    /// The clients' ends by the numbers of the server's UNIX-domain sockets.
    clients: HashMap<u32, Endpoint>,
}

impl<'a> Outside<'a> {
    pub(super) fn new(tracker: &'a ConnectionTracker) -> Self {
        let mut by_end: HashMap<Endpoint, Vec<TrackedConnection>> = HashMap::new();
        let mut clients = HashMap::new();
        for connection in tracker.all() {
            by_end.entry(connection.peer).or_default().push(connection);
            clients.extend(connection.server_socket.map(|socket| (socket.get(), connection.peer)));
        }
        Self { tracker, by_end, clients }
    }

    /// The client at the other end of the server's UNIX-domain socket of this number; `None` if no look saw it.
    pub(super) fn client_of(&self, server_socket: u32) -> Option<Endpoint> {
        self.clients.get(&server_socket).copied()
    }

    /// A client's connection on the server's side; `None` if no look saw it.
    pub(super) fn of(&self, port: &Port) -> Option<TrackedConnection> {
        let of_end = self.by_end.get(&port.end)?;
        // One after the other had this end, so that none of those before the first that can be meant is.
        let first = of_end.partition_point(|seen| seen.first.latest_ns < port.opened_ns);
        let begins_before = |ended_ns| move |seen: &&TrackedConnection| seen.first.earliest_ns <= ended_ns;
        let seen = *of_end.get(first).filter(begins_before(port.ended_ns.unwrap_or(u64::MAX)))?;
        let from = |between: Between| between.not_before(port.opened_ns);
        Some(TrackedConnection {
            acked: from(seen.acked),
            received: from(seen.received),
            written: from(seen.written),
            written_about_ns: seen.written_about_ns.max(port.opened_ns),
            ..seen
        })
    }
}

/// When the server ended a connection of which so much is known; the upper bound is `u64::MAX` where it did not, or the
/// clients were first. The client knows the instant better than a look now and then; but it may not have seen it at all.
pub(super) fn end_of(port: &Port, seen: Option<&TrackedConnection>) -> Between {
    let by_client = port.ended_ns.filter(|_| port.ended_by_peer).unwrap_or(u64::MAX);
    let by_socket = seen.and_then(|seen| seen.ended);
    let held_ns = by_socket.map_or_else(|| seen.map_or(0, |seen| seen.held_ns), |ended| ended.earliest_ns);
    let latest = by_client.min(by_socket.map_or(u64::MAX, |ended| ended.latest_ns));
    Between::new(held_ns.max(port.opened_ns).min(latest), latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(port: u16) -> Endpoint {
        Endpoint::at_port(port)
    }

    /// A connection from port 5, opened at 100, and what its client saw.
    fn port(ended_ns: Option<u64>, ended_by_peer: bool) -> Port {
        Port { end: end(5), opened_ns: 100, ended_ns, ended_by_peer, ..Port::default() }
    }

    fn tracked(first_ns: u64, ended: Option<(u64, u64)>) -> TrackedConnection {
        TrackedConnection {
            peer: end(5),
            first: Between::new(first_ns, first_ns + 2),
            held_ns: 700,
            ended: ended.map(|(from, until)| Between::new(from, until)),
            ..TrackedConnection::default()
        }
    }

    #[test]
    fn the_earliest_observation_dates_a_close() {
        let end = |port: &Port, seen| end_of(port, Some(&seen));
        let gone = tracked(150, Some((800, 900)));
        assert_eq!(end(&port(Some(850), true), gone), Between::new(800, 850));
        assert_eq!(end(&port(Some(950), true), gone), Between::new(800, 900));
        assert_eq!(end(&port(None, false), gone), Between::new(800, 900), "a FIN behind unread bytes");
        assert_eq!(end(&port(Some(850), true), tracked(150, None)), Between::new(700, 850));
        assert_eq!(end_of(&port(Some(850), true), None), Between::new(100, 850));
        assert_eq!(end(&port(Some(850), false), tracked(150, None)), Between::new(700, u64::MAX));
    }

    #[test]
    fn a_connection_that_reused_the_port_is_not_confused() {
        let tracker = ConnectionTracker::default();
        let of = |port: &Port, seen: &[TrackedConnection]| {
            let by_end = HashMap::from([(end(5), seen.to_vec())]);
            Outside { tracker: &tracker, by_end, clients: HashMap::new() }
                .of(port)
                .map(|seen| seen.first.earliest_ns)
        };
        let (earlier, own) = (tracked(50, Some((80, 90))), tracked(150, Some((800, 900))));
        assert_eq!(of(&port(None, false), &[earlier]), None);
        assert_eq!(of(&port(None, false), &[earlier, own]), Some(150));
        assert_eq!(of(&port(Some(850), true), &[tracked(870, None)]), None);
        assert_eq!(
            of(&port(None, false), &[tracked(99, None)]),
            Some(99),
            "it came while others were looked at"
        );
    }

    #[test]
    fn a_connection_from_the_same_port_at_another_address_is_not_confused() {
        let tracker = ConnectionTracker::default();
        let at = |last| Endpoint::new([127, 0, 0, last].into(), 5);
        let by_end = HashMap::from([(at(1), vec![tracked(150, None)])]);
        let outside = Outside { tracker: &tracker, by_end, clients: HashMap::new() };
        let of = |last| outside.of(&Port { end: at(last), ..port(None, false) }).is_some();
        assert_eq!((of(1), of(2)), (true, false));
    }
}
