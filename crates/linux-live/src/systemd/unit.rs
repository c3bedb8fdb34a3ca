//! A unit that the manager has loaded, and the properties of it that are asked for.

use std::rc::Rc;

use doorward_model::{DependencyKind, State};
use zbus::OwnedObjectPath;

use super::bus::Reply;
use super::words;
use crate::sockets::attribute::is_managed;

/// The types of units that are services to us; scopes that stand for what runs in them come on top.
const TYPES: [&str; 5] = [".service", ".socket", ".timer", ".path", ".target"];

/// Dependencies and the properties that hold them.
pub(super) const DEPENDENCIES: [(DependencyKind, &str); 8] = [
    (DependencyKind::Requires, "Requires"),
    (DependencyKind::Requisite, "Requisite"),
    (DependencyKind::BindsTo, "BindsTo"),
    (DependencyKind::PartOf, "PartOf"),
    (DependencyKind::Wants, "Wants"),
    (DependencyKind::Upholds, "Upholds"),
    (DependencyKind::Triggers, "Triggers"),
    (DependencyKind::Conflicts, "Conflicts"),
];

/// What `ListUnits` says of each unit: name, description, load state, active state, sub state, the unit that it
/// follows, its path, and its job.
pub(super) type Listed =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// An `ExecStart=`: program, arguments, whether failure is tolerated, and how its last run went.
type Command = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

/// A loaded unit.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) description: String,
    /// Whether there was a file, or whatever else defines it.
    pub(super) is_found: bool,
    pub(super) state: State,
    /// Where it is asked.
    pub(super) path: Rc<str>,
    pub(super) vitals: Vitals,
    /// How the manager has it defined, if it was asked.
    pub(super) definition: Option<Definition>,
}

/// What changes while a unit runs.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// In seconds since the epoch.
    pub(super) active_since: Option<u64>,
    pub(super) main_pid: Option<u32>,
    pub(super) memory: Option<u64>,
    pub(super) cpu_usec: Option<u64>,
    /// Kind and address of what a socket listens on.
    pub(super) listens: Vec<(String, String)>,
}

/// What a unit's files say, as the manager has read them. What it did not answer is `None` or left out.
#[derive(Debug, Default)]
pub(super) struct Definition {
    pub(super) names: Vec<String>,
    pub(super) file: Option<String>,
    pub(super) file_state: Option<String>,
    pub(super) dependencies: Vec<(DependencyKind, Vec<String>)>,
    pub(super) program: Option<String>,
    pub(super) user: Option<String>,
    pub(super) dynamic_user: bool,
    pub(super) bus_name: Option<String>,
}

/// A property of a unit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Property {
    ActiveSince,
    MainPid,
    Memory,
    Cpu,
    Listen,
    Names,
    File,
    FileState,
    Dependency(DependencyKind, &'static str),
    Program,
    User,
    DynamicUser,
    BusName,
}

/// Whether a unit of that name is started, or starts others: no mount, slice or device.
pub(super) fn is_service_to_us(name: &str) -> bool {
    TYPES.iter().any(|ending| name.ends_with(ending))
}

impl Unit {
    /// `None` for units that are no services to us.
    pub(super) fn listed(listed: Listed) -> Option<Self> {
        let (name, description, load, active, sub, _, path, ..) = listed;
        let is_ours = is_service_to_us(&name) || (name.strip_suffix(".scope").is_some() && is_managed(&name));
        is_ours.then(|| Self {
            is_found: load != "not-found",
            state: words::state(&active, &sub),
            path: path.as_str().into(),
            name,
            description,
            ..Self::default()
        })
    }

    /// Whether it is of the type with that ending.
    pub(super) fn is(&self, ending: &str) -> bool {
        self.name.ends_with(ending)
    }

    /// Whether there is more to it than that others name it, or that it failed before its file was removed.
    pub(super) fn exists(&self) -> bool {
        self.is_found || self.is_active()
    }

    pub(super) fn is_active(&self) -> bool {
        matches!(self.state, State::Running | State::Exited | State::Changing)
    }

