//! The profiles that come with badpeer, inside the program itself.

use super::Source;

/// A profile that comes with badpeer.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name: its file's stem.
    pub name: &'static str,
    /// What is in the file.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../profiles/", $name, ".toml")) }),+]
    };
}

/// Every profile in `profiles/`.
pub const SHIPPED: &[Shipped] = shipped![
    "control",
    "slow-readers",
    "stalled-readers",
    "fragmented-writers",
    "shared-socket",
    "http-steady",
    "http-fragmented",
    "level-and-edge",
    "send-limit",
    "limit-and-timer",
    "close-or-reset",
    "idle-connections",
    "initial-capacity",
    "buffer-kinds",
    "eager-writes",
    "always-arm",
    "edge-starvation",
    "max-sends",
    "lost-wakeup",
    "send-timer",
    "wakeup-threshold",
    "notsent-lowat",
    "trickle",
    "user-timeout",
    "read-strategy",
    "backpressure",
    "soft-limit",
    "half-sent",
    "shrink",
    "shift-rule",
    "dispatch",
    "core-backlog",
    "core-shift",
    "core-prepend",
    "core-timers",
    "core-decode",
];

/// The quick tour: what runs when nothing is named.
pub const TOUR: &[&str] =
    &["control", "slow-readers", "stalled-readers", "fragmented-writers", "shared-socket"];

impl Shipped {
    /// Its text, for parsing.
    #[must_use]
    pub fn source(&self) -> Source {
        Source { file: format!("profiles/{}.toml", self.name), text: self.text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_shipped_and_valid() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("profiles")
            .filter_map(|entry| {
                entry.expect("entry").file_name().into_string().ok()?.strip_suffix(".toml").map(str::to_owned)
            })
            .collect();
        let mut names: Vec<String> = SHIPPED.iter().map(|profile| profile.name.to_owned()).collect();
        files.sort();
        names.sort();
        assert_eq!(files, names);
        for profile in SHIPPED {
            let points = profile.source().expand(&[]).unwrap_or_else(|error| panic!("{error}"));
            assert!(
                points.iter().all(|(_, p)| !p.expect.is_empty() && !p.about.is_empty()),
                "{}",
                profile.name
            );
        }
        assert!(TOUR.iter().all(|name| SHIPPED.iter().any(|profile| profile.name == *name)));
    }
}
