//! `badpeer init`: writes a profile to start from, with comments, that runs as it is.

use std::{
    env,
    fs::File,
    io::{ErrorKind, Write},
    path::PathBuf,
};

use super::{Exit, Failure, say};

/// Name of the program.
const NAME: &str = "badpeer";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the profile drives
    #[arg(value_enum, default_value_t)]
    kind: Kind,

    /// File to write; it must not be there yet
    #[arg(default_value = "badpeer.toml")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Kind {
    /// An HTTP server that already runs, on 127.0.0.1:8080
    Http,
    /// Redis (or resp), which the run starts and stops
    #[value(alias = "resp")]
    Redis,
    /// A program that the run starts and stops; at first the reference server as an echo server
    #[default]
    Command,
    /// An echo server (or echo) that already runs, on 127.0.0.1:8080
    #[value(alias = "echo")]
    Attach,
    /// A server that already runs and sends back whole lines, on 127.0.0.1:8080
    Line,
    /// A server that already runs and speaks badpeer's frames, on 127.0.0.1:8080
    Frame,
}

impl Kind {
    const fn profile(self) -> &'static str {
        match self {
            Self::Http => include_str!("../../templates/http.toml"),
            Self::Redis => include_str!("../../templates/redis.toml"),
            Self::Command => include_str!("../../templates/command.toml"),
            Self::Attach | Self::Line | Self::Frame => include_str!("../../templates/attach.toml"),
        }
    }

    /// The profile, whose comments name the file that it is written to. `program` starts badpeer.
    fn profile_in(self, file: &str, program: &str) -> String {
        let text = self.profile().replace("badpeer run badpeer.toml", &format!("badpeer run {file}"));
        let text = match self {
            Self::Line => in_protocol(&text, "line"),
            Self::Frame => in_protocol(&text, "frame"),
            _ => text,
        };
        text.replace("[\"badpeer\",", &format!("[{},", toml::Value::from(program)))
    }
}

/// The profile for an echo server, for a server of another protocol.
fn in_protocol(text: &str, protocol: &str) -> String {
    let text = text.replace("an echo server", &format!("a server of the protocol {protocol}"));
    let text = text.replace("protocol = \"echo\"", &format!("protocol = \"{protocol}\""));
    let others = ["echo", "frame", "line", "http"].into_iter().filter(|other| *other != protocol);
    let others = others.collect::<Vec<_>>().join(", ");
    text.replace("# also frame, line, http,", &format!("# also {others},"))
}

/// What starts this program: its name if the name alone does, else its path.
fn own_name() -> String {
    let Ok(own) = env::current_exe() else { return NAME.to_owned() };
    let path = env::var_os("PATH").unwrap_or_default();
    let first = env::split_paths(&path).map(|folder| folder.join(NAME)).find(|program| program.is_file());
    match first.and_then(|first| first.canonicalize().ok()) {
        Some(first) if first == own => NAME.to_owned(),
        _ => own.display().to_string(),
    }
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let file = args.file.display().to_string();
    let text = args.kind.profile_in(&file, &own_name());
    let written = File::create_new(&args.file).and_then(|mut new| new.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!(
            "{file} already exists: name another file, as in badpeer init http mine.toml"
        )),
        _ => Failure::new(Exit::Target, format!("cannot write {file}: {error}")),
    })?;
    say(&format!("wrote {file}: edit it, then run it with: badpeer run {file}"));
    Ok(Exit::Pass)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::{codec::Protocol, profile::Source};

    #[test]
    fn every_profile_is_valid_and_explains_its_keys() {
        for kind in Kind::value_variants() {
            let text = kind.profile_in("mine.toml", "/a\"b/badpeer");
            let source = Source { file: "mine.toml".into(), text: text.clone() };
            let profile = source.parse(&[]).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert!(profile.expectations().len() >= 4 && profile.clients.len() >= 3, "{kind:?}");
            assert!(profile.server.reference().is_none(), "{kind:?} drives a server of the user");
            assert!(text.contains("badpeer run mine.toml") && text.matches('#').count() > 8, "{kind:?}");
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{kind:?}");
            let protocol = match kind {
                Kind::Http => Protocol::Http,
                Kind::Redis => Protocol::Resp,
                Kind::Command | Kind::Attach => Protocol::Echo,
                Kind::Line => Protocol::Line,
                Kind::Frame => Protocol::Frame,
            };
            assert!(profile.clients.iter().all(|group| group.protocol == protocol), "{kind:?}");
        }
    }

    #[test]
    fn a_protocol_is_a_kind() {
        for protocol in ["echo", "frame", "line", "http", "resp"] {
            assert!(Kind::from_str(protocol, false).is_ok(), "{protocol}");
        }
    }

    #[test]
    fn an_existing_file_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = Args { kind: Kind::Http, file: folder.path().join("mine.toml") };
        assert_eq!(main(&args).expect("written"), Exit::Pass);
        std::fs::write(&args.file, "mine").expect("changed");
        let refused = main(&args).expect_err("it is there");
        assert!(refused.exit == Exit::Usage && refused.message.contains("already exists"), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&args.file).expect("a file"), "mine");
    }
}
