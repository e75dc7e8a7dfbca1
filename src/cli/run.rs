//! `badpeer run`: runs profiles and ends with a verdict for each.

use super::{
    Exit, Failure,
    netns::Netns,
    number::whole,
    perform::{Output, perform},
    shards::Shards,
    sources::{beside, command_line, files, key_value, source, stem},
    suggested::{self, Suggested},
};
use crate::{
    gate::Window,
    profile::{Axes, ProfileError, SHIPPED, TOUR},
    run::Request,
    units::Span,
};

/// Flags that stand for keys of a profile.
const FLAGS: [(&str, &str); 4] = [
    ("seed", "--seed"),
    ("repeats", "--repeats"),
    ("measure", "--duration"),
    ("sample_every", "--sample-every"),
];

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Args {
    /// Profile names (see `badpeer list profiles`) or paths. Default: the quick tour
    #[arg(value_name = "PROFILE", value_parser = Suggested::text(suggested::profiles), hide_possible_values = true)]
    profiles: Vec<String>,

    /// Run all shipped profiles
    #[arg(long, conflicts_with = "profiles")]
    all: bool,

    /// Seed of all random choices
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0, i64::MAX as u64))]
    seed: Option<u64>,

    /// Number of repeats of each profile
    #[arg(long, value_name = "N", value_parser = whole::<u32>(0, u32::MAX.into()))]
    repeats: Option<u32>,

    /// Length of the measured window; not for core experiments
    #[arg(long, short = 'd', value_name = "TIME")]
    duration: Option<Span>,

    /// Time between two samples; not for core experiments
    #[arg(long, value_name = "TIME")]
    sample_every: Option<Span>,

    /// Set a key of the profile: server.send_limit=off, clients.NAME.count=10
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,

    #[command(flatten)]
    shards: Shards,

    #[command(flatten)]
    netns: Netns,

    #[command(flatten)]
    output: Output,
}

impl Args {
    /// The requested profiles.
    fn names(&self) -> Vec<String> {
        if self.all {
            return SHIPPED.iter().map(|shipped| shipped.name.to_owned()).collect();
        }
        if self.profiles.is_empty() {
            return TOUR.iter().map(|&name| name.to_owned()).collect();
        }
        self.profiles.clone()
    }

    /// Every option that stands for a key of the profile, as such; a core experiment has no window.
    fn overrides(&self, is_core: bool) -> Axes {
        let window = |span: Option<Span>| span.filter(|_| !is_core).map(|span| span.to_string());
        let values = [
            self.seed.map(|n| n.to_string()),
            self.repeats.map(|n| n.to_string()),
            window(self.duration),
            window(self.sample_every),
        ];
        let keys = FLAGS.iter().map(|(key, _)| (*key).to_owned());
        keys.zip(values)
            .filter_map(|(key, value)| Some((key, value?)))
            .chain(self.set.iter().cloned())
            .collect()
    }
}

/// A fault of an override, which may have been written as a flag of its own.
fn as_written(args: &Args, mut error: ProfileError) -> Failure {
    for (key, flag) in FLAGS {
        if !args.set.iter().any(|(set, _)| set == key) {
            error.place = error.place.replace(&format!("--set {key}="), &format!("{flag} "));
        }
    }
    Failure::usage(error)
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    // Every profile is read before the first is run: a fault in the last one is reported at once.
    let requests = args.names().iter().map(|name| request(name, args)).collect::<Result<Vec<_>, _>>()?;
    args.netns.enter(requests.iter().flat_map(Request::profiles))?;
    let part = args.shards.part(&requests, &args.output);
    part.unwrap_or_else(|| perform(&requests, &args.output))
}

fn request(name: &str, args: &Args) -> Result<Request, Failure> {
    let (source, folder) = source(name)?;
    let plain = source.parse(&args.set).map_err(Failure::usage)?;
    let overrides = args.overrides(plain.core.is_some());
    let mut points = source.expand(&overrides).map_err(|error| as_written(args, error))?;
    let mut profile = source.parse(&overrides).map_err(|error| as_written(args, error))?;
    for profile in points.iter_mut().map(|(_, profile)| profile).chain([&mut profile]) {
        beside(folder.as_deref(), &overrides, profile);
    }
    let is_swept = plain.sweep.contains_key("measure");
    let is_other = |duration: &Span| plain.core.is_none() && !is_swept && *duration != plain.measure;
    let duration = args.duration.filter(is_other);
    let window = duration
        .map(|measured| Window { asked: plain.measure.0.as_secs_f64(), measured: measured.0.as_secs_f64() });
    Ok(Request {
        name: stem(name),
        profile,
        files: files(&source, &points, folder.as_deref())?,
        points,
        command: command_line(),
        window,
        processes: args.shards.processes(),
        soak: None,
        source,
    })
}
