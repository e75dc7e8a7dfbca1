//! The reference server's own list of evictions, compared with the observation from outside.

use std::collections::HashMap;

use super::{
    outside::{Outside, end_of},
    target::{self, Build},
};
use crate::{
    address::Endpoint,
    client::{Driven, Port},
    probe::{Between, Journal, ReportedEviction, TrackedConnection},
    profile::{Profile, Progress, ServerOptions},
    record::Eviction,
    units::{OrOff, Span},
};

/// The kernel reports instants in units of its tick, and a server notes the end of a connection a little before it ends
/// it: the server's times may differ from what is seen by this much, in nanoseconds.
const SLACK_NS: u64 = 10_000_000;

/// The evictions of a repeat.
#[derive(Clone, Debug, Default)]
pub(super) struct Evictions {
    pub(super) all: Vec<Eviction>,
    /// Evictions that happened and are not in the list.
    pub(super) lost: u64,
    /// Evictions in the list whose port belongs to no connection of the clients.
    pub(super) unmatched: u64,
    /// The resolution of the server's deadlines.
    pub(super) tick_ns: u64,
}

/// What a server is asked for, and what it was started with: where a comparison gives one of two builds flags of its own,
/// these are two things.
pub(super) struct Asked<'a> {
    profile: &'a Profile,
    options: ServerOptions,
    configured: ServerOptions,
}

impl<'a> Asked<'a> {
    pub(super) fn new(profile: &'a Profile, build: &Build) -> Self {
        let options = profile.server.reference().cloned().unwrap_or_default();
        let configured = target::configured(&options, build);
        Self { profile, options, configured }
    }

    /// The evictions that the server lists, on the clients' clock, each with what is known of it from outside. `counted`:
    /// how many the server's counters know.
    pub(super) fn evictions(
        &self,
        journal: Option<Journal>,
        counted: u64,
        driven: &Driven,
        outside: Option<&Outside<'_>>,
        epoch_ns: u64,
    ) -> Evictions {
        let journal = journal.unwrap_or_default();
        let listed = journal.evictions.len() as u64 + journal.lost;
        let ports = PortsByEnd::new(&driven.ports, &journal);
        let mut found = Evictions {
            lost: journal.lost + counted.saturating_sub(listed),
            tick_ns: nanoseconds(self.configured.tick),
            ..Evictions::default()
        };
        for reported in &journal.evictions {
            let port = ports.last_before(reported, outside);
            found.unmatched += u64::from(port.is_none());
            let known =
                port.map(|port| Known { port, seen: outside.and_then(|outside| outside.of(port)), outside });
            found.all.push(self.eviction(reported, known.as_ref(), epoch_ns));
        }
        found
    }

    fn eviction(&self, reported: &ReportedEviction, known: Option<&Known<'_>>, epoch_ns: u64) -> Eviction {
        let since = |at_ns: u64| at_ns as i64 - epoch_ns as i64;
        let timing = Timing::of(reported, self, known);
        let port = known.map(|known| known.port);
        let seen_by_client = port.and_then(|port| port.ended_ns);
        Eviction {
            at_ns: since(reported.at_ns),
            reason: reported.reason.clone(),
            group: port.map(|port| self.profile.clients[port.group].name.clone()),
            lateness_ns: timing.lateness_ns,
            claimed_lateness_ns: reported.deadline_ns.map(|deadline| since(reported.at_ns) - since(deadline)),
            seen_lateness_ns: timing.seen_ns,
            disagreement_ns: timing.disagreement_ns,
            seen_after_ns: seen_by_client.map(|seen| since(seen) - since(reported.at_ns)),
            send_buffered: reported.send_buffered,
            kernel_queued: reported.kernel_queued,
        }
    }
}

/// The clients' connections by what an eviction says of them, each list in the order in which they were opened.
#[derive(Default)]
struct PortsByEnd<'a> {
    by_end: HashMap<Endpoint, Vec<&'a Port>>,
    /// Where a server lists no addresses.
    by_number: HashMap<u16, Vec<&'a Port>>,
}

impl<'a> PortsByEnd<'a> {
    /// Those of `ports`, which were opened in this order, as far as the evictions need them.
    fn new(ports: &'a [Port], journal: &Journal) -> Self {
        let mut found = Self::default();
        let has_end =
            |reported: &ReportedEviction| reported.socket.is_some() || reported.peer_address.is_some();
        let ends = journal.evictions.iter().filter(|reported| has_end(reported)).count();
        for port in ports {
            if ends > 0 {
                found.by_end.entry(port.end).or_default().push(port);
            }
            if let Some(number) = port.end.port().filter(|_| ends < journal.evictions.len()) {
                found.by_number.entry(number).or_default().push(port);
            }
        }
        found
    }

    /// The last connection that had this end, or this port, before the eviction.
    fn last_before(&self, reported: &ReportedEviction, outside: Option<&Outside<'_>>) -> Option<&'a Port> {
        let ports = match (reported.socket, reported.peer_address) {
            // The server names its own end, and its sockets tell the client's.
            (Some(socket), _) => self.by_end.get(&outside?.client_of(socket)?),
            (None, Some(ip)) => self.by_end.get(&Endpoint::new(ip, reported.peer_port)),
            (None, None) => self.by_number.get(&reported.peer_port),
        }?;
        let latest_ns = reported.at_ns.saturating_add(SLACK_NS);
        let opened = ports.partition_point(|port| port.opened_ns <= latest_ns);
        ports.get(opened.checked_sub(1)?).copied()
    }
}

/// What is known of a connection without its server.
struct Known<'a> {
    port: &'a Port,
    seen: Option<TrackedConnection>,
    outside: Option<&'a Outside<'a>>,
}

