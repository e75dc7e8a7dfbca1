//! Checks of a profile that its types cannot express: which values are possible together.

mod unix_socket;

use std::time::Duration;

use super::{
    expect::Expectation,
    fault::{Fault, fault},
    gate::Limits,
    keys::{Group, Profile},
    names::Names,
};
use crate::{
    behavior::{About, Needs, Race},
    codec::{Check, Protocol, content, http::HttpMethod},
    load::{ConnectRate, Load, Reconnect, Schedule},
    units::{Count, Rate},
};

/// Requests that a connection can have under way.
const MOST_DEPTH: u32 = 1 << 16;
/// Largest rate of an open loop, in requests per second.
const LEAST_RATE: f64 = 1.0 / 3600.0;
const MOST_RATE: f64 = 1e6;

/// Number of bytes whose origin can always be identified.
const LEAST_PART: u64 = 16;
/// Bytes that threads which read one socket keep until each has its part.
const MOST_ROUND: u64 = 64 << 20;

impl Profile {
    /// What is expected, in the profile's order.
    #[must_use]
    pub fn expectations(&self) -> Vec<Expectation> {
        self.read_expectations().unwrap_or_default()
    }

    /// What `[gate]` says about the numbers that a comparison gates, in the profile's order.
    #[must_use]
    pub fn limits(&self) -> Vec<Limits> {
        self.read_limits().unwrap_or_default()
    }

    pub(super) fn names(&self) -> Names<'_> {
        let groups = self.clients.iter().map(|group| group.name.as_str()).collect();
        let phases = self.phases.keys().map(String::as_str).collect();
        Names { groups, is_core: self.core.is_some(), sweep: &self.sweep, phases }
    }

    fn read_limits(&self) -> Result<Vec<Limits>, Fault> {
        let names = self.names();
        let limits = self.gate.iter().map(|(number, text)| {
            Limits::parse(number, text, &names).or_else(|e| fault(&["gate", number], e))
        });
        limits.collect()
    }

    fn read_expectations(&self) -> Result<Vec<Expectation>, Fault> {
        let names = self.names();
        self.expect
            .iter()
            .map(|(name, conditions)| {
                Expectation::parse(name, conditions, &names).or_else(|e| fault(&["expect", name], e))
            })
            .collect()
    }

    /// A core experiment has no server and no clients: what is about them would be ignored.
    pub(super) fn check_keys(table: &toml::Table) -> Result<(), Fault> {
        let stray = Self::OF_CLIENTS.iter().find(|key| table.contains_key(**key));
        match stray.filter(|_| table.contains_key("core")) {
            Some(key) => {
                fault(&[key], "a [core] experiment has no server, clients or window: remove this key")
            }
            None => Ok(()),
        }
    }

    /// Checks that the profile is possible.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.title.trim().is_empty() {
            return fault(&["title"], "say in a sentence what the profile shows");
        }
        if self.repeats == 0 {
            return fault(&["repeats"], "must be at least 1");
        }
        match &self.core {
            Some(core) => core.check().or_else(|(key, message)| fault(&["core", key], message))?,
            None => self.check_driven()?,
        }
        self.read_expectations()?;
        self.read_limits()?;
        self.check_labels()?;
        self.check_chart()
    }

    /// Checks that the server can be driven by these groups.
    fn check_driven(&self) -> Result<(), Fault> {
        if self.measure.0.is_zero() {
            return fault(&["measure"], "the measured window must be longer than 0");
        }
        if self.sample_every.0.as_millis() < 10 {
            return fault(&["sample_every"], "must be at least 10ms");
        }
        if self.sample_every.0 > self.measure.0 {
            let message =
                format!("must be at least as long as the time between two samples ({})", self.sample_every);
            return fault(&["measure"], message);
        }
        self.check_phases()?;
        self.source.check().or_else(|message| fault(&["source"], message))?;
        if let Err((key, message)) = self.server.check() {
            return fault(&["server", key], message);
        }
        if self.clients.is_empty() {
            return fault(&["clients"], "add at least one [[clients]] group, or a [core] experiment");
        }
        self.check_connections()?;
        self.check_unix()?;
        self.client_threads
            .check(self.connections())
            .or_else(|message| fault(&["client_threads"], message))?;
        for (index, group) in self.clients.iter().enumerate() {
            let at = |f: Fault| Fault {
                path: ["clients".into(), index.to_string()].into_iter().chain(f.path).collect(),
                message: f.message,
            };
            if self.clients[..index].iter().any(|other| other.name == group.name) {
                return fault(
                    &["name"],
                    format!("there are two groups named `{}`: rename one of them", group.name),
                )
                .map_err(at);
            }
            self.check_group(group).map_err(at)?;
        }
        Ok(())
    }

    /// Whether all connections can be told apart; one group alone may have too many.
    fn check_connections(&self) -> Result<(), Fault> {
        let most = u64::from(content::STREAMS) - 1;
        if self.connections() <= most {
            return Ok(());
        }
        let message = format!("at most {most} connections can be distinguished");
        match self.clients.iter().position(|group| u64::from(group.count) > most) {
            Some(index) => fault(&["clients", &index.to_string(), "count"], message),
            None => fault(&["clients"], format!("{message}, those of all groups together")),
        }
    }

    /// Whether all of the group's connections are opened before the end, or before the group leaves.
    fn check_arrival(&self, group: &Group) -> Result<(), Fault> {
        if group.start.0 >= self.duration() {
            return fault(
                &["start"],
                "the group would connect after the end of the run: let it start earlier",
            );
        }
        if let Some(stop) = group.stop {
            self.check_leaving(group, stop.0)?;
        }
        let Some(schedule) = group.connect_rate.as_ref().and_then(ConnectRate::schedule) else {
            return Ok(());
        };
        if !schedule.rates().all(|rate| is_between(rate, Reconnect::MOST_ATTEMPTS.0)) {
            return fault(&["connect_rate"], "must be from 1 in an hour to 10000/s, or 0 for a while");
        }
        let last_ns = schedule.due_ns(f64::from(group.connections() - 1));
        match last_ns.map(|ns| group.start.0 + Duration::from_nanos(ns)) {
            Some(last) if group.stop.is_some_and(|stop| last >= stop.0) => fault(
                &["connect_rate"],
                "the last client of the group would connect after the group has left (stop): use a faster rate",
            ),
            Some(last) if last < self.duration() => Ok(()),
            _ => fault(
                &["connect_rate"],
                "the last client of the group would connect after the end of the run: use a faster rate",
            ),
        }
    }

    /// Whether the group leaves after it has come, and within the measured window.
    fn check_leaving(&self, group: &Group, stop: Duration) -> Result<(), Fault> {
        let message = if group.moves_in_parts() {
            "a transfer over several connections cannot be left: remove this key"
        } else if stop <= group.start.0 {
            "the group would leave before it connects: use a time after `start`"
        } else if stop <= self.warmup.0 {
            "the group would leave before the measured window begins: use a time after the warm-up"
        } else if stop >= self.duration() {
            "the group would leave after the end of the run: remove this key, or use an earlier time"
        } else {
            return Ok(());
        };
        fault(&["stop"], message)
    }

    fn check_group(&self, group: &Group) -> Result<(), Fault> {
        if group.name.is_empty() || group.name.contains('.') || group.name.chars().any(char::is_control) {
            return fault(&["name"], "a group needs a name without dots");
        }
        if group.count == 0 {
            return fault(&["count"], "must be at least 1");
        }
        group.source.check().or_else(|message| fault(&["source"], message))?;
        if let Some(server) = self.server.reference() {
            group.check_service(server.protocol)?;
        }
        self.check_arrival(group)?;
        check_lives(group)?;
        check_load(group)?;
        group.check_protocol()?;
        if let Some(server) = self.server.reference() {
            group.check_upload_to(server.uploads.0)?;
        }
        check_behaviors(group)
    }
}

