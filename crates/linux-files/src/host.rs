//! The host itself: its system, name, name servers, and what starts its services.

use std::net::IpAddr;

use doorward_model::{Facts, Host, Init, OsFamily, Subject, Unseen};

use crate::{ReadError, Tree, script::Variables, systemd, unread::unread};

/// Name servers beyond this many are not taken; the resolver itself takes three.
const RESOLVER_LIMIT: usize = 16;

/// What files tell of a host. Kernel and interfaces are a running system's to tell.
pub fn collect(tree: &Tree) -> Facts<Host> {
    let mut unseen = Vec::new();
    let os = os_release(tree, &mut unseen);
    let get = |key: &str| os.get(key).unwrap_or_default().to_owned();
    let id = os.get("ID").unwrap_or("linux").to_owned();
    let host = Host {
        name: name(tree, &mut unseen),
        family: OsFamily::Linux,
        os: os.get("PRETTY_NAME").or_else(|| os.get("NAME")).unwrap_or(&id).to_owned(),
        os_like: get("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
        version: get("VERSION_ID"),
        os_id: id,
        init: init(tree),
        resolvers: resolvers(tree, &mut unseen),
        ..Host::default()
    };
    Facts { value: host, unseen }
}

/// `os-release(5)`: shell assignments.
fn os_release(tree: &Tree, unseen: &mut Vec<Unseen>) -> Variables {
    let mut variables = Variables::default();
    let places = ["/etc/os-release", "/usr/lib/os-release"];
    match first(tree, &places) {
        Ok(text) => variables.source(&text),
        Err(e) => unseen.push(unread(Subject::Host, "the operating system", &e)),
    }
    variables
}

/// The first file that is there; the failure of the last when none is.
fn first(tree: &Tree, places: &[&str]) -> Result<String, ReadError> {
    let (last, others) = places.split_last().unwrap_or((&"/", &[]));
    for place in others {
        match tree.read_text(place) {
            Err(e) if e.is_absent() => {}
            other => return other,
        }
    }
    tree.read_text(last)
}

/// `/etc/hostname`, or what Red Hat and `OpenRC` have in its place. A tree may have none: it gets it at boot.
fn name(tree: &Tree, unseen: &mut Vec<Unseen>) -> String {
    let places: &[&str] =
        if tree.is_live() { &["/proc/sys/kernel/hostname", "/etc/hostname"] } else { &["/etc/hostname"] };
    match first(tree, places) {
        Ok(text) => {
            let name = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
            return name.unwrap_or_default().to_owned();
        }
        Err(e) if e.is_absent() => {}
        Err(e) => unseen.push(unread(Subject::Host, "the host's name", &e)),
    }
    for (file, variable) in [("/etc/conf.d/hostname", "hostname"), ("/etc/sysconfig/network", "HOSTNAME")] {
        let mut variables = Variables::default();
        variables.source(&tree.read_text(file).unwrap_or_default()); // only one of many places
        if let Some(name) = variables.get(variable) {
            return name.to_owned();
        }
    }
    String::new()
}

/// What the tree boots.
fn init(tree: &Tree) -> Init {
    if systemd::is_present(tree) {
        return Init::Systemd;
    }
    // A host that runs is started by what runs, not by what lies there.
    let first_process = tree.read_text("/proc/1/comm").ok().filter(|_| tree.is_live());
    if first_process.is_some_and(|name| !matches!(name.trim(), "init" | "openrc-init")) {
        return Init::Other;
    }
    let has = |paths: &[&str]| paths.iter().any(|p| tree.exists(p));
    if has(&["/sbin/openrc", "/usr/sbin/openrc", "/sbin/openrc-init"]) && has(&["/etc/runlevels"]) {
        return Init::Openrc;
    }
    let links = ["/etc/rc2.d", "/etc/rc3.d", "/etc/rc.d/rc3.d"];
    if has(&["/sbin/init"]) && has(&links) { Init::Sysv } else { Init::Other }
}

/// `nameserver` lines of `/etc/resolv.conf`.
fn resolvers(tree: &Tree, unseen: &mut Vec<Unseen>) -> Vec<IpAddr> {
    let text = match tree.read_text("/etc/resolv.conf") {
        Ok(text) => text,
        Err(e) => {
            if !e.is_absent() {
                unseen.push(unread(Subject::Host, "the host's name servers", &e));
            }
            return Vec::new();
        }
    };
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|w| *w == "nameserver").and_then(|_| words.next())?;
        address.split('%').next()?.parse().ok()
    };
    text.lines().filter_map(server).take(RESOLVER_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Made;

    #[test]
    fn a_systemd_host() {
        let made = Made::new()
            .file(
                "usr/lib/os-release",
                "NAME=\"AlmaLinux\"\nID='almalinux'\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n\
                 PRETTY_NAME=\"AlmaLinux 9.4 (Seafoam Ocelot)\"\n",
            )
            .file("etc/hostname", "# comment\n\nweb1.example\n")
            .file(
                "etc/resolv.conf",
                "# x\nsearch a\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver junk\n",
            )
            .file("usr/lib/systemd/systemd", "")
            .link("etc/os-release", "../usr/lib/os-release")
            .link("sbin/init", "/lib/systemd/systemd")
            .link("lib", "usr/lib");
        let facts = collect(&made.tree());
        assert_eq!(facts.unseen, []);
        let host = facts.value;
        assert_eq!(
            (host.os_id.as_str(), host.version.as_str(), host.name.as_str()),
            ("almalinux", "9.4", "web1.example")
        );
        assert_eq!(host.os_like, ["rhel", "centos", "fedora"]);
        assert_eq!(host.os, "AlmaLinux 9.4 (Seafoam Ocelot)");
        assert_eq!(host.resolvers, ["192.0.2.1".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
        assert_eq!(host.init, Init::Systemd);
    }

    #[test]
    fn other_inits() {
        let alpine =
            Made::new().file("sbin/openrc", "").file("etc/runlevels/default/x", "").file("bin/busybox", "");
        assert_eq!(init(&alpine.link("sbin/init", "/bin/busybox").tree()), Init::Openrc);
        let devuan = Made::new().file("sbin/init", "").file("etc/rc2.d/S01x", "");
        assert_eq!(init(&devuan.tree()), Init::Sysv);
        let leftovers = devuan.file("usr/lib/systemd/systemd", "");
        assert_eq!(init(&leftovers.tree()), Init::Sysv, "an init of its own decides");
        let container = Made::new().file("app", "").tree();
        assert_eq!(init(&container), Init::Other);
        let facts = collect(&container);
        assert_eq!(facts.unseen.len(), 1);
        assert_eq!(facts.unseen[0].what, "the operating system");
    }
}
