//! A script for any POSIX shell: functions of its own, then one call a change with every name in single quotes.

use std::fmt::Write as _;

use doorward_model::{PackageFamily, Snapshot};

use super::Direction;
use super::changes::{Change, Changes};
use crate::ScriptManager;
use crate::file::in_comment;

/// What units are shut and opened by. A unit that is not there (any more) is left out; what fails is told at the end.
const FUNCTIONS: &str = r#"set -u
failed=0
say() { printf '%s\n' "$1" >&2; }
try() { "$@" || { failed=1; say "failed: $*"; }; }
there() { [ "$(systemctl show -p LoadState --value -- "$1" 2>/dev/null)" != not-found ]; }
each() {
    verb=$1
    shift
    for unit do
        case $verb:$unit in
            stop:*@.*|start:*@.*) continue ;;
        esac
        if there "$unit"; then try systemctl "$verb" -- "$unit"; fi
    done
}
shut() { each stop "$@"; each disable "$@"; each mask "$@"; }
leave() { each stop "$@"; each disable "$@"; }
container() { if docker container inspect -- "$2" >/dev/null 2>&1; then try docker "$1" -- "$2"; fi; }
restarts_not() { if docker container inspect -- "$1" >/dev/null 2>&1; then try docker update --restart=no -- "$1"; fi; }
"#;

const DPKG: &str = r#"export DEBIAN_FRONTEND=noninteractive
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
remove() { for package do if installed "$package"; then try apt-get -y remove "$package"; fi; done; }
install() { try apt-get -y install "$@"; }
"#;
const DNF: &str = r#"remove() { for package do if rpm -q "$package" >/dev/null 2>&1; then try dnf -y remove "$package"; fi; done; }
install() { try dnf -y install "$@"; }
"#;
const ZYPPER: &str = r#"remove() { for package do if rpm -q "$package" >/dev/null 2>&1; then try zypper --non-interactive remove "$package"; fi; done; }
install() { try zypper --non-interactive install --oldpackage "$@"; }
"#;
const APK: &str = r#"remove() { for package do if apk info -e "$package" >/dev/null 2>&1; then try apk del "$package"; fi; done; }
install() { try apk add "$@"; }
"#;
const NO_PACKAGES: &str = r#"remove() { failed=1; say "no package manager is known: remove by hand: $*"; }
install() { failed=1; say "no package manager is known: install by hand: $*"; }
"#;
const END: &str = "exit \"$failed\"\n";

pub(super) fn text(steps: &[Changes<'_>], snapshot: &Snapshot, direction: Direction) -> String {
    let what = match direction {
        Direction::Apply => "Makes the changes of a plan of Doorward",
        Direction::Undo => "Takes back the changes of a plan of Doorward",
    };
    let mut out =
        format!("#!/bin/sh\n# {what} for {}. It may be run again.\n", in_comment(&snapshot.host.name));
    out.push_str(FUNCTIONS);
    let is_suse =
        std::iter::once(&snapshot.host.os_id).chain(&snapshot.host.os_like).any(|id| id.contains("suse"));
    out.push_str(match snapshot.packages.family {
        Some(PackageFamily::Dpkg) => DPKG,
        Some(PackageFamily::Rpm) if is_suse || snapshot.host.os_id == "sles" => ZYPPER,
        Some(PackageFamily::Rpm) => DNF,
        Some(PackageFamily::Apk) => APK,
        Some(PackageFamily::Windows) | None => NO_PACKAGES,
    });
    let is_debian = snapshot.packages.family == Some(PackageFamily::Dpkg);
    let is_rpm = snapshot.packages.family == Some(PackageFamily::Rpm);
    for Changes { step, list } in steps {
        let _ = writeln!(out, "\n# {}\nsay {}", in_comment(&step.why), quoted(&step.id.0));
        for change in list {
            let _ = match change {
                Change::Stop(units) => line(&mut out, "each stop", units),
                Change::Disable(units) => line(&mut out, "leave", units),
                Change::Mask(units) => line(&mut out, "shut", units),
                Change::Unmask(units) => line(&mut out, "each unmask", units),
                Change::Enable(units) => line(&mut out, "each enable", units),
                Change::Start(units) => line(&mut out, "each start", units),
                Change::Remove(packages) => line(&mut out, "remove", packages),
                Change::Install(packages) => {
                    let between = if is_rpm && !is_suse { '-' } else { '=' };
                    let exact: Vec<String> =
                        packages.iter().map(|(n, v)| format!("{n}{between}{v}")).collect();
                    line(&mut out, "install", &exact.iter().map(String::as_str).collect::<Vec<_>>())
                }
                Change::StopContainer(name) => line(&mut out, "restarts_not", &[name])
                    .and_then(|()| line(&mut out, "container stop", &[name])),
                Change::StartContainer(name) => line(&mut out, "container start", &[name]),
                Change::StopScript(name, manager) => script(&mut out, name, *manager, is_debian, false, true),
                Change::StartScript(name, manager, ran) => {
                    script(&mut out, name, *manager, is_debian, true, *ran)
                }
                Change::ByHand(text) => {
                    writeln!(out, "say {}", quoted(&format!("by hand: {}", in_comment(text))))
                }
            };
        }
    }
    out.push('\n');
    out.push_str(END);
    out
}

fn script(
    out: &mut String,
    name: &str,
    manager: ScriptManager,
    is_debian: bool,
    on: bool,
    now: bool,
) -> std::fmt::Result {
    let name = quoted(name);
    let (verb, runlevels) = match (manager, on) {
        (ScriptManager::Openrc, true) => ("start", format!("rc-update add {name}")),
        (ScriptManager::Openrc, false) => ("stop", format!("rc-update -a del {name}")),
        (ScriptManager::Sysv, true) if is_debian => ("start", format!("update-rc.d {name} enable")),
        (ScriptManager::Sysv, false) if is_debian => ("stop", format!("update-rc.d {name} disable")),
        (ScriptManager::Sysv, true) => ("start", format!("chkconfig {name} on")),
        (ScriptManager::Sysv, false) => ("stop", format!("chkconfig {name} off")),
    };
    let service = if manager == ScriptManager::Openrc { "rc-service" } else { "service" };
    if now {
        writeln!(out, "try {service} {name} {verb}")?;
    }
    writeln!(out, "try {runlevels}")
}

fn line(out: &mut String, command: &str, names: &[&str]) -> std::fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = names.iter().map(|n| quoted(n)).collect();
    writeln!(out, "{command} {}", names.join(" "))
}

/// In single quotes, between which the shell takes everything as it is; what a terminal would obey is made visible.
fn quoted(text: &str) -> String {
    format!("'{}'", in_comment(text).replace('\'', "'\\''"))
}
