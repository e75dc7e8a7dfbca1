//! Which connections the server ended, and how long each had made no progress: from what the clients saw and what the
//! server's own sockets show, without a word from the server.

use crate::{
    client::{Driven, Port},
    metric::Metric,
    probe::Sighting,
    profile::{Group, Profile},
    stats::quantile,
};

/// Adds to each group's numbers what the sightings tell; nothing where the server's sockets could not be seen.
pub(super) fn add(driven: &mut Driven, profile: &Profile, sightings: Option<Vec<Sighting>>) {
    let Some(sightings) = sightings else { return };
    for (index, row) in driven.summaries.iter_mut().enumerate() {
        let ports = driven.ports.iter().filter(|port| port.group == index);
        let endings: Vec<Ending> =
            ports.filter_map(|port| ending(port, &sightings, driven.stopped_ns)).collect();
        row.set(Metric::ServerEnded, endings.len() as f64);
        let group = &profile.clients[index];
        let stalled: Vec<f64> =
            endings.iter().filter_map(|ending| ending.stalled_ns(group)).map(|ns| ns as f64).collect();
        for (metric, q) in
            [(Metric::StalledForMin, 0.0), (Metric::StalledForP50, 0.5), (Metric::StalledForMax, 1.0)]
        {
            if let Some(value) = quantile(&stalled, q) {
                row.set(metric, value);
            }
        }
    }
}

/// A connection that the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ending {
    at_ns: u64,
    /// `None` if it was over before it was ever looked at.
    seen: Option<Sighting>,
}

impl Ending {
    /// Time since the last progress in the direction in which the group misbehaves; in either where it does not.
    fn stalled_ns(&self, group: &Group) -> Option<u64> {
        let seen = self.seen?;
        let progress_ns = match (group.rx.is_steady(), group.tx.is_steady()) {
            (false, _) => seen.acked_ns,
            (true, false) => seen.received_ns,
            (true, true) => seen.acked_ns.max(seen.received_ns),
        };
        Some(self.at_ns.saturating_sub(progress_ns))
    }
}

/// The end of a connection, if the server ended it before the clients stopped. The client knows the instant better than
/// a look now and then; but it may not have seen it at all.
fn ending(port: &Port, sightings: &[Sighting], stopped_ns: u64) -> Option<Ending> {
    let seen = sightings.iter().find(|seen| {
        seen.peer_port == port.number
            && seen.first_ns >= port.opened_ns
            && port.ended_ns.is_none_or(|ended_ns| seen.first_ns <= ended_ns)
    });
    let by_client = port.ended_ns.filter(|_| port.ended_by_peer);
    let by_socket = seen.and_then(|seen| seen.ended_ns).filter(|ended_ns| *ended_ns < stopped_ns);
    if port.ended_ns.is_some() && by_client.is_none() {
        return None;
    }
    let at_ns = [by_client, by_socket].into_iter().flatten().min()?;
    Some(Ending { at_ns, seen: seen.copied() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection from port 5, opened at 100, and what its client saw.
    fn port(ended_ns: Option<u64>, ended_by_peer: bool) -> Port {
        Port { number: 5, group: 0, opened_ns: 100, ended_ns, ended_by_peer }
    }

    fn sighting(first_ns: u64, ended_ns: Option<u64>) -> Sighting {
        Sighting { peer_port: 5, first_ns, acked_ns: 300, received_ns: 400, ended_ns }
    }

    fn ended_at(port: &Port, sightings: &[Sighting]) -> Option<u64> {
        ending(port, sightings, 1000).map(|ending| ending.at_ns)
    }

    #[test]
    fn the_first_to_see_the_end_is_believed() {
        let gone = [sighting(150, Some(900))];
        assert_eq!(ended_at(&port(Some(850), true), &gone), Some(850));
        assert_eq!(ended_at(&port(Some(950), true), &gone), Some(900));
        assert_eq!(
            ended_at(&port(None, false), &gone),
            Some(900),
            "a FIN behind what the client does not read"
        );
        assert_eq!(ended_at(&port(Some(850), true), &[]), Some(850));
    }

    #[test]
    fn what_the_clients_ended_is_not_the_servers_doing() {
        assert_eq!(ended_at(&port(Some(850), false), &[sighting(150, Some(900))]), None);
        assert_eq!(
            ended_at(&port(None, false), &[sighting(150, Some(1000))]),
            None,
            "the clients had stopped"
        );
        assert_eq!(ended_at(&port(None, false), &[sighting(150, None)]), None);
    }

    #[test]
    fn another_connection_of_the_same_port_is_not_mistaken_for_it() {
        let earlier = sighting(50, Some(90));
        assert_eq!(ended_at(&port(None, false), &[earlier]), None);
        assert_eq!(ended_at(&port(None, false), &[earlier, sighting(150, Some(900))]), Some(900));
        let later = sighting(870, Some(900));
        assert_eq!(ending(&port(Some(850), true), &[later], 1000), Some(Ending { at_ns: 850, seen: None }));
    }

    #[test]
    fn the_stall_is_that_of_the_direction_that_misbehaves() {
        let ending = Ending { at_ns: 900, seen: Some(sighting(150, None)) };
        for (behavior, stalled_ns) in [("rx = \"stall\"", 600), ("tx = \"stall\"", 500), ("", 500)] {
            let text = format!("name = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n{behavior}");
            let group: Group = toml::from_str(&text).expect("a group");
            assert_eq!(ending.stalled_ns(&group), Some(stalled_ns), "{behavior}");
        }
    }
}
