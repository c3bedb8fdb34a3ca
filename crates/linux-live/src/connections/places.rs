//! The network namespaces in which sockets are looked for, each with a socket that asks its kernel tables.
//!
//! Opened once and kept: to enter a namespace costs a thread, to ask again in it costs nothing more.

use std::net::IpAddr;

use doorward_model::{Facts, Subject, Unseen};
use rustix::net::netlink::SOCK_DIAG;

use super::inet::{self, InetSocket, Question};
use crate::interface;
use crate::namespace::{self, Elsewhere};
use crate::netlink::{Netlink, NetlinkError};
use crate::process::{Processes, bracketed};
use crate::unix_sockets::{self, UnixSocket};

/// More namespaces than this, besides the host's own, are not watched: each costs several listings a look.
const LIMIT: usize = 128;

/// Which network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PlaceId {
    /// The host's own.
    Host,
    /// Another one, by its inode.
    Other(u64),
}

/// One network namespace.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) id: PlaceId,
    /// Addresses that are its own, besides loopback.
    pub(super) addresses: Vec<IpAddr>,
    /// Some of the processes that live in it.
    pids: Vec<u32>,
    netlink: Netlink,
}

/// As many of a namespace's processes are remembered.
const WITNESSES: usize = 8;

impl Place {
    /// The host's own namespace first, then all others that could be entered.
    pub(crate) fn all(processes: &Processes) -> Facts<Vec<Self>> {
        let mut facts = Facts::complete(Vec::new());
        match Self::here(PlaceId::Host, Vec::new()) {
            Ok(host) => facts.value.push(host),
            Err(why) => facts.unseen.push(Unseen::new(Subject::Connections, "connections", why)),
        }
        let Facts { value: mut others, unseen } = namespace::others(processes);
        let mut shut: Vec<String> = unseen.into_iter().map(|u| u.why).collect();
        if others.len() > LIMIT {
            let what = format!("connections in {} network namespaces", others.len() - LIMIT);
            let why = format!("only {LIMIT} are watched");
            facts.unseen.push(Unseen::new(Subject::Connections, what, why));
            others.truncate(LIMIT);
        }
        for other in &others {
            match Self::inside(other) {
                Ok(place) => facts.value.push(place),
                Err(why) => shut.push(why),
            }
        }
        if let Some(why) = shut.into_iter().next() {
            let unseen = Unseen::new(Subject::Connections, "connections in other network namespaces", why);
            facts.unseen.push(unseen.with_remedy("run as root"));
        }
        facts
    }

    fn inside(other: &Elsewhere) -> Result<Self, String> {
        let witnesses = other.pids.iter().copied().take(WITNESSES).collect();
        other.enter(|| Self::here(PlaceId::Other(other.id), witnesses))?
    }

    /// Of the namespace that this thread is in.
    fn here(id: PlaceId, pids: Vec<u32>) -> Result<Self, String> {
        let netlink = Netlink::open(Some(SOCK_DIAG)).map_err(|e| format!("netlink: {e}"))?;
        let interfaces = interface::collect().value;
        let texts = interfaces.iter().flat_map(|i| &i.addresses);
        let addresses = texts.filter_map(|a| a.split('/').next()?.parse().ok()).collect();
        Ok(Self { id, addresses, pids, netlink })
    }

    /// Whether it is the host's own.
    pub(crate) fn is_host(&self) -> bool {
        self.id == PlaceId::Host
    }

    /// Whether one of its processes still lives in it. To watch a namespace keeps it from going away.
    pub(super) fn is_inhabited(&self) -> bool {
        let PlaceId::Other(id) = self.id else { return true };
        let lives = |pid: &u32| {
            let link = rustix::fs::readlink(format!("/proc/{pid}/ns/net"), Vec::new());
            link.is_ok_and(|l| bracketed(l.to_bytes(), b"net:[") == Some(id))
        };
        self.pids.is_empty() || self.pids.iter().any(lives)
    }

    /// Its UNIX sockets, by inode, and whether there were more than are looked at.
    ///
    /// After a failure other than a refusal a place must not be asked again: its socket would be opened anew, in the
    /// wrong namespace.
    pub(crate) fn unix_sockets(&mut self) -> Result<(Vec<UnixSocket>, bool), NetlinkError> {
        unix_sockets::list(&mut self.netlink)
    }

    /// Its TCP and UDP sockets with a peer. The same holds.
    pub(super) fn inet_sockets(&mut self, question: &Question) -> Facts<Vec<InetSocket>> {
        inet::list(&mut self.netlink, self.id, question)
    }
}
