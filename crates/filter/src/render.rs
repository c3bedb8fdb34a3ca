//! The policy as one table of nftables, in the form that `nft -f` takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::nft::{Base, chain, set};
use crate::policy::Rule;
use crate::{Door, Policy, SetName, Transport};

/// The table, as nft names it. It is this program's own; no other is ever touched.
pub const TABLE: &str = "inet doorward";

/// Priority of its chains at the input and forward hooks: after destination translation (-100), before the usual
/// filters (0). A drop is final wherever it happens; an accept only lets the next chain look.
pub const PRIORITY: i32 = -10;

/// Takes the table away, also where there is none; in the form that `nft -f` takes. Where a table was before, its own
/// text puts that one back.
pub const REMOVE: &str = "table inet doorward\ndelete table inet doorward\n";

/// `ICMPv6` types that a host must not drop, or should not: RFC 4890, sections 4.4.1 and 4.4.2. Errors (1 to 4), echo
/// (128, 129), multicast listeners (130 to 132, 143), neighbours and routers (133 to 136), inverse neighbours (141,
/// 142), certificate paths (148, 149), multicast routers (151 to 153).
const ICMPV6: [u8; 21] =
    [1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 141, 142, 143, 148, 149, 151, 152, 153];

/// ICMP types that a host needs: errors (3 unreachable with path MTU, 11 time exceeded, 12 parameter problem; RFC 792,
/// RFC 1191), and echo (8; RFC 1122 wants it answered).
const ICMP: [u8; 4] = [3, 8, 11, 12];

/// What a policy's mark begins with, and how many bytes of its digest follow.
const MARKED: &str = "doorward policy ";
const MARK: usize = 12;

/// Clients whose rate is remembered at the same time.
const RATED: u32 = 65_535;

impl Policy {
    /// Everything that `nft -f` needs to put the table in the place of any earlier one, in one transaction.
    pub fn table(&self) -> String {
        self.text(Some(&self.mark()))
    }

    /// What tells this policy's table from any other's: it stands in the table, as the comment of its first rule.
    pub fn mark(&self) -> String {
        let digest = Sha256::digest(self.text(None).as_bytes());
        digest.iter().take(MARK).fold(MARKED.to_owned(), |mut mark, byte| {
            let _ = write!(mark, "{byte:02x}");
            mark
        })
    }

    fn text(&self, mark: Option<&str>) -> String {
        let mut text =
            format!("# Access to doors. Made by doorward, and replaced by it as a whole.\n{REMOVE}");
        let _ = writeln!(text, "table {TABLE} {{");
        self.sets(&mut text);
        self.admin(&mut text);
        chain(&mut text, "published", None, &self.published());
        chain(&mut text, "input", Some(base("input", "drop")), &self.input(mark));
        if self.published {
            chain(&mut text, "forward", Some(base("forward", "accept")), &self.forward());
        }
        text.push_str("}\n");
        text
    }

    fn sets(&self, text: &mut String) {
        let used: BTreeSet<&SetName> = self.named.values().flat_map(|rule| &rule.to).collect();
        for (name, clients) in self.clients.iter().filter(|(name, _)| used.contains(name)) {
            set(text, name, "v4", "ipv4_addr", clients.v4());
            set(text, name, "v6", "ipv6_addr", clients.v6());
        }
        if self.has_admin() {
            for (family, kind) in [("v4", "ipv4_addr"), ("v6", "ipv6_addr")] {
                let _ = writeln!(
                    text,
                    "\tset admin.rate.{family} {{\n\t\ttype {kind}\n\t\tsize {RATED}\n\t\tflags dynamic,timeout\n\t\ttimeout 10m\n\t}}"
                );
            }
        }
    }

    /// Where clients of an administration door are counted.
    fn admin(&self, text: &mut String) {
        if !self.has_admin() {
            return;
        }
        let over = |family: &str, ip: &str| {
            let (rate, burst) = (self.rate.per_minute, self.rate.burst);
            let limit = format!("limit rate over {rate}/minute burst {burst} packets");
            format!("add @admin.rate.{family} {{ {ip} saddr {limit} }} {}drop", self.counter())
        };
        let rules = [over("v4", "ip"), over("v6", "ip6"), self.accept()];
        chain(text, "admin", None, &rules);
    }

