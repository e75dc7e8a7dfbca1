//! The profile of a cell, made of a server, a variant and a fault.

use indexmap::IndexMap;
use toml::{Table, Value};

use super::{
    Variant,
    declared::{Fault, Server},
};
use crate::units::Span;

/// Name of the group of bad peers.
pub const PEERS: &str = "bad";
/// Name of the group of good clients.
pub const GOOD: &str = "good";
/// Good clients.
const GOOD_CLIENTS: i64 = 8;
/// Where the directives of a variant go, in a file or a command.
const DIRECTIVES: &str = "{directives}";
/// How a text begins that stands for so many bytes: `{4000 bytes}`.
const FILLED: &str = " bytes}";

/// How long the phases of a cell are, and how many peers it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Bad peers.
    pub peers: u32,
    /// Time before the measured window.
    pub warmup: Span,
    /// How long good clients are alone.
    pub before: Span,
    /// How long the peers are there.
    pub with: Span,
    /// How long good clients are alone again; zero: the peers stay until the end.
    pub after: Span,
    /// Requests per second of the good clients.
    pub rate: u32,
    /// Timeouts of the hardened variant, in seconds.
    pub seconds: u64,
}

/// A profile and the files beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct CellProfile {
    /// The profile's text.
    pub text: String,
    /// What its server needs, by name.
    pub files: IndexMap<String, String>,
}

/// The profile of a cell, or why the server does not know the fault.
///
/// # Errors
/// The reason, as words behind "does not apply: ".
pub fn cell_profile(
    server: &Server,
    variant: Variant,
    fault: &Fault,
    plan: &Plan,
) -> Result<CellProfile, String> {
    if !fault.protocols.is_empty() && !fault.protocols.iter().any(|known| known == server.protocol()) {
        return Err(format!("it is a fault of {}", fault.protocols.join(" and ")));
    }
    let Some(request) = server.requests.get(&fault.request) else {
        return Err(match fault.request.as_str() {
            "large" => "it gives no long answers to such clients".to_owned(),
            "upload" => "it takes no uploads".to_owned(),
            other => format!("it has no request `{other}`"),
        });
    };
    let directives = server.directives(variant, plan.seconds);
    let mut profile = Table::new();
    let title = format!("{} at {}, {}", fault.title, server.title, variant.name());
    profile.insert("title".into(), title.into());
    profile.insert("about".into(), fault.about.clone().into());
    profile.insert("warmup".into(), plan.warmup.to_string().into());
    profile.insert("measure".into(), Span(plan.before.0 + plan.with.0 + plan.after.0).to_string().into());
    profile.insert("sample_every".into(), "50ms".into());
    profile.insert("server".into(), Value::Table(server_section(server, &directives)));
    let groups = vec![Value::Table(good(server, plan)), Value::Table(bad(request, fault, plan))];
    profile.insert("clients".into(), Value::Array(groups));
    profile.insert("phases".into(), Value::Table(phases(plan)));
    let text = toml::to_string(&profile).map_err(|error| error.to_string())?;
    let files = server.files.iter();
    let files = files.map(|(name, text)| (name.clone(), with_lines(text, &directives))).collect();
    Ok(CellProfile { text, files })
}

/// When the peers come, from the start of the warm-up.
fn come(plan: &Plan) -> Span {
    Span(plan.warmup.0 + plan.before.0)
}

fn leave(plan: &Plan) -> Option<Span> {
    (!plan.after.0.is_zero()).then(|| Span(come(plan).0 + plan.with.0))
}

fn phases(plan: &Plan) -> Table {
    let mut phases = Table::new();
    phases.insert("before".into(), plan.warmup.to_string().into());
    phases.insert("with".into(), come(plan).to_string().into());
    phases.extend(leave(plan).map(|at| ("after".to_owned(), at.to_string().into())));
    phases
}

/// The group of good clients.
fn good(server: &Server, plan: &Plan) -> Table {
    let mut group = server.requests.get("small").cloned().unwrap_or_default();
    let load = Table::from_iter([("rate".to_owned(), Value::from(format!("{}/s", plan.rate)))]);
    merge(&mut group, &Table::from_iter([("load".to_owned(), Value::Table(load))]));
    group.insert("name".into(), GOOD.into());
    group.insert("count".into(), GOOD_CLIENTS.into());
    // A server may end a connection that was silent for a while, or for any other reason.
    group.insert("reconnect".into(), Value::Table(Table::from_iter([("at_most".into(), "10000/s".into())])));
    group
}

