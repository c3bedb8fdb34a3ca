//! Small hosts and plans by chance. Plans shut nothing that something else needs, as the planner's do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use doorward_change::fake::{FakeHost, FakePackage, Random};
use doorward_change::system::Node;
use doorward_filter::{Host, Policy};
use doorward_model::{Exposure, Protocol};
use doorward_plan::{
    Action, ClosedDoor, Entry, Filter, PackageVersion, Parts, Plan, Rebind, Step, SuperServer, Units,
};

use super::{plan, step};

pub(crate) const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";
const SHIPPED: &str = "/usr/lib/systemd/system";

struct Service {
    name: String,
    trigger: Option<String>,
    /// Services of lower numbers that it needs.
    needs: BTreeSet<usize>,
    package: Option<usize>,
    bus_name: Option<String>,
}

impl Service {
    fn units(&self) -> impl Iterator<Item = &String> {
        self.trigger.iter().chain([&self.name])
    }
}

/// A host and a plan for it.
pub(crate) fn case(random: &mut Random) -> (FakeHost, Plan) {
    let mut host = FakeHost::new();
    let services = services(random, &mut host);
    let tables = tables(random, &mut host);
    // Chances of its own: the rest of a case is the same without it.
    let mut own = random.clone();
    let filter = filter(&mut own, &mut host);
    let drop_in = "/etc/systemd/system/other.service.d/more.conf";
    for path in ["/etc/systemd/system/other.service", drop_in, "/etc/other"] {
        host.write(path, "[Unit]\n");
    }
    host.boot();
    // What an administrator did by hand since.
    for service in services.iter().rev() {
        let idle = services.iter().all(|s| !needs(&services, s, service));
        if random.one_in(5) && idle {
            for unit in service.units() {
                let _ = host.set_active(unit, false);
            }
        } else if random.one_in(5) {
            for unit in service.units() {
                let _ = host.set_active(unit, true);
            }
        }
    }
    end_what_cannot_start(&mut host);
    let mut plan = a_plan(random, &host, &services, tables);
    if let Some(step) = filter {
        let at = own.below(plan.steps.len() as u64 + 1);
        plan.steps.insert(usize::try_from(at).unwrap(), step);
    }
    (host, plan)
}

/// Something may run that was only wanted, and cannot start by itself, as what it requires is masked: no undoing could
/// start it again.
fn end_what_cannot_start(host: &mut FakeHost) {
    for _ in 0..10 {
        let cannot = |unit: &&String| {
            let mut other = host.fork();
            other.set_active(unit, false).is_err() || other.set_active(unit, true).is_err()
        };
        let Some(unit) = host.state().active.iter().find(cannot).cloned() else { return };
        let _ = host.set_active(&unit, false);
    }
}

fn needs(services: &[Service], a: &Service, b: &Service) -> bool {
    a.needs.iter().any(|n| services[*n].name == b.name)
}

