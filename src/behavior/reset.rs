//! `reset`: the client resets the connection.

use serde::{Deserialize, Serialize};

use super::{About, Behavior, CloseMethod, Needs, Step, View, close_condition::CloseCondition};

pub(super) const ABOUT: About = About {
    name: "reset",
    text: "Ends the connection with an RST (SO_LINGER 0, then close(2)): as soon as it is open, or after a number of \
        bytes or whole messages in its direction. Bytes under way in either direction are dropped. It stands for a \
        crashed process, a middlebox that lost its state, a port scanner. On rx, `after` in the middle of an answer \
        makes the server write to a connection that no longer exists (EPIPE). Settings: after (a size), messages (a \
        number), whichever comes first; without both, at once.",
    rx: true,
    tx: true,
    needs: Needs::Nothing,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub(super) struct Reset(CloseCondition);

impl Behavior for Reset {
    fn next(&mut self, view: View<'_>) -> Step {
        self.0.next(&view, CloseMethod::Reset)
    }

    fn spent(&mut self, view: View<'_>) -> Option<CloseMethod> {
        self.0.is_due(&view).then_some(CloseMethod::Reset)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::{
        super::{
            Message,
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
