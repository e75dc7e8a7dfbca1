//! Whether the clients of the group that is searched over were there: all of them, and for as long as they were to be.

use crate::{
    metric::{Fold, Key, Metric, Stat},
    profile::Group,
    record::{GroupResult, Ledger, Repeat},
    stats::median,
};

/// A group is there if so few of its clients are missing, as a share, beside those that are away by themselves.
const MISSING: f64 = 0.1;

/// Of the connections per second that a level asks for, so many must be opened.
const OPENED: f64 = 0.9;

/// Why not all of the group's clients were connected at one time, if they were not: what was measured beside them was measured
/// beside fewer.
pub(super) fn apart(of: &str, repeat: &Repeat, group: &Group) -> Option<String> {
    let Some(presence) = Presence::of(repeat, group) else { return Some(unmeasured(group)) };
    if presence.leaves() || sets_the_return(of) {
        return presence.unheld(of);
    }
    let peak = Stat { metric: Metric::Alive, fold: Fold::Peak };
    let Some(peak) = repeat.summary.get(&Key::new(Some(&group.name), peak).to_string()) else {
        return Some(unmeasured(group));
    };
    let open = (*peak as u64).saturating_sub(presence.result.not_accepted);
    (open < presence.count()).then(|| presence.too_few(open, "at a time"))
}

/// Why the server did not hold the group's clients for the time in which they were to be there, if it did not.
pub(super) fn unheld(of: &str, repeat: &Repeat, group: &Group) -> Option<String> {
    Presence::of(repeat, group).map_or_else(|| Some(unmeasured(group)), |presence| presence.unheld(of))
}

fn unmeasured(group: &Group) -> String {
    format!("it was not measured how many clients of `{}` were connected", group.name)
}

/// Whether the levels are of how many connections a group opens again per second.
fn sets_the_return(of: &str) -> bool {
    of.ends_with(".reconnect.at_most")
}

/// How the clients of a group were there in a repeat.
struct Presence<'a> {
    group: &'a Group,
    result: &'a GroupResult,
    /// The median of how many were connected, in the part of the measured window that the group has.
    open: u64,
    /// Seconds from when the group came until it left, or until the window ended.
    seconds: f64,
}

impl<'a> Presence<'a> {
    /// `None` if it was not measured.
    fn of(repeat: &'a Repeat, group: &'a Group) -> Option<Self> {
        let result = repeat.group(&group.name)?;
        let start_ns = group.start.0.as_nanos() as i64;
        let stop_ns = group.stop.map_or(i64::MAX, |stop| stop.0.as_nanos() as i64);
        let (from_ns, to_ns) = (repeat.window_ns.0.max(start_ns), repeat.window_ns.1);
        // At the instant of its leaving a sample may be of either side.
        let within = |at: i64| at >= from_ns && at <= to_ns && at < stop_ns;
        let samples = repeat.series.group_points(&group.name, Metric::Alive);
        let alive: Vec<f64> =
            samples.into_iter().filter(|(at, _)| within(*at)).map(|(_, open)| open).collect();
        let open =
            (median(&alive)? as u64).saturating_sub(result.not_accepted + ended_unnoticed(group, result));
        let seconds = to_ns.min(stop_ns).saturating_sub(start_ns) as f64 / 1e9;
        Some(Self { group, result, open, seconds })
    }

    fn count(&self) -> u64 {
        self.group.count.into()
    }

    fn ledger(&self) -> &Ledger {
        &self.result.ledger
    }

    /// Connections that the server did not take, or ended while the client wanted them.
    fn turned_away(&self) -> u64 {
        let ledger = self.ledger();
        let refused = ledger.refused + ledger.timed_out + self.result.not_accepted;
        refused + ledger.evicted_fin + ledger.evicted_rst + ended_unnoticed(self.group, self.result)
    }

    /// Connections that the server ended as HTTP permits, or because they were idle.
    fn ended_in_order(&self) -> u64 {
        self.ledger().closed_as_announced + self.ledger().closed_idle
    }

    /// Whether its clients end connections themselves, or come back as every client does whose connection the server ended in
    /// order.
    fn leaves(&self) -> bool {
        let ledger = self.ledger();
        let by_us = ledger.closed_by_us + ledger.reset_by_us + ledger.vanished;
        // A group that leaves ends each of its connections once.
        let at_the_end = if self.group.stop.is_some() { self.count() } else { 0 };
        by_us > at_the_end || vanishes(self.group) || (self.group.is_good() && self.ended_in_order() > 0)
    }

