//! What TOML's grammar cannot say: which values are possible together.

use std::time::Duration;

use super::{Expectation, Group, Profile, expect::Names};
use crate::{
    behavior::{About, Needs},
    codec::{Protocol, content},
    load::{Load, Schedule},
    units::Rate,
};

/// Requests that a connection can have under way.
const MOST_DEPTH: u32 = 1 << 16;
/// What an open loop can be asked for, in requests per second.
const LEAST_RATE: f64 = 1.0 / 3600.0;
const MOST_RATE: f64 = 1e6;
/// Connections that a group can be asked to open again, per second.
const MOST_ATTEMPTS: f64 = 1e4;

/// A fault of a profile: the keys that lead to it, and what to write instead.
pub(super) struct Fault {
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

pub(super) fn fault<T>(path: &[&str], message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { path: path.iter().map(|&key| key.to_owned()).collect(), message: message.into() })
}

impl Profile {
    /// What is expected, in the profile's order.
    #[must_use]
    pub fn expectations(&self) -> Vec<Expectation> {
        self.read_expectations().unwrap_or_default()
    }

    fn read_expectations(&self) -> Result<Vec<Expectation>, Fault> {
        let groups = self.clients.iter().map(|group| group.name.as_str()).collect();
        let names = Names { groups, is_core: self.core.is_some(), sweep: &self.sweep };
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
                fault(&[key], "a [core] experiment has no server, no clients and no window: remove this")
            }
            None => Ok(()),
        }
    }

    /// Whether everything asked for is possible.
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
        Ok(())
    }

    /// Whether the server can be driven as is asked.
    fn check_driven(&self) -> Result<(), Fault> {
        if self.measure.0.is_zero() {
            return fault(&["measure"], "the measured window must be longer than 0");
        }
        if self.sample_every.0.as_millis() < 10 || self.sample_every.0 > self.measure.0 {
            return fault(&["sample_every"], "must be at least 10ms and no longer than `measure`");
        }
        if let Err((key, message)) = self.server.check() {
            return fault(&["server", key], message);
        }
        if self.clients.is_empty() {
            return fault(&["clients"], "add at least one [[clients]] group, or a [core] experiment");
        }
        if self.connections() >= u64::from(content::STREAMS) {
            return fault(
                &["clients"],
                format!("at most {} connections can be told apart", content::STREAMS),
            );
        }
        for (index, group) in self.clients.iter().enumerate() {
            let at = |f: Fault| Fault {
                path: ["clients".into(), index.to_string()].into_iter().chain(f.path).collect(),
                message: f.message,
            };
            if self.clients[..index].iter().any(|other| other.name == group.name) {
                return fault(&["name"], format!("there are two groups named `{}`", group.name)).map_err(at);
            }
            self.check_group(group).map_err(at)?;
        }
        Ok(())
    }

    /// Whether all of the group's connections are opened before the end.
    fn check_arrival(&self, group: &Group) -> Result<(), Fault> {
        if group.start.0 >= self.duration() {
            return fault(&["start"], "the group would connect after the end of the run");
        }
        let Some(schedule) = &group.connect_rate else { return Ok(()) };
        if !schedule.rates().all(|rate| is_between(rate, MOST_ATTEMPTS)) {
            return fault(&["connect_rate"], "must be from 1 in an hour to 10000/s, or 0 for a while");
        }
        let last_ns = schedule.due_ns(f64::from(group.count - 1));
        match last_ns.map(|ns| group.start.0 + Duration::from_nanos(ns)) {
            Some(last) if last < self.duration() => Ok(()),
            _ => fault(&["connect_rate"], "the last of the group would connect after the end of the run"),
        }
    }

    fn check_group(&self, group: &Group) -> Result<(), Fault> {
        if group.name.is_empty() || group.name.contains('.') || group.name.chars().any(char::is_control) {
            return fault(&["name"], "a group needs a name, without dots");
        }
        if group.count == 0 {
            return fault(&["count"], "must be at least 1");
        }
        if let Some(server) = self.server.reference() {
            group.check_service(server.protocol)?;
        }
        self.check_arrival(group)?;
        check_lives(group)?;
        check_load(group)?;
        group.check_speech()?;
        check_behaviors(group)
    }
}

fn check_lives(group: &Group) -> Result<(), Fault> {
    if group.requests_per_connection.is_some() && group.tx.is_idle() {
        return fault(&["requests_per_connection"], "who is `idle` asks for nothing: leave it out");
    }
    if group.lifetime.is_some_and(|lifetime| lifetime.0.is_zero()) {
        return fault(&["lifetime"], "must be longer than 0; leave it out to keep connections");
    }
    match group.reconnect {
        Some(reconnect) if !(LEAST_RATE..=MOST_ATTEMPTS).contains(&reconnect.at_most.0) => {
            fault(&["reconnect", "at_most"], "must be from 1 in an hour to 10000/s")
        }
        _ => Ok(()),
    }
}

