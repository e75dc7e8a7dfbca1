//! The flags of `badpeer bench` about the load and the server, which `badpeer capacity` has, too.

use std::net::IpAddr;

use clap::ValueEnum;
use indexmap::IndexMap;

use super::{
    Failure,
    number::whole,
    phase_flags::PhaseFlags,
    place::{Place, place},
};
use crate::{
    codec::{
        Check, Protocol,
        http::{HttpMethod, Statuses},
        raw::Octets,
    },
    load::{Reconnect, Schedule},
    profile::{
        Attach, Bench, ClientThreads, Crowd, LongestWait, Program, Source, SourceAddresses, Target, meant,
        source_address,
    },
    units::{Bytes, Count, Span},
};

/// Bytes in a request of a good client, unless set.
const USUAL_PAYLOAD: Bytes = Bytes(128);

#[derive(Debug, clap::Args)]
pub(super) struct BenchFlags {
    /// Number of good clients, with one connection each
    #[arg(long, short, value_name = "N", default_value_t = 64, value_parser = whole::<u32>(0, u32::MAX.into()))]
    connections: u32,

    /// Length of the measured window; with --bad, good clients are alone in its first and its last quarter
    #[arg(long, short, value_name = "TIME", default_value = "10s")]
    duration: Span,

    /// Threads of the load generator, or auto: one for each of its cores
    #[arg(long, short, value_name = "N|auto", default_value = "1")]
    threads: ClientThreads,

    /// Address of this machine that clients connect from; several take turns. Default: with a server in 127.0.0.0/8 the
    /// first 1000 connections come from 127.0.0.1, the next from 127.0.0.2, and so on; otherwise the kernel chooses one
    #[arg(long, value_name = "IP", value_delimiter = ',', value_parser = source_address)]
    source: Vec<IpAddr>,

    /// Open loop: requests per second of all good clients together: 2000/s, "500/s to 4000/s over 8s", or "1000/s for
    /// 2s then 4000/s". Default: a closed loop, in which each client sends the next request when it has its answer
    #[arg(long, short, value_name = "RATE")]
    rate: Option<Schedule>,

    /// Requests that a good client sends on one connection before it opens a new one; badpeer opens at most 10000 a
    /// second. Default: unlimited
    #[arg(long, value_name = "N")]
    requests_per_connection: Option<Count>,

    /// Protocol: echo, frame, line or resp (PING). Default: echo; an address with http:// selects HTTP
    #[arg(long, short, value_name = "PROTOCOL", value_parser = protocol)]
    protocol: Option<Protocol>,

    /// Bytes in a request of a good client; not for HTTP and RESP. Default: 128B
    #[arg(long, value_name = "SIZE")]
    payload: Option<Bytes>,

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

    #[command(flatten)]
    phases: PhaseFlags,

    /// Warm-up: time before the measured window
    #[arg(long, value_name = "TIME", default_value = "1s")]
    warmup: Span,

    /// Process of the server. Default: the process that listens on the port
    #[arg(long, value_name = "PID", conflicts_with = "command", value_parser = whole::<u32>(1, u32::MAX.into()))]
    pid: Option<u32>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE, as in Accept: text/html")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_lowercase().as_str() {
        "http" => {
            Err("write the address as http://HOST:PORT/PATH or http://unix:/SOCKET:/PATH instead".to_owned())
        }
        "raw" => Err("protocol raw needs a profile that defines the bytes to send: see `badpeer list \
         protocols`"
            .to_owned()),
        _ => Protocol::from_str(text, true).map_err(|_| {
            let known = ["echo", "frame", "line", "resp"];
            let hint = meant(text, known.into_iter());
            format!("there is no protocol `{text}`; the protocols are {}{hint}", known.join(", "))
        }),
    }
}

impl BenchFlags {
    /// The profile of clients that drive the server of this address, beside these misbehaving ones.
    ///
    /// # Errors
    /// Flags that do not fit each other, the address or the protocol.
    pub(super) fn source(&self, address: &str, bad: &[Crowd], command: &[String]) -> Result<Source, Failure> {
        let place = place(address).map_err(Failure::usage)?;
        self.check_answers(&place)?;
        self.check_rate()?;
        check_peers(bad)?;
        let text = self.bench(&place, bad, command)?.to_toml();
        // Faults name flags: nobody has written the text.
        Ok(Source { file: String::new(), text })
    }
}

