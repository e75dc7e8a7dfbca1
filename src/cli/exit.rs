//! The exit codes, and failures.

use std::fmt::Display;

use crate::{
    record::Verdict,
    run::{Interrupt, RunError},
};

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Pass = 0,
    Failed = 1,
    Usage = 2,
    Target = 3,
    Invalid = 4,
    Interrupted = 130,
}

impl Exit {
    /// The exit code of a verdict; INCONCLUSIVE is a success unless `is_strict`.
    pub(super) const fn of(verdict: Verdict, is_strict: bool) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Regression | Verdict::Fail => Self::Failed,
            Verdict::Inconclusive if !is_strict => Self::Pass,
            Verdict::Inconclusive | Verdict::Invalid => Self::Invalid,
        }
    }

    /// The more important of two exit codes: a failure is not hidden by a missing verdict elsewhere.
    pub(super) fn worse(self, other: Self) -> Self {
        let mildest_first =
            [Self::Pass, Self::Invalid, Self::Failed, Self::Target, Self::Usage, Self::Interrupted];
        let place = |exit| mildest_first.iter().position(|one| *one == exit);
        if place(self) < place(other) { other } else { self }
    }
}

/// A failure: its message and its exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    pub(super) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }
}

/// The exit code of a run that could not be started or finished.
pub(super) const fn exit_of(error: &RunError) -> Exit {
    match error {
        RunError::Impossible { .. } => Exit::Usage,
        RunError::Interrupted => Exit::Interrupted,
        RunError::Missing(_) | RunError::Start(_) | RunError::Died(_) | RunError::Clients(_) => Exit::Target,
    }
}

/// Starts to handle Ctrl-C and SIGTERM.
pub(super) fn interrupt() -> Result<Interrupt, Failure> {
    Interrupt::new().map_err(|e| Failure::new(Exit::Target, format!("cannot wait for signals: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_two_exit_codes_counts() {
        assert_eq!(Exit::Failed.worse(Exit::Invalid), Exit::Failed);
        assert_eq!(Exit::Invalid.worse(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Pass.worse(Exit::Invalid), Exit::Invalid);
        assert_eq!(Exit::Interrupted.worse(Exit::Target), Exit::Interrupted);
        assert_eq!(Exit::Pass.worse(Exit::Pass), Exit::Pass);
    }
}
