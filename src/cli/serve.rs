//! `badpeer serve`: the reference server.

use std::{net::SocketAddr, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::getpid,
};

use super::{Exit, Failure, say};
use crate::{
    profile::ServerOptions,
    server::{Addresses, ServeError, Server},
};

/// How much longer than answers under way have time a server may take to end that is told to by the end of its stdin.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    options: ServerOptions,

    /// Address for GET /metrics (Prometheus text) and GET /evictions (CSV); none unless given
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,

    /// End when stdin does: for a parent that may die without a word
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let failed = |error: ServeError| match error {
        ServeError::Options(..) => Failure::usage(error),
        _ => Failure::new(Exit::Target, error),
    };
    let server = Server::bind(&args.options, args.admin).map_err(failed)?;
    if args.until_stdin_ends {
        let drain = args.options.drain.0;
        super::background::in_background(move || end_with_stdin(drain))?;
    }
    let greeting = greeting(server.addresses());
    server.run_with(|| say(&greeting)).map_err(failed)?;
    Ok(Exit::Pass)
}

/// The first line: the harness reads it.
fn greeting(addresses: Addresses) -> String {
    let admin = addresses.admin.map(|admin| format!(", admin on {admin}")).unwrap_or_default();
    format!("listening on {}{admin}", addresses.service)
}

/// The loop takes SIGTERM as a request to end in good order. One that is busy with its messages does not look for it, and
/// nobody is left to kill it: when the time is over that it had for that, this thread does.
fn end_with_stdin(drain: Duration) {
    super::background::await_end_of_stdin();
    let _ = kill(getpid(), Signal::SIGTERM);
    thread::sleep(drain.saturating_add(PATIENCE));
    let _ = kill(getpid(), Signal::SIGKILL);
}
