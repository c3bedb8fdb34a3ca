//! Every form of one audit, under snapshot; JSON and SARIF against their schemas.

mod sample;

use doorward_report::{TextStyle, escape};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn text() {
    insta::assert_snapshot!(doorward_report::text(&sample::audit(), TextStyle::default()));
}

#[test]
fn text_of_a_host_without_anything_to_shut() {
    insta::assert_snapshot!(doorward_report::text(&sample::clean(), TextStyle::default()));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(doorward_report::markdown(&sample::audit()));
}

#[test]
fn sarif() {
    insta::assert_snapshot!(doorward_report::sarif(&[sample::audit()], "1.2.3"));
}

#[test]
fn colour_only_adds_colour() {
    let plain = doorward_report::text(&sample::audit(), TextStyle::default());
    let coloured =
        doorward_report::text(&sample::audit(), TextStyle { colour: true, ..TextStyle::default() });
    assert!(coloured.contains("\x1b[31m"));
    let mut stripped = String::new();
    for (at, part) in coloured.split('\x1b').enumerate() {
        stripped.push_str(if at == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, plain);
}

#[test]
fn json_is_what_its_schema_says() {
    let schema = include_str!("../../../../schema/audit.schema.json");
    for audit in [sample::audit(), sample::clean()] {
        validate(schema, &doorward_report::json(&audit));
    }
}

#[test]
fn sarif_is_what_its_schema_says() {
    let schema = sarif_schema();
    for audit in [sample::audit(), sample::clean()] {
        validate(&schema, &doorward_report::sarif(std::slice::from_ref(&audit), "1.2.3"));
    }
}

fn validate(schema: &str, text: &str) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// OASIS' own schema, as the crate `serde-sarif` carries it.
#[expect(clippy::disallowed_methods, reason = "cargo knows where the crate lies")]
fn sarif_schema() -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|p| p["name"] == "serde-sarif").unwrap();
    let manifest = std::path::Path::new(package["manifest_path"].as_str().unwrap());
    std::fs::read_to_string(manifest.with_file_name("src").join("schema.json")).unwrap()
}

#[test]
fn no_line_of_text_is_wider_than_it_may_be() {
    for width in [100, 120, 160] {
        let text = doorward_report::text(&sample::audit(), TextStyle { width, colour: false });
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{width}: {line}");
        }
    }
}

proptest! {
    /// Whatever a host names its things, no form lets it through to a terminal.
    #[test]
    fn hostile_names_stay_harmless(name in any::<String>(), reason in any::<String>()) {
        let mut audit = sample::audit();
        for door in &mut audit.doors {
            door.service = Some(name.clone());
            door.reasons = vec![reason.clone()];
        }
        for service in &mut audit.services {
            service.name.clone_from(&name);
        }
        audit.host.name.clone_from(&name);
        let text = doorward_report::text(&audit, TextStyle::default());
        let markdown = doorward_report::markdown(&audit);
        for line in text.lines().chain(markdown.lines()) {
            prop_assert!(matches!(escape(line), std::borrow::Cow::Borrowed(_)), "{line:?}");
        }
        for json in [doorward_report::json(&audit), doorward_report::sarif(std::slice::from_ref(&audit), "1")] {
            prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
            prop_assert!(!json.contains('\x1b') && !json.contains('\u{202e}'), "{json}");
        }
    }
}
