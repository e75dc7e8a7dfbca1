//! `badpeer bench`: a server, good and misbehaving clients in one command, without a profile.

use indexmap::IndexMap;

use super::{
    Exit, Failure,
    bad_peers::{crowd, help_on_peers},
    bench_flags::BenchFlags,
    netns::Netns,
    perform::{Output, perform},
    print_raw,
    suggested::{Suggested, peers},
};
use crate::{profile::Crowd, run::Request};

/// Name of the run in reports.
const NAME: &str = "bench";

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Args {
    /// Address of the server: HOST:PORT or http://HOST:PORT/PATH, or of a UNIX socket unix:/SOCKET or
    /// http://unix:/SOCKET:/PATH. With a command, port 0 takes a free port, and unix: alone a fresh path
    address: String,

    #[command(flatten)]
    flags: BenchFlags,

    /// Misbehaving clients and the number of each kind: slow-reader=200,idle=1000
    #[arg(
        long,
        value_name = "PEER=N",
        value_delimiter = ',',
        value_parser = Suggested::new(peers, crowd),
        hide_possible_values = true,
        long_help = help_on_peers()
    )]
    bad: Vec<Crowd>,

    /// Print the equivalent profile and exit
    #[arg(long)]
    print_profile: bool,

    #[command(flatten)]
    netns: Netns,

    #[command(flatten)]
    output: Output,

    /// Command that starts the server for this run; badpeer stops it afterwards. {port} or {socket}, {address} and {dir} are
    /// filled in
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let source = args.flags.source(&args.address, &args.bad, &args.command)?;
    let points = source.expand(&[]).map_err(Failure::usage)?;
    if args.print_profile {
        print_raw(source.text.trim_end());
        return Ok(Exit::Pass);
    }
    let request = Request {
        processes: 1,
        soak: None,
        name: NAME.to_owned(),
        profile: source.parse(&[]).map_err(Failure::usage)?,
        points,
        files: IndexMap::new(),
        command: super::sources::command_line(),
        window: None,
        source,
    };
    args.netns.enter(request.profiles())?;
    perform(&[request], &args.output)
}
