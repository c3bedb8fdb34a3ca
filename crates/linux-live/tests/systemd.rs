//! What is collected of real hosts, compared with what their own `systemctl` shows.
//!
//! The collector must run inside the host: this very test program is copied there and started with a variable that
//! makes it print what it sees.
#![expect(clippy::disallowed_methods, reason = "a test changes the host that it looks at")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use doorward_lab::{Host, open_or_skip, roots};
use doorward_linux_files::Tree;
use doorward_linux_live::{Processes, systemd};
use doorward_model::{DependencyKind, LocalSocket, Service, Start, State, Unseen};
use serde::{Deserialize, Serialize};

/// Set for the copy that runs inside a host.
const INSIDE: &str = "DOORWARD_INSIDE";

/// Where the copy lies there, for every user to run.
const COPY: &str = "/usr/local/bin/collect";

/// What stands before its answer, among the words of the test harness.
const MARK: &str = "collected: ";

const TYPES: [&str; 5] = [".service", ".socket", ".timer", ".path", ".target"];

const KINDS: [(DependencyKind, &str); 8] = [
    (DependencyKind::Requires, "Requires"),
    (DependencyKind::Requisite, "Requisite"),
    (DependencyKind::BindsTo, "BindsTo"),
    (DependencyKind::PartOf, "PartOf"),
    (DependencyKind::Wants, "Wants"),
    (DependencyKind::Upholds, "Upholds"),
    (DependencyKind::Triggers, "Triggers"),
    (DependencyKind::Conflicts, "Conflicts"),
];

#[derive(Serialize, Deserialize)]
struct Seen {
    is_running: bool,
    services: Vec<Service>,
    local_sockets: Vec<LocalSocket>,
    bus_owners: Vec<(String, u32)>,
    unseen: Vec<Unseen>,
}

#[test]
fn inside_a_host() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let processes = Processes::read();
    let facts = systemd::collect(&processes.value, &Tree::open(Path::new("/")).unwrap());
    let seen = Seen {
        is_running: systemd::is_running(),
        services: facts.value.services,
        local_sockets: facts.value.local_sockets,
        bus_owners: facts.value.bus_owners,
        unseen: facts.unseen,
    };
    println!("\n{MARK}{}", serde_json::to_string(&seen).unwrap());
}

/// A host with the collector in it.
struct Watched(Host);

impl Watched {
    fn boot(root: &'static doorward_lab::RootSpec) -> Option<Self> {
        let host = open_or_skip()?.host(root).unwrap();
        host.put(&std::env::current_exe().unwrap(), COPY).unwrap();
        Some(Self(host))
    }

    /// What the collector sees, started by `through` (a command that runs another).
    fn collect(&self, through: &[&str]) -> Seen {
        let inside = format!("{INSIDE}=yes");
        let words = [through, &["env", &inside, COPY, "--exact", "inside_a_host", "--nocapture"]].concat();
        let output = self.0.succeed(&words).unwrap();
        let line =
            output.lines().find_map(|line| line.strip_prefix(MARK)).unwrap_or_else(|| panic!("{output}"));
        serde_json::from_str(line).unwrap()
    }

