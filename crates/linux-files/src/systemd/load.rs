//! From the search path to services: each unit's files are read, put together and given their implicit parts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use doorward_model::{Dependency, DependencyKind, Manager, Service, Start, Subject, Unseen};

use super::bus;
use super::generated::{self, Generated};
use super::install;
use super::name::{self, UnitType};
use super::search::{Index, Place, PullKind};
use super::syntax::UnitFile;
use super::unit::Unit;
use crate::{ReadError, Tree, unread::unread};

/// A unit file larger than this is hostile.
const FILE_LIMIT: u64 = 1 << 20;

/// Bytes of unit files that are read in all.
const BYTES_LIMIT: usize = 64 << 20;

/// Units that are loaded in all, instances included.
const UNIT_LIMIT: usize = 10_000;

/// Assignments that are applied in all: drop-ins for a whole type count for each unit of it.
const WORK_LIMIT: usize = 2_000_000;

/// Failures that are kept for each unit.
const COMPLAINT_LIMIT: usize = 8;

/// Where the manager looks for programs named without their directory.
const PROGRAM_PATH: &[&str] =
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Reads units, each file once and within bounds.
#[derive(Debug)]
pub(super) struct Loader<'t> {
    tree: &'t Tree,
    index: Index,
    /// Other names of units.
    aliases: HashMap<String, BTreeSet<String>>,
    generated: BTreeMap<String, Generated>,
    generated_aliases: HashMap<String, String>,
    bus_names: HashMap<String, Vec<String>>,
    dropins: HashMap<String, Rc<UnitFile>>,
    bytes: usize,
    work: usize,
    over_limit: bool,
    /// What could not be read.
    pub(super) unseen: Vec<Unseen>,
}

