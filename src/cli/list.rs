//! `badpeer list`: lists made from the tables that the program itself uses.

use clap::{CommandFactory, Subcommand, ValueEnum};

use super::{
    catalog::{self, Knob, keys},
    print_raw, say, to_json,
};
use crate::{
    behavior::{About, Spec},
    codec::Protocol,
    load::Reconnect,
    metric::{Scope, Stat},
    profile::{Core, SHIPPED, ServerOptions, Shipped, TOUR},
    text,
};

/// Longest line that is printed.
const WIDTH: usize = 80;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to list
    #[arg(value_enum)]
    topic: Option<Topic>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Topic {
    /// Shipped profiles and what each shows
    Profiles,
    /// Protocols of clients and their keys
    Protocols,
    /// Behaviors of clients in one direction
    Behaviors,
    /// Metrics, which `[expect]` and `[gate]` can name
    Metrics,
    /// Knobs of the reference server
    Server,
    /// Core experiments and their keys
    Core,
}

pub(super) fn main(args: &Args) {
    let topics = args.topic.map_or_else(|| Topic::value_variants().to_vec(), |topic| vec![topic]);
    if args.json {
        let each = topics.iter().map(|topic| (name(*topic), table(*topic)));
        let all: serde_json::Map<String, serde_json::Value> = each.collect();
        return print_raw(&to_json(&all));
    }
    let pages: Vec<String> = topics.into_iter().map(page).collect();
    say(pages.join("\n").trim_end());
}

fn name(topic: Topic) -> String {
    topic.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn table(topic: Topic) -> serde_json::Value {
    match topic {
        Topic::Profiles => catalog::profiles(),
        Topic::Protocols => catalog::protocols(),
        Topic::Behaviors => catalog::behaviors(),
        Topic::Metrics => catalog::metrics(),
        Topic::Server => catalog::server(),
        Topic::Core => catalog::core(),
    }
}

fn page(topic: Topic) -> String {
    match topic {
        Topic::Profiles => profiles(),
        Topic::Protocols => protocols(),
        Topic::Behaviors => behaviors(),
        Topic::Metrics => metrics(),
        Topic::Server => server(),
        Topic::Core => core(),
    }
}

fn profiles() -> String {
    let entry = |shipped: &Shipped| {
        let mark = if TOUR.contains(&shipped.name) { '*' } else { ' ' };
        let (title, about) = catalog::words(shipped);
        format!("\n{mark} {}\n{}\n{}", shipped.name, wrapped(&title, 4), wrapped(&about, 4))
    };
    let entries: String = SHIPPED.iter().map(entry).collect();
    format!("PROFILES   badpeer run NAME; * are the quick tour\n{entries}")
}

fn protocols() -> String {
    let entry = |protocol: &Protocol| {
        let help = catalog::help(*protocol).unwrap_or_default();
        format!("\n  {protocol}\n{}{}", wrapped(&format!("{help}."), 4), wrapped(protocol.keys(), 4))
    };
    let entries: String = Protocol::value_variants().iter().map(entry).collect();
    format!("PROTOCOLS   protocol = … of a client group\n{entries}")
}

fn behaviors() -> String {
    let entry = |about: &About| {
        let directions = match (about.rx, about.tx) {
            (true, true) => "rx, tx",
            (true, false) => "rx",
            _ => "tx",
        };
        format!("\n  {} ({directions})\n{}", about.name, wrapped(about.text, 4))
    };
    let entries: String = Spec::ABOUT.iter().map(entry).collect();
    let lives = wrapped(Reconnect::ABOUT, 4);
    format!(
        "BEHAVIORS   rx = … and tx = … of a client group\n{entries}\n  start, stop, connect_rate, requests_per_connection, lifetime, reconnect\n{lives}"
    )
}

fn metrics() -> String {
    let entry =
        |stat: Stat| format!("    {} ({})\n{}", stat.name(), stat.unit().name(), wrapped(&stat.help(), 8));
    let of = |scope| -> String {
        Stat::all().filter(|stat| stat.metric.spec().scope == scope).map(entry).collect()
    };
    format!(
        "METRICS   names in [expect]; those of a group are written \"group.name\"\n\n  of the whole run\n{}\n  of each \
         client group\n{}\n  of a core experiment\n{}",
        of(Scope::Run),
        of(Scope::Group),
        of(Scope::Core)
    )
}

fn server() -> String {
    let entries = entries(&ServerOptions::command());
    let another = wrapped(
        "Another server instead: command = [PROGRAM, ARGUMENT, …] starts a program (with address, env, files, needs \
         and install), attach = { address, pid } drives a running server; {port}, {address} and {dir} are filled in.",
        2,
    );
    format!("SERVER   keys of [server], and flags of `badpeer serve`\n{entries}\n{another}")
}

fn core() -> String {
    let experiments = Core::augment_subcommands(clap::Command::new("core"));
    let entry = |experiment: &clap::Command| {
        let about = experiment.get_about().map(ToString::to_string).unwrap_or_default();
        format!("\n{}\n{}{}", experiment.get_name(), wrapped(&about, 2), entries(experiment))
    };
    let entries: Vec<String> = experiments.get_subcommands().map(entry).collect();
    format!("CORE   experiment = \"NAME\" and keys of [core]\n{}", entries.join("\n"))
}

/// The keys that are flags of this command, with their defaults and what they do.
fn entries(command: &clap::Command) -> String {
    let entry = |knob: Knob| {
        let choices =
            if knob.choices.is_empty() { String::new() } else { format!("[{}]", knob.choices.join(" | ")) };
        let head = format!("{} = \"{}\"   {}", knob.key, knob.default.unwrap_or_default(), knob.flag);
        let fits = head.len() + choices.len() + 4 <= WIDTH;
        let choices = if fits { format!("  {choices}") } else { format!("\n{}", wrapped(&choices, 4)) };
        let help = knob.help.unwrap_or_default();
        format!("\n  {}\n{}", (head + &choices).trim_end(), wrapped(&help, 4))
    };
    keys(command).into_iter().map(entry).collect()
}

/// The words of a text in lines no longer than [`WIDTH`], indented.
fn wrapped(words: &str, indent: usize) -> String {
    text::hanging(&" ".repeat(indent), words, indent, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lists_contain_every_entry_of_the_pages() {
        for topic in Topic::value_variants() {
            let (table, page) = (table(*topic), page(*topic));
            let entries = table.as_array().expect("a list");
            assert!(!entries.is_empty());
            for entry in entries {
                let name = ["name", "key", "experiment"].into_iter().find_map(|key| entry[key].as_str());
                assert!(page.contains(name.expect("a name")), "{entry}");
            }
        }
        assert_eq!(table(Topic::Metrics).as_array().map(Vec::len), Some(Stat::all().count()));
    }

    #[test]
    fn every_page_fits_80_columns_and_names_every_entry() {
        for topic in Topic::value_variants() {
            let page = page(*topic);
            assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
        }
        assert!(Spec::ABOUT.iter().all(|about| behaviors().contains(about.name)));
        assert!(protocols().contains("command = \"PING\""));
        assert!(Stat::all().all(|stat| metrics().contains(&stat.name())));
        assert!(server().contains("send_limit = \"16MiB\"   --send-limit"));
        assert!(
            core().contains("\ntimers\n")
                && core().contains("scheme = \"wheel\"   --scheme  [wheel | heap | lazy]")
        );
    }
}
