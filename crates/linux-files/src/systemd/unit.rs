//! What a unit's files say, its main file and its drop-ins taken together.

use doorward_model::{Dependency, DependencyKind, Subject, Unseen};

use super::install::Install;
use super::name::{self, UnitType};
use super::syntax::{Assignment, boolean, expand, first_word, words};

/// The characters before a command's path that change how it is run.
const COMMAND_PREFIXES: &[char] = &['@', '-', ':', '+', '!', '|'];

/// A unit as its files define it.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// What its own assignments name, not yet what the manager adds by itself.
    pub(super) dependencies: Vec<Dependency>,
    pub(super) no_default_dependencies: bool,
    /// Program of its first `ExecStart=`, absolute or to be looked for.
    pub(super) program: Option<String>,
    pub(super) user: Option<String>,
    pub(super) dynamic_user: bool,
    pub(super) service_type: Option<String>,
    pub(super) bus_name: Option<String>,
    /// `Sockets=` of a service.
    pub(super) sockets: Vec<String>,
    /// `Service=` of a socket, `Unit=` of a timer or path.
    pub(super) starts: Option<String>,
    pub(super) listening: Listening,
    pub(super) install: Install,
}

/// What a socket unit listens on.
#[derive(Debug, Default)]
pub(super) struct Listening {
    pub(super) accept: bool,
    pub(super) v6only: bool,
    pub(super) device: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) addresses: Vec<ListenLine>,
}

/// One `Listen…=` line.
#[derive(Debug)]
pub(super) struct ListenLine {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) file: String,
    pub(super) line: usize,
}

impl Unit {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Applies one assignment, after all earlier ones.
    pub(super) fn apply(&mut self, assignment: &Assignment, file: &str, unseen: &mut Vec<Unseen>) {
        let at = At { unit: self.name.clone(), file, line: assignment.line };
        let Assignment { key, value, .. } = assignment;
        match assignment.section.as_str() {
            "Unit" => self.unit_section(key, value, &at, unseen),
            "Service" => self.service_section(key, value, &at, unseen),
            "Socket" => self.socket_section(key, value, &at, unseen),
            "Timer" | "Path" if key == "Unit" => self.starts = at.name(value, unseen),
            "Install" => self.install_section(key, value, &at, unseen),
            _ => {}
        }
    }

    /// The units that this one starts when something comes: those of sockets, timers and paths.
    pub(super) fn triggers(&self) -> Option<String> {
        let same_name = |at: &str| {
            let stem = name::stem(&self.name);
            let stem = if at.is_empty() { stem } else { name::prefix(&self.name) };
            Some(format!("{stem}{at}.service")).filter(|n| name::is_valid(n))
        };
        match UnitType::of(&self.name)? {
            UnitType::Socket if self.starts.is_none() && self.listening.accept => same_name("@"),
            UnitType::Socket | UnitType::Timer | UnitType::Path => {
                self.starts.clone().or_else(|| same_name(""))
            }
            UnitType::Service | UnitType::Target => None,
        }
    }

    fn unit_section(&mut self, key: &str, value: &str, at: &At, unseen: &mut Vec<Unseen>) {
        let kind = match key {
            "Description" => {
                self.description = expand(value, &self.name).ok().or_else(|| Some(value.to_owned()));
                self.description.take_if(|d| d.is_empty());
                return;
            }
            "DefaultDependencies" => {
                self.no_default_dependencies =
                    boolean(value).map_or(self.no_default_dependencies, |yes| !yes);
                return;
            }
            "Requires" => DependencyKind::Requires,
            "Requisite" => DependencyKind::Requisite,
            "BindsTo" | "BindTo" => DependencyKind::BindsTo,
            "PartOf" => DependencyKind::PartOf,
            "Wants" => DependencyKind::Wants,
            "Upholds" => DependencyKind::Upholds,
            "Conflicts" => DependencyKind::Conflicts,
            _ => return,
        };
        let names = at.names(value, unseen);
        self.dependencies.extend(names.into_iter().map(|on| Dependency { kind, on }));
    }

