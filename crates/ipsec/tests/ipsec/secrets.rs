//! Secrets are in no value that is shown, compared by a test's message, or saved.

use doorward_ipsec::{Charon, WindowsVersion};

use super::{VALUES, given, secret, tunnels, userspace, values};

#[test]
fn nothing_shows_a_secret() {
    let key = secret();
    let encoded = key.reveal().bytes().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let hidden = |shown: &str| !shown.contains(key.reveal()) && !shown.contains(&encoded);
    let charon: Charon = "5.9.8".parse().unwrap();
    for text in [VALUES, &userspace()] {
        let tunnels = tunnels(text);
        let linux = tunnels.linux(charon).unwrap();
        let files = linux.host_files();
        for shown in [
            format!("{tunnels:?}"),
            format!("{linux:#?}"),
            format!("{files:#?}"),
            format!("{:?}", given()),
            format!("{:?}", values(text)),
            serde_json::to_string(&values(text)).unwrap(),
            linux.table(None),
        ] {
            assert!(hidden(&shown), "{shown}");
        }
        // Where it has to be it is, for root alone.
        let with: Vec<_> =
            files.iter().filter(|file| !hidden(&super::shown(std::slice::from_ref(file)))).collect();
        assert!(matches!(with[..], [file] if file.mode == 0o600), "{with:?}");
    }
}

#[test]
fn scripts_hold_no_secret() {
    let text = VALUES.replace("crl = ", "signing = \"rsa\", crl = ");
    let text = text.replace("ca.crt\", signing", "ca.crt\", authority-name = \"CN=a\", signing");
    let tunnels = tunnels(&text);
    for version in [WindowsVersion::Server2000, WindowsVersion::Server2003, WindowsVersion::Server2012] {
        let script = tunnels.windows_host(version).unwrap();
        assert!(!script.apply.contains(secret().reveal()));
        assert!(script.apply.contains("backup.secret"));
    }
}
