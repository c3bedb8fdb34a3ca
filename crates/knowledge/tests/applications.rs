//! The applications: their patterns read what they should from lines of configuration, and never a secret.

use std::collections::{BTreeMap, BTreeSet};

use doorward_applications::Setting;
use doorward_knowledge::{ApplicationEntry, Knowledge};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

/// Applications that the knowledge must at least have.
const APPLICATIONS: usize = 60;
/// What stands for a secret in the samples.
const SECRET: &str = "hunter2";
/// What a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sample: Vec<Sample>,
}

/// A text, and what a setting's pattern makes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    application: String,
    setting: String,
    text: String,
    /// Absent: the pattern does not match.
    value: Option<String>,
}

fn samples() -> Vec<Sample> {
    toml::from_str::<File>(include_str!("settings.toml")).expect("settings.toml is of this form").sample
}

fn applications() -> Vec<ApplicationEntry> {
    Knowledge::built_in().applications
}

/// Compiled as the collector compiles it.
fn compile(probe: &Setting) -> Regex {
    RegexBuilder::new(&probe.pattern)
        .unicode(false)
        .multi_line(true)
        .size_limit(PATTERN_SIZE)
        .build()
        .unwrap_or_else(|e| panic!("{}: {e}", probe.name))
}

fn read(pattern: &Regex, text: &str) -> Option<String> {
    let value = pattern.captures(text.as_bytes())?.get(1)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[test]
fn enough_applications_are_known() {
    let known = applications().len();
    assert!(known >= APPLICATIONS, "{known}");
}

#[test]
fn every_pattern_reads_its_samples() {
    let samples = samples();
    let mut unread = Vec::new();
    for a in applications() {
        // Probes of one name look into files of different forms: a sample is of the one that reads it.
        let mut probes: BTreeMap<&str, Vec<Regex>> = BTreeMap::new();
        for probe in &a.settings {
            probes.entry(&probe.name).or_default().push(compile(probe));
        }
        let mut readers: BTreeSet<(&str, usize)> = BTreeSet::new();
        for s in samples.iter().filter(|s| s.application == a.id) {
            let patterns = probes.get(s.setting.as_str());
            let patterns =
                patterns.unwrap_or_else(|| panic!("{} has no setting {}", s.application, s.setting));
            let values: Vec<Option<String>> = patterns.iter().map(|p| read(p, &s.text)).collect();
            let right = match &s.value {
                Some(_) => values.contains(&s.value),
                None => values.iter().all(Option::is_none),
            };
            if !right {
                unread.push(format!("{s:?} is read as {values:?}"));
            }
            let reading = values.iter().enumerate().filter(|(_, v)| v.is_some() && **v == s.value);
            readers.extend(reading.map(|(at, _)| (s.setting.as_str(), at)));
        }
        for (name, patterns) in &probes {
            for at in 0..patterns.len() {
                if !readers.contains(&(*name, at)) {
                    unread.push(format!("{}: no sample for {name}, pattern {at}", a.id));
                }
            }
        }
    }
    assert!(unread.is_empty(), "{unread:#?}");
}

#[test]
fn every_sample_is_of_an_application() {
    let known: BTreeSet<String> = applications().into_iter().map(|a| a.id).collect();
    for s in samples() {
        assert!(known.contains(&s.application), "{s:?}");
    }
}

#[test]
fn no_pattern_captures_a_secret() {
    let samples = samples();
    let secret = samples.iter().filter(|s| s.text.contains(SECRET)).count();
    assert!(secret > 50, "{secret} samples hold a secret");
    for a in applications() {
        for probe in &a.settings {
            let pattern = compile(probe);
            // Of whatever application: files of one are read with the patterns of its settings alone, but a pattern
            // that takes a secret anywhere is wrong.
            for s in &samples {
                for c in pattern.captures_iter(s.text.as_bytes()) {
                    let value = c.get(1).map_or(&b""[..], |v| v.as_bytes());
                    let value = String::from_utf8_lossy(value);
                    assert!(!value.contains(SECRET), "{} {}: {value:?} of {s:?}", a.id, probe.name);
                }
            }
        }
    }
}

#[test]
fn no_pattern_captures_part_of_a_password_in_an_address() {
    let passwords = [
        "hunter2",
        "a@hunter2",
        "hunter2@a",
        "a:hunter2",
        "hunter2/a",
        "a/hunter2",
        "?hunter2@",
        "#hunter2",
        "a hunter2",
    ];
    let hosts = ["localhost", "127.0.0.1:5432", "[::1]:5432", "ho%st", "${HOST}", ""];
    let forms =
        |n: &str, url: &str| [format!("{n}={url}"), format!("{n}=\"{url}\""), format!("{n}: '{url}'")];
    for a in applications() {
        for probe in &a.settings {
            let pattern = compile(probe);
            for password in passwords {
                for host in hosts {
                    let url = format!("postgres://user:{password}@{host}/name?x=1");
                    for name in
                        ["DATABASE_URL", "REDIS_URL", "MAILER_DSN", "url", "mongodb_uri", "DataSource"]
                    {
                        for text in forms(name, &url) {
                            let value = read(&pattern, &text).unwrap_or_default();
                            assert!(!value.contains(SECRET), "{} {}: {value:?} of {text}", a.id, probe.name);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn settings_are_not_named_like_secrets() {
    for a in applications() {
        for probe in &a.settings {
            let words = ["password", "passwd", "secret", "token", "key", "user"];
            assert!(!words.iter().any(|w| probe.name.contains(w)), "{} {}", a.id, probe.name);
        }
    }
}

#[test]
fn every_setting_is_asked_for() {
    for a in applications() {
        let conditions = a.needs.iter().flat_map(|n| n.when.iter().chain(&n.unless));
        let asked: BTreeSet<&str> = conditions.map(|c| c.setting.as_str()).collect();
        for probe in &a.settings {
            assert!(asked.contains(probe.name.as_str()), "{}: no need asks for {}", a.id, probe.name);
        }
    }
}

#[test]
fn paths_are_plain() {
    for a in applications() {
        let files = a.recognise.files.iter().chain(a.settings.iter().flat_map(|s| &s.files));
        for file in files {
            // One step up leads to the directory above a document root; more would leave the application.
            let rest = file.strip_prefix("../").unwrap_or(file);
            assert!(!rest.is_empty() && !rest.split('/').any(|p| p == ".." || p == "."), "{}: {file}", a.id);
            assert!(!file.contains("**"), "{}: {file}", a.id);
        }
        for probe in &a.settings {
            let relative = probe.files.iter().any(|f| !f.starts_with('/'));
            let found_by_relative = a.recognise.files.iter().any(|f| !f.starts_with('/'));
            assert!(!relative || found_by_relative, "{}: nothing tells where {:?} are", a.id, probe.files);
        }
    }
}

#[test]
fn a_marker_tells_one_application() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for a in applications() {
        let r = &a.recognise;
        for name in r.packages.iter().chain(&r.files).chain(&r.units) {
            let before = seen.insert(name.clone(), a.id.clone());
            assert!(before.is_none_or(|b| b == a.id), "{name} tells of {} too", a.id);
        }
    }
}

#[test]
fn what_an_application_needs_can_be_found() {
    let knowledge = Knowledge::built_in();
    for a in &knowledge.applications {
        for need in &a.needs {
            assert!(!need.any.is_empty(), "{}", a.id);
            let mut sorted = need.any.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted, need.any, "{}: ids are sorted and named once", a.id);
        }
        // What it is recognised by running is what it needs to run; on Windows its own service need have no entry.
        for unit in a.recognise.units.iter().filter(|_| a.systems.is_empty()) {
            let index = doorward_knowledge::Index::new(&knowledge);
            let entry = index.by_name(&unit.replace('*', "x")).map(|e| e.id.as_str());
            let entry = entry.unwrap_or_else(|| panic!("{}: no service entry knows {unit}", a.id));
            assert!(
                a.needs.iter().any(|n| n.any.iter().any(|id| id == entry)),
                "{} is recognised by {unit} and does not need {entry}",
                a.id
            );
        }
    }
}
