//! What a behavior declares about itself: for people, for the check of a profile, and for the driver.

use super::decision::Race;

/// The description of a behavior whose settings are `K`. Every field must be given, so none can be forgotten.
pub(super) struct Declaration<K> {
    /// The part that does not depend on the settings.
    pub(super) about: About,
    /// Whether it never lets received bytes wait longer than it must.
    pub(super) reads_everything: fn(&K) -> bool,
    /// Bytes after which it makes its next cut, where cutting requests into pieces is what it does.
    pub(super) piece_bytes: fn(&K) -> Option<u64>,
    /// The threads that share each socket, if there are any.
    pub(super) race: fn(&K) -> Option<&Race>,
    /// How many bytes it moves in a second, as long as there is something to move, where that is what it is for.
    pub(super) bytes_per_second: fn(&K) -> Option<f64>,
}

/// The part of the description that does not depend on the settings, also for `badpeer list behaviors`.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub struct About {
    /// The name in profiles.
    pub name: &'static str,
    /// What it does, what it stands for, and its settings.
    pub text: &'static str,
    /// Whether it can drive the receiving direction.
    pub rx: bool,
    /// Whether it can drive the sending direction.
    pub tx: bool,
    /// What it needs of the requests.
    pub needs: Needs,
    /// Whether it moves whatever there is at once: the driver then need not ask it.
    pub is_steady: bool,
    /// Whether it stops moving bytes at some point and stays connected.
    pub stalls: bool,
    /// Whether it never sends a request.
    pub is_idle: bool,
    /// Whether it changes sent bytes, so that the right answers are unknown.
    pub sends_invalid_bytes: bool,
    /// Whether it leaves connections behind that neither side has ended.
    pub ends_silently: bool,
    /// A UNIX-domain socket does not have it.
    pub needs_tcp: bool,
    /// Whether its requests take much longer to arrive than those of a good client, while bytes keep coming.
    pub delays_requests: bool,
}

/// What a behavior needs of the requests.
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
