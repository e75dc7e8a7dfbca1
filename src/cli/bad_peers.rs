//! Misbehaving clients on the command line of `badpeer bench`.

use clap::ValueEnum;

use super::suggested::peers;
use crate::profile::{Crowd, Peer, meant};

/// Parses `slow-reader=200`.
pub(super) fn crowd(text: &str) -> Result<Crowd, String> {
    let (name, count) = text.split_once('=').ok_or("write PEER=N, as in slow-reader=200")?;
    let peer = Peer::from_str(name, false).map_err(|_| {
        let all = peers();
        let hint = meant(name, all.iter().map(String::as_str));
        format!("there is no kind of misbehaving client `{name}`; the kinds are: {}{hint}", all.join(", "))
    })?;
    let most = peer.most();
    let count = count
        .parse()
        .ok()
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| format!("`{count}` is not a number of connections from 1 to {most}"))?;
    Ok(Crowd { peer, name: name.to_owned(), count })
}

/// The kinds of misbehaving clients, a line each.
pub(super) fn help_on_peers() -> String {
    let line = |peer: &Peer| {
        let names = [vec![peer.name().to_owned()], peer.aliases()].concat().join(", ");
        format!("\n  {names}: {}", peer.about())
    };
    let lines: String = Peer::value_variants().iter().map(line).collect();
    format!(
        "Misbehaving clients and the number of each kind: slow-reader=200,slowloris=1000. The kinds:\n{lines}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_has_a_line_for_each_kind_of_misbehaving_client() {
        let help = help_on_peers();
        for peer in Peer::value_variants() {
            let expected = Crowd { peer: *peer, name: peer.name().to_owned(), count: 3 };
            assert_eq!(crowd(&format!("{}=3", peer.name())), Ok(expected));
            let line = help.lines().find(|line| line.trim_start().starts_with(peer.name())).expect("a line");
            assert!(line.chars().count() <= 70, "in a terminal of 80 columns, set in by ten: {line}");
        }
        assert!(help.contains("\n  slow-writer, slowloris: Sends its request"), "{help}");
        let slowloris = Crowd { peer: Peer::SlowWriter, name: "slowloris".to_owned(), count: 3 };
        assert_eq!(crowd("slowloris=3"), Ok(slowloris), "its group has the name that was written");
        let refused = crowd("slow-loris=3").expect_err("unknown");
        assert!(refused.ends_with("; did you mean `slowloris`?"), "{refused}");
    }
}
