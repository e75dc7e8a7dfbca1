//! Connections that were opened again late because of the limit on attempts per second.

use super::figures::{Figures, percent};
use crate::{load::Reconnect, profile::Group, record::Repeat};

/// Share of its connections' time that a group may lose because no more attempts are allowed: its rate is wrong by as much.
pub const MOST_PUT_OFF: f64 = 0.02;

/// Whether a group did less than the server would have allowed, because badpeer opens connections no faster. Where the profile
/// asks for such a bound, what comes of it is what is measured.
#[must_use]
pub fn clients_were_put_off(repeat: &Repeat, group: &str) -> bool {
    repeat
        .group(group)
        .is_some_and(|result| result.put_off.share > MOST_PUT_OFF && !result.put_off.is_asked_for)
}

impl Figures<'_> {
    pub(super) fn put_off(&self) -> Option<String> {
        let share = |group: &Group| {
            let result = self.repeat.group(&group.name)?;
            Some(result.put_off).filter(|put_off| put_off.share > MOST_PUT_OFF)
        };
        let mut groups = self.profile.clients.iter().filter_map(|group| Some((group, share(group)?)));
        let (group, put_off) = groups.next()?;
        let most = group.reconnect.unwrap_or(Reconnect::UNASKED).attempts();
        let whose = if put_off.is_asked_for {
            "its rate is limited by the profile, not by the server"
        } else if most.0 < Reconnect::MOST_ATTEMPTS.0 {
            "its rate and latencies are those of badpeer, not of the server; expectations about them are judged only \
             where they were reached; raise reconnect.at_most"
        } else {
            "its rate and latencies are those of badpeer, not of the server; expectations about them are judged only \
             where they were reached; allow more requests on each connection, or lower the rate"
        };
        Some(format!(
            "connections of `{}` waited {} of the time to be opened again, because badpeer opens at most {most} \
             (reconnect.at_most): {whose}",
            group.name,
            percent(put_off.share)
        ))
    }
}
