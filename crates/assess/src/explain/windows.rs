//! What a card says of Windows alone: registry, defaults, the roles' word, patches, settings with their places.

use doorward_knowledge::{
    Advice, Classification, DefaultStart, Edition, Index, Mechanism, ServiceEntry, StartDefault,
};
use doorward_model::{AccessSetting, AuditService, Service, Snapshot, WindowsShare};
use serde::Serialize;

use super::Action;
use crate::{Assessment, Options, Patches};

/// The service that serves shares.
const SERVER: &str = "LanmanServer";

/// What only Windows has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowsCard {
    /// What the registry says, in words.
    pub registry: Vec<String>,
    /// How it starts on this version as installed, and what the maker advises.
    pub as_installed: Vec<String>,
    /// What sources say of the role's need for it, where they differ as well.
    pub roles: Vec<String>,
    /// Hotfixes that it alone makes necessary.
    pub hotfixes: Vec<String>,
    /// What that means to who patches as the user does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_burden: Option<String>,
    /// Settings that open or shut its ways in.
    pub settings: Vec<AccessSetting>,
    /// Shares that it serves.
    pub shares: Vec<WindowsShare>,
}

pub(super) fn card(
    assessment: &Assessment<'_>,
    snapshot: &Snapshot,
    index: &Index<'_>,
    service: Option<&Service>,
    entry: Option<&ServiceEntry>,
    options: &Options,
) -> Option<WindowsCard> {
    let facts = snapshot.windows.as_ref()?;
    let service = service?;
    let hotfixes: Vec<String> = entry
        .into_iter()
        .flat_map(|e| &e.hotfixes)
        .filter(|h| index.holds(&h.systems))
        .map(|h| h.id.clone())
        .collect();
    let is_server = service.name.eq_ignore_ascii_case(SERVER);
    let topics = entry.map(|e| e.settings.as_slice()).unwrap_or_default();
    Some(WindowsCard {
        registry: registry(service),
        as_installed: entry.map(|e| as_installed(index, snapshot, e)).unwrap_or_default(),
        roles: roles(assessment, index, service),
        patch_burden: patch_burden(hotfixes.len(), options.patches),
        hotfixes,
        settings: facts.settings.iter().filter(|s| topics.contains(&s.topic)).cloned().collect(),
        shares: if is_server { facts.shares.clone() } else { Vec::new() },
    })
}

fn registry(service: &Service) -> Vec<String> {
    let Some(windows) = &service.windows else { return Vec::new() };
    let mut lines = vec![format!("Start {}, Type {:#x}", windows.start, windows.kind)];
    lines.extend(windows.image_path.as_ref().map(|path| format!("ImagePath {path}")));
    lines.extend(windows.service_dll.as_ref().map(|dll| format!("ServiceDll {dll}")));
    lines.extend(windows.group.as_ref().map(|group| format!("load-order group {group}")));
    if windows.delayed {
        lines.push("its start is delayed until after the boot".to_owned());
    }
    if windows.triggers > 0 {
        lines.push(format!("{} events start it", windows.triggers));
    }
    if windows.svchost_listed == Some(false) {
        lines.push("its group of svchost.exe does not list it, so that it cannot start".to_owned());
    }
    lines.extend(windows.failure_actions.as_ref().map(|actions| format!("when it fails: {actions}")));
    lines
}

fn as_installed(index: &Index<'_>, snapshot: &Snapshot, entry: &ServiceEntry) -> Vec<String> {
    let product = snapshot.windows.as_ref().and_then(|w| w.product_type.as_deref());
    let is_workstation = |kind: &str| kind.eq_ignore_ascii_case("WinNT");
    let edition =
        product.map(|kind| if is_workstation(kind) { Edition::Workstation } else { Edition::Server });
    let is_here = |d: &&StartDefault| {
        index.holds(&d.systems) && d.edition.is_none_or(|e| edition.is_none_or(|own| own == e))
    };
    entry.defaults.iter().filter(is_here).map(default).collect()
}