fn check_lives(group: &Group) -> Result<(), Fault> {
    if group.requests_per_connection.is_some() && group.tx.is_idle() {
        return fault(&["requests_per_connection"], "an `idle` group sends no requests: remove this key");
    }
    if group.lifetime.is_some_and(|lifetime| lifetime.0.is_zero()) {
        return fault(&["lifetime"], "must be longer than 0; remove it to keep connections");
    }
    match group.reconnect {
        Some(reconnect) if !(LEAST_RATE..=Reconnect::MOST_ATTEMPTS.0).contains(&reconnect.attempts().0) => {
            fault(&["reconnect", "at_most"], "must be from 1 in an hour to 10000/s")
        }
        Some(reconnect) => check_reach(group, reconnect),
        None => Ok(()),
    }
}

/// Whether good clients that keep a connection for some requests only can come back as fast as their load needs them.
fn check_reach(group: &Group, reconnect: Reconnect) -> Result<(), Fault> {
    let (Some(Count(requests)), Some(schedule)) = (group.requests_per_connection, &group.load.rate) else {
        return Ok(());
    };
    let most = reconnect.reach(requests);
    if !group.is_steady() || schedule.peak().0 <= most.0 {
        return Ok(());
    }
    let message = format!(
        "cannot be reached: {requests} requests on each of at most {} connections are {most}; lower the rate, or \
         raise requests_per_connection or reconnect.at_most (at most 10000/s)",
        reconnect.attempts()
    );
    fault(&["load", "rate"], message)
}

fn check_load(group: &Group) -> Result<(), Fault> {
    let load = &group.load;
    match (load.depth, &load.rate) {
        _ if group.tx.is_idle() && *load == Load::default() => Ok(()),
        _ if group.tx.is_idle() => fault(&["load"], "an `idle` group sends no requests: remove load"),
        (None, None) => fault(&["load"], "set `depth` (closed loop) or `rate` (open loop)"),
        (Some(depth), _) if !(1..=MOST_DEPTH).contains(&depth) => {
            fault(&["load", "depth"], format!("must be from 1 to {MOST_DEPTH}"))
        }
        (_, Some(schedule)) => check_rates(schedule),
        _ => Ok(()),
    }
}

