//! `badpeer list`: lists made from the tables that the program itself uses.

use clap::{CommandFactory, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::{
    Exit, Failure,
    catalog::{self, Knob, keys},
    print_raw, say,
    suggested::{Suggested, listed},
    to_json,
    topic::Topic,
};
use crate::{
    atlas::{Fault, Server},
    behavior::{About, Spec},
    codec::Protocol,
    load::Reconnect,
    metric::{Key, Scope, Stat},
    profile::{Core, Peer, SHIPPED, ServerOptions, Shipped, TOUR, meant_by_words},
    text,
};

/// Longest line that is printed.
const WIDTH: usize = 80;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to list: profiles, protocols, behaviors, peers (bad peers of `badpeer bench`), metrics, server (its knobs),
    /// core (experiments), servers or faults (of `badpeer atlas`); or names of these, such as slow-readers or latency_p99.
    /// Default: all names
    #[arg(value_name = "NAME", value_parser = Suggested::text(listed), hide_possible_values = true)]
    names: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let all = listed();
    let asked = args.names.iter().map(|name| Asked::of(name, &all));
    let asked = asked.collect::<Result<Vec<Asked<'_>>, Failure>>()?;
    if args.json {
        let is_wanted = |topic: Topic, entry: &Value| {
            asked.is_empty() || asked.iter().any(|asked| asked.is_for(topic, entry))
        };
        print_raw(&json(Topic::value_variants(), is_wanted));
    } else if asked.is_empty() {
        say(overview().trim_end());
    } else {
        let pages = pages();
        let texts: Vec<String> = asked.iter().map(|asked| asked.text(&pages)).collect();
        say(texts.iter().map(|text| text.trim_end()).collect::<Vec<_>>().join("\n\n").as_str());
    }
    Ok(Exit::Pass)
}

/// What was asked for.
enum Asked<'a> {
    Topic(Topic),
    /// A name of something.
    Name(&'a str),
}

impl<'a> Asked<'a> {
    fn of(name: &'a str, all: &[String]) -> Result<Self, Failure> {
        match Topic::from_str(name, false) {
            Ok(topic) => Ok(Self::Topic(topic)),
            Err(_) => known(name, all).map(Self::Name),
        }
    }

    fn is_for(&self, topic: Topic, entry: &Value) -> bool {
        match self {
            Self::Topic(asked) => *asked == topic,
            Self::Name(name) => catalog::is_named(entry, name),
        }
    }

    fn text(&self, pages: &[(Topic, Vec<Entry>)]) -> String {
        match self {
            Self::Topic(topic) => page(*topic),
            Self::Name(name) => about(name, pages),
        }
    }
}

/// The entries that are wanted, by topic.
fn json(topics: &[Topic], is_wanted: impl Fn(Topic, &Value) -> bool) -> String {
    let wanted = |topic: &Topic| {
        let entries = catalog::table(*topic).into_iter();
        let entries: Vec<Value> = entries.filter(|entry| is_wanted(*topic, entry)).collect();
        (!entries.is_empty()).then(|| (topic.name(), Value::from(entries)))
    };
    to_json(&topics.iter().filter_map(wanted).collect::<Map<String, Value>>())
}

/// The name of something that can be listed; a metric may have its group in front.
fn known<'a>(name: &'a str, all: &[String]) -> Result<&'a str, Failure> {
    let (_, metric) = Key::split(name);
    [name, metric].into_iter().find(|name| all.iter().any(|known| known == name)).ok_or_else(|| {
        let metrics: Vec<(String, String)> = Stat::all().map(|stat| (stat.name(), stat.help())).collect();
        let others = all.iter().map(|name| (name.as_str(), ""));
        let known = metrics.iter().map(|(name, help)| (name.as_str(), help.as_str())).chain(others);
        let hint = meant_by_words(metric, known);
        Failure::usage(format!("`badpeer list` has no entry `{name}`; `badpeer list` shows all names{hint}"))
    })
}

/// All names; of metrics those that are asked for most.
fn overview() -> String {
    let block = |topic: &Topic| {
        let names: Vec<String> = match topic {
            Topic::Metrics => catalog::usual_metrics(),
            topic => catalog::names(*topic),
        };
        format!("{}\n{}", topic.heading(), wrapped(&names.join(" "), 2))
    };
    let blocks: String = Topic::value_variants().iter().map(block).collect();
    let more = format!(
        "`badpeer list NAME` describes one of them, `badpeer list metrics` all {} metrics, `badpeer list profiles` all \
         profiles, and so on.",
        Stat::all().count()
    );
    format!("{blocks}\n{}", wrapped(&more, 0))
}

/// All topics with their entries.
fn pages() -> Vec<(Topic, Vec<Entry>)> {
    Topic::value_variants().iter().map(|topic| (*topic, entries(*topic))).collect()
}

