//! What is asked of an atlas.

use std::{path::PathBuf, time::Duration};

use crate::{
    atlas::{self, CatalogError, Fault, Plan, Server, Variant},
    cli::{Failure, netns::Netns, number::whole, suggested::Suggested},
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

    /// How long peers are watched at the defaults if nothing ends them
    #[arg(long, value_name = "TIME", default_value = "80s")]
    pub(super) hold: Span,

    /// A first look, in about a quarter of the time: at the defaults peers are watched for 2.5 s, and hardened
    /// configurations set timeouts of 2 s in place of 5 s
    #[arg(long, conflicts_with = "hold")]
    pub(super) quick: bool,

    /// Runs at a time where only the time until an end is measured. Default: four for each core
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

impl Args {
    pub(super) const fn seconds(&self) -> u64 {
        if self.quick { QUICK_TIMEOUT_S } else { TIMEOUT_S }
    }

    /// A run that has the machine to itself: what the peers cost while they are there.
    pub(super) fn alone(&self) -> Plan {
        let ms = |ms| Span(Duration::from_millis(ms));
        Plan {
            peers: self.peers,
            warmup: ms(300),
            before: ms(1000),
            with: ms(2500),
            after: ms(700),
            rate: 400,
            seconds: self.seconds(),
        }
    }

    /// A run beside others: when the server ends the peers.
    pub(super) fn beside(&self, variant: Variant) -> Plan {
        let with = match variant {
            Variant::Default => self.hold,
            Variant::Hardened => Span(Duration::from_secs(self.seconds() * 2 + 2)),
        };
        let ms = |ms| Span(Duration::from_millis(ms));
        Plan { before: ms(500), with, after: ms(0), rate: 40, ..self.alone() }
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
        servers: servers_of(servers).map_err(Failure::usage)?,
        faults: faults_of(faults).map_err(Failure::usage)?,
    })
}

/// The servers of these names, in the order of the page.
fn servers_of(names: &[String]) -> Result<Vec<Server>, CatalogError> {
    let mut servers = names.iter().map(|name| atlas::server(name)).collect::<Result<Vec<_>, _>>()?;
    servers.sort_by_key(|server| server.order);
    Ok(servers)
}

/// The faults of these names, in the order of the page.
fn faults_of(names: &[String]) -> Result<Vec<Fault>, CatalogError> {
    let mut faults = names.iter().map(|name| atlas::fault(name)).collect::<Result<Vec<_>, _>>()?;
    faults.sort_by_key(|fault| fault.order);
    Ok(faults)
}

/// The shipped servers, a line each.
fn help_on_servers() -> String {
    let servers = servers_of(&atlas::server_names()).unwrap_or_default();
    let lines = servers.iter().map(|server| format!("\n  {}: {}", server.name, server.title));
    format!(
        "Servers, by name, or folders with a server.toml, written with a slash. Default: all that are shipped:\n{}",
        lines.collect::<Vec<_>>().concat()
    )
}

/// The shipped faults, a line each.
fn help_on_faults() -> String {
    let faults = faults_of(&atlas::fault_names()).unwrap_or_default();
    let lines = faults.iter().map(|fault| format!("\n  {}: {}", fault.name, fault.about));
    format!(
        "Faults, by name, or files that end with .toml. Default: all that are shipped:\n{}",
        lines.collect::<Vec<_>>().concat()
    )
}
