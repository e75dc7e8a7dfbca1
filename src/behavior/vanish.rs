//! `vanish`: the client disappears without FIN or RST.

use serde::{Deserialize, Serialize};

use super::{
    close_condition::{CloseCondition, ClosingBehavior},
    decision::CloseMethod,
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Vanish> = Declaration {
    about: About {
        name: "vanish",
        text: "Disappears without FIN or RST, at once or after a number of bytes or whole messages in its direction, \
               and acknowledges no segment any more. It stands for a pulled cable, a phone in a tunnel, a machine \
               without power; only a timer of the server can notice. A filter (SO_ATTACH_FILTER) drops what arrives \
               at the socket, which stays open until the run ends: if it were closed silently (TCP_REPAIR), the \
               kernel would answer the next segment with an RST. (The kernel still resends bytes that were sent just \
               before and are not acknowledged yet, so prefer rx to tx.) Where the kernel permits the filter to root \
               only and badpeer does not run as root, connections stay open without sending instead, the report says \
               so, and `vanished` is INCONCLUSIVE. Settings: after (a size), messages (a number), whichever comes \
               first; without both, at once.",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: true,
        needs_tcp: true,
        delays_requests: false,
    },
    reads_everything: |_| true,
    piece_bytes: |_| None,
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub(super) struct Vanish(CloseCondition);

impl ClosingBehavior for Vanish {
    const METHOD: CloseMethod = CloseMethod::Vanish;

    fn condition(&self) -> &CloseCondition {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::{
        super::{
            Behavior, Message, Step,
            tests::{steps, view},
        },
        *,
    };

    #[test]
    fn vanishes_after_the_given_bytes() {
        let mut vanish: Vanish = toml::from_str("after = 5").expect("knobs");
        assert_eq!(steps(&mut vanish, 2), [Step::Move(5), Step::End(CloseMethod::Vanish)]);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        assert_eq!(vanish.spent(view(5, Message::default(), &mut rng)), Some(CloseMethod::Vanish));
    }
}