/// Everything of this name: a behavior and a bad peer may share one.
fn about(name: &str, pages: &[(Topic, Vec<Entry>)]) -> String {
    let found = pages.iter().map(|(topic, entries)| {
        let named = entries.iter().filter(|entry| entry.is_named(name));
        let texts: String = named.map(|entry| entry.text.as_str()).collect();
        let heading = topic.heading();
        if texts.is_empty() { texts } else { format!("{heading}\n{texts}\n") }
    });
    found.collect()
}

/// One thing of a list, as people read it.
struct Entry {
    names: Vec<String>,
    text: String,
}

impl Entry {
    fn new(name: impl Into<String>, text: String) -> Self {
        Self { names: vec![name.into()], text }
    }

    fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }
}

fn entries(topic: Topic) -> Vec<Entry> {
    match topic {
        Topic::Profiles => SHIPPED.iter().map(profile).collect(),
        Topic::Protocols => Protocol::value_variants().iter().copied().map(protocol).collect(),
        Topic::Behaviors => Spec::ABOUT.iter().map(behavior).collect(),
        Topic::Peers => Peer::value_variants().iter().copied().map(peer).collect(),
        Topic::Metrics => Stat::all().map(metric).collect(),
        Topic::Server => keys(&ServerOptions::command()).into_iter().map(knob).collect(),
        Topic::Core => {
            Core::augment_subcommands(clap::Command::new("core")).get_subcommands().map(experiment).collect()
        }
        Topic::Servers => catalog::servers().iter().map(server_of_atlas).collect(),
        Topic::Faults => catalog::faults().iter().map(fault_of_atlas).collect(),
    }
}

fn page(topic: Topic) -> String {
    let texts = || -> String { entries(topic).into_iter().map(|entry| entry.text).collect() };
    let (body, more) = match topic {
        Topic::Profiles => {
            (texts(), "\n* is part of the quick tour, `badpeer run` without a name\n".to_owned())
        }
        Topic::Behaviors => (texts(), lives()),
        Topic::Metrics => (metrics(), String::new()),
        Topic::Server => (texts(), format!("\n{}", another_server())),
        _ => (texts(), String::new()),
    };
    format!("{}\n{body}{more}", topic.heading())
}

fn profile(shipped: &Shipped) -> Entry {
    let mark = if TOUR.contains(&shipped.name) { '*' } else { ' ' };
    let (title, about) = catalog::words(shipped);
    let text = format!("\n{mark} {}\n{}\n{}", shipped.name, wrapped(&title, 4), wrapped(&about, 4));
    Entry::new(shipped.name, text)
}

fn protocol(protocol: Protocol) -> Entry {
    let help = catalog::help(protocol).unwrap_or_default();
    let text = format!("\n  {protocol}\n{}{}", wrapped(&format!("{help}."), 4), wrapped(protocol.keys(), 4));
    Entry::new(protocol.to_string(), text)
}

fn behavior(about: &About) -> Entry {
    let directions = match (about.rx, about.tx) {
        (true, true) => "rx, tx",
        (true, false) => "rx",
        _ => "tx",
    };
    Entry::new(about.name, format!("\n  {} ({directions})\n{}", about.name, wrapped(about.text, 4)))
}

/// The keys of a group that end its connections and open new ones.
fn lives() -> String {
    let keys = "start, stop, connect_rate, lifetime, reconnect, source,\n  requests_per_connection";
    format!("\n  {keys}\n{}", wrapped(&format!("Keys of the group. {}", Reconnect::ABOUT), 4))
}

fn peer(peer: Peer) -> Entry {
    let aliases = peer.aliases();
    let also = if aliases.is_empty() { String::new() } else { format!(" (or {})", aliases.join(", ")) };
    let text = format!("\n  {}{also}\n{}", peer.name(), wrapped(&format!("{}.", peer.about()), 4));
    Entry { names: [vec![peer.name().to_owned()], aliases].concat(), text }
}

fn metric(stat: Stat) -> Entry {
    let text = format!("    {} ({})\n{}", stat.name(), stat.unit().name(), wrapped(&stat.help(), 8));
    Entry::new(stat.name(), text)
}

fn metrics() -> String {
    let of = |scope| -> String {
        let stats = Stat::all().filter(|stat| stat.metric.spec().scope == scope);
        stats.map(|stat| metric(stat).text).collect()
    };
    format!(
        "\n  of the whole run\n{}\n  of each client group\n{}\n  of a core experiment\n{}",
        of(Scope::Run),
        of(Scope::Group),
        of(Scope::Core)
    )
}

fn another_server() -> String {
    wrapped(
        "Another server instead: command = [PROGRAM, ARGUMENT, …] starts a program (with address, env, files, needs \
         and install), attach = \"HOST:PORT\", \"unix:/PATH\" or { address, pid } drives a running server; {port} or \
         {socket}, {address} and {dir} are filled in.",
        2,
    )
}

