//! Two brackets: did the head's capacity fall below the base's?

use serde::Serialize;

use super::likeness::first_difference;
use crate::record::{Border, Capacity, Record, Verdict};

/// Two searches for the same capacity, and the verdict on the second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BracketComparison {
    /// The key that was searched over.
    pub of: String,
    /// REGRESSION if the head fails at or below a level that the base holds; PASS if the brackets overlap or the head's
    /// lies higher; INCONCLUSIVE if an end that would decide is missing or not confirmed.
    pub verdict: Verdict,
    /// What was found, in a sentence.
    pub meaning: String,
    /// What else than the server may explain it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The search of the base.
    pub base: Capacity,
    /// The search of the head.
    pub head: Capacity,
}

/// An end that enough repeats agree on.
fn confirmed<'a>(capacity: &Capacity, border: Option<&'a Border>) -> Option<&'a Border> {
    border.filter(|border| border.repeats >= capacity.confirmations)
}

/// Compares the brackets of two searches.
///
/// # Errors
/// Why the two cannot be compared: one is no search, or they searched for different things.
pub fn brackets(base: &Record, head: &Record) -> Result<BracketComparison, String> {
    let of = |which: &str, record: &Record| {
        let found = record.capacity.clone();
        found.ok_or_else(|| {
            format!("{which} ({}) is no search: make both with `badpeer capacity`", record.name)
        })
    };
    let (before, after) = (of("the base", base)?, of("the head", head)?);
    if (&before.of, before.unit) != (&after.of, after.unit) {
        return Err(format!("the base searched over {}, the head over {}", before.of, after.of));
    }
    if base.profile.expect != head.profile.expect {
        return Err("the two searches had different conditions: give both the same --until".to_owned());
    }
    if (base.profile.warmup, base.profile.measure) != (head.profile.warmup, head.profile.measure) {
        return Err(format!(
            "the two searches had different windows ({} and {}, with the warm-up {} and {}): search both alike",
            base.profile.measure, head.profile.measure, base.profile.warmup, head.profile.warmup
        ));
    }
    if let Some((key, [one, other])) = first_difference(&base.profile, &head.profile, &before.of) {
        let with_from = if before.from == after.from { "" } else { ", also with the same --from" };
        return Err(format!(
            "the two searches had different loads ({key}: {one} and {other}): search both alike{with_from}"
        ));
    }
    let (verdict, meaning) = judge(&before, &after);
    let remarks = other_machine(base, head).into_iter().collect();
    Ok(BracketComparison { of: before.of.clone(), verdict, meaning, remarks, base: before, head: after })
}

/// That the two were not made on the same machine, if they were not.
fn other_machine(base: &Record, head: &Record) -> Option<String> {
    let (a, b) = (&base.machine, &head.machine);
    let parts = [
        ("processor", a.cpu.clone(), b.cpu.clone()),
        ("cores", a.cores.to_string(), b.cores.to_string()),
        ("memory", a.memory_bytes.to_string(), b.memory_bytes.to_string()),
        ("instruction set", a.arch.clone(), b.arch.clone()),
        ("kernel", a.kernel.clone(), b.kernel.clone()),
    ];
    let (what, one, other) = parts.into_iter().find(|(_, one, other)| one != other)?;
    Some(format!(
        "the searches did not run on the same machine and kernel ({what}: {one} and {other}), which may be what a \
         difference comes from"
    ))
}

