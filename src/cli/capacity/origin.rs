//! Where the profile of a search comes from: a file, or the flags for the server of an address.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use clap::{Args as _, parser::ValueSource};

use super::{
    super::{
        Failure,
        bench_flags::BenchFlags,
        sources::{self, stem},
    },
    Args,
};
use crate::profile::{Crowd, Source, unix_path};

/// Name of a search without a profile in reports.
const NAME: &str = "capacity";

/// Where the profile of a search comes from.
pub(super) enum Origin<'a> {
    /// A profile, whose text is the same at every level; the folder of its file, and its name.
    Profile(Source, Option<PathBuf>, String),
    /// Flags for the server of an address. The load of misbehaving clients follows from their number, so each level has a
    /// text of its own.
    Flags(&'a Args),
}

impl<'a> Origin<'a> {
    pub(super) fn new(args: &'a Args, command: clap::Command) -> Result<Self, Failure> {
        if is_address(&args.what) {
            return Ok(Self::Flags(args));
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
        Ok(Self::Profile(source, folder, stem(&args.what)))
    }

    /// The text of the profile in which the key `of` is to be set to this level.
    pub(super) fn source(&self, of: &str, level: u64) -> Result<Cow<'_, Source>, Failure> {
        match self {
            Self::Profile(source, ..) => Ok(Cow::Borrowed(source)),
            Self::Flags(args) => {
                let bad: Vec<Crowd> = args.bad.iter().map(|bad| bad.crowd(of, level)).collect();
                args.bench.source(&args.what, &bad, &args.command).map(Cow::Owned)
            }
        }
    }

    /// The folder of the profile's file, if it has one.
    pub(super) fn folder(&self) -> Option<&Path> {
        if let Self::Profile(_, folder, _) = self { folder.as_deref() } else { None }
    }

    /// Its name in reports.
    pub(super) fn name(&self) -> &str {
        if let Self::Profile(.., name) = self { name } else { NAME }
    }
}

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
    what.contains("://") || unix_path::of(what).is_some() || (has_port && !Path::new(what).exists())
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
            ("http://unix:/run/app.sock:/path", true),
            ("unix:/run/app.sock", true),
            ("unix:app.sock", true),
            ("unix:@app", true),
            ("unix:", true),
            ("control", false),
            ("profiles/control.toml", false),
            ("profiles/unix.toml", false),
            ("c:/control.toml", false),
        ] {
            assert_eq!(is_address(what), is, "{what}");
        }
    }
}
