//! Which connections the server ended, how, how long each had made no progress, and the bytes that stayed in the
//! kernel, from the clients and the server's sockets.

use super::outside::{Outside, end_of};
use crate::{
    client::{Driven, Port},
    metric::{Metric, Row},
    probe::{Between, SendStall, TrackedConnection},
    profile::{Group, Profile, Progress},
    record::ServerEndings,
    stats::quantile,
};

/// The kernel counts such times in ticks of up to 10 ms: below this, a share of them is a matter of luck.
const LEAST_BUSY_US: u64 = 100_000;
/// With fewer looks at a backlog, a share of them says nothing.
const LEAST_LOOKS: u64 = 5;
/// Servers count their timeouts in milliseconds as a rule (nginx, libuv, HAProxy): so one may end this much earlier
/// than by the nanosecond clock.
const SERVER_CLOCK_NS: u64 = 1_000_000;

/// Adds to each group's numbers what was seen from outside; what clients saw alone where the server's sockets could not be
/// seen.
pub(super) fn add(driven: &mut Driven, profile: &Profile, outside: Option<&Outside<'_>>, epoch_ns: u64) {
    let mut of_groups: Vec<Vec<(&Port, Option<TrackedConnection>)>> = vec![Vec::new(); driven.groups.len()];
    for port in &driven.ports {
        of_groups[port.group].push((port, outside.and_then(|outside| outside.of(port))));
    }
    for (index, ports) in of_groups.iter().enumerate() {
        // A group that leaves ends what the server has left to it.
        let left_ns = profile.clients[index].stop.map(|stop| epoch_ns + stop.0.as_nanos() as u64);
        let stopped_ns = left_ns.map_or(driven.stopped_ns, |left_ns| left_ns.min(driven.stopped_ns));
        let closes: Vec<ServerClose<'_>> = ports
            .iter()
            .filter_map(|(port, seen)| ServerClose::of(port, seen.as_ref(), stopped_ns))
            .collect();
        let found = summed(&closes, |close| close.held(profile, &profile.clients[index]));
        if outside.is_some() {
            let row = &mut driven.summaries[index];
            add_closes(row, &found);
            let unseen = ports.iter().filter(|(port, seen)| port.was_connected && seen.is_none()).count();
            row.set(Metric::ConnectionsUnseen, unseen as f64);
            add_send_stall(row, ports.iter().filter_map(|(_, seen)| seen.as_ref()));
        }
        let group = &mut driven.groups[index];
        group.server_endings = found;
        group.rx = profile.clients[index].rx.clone();
    }
}

/// A connection that the server ended.
#[derive(Clone, Copy, Debug)]
struct ServerClose<'a> {
    port: &'a Port,
    at: Between,
    /// `None` if it was over before it was ever looked at.
    seen: Option<TrackedConnection>,
}

/// How long a connection was held without progress, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    least_ns: u64,
    about_ns: u64,
    most_ns: u64,
}

impl<'a> ServerClose<'a> {
    /// The end of a connection, if the server ended it before the clients stopped or left.
    fn of(port: &'a Port, seen: Option<&TrackedConnection>, stopped_ns: u64) -> Option<Self> {
        if port.ended_ns.is_some_and(|ended_ns| ended_ns < stopped_ns) && !port.ended_by_peer {
            return None;
        }
        let at = end_of(port, seen);
        let by_client = port.ended_ns.is_some() && port.ended_by_peer;
        (by_client || at.latest_ns < stopped_ns).then_some(Self { port, at, seen: seen.copied() })
    }

    /// Whether its client had noticed.
    fn is_noticed(&self) -> bool {
        self.port.ended_by_peer
    }

    fn at_ns(&self) -> u64 {
        if self.is_noticed() { self.at.latest_ns } else { self.at.middle_ns() }
    }

