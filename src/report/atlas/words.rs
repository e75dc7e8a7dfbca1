//! A cell in words.

use crate::{
    atlas::{Atlas, Cell, Outcome},
    units::{human_bytes, human_time},
};

/// What good clients notice counts as harm from this factor of their 99th percentile on.
const HARM: f64 = 2.0;
/// Kernel memory of a closed connection that is worth a word, in bytes.
const LEFT_BYTES: f64 = 65536.0;
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
    let Outcome::Ended { peers, by_reset, by_fin, announced, after_error, answer, .. } = outcome else {
        return None;
    };
    let unseen = peers.saturating_sub(by_reset + by_fin + announced);
    let kinds = [
        (*by_reset, "RST"),
        (*by_fin, "FIN"),
        (*announced, "FIN that an answer announced"),
        (unseen, "an end that was not seen"),
    ];
    let kinds: Vec<(u64, &str)> = kinds.into_iter().filter(|(count, _)| *count > 0).collect();
    let how: Vec<String> = match &kinds[..] {
        [(_, kind)] => vec![(*kind).to_owned()],
        kinds => kinds.iter().map(|(count, kind)| format!("{kind} ({count})")).collect(),
    };
    let how = how.join(" and ");
    let answer = answer.as_deref().map_or_else(|| "an error answer".to_owned(), status);
    Some(match *after_error {
        0 => how,
        all if all >= *peers => format!("{answer} and {how}"),
        some => format!("{answer} ({some}) and {how}"),
    })
}

/// The same in a word or two, for a cell of the matrix.
pub(super) fn by(cell: &Cell) -> String {
    let Outcome::Ended { peers, by_reset, by_fin, announced, after_error, answer, .. } = &cell.outcome else {
        return String::new();
    };
    let end = match (*by_reset, by_fin + announced) {
        (0, 0) => "",
        (0, _) => "FIN",
        (_, 0) => "RST",
        _ => "FIN, RST",
    };
    let status = answer.as_deref().map_or_else(|| "error".to_owned(), status);
    match (*after_error * 2 > *peers, end) {
        (true, "") => status,
        (true, end) => format!("{status}, {end}"),
        (false, end) => end.to_owned(),
    }
}

/// The status of a status line; the beginning of another answer.
fn status(answer: &str) -> String {
    let words: Vec<&str> = answer.split_whitespace().collect();
    match words[..] {
        [version, code, ..] if version.starts_with("HTTP/") => code.to_owned(),
        // An error of Redis, for instance: the first word says which.
        _ => words.first().unwrap_or(&"error").trim_matches('-').chars().take(12).collect(),
    }
}

/// A cell's first line, as short as can be.
pub(super) fn short(cell: &Cell) -> String {
    match &cell.outcome {
        Outcome::Ended { peers, after_ns, .. } => {
            let after = after_ns.map_or_else(|| "ended".to_owned(), |ns| human_time(ns as f64));
            if *peers < cell.peers.0 { format!("{peers}/{} {after}", cell.peers.0) } else { after }
        }
        Outcome::Held { for_ns } => {
            let (peers, connected) = cell.peers;
            let count = if connected < peers { format!(" {connected}/{peers}") } else { String::new() };
            format!("held{count} {:.0} s", *for_ns as f64 / 1e9)
        }
        Outcome::GoesOn => "served".to_owned(),
        Outcome::Died { .. } => "died".to_owned(),
        Outcome::DoesNotApply { .. } => String::new(),
        Outcome::Unknown { .. } => "?".to_owned(),
    }
}

/// The same with a mark where the documentation says something else.
pub(super) fn marked(cell: &Cell) -> String {
    let mark = if cell.contradicts() == Some(true) { " ≠" } else { "" };
    format!("{}{mark}", short(cell))
}

/// What a peer costs.
pub(super) fn cost(cell: &Cell) -> String {
    if matches!(cell.outcome, Outcome::DoesNotApply { .. }) {
        return String::new();
    }
    cell.bytes_per_peer().map(human_bytes).unwrap_or_default()
}

/// What good clients notice.
pub(super) fn harm(cell: &Cell) -> String {
    let slower = cell.slower().filter(|factor| *factor >= HARM);
    match (cell.good_failed, cell.silent_ns(), slower) {
        (1.., ..) => "good fail".to_owned(),
        (0, Some(ns), _) => format!("silent {}", human_time(ns)),
        (0, None, Some(factor)) => format!("p99 ×{}", factor_words(factor)),
        (0, None, None) => String::new(),
    }
}

/// What the kernel still kept of each peer that the server had ended.
pub(super) fn left(cell: &Cell) -> String {
    let each = cell.left_behind.map(|(sockets, bytes)| bytes as f64 / sockets.max(1) as f64);
    each.filter(|each| *each >= LEFT_BYTES)
        .map(|each| format!("left {}", human_bytes(each)))
        .unwrap_or_default()
}

/// The cell's lines, the first of them marked.
pub(super) fn lines(cell: &Cell) -> Vec<String> {
    let lines = [marked(cell), by(cell), cost(cell), harm(cell), left(cell)];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
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
            let count = if *peers < connected { format!("{peers} of {connected}") } else { "all".into() };
            format!("{count} were ended{after} by {by}")
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
        let noise = if cell.is_slower == Some(false) { " (noise)" } else { "" };
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
        cell.silent_ns().map(|ns| format!("no good client got an answer for {}", human_time(ns))),
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
    Some(format!("{}: documented: {}; measured: {}", cell.fault, documented.says, sentence(cell)))
}

