//! What the scripts for older Windows have in common: batch files of cmd.exe.

use doorward_filter::{Door, SetName, Transport};
use ipnet::Ipv4Net;

use super::WindowsError;
use crate::tunnels::{Peer, Proof};
use crate::values::Signing;

/// The policy. Of the local ones Windows has one assigned at a time.
pub(super) const POLICY: &str = "Doorward IPsec";

/// Begins each script.
pub(super) const BEGIN: &str = "@echo off\r\nsetlocal DisableDelayedExpansion\r\n";

/// Said where it matters most.
pub(super) const WARNING: [&str; 5] = [
    "Doors that answer only through IPsec. Windows assigns one local IPsec policy at a time: note the one that is",
    "assigned now. Its inverse unassigns this one and does not assign that again.",
    "This Windows has nothing better than 3DES, SHA-1 and IKEv1: old and weak. Keep the addresses few.",
    "A domain's policy goes before a local one. Kerberos, RSVP, broadcast and multicast are exempt unless",
    "HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC\\NoDefaultExempt says otherwise (KB 813878).",
];

/// How a peer proves who it is, as both tools need it.
pub(super) enum OldProof<'a> {
    /// The authority's subject, ready to stand in double quotes.
    Certificate(String),
    /// A secret, to be read from this peer's file.
    Secret(&'a SetName),
}

/// A remark that nothing is expanded in.
pub(super) fn rem(text: &str) -> String {
    format!("rem {}\r\n", text.replace('%', "%%"))
}

/// Reads a peer's secret into `SECRET`, from the folder that is the script's first argument. Secrets have no character
/// that cmd.exe would expand.
pub(super) fn read_secret(name: &SetName) -> String {
    format!(
        "set SECRET=\r\nset /p SECRET=<\"%~1\\{name}.secret\"\r\n\
         if not defined SECRET echo %~1\\{name}.secret cannot be read 1>&2\r\n\
         if not defined SECRET exit /b 1\r\n"
    )
}

/// How a peer proves who it is; `double_quote` is what stands for `"` inside of quotes.
pub(super) fn proof<'a>(
    name: &'a SetName,
    peer: &Peer,
    double_quote: Option<&str>,
) -> Result<OldProof<'a>, WindowsError> {
    let Proof::Certificate { peer: certificate, .. } = &peer.by else { return Ok(OldProof::Secret(name)) };
    if certificate.signing != Signing::Rsa {
        return Err(WindowsError::OnlyRsa(name.clone()));
    }
    let authority = certificate.authority_name.as_ref();
    let authority = authority.ok_or_else(|| WindowsError::NoAuthorityName(name.clone()))?;
    let written = in_quotes(authority.as_str(), double_quote);
    let written = written.map_err(|because| WindowsError::Unwritable {
        peer: name.clone(),
        name: authority.clone(),
        because,
    })?;
    Ok(OldProof::Certificate(written))
}

/// A text to stand in double quotes of a batch file: cmd.exe expands `%` alone there, and what comes after is read by
/// C's rules, by which `\` before a quote hides it.
fn in_quotes(text: &str, double_quote: Option<&str>) -> Result<String, &'static str> {
    let lower = text.to_ascii_lowercase();
    if lower.contains("certmap:") || lower.contains("excludecaname:") {
        return Err("it contains a word of netsh's own");
    }
    let mut written = String::new();
    for c in text.chars() {
        match (c, double_quote) {
            ('"', Some(instead)) => written.push_str(instead),
            ('"', None) => return Err("it contains a double quote"),
            ('\\', _) => return Err("it contains a backslash"),
            ('%', _) => written.push_str("%%"),
            (' '..='~', _) => written.push(c),
            _ => return Err("it contains a letter beyond ASCII, which depends on the code page"),
        }
    }
    Ok(written)
}

/// IPv4 networks of a peer; at least one.
pub(super) fn ipv4<'a>(name: &SetName, peer: &'a Peer) -> Result<&'a [Ipv4Net], WindowsError> {
    let networks = peer.from.v4();
    if networks.is_empty() { Err(WindowsError::NoIpv4(name.clone())) } else { Ok(networks) }
}

pub(super) fn protocol(door: Door) -> &'static str {
    match door.transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// No name leaves its quotes, neither in cmd.exe nor in the program's own reading of its command line.
        #[test]
        fn a_name_stays_in_its_quotes(text in "[a%\"\\\\^&|<>!'() \\PC]{0,16}") {
            for double_quote in [None, Some("\\'")] {
                let Ok(written) = in_quotes(&text, double_quote) else { continue };
                prop_assert!(!written.contains('"'));
                prop_assert!(!written.ends_with('\\'));
                prop_assert!(written.is_ascii() && !written.contains(char::is_control));
                // Each % stands beside its double: nothing is expanded.
                prop_assert!(!written.replace("%%", "").contains('%'));
                let read = written.replace("%%", "%").replace("\\'", "\"");
                if !text.contains("\\'") {
                    prop_assert_eq!(read, text.clone());
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for bad in ["CN=a\"b", "CN=a\\", "CN=ä", "CN=x certmap:yes"] {
            assert!(in_quotes(bad, None).is_err(), "{bad}");
        }
        assert_eq!(in_quotes("CN=\"100%\"", Some("\\'")).as_deref(), Ok("CN=\\'100%%\\'"));
    }
}
