//! Secrets in requests and command lines, which are used but not stored in records. It is known by its name: that of a
//! field, of a value in a query, of an option or a variable, of a word of a command; a body that has such a name in it
//! is secret as a whole.

mod requests;
mod secret_names;

use toml::Value;

use self::{
    requests::{body, resp, target},
    secret_names::{NOT_KEPT, is_secret},
};
use super::{keys::Profile, target::Target, value::plain};

/// A word of the command line as a record keeps it: of `Authorization: Bearer x` the name alone, and of a key of a profile
/// that is set to such a field.
#[must_use]
pub fn word(word: &str) -> String {
    let names_a_secret = |(at, sign): &(usize, &str)| match *sign {
        ":" => is_secret(&word[..*at]),
        _ => is_secret(last_part(&word[..*at])),
    };
    let found = word.match_indices([':', '=']).find(names_a_secret);
    let Some((at, sign)) = found else { return without_user(&setting(word)) };
    let space = if sign == ":" { " " } else { "" };
    format!("{}{sign}{space}{NOT_KEPT}", &word[..at])
}

/// What sets a key of a profile, or an option, to a value that is secret by what it is and not by the key's name.
fn setting(word: &str) -> String {
    match word.split_once('=') {
        Some((key, value)) if !key.contains([' ', '/', '?']) => {
            format!("{key}={}", of_key(last_part(key), value))
        }
        _ => word.to_owned(),
    }
}

/// The value of a key of this name as it is kept.
fn of_key(key: &str, value: &str) -> String {
    match key.trim_start_matches('-') {
        "path" | "bad-path" => target(value),
        "body" | "send" => body(value).to_owned(),
        "command" if value.starts_with('[') && is_secret(value) => NOT_KEPT.to_owned(),
        "command" => resp(value),
        _ => value.to_owned(),
    }
}

/// A command line as a record keeps it: each word as [`word`] has it, and of `--password x` the option alone. A word that
/// is itself a command line is kept likewise.
#[must_use]
pub fn command(words: &[String]) -> Vec<String> {
    let before = std::iter::once("").chain(words.iter().map(String::as_str));
    let kept = before.zip(words).map(|(before, given)| match before {
        before if names_a_secret_value(before) => NOT_KEPT.to_owned(),
        "--body" | "--bad-path" => of_key(before, given),
        _ => line(given),
    });
    kept.collect()
}

/// A command line in one string, as a record keeps it.
#[must_use]
pub fn line(text: &str) -> String {
    let kept = word(text);
    if kept != text || !text.contains(' ') {
        return kept;
    }
    command(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()).join(" ")
}

/// Whether the next word is the value of this option, and a secret.
fn names_a_secret_value(word: &str) -> bool {
    word.starts_with('-') && !word.contains([' ', '=', ':']) && is_secret(word)
}

/// A URL without its user and password, of which other programs know.
fn without_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{NOT_KEPT}{}", &rest[at..]),
        None => word.to_owned(),
    }
}

/// Of a key of a profile, what it sets: a group may be called after a secret, and is none.
fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// A value that a sweep gives a key, as it is shown and kept: one of a secret by its number alone.
pub(super) fn swept(key: &str, value: &str, number: usize) -> String {
    let key = last_part(key);
    let kept = if is_secret(key) { NOT_KEPT.to_owned() } else { word(&of_key(key, value)) };
    if kept == value { kept } else { format!("{kept} {number}") }
}

