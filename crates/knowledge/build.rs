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

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut all = entry::Entries::default();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        match toml::from_str::<entry::Entries>(&text) {
            Ok(entries) => extend(&mut all, entries),
            Err(e) => panic!("{}: {e}", file.display()),
        }
    }
    let bytes = postcard::to_stdvec(&all).expect("entries are plain values");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(out.join("entries"), bytes).expect("OUT_DIR is writable");
}

fn extend(all: &mut entry::Entries, more: entry::Entries) {
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
