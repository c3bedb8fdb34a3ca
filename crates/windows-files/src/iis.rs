//! Internet Information Services: version, sites, who gets in.
//!
//! Version 7 and later keep their sites in `applicationHost.config`, 6 in `MetaBase.xml` (as does the mail service of
//! later ones), 4 to 5.1 in `MetaBase.bin`, which is seen but not read.

use doorward_model::{Iis, IisBinding, Service, Subject, Unseen};

use crate::Disk;
use crate::disk::{ConfigFile, ConfigKind};
use crate::registry::Registry;
use crate::version::Version;
use crate::xml::Element;

mod addresses;
mod application_host;
mod kept;
mod metabase;

use kept::Kept;

/// Services whose presence means that IIS is installed.
const SERVICES: [&str; 5] = ["W3SVC", "IISADMIN", "MSFTPSVC", "FTPSVC", "WAS"];

/// What is known of IIS, when it is installed, and the directories that its web sites serve, as they are written.
pub(crate) fn collect(
    registry: Registry<'_>,
    disk: &Disk,
    version: &Version,
    services: &[Service],
) -> Option<(Iis, Vec<String>)> {
    let has = |name: &&str| services.iter().any(|service| service.name.eq_ignore_ascii_case(name));
    let present = SERVICES.iter().any(has);
    if !present && disk.configs.is_empty() {
        return None;
    }
    let mut iis = Iis { complete: disk.whole || !disk.configs.is_empty(), ..Iis::default() };
    if let Some(key) = registry.software(r"Microsoft\InetStp", Subject::Listeners) {
        if let Some(major) = key.number("MajorVersion") {
            iis.version = Some(format!("{major}.{}", key.number("MinorVersion").unwrap_or_default()));
            iis.version_evidence = Some(format!(r"{}\MajorVersion", key.place));
        }
        if let Some(components) = key.child("Components") {
            let installed = components.values().filter(|value| value.as_u32() == Ok(1));
            iis.components = installed.map(|value| value.name().into_owned()).collect();
            iis.components.sort();
        }
    }
    if iis.version.is_none() && present {
        iis.version = version.nt().and_then(|nt| of_windows(&nt)).map(str::to_owned);
        let evidence = |_: &String| format!("Windows {}", version.nt().unwrap_or_default());
        iis.version_evidence = iis.version.as_ref().map(evidence);
    }
    let mut directories = Vec::new();
    for config in &disk.configs {
        iis.files.push(config.file.clone());
        if let Err(why) = read(config, &mut iis, &mut directories) {
            iis.complete = false;
            registry.sink().note(Unseen::new(
                Subject::Listeners,
                "sites of IIS",
                format!("{}: {why}", config.file),
            ));
        }
    }
    if disk.configs.is_empty() && present {
        iis.complete = false;
        let why = "neither applicationHost.config nor a metabase is here";
        let remedy = "audit the mounted system disk";
        registry.sink().note(Unseen::new(Subject::Listeners, "sites of IIS", why).with_remedy(remedy));
    }
    iis.sites.sort();
    Some((iis, directories))
}

/// The version of IIS that a Windows comes with.
fn of_windows(nt: &str) -> Option<&'static str> {
    Some(match nt {
        "4.0" => "4.0",
        "5.0" => "5.0",
        "5.1" => "5.1",
        "5.2" => "6.0",
        "6.0" => "7.0",
        "6.1" => "7.5",
        "6.2" => "8.0",
        "6.3" => "8.5",
        "10.0" => "10.0",
        _ => return None,
    })
}

fn read(config: &ConfigFile, iis: &mut Iis, directories: &mut Vec<String>) -> Result<(), String> {
    let xml = || Element::parse(&config.bytes).map_err(|why| why.to_string());
    let mut kept = Kept::default();
    match config.kind {
        ConfigKind::MetabaseBin => Err("the binary metabase of IIS 4 to 5.1 is not read".into()),
        ConfigKind::Redirection => {
            let root = xml()?;
            match root
                .at("configurationRedirection")
                .filter(|redirection| redirection.is_set("enabled") == Some(true))
            {
                Some(to) => Err(format!(
                    "the configuration lies elsewhere: {}",
                    to.attribute("path").unwrap_or_default()
                )),
                None => Ok(()),
            }
        }
        ConfigKind::ApplicationHost => {
            let root = xml()?;
            let result = application_host::sites(&root, &config.file, &mut kept);
            iis.sites.extend(kept.sites);
            directories.extend(application_host::directories(&root));
            result
        }
        ConfigKind::MetabaseXml => {
            let root = xml()?;
            let result = metabase::sites(&root, &config.file, &mut kept);
            iis.sites.extend(kept.sites);
            directories.extend(metabase::directories(&root));
            result
        }
    }
}

/// `address:port:host`; the address of version 6 in brackets, or none, is that of version 4.
fn binding(protocol: &str, text: &str) -> IisBinding {
    let text = text.trim();
    let closing = text.find(']').filter(|_| text.starts_with('[')).map_or(0, |at| at + 1);
    let colon = text[closing..].find(':').map(|at| closing + at);
    let (address, rest) = colon.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let (port, host) = rest.map_or((None, None), |rest| {
        let (port, host) = rest.split_once(':').unwrap_or((rest, ""));
        (port.trim().parse().ok(), Some(host.trim()).filter(|host| !host.is_empty()).map(str::to_owned))
    });
    let address = if address.is_empty() { "*" } else { address.trim_matches(['[', ']']) };
    IisBinding { protocol: protocol.to_owned(), address: address.to_owned(), port, host }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bindings() {
        let told = |text: &str| {
            let b = binding("http", text);
            (b.address, b.port, b.host)
        };
        assert_eq!(told("*:80:"), ("*".into(), Some(80), None));
        assert_eq!(told(":8080:www.example.org"), ("*".into(), Some(8080), Some("www.example.org".into())));
        assert_eq!(told("192.0.2.1:443:"), ("192.0.2.1".into(), Some(443), None));
        assert_eq!(told("[2001:db8::1]:80:h"), ("2001:db8::1".into(), Some(80), Some("h".into())));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,40}", odd in "[\\[\\]:*0-9é]{0,12}") {
            let _ = (binding("http", &text), binding("http", &odd));
        }
    }
}
