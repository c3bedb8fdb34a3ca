//! What has to be otherwise in a copy. Its links lead to the host's own files as soon as they are followed from outside, so
//! that every path is resolved within the copy's root.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, openat, openat2, symlinkat, unlinkat};
use rustix::io::Errno;

use crate::error::Doing as _;
use crate::wire::Order;
use crate::{CloneError, Difference};

/// What would give the copy's interfaces other addresses, or wait for a network that does not come.
const MASKED: [&str; 14] = [
    "NetworkManager.service",
    "NetworkManager-wait-online.service",
    "cloud-config.service",
    "cloud-final.service",
    "cloud-init.service",
    "cloud-init-local.service",
    "connman.service",
    "dhcpcd.service",
    "ifup@.service",
    "networking.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-networkd-wait-online.service",
    "wicked.service",
];
const UNITS: &str = "etc/systemd/system";
/// Where units are, besides.
const OTHERS: [&str; 3] = ["usr/lib/systemd/system", "lib/systemd/system", "run/systemd/generator"];
/// As much of the table of hosts is kept.
const LONGEST: u64 = 1 << 20;
/// The kernel gives up on a path while something is renamed elsewhere.
const TRIES: usize = 100;

/// Masks what would change the copy's network, and leads the site's names to the copy.
pub(crate) fn prepare(root: &Path, order: &Order) -> Result<Vec<Difference>, CloneError> {
    let mut differences = Vec::new();
    let units = folder(root, UNITS).doing(|| format!("open /{UNITS} of the copy"))?;
    for unit in MASKED {
        let is_there = |place: &str| folder(root, place).is_ok_and(|at| has(&at, unit));
        if !(has(&units, unit) || OTHERS.iter().any(|place| is_there(place))) {
            continue;
        }
        // What was there is the host's and stays there.
        let _ = unlinkat(&units, unit, AtFlags::empty());
        symlinkat("/dev/null", &units, unit).doing(|| format!("mask {unit} in the copy"))?;
        let how = "is masked in the copy, which has its addresses already".to_owned();
        differences.push(Difference { what: unit.to_owned(), how });
    }
    hosts(root, order).doing(|| "write /etc/hosts of the copy".to_owned())?;
    Ok(differences)
}

/// The site's names lead to the copy itself, where it asks for them. A table that is a link is left.
fn hosts(root: &Path, order: &Order) -> io::Result<()> {
    const NAME: &str = "hosts";
    if order.names.is_empty() {
        return Ok(());
    }
    let address = order.interfaces.iter().flat_map(|interface| &interface.addresses).next();
    let address = address.map_or_else(|| "127.0.0.1".to_owned(), |net| net.addr().to_string());
    let line = |name: &String| format!("{address} {name}\n").into_bytes();
    let mut text: Vec<u8> = order.names.iter().flat_map(line).collect();
    let etc = folder(root, "etc")?;
    match openat(&etc, NAME, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(old) => {
            File::from(old).take(LONGEST).read_to_end(&mut text)?;
            unlinkat(&etc, NAME, AtFlags::empty())?;
        }
        Err(Errno::NOENT) => {}
        Err(Errno::LOOP) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    File::from(openat(&etc, NAME, new, Mode::from_raw_mode(0o644))?).write_all(&text)
}

/// A folder of the copy.
fn folder(root: &Path, path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::open(root, flags, Mode::empty())?;
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let open = || openat2(&top, path, flags, Mode::empty(), within);
    let opened = (0..TRIES).map(|_| open()).find(|opened| !matches!(opened, Err(Errno::AGAIN)));
    Ok(opened.unwrap_or(Err(Errno::AGAIN))?)
}

fn has(folder: &OwnedFd, name: &str) -> bool {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn order() -> Order {
        Order {
            name: "copy".to_owned(),
            host_name: "shop".to_owned(),
            memory: 0,
            interfaces: Vec::new(),
            names: vec!["shop.example".to_owned()],
            program: "/bin/true".into(),
        }
    }

    #[test]
    fn the_network_is_masked_and_the_sites_names_lead_to_the_copy() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for path in [UNITS, "usr/lib/systemd/system"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        fs::write(at("usr/lib/systemd/system/networking.service"), "").unwrap();
        fs::write(at("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
        let told = prepare(root.path(), &order()).unwrap();
        assert_eq!(told.iter().map(|one| one.what.as_str()).collect::<Vec<_>>(), ["networking.service"]);
        assert_eq!(fs::read_link(at(UNITS).join("networking.service")).unwrap(), Path::new("/dev/null"));
        assert_eq!(
            fs::read_to_string(at("etc/hosts")).unwrap(),
            "127.0.0.1 shop.example\n127.0.0.1 localhost\n"
        );
    }

    #[test]
    fn links_of_the_copy_do_not_lead_to_the_hosts_files() {
        let (root, host) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(host.path().join("systemd/system")).unwrap();
        fs::write(host.path().join("systemd/system/networking.service"), "the host's").unwrap();
        fs::write(host.path().join("hosts"), "the host's").unwrap();
        // Absolute, as on systems that keep their configuration elsewhere.
        symlink(host.path(), root.path().join("etc")).unwrap();
        assert!(prepare(root.path(), &order()).is_err(), "there is no such folder within the copy");
        for file in ["systemd/system/networking.service", "hosts"] {
            assert_eq!(fs::read_to_string(host.path().join(file)).unwrap(), "the host's");
        }
    }
}
