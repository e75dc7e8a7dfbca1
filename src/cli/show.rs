//! `badpeer show`: a shipped profile as it is written, or a file that comes with it.

use super::{
    Exit, Failure, print_raw,
    suggested::{Suggested, profiles},
};
use crate::profile::{SHIPPED, meant, shipped_file};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of a shipped profile (see `badpeer list profiles`), or of a file that it names in `files`
    #[arg(value_parser = Suggested::text(profiles), hide_possible_values = true)]
    name: String,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let text = text(&args.name).ok_or_else(|| {
        let hint = meant(&args.name, SHIPPED.iter().map(|shipped| shipped.name));
        Failure::usage(format!(
            "there is no shipped profile `{}`; see `badpeer list profiles`{hint}",
            args.name
        ))
    })?;
    print_raw(text.trim_end());
    Ok(Exit::Pass)
}

/// The text of a profile, also by the name of its file, or of another shipped file.
fn text(name: &str) -> Option<&'static str> {
    let stem = name.strip_suffix(".toml").unwrap_or(name);
    let profile = SHIPPED.iter().find(|shipped| shipped.name == stem);
    profile.map(|shipped| shipped.text).or_else(|| shipped_file(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_and_the_files_beside_them_are_found_by_name() {
        assert_eq!(text("control"), SHIPPED.iter().find(|one| one.name == "control").map(|one| one.text));
        assert_eq!(text("control.toml"), text("control"));
        assert_eq!(text("nginx.conf"), shipped_file("nginx.conf"));
        assert_eq!(text("contrl"), None);
        let refused = main(&Args { name: "contrl".into() }).expect_err("unknown").message;
        assert!(refused.ends_with("; did you mean `control`?"), "{refused}");
    }
}
