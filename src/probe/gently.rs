//! Long work on a core that the clients may share.

use std::thread;

/// Sockets that are looked at in a turn: less than 0.5 ms.
const IN_A_TURN: usize = 500;

/// Each of many sockets; after some of them, others may run that wait for this core.
pub(super) fn gently<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.chunks(IN_A_TURN).inspect(|_| thread::yield_now()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_one_comes_once_and_in_order() {
        for count in [0, 1, IN_A_TURN, IN_A_TURN + 1, 3 * IN_A_TURN + 7] {
            let all: Vec<usize> = (0..count).collect();
            assert!(gently(&all).eq(&all), "{count}");
        }
    }
}
