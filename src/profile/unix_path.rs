//! The text of a UNIX-domain socket's address: `unix:/path`, or `unix:@name` in the abstract namespace.

/// The longest path of a socket, in bytes: `sun_path` of `unix(7)` has 108, and a zero ends it.
pub(crate) const MOST_BYTES: usize = 107;

/// The address of a path that nothing has, in the folder for temporary files: as port 0 is for TCP.
pub(crate) const FRESH: &str = "unix:";

/// What stands behind `unix:`, which may be nothing; `None` for an address of TCP.
#[must_use]
pub(crate) fn of(address: &str) -> Option<&str> {
    address.strip_prefix("unix:")
}

/// Whether a socket can have this path or name.
///
/// # Errors
/// What to write instead.
pub(crate) fn check(name: &str) -> Result<(), String> {
    if name.is_empty() || name == "@" {
        return Err(
            "the path of the UNIX socket is missing: write unix:/PATH, or unix:@NAME for an abstract one"
                .into(),
        );
    }
    if name.contains('\0') {
        return Err("the path of a UNIX socket has no zero byte".into());
    }
    if name.ends_with('/') {
        return Err(format!("{name} is a folder: write the path of the UNIX socket in it"));
    }
    if name.len() > MOST_BYTES {
        return Err(format!(
            "the path of a UNIX socket has at most {MOST_BYTES} bytes, and {name} has {}: use a shorter one, or a symbolic \
             link to its folder",
            name.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_an_address_of_tcp() {
        assert_eq!((of("unix:/a"), of("unix:@a"), of("unix:")), (Some("/a"), Some("@a"), Some("")));
        assert_eq!((of("unix.example:80"), of("/a"), of("127.0.0.1:80")), (None, None, None));
    }

    #[test]
    fn what_no_socket_can_be_called_is_refused() {
        for name in ["/run/a.sock", "a.sock", "@a", "/a b"] {
            check(name).expect(name);
        }
        check(&"x".repeat(MOST_BYTES)).expect("as long as it may be");
        for (name, part) in [
            ("", "is missing"),
            ("@", "is missing"),
            ("/tmp/", "is a folder"),
            ("a\0b", "zero byte"),
            (&*"x".repeat(MOST_BYTES + 1), "has 108"),
        ] {
            let message = check(name).expect_err(name);
            assert!(message.contains(part), "{message}");
        }
    }
}
