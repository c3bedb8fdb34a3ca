//! Compiles the repository's own `knowledge/` folder in: parsed here once, so that the program starts without parsing
//! a megabyte of TOML. A malformed file stops the build with its name and place.
#![expect(clippy::disallowed_methods, reason = "a build script writes to OUT_DIR")]

use std::path::{Path, PathBuf};

#[path = "src/entry.rs"]
#[allow(dead_code, unreachable_pub, reason = "the library's own module, of which only the form is used here")]
mod entry;
#[path = "src/systems.rs"]
#[allow(dead_code, unreachable_pub, reason = "the library's own module, of which only the form is used here")]
mod systems;
#[path = "src/windows.rs"]
#[allow(dead_code, unreachable_pub, reason = "the library's own module, of which only the form is used here")]
mod windows;

use entry::Entries;
use systems::Systems;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut all = Entries::default();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        match toml::from_str::<Entries>(&text) {
            Ok(entries) => extend(&mut all, entries),
            Err(e) => panic!("{}: {e}", file.display()),
        }
    }
    // Apart, because one host needs one of them, and unpacking takes a part of an audit's milliseconds.
    write("linux", &part(&all, |systems| systems.is_empty() || systems.contains(&Systems::Linux)));
    write("windows", &part(&all, |systems| systems.iter().any(|s| s.is_windows())));
}

/// The entries of a family of systems, each list by id. Classes are of both.
fn part(all: &Entries, is_of: fn(&[Systems]) -> bool) -> Entries {
    let mut part = all.clone();
    part.service.retain(|e| is_of(&e.systems));
    part.role.retain(|e| is_of(&e.systems));
    part.base.retain(|e| is_of(&e.systems));
    part.application.retain(|e| is_of(&e.systems));
    part.finding.retain(|e| is_of(&e.systems));
    part
}

fn write(name: &str, entries: &Entries) {
    let bytes = postcard::to_stdvec(entries).expect("entries are plain values");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(out.join(name), bytes).expect("OUT_DIR is writable");
}

fn extend(all: &mut Entries, more: Entries) {
    all.service.extend(more.service);
    all.class.extend(more.class);
    all.role.extend(more.role);
    all.base.extend(more.base);
    all.application.extend(more.application);
    all.finding.extend(more.finding);
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", dir.display());
    for entry in std::fs::read_dir(dir).expect("knowledge/ is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "toml") {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
}
