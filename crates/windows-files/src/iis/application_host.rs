//! Sites in `applicationHost.config`. What a `location` says of a site overrules what is said of all.

use doorward_model::{IisSite, IisSiteKind};

use super::binding;
use crate::xml::Element;

/// Most sites times locations: each site is looked for in all locations.
const WORK_LIMIT: usize = 20_000_000;

pub(super) fn sites(root: &Element, file: &str) -> Result<Vec<IisSite>, String> {
    let Some(sites) = root.at("system.applicationHost/sites") else {
        return Err("no element system.applicationHost/sites".into());
    };
    let (count, locations) = (sites.all("site").count(), root.all("location").count());
    if count.saturating_mul(locations) > WORK_LIMIT {
        return Err(format!("{count} sites and {locations} locations are more than any server has"));
    }
    let defaults = sites.at("siteDefaults");
    Ok(sites.all("site").map(|site| self::site(root, site, defaults, file)).collect())
}

/// Directories behind all virtual ones of web sites.
pub(super) fn directories(root: &Element) -> Vec<String> {
    let sites = root.at("system.applicationHost/sites").into_iter().flat_map(|sites| sites.all("site"));
    let is_web = |site: &&Element| {
        let bindings: Vec<&Element> =
            site.at("bindings").into_iter().flat_map(|all| all.all("binding")).collect();
        let is_http = |b: &&Element| {
            b.attribute("protocol")
                .is_some_and(|p| p.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("http")))
        };
        bindings.is_empty() || bindings.iter().any(is_http)
    };
    let virtual_ones =
        sites.filter(is_web).flat_map(|site| site.all("application")).flat_map(|a| a.all("virtualDirectory"));
    virtual_ones.filter_map(|d| d.attribute("physicalPath")).map(str::to_owned).collect()
}

fn site(root: &Element, site: &Element, defaults: Option<&Element>, file: &str) -> IisSite {
    let name = site.attribute("name").unwrap_or_default().to_owned();
    let mut bindings: Vec<_> = site
        .at("bindings")
        .iter()
        .flat_map(|all| all.all("binding"))
        .map(|b| {
            let protocol = b.attribute("protocol").unwrap_or_default().to_lowercase();
            let text = b.attribute("bindingInformation").unwrap_or_default();
            // Those of other protocols have other forms, as port:* of net.tcp.
            match protocol.as_str() {
                "net.tcp" => {
                    binding(&protocol, &format!("*:{}:", text.split(':').next().unwrap_or_default()))
                }
                _ => binding(&protocol, text),
            }
        })
        .collect();
    bindings.sort();
    let is_ftp = !bindings.is_empty() && bindings.iter().all(|b| b.protocol.starts_with("ftp"));
    let ftp = site.at("ftpServer").or_else(|| defaults?.at("ftpServer"));
    let starts = |element: Option<&Element>| element.and_then(|e| e.is_set("serverAutoStart"));
    let sections = Sections { root, name: &name };
    let anonymous = if is_ftp {
        let way = "security/authentication/anonymousAuthentication";
        let own = |ftp: Option<&Element>| ftp?.at(way)?.is_set("enabled");
        own(ftp).or_else(|| own(defaults.and_then(|d| d.at("ftpServer"))))
    } else {
        sections
            .of("system.webServer/security/authentication/anonymousAuthentication")
            .and_then(|(_, e)| e.is_set("enabled"))
    };
    let home = site.all("application").find(|a| a.attribute("path") == Some("/"));
    let directory = home.and_then(|a| a.all("virtualDirectory").find(|d| d.attribute("path") == Some("/")));
    IisSite {
        kind: if is_ftp { IisSiteKind::Ftp } else { IisSiteKind::Web },
        id: site.attribute("id").unwrap_or_default().to_owned(),
        starts: starts(if is_ftp { ftp } else { Some(site) }).or_else(|| starts(defaults)).unwrap_or(true),
        root: directory.and_then(|d| d.attribute("physicalPath")).map(str::to_owned),
        anonymous,
        writable: writable(&sections, is_ftp),
        restrictions: restrictions(&sections, is_ftp),
        place: format!("{file}: site {name}"),
        bindings,
        name,
    }
}

/// What the file says of one site.
struct Sections<'a> {
    root: &'a Element,
    name: &'a str,
}

