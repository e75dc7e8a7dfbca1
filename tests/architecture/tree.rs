//! The modules of a crate, and which file imports from which: names are followed through `pub use` to the file that defines them.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{behind, tokens, without_tests};

/// A module: a file, or a part of one in braces.
#[derive(Default)]
struct Module {
    file: String,
    /// What is defined here, by name.
    items: BTreeSet<String>,
    /// What is imported, by the name that it has here.
    aliases: BTreeMap<String, Vec<String>>,
    /// Modules of which everything is imported.
    globs: Vec<Vec<String>>,
    /// Paths in the code.
    paths: Vec<Vec<String>>,
    /// Types that have inherent methods here.
    extended: Vec<Vec<String>>,
}

/// A file imports from another these names.
pub(crate) type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// To what a file defines.
    File(String),
    /// To a module itself.
    Module(Vec<String>),
}

/// All modules of a crate, by path.
#[derive(Default)]
pub(crate) struct Tree {
    modules: BTreeMap<Vec<String>, Module>,
}

impl Tree {
    /// The modules of these files: their paths below `src`, and what is in them.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tree = Self::default();
        let mut for_tests = BTreeSet::new();
        for (file, text) in files {
            let path = module_path(file);
            let all = tokens(text);
            let (code, tests) = without_tests(&all);
            for_tests.extend(tests.iter().map(|name| child(&path, name)));
            tree.add(path, file, &code);
        }
        tree.modules.retain(|path, _| !for_tests.iter().any(|test| path.starts_with(test)));
        tree
    }

    fn add(&mut self, path: Vec<String>, file: &str, code: &[&str]) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        let (mut at, mut depth) = (0, 0);
        while at < code.len() {
            match code[at] {
                "{" => depth += 1,
                "}" => depth -= 1,
                "mod" if code.get(at + 2) == Some(&"{") => {
                    let end = behind(code, at + 2);
                    self.add(child(&path, code[at + 1]), file, &code[at + 3..end - 1]);
                    at = end;
                    continue;
                }
                "use" => {
                    let end =
                        code[at..].iter().position(|token| *token == ";").map_or(code.len(), |end| at + end);
                    module.import(&code[at + 1..end], &[]);
                    at = end;
                    continue;
                }
                "impl" if depth == 0 => module.extended.extend(inherent(&code[at..])),
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" if depth == 0 => {
                    module.items.extend(code.get(at + 1).map(|name| (*name).to_owned()));
                }
                "macro_rules" => module.items.extend(code.get(at + 2).map(|name| (*name).to_owned())),
                _ if code.get(at + 1) == Some(&"::") && is_name(code[at]) => {
                    let path = path_at(&code[at..]);
                    let is_whole = at == 0 || !matches!(code[at - 1], "::" | "$" | ".");
                    at += 2 * path.len() - 1;
                    if is_whole && path.len() > 1 {
                        module.paths.push(path);
                    }
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        self.modules.insert(path, module);
    }

    /// Where a path leads that stands in this module; `None` out of the crate.
    fn place(
        &self,
        module: &[String],
        path: &[String],
        seen: &mut Vec<(Vec<String>, String)>,
    ) -> Option<Place> {
        let mut here = module.to_vec();
        let mut rest = path;
        while let Some((first, behind)) = rest.split_first() {
            match first.as_str() {
                "crate" => here.clear(),
                "self" => {}
                "super" => {
                    here.pop();
                }
                _ => break,
            }
            rest = behind;
        }
        while let Some((first, behind)) = rest.split_first() {
            let below = child(&here, first);
            if self.modules.contains_key(&below) {
                (here, rest) = (below, behind);
                continue;
            }
            let current = self.modules.get(&here)?;
            if current.items.contains(first) {
                return Some(Place::File(current.file.clone()));
            }
            let key = (here.clone(), first.clone());
            if seen.contains(&key) {
                return None;
            }
            seen.push(key);
            if let Some(alias) = current.aliases.get(first) {
                return self.place(&here, &[alias.as_slice(), behind].concat(), seen);
            }
            let through = |glob: &Vec<String>| {
                let Place::Module(within) = self.place(&here, glob, &mut seen.clone())? else { return None };
                let owner = self.modules.get(&within)?;
                let is_there = owner.items.contains(first) || owner.aliases.contains_key(first);
                is_there.then(|| self.place(&within, rest, &mut seen.clone()))?
            };
            if let Some(place) = current.globs.iter().find_map(through) {
                return Some(place);
            }
            // A macro may have made it, if the path led here.
            return (here != module).then(|| Place::File(current.file.clone()));
        }
        Some(Place::Module(here))
    }

    /// The file that a path leads to.
    fn file(&self, module: &[String], path: &[String]) -> Option<String> {
        match self.place(module, path, &mut Vec::new())? {
            Place::File(file) => Some(file),
            Place::Module(_) => None,
        }
    }

    /// Which file imports from which.
    pub(crate) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (path, module) in &self.modules {
            let named =
                module.aliases.values().chain(&module.paths).map(|name| (name, self.file(path, name)));
            let all = module.globs.iter().map(|glob| {
                let file = match self.place(path, glob, &mut Vec::new()) {
                    Some(Place::Module(within)) => {
                        self.modules.get(&within).map(|module| module.file.clone())
                    }
                    Some(Place::File(file)) => Some(file),
                    None => None,
                };
                (glob, file)
            });
            for (name, file) in named.chain(all) {
                let Some(file) = file.filter(|file| *file != module.file) else { continue };
                let imported = arrows.entry(module.file.clone()).or_default().entry(file).or_default();
                imported.insert(name[name.len().saturating_sub(2)..].join("::"));
            }
        }
        arrows
    }

    /// Types that have inherent methods in another file than their own: that file, the type, and the type's file.
    pub(crate) fn extensions(&self) -> Vec<(String, String, String)> {
        let each = self.modules.iter().flat_map(|(path, module)| {
            module.extended.iter().filter_map(move |name| {
                let owner = self.file(path, name).filter(|owner| *owner != module.file)?;
                Some((module.file.clone(), name.join("::"), owner))
            })
        });
        each.collect()
    }
}