    /// Properties of the units that are loaded, by their names.
    fn shown(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let own = "Id,Names,LoadState,ActiveState,SubState,UnitFileState,Description,User,DynamicUser,\
                   BusName,ExecStart,ControlGroup,MainPID,ActiveEnterTimestamp,Listen";
        let kinds = KINDS.map(|(_, property)| property).join(",");
        let properties = format!("{own},{kinds}");
        let text = self
            .0
            .succeed(&["systemctl", "show", "--all", "--timestamp=unix", "-p", &properties, "*"])
            .unwrap();
        let units = text.split("\n\n").map(|block| {
            let mut unit: BTreeMap<String, String> = BTreeMap::new();
            for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
                let all = unit.entry(key.to_owned()).or_default();
                *all = if all.is_empty() { value.to_owned() } else { format!("{all}\n{value}") };
            }
            unit
        });
        units.filter_map(|unit| Some((unit.get("Id")?.clone(), unit))).filter(|(id, _)| is_ours(id)).collect()
    }

    /// Insists that collector and `systemctl` tell the same, where nothing has changed between two looks.
    fn compare(&self, when: &str) -> Seen {
        let before = self.shown();
        let seen = self.collect(&[]);
        let after = self.shown();
        assert!(seen.is_running);
        assert_eq!(seen.unseen, [], "{when}");
        let mut compared = 0;
        for (name, unit) in before {
            if after.get(&name) != Some(&unit) || is_only_named(&unit) {
                continue;
            }
            let service = seen.services.iter().find(|s| s.name == name);
            let service = service.unwrap_or_else(|| panic!("{when}: no {name}"));
            compare(service, &unit, when);
            compared += 1;
        }
        println!("{when}: {compared} units alike, {} in all", seen.services.len());
        assert!(compared > 60, "{when}: only {compared} units stood still");
        self.compare_files(&seen, when);
        seen
    }

    /// Every unit file is there, loaded or not, and started as systemctl says.
    fn compare_files(&self, seen: &Seen, when: &str) {
        let text = self.0.succeed(&["systemctl", "list-unit-files", "--no-legend", "--no-pager"]).unwrap();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(name), Some(state)) = (words.next(), words.next()) else { continue };
            if !is_ours(name) {
                continue;
            }
            match seen.services.iter().find(|s| s.name == name) {
                Some(service) => assert_eq!(service.start, start(state), "{when}: {name} is {state}"),
                None => {
                    let is_alias = seen.services.iter().any(|s| s.aliases.iter().any(|a| a == name));
                    assert!(is_alias, "{when}: no {name}");
                }
            }
        }
    }
}

fn is_ours(name: &str) -> bool {
    TYPES.iter().any(|ending| name.ends_with(ending))
}

/// Others name it, and that is all there is.
fn is_only_named(unit: &BTreeMap<String, String>) -> bool {
    unit["LoadState"] == "not-found" && unit["ActiveState"] == "inactive"
}

fn compare(service: &Service, unit: &BTreeMap<String, String>, when: &str) {
    let name = &service.name;
    let get = |key: &str| unit.get(key).map_or("", String::as_str);
    assert_eq!(service.state, state(get("ActiveState"), get("SubState")), "{when}: {name}");
    if !get("UnitFileState").is_empty() {
        assert_eq!(service.start, start(get("UnitFileState")), "{when}: {name}");
    }
    if get("Description") != name {
        assert_eq!(service.description.as_deref(), Some(get("Description")), "{when}: {name}");
    }
    let names: BTreeSet<&str> = get("Names").split(' ').filter(|n| n != name).collect();
    assert_eq!(service.aliases.iter().map(String::as_str).collect::<BTreeSet<_>>(), names, "{when}: {name}");
    for (kind, property) in KINDS {
        let shown: BTreeSet<&str> = get(property).split_whitespace().filter(|on| is_ours(on)).collect();
        let of_kind = service.dependencies.iter().filter(|d| d.kind == kind && is_ours(&d.on));
        // What a socket starts anew for each connection is the manager's secret until one comes.
        let seen = of_kind.map(|d| d.on.as_str()).filter(|on| !on.contains("@."));
        assert_eq!(seen.collect::<BTreeSet<_>>(), shown, "{when}: {property} of {name}");
    }
    let since = get("ActiveEnterTimestamp").trim_start_matches('@').parse().ok();
    if matches!(service.state, State::Running | State::Exited) && !name.ends_with(".target") {
        assert_eq!(service.active_since, since, "{when}: {name}");
    }
    if name.ends_with(".service") {
        compare_service(service, unit, when);
    }
}

