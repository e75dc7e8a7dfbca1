//! Where servers and faults come from: those that are shipped, and folders and files of a user.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};
use indexmap::IndexMap;

use super::declared::{Fault, Server};
use crate::profile::meant;

static SERVERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles/servers");
static FAULTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles/faults");

/// The file that declares a server, in its folder.
const DECLARATION: &str = "server.toml";

/// A server or a fault that cannot be read, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is none of that name.
    #[error("there is no {kind} `{name}`: {known}{hint}")]
    Unknown {
        /// `server` or `fault`.
        kind: &'static str,
        /// As it was written.
        name: String,
        /// All that there are.
        known: String,
        /// One that may have been meant.
        hint: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, io::Error),
    /// A declaration that is wrong.
    #[error("{0}: {1}")]
    Wrong(String, String),
}

/// The names of the shipped servers.
#[must_use]
pub fn server_names() -> Vec<String> {
    names(SERVERS.dirs().map(include_dir::Dir::path))
}

/// The names of the shipped faults.
#[must_use]
pub fn fault_names() -> Vec<String> {
    names(FAULTS.files().map(include_dir::File::path))
}

fn names<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut names: Vec<String> =
        paths.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

/// The servers of these names, in the order of the page.
///
/// # Errors
/// As for [`server`].
pub fn servers(names: &[String]) -> Result<Vec<Server>, CatalogError> {
    let mut servers = names.iter().map(|name| server(name)).collect::<Result<Vec<_>, _>>()?;
    servers.sort_by_key(|server| server.order);
    Ok(servers)
}

/// The faults of these names, in the order of the page.
///
/// # Errors
/// As for [`fault`].
pub fn faults(names: &[String]) -> Result<Vec<Fault>, CatalogError> {
    let mut faults = names.iter().map(|name| fault(name)).collect::<Result<Vec<_>, _>>()?;
    faults.sort_by_key(|fault| fault.order);
    Ok(faults)
}

/// A shipped server by its name, or that of a folder, which is written with a slash.
///
/// # Errors
/// A name that is not known, or a declaration that is wrong.
pub fn server(name: &str) -> Result<Server, CatalogError> {
    let (declaration, files, place, name) = if name.contains('/') {
        let folder = Path::new(name);
        let mut files = texts(folder)?;
        let declared = files.shift_remove(DECLARATION).ok_or_else(|| {
            CatalogError::Read(folder.join(DECLARATION), io::Error::from(io::ErrorKind::NotFound))
        })?;
        (declared, files, folder.join(DECLARATION).display().to_string(), stem(folder))
    } else {
        let folder = SERVERS.get_dir(name).ok_or_else(|| unknown("server", name, &server_names()))?;
        let text = |file: &include_dir::File<'_>| {
            let name = file.path().file_name()?.to_string_lossy().into_owned();
            Some((name, file.contents_utf8()?.to_owned()))
        };
        let mut files: IndexMap<String, String> = folder.files().filter_map(text).collect();
        let declared = files.shift_remove(DECLARATION).unwrap_or_default();
        (declared, files, format!("{name}/{DECLARATION}"), name.to_owned())
    };
    let wrong = |error: toml::de::Error| CatalogError::Wrong(place.clone(), error.to_string());
    let server: Server = toml::from_str(&declaration).map_err(wrong)?;
    let server = Server { name, files, ..server };
    server.check().map_err(|message| CatalogError::Wrong(place.clone(), message))?;
    Ok(server)
}

/// A shipped fault by its name, or that of a file, which ends with `.toml`.
///
/// # Errors
/// A name that is not known, or a declaration that is wrong.
pub fn fault(name: &str) -> Result<Fault, CatalogError> {
    let path = Path::new(name);
    let text = if path.extension().is_some_and(|ending| ending == "toml") {
        fs::read_to_string(path).map_err(|error| CatalogError::Read(path.to_owned(), error))?
    } else {
        let file = FAULTS.get_file(format!("{name}.toml"));
        let text = file.and_then(include_dir::File::contents_utf8);
        text.ok_or_else(|| unknown("fault", name, &fault_names()))?.to_owned()
    };
    let fault: Fault =
        toml::from_str(&text).map_err(|error| CatalogError::Wrong(name.to_owned(), error.to_string()))?;
    Ok(Fault { name: fault_name(name).to_owned(), ..fault })
}

/// The name of a fault, as a server's declaration writes it: a shipped one by its name, another one by its file.
#[must_use]
pub fn fault_name(written: &str) -> &str {
    Path::new(written).file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or(written)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn unknown(kind: &'static str, name: &str, known: &[String]) -> CatalogError {
    let hint = meant(name, known.iter().map(String::as_str));
    CatalogError::Unknown { kind, name: name.to_owned(), known: known.join(", "), hint }
}

/// The files in a folder that are text.
fn texts(folder: &Path) -> Result<IndexMap<String, String>, CatalogError> {
    let unreadable = |error| CatalogError::Read(folder.to_owned(), error);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(unreadable)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let text = |path: PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((name, fs::read_to_string(path).ok()?))
    };
    Ok(paths.into_iter().filter_map(text).collect())
}

impl Server {
    /// Whether what it says of itself can be used.
    fn check(&self) -> Result<(), String> {
        if !self.requests.contains_key("small") {
            return Err("[requests.small] is missing: good clients ask for it".to_owned());
        }
        let known = fault_names();
        let faults = self.hardened.iter().flat_map(|directive| &directive.against);
        let faults = faults.chain(self.documented.iter().map(|documented| &documented.fault));
        // A user's fault has a file of its own.
        match faults.into_iter().find(|fault| !known.contains(fault) && !fault.contains('/')) {
            Some(fault) => Err(unknown("fault", fault, &known).to_string()),
            None => Ok(()),
        }
    }

    /// The programs that must be installed, by name.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        let words = |key: &str| self.server.get(key).and_then(toml::Value::as_array).into_iter().flatten();
        words("command").take(1).chain(words("needs")).filter_map(toml::Value::as_str)
    }

    /// The protocol that it is asked in.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.requests.get("small").and_then(|keys| keys.get("protocol")?.as_str()).unwrap_or("frame")
    }

    /// The directives of a variant, with this timeout.
    #[must_use]
    pub fn directives(&self, variant: super::Variant, seconds: u64) -> Vec<String> {
        if variant == super::Variant::Default {
            return Vec::new();
        }
        let filled =
            |one: &super::declared::Directive| one.directive.replace("{seconds}", &seconds.to_string());
        self.hardened.iter().map(filled).collect()
    }
}
