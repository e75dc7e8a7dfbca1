//! A cell in words.

use crate::{
    atlas::{Atlas, Cell, Outcome},
    units::{human_bytes, human_time},
};

/// What good clients notice counts as harm from this factor of their 99th percentile on.
const HARM: f64 = 2.0;
/// An end within this time is early, in nanoseconds.
const EARLY_NS: u64 = 15_000_000_000;

/// The outcome as a word for programs.
pub(super) const fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Ended { .. } => "ended",
        Outcome::Held { .. } => "held",
        Outcome::GoesOn => "goes-on",
        Outcome::Died { .. } => "died",
        Outcome::DoesNotApply { .. } => "does-not-apply",
        Outcome::Unknown { .. } => "unknown",
    }
}

/// How a cell is colored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// All peers were ended soon.
    Early,
    /// All were ended late.
    Late,
    /// Some or all were held.
    Held,
    /// The server goes on.
    GoesOn,
    /// It died.
    Died,
    /// Nothing to show.
    Nothing,
    /// It is not known.
    Unknown,
}

impl Tone {
    /// Those of the legend, with what each stands for.
    pub(super) const LEGEND: [(Self, &'static str); 6] = [
        (Self::Early, "ended within 15 s"),
        (Self::Late, "ended later"),
        (Self::Held, "held"),
        (Self::GoesOn, "served, as it should be"),
        (Self::Died, "the server died"),
        (Self::Unknown, "not known"),
    ];

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Late => "late",
            Self::Held => "held",
            Self::GoesOn => "goes-on",
            Self::Died => "died",
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
        }
    }
}

pub(super) fn tone(cell: &Cell) -> Tone {
    match &cell.outcome {
        Outcome::Ended { peers, .. } if *peers < cell.peers.1 => Tone::Held,
        Outcome::Ended { after_ns: Some(after_ns), .. } if *after_ns > EARLY_NS => Tone::Late,
        Outcome::Ended { .. } => Tone::Early,
        Outcome::Held { .. } => Tone::Held,
        Outcome::GoesOn => Tone::GoesOn,
        Outcome::Died { .. } => Tone::Died,
        Outcome::DoesNotApply { .. } => Tone::Nothing,
        Outcome::Unknown { .. } => Tone::Unknown,
    }
}

/// The outcome's time, in seconds.
pub(super) fn seconds(outcome: &Outcome) -> Option<f64> {
    match outcome {
        Outcome::Ended { after_ns, .. } => after_ns.map(|ns| ns as f64 / 1e9),
        Outcome::Held { for_ns } => Some(*for_ns as f64 / 1e9),
        _ => None,
    }
}

/// By what connections were ended.
pub(super) fn ended_by(outcome: &Outcome) -> Option<String> {
    let Outcome::Ended { peers, by_reset, answer, .. } = outcome else { return None };
    let how = match *by_reset {
        0 => "FIN",
        all if all >= *peers => "RST",
        _ => "FIN and RST",
    };
    Some(match answer {
        Some(answer) => format!("{} and {how}", status(answer)),
        None => how.to_owned(),
    })
}

/// The status of a status line; the beginning of another answer.
fn status(answer: &str) -> String {
    let words: Vec<&str> = answer.split_whitespace().collect();
    match words[..] {
        [version, code, ..] if version.starts_with("HTTP/") => code.to_owned(),
        _ => answer.chars().take(24).collect(),
    }
}

/// A cell's first line, as short as can be.
pub(super) fn short(cell: &Cell) -> String {
    match &cell.outcome {
        Outcome::Ended { peers, after_ns, .. } => {
            let after = after_ns.map_or_else(|| "ended".to_owned(), |ns| human_time(ns as f64));
            if *peers < cell.peers.1 { format!("{peers}/{} {after}", cell.peers.1) } else { after }
        }
        Outcome::Held { .. } => "held".to_owned(),
        Outcome::GoesOn => "served".to_owned(),
        Outcome::Died { .. } => "died".to_owned(),
        Outcome::DoesNotApply { .. } => String::new(),
        Outcome::Unknown { .. } => "?".to_owned(),
    }
}