/// The group of bad peers.
fn bad(request: &Table, fault: &Fault, plan: &Plan) -> Table {
    let mut group = request.clone();
    group.remove("requests_per_connection");
    merge(&mut group, &fault.client);
    // Without a load of its own, a peer has one request open.
    let load = group.entry("load").or_insert_with(|| Value::Table(Table::new()));
    match load {
        Value::Table(load) if !load.contains_key("rate") && !load.contains_key("depth") => {
            load.insert("depth".into(), 1.into());
        }
        Value::Table(_) => {}
        // "none"
        _ => {
            group.remove("load");
        }
    }
    group.insert("name".into(), PEERS.into());
    group.insert("count".into(), i64::from(plan.peers).into());
    group.insert("start".into(), come(plan).to_string().into());
    group.extend(leave(plan).map(|at| ("stop".to_owned(), at.to_string().into())));
    let mut group = Value::Table(group);
    fill(&mut group, plan);
    match group {
        Value::Table(group) => group,
        _ => Table::new(),
    }
}

/// Puts the keys of `over` into `table`; a rate replaces a depth, and the other way around.
fn merge(table: &mut Table, over: &Table) {
    for (key, value) in over {
        for (one, other) in [("rate", "depth"), ("depth", "rate")] {
            if key == one {
                table.remove(other);
            }
        }
        match (table.get_mut(key), value) {
            (Some(Value::Table(own)), Value::Table(over)) => merge(own, over),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Fills in `{peers}` and `{N bytes}`.
fn fill(value: &mut Value, plan: &Plan) {
    match value {
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| fill(value, plan)),
        Value::Array(values) => values.iter_mut().for_each(|value| fill(value, plan)),
        Value::String(text) => {
            *text = text.replace("{peers}", &plan.peers.to_string());
            let count = text.strip_prefix('{').and_then(|rest| rest.strip_suffix(FILLED)?.parse().ok());
            if let Some(count) = count {
                *text = "x".repeat(count);
            }
        }
        _ => {}
    }
}

/// The section `[server]` of a variant.
fn server_section(server: &Server, directives: &[String]) -> Table {
    let mut section = server.server.clone();
    let install = server.package.as_ref().map(|package| format!("with `apt-get install {package}`"));
    match section.get_mut("command") {
        Some(Value::Array(words)) => {
            *words = words.iter().flat_map(|word| with_words(word, directives)).collect();
            section.extend(install.map(|install| ("install".to_owned(), install.into())));
        }
        // Knobs of the reference server.
        _ => section.extend(directives.iter().filter_map(|line| line.parse::<Table>().ok()).flatten()),
    }
    section
}

/// A word of a command with the directives in place of `{directives}`: words of their own, or within it.
fn with_words(word: &Value, directives: &[String]) -> Vec<Value> {
    match word.as_str() {
        Some(DIRECTIVES) => {
            let words = directives.iter().flat_map(|line| shlex::split(line).unwrap_or_default());
            words.map(Value::from).collect()
        }
        Some(text) => vec![text.replace(DIRECTIVES, &directives.join(" ")).into()],
        None => vec![word.clone()],
    }
}

/// A file with the directives as lines in place of the line `{directives}`, as far to the right as that.
fn with_lines(text: &str, directives: &[String]) -> String {
    let lines = text.split_inclusive('\n').map(|line| match line.trim() {
        DIRECTIVES => {
            let indent = &line[..line.len() - line.trim_start().len()];
            directives.iter().map(|directive| [indent, directive, "\n"].concat()).collect::<Vec<_>>().concat()
        }
        _ => line.to_owned(),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        atlas::{fault, fault_names, server, server_names},
        profile::{Profile, Source},
    };

    fn plan(after_ms: u64) -> Plan {
        let ms = |ms| Span(Duration::from_millis(ms));
        let (warmup, before, with) = (ms(300), ms(1000), ms(2500));
        Plan { peers: 20, warmup, before, with, after: ms(after_ms), rate: 400, seconds: 5 }
    }

    fn parsed(made: &CellProfile, what: &str) -> Profile {
        let source = Source { file: what.to_owned(), text: made.text.clone() };
        source.parse(&[]).unwrap_or_else(|error| panic!("{error}\n{}", made.text))
    }

    #[test]
    fn every_shipped_fault_at_every_shipped_server_is_a_valid_profile() {
        let mut applied = std::collections::HashMap::<String, usize>::new();
        for name in server_names() {
            let server = server(&name).unwrap_or_else(|error| panic!("{error}"));
            for fault_name in fault_names() {
                let fault = fault(&fault_name).unwrap_or_else(|error| panic!("{error}"));
                for (variant, after) in Variant::ALL.into_iter().flat_map(|v| [(v, 700), (v, 0)]) {
                    let Ok(made) = cell_profile(&server, variant, &fault, &plan(after)) else { continue };
                    let profile = parsed(&made, &format!("{name}-{fault_name}"));
                    assert_eq!(profile.clients.len(), 2);
                    let rest: String = made.text.clone() + &made.files.values().cloned().collect::<String>();
                    for token in [DIRECTIVES, "{seconds}", "{peers}", FILLED] {
                        assert!(!rest.contains(token), "{token} in {name}-{fault_name}");
                    }
                    *applied.entry(fault_name.clone()).or_default() += 1;
                }
            }
        }
        assert!(fault_names().iter().all(|name| applied.contains_key(name)), "{applied:?}");
    }

    #[test]
    fn directives_are_words_lines_or_knobs_of_the_hardened_variant_only() {
        let fault = fault("idle").expect("shipped");
        let made = |name: &str, variant| {
            let server = server(name).expect("shipped");
            let made = cell_profile(&server, variant, &fault, &plan(700)).expect("it applies");
            (parsed(&made, name), made.files)
        };
        let words = |variant| made("redis", variant).0.server.program().expect("a program").command.clone();
        let (plain, hardened) = (words(Variant::Default), words(Variant::Hardened));
        assert_eq!(hardened[..plain.len()], plain);
        assert_eq!(hardened[plain.len()..][..2], ["--timeout", "5"]);
        let nginx = |variant| made("nginx", variant).1["nginx.conf"].clone();
        assert!(!nginx(Variant::Default).contains("send_timeout"));
        assert!(nginx(Variant::Hardened).contains("\n    send_timeout 5s;\n    keepalive_timeout 5s;\n"));
        let knobs = |variant| made("badpeer", variant).0.server.reference().expect("knobs").clone();
        assert_ne!(knobs(Variant::Default).idle_timeout, knobs(Variant::Hardened).idle_timeout);
        assert_eq!(knobs(Variant::Hardened).idle_timeout.0, Some(Span(Duration::from_secs(5))));
    }

    #[test]
    fn a_fault_sets_a_rate_in_place_of_a_depth() {
        let table = |text: &str| text.parse::<Table>().expect("TOML");
        let mut own = table("load = { depth = 4, answer = '1KiB' }\nhttp = { path = '/' }");
        merge(&mut own, &table("load = { rate = '5/s' }\nhttp = { headers = { A = 'b' } }"));
        let expected =
            table("load = { answer = '1KiB', rate = '5/s' }\nhttp = { path = '/', headers = { A = 'b' } }");
        assert_eq!(own, expected);
        merge(&mut own, &table("load = { depth = 2 }"));
        assert_eq!(own["load"], Value::Table(table("answer = '1KiB'\ndepth = 2")));
    }

    #[test]
    fn a_fault_that_a_server_does_not_know_says_why() {
        let redis = server("redis").expect("shipped");
        let why = |name: &str| {
            let fault = fault(name).expect("shipped");
            cell_profile(&redis, Variant::Default, &fault, &plan(0)).expect_err("it does not apply")
        };
        assert_eq!(why("slow-head"), "it is a fault of http");
        assert_eq!(why("slow-body"), "it takes no uploads");
    }

    #[test]
    fn peers_that_stay_to_the_end_have_no_phase_behind_them() {
        let fault = fault("idle").expect("shipped");
        let server = server("nginx").expect("shipped");
        for (after, stays) in [(0, true), (700, false)] {
            let made = cell_profile(&server, Variant::Default, &fault, &plan(after)).expect("it applies");
            let profile = parsed(&made, "nginx");
            assert_eq!(profile.clients[1].stop.is_none(), stays);
            assert_eq!(profile.phases.len(), if stays { 2 } else { 3 });
        }
    }
}
