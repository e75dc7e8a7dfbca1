//! `race`: several threads send, or receive, on one socket.

pub(super) use super::decision::Race;
use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Race> = Declaration {
    about: About {
        name: "race",
        text: "Lets `threads` threads use one socket without agreeing on an order: the misuse that destroys the order of the \
               data. On tx each sends whole messages of its own: small ones arrive whole but out of order, those beyond the \
               free send buffer are torn, whether a thread waits for room with poll or in the system call; and with a \
               `header` that has a system call of its own, messages of any size are. On rx the answers under way are read \
               in as many equal parts: with depth 1 each thread reads a share of one answer, with depth = threads an answer \
               each; whoever comes first gets the bytes that are next, and takes them for its own. Needs protocol = \"echo\" \
               (for rx also http with check = \"content\") and a closed loop. Knobs: threads (at least 1; 1 is the control), \
               blocking (calls that wait in the kernel; unless set, poll waits for a socket that does not block), header \
               (tx: bytes of each message that a system call of their own sends first; 0B unless set), lock (one thread at a \
               time, for a whole message or part: none is torn, but a lock knows no order).",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
    },
    reads_everything: |_| true,
    piece_bytes: |_| None,
    race: |race| Some(race),
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
