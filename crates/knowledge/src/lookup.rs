//! Finding the entry of a service.

use std::borrow::Cow;
use std::collections::HashMap;

use doorward_model::{Owner, Service};

use crate::pattern::folded;
use crate::{
    ApplicationEntry, BaseEntry, FindingEntry, Knowledge, Pattern, RoleEntry, ServiceEntry, System, Systems,
    holds_on,
};

/// An index over the entries of one system, made once and asked for every service of a host.
#[derive(Debug)]
pub struct Index<'k> {
    knowledge: &'k Knowledge,
    system: System,
    units: Names<'k, ServiceEntry>,
    programs: HashMap<Cow<'k, str>, &'k ServiceEntry>,
    base: Names<'k, BaseEntry>,
}

impl<'k> Index<'k> {
    /// Indexes the entries of Linux.
    pub fn new(knowledge: &'k Knowledge) -> Self {
        Self::for_system(knowledge, System::Linux)
    }

    /// Indexes the entries of a system. Names of Windows are found in any case.
    pub fn for_system(knowledge: &'k Knowledge, system: System) -> Self {
        let caseless = system != System::Linux;
        let mut units = Names::new(caseless);
        let mut programs = HashMap::new();
        for entry in knowledge.services.iter().filter(|e| e.is_of(system)) {
            units.add(&entry.units, entry);
            for program in &entry.programs {
                programs.entry(folded(program, caseless)).or_insert(entry);
            }
        }
        let mut base = Names::new(caseless);
        for entry in knowledge.base.iter().filter(|e| e.is_of(system)) {
            base.add(&entry.units, entry);
        }
        Self { knowledge, system, units, programs, base }
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

    /// Settings of the system that let in more than they should.
    pub fn findings(&self) -> impl Iterator<Item = &'k FindingEntry> + use<'k> {
        let system = self.system;
        self.knowledge.findings.iter().filter(move |e| e.is_of(system))
    }

    /// The entries themselves.
    pub fn knowledge(&self) -> &'k Knowledge {
        self.knowledge
    }

    /// Whether a service is one of those that a unit name or glob means.
    pub fn matches(&self, pattern: &str, service: &Service) -> bool {
        let pattern = self.pattern(pattern);
        std::iter::once(&service.name).chain(&service.aliases).any(|name| pattern.is_match(name))
    }

    /// A pattern that compares as the system's own names do.
    pub fn pattern<'p>(&self, text: &'p str) -> Pattern<'p> {
        Pattern::new(text, self.system != System::Linux)
    }

    fn folded<'n>(&self, name: &'n str) -> Cow<'n, str> {
        folded(name, self.system != System::Linux)
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
        self.units.find(name)
    }

    /// The entry of a program, by its base name.
    pub fn by_program(&self, path: &str) -> Option<&'k ServiceEntry> {
        let is_separator = |c: char| c == '/' || (c == '\\' && self.system != System::Linux);
        let name = self.folded(path.rsplit(is_separator).next().unwrap_or(path));
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
        self.base.find(name)
    }

    /// The entry with this id.
    pub fn entry(&self, id: &str) -> Option<&'k ServiceEntry> {
        let services = &self.knowledge.services;
        services.binary_search_by(|e| e.id.as_str().cmp(id)).ok().map(|at| &services[at])
    }
}

/// Entries by the names and patterns that they give; a whole name comes before a pattern, an earlier one before a later.
#[derive(Debug)]
struct Names<'k, T> {
    caseless: bool,
    whole: HashMap<Cow<'k, str>, &'k T>,
    patterns: Vec<(Pattern<'k>, &'k T)>,
}

impl<'k, T> Names<'k, T> {
    fn new(caseless: bool) -> Self {
        Self { caseless, whole: HashMap::new(), patterns: Vec::new() }
    }

    fn add(&mut self, names: &'k [String], entry: &'k T) {
        for name in names {
            if name.contains('*') {
                self.patterns.push((Pattern::new(name, self.caseless), entry));
            } else {
                self.whole.entry(folded(name, self.caseless)).or_insert(entry);
            }
        }
    }

    fn find(&self, name: &str) -> Option<&'k T> {
        let name = folded(name, self.caseless);
        let whole = self.whole.get(&name).copied();
        whole.or_else(|| self.patterns.iter().find(|(p, _)| p.is_match_folded(&name)).map(|(_, e)| *e))
    }
}
