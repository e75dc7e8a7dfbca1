//! Whether a repeat is valid: what the load generator and the host did, judged from the record by the limits that are
//! stated here.
//!
//! Four answers are possible. The repeat is *invalid*: none of its figures is the server's. Or it was *disturbed*: its
//! times, rates and costs are not the server's, and what does not depend on time stands
//! ([`crate::metric::Stat::depends_on_time`]). Or the clients were the limit ([`clients_were_the_limit`],
//! [`clients_were_late`]): memory, evictions and content stand, and rates and latencies prove only what holds in spite
//! of it. Or a *note* says what to bear in mind.

mod clients;
mod closes;
mod connecting;
mod figures;
mod findings;
mod late_only;
mod others;
mod put_off;

pub(super) use self::figures::number;
use self::{
    clients::strain,
    figures::{Figures, percent},
};
pub use self::{
    clients::{
        MOST_RUN_DELAY, SATURATED, WORST_BUSY_PACING_ERROR_NS, clients_were_late, clients_were_starved,
        clients_were_the_limit,
    },
    findings::Findings,
    late_only::late_only,
    others::{LEAST_OTHER_REQUESTS_PER_SECOND, MOST_OTHER_REQUESTS, MOST_OTHERS, NOTABLE_OTHERS, WAITING},
    put_off::{MOST_PUT_OFF, clients_were_put_off},
};
use super::inflation::{MOST_OWN_SHARE, own_share};
use crate::{
    codec::Protocol,
    metric::{Fold, Metric},
    profile::{Group, Profile},
    record::{GroupResult, Repeat},
    units::human_time,
};

/// The load generator may start requests this late (99th percentile) before its latencies mean nothing, in nanoseconds:
/// what a person notices, and more than any healthy machine needs.
pub const WORST_PACING_ERROR_NS: f64 = 50e6;
/// From this share on, client and server limit a closed loop together.
pub const BUSY: f64 = 0.9;
/// Share of the window in which the load generator may be stalled: a closed loop's rate is wrong by as much, and a rate
/// that differs by less counts as the same anyway.
pub const MOST_PAUSED: f64 = 0.1;
/// Share of the cores in use that other guests of the host may take, for the same reason. Ordinary cloud machines stay below 1 %, oversold ones show 2 to 5 % for hours and remain usable.
pub const MOST_STEAL: f64 = 0.1;
/// From this share on, steal gets a note.
pub const NOTABLE_STEAL: f64 = 0.01;
/// Share of the time that the load generator waits for its core from which on others are worth a note.
pub const NOTABLE_RUN_DELAY: f64 = 0.1;
/// Share of the time that some task of the machine waits for a core from which on it is worth a note.
pub const NOTABLE_PRESSURE: f64 = 0.25;
/// Share of a group's requests that may go unanswered before it is worth a note: the slowest 1 % are what the 99th
/// percentile is about.
const NOTABLE_UNANSWERED: f64 = 0.01;

/// Where there is no warm-up, connecting may take this share of the window before an open loop starts.
const MOST_CONNECTING: f64 = 0.1;

/// Judges a repeat of this profile, which has the keys of the repeat's point of the sweep.
#[must_use]
pub fn examine(profile: &Profile, repeat: &Repeat) -> Findings {
    let figures = Figures { profile, repeat };
    let invalid = [
        figures.accounts(),
        figures.openings(),
        figures.loop_starts().filter(|_| !figures.took_nobody()),
        figures.exhaustion(),
        figures.pacing(),
        figures.connect_pace(),
        figures.pauses(),
        figures.listen_queue().filter(|_| figures.explains_silence()),
        figures.crowded_port(),
        figures.not_accepted(true),
    ];
    let disturbed = [figures.steal(MOST_STEAL..=f64::INFINITY), figures.crowded_cores()];
    let notes = [
        figures.busy(),
        figures.lateness(),
        figures.connected_late(),
        figures.pauses_late(),
        figures.run_delay(),
        figures.steal(NOTABLE_STEAL..=MOST_STEAL.next_down()),
        figures.pressure(),
        figures.others_beside(),
        figures.clients_beside(),
        figures.silence(),
        figures.inflation(),
        figures.pipelining(),
        figures.closing(),
        figures.put_off(),
        // A server that answers no client is not excused by a queue that it never emptied, nor by a load that waited
        // for it.
        figures.listen_queue().filter(|_| !figures.explains_silence()),
        figures.loop_starts().filter(|_| figures.took_nobody()),
        figures.not_accepted(false),
    ];
    Findings {
        invalid: invalid.into_iter().flatten().collect(),
        disturbed: disturbed.into_iter().flatten().collect(),
        notes: notes.into_iter().flatten().collect(),
    }
}

