//! Sockets of the running host: who listens, in which network namespace, held by whom, for which service.
//!
//! One sweep with `sock_diag` in each namespace; the kernel's tables in `/proc` where `sock_diag` does not serve a
//! protocol. Holders come from the processes' descriptors, and where those are not ours to read, from the control
//! group that the kernel tells of each socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use doorward_model::{Container, Facts, Listener, Namespace, Protocol, Subject, Unseen};

use crate::namespace::{self, Elsewhere};
use crate::process::Processes;

pub(crate) mod attribute;
pub(crate) mod cgroups;
pub(crate) mod diag;
mod kernel;
mod owners;
mod proc_net;
mod sweep;
mod unmanaged;

pub use owners::SocketOwners;
pub use unmanaged::unmanaged;

/// What the sockets say.
#[derive(Debug, Default)]
pub struct SocketFacts {
    /// Sockets that accept, in every network namespace that could be entered, sorted.
    pub listeners: Vec<Listener>,
    /// TCP and UDP sockets with a peer, in the host's own namespace.
    pub connections: Vec<Connected>,
}

/// A socket with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connected {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its own address and port.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
    /// Its inode, for [`SocketOwners::pids`]; 0 when no process holds it any more.
    pub inode: u64,
}

/// IP's two families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    fn as_str(self) -> &'static str {
        match self {
            Self::V4 => " of IPv4",
            Self::V6 => " of IPv6",
        }
    }
}

/// A socket that accepts, as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Socket {
    protocol: Protocol,
    address: Option<IpAddr>,
    port: u16,
    v6only: Option<bool>,
    /// Index of the interface that it is bound to; 0 for none.
    interface: u32,
    uid: u32,
    inode: u64,
    /// Id of the control group that made it.
    cgroup: Option<u64>,
}

/// What one namespace shows.
struct View {
    namespace: Namespace,
    sockets: Vec<Socket>,
    interfaces: BTreeMap<u32, String>,
    modules: kernel::Modules,
}

/// Looks at all sockets. `containers` as [`crate::container::complete`] gives them.
pub fn collect(processes: &Processes, owners: &SocketOwners, containers: &[Container]) -> Facts<SocketFacts> {
    let mut unseen = Vec::new();
    let mut kernel = sweep::Kernel::read();
    let (view, refused) = look(&kernel, Namespace::Host, "", processes, owners).into_value(&mut unseen);
    kernel.remember(refused);
    let connections = sweep::connected(&kernel).into_value(&mut unseen);
    let mut views = vec![view];
    views.extend(look_elsewhere(&kernel, processes, owners, containers, &mut unseen));

    let missing = without_holder(&views, owners);
    let in_threads = if owners.is_complete() {
        owners.find_in_threads(processes, &missing)
    } else {
        SocketOwners::default()
    };
    let context = attribute::Context::new(processes, [owners, &in_threads], containers);
    let mut listeners: Vec<Listener> = views.iter().flat_map(|view| context.listeners(view)).collect();
    listeners.sort();
    listeners.dedup();
    Facts { value: SocketFacts { listeners, connections }, unseen }
}

/// One look in the namespace that this thread is in, with the protocols that `sock_diag` refused.
fn look(
    kernel: &sweep::Kernel,
    namespace: Namespace,
    place: &str,
    processes: &Processes,
    owners: &SocketOwners,
) -> Facts<(View, Vec<Protocol>)> {
    let Facts { value: (sockets, refused), unseen } = sweep::accepting(kernel, place);
    let interfaces = sweep::interface_names(&sockets);
    let unheld = |s: &Socket| owners.pids(s.inode).is_empty();
    let modules = if sockets.iter().any(unheld) {
        kernel::Modules::read(processes)
    } else {
        kernel::Modules::default()
    };
    Facts { value: (View { namespace, sockets, interfaces, modules }, refused), unseen }
}

fn look_elsewhere(
    kernel: &sweep::Kernel,
    processes: &Processes,
    owners: &SocketOwners,
    containers: &[Container],
    unseen: &mut Vec<Unseen>,
) -> Vec<View> {
    let mut views = Vec::new();
    let mut shut: Vec<(String, String)> = Vec::new();
    for place in namespace::others(processes).into_value(unseen) {
        let label = label(&place, processes, containers);
        let name = label.clone().unwrap_or_else(|| place.id.to_string());
        let namespace = Namespace::Other { id: place.id, label };
        let in_place = format!(" in network namespace {name}");
        match place.enter(|| look(kernel, namespace, &in_place, processes, owners)) {
            Ok(seen) => views.push(seen.into_value(unseen).0),
            Err(why) => shut.push((name, why)),
        }
    }
    if let Some((name, why)) = shut.first() {
        let what = format!("sockets in {} network namespaces (of {name})", shut.len());
        unseen.push(Unseen::new(Subject::Listeners, what, why.clone()).with_remedy("run as root"));
    }
    views
}

/// Whose namespace it is: a container's, a service's, or the name that it was given.
fn label(place: &Elsewhere, processes: &Processes, containers: &[Container]) -> Option<String> {
    let container = || place.pids.iter().find_map(|pid| processes.container(*pid));
    let unit = || {
        place
            .pids
            .iter()
            .find_map(|pid| processes.unit(*pid).filter(|u| u.strip_suffix(".service").is_some()))
    };
    let program =
        || place.pids.iter().find_map(|pid| processes.get(*pid)).map(|p| format!("process:{}", p.program()));
    container()
        .map(|found| crate::container::service_of(&found, containers))
        .or_else(|| unit().map(str::to_owned))
        .or_else(|| place.name.clone())
        .or_else(program)
}

/// Sockets that no process is known to hold, by inode, sorted.
fn without_holder(views: &[View], owners: &SocketOwners) -> Vec<u64> {
    let sockets = views.iter().flat_map(|v| &v.sockets);
    let mut inodes: Vec<u64> =
        sockets.map(|s| s.inode).filter(|i| *i != 0 && owners.pids(*i).is_empty()).collect();
    inodes.sort_unstable();
    inodes.dedup();
    inodes
}

#[cfg(test)]
mod tests;
