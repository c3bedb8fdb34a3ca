#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

mod fake;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use doorward_model::{Dependency, DependencyKind, MemoryMethod};
use zbus::Variant;

use super::*;
use crate::process::Process;
use fake::{Answer, Fake, Question, listed};

/// Units of a host: a web server with its database, and a socket, enabled, that starts another service.
const FILES: [(&str, &str); 4] = [
    ("web.service", "[Unit]\nRequires=db.service\n[Service]\nExecStart=/usr/sbin/web\nUser=www\n"),
    ("db.service", "[Service]\nExecStart=/usr/sbin/db\n"),
    ("print.socket", "[Socket]\nListenStream=/run/print\n"),
    ("print.service", "[Service]\nExecStart=/usr/sbin/print\n[Install]\nWantedBy=multi-user.target\n"),
];

const UNITS: &str = "/usr/lib/systemd/system";

fn tree() -> (tempfile::TempDir, Tree) {
    let dir = tempfile::tempdir().unwrap();
    let units = dir.path().join(UNITS.trim_start_matches('/'));
    std::fs::create_dir_all(&units).unwrap();
    for (name, text) in FILES {
        std::fs::write(units.join(name), text).unwrap();
    }
    let wants = dir.path().join("etc/systemd/system/sockets.target.wants");
    std::fs::create_dir_all(&wants).unwrap();
    std::os::unix::fs::symlink(format!("{UNITS}/print.socket"), wants.join("print.socket")).unwrap();
    let tree = Tree::open(dir.path()).unwrap();
    (dir, tree)
}

/// The web server with a worker, the database alone, and a login.
fn table() -> Processes {
    let process = |pid, parent, cgroup: &str| Process {
        pid,
        parent,
        cgroup: Some(cgroup.to_owned()),
        capabilities: u64::from(pid == 11) << 10,
        cpu_usec: 500,
        started: 1000 + u64::from(pid),
        ..Process::default()
    };
    Processes::of(vec![
        process(1, 0, "/init.scope"),
        process(10, 11, "/system.slice/web.service"),
        process(11, 1, "/system.slice/web.service"),
        process(20, 1, "/system.slice/db.service"),
        process(30, 1, "/user.slice/user-0.slice/session-1.scope"),
        process(40, 1, "/system.slice/gone.service"),
    ])
}

fn collect_with(fake: &Fake, limit: u64) -> Facts<SystemdFacts> {
    let (_dir, tree) = tree();
    collect_from(&fake.socket, Duration::from_millis(limit), &table(), &tree)
}

fn service<'f>(facts: &'f Facts<SystemdFacts>, name: &str) -> &'f Service {
    facts.value.services.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name} in {facts:#?}"))
}

