//! Windows servers that exist nowhere, but could: synthetic disks with the services that each version has by default.
//!
//! Which services those are, how they start and what they depend on is taken from the knowledge's sourced defaults;
//! what makes the machine a web server is written here. Nothing else of a real registry is in them.

use std::collections::BTreeMap;
use std::path::Path;

use doorward_hive::testing::HiveBuilder;
use doorward_knowledge::{DefaultStart, Edition, Index, Knowledge, System};

const SET: &str = "ControlSet001";

/// A machine before it is written.
pub(crate) struct Machine {
    services: BTreeMap<String, Of>,
    pub(crate) system: HiveBuilder,
    pub(crate) software: HiveBuilder,
}

struct Of {
    name: String,
    start: u32,
    kind: u32,
    needs: Vec<String>,
}

impl Machine {
    /// A server of that version (`windows 5.0`, `2195`) with its default services and one fixed address.
    pub(crate) fn server(knowledge: &Knowledge, system: System, name: &str, product: &str) -> Self {
        let System::Windows(version) = system else { panic!("{system:?} is no Windows") };
        let minor = if (version.major, version.minor) <= (5, 0) { 3 } else { 5 };
        let mut machine = Self {
            services: BTreeMap::new(),
            system: HiveBuilder::new(minor).named(r"System32\Config\SYSTEM"),
            software: HiveBuilder::new(minor).named(r"System32\Config\SOFTWARE"),
        };
        machine.add_defaults(&Index::for_system(knowledge, system));
        for driver in ["Tcpip", "AFD", "NetBT"] {
            machine.add(driver, 1, 1, &[]);
        }
        machine.system.key("Select").u32("Current", 1).u32("Default", 1).u32("LastKnownGood", 1);
        machine.system.key(&at(r"Control\ProductOptions")).string("ProductType", "ServerNT");
        machine.system.key(&at(r"Control\ComputerName\ComputerName")).string("ComputerName", name);
        machine
            .system
            .key(&at(r"Services\Tcpip\Parameters\Interfaces\{A}"))
            .u32("EnableDHCP", 0)
            .strings("IPAddress", &["192.0.2.10"])
            .strings("SubnetMask", &["255.255.255.0"]);
        machine
            .software
            .key(r"Microsoft\Windows NT\CurrentVersion")
            .string("ProductName", product)
            .string("CurrentVersion", &format!("{}.{}", version.major.min(6), version.minor))
            .string("CurrentBuildNumber", &version.build.to_string())
            .string("SystemRoot", r"C:\WINDOWS");
        if version.major == 10 {
            let key = machine.software.key(r"Microsoft\Windows NT\CurrentVersion");
            key.u32("CurrentMajorVersionNumber", 10).u32("CurrentMinorVersionNumber", 0);
        }
        machine
    }

    fn add_defaults(&mut self, index: &Index<'_>) {
        for entry in index.services() {
            let fits = |d: &&doorward_knowledge::StartDefault| {
                index.holds(&d.systems) && d.edition.is_none_or(|e| e == Edition::Server)
            };
            let Some(default) = entry.defaults.iter().filter(fits).find(|d| d.start.is_some()) else {
                continue;
            };
            let start = match default.start {
                Some(DefaultStart::Boot) => 0,
                Some(DefaultStart::System) => 1,
                Some(DefaultStart::Auto) => 2,
                Some(DefaultStart::Manual) => 3,
                Some(DefaultStart::Disabled) => 4,
                Some(DefaultStart::NotInstalled) | None => continue,
            };
            let needs: Vec<&str> = default.depends.iter().map(String::as_str).collect();
            for unit in entry.units.iter().filter(|unit| !unit.contains('*')) {
                self.add(unit, start, 0x20, &needs);
            }
        }
    }

    /// Adds a service, or puts it in the place of the default one.
    pub(crate) fn add(&mut self, name: &str, start: u32, kind: u32, needs: &[&str]) {
        let needs = needs.iter().map(|&n| n.to_owned()).collect();
        self.services.insert(name.to_lowercase(), Of { name: name.to_owned(), start, kind, needs });
    }

    /// The key of the control set.
    pub(crate) fn key(&mut self, path: &str) -> &mut doorward_hive::testing::KeyBuilder {
        self.system.key(&at(path))
    }

    /// Writes the disk below `root`, with Windows in the directory of that name.
    pub(crate) fn write(mut self, root: &Path, windows: &str) {
        for of in self.services.values() {
            let key = self.system.key(&at(&format!(r"Services\{}", of.name)));
            key.u32("Start", of.start).u32("Type", of.kind);
            if of.kind == 0x20 {
                let image = r"%SystemRoot%\System32\svchost.exe -k netsvcs";
                key.expand_string("ImagePath", image).string("ObjectName", "LocalSystem");
            }
            if !of.needs.is_empty() {
                let needs: Vec<&str> = of.needs.iter().map(String::as_str).collect();
                key.strings("DependOnService", &needs);
            }
        }
        let config = root.join(windows).join("System32/config");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("SYSTEM"), self.system.build()).unwrap();
        std::fs::write(config.join("SOFTWARE"), self.software.build()).unwrap();
    }
}

fn at(path: &str) -> String {
    format!(r"{SET}\{path}")
}
