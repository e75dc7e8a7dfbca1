//! Where programs are found that are started by their name.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where servers are installed that an ordinary user of Debian does not have on the PATH.
const OF_SERVERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// The folders of PATH, and then those of system programs: nginx is found whoever starts it.
#[must_use]
pub fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in env::split_paths(&path).chain(OF_SERVERS.map(PathBuf::from)) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// The same as a value of PATH, for what is started.
#[must_use]
pub fn search_path() -> OsString {
    // What comes from PATH has no colon in it.
    env::join_paths(folders()).unwrap_or_default()
}

/// Whether there is such a program. A name is looked for in [`folders`], a path from this folder on.
#[must_use]
pub fn is_installed(name: &str, folder: &Path) -> bool {
    let is_program =
        |path: &Path| fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if name.contains('/') {
        is_program(&folder.join(name))
    } else {
        folders().iter().any(|one| is_program(&one.join(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path_and_among_those_of_the_system() {
        assert!(is_installed("sh", Path::new("")) && is_installed("/bin/sh", Path::new("")));
        assert!(is_installed("./sh", Path::new("/bin")) && !is_installed("./sh", Path::new("/")));
        assert!(!is_installed("no-such-program", Path::new("")) && !is_installed("", Path::new("")));
        let folders = folders();
        assert!(folders.iter().any(|folder| folder == Path::new("/usr/sbin")), "{folders:?}");
        let path = search_path();
        assert_eq!(env::split_paths(&path).collect::<Vec<_>>(), folders);
    }
}
