//! Names on the system bus. Where the bus leaves the start to systemd, a mask is enough; where it would start a
//! program by itself, a file before the package's one (`dbus-daemon(1)`, standard system service directories) makes it
//! start nothing.

use std::path::Path;

use super::units;
use super::view::View;
use crate::Change;
use crate::execute::settings;
use crate::system::Node;

/// Where the administrator's files are.
const ADMIN: &str = "/usr/local/share/dbus-1/system-services";

/// Where packages' files are.
const SHIPPED: &[&str] = &["/usr/share/dbus-1/system-services", "/lib/dbus-1/system-services"];

pub(super) fn override_all(
    view: &mut View<'_>,
    names: &[String],
    masked: &[String],
) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for name in names {
        if !is_bus_name(name) {
            return Err(format!("no name on the system bus can be {name:?}"));
        }
        if starts_by_itself(view, name, masked)? {
            let text = format!("[D-BUS Service]\nName={name}\nExec=/bin/false\nUser=root\n");
            let file = Node::File { content: text.into_bytes(), mode: 0o644, uid: 0, gid: 0 };
            changes.extend(view.put(Path::new(ADMIN).join(format!("{name}.service")), file)?);
        }
    }
    Ok(changes)
}

/// Whether the bus has a file for the name that names no unit which is masked, or has no other name left.
fn starts_by_itself(view: &View<'_>, name: &str, masked: &[String]) -> Result<bool, String> {
    for directory in std::iter::once(&ADMIN).chain(SHIPPED).filter(|d| !view.is_elsewhere(d)) {
        let path = Path::new(directory).join(format!("{name}.service"));
        let Some(text) = view.text(&path)? else { continue };
        let unit = settings(&text).find(|(key, _)| *key == "SystemdService").map(|(_, unit)| unit);
        return Ok(match unit {
            None => true,
            Some(unit) => !masked.iter().any(|m| m == unit) && !was_alias(view, unit)?,
        });
    }
    Ok(false)
}

/// Whether the unit is an administrator's link that is gone by now, and that no package ships.
fn was_alias(view: &View<'_>, unit: &str) -> Result<bool, String> {
    if !units::is_unit(unit) {
        return Ok(false);
    }
    for directory in ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"] {
        if view.node(&Path::new(directory).join(unit))? != Node::Absent {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As the D-Bus specification has them: letters, digits, `_` and `-` between dots.
fn is_bus_name(name: &str) -> bool {
    let element =
        |e: &str| !e.is_empty() && e.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    name.len() < 256 && name.contains('.') && name.split('.').all(element)
}