fn services(random: &mut Random, host: &mut FakeHost) -> Vec<Service> {
    let count = usize::try_from(2 + random.below(7)).unwrap();
    let mut services: Vec<Service> = Vec::new();
    let mut files: BTreeMap<usize, BTreeMap<PathBuf, Node>> = BTreeMap::new();
    let mut package = 0;
    for at in 0..count {
        let name = format!("s{at}.service");
        let mut text = "[Unit]\n".to_owned();
        let mut needs = BTreeSet::new();
        for other in 0..at {
            if random.one_in(4) {
                let key =
                    ["Requires", "Wants", "Upholds", "PartOf"][usize::try_from(random.below(4)).unwrap()];
                writeln!(text, "{key}=s{other}.service").unwrap();
                needs.insert(other);
            }
        }
        writeln!(text, "[Service]\nX-Port=tcp/{}\n[Install]\nWantedBy=multi-user.target", 1000 + at).unwrap();
        let mut own = vec![(name.clone(), text)];
        let kind = ["socket", "timer", "path"][usize::try_from(random.below(3)).unwrap()];
        let trigger = random.one_in(3).then(|| format!("s{at}.{kind}"));
        if let Some(trigger) = &trigger {
            let busy = if random.one_in(2) { "yes" } else { "no" };
            let text = format!("[Unit]\n[Socket]\nX-Busy={busy}\n[Install]\nWantedBy=sockets.target\n");
            own.push((trigger.clone(), text));
        }
        // Packages hold neighbours.
        package += usize::from(random.one_in(2));
        let shipped = random.one_in(2);
        for (unit, text) in own {
            if random.one_in(2) {
                let wants = if unit == name { WANTS } else { "/etc/systemd/system/sockets.target.wants" };
                host.link(&format!("{wants}/{unit}"), &format!("{SHIPPED}/{unit}"));
            }
            let own = random.below(12);
            if own == 0 {
                host.link(&format!("/etc/systemd/system/{unit}"), "/dev/null");
            } else if own == 1 {
                host.write(&format!("/etc/systemd/system/{unit}"), &text);
            }
            if random.one_in(8) {
                host.link(&format!("/etc/systemd/system/alias-{unit}"), &format!("{SHIPPED}/{unit}"));
            }
            let path = PathBuf::from(format!("{SHIPPED}/{unit}"));
            if shipped {
                let node = Node::File { content: text.into_bytes(), mode: 0o644, uid: 0, gid: 0 };
                files.entry(package).or_default().insert(path, node);
            } else {
                host.write(path.to_str().unwrap(), &text);
            }
        }
        let bus_name = random.one_in(4).then(|| format!("org.example.S{at}"));
        if let Some(bus) = &bus_name {
            let unit = if random.one_in(2) { format!("SystemdService={name}\n") } else { String::new() };
            host.write(
                &format!("/usr/share/dbus-1/system-services/{bus}.service"),
                &format!("[D-BUS Service]\nName={bus}\n{unit}"),
            );
        }
        services.push(Service { name, trigger, needs, package: shipped.then_some(package), bus_name });
    }
    for (package, files) in files {
        host.write(&format!("/etc/default/p{package}"), "X=1\n");
        let eager = random.one_in(2);
        let package_of = FakePackage { version: format!("1.{package}"), manual: true, files, eager };
        host.install(&format!("p{package}"), package_of);
    }
    services
}

/// A super-server with entries, and a service that is bound to every address; the steps that shut them.
fn tables(random: &mut Random, host: &mut FakeHost) -> Vec<Step> {
    let mut steps = Vec::new();
    if random.one_in(3) {
        host.write(&format!("{SHIPPED}/inetd.service"), "[Unit]\nWants=other.service\n");
        host.link(&format!("{WANTS}/inetd.service"), &format!("{SHIPPED}/inetd.service"));
        host.write(
            "/etc/inetd.conf",
            "# table\ntelnet stream tcp nowait root /usr/sbin/telnetd telnetd\nftp stream tcp nowait root /x x\n",
        );
        for name in ["inetd:telnet", "inetd:ftp"] {
            let entry = Entry {
                name: name.to_owned(),
                manager: SuperServer::Inetd,
                file: "/etc/inetd.conf".to_owned(),
            };
            let units = Units::new(Parts { entries: vec![entry], ..Parts::default() }).unwrap();
            steps.push(step(&format!("disable:{name}"), Action::Disable { units }));
        }
    }
    if random.one_in(3) {
        host.write(&format!("{SHIPPED}/db.service"), "[Unit]\n");
        host.link(&format!("{WANTS}/db.service"), &format!("{SHIPPED}/db.service"));
        host.write("/etc/db.conf", "# bind 1\nport 1\nbind 0.0.0.0\nbinder x\n");
        host.write("/usr/sbin/db", "");
        let rebind = Rebind {
            service: "db.service".to_owned(),
            file: "/etc/db.conf".to_owned(),
            setting: "bind".to_owned(),
            from: "0.0.0.0:1".to_owned(),
            to: "127.0.0.1 -::1".to_owned(),
            check: random.one_in(2).then(|| "/usr/sbin/db -t".to_owned()),
        };
        steps.push(step("rebind:db.service", Action::Rebind(rebind)));
    }
    steps
}

