//! `SysV` init scripts: what their headers say, and which of them a runlevel starts.
//!
//! Headers are those of the Linux Standard Base (`### BEGIN INIT INFO`), or Red Hat's older ones (`# chkconfig:`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt as _;

use doorward_model::{Dependency, DependencyKind, Facts, Manager, Service, Start, Subject, Unseen};

use crate::{Tree, script::Variables, systemd, unread::unread};

/// Scripts larger than this are none.
const SCRIPT_LIMIT: u64 = 1 << 20;

/// More scripts than this on one host are refused.
const COUNT_LIMIT: usize = 5000;

/// Scripts that belong to the machinery itself.
const MACHINERY: &[&str] = &["rc", "rcS", "functions", "skeleton"];

/// An init script.
#[derive(Debug, Default)]
pub(crate) struct InitScript {
    /// File name in `/etc/init.d`.
    pub(crate) name: String,
    /// Path of the script.
    pub(crate) path: String,
    pub(crate) description: Option<String>,
    /// Names that it provides besides its own.
    pub(crate) provides: Vec<String>,
    /// Names that must run before it.
    pub(crate) requires: Vec<String>,
    /// Names that should run before it.
    pub(crate) wants: Vec<String>,
    /// Whether the network must be up before it (`$network`).
    pub(crate) needs_network: bool,
    /// The program that it starts, where that can be told.
    pub(crate) program: Option<String>,
    /// Runlevels that start it: `2` to `5`, `S`.
    pub(crate) runlevels: BTreeSet<char>,
}

/// The init scripts of a tree that boots without systemd, as services; their dependencies are what their headers
/// require (`Required-Start`) and want (`Should-Start`), facilities like `$network` left out.
pub fn collect(tree: &Tree) -> Facts<Vec<Service>> {
    let mut facts = Facts::default();
    if systemd::is_present(tree) {
        return facts;
    }
    let scripts = scripts(tree, &mut facts.unseen);
    let default = default_runlevel(tree);
    let providers: HashMap<&str, &str> =
        scripts.iter().flat_map(|s| s.provides.iter().map(|p| (p.as_str(), s.name.as_str()))).collect();
    let own: BTreeSet<&str> = scripts.iter().map(|s| s.name.as_str()).collect();
    let meant = |name: &str| {
        let provider = providers.get(name).filter(|_| !own.contains(name));
        provider.map_or(name, |provider| *provider).to_owned()
    };
    for script in &scripts {
        let at_boot = |level: &char| *level == 'S' || default.is_none_or(|d| d == *level);
        let requires = script.requires.iter().map(|n| (DependencyKind::Requires, n));
        let wants = script.wants.iter().map(|n| (DependencyKind::Wants, n));
        let mut dependencies: Vec<Dependency> =
            requires.chain(wants).map(|(kind, name)| Dependency { kind, on: meant(name) }).collect();
        dependencies.retain(|d| d.on != script.name);
        dependencies.sort();
        dependencies.dedup();
        facts.value.push(Service {
            name: script.name.clone(),
            aliases: script.provides.clone(),
            manager: Manager::Sysv,
            description: script.description.clone(),
            start: if script.runlevels.iter().any(at_boot) { Start::Enabled } else { Start::Disabled },
            executable: script.program.clone(),
            definition: Some(script.path.clone()),
            dependencies,
            ..Service::default()
        });
    }
    facts
}

/// Every executable script in `/etc/init.d`, those of `OpenRC` left out, sorted by name.
pub(crate) fn scripts(tree: &Tree, unseen: &mut Vec<Unseen>) -> Vec<InitScript> {
    let directory = ["/etc/init.d", "/etc/rc.d/init.d"].into_iter().find(|d| tree.exists(d));
    let Some(directory) = directory else { return Vec::new() };
    let mut entries = match tree.read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.is_absent() => return Vec::new(),
        Err(e) => {
            unseen.push(unread(Subject::Services, "init scripts", &e));
            return Vec::new();
        }
    };
    if entries.len() > COUNT_LIMIT {
        entries.truncate(COUNT_LIMIT);
        let why = format!("more than {COUNT_LIMIT} files in {directory}");
        unseen.push(Unseen::new(Subject::Services, "further init scripts", why));
    }
    let runlevels = runlevels(tree, unseen);
    let mut scripts = Vec::new();
    for entry in entries {
        let Some(name) = entry.name.to_str().filter(|n| is_script_name(n)) else { continue };
        let path = format!("{directory}/{name}");
        let executable = tree.metadata(&path).is_ok_and(|m| m.is_file() && m.mode() & 0o100 != 0);
        if !executable || MACHINERY.contains(&name) {
            continue;
        }
        match tree.read(&path, SCRIPT_LIMIT) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                if !is_openrc(&text) {
                    let runlevels = runlevels.get(name).cloned().unwrap_or_default();
                    scripts.push(InitScript { runlevels, ..InitScript::parse(name, &path, &text) });
                }
            }
            Err(e) if e.is_absent() => {}
            Err(e) => unseen.push(unread(Subject::Services, format!("init script {name}"), &e)),
        }
    }
    scripts
}

