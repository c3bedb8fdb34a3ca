//! The configuration file. The default one is embedded, and is the template that `doorward config` prints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use doorward_filter::Access;
use doorward_knowledge::{Knowledge, RoleEntry};
use doorward_model::OsFamily;
use doorward_plan::WantedAccess;
use serde::Deserialize;

use crate::args::{FailOn, JudgeArgs};
use crate::source;

/// Every setting with its default, as a commented file.
pub(crate) const TEMPLATE: &str = include_str!("config.toml");
/// Where the file is looked for when none is named.
const PLACE: &str = "/etc/doorward/config.toml";
/// The file may not be larger.
const LIMIT: u64 = 1 << 20;
/// No file of clients either: a plan with more would be too long.
const CLIENTS_LIMIT: u64 = 16 << 20;

/// The settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// Roles instead of the detected ones.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Folder with knowledge entries.
    #[serde(default)]
    pub(crate) knowledge: Option<PathBuf>,
    /// Verdict from which on an audit exits with 1.
    #[serde(default)]
    pub(crate) fail_on: Option<FailOn>,
    /// How the host is patched.
    #[serde(default)]
    pub(crate) patches: Patches,
    /// Services that are needed, with the reason.
    #[serde(default)]
    pub(crate) keep: BTreeMap<String, String>,
    /// From which addresses doors may be reached.
    #[serde(default)]
    pub(crate) access: Option<Access>,
}

/// The two schools of patching.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Patches {
    /// What is not installed needs no patch.
    #[default]
    SkipNotInstalled,
    /// Every patch is applied in its sequence.
    AllInSequence,
}

impl Config {
    /// The file named on the command line, or the one in `/etc` if there is one; options override it.
    pub(crate) fn load(args: &JudgeArgs) -> anyhow::Result<Self> {
        let mut config = match &args.config {
            Some(path) => read(path)?,
            None if Path::new(PLACE).exists() => read(Path::new(PLACE))?,
            None => Self::default(),
        };
        if !args.role.is_empty() {
            config.roles.clone_from(&args.role);
        }
        if args.knowledge.is_some() {
            config.knowledge.clone_from(&args.knowledge);
        }
        Ok(config)
    }

    /// The knowledge of a family of systems, with the user's. A role that none has would silently require nothing.
    pub(crate) fn knowledge(&self, family: OsFamily) -> anyhow::Result<Knowledge> {
        let knowledge = match &self.knowledge {
            Some(folder) => Knowledge::load(folder)?,
            None => Knowledge::built_in_for(family),
        };
        self.check_roles(knowledge.roles.iter())?;
        Ok(knowledge)
    }

    /// Every role that the user names has to be one that is known.
    pub(crate) fn check_roles<'k>(&self, entries: impl Iterator<Item = &'k RoleEntry>) -> anyhow::Result<()> {
        if self.roles.is_empty() {
            return Ok(());
        }
        let known: Vec<&str> =
            entries.map(|r| r.id.as_str()).chain([doorward_assess::OTHER_SERVER]).collect();
        match self.roles.iter().find(|r| !known.contains(&r.as_str())) {
            Some(role) => bail!("there is no role {role:?}; known are: {}", known.join(", ")),
            None => Ok(()),
        }
    }

    /// From which addresses doors may be reached, with the files that are named for it.
    pub(crate) fn access(&self) -> anyhow::Result<Option<WantedAccess>> {
        let Some(access) = self.access.clone() else { return Ok(None) };
        let mut files = BTreeMap::new();
        for file in access.files() {
            let text = source::text(Path::new(file), CLIENTS_LIMIT).context("access")?;
            files.insert(file.to_owned(), text);
        }
        Ok(Some(WantedAccess { access, files }))
    }

    /// What the judgement takes from the settings.
    pub(crate) fn options(&self) -> doorward_assess::Options {
        let roles = (!self.roles.is_empty()).then(|| self.roles.clone());
        let patches = match self.patches {
            Patches::SkipNotInstalled => doorward_assess::Patches::SkipNotInstalled,
            Patches::AllInSequence => doorward_assess::Patches::AllInSequence,
        };
        doorward_assess::Options { roles, keep: self.keep.clone(), patches }
    }
}

fn read(path: &Path) -> anyhow::Result<Config> {
    let length = std::fs::metadata(path).with_context(|| format!("configuration {}", path.display()))?.len();
    if length > LIMIT {
        bail!("configuration {}: larger than {LIMIT} bytes", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("configuration {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("configuration {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid_and_so_is_every_commented_line_of_it() {
        toml::from_str::<Config>(TEMPLATE).unwrap();
        let on: String =
            TEMPLATE.lines().map(|l| l.strip_prefix("#: ").unwrap_or(l)).flat_map(|l| [l, "\n"]).collect();
        let config: Config = toml::from_str(&on).unwrap();
        assert!(!config.roles.is_empty() && !config.keep.is_empty());
        assert!(config.knowledge.is_some() && config.fail_on.is_some());
        let access = config.access.unwrap();
        assert_eq!((access.clients.len(), access.doors.len()), (2, 2));
    }
}
