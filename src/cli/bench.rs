//! `badpeer bench`: a server, good and misbehaving clients in one command, without a profile.

use clap::ValueEnum;
use indexmap::IndexMap;
use url::Url;

use super::{
    Exit, Failure,
    perform::{Output, perform},
    print_raw,
    visit::VisitFlags,
};
use crate::{
    codec::{
        Check, Protocol,
        http::{HttpMethod, Statuses},
        raw::Octets,
    },
    load::{Reconnect, Schedule},
    profile::{Attach, Bench, Crowd, LongestWait, Peer, Program, Source, Target},
    run::Request,
    units::{Bytes, Count, Span},
};

/// Name of the run in reports.
const NAME: &str = "bench";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address of the server: HOST:PORT or http://HOST:PORT/PATH. With a command, port 0 takes a free port
    address: String,

    /// Number of good clients, with one connection each
    #[arg(long, short, value_name = "N", default_value_t = 64)]
    connections: u32,

    /// Length of the measured window; with --bad, good clients are alone in its first and its last quarter
    #[arg(long, short, value_name = "TIME", default_value = "10s")]
    duration: Span,

    /// Threads of the load generator
    #[arg(long, short, value_name = "N", default_value_t = 1)]
    threads: u32,

    /// Open loop: requests per second of all good clients together: 2000/s, "500/s to 4000/s over 8s", or "1000/s for
    /// 2s then 4000/s". Default: a closed loop, in which each client sends the next request when it has its answer
    #[arg(long, short, value_name = "RATE")]
    rate: Option<Schedule>,

    /// Requests that a good client sends on one connection before it opens a new one; badpeer opens at most 10000 a
    /// second. Default: unlimited
    #[arg(long, value_name = "N")]
    requests_per_connection: Option<Count>,

    /// Protocol: echo, frame, line or resp (PING). An address with http:// selects HTTP
    #[arg(long, short, value_name = "PROTOCOL", default_value = "echo", value_parser = protocol)]
    protocol: Protocol,

    /// Bytes in a request of a good client; not for HTTP and RESP
    #[arg(long, value_name = "SIZE", default_value = "128B")]
    payload: Bytes,

    /// Path that slow and stalled HTTP readers request; choose something large. Default: the path of the address
    #[arg(long, value_name = "PATH")]
    bad_path: Option<String>,

    /// Header field of HTTP requests; may be given several times
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,

    /// HTTP method of good clients. Default: GET, or POST with --body
    #[arg(long, short, value_enum, ignore_case = true)]
    method: Option<HttpMethod>,

    /// Body of HTTP requests: its text, or @FILE
    #[arg(long, value_name = "TEXT|@FILE")]
    body: Option<String>,

    /// HTTP statuses that are expected, such as 200,404,3xx; an answer with another status is an error. Default: 2xx
    #[arg(long, value_name = "LIST")]
    status: Option<Statuses>,

    /// How much of an HTTP answer is checked
    #[arg(long, value_enum, default_value_t)]
    check: Check,

    /// Longest wait of a good client for an answer: a time, or off. Default: 1 s, or 20 times the median if that is
    /// longer
    #[arg(long, value_name = "TIME")]
    max_wait: Option<LongestWait>,

    /// Misbehaving clients and the number of each kind: slow-reader=200,idle=1000
    #[arg(long, value_name = "PEER=N", value_delimiter = ',', value_parser = crowd)]
    bad: Vec<Crowd>,

    #[command(flatten)]
    visit: VisitFlags,

    /// Warm-up: time before the measured window
    #[arg(long, value_name = "TIME", default_value = "1s")]
    warmup: Span,

    /// Process of the server. Default: the process that listens on the port
    #[arg(long, value_name = "PID", conflicts_with = "command")]
    pid: Option<u32>,

    /// Print the equivalent profile and exit
    #[arg(long)]
    print_profile: bool,

    #[command(flatten)]
    output: Output,

    /// Command that starts the server for this run; badpeer stops it afterwards. {port}, {address} and {dir} are filled
    /// in
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// The address of the server, and the path for HTTP.
#[derive(Clone, Debug)]
struct Place {
    address: String,
    path: Option<String>,
}

