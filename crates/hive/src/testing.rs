//! A writer of small hives and logs for tests, here and in crates that read hives: registries of a Windows 2000 or
//! Server 2022 that exist nowhere, but could.

use std::collections::{BTreeMap, BTreeSet};

use crate::Kind;
use crate::text;

mod cells;
mod logs;

pub use logs::{entries_log, pages_log, seal, seal_log, unfinished};

/// A hive to be written.
#[derive(Debug, Clone)]
pub struct HiveBuilder {
    minor: u32,
    name: String,
    sequence: u32,
    leaf: usize,
    root: KeyBuilder,
}

/// A key to be written.
#[derive(Debug, Clone, Default)]
pub struct KeyBuilder {
    name: String,
    written: Option<i64>,
    class: Option<String>,
    security: Option<Vec<u8>>,
    values: Vec<(String, u32, Vec<u8>)>,
    /// Their names in upper case.
    named: BTreeSet<Vec<u16>>,
    /// By their names in upper case, as lists have to be sorted.
    subkeys: BTreeMap<Vec<u16>, KeyBuilder>,
}

impl HiveBuilder {
    /// A hive with a root key, of version 1.`minor`: 3 for Windows NT 4.0 and 2000, and for SAM and SECURITY of later
    /// ones; 5 for SYSTEM and SOFTWARE from Windows XP on.
    pub fn new(minor: u32) -> Self {
        let root = KeyBuilder { name: "ROOT".into(), ..KeyBuilder::default() };
        Self { minor, name: "SYSTEM".into(), sequence: 1, leaf: 500, root }
    }

    /// The file that the hive claims to be.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Both sequence numbers.
    #[must_use]
    pub fn sequence(mut self, sequence: u32) -> Self {
        self.sequence = sequence;
        self
    }

    /// How many subkeys one list holds before lists of lists are written.
    #[must_use]
    pub fn leaf(mut self, length: usize) -> Self {
        self.leaf = length.max(1);
        self
    }

    /// The key with this path, `ControlSet001\Services`, made where it is missing; the root for an empty one.
    pub fn key(&mut self, path: &str) -> &mut KeyBuilder {
        path.split('\\').filter(|name| !name.is_empty()).fold(&mut self.root, |key, name| key.subkey(name))
    }

    /// Removes a key and all below it.
    pub fn remove(&mut self, path: &str) {
        let (parent, name) = path.rsplit_once('\\').unwrap_or(("", path));
        self.key(parent).subkeys.remove(&sorted(name));
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        cells::write(self)
    }
}

impl KeyBuilder {
    /// The subkey of this name, made if it is missing.
    pub fn subkey(&mut self, name: &str) -> &mut Self {
        let new = || Self { name: name.into(), ..Self::default() };
        self.subkeys.entry(sorted(name)).or_insert_with(new)
    }

    /// Sets a value, of any kind and with any data.
    pub fn value(&mut self, name: &str, kind: Kind, data: &[u8]) -> &mut Self {
        self.remove_value(name);
        self.named.insert(sorted(name));
        self.values.push((name.into(), kind.number(), data.into()));
        self
    }

    /// Sets a `REG_DWORD`.
    pub fn u32(&mut self, name: &str, number: u32) -> &mut Self {
        self.value(name, Kind::U32, &number.to_le_bytes())
    }

    /// Sets a `REG_SZ`.
    pub fn string(&mut self, name: &str, text: &str) -> &mut Self {
        self.value(name, Kind::String, &utf16(&format!("{text}\0")))
    }

    /// Sets a `REG_EXPAND_SZ`.
    pub fn expand_string(&mut self, name: &str, text: &str) -> &mut Self {
        self.value(name, Kind::ExpandString, &utf16(&format!("{text}\0")))
    }

    /// Sets a `REG_MULTI_SZ`.
    pub fn strings(&mut self, name: &str, texts: &[&str]) -> &mut Self {
        let all: String = texts.iter().flat_map(|text| [text, "\0"]).collect();
        self.value(name, Kind::Strings, &utf16(&format!("{all}\0")))
    }

    /// Removes a value.
    pub fn remove_value(&mut self, name: &str) -> &mut Self {
        if self.named.remove(&sorted(name)) {
            self.values.retain(|(other, ..)| sorted(other) != sorted(name));
        }
        self
    }

    /// Sets the security descriptor, in its self-relative form. Keys without one share a default one.
    pub fn security(&mut self, descriptor: &[u8]) -> &mut Self {
        self.security = Some(descriptor.into());
        self
    }

    /// Sets the class name.
    pub fn class(&mut self, name: &str) -> &mut Self {
        self.class = Some(name.into());
        self
    }

    /// Sets the time of the last change, in seconds since 1970.
    pub fn written(&mut self, time: i64) -> &mut Self {
        self.written = Some(time);
        self
    }
}

fn sorted(name: &str) -> Vec<u16> {
    name.encode_utf16().map(text::upper).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
