//! Files and folders that are created completely or not at all, under names that cannot leave their folder.

use std::{
    fs::{self, DirEntry, File, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::{AccessFlags, access};

/// Most bytes of a name: file systems take 255, and endings are added.
const LONGEST_NAME: usize = 120;

/// How the name of a file begins that is not yet whole.
const DRAFT: &str = ".badpeer-draft-";

/// Longest time for which a draft of a file can be in use.
const OLD: Duration = Duration::from_secs(3600);

/// How often a folder is made that others remove, each because it left nothing in it.
const MOST_REMOVALS: u32 = 1000;

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

/// Makes a link, or puts it in the place of one that is there: there is always one or the other. The folder must be there.
///
/// # Errors
/// What the file system says; nothing is left behind then.
pub fn link(target: &Path, path: &Path) -> io::Result<()> {
    let draft = drafts().make_in(folder_of(path), |draft| symlink(target, draft))?;
    draft.persist(path).map_err(|error| error.error)
}

fn write_all_of(mut content: impl Read, path: &Path) -> io::Result<()> {
    let path = followed(path);
    let folder = folder_of(&path);
    remove_old_drafts(folder);
    let mut draft = drafts().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    io::copy(&mut content, &mut draft)?;
    draft.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Names of their own for what is made beside a file that others may make, too; what does not take its place is removed.
fn drafts() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(DRAFT);
    builder
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file that a link leads to, there already or not: a link stays one.
fn followed(path: &Path) -> PathBuf {
    match fs::read_link(path) {
        Ok(target) => fs::canonicalize(path).unwrap_or_else(|_| folder_of(path).join(target)),
        Err(_) => path.to_owned(),
    }
}

/// Whoever was killed has left the draft of its file behind. One that is young may be somebody's who is writing.
fn remove_old_drafts(folder: &Path) {
    let is_draft = |entry: &DirEntry| entry.file_name().as_encoded_bytes().starts_with(DRAFT.as_bytes());
    let is_old = |entry: &DirEntry| {
        let time = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        time.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > OLD)
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_draft(&entry) && is_old(&entry) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Adds bytes at the end of a file that is open for appending, and that no other process adds to meanwhile: all of
/// them, or none.
///
/// # Errors
/// What the file system says.
pub fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    file.write_all(bytes).inspect_err(|_| {
        // Of what finds no room, nothing stays.
        let _ = file.set_len(before);
    })
}

/// Whether it is a file, or nothing yet: a pipe would be waited for, and a device keeps nothing.
///
/// # Errors
/// When it is something else, or cannot be looked at.
pub fn regular(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => {
            Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"))
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Creates a new folder with this name, or with this name and a number.
///
/// # Errors
/// What the file system says.
pub fn make_own_folder(parent: &Path, name: &str) -> io::Result<PathBuf> {
    let (mut number, mut removals) = (1_u64, 0);
    loop {
        let folder = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        let parents = fs::create_dir_all(parent);
        let is_made = parents.is_ok();
        match parents.and_then(|()| fs::create_dir(&folder)).map_err(|error| (error.kind(), error)) {
            Ok(()) => return Ok(folder),
            Err((ErrorKind::AlreadyExists, _)) if is_made => number += 1,
            // In between, others may have removed what is empty.
            Err((ErrorKind::AlreadyExists | ErrorKind::NotFound, _)) if removals < MOST_REMOVALS => {
                removals += 1;
            }
            Err((_, error)) => return Err(error),
        }
    }
}

/// Whether a folder that is not there could be made: another of as deep a path is made in its place, and removed.
///
/// # Errors
/// What stands in the way.
pub fn can_make_folder(folder: &Path) -> io::Result<()> {
    let is_there = |part: &&Path| part.as_os_str().is_empty() || fs::symlink_metadata(part).is_ok();
    let there = folder.ancestors().find(is_there).unwrap_or(Path::new(""));
    let missing = folder.strip_prefix(there).unwrap_or(folder);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    // Not the folder itself: others may be about to use it when it is removed again.
    let instead = drafts().tempdir_in(there)?;
    fs::create_dir_all(instead.path().join(missing))
}

/// The text as the name of one file in one folder: what could lead elsewhere, be hidden, or disturb a terminal is `_`,
/// and one that is too long is cut, and a number distinguishes it from others.
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

/// Whether files can be written into a directory, there already or not, which is left as it is.
///
/// # Errors
/// What stands in the way.
pub fn writable(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    if dir.exists() && !dir.is_dir() {
        return Err(io::Error::new(ErrorKind::NotADirectory, "it is not a folder"));
    }
    if !dir.is_dir() {
        return can_make_folder(dir);
    }
    access(dir, AccessFlags::W_OK | AccessFlags::X_OK).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_atomically_without_leftovers() {
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
    fn writing_through_a_link_replaces_its_target() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("deep")).expect("a folder");
        // Not there at first, then there.
        for text in ["first", "second"] {
            link(Path::new("deep/target"), &path("link")).expect("a link");
            write(&path("link"), text.as_bytes()).expect("written");
            assert_eq!(fs::read_link(path("link")).expect("a link"), Path::new("deep/target"));
            assert_eq!(fs::read_to_string(path("deep/target")).expect("text"), text);
        }
        link(Path::new("x"), &path("deep")).expect_err("a folder is no link");
        assert_eq!(fs::read_dir(folder.path()).expect("entries").count(), 2);
    }

    #[test]
    fn drafts_of_killed_processes_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let long_ago = std::time::SystemTime::now() - OLD - Duration::from_secs(1);
        for (name, time) in [("old", Some(long_ago)), ("young", None)] {
            let file = File::create(path(&format!("{DRAFT}{name}"))).expect("made");
            time.map_or(Ok(()), |time| file.set_modified(time)).expect("set");
        }
        write(&path("a"), b"text").expect("written");
        assert!(!path(&format!("{DRAFT}old")).exists() && path(&format!("{DRAFT}young")).exists());
    }

    #[test]
    fn a_folder_is_checked_without_being_created() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("file"), "").expect("written");
        can_make_folder(&folder.path().join("a/b")).expect("it can");
        for part in ["file/a", &"x".repeat(256), &format!("a/{}", "x".repeat(256))] {
            can_make_folder(&folder.path().join(part)).expect_err(part);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("entries").count(), 1);
    }

    #[test]
    fn a_folder_is_created_while_its_parent_is_being_removed() {
        let root = tempfile::tempdir().expect("a folder");
        let parent = root.path().join("reports/x");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let own = make_own_folder(&parent, "a").expect("made");
                        let _ = [&own, &parent, &root.path().join("reports")].map(fs::remove_dir);
                    }
                });
            }
        });
    }

    #[test]
    fn every_process_gets_its_own_folder() {
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
    fn a_name_never_leaves_its_folder() {
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
