//! The names of keys of a profile, as a search takes them.

use crate::profile::Profile;

/// A key of a group's load may be named as one of the group.
pub(super) fn full_key(of: &str) -> String {
    match of.rsplit_once('.') {
        Some((group, key @ ("rate" | "depth" | "payload" | "answer")))
            if group.strip_prefix("clients.").is_some_and(|name| name.rsplit('.').next() != Some("load")) =>
        {
            format!("{group}.load.{key}")
        }
        _ => of.to_owned(),
    }
}

/// A key of a group by the group's name, also where its number is written in place of that.
pub(super) fn by_name(key: &str, profile: &Profile) -> String {
    let parts = key.strip_prefix("clients.").and_then(|rest| rest.split_once('.'));
    let Some((group, rest)) = parts else { return key.to_owned() };
    let is_name = profile.clients.iter().any(|own| own.name == group);
    let numbered = group.parse().ok().and_then(|number: usize| profile.clients.get(number));
    match numbered.filter(|_| !is_name) {
        Some(own) => format!("clients.{}.{rest}", own.name),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_load_have_short_names() {
        for (short, key) in [
            ("clients.good.rate", "clients.good.load.rate"),
            ("clients.good.load.rate", "clients.good.load.rate"),
            ("clients.slow one.count", "clients.slow one.count"),
            ("server.rate", "server.rate"),
        ] {
            assert_eq!(full_key(short), key);
        }
    }

    #[test]
    fn a_group_may_be_named_by_its_number() {
        let text = "title = 't'\n[[clients]]\nname = 'a'\ncount = 1\n[[clients]]\nname = '0'\ncount = 1\n[[clients]]\nname = 'c'\ncount = 1";
        let profile: Profile = toml::from_str(text).expect("a profile");
        for (key, wanted) in [
            ("clients.2.count", "clients.c.count"),
            ("clients.0.count", "clients.0.count"),
            ("clients.3.count", "clients.3.count"),
            ("clients.a.load.rate", "clients.a.load.rate"),
            ("server.send_limit", "server.send_limit"),
        ] {
            assert_eq!(by_name(key, &profile), wanted);
        }
    }
}