    fn service_section(&mut self, key: &str, value: &str, at: &At, unseen: &mut Vec<Unseen>) {
        match key {
            "ExecStart" if value.is_empty() => self.program = None,
            "ExecStart" if self.program.is_none() => self.program = at.program(value, unseen),
            "User" => self.user = at.text(value, unseen),
            "DynamicUser" => self.dynamic_user = boolean(value).unwrap_or(self.dynamic_user),
            "Type" => self.service_type = Some(value.to_owned()).filter(|v| !v.is_empty()),
            "BusName" => self.bus_name = at.text(value, unseen),
            "Sockets" => self.sockets.extend(at.names(value, unseen)),
            _ => {}
        }
    }

    fn socket_section(&mut self, key: &str, value: &str, at: &At, unseen: &mut Vec<Unseen>) {
        let listening = &mut self.listening;
        match key {
            "ListenStream" | "ListenDatagram" | "ListenSequentialPacket" if value.is_empty() => {
                listening.addresses.clear();
            }
            "ListenStream" | "ListenDatagram" | "ListenSequentialPacket" => {
                listening.addresses.extend(at.text(value, unseen).map(|value| ListenLine {
                    key: key.to_owned(),
                    value,
                    file: at.file.to_owned(),
                    line: at.line,
                }));
            }
            "Accept" => listening.accept = boolean(value).unwrap_or(listening.accept),
            "BindIPv6Only" => listening.v6only = value == "ipv6-only",
            "BindToDevice" => listening.device = at.text(value, unseen),
            "SocketProtocol" => listening.protocol = Some(value.to_owned()).filter(|v| !v.is_empty()),
            "Service" => self.starts = at.name(value, unseen),
            _ => {}
        }
    }

    fn install_section(&mut self, key: &str, value: &str, at: &At, unseen: &mut Vec<Unseen>) {
        match key {
            "WantedBy" | "RequiredBy" | "UpheldBy" => self.install.has_rules |= !value.is_empty(),
            "Alias" => {
                let names = at.names(value, unseen);
                self.install.has_rules |= !names.is_empty();
                self.install.aliases.extend(names);
            }
            "DefaultInstance" => self.install.default_instance = at.text(value, unseen),
            _ => {}
        }
    }
}

/// Where a value stands.
struct At<'a> {
    unit: String,
    file: &'a str,
    line: usize,
}

impl At<'_> {
    /// The value with its specifiers replaced; `None` for an empty one.
    fn text(&self, value: &str, unseen: &mut Vec<Unseen>) -> Option<String> {
        match expand(value, &self.unit) {
            Ok(text) => Some(text).filter(|t| !t.is_empty()),
            Err(specifier) => {
                let why = format!("%{specifier} in {value:.80} is known to the running host only");
                unseen.push(self.unseen(Subject::Services, why));
                None
            }
        }
    }

    /// Names of units, those that are none left out.
    fn names(&self, value: &str, unseen: &mut Vec<Unseen>) -> Vec<String> {
        let mut names = Vec::new();
        let mut bad = None;
        for word in words(value) {
            match expand(&word, &self.unit) {
                Ok(name) if name::is_valid(&name) => names.push(name),
                _ => bad = bad.or(Some(word)),
            }
        }
        // `%i.device` of a template is a name in its instances only.
        if let Some(word) = bad.filter(|_| !name::is_template(&self.unit)) {
            unseen.push(self.unseen(Subject::Dependencies, format!("no unit has the name {word:.80}")));
        }
        names
    }

    fn name(&self, value: &str, unseen: &mut Vec<Unseen>) -> Option<String> {
        self.names(value, unseen).pop()
    }

    /// The program of a command line.
    fn program(&self, value: &str, unseen: &mut Vec<Unseen>) -> Option<String> {
        let word = first_word(value)?;
        let path = word.trim_start_matches(COMMAND_PREFIXES);
        self.text(path, unseen)
    }

    fn unseen(&self, subject: Subject, why: String) -> Unseen {
        Unseen::new(subject, format!("{}:{} ({})", self.file, self.line, self.unit), why)
    }
}
