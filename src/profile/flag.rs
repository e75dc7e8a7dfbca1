//! The flags of `badpeer bench` that stand behind the keys of its profile.

use crate::metric::{Key, Metric};

/// The flag that sets the key at the end of this path; the good clients are the first group.
pub(super) fn flag(path: &[String]) -> &'static str {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts[..] {
        ["measure" | "sample_every"] => "--duration",
        ["warmup"] => "--warmup",
        ["client_threads"] => "--threads",
        ["source"] => "--source",
        ["server", "command", ..] => "<COMMAND>",
        ["title"] | ["server", ..] | ["clients", "0", "http", "path"] => "<ADDRESS>",
        ["clients"] => "--connections and --bad",
        ["clients", "0", "count"] => "--connections",
        ["clients", "0", "load", "rate"] => "--rate",
        ["clients", "0", "load", ..] => "--payload",
        ["clients", "0", "requests_per_connection"] => "--requests-per-connection",
        ["clients", "0", "http", "headers"] => "--header",
        ["clients", "0", "http", "method"] => "--method",
        ["clients", "0", "http", "body"] => "--body",
        ["clients", "0", "http", "status"] => "--status",
        ["clients", "0", ..] => "--protocol",
        ["clients", _, "http", "path"] => "--bad-path",
        ["clients", _, "start"] | ["phases", "before"] => "--before",
        ["clients", _, "stop"] | ["phases", "with"] => "--with",
        ["clients", ..] => "--bad",
        ["phases", ..] => "--after",
        ["expect", name] => flag_of_bound(name),
        _ => "bench",
    }
}

/// The flag that sets what is expected of this number.
fn flag_of_bound(name: &str) -> &'static str {
    let metric = Key::parse(name).map(|key| key.stat.metric);
    match metric {
        Some(Metric::LongestWait) => "--max-wait",
        Some(Metric::LongestSilence) => "--max-silence",
        Some(Metric::MemoryPerPeer) => "--max-memory-per-peer",
        _ if name.contains('@') => "--max-p99-factor",
        _ => "bench",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_good_clients_has_a_flag_and_those_of_all_others_are_of_bad() {
        for (path, wanted) in [
            ("measure", "--duration"),
            ("clients.0.count", "--connections"),
            ("clients.0.load.rate", "--rate"),
            ("clients.0.load.payload", "--payload"),
            ("clients.1.count", "--bad"),
            ("clients.1.http.path", "--bad-path"),
            ("server.attach", "<ADDRESS>"),
            ("server.command", "<COMMAND>"),
            ("clients.1.start", "--before"),
            ("clients.1.stop", "--with"),
            ("phases.before", "--before"),
            ("phases.with", "--with"),
            ("phases.after", "--after"),
        ] {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            assert_eq!(flag(&path), wanted);
        }
    }

    #[test]
    fn a_bound_has_the_flag_that_sets_it() {
        for (name, wanted) in [
            ("good.longest_wait", "--max-wait"),
            ("good.longest_silence @ with", "--max-silence"),
            ("good.latency_p99 @ with", "--max-p99-factor"),
            ("memory_per_peer", "--max-memory-per-peer"),
        ] {
            assert_eq!(flag(&["expect".to_owned(), name.to_owned()]), wanted);
        }
    }
}
