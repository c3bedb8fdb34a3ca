//! The file as it stands: all that may be written. What may not stand together is refused on the way to a [`Step`].

use doorward_filter::{Door, Rate};
use serde::Deserialize;
use toml::Spanned;

use super::filter::{RawClients, RawDoor, RawFilter};
use crate::{
    Action, ClosedDoor, ContainerName, Entry, KeepReason, PackageVersion, Parts, PlanHost, Prefer, Rebind,
    Recorded, Saves, Script, Step, StepId, Units,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    pub(super) schema_version: u32,
    pub(super) doorward: String,
    pub(super) prefer: Prefer,
    pub(super) snapshot: String,
    pub(super) host: PlanHost,
    #[serde(default)]
    pub(super) step: Vec<Spanned<RawStep>>,
    pub(super) recorded: Recorded,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Uninstall,
    Disable,
    Stop,
    Rebind,
    Filter,
    Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    id: StepId,
    #[serde(default = "yes")]
    on: bool,
    action: Word,
    package: Option<PackageVersion>,
    along: Option<Vec<PackageVersion>>,
    units: Option<Vec<String>>,
    bus_names: Option<Vec<String>>,
    scripts: Option<Vec<Script>>,
    entries: Option<Vec<Entry>>,
    containers: Option<Vec<ContainerName>>,
    service: Option<String>,
    file: Option<String>,
    setting: Option<String>,
    from: Option<String>,
    to: Option<String>,
    check: Option<String>,
    reason: Option<KeepReason>,
    site: Option<Vec<Door>>,
    clients: Option<Vec<RawClients>>,
    doors: Option<Vec<RawDoor>>,
    rate: Option<Rate>,
    counters: Option<bool>,
    log: Option<bool>,
    published: Option<bool>,
    guests: Option<Vec<String>>,
    #[serde(default)]
    why: String,
    danger: Option<String>,
    #[serde(default)]
    undo: String,
    #[serde(default)]
    closes: Vec<ClosedDoor>,
    #[serde(default)]
    needed_by: Vec<String>,
    #[serde(default)]
    takes_along: Vec<String>,
    cycle: Option<StepId>,
    #[serde(default)]
    saves: Saves,
    trial: Option<String>,
}

fn yes() -> bool {
    true
}

const UNITS: &[&str] = &["units", "bus_names", "scripts", "entries", "containers"];

impl RawStep {
    /// The step, or what is wrong with it and what to do.
    pub(super) fn into_step(self) -> Result<Step, (String, String)> {
        let (word, allowed): (_, Vec<&str>) = match self.action {
            Word::Uninstall => ("uninstall", [&["package", "along"], UNITS].concat()),
            Word::Disable => ("disable", UNITS.to_vec()),
            Word::Stop => ("stop", UNITS.to_vec()),
            Word::Rebind => ("rebind", vec!["service", "file", "setting", "from", "to", "check"]),
            Word::Filter => {
                ("filter", vec!["site", "clients", "doors", "rate", "counters", "log", "published", "guests"])
            }
            Word::Keep => ("keep", vec!["service", "reason"]),
        };
        if let Some(field) = self.given().into_iter().find(|f| !allowed.contains(f)) {
            let way_out = format!("take `{field}` out, or name another action");
            return Err((format!("`{field}` does not belong to the action {word}"), way_out));
        }
        let missing = |field: &str| {
            (format!("the action {word} needs `{field}`"), format!("add `{field}`, or take the step out"))
        };
        let action = match self.action {
            Word::Keep => Action::Keep {
                service: self.service.ok_or_else(|| missing("service"))?,
                reason: self.reason.ok_or_else(|| missing("reason"))?,
            },
            Word::Rebind => Action::Rebind(Rebind {
                service: self.service.ok_or_else(|| missing("service"))?,
                file: self.file.ok_or_else(|| missing("file"))?,
                setting: self.setting.ok_or_else(|| missing("setting"))?,
                from: self.from.unwrap_or_default(),
                to: self.to.ok_or_else(|| missing("to"))?,
                check: self.check,
            }),
            Word::Filter => Action::Filter(
                RawFilter {
                    site: self.site.ok_or_else(|| missing("site"))?,
                    clients: self.clients.unwrap_or_default(),
                    doors: self.doors.unwrap_or_default(),
                    rate: self.rate,
                    counters: self.counters,
                    log: self.log,
                    published: self.published,
                    guests: self.guests,
                }
                .into_filter()
                .map_err(|wrong| (wrong, "correct it, or make a new plan".to_owned()))?,
            ),
            Word::Uninstall | Word::Disable | Word::Stop => {
                let units = Units::new(Parts {
                    systemd: self.units.unwrap_or_default(),
                    bus_names: self.bus_names.unwrap_or_default(),
                    scripts: self.scripts.unwrap_or_default(),
                    entries: self.entries.unwrap_or_default(),
                    containers: self.containers.unwrap_or_default(),
                });
                let units = units.ok_or_else(|| missing("units"))?;
                match self.action {
                    Word::Uninstall => Action::Uninstall {
                        package: self.package.ok_or_else(|| missing("package"))?,
                        along: self.along.unwrap_or_default(),
                        units,
                    },
                    Word::Stop => Action::Stop { units },
                    _ => Action::Disable { units },
                }
            }
        };
        Ok(Step {
            id: self.id,
            on: self.on,
            action,
            why: self.why,
            danger: self.danger,
            undo: self.undo,
            closes: self.closes,
            needed_by: self.needed_by,
            takes_along: self.takes_along,
            cycle: self.cycle,
            saves: self.saves,
            trial: self.trial,
        })
    }

    /// The fields of actions that were written.
    fn given(&self) -> Vec<&'static str> {
        let fields = [
            ("package", self.package.is_some()),
            ("along", self.along.is_some()),
            ("units", self.units.is_some()),
            ("bus_names", self.bus_names.is_some()),
            ("scripts", self.scripts.is_some()),
            ("entries", self.entries.is_some()),
            ("containers", self.containers.is_some()),
            ("service", self.service.is_some()),
            ("file", self.file.is_some()),
            ("setting", self.setting.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("check", self.check.is_some()),
            ("reason", self.reason.is_some()),
            ("site", self.site.is_some()),
            ("clients", self.clients.is_some()),
            ("doors", self.doors.is_some()),
            ("rate", self.rate.is_some()),
            ("counters", self.counters.is_some()),
            ("log", self.log.is_some()),
            ("published", self.published.is_some()),
            ("guests", self.guests.is_some()),
        ];
        fields.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}
