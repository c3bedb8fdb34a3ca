//! Who else has tables in a ruleset, and how their hooks and this program's table act together.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::render::{PRIORITY, TABLE};

/// Programs that keep tables or chains of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnerKind {
    /// This program.
    Doorward,
    /// The Docker engine.
    Docker,
    /// firewalld.
    Firewalld,
    /// ufw.
    Ufw,
    /// Kubernetes: kube-proxy, kube-router, Calico, Flannel, Cilium.
    Kube,
    /// Podman's network program (netavark) and CNI plug-ins.
    Podman,
    /// libvirt.
    Libvirt,
    /// fail2ban.
    Fail2ban,
    /// Somebody, with `iptables` over `nf_tables`.
    Iptables,
    /// Somebody: `/etc/nftables.conf`, a script.
    Other,
}

impl OwnerKind {
    /// The name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doorward => "doorward",
            Self::Docker => "Docker",
            Self::Firewalld => "firewalld",
            Self::Ufw => "ufw",
            Self::Kube => "Kubernetes",
            Self::Podman => "Podman",
            Self::Libvirt => "libvirt",
            Self::Fail2ban => "fail2ban",
            Self::Iptables => "iptables",
            Self::Other => "other rules",
        }
    }
}

/// An owner, with what of the ruleset is its.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Who.
    pub kind: OwnerKind,
    /// Tables with something of its in them, as `ip filter`, sorted. Hostile text.
    pub tables: Vec<String>,
    /// Base chains of these tables, in the listing's order.
    pub uses: Vec<Use>,
}

/// A base chain: where a table hooks in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its table, as `ip filter`. Hostile text.
    pub table: String,
    /// Its name. Hostile text.
    pub chain: String,
    /// The hook: `input`, `forward`, `prerouting`.
    pub hook: String,
    /// Its priority: lower ones run first.
    pub priority: i64,
    /// Whether it drops what its rules do not accept.
    pub drops: bool,
    /// Whether it is for address translation.
    pub nat: bool,
}

/// Beginnings of chains' names by their owner: as in the rules of moby's `bridge` driver, ufw's `before.rules`,
/// kube-proxy's iptables mode, Calico's Felix (`cali-`), Flannel's traffic manager, Cilium's `iptables.go`, netavark, the
/// CNI plug-in `firewall`, libvirt's network driver and fail2ban's `iptables` actions.
const CHAINS: &[(&str, OwnerKind)] = &[
    ("DOCKER", OwnerKind::Docker),
    ("ufw-", OwnerKind::Ufw),
    ("ufw6-", OwnerKind::Ufw),
    ("KUBE-", OwnerKind::Kube),
    ("cali-", OwnerKind::Kube),
    ("FLANNEL-", OwnerKind::Kube),
    ("CILIUM_", OwnerKind::Kube),
    ("NETAVARK", OwnerKind::Podman),
    ("CNI-", OwnerKind::Podman),
    ("LIBVIRT_", OwnerKind::Libvirt),
    ("f2b-", OwnerKind::Fail2ban),
];

/// Tables' names by their owner: as in firewalld's nftables backend, moby's `nftabler` (`docker-bridges`), kube-proxy's
/// nftables mode, netavark, libvirt's nftables backend and fail2ban's `nftables` action.
const TABLES: &[(&str, OwnerKind)] = &[
    ("doorward", OwnerKind::Doorward),
    ("firewalld", OwnerKind::Firewalld),
    ("docker-bridges", OwnerKind::Docker),
    ("kube-proxy", OwnerKind::Kube),
    ("netavark", OwnerKind::Podman),
    ("libvirt_network", OwnerKind::Libvirt),
    ("f2b-table", OwnerKind::Fail2ban),
];

/// Tables that `iptables` makes.
const OF_IPTABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// Who has tables in what `nft -j list ruleset` prints, each once, in the order of [`OwnerKind`].
pub fn owners(listing: &Value) -> Vec<Owner> {
    let entries = || listing.get("nftables").and_then(Value::as_array).into_iter().flatten();
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut tables: BTreeMap<String, Vec<OwnerKind>> = BTreeMap::new();
    let mut uses: Vec<Use> = Vec::new();
    for table in entries().filter_map(|e| e.get("table")) {
        let name = text(table, "name");
        let known = TABLES.iter().filter(|(of, _)| *of == name).map(|(_, kind)| *kind).collect();
        tables.insert(format!("{} {name}", text(table, "family")), known);
    }
    for chain in entries().filter_map(|e| e.get("chain")) {
        let (name, table) =
            (text(chain, "name"), format!("{} {}", text(chain, "family"), text(chain, "table")));
        let found = CHAINS.iter().filter(|(start, _)| name.starts_with(start)).map(|(_, kind)| *kind);
        tables.entry(table.clone()).or_default().extend(found);
        if let (Some(hook), Some(priority)) =
            (chain.get("hook").and_then(Value::as_str), chain.get("prio").and_then(Value::as_i64))
        {
            uses.push(Use {
                table,
                chain: name,
                hook: hook.to_owned(),
                priority,
                drops: text(chain, "policy") == "drop",
                nat: text(chain, "type") == "nat",
            });
        }
    }
    let mut found: BTreeMap<OwnerKind, Owner> = BTreeMap::new();
    for (table, mut kinds) in tables {
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() {
            let name = table.split_once(' ').map_or("", |(_, name)| name);
            let is_iptables = OF_IPTABLES.contains(&name)
                && uses.iter().any(|u| u.table == table && u.chain.chars().all(|c| c.is_ascii_uppercase()));
            kinds.push(if is_iptables { OwnerKind::Iptables } else { OwnerKind::Other });
        }
        for kind in kinds {
            let owner =
                found.entry(kind).or_insert_with(|| Owner { kind, tables: Vec::new(), uses: Vec::new() });
            owner.uses.extend(uses.iter().filter(|u| u.table == table).cloned());
            owner.tables.push(table.clone());
        }
    }
    found.into_values().collect()
}