impl Profile {
    /// The profile as a record keeps it.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut profile = self.clone();
        profile.clients.iter_mut().for_each(requests::mask);
        let specs = profile.clients.iter_mut().filter_map(|group| group.http.as_mut());
        let fields = specs.flat_map(|spec| spec.headers.iter_mut());
        let environment = if let Target::Program(program) = &mut profile.server {
            program.command = command(&program.command);
            Some(program.env.iter_mut())
        } else {
            None
        };
        for (_, value) in fields.chain(environment.into_iter().flatten()).filter(|(name, _)| is_secret(name))
        {
            NOT_KEPT.clone_into(value);
        }
        for (key, values) in &mut profile.sweep {
            for (index, value) in values.iter_mut().enumerate() {
                let plain = plain(value);
                let kept = swept(key, &plain, index + 1);
                if kept != plain {
                    *value = Value::String(kept);
                }
            }
        }
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_fields_are_not_kept() {
        for (given, kept) in [
            ("Authorization: Bearer abc", "Authorization: (not kept)"),
            ("-HCOOKIE: a=b:c", "-HCOOKIE: (not kept)"),
            ("--header=X-Api-Key:abc", "--header=X-Api-Key: (not kept)"),
            (
                "clients.good.http.headers.Authorization=Bearer x",
                "clients.good.http.headers.Authorization=(not kept)",
            ),
            (
                "--set=clients.*.http.headers.X-Api-Key=a:b",
                "--set=clients.*.http.headers.X-Api-Key=(not kept)",
            ),
            (
                "clients.a.http.headers={ Accept = \"b\", Cookie = \"c\" }",
                "clients.a.http.headers={ Accept = \"b\", Cookie =(not kept)",
            ),
            ("server.attach.address=http://u:pass@h:80/@", "server.attach.address=http://(not kept)@h:80/@"),
            ("http://h/a@b", "http://h/a@b"),
            ("clients.tokens.count=5", "clients.tokens.count=5"),
            ("Accept: text/html", "Accept: text/html"),
            ("http://127.0.0.1:80/", "http://127.0.0.1:80/"),
            ("--duration", "--duration"),
            ("http://h:80/a?b=c&API_KEY=d", "http://h:80/a?b=c&API_KEY=(not kept)"),
            ("--body=<password>abc</password>", "--body=(not kept)"),
            ("--body=a=b", "--body=a=b"),
            ("clients.a.http.path=/?a=b&c%5Ftoken=d&e=f", "clients.a.http.path=/?a=b&c%5Ftoken=(not kept)"),
            ("clients.a.http.path=/?a=b&%74oken=d&e=f", "clients.a.http.path=/?a=b&%74oken=(not kept)&e=f"),
            ("clients.a.raw.send=PASS abc", "clients.a.raw.send=(not kept)"),
            ("clients.a.resp.command=auth abc", "clients.a.resp.command=auth (not kept)"),
            ("server.command=[\"a\",\"--token\",\"b\"]", "server.command=(not kept)"),
        ] {
            assert_eq!(word(given), kept);
        }
    }

    #[test]
    fn secrets_of_a_command_line_are_not_kept() {
        let kept = |words: &[&str]| command(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(
            kept(&["redis-server", "--requirepass", "abc", "--port", "1"]),
            ["redis-server", "--requirepass", "(not kept)", "--port", "1"]
        );
        assert_eq!(kept(&["--base", "server --token abc -v"]), ["--base", "server --token (not kept) -v"]);
        assert_eq!(kept(&["a", "--db-password=abc"]), ["a", "--db-password=(not kept)"]);
        assert_eq!(kept(&["a", "--token"]), ["a", "--token"]);
        let body = "{\"user\": \"a\", \"pass_word\": 1, \"client_secret\": \"abc\"}";
        assert_eq!(kept(&["bench", "--body", body, "-c", "1"]), ["bench", "--body", "(not kept)", "-c", "1"]);
        assert_eq!(kept(&["--body", "two words"]), ["--body", "two words"]);
        assert_eq!(line("nginx -c a.conf"), "nginx -c a.conf");
    }

    #[test]
    fn a_profile_is_kept_without_secrets_and_swept_values_stay_distinct() {
        let text = "title = 't'\n[server]\ncommand = ['a', '--secret', 'abc']\nenv = { API_TOKEN = 'abc', MODE = 'x' }\n[[clients]]\n\
                    name = 'tokens'\ncount = 1\nprotocol = 'http'\nload = { depth = 1 }\n\
                    http = { headers = { Cookie = 'abc', Accept = 'y' }, path = '/?token=abc', body = 'pass=abc' }\n\
                    [[clients]]\nname = 'r'\ncount = 1\nprotocol = 'resp'\nresp = { command = 'AUTH abc' }\n\
                    [[clients]]\nname = 's'\ncount = 1\nprotocol = 'raw'\nraw = { send = 'AUTH abc' }\n[sweep]\n\
                    'clients.r.resp.command' = ['AUTH abc']\n\
                    'server.env.API_TOKEN' = ['abc', 'abcd']\n'clients.tokens.count' = [1, 2]\n";
        let profile: Profile = toml::from_str(text).expect("a profile");
        let kept = profile.without_secrets().to_toml().expect("TOML");
        assert!(!kept.contains("abc"), "{kept}");
        for part in ["(not kept) 1", "(not kept) 2", "MODE = \"x\"", "Accept = \"y\""] {
            assert!(kept.contains(part), "{kept}");
        }
        assert_eq!(profile.without_secrets().sweep["clients.tokens.count"][1], Value::Integer(2));
    }
}
