//! What became of the peers of a fault at a server, from the records of its runs.

use serde::{Deserialize, Serialize};

use super::{
    Variant,
    declared::Documented,
    profile::{GOOD, PEERS},
};
use crate::{
    gate,
    profile::WITH,
    record::{Phased, Price, Record, Repeat},
};

/// What a server did to the peers of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// It ended the connection of all or some of them.
    Ended {
        /// How many.
        peers: u64,
        /// Median time from connecting, in nanoseconds.
        after_ns: Option<u64>,
        /// Of these, ended by RST.
        by_reset: u64,
        /// Of these, ended by FIN.
        by_fin: u64,
        /// Of these, ended as the last answer had announced (`Connection: close`), which is not dated.
        announced: u64,
        /// Of these, ended after an error answer.
        after_error: u64,
        /// How the first error answer to a peer begins: HTTP's status line.
        answer: Option<String>,
    },
    /// It held all of them for the whole time.
    Held {
        /// That time, in nanoseconds.
        for_ns: u64,
    },
    /// It went on serving: the peers end their connections themselves, or are answered all the time.
    GoesOn,
    /// It exited.
    Died {
        /// How.
        how: String,
    },
    /// The server does not know the fault.
    DoesNotApply {
        /// Why.
        why: String,
    },
    /// It could not be measured.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A fault at a variant of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The server's name.
    pub server: String,
    /// Which variant.
    pub variant: Variant,
    /// The fault's name.
    pub fault: String,
    /// What became of the peers.
    pub outcome: Outcome,
    /// How many peers there were to be, and how many were connected at some time.
    pub peers: (u64, u64),
    /// Resident memory for each peer, in bytes; `None` where it was not measured or is noise.
    pub user_bytes_per_peer: Option<f64>,
    /// Kernel memory of the server's sockets for each peer, in bytes.
    pub kernel_bytes_per_peer: Option<f64>,
    /// 99th percentile of the good clients' response times before and with the peers, in nanoseconds, of a run that had the
    /// machine to itself; `None` without one.
    pub p99_ns: Option<(f64, f64)>,
    /// Longest time in which no good client got an answer, before and with the peers, in nanoseconds, of the same run.
    #[serde(default)]
    pub silence_ns: Option<(f64, f64)>,
    /// Whether the percentile is longer with the peers than noise explains.
    pub is_slower: Option<bool>,
    /// Requests of good clients that were not answered, lost with their connection or answered with an error; at the defaults
    /// in the run that had the machine to itself.
    pub good_failed: u64,
    /// Sockets that the server had closed and its kernel still kept when the run ended, and their memory in bytes.
    pub left_behind: Option<(u64, u64)>,
    /// Time after the peers had left until the memory was free again, in nanoseconds; `Some(None)`: it was not, in the run.
    pub memory_back_ns: Option<Option<u64>>,
    /// How late the load generator was at most in the run, in nanoseconds, where that is too much for times of good clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_ns: Option<u64>,
    /// What the documentation says, at the defaults.
    pub documented: Option<Documented>,
    /// Folders of the runs, from the folder of the atlas.
    pub runs: Vec<String>,
}

/// By how much the time until an end may differ from the documented one: by this share, or by this many seconds.
const SAME_SHARE: f64 = 0.1;
const SAME_S: f64 = 1.5;

/// Good clients are silenced from this time on, in nanoseconds, if it is so many times as long as before.
const SILENCE_NS: f64 = 500e6;
const SILENCE_FACTOR: f64 = 5.0;

/// An outcome counts where the load generator was late by so much at most, in nanoseconds, or by this share of the time until
/// the end.
const LATE_NS: f64 = 250e6;
const LATE_SHARE: f64 = 0.1;

