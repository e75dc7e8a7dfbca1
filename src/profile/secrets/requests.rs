//! Secrets in a request: values of a query, a body, the arguments of `AUTH`.

use super::secret_names::{NOT_KEPT, is_secret};
use crate::{codec::raw::Octets, profile::Group};

/// Takes what is secret out of the requests of a group, but for the fields of their heads.
pub(super) fn mask(group: &mut Group) {
    let octets = |given: &mut Octets| {
        if body(&String::from_utf8_lossy(&given.0)) == NOT_KEPT {
            *given = Octets(NOT_KEPT.into());
        }
    };
    if let Some(spec) = &mut group.http {
        spec.path = target(&spec.path);
        spec.body.iter_mut().for_each(octets);
    }
    if let Some(command) = &mut group.resp {
        command.command = resp(&command.command);
    }
    if let Some(exchange) = &mut group.raw {
        octets(&mut exchange.send);
    }
}

/// The target of a request without the values of its query whose names are secret.
pub(super) fn target(given: &str) -> String {
    let Some((path, query)) = given.split_once('?') else { return given.to_owned() };
    let kept = |field: &str| {
        let end = field.len() - usize::from(field.ends_with(['&', ';']));
        match field[..end].split_once('=') {
            Some((name, _)) if is_secret(&decoded(name)) => format!("{name}={NOT_KEPT}{}", &field[end..]),
            _ => field.to_owned(),
        }
    };
    format!("{path}?{}", query.split_inclusive(['&', ';']).map(kept).collect::<String>())
}

/// A body, or what is sent as it is: nothing of it where it names a secret, however it is written.
pub(super) fn body(given: &str) -> &str {
    let mut words = given.split(|c: char| !c.is_alphanumeric());
    let is_login = words.any(|word| LOGINS.iter().any(|login| word.eq_ignore_ascii_case(login)));
    if is_login || is_secret(given) || is_secret(&decoded(given)) { NOT_KEPT } else { given }
}

/// A command of RESP without what stands behind a word that says that a secret follows.
pub(super) fn resp(given: &str) -> String {
    let announces = |word: &&str| {
        let plain = word.trim_matches(['"', '\'']);
        is_secret(plain) || LOGINS.iter().any(|login| plain.eq_ignore_ascii_case(login))
    };
    let Some(word) = given.split_whitespace().find(announces) else { return given.to_owned() };
    // The word lies in the text that it was taken from.
    let end = word.as_ptr() as usize - given.as_ptr() as usize + word.len();
    if given[end..].trim().is_empty() { given.to_owned() } else { format!("{} {NOT_KEPT}", &given[..end]) }
}

/// Words behind which a server expects who somebody is.
const LOGINS: [&str; 4] = ["auth", "auth2", "pass", "setuser"];

/// The text with `%74` and `+` as what they stand for.
fn decoded(text: &str) -> String {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.map(|(name, value)| [name, value].join("=")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_are_kept_unless_their_names_are_secret() {
        for (given, kept) in [
            ("/?token=abc", "/?token=(not kept)"),
            ("/a?x=1&access_token=abc&y=2", "/a?x=1&access_token=(not kept)&y=2"),
            ("/a?x=1;API-Key=abc;y", "/a?x=1;API-Key=(not kept);y"),
            ("/a?tok%65n=abc=d", "/a?tok%65n=(not kept)"),
            ("/token=abc", "/token=abc"),
            ("/?x=token", "/?x=token"),
            ("/?", "/?"),
        ] {
            assert_eq!(target(given), kept);
        }
    }

    #[test]
    fn a_body_that_names_a_secret_is_not_kept() {
        for given in [
            "{\"user\":\"a\",\"password\":\"abc\"}",
            "user=a&client_secret=abc",
            "user=a&p%61ssword=abc",
            "<Token>abc</Token>",
            "AUTH PLAIN abc\r\n",
        ] {
            assert_eq!(body(given), NOT_KEPT, "{given}");
        }
        for given in ["", "hello", "author=a", "{\"passed\": 1}"] {
            assert_eq!(body(given), given);
        }
    }

    #[test]
    fn arguments_of_a_login_command_are_not_kept() {
        for (given, kept) in [
            ("AUTH abc", "AUTH (not kept)"),
            ("hello 3 auth user abc", "hello 3 auth (not kept)"),
            ("CONFIG SET requirepass abc", "CONFIG SET requirepass (not kept)"),
            ("ACL SETUSER me >abc", "ACL SETUSER (not kept)"),
            ("GET session-token", "GET session-token"),
            ("SET author x", "SET author x"),
            ("PING", "PING"),
        ] {
            assert_eq!(resp(given), kept);
        }
    }
}
