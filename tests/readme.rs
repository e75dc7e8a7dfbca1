//! What README.md, CONTRIBUTING.md and docs/ show must work: commands run or parse, profiles are valid, links lead somewhere,
//! limits are the code's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use badpeer::{
    behavior::Spec,
    gate,
    profile::{Peer, SHIPPED, Source},
};
use clap::{ArgMatches, ValueEnum};
use yaml_rust2::{Yaml, YamlLoader};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Words that README.md may have, as `wc -w` counts them.
const MOST_WORDS: usize = 1800;

/// A page, and its path from the root of the repository.
struct Document {
    path: PathBuf,
    text: String,
}

fn document(path: &str) -> Document {
    let text = fs::read_to_string(Path::new(ROOT).join(path));
    Document { path: path.into(), text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
}

/// README.md, CONTRIBUTING.md and every page of docs/.
fn documents() -> Vec<Document> {
    let folder = fs::read_dir(Path::new(ROOT).join("docs")).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let is_page = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "md");
    let mut names: Vec<String> = files.filter(is_page).collect();
    names.sort();
    let pages = names.iter().map(|name| document(&format!("docs/{name}")));
    ["README.md", "CONTRIBUTING.md"].map(document).into_iter().chain(pages).collect()
}

impl Document {
    /// The code blocks of this language.
    fn blocks(&self, language: &str) -> Vec<&str> {
        let blocks = self.text.split("```").skip(1).step_by(2);
        blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
    }

    /// The text without its code blocks.
    fn prose(&self) -> String {
        self.text.split("```").step_by(2).collect()
    }

    /// The text on one line.
    fn joined(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The targets of links and pictures.
    fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let between = |start: &str, end: char| -> Vec<String> {
            let rests = prose.split(start).skip(1);
            rests.filter_map(|rest| rest.split(end).next()).map(str::to_owned).collect()
        };
        [between("](", ')'), between("src=\"", '"')].concat()
    }

    /// What a link can name of this page.
    fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-")
}

/// The code blocks of this language on all pages, each with its page.
fn blocks(language: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for page in documents() {
        found.extend(page.blocks(language).into_iter().map(|block| (page.path.clone(), block.to_owned())));
    }
    assert!(!found.is_empty(), "no block of {language}");
    found
}

/// The words of a command line, and what badpeer makes of them.
fn parse(command: &str, path: &Path) -> (Vec<String>, ArgMatches) {
    let words = shlex::split(command).unwrap_or_else(|| panic!("{}: {command}", path.display()));
    let parsed = badpeer::cli::command().try_get_matches_from(&words);
    let matches = parsed.unwrap_or_else(|error| panic!("{}: {command}: {error}", path.display()));
    (words, matches)
}

/// Every line of the blocks of commands, without its comment, with its page.
fn command_lines() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (path, block) in blocks("sh") {
        let lines = block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        found.extend(lines.filter(|line| !line.is_empty()).map(|line| (path.clone(), line.to_owned())));
    }
    found
}

/// The command lines of badpeer.
fn commands() -> Vec<(PathBuf, String)> {
    let ours = |line: &str| {
        let arguments = line.strip_prefix("badpeer ").or(line.strip_prefix("cargo run --release -- "))?;
        Some(format!("badpeer {arguments}"))
    };
    command_lines().into_iter().filter_map(|(path, line)| Some((path, ours(&line)?))).collect()
}

#[test]
fn every_documented_command_parses_and_its_profiles_exist() {
    let commands = commands();
    for (path, command) in &commands {
        let (_, matches) = parse(command, path);
        let Some(("run", run)) = matches.subcommand() else { continue };
        let names = run.get_many::<String>("profiles").into_iter().flatten();
        for name in names.filter(|name| Path::new(name).extension().is_none()) {
            let shipped = SHIPPED.iter().find(|shipped| shipped.name == name);
            let source = shipped.unwrap_or_else(|| panic!("{}: {command}", path.display())).source();
            let set: Vec<(String, String)> = run.get_many("set").into_iter().flatten().cloned().collect();
            source.parse(&set).unwrap_or_else(|error| panic!("{}: {command}: {error}", path.display()));
        }
    }
    assert!(commands.len() >= 40, "{} commands", commands.len());
}

#[test]
fn behaviors_md_has_a_row_for_every_bad_peer() {
    let page = document("docs/behaviors.md").text;
    for peer in Peer::value_variants() {
        let aliases: Vec<String> = peer.aliases().iter().map(|alias| format!("`{alias}` ")).collect();
        let row = format!("\n| `{}` | {}| ", peer.name(), aliases.concat());
        assert!(page.contains(&row), "docs/behaviors.md has no row for {}: {row}", peer.name());
    }
}