impl Cell {
    /// A cell that has no figures.
    #[must_use]
    pub fn without(server: &str, variant: Variant, fault: &str, outcome: Outcome) -> Self {
        Self {
            server: server.to_owned(),
            variant,
            fault: fault.to_owned(),
            outcome,
            peers: (0, 0),
            user_bytes_per_peer: None,
            kernel_bytes_per_peer: None,
            p99_ns: None,
            silence_ns: None,
            is_slower: None,
            good_failed: 0,
            left_behind: None,
            memory_back_ns: None,
            late_ns: None,
            documented: None,
            runs: Vec::new(),
        }
    }

    /// Takes over what a run shows. A run `alone` had the machine to itself, so that its times count.
    pub fn take(&mut self, record: &Record, goes_on: bool, alone: bool) {
        let Some(repeat) = record.points.first().and_then(|point| point.repeats.first()) else {
            self.outcome = Outcome::Unknown { why: "the run measured nothing".to_owned() };
            return;
        };
        if let Some(how) = &repeat.died {
            self.outcome = Outcome::Died { how: how.clone() };
        }
        let Some(price) = &repeat.price else {
            if repeat.died.is_none() {
                let why = repeat.invalid.first().cloned();
                let why = why.unwrap_or_else(|| "the peers were not measured".to_owned());
                self.outcome = Outcome::Unknown { why };
            }
            return;
        };
        self.peers = (price.peers, price.connected);
        self.take_memory(price);
        if alone {
            self.take_times(repeat, price);
        }
        if alone || self.variant == Variant::Hardened {
            self.good_failed = good_failed(repeat);
        }
        let endings = repeat.group(PEERS).map(|group| &group.server_endings);
        let left = endings.and_then(|endings| endings.left_sockets.zip(endings.left_bytes));
        self.left_behind = left.filter(|(sockets, _)| *sockets > 0).or(self.left_behind);
        if repeat.died.is_none() {
            self.late_ns = gate::late_only(&record.profile, repeat).map(|ns| ns as u64);
            let found = outcome(repeat, price, goes_on, self.late_ns);
            // A shorter run may have shown something already.
            if !matches!(found, Outcome::Unknown { .. }) || matches!(self.outcome, Outcome::Unknown { .. }) {
                self.outcome = found;
            }
        }
    }

    fn take_memory(&mut self, price: &Price) {
        let above = |per_peer: Option<f64>, memory: &Phased, noise: Option<f64>| {
            per_peer.filter(|_| memory.growth().zip(noise).is_some_and(|(growth, noise)| growth > noise))
        };
        let user = above(price.user_bytes_per_peer, &price.user_memory, price.user_noise());
        let kernel = above(price.kernel_bytes_per_peer, &price.kernel_memory, price.kernel_noise());
        let more = |own: Option<f64>, new: Option<f64>| own.into_iter().chain(new).reduce(f64::max);
        self.user_bytes_per_peer = more(self.user_bytes_per_peer, user);
        self.kernel_bytes_per_peer = more(self.kernel_bytes_per_peer, kernel);
        if price.good.iter().any(|good| good.answers_per_second.after.is_some()) {
            self.memory_back_ns = Some(price.memory_back_ns);
        }
    }

    fn take_times(&mut self, repeat: &Repeat, price: &Price) {
        if !repeat.invalid.is_empty() || !repeat.disturbed.is_empty() {
            return;
        }
        let Some(good) = price.good.iter().find(|good| good.group == GOOD) else { return };
        self.p99_ns = good.p99_ns.before.zip(good.p99_ns.with);
        self.silence_ns = good.silence_ns.before.zip(good.silence_ns.with);
        self.is_slower = good.is_slower();
    }

    /// Whether times of good clients were not measured although the server served them.
    #[must_use]
    pub const fn lacks_times(&self) -> bool {
        let is_served =
            matches!(self.outcome, Outcome::Ended { .. } | Outcome::Held { .. } | Outcome::GoesOn);
        is_served && self.p99_ns.is_none()
    }

