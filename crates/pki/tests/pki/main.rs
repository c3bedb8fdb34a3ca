//! The authority as its users meet it, and what others say of what it issues.
#![allow(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "the tests make files, and run openssl where it is installed")]

mod files;
mod verified;

use std::path::{Path, PathBuf};

use doorward_pki::{Authority, Days, Identity, Issued};
use tempfile::TempDir;

/// An authority in a directory that goes away.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("pki")
    }

    fn create(&self) -> Authority {
        Authority::create(&self.path(), &"Test CA".parse().unwrap(), Days::of_authority(100).unwrap())
            .unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

fn issue(authority: &mut Authority, name: &str, identities: &[&str]) -> Issued {
    let identities: Vec<Identity> = identities.iter().map(|text| text.parse().unwrap()).collect();
    authority.issue(&name.parse().unwrap(), &identities, Days::of_certificate(30).unwrap()).unwrap()
}

fn list() -> Days {
    Days::of_list(7).unwrap()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