    /// What is worth knowing of it while it runs, with that many processes.
    pub(super) fn vital_signs(&self, processes: usize) -> impl Iterator<Item = Property> + use<> {
        let is_service = self.is(".service");
        let is_group = (is_service || self.is(".scope")) && processes > 0;
        let signs = [
            (!self.is(".target"), Property::ActiveSince),
            // One process is the main one.
            (is_service && processes > 1, Property::MainPid),
            (is_group, Property::Memory),
            (is_group, Property::Cpu),
            (self.is(".socket"), Property::Listen),
        ];
        let is_active = self.is_active();
        signs.into_iter().filter(move |(applies, _)| is_active && *applies).map(|(_, property)| property)
    }

    /// What its files say, and for one without files (`is_known` is false) what they would. The state of a file
    /// takes the manager a look at every directory, so it is not asked in vain.
    pub(super) fn defining(&self, is_known: bool) -> impl Iterator<Item = Property> + use<> {
        use Property::{BusName, DynamicUser, File, FileState, Names, Program, User};
        let is_service = self.is(".service");
        let of_services = [Program, User, DynamicUser, BusName].into_iter().filter(move |_| is_service);
        let of_files = [File, FileState].into_iter().filter(move |_| !is_known);
        let dependencies = DEPENDENCIES.map(|(kind, name)| Property::Dependency(kind, name));
        [Names].into_iter().chain(of_files).chain(dependencies).chain(of_services)
    }

    /// Notes what the manager answered.
    pub(super) fn note(&mut self, property: Property, reply: &Reply<'_>) {
        // What it says where it does not count.
        let counted = |n: &u64| *n != u64::MAX;
        match property {
            Property::ActiveSince => {
                let time = reply.property().filter(|t: &u64| *t > 0);
                self.vitals.active_since = time.map(|t| t / 1_000_000);
            }
            Property::MainPid => self.vitals.main_pid = reply.property().filter(|pid: &u32| *pid > 0),
            Property::Memory => self.vitals.memory = reply.property().filter(counted),
            Property::Cpu => self.vitals.cpu_usec = reply.property().filter(counted).map(|t| t / 1000),
            Property::Listen => self.vitals.listens = reply.property().unwrap_or_default(),
            _ => self.definition.get_or_insert_default().note(property, reply),
        }
    }
}

impl Definition {
    fn note(&mut self, property: Property, reply: &Reply<'_>) {
        let text = || reply.property::<String>().filter(|t| !t.is_empty());
        match property {
            Property::Names => self.names = reply.property().unwrap_or_default(),
            Property::File => self.file = text(),
            Property::FileState => self.file_state = text(),
            Property::Dependency(kind, _) => {
                self.dependencies.extend(reply.property().map(|on: Vec<String>| (kind, on)));
            }
            Property::Program => {
                let commands: Option<Vec<Command>> = reply.property();
                self.program = commands.and_then(|c| c.into_iter().next()).map(|(program, ..)| program);
            }
            Property::User => self.user = text(),
            Property::DynamicUser => self.dynamic_user = reply.property().unwrap_or(false),
            Property::BusName => self.bus_name = text(),
            Property::ActiveSince
            | Property::MainPid
            | Property::Memory
            | Property::Cpu
            | Property::Listen => {}
        }
    }
}

impl Property {
    /// Its interface, for a unit of that name, and its own name.
    pub(super) fn place(self, unit: &str) -> (&'static str, &'static str) {
        const EVERY: &str = "org.freedesktop.systemd1.Unit";
        let own = match unit.rsplit_once('.').map(|(_, ending)| ending) {
            Some("socket") => "org.freedesktop.systemd1.Socket",
            Some("scope") => "org.freedesktop.systemd1.Scope",
            _ => "org.freedesktop.systemd1.Service",
        };
        match self {
            Self::ActiveSince => (EVERY, "ActiveEnterTimestamp"),
            Self::Names => (EVERY, "Names"),
            Self::File => (EVERY, "FragmentPath"),
            Self::FileState => (EVERY, "UnitFileState"),
            Self::Dependency(_, name) => (EVERY, name),
            Self::MainPid => (own, "MainPID"),
            Self::Memory => (own, "MemoryCurrent"),
            Self::Cpu => (own, "CPUUsageNSec"),
            Self::Listen => (own, "Listen"),
            Self::Program => (own, "ExecStart"),
            Self::User => (own, "User"),
            Self::DynamicUser => (own, "DynamicUser"),
            Self::BusName => (own, "BusName"),
        }
    }
}