/// When it was measured.
pub(super) fn runs(atlas: &Atlas) -> String {
    match &atlas.runs {
        None => "no runs".to_owned(),
        Some((first, last)) if first == last => format!("run of {first}"),
        Some((first, last)) => format!("runs of {first} to {last}"),
    }
}

/// How it was measured, in sentences.
pub(super) fn manner(atlas: &Atlas) -> String {
    let hold = human_time(atlas.hold.0.as_nanos() as f64);
    let timeout = human_time(atlas.timeout.0.as_nanos() as f64);
    let quick = if atlas.quick { " This is a quick atlas: what takes longer was not seen." } else { "" };
    format!(
        "{} peers have the fault at a time, beside 8 good clients, over the loopback interface. Peers are watched for up to \
         {hold}; hardened configurations set timeouts of {timeout}.{quick} Memory is that of the server's processes and of the \
         kernel for its sockets, for each peer; none is shown where it is within noise; what is left is what the kernel still keeps of each peer that the \
         server has ended. Times of good clients are of runs at the \
         defaults, which had the machine to themselves; for hardened configurations they were not measured.",
        atlas.peers
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlas::Variant;

    fn cell(outcome: Outcome) -> Cell {
        Cell { peers: (20, 20), ..Cell::without("s", Variant::Default, "f", outcome) }
    }

    /// An end of these peers: by RST, by FIN, announced, and after an error answer.
    fn ended([peers, by_reset, by_fin, announced, after_error]: [u64; 5], answer: Option<&str>) -> Cell {
        let answer = answer.map(ToOwned::to_owned);
        let after_ns = Some(2_010_000_000);
        cell(Outcome::Ended { peers, after_ns, by_reset, by_fin, announced, after_error, answer })
    }

    #[test]
    fn an_end_is_told_by_what_was_seen_of_it() {
        let request_timeout = Some("HTTP/1.1 408 Request Timeout");
        for (cell, whole, brief) in [
            (ended([20, 20, 0, 0, 0], None), "RST", "RST"),
            (ended([20, 0, 20, 0, 20], request_timeout), "408 and FIN", "408, FIN"),
            (ended([20, 0, 20, 0, 1], request_timeout), "408 (1) and FIN", "FIN"),
            (ended([20, 0, 20, 0, 20], None), "an error answer and FIN", "error, FIN"),
            (ended([20, 0, 0, 0, 0], None), "an end that was not seen", ""),
            (ended([20, 5, 15, 0, 0], None), "RST (5) and FIN (15)", "FIN, RST"),
            (ended([20, 0, 0, 20, 0], None), "FIN that an answer announced", "FIN"),
            (ended([3, 3, 0, 0, 3], Some("-ERR Protocol error: x")), "ERR and RST", "ERR, RST"),
        ] {
            assert_eq!((ended_by(&cell.outcome).as_deref(), &*by(&cell)), (Some(whole), brief));
        }
        assert_eq!((ended_by(&Outcome::GoesOn), by(&cell(Outcome::GoesOn))), (None, String::new()));
    }

    #[test]
    fn a_cell_says_of_how_many_peers_it_is() {
        assert_eq!(short(&ended([20, 20, 0, 0, 0], None)), "2.01 s");
        assert_eq!(short(&ended([5, 5, 0, 0, 0], None)), "5/20 2.01 s");
        let held = cell(Outcome::Held { for_ns: 99_800_000_000 });
        assert_eq!(short(&held), "held 100 s");
        assert_eq!(short(&Cell { peers: (20, 18), ..held }), "held 18/20 100 s");
        let all = Cell { peers: (20, 18), ..ended([18, 18, 0, 0, 0], None) };
        assert_eq!(short(&all), "18/20 2.01 s", "all that could connect, of those that were to");
        assert_eq!(tone(&all), Tone::Early);
    }

    #[test]
    fn harm_is_failure_then_silence_then_slowness() {
        let slow = Cell { p99_ns: Some((1e6, 12e6)), is_slower: Some(true), ..cell(Outcome::GoesOn) };
        assert_eq!(harm(&slow), "p99 ×12");
        let silent = Cell { silence_ns: Some((10e6, 2.4e9)), ..slow };
        assert_eq!(harm(&silent), "silent 2.40 s");
        assert_eq!(harm(&Cell { good_failed: 1, ..silent }), "good fail");
        assert_eq!(harm(&cell(Outcome::GoesOn)), "");
    }

    #[test]
    fn what_is_left_is_said_beside_harm() {
        let cell = |bytes| Cell {
            left_behind: Some((20, bytes)),
            p99_ns: Some((1e6, 12e6)),
            is_slower: Some(true),
            ..ended([20, 0, 20, 0, 0], None)
        };
        let lines = |cell: &Cell| lines(cell).join(" | ");
        assert_eq!(lines(&cell(20 << 22)), "2.01 s | FIN | p99 ×12 | left 4 MiB");
        assert_eq!(lines(&cell(20 << 10)), "2.01 s | FIN | p99 ×12");
    }
}