impl<'a> Sections<'a> {
    /// Locations of the site, by their paths below it.
    fn locations(&self) -> impl Iterator<Item = (String, &'a Element)> {
        let name = self.name;
        self.root.all("location").filter_map(move |location| {
            let path = location.attribute("path")?;
            let rest = path.get(name.len()..).filter(|_| path[..name.len()].eq_ignore_ascii_case(name))?;
            (rest.is_empty() || rest.starts_with('/'))
                .then(|| (format!("/{}", rest.trim_start_matches('/')), location))
        })
    }

    /// The section in force for the site's root.
    fn of(&self, section: &str) -> Option<(String, &'a Element)> {
        let root = self.root;
        let own = self
            .locations()
            .filter(|(path, _)| path == "/")
            .find_map(|(path, l)| Some((path, l.at(section)?)));
        let all = || {
            root.all("location")
                .filter(|l| l.attribute("path").is_none_or(str::is_empty))
                .find_map(|l| l.at(section))
        };
        own.or_else(|| root.at(section).or_else(all).map(|e| ("/".to_owned(), e)))
    }

    /// All that speak of the site: that in force at its root, and those of places in it.
    fn everywhere(&self, section: &str) -> Vec<(String, &'a Element)> {
        let below = self
            .locations()
            .filter(|(path, _)| path != "/")
            .filter_map(|(path, l)| Some((path, l.at(section)?)));
        self.of(section).into_iter().chain(below).collect()
    }
}

fn writable(sections: &Sections<'_>, is_ftp: bool) -> Vec<String> {
    let mut found = Vec::new();
    if is_ftp {
        for (path, element) in sections.everywhere("system.ftpServer/security/authorization") {
            found.extend(element.all("add").filter_map(|rule| {
                let writes =
                    rule.attribute("permissions").is_some_and(|p| p.to_lowercase().contains("write"));
                let allows = rule.attribute("accessType").is_some_and(|a| a.eq_ignore_ascii_case("Allow"));
                (writes && allows).then(|| format!("{path}: FTP, {}", whom(rule)))
            }));
        }
    } else if let Some((_, authoring)) = sections.of("system.webServer/webdav/authoring")
        && authoring.is_set("enabled") == Some(true)
    {
        for (path, rules) in sections.everywhere("system.webServer/webdav/authoringRules") {
            found.extend(rules.all("add").filter_map(|rule| {
                let access = rule.attribute("access")?;
                access.to_lowercase().contains("write").then(|| format!("{path}: WebDAV, {}", whom(rule)))
            }));
        }
    }
    found.sort();
    found
}

/// Whom a rule is for.
fn whom(rule: &Element) -> String {
    let list = |name: &str| {
        rule.attribute(name).filter(|value| !value.is_empty()).map(|value| format!("{name} {value}"))
    };
    let all: Vec<String> = ["users", "roles"].iter().filter_map(|name| list(name)).collect();
    if all.is_empty() { "nobody named".into() } else { all.join(", ") }
}

fn restrictions(sections: &Sections<'_>, is_ftp: bool) -> Vec<String> {
    let section =
        if is_ftp { "system.ftpServer/security/ipSecurity" } else { "system.webServer/security/ipSecurity" };
    let mut found: Vec<String> = sections
        .everywhere(section)
        .into_iter()
        .filter_map(|(path, element)| {
            let unlisted = element.is_set("allowUnlisted").unwrap_or(true);
            let entries = |allowed: bool| {
                let fits =
                    element.all("add").filter(move |e| e.is_set("allowed").unwrap_or(false) == allowed);
                let shown = fits.map(|e| {
                    let net =
                        e.attribute("ipAddress").or_else(|| e.attribute("domainName")).unwrap_or_default();
                    e.attribute("subnetMask").map_or_else(|| net.to_owned(), |mask| format!("{net}/{mask}"))
                });
                shown.collect::<Vec<_>>().join(", ")
            };
            let listed = entries(!unlisted);
            match (unlisted, listed.is_empty()) {
                (true, true) => None,
                (true, false) => Some(format!("{path}: allow all but {listed}")),
                (false, true) => Some(format!("{path}: deny all")),
                (false, false) => Some(format!("{path}: deny all but {listed}")),
            }
        })
        .collect();
    found.sort();
    found
}
