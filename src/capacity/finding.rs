//! What a repeat at a level comes to: whether all conditions were met, and whether the peers were there that were asked for.

use super::presence::{apart, unheld};
use crate::{
    metric::{Definite, Key},
    profile::Profile,
    record::{ExpectationResult, Finding, LevelRepeat, Repeat, Verdict},
};

/// Whether the key `of` sets something of the client group: `clients.NAME.…` or `clients.*.…`.
#[must_use]
pub fn is_of(of: &str, group: &str) -> bool {
    let name =
        of.strip_prefix("clients.").and_then(|rest| rest.strip_prefix(group).or(rest.strip_prefix('*')));
    name.is_some_and(|rest| rest.starts_with('.'))
}

/// Whether the key `of` sets how many clients the group has.
#[must_use]
pub fn is_count_of(of: &str, group: &str) -> bool {
    is_of(of, group) && of.rsplit_once('.').is_some_and(|(_, key)| key == "count")
}

/// What a repeat at a level comes to, by the verdicts on it. `of` is the key that sets the level.
///
/// A condition that is not met makes it fail, also in a repeat that is not valid where no load excuses it. If the peers of
/// the group that is searched over were never all connected at a time, it fails only by what is expected of that group itself
/// and by what no load excuses ([`Definite`]): all else was measured beside fewer peers than the level has. It holds only if
/// they also stayed. What is neither met nor failed is inconclusive.
#[must_use]
pub fn finding(profile: &Profile, of: &str, repeat: &Repeat, verdicts: &[ExpectationResult]) -> LevelRepeat {
    if let Some(how) = &repeat.died {
        let how = how.lines().next().unwrap_or_default();
        return found(Finding::Fails, format!("under load, {}", how.trim_end_matches('.')));
    }
    let searched = || profile.clients.iter().filter(|group| is_of(of, &group.name));
    let apart = searched().find_map(|group| apart(of, repeat, group));
    let counts = |result: &&ExpectationResult| {
        let key = Key::parse(&result.name);
        let group = key.and_then(|key| key.group);
        apart.is_none()
            || key.is_some_and(|key| key.stat.metric.spec().definite != Definite::Never)
            || searched().any(|searched| group == Some(searched.name.as_str()))
    };
    let mut failed = verdicts.iter().filter(|result| result.verdict == Verdict::Fail).filter(counts);
    if let Some(first) = failed.next() {
        return found(Finding::Fails, format!("{} {}, {}", first.name, first.condition, first.fact()));
    }
    let unknown = || {
        let result = verdicts.iter().find(|result| result.verdict != Verdict::Pass)?;
        let reason = result.reason.clone();
        Some(reason.unwrap_or_else(|| format!("{} {} has no verdict", result.name, result.condition)))
    };
    let first = |reasons: &[String]| reasons.first().cloned();
    let unheld = apart.clone().or_else(|| searched().find_map(|group| unheld(of, repeat, group)));
    let why = unheld.or_else(|| first(&repeat.invalid)).or_else(|| match unknown() {
        Some(_) if !repeat.disturbed.is_empty() => first(&repeat.disturbed),
        unknown => unknown,
    });
    let why =
        why.or_else(|| first(&repeat.unproven)).or_else(|| repeat.cut_short.then(|| "interrupted".into()));
    match why {
        Some(why) => found(Finding::Inconclusive, why.trim_end_matches('.').to_owned()),
        None => LevelRepeat { finding: Finding::Holds, reason: None },
    }
}

