//! The state of unit files, compared with what systemd's own `systemctl --root` says of random trees.
#![expect(clippy::disallowed_methods, reason = "runs systemctl, the truth that this is compared with")]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use doorward_model::Start;
use proptest::prelude::*;

use super::*;

const SYSTEMCTL: &str = "/usr/bin/systemctl";

const DIRECTORIES: &[&str] =
    &["etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system"];

const NAMES: &[&str] = &[
    "a.service",
    "b.service",
    "c.socket",
    "t@.service",
    "t@i.service",
    "t@j.service",
    "u@.service",
    "u@i.service",
    "g.service",
];

#[derive(Debug, Clone)]
enum Step {
    /// Directory, name, what its `[Install]` section says.
    Unit(&'static str, &'static str, &'static str),
    Empty(&'static str, &'static str),
    Link(&'static str, &'static str, String),
    /// Directory, kind, name.
    Pull(&'static str, &'static str, &'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let directory = || proptest::sample::select(DIRECTORIES);
    let name = || proptest::sample::select(NAMES);
    let install = proptest::sample::select(
        &[
            "",
            "WantedBy=x.target",
            "Also=b.service",
            "Alias=b.service",
            "Alias=a.service",
            "WantedBy=x.target\nDefaultInstance=i",
        ][..],
    );
    let target = prop_oneof![
        1 => Just("/dev/null".to_owned()),
        3 => (directory(), name()).prop_map(|(d, n)| format!("/{d}/{n}")),
        2 => name().prop_map(str::to_owned),
    ];
    prop_oneof![
        5 => (directory(), name().prop_filter("made by the generator alone", |n| *n != "g.service"), install).prop_map(|(d, n, i)| Step::Unit(d, n, i)),
        1 => (directory(), name()).prop_map(|(d, n)| Step::Empty(d, n)),
        1 => proptest::sample::select(&["g.service", "g@.service"][..]).prop_map(|n| Step::Unit("run/systemd/generator", n, "")),
        4 => (directory(), name(), target).prop_map(|(d, n, t)| Step::Link(d, n, t)),
        1 => (directory(), name()).prop_map(|(d, n)| Step::Link(d, n, format!("/opt/{n}"))),
        4 => (directory(), proptest::sample::select(&["wants", "requires"][..]), name()).prop_map(|(d, k, n)| Step::Pull(d, k, n)),
    ]
}

fn build(steps: &[Step]) -> Made {
    let mut made = Made::new();
    for name in NAMES {
        made = made.file(&format!("opt/{name}"), "[Service]\nExecStart=/bin/true\n");
    }
    for step in steps {
        // What comes later does not replace what is there.
        match step {
            Step::Unit(dir, name, install) => {
                let path = made.place(&format!("{dir}/{name}"));
                let text = format!("[Service]\nExecStart=/bin/true\n[Install]\n{install}\n");
                if path.symlink_metadata().is_err() {
                    std::fs::write(path, text).unwrap();
                }
            }
            Step::Empty(dir, name) => {
                let path = made.place(&format!("{dir}/{name}"));
                if path.symlink_metadata().is_err() {
                    std::fs::write(path, "").unwrap();
                }
            }
            Step::Link(dir, name, target) => {
                let _ = symlink(target, made.place(&format!("{dir}/{name}")));
            }
            Step::Pull(dir, kind, name) => {
                let _ = symlink(format!("../{name}"), made.place(&format!("{dir}/x.target.{kind}/{name}")));
            }
        }
    }
    made
}

/// States as systemctl prints them, in our words; `None` for other names of units.
fn truth(root: &Path) -> BTreeMap<String, Option<Start>> {
    let output = Command::new(SYSTEMCTL)
        .args(["--no-pager", "--no-legend", "list-unit-files", "--root"])
        .arg(root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let state = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let start = match words.next()? {
            "enabled" | "enabled-runtime" => Start::Enabled,
            "disabled" | "linked" | "linked-runtime" => Start::Disabled,
            "static" | "indirect" => Start::Static,
            "masked" | "masked-runtime" => Start::Masked,
            "generated" => Start::Generated,
            "alias" => return Some((name, None)),
            "bad" => return None, // loops, links to nothing: nothing that could start
            other => panic!("{name} is {other}"),
        };
        Some((name, Some(start)))
    };
    text.lines().filter_map(state).collect()
}

#[test]
fn states_are_those_that_systemctl_tells() {
    if !Path::new(SYSTEMCTL).exists() {
        eprintln!("skipped: {SYSTEMCTL} is not here");
        return;
    }
    let cases: u32 = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(48);
    proptest!(ProptestConfig::with_cases(cases), |(steps in proptest::collection::vec(step(), 1..9))| {
        let made = build(&steps);
        let facts = collect(&made.tree());
        for (name, start) in truth(made.path()) {
            if leads_to_one_of_many(&made, &name) {
                continue;
            }
            let ours = facts.value.services.iter().find(|s| s.name == name);
            let owner = facts.value.services.iter().find(|s| s.aliases.contains(&name));
            let is_alias = owner.is_some();
            match start {
                // An instance linked to the template of another name gets a state of its own from systemctl; what
                // the manager loads is the other name's instance.
                Some(_) if ours.is_none() && name::is_instance(&name) => prop_assert!(is_alias, "{}", name),
                Some(Start::Masked) if owner.is_some_and(|o| o.start == Start::Masked) => {}
                Some(start) => prop_assert_eq!(ours.map(|s| s.start), Some(start), "{}", name),
                None => prop_assert!(is_alias, "alias {}", name),
            }
        }
    });
}

/// Whether a link of that name leads to one of several files of another name: systemctl takes the file, the manager
/// takes the name, and so do we.
fn leads_to_one_of_many(made: &Made, name: &str) -> bool {
    let inside =
        |directory: &&str, name: &Path| made.path().join(directory).join(name).symlink_metadata().is_ok();
    let targets = DIRECTORIES.iter().filter_map(|d| std::fs::read_link(made.path().join(d).join(name)).ok());
    let mut others = targets
        .filter_map(|to| to.file_name().map(std::path::PathBuf::from))
        .filter(|to| to != Path::new(name));
    others.any(|other| DIRECTORIES.iter().filter(|d| inside(d, &other)).count() > 1)
}
