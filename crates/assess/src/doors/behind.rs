//! Doors behind another service's port: pipes and shares over SMB, RPC interfaces behind the endpoint mapper.
//!
//! They are Windows' own. Who reaches the port that they share reaches them, so each is as exposed as that port; an RPC
//! interface has a port of its own as well, which the firewall may close to it alone.

use doorward_model::{Basis, Door, Exposure, Namespace, Protocol, Verdict, WindowsFacts};

use crate::Facts;
use crate::exposure::Reach;
use crate::roles::lives;

/// The service that holds the ports of SMB.
const SERVER: &str = "LanmanServer";
/// Those that hold the endpoint mapper's port: from Windows 7 on, before.
const ENDPOINT_MAPPERS: [&str; 2] = ["RpcEptMapper", "RpcSs"];
/// Administrative shares that the Server service makes by itself, and what they reach.
const ADMINISTRATIVE: [(&str, &str); 2] =
    [("ADMIN$", "the directory of Windows"), ("C$", "the whole system drive; each other drive has one")];

/// Whether doors of a protocol are found behind another's port.
pub(super) fn is_behind(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Pipe | Protocol::Rpc | Protocol::Share)
}

/// All doors behind the ports that are open.
pub(super) fn others_ports(facts: &Facts<'_, '_, '_>, reach: &Reach<'_>, open: &[Door]) -> Vec<Door> {
    let Some(windows) = &facts.snapshot.windows else { return Vec::new() };
    let smb = Port::of(open, &[SERVER]);
    let rpc = Port::of(open, &ENDPOINT_MAPPERS);
    let mut doors = Vec::new();
    if let Some(smb) = &smb {
        doors.extend(shares(facts, windows, smb));
    }
    for (service, entry) in facts.snapshot.services.iter().zip(&facts.entries) {
        let Some(entry) = entry.filter(|_| lives(service)) else { continue };
        for fact in entry.doors.iter().filter(|fact| facts.index.holds(&fact.systems)) {
            let (port, own) = match fact.protocol {
                Protocol::Pipe => (&smb, None),
                Protocol::Rpc => (&rpc, Some(reach.dynamic_rpc(&service.name))),
                _ => continue,
            };
            let Some(port) = port else { continue };
            let mut door = port.door(fact.protocol, fact.name.clone(), &service.name);
            door.package.clone_from(&service.package);
            door.reasons.extend(fact.when.as_ref().map(|when| format!("opens if: {when}")));
            if let Some(own) = own.filter(|own| own.exposure < door.exposure) {
                door.exposure = own.exposure;
                door.limited_to = own.limited_to;
                door.decided_by = own.decided_by;
            }
            doors.push(door);
        }
    }
    doors
}

/// Shares that were made, and those that the Server service makes for administrators unless told otherwise.
fn shares(facts: &Facts<'_, '_, '_>, windows: &WindowsFacts, smb: &Port) -> Vec<Door> {
    let is_server = windows.product_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("WinNT"));
    let switch = if is_server { "AutoShareServer" } else { "AutoShareWks" };
    let made: &[(&str, &str)] = match windows.setting(SERVER, switch) {
        Some(setting) if setting.value == "0" => &[],
        _ => &ADMINISTRATIVE,
    };
    let administrative = made.iter().map(|(name, what)| {
        let why = format!("hidden administrative share: {what} ({switch})");
        ((*name).to_owned(), why, Basis::Default)
    });
    let by_hand = windows.shares.iter().map(|share| {
        let path = share.path.as_deref().unwrap_or(&share.kind);
        let access = if share.access.is_empty() {
            "no permissions of its own".to_owned()
        } else {
            share.access.join("; ")
        };
        (share.name.clone(), format!("shares {path}: {access}"), Basis::Configured)
    });
    let of_server = facts.graph.node(SERVER).map_or(SERVER, |node| &facts.snapshot.services[node].name);
    administrative
        .chain(by_hand)
        .map(|(name, why, basis)| {
            let door = smb.door(Protocol::Share, Some(name), of_server);
            Door { reasons: vec![why], basis, ..door }
        })
        .collect()
}

/// The most exposed port of a service that others are reached through.
struct Port {
    holder: String,
    exposure: Exposure,
    limited_to: Vec<String>,
    decided_by: Option<String>,
}

impl Port {
    fn of(open: &[Door], holders: &[&str]) -> Option<Self> {
        let is_holder = |door: &&Door| {
            let name = door.service.as_deref().unwrap_or_default();
            door.protocol == Protocol::Tcp && holders.iter().any(|h| h.eq_ignore_ascii_case(name))
        };
        let widest = open.iter().filter(is_holder).max_by_key(|door| door.exposure)?;
        Some(Self {
            holder: widest.service.clone()?,
            exposure: widest.exposure,
            limited_to: widest.limited_to.clone(),
            decided_by: widest.decided_by.clone(),
        })
    }

    fn door(&self, protocol: Protocol, name: Option<String>, service: &str) -> Door {
        Door {
            protocol,
            address: "*".to_owned(),
            port: None,
            name,
            interface: None,
            namespace: Namespace::Host,
            exposure: self.exposure,
            limited_to: self.limited_to.clone(),
            decided_by: self.decided_by.clone(),
            http: false,
            service: Some(service.to_owned()),
            via: (self.holder != service).then(|| self.holder.clone()),
            package: None,
            verdict: Verdict::Unknown,
            reasons: Vec::new(),
            basis: Basis::Default,
        }
    }
}
