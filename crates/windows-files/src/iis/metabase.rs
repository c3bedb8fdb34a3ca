//! Sites in `MetaBase.xml`. Each element is a place (`/LM/W3SVC/1/ROOT`), which inherits from those above it.

use std::collections::BTreeMap;

use doorward_model::{IisSite, IisSiteKind};

use super::addresses::Addresses;
use super::binding;
use super::kept::{BINDING_LIMIT, Kept};
use crate::xml::Element;

/// Services by their name in the metabase, what their sites are, and the protocol that they speak.
const SERVICES: [(&str, IisSiteKind, &str); 6] = [
    ("W3SVC", IisSiteKind::Web, "http"),
    ("MSFTPSVC", IisSiteKind::Ftp, "ftp"),
    ("SMTPSVC", IisSiteKind::Smtp, "smtp"),
    ("NNTPSVC", IisSiteKind::Nntp, "nntp"),
    ("POP3SVC", IisSiteKind::Other, "pop3"),
    ("IMAP4SVC", IisSiteKind::Other, "imap"),
];

/// Longest chain of places that is followed upwards.
const DEPTH_LIMIT: usize = 64;

pub(super) fn sites(root: &Element, file: &str, kept: &mut Kept) -> Result<(), String> {
    let empty = Element::default();
    let base = root.at("MBProperty").unwrap_or(&empty);
    let places: BTreeMap<String, &Element> = base
        .children
        .iter()
        .filter_map(|element| {
            Some((element.attribute("Location")?.trim_end_matches('/').to_uppercase(), element))
        })
        .collect();
    let metabase = Metabase { places };
    for (place, element) in &metabase.places {
        let parts: Vec<&str> = place.split('/').collect();
        let [_, "LM", service, id] = parts[..] else { continue };
        let service = SERVICES.iter().find(|(name, ..)| *name == service);
        let (Some((_, kind, protocol)), true) = (service, is_number(id)) else { continue };
        kept.add(metabase.site(place, element, id, *kind, protocol, file))?;
    }
    Ok(())
}

/// Whether it is a site's number. With zeros before it, each could be the beginning of all that follow.
fn is_number(id: &str) -> bool {
    !id.starts_with(['+', '0']) && id.parse::<u32>().is_ok()
}

/// Directories behind web sites' roots and the virtual ones in them.
pub(super) fn directories(root: &Element) -> Vec<String> {
    let is_web = |element: &&Element| {
        let place = element.attribute("Location").unwrap_or_default().to_uppercase();
        let parts: Vec<&str> = place.trim_start_matches('/').split('/').collect();
        matches!(parts[..], ["LM", "W3SVC", id, "ROOT", ..] if id.parse::<u32>().is_ok())
    };
    let elements = root.at("MBProperty").into_iter().flat_map(|base| &base.children);
    elements.filter(is_web).filter_map(|element| element.attribute("Path")).map(str::to_owned).collect()
}

struct Metabase<'a> {
    /// By their places in upper case.
    places: BTreeMap<String, &'a Element>,
}

