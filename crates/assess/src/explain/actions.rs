//! What to do about a service, best first.

use doorward_knowledge::{Family, Index, ServiceEntry};
use doorward_model::{AuditService, DependencyKind, Door, Manager, PackageFamily, Snapshot, Verdict};

use super::{Action, PackageCard, windows};
use crate::{Assessment, Options, Patches, family};

/// The service and all that decides.
pub(super) struct About<'a, 's, 'k> {
    pub(super) assessment: &'a Assessment<'s>,
    pub(super) snapshot: &'a Snapshot,
    pub(super) index: &'a Index<'k>,
    pub(super) options: &'a Options,
    pub(super) judged: &'a AuditService,
    pub(super) entry: Option<&'a ServiceEntry>,
    pub(super) package: Option<&'a PackageCard>,
    pub(super) doors: &'a [Door],
}

/// What to do, best first.
pub(super) fn best_first(about: &About<'_, '_, '_>) -> Vec<Action> {
    let judged = about.judged;
    let on_windows = judged.windows.is_some();
    let mut own = about.doors.iter().filter(|d| d.service.as_ref() == Some(&judged.name));
    let open = own.any(|d| d.exposure.beyond_host() && d.verdict.is_candidate());
    let action = |kind, text: &str| Action { kind, text: text.to_owned() };
    match judged.verdict {
        Verdict::Required | Verdict::Needed if !open => {
            vec![action("keep", "keep it; restrict it to those who use it")]
        }
        Verdict::Required | Verdict::Needed if on_windows => vec![action(
            "filter",
            "keep it, and let a packet filter close its doors to others: it is needed on the host alone",
        )],
        Verdict::Required | Verdict::Needed => vec![
            action("rebind", "keep it, and bind it to loopback: it is needed on the host alone"),
            action("filter", "or let the packet filter close its port to others"),
        ],
        Verdict::Unknown => vec![action("look", "look again as root: not enough was visible to say")],
        Verdict::Dangerous | Verdict::Unneeded => candidate(about),
    }
}

fn candidate(about: &About<'_, '_, '_>) -> Vec<Action> {
    let mut actions = about.entry.map(|entry| windows::recipes(about.index, entry)).unwrap_or_default();
    let mut blocked = None;
    match about.package {
        Some(p) => match keeps(about.assessment, p, &about.judged.name) {
            None => actions.push(Action { kind: "uninstall", text: uninstall(about.snapshot, p) }),
            Some(needed) => blocked = Some(needed),
        },
        None => actions.extend(windows::product(about.snapshot, about.judged)),
    }
    actions.extend(disable(about.snapshot, about.judged, blocked));
    // Who applies every patch in sequence gains nothing from uninstalling, and would have to patch again after coming back.
    if about.options.patches == Patches::AllInSequence {
        actions.sort_by_key(|action| action.kind == "uninstall");
    }
    actions
}

/// A needed service that would go with the package, if there is one.
fn keeps(assessment: &Assessment<'_>, package: &PackageCard, but: &str) -> Option<String> {
    let goes = |name: &String| *name == package.name || package.package.removal_takes.contains(name);
    let services = assessment.audit.services.iter();
    services
        .filter(|s| s.name != but && matches!(s.verdict, Verdict::Required | Verdict::Needed))
        .find(|s| s.package.as_ref().is_some_and(goes))
        .map(|s| s.name.clone())
}

fn uninstall(snapshot: &Snapshot, card: &PackageCard) -> String {
    let command = match snapshot.packages.family {
        Some(PackageFamily::Dpkg) => "apt-get remove",
        Some(PackageFamily::Rpm) if family(&snapshot.host) == Some(Family::Suse) => "zypper remove",
        Some(PackageFamily::Rpm) => "dnf remove",
        Some(PackageFamily::Apk) => "apk del",
        Some(PackageFamily::Windows) | None => "remove the product",
    };
    let takes = match card.package.removal_takes.as_slice() {
        [] => String::new(),
        some => format!(", which takes along {}", some.join(", ")),
    };
    format!("uninstall it: {command} {}{takes}", card.name)
}

fn disable(snapshot: &Snapshot, judged: &AuditService, blocked: Option<String>) -> Option<Action> {
    let service = snapshot.service(&judged.name)?;
    let why = blocked
        .map(|needed| format!(" (its package also brings {needed}, which is needed)"))
        .unwrap_or_default();
    let triggers: Vec<&str> = snapshot
        .services
        .iter()
        .filter(|s| s.dependencies.iter().any(|d| d.kind == DependencyKind::Triggers && d.on == service.name))
        .map(|s| s.name.as_str())
        .collect();
    let names = std::iter::once(service.name.as_str()).chain(triggers).collect::<Vec<_>>().join(" ");
    let text = match service.manager {
        Manager::Systemd => format!("stop, disable and mask it: {names}{why}"),
        Manager::Inetd | Manager::Xinetd => {
            format!(
                "switch its entry off in {}",
                service.definition.as_deref().unwrap_or("the super-server's table")
            )
        }
        Manager::Sysv if family(&snapshot.host) == Some(Family::Debian) => {
            format!("stop it and take it out of the runlevels: update-rc.d {names} disable")
        }
        Manager::Sysv => format!("stop it and take it out of the runlevels: chkconfig {names} off"),
        Manager::Openrc => format!("stop it and take it out of the runlevels: rc-update del {names}"),
        Manager::Container => format!("stop the container and do not publish its port: {names}"),
        Manager::Kernel => "unload the module, and bring its configuration down".to_owned(),
        Manager::Scm => format!("stop it and set its start to disabled: {names}"),
        Manager::Nobody => "end the process and find out who starts it".to_owned(),
    };
    Some(Action { kind: if service.manager == Manager::Nobody { "stop" } else { "disable" }, text })
}