fn judge(base: &Capacity, head: &Capacity) -> (Verdict, String) {
    let ends = |capacity: &'_ Capacity| {
        let bracket = &capacity.bracket;
        (
            confirmed(capacity, bracket.holds.as_ref()).cloned(),
            confirmed(capacity, bracket.fails.as_ref()).cloned(),
        )
    };
    let fails_first = |capacity: &Capacity, fails: &Border| fails.value == capacity.from;
    let ((base_holds, base_fails), (head_holds, head_fails)) = (ends(base), ends(head));
    match (&base_holds, &base_fails, &head_holds, &head_fails) {
        (Some(lower), _, _, Some(fails)) if fails.value <= lower.value => {
            let text = format!("The head fails {}, and the base holds {}.", fails.text, lower.text);
            (Verdict::Regression, text)
        }
        (_, Some(fails), Some(lower), _) if fails.value <= lower.value => {
            (Verdict::Pass, format!("The head holds {}, where the base fails {}.", lower.text, fails.text))
        }
        // The head holds all that the base is known to hold.
        (Some(lower), None, Some(holds), _) if holds.value >= lower.value => (
            Verdict::Pass,
            format!("No change is shown: the head holds {}, and so does the base.", lower.text),
        ),
        // Where the head holds less than the base, only the level that it fails tells that the brackets overlap.
        (Some(lower), Some(fails), Some(holds), above) if holds.value >= lower.value || above.is_some() => {
            let fall = (1.0 - holds.value as f64 / fails.value as f64) * 100.0;
            (
                Verdict::Pass,
                format!(
                    "No change is shown: the brackets overlap. The head's capacity is lower by at most {fall:.0} %."
                ),
            )
        }
        (None, Some(before), None, Some(after))
            if base.from == head.from && fails_first(base, before) && fails_first(head, after) =>
        {
            (Verdict::Pass, "No change is shown: both fail the first level already.".to_owned())
        }
        _ => (
            Verdict::Inconclusive,
            "Nothing is shown: an end of a bracket is missing or not confirmed.".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Bracket, LevelUnit, SearchEnd};

    /// A record of a search with these ends, 0 for none; each end with three repeats of the three that were asked for.
    fn record(holds: u64, fails: u64) -> Record {
        let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
        let border = |value: u64| {
            let border = Border { value, text: value.to_string(), repeats: 3, figures: Vec::new() };
            (value > 0).then_some(border)
        };
        let mut record = Record::of_points(text, Vec::new());
        record.capacity = Some(Capacity {
            of: "clients.g.count".into(),
            unit: LevelUnit::Count,
            from: 10,
            to: 1000,
            precision: 0.1,
            confirmations: 3,
            levels: Vec::new(),
            bracket: Bracket { holds: border(holds), fails: border(fails) },
            end: Some(SearchEnd::Narrow),
            remarks: Vec::new(),
        });
        record
    }

    fn verdict(base: (u64, u64), head: (u64, u64)) -> Verdict {
        brackets(&record(base.0, base.1), &record(head.0, head.1)).expect("of the same kind").verdict
    }

    #[test]
    fn only_brackets_that_are_apart_show_a_change() {
        use Verdict::{Inconclusive, Pass, Regression};
        for (base, head, wanted) in [
            ((640, 960), (320, 640), Regression),
            ((640, 960), (320, 480), Regression),
            ((640, 960), (0, 10), Regression),
            ((640, 0), (320, 480), Regression),
            ((640, 960), (480, 641), Pass),
            ((640, 960), (640, 960), Pass),
            ((640, 960), (960, 1000), Pass),
            ((640, 960), (1000, 0), Pass),
            ((1000, 0), (1000, 0), Pass),
            ((0, 10), (0, 10), Pass),
            ((0, 10), (10, 20), Pass),
            ((640, 0), (480, 0), Inconclusive),
            ((0, 0), (320, 640), Inconclusive),
            ((640, 960), (0, 0), Inconclusive),
            // The head may fail anything above what it holds.
            ((640, 960), (80, 0), Inconclusive),
            ((640, 960), (639, 0), Inconclusive),
            ((640, 960), (640, 0), Pass),
            ((640, 960), (0, 641), Inconclusive),
            // Both fail, and not the first level.
            ((0, 40), (0, 40), Inconclusive),
            ((0, 10), (0, 40), Inconclusive),
            ((0, 40), (0, 10), Inconclusive),
        ] {
            assert_eq!(verdict(base, head), wanted, "{base:?} {head:?}");
        }
        let overlapping = brackets(&record(640, 960), &record(480, 720)).expect("of the same kind");
        assert!(overlapping.meaning.contains("lower by at most 50 %"), "{}", overlapping.meaning);
    }

    #[test]
    fn an_end_that_is_not_confirmed_shows_nothing() {
        use Verdict::{Inconclusive, Pass};
        for (base, head, end, wanted) in [
            // The head fails less than the base holds.
            ((640, 960), (320, 480), "head fails", Inconclusive),
            ((640, 960), (320, 480), "base holds", Inconclusive),
            // The brackets overlap.
            ((640, 960), (480, 720), "head fails", Inconclusive),
            ((640, 960), (480, 720), "head holds", Inconclusive),
            ((640, 960), (480, 720), "base fails", Inconclusive),
            // What the head fails is not asked where it holds more than the base fails.
            ((640, 960), (960, 1000), "head fails", Pass),
            ((640, 960), (960, 1000), "head holds", Inconclusive),
            // The first level.
            ((0, 10), (0, 10), "head fails", Inconclusive),
        ] {
            let (mut one, mut other) = (record(base.0, base.1), record(head.0, head.1));
            let whose = if end.starts_with("base") { &mut one } else { &mut other };
            let bracket = &mut whose.capacity.as_mut().expect("a search").bracket;
            let border = if end.ends_with("holds") { &mut bracket.holds } else { &mut bracket.fails };
            border.as_mut().expect("an end").repeats = 2;
            let found = brackets(&one, &other).expect("of the same kind");
            assert_eq!(found.verdict, wanted, "{base:?} {head:?} {end}");
        }
    }

    #[test]
    fn searches_for_different_things_are_refused() {
        let (base, mut head) = (record(1, 2), record(1, 2));
        head.profile.expect.insert("evictions".into(), "= 0".into());
        assert!(brackets(&base, &head).expect_err("other conditions").contains("--until"));
        let mut head = record(1, 2);
        head.profile.measure = "9s".parse().expect("a time");
        assert!(brackets(&base, &head).expect_err("another window").contains("different windows"));
        let mut head = record(1, 2);
        head.profile.clients[0].load.depth = Some(2);
        let message = brackets(&base, &head).expect_err("another load");
        assert!(
            message.contains("different loads (clients.g.load.depth: 1 and 2): search both alike"),
            "{message}"
        );
        head.capacity.as_mut().expect("a search").from = 20;
        assert!(brackets(&base, &head).expect_err("another load").ends_with("with the same --from"));
        let mut head = record(1, 2);
        head.profile.clients[0].count = 20;
        head.capacity.as_mut().expect("a search").from = 20;
        head.profile.seed += 1;
        brackets(&base, &head).expect("the first level is no load of its own");
        let mut head = record(1, 2);
        head.capacity.as_mut().expect("a search").of = "clients.g.load.rate".into();
        assert!(
            brackets(&base, &head).expect_err("another key").contains("the head over clients.g.load.rate")
        );
        head.capacity = None;
        assert!(brackets(&base, &head).expect_err("a run").contains("is no search"));
    }

    #[test]
    fn another_machine_is_remarked() {
        let (base, mut head) = (record(640, 960), record(640, 960));
        let remarks = |head: &Record| brackets(&base, head).expect("of the same kind").remarks;
        assert!(remarks(&head).is_empty());
        head.machine.cores = 64;
        assert!(
            remarks(&head)[0].contains("same machine and kernel (cores: 0 and 64)"),
            "{:?}",
            remarks(&head)
        );
    }
}
