//! What dpkg does: files go and come, configuration stays, scripts stop, enable and start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::FakeHost;
use crate::execute::settings;
use crate::system::{Node, SavedPackage};

/// An installed package. Its configuration is not its own: it stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakePackage {
    /// Its version.
    pub version: String,
    /// Whether it was asked for by hand.
    pub manual: bool,
    /// Its files.
    pub files: BTreeMap<PathBuf, Node>,
    /// Whether its scripts enable and start its units when it is installed, as a first installation does.
    pub eager: bool,
}

impl FakePackage {
    fn units(&self) -> Vec<(String, String)> {
        let unit = |(path, node): (&PathBuf, &Node)| {
            let name = path.file_name()?.to_str()?.to_owned();
            match node {
                Node::File { content, .. } if path.starts_with("/usr/lib/systemd/system") => {
                    Some((name, String::from_utf8_lossy(content).into_owned()))
                }
                _ => None,
            }
        };
        self.files.iter().filter_map(unit).collect()
    }
}

impl FakeHost {
    pub(super) fn remove(&mut self, name: &str) {
        let Some(package) = self.state.packages.remove(name) else { return };
        for (unit, _) in package.units() {
            self.manager.stop(&mut self.state, &unit);
        }
        for path in package.files.keys() {
            self.state.nodes.remove(path);
        }
        self.manager.load(&self.state.nodes);
        self.manager.settle(&mut self.state);
    }

    pub(super) fn restore(&mut self, saved: &SavedPackage) {
        let Some(package) = self.archives.get(&saved.archive).cloned() else { return };
        let units = package.units();
        let eager = package.eager;
        self.install(&saved.name, package);
        if eager {
            for (unit, text) in &units {
                for (_, target) in settings(text).filter(|(key, _)| *key == "WantedBy") {
                    let link = format!("/etc/systemd/system/{target}.wants/{unit}");
                    self.link(&link, &format!("/usr/lib/systemd/system/{unit}"));
                }
            }
        }
        self.manager.load(&self.state.nodes);
        if eager {
            for (unit, _) in &units {
                let _ = self.manager.start(&mut self.state, unit);
            }
        }
        self.manager.settle(&mut self.state);
    }
}
