//! Names of units: `PREFIX[@[INSTANCE]].TYPE` (`systemd.unit(5)`).

/// The unit types that can be files or be named in them.
const TYPES: &[&str] = &[
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

/// The unit types that this program has a use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitType {
    Service,
    Socket,
    Timer,
    Path,
    Target,
}

impl UnitType {
    /// The type of a unit, `None` for those that are neither started nor start anything (mounts, slices, devices).
    pub(super) fn of(name: &str) -> Option<Self> {
        match suffix(name)? {
            "service" => Some(Self::Service),
            "socket" => Some(Self::Socket),
            "timer" => Some(Self::Timer),
            "path" => Some(Self::Path),
            "target" => Some(Self::Target),
            _ => None,
        }
    }
}

/// What follows the last dot, without it.
pub(super) fn suffix(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, suffix)| suffix)
}

/// Whether the manager takes this as a unit's name.
pub(super) fn is_valid(name: &str) -> bool {
    let Some((stem, suffix)) = name.rsplit_once('.') else { return false };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    name.len() < 256
        && TYPES.contains(&suffix)
        && !stem.is_empty()
        && !stem.starts_with('@')
        && stem.bytes().all(allowed)
}

/// What stands before the first `@`, or before the type.
pub(super) fn prefix(name: &str) -> &str {
    let stem = stem(name);
    stem.split_once('@').map_or(stem, |(prefix, _)| prefix)
}

/// The instance: `Some("")` for a template, `None` for a plain name.
pub(super) fn instance(name: &str) -> Option<&str> {
    stem(name).split_once('@').map(|(_, instance)| instance)
}

/// Whether it is `foo@.service`.
pub(super) fn is_template(name: &str) -> bool {
    instance(name) == Some("")
}

/// Whether it is `foo@bar.service`.
pub(super) fn is_instance(name: &str) -> bool {
    instance(name).is_some_and(|i| !i.is_empty())
}

/// The template that an instance (or the template itself) belongs to.
pub(super) fn template_of(name: &str) -> Option<String> {
    instance(name)?;
    Some(format!("{}@.{}", prefix(name), suffix(name)?))
}

/// The instance of a template.
pub(super) fn instantiate(template: &str, instance: &str) -> Option<String> {
    let name = format!("{}@{instance}.{}", prefix(template), suffix(template)?);
    (is_template(template) && is_valid(&name)).then_some(name)
}

/// The name with the type taken away.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Names whose drop-in directories apply: the name itself, its template, and for both those that share a prefix up
/// to a dash (`foo-.service` for `foo-bar.service`).
pub(super) fn dropin_names(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    if is_instance(name) {
        names.extend(template_of(name));
    }
    let prefix = prefix(name);
    let at = if instance(name).is_some() { "@" } else { "" };
    if let Some(suffix) = suffix(name) {
        let dashes = prefix.char_indices().rev().filter(|&(i, c)| c == '-' && i + 1 < prefix.len());
        names.extend(dashes.map(|(i, _)| format!("{}{at}.{suffix}", &prefix[..=i])));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        assert!(is_valid("dbus-org.freedesktop.login1.service"));
        assert!(is_valid("systemd-fsck@dev-disk-by\\x2duuid.service"));
        for bad in ["", "a", ".service", "@x.service", "a b.service", "a.conf", "a/b.service", "ä.service"] {
            assert!(!is_valid(bad), "{bad}");
        }
        assert_eq!(prefix("getty@tty1.service"), "getty");
        assert_eq!(instance("getty@tty1.service"), Some("tty1"));
        assert_eq!(instance("a@b@c.service"), Some("b@c"));
        assert_eq!(instance("ssh.service"), None);
        assert!(is_template("getty@.service") && !is_instance("getty@.service"));
        assert_eq!(template_of("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(instantiate("getty@.service", "tty1").as_deref(), Some("getty@tty1.service"));
        assert_eq!(instantiate("getty.service", "tty1"), None);
    }

    #[test]
    fn dropins_of_templates_and_prefixes_apply() {
        assert_eq!(dropin_names("a-b-c.service"), ["a-b-c.service", "a-b-.service", "a-.service"]);
        assert_eq!(dropin_names("a-b@x.service"), ["a-b@x.service", "a-b@.service", "a-@.service"]);
        assert_eq!(dropin_names("a-.service"), ["a-.service"]);
    }
}