fn compare_service(service: &Service, unit: &BTreeMap<String, String>, when: &str) {
    let name = &service.name;
    let get = |key: &str| unit.get(key).map_or("", String::as_str);
    let program =
        get("ExecStart").split_once("path=").and_then(|(_, rest)| rest.split_once(" ;")).map(|p| p.0);
    if let Some(program) = program {
        // One named without its directory may not be installed.
        let executable = service.executable.as_deref().unwrap_or(program);
        assert!(executable.ends_with(program), "{when}: {name} runs {program}, not {executable}");
        assert!(service.executable.is_some() || !program.starts_with('/'), "{when}: {name} runs {program}");
        let user = match (get("User"), get("DynamicUser")) {
            ("", "yes") => None,
            ("", _) => Some("root"),
            (user, _) => Some(user),
        };
        assert!(user.is_none() || service.user.as_deref() == user, "{when}: {name} of {:?}", service.user);
    }
    if !get("BusName").is_empty() {
        assert!(service.bus_names.iter().any(|n| n == get("BusName")), "{when}: {name}");
    }
    let main: u32 = get("MainPID").parse().unwrap_or(0);
    if main != 0 {
        assert!(service.processes.contains(&main), "{when}: {name} without {main}");
        assert!(service.cpu_usec.is_some() && service.memory.is_some_and(|m| m.bytes > 0), "{when}: {name}");
    }
}

fn state(active: &str, sub: &str) -> State {
    match (active, sub) {
        ("active", "exited" | "elapsed") => State::Exited,
        ("active", _) => State::Running,
        ("failed", _) => State::Failed,
        ("inactive", _) => State::Stopped,
        _ => State::Changing,
    }
}

fn start(file_state: &str) -> Start {
    match file_state {
        "enabled" | "enabled-runtime" => Start::Enabled,
        "disabled" => Start::Disabled,
        "static" | "indirect" | "alias" => Start::Static,
        "masked" | "masked-runtime" => Start::Masked,
        "generated" => Start::Generated,
        "transient" => Start::Manual,
        other => panic!("a file is {other}"),
    }
}

#[test]
fn what_is_collected_is_what_systemctl_shows() {
    let Some(host) = Watched::boot(&roots::EVERYTHING) else { return };
    let seen = host.compare("after boot");
    let greeter = seen.services.iter().find(|s| s.name == "greeter.socket").unwrap();
    assert_eq!((greeter.state, greeter.start), (State::Running, Start::Enabled));
    let nginx = seen.services.iter().find(|s| s.name == "nginx.service").unwrap();
    let binds = |c: &String| c == "all" || c == "CAP_NET_BIND_SERVICE";
    assert!(nginx.capabilities.iter().any(binds) && nginx.user.as_deref() == Some("root"), "{nginx:#?}");
    let bus =
        LocalSocket { path: "/run/dbus/system_bus_socket".into(), service: Some("dbus.service".into()) };
    assert!(seen.local_sockets.contains(&bus), "{:#?}", seen.local_sockets);
    let avahi = seen.services.iter().find(|s| s.name == "avahi-daemon.service").unwrap();
    let owner = seen.bus_owners.iter().find(|(name, _)| name == "org.freedesktop.Avahi").unwrap();
    assert!(avahi.processes.contains(&owner.1));

    let template = "[Unit]\nRequires=cron.service\n[Service]\nExecStart=/bin/sleep infinity\nUser=%i\n";
    host.0.write_file("/etc/systemd/system/pair@.service", template).unwrap();
    host.0.write_file("/etc/systemd/system/alone.service", "[Service]\nExecStart=/bin/sleep 9999\n").unwrap();
    host.0.succeed(&["systemctl", "start", "pair@daemon.service", "alone.service"]).unwrap();
    let by_hand =
        ["systemd-run", "--unit=by-hand", "--property=Wants=cron.service", "/bin/sleep", "infinity"];
    host.0.succeed(&by_hand).unwrap();
    let in_scope = ["systemd-run", "--scope", "--unit=held", "/bin/sh", "-c", "sleep 9999 >/dev/null 2>&1 &"];
    host.0.succeed(&in_scope).unwrap();
    host.0.succeed(&["systemctl", "set-property", "--runtime", "nginx.service", "CPUWeight=90"]).unwrap();
    host.0.succeed(&["systemctl", "mask", "vsftpd.service"]).unwrap();
    let seen = host.compare("with units made at run time");
    let by_hand = seen.services.iter().find(|s| s.name == "by-hand.service").unwrap();
    assert_eq!((by_hand.state, by_hand.start), (State::Running, Start::Manual));
    let held = seen.services.iter().find(|s| s.name == "held.scope").unwrap();
    assert_eq!((held.state, held.start, held.processes.len()), (State::Running, Start::Manual, 1));

    let dropin = "[Unit]\nWants=redis-server.service\nConflicts=alone.service\n";
    host.0.write_file("/etc/systemd/system/nginx.service.d/more.conf", dropin).unwrap();
    host.compare("with a drop-in that the manager has not read");
    host.0.succeed(&["rm", "/etc/systemd/system/alone.service"]).unwrap();
    host.0.succeed(&["systemctl", "daemon-reload"]).unwrap();
    let seen = host.compare("with a running unit whose file is gone");
    assert!(seen.services.iter().any(|s| s.name == "alone.service" && s.state == State::Running));
}