fn experiment(experiment: &clap::Command) -> Entry {
    let about = experiment.get_about().map(ToString::to_string).unwrap_or_default();
    let knobs: String = keys(experiment).into_iter().map(|one| knob(one).text).collect();
    Entry::new(experiment.get_name(), format!("\n{}\n{}{knobs}", experiment.get_name(), wrapped(&about, 2)))
}

fn server_of_atlas(server: &Server) -> Entry {
    let directives = server.hardened.iter().map(|one| one.directive.as_str());
    let hardened = directives.map(|directive| wrapped(directive, 6)).collect::<String>();
    let package =
        server.package.as_ref().map(|package| format!("   (package {package})")).unwrap_or_default();
    let title = wrapped(&format!("{}{package}. Hardened by", server.title), 4);
    Entry::new(&server.name, format!("\n  {}\n{title}{hardened}", server.name))
}

fn fault_of_atlas(fault: &Fault) -> Entry {
    Entry::new(&fault.name, format!("\n  {}\n{}", fault.name, wrapped(&fault.about, 4)))
}

/// A key that is a flag as well, with its default and what it does.
fn knob(knob: Knob) -> Entry {
    let choices =
        if knob.choices.is_empty() { String::new() } else { format!("[{}]", knob.choices.join(" | ")) };
    let head = format!("{} = \"{}\"   {}", knob.key, knob.default.unwrap_or_default(), knob.flag);
    let fits = head.len() + choices.len() + 4 <= WIDTH;
    let choices = if fits { format!("  {choices}") } else { format!("\n{}", wrapped(&choices, 4)) };
    let help = knob.help.unwrap_or_default();
    let text = format!("\n  {}\n{}", (head + &choices).trim_end(), wrapped(&help, 4));
    Entry::new(knob.key, text)
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
            let (table, page) = (catalog::table(*topic), page(*topic));
            assert!(!table.is_empty());
            for entry in &table {
                assert!(page.contains(catalog::name(entry).expect("a name")), "{entry}");
            }
        }
        assert_eq!(catalog::table(Topic::Metrics).len(), Stat::all().count());
    }

    #[test]
    fn every_page_fits_80_columns_and_names_every_entry() {
        for topic in Topic::value_variants() {
            let page = page(*topic);
            assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
        }
        let [behaviors, protocols, metrics, server, core, servers] =
            [Topic::Behaviors, Topic::Protocols, Topic::Metrics, Topic::Server, Topic::Core, Topic::Servers]
                .map(page);
        assert!(Spec::ABOUT.iter().all(|about| behaviors.contains(about.name)));
        assert!(protocols.contains("command = \"PING\""));
        assert!(Stat::all().all(|stat| metrics.contains(&stat.name())));
        assert!(server.contains("send_limit = \"16MiB\"   --send-limit"));
        assert!(servers.contains("nginx-light") && servers.contains("send_timeout {seconds}s;"), "{servers}");
        assert!(
            core.contains("\ntimers\n")
                && core.contains("scheme = \"wheel\"   --scheme  [wheel | heap | lazy]")
        );
    }

    #[test]
    fn the_overview_is_short_and_names_everything() {
        let overview = overview();
        assert!(overview.lines().count() <= 54, "{overview}");
        assert!(overview.lines().all(|line| line.chars().count() <= WIDTH), "{overview}");
        for topic in Topic::value_variants().iter().filter(|topic| **topic != Topic::Metrics) {
            assert!(catalog::names(*topic).iter().all(|name| overview.contains(name.as_str())), "{overview}");
        }
    }

    #[test]
    fn every_name_is_described_alone() {
        let (all, pages) = (listed(), pages());
        for name in all.iter().filter(|name| Topic::from_str(name, false).is_err()) {
            assert!(about(name, &pages).contains(name.as_str()), "{name}");
        }
        let idle = about("idle", &pages);
        assert!(idle.contains("BEHAVIORS") && idle.contains("PEERS"), "{idle}");
        assert!(about("rudy", &pages).contains("slow-body (or rudy)"));
        assert_eq!(known("good.latency_p99", &all).expect("a metric"), "latency_p99");
        let refused = known("latncy_p99", &all).expect_err("unknown").message;
        assert!(refused.ends_with("; did you mean `latency_p99`?"), "{refused}");
        let one: Value = serde_json::from_str(&json(Topic::value_variants(), |_, entry| {
            catalog::is_named(entry, "slowloris")
        }))
        .expect("JSON");
        assert_eq!(
            (&one["profiles"][0]["name"], &one["peers"][0]["name"]),
            (&"slowloris".into(), &"slow-writer".into())
        );
    }
}
