//! `badpeer soak`: does the server grow over a long run?

mod steady;

use std::time::Duration;

use super::{
    Exit, Failure,
    netns::Netns,
    number::whole,
    perform::{Output, perform},
    sources::{beside, command_line, files, key_value, source, stem},
    suggested::{self, Suggested},
};
use crate::{
    gate::Window,
    profile::Profile,
    run::Request,
    soak::Plan,
    units::{Bytes, Span},
};

/// The shortest window: each of the blocks that it is cut into needs some samples.
const SHORTEST: Duration = Duration::from_secs(5);

/// Samples are taken no more often than so many in all.
const MOST_SAMPLES: u32 = 1000;

/// The exit codes of a soak.
const EXIT_CODES: &str = "\
How long it takes: --duration and the warm-up of the profile.

Exit codes:
  0    No growth is shown, and the profile's expectations hold.
  1    Memory, descriptors or response times grow, or an expectation failed.
  2, 3, 130  As for `badpeer run`.
  4    No verdict: memory or descriptors were not measured, or more growth than
       --resolution is not excluded. See also `badpeer --help`.";

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true, after_help = EXIT_CODES)]
pub(super) struct Args {
    /// Profile name (see `badpeer list profiles`) or path. A leak for each connection shows only if its clients come and go
    #[arg(value_name = "PROFILE", value_parser = Suggested::text(suggested::profiles), hide_possible_values = true)]
    profile: String,

    /// Length of the measured window
    #[arg(long, short = 'd', value_name = "TIME", default_value = "30m")]
    duration: Span,

    /// Share of the measured window that is left out at its beginning, while the server warms up
    #[arg(long, value_name = "SHARE", default_value = "20%", value_parser = settling)]
    settle: f64,

    /// Growth of memory per hour that must be excluded for a PASS: if more is possible, there is no verdict. Of descriptors, one
    /// for each 60KiB of it. Default: 3600KiB, which is 1 KiB a second: what a leak of 1 KiB for 1000 connections comes to at
    /// 1000 connections/s
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Plan::USUAL_RESOLUTION), hide_default_value = true, value_parser = resolution)]
    resolution: Bytes,

    /// Seed of all random choices
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0, i64::MAX as u64))]
    seed: Option<u64>,

    /// Time between two samples. Default: that of the profile, or a thousandth of --duration if that is longer
    #[arg(long, value_name = "TIME")]
    sample_every: Option<Span>,

    /// Set a key of the profile: server.send_limit=off, clients.NAME.count=10
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,

    #[command(flatten)]
    netns: Netns,

    #[command(flatten)]
    output: Output,
}

fn settling(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    number
        .filter(|number| (0.0..=80.0).contains(number))
        .map(|number| number / 100.0)
        .ok_or_else(|| format!("`{text}` is not a share from 0% to 80%"))
}

fn resolution(text: &str) -> Result<Bytes, String> {
    let size = text.parse::<Bytes>().map_err(|error| error.to_string())?;
    if size.0 == 0 {
        return Err("nothing measured excludes every growth: use a size above 0, such as 3600KiB".to_owned());
    }
    Ok(size)
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let request = request(args)?;
    args.netns.enter(request.profiles())?;
    perform(&[request], &args.output)
}

fn request(args: &Args) -> Result<Request, Failure> {
    let (source, folder) = source(&args.profile)?;
    unheeded(args).map_or(Ok(()), |message| Err(Failure::usage(message)))?;
    let plain = source.parse(&args.set).map_err(Failure::usage)?;
    check(args, &plain)?;
    let sample_every =
        args.sample_every.unwrap_or(Span(plain.sample_every.0.max(args.duration.0 / MOST_SAMPLES)));
    let mut overrides = args.set.clone();
    let own = [
        ("measure", Some(args.duration.to_string())),
        ("repeats", Some("1".to_owned())),
        ("sample_every", Some(sample_every.to_string())),
        ("seed", args.seed.map(|seed| seed.to_string())),
    ];
    overrides.extend(own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let mut profile = source.parse(&overrides).map_err(Failure::usage)?;
    beside(folder.as_deref(), &overrides, &mut profile);
    let points = vec![(Vec::new(), profile.clone())];
    let is_other = args.duration != plain.measure;
    let window = Window { asked: plain.measure.0.as_secs_f64(), measured: args.duration.0.as_secs_f64() };
    Ok(Request {
        name: stem(&args.profile),
        files: files(&source, &points, folder.as_deref())?,
        profile,
        points,
        command: command_line(),
        window: is_other.then_some(window),
        processes: 1,
        soak: Some(Plan { settling: args.settle, resolution: args.resolution.0 as f64 }),
        source,
    })
}

/// Whether growth can be looked for in runs of the profile.
fn check(args: &Args, profile: &Profile) -> Result<(), Failure> {
    let name = &args.profile;
    if profile.core.is_some() {
        return Err(Failure::usage(format!(
            "{name}: a core experiment has no server; name a profile with one"
        )));
    }
    if let Some(swept) = profile.sweep.keys().next() {
        return Err(Failure::usage(format!(
            "{name} has a sweep over {swept}, and a soak is of one point: remove [sweep], and choose its values with --set"
        )));
    }
    if args.duration.0 < SHORTEST {
        return Err(Failure::usage(format!(
            "--duration {}: use at least 5s; minutes show more",
            args.duration
        )));
    }
    let judged = profile.warmup.0 + args.duration.0.mul_f64(args.settle);
    match steady::changes(profile, judged) {
        Some(why) => Err(Failure::usage(format!("{name}: {why}; a soak needs the same load all the time"))),
        None => Ok(()),
    }
}

/// The key of --set that a flag of its own would override, and which.
fn unheeded(args: &Args) -> Option<String> {
    let of_flags = [
        ("measure", "write --duration", true),
        ("repeats", "a soak has one repeat, so remove it", true),
        ("sample_every", "write --sample-every", true),
        ("seed", "remove it, or --seed", args.seed.is_some()),
    ];
    let mut set = args.set.iter().map(|(key, _)| key.as_str());
    set.find_map(|key| {
        let (_, instead, _) = of_flags.iter().find(|(own, _, is_flags)| *own == key && *is_flags)?;
        Some(format!("--set {key} has no effect in a soak: {instead}"))
    })
}
