//! The service of a process, by the rules that listeners are named by.

use std::collections::HashMap;

use doorward_model::{Container, Manager, Service};

use crate::container;
use crate::process::{Process, Processes};
use crate::sockets::attribute::{is_managed, service_of_process};

/// Programs that carry connections for containers need no port to be told by.
const NO_PORT: u16 = 0;

/// What is known of containers, and of services whose processes no control group tells.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    containers: &'a [Container],
    /// Of init scripts.
    by_pid: HashMap<u32, &'a str>,
    by_program: HashMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(containers: &'a [Container], services: &'a [Service]) -> Self {
        let mut names = Self { containers, by_pid: HashMap::new(), by_program: HashMap::new() };
        for service in services.iter().filter(|s| matches!(s.manager, Manager::Sysv | Manager::Openrc)) {
            names.by_pid.extend(service.processes.iter().map(|pid| (*pid, service.name.as_str())));
            if let Some(program) = service.executable.as_deref().filter(|_| !service.processes.is_empty()) {
                names.by_program.entry(program).or_insert(&service.name);
            }
        }
        names
    }

    /// The service of a process.
    pub(crate) fn of(&self, process: &Process, processes: &Processes) -> String {
        let protocol = doorward_model::Protocol::Tcp;
        if let Some((_, found)) =
            container::proxied(process, processes, self.containers, protocol, None, NO_PORT)
        {
            return container::service_name(found);
        }
        let name = service_of_process(process, processes, self.containers);
        if !name.starts_with("process:") {
            return name;
        }
        let by_program = || self.by_program.get(process.executable.as_deref()?);
        let adopted = self.by_pid.get(&process.pid).or_else(by_program);
        adopted.map_or(name, |name| (*name).to_owned())
    }

    /// The service that a control group stands for, if it stands for one as a whole.
    pub(super) fn of_cgroup(&self, path: &str, processes: &Processes) -> Option<String> {
        if let Some(found) = processes.container_of_cgroup(path) {
            return Some(container::service_of(&found, self.containers));
        }
        // An engine's group holds the proxies of its containers as well.
        let unit = processes.unit_of_cgroup(path).filter(|unit| is_managed(unit))?;
        unit.strip_suffix(".socket").is_none().then(|| unit.to_owned())
    }

    /// Whether processes of one control group may stand for several services.
    pub(super) fn has_containers(&self) -> bool {
        !self.containers.is_empty()
    }
}

/// Of a socket's holders the one that opened it, as far as one can tell: the oldest, but process 1 only when it is
/// alone, for that one opens sockets for others.
pub(crate) fn opener<'p>(pids: &[u32], processes: &'p Processes) -> Option<&'p Process> {
    let others = pids.iter().filter(|pid| **pid != 1).filter_map(|pid| processes.get(*pid));
    others.min_by_key(|p| (p.started, p.pid)).or_else(|| processes.get(1).filter(|_| pids.contains(&1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, cgroup: &str, program: &str, started: u64) -> Process {
        Process {
            pid,
            cgroup: Some(cgroup.into()),
            executable: Some(program.into()),
            started,
            ..Process::default()
        }
    }

    #[test]
    fn the_oldest_holder_decides_and_process_1_last() {
        let processes = Processes::of(vec![
            process(1, "/init.scope", "/usr/lib/systemd/systemd", 1),
            process(20, "/system.slice/a.service", "/a", 9),
            process(30, "/system.slice/b.service", "/b", 5),
        ]);
        let names = Names::new(&[], &[]);
        let opener = |pids: &[u32]| opener(pids, &processes).map(|p| p.pid);
        assert_eq!(opener(&[1, 20, 30]), Some(30));
        assert_eq!(opener(&[1]), Some(1));
        assert_eq!(opener(&[99]), None);
        assert_eq!(names.of(processes.get(30).unwrap(), &processes), "b.service");
    }

    #[test]
    fn init_scripts_own_the_processes_of_their_program() {
        let script = Service {
            name: "php-fpm82".into(),
            manager: Manager::Openrc,
            executable: Some("/usr/sbin/php-fpm82".into()),
            processes: vec![40],
            ..Service::default()
        };
        let stopped =
            Service { name: "other".into(), executable: Some("/usr/bin/x".into()), ..script.clone() };
        let stopped = Service { processes: vec![], ..stopped };
        let services = [script, stopped];
        let processes = Processes::of(vec![
            process(40, "/", "/usr/bin/wrapper", 1),
            process(41, "/", "/usr/sbin/php-fpm82", 2),
            process(42, "/", "/usr/bin/x", 2),
        ]);
        let names = Names::new(&[], &services);
        let of = |pid| names.of(processes.get(pid).unwrap(), &processes);
        assert_eq!((of(40), of(41)), ("php-fpm82".into(), "php-fpm82".into()));
        assert_eq!(of(42), "process:x");
    }

    #[test]
    fn control_groups_that_stand_for_a_service() {
        let processes = Processes::of(vec![process(1, "/init.scope", "/init", 1)]);
        let names = Names::new(&[], &[]);
        let of = |path| names.of_cgroup(path, &processes);
        assert_eq!(of("/system.slice/nginx.service").as_deref(), Some("nginx.service"));
        assert_eq!(of("/system.slice/ssh.socket"), None);
        assert_eq!(of("/user.slice/user-0.slice/session-3.scope"), None);
        assert_eq!(of("/init.scope"), None);
    }
}
