//! The flags of `badpeer bench` about when bad peers come and leave, and what they may cost.

use std::time::Duration;

use super::Failure;
use crate::{
    profile::{Crowd, PhasePlan},
    units::{Bytes, OrOff, Span},
};

/// From so many bad peers on, memory for each of them is bounded without being asked for: with fewer, what the server's memory
/// grows by anyway is a large part of it.
const LEAST_PEERS: u64 = 16;

/// The shortest that each part may be.
const SHORTEST: Duration = Duration::from_millis(10);

#[derive(Debug, clap::Args)]
pub(super) struct PhaseFlags {
    /// With --bad: length of the phase in which good clients are alone, before the bad peers connect. Default: a quarter of --duration
    #[arg(long, value_name = "TIME", requires = "bad")]
    before: Option<Span>,

    /// With --bad: length of the phase in which the bad peers are connected. Default: half of --duration
    #[arg(long, value_name = "TIME", requires = "bad")]
    with: Option<Span>,

    /// With --bad: length of the phase in which good clients are alone again, after the bad peers have left. Default: a quarter of --duration
    #[arg(long, value_name = "TIME", requires = "bad")]
    after: Option<Span>,

    /// Largest 99th percentile of good clients while bad peers are connected, as a multiple of that before: a number, or
    /// off; up to 10 ms always passes. Default: 10
    #[arg(long, value_name = "FACTOR|off", requires = "bad", value_parser = factor)]
    max_p99_factor: Option<OrOff<f64>>,

    /// Longest time in which no good client gets an answer while bad peers are connected: a time, or off. Default: 1 s
    #[arg(long, value_name = "TIME|off", requires = "bad")]
    max_silence: Option<OrOff<Span>>,

    /// Largest growth of the server's memory, in user space and in the kernel, for each bad peer: a size, or off.
    /// Default: 1MiB with 16 bad peers or more and a server on a loopback address, otherwise off
    #[arg(long, value_name = "SIZE|off", requires = "bad")]
    max_memory_per_peer: Option<OrOff<Bytes>>,
}

fn factor(text: &str) -> Result<OrOff<f64>, String> {
    if text == "off" {
        return Ok(OrOff(None));
    }
    let factor = text.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor > 0.0);
    factor
        .map(|factor| OrOff(Some(factor)))
        .ok_or_else(|| format!("`{text}` is not a factor such as 10, or off"))
}

impl PhaseFlags {
    /// The first flag that was given and sets no more than what is expected.
    pub(super) fn expectation_flag(&self) -> Option<&'static str> {
        let given = [
            ("--max-p99-factor", self.max_p99_factor.is_some()),
            ("--max-silence", self.max_silence.is_some()),
            ("--max-memory-per-peer", self.max_memory_per_peer.is_some()),
        ];
        given.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// When these bad peers come to the server of this address and leave, and what they may cost.
    ///
    /// # Errors
    /// A part of the window that is too short.
    pub(super) fn plan(&self, duration: Span, address: &str, bad: &[Crowd]) -> Result<PhasePlan, Failure> {
        let usual = PhasePlan::of(duration);
        let has_usual_memory = bad.iter().map(|crowd| u64::from(crowd.count)).sum::<u64>() >= LEAST_PEERS
            && is_loopback(address);
        let usual_memory = OrOff(usual.max_memory_per_peer.0.filter(|_| has_usual_memory));
        let plan = PhasePlan {
            before: self.before.unwrap_or(usual.before),
            with: self.with.unwrap_or(usual.with),
            after: self.after.unwrap_or(usual.after),
            max_p99_factor: self.max_p99_factor.unwrap_or(usual.max_p99_factor),
            max_silence: self.max_silence.unwrap_or(usual.max_silence),
            max_memory_per_peer: self.max_memory_per_peer.unwrap_or(usual_memory),
        };
        for (flag, part) in [("--before", plan.before), ("--with", plan.with), ("--after", plan.after)] {
            if part.0 < SHORTEST && !bad.is_empty() {
                return Err(Failure::usage(format!(
                    "{flag}: {part} is too short: use at least 10ms; without the flag it is a part of --duration"
                )));
            }
        }
        Ok(plan)
    }
}

/// Whether the server is on this machine for certain, so that its memory can be measured.
fn is_loopback(address: &str) -> bool {
    if address.starts_with("unix:") {
        return true;
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::profile::Peer;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        args: PhaseFlags,
        #[arg(long)]
        bad: Option<u32>,
    }

    fn plan(words: &[&str], address: &str, count: u32) -> Result<PhasePlan, String> {
        let all = [&["bench"], words].concat();
        let words = Words::try_parse_from(all).map_err(|error| error.to_string())?;
        let bad = [Crowd { peer: Peer::Idle, name: "idle".into(), count }];
        let duration = "10s".parse().expect("a time");
        words.args.plan(duration, address, &bad).map_err(|_| "refused".to_owned())
    }

    #[test]
    fn each_part_and_bound_can_be_set() {
        let words = ["--bad=1", "--before=1s", "--after=2s", "--max-p99-factor=1.5", "--max-silence=off"];
        let plan = plan(&words, "127.0.0.1:1", 99).expect("valid");
        assert_eq!(plan.measure(), "8s".parse().expect("a time"));
        assert_eq!((plan.max_p99_factor, plan.max_silence), (OrOff(Some(1.5)), OrOff(None)));
        assert_eq!(plan.max_memory_per_peer, OrOff(Some(PhasePlan::USUAL_MEMORY_PER_PEER)));
        let words = ["--bad=1", "--with=3s", "--max-memory-per-peer=64KiB"];
        let plan = self::plan(&words, "192.0.2.1:1", 1).expect("valid");
        assert_eq!(plan.measure(), "8s".parse().expect("a time"));
        assert_eq!(plan.max_memory_per_peer, OrOff(Some(Bytes(65536))));
    }

    #[test]
    fn memory_is_bounded_where_it_can_be_measured_and_told_apart() {
        for (address, count, is_bounded) in [
            ("127.0.0.1:80", 16, true),
            ("[::1]:80", 16, true),
            ("localhost:80", 16, true),
            ("127.0.0.1:80", 15, false),
            ("192.0.2.1:80", 16, false),
            ("example.org:80", 16, false),
        ] {
            let plan = plan(&["--bad=1"], address, count).expect("valid");
            assert_eq!(plan.max_memory_per_peer.0.is_some(), is_bounded, "{address} {count}");
        }
    }

    #[test]
    fn wrong_and_useless_flags_are_refused() {
        for (words, part) in [
            (&["--max-silence=1s"][..], "--bad"),
            (&["--bad=1", "--max-p99-factor=fast"][..], "is not a factor such as 10, or off"),
            (&["--bad=1", "--with=1ms"][..], "refused"),
        ] {
            let message = plan(words, "127.0.0.1:1", 1).expect_err(part);
            assert!(message.contains(part), "{message}");
        }
    }
}
