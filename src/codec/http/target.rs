//! Which resource a request is about: the path in its target, decoded once (RFC 9112 section 3.2, RFC 3986).

use std::borrow::Cow;

use super::{Method, Status};

/// The path of a target, decoded, without its leading slashes: relative to whatever the root is. Where it leads is
/// the application's to judge; only what no path can hold is refused here.
///
/// # Errors
/// [`Status::BadRequest`] for a target in no allowed form, a bad percent-encoding, or a NUL.
pub(super) fn path(target: &[u8], method: Method) -> Result<Cow<'_, [u8]>, Status> {
    let path = match target {
        [b'/', ..] => target,
        // `*` and `host:port` belong to methods that are not served (OPTIONS, CONNECT).
        _ if method == Method::Known => return Ok(Cow::Borrowed(b"")),
        _ => match after_authority(target) {
            Some(path) => path,
            None if method == Method::Put => return Ok(Cow::Borrowed(b"")),
            None => return Err(Status::BadRequest),
        },
    };
    let is_special = |byte: &u8| matches!(byte, b'?' | b'#' | b'%' | 0);
    // Most paths are what they look like.
    if !path.iter().any(is_special) {
        return Ok(Cow::Borrowed(relative(path)));
    }
    let path = path.split(|byte| is_end_of_path(*byte)).next().unwrap_or_default();
    let decoded = decode(path).filter(|path| !path.contains(&0)).ok_or(Status::BadRequest)?;
    Ok(match decoded {
        Cow::Borrowed(path) => Cow::Borrowed(relative(path)),
        Cow::Owned(path) => Cow::Owned(relative(&path).to_vec()),
    })
}

fn is_end_of_path(byte: u8) -> bool {
    matches!(byte, b'?' | b'#')
}

/// The absolute form: `http://host/path`.
fn after_authority(target: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = target.split_at_checked("http://".len())?;
    if !scheme.eq_ignore_ascii_case(b"http://") {
        return None;
    }
    let authority = rest.iter().position(|byte| *byte == b'/' || is_end_of_path(*byte)).unwrap_or(rest.len());
    (authority > 0).then(|| &rest[authority..])
}

fn relative(path: &[u8]) -> &[u8] {
    let slashes = path.iter().take_while(|byte| **byte == b'/').count();
    &path[slashes..]
}

/// Decoded exactly once: `%252e` is the name `%2e`.
fn decode(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !path.contains(&b'%') {
        return Some(Cow::Borrowed(path));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = after else { return None };
        decoded.push(hex(*high)? << 4 | hex(*low)?);
        rest = after;
    }
    Some(Cow::Owned(decoded))
}

pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Option<String> {
        path(target.as_bytes(), Method::Get).ok().map(|path| String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn a_path_is_decoded_once_and_relative() {
        for (target, expected) in [
            ("/", ""),
            ("/a/b.html?c=/d#e", "a/b.html"),
            ("/a%20b%2fc", "a b/c"),
            ("///etc/passwd", "etc/passwd"),
            ("/%2f%2Fetc", "etc"),
            ("/%252e%252e/x", "%2e%2e/x"),
            ("/%2e%2E/x", "../x"),
            ("http://host", ""),
            ("HTTP://host:80/x?y", "x"),
            ("http://host?x", ""),
        ] {
            assert_eq!(get(target).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn invalid_paths_are_refused() {
        for target in
            ["*", "x", "host:80", "http:///x", "https://host/", "/%", "/%1", "/%1g", "/a%00b", "/%+1"]
        {
            assert_eq!(get(target), None, "{target}");
        }
        assert!(path(b"*", Method::Known).is_ok() && path(b"host:80", Method::Known).is_ok());
    }
}
