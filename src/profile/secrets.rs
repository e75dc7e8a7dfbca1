//! Fields of requests whose values are secrets: they are sent, and stand in no record.

use super::Profile;

/// Parts of names by which a field is known to be secret, in lower case.
const PARTS: [&str; 7] = ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"];

/// What stands instead.
const NOT_KEPT: &str = "(not kept)";

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

/// A word of the command line as a record keeps it: of `Authorization: Bearer x` the name alone.
#[must_use]
pub fn word(word: &str) -> String {
    match word.split_once(':') {
        Some((name, _)) if is_secret(name) => format!("{name}: {NOT_KEPT}"),
        _ => word.to_owned(),
    }
}

impl Profile {
    /// The profile as a record keeps it.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut profile = self.clone();
        for ask in profile.clients.iter_mut().filter_map(|group| group.http.as_mut()) {
            for (_, value) in ask.headers.iter_mut().filter(|(name, _)| is_secret(name)) {
                NOT_KEPT.clone_into(value);
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
            ("Accept: text/html", "Accept: text/html"),
            ("http://127.0.0.1:80/", "http://127.0.0.1:80/"),
            ("--duration", "--duration"),
        ] {
            assert_eq!(word(given), kept);
        }
    }
}
