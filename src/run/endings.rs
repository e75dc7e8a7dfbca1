//! Which connections the server ended, and how long each had made no progress: from what the clients saw and what the
//! server's own sockets show, without a word from the server.

use std::collections::HashMap;

use crate::{
    client::{Driven, Port},
    metric::{Metric, Row},
    probe::{HoldUp, Sighting},
    profile::{Group, Profile},
    stats::quantile,
};

/// The kernel counts such times in ticks of up to 10 ms: below this, a share of them is a matter of luck.
const LEAST_BUSY_US: u64 = 100_000;
/// With fewer looks at a backlog, a share of them says nothing.
const LEAST_LOOKS: u64 = 5;

/// Adds to each group's numbers what the sightings tell; nothing where the server's sockets could not be seen.
pub(super) fn add(driven: &mut Driven, profile: &Profile, sightings: Option<Vec<Sighting>>) {
    let Some(sightings) = sightings else { return };
    let by_port = by_port(&sightings);
    for (index, row) in driven.summaries.iter_mut().enumerate() {
        let ports = driven.ports.iter().filter(|port| port.group == index);
        let ports: Vec<(&Port, Option<Sighting>)> = ports.map(|port| (port, seen(port, &by_port))).collect();
        let endings: Vec<Ending> =
            ports.iter().filter_map(|(port, seen)| ending(port, *seen, driven.stopped_ns)).collect();
        row.set(Metric::ServerEnded, endings.len() as f64);
        add_hold_up(row, ports.iter().filter_map(|(_, seen)| seen.as_ref()));
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

/// All sightings of each port, in the order in which they were made.
fn by_port(sightings: &[Sighting]) -> HashMap<u16, Vec<Sighting>> {
    let mut by_port: HashMap<u16, Vec<Sighting>> = HashMap::new();
    for sighting in sightings {
        by_port.entry(sighting.peer_port).or_default().push(*sighting);
    }
    by_port
}

/// A client's connection on the server's side.
fn seen(port: &Port, by_port: &HashMap<u16, Vec<Sighting>>) -> Option<Sighting> {
    let its_own = |seen: &&Sighting| {
        seen.first_ns >= port.opened_ns && port.ended_ns.is_none_or(|ended_ns| seen.first_ns <= ended_ns)
    };
    by_port.get(&port.number)?.iter().find(its_own).copied()
}

/// What held the server back from sending to a group.
fn add_hold_up<'a>(row: &mut Row, connections: impl Iterator<Item = &'a Sighting>) {
    let mut all = HoldUp::default();
    connections.for_each(|seen| all.add(&seen.hold_up));
    let mut share = |metric, part: u64, whole: u64| row.set(metric, part as f64 / whole as f64);
    if all.busy_us >= LEAST_BUSY_US {
        share(Metric::WindowLimited, all.window_us, all.busy_us);
        share(Metric::SendBufferLimited, all.buffer_us, all.busy_us);
    }
    if all.looks >= LEAST_LOOKS {
        if !all.window_unknown {
            share(Metric::WindowClosed, all.closed, all.looks);
        }
        share(Metric::StallProgress, all.moved, all.looks);
        row.set(Metric::UnsentPeak, all.unsent_peak_bytes as f64);
    }
}

/// The end of a connection, if the server ended it before the clients stopped. The client knows the instant better than
/// a look now and then; but it may not have seen it at all.
fn ending(port: &Port, seen: Option<Sighting>, stopped_ns: u64) -> Option<Ending> {
    let by_client = port.ended_ns.filter(|_| port.ended_by_peer);
    let by_socket = seen.and_then(|seen| seen.ended_ns).filter(|ended_ns| *ended_ns < stopped_ns);
    if port.ended_ns.is_some() && by_client.is_none() {
        return None;
    }
    let at_ns = [by_client, by_socket].into_iter().flatten().min()?;
    Some(Ending { at_ns, seen })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection from port 5, opened at 100, and what its client saw.
    fn port(ended_ns: Option<u64>, ended_by_peer: bool) -> Port {
        Port { number: 5, group: 0, opened_ns: 100, ended_ns, ended_by_peer }
    }

    fn sighting(first_ns: u64, ended_ns: Option<u64>) -> Sighting {
        Sighting {
            peer_port: 5,
            first_ns,
            acked_ns: 300,
            received_ns: 400,
            ended_ns,
            hold_up: HoldUp::default(),
        }
    }

    fn ended_at(port: &Port, sightings: &[Sighting]) -> Option<u64> {
        ending(port, seen(port, &by_port(sightings)), 1000).map(|ending| ending.at_ns)
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
        assert_eq!(seen(&port(Some(850), true), &by_port(&[later])), None);
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