/// When an eviction was due, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Timing {
    lateness_ns: Option<i64>,
    seen_ns: Option<(i64, i64)>,
    disagreement_ns: u64,
}

impl Timing {
    fn of(reported: &ReportedEviction, asked: &Asked<'_>, known: Option<&Known<'_>>) -> Self {
        let end = known.map_or(ANY, Known::end);
        let at_ns = end.nearest_ns(reported.at_ns, SLACK_NS);
        let off = |reported: u64, nearest: u64| reported.abs_diff(nearest);
        let Some(deadline_ns) = reported.deadline_ns else {
            return Self { lateness_ns: None, seen_ns: None, disagreement_ns: off(reported.at_ns, at_ns) };
        };
        let (own, wanted) =
            (timeout(&asked.configured, &reported.reason), timeout(&asked.options, &reported.reason));
        let Some(own_ns) = own else {
            // The deadline moves with what the peer takes (min_rate): only the end can be checked.
            let lateness_ns = Some(at_ns as i64 - deadline_ns as i64);
            return Self { lateness_ns, seen_ns: None, disagreement_ns: off(reported.at_ns, at_ns) };
        };
        let reported_ns = reported.progress_ns.unwrap_or(deadline_ns.saturating_sub(own_ns));
        let progress = known.map_or(ANY, |known| {
            known
                .progress(&reported.reason, asked.configured.progress)
                .or_later(reported_ns >= known.held_ns())
        });
        let progress_ns = progress.nearest_ns(reported_ns, SLACK_NS);
        let wanted_ns = wanted.unwrap_or(own_ns);
        let disagreement_ns = [
            off(reported.at_ns, at_ns),
            off(reported_ns, progress_ns),
            off(deadline_ns.saturating_sub(reported_ns), own_ns),
        ];
        let is_known = progress.latest_ns < u64::MAX && end.latest_ns < u64::MAX;
        let between = |end_ns: u64, progress_ns: u64| end_ns as i64 - (progress_ns + wanted_ns) as i64;
        Self {
            lateness_ns: Some(between(at_ns, progress_ns)),
            seen_ns: is_known.then(|| {
                (between(end.earliest_ns, progress.latest_ns), between(end.latest_ns, progress.earliest_ns))
            }),
            disagreement_ns: disagreement_ns.into_iter().max().unwrap_or(0),
        }
    }
}

/// Nothing is known of an instant.
const ANY: Between = Between { earliest_ns: 0, latest_ns: u64::MAX };

impl Known<'_> {
    /// When the server ended it.
    fn end(&self) -> Between {
        end_of(self.port, self.seen.as_ref())
    }

    /// The last look that saw the server hold it: of what happened later, only the server knows.
    fn held_ns(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.held_ns.saturating_sub(SLACK_NS))
    }

    /// When that happened which the timeout counts from, as far as looks show.
    fn progress(&self, reason: &str, progress: Progress) -> Between {
        let ever = ANY.not_before(self.port.opened_ns);
        let Some(seen) = self.seen.as_ref().filter(|seen| !seen.is_undated()) else { return ever };
        match reason {
            "send_timeout" => {
                // While something waits in the server, its kernel takes nothing unless the peer has acknowledged
                // something. So what it took was the first that it could not take whole, or the last before, unless the
                // server acted late on an event from before the last look.
                let look_ns = seen.written.latest_ns - seen.written.earliest_ns;
                let no_room = seen.acked.latest_ns.saturating_add(look_ns) < seen.written.earliest_ns;
                let by_write = no_room || progress == Progress::WriteEvent;
                let from = if by_write { seen.written.earliest_ns } else { seen.acked.earliest_ns };
                // The server, too, reckons with the round trip that its kernel knows when it looks.
                let acked_ns = seen.acked.latest_ns.saturating_add(seen.round_trip_ns);
                let acked = if progress == Progress::WriteEvent { 0 } else { acked_ns };
                Between::new(from, acked.max(seen.waits_by_ns).max(seen.written.latest_ns))
            }
            "idle_timeout" => {
                let read_by = seen.read_by_ns.unwrap_or(u64::MAX);
                Between::new(seen.received.earliest_ns, read_by.max(seen.written.latest_ns))
            }
            // What is behind answers that the peer does not take is not looked at, and its time does not run.
            "message_timeout" if !seen.has_waited => {
                let Some(begun_ns) = self.port.unfinished_ns else { return ever };
                let noticed = self.outside.and_then(|outside| outside.tracker.noticed_by_ns(begun_ns));
                let read_by = seen.first_read_by_ns.unwrap_or(u64::MAX);
                Between::new(begun_ns, noticed.unwrap_or(u64::MAX).max(read_by))
            }
            _ => ever,
        }
    }
}

/// The timeout of that name, in nanoseconds; `None` where there is none, or none that is a time alone.
fn timeout(options: &ServerOptions, reason: &str) -> Option<u64> {
    let time = |span: &OrOff<Span>| span.0.map(nanoseconds);
    match reason {
        "send_timeout" => time(&options.send_timeout),
        "deadline" => time(&options.deadline),
        "message_timeout" => time(&options.message_timeout),
        "idle_timeout" => time(&options.idle_timeout),
        "soft_limit" => Some(nanoseconds(options.soft_time)),
        _ => None,
    }
}

fn nanoseconds(span: Span) -> u64 {
    u64::try_from(span.0.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
