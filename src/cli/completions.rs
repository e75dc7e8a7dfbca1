//! `badpeer completions` and `badpeer man`: the command line for shells, and its manual pages.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap_complete::Shell;

use super::{Exit, Failure, print_raw, say, suggested};
use crate::files;

/// Prints what makes the shell complete badpeer's words.
pub(super) fn completions(shell: Shell, command: clap::Command) -> Exit {
    print_raw(script(shell, command).trim_end());
    Exit::Pass
}

/// The script that clap generates, with what it leaves out: fish completes no arguments without a flag, and zsh
/// completes no paths where words are known.
fn script(shell: Shell, mut command: clap::Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "badpeer", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let profiles = suggested::profiles().join(" ");
    match shell {
        Shell::Zsh => {
            script.replace(&format!(":({profiles})"), &format!(":{{compadd - {profiles}; _files}}"))
        }
        Shell::Fish => {
            let names = suggested::listed().join(" ");
            let words = [
                ("run", &profiles),
                ("show", &profiles),
                ("capacity", &profiles),
                ("soak", &profiles),
                ("list", &names),
            ];
            let lines = words.map(|(name, words)| {
                format!("complete -c badpeer -n \"__fish_badpeer_using_subcommand {name}\" -a \"{words}\"\n")
            });
            script + &lines.concat()
        }
        _ => script,
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Folder for the pages of all commands (badpeer.1, badpeer-run.1, …). Default: print the first page
    dir: Option<PathBuf>,
}

/// Prints the page, or writes all.
pub(super) fn man(args: &Man, command: clap::Command) -> Result<Exit, Failure> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|e| Failure::new(Exit::Target, format!("cannot create the manual page: {e}")))?;
        print_raw(String::from_utf8_lossy(&page).trim_end());
        return Ok(Exit::Pass);
    };
    write_pages(dir, command)
        .map_err(|e| Failure::new(Exit::Target, format!("cannot write into {}: {e}", dir.display())))?;
    say(&format!(
        "the pages are in {}; read them with man -l {}",
        dir.display(),
        dir.join("badpeer.1").display()
    ));
    Ok(Exit::Pass)
}

/// Writes each page whole, or leaves the one that is there.
fn write_pages(dir: &Path, command: clap::Command) -> io::Result<()> {
    let made = tempfile::tempdir()?;
    clap_mangen::generate_to(command, made.path())?;
    fs::create_dir_all(dir)?;
    for page in fs::read_dir(made.path())? {
        let page = page?;
        files::copy(&page.path(), &dir.join(page.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::{
        suggested::{Suggested, listed, peers, profiles},
        *,
    };

    #[test]
    fn every_shell_completes_names_and_fish_and_zsh_complete_paths_as_well() {
        let name = |words: fn() -> Vec<String>| Arg::new("name").value_parser(Suggested::text(words));
        let of = |shell| {
            let bad = name(peers).long("bad");
            let commands = [
                Command::new("run").arg(name(profiles).num_args(0..)),
                Command::new("list").arg(name(listed)),
                Command::new("bench").arg(bad),
            ];
            script(shell, Command::new("badpeer").subcommands(commands))
        };
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = of(shell);
            for word in ["stalled-readers", "slow-reader", "slowloris", "latency_p99"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
        assert!(of(Shell::Zsh).contains(":{compadd - control ") && !of(Shell::Zsh).contains(":(control "));
        assert!(of(Shell::Fish).contains("using_subcommand run\" -a \"control "));
    }
}