/// Parses the address. Errors do not repeat it, because it may contain a password.
fn place(text: &str) -> Result<Place, String> {
    const WRITE: &str = "write HOST:PORT, or http://HOST:PORT/PATH";
    let has_scheme = text.contains("://");
    let whole = if has_scheme { text.to_owned() } else { format!("tcp://{text}") };
    let url = Url::parse(&whole).map_err(|error| format!("<ADDRESS>: {error}: {WRITE}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "<ADDRESS>: remove the user name and password: they would appear in every report".to_owned()
        );
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| format!("<ADDRESS>: the host is missing: {WRITE}"))?;
    match url.scheme() {
        "http" => {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            let address = format!("{host}:{}", url.port().unwrap_or(80));
            Ok(Place { address, path: Some(format!("{}{query}", url.path())) })
        }
        "tcp" => {
            let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
            let port = url.port().filter(|_| is_bare).ok_or_else(|| {
                let what = if is_bare { "the port is missing" } else { "only HTTP has a path" };
                format!("<ADDRESS>: {what}: {WRITE}")
            })?;
            Ok(Place { address: format!("{host}:{port}"), path: None })
        }
        "https" => {
            Err("<ADDRESS>: https is not supported: name a port of the server that speaks plain HTTP"
                .to_owned())
        }
        scheme => Err(format!("<ADDRESS>: the scheme `{scheme}` is not supported: {WRITE}")),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE, as in Accept: text/html")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text {
        "http" => Err("write the address as http://HOST:PORT/PATH instead".to_owned()),
        "raw" => Err("protocol raw needs a profile that defines the bytes to send: see `badpeer list \
         protocols`"
            .to_owned()),
        _ => Protocol::from_str(text, false),
    }
}

fn crowd(text: &str) -> Result<Crowd, String> {
    let (peer, count) = text.split_once('=').ok_or("write PEER=N, as in slow-reader=200")?;
    let peer = Peer::from_str(peer, false).map_err(|_| {
        let known = Peer::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("there is no kind of misbehaving client `{peer}`; the kinds are: {}", known.join(", "))
    })?;
    let count = count.parse().map_err(|_| format!("`{count}` is not a number of connections"))?;
    Ok(Crowd { peer, count })
}