/// A manager whose units were read at `loaded_at`, and that knows of `web.service` another dependency than its file.
fn honest(question: &Question, loaded_at: u64) -> Answer {
    let unit = question.path.rsplit('/').next().unwrap_or_default();
    match (question.method.as_str(), unit, question.about.as_str()) {
        ("ListNames", ..) => Answer::Names(vec![":1.7", "org.example.Web", "org.freedesktop.DBus"]),
        ("ListUnits", ..) => Answer::Units(vec![
            listed("web.service", "loaded", "active", "running"),
            listed("db.service", "loaded", "failed", "failed"),
            listed("print.socket", "loaded", "active", "listening"),
            listed("only-named.service", "not-found", "inactive", "dead"),
            listed("removed.service", "not-found", "failed", "failed"),
            listed("made@1.service", "loaded", "active", "exited"),
            listed("var.mount", "loaded", "active", "mounted"),
            listed("session-1.scope", "loaded", "active", "running"),
        ]),
        ("GetConnectionUnixProcessID", _, "org.example.Web") => Answer::Pid(10),
        ("GetConnectionUnixProcessID", ..) => Answer::Error("org.freedesktop.DBus.Error.NameHasNoOwner"),
        (_, _, "UnitsLoadTimestamp") => Answer::Property(Variant::from(loaded_at)),
        (_, _, "UnitPath") => Answer::Property(Variant::from(vec![UNITS])),
        (_, "web_2eservice", "ActiveEnterTimestamp") => Answer::Property(Variant::from(7_000_000_u64)),
        (_, "web_2eservice", "MainPID") => Answer::Property(Variant::from(11_u32)),
        (_, "web_2eservice", "MemoryCurrent") => Answer::Property(Variant::from(4096_u64)),
        (_, "web_2eservice", "CPUUsageNSec") => Answer::Property(Variant::from(9000_u64)),
        (_, "web_2eservice", "Requires") => {
            Answer::Property(Variant::from(vec!["cache.service", "system.slice"]))
        }
        (_, "print_2esocket", "Listen") => {
            let listens = vec![("Stream", "/run/print"), ("Stream", "[::]:631"), ("Netlink", "audit 1")];
            Answer::Property(Variant::from(listens))
        }
        (_, "made_401_2eservice", "Names") => {
            Answer::Property(Variant::from(vec!["made@1.service", "other.service"]))
        }
        (_, "made_401_2eservice", "UnitFileState") => Answer::Property(Variant::from("transient")),
        (_, "made_401_2eservice", "DynamicUser") => Answer::Property(Variant::from(true)),
        (_, "made_401_2eservice", "ExecStart") => {
            let command = ("/bin/made", vec!["made"], false, 0_u64, 0_u64, 0_u64, 0_u64, 0_u32, 0_i32, 0_i32);
            Answer::Property(Variant::from(vec![command]))
        }
        (_, "made_401_2eservice", "Wants") => {
            Answer::Property(Variant::from(vec!["web.service", "var.mount"]))
        }
        _ => Answer::Error("org.freedesktop.DBus.Error.UnknownProperty"),
    }
}

#[test]
fn the_manager_completes_what_files_say() {
    let facts = collect_with(&Fake::bus(|q| honest(q, u64::MAX)), 60_000);
    assert_eq!(facts.unseen, []);
    let names: Vec<_> = facts.value.services.iter().map(|s| s.name.as_str()).collect();
    let expected = ["db.service", "made@1.service", "print.service", "print.socket", "web.service"];
    assert_eq!(names, expected);

    let web = service(&facts, "web.service");
    assert_eq!(web.state, State::Running);
    assert_eq!(web.description.as_deref(), Some("The web.service"));
    assert_eq!(web.user.as_deref(), Some("www"));
    assert_eq!(web.processes, [10, 11]);
    assert_eq!(web.capabilities, ["CAP_NET_BIND_SERVICE"]);
    assert_eq!(web.active_since, Some(7));
    assert_eq!(web.memory.map(|m| (m.bytes, m.method)), Some((4096, MemoryMethod::Cgroup)));
    assert_eq!(web.cpu_usec, Some(9));
    assert_eq!(web.bus_names, ["org.example.Web"]);
    assert!(
        requires(web, "db.service") && !requires(web, "cache.service"),
        "files say it, as long as they are read"
    );

    // The manager's word counts, even while processes are left.
    let db = service(&facts, "db.service");
    assert_eq!((db.state, db.processes.as_slice(), db.cpu_usec), (State::Failed, &[20][..], Some(500)));
    let print = service(&facts, "print.service");
    assert_eq!((print.state, print.start), (State::Stopped, Start::Disabled));

    let made = service(&facts, "made@1.service");
    assert_eq!((made.state, made.start), (State::Exited, Start::Manual));
    assert_eq!(made.aliases, ["other.service"]);
    assert_eq!(made.executable.as_deref(), Some("/bin/made"));
    assert_eq!(made.user.as_deref(), Some("made"));
    let wanted = Dependency { kind: DependencyKind::Wants, on: "web.service".into() };
    assert_eq!(made.dependencies, [wanted]);

    let owners = [("org.example.Web".to_owned(), 10)];
    assert_eq!(facts.value.bus_owners, owners);
    let local = LocalSocket { path: "/run/print".into(), service: Some("print.service".into()) };
    assert_eq!(facts.value.local_sockets, [local]);
    let listener = facts.value.listeners.iter().find(|l| l.port == Some(631)).unwrap();
    assert_eq!(listener.service.as_deref(), Some("print.service"));
    assert_eq!(listener.via.as_deref(), Some("print.socket"));
}