    /// Time since the last progress in the direction in which the group misbehaves; in either where it does not. `None` if
    /// no look saw the connection, or its kernel does not date progress.
    fn held(&self, profile: &Profile, group: &Group) -> Option<Held> {
        let seen = self.seen.filter(|seen| !seen.is_undated())?;
        let written = (seen.written, seen.written_about_ns);
        let acked = (seen.acked, seen.acked.middle_ns());
        let received = (seen.received, seen.received.middle_ns());
        let later = |a: (Between, u64), b: (Between, u64)| (a.0.later(b.0), a.1.max(b.1));
        // What counts as progress is the server's affair; that of the reference server is known.
        let by_acknowledged =
            profile.server.reference().is_some_and(|server| server.progress == Progress::Acknowledged);
        let (progress, about_ns) = match (group.rx.is_steady(), group.tx.is_steady()) {
            (false, _) if by_acknowledged => later(written, acked),
            (false, _) => written,
            (true, false) => received,
            (true, true) => later(later(written, acked), received),
        };
        Some(Held {
            least_ns: self.at.earliest_ns.saturating_sub(progress.latest_ns),
            about_ns: self.at_ns().saturating_sub(about_ns),
            most_ns: self.at.latest_ns.saturating_sub(progress.earliest_ns) + SERVER_CLOCK_NS,
        })
    }
}

