//! `ipsecpol.exe` of the Windows 2000 resource kit.
//!
//! References: the resource kit's tools help (w2rktool.chm, "IPSecPol Syntax"), and Microsoft's KB 813878. In a filter
//! `0` is this host, `*` anybody, `+` means both directions.

use std::fmt::Write as _;

use super::batch::{BEGIN, OldProof, POLICY, WARNING, ipv4, proof, protocol, read_secret, rem};
use super::{Script, WindowsError};
use crate::Tunnels;

pub(super) fn host(tunnels: &Tunnels) -> Result<Script, WindowsError> {
    let mut text = format!("{BEGIN}{}{}", WARNING.map(rem).concat(), remove());
    for (name, peer) in &tunnels.peers {
        let mut filters = String::new();
        for network in ipv4(name, peer)? {
            for door in &peer.doors {
                let (address, mask) = (network.network(), network.netmask());
                let _ = write!(filters, " -f {address}/{mask}+0:{}:{}", door.port, protocol(*door));
            }
        }
        let by = match proof(name, peer, None)? {
            OldProof::Secret(name) => {
                text.push_str(&read_secret(name));
                "PRESHARE:\"%SECRET%\"".to_owned()
            }
            OldProof::Certificate(authority) => format!("CERT:\"{authority}\""),
        };
        let _ = write!(
            text,
            "ipsecpol -w REG -p \"{POLICY}\" -r \"{POLICY} {name}\"{filters} -n ESP[3DES,SHA] -a {by} \
             -1s 3DES-SHA-2 -1p\r\n"
        );
    }
    let mut filters = String::new();
    for door in tunnels.doors.keys() {
        let _ = write!(filters, " -f *+0:{}:{}", door.port, protocol(*door));
    }
    let _ = write!(text, "ipsecpol -w REG -p \"{POLICY}\" -r \"{POLICY} others\"{filters} -n BLOCK -x\r\n");
    text.push_str("set SECRET=\r\n");
    Ok(Script { apply: text, inverse: format!("{BEGIN}{}", remove()) })
}

fn remove() -> String {
    format!("ipsecpol -w REG -p \"{POLICY}\" -y -o >nul 2>&1\r\n")
}
