//! The arguments of `badpeer capacity`.

use std::path::PathBuf;

use super::{
    super::{
        bad_peers::help_on_peers,
        bench_flags::BenchFlags,
        netns::Netns,
        number::whole,
        sources::key_value,
        suggested::{self, Suggested, peers},
    },
    bad::SearchedPeer,
    until::condition,
};
use crate::{report::Format, units::Span};

/// The exit codes of a search.
const EXIT_CODES: &str = "\
How long it takes: 10 to 20000 with --precision 10% needs up to about 25 repeats, each
  as long as warm-up and window of the profile and about a second more. Before it
  starts, badpeer prints the number and the time of its own search.

Exit codes:
  0    The bracket was found and confirmed, or no level failed up to --to.
  1    The first level fails already.
  3    The server could not be started or reached, or results could not be
       written.
  4    Levels stayed inconclusive, or --budget ended too early, so that an end of
       the bracket is missing or not confirmed.
  130  Interrupted; the record holds the levels that were measured until then.";

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true, after_help = EXIT_CODES)]
pub(in crate::cli) struct Args {
    /// A profile (a name or a path), or the address of a server as for `badpeer bench`, whose flags make the profile then
    #[arg(value_name = "PROFILE|ADDRESS", value_parser = Suggested::text(suggested::profiles), hide_possible_values = true)]
    pub(super) what: String,

    /// The key of the profile that is set to each level: clients.slow.count, clients.good.rate. Larger must be harder.
    /// Default: the number of the misbehaving clients that --bad names without a number
    #[arg(long, value_name = "KEY")]
    pub(super) of: Option<String>,

    /// First level; twice as much comes next, until one fails: 10, 1000/s, 64KiB
    #[arg(long, value_name = "LEVEL", default_value = "10")]
    pub(super) from: String,

    /// Largest level
    #[arg(long, value_name = "LEVEL", default_value = "1000")]
    pub(super) to: String,

    /// What must hold at a level, in place of what the profile expects: 'good.latency_p99 < 50ms'; may be given several
    /// times. That no answer is wrong or an error is expected as well. Default: all that the profile expects
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    pub(super) until: Vec<(String, String)>,

    /// Width of the bracket at which the search ends, as a share of its lower end
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = percent)]
    pub(super) precision: f64,

    /// Repeats that must agree at each end of the bracket. An inconclusive repeat is made again, at most twice a level
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = whole::<u32>(1, 100))]
    pub(super) repeats: u32,

    /// Longest time of the search. When it is nearly over, the ends that were found are confirmed. Default: unlimited
    #[arg(long, value_name = "TIME")]
    pub(super) budget: Option<Span>,

    /// Set a key of the profile: measure=2s, server.send_limit=off
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,

    /// With an address: misbehaving clients. The number of those without one is searched: slow-reader, or
    /// slow-reader,idle=100
    #[arg(
        long,
        value_name = "PEER|PEER=N",
        value_delimiter = ',',
        value_parser = Suggested::new(peers, SearchedPeer::parse),
        hide_possible_values = true,
        long_help = help_on_peers()
    )]
    pub(super) bad: Vec<SearchedPeer>,

    #[command(flatten)]
    pub(super) netns: Netns,

    #[command(flatten, next_help_heading = "Options with an address, as of badpeer bench")]
    pub(super) bench: BenchFlags,

    #[command(flatten, next_help_heading = "Reports and output")]
    pub(super) output: Output,

    /// With an address: command that starts the server for each repeat; badpeer stops it afterwards. {port}, {address}
    /// and {dir} are filled in
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// Folder for the reports
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub(super) out: PathBuf,

    /// Report formats
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Format::DEFAULT.iter().copied())]
    pub(super) format: Vec<Format>,

    /// Print only the result
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// Print the bracket and all levels as JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    number
        .filter(|number| *number > 0.0 && *number <= 1000.0)
        .ok_or_else(|| format!("`{text}` is not a share such as 10%"))
}
