//! `half-close`: no more will be asked, answers are still awaited.

use serde::{Deserialize, Serialize};

use super::{
    close_condition::{CloseCondition, Ending},
    decision::CloseMethod,
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<HalfClose> = Declaration {
    about: About {
        name: "half-close",
        text: "Ends the sending direction with shutdown(2) once so many bytes or whole requests were sent, and goes on reading: \
               a FIN that says that no more questions will come, not that nobody listens (nc -N, rsh, HTTP/1.0 clients). \
               What was asked must still be answered to the last byte; then the server ends the connection, and it is \
               counted as closed. If it ends it before, the connection is counted as evicted and the requests as lost. Knobs: after (a size), messages (a number): whichever comes first; without them at once.",
        rx: false,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
    },
    reads_everything: |_| false,
    piece_bytes: |_| None,
    race: |_| None,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub(super) struct HalfClose(CloseCondition);

impl Ending for HalfClose {
    const METHOD: CloseMethod = CloseMethod::HalfClose;

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
            tests::{steps_of_requests, view},
        },
        *,
    };

    #[test]
    fn half_closes_after_the_given_messages() {
        let mut half: HalfClose = toml::from_str("messages = 2").expect("knobs");
        assert_eq!(
            steps_of_requests(&mut half, 4, 10, 3),
            [Step::Move(10), Step::Move(10), Step::End(CloseMethod::HalfClose)]
        );
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut spent = |whole| half.spent(view(7, Message::of_answers(whole), &mut rng));
        assert_eq!([spent(1), spent(2)], [None, Some(CloseMethod::HalfClose)]);
    }
}
