//! The file of a UNIX-domain socket that is listened on: it takes the place of what a dead server has left, and goes with the
//! server.

use std::{
    env, fs,
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, ErrorKind},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, connect, socket},
};

/// The file of a socket that this process has bound. Dropping it removes the file, if it is still the same one.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and its inode.
    id: Option<(u64, u64)>,
}

impl SocketFile {
    /// Looks after the file of this address, if it has one.
    pub(super) fn of(address: &UnixAddr) -> Option<Self> {
        address.path().map(|path| Self { path: path.to_owned(), id: id(path) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.id.is_some() && id(&self.path) == self.id {
            // Nothing can be done where it cannot be removed; the next server replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn id(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// A path in the folder for temporary files that nothing has, with a name that cannot be guessed.
pub(super) fn fresh() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("unix:{}", env::temp_dir().join(format!("badpeer-{random:016x}.sock")).display())
}

/// Binds a socket to this address. A file that a dead server has left there is replaced.
///
/// # Errors
/// Why that is impossible, and what to do.
pub(super) fn bind_to(socket: &OwnedFd, address: &UnixAddr) -> io::Result<()> {
    let bound = || bind(socket.as_raw_fd(), address);
    match (bound(), address.path()) {
        (Err(Errno::EADDRINUSE), Some(path)) => {
            check_unused(path, address)?;
            fs::remove_file(path)?;
            Ok(bound()?)
        }
        (Err(Errno::EADDRINUSE), None) => Err(taken("another socket has this name; choose another --listen")),
        (Err(error), path) => Err(explained(error, path)),
        (Ok(()), _) => Ok(()),
    }
}

/// Whether the file is a socket that nothing listens on.
fn check_unused(path: &Path, address: &UnixAddr) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(taken("there is a file which is no socket; remove it, or choose another --listen"));
    }
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;

    match connect(probe.as_raw_fd(), address) {
        Err(Errno::ECONNREFUSED) => Ok(()),
        Err(Errno::EACCES) => {
            Err(taken("the socket of another user is there; remove it, or choose another --listen"))
        }
        // It listens, and its queue may be full; or it is a socket of another type.
        _ => Err(taken("another server listens there; stop it, or choose another --listen")),
    }
}

fn taken(why: &str) -> io::Error {
    io::Error::new(ErrorKind::AddrInUse, why)
}

fn explained(error: Errno, path: Option<&Path>) -> io::Error {
    let folder = path.and_then(Path::parent).map(|folder| folder.display().to_string()).unwrap_or_default();
    let why = match error {
        Errno::ENOENT | Errno::ENOTDIR => {
            format!("there is no folder {folder}; make it, or choose another --listen")
        }
        Errno::EACCES | Errno::EPERM => {
            format!("not permitted to make a file in {folder}; choose another --listen")
        }
        Errno::EROFS => format!("{folder} is read-only; choose another --listen"),
        error => return error.into(),
    };
    io::Error::new(io::Error::from(error).kind(), why)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    fn bind_at(path: &Path) -> io::Result<(OwnedFd, SocketFile)> {
        let fd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?;
        let address = UnixAddr::new(path)?;
        bind_to(&fd, &address)?;
        Ok((fd, SocketFile::of(&address).unwrap()))
    }

    #[test]
    fn the_socket_of_a_dead_server_is_replaced_and_removed_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a server leaves its file");
        let (_fd, file) = bind_at(&path).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_another_server_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (_fd, file) = bind_at(&path).unwrap();
        fs::remove_file(&path).unwrap();
        // A file of its own keeps the number of the first from coming again.
        fs::write(folder.path().join("other"), "").unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn what_is_in_use_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let _listener = UnixListener::bind(at("listens")).unwrap();
        let _datagram = UnixDatagram::bind(at("datagram")).unwrap();
        fs::write(at("file"), "kept").unwrap();
        for (name, part) in [
            ("listens", "another server listens there"),
            ("datagram", "another server listens there"),
            ("file", "a file which is no socket"),
            ("no/s", "there is no folder"),
            ("file/s", "there is no folder"),
        ] {
            let error = bind_at(&at(name)).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("--listen"), "{name}: {error}");
        }
        assert_eq!(fs::read(at("file")).unwrap(), b"kept");
    }
}
