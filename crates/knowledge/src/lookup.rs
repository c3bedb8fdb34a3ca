//! Finding the entry of a service.

use std::borrow::Cow;
use std::collections::HashMap;

use doorward_model::{Owner, Service};
use globset::{GlobBuilder, GlobMatcher};

use crate::{ApplicationEntry, BaseEntry, Knowledge, RoleEntry, ServiceEntry, System, Systems, holds_on};

/// An index over the entries of one system, made once and asked for every service of a host.
#[derive(Debug)]
pub struct Index<'k> {
    knowledge: &'k Knowledge,
    system: System,
    units: HashMap<Cow<'k, str>, &'k ServiceEntry>,
    globs: Vec<(GlobMatcher, &'k ServiceEntry)>,
    programs: HashMap<Cow<'k, str>, &'k ServiceEntry>,
    base: Vec<(GlobMatcher, &'k BaseEntry)>,
}

impl<'k> Index<'k> {
    /// Indexes the entries of Linux.
    pub fn new(knowledge: &'k Knowledge) -> Self {
        Self::for_system(knowledge, System::Linux)
    }

    /// Indexes the entries of a system. Names of Windows are found in any case.
    pub fn for_system(knowledge: &'k Knowledge, system: System) -> Self {
        let mut index = Self {
            knowledge,
            system,
            units: HashMap::new(),
            globs: Vec::new(),
            programs: HashMap::new(),
            base: Vec::new(),
        };
        let glob = |pattern: &str| system_glob(pattern, system).ok();
        for entry in knowledge.services.iter().filter(|e| e.is_of(system)) {
            for unit in &entry.units {
                if unit.contains('*') {
                    index.globs.extend(glob(unit).map(|g| (g, entry)));
                } else {
                    index.units.entry(folded(unit, system)).or_insert(entry);
                }
            }
            for program in &entry.programs {
                index.programs.entry(folded(program, system)).or_insert(entry);
            }
        }
        for entry in knowledge.base.iter().filter(|e| e.is_of(system)) {
            index.base.extend(entry.units.iter().filter_map(|u| Some((glob(u)?, entry))));
        }
        index
    }

    /// The system whose entries it holds.
    pub fn system(&self) -> System {
        self.system
    }

    /// Whether a fact limited to `systems` holds here.
    pub fn holds(&self, systems: &[Systems]) -> bool {
        holds_on(systems, self.system)
    }

    /// The services of the system.
    pub fn services(&self) -> impl Iterator<Item = &'k ServiceEntry> + use<'k> {
        let system = self.system;
        self.knowledge.services.iter().filter(move |e| e.is_of(system))
    }

    /// The roles of the system.
    pub fn roles(&self) -> impl Iterator<Item = &'k RoleEntry> + use<'k> {
        let system = self.system;
        self.knowledge.roles.iter().filter(move |e| e.is_of(system))
    }

    /// The applications of the system.
    pub fn applications(&self) -> impl Iterator<Item = &'k ApplicationEntry> + use<'k> {
        let system = self.system;
        self.knowledge.applications.iter().filter(move |e| e.is_of(system))
    }

    /// The entries themselves.
    pub fn knowledge(&self) -> &'k Knowledge {
        self.knowledge
    }

    /// The entry of a service: by its name or an alias, by the name of the inetd entry or module, by its program.
    pub fn service(&self, service: &Service) -> Option<&'k ServiceEntry> {
        let names = || std::iter::once(&service.name).chain(&service.aliases).map(String::as_str);
        names()
            .find_map(|name| self.by_name(name))
            .or_else(|| service.executable.as_deref().and_then(|path| self.by_program(path)))
    }

    /// The entry that a manager's name leads to (`ssh.service`, `inetd:telnet`, `process:socat`, `kernel:nfsd`).
    pub fn by_name(&self, name: &str) -> Option<&'k ServiceEntry> {
        // A unit's own name may hold a colon as well: vncserver@:1.service.
        match name.split_once(':') {
            Some(("inetd" | "xinetd", rest)) => {
                return self.services().find(|e| e.inetd.iter().any(|i| i == rest));
            }
            Some(("kernel", rest)) => return self.services().find(|e| e.modules.iter().any(|m| m == rest)),
            Some(("container" | "process", rest)) => return self.by_program(rest),
            _ => {}
        }
        let exact = self.units.get(&folded(name, self.system)).copied();
        exact.or_else(|| self.globs.iter().find(|(g, _)| g.is_match(name)).map(|(_, e)| *e))
    }

    /// The entry of a program, by its base name.
    pub fn by_program(&self, path: &str) -> Option<&'k ServiceEntry> {
        let is_separator = |c: char| c == '/' || (c == '\\' && self.system != System::Linux);
        let name = folded(path.rsplit(is_separator).next().unwrap_or(path), self.system);
        self.programs.get(&name).copied().or_else(|| {
            // python3.11, php-fpm8.2: the name without its version
            let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            self.programs.get(stem).copied()
        })
    }

    /// The entry of whatever owns a listener, for owners that no service names.
    pub fn owner(&self, owner: &Owner) -> Option<&'k ServiceEntry> {
        match owner {
            Owner::Processes { executable: Some(path), .. } => self.by_program(path),
            Owner::Kernel { module: Some(module) } => self.by_name(&format!("kernel:{module}")),
            _ => None,
        }
    }

    /// The base entry of a unit name.
    pub fn base(&self, name: &str) -> Option<&'k BaseEntry> {
        self.base.iter().find(|(g, _)| g.is_match(name)).map(|(_, e)| *e)
    }

    /// The entry with this id.
    pub fn entry(&self, id: &str) -> Option<&'k ServiceEntry> {
        let services = &self.knowledge.services;
        services.binary_search_by(|e| e.id.as_str().cmp(id)).ok().map(|at| &services[at])
    }
}

/// A name as the maps hold it: Windows tells no case apart.
fn folded(name: &str, system: System) -> Cow<'_, str> {
    match system {
        System::Windows(_) if name.chars().any(char::is_uppercase) => Cow::Owned(name.to_lowercase()),
        _ => Cow::Borrowed(name),
    }
}

/// A unit pattern: only `*` is special.
pub(crate) fn glob(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    system_glob(pattern, System::Linux)
}

fn system_glob(pattern: &str, system: System) -> Result<GlobMatcher, globset::Error> {
    let escaped: String = pattern
        .chars()
        .flat_map(|c| match c {
            '*' => vec!['*'],
            '[' | ']' | '{' | '}' | '?' | '!' | '\\' => vec!['\\', c],
            other => vec![other],
        })
        .collect();
    GlobBuilder::new(&escaped)
        .literal_separator(false)
        .backslash_escape(true)
        .case_insensitive(system != System::Linux)
        .build()
        .map(|g| g.compile_matcher())
}
