//! Files and folders that are made whole or not at all, under names that lead nowhere else.

use std::{
    fs::{self, File, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, ErrorKind, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Most bytes of a name: file systems take 255, and endings are added.
const LONGEST_NAME: usize = 120;

/// Writes a file: what was there before is replaced by all of the bytes, or stays. The folder must be there.
///
/// # Errors
/// What the file system says; nothing is left behind then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_all_of(bytes, path)
}

/// Writes a copy of a file, in the same way; it may be of any size.
///
/// # Errors
/// What the file system says; nothing is left behind then.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    write_all_of(File::open(from)?, to)
}

fn write_all_of(mut content: impl Read, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A name of its own: others may write the same file. Removed unless it takes its place.
    let mut draft = tempfile::Builder::new()
        .prefix(".draft-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    io::copy(&mut content, &mut draft)?;
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether it is a file, or nothing yet: a pipe would be waited for, and a device keeps nothing.
///
/// # Errors
/// When it is something else, or cannot be looked at.
pub fn regular(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => {
            Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"))
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder that nobody else has: of this name, or of it and a number.
///
/// # Errors
/// What the file system says.
pub fn make_own_folder(parent: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(parent)?;
    for attempt in 1_u64.. {
        let folder = parent.join(if attempt == 1 { name.to_owned() } else { format!("{name}-{attempt}") });
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// The text as the name of one file in one folder: what could lead elsewhere, be hidden, or disturb a terminal is `_`, and
/// one that is too long is cut and told from others by a number.
#[must_use]
pub fn name(text: &str) -> String {
    let is_plain = |c: char| {
        !(c.is_control() || matches!(c, '/' | '\\' | '\u{200e}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    };
    let mut name: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with('.') {
        name.replace_range(..usize::from(!name.is_empty()), "_");
    }
    if name.len() > LONGEST_NAME {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let mut end = LONGEST_NAME;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name = format!("{}-{:016x}", &name[..end], hasher.finish());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        for text in ["first", "second"] {
            write(&path, text.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("text"), text);
        }
        fs::create_dir(folder.path().join("b")).expect("a folder");
        write(&folder.path().join("b"), b"text").expect_err("a folder is no file");
        assert_eq!(fs::read_dir(folder.path()).expect("entries").count(), 2);
    }

    #[test]
    fn folders_are_nobody_elses() {
        let parent = tempfile::tempdir().expect("a folder");
        let all = std::thread::scope(|scope| {
            let make =
                || (0..8).map(|_| make_own_folder(parent.path(), "x").expect("made")).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            let folders = threads.into_iter().flat_map(|thread| thread.join().expect("an end"));
            folders.collect::<std::collections::HashSet<_>>()
        });
        assert_eq!(all.len(), 32);
        assert!(all.contains(&parent.path().join("x")));
    }

    #[test]
    fn a_name_stays_where_it_belongs() {
        for (text, expected) in [
            ("slow-readers", "slow-readers"),
            ("two words, and ümlauts", "two words, and ümlauts"),
            ("../../x", "_._.._x"),
            ("/etc/passwd", "_etc_passwd"),
            (".", "_"),
            ("..", "_."),
            ("", "_"),
            ("a\u{1b}[31m\n\0b", "a_[31m__b"),
            ("a\u{202e}b", "a_b"),
        ] {
            assert_eq!(name(text), expected, "{text:?}");
        }
        let long =
            ["x".repeat(300), format!("{}y", "x".repeat(300)), "ü".repeat(200)].map(|text| name(&text));
        assert!(long.iter().all(|name| name.len() <= LONGEST_NAME + 17), "{long:?}");
        assert_ne!(long[0], long[1]);
    }
}