fn found(finding: Finding, reason: String) -> LevelRepeat {
    LevelRepeat { finding, reason: Some(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{GroupResult, Ledger, Series};

    fn profile() -> Profile {
        let text = "title = \"t\"\n[[clients]]\nname = \"good\"\ncount = 2\nload = { depth = 1, payload = 9 }\n\
                    [[clients]]\nname = \"slow one\"\ncount = 10\nload = { depth = 1, payload = 9 }\n";
        crate::profile::Source { file: "t.toml".into(), text: text.into() }.parse(&[]).expect("valid")
    }

    /// A repeat in which so many clients of the searched group were connected, all the time.
    fn repeat(connected: f64) -> Repeat {
        let ledger = Ledger { opened: 10, still_alive: 10, ..Ledger::default() };
        let group = GroupResult { name: "slow one".into(), ledger, ..GroupResult::default() };
        let summary = [("slow one.alive_peak".to_owned(), connected)].into_iter().collect();
        let mut series = Series { at_ns: vec![5], ..Series::default() };
        series.columns.insert("slow one.alive".to_owned(), vec![Some(connected)]);
        Repeat { window_ns: (0, 9), groups: vec![group], summary, series, ..Repeat::default() }
    }

    fn result(name: &str, verdict: Verdict) -> ExpectationResult {
        ExpectationResult::new(name, "= 0", Some(1.0), verdict)
    }

    fn found(repeat: &Repeat, verdicts: &[ExpectationResult]) -> (Finding, String) {
        let found = finding(&profile(), "clients.slow one.count", repeat, verdicts);
        (found.finding, found.reason.unwrap_or_default())
    }

    #[test]
    fn a_level_holds_if_all_is_met_and_fails_by_what_is_not() {
        let pass = result("good.lost", Verdict::Pass);
        assert_eq!(found(&repeat(10.0), std::slice::from_ref(&pass)).0, Finding::Holds);
        let (finding, reason) = found(&repeat(10.0), &[pass, result("good.evicted", Verdict::Fail)]);
        assert_eq!((finding, reason.as_str()), (Finding::Fails, "good.evicted = 0, measured 1"));
        let died = Repeat { died: Some("the server ended by signal 11.\nlast words".into()), ..repeat(3.0) };
        assert_eq!(found(&died, &[]), (Finding::Fails, "under load, the server ended by signal 11".into()));
    }

    #[test]
    fn a_level_whose_peers_were_not_all_held_neither_holds_nor_fails() {
        let (good, own) = (result("good.evicted", Verdict::Fail), result("slow one.evicted", Verdict::Fail));
        let (finding, reason) = found(&repeat(7.0), std::slice::from_ref(&good));
        assert_eq!(finding, Finding::Inconclusive);
        assert_eq!(reason, "only 7 of 10 clients of `slow one` were connected at a time");
        assert_eq!(found(&repeat(7.0), &[]).0, Finding::Inconclusive);
        assert_eq!(found(&repeat(7.0), &[own]).0, Finding::Fails, "it is about these peers");
        let wrong = result("corrupt_bytes", Verdict::Fail);
        assert_eq!(found(&repeat(7.0), &[wrong]).0, Finding::Fails, "no load excuses it");
        assert_eq!(found(&repeat(10.0), &[good]).0, Finding::Fails);
        let mut unaccepted = repeat(10.0);
        unaccepted.groups[0].not_accepted = 1;
        assert_eq!(found(&unaccepted, &[]).0, Finding::Inconclusive, "it only counts as open");
    }

    #[test]
    fn peers_that_came_and_were_ended_let_a_level_fail_but_not_hold() {
        let mut evicted = repeat(10.0);
        evicted.groups[0].ledger.evicted_rst = 1;
        let good = result("good.evicted", Verdict::Fail);
        assert_eq!(found(&evicted, &[good]).0, Finding::Fails, "all were connected at a time");
        let (finding, reason) = found(&evicted, &[]);
        assert_eq!(finding, Finding::Inconclusive);
        assert!(
            reason.starts_with("the server refused or ended 1 of the connections of `slow one`"),
            "{reason}"
        );
    }

    #[test]
    fn what_is_not_valid_or_not_measured_is_inconclusive() {
        let sure = |alter: fn(&mut Repeat), verdicts: &[ExpectationResult]| {
            let mut repeat = repeat(10.0);
            alter(&mut repeat);
            found(&repeat, verdicts)
        };
        let fails = result("good.evicted", Verdict::Fail);
        let invalid = |repeat: &mut Repeat| repeat.invalid.push("the host was busy.".into());
        assert_eq!(sure(invalid, &[]), (Finding::Inconclusive, "the host was busy".into()));
        assert_eq!(sure(invalid, &[fails]).0, Finding::Fails, "no load excuses it");
        let unproven = |repeat: &mut Repeat| repeat.unproven.push("no effect".into());
        assert_eq!(sure(unproven, &[]), (Finding::Inconclusive, "no effect".into()));
        let disturbed = |repeat: &mut Repeat| repeat.disturbed.push("others ran".into());
        assert_eq!(sure(disturbed, &[]).0, Finding::Holds, "what does not depend on time stands");
        let late = result("good.latency_p99", Verdict::Invalid);
        assert_eq!(
            sure(disturbed, std::slice::from_ref(&late)),
            (Finding::Inconclusive, "others ran".into())
        );
        let missing = result("good.latency_p99", Verdict::Inconclusive);
        assert_eq!(sure(|_| (), &[missing]).0, Finding::Inconclusive);
        assert_eq!(sure(|repeat| repeat.cut_short = true, &[]).0, Finding::Inconclusive);
    }

    #[test]
    fn a_key_belongs_to_the_group_that_it_names() {
        for (of, is) in [
            ("clients.slow one.count", true),
            ("clients.*.count", true),
            ("clients.slow.count", false),
            ("clients.slow one and more.count", false),
            ("clients.slow one.load.rate", true),
            ("server.send_limit", false),
        ] {
            assert_eq!(is_of(of, "slow one"), is, "{of}");
            assert_eq!(is_count_of(of, "slow one"), is && of.ends_with("count"), "{of}");
        }
    }
}