/// Whether it is a possible rate of a schedule: 0 for a while, or from 1 in an hour to `most`.
fn is_between(rate: Rate, most: f64) -> bool {
    rate.0 == 0.0 || (LEAST_RATE..=most).contains(&rate.0)
}

/// A rate of 0 is a pause, if it is not all there is.
fn check_rates(schedule: &Schedule) -> Result<(), Fault> {
    if schedule.rates().all(|rate| is_between(rate, MOST_RATE)) && schedule.rates().any(|rate| rate.0 > 0.0) {
        return Ok(());
    }
    fault(&["load", "rate"], "must be from 1 in an hour to 1000000/s, or 0 for a while")
}

fn check_behaviors(group: &Group) -> Result<(), Fault> {
    let (rx, tx) = (group.rx.about(), group.tx.about());
    if !rx.rx {
        return fault(&["rx"], format!("`{}` is a behavior for tx only", rx.name));
    }
    if !tx.tx {
        return fault(&["tx"], format!("`{}` is a behavior for rx only", tx.name));
    }
    check_needs(group, tx)?;
    if let Some(race) = group.tx.race() {
        check_race_to_send(group, race)?;
    }
    match group.rx.race() {
        Some(race) => check_race_to_receive(group, race),
        None => Ok(()),
    }
}

fn check_race_to_send(group: &Group, race: &Race) -> Result<(), Fault> {
    let payload = group.load.payload.0;
    let is_recognized = group.protocol == Protocol::Echo || group.uploads_in_ranges();
    if !is_recognized || !group.load.is_closed_loop() {
        return fault(
            &["tx"],
            "`race` needs protocol = \"echo\", in which torn messages can be recognized, or an upload in ranges, and a \
             closed loop (depth)",
        );
    }
    if payload < LEAST_PART {
        return fault(
            &["load", "payload"],
            format!("`race` needs at least {LEAST_PART} bytes to recognize torn messages"),
        );
    }
    // A message of an upload is one of its ranges.
    let ranges = u64::from(group.count) * u64::from(group.ranges_per_connection());
    let message = if group.uploads_in_ranges() { payload / ranges } else { payload };
    if race.header.0 >= message {
        return fault(
            &["tx", "race", "header"],
            "must be shorter than load.payload, or than each range of an upload: the header is the first bytes of the \
             message",
        );
    }
    if !group.rx.is_steady() {
        return fault(&["rx"], "`race` on tx needs a steady rx");
    }
    Ok(())
}

fn check_race_to_receive(group: &Group, race: &Race) -> Result<(), Fault> {
    let content = group
        .http
        .as_ref()
        .is_some_and(|spec| spec.check == Check::Content && spec.method != HttpMethod::Head);
    // A round of threads reads all answers of an echo that are under way, or one body.
    let answers = match (group.protocol, group.load.depth.filter(|_| group.load.is_closed_loop())) {
        (Protocol::Echo, Some(depth)) => u64::from(depth),
        (Protocol::Http, _) => 1,
        _ => {
            return fault(&["rx"], "`race` needs protocol = \"http\", or \"echo\" and a closed loop (depth)");
        }
    };
    if group.protocol == Protocol::Http && !content {
        return fault(
            &["rx"],
            "`race` needs http = { check = \"content\" }: other bytes do not show where they belong",
        );
    }
    let round = answers.saturating_mul(group.answer_bytes().unwrap_or_default());
    if !(LEAST_PART * u64::from(race.threads.get())..=MOST_ROUND).contains(&round) {
        let message = format!(
            "the threads of a `race` read a whole answer at a time: use at least {LEAST_PART}B for each thread, and \
             at most 64MiB"
        );
        return fault(&["load"], message);
    }
    if race.header.0 > 0 {
        return fault(&["rx", "race", "header"], "is only for sending: remove it");
    }
    if !group.tx.is_steady() {
        return fault(&["tx"], "`race` on rx needs a steady tx");
    }
    Ok(())
}

/// Whether the group's requests have what its way of sending is about.
fn check_needs(group: &Group, tx: &About) -> Result<(), Fault> {
    let encoder = group.script("server").encoder(0);
    let (head, whole) = (encoder.head_bytes(), encoder.message_bytes());
    let (name, protocol) = (tx.name, group.protocol);
    match tx.needs {
        Needs::Head if head == 0 => fault(
            &["tx"],
            format!(
                "`{name}` needs requests with a head, but those of {protocol} have none: use http, frame or resp"
            ),
        ),
        Needs::Body if whole == head => {
            fault(&["tx"], format!("`{name}` needs requests with a payload: set load.payload"))
        }
        Needs::Framing if encoder.endless().is_none() => fault(
            &["tx"],
            format!(
                "`{name}` needs requests that have an end, but those of {protocol} have none: use http, frame, line \
                 or resp"
            ),
        ),
        Needs::Nothing | Needs::Head | Needs::Body | Needs::Framing => Ok(()),
    }
}

#[cfg(test)]
mod tests;
