//! What the arguments of a command line name: profiles, the files that their servers need, and keys with their values.

use std::{
    fs,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use super::exit::Failure;
use crate::{
    files::regular,
    profile::{Axes, Profile, SHIPPED, Source, Target, meant, secrets, shipped_file},
};

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, as in server.send_limit=off")?;
    if key.is_empty() {
        return Err("the key is missing".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Makes the paths in a profile relative to its folder; a program runs in that folder, so that its arguments are, too. What
/// the command line sets is relative to the current directory.
pub(super) fn beside(folder: Option<&Path>, overrides: &Axes, profile: &mut Profile) {
    let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) else { return };
    let is_own = |key: &str| !overrides.iter().any(|(set, _)| set == key);
    // A name without a folder is looked for on the PATH.
    let is_path = |name: &&mut String| name.contains('/');
    match &mut profile.server {
        Target::Reference(options) => {
            if let Some(root) = options.root.as_mut().filter(|_| is_own("server.root")) {
                *root = folder.join(&*root);
            }
        }
        Target::Program(program) => {
            program.folder = is_own("server.command").then(|| folder.to_owned());
            let needs = program.needs.iter_mut().filter(|_| is_own("server.needs"));
            for name in needs.filter(is_path) {
                *name = folder.join(&*name).display().to_string();
            }
        }
        Target::Attached { .. } => {}
    }
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
                "cannot read the profile `{name}`: {error}; give a path, or a name from `badpeer list \
                    profiles`{meant}"
            )))
        }
    }
}

/// The command line as records keep it: without the values of fields that are secrets.
pub(super) fn command_line() -> Vec<String> {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    secrets::command(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(server: &str, overrides: &[(&str, &str)], folder: &str) -> Target {
        let text = format!(
            "title = 'x'\n[server]\n{server}\n[[clients]]\nname = 'a'\ncount = 1\nprotocol = 'http'\nload = {{ depth = 1 }}"
        );
        let overrides: Axes =
            overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let source = Source { file: "x.toml".into(), text };
        let mut profile = source.parse(&overrides).unwrap_or_else(|error| panic!("{error}"));
        beside(Some(Path::new(folder)), &overrides, &mut profile);
        profile.server
    }

    #[test]
    fn paths_in_a_profile_are_relative_to_its_folder() {
        let program = |server: &str, overrides: &[(&str, &str)], folder: &str| {
            let program = placed(server, overrides, folder).program().cloned().expect("a program");
            (program.folder.map(|folder| folder.display().to_string()), program.needs)
        };
        let needs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let own = "command = ['./serve', 'a/b']\nneeds = ['sed', 'bin/x', '/bin/sh']";
        assert_eq!(program(own, &[], "sub"), (Some("sub".into()), needs(&["sed", "sub/bin/x", "/bin/sh"])));
        assert_eq!(program(own, &[], "").0, None);
        let set = [("server.command", "['./mine']")];
        assert_eq!(program(own, &set, "sub").0, None, "what --set sets is not in the profile");
        let set = [("server.needs", "['bin/y']")];
        assert_eq!(program(own, &set, "sub"), (Some("sub".into()), needs(&["bin/y"])));
        let root = |overrides: &[(&str, &str)]| {
            let server = placed("protocol = 'http'\nroot = 'www'", overrides, "sub");
            server.reference().expect("the reference server").root.clone()
        };
        assert_eq!(root(&[]), Some("sub/www".into()));
        assert_eq!(root(&[("server.root", "other")]), Some("other".into()));
    }
}