impl Module {
    /// Takes in what a `use` names, behind the prefix.
    fn import(&mut self, tree: &[&str], prefix: &[String]) {
        let mut prefix = prefix.to_vec();
        let mut at = 0;
        while let Some(token) = tree.get(at) {
            match (*token, tree.get(at + 1)) {
                ("{", _) => {
                    let end = behind(tree, at) - 1;
                    for part in parts(&tree[at + 1..end]) {
                        self.import(part, &prefix);
                    }
                    return;
                }
                ("::", _) => prefix.push(String::new()),
                ("*", _) => self.globs.push(prefix.clone()),
                (name, Some(&"::")) => {
                    prefix.push(name.to_owned());
                    at += 1;
                }
                (name, next) => {
                    let path = if name == "self" { prefix.clone() } else { child(&prefix, name) };
                    let own = if next == Some(&"as") {
                        tree.get(at + 2).copied()
                    } else {
                        path.last().map(String::as_str)
                    };
                    self.aliases.insert(own.unwrap_or_default().to_owned(), path.clone());
                    return;
                }
            }
            at += 1;
        }
    }
}

/// The parts of a group between its commas.
fn parts<'a, 'b>(group: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let (mut found, mut begins, mut at) = (Vec::new(), 0, 0);
    while at < group.len() {
        match group[at] {
            "{" => at = behind(group, at),
            "," => {
                found.push(&group[begins..at]);
                at += 1;
                begins = at;
            }
            _ => at += 1,
        }
    }
    found.push(&group[begins..]);
    found.into_iter().filter(|part| !part.is_empty()).collect()
}

/// The path of the type whose inherent methods begin here, if they do: `impl` of a trait is none.
fn inherent(code: &[&str]) -> Option<Vec<String>> {
    let end = code.iter().position(|token| *token == "{")?;
    let (mut depth, mut begins) = (0, 1);
    if code.get(1) == Some(&"<") {
        begins = 1 + code[1..end].iter().position(|token| {
            depth += i32::from(*token == "<") - i32::from(*token == ">");
            depth == 0
        })?;
        begins += 1;
    }
    let is_of_trait = code[..end].contains(&"for");
    let path = path_at(&code[begins..]);
    (!is_of_trait && !path.is_empty()).then_some(path)
}

/// The path that the code begins with.
fn path_at(code: &[&str]) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(name) = code.get(at).filter(|name| is_name(name)) {
        path.push((*name).to_owned());
        if code.get(at + 1) != Some(&"::") {
            break;
        }
        at += 2;
    }
    path
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn child(path: &[String], name: &str) -> Vec<String> {
    [path, &[name.to_owned()]].concat()
}

/// The path of the module that a file of `src` is.
fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(if path == "lib" { "" } else { path });
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The files that import from each other in a circle, each circle in the order of their names.
pub(crate) fn circles(arrows: &Arrows) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            for other in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(other.clone()) {
                    next.push(other);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        arrows.keys().map(|file| (file, reach(file))).collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (file, below) in &reached {
        let circle: Vec<String> = below
            .iter()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(*file)))
            .cloned()
            .collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}
