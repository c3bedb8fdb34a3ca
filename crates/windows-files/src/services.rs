//! Services and drivers of a control set, from `ControlSetNNN\Services`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use doorward_model::{
    Dependency, DependencyKind, Manager, Service, Start, State, Subject, Unseen, WindowsService,
};

use crate::image_path::{self, Variables};
use crate::registry::{Node, Registry};

mod failure;

/// Most dependencies that are kept in all: enough for any machine, not for a hostile hive.
const DEPENDENCY_LIMIT: usize = 200_000;

/// Services with the groups that they are in.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Sorted by name.
    pub(crate) services: Vec<Service>,
    /// Load-order groups, in their order.
    pub(crate) group_order: Vec<String>,
    /// Services of each group of `svchost.exe`, as SOFTWARE lists them.
    pub(crate) svchost_groups: BTreeMap<String, Vec<String>>,
}

/// What a service needs, before names are looked up.
struct Needs {
    services: Vec<String>,
    groups: Vec<String>,
}

/// Reads all services of a control set. A key without `Start` is no service.
pub(crate) fn collect(registry: Registry<'_>, set: &Node<'_>, variables: &Variables) -> Found {
    let set = set.clone().about(Subject::Services);
    let svchost_groups = svchost_groups(registry);
    let mut all: Vec<(Service, Needs)> = Vec::new();
    match set.child("Services") {
        Some(services) => {
            let listed = Listed::of(&svchost_groups);
            all.extend(services.children().filter_map(|key| service(&key, variables, &listed)));
        }
        None => set.note(&format!(r"{}\Services", set.place), "there is no such key: no service is known"),
    }
    all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let group_order =
        set.child(r"Control\ServiceGroupOrder").and_then(|key| key.texts("List")).unwrap_or_default();
    let services = resolve(all, &group_order, registry);
    Found { services, group_order, svchost_groups }
}

fn svchost_groups(registry: Registry<'_>) -> BTreeMap<String, Vec<String>> {
    let Some(key) = registry.software(r"Microsoft\Windows NT\CurrentVersion\Svchost", Subject::Services)
    else {
        return BTreeMap::new();
    };
    key.values()
        .filter(|value| value.kind() == doorward_hive::Kind::Strings)
        .filter_map(|value| Some((value.name().into_owned(), key.texts_in(&value.name(), &value)?)))
        .collect()
}

/// The services of each group of `svchost.exe`, to be looked up; all names in lower case.
struct Listed(HashMap<String, HashSet<String>>);

impl Listed {
    fn of(groups: &BTreeMap<String, Vec<String>>) -> Self {
        let mut all: HashMap<String, HashSet<String>> = HashMap::new();
        for (name, members) in groups {
            let members = || members.iter().map(|member| member.to_ascii_lowercase()).collect();
            all.entry(name.to_ascii_lowercase()).or_insert_with(members);
        }
        Self(all)
    }

    /// Whether a service is in the group that it names; `None` when nothing is known of groups, or it names none.
    fn has(&self, service: &str, group: Option<&str>) -> Option<bool> {
        let group = group.filter(|_| !self.0.is_empty())?.to_ascii_lowercase();
        Some(self.0.get(&group).is_some_and(|members| members.contains(&service.to_ascii_lowercase())))
    }
}

fn service(key: &Node<'_>, variables: &Variables, svchost: &Listed) -> Option<(Service, Needs)> {
    let mut start = None;
    let mut windows = WindowsService::default();
    let mut needs = Needs { services: Vec::new(), groups: Vec::new() };
    let (mut display, mut description, mut dll, mut command, mut actions) = (None, None, None, None, None);
    for value in key.values() {
        let name = value.name();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let (number, text) = (|| key.number_in(&name, &value), || key.text_in(&name, &value));
        if is("Start") {
            start = number();
        } else if is("Type") {
            windows.kind = number().unwrap_or_default();
        } else if is("ImagePath") {
            windows.image_path = text();
        } else if is("ObjectName") {
            windows.account = text();
        } else if is("DisplayName") {
            display = text();
        } else if is("Description") {
            description = text();
        } else if is("Group") {
            windows.group = text();
        } else if is("DelayedAutostart") {
            windows.delayed = number().is_some_and(|number| number != 0);
        } else if is("DependOnService") {
            needs.services = key.texts_in(&name, &value).unwrap_or_default();
        } else if is("DependOnGroup") {
            needs.groups = key.texts_in(&name, &value).unwrap_or_default();
        } else if is("ServiceDll") {
            dll = text();
        } else if is("FailureCommand") {
            command = text();
        } else if is("FailureActions") {
            actions = value.data().ok();
        }
    }
    windows.start = start?;
    if windows.is_driver() {
        windows.account = None; // there it names the driver's object
    }
    windows.failure_actions = actions.and_then(|raw| failure::in_words(&raw, command.as_deref()));
    windows.triggers = triggers(key);
    let image = windows.image_path.as_deref();
    let program = image.and_then(|image| image_path::program(image, windows.is_driver(), variables));
    let mut executable = program.as_ref().map(|(path, _)| path.clone());
    if let Some((_, arguments)) = program.filter(|(path, _)| is_svchost(path)) {
        windows.svchost_group = svchost_group(&arguments);
        windows.service_dll = dll.or_else(|| key.child("Parameters").and_then(|key| key.text("ServiceDll")));
        let dll = windows.service_dll.as_deref().map(|dll| image_path::absolute(dll, variables));
        executable = dll.or(executable);
    }
    if executable.is_none() && windows.is_driver() {
        // Without an image path, a driver is looked for under its own name.
        executable = Some(variables.expand(&format!(r"%SystemRoot%\System32\drivers\{}.sys", key.name())));
    }
    windows.svchost_listed = svchost.has(&key.name(), windows.svchost_group.as_deref());
    windows.depends_on_groups.clone_from(&needs.groups);
    let service = Service {
        name: key.name(),
        manager: Manager::Scm,
        description: plain(display, description),
        state: State::Unknown,
        start: start_of(windows.start),
        executable,
        definition: Some(key.place.clone()),
        user: windows.account.clone(),
        windows: Some(windows),
        ..Service::default()
    };
    Some((service, needs))
}

