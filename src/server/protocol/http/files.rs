//! The files below a directory: no path leads out of it, and those asked for often stay open for a while.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{FileExt, MetadataExt, OpenOptionsExt},
        },
    },
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use foldhash::fast::RandomState;
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::resource::{Resource, getrlimit},
};

use crate::codec::http::{Status, http_date, media_type};

/// Most files kept open. Each is a descriptor.
const KEPT: usize = 256;
/// And all caches together no more than this share of all descriptors that the process may have: connections need them,
/// too, and what one thread keeps no other can close.
const KEPT_SHARE: u64 = 8;
/// Seconds without a request after which a file is closed, as soon as another one is opened.
const KEPT_SECONDS: i64 = 10;
/// Files of up to so many bytes are read when they are looked up, and answered from memory: what they hold is up to a second
/// old then, as their length is. Longer ones go from the page cache to the socket: `sendfile` behind the head costs 1.14 of a
/// `writev` from memory at 16 KiB, 1.03 at 32 KiB and 0.91 at 64 KiB (`.ci/ratios --only border`).
const SHORT_BYTES: u64 = 32 * 1024;
/// Up to so many bytes of a body in memory are copied behind their head, for one `send`; a longer one goes out from where it
/// lies, by `writev` with its head. A copy and one `send` cost 0.97 of a `writev` up to 2 KiB, 0.99 at 4 KiB, 1.02 at 8 KiB and
/// 1.05 at 16 KiB (`.ci/ratios --only border`).
pub(super) const COPIED_BYTES: usize = 4 * 1024;
/// What a directory is answered with.
const INDEX: &[u8] = b"index.html";

/// A regular file that is open for reading.
#[derive(Debug)]
pub(in crate::server) struct OpenFile {
    file: File,
    pub(super) length: u64,
    pub(super) media_type: &'static str,
    pub(super) last_modified: String,
    /// What it holds, if that is short.
    pub(super) content: Option<Box<[u8]>>,
    /// The head of the usual answer with all of it, once it was written; where the body is short enough to be copied, it
    /// follows. The date in the head is that of the second in which the file was looked up.
    pub(super) usual_answer: OnceLock<Box<[u8]>>,
}

impl OpenFile {
    /// # Errors
    /// When a short one cannot be read.
    fn new(file: File, length: u64, media_type: &'static str, last_modified: String) -> io::Result<Self> {
        let mut content = None;
        if length <= SHORT_BYTES {
            let mut bytes = vec![0; length as usize];
            // One that was cut short meanwhile is found out by whoever sends it.
            content = match file.read_exact_at(&mut bytes, 0) {
                Ok(()) => Some(bytes.into()),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
                Err(error) => return Err(error),
            };
        }
        Ok(Self { file, length, media_type, last_modified, content, usual_answer: OnceLock::new() })
    }
}

impl OpenFile {
    /// What it holds; nothing where that is not kept.
    pub(super) fn content(&self) -> &[u8] {
        self.content.as_deref().unwrap_or_default()
    }

    /// Whether what it holds is copied behind the head of an answer.
    pub(super) fn is_copied(&self) -> bool {
        self.length <= COPIED_BYTES as u64
    }

