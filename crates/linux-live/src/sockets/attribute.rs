//! From a socket to its owner and its service.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use doorward_model::{Basis, Container, Listener, Owner};

use super::{Socket, SocketOwners, View, cgroups};
use crate::container;
use crate::process::{Process, Processes};

/// Inode of the first namespace of processes (`PROC_PID_INIT_INO`, `linux/proc_ns.h`).
const FIRST_PID_NAMESPACE: u64 = 0xefff_fffc;

/// What is known besides the sockets.
pub(super) struct Context<'a> {
    processes: &'a Processes,
    /// Holders: of processes, and of single threads for those that had none.
    owners: [&'a SocketOwners; 2],
    containers: &'a [Container],
    /// Read when the first socket without a visible holder comes.
    cgroups: OnceCell<BTreeMap<u64, String>>,
    /// Whether every process of the machine is visible, so that what none holds is the kernel's.
    sees_all: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        processes: &'a Processes,
        owners: [&'a SocketOwners; 2],
        containers: &'a [Container],
    ) -> Self {
        let first_namespace =
            rustix::fs::stat("/proc/self/ns/pid").is_ok_and(|s| s.st_ino == FIRST_PID_NAMESPACE);
        let sees_all = first_namespace && owners.first().is_some_and(|o| o.is_complete());
        Self { processes, owners, containers, cgroups: OnceCell::new(), sees_all }
    }

    /// The listeners of one namespace.
    pub(super) fn listeners(&self, view: &View) -> impl Iterator<Item = Listener> {
        view.sockets.iter().map(|socket| self.listener(socket, view))
    }

    fn listener(&self, socket: &Socket, view: &View) -> Listener {
        let (owner, service, via) = self.attribute(socket, view);
        Listener {
            protocol: socket.protocol,
            address: socket.address,
            port: Some(socket.port),
            v6only: socket.v6only,
            interface: view.interfaces.get(&socket.interface).cloned(),
            namespace: view.namespace.clone(),
            owner,
            service,
            via,
            basis: Basis::Observed,
        }
    }

    /// Owner, service, and what stands between the two.
    fn attribute(&self, socket: &Socket, view: &View) -> (Owner, Option<String>, Option<String>) {
        let pids = self.owners.iter().map(|o| o.pids(socket.inode)).find(|pids| !pids.is_empty());
        if let Some(pids) = pids {
            let executable =
                pids.first().and_then(|pid| self.processes.get(*pid)).and_then(|p| p.executable.clone());
            let (service, via) = self.service(pids, socket);
            return (Owner::Processes { pids: pids.to_vec(), executable }, service, via);
        }
        if let Some(module) = view.modules.holder(socket, self.is_complete()) {
            let service = Some(format!("kernel:{module}"));
            return (Owner::Kernel { module: Some(module) }, service, None);
        }
        let (service, via) = self.service_of_cgroup(socket);
        if self.sees_all || (socket.inode == 0 && self.is_complete()) {
            return (Owner::Kernel { module: None }, service, via);
        }
        let why = if self.is_complete() {
            "no process here holds it: it is the kernel's, or of a process outside of this namespace of processes"
        } else {
            "held by none of the processes that we may look into; run as root to see the others"
        };
        let uid = (socket.uid != u32::MAX).then_some(socket.uid);
        (Owner::Hidden { why: why.into(), uid }, service, via)
    }

    fn is_complete(&self) -> bool {
        self.owners.first().is_some_and(|o| o.is_complete())
    }

    /// The service of the process that opened the socket, as far as one can tell: the oldest one, but process 1
    /// only when it holds it alone, for that one opens sockets for others.
    fn service(&self, pids: &[u32], socket: &Socket) -> (Option<String>, Option<String>) {
        let holders = pids.iter().filter(|pid| **pid != 1).filter_map(|pid| self.processes.get(*pid));
        let Some(opener) = holders.min_by_key(|p| (p.started, p.pid)) else { return (None, None) };
        let (address, port) = (socket.address, socket.port);
        let proxied =
            container::proxied(opener, self.processes, self.containers, socket.protocol, address, port);
        if let Some((via, container)) = proxied {
            return (Some(container::service_name(container)), Some(via.to_owned()));
        }
        (Some(service_of_process(opener, self.processes, self.containers)), None)
    }

    /// What the socket's control group says, when its process cannot be seen.
    fn service_of_cgroup(&self, socket: &Socket) -> (Option<String>, Option<String>) {
        let Some(id) = socket.cgroup else { return (None, None) };
        let paths = self.cgroups.get_or_init(cgroups::paths_by_id);
        let Some(path) = paths.get(&id) else { return (None, None) };
        if let Some(found) = self.processes.container_of_cgroup(path) {
            return (Some(container::service_of(&found, self.containers)), None);
        }
        match self.processes.unit_of_cgroup(path) {
            // systemd opens a socket unit's sockets in the unit's own group when that filters addresses.
            Some(unit) if unit.strip_suffix(".socket").is_some() => (None, Some(unit.to_owned())),
            Some(unit) if is_managed(unit) => (Some(unit.to_owned()), None),
            _ => (None, None),
        }
    }
}

/// The name of the service that a process belongs to.
pub(crate) fn service_of_process(
    process: &Process,
    processes: &Processes,
    containers: &[Container],
) -> String {
    if let Some(found) = processes.container(process.pid) {
        return container::service_of(&found, containers);
    }
    match processes.unit(process.pid) {
        Some(unit) if is_managed(unit) => unit.to_owned(),
        _ => format!("process:{}", process.program()),
    }
}

/// Whether a unit stands for what runs in it. A login's scope only says who started a program, process 1's nothing.
pub(crate) fn is_managed(unit: &str) -> bool {
    match unit.rsplit_once('.') {
        Some((_, "service")) => true,
        Some((name, "scope")) => name != "init" && !name.starts_with("session-"),
        _ => false,
    }
}