/// What a command line does that runs without a server and in no time: it prints, or it makes a report of the sample.
fn quick(words: &[String]) -> Option<Vec<String>> {
    let with = |place: usize, more: &[&str]| {
        let more = more.iter().map(|word| (*word).to_owned());
        Some([words[1..place].to_vec(), more.collect(), words[place..].to_vec()].concat())
    };
    match words.get(1)?.as_str() {
        "list" | "show" | "schema" | "completions" | "man" => Some(words[1..].to_vec()),
        "bench" => with(2, &["--print-profile"]),
        "report" if words.get(2)? == "reports/sample" => with(2, &["--out", "{folder}"]),
        _ => None,
    }
}

#[test]
fn documented_commands_that_need_no_server_run() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut ran = 0;
    for (path, command) in commands() {
        let Some(words) = quick(&parse(&command, &path).0) else { continue };
        let place = folder.path().display().to_string();
        let words = words.iter().map(|word| if word == "{folder}" { &place } else { word });
        let output = Command::new(env!("CARGO_BIN_EXE_badpeer"))
            .args(words)
            .current_dir(ROOT)
            .stdin(Stdio::null())
            .output()
            .expect("badpeer runs");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {command}: {printed}", path.display());
        ran += 1;
    }
    assert!(ran >= 15, "{ran} commands");
}

#[test]
fn documented_cargo_commands_name_existing_targets() {
    let mut checked = 0;
    for (path, line) in command_lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let [kind @ ("--test" | "--bench"), name] = pair else { continue };
            let folder = Path::new(ROOT).join(if *kind == "--test" { "tests" } else { "benches" });
            let is_there = [format!("{name}.rs"), format!("{name}/main.rs")]
                .iter()
                .any(|file| folder.join(file).exists());
            assert!(is_there, "{}: {line}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked} targets");
}

/// Every command line of badpeer in a workflow.
fn badpeers(value: &Yaml, found: &mut Vec<String>) {
    match value {
        Yaml::String(text) => {
            let text = text.replace("\\\n", " ");
            let lines = text.lines().map(str::trim).filter(|line| line.starts_with("badpeer "));
            found.extend(lines.map(str::to_owned));
        }
        Yaml::Array(values) => values.iter().for_each(|value| badpeers(value, found)),
        Yaml::Hash(values) => values.values().for_each(|value| badpeers(value, found)),
        _ => {}
    }
}

#[test]
fn documented_workflows_are_yaml_and_their_commands_parse() {
    let own = document(".github/workflows/ci.yml");
    let mut checked = 0;
    for (path, text) in blocks("yaml").into_iter().chain([(own.path, own.text)]) {
        let parsed = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(parsed.len() == 1 && parsed[0].as_hash().is_some(), "{text}");
        let mut commands = Vec::new();
        badpeers(&parsed[0], &mut commands);
        for command in &commands {
            parse(command, &path);
        }
        checked += commands.len();
    }
    assert_eq!(checked, 4, "commands in workflows");
}

