//! `netsh ipsec static`, of Windows Server 2003.
//!
//! References: Microsoft's "Netsh commands for Internet Protocol security" (cc739550) and its help texts. Of the filters
//! that match a packet the most specific one counts, so that a peer's goes before the one for any address.

use std::fmt::Write as _;

use super::batch::{BEGIN, OldProof, POLICY, WARNING, ipv4, proof, protocol, read_secret, rem};
use super::{Script, WindowsError};
use crate::Tunnels;

/// Triple DES, SHA-1 and 2048 bits for IKE; triple DES and SHA-1 for ESP: the best there is.
const MAIN_MODE: &str = "3DES-SHA1-3";
const QUICK_MODE: &str = "ESP[3DES,SHA1]:100000k/3600s";

pub(super) fn host(tunnels: &Tunnels) -> Result<Script, WindowsError> {
    let mut text = format!("{BEGIN}{}", WARNING.map(rem).concat());
    text.push_str(&remove(tunnels));
    line(
        &mut text,
        &format!(
            "add policy name=\"{POLICY}\" mmpfs=yes activatedefaultrule=no assign=no mmsecmethods=\"{MAIN_MODE}\""
        ),
    );
    line(
        &mut text,
        &format!(
            "add filteraction name=\"{POLICY} require\" qmpfs=yes inpass=no soft=no action=negotiate \
             qmsecmethods=\"{QUICK_MODE}\""
        ),
    );
    line(&mut text, &format!("add filteraction name=\"{POLICY} block\" action=block"));
    for (name, peer) in &tunnels.peers {
        let list = format!("{POLICY} {name}");
        for network in ipv4(name, peer)? {
            for door in &peer.doors {
                let (address, mask) = (network.network(), network.netmask());
                line(
                    &mut text,
                    &filter(&list, &format!("srcaddr={address} srcmask={mask}"), protocol(*door), door.port),
                );
            }
        }
        let by = match proof(name, peer, Some("\\'"))? {
            OldProof::Secret(name) => {
                text.push_str(&read_secret(name));
                "psk=\"%SECRET%\"".to_owned()
            }
            OldProof::Certificate(authority) => {
                format!("rootca=\"{authority} certmap:no excludecaname:no\"")
            }
        };
        line(
            &mut text,
            &format!(
                "add rule name=\"{list}\" policy=\"{POLICY}\" filterlist=\"{list}\" filteraction=\"{POLICY} require\" {by}"
            ),
        );
    }
    let others = format!("{POLICY} others");
    for door in tunnels.doors.keys() {
        line(&mut text, &filter(&others, "srcaddr=any", protocol(*door), door.port));
    }
    line(
        &mut text,
        &format!(
            "add rule name=\"{others}\" policy=\"{POLICY}\" filterlist=\"{others}\" filteraction=\"{POLICY} block\""
        ),
    );
    line(&mut text, &format!("set policy name=\"{POLICY}\" assign=yes"));
    text.push_str("set SECRET=\r\n");
    Ok(Script { apply: text, inverse: format!("{BEGIN}{}", remove(tunnels)) })
}

fn filter(list: &str, from: &str, protocol: &str, port: u16) -> String {
    format!(
        "add filter filterlist=\"{list}\" {from} dstaddr=me protocol={protocol} srcport=0 dstport={port} mirrored=yes"
    )
}

/// Takes all of it away; what is not there is no error. A policy goes with its rules, lists and actions after it.
fn remove(tunnels: &Tunnels) -> String {
    let mut text = String::new();
    line(&mut text, &format!("set policy name=\"{POLICY}\" assign=no >nul 2>&1"));
    line(&mut text, &format!("delete policy name=\"{POLICY}\" >nul 2>&1"));
    let lists = tunnels.peers.keys().map(|name| format!("{POLICY} {name}"));
    for list in lists.chain([format!("{POLICY} others")]) {
        line(&mut text, &format!("delete filterlist name=\"{list}\" >nul 2>&1"));
    }
    for action in ["require", "block"] {
        line(&mut text, &format!("delete filteraction name=\"{POLICY} {action}\" >nul 2>&1"));
    }
    text
}

fn line(text: &mut String, words: &str) {
    let _ = write!(text, "netsh ipsec static {words}\r\n");
}
