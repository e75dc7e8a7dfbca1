//! `badpeer list --json`: the same tables for programs.

use clap::{CommandFactory, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::{
    behavior::Spec,
    codec::Protocol,
    metric::{Better, Scope, Stat},
    profile::{Core, SHIPPED, ServerOptions, TOUR},
};

pub(super) fn profiles() -> Value {
    let entry = |shipped: &crate::profile::Shipped| {
        let (title, about) = shipped.source().parse(&[]).map(|p| (p.title, p.about)).unwrap_or_default();
        json!({ "name": shipped.name, "title": title, "about": about, "tour": TOUR.contains(&shipped.name) })
    };
    SHIPPED.iter().map(entry).collect()
}

pub(super) fn protocols() -> Value {
    let entry = |protocol: &Protocol| {
        let help = protocol.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        json!({ "name": protocol.to_string(), "help": help, "keys": protocol.keys() })
    };
    Protocol::value_variants().iter().map(entry).collect()
}

pub(super) fn behaviors() -> Value {
    let entry = |about: &crate::behavior::About| json!({ "name": about.name, "rx": about.rx, "tx": about.tx, "about": about.text });
    Spec::ABOUT.iter().map(entry).collect()
}

pub(super) fn metrics() -> Value {
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

pub(super) fn server() -> Value {
    keys(&ServerOptions::command())
}

pub(super) fn core() -> Value {
    let experiments = Core::augment_subcommands(clap::Command::new("core"));
    let entry = |experiment: &clap::Command| {
        let about = experiment.get_about().map(ToString::to_string);
        json!({ "experiment": experiment.get_name(), "about": about, "keys": keys(experiment) })
    };
    experiments.get_subcommands().map(entry).collect()
}

/// The keys that are flags of this command.
fn keys(command: &clap::Command) -> Value {
    let entry = |arg: &clap::Arg| {
        let flag = arg.get_long().filter(|flag| *flag != "help")?;
        let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        let choices: Vec<String> =
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        Some(json!({
            "key": flag.replace('-', "_"), "flag": format!("--{flag}"), "default": default, "choices": choices,
            "help": arg.get_help().map(ToString::to_string),
        }))
    };
    command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(entry).collect()
}