#[test]
fn others_than_root_see_the_same_units() {
    let Some(host) = Watched::boot(&roots::STATIC_NGINX) else { return };
    let as_root = host.compare("as root");
    let seen = host.collect(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    let states = |seen: &Seen| -> Vec<(String, State, Start)> {
        seen.services.iter().map(|s| (s.name.clone(), s.state, s.start)).collect()
    };
    assert_eq!(states(&seen), states(&as_root));
    assert_eq!(seen.bus_owners, as_root.bus_owners);
    let nginx = seen.services.iter().find(|s| s.name == "nginx.service").unwrap();
    assert!(nginx.processes.len() > 1 && nginx.memory.is_some(), "{nginx:#?}");
}

#[test]
fn a_manager_or_bus_that_does_not_answer_is_a_fact_and_no_hang() {
    let Some(host) = Watched::boot(&roots::STATIC_NGINX) else { return };
    let bare = |why: &str| {
        let seen = host.collect(&[]);
        let unseen = seen.unseen.iter().find(|u| u.what.starts_with("states of systemd units"));
        let unseen = unseen.unwrap_or_else(|| panic!("{:#?}", seen.unseen));
        assert!(unseen.why.contains(why) && unseen.remedy.is_some(), "{unseen:?}");
        let nginx = seen.services.iter().find(|s| s.name == "nginx.service").unwrap();
        assert_eq!((nginx.state, nginx.start), (State::Running, Start::Enabled));
        assert!(nginx.processes.len() > 1 && nginx.active_since.is_some(), "{nginx:#?}");
        let socket = seen.services.iter().find(|s| s.name == "dbus.socket").unwrap();
        assert_eq!(socket.state, State::Unknown);
        seen
    };
    let signal = |name: &str, pid: &str| host.0.succeed(&["kill", "-s", name, pid]).unwrap();
    let bus = host.0.succeed(&["pidof", "dbus-daemon"]).unwrap();
    signal("STOP", bus.trim());
    bare("no answer in time");
    signal("CONT", bus.trim());
    // Process 1 takes no signal from inside its host.
    let leader = host.0.leader_pid().unwrap().to_string();
    let from_outside =
        |name: &str| std::process::Command::new("/bin/kill").args(["-s", name, &leader]).status();
    assert!(from_outside("STOP").unwrap().success());
    let seen = bare("no answer in time");
    assert!(!seen.bus_owners.is_empty(), "the bus itself has answered");
    assert!(from_outside("CONT").unwrap().success());
    host.0.succeed(&["systemctl", "stop", "dbus.socket", "dbus.service"]).unwrap();
    bare("system_bus_socket");
}