/// All closes of a group together.
fn summed(closes: &[ServerClose<'_>], held: impl Fn(&ServerClose<'_>) -> Option<Held>) -> ServerEndings {
    let count =
        |which: &dyn Fn(&ServerClose<'_>) -> bool| closes.iter().filter(|close| which(close)).count() as u64;
    let median = |values: &[f64]| quantile(values, 0.5).map(|value| value as u64);
    let left = |close: &ServerClose<'_>| close.seen.and_then(|seen| seen.left_bytes);
    // Over a UNIX-domain socket the kernel shows nothing of a socket that is closed.
    let shows_rest = closes.iter().any(|close| close.seen.is_some_and(|seen| !seen.is_undated()));
    let times: Vec<Held> = closes.iter().filter_map(held).collect();
    let (least, most) =
        (times.iter().map(|held| held.least_ns).max(), times.iter().map(|held| held.most_ns).min());
    let about = median(&times.iter().map(|held| held.about_ns as f64).collect::<Vec<_>>());
    let lived = |close: &ServerClose<'_>| close.at_ns().saturating_sub(close.port.opened_ns) as f64;
    ServerEndings {
        count: closes.len() as u64,
        by_reset: count(&|close| close.port.ended_by_reset),
        by_fin: count(&|close| {
            if close.is_noticed() { !close.port.ended_by_reset } else { left(close).is_some() }
        }),
        after_error: count(&|close| close.port.ended_after_error),
        unnoticed: count(&|close| !close.is_noticed()),
        unnoticed_alive: count(&|close| !close.is_noticed() && close.port.is_alive),
        unseen: count(&|close| close.seen.is_none()),
        after_ns: median(&closes.iter().map(lived).collect::<Vec<_>>()),
        held_ns: most.zip(about).zip(least).map(|((most, about), least)| (most, about, least)),
        held_uncertain_ns: times.iter().map(|held| held.most_ns.saturating_sub(held.least_ns)).max(),
        left_sockets: shows_rest.then(|| count(&|close| left(close).is_some_and(|bytes| bytes > 0))),
        left_bytes: shows_rest.then(|| closes.iter().filter_map(left).sum()),
    }
}

fn add_closes(row: &mut Row, found: &ServerEndings) {
    row.set(Metric::ServerEnded, found.count as f64);
    row.set(Metric::EndedUnseen, found.unseen as f64);
    if let Some(left_bytes) = found.left_bytes {
        row.set(Metric::LeftBehind, left_bytes as f64);
    } else if found.count == 0 {
        row.set(Metric::LeftBehind, 0.0);
    }
    if let Some((shortest, about, longest)) = found.held_ns {
        row.set(Metric::StalledForMin, shortest as f64);
        row.set(Metric::StalledForP50, about as f64);
        row.set(Metric::StalledForMax, longest as f64);
    }
    if let Some(uncertain_ns) = found.held_uncertain_ns {
        row.set(Metric::StalledForUncertainty, uncertain_ns as f64);
    }
}

/// What held the server back from sending to a group.
fn add_send_stall<'a>(row: &mut Row, connections: impl Iterator<Item = &'a TrackedConnection>) {
    let mut all = SendStall::default();
    connections.for_each(|seen| all.add(&seen.send_stall));
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn between(from_ms: u64, until_ms: u64) -> Between {
        Between::new(from_ms * MS, until_ms * MS)
    }

    /// A connection opened at 100 ms, of which these looks are known.
    fn seen(ended: Option<Between>, left_bytes: Option<u64>) -> TrackedConnection {
        TrackedConnection {
            first: between(150, 152),
            held_ns: 800 * MS,
            acked: between(300, 310),
            received: between(400, 410),
            written: between(310, 350),
            written_about_ns: 320 * MS,
            ended,
            left_bytes,
            ..TrackedConnection::default()
        }
    }

    /// A connection as its client knows it.
    fn port(ended_ms: Option<u64>, ended_by_peer: bool) -> Port {
        let is_alive = ended_ms.is_none();
        Port {
            opened_ns: 100 * MS,
            ended_ns: ended_ms.map(|ms| ms * MS),
            ended_by_peer,
            is_alive,
            ..Port::default()
        }
    }

    fn profile(server: &str, behavior: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[server]\n{server}\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n{behavior}"
        );
        crate::profile::Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    #[test]
    fn closes_by_the_clients_do_not_count() {
        let ends = |port: &Port, ended| ServerClose::of(port, Some(&seen(ended, None)), 1000 * MS).is_some();
        let gone = Some(between(800, 900));
        assert!(ends(&port(Some(850), true), gone));
        assert!(ends(&port(None, false), gone), "a FIN behind what the client does not read");
        assert!(!ends(&port(Some(850), false), gone));
        assert!(!ends(&port(None, false), Some(between(900, 1000))), "the clients had stopped");
        assert!(!ends(&port(None, false), None));
        let left =
            |ended| ServerClose::of(&port(Some(950), false), Some(&seen(ended, None)), 940 * MS).is_some();
        assert!(left(gone), "a FIN behind what the client had not read when it left");
        assert!(!left(Some(between(930, 945))) && !left(None));
    }

    #[test]
    fn the_stalled_time_has_bounds_and_follows_the_misbehaving_direction() {
        let port = port(Some(900), true);
        let close = ServerClose::of(&port, Some(&seen(None, None)), 1000 * MS).expect("ended");
        let program = "command = ['a']";
        for (server, behavior, least, about, most) in [
            (program, "rx = \"stall\"", 450, 580, 591),
            ("", "rx = \"stall\"", 450, 580, 591),
            ("progress = 'write-event'", "rx = \"stall\"", 450, 580, 591),
            (program, "tx = \"stall\"", 390, 495, 501),
            ("", "", 390, 495, 501),
        ] {
            let profile = profile(server, behavior);
            let held = close.held(&profile, &profile.clients[0]).expect("a time");
            let found = [held.least_ns, held.about_ns, held.most_ns].map(|ns| ns / MS);
            assert_eq!(found, [least, about, most], "{server} {behavior}");
        }
        let mut dribbles = seen(None, None);
        dribbles.acked = between(700, 710);
        let close = ServerClose { seen: Some(dribbles), ..close };
        let most = |server| {
            let profile = profile(server, "rx = \"stall\"");
            close.held(&profile, &profile.clients[0]).expect("a time").most_ns / MS
        };
        // Whose timer moves with every acknowledgment, and whose moves with what it can write.
        assert_eq!([most(""), most(program)], [201, 591]);
    }

    #[test]
    fn closes_are_summed_with_the_memory_left_behind() {
        let (mut reset, fin, behind) = (port(Some(900), true), port(Some(700), true), port(None, false));
        reset.ended_by_reset = true;
        let gone = Some(between(800, 900));
        let close = |port, seen| ServerClose::of(port, seen, 1000 * MS).expect("ended");
        let closes = [
            close(&reset, Some(&seen(gone, None))),
            close(&fin, None),
            close(&behind, Some(&seen(gone, Some(5000)))),
            close(&behind, Some(&seen(gone, None))),
        ];
        let profile = profile("command = ['a']", "rx = \"stall\"");
        let found = summed(&closes, |close| close.held(&profile, &profile.clients[0]));
        assert_eq!((found.count, found.by_reset, found.by_fin), (4, 1, 2), "of one it is not known");
        assert_eq!((found.unnoticed, found.unnoticed_alive, found.unseen), (2, 2, 1));
        assert_eq!((found.left_sockets, found.left_bytes), (Some(1), Some(5000)));
        assert_eq!(found.after_ns, Some(750 * MS));
        assert_eq!(found.held_ns, Some((591 * MS, 530 * MS, 450 * MS)));
        assert_eq!(found.held_uncertain_ns, Some(141 * MS));
    }
}
