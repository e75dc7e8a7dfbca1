//! What the decoders of `http`, `resp` and `raw` share: they take bytes step by step, as long as it is known where an
//! answer ends.

use super::{Answered, Tally, verifier::Verifier};

/// Checks the answers that come back on one connection.
pub(super) trait AnswerDecoder {
    /// Takes bytes up to the next change of what is expected, and reports an answer that they complete. Returns how
    /// many it has taken; none only if it is no longer known where an answer ends.
    fn step(&mut self, bytes: &[u8], answered: &mut impl FnMut(Answered)) -> usize;

    fn verifier(&self) -> &Verifier;

    fn verifier_mut(&mut self) -> &mut Verifier;

    /// Takes the bytes that arrived next, and reports every answer that they complete.
    fn feed(&mut self, mut bytes: &[u8], answered: &mut impl FnMut(Answered)) {
        while !bytes.is_empty() {
            if self.verifier().is_lost() {
                self.verifier_mut().pass_lost(bytes);
                return;
            }
            let taken = self.step(bytes, answered);
            bytes = &bytes[taken..];
        }
    }

    /// What was found so far.
    fn tally(&self) -> Tally {
        self.verifier().tally()
    }
}
