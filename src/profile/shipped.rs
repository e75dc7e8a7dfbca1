//! The shipped profiles, which are part of the program.

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
    "head-parsing",
    "shared-writers",
    "shared-readers",
    "ranges",
    "upload-ranges",
    "level-and-edge",
    "send-limit",
    "limit-and-timer",
    "close-or-reset",
    "idle-connections",
    "many-slow-readers",
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
    "concurrency-limit",
    "soft-limit",
    "half-sent",
    "slowloris",
    "endings",
    "vanished-peers",
    "reconnect-storm",
    "connection-limit",
    "descriptor-exhaustion",
    "bad-neighbors",
    "shrink",
    "shift-rule",
    "prepend-space",
    "dispatch",
    "ramp",
    "gate",
    "gate-saturation",
    "kernel-share",
    "core-backlog",
    "core-shift",
    "core-prepend",
    "core-timers",
    "core-decode",
    "node-echo",
    "asyncio-echo",
    "haproxy-tcp",
    "nginx-http",
    "redis",
];

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../profiles/", $name)))),+]
    };
}

/// Every other file in `profiles/`: what the servers of those profiles need.
const FILES: &[(&str, &str)] = files!["echo.js", "echo.lua", "echo.py", "haproxy.cfg", "nginx.conf"];

/// What is in a file that comes with badpeer, by its name.
#[must_use]
pub fn shipped_file(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
}

/// The quick tour: what runs when nothing is named.
pub const TOUR: &[&str] =
    &["control", "slow-readers", "stalled-readers", "fragmented-writers", "shared-socket"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_shipped_and_valid() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("profiles")
            .map(|entry| entry.expect("entry"))
            // The folders are those of the atlas.
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().into_string().expect("a plain name"))
            .collect();
        let profiles = SHIPPED.iter().map(|profile| format!("{}.toml", profile.name));
        let mut names: Vec<String> =
            profiles.chain(FILES.iter().map(|(name, _)| (*name).to_owned())).collect();
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
        let programs = SHIPPED.iter().flat_map(|profile| profile.source().expand(&[]).unwrap());
        let programs: Vec<_> =
            programs.filter_map(|(_, profile)| profile.server.program().cloned()).collect();
        assert!(programs.iter().flat_map(|program| &program.files).all(|name| shipped_file(name).is_some()));
        assert!(
            programs.iter().all(|program| program.install.is_some()),
            "else a missing program fails the run"
        );
        assert!(TOUR.iter().all(|name| SHIPPED.iter().any(|profile| profile.name == *name)));
    }
}
