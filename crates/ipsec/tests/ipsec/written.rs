//! What is written, as snapshots.

use doorward_ipsec::{Charon, OwnCertificate, WindowsError, WindowsVersion};

use super::{VALUES, name, shown, tunnels, userspace};

fn charon() -> Charon {
    "5.9.8".parse().unwrap()
}

fn own() -> OwnCertificate {
    OwnCertificate { file: "/root/alice.crt".parse().unwrap(), key: "/root/alice.key".parse().unwrap() }
}

#[test]
fn strongswan_of_the_host() {
    insta::assert_snapshot!("host_kernel", shown(&tunnels(VALUES).linux(charon()).unwrap().host_files()));
    let tunnels = tunnels(&userspace());
    insta::assert_snapshot!("host_userspace", shown(&tunnels.linux(charon()).unwrap().host_files()));
}

#[test]
fn strongswan_of_the_clients() {
    let kernel = tunnels(VALUES);
    let kernel = kernel.linux("6.0.1".parse::<Charon>().unwrap().with_ml_kem()).unwrap();
    insta::assert_snapshot!(
        "client_kernel",
        shown(&kernel.client_files(&name("alice"), Some(&own())).unwrap())
    );
    let tunnels = tunnels(&userspace());
    let userspace = tunnels.linux(charon()).unwrap();
    insta::assert_snapshot!("client_secret", shown(&userspace.client_files(&name("backup"), None).unwrap()));
    assert_eq!(userspace.client_files(&name("nobody"), None), None);
    assert_eq!(userspace.client_files(&name("alice"), None), None);
}

#[test]
fn a_windows_client() {
    let tunnels = tunnels(VALUES);
    let linux = tunnels.linux(charon()).unwrap();
    let script = linux.windows_client(&name("desk")).unwrap();
    insta::assert_snapshot!("windows_client", script.apply);
    insta::assert_snapshot!("windows_client_inverse", script.inverse);
    assert!(matches!(linux.windows_client(&name("alice")), Err(WindowsError::NotWindows(_))));
    assert!(matches!(linux.windows_client(&name("eve")), Err(WindowsError::NoSuchPeer(_))));
}

/// Windows hosts: certificates of RSA where nothing else is known.
fn windows() -> String {
    VALUES.replace(
        "authority = \"/etc/doorward/ca.crt\", crl",
        "authority = \"/etc/doorward/ca.crt\", authority-name = \"CN=100% Example\", signing = \"rsa\", crl",
    )
}

#[test]
fn windows_hosts() {
    let text = windows().replace("by = { certificate = { authority = \"/etc/doorward/ca.crt\", authority-name = \"CN=Example's CA\"", "by = { certificate = { authority = \"/etc/doorward/ca.crt\", signing = \"rsa\", authority-name = \"CN=Example's CA\"");
    let tunnels = tunnels(&text);
    for (version, is) in [
        (WindowsVersion::Server2000, "2000"),
        (WindowsVersion::Server2003, "2003"),
        (WindowsVersion::Server2012, "2012"),
    ] {
        let script = tunnels.windows_host(version).unwrap();
        insta::assert_snapshot!(format!("windows_{is}"), script.apply.replace('\r', ""));
        insta::assert_snapshot!(format!("windows_{is}_inverse"), script.inverse.replace('\r', ""));
        if version != WindowsVersion::Server2012 {
            assert!(script.apply.lines().count() == script.apply.matches("\r\n").count());
        }
    }
}

#[test]
fn old_windows_says_what_it_cannot() {
    let said = |text: &str, version| tunnels(text).windows_host(version).unwrap_err().to_string();
    let text = VALUES.replace(
        "by = { certificate = { authority = \"/etc/doorward/ca.crt\", crl",
        "by = { certificate = { authority = \"/etc/doorward/ca.crt\", signing = \"rsa\", crl",
    );
    assert!(said(VALUES, WindowsVersion::Server2000).contains("RSA certificates alone"));
    assert!(said(VALUES, WindowsVersion::Server2012).contains("give authority-name"));
    assert!(said(&text, WindowsVersion::Server2003).contains("give authority-name"));
    let named = |subject: &str| windows().replace("CN=100% Example", subject);
    assert!(said(&named("CN=a\\\\"), WindowsVersion::Server2003).contains("a backslash"));
    assert!(said(&named("CN=é"), WindowsVersion::Server2000).contains("code page"));
    let v6 = windows().replace("\"192.0.2.0/24\", ", "");
    assert!(said(&v6, WindowsVersion::Server2003).contains("no IPv4 address"));
}
