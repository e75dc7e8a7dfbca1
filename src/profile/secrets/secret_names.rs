//! The names by which a field, a variable or an option is known to be secret.

/// Parts of names by which a field, a variable or an option is known to be secret, in lower case; `_` counts as `-`.
const PARTS: [&str; 13] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "requirepass",
    "credential",
    "api-key",
    "apikey",
    "access-key",
    "private-key",
];

/// What stands instead.
pub(super) const NOT_KEPT: &str = "(not kept)";

pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    PARTS.iter().any(|part| name.contains(part))
}