    fn unheld(&self, of: &str) -> Option<String> {
        if sets_the_return(of) {
            return self.too_slow();
        }
        if self.leaves() && self.turned_away() == 0 {
            return self.missing();
        }
        if self.open < self.count() {
            return Some(self.too_few(self.open, "for half of their time"));
        }
        let ended = self.turned_away() + self.ended_in_order();
        (self.group.reconnect.is_none() && ended > 0).then(|| {
            format!(
                "the server refused or ended {ended} of the connections of `{}`, whose clients do not come back",
                self.group.name
            )
        })
    }

    /// Of clients that come and go, and none of which was turned away: why more of them were away than leave by themselves.
    fn missing(&self) -> Option<String> {
        let opened = self.ledger().opened;
        if opened < self.count() {
            return Some(self.too_few(opened, "at any time"));
        }
        let pause = match &self.group.reconnect {
            Some(reconnect) => reconnect.pause.0.as_secs_f64(),
            None if self.group.is_good() && self.ended_in_order() > 0 => 0.0,
            // Who does not come back has done what it was to do.
            None => return None,
        };
        let count = self.group.count.into();
        let away = (self.opened_again_per_second() * pause).min(count);
        let least = count - away - (count * MISSING).max(1.0);
        ((self.open as f64) < least).then(|| self.too_few(self.open, "for half of their time"))
    }

    /// Why connections were opened less often than the level says, if they were.
    fn too_slow(&self) -> Option<String> {
        let asked = self.group.reconnect?.attempts().0;
        let opened = self.opened_again_per_second();
        (opened < asked * OPENED).then(|| {
            format!(
                "the clients of `{}` opened only {opened:.0} of {asked:.0} connections/s",
                self.group.name
            )
        })
    }

    /// Connections per second beside the first one of each client.
    fn opened_again_per_second(&self) -> f64 {
        let again = self.ledger().opened.saturating_sub(self.count()) as f64;
        if self.seconds > 0.0 { again / self.seconds } else { 0.0 }
    }

    fn too_few(&self, open: u64, when: &str) -> String {
        format!("only {open} of {} clients of `{}` were connected {when}", self.group.count, self.group.name)
    }
}

fn vanishes(group: &Group) -> bool {
    group.rx.ends_silently() || group.tx.ends_silently()
}

