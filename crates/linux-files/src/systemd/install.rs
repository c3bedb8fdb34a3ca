//! How a unit comes to run, told from the links on disk (`systemctl is-enabled`).

use doorward_model::Start;

use super::name;
use super::search::{Directory, Index, Origin, Place};

/// What a unit's `[Install]` section says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) aliases: Vec<String>,
    pub(super) default_instance: Option<String>,
    /// Whether enabling it would link it somewhere: `WantedBy=`, `RequiredBy=`, `UpheldBy=`, `Alias=`.
    pub(super) has_rules: bool,
}

/// The start of the unit `name`, defined at `place`.
pub(super) fn start(index: &Index, name: &str, place: &Place, install: &Install) -> Start {
    let Place::File { directory, .. } = place else { return Start::Masked };
    match directory.and_then(|i| index.directories.get(i)).map(|d| d.origin) {
        Some(Origin::Generator) => return Start::Generated,
        Some(Origin::Transient) => return Start::Manual,
        Some(Origin::Admin | Origin::Runtime | Origin::Vendor) | None => {}
    }
    let unit = Unit { name, directory: *directory, install };
    // First the links that enabling it makes; then any, which say that it is in use under another name.
    if let Some(start) = unit.enabled_by_links(index, true) {
        return start;
    }
    if unit.enabled_by_links(index, false).is_some() {
        return Start::Static;
    }
    if install.has_rules { Start::Disabled } else { Start::Static }
}

struct Unit<'a> {
    name: &'a str,
    directory: Option<usize>,
    install: &'a Install,
}

/// What one directory's links say of a unit.
enum Found {
    /// A link pulls it in, or gives it another name.
    Link,
    /// A link of its own name leads to its file elsewhere: known to the manager, not enabled.
    Linked,
    Nothing,
}

impl Unit<'_> {
    fn enabled_by_links(&self, index: &Index, own_names_only: bool) -> Option<Start> {
        let (mut at_all, mut in_runtime, mut linked) = (false, false, false);
        for (i, directory) in index.directories.iter().enumerate() {
            // Same-named links of lower precedence than the unit's own file do not count.
            let below = self.directory.is_some_and(|own| i > own);
            match self.look(directory, own_names_only, below) {
                Found::Link if directory.origin == Origin::Admin => return Some(Start::Enabled),
                Found::Link if directory.origin.is_runtime() => in_runtime = true,
                Found::Link => at_all = true,
                Found::Linked => linked |= directory.origin == Origin::Admin || directory.origin.is_runtime(),
                Found::Nothing => {}
            }
        }
        if in_runtime {
            Some(Start::Enabled)
        } else if at_all && name::is_instance(self.name) {
            Some(Start::Static)
        } else {
            linked.then_some(Start::Disabled)
        }
    }

    fn look(&self, directory: &Directory, own_names_only: bool, below: bool) -> Found {
        let counts = |link: &str| !own_names_only || self.is_own_name(link);
        // An instance's links are kept under its template.
        let template = name::template_of(self.name);
        let key = template.as_deref().unwrap_or(self.name);
        let mut pulled = directory.pulled.get(key).into_iter().flatten();
        if pulled.any(|link| (link == self.name || name::is_template(self.name)) && counts(link)) {
            return Found::Link;
        }
        let mut same_name = false;
        for link in directory.links_to.get(self.name).into_iter().flatten() {
            if link == self.name && !below {
                same_name = true;
            } else if counts(link) {
                return Found::Link;
            }
        }
        let leads_elsewhere = directory.links.get(self.name).is_some_and(|to| to != self.name);
        if leads_elsewhere && !below && counts(self.name) {
            return Found::Link;
        }
        if same_name { Found::Linked } else { Found::Nothing }
    }

    /// Whether enabling the unit would make a link of that name.
    fn is_own_name(&self, link: &str) -> bool {
        let of_default_instance = || {
            let instance = self.install.default_instance.as_deref()?;
            name::instantiate(self.name, instance)
        };
        link == self.name
            || self.install.aliases.iter().any(|alias| alias == link)
            || of_default_instance().is_some_and(|instance| instance == link)
    }
}
