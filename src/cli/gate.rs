//! What `compare` and `calibrate` share: two servers, a profile, and the pairs of repeats between them.

use std::time::{Duration, Instant};

use super::{Failure, netns::Netns, number::whole, progress::Bar, sources};
use crate::{
    gate::{self, Origin, PairedComparison, Window},
    probe::describe_machine,
    profile::{Axes, Profile, Source, Target, secrets},
    run::{
        Broken, Build, Interrupt, Observer, PairObserver, PairedRun, PairedRunEnd, RunError, Stage, now,
        run_pairs,
    },
    units::{Span, human_time},
};

/// The default profile of comparisons.
pub(super) const PROFILE: &str = "gate";
/// Longest window of a repeat, unless `-d` sets another, or the profile expects evictions, which need the profile's
/// whole window.
const WINDOW: Duration = Duration::from_secs(2);
/// Longest warm-up of a repeat.
const WARMUP: Duration = Duration::from_millis(500);
/// With fewer pairs no regression can reach the gate's level of significance.
const FEWEST: u64 = 8;

/// How servers are compared.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PairOptions {
    /// Pairs of repeats at each point of the sweep; if a metric looks worse, as many again to confirm it. A pair that a
    /// busy host disturbed is replaced by another; at most twice as many pairs are measured
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole::<u32>(FEWEST, 1000))]
    pairs: u32,

    /// Seed of the order within each pair, and of the clients in both repeats
    #[arg(long, value_name = "N", default_value_t = 42, value_parser = whole::<u64>(0, i64::MAX as u64))]
    seed: u64,

    /// Length of the measured window of each repeat. Default: that of the profile, but at most 2 s if it expects no
    /// evictions
    #[arg(long, short, value_name = "TIME")]
    duration: Option<Span>,

    /// Set a key of the profile, for both servers
    #[arg(long, value_name = "KEY=VALUE", value_parser = sources::key_value)]
    set: Vec<(String, String)>,

    #[command(flatten)]
    netns: Netns,
}

impl PairOptions {
    /// The network namespace that the servers are to be run in.
    pub(super) const fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The seed of one of several comparisons: no two share arrivals or orders of pairs.
    pub(super) fn seed_of(&self, gate: u32) -> u64 {
        self.seed.wrapping_add(u64::from(gate) * 2 * u64::from(self.pairs))
    }
}

/// Two servers to compare, and the profile to compare them under.
pub(super) struct ComparisonPlan {
    name: String,
    source: Source,
    base: String,
    head: String,
    paired_run: PairedRun,
    /// Repeats are shorter than the profile asks for.
    window: Option<Window>,
}

/// How a comparison ended.
#[derive(Debug)]
pub(super) enum ComparisonEnd {
    Finished,
    Interrupted,
    /// A server could not be started, or the base died; what was measured until then is kept.
    Broken(Failure),
}

impl ComparisonPlan {
    pub(super) fn new(
        name: &str,
        base: Option<&str>,
        head: Option<&str>,
        options: &PairOptions,
    ) -> Result<Self, Failure> {
        let (source, folder) = sources::source(name)?;
        let plain = source.parse(&options.set).map_err(Failure::usage)?;
        if plain.core.is_some() {
            return Err(Failure::usage(format!(
                "{name}: a core experiment has no server to compare; name a profile with a server"
            )));
        }
        let mut overrides = options.set.clone();
        let mut set = |key: &str, span: Span| overrides.push((key.to_owned(), span.to_string()));
        let is_needed = gate::needs_the_whole_window(&plain);
        let usual = if is_needed { plain.measure } else { Span(plain.measure.0.min(WINDOW)) };
        let measure = options.duration.unwrap_or(usual);
        set("measure", measure);
        // Who asks for as long a window as the profile's gets its warm-up, too.
        let is_asked = (is_needed || options.duration.is_some()) && measure >= plain.measure;
        let warmup = if is_asked { plain.warmup } else { Span(plain.warmup.0.min(WARMUP)) };
        set("warmup", warmup);
        let is_whole = measure == plain.measure && warmup == plain.warmup;
        let window = Window { asked: plain.measure.0.as_secs_f64(), measured: measure.0.as_secs_f64() };
        let mut points = source.expand(&overrides).map_err(Failure::usage)?;
        for (_, profile) in &mut points {
            sources::beside(folder.as_deref(), &overrides, profile);
        }
        let files = sources::files(&source, &points, folder.as_deref())?;
        // Metrics that normally do not change cost the others nothing as long as they stay the same.
        let moving =
            |profile: &Profile| gate::gated(profile).iter().filter(|gated| !gated.only_beyond).count();
        let numbers = points.iter().map(|(_, profile)| moving(profile)).sum::<usize>().max(1);
        let least = (numbers as f64 / gate::ALPHA).log2().ceil() as u32;
        if options.pairs < least {
            return Err(Failure::usage(format!(
                "{name}: {} pairs are too few to find a regression among {numbers} metrics: use at least --pairs \
                 {least}",
                options.pairs
            )));
        }
        let (base_build, base_points) = side(&points, base)?;
        let (head_build, head_points) = side(&points, head)?;
        let paired_run = PairedRun {
            base: base_points,
            head: head_points,
            builds: [base_build, head_build],
            files,
            pairs: options.pairs,
            seed: options.seed,
        };
        Ok(Self {
            name: sources::stem(name),
            source,
            base: named(base),
            head: named(head),
            paired_run,
            window: (!is_whole).then_some(window),
        })
    }

