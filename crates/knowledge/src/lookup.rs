//! Finding the entry of a service.

use std::collections::HashMap;

use doorward_model::{Owner, Service};
use globset::{GlobBuilder, GlobMatcher};

use crate::{BaseEntry, Knowledge, ServiceEntry};

/// An index over the entries, made once and asked for every service of a host.
#[derive(Debug)]
pub struct Index<'k> {
    knowledge: &'k Knowledge,
    units: HashMap<&'k str, &'k ServiceEntry>,
    globs: Vec<(GlobMatcher, &'k ServiceEntry)>,
    programs: HashMap<&'k str, &'k ServiceEntry>,
    base: Vec<(GlobMatcher, &'k BaseEntry)>,
}

impl<'k> Index<'k> {
    /// Indexes all entries.
    pub fn new(knowledge: &'k Knowledge) -> Self {
        let mut index = Self {
            knowledge,
            units: HashMap::new(),
            globs: Vec::new(),
            programs: HashMap::new(),
            base: Vec::new(),
        };
        for entry in &knowledge.services {
            for unit in &entry.units {
                if unit.contains('*') {
                    index.globs.extend(glob(unit).ok().map(|g| (g, entry)));
                } else {
                    index.units.entry(unit).or_insert(entry);
                }
            }
            for program in &entry.programs {
                index.programs.entry(program).or_insert(entry);
            }
        }
        for entry in &knowledge.base {
            index.base.extend(entry.units.iter().filter_map(|u| Some((glob(u).ok()?, entry))));
        }
        index
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
        let services = &self.knowledge.services;
        match name.split_once(':') {
            Some(("inetd" | "xinetd", rest)) => {
                return services.iter().find(|e| e.inetd.iter().any(|i| i == rest));
            }
            Some(("kernel", rest)) => return services.iter().find(|e| e.modules.iter().any(|m| m == rest)),
            Some(("container" | "process", rest)) => return self.by_program(rest),
            _ => {}
        }
        let exact = self.units.get(name).copied();
        exact.or_else(|| self.globs.iter().find(|(g, _)| g.is_match(name)).map(|(_, e)| *e))
    }

    /// The entry of a program, by its base name.
    pub fn by_program(&self, path: &str) -> Option<&'k ServiceEntry> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.programs.get(name).copied().or_else(|| {
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

/// A unit pattern: only `*` is special.
pub(crate) fn glob(pattern: &str) -> Result<GlobMatcher, globset::Error> {
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
        .build()
        .map(|g| g.compile_matcher())
}