    /// What the usual answer begins with; nothing where that is not kept.
    pub(super) fn usual_answer(&self) -> &[u8] {
        self.usual_answer.get().map_or(&[], |answer| answer)
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A directory, and the files below it that are open. A file is looked up anew (path, length, time of change) when the
/// second in which that was last done is over.
pub(super) struct Files {
    root: PathBuf,
    directory: OwnedFd,
    /// The kernel resolves paths beneath a directory (Linux 5.6, unless a filter forbids it).
    beneath: bool,
    kept: HashMap<Box<[u8]>, Kept, RandomState>,
    /// Most of them.
    most: usize,
}

struct Kept {
    second: i64,
    file: Arc<OpenFile>,
}

impl Files {
    /// One of so many caches; each keeps at least one file.
    ///
    /// # Errors
    /// When it is no directory that can be read.
    pub(super) fn below(root: &Path, caches: u64) -> io::Result<Self> {
        let root = fs::canonicalize(root)?;
        let directory = fs::OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(&root)?.into();
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
        let most = (descriptors / KEPT_SHARE / caches).clamp(1, KEPT as u64) as usize;
        let mut files = Self { root, directory, beneath: true, kept: HashMap::default(), most };
        files.beneath = !matches!(files.open_beneath(Path::new(".")), Err(Errno::ENOSYS | Errno::EPERM));
        Ok(files)
    }

    /// The file under this path, relative to the root; `second` is the present.
    pub(super) fn open(&mut self, path: &[u8], second: i64) -> Result<Arc<OpenFile>, Status> {
        if let Some(kept) = self.kept.get(path)
            && kept.second == second
        {
            return Ok(Arc::clone(&kept.file));
        }
        self.kept.retain(|_, kept| (0..KEPT_SECONDS).contains(&(second - kept.second)));
        let file = match self.look_up(path) {
            // The descriptors of files that are not being sent are free then.
            Err(Status::ServiceUnavailable) if self.forget() => self.look_up(path),
            found => found,
        };
        let file = Arc::new(file?);
        if self.kept.len() >= self.most {
            self.kept.clear();
        }
        self.kept.insert(path.into(), Kept { second, file: Arc::clone(&file) });
        Ok(file)
    }

    /// Closes the files that are kept and not being sent; whether there were any.
    pub(super) fn forget(&mut self) -> bool {
        let before = self.kept.len();
        self.kept.retain(|_, kept| Arc::strong_count(&kept.file) > 1);
        self.kept.len() < before
    }

    fn look_up(&self, path: &[u8]) -> Result<OpenFile, Status> {
        // Not even if `..` would stay inside: no proper client asks like that.
        if path.split(|byte| *byte == b'/').any(|name| name == b"..") {
            return Err(Status::NotFound);
        }
        let mut path = path.to_vec();
        for _ in 0..2 {
            let file = self.open_inside(if path.is_empty() { b"." } else { &path }).map_err(status)?;
            let about = file.metadata().map_err(|_| Status::InternalServerError)?;
            if about.is_file() {
                return OpenFile::new(file, about.len(), media_type(&path), http_date(about.mtime()))
                    .map_err(|_| Status::InternalServerError);
            }
            if !about.is_dir() {
                return Err(Status::Forbidden);
            }
            path.extend_from_slice(if path.is_empty() || path.ends_with(b"/") { b"" } else { b"/" });
            path.extend_from_slice(INDEX);
        }
        Err(Status::NotFound)
    }

    fn open_inside(&self, path: &[u8]) -> Result<File, Errno> {
        let path = Path::new(OsStr::from_bytes(path));
        if self.beneath { self.open_beneath(path) } else { self.open_resolved(path) }
    }

    /// The kernel itself sees to it that neither a symbolic link nor a rename at the wrong moment leads out.
    fn open_beneath(&self, path: &Path) -> Result<File, Errno> {
        let beneath = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(OFlag::O_RDONLY | flags()).resolve(beneath);
        loop {
            match openat2(&self.directory, path, how) {
                // A rename somewhere on the way, while a link with `..` was followed: openat2(2) says to try again.
                Err(Errno::EAGAIN) => {}
                opened => return opened.map(File::from),
            }
        }
    }

    /// For kernels that cannot do that: the path is resolved, judged, and opened. One who can rename directories
    /// below the root between the last two steps can still lead out of it; such a one could as well put a copy there.
    fn open_resolved(&self, path: &Path) -> Result<File, Errno> {
        let code = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::ENOENT));
        let resolved = fs::canonicalize(self.root.join(path)).map_err(code)?;
        if !resolved.starts_with(&self.root) {
            return Err(Errno::EXDEV);
        }
        let no_link = flags() | OFlag::O_NOFOLLOW;
        let opened = fs::OpenOptions::new().read(true).custom_flags(no_link.bits()).open(resolved);
        opened.map_err(code)
    }
}

/// A FIFO must not block, a terminal not take us over.
fn flags() -> OFlag {
    OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY
}

