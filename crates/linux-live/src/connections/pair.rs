//! Two sockets of this host that are connected to each other.

use doorward_model::Transport;

/// A connection with both its ends here, or with one end here and a listener at the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) transport: Transport,
    /// The end that connected.
    pub(super) client: End,
    /// The end that answered.
    pub(super) server: End,
    /// Where the answering end listens.
    pub(super) at: String,
    /// Set when it is not known which end is which: the older process's then counts as the one that answered, and
    /// this is where it listens if that is `client`.
    pub(super) or_at: Option<String>,
}

/// One end, by what leads to its service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct End {
    /// Its inode; 0 when no process holds it.
    pub(super) inode: u64,
    /// Inode of the listener that it came out of; 0 when it is not known.
    pub(super) listener: u64,
    /// Id of the control group that made it.
    pub(super) cgroup: Option<u64>,
    /// The service that listens there.
    pub(super) service: Option<String>,
}

impl Pair {
    /// Both ends.
    pub(super) fn ends(&self) -> [&End; 2] {
        [&self.client, &self.server]
    }
}

/// A connection that has ended: one of its sockets still waits out its time, and no process holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ended {
    /// The service that was connected to.
    pub(super) to: String,
    /// Where it listens.
    pub(super) at: String,
}