impl Args {
    fn target(&self, address: &str) -> Target {
        let address = address.to_owned();
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

    fn bench(&self, place: &Place) -> Result<Bench, Failure> {
        let mut headers = IndexMap::new();
        for (name, value) in &self.header {
            if headers.insert(name.clone(), value.clone()).is_some() {
                return Err(Failure::usage(format!(
                    "--header {name} is given twice: join its values with a comma"
                )));
            }
        }
        let body = self.body()?;
        let usual = if body.is_some() { HttpMethod::Post } else { HttpMethod::Get };
        Ok(Bench {
            target: self.target(&place.address),
            protocol: if place.path.is_some() { Protocol::Http } else { self.protocol },
            connections: self.connections,
            threads: self.threads,
            rate: self.rate.clone(),
            requests_per_connection: self.requests_per_connection,
            payload: self.payload,
            bad_path: self.bad_path.clone().or_else(|| place.path.clone()).unwrap_or_default(),
            path: place.path.clone().unwrap_or_default(),
            status: self.status.clone().unwrap_or_default(),
            check: self.check,
            longest_wait: self.max_wait.unwrap_or_default(),
            warmup: self.warmup,
            measure: self.duration,
            bad: self.bad.clone(),
            visit: self.visit.visit(self.duration, &place.address, &self.bad)?,
            headers,
            method: self.method.unwrap_or(usual),
            body,
        })
    }

    fn body(&self) -> Result<Option<Octets>, Failure> {
        let Some(text) = &self.body else { return Ok(None) };
        let Some(file) = text.strip_prefix('@') else { return Ok(Some(Octets(text.clone().into_bytes()))) };
        let read =
            std::fs::read(file).map_err(|e| Failure::usage(format!("--body: cannot read {file}: {e}")));
        read.map(|bytes| Some(Octets(bytes)))
    }
}

impl Args {
    /// Whether enough connections can be opened for the rate.
    fn check_rate(&self) -> Result<(), Failure> {
        let Some((Count(requests), rate)) = self.requests_per_connection.zip(self.rate.as_ref()) else {
            return Ok(());
        };
        let most = Reconnect::UNASKED.reach(requests);
        if rate.peak().0 <= most.0 {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "--rate {rate} cannot be reached with --requests-per-connection {requests}: badpeer opens at most {} \
             connections; set a rate of at most {most}, or allow more requests on each connection",
            Reconnect::MOST_ATTEMPTS
        )))
    }

    /// Whether the flags about answers fit the protocol and each other.
    fn check_answers(&self, place: &Place) -> Result<(), Failure> {
        let flag = if self.status.is_some() { "--status" } else { "--check" };
        let is_said = self.status.is_some() || self.check != Check::default();
        let asked = [
            ("--header", !self.header.is_empty()),
            ("--method", self.method.is_some()),
            ("--body", self.body.is_some()),
        ];
        if let Some((flag, _)) = asked.into_iter().find(|(_, is_said)| *is_said && place.path.is_none()) {
            return Err(Failure::usage(format!(
                "{flag} is only for HTTP: write the address as http://HOST:PORT/PATH"
            )));
        }
        if is_said && place.path.is_none() {
            return Err(Failure::usage(format!(
                "{flag} is only for HTTP (write the address as http://HOST:PORT/PATH); every byte of an answer in {} \
                 is known and checked",
                self.protocol
            )));
        }
        if self.status.is_some() && self.check == Check::None {
            return Err(Failure::usage(
                "--check none does not check the status: remove --status, or write --check status",
            ));
        }
        Ok(())
    }
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let place = place(&args.address).map_err(Failure::usage)?;
    args.check_answers(&place)?;
    args.check_rate()?;
    let text = args.bench(&place)?.to_toml();
    let source = Source { file: NAME.to_owned(), text };
    let points = source.expand(&[]).map_err(Failure::usage)?;
    if args.print_profile {
        print_raw(source.text.trim_end());
        return Ok(Exit::Pass);
    }
    let request = Request {
        name: NAME.to_owned(),
        profile: source.parse(&[]).map_err(Failure::usage)?,
        points,
        files: IndexMap::new(),
        command: super::sources::command_line(),
        window: None,
        source,
    };
    perform(&[request], &args.output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, Option<String>), String> {
        place(text).map(|place| (place.address, place.path))
    }

    #[test]
    fn addresses_and_urls_are_parsed() {
        for (text, address, path) in [
            ("127.0.0.1:80", "127.0.0.1:80", None),
            ("localhost:0", "localhost:0", None),
            ("[::1]:8080", "[::1]:8080", None),
            ("tcp://host:7", "host:7", None),
            ("http://host", "host:80", Some("/")),
            ("HTTP://HOST:81", "host:81", Some("/")),
            ("http://host?a=b", "host:80", Some("/?a=b")),
            ("http://host/a b?c#d", "host:80", Some("/a%20b?c")),
            ("http://[::1]/x", "[::1]:80", Some("/x")),
            ("http://host:0/", "host:0", Some("/")),
        ] {
            assert_eq!(read(text), Ok((address.to_owned(), path.map(str::to_owned))), "{text}");
        }
    }

    #[test]
    fn an_invalid_address_is_refused_without_showing_its_password() {
        for (text, part) in [
            ("https://host/", "https is not supported"),
            ("http://host:99999/", "invalid port"),
            ("127.0.0.1:99999", "invalid port"),
            ("http://", "empty host"),
            (":80", "<ADDRESS>"),
            ("host", "the port is missing"),
            ("host:80/path", "only HTTP has a path"),
            ("ftp://host/", "the scheme `ftp` is not supported"),
            ("http://user:secret@host/", "remove the user name"),
            ("user:secret@host:80", "remove the user name"),
            ("http://user:secret@host:99999/", "invalid port"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.starts_with("<ADDRESS>: ") && message.contains(part), "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
