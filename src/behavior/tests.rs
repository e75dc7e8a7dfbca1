//! Behaviors as profiles write them, and what a behavior does when nothing limits it.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use super::*;

/// What a behavior does when every move is carried out in full.
pub(super) fn steps(behavior: &mut dyn Behavior, count: usize) -> Vec<Step> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut moved = 0;
    (0..count)
        .map(|_| {
            let step = behavior.next(view(moved, Message::of_answers(0), &mut rng));
            if let Step::Move(bytes) | Step::Endless(bytes) = step {
                moved = moved.saturating_add(bytes as u64);
            }
            step
        })
        .collect()
}

/// What a behavior does that sends requests of `size` bytes, `head` of them their head.
pub(super) fn steps_of_requests(
    behavior: &mut dyn Behavior,
    head: u64,
    size: u64,
    count: usize,
) -> Vec<Step> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut moved = 0;
    (0..count)
        .map(|_| {
            let step = behavior.next(view(moved, Message::of_requests(moved, head, size), &mut rng));
            if let Step::Move(bytes) = step {
                moved += bytes as u64;
            }
            step
        })
        .collect()
}

/// Much is left to be moved.
pub(super) fn view(moved: u64, message: Message, rng: &mut Xoshiro256PlusPlus) -> View<'_> {
    View { moved, left: u64::MAX, message, rng }
}

fn parsed(text: &str) -> Result<Spec, String> {
    #[derive(Deserialize)]
    struct Holder {
        rx: Spec,
    }
    toml::from_str::<Holder>(&format!("rx = {text}")).map(|h| h.rx).map_err(|e| e.message().to_owned())
}

#[test]
fn a_name_without_knobs_is_parsed() {
    assert_eq!(parsed("\"stall\""), parsed("{ stall = {} }"));
    assert_eq!(parsed("\"steady\""), Ok(Spec::default()));
}

#[test]
fn a_misspelt_name_is_refused_with_the_known_names() {
    assert!(parsed("\"stahl\"").expect_err("unknown").contains("expected one of `steady`, `slow`"));
    assert!(parsed("{ slow = { byte = 1 } }").expect_err("unknown").contains("`bytes`"));
    assert!(parsed("\"slow\"").expect_err("no knobs").contains("missing field"));
}

#[test]
fn every_behavior_is_read_back_and_has_a_page() {
    for text in [
        "\"steady\"",
        "\"stall\"",
        "{ slow = { bytes = 1, every = \"1ms\" } }",
        "{ race = { threads = 2 } }",
        "{ race = { threads = 2, blocking = true, header = \"8B\", lock = true } }",
        "{ stall-resume = { bytes = 1, silence = \"1s\", once = true } }",
        "{ trickle = { bytes = 1, within = \"1s\" } }",
        "{ slow-header = { every = \"1ms\" } }",
        "\"idle\"",
        "{ garbage = { one_in = 9 } }",
        "{ endless = { bytes = 7 } }",
        "{ half-close = { messages = 3 } }",
        "{ close = { after = \"3B\" } }",
        "\"vanish\"",
    ] {
        let spec = parsed(text).expect("a behavior");
        let again = toml::to_string(&std::collections::BTreeMap::from([("rx", &spec)])).expect("text");
        assert_eq!(
            parsed(again.trim_start_matches("[rx]").trim_start_matches("rx = ")).ok().or_else(|| {
                toml::from_str::<std::collections::BTreeMap<String, Spec>>(&again).ok()?.remove("rx")
            }),
            Some(spec.clone())
        );
        assert!(!spec.about().text.is_empty() && (spec.about().rx || spec.about().tx));
    }
}
