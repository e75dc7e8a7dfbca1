//! `close`: the client closes the connection.

use serde::{Deserialize, Serialize};

use super::{
    close_condition::{CloseCondition, ClosingBehavior},
    decision::CloseMethod,
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Close> = Declaration {
    about: About {
        name: "close",
        text: "Closes the connection with close(2): as soon as it is open, or after a number of bytes or whole \
               messages in its direction (requests sent, answers received). The server gets a FIN, unless received \
               bytes were not read: then the kernel sends an RST instead (RFC 2525 section 2.17), and also when more \
               bytes arrive later. So on rx, `after` in the middle of an answer stands for a client that aborts, and \
               ends with an RST; `messages` stands for a client that keeps no connection. The connection is counted \
               by what was sent: closed (FIN) or reset (RST). Settings: after (a size), messages (a number), \
               whichever comes first; without both, at once.",
        rx: true,
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
    reads_everything: |_| true,
    piece_bytes: |_| None,
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub(super) struct Close(CloseCondition);

impl ClosingBehavior for Close {
    const METHOD: CloseMethod = CloseMethod::Close;

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
    fn closes_after_the_given_bytes() {
        let mut close: Close = toml::from_str("after = 9").expect("knobs");
        assert_eq!(steps(&mut close, 2), [Step::Move(9), Step::End(CloseMethod::Close)]);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        assert_eq!(close.spent(view(8, Message::default(), &mut rng)), None);
        assert_eq!(close.spent(view(9, Message::default(), &mut rng)), Some(CloseMethod::Close));
    }
}