impl BenchFlags {
    /// The first flag that was given and sets no more than what is expected.
    pub(super) fn expectation_flag(&self) -> Option<&'static str> {
        self.max_wait.map(|_| "--max-wait").or_else(|| self.phases.expectation_flag())
    }

    fn target(&self, address: &str, command: &[String]) -> Target {
        let address = address.to_owned();
        if command.is_empty() {
            return Target::Attached { attach: Attach { address, pid: self.pid } };
        }
        Target::Program(Program {
            command: command.to_vec(),
            address,
            env: IndexMap::new(),
            files: Vec::new(),
            needs: Vec::new(),
            install: None,
            folder: None,
        })
    }

    fn bench(&self, place: &Place, bad: &[Crowd], command: &[String]) -> Result<Bench, Failure> {
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
            target: self.target(&place.address, command),
            protocol: self.protocol_at(place),
            connections: self.connections,
            threads: self.threads,
            source: SourceAddresses(self.source.clone()),
            rate: self.rate.clone(),
            requests_per_connection: self.requests_per_connection,
            payload: self.payload.unwrap_or(USUAL_PAYLOAD),
            bad_path: self.bad_path.clone().or_else(|| place.path.clone()).unwrap_or_default(),
            path: place.path.clone().unwrap_or_default(),
            status: self.status.clone().unwrap_or_default(),
            check: self.check,
            longest_wait: self.max_wait.unwrap_or_default(),
            warmup: self.warmup,
            measure: self.duration,
            bad: bad.to_vec(),
            phases: self.phases.plan(self.duration, &place.address, bad)?,
            headers,
            method: self.method.unwrap_or(usual),
            body,
        })
    }

    fn protocol_at(&self, place: &Place) -> Protocol {
        match place.path {
            Some(_) => Protocol::Http,
            None => self.protocol.unwrap_or(Protocol::Echo),
        }
    }

    fn body(&self) -> Result<Option<Octets>, Failure> {
        let Some(text) = &self.body else { return Ok(None) };
        let Some(file) = text.strip_prefix('@') else { return Ok(Some(Octets(text.clone().into_bytes()))) };
        let read =
            std::fs::read(file).map_err(|e| Failure::usage(format!("--body: cannot read {file}: {e}")));
        read.map(|bytes| Some(Octets(bytes)))
    }
}

impl BenchFlags {
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
        let is_set = self.status.is_some() || self.check != Check::default();
        let asked = [
            ("--header", !self.header.is_empty()),
            ("--method", self.method.is_some()),
            ("--body", self.body.is_some()),
            ("--bad-path", self.bad_path.is_some()),
        ];
        if let Some((flag, _)) = asked.into_iter().find(|(_, is_set)| *is_set && place.path.is_none()) {
            return Err(Failure::usage(format!(
                "{flag} is only for HTTP: write the address as http://HOST:PORT/PATH"
            )));
        }
        if is_set && place.path.is_none() {
            return Err(Failure::usage(format!(
                "{flag} is only for HTTP (write the address as http://HOST:PORT/PATH); every byte of an answer in {} \
                 is known and checked",
                self.protocol_at(place)
            )));
        }
        if let Some(protocol) = self.protocol.filter(|_| place.path.is_some()) {
            return Err(Failure::usage(format!(
                "--protocol {protocol}: the address selects HTTP; write it as HOST:PORT, or remove --protocol"
            )));
        }
        let protocol = self.protocol_at(place);
        if self.payload.is_some() && matches!(protocol, Protocol::Http | Protocol::Resp) {
            return Err(Failure::usage(format!(
                "--payload is not for {protocol}: remove it (over HTTP, --body sends a body)"
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

/// Whether each kind of misbehaving client is named once; a kind can have several names.
fn check_peers(bad: &[Crowd]) -> Result<(), Failure> {
    let twice = |(at, crowd): (usize, &Crowd)| bad[..at].iter().any(|other| other.peer == crowd.peer);
    match bad.iter().enumerate().find(|one| twice(*one)) {
        Some((_, crowd)) => Err(Failure::usage(format!(
            "--bad names {} twice: write the sum of both numbers once",
            crowd.peer.name()
        ))),
        None => Ok(()),
    }
}
