//! What a search is not made for, and what on its command line would have no effect.

use super::{super::Failure, Args, key::by_name};
use crate::profile::{Profile, is_set_by};

/// Refuses a search over `of` that could show nothing, and options that it would not heed. `profile` is that of the first
/// level, without the key.
pub(super) fn refuse(args: &Args, of: &str, profile: &Profile, name: &str) -> Result<(), Failure> {
    let wrong = senseless(of, profile, name).or_else(|| unheeded(args, of, profile));
    wrong.map_or(Ok(()), |message| Err(Failure::usage(message)))
}

/// Why no level of it could fail, or be measured.
fn senseless(of: &str, profile: &Profile, name: &str) -> Option<String> {
    if profile.core.is_some() {
        return Some(format!("{name}: a core experiment has no server; name a profile with one"));
    }
    if let Some(swept) = profile.sweep.keys().next() {
        return Some(format!(
            "{name} has a sweep over {swept}, and the levels are one of their own: remove [sweep], and choose its values \
             with --set"
        ));
    }
    if of == "repeats" {
        return Some("--of repeats: each repeat of a search is one; name a key of the load".to_owned());
    }
    if profile.expect.is_empty() {
        let group = profile.clients.first().map_or("good", |group| group.name.as_str());
        return Some(format!(
            "{name}: nothing is expected that more load could break: give --until '{group}.latency_p99 < 50ms', or an \
             [expect]"
        ));
    }
    None
}

/// The option that would have no effect, and what to write instead.
fn unheeded(args: &Args, of: &str, profile: &Profile) -> Option<String> {
    let set = |wrong: &dyn Fn(&str) -> bool| args.set.iter().map(|(key, _)| key).find(|key| wrong(key));
    if set(&|key| key == "repeats").is_some() {
        return Some(
            "--set repeats: a search repeats a level until enough repeats agree: write --repeats N"
                .to_owned(),
        );
    }
    if let Some(key) = set(&|key| is_set_by(of, &by_name(key, profile))) {
        return Some(format!("--set {key}: the search sets it to each level: write --from and --to"));
    }
    if args.until.is_empty() {
        return None;
    }
    if let Some(key) = set(&|key| key == "expect" || key.starts_with("expect.")) {
        return Some(format!(
            "--set {key}: --until takes the place of all that the profile expects: write it as another --until"
        ));
    }
    args.bench.expectation_flag().map(|flag| {
        format!(
            "{flag} sets what is expected, and --until takes the place of that: write it as another --until"
        )
    })
}