/// Connections that the server ended while their clients, who do not read, held them for open.
fn ended_unnoticed(group: &Group, result: &GroupResult) -> u64 {
    // Those of clients that have vanished are no longer wanted.
    if vanishes(group) { result.server_endings.unnoticed_alive } else { result.server_endings.unnoticed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Series;

    /// A group of ten with these keys.
    fn group(keys: &str) -> Group {
        let text = format!(
            "title = \"t\"\nwarmup = \"2s\"\nmeasure = \"10s\"\n[[clients]]\nname = \"slow\"\ncount = 10\n\
             load = {{ depth = 1, payload = 9 }}\n{keys}"
        );
        let source = crate::profile::Source { file: "t.toml".into(), text };
        source.parse(&[]).unwrap_or_else(|error| panic!("{error}")).clients.remove(0)
    }

    /// A repeat of 2 s of warm-up and 10 s, with so many connected at each second, and these accounts.
    fn repeat(connected: [u64; 13], ledger: Ledger) -> Repeat {
        let mut series =
            Series { at_ns: (0..13).map(|second| second * 1_000_000_000).collect(), ..Series::default() };
        series.columns.insert("slow.alive".to_owned(), connected.map(|open| Some(open as f64)).to_vec());
        let ledger = Ledger { opened: ledger.opened.max(10), ..ledger };
        let group = GroupResult { name: "slow".into(), ledger, ..GroupResult::default() };
        let peak = connected.into_iter().max().unwrap_or(0) as f64;
        Repeat {
            window_ns: (2_000_000_000, 12_000_000_000),
            groups: vec![group],
            summary: [("slow.alive_peak".to_owned(), peak)].into_iter().collect(),
            series,
            ..Repeat::default()
        }
    }

    fn why(keys: &str, connected: [u64; 13], ledger: Ledger) -> Option<String> {
        unheld("clients.slow.count", &repeat(connected, ledger), &group(keys))
    }

    const STALLS: &str = "rx = \"stall\"";

    #[test]
    fn peers_that_were_evicted_were_not_held() {
        let none = Ledger::default();
        assert_eq!(why(STALLS, [10; 13], none), None);
        let one = Ledger { evicted_rst: 1, ..none };
        let reason = why(STALLS, [10; 13], one).expect("after the last sample");
        assert!(reason.contains("refused or ended 1 of the connections of `slow`"), "{reason}");
        // All were there in the warm-up.
        let after_it = [10, 10, 10, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
        let six = Ledger { evicted_fin: 6, ..none };
        let reason = why(STALLS, after_it, six).expect("most were evicted");
        assert_eq!(reason, "only 4 of 10 clients of `slow` were connected for half of their time");
        assert_eq!(
            apart("clients.slow.count", &repeat(after_it, six), &group(STALLS)),
            None,
            "a failure counts"
        );
        let returning = "rx = \"stall\"\nreconnect = {}";
        assert_eq!(why(returning, [10; 13], one), None, "it came back");
        assert!(why(returning, after_it, six).is_some(), "they come back, and are turned away");
        for ended in [Ledger { closed_idle: 1, ..none }, Ledger { closed_as_announced: 1, ..none }] {
            assert!(why(STALLS, [10; 13], ended).is_some(), "they do not come back");
        }
    }

    #[test]
    fn peers_whose_end_waits_behind_what_they_do_not_read_were_not_held() {
        let mut repeat = repeat([10; 13], Ledger::default());
        repeat.groups[0].server_endings.unnoticed = 3;
        let found = |repeat: &Repeat, keys: &str| unheld("clients.slow.count", repeat, &group(keys));
        let reason = found(&repeat, STALLS).expect("the server ended three");
        assert!(reason.starts_with("only 7 of 10 clients"), "{reason}");
        let vanishing = "rx = \"vanish\"";
        assert_eq!(found(&repeat, vanishing), None, "those that have vanished are to be ended");
        repeat.groups[0].server_endings.unnoticed_alive = 3;
        assert!(found(&repeat, vanishing).is_some());
    }

    #[test]
    fn a_group_is_looked_at_while_it_is_to_be_there() {
        let keys = "rx = \"stall\"\nstart = \"4s\"\nstop = \"8s\"";
        let left = Ledger { reset_by_us: 10, ..Ledger::default() };
        assert_eq!(why(keys, [0, 0, 0, 0, 0, 10, 10, 10, 0, 0, 0, 0, 0], left), None);
        assert!(why(keys, [10, 10, 10, 10, 10, 5, 5, 5, 10, 10, 10, 10, 10], left).is_some());
        assert!(why(keys, [0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0], left).is_some(), "it came too late");
    }

    #[test]
    fn what_was_not_measured_was_not_held() {
        let mut unknown = repeat([10; 13], Ledger::default());
        unknown.series.columns.clear();
        let reason = unheld("clients.slow.count", &unknown, &group(STALLS)).expect("no samples");
        assert_eq!(reason, "it was not measured how many clients of `slow` were connected");
        let mut unknown = repeat([10; 13], Ledger::default());
        unknown.groups.clear();
        for found in [unheld, apart] {
            assert!(found("clients.slow.count", &unknown, &group(STALLS)).is_some(), "no group");
        }
        let mut unknown = repeat([10; 13], Ledger::default());
        unknown.summary.clear();
        assert!(apart("clients.slow.count", &unknown, &group(STALLS)).is_some(), "no peak");
    }

    #[test]
    fn clients_that_come_and_go_are_there_if_no_more_are_away_than_leave() {
        let churn = "requests_per_connection = 1\nreconnect = { pause = \"10ms\", at_most = \"1000/s\" }";
        // 12 s with 500 connections a second, after each of which a client is away for 10 ms: five of ten.
        let busy = Ledger { opened: 6010, closed_by_us: 6000, ..Ledger::default() };
        assert_eq!(why(churn, [5; 13], busy), None);
        assert!(why(churn, [2; 13], busy).is_some(), "the limit on coming back keeps them away");
        assert!(why(churn, [5; 13], Ledger { refused: 1, ..busy }).is_some(), "one was turned away");
        // One that left does not make up for those that never came.
        let mut few = repeat([7; 13], Ledger { closed_by_us: 1, ..Ledger::default() });
        few.groups[0].ledger.opened = 7;
        let reason = unheld("clients.slow.count", &few, &group(churn)).expect("three never came");
        assert_eq!(reason, "only 7 of 10 clients of `slow` were connected at any time");
        let once = Ledger { closed_by_us: 10, ..Ledger::default() };
        assert_eq!(why("requests_per_connection = 1", [0; 13], once), None, "each has done its part");
    }

    #[test]
    fn a_level_of_connections_per_second_needs_as_many() {
        let keys = "requests_per_connection = 1\nreconnect = { at_most = \"500/s\" }";
        let found = |opened| {
            let ledger = Ledger { opened, closed_by_us: opened, ..Ledger::default() };
            unheld("clients.slow.reconnect.at_most", &repeat([0; 13], ledger), &group(keys))
        };
        assert_eq!(found(6010), None);
        let reason = found(3010).expect("half of them");
        assert_eq!(reason, "the clients of `slow` opened only 250 of 500 connections/s");
    }
}
