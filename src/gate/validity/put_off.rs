//! Connections that are opened again later than the server would have allowed, because no more attempts a second are made.

use super::figures::{Figures, percent};
use crate::{load::Reconnect, profile::Group, record::Trial};

/// Share of its connections' time that a group may lose because no more attempts are allowed: its rate is wrong by as much.
pub const MOST_PUT_OFF: f64 = 0.02;

/// Whether a group did less than the server would have allowed, because badpeer opens connections no faster. Where the profile
/// asks for such a bound, what comes of it is what is measured.
#[must_use]
pub fn clients_were_put_off(trial: &Trial, group: &str) -> bool {
    trial
        .group(group)
        .is_some_and(|result| result.put_off.share > MOST_PUT_OFF && !result.put_off.is_asked_for)
}

impl Figures<'_> {
    pub(super) fn put_off(&self) -> Option<String> {
        let share = |group: &Group| {
            let result = self.trial.group(&group.name)?;
            Some(result.put_off).filter(|put_off| put_off.share > MOST_PUT_OFF)
        };
        let mut groups = self.profile.clients.iter().filter_map(|group| Some((group, share(group)?)));
        let (group, put_off) = groups.next()?;
        let most = group.reconnect.unwrap_or(Reconnect::UNASKED).attempts();
        let whose = if put_off.is_asked_for {
            "its rate is what the profile allows, not what the server can do"
        } else if most.0 < Reconnect::MOST_ATTEMPTS.0 {
            "its rate and its latencies are badpeer's and not the server's, and no expectation of them is judged but what they \
             reached in spite of it; raise reconnect.at_most"
        } else {
            "its rate and its latencies are badpeer's and not the server's, and no expectation of them is judged but what they \
             reached in spite of it; ask for more requests on a connection, or for less"
        };
        Some(format!(
            "connections of `{}` waited {} of the time to be opened again, as no more than {most} are (reconnect.at_most): \
             {whose}",
            group.name,
            percent(put_off.share)
        ))
    }
}
