//! Settings that let in too much: what is found on the versions that have it, and what is not.

use std::collections::BTreeSet;

use doorward_model::AccessSetting;

use super::common::fits;
use super::{KNOWLEDGE, VERSIONS, index, system};

const FINDINGS: usize = 25;
const LINE: usize = 90;
const SENTENCE: usize = 120;

/// Ids, without their common beginning, of what is found at fault with a setting of the host.
fn found(version: &str, topic: &str, name: &str, value: &str) -> Vec<&'static str> {
    let place = r"HKLM\SYSTEM\ControlSet001".to_owned();
    let [topic, name, value] = [topic, name, value].map(str::to_owned);
    let setting = AccessSetting { topic, name, place, value, meaning: String::new() };
    let index = index(version);
    index
        .findings()
        .filter(|f| f.is_met_by(&index, &setting))
        .map(|f| f.id.trim_start_matches("windows-"))
        .collect()
}

#[test]
fn enough_is_known_and_its_texts_fit() {
    assert!(KNOWLEDGE.findings.len() >= FINDINGS, "{}", KNOWLEDGE.findings.len());
    for f in &KNOWLEDGE.findings {
        fits(&f.text, LINE, &f.id);
        fits(&f.remedy, LINE, &f.id);
        f.sources.iter().for_each(|s| fits(s, SENTENCE, &f.id));
        assert!(VERSIONS.iter().any(|v| f.is_of(system(v))), "{}", f.id);
        assert!(f.values.is_sorted() && f.except.is_sorted(), "{}: patterns are sorted", f.id);
    }
}

#[test]
fn services_of_a_finding_are_there_where_it_holds() {
    for f in KNOWLEDGE.findings.iter().filter(|f| !f.services.is_empty()) {
        for version in VERSIONS.iter().filter(|v| f.is_of(system(v))) {
            let is_there = |id: &String| index(version).entry(id).is_some_and(|s| s.is_of(system(version)));
            assert!(f.services.iter().any(is_there), "{} on {version}", f.id);
        }
    }
}

/// Settings that real registries have as installed (XP, Windows 7, Windows 10 of public test data).
#[test]
fn what_is_installed_and_does_no_harm_is_not_at_fault() {
    let paths = r"System\CurrentControlSet\Control\ProductOptions; System\CurrentControlSet\Control\Server Applications; Software\Microsoft\Windows NT\CurrentVersion";
    for (version, topic, name, value) in [
        ("5.1", "Accounts", "Guest", "disabled"),
        ("5.1", "TCP/IP", "IPEnableRouter", "0"),
        ("5.1", "Indexing Service", "scope", r"C:\Documents and Settings"),
        ("6.1", "Anonymous access", "RestrictAnonymousSAM", "1"),
        ("6.1", "LanmanServer", "NullSessionPipes", ""),
        (
            "6.1",
            "Remote Registry",
            "permissions",
            "Administrators: full control; Backup Operators: read; Local Service: read",
        ),
        ("6.1", "Remote Registry", "AllowedExactPaths", paths),
        ("6.1", "Terminal Services", "MinEncryptionLevel", "2"),
        ("6.1", "Terminal Services", "fDenyTSConnections", "0"),
        ("6.1", "Terminal Services", "members of Remote Desktop Users", "nobody"),
        ("10.0.14393", "Terminal Services", "UserAuthentication", "1"),
        (
            "10.0.14393",
            "User rights",
            "SeRemoteInteractiveLogonRight",
            "Administrators; Remote Desktop Users",
        ),
        ("10.0.14393", "User rights", "SeRemoteShutdownPrivilege", "Administrators"),
        (
            "5.2",
            "DCOM",
            "MachineAccessRestriction",
            "Everyone: local access, remote access; Anonymous: local access",
        ),
        (
            "5.2",
            "DCOM",
            "MachineLaunchRestriction",
            "Administrators: local launch, remote launch, local activation, remote activation; Everyone: local launch, local activation",
        ),
        // No such thing before Vista.
        ("5.2", "Terminal Services", "UserAuthentication", "0"),
        ("5.0", "Anonymous access", "EveryoneIncludesAnonymous", "1"),
        ("5.2", "Windows", "LocalAccountTokenFilterPolicy", "1"),
    ] {
        assert_eq!(found(version, topic, name, value), [""; 0], "{version} {topic} {name} {value}");
    }
}