/// A filter, perhaps in the place of an earlier one.
fn filter(random: &mut Random, host: &mut FakeHost) -> Option<Step> {
    let policy = |port: u16| {
        let text =
            format!("[clients]\na = [\"192.0.2.0/24\"]\n[doors]\n\"tcp/{port}\" = {{ to = [\"a\"] }}\n");
        Policy::new(&toml::from_str(&text).unwrap(), &Host::default()).unwrap()
    };
    if random.one_in(2) {
        return None;
    }
    if random.one_in(2) {
        // Of the same policy, or of another; in an older form.
        host.write("/etc/doorward/filter.nft", &policy(22 + u16::from(random.one_in(2))).table());
        host.write("/etc/systemd/system/doorward-filter.service", "[Service]\nType=oneshot\n");
        let link = "/etc/systemd/system/sysinit.target.wants/doorward-filter.service";
        host.link(link, "/etc/systemd/system/doorward-filter.service");
    }
    let services = BTreeMap::new();
    Some(step("filter", Action::Filter(Filter { policy: policy(22), services })))
}

fn a_plan(random: &mut Random, host: &FakeHost, services: &[Service], tables: Vec<Step>) -> Plan {
    let mut chosen: BTreeSet<usize> = (0..services.len()).filter(|_| random.one_in(3)).collect();
    // With all that needs them.
    for (at, service) in services.iter().enumerate() {
        if service.needs.iter().any(|n| chosen.contains(n)) {
            chosen.insert(at);
        }
    }
    let mut steps = Vec::new();
    let mut done = BTreeSet::new();
    for &at in chosen.iter().rev() {
        if !done.insert(at) {
            continue;
        }
        let package = services[at].package;
        let of_package: Vec<usize> =
            (0..services.len()).filter(|n| package.is_some() && services[*n].package == package).collect();
        let whole = package.is_some() && of_package.iter().all(|n| chosen.contains(n));
        let members = if whole && random.one_in(2) && of_package.iter().all(|n| *n == at || !done.contains(n))
        {
            done.extend(&of_package);
            of_package
        } else {
            vec![at]
        };
        let uninstall = members.len() > 1
            || whole && services[at].package.is_some() && {
                let p = services[at].package;
                services.iter().filter(|s| s.package == p).count() == 1
            };
        let mut systemd: Vec<String> = members.iter().flat_map(|n| services[*n].units()).cloned().collect();
        systemd.sort_by_key(|u| (u.ends_with(".service"), u.clone()));
        let bus_names = members.iter().filter_map(|n| services[*n].bus_name.clone()).collect();
        let units = Units::new(Parts { systemd, bus_names, ..Parts::default() }).unwrap();
        let action = match package.filter(|_| uninstall) {
            Some(package) => {
                let name = format!("p{package}");
                let version = host.state().packages[&name].version.clone();
                let package = PackageVersion { name, version };
                Action::Uninstall { package, along: Vec::new(), units }
            }
            None if random.one_in(5) => Action::Stop { units },
            None => Action::Disable { units },
        };
        let mut step = step(&format!("shut:{}", services[at].name), action);
        step.closes = members.iter().map(|n| door(*n)).collect();
        // The checker refuses plans that keep what needs something that goes.
        step.on = !random.one_in(20) || members.iter().any(|n| !services[*n].needs.is_disjoint(&chosen));
        steps.push(step);
    }
    for step in tables {
        let at = random.below(steps.len() as u64 + 1);
        steps.insert(usize::try_from(at).unwrap(), step);
    }
    plan(steps)
}

fn door(at: usize) -> ClosedDoor {
    ClosedDoor {
        protocol: Protocol::Tcp,
        address: "0.0.0.0".to_owned(),
        port: u16::try_from(1000 + at).ok(),
        interface: None,
        namespace: None,
        exposure: Exposure::Everyone,
    }
}
