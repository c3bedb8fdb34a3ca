//! Settings that are lists or descriptors.

use doorward_model::AccessSetting;

use super::{descriptor, in_words, setting};
use crate::registry::Node;
use crate::security::Rights;

/// Most elements of one list.
const LIMIT: usize = 1000;

/// Those of the control set.
pub(super) fn of_system(set: &Node<'_>, all: &mut Vec<AccessSetting>) {
    remote_registry(set, all);
    terminal_services(set, all);
    indexing(set, all);
    snmp(set, all);
    virtual_roots(set, all);
}

/// Those of SOFTWARE.
pub(super) fn of_software(software: &Node<'_>, all: &mut Vec<AccessSetting>) {
    winrm(software, all);
    if let Some(key) = software.child(r"Microsoft\OLE") {
        let launch = (Rights::ComLaunch, "who may start objects from this machine and from others");
        let access = (Rights::ComAccess, "who may use objects from this machine and from others");
        let whose = [
            ("DefaultLaunchPermission", launch),
            ("MachineLaunchRestriction", launch),
            ("DefaultAccessPermission", access),
            ("MachineAccessRestriction", access),
        ];
        for (name, (rights, meaning)) in whose {
            all.extend(descriptor("DCOM", name, &key, rights, meaning));
        }
    }
    if let Some(key) = software.child(r"Policies\SNMP\Parameters\ValidCommunities") {
        communities(&key, all);
    }
}

/// Who may open the registry from other machines: whoever may read the key `winreg`. The paths that it lists are open
/// to all who may log on.
fn remote_registry(set: &Node<'_>, all: &mut Vec<AccessSetting>) {
    let topic = "Remote Registry";
    let Some(servers) = set.child(r"Control\SecurePipeServers") else { return };
    let Some(winreg) = servers.child("winreg") else {
        let value = "no key winreg";
        all.push(setting(
            topic,
            "permissions",
            &servers,
            value,
            "nothing restricts remote access to the registry",
        ));
        return;
    };
    match winreg.key.security_descriptor() {
        Ok(Some(raw)) => {
            let meaning = "who may open the registry from other machines";
            let words = in_words(&winreg, "(permissions)", raw, Rights::Key);
            all.extend(words.map(|words| setting(topic, "permissions", &winreg, words, meaning)));
        }
        Ok(None) => {}
        Err(why) => winreg.note(&winreg.place, why.to_string()),
    }
    let lists = [
        (
            "AllowedPaths",
            "keys, with all below, that are open from other machines whatever the permissions are",
        ),
        ("AllowedExactPaths", "keys that are open from other machines whatever the permissions are"),
    ];
    for (name, meaning) in lists {
        let Some(key) = winreg.child(name) else { continue };
        if let Some(paths) = key.texts("Machine") {
            all.push(setting(topic, name, &key, paths.join("; "), meaning));
        }
    }
}

fn terminal_services(set: &Node<'_>, all: &mut Vec<AccessSetting>) {
    let topic = "Terminal Services";
    let Some(stations) = set.child(r"Control\Terminal Server\WinStations") else { return };
    let meaning = "who may do what with connections that have no list of their own";
    all.extend(descriptor(topic, "DefaultSecurity", &stations, Rights::Session, meaning));
    for station in stations.children().take(LIMIT) {
        let meaning = "who may do what with this connection and its sessions";
        all.extend(descriptor(topic, "Security", &station, Rights::Session, meaning));
    }
}

