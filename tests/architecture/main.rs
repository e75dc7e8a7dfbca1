//! The rules of the architecture: layers, circles, captions, lengths, and where `unsafe` is allowed.

mod matches;
#[path = "../common/sources.rs"]
mod sources;
mod tokens;
mod tree;

use std::{fs, path::Path};

use self::{
    matches::{enums, with_a_rest},
    sources::sources,
    tokens::tokens,
    tree::{Arrows, Tree, circles},
};

/// Modules from the bottom up: a module imports only from layers below its own.
const LAYERS: &[&[&str]] = &[
    &["units", "text"],
    &["buffer", "timers", "metric"],
    &["behavior", "load", "codec"],
    &["profile"],
    &["record", "stats"],
    &["gate", "capacity", "soak"],
    &["sys", "files", "address", "programs"],
    &["reactor"],
    &["server", "client", "probe", "atlas"],
    &["experiment", "run", "report", "doctor"],
    &["cli"],
];

/// So many of the lowest layers use no clock, socket, file or thread.
const CORE_LAYERS: usize = 6;

/// No file is longer.
const LONGEST_FILE: usize = 400;

/// The module that a file of `src` belongs to, and its text without its tests.
fn module(path: &Path) -> (String, String) {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("in src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("text");
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
    (first.trim_end_matches(".rs").to_owned(), code)
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Files that import from a module that does not lie below their own, or from a file that lies above them.
fn upward(arrows: &Arrows) -> Vec<String> {
    let is_above = |from: &str, to: &str| {
        let (own, other) = (top(from), top(to));
        own != other
            && own != "lib"
            && layer(other).is_none_or(|other| layer(own).is_none_or(|own| other >= own))
    };
    let each = arrows.iter().flat_map(|(from, others)| others.keys().map(move |to| (from, to)));
    each.filter(|(from, to)| is_above(from, to))
        .map(|(from, to)| format!("{from} imports from {to}"))
        .collect()
}

#[test]
fn imports_point_to_lower_layers() {
    let files = crate_files();
    for (path, _) in &files {
        assert!(path == "lib.rs" || layer(top(path)).is_some(), "{path}: give the module a layer");
    }
    assert_eq!(upward(&tree_of(&files).arrows()), Vec::<String>::new());
}

#[test]
fn a_planted_upward_import_is_found() {
    let files = [
        ("lib.rs", ""),
        ("units.rs", "use crate::{\n    metric::Fold,\n};\npub struct Bytes;"),
        ("metric.rs", "pub enum Fold {} fn f() { crate::sys::now() } use crate::units::Bytes;"),
        ("sys.rs", "pub fn now() {}"),
    ];
    assert_eq!(
        upward(&planted(&files).arrows()),
        ["metric.rs imports from sys.rs", "units.rs imports from metric.rs"]
    );
}

#[test]
fn run_does_not_import_the_server() {
    let arrows = tree_of(&crate_files()).arrows();
    let of_run = arrows.iter().filter(|(from, _)| top(from) == "run");
    assert!(of_run.flat_map(|(_, others)| others.keys()).all(|to| top(to) != "server"));
}

#[test]
fn the_core_uses_no_clock_socket_file_or_thread() {
    for path in sources("src") {
        let (own, code) = module(&path);
        if layer(&own).is_none_or(|layer| layer >= CORE_LAYERS) {
            continue;
        }
        for forbidden in
            ["std::net", "std::fs", "std::thread", "std::process", "Instant::", "SystemTime", "nix::"]
        {
            assert!(!code.contains(forbidden), "{} uses {forbidden}", path.display());
        }
    }
}

#[test]
fn every_file_has_a_caption_and_is_short() {
    for path in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        let text = fs::read_to_string(&path).expect("text");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 10, "{} opens with: {first}", path.display());
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", path.display());
    }
}

#[test]
fn unsafe_is_only_in_sys_with_its_justification() {
    let allowed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sys/calls");
    let mut found = 0;
    for path in sources("src") {
        let (_, code) = module(&path);
        let blocks = code.matches("unsafe {").count();
        if path.starts_with(&allowed) {
            let place = path.display();
            assert_eq!(blocks, code.matches("// SAFETY:").count(), "{place}: a block without its reason");
            found += blocks;
        } else {
            assert_eq!(blocks, 0, "{}", path.display());
        }
    }
    assert!(found > 0);
}

/// The files of `src`: their paths below it, and what is in them.
fn crate_files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = |path: &Path| path.strip_prefix(&root).expect("in src").to_string_lossy().into_owned();
    let file = |path: &std::path::PathBuf| (below(path), fs::read_to_string(path).expect("text"));
    sources("src").iter().map(file).filter(|(path, _)| path != "main.rs").collect()
}

