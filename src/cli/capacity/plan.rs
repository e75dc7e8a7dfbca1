//! What a command line asks `badpeer capacity` to search: the profile, the key, and the levels.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args as _, parser::ValueSource};
use indexmap::IndexMap;

use super::{
    super::{
        Failure,
        bench_flags::BenchFlags,
        sources::{self, beside, command_line, files, stem},
    },
    Args,
    bad::SearchedPeer,
    until,
};
use crate::{
    capacity::{Plan, most_repeats, quantity},
    profile::{Axes, Profile, Source},
    record::LevelUnit,
    run::Request,
    units::human_time,
};

/// Starting and stopping a server takes about so long.
const AROUND_A_REPEAT: Duration = Duration::from_millis(700);

/// Name of a search without a profile in reports.
const NAME: &str = "capacity";

/// Flags of `badpeer bench` whose place is in a profile: the first that the command line has.
fn bench_flag_given(command: clap::Command) -> Option<String> {
    let matches = command.try_get_matches_from(std::env::args_os()).ok()?;
    let (_, own) = matches.subcommand()?;
    let flags = BenchFlags::augment_args(clap::Command::new(""));
    let mut given = flags
        .get_arguments()
        .filter(|flag| own.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine));
    given.find_map(|flag| Some(format!("--{}", flag.get_long()?)))
}

/// Whether it is the address of a server, and not the name or the path of a profile.
fn is_address(what: &str) -> bool {
    let has_port = what.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    what.contains("://") || (has_port && !Path::new(what).exists())
}

/// The search that is asked for, ready to be run.
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) of: String,
    pub(super) unit: LevelUnit,
    pub(super) plan: Plan,
    folder: Option<PathBuf>,
    overrides: Axes,
}

impl Prepared {
    pub(super) fn new(args: &Args, command: clap::Command) -> Result<Self, Failure> {
        let (unit, from, to) = levels(args)?;
        let (source, folder, name) = profile_of(args, from, command)?;
        let of = key(args)?;
        let mut overrides = args.set.clone();
        if !args.until.is_empty() {
            overrides.push(("expect".to_owned(), until::expect(&args.until)));
        }
        if is_address(&args.what) {
            overrides.push(("title".to_owned(), format!("How much the server at {} holds", args.what)));
        }
        let is_binary = matches!(unit, LevelUnit::Bytes | LevelUnit::BytesPerSecond);
        let plan =
            Plan { from, to, precision: args.precision / 100.0, confirmations: args.repeats, is_binary };
        let profile =
            source.parse(&overrides).map_err(|error| Failure::usage(as_written(&error.to_string(), &of)))?;
        if profile.core.is_some() {
            return Err(Failure::usage(format!(
                "{name}: a core experiment has no server; name a profile with one"
            )));
        }
        if let Some(swept) = profile.sweep.keys().next() {
            return Err(Failure::usage(format!(
                "{name} has a sweep over {swept}, and the levels are one of their own: remove [sweep], and choose its \
                 values with --set"
            )));
        }
        let request = Request {
            name,
            points: Vec::new(),
            files: IndexMap::new(),
            command: command_line(),
            window: None,
            processes: 1,
            soak: None,
            source,
            profile,
        };
        let mut prepared = Self { request, of, unit, plan, folder, overrides };
        let ends = [prepared.at(from), prepared.at(to)];
        let [first, last] = ends.map(|profile| profile.map_err(Failure::usage));
        let axes = |value| vec![(prepared.of.clone(), unit.text(value))];
        prepared.request.points = vec![(axes(from), first?), (axes(to), last?)];
        prepared.request.profile = prepared.request.points[0].1.clone();
        prepared.request.files =
            files(&prepared.request.source, &prepared.request.points, prepared.folder.as_deref())?;
        Ok(prepared)
    }

    /// The profile at a level.
    pub(super) fn at(&self, value: u64) -> Result<Profile, String> {
        let all = [&self.overrides[..], &[(self.of.clone(), self.unit.text(value))]].concat();
        let mut profile =
            self.request.source.parse(&all).map_err(|error| as_written(&error.to_string(), &self.of))?;
        beside(self.folder.as_deref(), &all, &mut profile);
        profile.repeats = 1;
        Ok(profile)
    }

    /// How many repeats it needs at most, and how long that takes, in a sentence.
    pub(super) fn forecast(&self, budget: Option<Duration>) -> String {
        let most = most_repeats(&self.plan);
        let each = self.request.profile.duration() + AROUND_A_REPEAT;
        let whole = each * most as u32;
        let [each, whole] = [each, whole].map(|time| human_time(time.as_nanos() as f64));
        let [from, to] = [self.plan.from, self.plan.to].map(|value| self.unit.text(value));
        let ends = budget.map_or_else(String::new, |budget| {
            format!("; --budget ends it after {}", human_time(budget.as_nanos() as f64))
        });
        format!(
            "{} from {from} to {to}: up to about {most} repeats of {each}, which is {whole}, and more if repeats are \
             inconclusive{ends}",
            self.of
        )
    }
}

