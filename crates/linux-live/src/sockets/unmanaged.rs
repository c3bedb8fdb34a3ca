//! Services that no manager knows: processes in no unit, and kernel modules that listen.

use std::collections::BTreeMap;

use doorward_model::{Listener, Manager, Owner, Service, Start, State};

use super::attribute::service_of_process;
use crate::process::{Process, Processes};

/// The services `process:NAME` and `kernel:MODULE`, sorted by name: whatever listens without a manager, and programs
/// that run outside of every unit though nobody sits before them.
pub fn unmanaged(processes: &Processes, listeners: &[Listener]) -> Vec<Service> {
    let mut programs: BTreeMap<String, Vec<&Process>> = BTreeMap::new();
    let mut modules: Vec<&str> = Vec::new();
    for listener in listeners {
        match (&listener.owner, &listener.service) {
            (Owner::Processes { pids, .. }, Some(name)) if name.starts_with("process:") => {
                let found = pids.iter().filter_map(|pid| processes.get(*pid));
                programs.entry(name.clone()).or_default().extend(found.filter(|p| is_alone(p, processes)));
            }
            (Owner::Kernel { module: Some(module) }, _) => modules.push(module),
            _ => {}
        }
    }
    let ourselves: Vec<u32> = processes.ancestry(std::process::id()).map(|p| p.pid).collect();
    for process in processes.iter() {
        let interactive = process.has_terminal || ourselves.contains(&process.pid);
        let outside = processes.unit(process.pid).is_none() && is_alone(process, processes);
        let name = format!("process:{}", process.program());
        if programs.contains_key(&name) && is_alone(process, processes) || outside && !interactive {
            programs.entry(name).or_default().push(process);
        }
    }
    modules.sort_unstable();
    modules.dedup();
    let mut services: Vec<Service> = modules.into_iter().map(of_module).collect();
    let users = User::read();
    services
        .extend(programs.into_iter().filter_map(|(name, list)| of_program(name, list, processes, &users)));
    services.sort_by(|a, b| a.name.cmp(&b.name));
    services
}

/// Whether no manager owns the process: neither a unit, nor a container, nor the kernel; nor is it the manager.
fn is_alone(process: &Process, processes: &Processes) -> bool {
    !process.is_kernel_thread
        && process.pid != 1
        && service_of_process(process, processes, &[]).starts_with("process:")
}

fn of_program(
    name: String,
    mut list: Vec<&Process>,
    processes: &Processes,
    users: &[User],
) -> Option<Service> {
    list.sort_unstable_by_key(|p| (p.started, p.pid));
    list.dedup_by_key(|p| p.pid);
    let first = *list.first()?;
    let mut pids: Vec<u32> = list.iter().map(|p| p.pid).collect();
    pids.sort_unstable();
    Some(Service {
        name,
        manager: Manager::Nobody,
        state: State::Running,
        start: Start::Manual,
        executable: first.executable.clone(),
        user: Some(User::name(users, first.uid)),
        capabilities: first.capability_names(),
        memory: processes.memory(&pids),
        cpu_usec: Some(list.iter().map(|p| p.cpu_usec).sum()),
        active_since: Some(first.started),
        processes: pids,
        ..Service::default()
    })
}

fn of_module(module: &str) -> Service {
    Service {
        name: format!("kernel:{module}"),
        manager: Manager::Kernel,
        state: State::Running,
        ..Service::default()
    }
}

/// An account of `/etc/passwd`.
struct User {
    name: String,
    uid: u32,
}

impl User {
    /// Local accounts only: asking the name services could block and talk to the network.
    fn read() -> Vec<Self> {
        let text = std::fs::read("/etc/passwd").unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter_map(Self::parse).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|n| !n.is_empty())?.to_owned();
        Some(Self { name, uid: fields.nth(1)?.parse().ok()? })
    }

    fn name(users: &[Self], uid: u32) -> String {
        users.iter().find(|u| u.uid == uid).map_or_else(|| uid.to_string(), |u| u.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_come_from_their_file() {
        let users: Vec<User> = ["root:x:0:0::/:/bin/sh", "broken", ":x:5:", "www:x:33:33"]
            .map(User::parse)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(User::name(&users, 33), "www");
        assert_eq!(User::name(&users, 5), "5");
    }
}
