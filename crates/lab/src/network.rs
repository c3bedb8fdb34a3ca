//! Networks of a lab: named network namespaces, all plugged into a switch that is a namespace of its own.
//!
//! Nothing of it touches this machine's own network, so every lab uses the same addresses.

use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::Doing;
use crate::{LabError, command};

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

const LIMIT: Duration = Duration::from_secs(20);

/// A host counts each closed port's answer and soon stops sending them; scans need all of them. Addresses are
/// usable at once instead of after a second of asking who else has them.
const SETTINGS: [(&str, &str); 5] = [
    ("ipv4/icmp_ratemask", "0"),
    ("ipv6/icmp/ratemask", ""),
    ("ipv6/icmp/ratelimit", "0"),
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
];

/// A place on the switch: the number that its addresses are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat(pub(crate) u8);

impl Seat {
    /// Its address in 10.99.0.0/24.
    pub(crate) fn ipv4(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, 0, self.0)
    }

    /// Its address in a prefix of unique local addresses (RFC 4193).
    pub(crate) fn ipv6(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, self.0.into())
    }

    /// Always the same, so that neighbours find a host again after a power cut.
    fn hardware_address(self) -> String {
        format!("02:00:00:00:00:{:02x}", self.0)
    }
}

/// Makes the switch called `switch`.
pub(crate) fn create_switch(switch: &str) -> Result<(), LabError> {
    ip(&["netns", "add", switch])?;
    inside(switch, || settings(&SETTINGS))??;
    ip(&["-n", switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0"])?;
    ip(&["-n", switch, "link", "set", "br0", "up"])
}

/// Makes the namespace `name` with an interface `eth0` that is plugged into `switch` on `seat`.
pub(crate) fn plug(name: &str, switch: &str, seat: Seat) -> Result<(), LabError> {
    let port = format!("port{}", seat.0);
    let ipv4 = format!("{}/24", seat.ipv4());
    let ipv6 = format!("{}/64", seat.ipv6());
    ip(&["netns", "add", name])?;
    inside(name, || settings(&SETTINGS))??;
    ip(&[
        "-n",
        name,
        "link",
        "add",
        "eth0",
        "address",
        &seat.hardware_address(),
        "type",
        "veth",
        "peer",
        "name",
        &port,
        "netns",
        switch,
    ])?;
    ip(&["-n", switch, "link", "set", &port, "master", "br0", "up"])?;
    ip(&["-n", name, "addr", "add", &ipv4, "dev", "eth0"])?;
    ip(&["-n", name, "addr", "add", &ipv6, "dev", "eth0", "nodad"])?;
    ip(&["-n", name, "link", "set", "lo", "up"])?;
    ip(&["-n", name, "link", "set", "eth0", "up"])
}

/// Takes what is on `seat` off `switch` and removes its namespace `name`. None there: nothing to do.
///
/// A namespace's interfaces go some time after it; the next one on the same seat needs the port at once.
pub(crate) fn unplug(name: &str, switch: &str, seat: Seat) -> Result<(), LabError> {
    if exists(name) {
        let port = format!("port{}", seat.0);
        // It is not there when plugging it in had failed.
        let _ = ip(&["-n", switch, "link", "del", &port]);
    }
    remove(name)
}

/// Removes the namespace `name`. None there: nothing to do.
pub(crate) fn remove(name: &str) -> Result<(), LabError> {
    if exists(name) { ip(&["netns", "del", name]) } else { Ok(()) }
}

fn exists(name: &str) -> bool {
    fs::symlink_metadata(place(name)).is_ok()
}

/// Where the namespace `name` can be opened.
pub(crate) fn place(name: &str) -> String {
    format!("{NAMES}/{name}")
}

/// The names of all namespaces that begin with `prefix`.
pub(crate) fn named(prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(NAMES).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect()
}

/// Does `work` in a thread that has entered the namespace `name`. Sockets made there stay there.
pub(crate) fn inside<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
    let at = place(name);
    let namespace = File::open(&at).doing(|| format!("open {at}"))?;
    thread::scope(|scope| {
        let entered = scope.spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .doing(|| format!("enter {at}"))?;
            Ok(work())
        });
        entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Writes settings below `/proc/sys/net`, which shows those of the namespace that the thread is in.
fn settings(values: &[(&str, &str)]) -> Result<(), LabError> {
    for (name, value) in values {
        let at = format!("/proc/sys/net/{name}");
        match fs::write(&at, format!("{value}\n")) {
            // An older kernel, or one without IPv6, lacks the setting; what it would change is comfort.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            done => done.doing(|| format!("write {at}"))?,
        }
    }
    Ok(())
}

fn ip(arguments: &[&str]) -> Result<(), LabError> {
    command::succeed(Command::new("ip").env("PATH", command::PATH).args(arguments), LIMIT).map(drop)
}
