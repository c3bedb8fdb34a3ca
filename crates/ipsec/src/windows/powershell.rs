//! PowerShell's NetSecurity, of Windows Server 2012 and later.
//!
//! References: the pages of each command in Microsoft's documentation of the module NetSecurity
//! (<https://learn.microsoft.com/powershell/module/netsecurity/>). Main mode has no GCM; quick mode's AES-GCM goes with
//! GMAC of the same length; rules that secure take single ports, no ranges.

use std::fmt::Write as _;

use doorward_filter::{ClientSet, Door, SetName, Transport};
use ipnet::IpNet;

use super::complement::complement;
use super::{Script, WindowsError};
use crate::Tunnels;
use crate::tunnels::{Peer, Proof};
use crate::values::{Certificate, Signing, System};

/// Begins each script: an error ends it, and old PowerShell reads letters beyond ASCII by the mark before it.
const BEGIN: &str = "#Requires -RunAsAdministrator\n";
const STOP: &str = "$ErrorActionPreference = 'Stop'\n";

/// For a peer of a host.
pub(super) fn client(tunnels: &Tunnels, name: &SetName) -> Result<Script, WindowsError> {
    let peer = tunnels.peers.get(name).ok_or_else(|| WindowsError::NoSuchPeer(name.clone()))?;
    if peer.system != System::Windows {
        return Err(WindowsError::NotWindows(name.clone()));
    }
    let group = quoted(&format!("Doorward IPsec to {}", tunnels.identity));
    let mut text = format!(
        "# IPsec to {host}: the certificates of this computer and of its authority must be in the computer's store.\n\
         {BEGIN}{STOP}{remove}",
        host = tunnels.identity,
        remove = remove(&group),
    );
    let prefix = format!("doorward-to-{}", tunnels.identity);
    let hosts = array(tunnels.addresses.iter());
    sets(&mut text, &prefix, &group, name, peer)?;
    let _ = writeln!(
        text,
        "New-NetIPsecMainModeRule -Name {name} -DisplayName {name} -Group {group} -RemoteAddress {hosts} \
         -MainModeCryptoSet $main.Name -Phase1AuthSet $auth.Name | Out-Null",
        name = quoted(&prefix),
    );
    for door in &peer.doors {
        let _ = writeln!(
            text,
            "New-NetIPsecRule -IPsecRuleName {name} -DisplayName {name} -Group {group} -Mode Transport \
             -InboundSecurity Require -OutboundSecurity Require -KeyModule IKEv2 -RemoteAddress {hosts} \
             -Protocol {protocol} -RemotePort {port} -Phase1AuthSet $auth.Name -QuickModeCryptoSet $quick.Name | Out-Null",
            name = quoted(&format!("{prefix}-{}", dashed(*door))),
            protocol = protocol(*door),
            port = door.port,
        );
    }
    Ok(Script { apply: marked(text), inverse: marked(inverse(&group)) })
}

/// For a host.
pub(super) fn host(tunnels: &Tunnels) -> Result<Script, WindowsError> {
    let group = quoted("Doorward IPsec");
    let uses_secrets = tunnels.peers.values().any(|peer| matches!(peer.by, Proof::Secret(_)));
    let mut text = String::from("# Doors that answer only through IPsec.\n");
    if uses_secrets {
        text.push_str(
            "# Secrets are read from PEER.secret in the folder given. Windows keeps them in clear in the registry:\n\
             # certificates are better. Peers with a secret speak IKEv1, since Windows has IKEv2 with certificates alone.\n",
        );
    }
    text.push_str(BEGIN);
    if uses_secrets {
        text.push_str("param([Parameter(Mandatory)][string] $SecretFolder)\n");
    }
    let _ = write!(text, "{STOP}{}", remove(&group));
    for (name, peer) in &tunnels.peers {
        let prefix = format!("doorward-{name}");
        let from = networks(&peer.from);
        sets(&mut text, &prefix, &group, name, peer)?;
        let key_module = match peer.by {
            Proof::Certificate { .. } => "IKEv2",
            Proof::Secret(_) => "IKEv1",
        };
        let _ = writeln!(
            text,
            "New-NetIPsecMainModeRule -Name {name} -DisplayName {name} -Group {group} -RemoteAddress {from} \
             -MainModeCryptoSet $main.Name -Phase1AuthSet $auth.Name | Out-Null",
            name = quoted(&prefix),
        );
        for door in &peer.doors {
            let name = quoted(&format!("{prefix}-{}", dashed(*door)));
            let (protocol, port) = (protocol(*door), door.port);
            let _ = writeln!(
                text,
                "New-NetIPsecRule -IPsecRuleName {name} -DisplayName {name} -Group {group} -Mode Transport \
                 -InboundSecurity Require -OutboundSecurity Require -KeyModule {key_module} -RemoteAddress {from} \
                 -Protocol {protocol} -LocalPort {port} -Phase1AuthSet $auth.Name -QuickModeCryptoSet $quick.Name \
                 | Out-Null\n\
                 New-NetFirewallRule -Name {name} -DisplayName {name} -Group {group} -Direction Inbound -Action Allow \
                 -Protocol {protocol} -LocalPort {port} -RemoteAddress {from} -Authentication Required \
                 -Encryption Required | Out-Null"
            );
        }
    }
    block_others(&mut text, tunnels, &group)?;
    Ok(Script { apply: marked(text), inverse: marked(inverse(&group)) })
}

