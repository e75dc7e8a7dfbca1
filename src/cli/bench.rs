//! `badpeer bench`: a server, good clients and bad peers in one line, without a profile.

use clap::ValueEnum;
use indexmap::IndexMap;

use super::{
    Exit, Failure,
    perform::{Output, perform},
    say,
};
use crate::{
    codec::{Check, Protocol, http::Statuses},
    load::Schedule,
    profile::{Attach, Bench, Crowd, LongestWait, Peer, Program, Source, Target},
    run::Request,
    units::{Bytes, Count, Span},
};

/// What the run is called in reports.
const NAME: &str = "bench";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the server listens, or will: HOST:PORT or http://HOST:PORT/PATH. With a command, port 0 takes a free one
    #[arg(value_parser = place)]
    address: Place,

    /// Good clients, a connection each
    #[arg(long, short, value_name = "N", default_value_t = 64)]
    connections: u32,

    /// Length of the measured window
    #[arg(long, short, value_name = "TIME", default_value = "10s")]
    duration: Span,

    /// Threads that drive the clients
    #[arg(long, short, value_name = "N", default_value_t = 1)]
    threads: u32,

    /// Requests per second of all good clients together, whatever the server does: 2000/s, "500/s to 4000/s over 8s", or
    /// "1000/s for 2s then 4000/s"; without it each client sends the next request when it has its answer
    #[arg(long, short, value_name = "RATE")]
    rate: Option<Schedule>,

    /// Requests that a good client sends on one connection; then it closes it and opens another. No bound unless given
    #[arg(long, value_name = "N")]
    requests_per_connection: Option<Count>,

    /// What is spoken: echo, frame, line or resp (PING); an address with http:// says so itself
    #[arg(long, short, value_name = "PROTOCOL", default_value = "echo", value_parser = protocol)]
    protocol: Protocol,

    /// Bytes in a good client's request; HTTP and RESP have none
    #[arg(long, value_name = "SIZE", default_value = "128B")]
    payload: Bytes,

    /// What HTTP's slow and stalled readers ask for: better something large; else the path of the address
    #[arg(long, value_name = "PATH")]
    bad_path: Option<String>,

    /// The statuses that HTTP may answer with, such as 200,404,3xx; an answer with another one is an error
    #[arg(long, value_name = "LIST")]
    status: Option<Statuses>,

    /// How much of HTTP's answers is judged
    #[arg(long, value_enum, default_value_t)]
    check: Check,

    /// How long a good client may wait for an answer: a time, or off; unless given a second, or 20 times the median where
    /// that is longer
    #[arg(long, value_name = "TIME")]
    max_wait: Option<LongestWait>,

    /// Bad peers and how many of each: slow-reader=200,idle=1000
    #[arg(long, value_name = "PEER=N", value_delimiter = ',', value_parser = crowd)]
    bad: Vec<Crowd>,

    /// Time before measuring starts
    #[arg(long, value_name = "TIME", default_value = "1s")]
    warmup: Span,

    /// The server's process; found by the port unless given
    #[arg(long, value_name = "PID", conflicts_with = "command")]
    pid: Option<u32>,

    /// Print the profile that this amounts to, and run nothing
    #[arg(long)]
    print_profile: bool,

    #[command(flatten)]
    output: Output,

    /// The server's command, started for the run and ended after it; {port}, {address} and {dir} are filled in
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Where the server is, and what HTTP asks it for.
#[derive(Clone, Debug)]
struct Place {
    address: String,
    path: Option<String>,
}

fn place(text: &str) -> Result<Place, String> {
    let Some(rest) = text.strip_prefix("http://") else {
        if text.contains("://") {
            return Err("write HOST:PORT, or http://HOST:PORT/PATH".to_owned());
        }
        return Ok(Place { address: text.to_owned(), path: None });
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let address = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    Ok(Place { address, path: Some(if path.is_empty() { "/" } else { path }.to_owned()) })
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text {
        "http" => Err("write the address as http://HOST:PORT/PATH instead".to_owned()),
        "raw" => Err("what a raw client says needs a profile: see `badpeer list protocols`".to_owned()),
        _ => Protocol::from_str(text, false),
    }
}

fn crowd(text: &str) -> Result<Crowd, String> {
    let (peer, count) = text.split_once('=').ok_or("write PEER=N, as in slow-reader=200")?;
    let peer = Peer::from_str(peer, false).map_err(|_| {
        let known = Peer::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("there is no bad peer `{peer}`; there are: {}", known.join(", "))
    })?;
    let count = count.parse().map_err(|_| format!("`{count}` is not a number of connections"))?;
    Ok(Crowd { peer, count })
}

impl Args {
    fn target(&self) -> Target {
        let address = self.address.address.clone();
        if self.command.is_empty() {
            return Target::Attached { attach: Attach { address, pid: self.pid } };
        }
        Target::Program(Program {
            command: self.command.clone(),
            address,
            env: IndexMap::new(),
            files: Vec::new(),
            needs: Vec::new(),
            install: None,
        })
    }

    fn bench(&self) -> Bench {
        Bench {
            target: self.target(),
            protocol: if self.address.path.is_some() { Protocol::Http } else { self.protocol },
            connections: self.connections,
            threads: self.threads,
            rate: self.rate.clone(),
            requests_per_connection: self.requests_per_connection,
            payload: self.payload,
            bad_path: self.bad_path.clone().or_else(|| self.address.path.clone()).unwrap_or_default(),
            path: self.address.path.clone().unwrap_or_default(),
            status: self.status.clone().unwrap_or_default(),
            check: self.check,
            longest_wait: self.max_wait.unwrap_or_default(),
            warmup: self.warmup,
            measure: self.duration,
            bad: self.bad.clone(),
        }
    }
}

impl Args {
    /// Whether what is said of answers can be said of this protocol's, and is no contradiction.
    fn check_answers(&self) -> Result<(), Failure> {
        let flag = if self.status.is_some() { "--status" } else { "--check" };
        let is_said = self.status.is_some() || self.check != Check::default();
        if is_said && self.address.path.is_none() {
            return Err(Failure::usage(format!(
                "{flag} is about HTTP (write the address as http://HOST:PORT/PATH); what {} answers is known to the byte",
                self.protocol
            )));
        }
        if self.status.is_some() && self.check == Check::None {
            return Err(Failure::usage(
                "--check none judges no status: leave --status out, or write --check status",
            ));
        }
        Ok(())
    }
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    args.check_answers()?;
    let text = args.bench().to_toml();
    let source = Source { file: NAME.to_owned(), text };
    let points = source.expand(&[]).map_err(Failure::usage)?;
    if args.print_profile {
        say(source.text.trim_end());
        return Ok(Exit::Pass);
    }
    let request = Request {
        name: NAME.to_owned(),
        profile: source.parse(&[]).map_err(Failure::usage)?,
        points,
        files: IndexMap::new(),
        command: super::command_line(),
    };
    perform(&[request], &args.output)
}