/// When another's chain runs, seen from this program's at the same hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Earlier.
    Before,
    /// At the same priority: the kernel's order is not in the listing.
    Same,
    /// Later.
    After,
}

/// How another's chain and this program's act together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Whose chain it is.
    pub owner: OwnerKind,
    /// The chain.
    pub with: Use,
    /// When it runs.
    pub order: Order,
    /// What follows, in a sentence or two. Holds no text of the host's.
    pub says: String,
}

/// How everybody else's chains at the input and forward hooks, and their translation, act together with the table.
pub fn interactions(owners: &[Owner]) -> Vec<Interaction> {
    let others = owners.iter().filter(|owner| owner.kind != OwnerKind::Doorward);
    let mut found: Vec<Interaction> = Vec::new();
    for (owner, with) in others.flat_map(|owner| owner.uses.iter().map(move |with| (owner, with))) {
        let says = match (with.hook.as_str(), with.nat) {
            ("input" | "forward", false) => filters(owner.kind, with),
            ("prerouting", true) => translates(owner.kind),
            _ => continue,
        };
        // A table may be of several; what one of them is known for goes before what holds for any.
        if found.iter().any(|i| i.with == *with && i.says == says) {
            continue;
        }
        let order = match with.priority.cmp(&i64::from(PRIORITY)) {
            std::cmp::Ordering::Less => Order::Before,
            std::cmp::Ordering::Equal => Order::Same,
            std::cmp::Ordering::Greater => Order::After,
        };
        found.push(Interaction { owner: owner.kind, with: with.clone(), order, says });
    }
    found
}

fn filters(owner: OwnerKind, with: &Use) -> String {
    let name = owner.as_str();
    let both = if with.drops {
        format!("{name} drops what its own rules do not accept, so a door must be open in both")
    } else {
        format!("what {name} drops stays dropped, and what it accepts this table may still drop")
    };
    let more = match (owner, with.hook.as_str()) {
        (OwnerKind::Docker, "forward") => {
            "; Docker opens each published port to everybody there, which this table narrows to the named clients"
        }
        (OwnerKind::Kube, "forward") => {
            "; pods reach services by translation: name their interfaces as guests, or they are cut off"
        }
        (OwnerKind::Firewalld | OwnerKind::Ufw, _) => {
            "; when it is reloaded it replaces its own rules alone, and this table stays"
        }
        (OwnerKind::Other, _) => {
            "; if these rules come from a file that begins with flush ruleset, loading it again takes this table away"
        }
        _ => "",
    };
    both + more
}

fn translates(owner: OwnerKind) -> String {
    let name = owner.as_str();
    format!(
        "{name} translates ports before this table sees them; doors are therefore named by the port that clients send \
         to, at the forward hook as at the input hook"
    )
}

/// The listing without this program's table: everybody else's rules.
#[must_use]
pub fn without_ours(listing: &Value) -> Value {
    part(listing, |table| table != TABLE)
}

/// Of the listing this program's table alone.
#[must_use]
pub fn ours_alone(listing: &Value) -> Value {
    part(listing, |table| table == TABLE)
}

fn part(listing: &Value, keep: impl Fn(&str) -> bool) -> Value {
    let entries = listing.get("nftables").and_then(Value::as_array).into_iter().flatten();
    let table = |entry: &Value| {
        let (kind, inner) = entry.as_object()?.iter().next()?;
        let name = inner.get(if kind == "table" { "name" } else { "table" })?.as_str()?;
        Some(format!("{} {name}", inner.get("family")?.as_str()?))
    };
    let kept: Vec<Value> = entries.filter(|e| table(e).is_none_or(|t| keep(&t))).cloned().collect();
    serde_json::json!({ "nftables": kept })
}