    fn input(&self, mark: Option<&str>) -> Vec<String> {
        let counter = self.counter();
        let mark = mark.map(|mark| format!(" comment \"{mark}\"")).unwrap_or_default();
        let mut rules = vec![
            format!("iifname \"lo\" {counter}accept{mark}"),
            format!("icmpv6 type {{ {} }} {counter}accept", list(&ICMPV6)),
            format!("icmp type {{ {} }} {counter}accept", list(&ICMP)),
            // A server answers from its own address what was sent to a multicast one: no connection tells (RFC 8415).
            format!("ip6 saddr fe80::/10 ip6 daddr fe80::/10 udp sport 547 udp dport 546 {counter}accept"),
            format!("ct state established,related {counter}accept"),
            format!("ct state invalid {counter}drop"),
            // Redirected on the host: the port that the client sent to counts.
            "ct status dnat goto published".to_owned(),
        ];
        rules.extend(self.doors_by(Asked::Now));
        rules.extend(self.last_words());
        // Not left to the policy: a chain that replaces another has its rules at once, but its policy some microseconds
        // after the other one is gone (`nf_tables_commit`), and some of a flood would get through.
        rules.push(format!("{counter}drop"));
        rules
    }

    fn forward(&self) -> Vec<String> {
        let guests = self.guests.iter().map(|name| format!("iifname \"{name}\" accept"));
        let established = "ct state established,related accept".to_owned();
        let translated = "ct status dnat goto published".to_owned();
        std::iter::once(established).chain(guests).chain([translated]).collect()
    }

    fn published(&self) -> Vec<String> {
        let mut rules = self.doors_by(Asked::Before);
        rules.extend(self.last_words());
        rules.push(format!("{}drop", self.counter()));
        rules
    }

    /// Rules that let in who may come.
    fn doors_by(&self, asked: Asked) -> Vec<String> {
        let site = asked.matches(self.site.iter().copied()).into_iter();
        let mut rules: Vec<String> = site.map(|door| format!("{door} {}", self.accept())).collect();
        let mut alike: BTreeMap<(&BTreeSet<SetName>, bool), Vec<Door>> = BTreeMap::new();
        for (door, Rule { to, admin }) in &self.named {
            alike.entry((to, *admin)).or_default().push(*door);
        }
        for ((to, admin), doors) in alike {
            let verdict = if admin { "goto admin".to_owned() } else { self.accept() };
            for door in asked.matches(doors.into_iter()) {
                for name in to {
                    let clients = &self.clients[name];
                    if !clients.v4().is_empty() {
                        rules.push(format!("{door} ip saddr @{name}.v4 {verdict}"));
                    }
                    if !clients.v6().is_empty() {
                        rules.push(format!("{door} ip6 saddr @{name}.v6 {verdict}"));
                    }
                }
            }
        }
        rules
    }

    fn last_words(&self) -> Option<String> {
        self.log.then(|| "limit rate 5/second burst 10 packets log prefix \"doorward drop: \"".to_owned())
    }

    fn accept(&self) -> String {
        format!("{}accept", self.counter())
    }

    fn counter(&self) -> &'static str {
        if self.counters { "counter " } else { "" }
    }

    fn has_admin(&self) -> bool {
        self.named.values().any(|rule| rule.admin)
    }
}

/// The mark of the policy whose table is loaded, by what `nft -j list ruleset` prints. It tells what was loaded, not
/// whether somebody changed the table since.
pub fn loaded(listing: &Value) -> Option<&str> {
    let entries = listing.get("nftables").and_then(Value::as_array)?;
    let text = |rule: &'_ Value, key: &str| rule.get(key).and_then(Value::as_str).map(str::to_owned);
    let ours = |rule: &&Value| {
        let place = ["family", "table", "chain"].map(|key| text(rule, key).unwrap_or_default());
        format!("{} {}", place[0], place[1]) == TABLE && place[2] == "input"
    };
    let mut rules = entries.iter().filter_map(|e| e.get("rule")).filter(ours);
    rules.find_map(|rule| rule.get("comment")?.as_str().filter(|c| c.starts_with(MARKED)))
}

/// How ports are asked for.
#[derive(Clone, Copy)]
enum Asked {
    /// As the packet has them.
    Now,
    /// As the client sent it, before any translation.
    Before,
}

impl Asked {
    /// What matches these doors: one expression a transport, or one a door.
    fn matches(self, doors: impl Iterator<Item = Door>) -> Vec<String> {
        if let Self::Before = self {
            // One rule each: nft 1.0.6 lists a set of these as of an invalid type, and would not read it again.
            let one =
                |d: Door| format!("meta l4proto {} ct original proto-dst {}", d.transport.as_str(), d.port);
            return doors.map(one).collect();
        }
        let mut ports: BTreeMap<Transport, Vec<u16>> = BTreeMap::new();
        for door in doors {
            ports.entry(door.transport).or_default().push(door.port);
        }
        ports.into_iter().map(|(of, ports)| format!("{} dport {{ {} }}", of.as_str(), list(&ports))).collect()
    }
}

fn base<'a>(hook: &'a str, policy: &'a str) -> Base<'a> {
    Base { hook, priority: PRIORITY, policy }
}

fn list(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
