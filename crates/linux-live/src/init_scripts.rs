//! Whether the services of init scripts run, and which processes are theirs, where no manager tells.
//!
//! `OpenRC` keeps a link for each started service; `SysV` keeps nothing but what daemons leave themselves, a file with
//! their process id. A process whose program is the one that a script starts is taken for the script's.

use std::collections::HashMap;

use doorward_linux_files::Tree;
use doorward_model::{Listener, Owner, Service, State};

use crate::process::{Process, Processes};

/// Where `OpenRC` notes what it has started.
const STARTED: &str = "/run/openrc/started";
/// A file with a process id is no longer than this.
const PID_FILE_LIMIT: u64 = 64;

/// Fills in state, processes and costs.
pub(crate) fn complete(services: &mut [Service], tree: &Tree, processes: &Processes) {
    let keeps_notes = tree.exists(STARTED);
    for service in services {
        let own = own_processes(service, tree, processes);
        let is_started = keeps_notes && tree.read_link(format!("{STARTED}/{}", service.name)).is_ok();
        service.state = match (own.is_empty(), is_started) {
            (false, _) => State::Running,
            (true, true) => State::Exited,
            (true, false) => State::Stopped,
        };
        let mut pids: Vec<u32> = own.iter().map(|p| p.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        if let Some(first) = own.iter().min_by_key(|p| (p.started, p.pid)) {
            service.capabilities = first.capability_names();
            service.active_since = Some(first.started);
            service.memory = processes.memory(&pids);
            service.cpu_usec = Some(own.iter().map(|p| p.cpu_usec).sum());
        }
        service.processes = pids;
    }
}

fn own_processes<'p>(service: &Service, tree: &Tree, processes: &'p Processes) -> Vec<&'p Process> {
    let by_program = processes
        .iter()
        .filter(|p| !p.is_kernel_thread && p.executable.is_some() && p.executable == service.executable);
    let mut own: Vec<&Process> = by_program.collect();
    if own.is_empty() {
        own.extend(by_pid_file(&service.name, tree, processes));
    }
    own
}

/// The process that `/run/NAME.pid` names, with its children.
fn by_pid_file<'p>(name: &str, tree: &Tree, processes: &'p Processes) -> Vec<&'p Process> {
    let places = [format!("/run/{name}.pid"), format!("/run/{name}/{name}.pid")];
    let text = places.iter().find_map(|place| tree.read(place, PID_FILE_LIMIT).ok());
    let pid = text.and_then(|t| std::str::from_utf8(&t).ok()?.trim().parse().ok());
    let Some(main) = pid.and_then(|pid| processes.get(pid)) else { return Vec::new() };
    std::iter::once(main).chain(processes.children(main.pid)).collect()
}

/// Gives listeners of those processes to their services.
pub(crate) fn adopt_listeners(listeners: &mut [Listener], services: &[Service]) {
    let by_pid: HashMap<u32, &str> =
        services.iter().flat_map(|s| s.processes.iter().map(|pid| (*pid, s.name.as_str()))).collect();
    for listener in listeners {
        let Owner::Processes { pids, .. } = &listener.owner else { continue };
        if listener.service.as_deref().is_some_and(|name| name.starts_with("process:"))
            && let Some(name) = pids.iter().find_map(|pid| by_pid.get(pid))
        {
            listener.service = Some((*name).to_owned());
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
mod tests {
    use super::*;
    use doorward_model::{Basis, Manager, Namespace, Protocol};

    fn process(pid: u32, parent: u32, executable: &str) -> Process {
        Process {
            pid,
            parent,
            executable: Some(executable.into()),
            started: u64::from(pid),
            ..Process::default()
        }
    }

    fn script(name: &str, program: Option<&str>) -> Service {
        Service {
            name: name.into(),
            manager: Manager::Openrc,
            executable: program.map(str::to_owned),
            ..Service::default()
        }
    }

    #[test]
    fn scripts_run_when_their_programs_do() {
        let root = tempfile::tempdir().unwrap();
        let started = root.path().join("run/openrc/started");
        std::fs::create_dir_all(&started).unwrap();
        for name in ["sshd", "hwclock"] {
            std::os::unix::fs::symlink(format!("/etc/init.d/{name}"), started.join(name)).unwrap();
        }
        std::fs::write(root.path().join("run/shop.pid"), "30\n").unwrap();
        let tree = Tree::open(root.path()).unwrap();
        let processes = Processes::of(vec![
            process(10, 1, "/usr/sbin/sshd"),
            process(11, 10, "/usr/sbin/sshd"),
            process(30, 1, "/usr/bin/java"),
            process(31, 30, "/usr/bin/helper"),
        ]);
        let mut services = vec![
            script("sshd", Some("/usr/sbin/sshd")),
            script("hwclock", None),
            script("shop", Some("/opt/shop/start")),
            script("telnetd", Some("/usr/sbin/telnetd")),
        ];
        complete(&mut services, &tree, &processes);
        let told: Vec<_> = services.iter().map(|s| (s.state, s.processes.clone())).collect();
        assert_eq!(
            told,
            [
                (State::Running, vec![10, 11]),
                (State::Exited, vec![]),
                (State::Running, vec![30, 31]),
                (State::Stopped, vec![]),
            ]
        );

        let mut listeners = [Listener {
            protocol: Protocol::Tcp,
            address: Some("0.0.0.0".parse().unwrap()),
            port: Some(8080),
            v6only: None,
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Processes { pids: vec![31], executable: None },
            service: Some("process:helper".into()),
            via: None,
            basis: Basis::Observed,
        }];
        adopt_listeners(&mut listeners, &services);
        assert_eq!(listeners[0].service.as_deref(), Some("shop"));
    }
}