impl Metabase<'_> {
    /// An attribute at a place, or that which it inherits.
    fn inherited(&self, place: &str, attribute: &str) -> Option<&str> {
        let mut place = place;
        for _ in 0..DEPTH_LIMIT {
            if let Some(value) = self.places.get(place).and_then(|element| element.attribute(attribute)) {
                return Some(value);
            }
            place = place.rsplit_once('/')?.0;
        }
        None
    }

    fn site(
        &self,
        place: &str,
        element: &Element,
        id: &str,
        kind: IisSiteKind,
        protocol: &str,
        file: &str,
    ) -> IisSite {
        let secure = if kind == IisSiteKind::Web { "https".to_owned() } else { format!("{protocol}s") };
        let mut bindings = Vec::new();
        for (attribute, protocol) in [("ServerBindings", protocol), ("SecureBindings", &secure)] {
            let texts = self.inherited(place, attribute).unwrap_or_default().split_whitespace();
            bindings.extend(texts.take(BINDING_LIMIT + 1).map(|text| binding(protocol, text)));
        }
        bindings.sort();
        let root = format!("{place}/ROOT");
        let anonymous = match kind {
            IisSiteKind::Ftp => {
                self.inherited(place, "AllowAnonymous").map(|value| value.eq_ignore_ascii_case("true"))
            }
            _ => self.inherited(&root, "AuthFlags").map(|flags| flags.contains("AuthAnonymous")),
        };
        let starts =
            self.inherited(place, "ServerAutoStart").is_none_or(|value| value.eq_ignore_ascii_case("true"));
        IisSite {
            kind,
            id: id.to_owned(),
            name: element.attribute("ServerComment").unwrap_or_default().to_owned(),
            starts,
            bindings,
            root: self.inherited(&root, "Path").map(str::to_owned),
            anonymous,
            writable: self.writable(place),
            restrictions: self.restrictions(place),
            place: format!("{file}: {}", element.attribute("Location").unwrap_or(place)),
        }
    }

    /// Places of a site, itself first.
    fn below<'s>(&'s self, site: &'s str) -> impl Iterator<Item = (&'s str, &'s Element)> {
        let first = self.places.range(site.to_owned()..);
        let below = first.take_while(move |(place, _)| place.starts_with(site));
        below.filter_map(move |(place, element)| {
            let rest = &place[site.len()..];
            (rest.is_empty() || rest.starts_with('/')).then_some((rest, *element))
        })
    }

    fn writable(&self, site: &str) -> Vec<String> {
        let mut found: Vec<String> = self
            .below(site)
            .filter(|(_, element)| {
                element.attribute("AccessFlags").is_some_and(|flags| flags.contains("AccessWrite"))
            })
            .map(|(place, _)| format!("{}: AccessWrite", if place.is_empty() { "/" } else { place }))
            .collect();
        let everywhere =
            self.inherited(&format!("{site}/ROOT"), "AccessFlags").is_some_and(|f| f.contains("AccessWrite"));
        if everywhere && !found.iter().any(|place| place.starts_with("/ROOT:")) {
            found.push("/ROOT: AccessWrite, inherited".to_owned());
        }
        found.sort();
        found
    }

    /// Lists of addresses are kept as bytes; one that cannot be decoded is told as being there.
    fn restrictions(&self, site: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (place, element) in self.below(site) {
            let place = if place.is_empty() { "/" } else { place };
            let list = |attribute| element.attribute(attribute).filter(|list| !list.trim().is_empty());
            if let Some(list) = list("IPSecurity") {
                found.push(format!("{place}: {}", access(list)));
            }
            if let Some(list) = list("RelayIpList") {
                found.push(format!("{place}: {}", relaying(list)));
            }
        }
        found.sort();
        found
    }
}

/// Who may come in.
fn access(list: &str) -> String {
    match Addresses::decode(list) {
        Some(Addresses::Only(all)) if all.is_empty() => "deny all".to_owned(),
        Some(Addresses::Only(all)) => format!("deny all but {}", all.join(", ")),
        Some(Addresses::AllBut(all)) if all.is_empty() => "allow all".to_owned(),
        Some(Addresses::AllBut(all)) => format!("allow all but {}", all.join(", ")),
        None => undecoded("addresses are restricted", "IPSecurity", list),
    }
}

/// Who may have mail passed on.
fn relaying(list: &str) -> String {
    match Addresses::decode(list) {
        Some(Addresses::Only(all)) if all.is_empty() => "relay for nobody".to_owned(),
        Some(Addresses::Only(all)) => format!("relay only for {}", all.join(", ")),
        Some(Addresses::AllBut(all)) if all.is_empty() => "relay for all".to_owned(),
        Some(Addresses::AllBut(all)) => format!("relay for all but {}", all.join(", ")),
        None => undecoded("relaying is restricted", "RelayIpList", list),
    }
}

fn undecoded(what: &str, attribute: &str, list: &str) -> String {
    format!("{what} ({attribute}, {} characters, not decoded)", list.trim().len())
}
