//! When a connection ends: the settings of `close`, `half-close`, `reset` and `vanish`.

use serde::{Deserialize, Serialize};

use super::decision::{Behavior, CloseMethod, Step, View};
use crate::units::{Bytes, Count};

/// After so many bytes or so many messages, whichever comes first; at once unless one of them is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CloseCondition {
    /// Bytes that are moved before.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Bytes>,
    /// Messages that are moved before.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Count>,
}

/// A behavior that moves bytes until its condition is met, and then ends the connection.
pub(super) trait ClosingBehavior: Send {
    /// How.
    const METHOD: CloseMethod;

    /// When.
    fn condition(&self) -> &CloseCondition;
}

impl<E: ClosingBehavior> Behavior for E {
    fn next(&mut self, view: View<'_>) -> Step {
        self.condition().next(&view, E::METHOD)
    }

    fn spent(&mut self, view: View<'_>) -> Option<CloseMethod> {
        self.condition().is_due(&view).then_some(E::METHOD)
    }
}

impl CloseCondition {
    /// Moves until it is time to end like this.
    fn next(&self, view: &View<'_>, end: CloseMethod) -> Step {
        if self.is_due(view) {
            return Step::End(end);
        }
        let until_after = self.after.map_or(u64::MAX, |after| after.0 - view.moved);
        // A message at a time, so that no byte of the next one is sent.
        let most = if self.messages.is_some() { until_after.min(view.message.left) } else { until_after };
        Step::Move(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Whether it is time.
    fn is_due(&self, view: &View<'_>) -> bool {
        let Self { after, messages } = self;
        (after.is_none() && messages.is_none())
            || after.is_some_and(|after| view.moved >= after.0)
            || messages.is_some_and(|messages| view.message.whole >= u64::from(messages.0))
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::{
        super::{Message, tests::view},
        *,
    };

    const END: Step = Step::End(CloseMethod::Close);

    fn condition(text: &str) -> CloseCondition {
        toml::from_str(text).expect("knobs")
    }

    fn next(condition: &CloseCondition, moved: u64, message: Message) -> Step {
        condition.next(&view(moved, message, &mut Xoshiro256PlusPlus::seed_from_u64(1)), CloseMethod::Close)
    }

    #[test]
    fn is_due_at_once_without_bytes_or_messages() {
        assert_eq!(next(&CloseCondition::default(), 0, Message::default()), END);
        let bytes = condition("after = '10B'");
        let steps = [0, 4, 10].map(|moved| next(&bytes, moved, Message::of_answers(9)));
        assert_eq!(steps, [Step::Move(10), Step::Move(6), END]);
    }

    #[test]
    fn sends_whole_requests_and_no_byte_of_the_next() {
        let two = condition("messages = 2");
        let steps = [0, 30, 100, 200].map(|moved| next(&two, moved, Message::of_requests(moved, 8, 100)));
        assert_eq!(steps, [Step::Move(100), Step::Move(70), Step::Move(100), END]);
        let answers = [0, 1, 2].map(|whole| next(&two, 5, Message::of_answers(whole)));
        assert_eq!(answers, [Step::Move(usize::MAX), Step::Move(usize::MAX), END]);
    }

    #[test]
    fn is_due_when_bytes_or_messages_are_reached_first() {
        let both = condition("after = 150\nmessages = 2");
        assert_eq!(next(&both, 100, Message::of_requests(100, 8, 100)), Step::Move(50));
        assert_eq!(next(&both, 150, Message::of_requests(150, 8, 100)), END);
        assert_eq!(next(&both, 120, Message::of_requests(120, 8, 60)), END);
    }
}
