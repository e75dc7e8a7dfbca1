//! `half-close`: the client ends its sending direction and still reads answers.

use serde::{Deserialize, Serialize};

use super::{
    close_condition::{CloseCondition, ClosingBehavior},
    decision::CloseMethod,
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<HalfClose> = Declaration {
    about: About {
        name: "half-close",
        text: "Ends the sending direction with shutdown(2) after a number of bytes or whole requests, and goes on \
               reading: the FIN means that no more requests will come, but answers are still read (nc -N, rsh, \
               HTTP/1.0 clients). The server must answer all open requests to the last byte and then end the \
               connection, which is counted as closed. If the server ends it before, the connection is counted as \
               evicted and the requests as lost. Settings: after (a size), messages (a number), whichever comes \
               first; without both, at once.",
        rx: false,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
        needs_tcp: false,
        delays_requests: false,
    },
    reads_everything: |_| false,
    piece_bytes: |_| None,
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub(super) struct HalfClose(CloseCondition);

impl ClosingBehavior for HalfClose {
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
