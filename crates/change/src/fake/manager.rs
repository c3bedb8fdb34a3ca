//! What systemd does with units, as far as stopping and starting goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use doorward_model::Protocol;

use super::FakeState;
use crate::execute::settings;
use crate::system::Node;

/// Units as they were when their files were last read.
#[derive(Debug, Clone, Default)]
pub(super) struct Manager {
    units: BTreeMap<String, Unit>,
    enabled: BTreeSet<String>,
}

#[derive(Debug, Clone, Default)]
struct Unit {
    masked: bool,
    requires: Vec<String>,
    wants: Vec<String>,
    upholds: Vec<String>,
    part_of: Vec<String>,
    /// What a socket, timer or path starts.
    triggers: Option<String>,
    busy: bool,
    ports: Vec<String>,
}

impl Unit {
    fn parse(name: &str, text: &str) -> Self {
        let mut unit = Self::default();
        for (key, value) in settings(text) {
            let words = value.split_whitespace().map(str::to_owned);
            match key {
                "Requires" => unit.requires.extend(words),
                "Wants" => unit.wants.extend(words),
                "Upholds" => unit.upholds.extend(words),
                "PartOf" => unit.part_of.extend(words),
                "X-Busy" => unit.busy = value == "yes",
                "X-Port" => unit.ports.extend(words),
                "ListenStream" => unit.ports.push(format!("tcp/{value}")),
                _ => {}
            }
        }
        if let Some((stem, "socket" | "timer" | "path")) = name.rsplit_once('.') {
            unit.triggers = Some(format!("{stem}.service"));
        }
        unit
    }
}

impl Manager {
    /// Reads all unit files and links.
    pub(super) fn load(&mut self, nodes: &BTreeMap<PathBuf, Node>) {
        self.units.clear();
        self.enabled.clear();
        for directory in ["/etc/systemd/system", "/usr/lib/systemd/system"] {
            let inside = nodes.iter().filter(|(path, _)| path.parent() == Some(Path::new(directory)));
            for (path, node) in inside {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let unit = match node {
                    Node::File { content, .. } => Unit::parse(&name, &String::from_utf8_lossy(content)),
                    Node::Link { target } if target.as_os_str() == "/dev/null" => {
                        Unit { masked: true, ..Unit::default() }
                    }
                    _ => continue,
                };
                self.units.entry(name).or_insert(unit);
            }
        }
        for path in nodes.keys() {
            let pulls = path.parent().is_some_and(|p| p.to_string_lossy().ends_with(".wants"));
            if let (true, Some(name)) = (pulls, path.file_name()) {
                self.enabled.insert(name.to_string_lossy().into_owned());
            }
        }
    }

    pub(super) fn knows(&self, unit: &str) -> bool {
        self.units.contains_key(unit)
    }

    /// What a boot does.
    pub(super) fn start_enabled(&self, state: &mut FakeState) {
        let (sockets, others): (Vec<_>, Vec<_>) = self.enabled.iter().partition(|u| u.ends_with(".socket"));
        for unit in sockets.into_iter().chain(others) {
            let _ = self.start(state, unit);
        }
    }

    pub(super) fn start(&self, state: &mut FakeState, unit: &str) -> Result<(), String> {
        let started = self.pull(state, unit);
        self.settle(state);
        started
    }

    fn pull(&self, state: &mut FakeState, name: &str) -> Result<(), String> {
        if state.active.contains(name) {
            return Ok(());
        }
        let mut jobs = Vec::new();
        self.queue(name, &mut jobs)?;
        let mut refused = None;
        for job in jobs.iter().rev() {
            if state.active.contains(*job) {
                continue;
            }
            let triggers = self.units.get(*job).and_then(|unit| unit.triggers.as_ref());
            if job.ends_with(".socket") && triggers.is_some_and(|s| state.active.contains(s)) {
                refused =
                    Some(format!("{job}: its service is already active, refusing")).filter(|_| *job == name);
            } else {
                state.active.insert((*job).to_owned());
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// What is started along. All that is required has to be defined, also what runs already, or nothing is started; but
    /// what is only wanted is started even when something that it requires in turn is not defined.
    fn queue<'u>(&'u self, name: &'u str, jobs: &mut Vec<&'u str>) -> Result<(), String> {
        let unit = self.units.get(name).ok_or_else(|| format!("Unit {name} not found"))?;
        if unit.masked {
            return Err(format!("Unit {name} is masked"));
        }
        if jobs.contains(&name) {
            return Ok(());
        }
        jobs.push(name);
        unit.requires.iter().try_for_each(|other| self.queue(other, jobs))?;
        unit.wants.iter().for_each(|other| drop(self.queue(other, jobs)));
        Ok(())
    }

    /// A unit that does not run is left alone, and takes nothing with it.
    pub(super) fn stop(&self, state: &mut FakeState, unit: &str) {
        if state.active.contains(unit) {
            self.drop(state, unit, 0);
        }
        self.settle(state);
    }

    fn drop(&self, state: &mut FakeState, name: &str, depth: u32) {
        state.active.remove(name);
        for (other, unit) in self.units.iter().filter(|_| depth < 20) {
            let with = unit.requires.iter().chain(&unit.part_of).any(|r| r == name);
            if with && state.active.contains(other) {
                self.drop(state, other, depth + 1);
            }
        }
    }

    /// Until nothing starts anything any more.
    pub(super) fn settle(&self, state: &mut FakeState) {
        for _ in 0..=self.units.len() {
            let before = state.active.len();
            for name in state.active.clone() {
                let Some(unit) = self.units.get(&name) else { continue };
                let triggered = unit.triggers.iter().filter(|_| unit.busy);
                for other in unit.upholds.iter().chain(triggered) {
                    let _ = self.pull(state, other);
                }
            }
            if state.active.len() == before {
                break;
            }
        }
    }

    pub(super) fn listens(&self, state: &FakeState, protocol: Protocol, port: u16) -> bool {
        let at = format!("{}/{port}", protocol.as_str());
        let mut active = state.active.iter().filter_map(|u| self.units.get(u));
        active.any(|u| u.ports.contains(&at))
    }
}
