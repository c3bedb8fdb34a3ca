//! Labs that outlive the process that made them, for people who want to look around in a host.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::error::Doing;
use crate::lab::{KEPT, STATE, remove_left};
use crate::{Client, Host, Lab, LabError, host};

/// A host that was left running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its host name.
    pub name: String,
    /// Its process 1, as this machine counts.
    pub leader: u32,
    /// Its address on its switch.
    pub address: Ipv4Addr,
    /// The network namespace of a client on the same switch.
    pub client: String,
}

impl Lab {
    /// Leaves `host` running, and `client` beside it, until [`remove_kept`] or this machine's end.
    pub fn keep(self, host: Host, client: Client) -> Result<Kept, LabError> {
        let kept = Kept {
            name: host.name().to_owned(),
            leader: host.leader_pid()?,
            address: host.ipv4(),
            client: client.namespace(),
        };
        let note = self.bench.home().join(KEPT);
        fs::write(&note, kept.to_line()).doing(|| format!("write {}", note.display()))?;
        self.bench.keep();
        drop((host, client));
        Ok(kept)
    }
}

/// The hosts that were left running.
pub fn kept() -> Vec<Kept> {
    let labs = fs::read_dir(STATE).into_iter().flatten().flatten();
    let mut hosts: Vec<Kept> = labs.filter_map(|lab| Kept::from_note(&lab.path().join(KEPT))).collect();
    hosts.sort_by(|one, other| (&one.name, one.leader).cmp(&(&other.name, other.leader)));
    hosts
}

/// Removes labs that were kept, and what crashed ones left.
pub fn remove_kept() -> Result<(), LabError> {
    remove_left(true)
}

impl Kept {
    /// A command in the host, as root.
    pub fn command(&self, words: &[&str]) -> Command {
        host::enter(self.leader, words)
    }

    fn to_line(&self) -> String {
        format!("{} {} {} {}\n", self.name, self.leader, self.address, self.client)
    }

    fn from_note(note: &Path) -> Option<Self> {
        Self::from_line(&fs::read_to_string(note).ok()?)
    }

    fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(Self {
            name: words.next()?.to_owned(),
            leader: words.next()?.parse().ok()?,
            address: words.next()?.parse().ok()?,
            client: words.next()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_as_it_was_written() {
        let kept = Kept {
            name: "apache".into(),
            leader: 42,
            address: Ipv4Addr::new(10, 99, 0, 1),
            client: "doorward-1-1-2".into(),
        };
        assert_eq!(Kept::from_line(&kept.to_line()), Some(kept));
        assert_eq!(Kept::from_line(""), None);
    }
}
