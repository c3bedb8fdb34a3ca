//! What products need, and by what they are recognised.

use crate::{KNOWLEDGE, VERSIONS, index, system};
use doorward_knowledge::{ApplicationEntry, Recognise};

const AT_LEAST: usize = 40;

fn applications() -> impl Iterator<Item = &'static ApplicationEntry> {
    KNOWLEDGE.applications.iter().filter(|a| !a.systems.is_empty())
}

#[test]
fn many_products_are_known_with_what_they_need() {
    let count = applications().filter(|a| !a.needs.is_empty()).count();
    assert!(count >= AT_LEAST, "{count}");
}

#[test]
fn each_is_recognised_somehow() {
    for a in applications() {
        assert_ne!(a.recognise, Recognise::default(), "{}", a.id);
        assert!(a.recognise.packages.is_empty(), "{}: Windows has no packages", a.id);
        for glob in &a.recognise.products {
            assert!(glob.trim_matches('*').len() >= 5, "{}: {glob:?} matches too much", a.id);
        }
    }
}

#[test]
fn the_event_log_monitor_needs_message_queuing() {
    let selm = applications().find(|a| a.id == "windows-gfi-languard-selm").expect("it is known");
    assert_eq!(selm.needs[0].any, ["windows-msmq"]);
    assert!(selm.recognise.products.iter().any(|p| p.contains("LANguard")));
}

#[test]
fn what_is_needed_exists_on_a_version_where_the_product_runs() {
    for a in applications() {
        for need in &a.needs {
            let versions = VERSIONS.iter().filter(|v| a.is_of(system(v)));
            let met = versions.clone().any(|v| index(v).services().any(|s| need.any.contains(&s.id)));
            assert!(met, "{} needs {:?}", a.id, need.any);
        }
    }
}

#[test]
fn no_service_that_every_host_has_stands_for_a_product() {
    for a in applications() {
        for unit in &a.recognise.units {
            let index = index("10.0.14393");
            let Some(entry) = index.by_name(unit) else { continue };
            let installed = entry
                .defaults
                .iter()
                .filter(|d| d.start != Some(doorward_knowledge::DefaultStart::NotInstalled))
                .any(|d| d.systems.iter().any(|s| s.contains(system("10.0.14393"))));
            assert!(!installed, "{}: {unit} is on every host", a.id);
        }
    }
}

#[test]
fn settings_read_what_a_web_config_says() {
    let aspnet = applications().find(|a| a.id == "windows-aspnet").expect("it is known");
    let config = r#"<configuration><system.web><sessionState cookieless="false" mode="StateServer"/></system.web>
        <system.net><mailSettings><smtp deliveryMethod="PickupDirectoryFromIis" from="a@b.example">
        <network host="localhost"/></smtp></mailSettings></system.net></configuration>"#;
    let values: Vec<(&str, String)> = aspnet
        .settings
        .iter()
        .filter_map(|p| {
            let found = regex::Regex::new(&p.pattern).expect("a pattern").captures(config)?;
            Some((p.name.as_str(), found[1].to_owned()))
        })
        .collect();
    let wanted = [
        ("session-mode", "StateServer"),
        ("mail-delivery", "PickupDirectoryFromIis"),
        ("smtp-host", "localhost"),
    ];
    assert_eq!(values, wanted.map(|(n, v)| (n, v.to_owned())));
}
