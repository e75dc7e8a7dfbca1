//! `badpeer run`: runs profiles and ends with a verdict for each.

use super::{
    Exit, Failure,
    perform::{Output, perform},
    sources::{command_line, files, key_value, source, stem},
};
use crate::{
    gate::Window,
    profile::{Axes, SHIPPED, TOUR},
    run::Request,
    units::Span,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Profile names (see `badpeer list profiles`) or paths. Default: the quick tour
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,

    /// Run all shipped profiles
    #[arg(long, conflicts_with = "profiles")]
    all: bool,

    /// Seed of all random choices
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,

    /// Number of repeats of each profile
    #[arg(long, value_name = "N")]
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
        let key = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
        let window = |span: Option<Span>| span.filter(|_| !is_core).map(|span| span.to_string());
        [
            key("seed", self.seed.map(|n| n.to_string())),
            key("repeats", self.repeats.map(|n| n.to_string())),
            key("measure", window(self.duration)),
            key("sample_every", window(self.sample_every)),
        ]
        .into_iter()
        .flatten()
        .chain(self.set.iter().cloned())
        .collect()
    }
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    // Every profile is read before the first is run: a fault in the last one is reported at once.
    let requests = args.names().iter().map(|name| request(name, args)).collect::<Result<Vec<_>, _>>()?;
    perform(&requests, &args.output)
}

fn request(name: &str, args: &Args) -> Result<Request, Failure> {
    let (source, folder) = source(name)?;
    let plain = source.parse(&args.set).map_err(Failure::usage)?;
    let overrides = args.overrides(plain.core.is_some());
    let points = source.expand(&overrides).map_err(Failure::usage)?;
    let is_swept = plain.sweep.contains_key("measure");
    let is_other = |duration: &Span| plain.core.is_none() && !is_swept && *duration != plain.measure;
    let duration = args.duration.filter(is_other);
    let window = duration
        .map(|measured| Window { asked: plain.measure.0.as_secs_f64(), measured: measured.0.as_secs_f64() });
    Ok(Request {
        name: stem(name),
        profile: source.parse(&overrides).map_err(Failure::usage)?,
        files: files(&source, &points, folder.as_deref())?,
        points,
        command: command_line(),
        window,
        source,
    })
}
