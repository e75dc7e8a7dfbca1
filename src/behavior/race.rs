//! `race`: several threads send, or receive, on one socket.

pub(super) use super::decision::Race;
use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Race> = Declaration {
    about: About {
        name: "race",
        text: "Lets `threads` threads use one socket without an agreed order: a misuse that destroys the order of \
               the data. On tx each thread sends whole messages of its own: small messages arrive whole but out of \
               order; messages larger than the free send buffer are torn, whether a thread waits with poll or in the \
               system call; with a `header` that has its own system call, messages of any size are torn. On rx the \
               threads read the open answers in equal parts: with depth 1 each thread reads a part of one answer, \
               with depth = threads one answer each; a thread gets the bytes that are next and takes them for its \
               own. Needs protocol = \"echo\" (on rx also http with check = \"content\", on tx also an upload in ranges) and \
               a closed loop. \
               Settings: threads (at least 1; 1 is the control), blocking (threads wait in the system call; default: \
               in poll, with a non-blocking socket), header (tx: bytes of each message that are sent first, in a \
               system call of their own; default 0B), lock (one thread at a time moves a whole message or part: no \
               message is torn, but the order is still lost).",
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
    race: |race| Some(race),
    bytes_per_second: |_| None,
};

impl Behavior for Race {
    fn next(&mut self, _: View<'_>) -> Step {
        Step::Race(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::steps, *};
    use crate::units::Bytes;

    #[test]
    fn every_step_is_a_race() {
        let mut race: Race = toml::from_str("threads = 4\nheader = '8B'").expect("knobs");
        assert_eq!(race, Race { header: Bytes(8), ..toml::from_str("threads = 4").expect("knobs") });
        assert_eq!(steps(&mut race, 2), [Step::Race(race); 2]);
    }
}