/// Rules that others made may let anybody in; a rule that blocks goes before them. Peers are left out of it: what they
/// send without IPsec is dropped by the rule that requires it.
fn block_others(text: &mut String, tunnels: &Tunnels, group: &str) -> Result<(), WindowsError> {
    for (door, to) in &tunnels.doors {
        let peers = to.iter().map(|name| tunnels.peers[name].from.clone());
        let peers = peers.fold(ClientSet::default(), ClientSet::union);
        let rest = complement(&peers).ok_or(WindowsError::TooManyGaps(*door))?;
        if rest.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "New-NetFirewallRule -Name {name} -DisplayName {name} -Group {group} -Direction Inbound -Action Block \
             -Protocol {protocol} -LocalPort {port} -RemoteAddress {rest} | Out-Null",
            name = quoted(&format!("doorward-others-{}", dashed(*door))),
            protocol = protocol(*door),
            port = door.port,
            rest = array(rest.iter().map(|(first, last)| format!("{first}-{last}"))),
        );
    }
    Ok(())
}

/// What a peer's rules refer to: `$auth`, `$main` and `$quick`.
fn sets(
    text: &mut String,
    prefix: &str,
    group: &str,
    name: &SetName,
    peer: &Peer,
) -> Result<(), WindowsError> {
    let proof = match &peer.by {
        Proof::Certificate { peer: certificate, .. } => by_certificate(name, certificate)?,
        Proof::Secret(_) => {
            let file = quoted(&format!("{name}.secret"));
            let _ = writeln!(
                text,
                "$secret = (Get-Content -Raw -LiteralPath (Join-Path -Path $SecretFolder -ChildPath {file})).Trim()"
            );
            "-PreSharedKey $secret".to_owned()
        }
    };
    let named = |what: &str| {
        let name = quoted(&format!("{prefix}-{what}"));
        format!("-Name {name} -DisplayName {name} -Group {group}")
    };
    let _ = writeln!(
        text,
        "$auth = New-NetIPsecPhase1AuthSet {} -Proposal (New-NetIPsecAuthProposal -Machine {proof})\n\
         $main = New-NetIPsecMainModeCryptoSet {} -Proposal (New-NetIPsecMainModeCryptoProposal -Encryption AES256 \
         -Hash SHA384 -KeyExchange DH20)\n\
         $quick = New-NetIPsecQuickModeCryptoSet {} -PerfectForwardSecrecyGroup DH20 \
         -Proposal (New-NetIPsecQuickModeCryptoProposal -Encapsulation ESP -Encryption AESGCM256 -ESPHash AESGMAC256)",
        named("auth"),
        named("main"),
        named("quick"),
    );
    Ok(())
}

fn by_certificate(name: &SetName, certificate: &Certificate) -> Result<String, WindowsError> {
    let authority = certificate.authority_name.as_ref();
    let authority = authority.ok_or_else(|| WindowsError::NoAuthorityName(name.clone()))?;
    let signing = match certificate.signing {
        Signing::Ecdsa384 => "ECDSA384",
        Signing::Ecdsa256 => "ECDSA256",
        Signing::Rsa => "RSA",
    };
    Ok(format!("-Cert -Authority {} -AuthorityType Root -Signing {signing}", quoted(authority.as_str())))
}

/// Takes away all of a group. Rules go before the sets that they refer to.
fn remove(group: &str) -> String {
    let kinds = [
        "NetFirewallRule",
        "NetIPsecRule",
        "NetIPsecMainModeRule",
        "NetIPsecPhase1AuthSet",
        "NetIPsecMainModeCryptoSet",
        "NetIPsecQuickModeCryptoSet",
    ];
    kinds
        .map(|kind| format!("Get-{kind} -Group {group} -ErrorAction SilentlyContinue | Remove-{kind}\n"))
        .concat()
}

fn inverse(group: &str) -> String {
    format!("{BEGIN}{STOP}{}", remove(group))
}

/// PowerShell before 6 takes a script for one of the system's code page unless it begins with the mark of UTF-8.
fn marked(text: String) -> String {
    if text.is_ascii() { text } else { format!("\u{feff}{text}") }
}

/// A string that nothing is expanded in. PowerShell takes five characters for a single quote, all of which are doubled
/// (`about_Quoting_Rules`; the characters are those of its tokenizer).
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        quoted.push(c);
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            quoted.push(c);
        }
    }
    quoted.push('\'');
    quoted
}

fn array(items: impl Iterator<Item = impl ToString>) -> String {
    format!("@({})", items.map(|item| quoted(&item.to_string())).collect::<Vec<_>>().join(", "))
}

fn networks(set: &ClientSet) -> String {
    let v4 = set.v4().iter().copied().map(IpNet::from);
    array(v4.chain(set.v6().iter().copied().map(IpNet::from)))
}

fn protocol(door: Door) -> &'static str {
    match door.transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    }
}

fn dashed(door: Door) -> String {
    format!("{}-{}", door.transport.as_str(), door.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As PowerShell reads a verbatim string: two of any single quote are the second, one ends it.
    fn read(text: &str) -> Option<String> {
        let is_quote = |c: char| "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(c);
        let mut chars = text.strip_prefix('\'')?.chars().peekable();
        let mut value = String::new();
        while let Some(c) = chars.next() {
            if is_quote(c) {
                match chars.next_if(|next| is_quote(*next)) {
                    Some(second) => value.push(second),
                    None => return chars.next().is_none().then_some(value),
                }
            } else {
                value.push(c);
            }
        }
        None
    }

    proptest! {
        #[test]
        fn a_string_is_read_as_it_was(text in "[a'\u{2018}\u{2019}\u{201a}\u{201b}$`\"(){};\\PC]{0,12}") {
            let read = read(&quoted(&text));
            prop_assert_eq!(read.as_deref(), Some(text.as_str()));
        }
    }
}
