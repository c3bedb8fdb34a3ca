//! One audit of a lab host, made by the program itself in the host.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use doorward_lab::Host;
use doorward_model::{Audit, AuditService, Door};

const PROGRAM: &str = "/usr/local/bin/doorward";

pub(crate) struct Audited {
    pub(crate) audit: Audit,
}

impl Audited {
    /// As root, in the host.
    pub(crate) fn of(host: &Host, options: &[&str]) -> Self {
        host.put(Path::new(env!("CARGO_BIN_EXE_doorward")), PROGRAM).unwrap();
        Self::run(host, &[&[PROGRAM, "--format", "json"], options].concat())
    }

    /// As an ordinary user, in the host.
    pub(crate) fn of_nobody(host: &Host) -> Self {
        host.put(Path::new(env!("CARGO_BIN_EXE_doorward")), PROGRAM).unwrap();
        Self::run(
            host,
            &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, "--format", "json"],
        )
    }

    /// Of a tree that does not run, by this machine.
    #[expect(clippy::disallowed_methods, reason = "runs the program under test")]
    pub(crate) fn of_tree(tree: &Path) -> Self {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        let output = command.args(["audit", "--format", "json", "--root"]).arg(tree).output().unwrap();
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    fn run(host: &Host, words: &[&str]) -> Self {
        let output = host.run(words).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {error}", output.status);
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    fn parse(json: &str) -> Self {
        Self { audit: serde_json::from_str(json).unwrap() }
    }

    pub(crate) fn service(&self, name: &str) -> &AuditService {
        let found = self.audit.services.iter().find(|s| s.name == name);
        found.unwrap_or_else(|| panic!("no service {name}"))
    }

    pub(crate) fn door(&self, port: u16) -> &Door {
        let found = self.audit.doors.iter().find(|d| d.port == Some(port) && d.namespace.is_host());
        found.unwrap_or_else(|| panic!("no door {port}"))
    }

    /// Ports of doors that packets to this address of the host meet.
    pub(crate) fn ports(&self, protocol: &str, wanted: impl Fn(&Door) -> bool, at: IpAddr) -> BTreeSet<u16> {
        let meets = |d: &&Door| match d.address.parse::<IpAddr>() {
            Ok(a) if a.is_unspecified() => a.is_ipv4() == at.is_ipv4(),
            Ok(a) => a == at,
            Err(_) => true, // both families
        };
        let doors =
            self.audit.doors.iter().filter(|d| d.protocol.as_str() == protocol && d.namespace.is_host());
        doors.filter(meets).filter(|d| wanted(d)).filter_map(|d| d.port).collect()
    }

    /// Units that nothing needs, and that run.
    pub(crate) fn candidates(&self) -> Vec<String> {
        let shut = self.audit.services.iter().filter(|s| s.verdict.is_candidate() && s.lives());
        shut.map(|s| s.name.clone()).filter(|n| !n.contains(':')).collect()
    }
}