fn requires(service: &Service, on: &str) -> bool {
    service.dependencies.iter().any(|d| d.kind == DependencyKind::Requires && d.on == on)
}

#[test]
fn files_that_changed_since_are_not_believed() {
    let facts = collect_with(&Fake::bus(|q| honest(q, 1)), 60_000);
    let web = service(&facts, "web.service");
    assert!(requires(web, "cache.service") && !requires(web, "db.service"), "{web:#?}");
    assert_eq!(web.executable.as_deref(), Some("/usr/sbin/web"), "what it does not say stays");
    let triggered = Dependency { kind: DependencyKind::Triggers, on: "print.service".into() };
    assert!(service(&facts, "print.socket").dependencies.contains(&triggered));
}

/// What is known without the manager: files, and processes.
fn assert_bare(facts: &Facts<SystemdFacts>, why: &str, remedy: &str) {
    let states: Vec<_> = facts.value.services.iter().map(|s| (s.name.as_str(), s.state)).collect();
    let expected = [
        ("db.service", State::Running),
        ("gone.service", State::Running),
        ("print.service", State::Unknown),
        ("print.socket", State::Unknown),
        ("web.service", State::Running),
    ];
    assert_eq!(states, expected);
    let web = service(facts, "web.service");
    assert!(requires(web, "db.service"));
    assert_eq!(web.capabilities, ["CAP_NET_BIND_SERVICE"]);
    assert_eq!((web.active_since, web.cpu_usec), (Some(1011), Some(1000)));
    let unseen = facts.unseen.iter().find(|u| u.subject == Subject::Services).unwrap();
    assert!(unseen.why.contains(why), "{unseen:?}");
    assert_eq!(unseen.remedy.as_deref(), Some(remedy));
}