    /// Whether what was measured is something else than what is documented; `None` where nothing is documented or known.
    #[must_use]
    pub fn contradicts(&self) -> Option<bool> {
        let documented = self.documented.as_ref()?;
        let documented_s = documented.ended_after.map(|span| span.0.as_secs_f64());
        match &self.outcome {
            Outcome::Ended { after_ns: Some(ns), .. } => {
                let seconds = *ns as f64 / 1e9;
                let is_other_time =
                    documented_s.is_none_or(|said| (seconds - said).abs() > (said * SAME_SHARE).max(SAME_S));
                Some(is_other_time || documented.answer.as_deref().is_some_and(|said| !self.answers(said)))
            }
            Outcome::Held { for_ns } => {
                // What is to be ended later than the run lasted was not seen.
                let is_due =
                    documented_s.map(|said| *for_ns as f64 / 1e9 > said * (1.0 + SAME_SHARE) + SAME_S);
                is_due.or(documented.held.then_some(false)).filter(|due| *due || documented.held)
            }
            _ => None,
        }
    }

    /// Whether peers were ended after an answer of this status.
    fn answers(&self, status: &str) -> bool {
        let Outcome::Ended { after_error, answer: Some(answer), .. } = &self.outcome else { return false };
        *after_error > 0 && answer.split_whitespace().nth(1) == Some(status)
    }

    /// Resident and kernel memory for each peer, in bytes.
    #[must_use]
    pub fn bytes_per_peer(&self) -> Option<f64> {
        let both = [self.user_bytes_per_peer, self.kernel_bytes_per_peer];
        both.into_iter().flatten().reduce(|a, b| a + b)
    }

    /// How long good clients got no answer with the peers, in nanoseconds, where that is no hiccup.
    #[must_use]
    pub fn silent_ns(&self) -> Option<f64> {
        let (before, with) = self.silence_ns?;
        (with >= SILENCE_NS && with > before * SILENCE_FACTOR).then_some(with)
    }

    /// By how much longer the 99th percentile of good clients was with the peers, where that is no noise.
    #[must_use]
    pub fn slower(&self) -> Option<f64> {
        let (before, with) = self.p99_ns?;
        (self.is_slower == Some(true) && before > 0.0).then(|| with / before)
    }
}

/// Requests of good clients that failed.
fn good_failed(repeat: &Repeat) -> u64 {
    repeat
        .group(GOOD)
        .map_or(0, |group| group.requests.unanswered + group.requests.lost + group.content.errors)
}

fn outcome(repeat: &Repeat, price: &Price, goes_on: bool, late_ns: Option<u64>) -> Outcome {
    if price.connected == 0 {
        return Outcome::Unknown { why: "no peer could connect".to_owned() };
    }
    let group = repeat.group(PEERS);
    // Of peers that end their connections within an answer, its bytes tell. That they came is no matter of time.
    if goes_on && group.is_some_and(|group| group.requests.answered + group.content.verified > 0) {
        return Outcome::GoesOn;
    }
    let is_late = |ns: u64| {
        let took_ns = if price.ended > 0 { price.ended_after_ns.unwrap_or(0) } else { price.with_ns };
        ns as f64 > LATE_NS.max(took_ns as f64 * LATE_SHARE)
    };
    // Times of good clients mean nothing then; when their connection ends, peers notice a little later.
    if !repeat.invalid.is_empty() && late_ns.is_none_or(is_late) {
        return Outcome::Unknown { why: repeat.invalid.join("; ") };
    }
    if let Some(why) = repeat.unproven.first() {
        return Outcome::Unknown { why: why.clone() };
    }
    let announced = group.map_or(0, |group| group.ledger.closed_as_announced + group.ledger.closed_idle);
    if price.ended + announced == 0 {
        let with = repeat.phases.iter().find(|phase| phase.name == WITH);
        return Outcome::Held {
            for_ns: with.map_or(price.with_ns, |phase| (phase.to_ns - phase.from_ns) as u64),
        };
    }
    Outcome::Ended {
        peers: price.ended + announced,
        after_ns: price.ended_after_ns,
        by_reset: price.ended_by_reset,
        by_fin: price.ended_by_fin,
        announced,
        after_error: price.ended_after_error,
        answer: price.error_answer.clone(),
    }
}

#[cfg(test)]
mod tests;
