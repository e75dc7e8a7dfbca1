//! What is asked of an atlas.

use std::{path::PathBuf, time::Duration};

use super::task::Look;
use crate::{
    atlas::{self, Fault, Plan, Server, Variant},
    cli::{Failure, catalog, netns::Netns, number::whole, suggested::Suggested},
    units::Span,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Servers, by name, or folders with a server.toml, written with a slash. Default: all that are shipped
    #[arg(
        long,
        value_name = "SERVER",
        value_delimiter = ',',
        value_parser = Suggested::text(atlas::server_names),
        hide_possible_values = true,
        long_help = help_on_servers()
    )]
    pub(super) servers: Vec<String>,

    /// Faults, by name, or files that end with .toml. Default: all that are shipped
    #[arg(
        long,
        value_name = "FAULT",
        value_delimiter = ',',
        value_parser = Suggested::text(atlas::fault_names),
        hide_possible_values = true,
        long_help = help_on_faults()
    )]
    pub(super) faults: Vec<String>,

    /// Configurations of each server
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Variant::ALL)]
    pub(super) variants: Vec<Variant>,

    /// Peers of each fault
    #[arg(long, value_name = "N", default_value = "20", value_parser = whole::<u32>(1, 1000))]
    pub(super) peers: u32,

    /// How long peers are watched if nothing ends them
    #[arg(long, value_name = "TIME", default_value = "100s")]
    pub(super) hold: Span,

    /// A first look, in about a quarter of the time: at the defaults peers are watched for 2.5 s, and hardened
    /// configurations set timeouts of 2 s in place of 5 s
    #[arg(long, conflicts_with = "hold")]
    pub(super) quick: bool,

    /// Runs at a time where only the time until an end is measured. Default: eight for each core, and twelve where peers are
    /// watched for as long as --hold says
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1, 256))]
    pub(super) parallel: Option<u32>,

    /// Measure everything again. Default: keep what was measured before with the same badpeer, profile and version of
    /// the server
    #[arg(long)]
    pub(super) again: bool,

    #[command(flatten)]
    pub(super) netns: Netns,

    /// Folder for the page and the runs
    #[arg(long, value_name = "DIR", default_value = "reports/atlas")]
    pub(super) out: PathBuf,

    /// Print the atlas as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Timeouts that hardened variants set, in seconds, and those of a quick atlas.
const TIMEOUT_S: u64 = 5;
const QUICK_TIMEOUT_S: u64 = 2;
/// Runs at a time for each core: they take time and hardly any of the core. What ends after seconds must be dated better than
/// what ends after minutes.
const PER_CORE_SHORT: u32 = 8;
const PER_CORE_LONG: u32 = 12;

impl Args {
    pub(super) const fn seconds(&self) -> u64 {
        if self.quick { QUICK_TIMEOUT_S } else { TIMEOUT_S }
    }

    /// How long the phases of a run are.
    pub(super) fn plan(&self, look: Look) -> Plan {
        let ms = |ms| Span(Duration::from_millis(ms));
        let alone = Plan {
            peers: self.peers,
            warmup: ms(300),
            before: ms(1000),
            with: ms(2500),
            after: ms(700),
            rate: 400,
            seconds: self.seconds(),
        };
        let with = match look {
            Look::Alone => return alone,
            Look::Short => Span(Duration::from_secs(self.seconds() * 2 + 2)),
            Look::Long => self.hold,
        };
        Plan { before: ms(500), with, after: ms(0), rate: 40, ..alone }
    }

    /// How many runs are made at a time where only the time until an end is measured.
    pub(super) fn at_a_time(&self, look: Look, cores: u32) -> usize {
        let per_core = match look {
            Look::Alone => return 1,
            Look::Short => PER_CORE_SHORT,
            Look::Long => PER_CORE_LONG,
        };
        self.parallel.unwrap_or(per_core * cores) as usize
    }
}

/// The catalog as the command line asks for it.
pub(super) struct Asked {
    pub(super) servers: Vec<Server>,
    pub(super) faults: Vec<Fault>,
}

pub(super) fn asked(args: &Args) -> Result<Asked, Failure> {
    let servers = if args.servers.is_empty() { &atlas::server_names() } else { &args.servers };
    let faults = if args.faults.is_empty() { &atlas::fault_names() } else { &args.faults };
    Ok(Asked {
        servers: atlas::servers(servers).map_err(Failure::usage)?,
        faults: atlas::faults(faults).map_err(Failure::usage)?,
    })
}

/// The shipped servers, a line each.
fn help_on_servers() -> String {
    let lines = catalog::servers().into_iter().map(|server| format!("\n  {}: {}", server.name, server.title));
    format!(
        "Servers, by name, or folders with a server.toml, written with a slash. Default: all that are shipped:\n{}",
        lines.collect::<Vec<_>>().concat()
    )
}

/// The shipped faults, a line each.
fn help_on_faults() -> String {
    let lines = catalog::faults().into_iter().map(|fault| format!("\n  {}: {}", fault.name, fault.about));
    format!(
        "Faults, by name, or files that end with .toml. Default: all that are shipped:\n{}",
        lines.collect::<Vec<_>>().concat()
    )
}