/// The unit, the first level and the largest.
fn levels(args: &Args) -> Result<(LevelUnit, u64, u64), Failure> {
    let read = |flag: &str, text: &str| {
        quantity(text).map_err(|message| Failure::usage(format!("{flag}: {message}")))
    };
    let ((unit, from), (other, to)) = (read("--from", &args.from)?, read("--to", &args.to)?);
    if unit != other {
        return Err(Failure::usage(format!(
            "--from {} and --to {} have different units: write both with the same one",
            args.from, args.to
        )));
    }
    if from == 0 || from > to {
        return Err(Failure::usage(format!(
            "--from {} must be above 0 and at most --to {}",
            args.from, args.to
        )));
    }
    Ok((unit, from, to))
}

/// The profile, the folder that it is in, and its name: a profile, or what the flags make for a server.
fn profile_of(
    args: &Args,
    from: u64,
    command: clap::Command,
) -> Result<(Source, Option<PathBuf>, String), Failure> {
    if is_address(&args.what) {
        let count = u32::try_from(from).unwrap_or(u32::MAX);
        let bad: Vec<_> = args.bad.iter().map(|bad| bad.crowd(count)).collect();
        let source = args.bench.source(&args.what, &bad, &args.command)?;
        return Ok((source, None, NAME.to_owned()));
    }
    let given = if !args.bad.is_empty() {
        Some("--bad".to_owned())
    } else if args.command.is_empty() {
        bench_flag_given(command)
    } else {
        Some("-- COMMAND".to_owned())
    };
    if let Some(flag) = given {
        return Err(Failure::usage(format!(
            "{flag} is for a server that is named by its address; of the profile {}, set keys with --set KEY=VALUE",
            args.what
        )));
    }
    let (source, folder) = sources::source(&args.what)?;
    Ok((source, folder, stem(&args.what)))
}

/// The key that is set: that of `--of`, or the number of the misbehaving clients that are named without one.
fn key(args: &Args) -> Result<String, Failure> {
    let bare: Vec<&str> = args.bad.iter().filter(|bad| bad.is_searched()).map(SearchedPeer::name).collect();
    match (&args.of, bare.as_slice()) {
        (Some(of), []) => Ok(full_key(of)),
        (None, [name]) => Ok(format!("clients.{name}.count")),
        (Some(_), [name, ..]) => {
            Err(Failure::usage(format!("--of names what is searched: write --bad {name}=N")))
        }
        (None, []) => Err(Failure::usage(
            "what is searched? Name a key with --of, as in --of clients.slow.count, or with an address a kind of \
             misbehaving clients without a number, as in --bad slow-reader",
        )),
        (None, _) => Err(Failure::usage(format!(
            "--bad {}: give all but one of them a number, as in {}=10",
            bare.join(","),
            bare[0]
        ))),
    }
}

/// A key of a group's load may be named as one of the group.
fn full_key(of: &str) -> String {
    match of.rsplit_once('.') {
        Some((group, key @ ("rate" | "depth" | "payload" | "answer")))
            if group.strip_prefix("clients.").is_some_and(|name| name.rsplit('.').next() != Some("load")) =>
        {
            format!("{group}.load.{key}")
        }
        _ => of.to_owned(),
    }
}

/// A fault of an override, which is written as a flag of its own.
fn as_written(message: &str, of: &str) -> String {
    match message.strip_prefix("--set expect=").and_then(|rest| rest.split_once(": ")) {
        Some((_, message)) => format!("--until: {}", message.trim_start_matches("expect.")),
        None => message.replace(&format!("--set {of}="), &format!("--of {of} at ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_profile() {
        for (what, is) in [
            ("127.0.0.1:8080", true),
            ("localhost:80", true),
            ("[::1]:80", true),
            ("http://127.0.0.1/", true),
            ("control", false),
            ("profiles/control.toml", false),
            ("c:/control.toml", false),
        ] {
            assert_eq!(is_address(what), is, "{what}");
        }
    }

    #[test]
    fn keys_of_a_load_have_short_names() {
        for (short, key) in [
            ("clients.good.rate", "clients.good.load.rate"),
            ("clients.good.load.rate", "clients.good.load.rate"),
            ("clients.slow one.count", "clients.slow one.count"),
            ("server.rate", "server.rate"),
        ] {
            assert_eq!(full_key(short), key);
        }
    }

    #[test]
    fn faults_name_the_flags_that_were_written() {
        let of = "clients.a.count";
        assert_eq!(
            as_written("--set expect={ god = \"= 0\" }: expect.god: there is no metric `god`", of),
            "--until: god: there is no metric `god`"
        );
        assert_eq!(
            as_written("--set clients.a.count=10: no group `a`", of),
            "--of clients.a.count at 10: no group `a`"
        );
    }
}
