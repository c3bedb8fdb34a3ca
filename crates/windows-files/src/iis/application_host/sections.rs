//! Sections of `applicationHost.config`, of all sites and of locations. Each is read once, however many sites it is for.

use std::collections::HashMap;

use crate::xml::Element;

pub(super) const ANONYMOUS: &str = "system.webServer/security/authentication/anonymousAuthentication";
pub(super) const AUTHORING: &str = "system.webServer/webdav/authoring";
pub(super) const AUTHORING_RULES: &str = "system.webServer/webdav/authoringRules";
pub(super) const ADDRESSES: &str = "system.webServer/security/ipSecurity";
pub(super) const FTP_AUTHORIZATION: &str = "system.ftpServer/security/authorization";
pub(super) const FTP_ADDRESSES: &str = "system.ftpServer/security/ipSecurity";

/// Sections that are asked for.
const SECTIONS: [&str; 6] =
    [ANONYMOUS, AUTHORING, AUTHORING_RULES, ADDRESSES, FTP_AUTHORIZATION, FTP_ADDRESSES];

/// The sections that are asked for, by their names.
pub(super) struct Sections<'a>(HashMap<&'static str, Section<'a>>);

struct Section<'a> {
    /// What is said of all sites.
    of_all: Option<Said>,
    /// What is said of locations, with their paths.
    located: Vec<(&'a str, Said)>,
}

/// What a section says.
struct Said {
    enabled: Option<bool>,
    /// Who may write, or come in; one line each.
    lines: Vec<String>,
}

impl<'a> Sections<'a> {
    pub(super) fn of(root: &'a Element) -> Self {
        Self(SECTIONS.into_iter().map(|name| (name, Section::of(root, name))).collect())
    }
}

impl<'a> Section<'a> {
    fn of(root: &'a Element, name: &str) -> Self {
        let said = |element: &Element| element.at(name).map(|section| Said::by(section, name));
        let mut section = Self { of_all: said(root), located: Vec::new() };
        for location in root.all("location") {
            match location.attribute("path") {
                None | Some("") if section.of_all.is_some() => {}
                None | Some("") => section.of_all = said(location),
                Some(path) => section.located.extend(said(location).map(|said| (path, said))),
            }
        }
        section
    }
}

impl Said {
    fn by(section: &Element, name: &str) -> Self {
        let lines = match name {
            AUTHORING_RULES => section.all("add").filter_map(webdav).collect(),
            FTP_AUTHORIZATION => section.all("add").filter_map(ftp).collect(),
            ADDRESSES | FTP_ADDRESSES => addresses(section).into_iter().collect(),
            _ => Vec::new(),
        };
        Self { enabled: section.is_set("enabled"), lines }
    }
}

/// What is said of one site.
pub(super) struct Own<'s> {
    sections: &'s Sections<'s>,
    name: &'s str,
}

impl<'s> Own<'s> {
    pub(super) fn new(sections: &'s Sections<'_>, name: &'s str) -> Self {
        Self { sections, name }
    }

    /// Whether a section's matter is enabled at the site's root.
    pub(super) fn is_enabled(&self, section: &str) -> Option<bool> {
        self.in_force(section)?.enabled
    }

    /// A section's lines, with their places in the site, sorted: those in force at its root, and those of places in it.
    pub(super) fn lines(&self, section: &str) -> Vec<String> {
        let below = self.located(section).filter(|(path, _)| path != "/");
        let root = self.in_force(section).map(|said| ("/".to_owned(), said));
        let mut lines: Vec<String> = root
            .into_iter()
            .chain(below)
            .flat_map(|(path, said)| said.lines.iter().map(move |line| format!("{path}: {line}")))
            .collect();
        lines.sort();
        lines
    }

    /// The section in force at the site's root.
    fn in_force(&self, section: &str) -> Option<&'s Said> {
        let own = self.located(section).find(|(path, _)| path == "/").map(|(_, said)| said);
        own.or_else(|| self.sections.0.get(section)?.of_all.as_ref())
    }

    /// A section's places in the site, by their paths below it.
    fn located(&self, section: &str) -> impl Iterator<Item = (String, &'s Said)> {
        let name = self.name;
        let all = self.sections.0.get(section).into_iter().flat_map(|section| &section.located);
        all.filter_map(move |(path, said)| {
            let rest = path.get(name.len()..).filter(|_| path[..name.len()].eq_ignore_ascii_case(name))?;
            (rest.is_empty() || rest.starts_with('/'))
                .then(|| (format!("/{}", rest.trim_start_matches('/')), said))
        })
    }
}

/// Who may write by FTP.
fn ftp(rule: &Element) -> Option<String> {
    let writes = rule.attribute("permissions").is_some_and(|p| p.to_lowercase().contains("write"));
    let allows = rule.attribute("accessType").is_some_and(|a| a.eq_ignore_ascii_case("Allow"));
    (writes && allows).then(|| format!("FTP, {}", whom(rule)))
}

/// Who may write by way of `WebDAV`.
fn webdav(rule: &Element) -> Option<String> {
    let access = rule.attribute("access")?;
    access.to_lowercase().contains("write").then(|| format!("WebDAV, {}", whom(rule)))
}

/// Whom a rule is for.
fn whom(rule: &Element) -> String {
    let list = |name: &str| {
        rule.attribute(name).filter(|value| !value.is_empty()).map(|value| format!("{name} {value}"))
    };
    let all: Vec<String> = ["users", "roles"].iter().filter_map(|name| list(name)).collect();
    if all.is_empty() { "nobody named".into() } else { all.join(", ") }
}

/// Which addresses are let in, if not all.
fn addresses(section: &Element) -> Option<String> {
    let unlisted = section.is_set("allowUnlisted").unwrap_or(true);
    let listed = section.all("add").filter(|e| e.is_set("allowed").unwrap_or(false) != unlisted).map(|e| {
        let net = e.attribute("ipAddress").or_else(|| e.attribute("domainName")).unwrap_or_default();
        e.attribute("subnetMask").map_or_else(|| net.to_owned(), |mask| format!("{net}/{mask}"))
    });
    let listed = listed.collect::<Vec<_>>().join(", ");
    match (unlisted, listed.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!("allow all but {listed}")),
        (false, true) => Some("deny all".to_owned()),
        (false, false) => Some(format!("deny all but {listed}")),
    }
}