fn check_load(group: &Group) -> Result<(), Fault> {
    let load = &group.load;
    match (load.depth, &load.rate) {
        _ if group.tx.is_idle() && *load == Load::default() => Ok(()),
        _ if group.tx.is_idle() => fault(&["load"], "who is `idle` asks for nothing: leave load out"),
        (Some(_), Some(_)) => {
            fault(&["load"], "`depth` (closed loop) and `rate` (open loop) exclude each other")
        }
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
        return fault(&["rx"], format!("`{}` drives tx only", rx.name));
    }
    if !tx.tx {
        return fault(&["tx"], format!("`{}` drives rx only", tx.name));
    }
    check_needs(group, tx)?;
    if tx.name == "race" {
        if group.protocol != Protocol::Echo || group.load.depth.is_none() {
            return fault(
                &["tx"],
                "`race` needs protocol = \"echo\", where torn messages can be told apart, and a closed loop (depth)",
            );
        }
        if group.load.payload.0 < 16 {
            return fault(&["load", "payload"], "`race` needs at least 16 bytes to tell torn messages apart");
        }
        if !group.rx.is_steady() {
            return fault(&["rx"], "`race` on tx needs a steady rx");
        }
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
                "`{name}` needs requests with a head, and those of {protocol} have none: use http, frame or resp"
            ),
        ),
        Needs::Body if whole == head => {
            fault(&["tx"], format!("`{name}` needs requests with a payload: set load.payload"))
        }
        Needs::Framing if encoder.endless().is_none() => fault(
            &["tx"],
            format!(
                "`{name}` needs requests with an end of their own, and those of {protocol} have none: use http, \
                 frame, line or resp"
            ),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::{Profile, Source};

    fn parse(protocol: &str, keys: &str) -> Result<Profile, String> {
        let text = format!(
            "title = \"t\"\n[server]\nprotocol = \"{protocol}\"\n[[clients]]\nname = \"g\"\ncount = 1\nprotocol = \"{protocol}\"\n{keys}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_behavior_that_could_not_do_what_it_says_is_refused() {
        const LOAD: &str = "load = { depth = 1, payload = 9 }";
        for (protocol, keys, wanted) in [
            ("line", format!("{LOAD}\ntx = {{ slow-header = {{ every = '1s' }} }}"), "requests with a head"),
            (
                "http",
                "load = { depth = 1 }\ntx = { slow-body = { every = '1s' } }".into(),
                "set load.payload",
            ),
            ("echo", format!("{LOAD}\ntx = 'endless'"), "an end of their own"),
            ("frame", format!("{LOAD}\nrx = 'half-close'"), "`half-close` drives tx only"),
            ("frame", format!("{LOAD}\ntx = 'idle'"), "t.toml:8: clients.0.load: who is `idle`"),
            ("frame", String::new(), "clients.0.load: set `depth`"),
            (
                "frame",
                format!("{LOAD}\nlifetime = '0s'"),
                "t.toml:9: clients.0.lifetime: must be longer than 0",
            ),
            ("frame", "tx = 'idle'\nrequests_per_connection = 1".into(), "who is `idle` asks for nothing"),
            (
                "frame",
                format!("{LOAD}\nconnect_rate = '0/s'"),
                "t.toml:9: clients.0.connect_rate: the last of",
            ),
            (
                "frame",
                format!("{LOAD}\n[[clients]]\nname = 'h'\ncount = 9\n{LOAD}\nconnect_rate = '1/s'"),
                "clients.1.connect_rate: the last of the group would connect after",
            ),
            ("frame", format!("{LOAD}\nconnect_rate = '20/ms'"), "clients.0.connect_rate: must be from"),
            ("frame", "load = { rate = '0/s' }".into(), "clients.0.load.rate: must be from 1 in an hour"),
            ("frame", "load = { rate = '1/s to 2000/ms over 1s' }".into(), "clients.0.load.rate: must be"),
            (
                "frame",
                "load = { rate = '1/s, then 2/s' }".into(),
                "t.toml:8: `1/s, then 2/s` is not a rate such as",
            ),
            (
                "frame",
                format!("{LOAD}\nreconnect = {{ at_most = '0/s' }}"),
                "clients.0.reconnect.at_most: must be",
            ),
        ] {
            let message = parse(protocol, &keys).expect_err(&keys);
            assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
        }
    }

    #[test]
    fn who_can_do_what_it_says_may() {
        for (protocol, keys) in [
            ("frame", "load = { depth = 1 }\ntx = { slow-header = { every = '1s' } }"),
            ("line", "load = { depth = 1, payload = 9 }\ntx = { slow-body = { every = '1s' } }"),
            ("http", "load = { depth = 1 }\ntx = 'endless'"),
            ("frame", "load = { rate = '0/s for 1s then 10/s to 20/s over 2s', arrivals = 'poisson' }"),
            ("echo", "tx = 'idle'\nlifetime = '1s'\nreconnect = { pause = '1s' }"),
        ] {
            let profile = parse(protocol, keys).unwrap_or_else(|error| panic!("{keys}: {error}"));
            let again = toml::to_string(&profile).expect("a profile can be written");
            assert_eq!(toml::from_str::<Profile>(&again).expect("and read again"), profile);
        }
    }
}