fn status(error: Errno) -> Status {
    match error {
        // EXDEV: it would lead out.
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG | Errno::ELOOP | Errno::EXDEV => {
            Status::NotFound
        }
        // ENXIO: a socket, or a device without a driver.
        Errno::EACCES | Errno::EPERM | Errno::ENXIO => Status::Forbidden,
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => Status::ServiceUnavailable,
        _ => Status::InternalServerError,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    /// A root with a neighbor that must not be seen.
    fn tree() -> tempfile::TempDir {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("sub/deep")).unwrap();
        fs::write(outside.path().join("secret"), "no").unwrap();
        fs::write(root.join("a.txt"), "hello").unwrap();
        fs::write(root.join("sub/index.html"), "<p>").unwrap();
        fs::write(root.join("%2e%2e"), "a strange name").unwrap();
        symlink("../a.txt", root.join("sub/inside")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink(outside.path().join("secret"), root.join("absolute")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        mkfifo(&root.join("fifo"), Mode::S_IRWXU).unwrap();
        outside
    }

    fn each_way(outside: &Path) -> [Files; 2] {
        let files = || Files::below(&outside.join("root"), 1).unwrap();
        [files(), Files { beneath: false, ..files() }]
    }

    #[test]
    fn files_below_the_root_are_found() {
        let outside = tree();
        for files in each_way(outside.path()) {
            let length = |path: &str| files.look_up(path.as_bytes()).map(|file| file.length);
            assert_eq!(length("a.txt"), Ok(5));
            assert_eq!(length("./sub/..hidden"), Err(Status::NotFound));
            assert_eq!(length("sub/inside"), Ok(5));
            assert_eq!(length("%2e%2e"), Ok(14));
            assert_eq!((length("sub"), length("sub/"), length("sub//")), (Ok(3), Ok(3), Ok(3)));
            assert_eq!(files.look_up(b"sub").unwrap().media_type, "text/html; charset=utf-8");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_root() {
        let outside = tree();
        for files in each_way(outside.path()) {
            for path in [
                "../secret",
                "sub/../../secret",
                "sub/..",
                "out",
                "up/secret",
                "absolute",
                "/etc/passwd",
                "..",
                "loop",
            ] {
                let refused = files.look_up(path.as_bytes()).map(|file| file.length);
                assert_eq!(refused, Err(Status::NotFound), "{path}, beneath: {}", files.beneath);
            }
        }
    }

    #[test]
    fn only_regular_files_are_served() {
        let outside = tree();
        for files in each_way(outside.path()) {
            let refused = |path: &str| files.look_up(path.as_bytes()).map(|file| file.length);
            assert_eq!(refused("fifo"), Err(Status::Forbidden));
            assert_eq!(refused(""), Err(Status::NotFound), "no index");
            assert_eq!(refused("sub/deep"), Err(Status::NotFound), "no index");
            assert_eq!(refused("a.txt/"), Err(Status::NotFound));
            assert_eq!(refused("a.txt/b"), Err(Status::NotFound));
            assert_eq!(refused(&"x".repeat(300)), Err(Status::NotFound));
        }
    }

    #[test]
    fn an_open_file_is_kept_for_about_a_second() {
        let outside = tree();
        let mut files = Files::below(&outside.path().join("root"), 1).unwrap();
        let first = files.open(b"a.txt", 7).unwrap();
        fs::write(outside.path().join("root/b"), "longer than before").unwrap();
        fs::rename(outside.path().join("root/b"), outside.path().join("root/a.txt")).unwrap();
        assert!(Arc::ptr_eq(&first, &files.open(b"a.txt", 7).unwrap()));
        assert_eq!(files.open(b"a.txt", 8).unwrap().length, 18);
        assert_eq!(first.length, 5, "whoever is being answered keeps what was announced");
        assert_eq!(first.content.as_deref(), Some(&b"hello"[..]));
        files.open(b"sub/inside", 8 + KEPT_SECONDS).unwrap();
        assert_eq!(files.kept.len(), 1);
    }

    #[test]
    fn only_short_files_are_kept_in_memory() {
        let outside = tree();
        let files = Files::below(&outside.path().join("root"), 1).unwrap();
        for (length, is_kept) in [(0, true), (SHORT_BYTES, true), (SHORT_BYTES + 1, false)] {
            fs::write(outside.path().join("root/n"), vec![7; length as usize]).unwrap();
            let file = files.look_up(b"n").unwrap();
            assert_eq!((file.length, file.content.is_some()), (length, is_kept));
        }
        // As where a file is written to between the two looks at it.
        let open = || File::open(outside.path().join("root/a.txt")).unwrap();
        let cut = OpenFile::new(open(), 6, "", String::new()).unwrap();
        assert_eq!(cut.content, None);
        let grown = OpenFile::new(open(), 4, "", String::new()).unwrap();
        assert_eq!(grown.content.as_deref(), Some(&b"hell"[..]), "what is announced");
    }

    #[test]
    fn the_number_of_open_files_is_bounded() {
        let outside = tree();
        let mut files = Files::below(&outside.path().join("root"), 1).unwrap();
        for n in 0..KEPT * 2 {
            // As many paths to one file as anybody likes.
            files.open(format!("{}a.txt", "./".repeat(n)).as_bytes(), 7).unwrap();
            assert!(files.kept.len() <= files.most);
        }
    }
}
