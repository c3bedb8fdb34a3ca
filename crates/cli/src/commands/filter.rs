//! Whether the packet filter does what a plan says, by evaluating it as it is loaded.

use anyhow::{Context as _, bail};
use doorward_assess::rules_interface;
use doorward_change::{Difference, DifferenceKind};
use doorward_filter::{Door, Policy, Transport, conflicts, ours_alone, without_ours};
use doorward_model::{PacketFilter, Protocol, Snapshot};
use doorward_netfilter::{Interface, Ruleset};
use doorward_plan::StepId;

/// Where this program's table, as the kernel has it, does not say what the policy says.
pub(super) fn differences(policy: &Policy, snapshot: &Snapshot) -> anyhow::Result<Vec<String>> {
    let PacketFilter::Nftables { ruleset } = &snapshot.filter else {
        bail!("the packet filter could not be read back");
    };
    let rules = Ruleset::parse(&ours_alone(ruleset)).context("the packet filter could not be read back")?;
    let interfaces: Vec<Interface> = snapshot.host.interfaces.iter().map(rules_interface).collect();
    let listening = snapshot.listeners.iter().filter(|l| l.namespace.is_host()).filter_map(|l| {
        let transport = match l.protocol {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Udp => Transport::Udp,
            _ => return None,
        };
        l.port.map(|port| Door { transport, port })
    });
    Ok(doorward_filter::differences(policy, &rules, &interfaces, listening))
}

/// Doors that a filter lets somebody come in by, and that others' rules keep closed. What cannot be read was told by the
/// verification of the table.
pub(super) fn closed_by_others(opens: &[(StepId, String)]) -> Vec<Difference> {
    if opens.is_empty() {
        return Vec::new();
    }
    let PacketFilter::Nftables { ruleset } = doorward_linux_live::filter::collect().value else {
        return Vec::new();
    };
    let Ok(others) = Ruleset::parse(&without_ours(&ruleset)) else { return Vec::new() };
    let interfaces = doorward_linux_live::interface::collect().value;
    let interfaces: Vec<Interface> = interfaces.iter().map(rules_interface).collect();
    let mut found = Vec::new();
    for (step, door) in opens {
        let Ok(at) = Door::try_from(door.clone()) else { continue };
        found.extend(conflicts([at], &others, &interfaces).iter().map(|conflict| Difference {
            step: step.clone(),
            kind: DifferenceKind::Changed,
            what: "the packet filter".to_owned(),
            text: format!("has others' rules: {conflict}"),
        }));
    }
    found
}
