//! What a command line asks `badpeer capacity` to search: the profile, the key, and the levels.

use std::time::Duration;

use indexmap::IndexMap;

use super::{
    super::{
        Failure,
        sources::{beside, command_line, files},
    },
    Args,
    bad::SearchedPeer,
    key::{by_name, full_key},
    origin::Origin,
    refused::refuse,
    until,
};
use crate::{
    capacity::{Plan, most_repeats, quantity},
    profile::{Axes, Profile},
    record::LevelUnit,
    run::Request,
    units::human_time,
};

/// Starting and stopping a server takes about so long.
const AROUND_A_REPEAT: Duration = Duration::from_millis(700);

/// The search that is asked for, ready to be run.
pub(super) struct Prepared<'a> {
    pub(super) request: Request,
    pub(super) of: String,
    pub(super) unit: LevelUnit,
    pub(super) plan: Plan,
    origin: Origin<'a>,
    overrides: Axes,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(args: &'a Args, command: clap::Command) -> Result<Self, Failure> {
        let (unit, from, to) = levels(args)?;
        let origin = Origin::new(args, command)?;
        let written = key(args)?;
        let overrides = overrides(args, &origin);
        let source = origin.source(&written, from)?.into_owned();
        let profile = source
            .parse(&overrides)
            .map_err(|error| Failure::usage(as_written(&error.to_string(), &written)))?;
        let of = by_name(&written, &profile);
        refuse(args, &of, &profile, origin.name())?;
        let is_binary = matches!(unit, LevelUnit::Bytes | LevelUnit::BytesPerSecond);
        let plan =
            Plan { from, to, precision: args.precision / 100.0, confirmations: args.repeats, is_binary };
        let request = Request {
            name: origin.name().to_owned(),
            points: Vec::new(),
            files: IndexMap::new(),
            command: command_line(),
            window: None,
            processes: 1,
            soak: None,
            source,
            profile,
        };
        let mut prepared = Self { request, of, unit, plan, origin, overrides };
        let ends = [prepared.at(from), prepared.at(to)];
        let [first, last] = ends.map(|profile| profile.map_err(Failure::usage));
        let axes = |value| vec![(prepared.of.clone(), unit.text(value))];
        prepared.request.points = vec![(axes(from), first?), (axes(to), last?)];
        prepared.request.profile = prepared.request.points[0].1.clone();
        prepared.request.files =
            files(&prepared.request.source, &prepared.request.points, prepared.origin.folder())?;
        Ok(prepared)
    }

    /// The profile at a level.
    pub(super) fn at(&self, value: u64) -> Result<Profile, String> {
        let all = [&self.overrides[..], &[(self.of.clone(), self.unit.text(value))]].concat();
        let source = self.origin.source(&self.of, value).map_err(|failure| failure.message)?;
        let mut profile = source.parse(&all).map_err(|error| as_written(&error.to_string(), &self.of))?;
        beside(self.origin.folder(), &all, &mut profile);
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

/// The keys that are the same at every level, and their values.
fn overrides(args: &Args, origin: &Origin<'_>) -> Axes {
    let mut overrides = Axes::new();
    if let Origin::Flags(_) = origin {
        overrides.push(("title".to_owned(), format!("How much the server at {} holds", args.what)));
    }
    overrides.extend_from_slice(&args.set);
    if !args.until.is_empty() {
        overrides.push(("expect".to_owned(), until::expect(&args.until)));
    }
    overrides
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

    #[derive(Debug, clap::Parser)]
    struct Words {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &str) -> Args {
        let words = ["capacity"].into_iter().chain(words.split(' '));
        <Words as clap::Parser>::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).args
    }

    fn prepared(args: &Args) -> Prepared<'_> {
        let prepared = Prepared::new(args, clap::Command::new("badpeer"));
        prepared.unwrap_or_else(|failure| panic!("{}", failure.message))
    }

    /// The number of a group's clients, and their rate.
    fn load(profile: &Profile, name: &str) -> (u32, String) {
        let group = profile.clients.iter().find(|group| group.name == name).expect("a group");
        (group.count, group.load.rate.as_ref().map(ToString::to_string).unwrap_or_default())
    }

    #[test]
    fn every_level_of_an_address_is_what_bench_does_with_so_many() {
        const WITH_A_NUMBER: &str = "--bad slow-reader=10,stalled-reader=5 --of";
        for words in [
            "--bad slow-reader,stalled-reader=5".to_owned(),
            format!("{WITH_A_NUMBER} clients.slow-reader.count"),
            format!("{WITH_A_NUMBER} clients.1.count"),
        ] {
            let args = args(&format!("127.0.0.1:9 --from 10 --to 2000 {words}"));
            let prepared = prepared(&args);
            assert_eq!(prepared.of, "clients.slow-reader.count", "{words}");
            for (level, rate) in [(10, "100/s"), (2000, "20000/s")] {
                let profile = prepared.at(level).expect("a profile");
                assert_eq!(load(&profile, "slow-reader"), (level as u32, rate.to_owned()), "{words}");
                assert_eq!(load(&profile, "stalled-reader"), (5, "50/s".to_owned()), "{words}");
                assert_eq!(profile.expect.contains_key("memory_per_peer"), level == 2000, "{words}");
            }
        }
    }

    #[test]
    fn another_key_of_an_address_leaves_the_number_of_peers_alone() {
        let args = args("127.0.0.1:9 -r 10 --bad slow-reader=7 --of clients.good.rate --from 5/s --to 9/s");
        let profile = prepared(&args).at(9).expect("a profile");
        assert_eq!(load(&profile, "slow-reader"), (7, "70/s".to_owned()));
        assert_eq!(load(&profile, "good").1, "9/s");
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