fn start_of(number: u32) -> Start {
    match number {
        0..=2 => Start::Enabled,
        3 => Start::Manual,
        4 => Start::Masked,
        _ => Start::Unknown,
    }
}

/// A name that can be read by people, before one that only Windows can look up (`@dll,-id`).
fn plain(display: Option<String>, description: Option<String>) -> Option<String> {
    let is_plain = |text: &&String| !text.starts_with('@');
    let best = display.as_ref().filter(is_plain).or_else(|| description.as_ref().filter(is_plain));
    best.cloned().or(display).or(description)
}

fn is_svchost(path: &str) -> bool {
    let name = path.rsplit('\\').next().unwrap_or(path);
    name.eq_ignore_ascii_case("svchost.exe") || name.eq_ignore_ascii_case("svchost")
}

fn svchost_group(arguments: &str) -> Option<String> {
    let mut words = arguments.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("-k"))?;
    words.next().map(str::to_owned)
}

/// Events that start it: entries of `TriggerInfo` whose action is 1, start.
fn triggers(key: &Node<'_>) -> u32 {
    let Some(triggers) = key.child("TriggerInfo") else { return 0 };
    let starting = triggers.children().filter(|trigger| trigger.number("Action") == Some(1)).count();
    u32::try_from(starting).unwrap_or(u32::MAX)
}

/// Turns names into dependencies on services that exist, groups into dependencies on their members.
///
/// To start a service, Windows starts all members of a group that it depends on; disabled ones it cannot start, so they
/// are no dependencies, unless the group has no others.
fn resolve(all: Vec<(Service, Needs)>, group_order: &[String], registry: Registry<'_>) -> Vec<Service> {
    let names: HashMap<String, String> =
        all.iter().map(|(s, _)| (s.name.to_lowercase(), s.name.clone())).collect();
    let mut members: HashMap<String, Vec<(String, bool)>> = HashMap::new();
    for (service, _) in &all {
        let group = service.windows.as_ref().and_then(|windows| windows.group.as_deref());
        if let Some(group) = group {
            let member = (service.name.clone(), service.start == Start::Masked);
            members.entry(group.to_lowercase()).or_default().push(member);
        }
    }
    let known: HashSet<String> = group_order.iter().map(|group| group.to_ascii_lowercase()).collect();
    let mut count = 0;
    let mut services = Vec::with_capacity(all.len());
    for (mut service, needs) in all {
        let (groups, plain): (Vec<String>, Vec<String>) = needs
            .services
            .into_iter()
            .chain(needs.groups.into_iter().map(|group| format!("+{group}")))
            .filter(|name| !name.trim_start_matches('+').is_empty())
            .partition(|name| name.starts_with('+'));
        let mut on: BTreeSet<String> =
            plain.into_iter().map(|name| names.get(&name.to_lowercase()).cloned().unwrap_or(name)).collect();
        let mut seen = HashSet::new();
        for group in groups {
            let group = group.trim_start_matches('+');
            if !seen.insert(group.to_lowercase()) {
                continue;
            }
            let Some(members) = members.get(&group.to_lowercase()) else {
                let known = known.contains(&group.to_ascii_lowercase());
                let why = if known { "no service is in that group" } else { "there is no such group" };
                let what = format!("{} depends on the group {group}", service.name);
                registry.sink().note(Unseen::new(Subject::Dependencies, what, why));
                continue;
            };
            if count + members.len() <= DEPENDENCY_LIMIT {
                let all_disabled = members.iter().all(|(_, disabled)| *disabled);
                on.extend(
                    members.iter().filter(|(_, off)| all_disabled || !off).map(|(name, _)| name.clone()),
                );
            } else {
                count = DEPENDENCY_LIMIT + 1;
            }
        }
        on.remove(&service.name);
        count += on.len();
        if count > DEPENDENCY_LIMIT {
            let why = format!("more than {DEPENDENCY_LIMIT} dependencies in all");
            registry.sink().note(Unseen::new(Subject::Dependencies, "dependencies of some services", why));
            on.clear();
        }
        service.dependencies =
            on.into_iter().map(|on| Dependency { kind: DependencyKind::Requires, on }).collect();
        services.push(service);
    }
    services
}
