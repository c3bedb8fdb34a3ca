//! Windows machines that exist nowhere, but could: registries and files that tests make. All of them are synthetic.
#![allow(dead_code, reason = "not every test needs all of it")]
#![allow(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::path::{Path, PathBuf};

use doorward_hive::testing::HiveBuilder;
use doorward_model::{Service, Snapshot};
use doorward_windows_files::{Disk, collect};

/// A disk of a test's own making, gone when it is dropped.
pub(crate) struct Made {
    dir: tempfile::TempDir,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn collect(&self) -> Snapshot {
        collect(&Disk::open(self.path()).unwrap())
    }
}

/// How a service starts and what it needs.
pub(crate) struct Of {
    pub(crate) name: &'static str,
    pub(crate) display: &'static str,
    pub(crate) start: u32,
    pub(crate) kind: u32,
    pub(crate) image: &'static str,
    pub(crate) needs: &'static [&'static str],
}

pub(crate) const fn of(
    name: &'static str,
    display: &'static str,
    start: u32,
    image: &'static str,
    needs: &'static [&'static str],
) -> Of {
    Of { name, display, start, kind: 0x20, image, needs }
}

/// A SYSTEM with these services in control set 1, and what each SYSTEM has.
pub(crate) fn system(minor: u32, name: &str, product: &str, services: &[Of]) -> HiveBuilder {
    let mut hive = HiveBuilder::new(minor).named(r"System32\Config\SYSTEM");
    hive.key("Select").u32("Current", 1).u32("Default", 1).u32("LastKnownGood", 2);
    hive.key(r"ControlSet001\Control\ProductOptions").string("ProductType", product);
    hive.key(r"ControlSet001\Control\ComputerName\ComputerName").string("ComputerName", name);
    for service in services {
        let key = hive.key(&format!(r"ControlSet001\Services\{}", service.name));
        key.u32("Start", service.start)
            .u32("Type", service.kind)
            .u32("ErrorControl", 1)
            .string("DisplayName", service.display)
            .expand_string("ImagePath", service.image);
        if service.kind & 0x30 != 0 {
            key.string("ObjectName", "LocalSystem");
        }
        if !service.needs.is_empty() {
            key.strings("DependOnService", service.needs);
        }
    }
    hive
}

/// What SOFTWARE says of Windows itself.
pub(crate) fn software(minor: u32, product: &str, nt: &str, build: &str, root: &str) -> HiveBuilder {
    let mut hive = HiveBuilder::new(minor).named(r"System32\Config\SOFTWARE");
    hive.key(r"Microsoft\Windows NT\CurrentVersion")
        .string("ProductName", product)
        .string("CurrentVersion", nt)
        .string("CurrentBuildNumber", build)
        .string("SystemRoot", root);
    hive
}

pub(crate) fn service<'s>(snapshot: &'s Snapshot, name: &str) -> &'s Service {
    snapshot.service(name).unwrap_or_else(|| panic!("no service {name}"))
}

pub(crate) fn needs(snapshot: &Snapshot, name: &str) -> Vec<String> {
    service(snapshot, name).dependencies.iter().map(|d| d.on.clone()).collect()
}

/// Services that need this one.
pub(crate) fn needed_by(snapshot: &Snapshot, name: &str) -> Vec<String> {
    let needs = |service: &&Service| service.dependencies.iter().any(|d| d.on == name);
    snapshot.services.iter().filter(needs).map(|service| service.name.clone()).collect()
}

/// Doors as `port service`, sorted.
pub(crate) fn doors(snapshot: &Snapshot) -> Vec<String> {
    let door = |l: &doorward_model::Listener| {
        format!("{}:{} {}", l.address.unwrap(), l.port.unwrap(), l.service.clone().unwrap_or_default())
    };
    snapshot.listeners.iter().map(door).collect()
}
