//! Whether the load of a profile is the same all the time in which a soak looks for growth.

use std::time::Duration;

use crate::{
    profile::{Group, Profile},
    units::Span,
};

/// Why the load of the profile changes in a soak that judges from this time on, counted from the start of the warm-up, and what
/// to do about it; `None` if it is the same.
pub(super) fn changes(profile: &Profile, judged: Duration) -> Option<String> {
    if !profile.phases.is_empty() {
        return Some("it has [phases]: remove them".to_owned());
    }
    profile.clients.iter().find_map(|group| group_changes(group, judged))
}

fn group_changes(group: &Group, judged: Duration) -> Option<String> {
    let name = &group.name;
    if group.stop.is_some() {
        return Some(format!("the clients of `{name}` stop early: remove `stop`"));
    }
    let leaves = [
        ("requests_per_connection", group.requests_per_connection.is_some()),
        ("lifetime", group.lifetime.is_some()),
    ];
    if let Some((key, _)) = leaves.into_iter().find(|(_, is_set)| *is_set && group.reconnect.is_none()) {
        return Some(format!(
            "the clients of `{name}` leave ({key}) and do not come back: add reconnect = {{}}, or remove {key}"
        ));
    }
    let rate = group.load.rate.as_ref();
    if rate.is_some_and(|rate| rate.rates().last().is_none_or(|rest| rest.0 <= 0.0)) {
        return Some(format!("the rate of `{name}` ends at 0: use a rate that stays"));
    }
    let begins = rounded(judged);
    let later = |what: &str, until: Option<Duration>| {
        let until =
            until.map_or_else(|| "never".to_owned(), |until| format!("only after {}", rounded(until)));
        format!(
            "{what} {until}, and growth is looked for from {begins} on: change that, or leave out more with --settle"
        )
    };
    let connected = all_connected(group);
    if connected.is_none_or(|connected| connected > judged) {
        return Some(later(
            &format!("all clients of `{name}` are connected (start, connect_rate)"),
            connected,
        ));
    }
    let steady = connected.zip(rate).map(|(connected, rate)| connected + rate.settles_after());
    let late = steady.filter(|steady| *steady > judged)?;
    Some(later(&format!("the rate of `{name}` is constant"), Some(late)))
}

/// When the last client of a group connects, by its keys; `None` if that never happens.
fn all_connected(group: &Group) -> Option<Duration> {
    let last = f64::from(group.count.saturating_sub(1));
    let connecting = group.connect_rate.as_ref().map_or(Some(0), |rate| rate.due_ns(last))?;
    Some(group.start.0 + Duration::from_nanos(connecting))
}

/// A time in whole milliseconds.
fn rounded(time: Duration) -> Span {
    Span(Duration::from_millis(time.as_millis() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why a group with these keys and this load is refused, in a soak that judges after 7 s.
    fn refused(keys: &str, load: &str) -> Option<String> {
        let text = format!(
            "title = \"t\"\nmeasure = \"30s\"\n[[clients]]\nname = \"g\"\ncount = 100\nload = {{ payload = 9, {load} }}\n{keys}"
        );
        let source = crate::profile::Source { file: "t.toml".into(), text };
        let profile = source.parse(&[]).unwrap_or_else(|error| panic!("{error}"));
        changes(&profile, Duration::from_secs(7))
    }

    #[test]
    fn a_load_that_is_the_same_all_the_time_is_soaked() {
        for (keys, load) in [
            ("", "depth = 1"),
            ("", "rate = '100/s'"),
            ("start = '7s'", "depth = 1"),
            ("connect_rate = '50/s'", "depth = 1"),
            ("connect_rate = 'off'", "depth = 1"),
            ("", "rate = '100/s to 4000/s over 7s'"),
            ("", "rate = '100/s for 20s then 100/s'"),
            ("requests_per_connection = 1\nreconnect = {}", "depth = 1"),
            ("lifetime = '1s'\nreconnect = {}", "depth = 1"),
        ] {
            assert_eq!(refused(keys, load), None, "{keys} {load}");
        }
    }

    #[test]
    fn a_load_that_grows_or_ends_by_itself_is_refused() {
        for (keys, load, part) in [
            ("start = '8s'", "depth = 1", "are connected (start, connect_rate) only after 8s"),
            ("connect_rate = '10/s'", "depth = 1", "(start, connect_rate) only after 9900ms"),
            ("connect_rate = '20/s'\nstart = '3s'", "depth = 1", "only after 7950ms"),
            ("", "rate = '100/s to 4000/s over 29s'", "the rate of `g` is constant only after 29s"),
            ("", "rate = '100/s for 8s then 200/s'", "the rate of `g` is constant only after 8s"),
            ("start = '2s'", "rate = '100/s to 4000/s over 6s'", "is constant only after 8s"),
            ("", "rate = '100/s for 2s then 0/s'", "the rate of `g` ends at 0"),
            ("stop = '9s'", "depth = 1", "the clients of `g` stop early"),
            (
                "requests_per_connection = 1",
                "depth = 1",
                "leave (requests_per_connection) and do not come back",
            ),
            ("lifetime = '1s'", "depth = 1", "leave (lifetime) and do not come back"),
            ("[phases]\na = '1s'", "depth = 1", "it has [phases]"),
        ] {
            let found = refused(keys, load).unwrap_or_else(|| panic!("{keys} {load}"));
            assert!(found.contains(part), "{found}\nlacks\n{part}");
        }
    }
}