#[test]
fn documented_profiles_are_valid() {
    let profiles = blocks("toml");
    assert!(profiles.len() >= 3, "{} profiles", profiles.len());
    for (path, text) in profiles {
        let wanted = if text.contains("[sweep]") { 2 } else { 1 };
        let source = Source { file: path.display().to_string(), text };
        let points = source.expand(&[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(points.len(), wanted, "{}", path.display());
    }
}

#[test]
fn every_link_into_the_repository_resolves() {
    let mut checked = 0;
    for page in documents() {
        let folder = page.path.parent().unwrap_or(Path::new(""));
        for link in page.links().iter().filter(|link| !link.starts_with("http")) {
            let place = format!("{}: {link}", page.path.display());
            let (file, heading) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let target = if file.is_empty() { page.path.clone() } else { folder.join(file) };
            assert!(Path::new(ROOT).join(&target).exists(), "{place}");
            if !heading.is_empty() {
                let anchors = document(&target.display().to_string()).anchors();
                assert!(anchors.iter().any(|anchor| anchor == heading), "{place}: there is {anchors:?}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 60, "{checked} links");
}

#[test]
fn the_readme_stays_within_its_word_limit() {
    let words = document("README.md").text.split_whitespace().count();
    assert!(words <= MOST_WORDS, "README.md has {words} words, at most {MOST_WORDS} are allowed");
}

#[test]
fn every_page_is_linked_from_the_index_and_the_readme() {
    let [readme, index] = ["README.md", "docs/README.md"].map(|path| document(path).links());
    assert!(
        readme.contains(&"CONTRIBUTING.md".to_owned()) && index.contains(&"../CONTRIBUTING.md".to_owned())
    );
    for page in documents() {
        let Ok(name) = page.path.strip_prefix("docs") else { continue };
        let name = name.display().to_string();
        if name != "README.md" {
            assert!(index.contains(&name), "docs/README.md does not link to {name}");
            assert!(readme.contains(&format!("docs/{name}")), "README.md does not link to docs/{name}");
        }
    }
}

#[test]
fn profiles_md_has_a_row_for_every_profile() {
    let text = document("docs/profiles.md").text;
    for shipped in SHIPPED {
        let rows = text.matches(&format!("\n| `{}` | ", shipped.name)).count();
        assert_eq!(rows, 1, "rows for {}", shipped.name);
    }
}

#[test]
fn behaviors_md_has_a_row_for_every_behavior() {
    let [readme, page] = ["README.md", "docs/behaviors.md"].map(|path| document(path).text);
    for about in Spec::ABOUT {
        let direction = match (about.rx, about.tx) {
            (true, true) => "rx, tx",
            (true, false) => "rx",
            _ => "tx",
        };
        let row = format!("\n| `{}` | {direction} | ", about.name);
        assert!(page.contains(&row), "docs/behaviors.md has no row for {}", about.name);
        let is_fault = about.name != "steady";
        assert_eq!(readme.contains(&row), is_fault, "{} in README.md", about.name);
    }
}

#[test]
fn documented_exit_codes_match_the_help() {
    let readme = document("README.md").text;
    let command = badpeer::cli::command();
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    assert!(!about.to_lowercase().contains("exit code"), "the usage comes first: {about}");
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    for code in ["0", "1", "2", "3", "4", "130"] {
        assert!(readme.contains(&format!("\n| {code} | ")), "README.md has no row for exit code {code}");
        let is_told = help.lines().any(|line| line.strip_prefix(&format!("  {code} ")).is_some());
        assert!(is_told, "`badpeer --help` does not name exit code {code}");
    }
}

#[test]
fn the_documented_minimum_rust_matches_cargo_toml_and_ci() {
    let manifest = document("Cargo.toml").text;
    let line = manifest.lines().find(|line| line.starts_with("rust-version = ")).expect("a version");
    let version = line.trim_start_matches("rust-version = ").trim_matches('"');
    let readme = document("README.md").text;
    assert!(readme.contains(&format!("a Rust toolchain ({version} or later)")), "{version}");
    let workflow = document(".github/workflows/ci.yml").text;
    assert!(workflow.contains(&format!("rustup toolchain install {version} ")), "{version}");
}

fn ms(ns: f64) -> String {
    format!("{:.0} ms", ns / 1e6)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[test]
fn documented_validity_limits_match_the_code() {
    let text = document("docs/measuring.md").joined();
    for printed in [
        format!("in the window | {} |", ms(gate::WORST_PACING_ERROR_NS)),
        format!("50 ms each | {} of the window |", percent(gate::MOST_PAUSED)),
        format!("from {:.0} per second on |", gate::LEAST_OTHER_REQUESTS_PER_SECOND),
        format!("| {} of all; a note from the first one |", percent(gate::MOST_OTHER_REQUESTS)),
        format!("(steal) | {} of the cores in use;", percent(gate::MOST_STEAL)),
        format!("in use; a note from {} on |", percent(gate::NOTABLE_STEAL)),
        format!("waited for a core for {} of the time", percent(gate::WAITING)),
        format!("| {} of these cores;", percent(gate::MOST_OTHERS)),
        format!("of these cores; a note from {} on |", percent(gate::NOTABLE_OTHERS)),
        format!("for {} of the window or more, an expectation of the rate", percent(gate::SATURATED)),
        format!("requests more than {} late", ms(gate::WORST_BUSY_PACING_ERROR_NS)),
        format!("more than {} is the load generator's own", percent(gate::MOST_OWN_SHARE)),
        format!("waited for its core for {} of the window or more", percent(gate::MOST_RUN_DELAY)),
        format!("From {} busy on", percent(gate::BUSY)),
        format!("waited for its core for {} of the window;", percent(gate::NOTABLE_RUN_DELAY)),
        format!("for {} of the time (CPU pressure)", percent(gate::NOTABLE_PRESSURE)),
        format!("more than {} of the events", percent(gate::MOST_LOST)),
    ] {
        assert!(text.contains(&printed), "docs/measuring.md does not say: {printed}");
    }
}

#[test]
fn documented_gate_levels_match_the_code() {
    let text = document("docs/gate.md").joined();
    for printed in [
        format!("at {} for all metrics of a profile together", percent(gate::ALPHA)),
        format!("must then confirm it at {}.", percent(gate::CONFIRM_ALPHA)),
    ] {
        assert!(text.contains(&printed), "docs/gate.md does not say: {printed}");
    }
}
