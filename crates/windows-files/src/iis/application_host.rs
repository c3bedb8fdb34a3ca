//! Sites in `applicationHost.config`. What a `location` says of a site overrules what is said of all.

use doorward_model::{IisSite, IisSiteKind};

use super::binding;
use super::kept::{BINDING_LIMIT, Kept};
use crate::xml::Element;

mod sections;

use sections::{
    ADDRESSES, ANONYMOUS, AUTHORING, AUTHORING_RULES, FTP_ADDRESSES, FTP_AUTHORIZATION, Own, Sections,
};

/// Most sites times locations: each site is looked for in all locations.
const WORK_LIMIT: usize = 20_000_000;

/// Where a site of FTP, or what is said of all, says whether it lets in those who give no name.
const FTP_ANONYMOUS: &str = "security/authentication/anonymousAuthentication";

pub(super) fn sites(root: &Element, file: &str, kept: &mut Kept) -> Result<(), String> {
    let Some(sites) = root.at("system.applicationHost/sites") else {
        return Err("no element system.applicationHost/sites".into());
    };
    let (count, locations) = (sites.all("site").count(), root.all("location").count());
    if count.saturating_mul(locations) > WORK_LIMIT {
        return Err(format!("{count} sites and {locations} locations are more than any server has"));
    }
    // Looked up once, not for each site: there may be many elements to look through.
    let (defaults, sections) = (Defaults::of(sites.at("siteDefaults")), Sections::of(root));
    sites.all("site").try_for_each(|site| kept.add(self::site(site, &sections, &defaults, file)))
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

fn site(site: &Element, sections: &Sections<'_>, defaults: &Defaults, file: &str) -> IisSite {
    let name = site.attribute("name").unwrap_or_default().to_owned();
    let mut bindings: Vec<_> = site
        .at("bindings")
        .iter()
        .flat_map(|all| all.all("binding").take(BINDING_LIMIT + 1))
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
    let sections = Own::new(sections, &name);
    let (starts, anonymous) = if is_ftp {
        let own = Ftp::of(site.at("ftpServer"));
        (own.starts.or(defaults.ftp.starts), own.anonymous.or(defaults.ftp.anonymous))
    } else {
        (starts(site), sections.is_enabled(ANONYMOUS))
    };
    let home = site.all("application").find(|a| a.attribute("path") == Some("/"));
    let directory = home.and_then(|a| a.all("virtualDirectory").find(|d| d.attribute("path") == Some("/")));
    IisSite {
        kind: if is_ftp { IisSiteKind::Ftp } else { IisSiteKind::Web },
        id: site.attribute("id").unwrap_or_default().to_owned(),
        starts: starts.or(defaults.starts).unwrap_or(true),
        root: directory.and_then(|d| d.attribute("physicalPath")).map(str::to_owned),
        anonymous,
        writable: match is_ftp {
            true => sections.lines(FTP_AUTHORIZATION),
            false if sections.is_enabled(AUTHORING) == Some(true) => sections.lines(AUTHORING_RULES),
            false => Vec::new(),
        },
        restrictions: sections.lines(if is_ftp { FTP_ADDRESSES } else { ADDRESSES }),
        place: format!("{file}: site {name}"),
        bindings,
        name,
    }
}

fn starts(element: &Element) -> Option<bool> {
    element.is_set("serverAutoStart")
}

/// What `siteDefaults` says of all sites.
#[derive(Default)]
struct Defaults {
    starts: Option<bool>,
    ftp: Ftp,
}

impl Defaults {
    fn of(element: Option<&Element>) -> Self {
        element.map_or_else(Self::default, |e| Self { starts: starts(e), ftp: Ftp::of(e.at("ftpServer")) })
    }
}

/// What an element `ftpServer` says.
#[derive(Default)]
struct Ftp {
    starts: Option<bool>,
    anonymous: Option<bool>,
}

impl Ftp {
    fn of(element: Option<&Element>) -> Self {
        element.map_or_else(Self::default, |e| Self {
            starts: starts(e),
            anonymous: e.at(FTP_ANONYMOUS).and_then(|e| e.is_set("enabled")),
        })
    }
}
