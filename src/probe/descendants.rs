//! All processes below one, by the parent that each names: for kernels that do not list children.

use super::listeners::{everyone, parent};

/// Every process below `root`, without itself. Reads a file for each process of the machine (`/proc/PID/stat`), and so costs
/// more than [`TreeProbe`](super::TreeProbe), which needs a kernel that lists children.
#[must_use]
pub fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = everyone().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    below(root, &parents)
}

/// Of these processes and their parents, who is below `root`.
fn below(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = Vec::new();
    let mut to_ask = vec![root];
    while let Some(asked) = to_ask.pop() {
        // A process number may be used again while they are read: a process cannot be its own ancestor.
        let is_new = |pid: u32, found: &[u32]| pid != root && !found.contains(&pid);
        let children = parents.iter().filter(|(pid, parent)| *parent == asked && is_new(*pid, &found));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        to_ask.extend(&children);
        found.extend(children);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn all_generations_of_children_are_found_and_no_others() {
        let mut found =
            below(10, &[(1, 0), (10, 1), (11, 10), (12, 11), (13, 10), (14, 13), (20, 1), (21, 20)]);
        found.sort_unstable();
        assert_eq!(found, [11, 12, 13, 14]);
        assert_eq!(below(10, &[(10, 12), (11, 10), (12, 11)]), [11, 12], "a circle has an end");
    }

    #[test]
    fn a_child_in_its_own_session_is_found() {
        let script = "setsid sleep 60 & echo $!; sleep 60 & echo $!; read end";
        let mut shell = Command::new("sh");
        let mut shell =
            shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let lines =
            BufReader::new(shell.stdout.take().expect("stdout")).lines().map_while(Result::ok).take(2);
        let mut children: Vec<u32> = lines.map(|line| line.parse().expect("a process")).collect();
        children.sort_unstable();
        let mut found = descendants(shell.id());
        found.sort_unstable();
        for child in &children {
            Command::new("kill").args(["-KILL", &child.to_string()]).status().expect("kill(1)");
        }
        drop(shell.stdin.take());
        shell.wait().expect("an end");
        assert_eq!(found, children);
    }
}