/// Catalogs of the Indexing Service: what can be searched is what can be found.
fn indexing(set: &Node<'_>, all: &mut Vec<AccessSetting>) {
    let topic = "Indexing Service";
    let Some(catalogs) = set.child(r"Control\ContentIndex\Catalogs") else { return };
    for catalog in catalogs.children().take(LIMIT) {
        let name = catalog.name();
        if let Some(location) = catalog.text("Location") {
            all.push(setting(
                topic,
                &format!("catalog {name}"),
                &catalog,
                location,
                "where the catalog lies",
            ));
        }
        let web = catalog.number("IsIndexingW3Svc").filter(|&number| number != 0);
        if web.is_some() {
            let meaning = "all directories of web sites are indexed";
            all.push(setting(topic, "IsIndexingW3Svc", &catalog, "1", meaning));
        }
        let Some(scopes) = catalog.child("Scopes") else { continue };
        for scope in scopes.values().take(LIMIT) {
            let name = scope.name();
            // The name is the directory, or the value says it: `C:\docs,,5`.
            let text = scopes.shown_in(&scope).unwrap_or_default();
            let by_value = text.split(',').next().filter(|path| path.contains('\\')).map(str::to_owned);
            let path = if name.contains('\\') {
                name.into_owned()
            } else {
                by_value.unwrap_or_else(|| name.into_owned())
            };
            let path = path.trim_end_matches('\\').to_owned();
            // The last number holds flags: without bit 0 the directory is left out.
            let flags = text.rsplit(',').next().and_then(|flags| flags.trim().parse::<u32>().ok());
            let meaning = if flags.is_some_and(|flags| flags & 1 == 0) {
                "a directory that is left out"
            } else if path.len() == 2 && path.ends_with(':') {
                "a whole volume is indexed"
            } else {
                "a directory that is indexed"
            };
            all.push(setting(topic, "scope", &scopes, path, meaning));
        }
    }
}

fn snmp(set: &Node<'_>, all: &mut Vec<AccessSetting>) {
    let Some(parameters) = set.child(r"Services\SNMP\Parameters") else { return };
    if let Some(key) = parameters.child("ValidCommunities") {
        communities(&key, all);
    }
    match parameters.child("PermittedManagers") {
        None => {}
        Some(key) => {
            let hosts: Vec<String> =
                key.values().take(LIMIT).filter_map(|value| key.shown_in(&value)).collect();
            let (value, meaning) = if hosts.is_empty() {
                ("none".to_owned(), "requests of all hosts are taken")
            } else {
                (hosts.join("; "), "hosts whose requests are taken")
            };
            all.push(setting("SNMP", "PermittedManagers", &key, value, meaning));
        }
    }
}

fn communities(key: &Node<'_>, all: &mut Vec<AccessSetting>) {
    for value in key.values().take(LIMIT) {
        let Some(rights) = key.shown_in(&value) else { continue };
        // Windows NT 4.0 numbers the communities, and has their names as texts.
        let (community, rights) = if rights.parse::<u32>().is_ok() {
            (value.name().into_owned(), rights)
        } else {
            (rights, String::new()) // what such a community may do is not said there
        };
        // Rights as Microsoft lists them for `ValidCommunity` (jj980430).
        let meaning = match rights.as_str() {
            "1" => "a community that can do nothing",
            "2" => "a community that is notified",
            "4" => "a community that can read",
            "8" => "a community that can read and write",
            "16" => "a community that can read, write and create",
            _ => "a community",
        };
        all.push(setting("SNMP", &format!("community {community}"), key, rights, meaning));
    }
}

/// Directories that IIS 2 and 3 serve, and that later ones took over from them.
fn virtual_roots(set: &Node<'_>, all: &mut Vec<AccessSetting>) {
    for service in ["W3SVC", "MSFTPSVC"] {
        let Some(key) = set.child(&format!(r"Services\{service}\Parameters\Virtual Roots")) else { continue };
        for root in key.values().take(LIMIT) {
            if let Some(path) = key.shown_in(&root) {
                let name = format!("{service} {}", root.name());
                all.push(setting(
                    "IIS",
                    &name,
                    &key,
                    path,
                    "a directory that is published; the last number holds its rights",
                ));
            }
        }
    }
}

fn winrm(software: &Node<'_>, all: &mut Vec<AccessSetting>) {
    let Some(key) = software.child(r"Microsoft\Windows\CurrentVersion\WSMAN\Listener") else { return };
    for listener in key.children().take(LIMIT) {
        let port = listener.number("Port").map_or_else(|| "default".to_owned(), |port| port.to_string());
        let value = format!("port {port}");
        let enabled = listener.number("enabled") != Some(0);
        let meaning = if enabled { "WinRM listens" } else { "a listener of WinRM that is off" };
        all.push(setting("WinRM", &format!("listener {}", listener.name()), &listener, value, meaning));
    }
}
