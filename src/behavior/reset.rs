//! `reset`: the client resets the connection.

use serde::{Deserialize, Serialize};

use super::{
    close_condition::{CloseCondition, ClosingBehavior},
    decision::CloseMethod,
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Reset> = Declaration {
    about: About {
        name: "reset",
        text: "Ends the connection with an RST (SO_LINGER 0, then close(2)): as soon as it is open, or after a \
               number of bytes or whole messages in its direction. Bytes under way in either direction are dropped. \
               It stands for a crashed process, a middlebox that lost its state, a port scanner. On rx, `after` in \
               the middle of an answer makes the server write to a connection that no longer exists (EPIPE). \
               Settings: after (a size), messages (a number), whichever comes first; without both, at once.",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
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
pub(super) struct Reset(CloseCondition);

impl ClosingBehavior for Reset {
    const METHOD: CloseMethod = CloseMethod::Reset;

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
    fn resets_after_the_given_messages() {
        let mut reset: Reset = toml::from_str("messages = 1").expect("knobs");
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut next = |whole| reset.next(view(7, Message { whole, head_left: 0, left: 3 }, &mut rng));
        assert_eq!([next(0), next(1)], [Step::Move(3), Step::End(CloseMethod::Reset)]);
        assert_eq!(steps(&mut Reset::default(), 1), [Step::End(CloseMethod::Reset)], "right at connect");
    }
}
