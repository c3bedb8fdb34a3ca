//! The machine: name, version, addresses.

use std::net::{IpAddr, Ipv4Addr};

use doorward_model::{Host, Init, Interface, OsFamily, Subject};

use crate::image_path::Variables;
use crate::registry::{Node, Registry};
use crate::version::Version;
use crate::{Disk, HiveKind};

mod ipv6;

/// Key of network connections: the class of network adapters.
const CONNECTIONS: &str = r"Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}";

/// The control set that Windows uses on its next start: `Select\Current`.
pub(crate) fn control_set(registry: Registry<'_>) -> Option<Node<'_>> {
    let root = registry.root(HiveKind::System, Subject::Services)?;
    let select = root.child("Select");
    let number = select.as_ref().and_then(|key| key.number("Current").filter(|&n| n != 0 && n < 1000));
    if let Some(number) = number {
        let found = root.child(&format!("ControlSet{number:03}"));
        if found.is_none() {
            root.note(
                &format!("ControlSet{number:03}"),
                r"Select\Current names it, but there is no such key",
            );
        }
        return found;
    }
    root.note("the current control set", r"there is no Select\Current: ControlSet001 was taken");
    root.child("ControlSet001")
}

/// Variables of the machine that paths are written with.
pub(crate) fn variables(disk: &Disk, registry: Registry<'_>, set: Option<&Node<'_>>) -> Variables {
    let mut variables = Variables::default();
    let nt = registry.software(r"Microsoft\Windows NT\CurrentVersion", Subject::Host);
    let root = nt.and_then(|key| key.text("SystemRoot")).or_else(|| {
        let is_usual =
            |name: &&String| ["windows", "winnt"].iter().any(|usual| name.eq_ignore_ascii_case(usual));
        disk.windows.as_ref().filter(is_usual).map(|name| format!(r"C:\{name}"))
    });
    if let Some(root) = root {
        let drive = root.split('\\').next().unwrap_or_default().to_owned();
        variables.set("SystemDrive", drive);
        variables.set("windir", root.clone());
        variables.set("SystemRoot", root);
    }
    if let Some(key) = registry.software(r"Microsoft\Windows\CurrentVersion", Subject::Host) {
        let all = [
            ("ProgramFiles", "ProgramFilesDir"),
            ("ProgramFiles(x86)", "ProgramFilesDir (x86)"),
            ("CommonProgramFiles", "CommonFilesDir"),
            ("CommonProgramFiles(x86)", "CommonFilesDir (x86)"),
        ];
        for (variable, value) in all {
            if let Some(path) = key.text(value) {
                variables.set(variable, variables.expand(&path));
            }
        }
    }
    if let Some(key) = set.and_then(|set| set.child(r"Control\Session Manager\Environment")) {
        for value in key.values() {
            let name = value.name();
            // Not windir: it is written as %SystemRoot% there.
            if !name.is_empty()
                && !name.eq_ignore_ascii_case("windir")
                && !name.eq_ignore_ascii_case("path")
                && let Some(text) = key.shown_in(&value)
            {
                variables.set(&name, variables.expand(&text));
            }
        }
    }
    variables
}

/// Name, version, interfaces, resolvers.
pub(crate) fn collect(set: Option<&Node<'_>>, version: &Version) -> Host {
    let set = set.cloned().map(|set| set.about(Subject::Host));
    let set = set.as_ref();
    let (interfaces, resolvers) = set.map(network).unwrap_or_default();
    Host {
        name: set.and_then(name).unwrap_or_default(),
        family: OsFamily::Windows,
        os_id: "windows".into(),
        os: version.product.clone().unwrap_or_else(|| "Windows, version unknown".into()),
        version: version.number.clone().unwrap_or_else(|| "unknown".into()),
        kernel: version.build.map(|build| build.to_string()),
        init: Init::Scm,
        interfaces,
        resolvers,
        ..Host::default()
    }
}

/// Whether an adapter asks a DHCP server for its address.
pub(crate) fn dynamic_addresses(set: &Node<'_>) -> Option<bool> {
    let set = set.clone().about(Subject::Host);
    let adapters = adapters(&set);
    let asks = |key: &Node<'_>| key.number("EnableDHCP").is_some_and(|number| number != 0);
    (!adapters.is_empty()).then(|| adapters.iter().any(|(_, key)| asks(key)))
}

fn name(set: &Node<'_>) -> Option<String> {
    let computer = set.child(r"Control\ComputerName\ComputerName").and_then(|key| key.text("ComputerName"));
    computer.or_else(|| set.child(r"Services\Tcpip\Parameters").and_then(|key| key.text("Hostname")))
}

/// The settings of each adapter, by its id.
fn adapters<'h>(set: &Node<'h>) -> Vec<(String, Node<'h>)> {
    let interfaces = set.child(r"Services\Tcpip\Parameters\Interfaces");
    let keys: Vec<(String, Node<'_>)> =
        interfaces.map(|key| key.children().map(|key| (key.name(), key)).collect()).unwrap_or_default();
    if keys.is_empty() { of_nt4(set) } else { keys }
}

fn network(set: &Node<'_>) -> (Vec<Interface>, Vec<IpAddr>) {
    let connections = set.child(CONNECTIONS);
    let parameters = set.child(r"Services\Tcpip\Parameters");
    let keys = adapters(set);
    let mut resolvers: Vec<IpAddr> = Vec::new();
    let mut interfaces = Vec::new();
    let mut ipv6 = ipv6::fixed(set);
    let mut add = |id: String, addresses: Vec<String>| {
        if addresses.is_empty() {
            return;
        }
        let connection = connections.as_ref().and_then(|all| all.child(&format!(r"{id}\Connection")));
        let name = connection.and_then(|key| key.text("Name")).unwrap_or(id);
        interfaces.push(Interface { name, index: 0, loopback: false, up: true, addresses });
    };
    for (id, key) in keys {
        for server in ["NameServer", "DhcpNameServer"].iter().filter_map(|name| key.text(name)) {
            resolvers.extend(server.split([' ', ',']).filter_map(|ip| ip.parse::<IpAddr>().ok()));
        }
        let mut addresses = addresses(&key);
        addresses.extend(ipv6.remove(&id.to_uppercase()).unwrap_or_default());
        add(id, addresses);
    }
    for (id, addresses) in ipv6 {
        add(id, addresses);
    }
    if let Some(servers) = parameters.and_then(|key| key.text("NameServer")) {
        resolvers.extend(servers.split([' ', ',']).filter_map(|ip| ip.parse::<IpAddr>().ok()));
    }
    resolvers.sort_unstable();
    resolvers.dedup();
    (interfaces, resolvers)
}

/// Windows NT 4.0 keeps the addresses with each adapter's service.
fn of_nt4<'a>(set: &Node<'a>) -> Vec<(String, Node<'a>)> {
    let Some(services) = set.child("Services") else { return Vec::new() };
    let adapter = |service: Node<'a>| Some((service.name(), service.child(r"Parameters\Tcpip")?));
    services.children().filter_map(adapter).collect()
}

/// Addresses with the lengths of their prefixes: the fixed ones, or those that were leased last.
fn addresses(key: &Node<'_>) -> Vec<String> {
    let fixed = key.number("EnableDHCP").unwrap_or_default() == 0;
    let (ips, masks) = if fixed { ("IPAddress", "SubnetMask") } else { ("DhcpIPAddress", "DhcpSubnetMask") };
    let ips = key.texts(ips).unwrap_or_default();
    let masks = key.texts(masks).unwrap_or_default();
    let mut addresses: Vec<String> = ips
        .iter()
        .enumerate()
        .filter_map(|(number, ip)| {
            let ip: Ipv4Addr = ip.trim().parse().ok()?;
            let mask: Option<Ipv4Addr> = masks.get(number).and_then(|mask| mask.trim().parse().ok());
            let length = mask.map_or(32, |mask| mask.to_bits().leading_ones());
            (!ip.is_unspecified()).then(|| format!("{ip}/{length}"))
        })
        .collect();
    addresses.sort();
    addresses
}
