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

/// How much longer than the drain time a server may take to exit after the end of its stdin.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    options: ServerOptions,

    /// Admin address for GET /metrics (Prometheus text) and GET /evictions (CSV). Default: none
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,

    /// Stop when stdin is closed: for a parent that may be killed
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let failed = |error: ServeError| match error {
        ServeError::Options(..) | ServeError::Address(_) => Failure::usage(error),
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

/// The first line of output, which `badpeer run` reads.
fn greeting(addresses: Addresses) -> String {
    let admin = addresses.admin.map(|admin| format!(", admin on {admin}")).unwrap_or_default();
    format!("listening on {}{admin}", addresses.service)
}

/// The loop handles SIGTERM by shutting down cleanly. A loop that is busy with messages does not notice it, and no
/// parent is left to kill the process, so this thread does when the time for a clean shutdown is over.
fn end_with_stdin(drain: Duration) {
    super::background::await_end_of_stdin();
    let _ = kill(getpid(), Signal::SIGTERM);
    thread::sleep(drain.saturating_add(PATIENCE));
    let _ = kill(getpid(), Signal::SIGKILL);
}
