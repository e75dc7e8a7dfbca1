//! What a behavior declares of itself: for people, for the check of a profile, and for the driver.

use super::decision::Race;

/// All that is known of a behavior whose knobs are `K`, whatever its kind. Every field must be given: what is said nowhere
/// else cannot be forgotten.
pub(super) struct Declaration<K> {
    /// What is the same whatever the knobs are.
    pub(super) about: About,
    /// Whether it never lets received bytes wait longer than it must.
    pub(super) reads_everything: fn(&K) -> bool,
    /// Bytes after which it makes its next cut, where cutting requests into pieces is what it does.
    pub(super) piece_bytes: fn(&K) -> Option<u64>,
    /// The threads that share each socket, if there are any.
    pub(super) race: fn(&K) -> Option<&Race>,
}

/// What is the same whatever the knobs of a behavior are; for `badpeer list behaviors` as well.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub struct About {
    /// The name in profiles.
    pub name: &'static str,
    /// What it does, what it stands for, and its knobs.
    pub text: &'static str,
    /// Whether it can drive the receiving direction.
    pub rx: bool,
    /// Whether it can drive the sending direction.
    pub tx: bool,
    /// What it needs of the requests.
    pub needs: Needs,
    /// Whether it moves whatever there is at once: the driver then need not ask it.
    pub is_steady: bool,
    /// Whether it comes to moving nothing more, and stays connected.
    pub stalls: bool,
    /// Whether it asks for nothing, ever.
    pub is_idle: bool,
    /// Whether it changes what is sent, so that nobody knows what the answers must be.
    pub sends_invalid_bytes: bool,
    /// Whether it leaves connections behind that nobody has ended.
    pub ends_silently: bool,
}

/// What requests must have for a behavior to be able to do what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A head in front of a payload.
    Head,
    /// A payload.
    Body,
    /// An end of their own, so that one can go without.
    Framing,
}
