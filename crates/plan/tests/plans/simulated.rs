//! A host on which a plan was applied, as far as a snapshot shows it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use doorward_model::{Listener, Manager, Snapshot, Start, State};
use doorward_plan::{Action, Plan, Units};

/// The snapshot after all steps that change something.
pub(crate) fn applied(plan: &Plan, before: &Snapshot) -> Snapshot {
    let mut after = before.clone();
    for step in plan.changes() {
        if let Action::Rebind(rebind) = &step.action {
            let own = |l: &Listener| l.service.as_ref() == Some(&rebind.service);
            // In a tree, what was assumed of its default is now read from its configuration.
            after.listeners.retain(|l| !own(l));
            after.listeners.extend(step.closes.iter().map(|door| Listener {
                service: Some(rebind.service.clone()),
                ..Listener::configured(door.protocol, Ipv4Addr::LOCALHOST.into(), door.port, &rebind.file)
            }));
        }
        let gone: BTreeSet<&str> = step.action.packages().map(|p| p.name.as_str()).collect();
        let shut: BTreeSet<String> =
            step.action.units().into_iter().flat_map(Units::names).map(Into::into).collect();
        for service in &mut after.services {
            if shut.contains(&service.name) {
                service.state = State::Stopped;
                service.start = match (&step.action, service.manager) {
                    (Action::Stop { .. }, _) => service.start,
                    (_, Manager::Systemd) => Start::Masked,
                    (_, Manager::Container) => Start::Manual,
                    _ => Start::Disabled,
                };
            }
        }
        after.services.retain(|s| s.package.as_deref().is_none_or(|p| !gone.contains(p)));
        for container in
            after.containers.iter_mut().filter(|c| shut.contains(&format!("container:{}", c.name)))
        {
            container.running = Some(false);
            container.restarts = Some(false);
        }
        let left: BTreeSet<String> = after.services.iter().map(|s| s.name.clone()).collect();
        let alive = |name: &String| left.contains(name) && !shut.contains(name);
        after.listeners.retain(|l| l.service.as_ref().is_none_or(alive));
        after.connections.retain(|c| alive(&c.from) && alive(&c.to));
        let packages = &mut after.packages;
        packages.versions.retain(|name, _| !gone.contains(name.as_str()));
        packages.packages.retain(|name, _| !gone.contains(name.as_str()));
        for package in packages.packages.values_mut() {
            package.removal_takes.retain(|p| !gone.contains(p.as_str()));
            package.required_by.retain(|p| !gone.contains(p.as_str()));
        }
    }
    after
}