#[test]
fn a_bus_that_says_nothing_costs_a_bounded_time() {
    let silent = Fake::serving(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    for fake in [silent, Fake::idle(), Fake::bus(|_| Answer::Nothing)] {
        let facts = collect_with(&fake, 60);
        assert_bare(&facts, "no answer in time", bus::IS_IT_WELL);
        assert!(facts.unseen.iter().any(|u| u.subject == Subject::Connections));
    }
}

#[test]
fn a_bus_whose_queue_is_full_costs_a_bounded_time() {
    let fake = Fake::idle();
    let mut waiting = Vec::new();
    loop {
        let socket = rustix::net::socket_with(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            rustix::net::SocketFlags::NONBLOCK,
            None,
        );
        let socket = socket.unwrap();
        let address = rustix::net::SocketAddrUnix::new(&fake.socket).unwrap();
        if rustix::net::connect(&socket, &address).is_err() {
            break;
        }
        waiting.push(socket);
    }
    assert_bare(&collect_with(&fake, 60), "no answer in time", bus::IS_IT_WELL);
}

#[test]
fn a_bus_that_hangs_up_is_noticed() {
    assert_bare(&collect_with(&Fake::serving(drop), 60_000), "it hung up", bus::IS_IT_WELL);
    assert_bare(&collect_with(&Fake::bus(|_| Answer::HangUp), 60_000), "it hung up", bus::IS_IT_WELL);
}

#[test]
fn rubbish_is_noticed() {
    let speak = |words: &'static [u8]| {
        Fake::serving(move |mut stream| {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(words);
            let _ = stream.read_to_end(&mut Vec::new());
        })
    };
    let other = speak(b"HTTP/1.1 400 Bad Request\r\n");
    assert_bare(&collect_with(&other, 60_000), "it does not speak D-Bus", bus::IS_IT_WELL);
    let endless = Fake::serving(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    assert_bare(&collect_with(&endless, 60_000), "it does not speak D-Bus", bus::IS_IT_WELL);
    let rejected = speak(b"REJECTED EXTERNAL\r\n");
    assert_bare(&collect_with(&rejected, 60_000), "it does not let us in", "run as root");
    let later = Fake::bus(|_| Answer::Bytes(b"\x07 this is no message at all".repeat(9)));
    assert_bare(&collect_with(&later, 60_000), "it does not speak D-Bus", bus::IS_IT_WELL);
    let giant = Fake::bus(|_| Answer::Bytes(b"l\x02\x01\x01\xff\xff\xff\x7f\x01\0\0\0\0\0\0\0".to_vec()));
    assert_bare(&collect_with(&giant, 60_000), "it does not speak D-Bus", bus::IS_IT_WELL);
    // Well-formed, but not what was asked for.
    let wrong = Fake::bus(|_| Answer::Pid(7));
    assert_bare(&collect_with(&wrong, 60_000), "no list of units", bus::IS_IT_WELL);
}

#[test]
fn a_bus_that_is_absent_or_denies_is_named() {
    let (_dir, tree) = tree();
    let facts = collect_from(Path::new("/nowhere/bus"), LIMIT, &table(), &tree);
    assert_bare(&facts, "/nowhere/bus: No such file", "start the system bus (dbus.socket)");
    let denying = Fake::bus(|_| Answer::Error("org.freedesktop.DBus.Error.AccessDenied"));
    assert_bare(&collect_with(&denying, 60_000), "AccessDenied", "run as root");
}

#[test]
fn a_manager_that_stops_answering_leaves_what_it_has_said() {
    let fake = Fake::bus(|question| match question.about.as_str() {
        "MainPID" | "Requires" | "Listen" => Answer::Nothing,
        _ => honest(question, 1),
    });
    let facts = collect_with(&fake, 1000);
    assert_eq!(service(&facts, "db.service").state, State::Failed);
    assert_eq!(facts.value.bus_owners.len(), 1);
    let web = service(&facts, "web.service");
    assert!(requires(web, "db.service"), "a definition that was not told in full does not count");
    assert_eq!(web.capabilities, ["CAP_NET_BIND_SERVICE"], "told by the process table");
    assert_eq!(facts.value.local_sockets.len(), 1, "told by files");
    let [unseen] = facts.unseen.as_slice() else { panic!("{:#?}", facts.unseen) };
    assert!(unseen.what.starts_with("main processes"), "{unseen:?}");
}

#[test]
fn changes_to_unit_files_are_seen_wherever_they_are() {
    let (dir, tree) = tree();
    let places = [UNITS.to_owned(), "/run/systemd/generator".to_owned()];
    let units = dir.path().join(UNITS.trim_start_matches('/'));
    std::fs::create_dir_all(units.join("web.service.d")).unwrap();
    std::fs::write(units.join("web.service.d/10.conf"), "").unwrap();
    let changed_since = |time| changed::since(&tree, &places, time);
    // The clock that files' times are taken from runs in coarse steps.
    let tick = || {
        std::thread::sleep(Duration::from_millis(20));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        u64::try_from(now.as_micros()).unwrap()
    };
    let time = tick();
    assert!(!changed_since(time));
    assert!(changed::since(&tree, &[], time), "without a search path nothing is certain");
    std::fs::create_dir_all(dir.path().join("run/systemd/generator")).unwrap();
    assert!(!changed_since(time), "generators write after the manager has begun to read");

    std::fs::write(units.join("web.service.d/10.conf"), "[Unit]\n").unwrap();
    assert!(changed_since(time), "content of a drop-in");
    let time = tick();
    std::os::unix::fs::symlink("/dev/null", units.join("db.service.d")).unwrap();
    assert!(changed_since(time), "a new name");
    std::fs::remove_file(units.join("db.service.d")).unwrap();
    let time = tick();
    assert!(!changed_since(time));
    std::fs::remove_file(units.join("db.service")).unwrap();
    assert!(changed_since(time), "a name that is gone");
    std::fs::create_dir_all(units.join("web.service.wants")).unwrap();
    let time = tick();
    std::os::unix::fs::symlink("../db.service", units.join("web.service.wants/db.service")).unwrap();
    assert!(changed_since(time), "a link that pulls in");
}