/// Its second line: what a peer costs.
pub(super) fn cost(cell: &Cell) -> String {
    if matches!(cell.outcome, Outcome::DoesNotApply { .. }) {
        return String::new();
    }
    cell.bytes_per_peer().map(human_bytes).unwrap_or_default()
}

/// Its third line: what good clients notice.
pub(super) fn harm(cell: &Cell) -> String {
    let slower = cell.slower().filter(|factor| *factor >= HARM);
    match (cell.good_failed, slower) {
        (0, None) => String::new(),
        (0, Some(factor)) => format!("p99 ×{}", factor_words(factor)),
        (1.., _) => "good fail".to_owned(),
    }
}

fn factor_words(factor: f64) -> String {
    if factor >= 10.0 { format!("{factor:.0}") } else { format!("{factor:.1}") }
}

/// The whole cell in a sentence or two.
pub(super) fn sentence(cell: &Cell) -> String {
    let (peers, connected) = cell.peers;
    let what = match &cell.outcome {
        Outcome::Ended { peers, after_ns, .. } => {
            let by = ended_by(&cell.outcome).unwrap_or_default();
            let after = after_ns.map(|ns| format!(" after {}", human_time(ns as f64))).unwrap_or_default();
            let count =
                if *peers < connected { format!("{peers} of {connected} were") } else { "all were".into() };
            format!("{count} ended{after} by {by}")
        }
        Outcome::Held { for_ns } => format!("held for all of {}", human_time(*for_ns as f64)),
        Outcome::GoesOn => "served all the time".to_owned(),
        Outcome::Died { how } => format!("the server died: {how}"),
        Outcome::DoesNotApply { why } => return format!("does not apply: {why}"),
        Outcome::Unknown { why } => return format!("not known: {why}"),
    };
    let memory = |kind: &str, bytes: Option<f64>| {
        bytes.map(|bytes| format!("{} of {kind} memory each", human_bytes(bytes)))
    };
    let times = cell.p99_ns.map(|(before, with)| {
        let noise = if cell.is_slower == Some(true) { "" } else { " (noise)" };
        format!("p99 of good clients {} → {}{noise}", human_time(before), human_time(with))
    });
    let left = cell.left_behind.map(|(sockets, bytes)| {
        format!("left behind in the kernel: {sockets} sockets with {} in all", human_bytes(bytes as f64))
    });
    let is_kept = cell.memory_back_ns == Some(None) && cell.bytes_per_peer().is_some();
    let parts = [
        Some(what),
        (connected < peers).then(|| format!("{connected} of {peers} could connect")),
        memory("user", cell.user_bytes_per_peer),
        memory("kernel", cell.kernel_bytes_per_peer),
        times,
        (cell.good_failed > 0).then(|| format!("{} requests of good clients failed", cell.good_failed)),
        left,
        cell.late_ns.map(|ns| format!("the load generator was up to {} late", human_time(ns as f64))),
        is_kept.then(|| "memory was not free again 0.7 s after the peers had left".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// What the documentation says, where the cell shows something else.
pub(super) fn contradiction(cell: &Cell) -> Option<String> {
    let documented = cell.documented.as_ref().filter(|_| cell.contradicts() == Some(true))?;
    Some(format!("documented: {}; measured: {}", documented.says, sentence(cell)))
}

/// How it was measured, in sentences.
pub(super) fn manner(atlas: &Atlas) -> String {
    let hold = human_time(atlas.hold.0.as_nanos() as f64);
    let timeout = human_time(atlas.timeout.0.as_nanos() as f64);
    let quick = if atlas.quick { " This is a quick atlas: what takes longer was not seen." } else { "" };
    format!(
        "{} peers have the fault at a time, beside 8 good clients, over the loopback interface. At the defaults peers are \
         watched for up to {hold}; hardened configurations set timeouts of {timeout}.{quick} Memory is that of the server's \
         processes and of the kernel for its sockets, for each peer; none is shown where it is within noise. Times of good \
         clients are of runs that had the machine to themselves.",
        atlas.peers
    )
}
