//! `badpeer run`: runs profiles and ends with a verdict for each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use super::{
    Exit, Failure,
    perform::{Output, perform},
};
use crate::{
    files::regular,
    gate::Window,
    profile::{Axes, Profile, SHIPPED, Source, TOUR, meant, shipped_file},
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

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, as in server.send_limit=off")?;
    if key.is_empty() {
        return Err("the key is missing".into());
    }
    Ok((key.to_owned(), value.to_owned()))
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
    // Every profile is read before the first is run: a fault in the last one is told at once.
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
        command: super::command_line(),
        window,
        source,
    })
}

/// The files that the profile's servers need: from beside the profile, or as they come with badpeer.
pub(super) fn files(
    source: &Source,
    points: &[(Axes, Profile)],
    folder: Option<&Path>,
) -> Result<IndexMap<String, String>, Failure> {
    let programs = points.iter().filter_map(|(_, profile)| profile.server.program());
    let read = |name: &String| {
        let Some(folder) = folder else {
            let text = shipped_file(name).ok_or_else(|| format!("badpeer ships no file `{name}`"))?;
            return Ok((name.clone(), text.to_owned()));
        };
        let path = folder.join(name);
        let text = regular(&path).and_then(|()| fs::read_to_string(&path));
        Ok((name.clone(), text.map_err(|e| format!("cannot read {}: {e}", path.display()))?))
    };
    let texts: Result<_, String> = programs.flat_map(|program| &program.files).map(read).collect();
    let key = ["server".to_owned(), "files".to_owned()];
    texts.map_err(|message| Failure::usage(source.fault_at(&key, &message)))
}

pub(super) fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// The text of a shipped profile or of a file, and the folder of the file.
pub(super) fn source(name: &str) -> Result<(Source, Option<PathBuf>), Failure> {
    if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == name) {
        return Ok((shipped.source(), None));
    }
    match fs::read(name) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|error| {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = memchr::memchr_iter(b'\n', valid).count() + 1;
                let byte = error.as_bytes()[valid.len()];
                Failure::usage(format!(
                    "{name}:{line}: byte 0x{byte:02x} is not UTF-8: save the file as UTF-8"
                ))
            })?;
            let folder = Path::new(name).parent().map(Path::to_owned).unwrap_or_default();
            Ok((Source { file: name.to_owned(), text }, Some(folder)))
        }
        Err(error) => {
            let meant = meant(name, SHIPPED.iter().map(|shipped| shipped.name));
            Err(Failure::usage(format!(
                "cannot read the profile `{name}`: {error}; give a path, or a name from `badpeer list profiles`{meant}"
            )))
        }
    }
}
