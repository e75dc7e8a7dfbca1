//! The entries of `badpeer list` as JSON; the pages for people are made from the same entries.

use clap::{CommandFactory, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::topic::Topic;
use crate::{
    atlas::{self, Fault, Server},
    behavior::Spec,
    codec::Protocol,
    metric::{Better, Gate, Scope, Stat},
    profile::{Core, Peer, SHIPPED, ServerOptions, Shipped, TOUR},
};

/// What there is to list, as JSON: an entry for each.
pub(super) fn table(topic: Topic) -> Vec<Value> {
    let table = match topic {
        Topic::Profiles => profiles(),
        Topic::Protocols => protocols(),
        Topic::Behaviors => behaviors(),
        Topic::Peers => peers(),
        Topic::Metrics => metrics(),
        Topic::Server => server(),
        Topic::Core => core(),
        Topic::Servers => servers().iter().map(server_of_atlas).collect(),
        Topic::Faults => faults().iter().map(fault_of_atlas).collect(),
    };
    table.as_array().cloned().unwrap_or_default()
}

/// The names of all entries, without aliases.
pub(super) fn names(topic: Topic) -> Vec<String> {
    table(topic).iter().filter_map(name).map(str::to_owned).collect()
}

/// The name of an entry.
pub(super) fn name(entry: &Value) -> Option<&str> {
    ["name", "key", "experiment"].into_iter().find_map(|key| entry[key].as_str())
}

/// Whether the entry has this name, or this alias.
pub(super) fn is_named(entry: &Value, wanted: &str) -> bool {
    let aliases = entry["aliases"].as_array().into_iter().flatten();
    name(entry) == Some(wanted) || aliases.filter_map(Value::as_str).any(|alias| alias == wanted)
}

/// The metrics that are asked for most: those that comparisons judge, and those that the quick tour expects.
pub(super) fn usual_metrics() -> Vec<String> {
    let tour = SHIPPED.iter().filter(|shipped| TOUR.contains(&shipped.name));
    let profiles = tour.filter_map(|shipped| shipped.source().parse(&[]).ok());
    let expected: Vec<Stat> =
        profiles.flat_map(|profile| profile.expectations()).map(|one| one.stat).collect();
    let is_judged = |stat: &Stat| {
        let spec = stat.metric.spec();
        spec.gate != Gate::Never && stat.fold == spec.gated_fold
    };
    Stat::all().filter(|stat| is_judged(stat) || expected.contains(stat)).map(Stat::name).collect()
}

fn profiles() -> Value {
    let entry = |shipped: &Shipped| {
        let (title, about) = words(shipped);
        json!({ "name": shipped.name, "title": title, "about": about, "tour": TOUR.contains(&shipped.name) })
    };
    SHIPPED.iter().map(entry).collect()
}

/// Title and text of a profile.
pub(super) fn words(shipped: &Shipped) -> (String, String) {
    shipped.source().parse(&[]).map(|profile| (profile.title, profile.about)).unwrap_or_default()
}

fn protocols() -> Value {
    let entry = |protocol: &Protocol| json!({ "name": protocol.to_string(), "help": help(*protocol), "keys": protocol.keys() });
    Protocol::value_variants().iter().map(entry).collect()
}

/// What a protocol is, in a line.
pub(super) fn help(protocol: Protocol) -> Option<String> {
    protocol.to_possible_value()?.get_help().map(ToString::to_string)
}

fn behaviors() -> Value {
    let entry = |about: &crate::behavior::About| json!({ "name": about.name, "rx": about.rx, "tx": about.tx, "about": about.text });
    Spec::ABOUT.iter().map(entry).collect()
}

fn peers() -> Value {
    let entry =
        |peer: &Peer| json!({ "name": peer.name(), "aliases": peer.aliases(), "about": peer.about() });
    Peer::value_variants().iter().map(entry).collect()
}

fn metrics() -> Value {
    let entry = |stat: Stat| {
        let spec = stat.metric.spec();
        let scope = match spec.scope {
            Scope::Run => "run",
            Scope::Group => "group",
            Scope::Core => "core",
        };
        let better = match spec.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "neither",
        };
        json!({
            "name": stat.name(), "scope": scope, "unit": stat.unit().name(), "better": better, "noise": spec.noise,
            "help": stat.help(),
        })
    };
    Stat::all().map(entry).collect()
}

fn server() -> Value {
    json!(keys(&ServerOptions::command()))
}

fn core() -> Value {
    let experiments = Core::augment_subcommands(clap::Command::new("core"));
    let entry = |experiment: &clap::Command| {
        let about = experiment.get_about().map(ToString::to_string);
        json!({ "experiment": experiment.get_name(), "about": about, "keys": keys(experiment) })
    };
    experiments.get_subcommands().map(entry).collect()
}

/// The shipped servers of the atlas, in the order of its page.
pub(super) fn servers() -> Vec<Server> {
    atlas::servers(&atlas::server_names()).unwrap_or_default()
}

fn server_of_atlas(server: &Server) -> Value {
    let hardened: Vec<&str> = server.hardened.iter().map(|one| one.directive.as_str()).collect();
    json!({ "name": server.name, "title": server.title, "package": server.package, "hardened": hardened })
}

/// The shipped faults of the atlas, in the order of its page.
pub(super) fn faults() -> Vec<Fault> {
    atlas::faults(&atlas::fault_names()).unwrap_or_default()
}

fn fault_of_atlas(fault: &Fault) -> Value {
    json!({ "name": fault.name, "title": fault.title, "about": fault.about })
}

/// A key that is a flag of a command as well.
#[derive(serde::Serialize)]
pub(super) struct Knob {
    pub(super) key: String,
    pub(super) flag: String,
    pub(super) default: Option<String>,
    /// What it may be, where there are few.
    pub(super) choices: Vec<String>,
    pub(super) help: Option<String>,
}

/// The keys that are flags of this command.
pub(super) fn keys(command: &clap::Command) -> Vec<Knob> {
    let key = |arg: &clap::Arg| {
        let flag = arg.get_long().filter(|flag| *flag != "help")?;
        Some(Knob {
            key: flag.replace('-', "_"),
            flag: format!("--{flag}"),
            default: arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned()),
            choices: arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect(),
            help: arg.get_help().map(ToString::to_string),
        })
    };
    command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(key).collect()
}
