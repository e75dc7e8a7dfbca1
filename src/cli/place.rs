//! The address of a server on the command line of `badpeer bench`.

use url::Url;

use crate::profile::unix_path;

/// The address of the server, and the path for HTTP.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) address: String,
    pub(super) path: Option<String>,
}

/// Parses the address. Errors do not repeat it, because it may contain a password.
pub(super) fn place(text: &str) -> Result<Place, String> {
    const WRITE: &str =
        "write HOST:PORT, or http://HOST:PORT/PATH, or unix:/SOCKET, or http://unix:/SOCKET:/PATH";
    if let Some(place) = unix_place(text) {
        return place.map_err(|message| format!("<ADDRESS>: {message}"));
    }
    let has_scheme = text.contains("://");
    let whole = if has_scheme { text.to_owned() } else { format!("tcp://{text}") };
    let url = Url::parse(&whole).map_err(|error| format!("<ADDRESS>: {error}: {WRITE}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "<ADDRESS>: remove the user name and password: they would appear in every report".to_owned()
        );
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| format!("<ADDRESS>: the host is missing: {WRITE}"))?;
    match url.scheme() {
        "http" => {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            let address = format!("{host}:{}", url.port().unwrap_or(80));
            Ok(Place { address, path: Some(format!("{}{query}", url.path())) })
        }
        "tcp" => {
            let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
            let port = url.port().filter(|_| is_bare).ok_or_else(|| {
                let what = if is_bare { "the port is missing" } else { "only HTTP has a path" };
                format!("<ADDRESS>: {what}: {WRITE}")
            })?;
            Ok(Place { address: format!("{host}:{port}"), path: None })
        }
        "https" => {
            Err("<ADDRESS>: https is not supported: name a port of the server that speaks plain HTTP"
                .to_owned())
        }
        scheme => Err(format!("<ADDRESS>: the scheme `{scheme}` is not supported: {WRITE}")),
    }
}

/// A UNIX-domain socket: `unix:/SOCKET`, or for HTTP `http://unix:/SOCKET:/PATH`, as nginx writes it (`proxy_pass`). `None` for
/// another address.
fn unix_place(text: &str) -> Option<Result<Place, String>> {
    let scheme = "http://";
    let is_http = text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let address = if is_http { &text[scheme.len()..] } else { text };
    unix_path::of(address)?;
    if !is_http {
        return Some(Ok(Place { address: address.to_owned(), path: None }));
    }
    let (address, path) = address.split_once(":/").map_or((address, ""), |(unix, rest)| {
        // The first one follows `unix`.
        rest.split_once(":/")
            .map_or((address, ""), |(socket, path)| (&address[..unix.len() + 2 + socket.len()], path))
    });
    let url = Url::parse(&format!("http://localhost/{path}"));
    Some(url.map_err(|error| error.to_string()).map(|url| {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Place {
            address: address.trim_end_matches(':').to_owned(),
            path: Some(format!("{}{query}", url.path())),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, Option<String>), String> {
        place(text).map(|place| (place.address, place.path))
    }

    #[test]
    fn addresses_and_urls_are_parsed() {
        for (text, address, path) in [
            ("127.0.0.1:80", "127.0.0.1:80", None),
            ("localhost:0", "localhost:0", None),
            ("[::1]:8080", "[::1]:8080", None),
            ("tcp://host:7", "host:7", None),
            ("http://host", "host:80", Some("/")),
            ("HTTP://HOST:81", "host:81", Some("/")),
            ("http://host?a=b", "host:80", Some("/?a=b")),
            ("http://host/a b?c#d", "host:80", Some("/a%20b?c")),
            ("http://[::1]/x", "[::1]:80", Some("/x")),
            ("http://host:0/", "host:0", Some("/")),
            ("unix:/run/a.sock", "unix:/run/a.sock", None),
            ("unix:a.sock", "unix:a.sock", None),
            ("unix:@a", "unix:@a", None),
            ("http://unix:/run/a.sock:/x?y=1", "unix:/run/a.sock", Some("/x?y=1")),
            ("HTTP://unix:/run/a.sock", "unix:/run/a.sock", Some("/")),
            ("http://unix:/run/a.sock:/", "unix:/run/a.sock", Some("/")),
            ("http://unix:/run/a.sock:", "unix:/run/a.sock", Some("/")),
        ] {
            assert_eq!(read(text), Ok((address.to_owned(), path.map(str::to_owned))), "{text}");
        }
    }

    #[test]
    fn an_invalid_address_is_refused_without_showing_its_password() {
        for (text, part) in [
            ("https://host/", "https is not supported"),
            ("http://host:99999/", "invalid port"),
            ("127.0.0.1:99999", "invalid port"),
            ("http://", "empty host"),
            (":80", "<ADDRESS>"),
            ("host", "the port is missing"),
            ("host:80/path", "only HTTP has a path"),
            ("ftp://host/", "the scheme `ftp` is not supported"),
            ("http://user:secret@host/", "remove the user name"),
            ("user:secret@host:80", "remove the user name"),
            ("http://user:secret@host:99999/", "invalid port"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.starts_with("<ADDRESS>: ") && message.contains(part), "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