fn tree_of(files: &[(String, String)]) -> Tree {
    Tree::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

fn planted(files: &[(&str, &str)]) -> Tree {
    Tree::of(files.iter().copied())
}

/// The module of the crate that a file belongs to.
fn top(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// A file imports from another these names, in words.
fn in_words(arrows: &Arrows, circle: &[String]) -> String {
    let arrow = |from: &String, to: &String| {
        let names = arrows.get(from)?.get(to)?;
        Some(format!("  {from} -> {to}: {}\n", names.iter().cloned().collect::<Vec<_>>().join(", ")))
    };
    circle.iter().flat_map(|from| circle.iter().filter_map(move |to| arrow(from, to))).collect()
}

/// Files outside of the core that give inherent methods to types of the core, by which the core could call them.
fn methods_on_the_core(tree: &Tree) -> Vec<String> {
    let is_core = |file: &str| layer(top(file)).is_some_and(|layer| layer < CORE_LAYERS);
    let each = tree.extensions().into_iter().filter(|(file, _, owner)| is_core(owner) && !is_core(file));
    each.map(|(file, name, owner)| format!("{file} gives methods to {name} of {owner}")).collect()
}

/// Whether everything of a module is exported again: then it is unclear where a name comes from.
fn has_glob_export(text: &str) -> bool {
    let all = tokens(text);
    let uses = all.iter().enumerate().filter(|(_, token)| **token == "use");
    let exported = uses.filter(|(at, _)| *at > 0 && matches!(all[at - 1], "pub" | ")"));
    exported
        .map(|(at, _)| all[at..].split(|token| *token == ";").next().unwrap_or_default())
        .any(|tree| tree.contains(&"*"))
}

#[test]
fn no_files_import_from_each_other_in_a_circle() {
    let arrows = tree_of(&crate_files()).arrows();
    let circles: Vec<String> = circles(&arrows)
        .into_iter()
        .map(|circle| format!("{}\n{}", circle.join(", "), in_words(&arrows, &circle)))
        .collect();
    assert!(circles.is_empty(), "move what both need into a file below them:\n{}", circles.join("\n"));
}

/// Files beside a folder that holds their parts: a module with parts is the folder's `mod.rs`, and a test with parts is the
/// folder's `main.rs`.
fn beside_their_folder(files: &[&str]) -> Vec<String> {
    let has_folder = |file: &&&str| {
        let folder = format!("{}/", file.trim_end_matches(".rs"));
        files.iter().any(|other| other.starts_with(&folder))
    };
    files.iter().filter(has_folder).map(|file| (*file).to_owned()).collect()
}

#[test]
fn a_module_with_parts_is_the_mod_rs_of_its_folder() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests", "benches"] {
        let files = sources(folder);
        let paths = files.iter().map(|path| path.strip_prefix(project).expect("in the project"));
        let paths: Vec<_> = paths.map(|path| path.to_str().expect("a name in UTF-8")).collect();
        assert_eq!(beside_their_folder(&paths), Vec::<String>::new());
    }
}

#[test]
fn a_planted_file_beside_its_folder_is_found() {
    assert_eq!(beside_their_folder(&["a/mod.rs", "a/b.rs", "a/b/c.rs", "ab.rs", "d.rs"]), ["a/b.rs"]);
    let tests = ["tests/a.rs", "tests/a/b.rs", "tests/c/main.rs", "tests/c/d/mod.rs", "tests/c/d/e.rs"];
    assert_eq!(beside_their_folder(&tests), ["tests/a.rs"]);
}

#[test]
fn the_core_calls_no_method_of_the_shell() {
    assert_eq!(methods_on_the_core(&tree_of(&crate_files())), Vec::<String>::new());
}

#[test]
fn what_is_exported_again_is_named() {
    let globs: Vec<String> =
        crate_files().into_iter().filter(|(_, text)| has_glob_export(text)).map(|(path, _)| path).collect();
    assert_eq!(globs, Vec::<String>::new());
}

#[test]
fn matches_on_behaviors_name_every_kind() {
    let files = crate_files();
    let of_behavior = files.iter().filter(|(path, _)| top(path) == "behavior");
    let enums: Vec<String> = of_behavior.flat_map(|(_, text)| enums(text)).collect();
    let (of_the_list, of_all): (Vec<String>, Vec<String>) =
        enums.into_iter().partition(|name| name == "Kind");
    assert_eq!(of_the_list, ["Kind"]);
    for (path, text) in files.iter().filter(|(_, text)| text.contains("behavior")) {
        assert_eq!(with_a_rest(text, &of_all), Vec::<String>::new(), "{path}");
        // No other file sees the list's own enum: one of that name is another.
        if top(path) == "behavior" {
            assert_eq!(with_a_rest(text, &of_the_list), Vec::<String>::new(), "{path}");
        }
    }
}