/// Whether a script is `OpenRC`'s: its first line names the program that runs it.
pub(crate) fn is_openrc(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!") && (first.contains("openrc-run") || first.ends_with("/runscript"))
}

/// Neither hidden, nor an editor's or package manager's copy.
fn is_script_name(name: &str) -> bool {
    const COPIES: &[&str] =
        &["~", ".bak", ".old", ".rpmnew", ".rpmsave", ".rpmorig", ".dpkg-old", ".dpkg-new", ".dpkg-dist"];
    !name.starts_with('.') && name != "README" && !COPIES.iter().any(|copy| name.ends_with(copy))
}

impl InitScript {
    fn parse(name: &str, path: &str, text: &str) -> Self {
        let mut script = Self { name: name.to_owned(), path: path.to_owned(), ..Self::default() };
        let mut in_header = false;
        let mut red_hat_program = None;
        for line in text.lines() {
            let Some(comment) = line.strip_prefix('#') else { continue };
            match line.trim_end() {
                "### BEGIN INIT INFO" => in_header = true,
                "### END INIT INFO" => in_header = false,
                _ => {
                    let Some((key, value)) = comment.split_once(':') else { continue };
                    let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
                    if in_header {
                        script.lsb(&key, value);
                    } else if key == "processname" && value.starts_with('/') {
                        red_hat_program = Some(value.to_owned());
                    } else if key == "description" && script.description.is_none() {
                        script.description = Some(value.trim_end_matches('\\').trim().to_owned());
                    }
                }
            }
        }
        script.provides.retain(|p| p != name);
        script.description.take_if(|d| d.is_empty());
        script.program = red_hat_program.or_else(|| program(text));
        script
    }

    fn lsb(&mut self, key: &str, value: &str) {
        if matches!(key, "required-start" | "should-start") {
            self.needs_network |= value.split_whitespace().any(|n| n.trim_start_matches('+') == "$network");
        }
        // `$network` is a facility, not a service; `+name` is Debian's word for an optional one.
        let names = value.split_whitespace().filter(|n| !n.trim_start_matches('+').starts_with('$'));
        match key {
            "provides" => self.provides.extend(names.map(str::to_owned)),
            "required-start" => {
                let (optional, hard): (Vec<&str>, Vec<&str>) = names.partition(|n| n.starts_with('+'));
                self.requires.extend(hard.into_iter().map(str::to_owned));
                self.wants.extend(optional.into_iter().map(|n| n.trim_start_matches('+').to_owned()));
            }
            "should-start" => self.wants.extend(names.map(|n| n.trim_start_matches('+').to_owned())),
            "short-description" => self.description = Some(value.to_owned()),
            "description" if self.description.is_none() => self.description = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// The program that a script starts, by the names that such scripts give it.
fn program(text: &str) -> Option<String> {
    let mut variables = Variables::default();
    variables.source(text);
    let named = ["DAEMON", "DAEMON_PATH", "daemon", "exec", "prog", "BIN"].iter();
    let named = named.filter_map(|name| variables.get(name).map(str::to_owned));
    // start-stop-daemon is told the program so.
    let told = text.split("--exec").skip(1).take(20).filter_map(|rest| variables.first_word(rest));
    named.chain(told).find(|path| path.starts_with('/') && !path.contains(char::is_whitespace))
}

/// For each script the runlevels whose directory has a start link to it.
fn runlevels(tree: &Tree, unseen: &mut Vec<Unseen>) -> BTreeMap<String, BTreeSet<char>> {
    let mut levels: BTreeMap<String, BTreeSet<char>> = BTreeMap::new();
    for level in ['2', '3', '4', '5', 'S'] {
        for directory in [format!("/etc/rc{level}.d"), format!("/etc/rc.d/rc{level}.d")] {
            let entries = match tree.read_dir(&directory) {
                Ok(entries) => entries,
                Err(e) if e.is_absent() => continue,
                Err(e) => {
                    unseen.push(unread(Subject::Services, format!("init scripts of runlevel {level}"), &e));
                    continue;
                }
            };
            for entry in entries.iter().take(COUNT_LIMIT) {
                let name = entry.name.to_str().and_then(started_by);
                if let Some(name) = name {
                    levels.entry(name.to_owned()).or_default().insert(level);
                }
            }
        }
    }
    levels
}

/// `S20nginx` starts `nginx`.
fn started_by(link: &str) -> Option<&str> {
    let rest = link.strip_prefix('S')?;
    let (digits, name) = rest.split_at_checked(2)?;
    (digits.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty()).then_some(name)
}

/// The runlevel of a normal boot, from `/etc/inittab` (`id:3:initdefault:`).
fn default_runlevel(tree: &Tree) -> Option<char> {
    let text = tree.read_text("/etc/inittab").ok()?; // without it any of them may be meant
    text.lines().filter(|l| !l.trim_start().starts_with('#')).find_map(|line| {
        let mut fields = line.split(':').skip(1);
        let level = fields.next()?.chars().next()?;
        (fields.next()? == "initdefault").then_some(level)
    })
}

#[cfg(test)]
mod tests;