impl<'t> Loader<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        let mut unseen = Vec::new();
        let index = Index::read(tree, &mut unseen);
        let generated = generated::units(tree, &index, &mut unseen);
        let activations = bus::activations(tree, &mut unseen);
        let mut aliases: HashMap<String, BTreeSet<String>> = HashMap::new();
        for (name, place) in index.names() {
            if let (Place::Alias(_), Some((id, _))) = (place, index.find(name)) {
                aliases.entry(id).or_default().insert(name.to_owned());
            }
        }
        let mut generated_aliases = HashMap::new();
        for (id, unit) in &generated {
            aliases.entry(id.clone()).or_default().extend(unit.aliases.iter().cloned());
            generated_aliases.extend(unit.aliases.iter().map(|alias| (alias.clone(), id.clone())));
        }
        let mut loader = Self {
            tree,
            index,
            aliases,
            generated,
            generated_aliases,
            bus_names: HashMap::new(),
            dropins: HashMap::new(),
            bytes: 0,
            work: 0,
            over_limit: false,
            unseen,
        };
        for (unit, names) in activations {
            if let Some(id) = loader.canonical(&unit) {
                loader.bus_names.entry(id).or_default().extend(names);
            }
        }
        loader
    }

    /// The unit's own name, for any of its names; `None` when there is no such unit.
    pub(super) fn canonical(&self, name: &str) -> Option<String> {
        if let Some((id, _)) = self.index.find(name) {
            return Some(id);
        }
        if self.generated.contains_key(name) {
            return Some(name.to_owned());
        }
        self.generated_aliases.get(name).cloned()
    }

    /// Every unit of the types that matter: those with files, and the instances that something pulls in.
    pub(super) fn load_all(&mut self) -> (Vec<Service>, Vec<Unit>) {
        let files = self.index.names().map(|(name, _)| name.to_owned());
        let mut todo: Vec<String> = files.chain(self.index.pulled().map(str::to_owned)).collect();
        todo.extend(self.generated.keys().cloned());
        let mut done = HashSet::new();
        let mut loaded = BTreeMap::new();
        while let Some(name) = todo.pop() {
            let Some(id) = self.canonical(&name).filter(|id| UnitType::of(id).is_some()) else { continue };
            if !done.insert(id.clone()) {
                continue;
            }
            if done.len() > UNIT_LIMIT {
                self.refuse(format!("more than {UNIT_LIMIT} units"));
                break;
            }
            if let Some((service, unit)) = self.load(&id) {
                let instances = service.dependencies.iter().filter(|d| name::is_instance(&d.on));
                todo.extend(instances.map(|d| d.on.clone()));
                loaded.insert(id, (service, unit));
            }
        }
        loaded.into_values().unzip()
    }

    /// One unit, by any of its names.
    pub(super) fn load(&mut self, name: &str) -> Option<(Service, Unit)> {
        let id = self.canonical(name)?;
        let aliases = self.aliases_of(&id);
        let names: Vec<String> = std::iter::once(id.clone()).chain(aliases.iter().cloned()).collect();
        let mut unit = Unit::new(&id);
        let place = self.index.find(&id).map(|(_, place)| place.clone());
        let (definition, start) = match place {
            Some(Place::File { ref path, .. }) => {
                let path = path.clone();
                let Some(file) = self.read_main(&path, &id) else {
                    return Some((masked(id, aliases, path), unit));
                };
                self.apply(&mut unit, &file?, &path);
                self.apply_dropins(&mut unit, &names);
                let start = install::start(&self.index, &id, place.as_ref()?, &unit.install);
                (path, start)
            }
            Some(Place::Masked { path }) => return Some((masked(id, aliases, path), unit)),
            _ => {
                let generated = self.generated.get(&id)?;
                generated.fill(&mut unit);
                let (path, start) = (generated.path.clone(), generated.start);
                self.apply_dropins(&mut unit, &names);
                (path, start)
            }
        };
        let mut bus_names: BTreeSet<String> =
            self.bus_names.get(&id).into_iter().flatten().cloned().collect();
        bus_names.extend(unit.bus_name.clone());
        let service = Service {
            dependencies: self.dependencies(&unit, &names),
            name: id,
            aliases,
            manager: Manager::Systemd,
            description: unit.description.clone(),
            start,
            executable: unit.program.as_ref().and_then(|p| self.executable(p)),
            definition: Some(definition),
            user: user(&unit),
            bus_names: bus_names.into_iter().collect(),
            ..Service::default()
        };
        Some((service, unit))
    }

    /// Aliases, for instances those of the template with the instance put in.
    fn aliases_of(&self, id: &str) -> Vec<String> {
        let mut aliases = self.aliases.get(id).cloned().unwrap_or_default();
        if let (Some(instance), Some(template)) =
            (name::instance(id).filter(|i| !i.is_empty()), name::template_of(id))
        {
            let of_template = self.aliases.get(&template).into_iter().flatten();
            aliases.extend(of_template.filter_map(|alias| name::instantiate(alias, instance)));
        }
        aliases.remove(id);
        aliases.into_iter().collect()
    }

    /// A unit's main file: `None` when it is empty, which masks it; `Some(None)` when it cannot be read.
    #[expect(clippy::option_option, reason = "empty and unreadable are two different facts")]
    fn read_main(&mut self, path: &str, unit: &str) -> Option<Option<UnitFile>> {
        match self.read(path) {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => Some(Some(self.parse(&bytes, path))),
            Err(e) => {
                if !e.is_absent() {
                    self.unseen.push(unread(Subject::Services, format!("unit {unit}"), &e));
                }
                Some(None)
            }
        }
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, ReadError> {
        if self.bytes > BYTES_LIMIT {
            self.refuse(format!("more than {} MiB of unit files", BYTES_LIMIT >> 20));
            return Ok(Vec::new());
        }
        let bytes = self.tree.read(path, FILE_LIMIT)?;
        self.bytes += bytes.len();
        Ok(bytes)
    }

    fn parse(&mut self, bytes: &[u8], path: &str) -> UnitFile {
        let file = UnitFile::parse(bytes);
        if let Some((line, why)) = file.first_complaint {
            let more = match file.complaints {
                1 => String::new(),
                n => format!(", and {} more lines", n - 1),
            };
            self.unseen.push(Unseen::new(
                Subject::Services,
                format!("{path}:{line}"),
                format!("{why}{more}"),
            ));
        }
        file
    }

    fn apply(&mut self, unit: &mut Unit, file: &UnitFile, path: &str) {
        let mut complaints = Vec::new();
        for assignment in &file.assignments {
            if !self.works(1 + assignment.value.len() / 8) {
                break;
            }
            unit.apply(assignment, path, &mut complaints);
            complaints.truncate(COMPLAINT_LIMIT);
        }
        self.unseen.extend(complaints);
    }

    /// Drop-ins in the order of their file names; the nearest of those with the same name.
    fn apply_dropins(&mut self, unit: &mut Unit, names: &[String]) {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut considered = 0;
        for (file, path) in self.index.dropins(names).take(WORK_LIMIT.saturating_sub(self.work)) {
            files.entry(file.to_owned()).or_insert_with(|| path.to_owned());
            considered += 1;
        }
        self.works(considered);
        for path in files.into_values() {
            let file = self.dropin(&path, &unit.name);
            self.apply(unit, &file, &path);
        }
    }

    fn dropin(&mut self, path: &str, unit: &str) -> Rc<UnitFile> {
        if let Some(file) = self.dropins.get(path) {
            return Rc::clone(file);
        }
        // A link to /dev/null takes the drop-ins of that name away.
        let is_mask = self.tree.resolve(path).is_ok_and(|end| end.as_os_str() == "/dev/null");
        let file = match if is_mask { Ok(Vec::new()) } else { self.read(path) } {
            Ok(bytes) => Rc::new(self.parse(&bytes, path)),
            Err(e) => {
                if !e.is_absent() {
                    self.unseen.push(unread(Subject::Services, format!("settings of {unit}"), &e));
                }
                Rc::default()
            }
        };
        self.dropins.insert(path.to_owned(), Rc::clone(&file));
        file
    }

    /// Declared dependencies, those by links, and those that the manager adds by itself.
    fn dependencies(&mut self, unit: &Unit, names: &[String]) -> Vec<Dependency> {
        let mut all = self.linked(names);
        all.extend(unit.dependencies.iter().cloned());
        let mut add = |kind, on: &str| {
            all.insert(Dependency { kind, on: on.to_owned() });
        };
        if UnitType::of(&unit.name) == Some(UnitType::Target) {
            let of_target = |g: &Generated| names.iter().any(|n| g.wanted_by.contains(n.as_str()));
            let of_scripts = self.generated.iter().filter(|(_, script)| of_target(script));
            of_scripts.for_each(|(on, _)| add(DependencyKind::Wants, on));
        }
        unit.sockets.iter().for_each(|socket| add(DependencyKind::Wants, socket));
        if let Some(started) = unit.triggers() {
            add(DependencyKind::Triggers, &started);
        }
        if !unit.no_default_dependencies && unit.name != "shutdown.target" {
            add(DependencyKind::Conflicts, "shutdown.target");
            if UnitType::of(&unit.name) != Some(UnitType::Target) {
                add(DependencyKind::Requires, "sysinit.target");
            }
        }
        let on_bus = unit.service_type.as_deref().map_or(unit.bus_name.is_some(), |t| t == "dbus");
        if on_bus {
            add(DependencyKind::Requires, "dbus.socket");
        }
        let meant = all.into_iter().filter_map(|d| {
            // A template pulled in by an instance means its own instance; by others, nothing.
            let on = match name::instance(&unit.name).filter(|i| !i.is_empty()) {
                Some(instance) if name::is_template(&d.on) && d.kind != DependencyKind::Triggers => {
                    name::instantiate(&d.on, instance)?
                }
                _ => d.on,
            };
            let on = self.canonical(&on).unwrap_or(on);
            (on != unit.name).then_some(Dependency { kind: d.kind, on })
        });
        meant.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Dependencies by links in `.wants` directories and their like.
    fn linked(&mut self, names: &[String]) -> BTreeSet<Dependency> {
        let mut all = BTreeSet::new();
        let owners: BTreeSet<String> = names.iter().flat_map(|n| name::dropin_names(n)).collect();
        for (owner, (_, kind)) in owners.iter().flat_map(|owner| PullKind::ALL.map(|kind| (owner, kind))) {
            let room = WORK_LIMIT.saturating_sub(self.work);
            let links = self.index.pulls(owner, kind).take(room);
            let before = all.len();
            all.extend(links.map(|on| Dependency { kind: kind.dependency(), on: on.to_owned() }));
            let found = all.len() - before;
            self.works(found);
        }
        all
    }

    /// The absolute path of a program.
    fn executable(&self, program: &str) -> Option<String> {
        if program.starts_with('/') {
            return Some(program.to_owned());
        }
        let candidates = PROGRAM_PATH.iter().map(|dir| format!("{dir}/{program}"));
        candidates.into_iter().find(|path| !program.contains('/') && self.tree.exists(path))
    }

    /// Spends some of the work allowed; false when there is none left.
    fn works(&mut self, cost: usize) -> bool {
        self.work += cost;
        if self.work > WORK_LIMIT {
            self.refuse(format!("more than {WORK_LIMIT} assignments in units and their drop-ins"));
        }
        self.work <= WORK_LIMIT
    }

    /// Notes, once, that a bound was met.
    fn refuse(&mut self, why: String) {
        if !std::mem::replace(&mut self.over_limit, true) {
            self.unseen.push(Unseen::new(Subject::Services, "further systemd units", why));
        }
    }
}

fn masked(name: String, aliases: Vec<String>, path: String) -> Service {
    Service {
        name,
        aliases,
        manager: Manager::Systemd,
        start: Start::Masked,
        definition: Some(path),
        ..Service::default()
    }
}

/// The account that a service runs as.
fn user(unit: &Unit) -> Option<String> {
    unit.program.as_ref()?;
    let dynamic = || unit.dynamic_user.then(|| name::prefix(&unit.name).to_owned());
    unit.user.clone().or_else(dynamic).or_else(|| Some("root".into()))
}
