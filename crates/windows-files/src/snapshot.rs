//! The whole snapshot of a Windows that does not run.

use std::time::{SystemTime, UNIX_EPOCH};

use doorward_applications::Marker;
use doorward_hive::State;
use doorward_model::{
    AccessSetting, Host, PacketFilter, Snapshot, Source, Subject, Unseen, WindowsFacts, WindowsHive,
};

use crate::applications::{self, Places};
use crate::registry::{Registry, Sink};
use crate::{Disk, HiveKind, firewall, host, iis, listeners, products, services, settings, shares, version};

/// Everything that a disk's registry and configuration tell. Nothing of it is executed.
pub fn collect(disk: &Disk) -> Snapshot {
    collect_with(disk, &[])
}

/// The same, with the applications that these markers describe, looked for in what IIS serves.
pub fn collect_with(disk: &Disk, markers: &[Marker]) -> Snapshot {
    let sink = Sink::default();
    let registry = Registry::new(disk, &sink);
    let set = host::control_set(registry);
    let set = set.as_ref();
    let version = version::collect(registry, set);
    let variables = host::variables(disk, registry, set);
    let host = host::collect(set, &version);
    let mut found = set.map(|set| services::collect(registry, set, &variables)).unwrap_or_default();
    let installed = products::collect(registry);
    products::attach(&mut found.services, &installed.products);
    let (iis, directories) = iis::collect(registry, disk, &version, &found.services).unzip();
    let doors = set.map(|set| listeners::collect(registry, set, &host, &found.services, iis.as_ref()));
    let doors = doors.unwrap_or_default();
    let firewall = set.and_then(|set| firewall::collect(registry, set, &variables));
    let packages = products::packages(&installed);
    let settings = settings::collect(registry, set);
    let filter = filter(&host, firewall.is_some(), &settings);
    let places = Places::of(iis.as_ref(), directories.unwrap_or_default(), &settings);
    let applications = applications::collect(disk, markers, &places, &variables);
    let windows = WindowsFacts {
        hives: hives(disk),
        control_set: set.map(crate::registry::Node::name),
        edition: version.edition.clone(),
        product_type: version.product_type.clone(),
        build: version.build,
        revision: version.revision,
        service_pack: version.service_pack.clone(),
        group_order: found.group_order,
        svchost_groups: found.svchost_groups,
        products: installed.products,
        hotfixes: installed.hotfixes,
        iis,
        shares: set.map(shares::collect).unwrap_or_default(),
        dynamic_addresses: set.and_then(host::dynamic_addresses),
        doors_known: doors.known,
        firewall,
        settings,
    };
    let mut unseen = disk.unseen.clone();
    unseen.extend(sink.into_unseen());
    unseen.extend(damages(disk));
    unseen.extend(missing(disk));
    unseen.extend(not_running(&filter));
    let applications = applications.into_value(&mut unseen);
    let mut snapshot = Snapshot {
        collector: env!("CARGO_PKG_VERSION").to_owned(),
        collected_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        source: Source::Tree { path: disk.path.clone() },
        host,
        services: found.services,
        listeners: doors.listeners,
        packages,
        applications,
        filter,
        windows: Some(windows),
        unseen,
        ..Snapshot::default()
    };
    snapshot.sort();
    snapshot
}

fn hives(disk: &Disk) -> Vec<WindowsHive> {
    let hive = |opened: &crate::disk::Opened| WindowsHive {
        name: opened.kind.as_str().to_owned(),
        file: opened.file.clone(),
        state: match opened.hive.state() {
            State::Clean => "clean",
            State::Recovered => "recovered",
            State::Unfinished => "unfinished",
        }
        .to_owned(),
        notes: opened.hive.notes().to_vec(),
    };
    disk.hives.iter().map(hive).collect()
}

/// What was replayed is told with the hive; what is missing from it is unseen as well.
fn damages(disk: &Disk) -> Vec<Unseen> {
    let mut unseen = Vec::new();
    for opened in &disk.hives {
        let name = opened.kind.as_str();
        let subject = if opened.kind == HiveKind::System { Subject::Services } else { Subject::Host };
        if opened.hive.state() == State::Recovered {
            continue;
        }
        for note in opened.hive.notes() {
            unseen.push(Unseen::new(subject, format!("parts of {name}"), format!("{}: {note}", opened.file)));
        }
        if opened.hive.state() == State::Unfinished && opened.hive.notes().is_empty() {
            let why = format!("{}: it was left unfinished, and no log of it fits", opened.file);
            unseen.push(Unseen::new(subject, format!("the newest changes of {name}"), why));
        }
    }
    unseen
}

fn missing(disk: &Disk) -> Vec<Unseen> {
    let needed = [
        (HiveKind::System, Subject::Services, "services"),
        (HiveKind::Software, Subject::Packages, "installed programs, hotfixes and policies"),
        (HiveKind::Sam, Subject::Host, "members of groups"),
        (HiveKind::Security, Subject::Host, "rights to log on"),
    ];
    needed
        .into_iter()
        .filter(|(kind, ..)| disk.hive(*kind).is_none())
        .map(|(kind, subject, what)| {
            let name = kind.as_str();
            let why = format!("no hive {name} was given, or it could not be read");
            Unseen::new(subject, what, why)
                .with_remedy(format!("give {name} too, or the mounted system disk"))
        })
        .collect()
}

/// Windows Firewall came with Windows XP. Before it, and beside it, `IPsec` policies and TCP/IP filtering filter.
fn filter(host: &Host, has_firewall: bool, settings: &[AccessSetting]) -> PacketFilter {
    let is_old = matches!(host.version.as_str(), "4.0" | "5.0");
    let filters = |s: &AccessSetting| {
        (s.topic == "IPsec" && s.name == "ActivePolicy")
            || (s.name == "EnableSecurityFilters" && s.value != "0")
    };
    match (has_firewall, is_old) {
        (true, _) => PacketFilter::WindowsFirewall,
        (false, true) if !settings.iter().any(filters) => PacketFilter::None,
        _ => PacketFilter::Unknown,
    }
}

/// What a disk cannot tell, whatever lies on it.
fn not_running(filter: &PacketFilter) -> Vec<Unseen> {
    let why = "a disk that does not run has none";
    let mut unseen = vec![
        Unseen::new(Subject::Connections, "connections between services", why)
            .with_remedy("audit the running host"),
    ];
    if *filter == PacketFilter::Unknown {
        let why =
            "no settings of Windows Firewall were found, or an older filter is on, which is not evaluated";
        unseen.push(Unseen::new(Subject::Filter, "the packet filter", why));
    }
    unseen
}