#[test]
fn a_planted_circle_is_found_whatever_the_path_looks_like() {
    let files = |back: &'static str| {
        [
            ("lib.rs", "mod a; mod f;"),
            ("a/mod.rs", "pub mod b; pub use self::b::B; pub fn own() {}"),
            ("a/b.rs", "use crate::f::d::D; pub struct B(D);"),
            ("f.rs", "pub mod d; pub mod e;"),
            ("f/d.rs", back),
            ("f/e.rs", "pub use crate::a::*; pub fn e() {}"),
        ]
    };
    let found = |back: &'static str| circles(&planted(&files(back)).arrows());
    assert_eq!(found("pub struct D;"), Vec::<Vec<String>>::new());
    for back in [
        "use crate::a::b::B; pub struct D;",
        "use crate::{a::{self, B}, f}; pub struct D;",
        "use super::super::a::B as C; pub struct D;",
        "pub struct D; fn f() { let x = crate::a::B; }",
        "pub struct D; mod inner { use super::super::super::a::B; }",
        "use crate::a; pub struct D; fn f() { a::B }",
        "use super::e::B; pub struct D;",
    ] {
        let circle = found(back);
        assert_eq!(circle.len(), 1, "{back}: {circle:?}");
        assert!(
            circle[0].contains(&"a/b.rs".to_owned()) && circle[0].contains(&"f/d.rs".to_owned()),
            "{back}: {circle:?}"
        );
    }
    for nothing in
        ["#[cfg(test)]\nmod tests { use crate::a::B; }\npub struct D;", "// use crate::a::B;\npub struct D;"]
    {
        assert_eq!(found(nothing), Vec::<Vec<String>>::new(), "{nothing}");
    }
}

#[test]
fn a_planted_circle_of_a_folder_with_its_list_is_found() {
    let tree = planted(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; use self::b::B; pub struct A(B);"),
        ("a/b.rs", "use super::A; pub struct B;"),
    ]);
    assert_eq!(circles(&tree.arrows()), [["a/b.rs", "a/mod.rs"]]);
}

#[test]
fn a_planted_method_of_the_shell_on_the_core_is_found() {
    let files = |method: &'static str| {
        [
            ("lib.rs", ""),
            ("record.rs", "pub struct Machine;"),
            ("probe/mod.rs", "mod host;"),
            ("probe/host.rs", method),
        ]
    };
    let found = |method| methods_on_the_core(&planted(&files(method)));
    let fault = "probe/host.rs gives methods to Machine of record.rs";
    assert_eq!(found("use crate::record::Machine; impl Machine { fn f() {} }"), [fault]);
    assert_eq!(found("use crate::record::Machine; struct Host; impl Host { fn f(m: Machine) {} }"), [""; 0]);
    assert_eq!(found("use crate::record::Machine; impl From<Machine> for Host { }"), [""; 0]);
}

#[test]
fn a_planted_glob_export_is_found() {
    for text in ["pub use a::*;", "pub(crate) use self::{a::{b, c::*}, d};"] {
        assert!(has_glob_export(text), "{text}");
    }
    for text in ["use a::*;", "pub use a::{b, c};", "pub fn f() -> u64 { 2 * 3 }"] {
        assert!(!has_glob_export(text), "{text}");
    }
}

#[test]
fn a_planted_arm_for_the_rest_is_found() {
    let enums = enums("enum Kind { A, B(u8) } struct Other;");
    assert_eq!(enums, ["Kind"]);
    for text in [
        "match &self.0 { Kind::A => f(1, 2), Kind::B(_) if x => { g() } _ => false }",
        "match kind { Some(Kind::A) => true, _ if y => true, None => false }",
        "f(match (a, g(|| b)) { _ => 1, (Kind::B(_), c) => 2 })",
        "fn f() -> bool { matches!(self.0, Kind::A) }",
    ] {
        assert_eq!(with_a_rest(text, &enums), ["Kind"], "{text}");
    }
    for text in [
        "match kind { Kind::A => match x { _ => 1 }, Kind::B(_) => 2 }",
        "match x { Other::A => Kind::A, _ => Kind::B(0) }",
        "#[cfg(test)] mod tests { fn f() { matches!(x, Kind::A) } }",
    ] {
        assert_eq!(with_a_rest(text, &enums), Vec::<String>::new(), "{text}");
    }
}