fn default(default: &StartDefault) -> String {
    let start = default.start.map(|start| match start {
        DefaultStart::Boot => "boot",
        DefaultStart::System => "system",
        DefaultStart::Auto => "automatic",
        DefaultStart::Manual => "manual",
        DefaultStart::Disabled => "disabled",
        DefaultStart::NotInstalled => "not installed",
    });
    let advice = default.advice.map(|advice| match advice {
        Advice::OkToDisable => "the maker says that it can be disabled",
        Advice::ShouldBeDisabled => "the maker says that it should be disabled",
        Advice::AlreadyDisabled => "the maker ships it disabled",
        Advice::DoNotDisable => "the maker says not to disable it",
        Advice::NoGuidance => "the maker gives no guidance",
    });
    let parts = [start.map(str::to_owned), advice.map(str::to_owned), default.note.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// What the roles of this host say of the service: required, perhaps required, not required, and by which source.
fn roles(assessment: &Assessment<'_>, index: &Index<'_>, service: &Service) -> Vec<String> {
    let mut lines = Vec::new();
    for role in index.roles().filter(|r| assessment.audit.host.roles.contains(&r.id)) {
        for requirement in role.requires.iter().filter(|r| index.matches(&r.unit, service)) {
            let word = match requirement.classification {
                Classification::Required => "requires it",
                Classification::MayBeRequired => "may require it",
            };
            let source = requirement.source.as_ref().map(|s| format!(" [{s}]")).unwrap_or_default();
            lines.push(format!("{} {word}: {}{source}", role.title, requirement.why));
            lines.extend(requirement.disputed.as_ref().map(|other| format!("disputed: {other}")));
        }
        for spare in &role.spares {
            if spare.units.iter().any(|unit| index.matches(unit, service)) {
                lines.push(format!("{} does without: {} [{}]", role.title, spare.why, spare.source));
            }
        }
    }
    lines
}

fn patch_burden(hotfixes: usize, patches: Patches) -> Option<String> {
    let count = match hotfixes {
        0 => return None,
        1 => "1 hotfix".to_owned(),
        n => format!("{n} hotfixes"),
    };
    Some(match patches {
        Patches::SkipNotInstalled => {
            format!("once it is uninstalled, {count} need not be applied, as far as records show")
        }
        Patches::AllInSequence => {
            format!("{count} are for it alone; as all are applied in sequence, none is saved")
        }
    })
}

/// How the feature that brings a service is removed on this version: what is not installed cannot be enabled by accident.
pub(super) fn recipes(index: &Index<'_>, entry: &ServiceEntry) -> Vec<Action> {
    let here = entry.uninstall.iter().filter(|u| index.holds(&u.systems));
    here.map(|u| {
        let names = u.components.join(", ");
        let how = match u.mechanism {
            Mechanism::Sysocmgr => format!(
                "run sysocmgr.exe /i:%windir%\\inf\\sysoc.inf /u:ANSWERS, where ANSWERS has below [Components]: {}",
                u.components.iter().map(|c| format!("{c} = off")).collect::<Vec<_>>().join(", ")
            ),
            Mechanism::OptionPack => format!("setup of the Option Pack, add or remove: {names}"),
            Mechanism::Feature => format!("dism.exe /online /disable-feature, /featurename: {names}"),
            Mechanism::Role => format!("Uninstall-WindowsFeature {names}"),
            Mechanism::Msi => format!("msiexec.exe /x with the product {names}"),
            Mechanism::Capability => format!("dism.exe /online /remove-capability, /capabilityname: {names}"),
            Mechanism::Binding => format!("take {names} off the connection, in its properties"),
        };
        if u.mechanism == Mechanism::Binding {
            let text = format!("where others need it: {how}");
            return Action { kind: "restrict", text };
        }
        let note = u.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        Action { kind: "uninstall", text: format!("uninstall it: {how}{note}") }
    })
    .collect()
}

/// Removal of the product that a service came with.
pub(super) fn product(snapshot: &Snapshot, judged: &AuditService) -> Option<Action> {
    let name = judged.package.as_ref()?;
    let product = snapshot.windows.as_ref()?.products.iter().find(|p| p.name == *name)?;
    let how = if product.msi {
        format!("msiexec.exe /x {}", product.key)
    } else {
        "by its own uninstaller, which Windows lists among the installed programs".to_owned()
    };
    Some(Action { kind: "uninstall", text: format!("uninstall the product {name}: {how}") })
}