#[test]
fn what_lets_in_too_much_is_found() {
    for (version, topic, name, value, id) in [
        ("5.0", "Indexing Service", "scope", "D:", "indexing-whole-volume"),
        ("5.0", "LanmanServer", "NullSessionPipes", r"COMNAP; SQL\QUERY", "lanmanserver-null-session-pipes"),
        ("5.0", "Anonymous access", "RestrictAnonymous", "0", "anonymous-shares-listed-2000"),
        ("10.0.20348", "Anonymous access", "RestrictAnonymous", "0", "anonymous-shares-listed"),
        ("5.0", "SNMP", "community Public", "4", "snmp-community-public"),
        ("5.0", "SNMP", "community ours", "8", "snmp-community-writes"),
        ("6.1", "SNMP", "PermittedManagers", "none", "snmp-any-host"),
        ("4.0", "Remote Registry", "permissions", "no key winreg", "remote-registry-permissions"),
        (
            "6.1",
            "Remote Registry",
            "permissions",
            "Administrators: full control; Everyone: read",
            "remote-registry-permissions",
        ),
        (
            "5.0",
            "Remote Registry",
            "AllowedPaths",
            r"Software; System\CurrentControlSet\Services\Eventlog",
            "remote-registry-paths",
        ),
        ("6.1", "Terminal Services", "UserAuthentication", "0", "terminal-services-without-nla"),
        (
            "5.0",
            "Terminal Services",
            "Security",
            "Everyone: query information, log on, connect",
            "terminal-services-session-rights",
        ),
        (
            "5.0",
            "Terminal Services",
            "user web: remote control",
            "watching, without asking",
            "terminal-services-shadowing",
        ),
        ("5.0", "Telnet", "NTLM", "1", "telnet-passwords-2000"),
        ("6.1", "Telnet", "SecurityMechanism", "6", "telnet-passwords"),
        ("10.0.20348", "WinRM", "AllowUnencryptedTraffic", "1", "winrm-unencrypted-by-policy"),
        ("5.0", "TCP/IP", "IPEnableRouter", "1", "tcpip-forwarding"),
        ("5.0", "TCP/IP", "DisableIPSourceRouting", "0", "tcpip-source-routing"),
        ("5.1", "Anonymous access", "LMCompatibilityLevel", "0", "anonymous-lm-authentication"),
        ("5.0", "IPsec", "NoDefaultExempt", "0", "ipsec-exemptions-2000"),
        ("6.2", "IPsec", "NoDefaultExempt", "1", "ipsec-exemptions"),
        ("10.0.26100", "LanmanServer", "SMB1", "1", "lanmanserver-smb1"),
        (
            "5.1",
            "DCOM",
            "MachineLaunchRestriction",
            "Everyone: local launch, remote launch",
            "dcom-remote-launch",
        ),
        (
            "6.0",
            "DCOM",
            "MachineAccessRestriction",
            "Anonymous: local access, remote access",
            "dcom-anonymous-access",
        ),
        (
            "5.1",
            "User rights",
            "SeRemoteInteractiveLogonRight",
            "Administrators; Everyone",
            "user-rights-remote-desktop",
        ),
        ("5.0", "Accounts", "Guest", "enabled", "accounts-guest-enabled"),
    ] {
        assert_eq!(found(version, topic, name, value), [id], "{version} {topic} {name} {value}");
    }
}

#[test]
fn no_two_say_the_same() {
    let mut seen = BTreeSet::new();
    for f in &KNOWLEDGE.findings {
        for version in VERSIONS.iter().filter(|v| f.is_of(system(v))) {
            assert!(seen.insert((version, &f.topic, &f.name)), "{} on {version}", f.id);
        }
    }
}