    /// The profiles of both servers, at every point.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        let points = self.paired_run.base.iter().chain(&self.paired_run.head);
        points.map(|(_, profile)| profile)
    }

    /// Uses another seed, for another comparison of the same servers.
    pub(super) fn reseed(&mut self, seed: u64) {
        self.paired_run.seed = seed;
    }

    /// Runs the pairs and returns their result, however they ended; an error only if this machine cannot run the
    /// profile.
    pub(super) fn run(
        &self,
        interrupt: &mut Interrupt,
        quiet: bool,
    ) -> Result<(PairedComparison, ComparisonEnd), Failure> {
        let mut watcher = Watcher { name: &self.name, bar: Bar::new(quiet) };
        let (started, begun) = (now(), Instant::now());
        let (cells, result) = run_pairs(&self.paired_run, interrupt, &mut watcher);
        watcher.bar.clear();
        let (end, broken_off, head_died) = match result {
            Ok(PairedRunEnd::Finished) => (ComparisonEnd::Finished, None, None),
            Ok(PairedRunEnd::Interrupted) => {
                (ComparisonEnd::Interrupted, Some("interrupted".to_owned()), None)
            }
            Ok(PairedRunEnd::HeadDied(words)) => {
                (ComparisonEnd::Finished, Some(format!("head: {words}")), Some(words))
            }
            Err(Broken { error: RunError::Impossible { path, message }, .. }) if path[0] == "clients" => {
                return Err(Failure::usage(self.source.fault_at(&path, &message)));
            }
            Err(broken) => {
                let failure =
                    Failure::new(super::exit::exit_of(&broken.error), format!("{}: {broken}", self.name));
                if matches!(broken.error, RunError::Impossible { .. } | RunError::Missing(_)) {
                    return Err(failure);
                }
                (ComparisonEnd::Broken(failure), Some(broken.to_string()), None)
            }
        };
        let origin = Origin {
            name: self.name.clone(),
            base: self.base.clone(),
            head: self.head.clone(),
            seed: self.paired_run.seed,
            asked: self.paired_run.pairs,
            started,
            seconds: begun.elapsed().as_secs_f64(),
            command: super::sources::command_line(),
            broken_off,
            head_died,
        };
        let profiles: Vec<Profile> =
            self.paired_run.head.iter().map(|(_, profile)| profile.clone()).collect();
        Ok((PairedComparison::of(origin, describe_machine(), &cells, &profiles, self.window), end))
    }
}

fn named(command: Option<&str>) -> String {
    command.map_or_else(|| "the profile's server".to_owned(), secrets::line)
}

/// The points of the sweep as that command serves them.
fn side(points: &[(Axes, Profile)], command: Option<&str>) -> Result<(Build, Vec<(Axes, Profile)>), Failure> {
    let Some(command) = command else { return Ok((Build::default(), points.to_vec())) };
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        Failure::usage(format!("`{command}` is not a valid command line: check its quotes"))
    })?;
    let mut points = points.to_vec();
    for (_, profile) in &mut points {
        match &mut profile.server {
            Target::Reference(_) => {}
            Target::Program(program) => {
                program.command.clone_from(&words);
                // The command line, unlike the profile, is about the current directory.
                program.folder = None;
            }
            Target::Attached { .. } => {
                return Err(Failure::usage(
                    "an attached server (`attach`) is the same on both sides, so there is nothing to compare",
                ));
            }
        }
    }
    let program = Some(words[0].clone().into());
    Ok((Build { program, flags: words[1..].to_vec() }, points))
}

struct Watcher<'a> {
    name: &'a str,
    bar: Bar,
}

impl Observer for Watcher<'_> {}

impl PairObserver for Watcher<'_> {
    fn pair(&mut self, number: usize, of: usize, left: Option<Duration>, stage: Stage) {
        let doing = match stage {
            Stage::First => "pair",
            Stage::Confirming => "confirming, pair",
        };
        let left = left.map(|left| format!(", about {} left", human_time(left.as_nanos() as f64)));
        self.bar.count(
            self.name,
            number - 1,
            of,
            format!("{doing} {number}/{of}{}", left.unwrap_or_default()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_have_the_profiles_window_if_evictions_are_expected() {
        let plan = |profile: &str, duration: Option<&str>| {
            let duration = duration.map(|text| text.parse().expect("a time"));
            let options =
                PairOptions { pairs: 20, seed: 42, duration, set: Vec::new(), netns: Netns::default() };
            let plan = ComparisonPlan::new(profile, None, None, &options).expect("a plan");
            let profile = &plan.paired_run.head[0].1;
            (plan.window.is_none(), profile.measure.to_string(), profile.warmup.to_string())
        };
        let of = |is_whole, measure: &str, warmup: &str| (is_whole, measure.to_owned(), warmup.to_owned());
        // It measures for four seconds, after one.
        assert_eq!(plan("control", None), of(false, "2s", "500ms"));
        assert_eq!(plan("control", Some("3s")), of(false, "3s", "500ms"));
        assert_eq!(plan("control", Some("4s")), of(true, "4s", "1s"));
        assert_eq!(plan("gate", None), of(true, "1s", "400ms"));
        // Evictions need their time, unless the user knows better.
        assert_eq!(plan("stalled-readers", None), of(true, "6500ms", "500ms"));
        assert_eq!(plan("stalled-readers", Some("3s")), of(false, "3s", "500ms"));
    }
}