/// Judges what the machine of a shard did to it. What clients and server came to is judged of all shards together; a shard that
/// was late hides among many.
#[must_use]
pub fn examine_shard(profile: &Profile, repeat: &Repeat) -> Findings {
    let figures = Figures { profile, repeat };
    let invalid = [
        figures.accounts(),
        figures.exhaustion(),
        figures.pacing(),
        figures.connect_pace(),
        figures.pauses(),
    ];
    let disturbed = [figures.steal(MOST_STEAL..=f64::INFINITY)];
    let notes = [
        figures.busy(),
        figures.lateness(),
        figures.connected_late(),
        figures.pauses_late(),
        figures.run_delay(),
        figures.steal(NOTABLE_STEAL..=MOST_STEAL.next_down()),
    ];
    Findings {
        invalid: invalid.into_iter().flatten().collect(),
        disturbed: disturbed.into_iter().flatten().collect(),
        notes: notes.into_iter().flatten().collect(),
    }
}

impl Figures<'_> {
    fn accounts(&self) -> Option<String> {
        let wrong = self.repeat.groups.iter().find(|g| !g.ledger.balances() || !g.requests.balance())?;
        Some(format!(
            "connections or requests of group `{}` are not accounted for ({:?}, {:?}): this is a bug in badpeer, \
             please report it",
            wrong.name, wrong.ledger, wrong.requests
        ))
    }

    /// A client that never connected was not served.
    fn openings(&self) -> Option<String> {
        let mut groups = self.profile.clients.iter().zip(&self.repeat.groups);
        let is_short = |(asked, came): &(&Group, &GroupResult)| came.ledger.opened < u64::from(asked.count);
        let (asked, came) = groups.find(is_short).filter(|_| !self.repeat.cut_short)?;
        Some(format!(
            "group `{}` opened only {} of its {} connections before the window ended: make `warmup` and `measure` \
             longer, end other programs, or have the server accept faster: `connect_rate` opens them at a rate \
             whatever it accepts",
            asked.name, came.ledger.opened, asked.count
        ))
    }

    /// Before an open loop has started there is no load, and nothing to measure. Where a profile has no warm-up, connecting
    /// may take a small part of what it measures.
    fn loop_starts(&self) -> Option<String> {
        let window_ns = self.repeat.window_ns.0;
        let is_open = |group: &Group| group.load.rate.is_some() && !group.tx.is_idle();
        let asked_ns = |group: &Group| group.start.0.as_nanos() as i64;
        let is_at_once = window_ns == 0;
        let connecting_ns = (self.window_ns() * MOST_CONNECTING) as i64;
        let latest_ns = |group: &Group| if is_at_once { asked_ns(group) + connecting_ns } else { window_ns };
        let is_late = |(group, result): &(&Group, &GroupResult)| {
            is_open(group)
                && (is_at_once || asked_ns(group) < window_ns)
                && result.loop_started_ns.is_none_or(|ns| ns > latest_ns(group))
        };
        let mut groups = self.profile.clients.iter().zip(&self.repeat.groups);
        let (group, result) = groups.find(is_late).filter(|_| !self.repeat.cut_short)?;
        let when = result.loop_started_ns.map_or("never started".to_owned(), |ns| {
            format!("started {} after the measured window began", human_time((ns - window_ns) as f64))
        });
        Some(format!(
            "the open loop of `{}` {when}: it starts when all of its connections are open; make `warmup` longer, or \
             use fewer connections or a faster `connect_rate`",
            group.name
        ))
    }

    /// Of the 99th percentile, which is what people look at first.
    fn inflation(&self) -> Option<String> {
        let share = |group: &Group| own_share(self.repeat, group, Metric::LatencyP99);
        let group = self.profile.clients.iter().find(|group| share(group) > MOST_OWN_SHARE)?;
        Some(format!(
            "{} of the 99th percentile of `{}` was caused by the load generator: it started requests late, or was \
             stalled while answers arrived; a latency with a larger share than {} is not judged, unless it stayed \
             below its limit",
            percent(share(group)),
            group.name,
            percent(MOST_OWN_SHARE)
        ))
    }

    /// Not every server takes requests that are pipelined, and browsers send none.
    fn pipelining(&self) -> Option<String> {
        let pipelines = |group: &&Group| {
            group.protocol == Protocol::Http && group.load.depth.is_some_and(|depth| depth > 1)
        };
        let group = self.profile.clients.iter().find(pipelines)?;
        Some(format!(
            "`{}` sends up to {} requests on a connection before the first is answered (HTTP pipelining), because \
             `load.depth` says so",
            group.name,
            group.load.depth.unwrap_or(1)
        ))
    }

    fn exhaustion(&self) -> Option<String> {
        let exhaustion = self.repeat.effective.exhaustion?;
        let opened: u64 = self.repeat.groups.iter().map(|group| group.ledger.opened).sum();
        Some(format!(
            "the load generator ran out of {} after {opened} connections, which ended the repeat: {}; `badpeer \
             doctor` shows what this machine allows",
            exhaustion.what(),
            exhaustion.remedy()
        ))
    }

    fn pacing(&self) -> Option<String> {
        let late_ns =
            self.of(Metric::PacingErrorP99, Fold::Final).filter(|ns| *ns > WORST_PACING_ERROR_NS)?;
        Some(format!(
            "the load generator started requests {} late (99th percentile), so latencies would be its own; lower the \
             rate, or give the load generator more or faster cores",
            human_time(late_ns)
        ))
    }

    fn lateness(&self) -> Option<String> {
        let late_ns = self.of(Metric::PacingErrorP99, Fold::Final)?;
        (clients_were_late(self.repeat) && late_ns <= WORST_PACING_ERROR_NS).then(|| {
            format!(
                "the load generator was busy {} of the time and started requests {} late (99th percentile): latencies \
                 of open loops are partly its own, and prove only that they stayed below a limit",
                percent(strain(self.repeat)),
                human_time(late_ns)
            )
        })
    }

    fn pauses(&self) -> Option<String> {
        let paused_ns = self.of(Metric::HarnessPaused, Fold::Final)?;
        let share = paused_ns / self.window_ns();
        (share > MOST_PAUSED).then(|| {
            let longest = self.of(Metric::HarnessPauseMax, Fold::Final).unwrap_or(paused_ns);
            format!(
                "the load generator was stalled for {} ({} of the window, at most {} at a time): it was stopped, or \
                 other programs had its cores; do not stop badpeer, and end other programs",
                human_time(paused_ns),
                percent(share),
                human_time(longest)
            )
        })
    }

    /// Time that other guests took, as a share of the cores in use, where it lies in this range.
    fn steal(&self, notable: std::ops::RangeInclusive<f64>) -> Option<String> {
        let stolen = self.of(Metric::HostSteal, Fold::Rate)?;
        let (server, clients) = (&self.repeat.effective.server_cores, &self.repeat.effective.client_cores);
        let shared = clients.iter().filter(|core| server.contains(core)).count();
        let cores = (server.len() + clients.len() - shared).max(1);
        let share = stolen / cores as f64;
        notable.contains(&share).then(|| {
            format!(
                "other guests of the host took {} of the time of the cores in use (steal): run when the host is less \
                 busy, or use a dedicated machine",
                percent(share)
            )
        })
    }

    fn busy(&self) -> Option<String> {
        let busy = strain(self.repeat);
        let closed: Vec<&str> = self.profile.closed_loops().map(|group| group.name.as_str()).collect();
        (busy >= BUSY && !closed.is_empty()).then(|| {
            let whose = if busy >= SATURATED {
                "are those of the load generator, not of the server; expectations about them are judged only where \
                 they were reached"
            } else {
                "were limited by the load generator as much as by the server"
            };
            format!(
                "the load generator was busy {} of the time: rates and latencies of closed loops ({}) {whose}",
                percent(busy),
                closed.join(", ")
            )
        })
    }

    fn run_delay(&self) -> Option<String> {
        let share = self.of(Metric::HarnessRunDelay, Fold::Final).filter(|s| *s >= NOTABLE_RUN_DELAY)?;
        Some(format!(
            "the load generator waited for its core {} of the time: other programs run there (end them), or the \
             threads of a `race`",
            percent(share)
        ))
    }

    /// Needs no saying where the clients' own wait, or that of the server, says it.
    fn pressure(&self) -> Option<String> {
        if self.run_delay().or(self.crowded_cores()).or(self.others_beside()).is_some() {
            return None;
        }
        let share = self.of(Metric::HostCpuPressure, Fold::Rate).filter(|s| *s >= NOTABLE_PRESSURE)?;
        Some(format!(
            "some task of this machine waited for a core {} of the time (CPU pressure): other programs run (end \
             them), or the server has more busy threads than cores",
            percent(share)
        ))
    }

    /// Unanswered requests have no latency; the percentiles count them as the slowest all the same.
    fn silence(&self) -> Option<String> {
        let silent = |group: &&GroupResult| {
            let open = (group.requests.unanswered + group.requests.lost + group.requests.skipped) as f64;
            group.response_ns.count() > 0 && open > group.requests.started as f64 * NOTABLE_UNANSWERED
        };
        let group = self.repeat.groups.iter().find(silent)?;
        let requests = &group.requests;
        let parts = [
            (requests.unanswered, "unanswered"),
            (requests.lost, "lost"),
            (requests.skipped, "never started (no connection was free)"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        Some(format!(
            "`{}`: of its requests, {}; latency percentiles count them as slower than any answer; the oldest waited \
             for {}; {} requests were answered",
            group.name,
            parts.join(", "),
            human_time(group.censored_ns.quantile(1.0).unwrap_or(requests.oldest_unanswered_ns) as f64),
            requests.answered
        ))
    }
}

#[cfg(test)]
mod tests;
