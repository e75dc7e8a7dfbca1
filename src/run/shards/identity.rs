//! What makes shards those of one run: the profile, their number, the start, the seed, and the version of badpeer.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::profile::{Profile, Target};

/// The version of the files that shards leave.
pub(super) const FORMAT: u32 = 1;

/// What all shards of a run have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// SHA-256 of the profile with everything that the command line sets, without secrets and without the server's address.
    pub(super) profile: String,
    /// The server's address as the profile has it; an observer may know it by another one.
    pub(super) server: String,
    /// Shards; 0 for an observer, which need not know.
    pub(super) shards: u32,
    /// Threads of each.
    pub(super) threads: u32,
    /// When the first client connects: nanoseconds since 1970.
    pub(super) start_ns: u64,
    pub(super) seed: u64,
    /// The version of badpeer, and that of these files.
    pub(super) version: String,
}

impl Identity {
    pub(super) fn of(profile: &Profile, shards: u32, start_ns: u64, seed: u64) -> Self {
        let mut hashed = profile.without_secrets();
        let server = match &mut hashed.server {
            Target::Attached { attach } => {
                attach.pid = None;
                std::mem::take(&mut attach.address)
            }
            Target::Reference(_) | Target::Program(_) => String::new(),
        };
        let text = serde_json::to_string(&hashed).unwrap_or_default();
        Self {
            profile: sha256(text.as_bytes()),
            server,
            shards,
            threads: profile.client_threads.of_shard(),
            start_ns,
            seed,
            version: format!("{} (format {FORMAT})", env!("CARGO_PKG_VERSION")),
        }
    }

    /// One number for all of it.
    pub(super) fn id(&self) -> String {
        sha256(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// What differs, in words.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        let mut found = Vec::new();
        let mut compare = |what: &str, mine: String, others: String| {
            if mine != others {
                found.push(format!("{what} ({mine}, {others})"));
            }
        };
        compare("the version of badpeer", self.version.clone(), other.version.clone());
        compare("the profile", short(&self.profile), short(&other.profile));
        compare("the seed", self.seed.to_string(), other.seed.to_string());
        compare("the start", start(self.start_ns), start(other.start_ns));
        compare("the number of threads", self.threads.to_string(), other.threads.to_string());
        if self.shards > 0 && other.shards > 0 {
            compare("the number of shards", self.shards.to_string(), other.shards.to_string());
            compare("the server's address", self.server.clone(), other.server.clone());
        }
        found
    }
}

/// An instant of the real-time clock (RFC 3339, UTC).
pub(super) fn start(realtime_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(realtime_ns.into())
        .map_or_else(|_| realtime_ns.to_string(), |at| at.to_string())
}

/// In hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing into a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(server: &str, more: &str, shards: u32) -> Identity {
        let text = format!(
            "title = 't'\n{more}\n[server]\nattach = '{server}'\n[[clients]]\nname = 'g'\ncount = 4\nprotocol = 'echo'\n\
             load = {{ depth = 1, payload = 9 }}"
        );
        let profile = crate::profile::Source { file: "t.toml".into(), text }.parse(&[]).expect("valid");
        Identity::of(&profile, shards, 1_700_000_000_000_000_000, profile.seed)
    }

    #[test]
    fn a_hash_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
    }

    #[test]
    fn what_differs_between_two_runs_is_named() {
        let own = identity("h:1", "", 4);
        assert_eq!(own.differences(&identity("h:1", "", 4)), Vec::<String>::new());
        assert_eq!(own.id(), identity("h:1", "", 4).id());
        assert_ne!(own.id(), identity("h:1", "", 5).id());
        let differs = |other: Identity| own.differences(&other).join("; ");
        assert!(differs(identity("h:1", "measure = '9s'", 4)).starts_with("the profile ("));
        assert_eq!(differs(identity("h:1", "", 5)), "the number of shards (4, 5)");
        assert_eq!(differs(identity("h:2", "", 4)), "the server's address (h:1, h:2)");
        assert_eq!(differs(identity("h:2", "", 0)), "", "an observer may know the server by another address");
        assert_eq!(differs(Identity { seed: 7, ..own.clone() }), "the seed (42, 7)");
        let later = Identity { start_ns: own.start_ns + 1_500_000_000, ..own.clone() };
        assert_eq!(differs(later), "the start (2023-11-14T22:13:20Z, 2023-11-14T22:13:21.5Z)");
    }
}
