//! `OpenRC`'s scripts: what they say of themselves, and which runlevel starts them (`openrc-run(8)`).

use std::collections::{BTreeSet, HashMap};

use doorward_model::{Dependency, DependencyKind, Facts, Manager, Service, Start, Subject, Unseen};

use crate::{Tree, script::Variables, systemd, sysv, unread::unread};

const SCRIPT_LIMIT: u64 = 1 << 20;

/// More scripts, or links in a runlevel, than this are refused.
const COUNT_LIMIT: usize = 5000;

/// Runlevels that a normal boot does not enter.
const NOT_AT_BOOT: &[&str] = &["shutdown", "single", "nonetwork"];

/// The services of `OpenRC` in a tree that boots without systemd. `need` requires, `use` and `want` want; names that
/// several scripts `provide` mean the first.
pub fn collect(tree: &Tree) -> Facts<Vec<Service>> {
    let mut facts = Facts::default();
    if systemd::is_present(tree) {
        return facts;
    }
    let entries = match tree.read_dir("/etc/init.d") {
        Ok(entries) => entries,
        Err(e) if e.is_absent() => return facts,
        Err(e) => {
            facts.unseen.push(unread(Subject::Services, "OpenRC scripts", &e));
            return facts;
        }
    };
    if entries.len() > COUNT_LIMIT {
        let why = format!("more than {COUNT_LIMIT} files in /etc/init.d");
        facts.unseen.push(Unseen::new(Subject::Services, "further OpenRC scripts", why));
    }
    let at_boot = at_boot(tree, &mut facts.unseen);
    let mut providers: HashMap<String, String> = HashMap::new();
    for entry in entries.into_iter().take(COUNT_LIMIT) {
        let Some(name) = entry.name.to_str().filter(|n| !n.starts_with('.')) else { continue };
        let path = format!("/etc/init.d/{name}");
        let text = match tree.read(&path, SCRIPT_LIMIT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(crate::ReadError::NotAFile { .. }) => continue,
            Err(e) if e.is_absent() => continue,
            Err(e) => {
                facts.unseen.push(unread(Subject::Services, format!("OpenRC script {name}"), &e));
                continue;
            }
        };
        if !sysv::is_openrc(&text) {
            continue;
        }
        let settings = tree.read_text(format!("/etc/conf.d/{name}"));
        if let Err(e) = &settings
            && !e.is_absent()
        {
            facts.unseen.push(unread(Subject::Services, format!("settings of OpenRC script {name}"), e));
        }
        let start = if at_boot.contains(name) { Start::Enabled } else { Start::Disabled };
        let (service, offered) = service(name, &path, &text, &settings.unwrap_or_default());
        for provided in offered {
            providers.entry(provided).or_insert_with(|| name.to_owned());
        }
        facts.value.push(Service { start, ..service });
    }
    let own: BTreeSet<String> = facts.value.iter().map(|s| s.name.clone()).collect();
    for service in &mut facts.value {
        for dependency in &mut service.dependencies {
            if let Some(provider) = providers.get(&dependency.on).filter(|_| !own.contains(&dependency.on)) {
                dependency.on.clone_from(provider);
            }
        }
        service.dependencies.retain(|d| d.on != service.name);
        service.dependencies.sort();
        service.dependencies.dedup();
    }
    facts
}

/// A script as a service, and the names that it provides.
fn service(name: &str, path: &str, text: &str, settings: &str) -> (Service, Vec<String>) {
    let mut variables = Variables::default();
    variables.source(&format!("RC_SVCNAME={name}\nSVCNAME={name}\n"));
    variables.source(settings);
    variables.source(text);
    let mut dependencies = Vec::new();
    let mut provides = Vec::new();
    for (word, names) in depend(text) {
        let kind = match word {
            "need" => DependencyKind::Requires,
            "use" | "want" => DependencyKind::Wants,
            "provide" => {
                provides.extend(names);
                continue;
            }
            _ => continue,
        };
        dependencies.extend(names.into_iter().map(|on| Dependency { kind, on }));
    }
    let program = variables.get("command").filter(|c| c.starts_with('/')).map(str::to_owned);
    let user = variables.get("command_user").map(|u| u.split(':').next().unwrap_or(u).to_owned());
    let service = Service {
        name: name.to_owned(),
        manager: Manager::Openrc,
        description: variables.get("description").map(str::to_owned),
        user: user.or_else(|| program.is_some().then(|| "root".into())),
        executable: program,
        definition: Some(path.to_owned()),
        dependencies,
        ..Service::default()
    };
    (service, provides)
}

/// The lines of the `depend` function, as first word and the plain names that follow.
fn depend(text: &str) -> Vec<(&str, Vec<String>)> {
    let mut lines = text.lines().skip_while(|l| {
        let head: String = l.split_whitespace().collect();
        !head.starts_with("depend()")
    });
    let Some(head) = lines.next() else { return Vec::new() };
    let body = head.split_once('{').map_or("", |(_, rest)| rest);
    let mut found = Vec::new();
    for line in std::iter::once(body).chain(lines) {
        let line = line.split('#').next().unwrap_or_default();
        let (line, last) =
            line.split_once('}').map_or((line, false), |(line, _)| (line, !line.contains("${")));
        for command in line.split([';', '&', '|']) {
            let mut words =
                command.split_whitespace().skip_while(|w| matches!(*w, "{" | "then" | "do" | "else"));
            let Some(word) = words.next() else { continue };
            let plain = |w: &&str| w.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+@".contains(&b));
            let names =
                words.map(|w| w.trim_matches(['"', '\''])).filter(plain).filter(|w| !w.starts_with('-'));
            found.push((word, names.map(str::to_owned).collect()));
        }
        if last {
            break;
        }
    }
    found
}

/// Names that a runlevel of a normal boot starts.
fn at_boot(tree: &Tree, unseen: &mut Vec<Unseen>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let levels = match tree.read_dir("/etc/runlevels") {
        Ok(levels) => levels,
        Err(e) => {
            if !e.is_absent() {
                unseen.push(unread(Subject::Services, "OpenRC runlevels", &e));
            }
            return names;
        }
    };
    let levels = levels.into_iter().filter_map(|e| e.name.into_string().ok()).take(COUNT_LIMIT);
    for level in levels.filter(|l| !NOT_AT_BOOT.contains(&l.as_str())) {
        match tree.read_dir(format!("/etc/runlevels/{level}")) {
            Ok(links) => {
                names.extend(links.into_iter().take(COUNT_LIMIT).filter_map(|e| e.name.into_string().ok()));
            }
            Err(e) if e.is_absent() => {}
            Err(e) => unseen.push(unread(Subject::Services, format!("OpenRC runlevel {level}"), &e)),
        }
    }
    names
}

#[cfg(test)]
mod tests;
