//! Random rulesets that nft takes, and packets to try them with.

use std::fmt::Write as _;
use std::net::IpAddr;

use doorward_netfilter::Transport;

use crate::lab::{CABLES, PORTS, Probe};
use crate::random::Random;

pub(crate) struct Generator {
    random: Random,
}

const V4: &[&str] = &[
    "10.77.0.11",
    "10.77.0.130",
    "10.78.0.11",
    "10.78.0.200",
    "10.77.0.0/24",
    "10.78.0.0/25",
    "10.77.0.128/25",
    "10.78.0.0/23",
    "10.0.0.0/8",
    "192.0.2.0/24",
    "10.77.0.5-10.77.0.20",
    "10.77.0.100-10.78.0.99",
];
const V6: &[&str] =
    &["fd77::11", "fd78::11", "fd78::/64", "fd77::/64", "fd78::a:0/112", "fd00::/8", "2001:db8::/32"];
const HOST_V4: &[&str] = &["10.77.0.1", "10.77.0.2", "10.78.0.1", "10.77.0.0/30", "10.0.0.0/8"];
const HOST_V6: &[&str] = &["fd77::1", "fd78::1", "fd77::/64"];
const PORT: &[&str] =
    &["22", "80", "443", "5432", "8080", "9999", "22-80", "443-6000", "1-1023", "8000-9000", "1024-65535"];
const NAMES: &[&str] = &["srv0", "srv1", "srv*", "lo", "eth0", "srv0*"];

/// What kind of chain rules are for.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Ingress,
    Raw,
    Prerouting,
    Nat,
    Input,
    Forward,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.random.one_in(n)
    }

    pub(crate) fn probes(&mut self) -> Vec<Probe> {
        let mut probes = Vec::new();
        let address =
            |text: &str| text.split('/').next().and_then(|a| a.parse::<IpAddr>().ok()).expect("an address");
        for (interface, hosts, clients) in CABLES {
            for (from, to) in clients.iter().flat_map(|c| hosts.iter().map(move |h| (address(c), address(h))))
            {
                if from.is_ipv4() != to.is_ipv4() {
                    continue;
                }
                for port in PORTS.iter().chain(&[9999]) {
                    let protocol = if self.random.one_in(3) { Transport::Udp } else { Transport::Tcp };
                    if self.random.one_in(2) {
                        probes.push(Probe { protocol, from, to, port: *port, interface });
                    }
                }
            }
        }
        probes
    }

    pub(crate) fn ruleset(&mut self) -> String {
        let mut text = String::new();
        let tables = 1 + self.random.below(3);
        for number in 0..tables {
            let family = self.random.pick(&["inet", "inet", "inet", "ip", "ip6"]);
            self.table(&mut text, family, number);
        }
        if self.random.one_in(6) {
            text.push_str("table netdev n {\n chain i { type filter hook ingress device srv0 priority 0; policy accept;\n");
            for _ in 0..2 {
                let rule = self.rule(Place::Ingress, "netdev", 0);
                let _ = writeln!(text, "  {rule}");
            }
            text.push_str(" }\n}\n");
        }
        text
    }

    fn table(&mut self, text: &mut String, family: &str, number: usize) {
        let _ = writeln!(text, "table {family} t{number} {{");
        self.sets(text);
        // Chains to jump to: each only to those declared before it.
        for chain in 0..3 {
            let _ = writeln!(text, " chain c{chain} {{");
            for _ in 0..=self.random.below(3) {
                let rule = self.rule(Place::Input, family, chain);
                let _ = writeln!(text, "  {rule}");
            }
            text.push_str(" }\n");
        }
        for chain in 0..=self.random.below(3) {
            let (place, header) = match self.random.below(7) {
                0 => (Place::Raw, "type filter hook prerouting priority raw"),
                1 => (Place::Prerouting, "type filter hook prerouting priority mangle"),
                2 => (Place::Prerouting, "type filter hook prerouting priority -90"),
                3 => (Place::Nat, "type nat hook prerouting priority dstnat"),
                4 if self.random.one_in(2) => (Place::Forward, "type filter hook forward priority filter"),
                _ => {
                    let priority = self.random.pick(&["filter", "filter", "-5", "10", "security"]);
                    (
                        Place::Input,
                        if priority == "filter" {
                            "type filter hook input priority filter"
                        } else {
                            match priority {
                                "-5" => "type filter hook input priority -5",
                                "10" => "type filter hook input priority 10",
                                _ => "type filter hook input priority security",
                            }
                        },
                    )
                }
            };
            let last = matches!(place, Place::Input | Place::Forward);
            let policy = if last && self.random.one_in(2) { "drop" } else { "accept" };
            let _ = writeln!(text, " chain b{chain} {{ {header}; policy {policy};");
            if place == Place::Input && self.random.one_in(2) {
                text.push_str("  ct state established,related accept\n");
            }
            for _ in 0..=self.random.below(6) {
                let rule = self.rule(place, family, 3);
                let _ = writeln!(text, "  {rule}");
            }
            text.push_str(" }\n");
        }
        text.push_str("}\n");
    }

    fn sets(&mut self, text: &mut String) {
        let (a, b) = (
            self.random.pick(&V4[..4]),
            self.random.pick(&["10.78.0.0/25", "192.0.2.0/24", "10.77.0.128/26"]),
        );
        let _ = writeln!(
            text,
            " set s4 {{ type ipv4_addr; flags interval; auto-merge; elements = {{ {a}, {b} }} }}"
        );
        let (a, b) =
            (self.random.pick(&["fd77::11", "fd78::11"]), self.random.pick(&["fd78::a:0/112", "fd01::/64"]));
        let _ = writeln!(
            text,
            " set s6 {{ type ipv6_addr; flags interval; auto-merge; elements = {{ {a}, {b} }} }}"
        );
        let (a, b) = (self.random.pick(&["22", "80"]), self.random.pick(&["443", "8080"]));
        let _ = writeln!(text, " set ports {{ type inet_service; elements = {{ {a}, {b} }} }}");
        let (a, b, c) = (
            self.random.pick(V4),
            self.random.pick(PORT),
            self.random.pick(&["192.0.2.1 . 1", "10.78.0.11 . 22", "10.77.0.0/24 . 7000-8080"]),
        );
        let ranges = if overlaps(a, b, c) { c.to_owned() } else { format!("{a} . {b}, {c}") };
        let _ = writeln!(
            text,
            " set pairs {{ type ipv4_addr . inet_service; flags interval; elements = {{ {ranges} }} }}"
        );
        let _ = writeln!(
            text,
            " set names {{ type ifname; flags interval; elements = {{ \"{}\", \"eth*\" }} }}",
            self.random.pick(&["srv0", "srv1"])
        );
        let a = self.random.pick(&V4[..4]);
        let (x, y) = (self.verdict(0), self.verdict(0));
        let _ = writeln!(text, " chain empty {{ }}");
        let _ = writeln!(
            text,
            " map sources {{ type ipv4_addr : verdict; elements = {{ {a} : {x}, 192.0.2.7 : {y} }} }}"
        );
        let _ = writeln!(
            text,
            " map doors {{ type inet_service : inet_service; elements = {{ 80 : 8080, 9999 : {} }} }}",
            self.random.pick(&["22", "443"])
        );
        // Verdict maps that lead on: only base chains look them up, so that nothing turns in a circle.
        let (a, x, y) = (self.random.pick(&V4[..4]), self.verdict(3), self.verdict(3));
        let _ = writeln!(
            text,
            " map ways {{ type ipv4_addr : verdict; flags interval; elements = {{ {a} : {x}, 10.64.0.0/13 : {y} }} }}"
        );
        let (x, y) = (self.verdict(3), self.verdict(3));
        let _ = writeln!(
            text,
            " map gates {{ type ifname . inet_service : verdict; elements = {{ \"srv0\" . 22 : {x}, \"srv1\" . 80 : {y} }} }}"
        );
        let _ = writeln!(text, " set seen {{ type ipv4_addr; flags dynamic; size 1000; }}");
    }

    /// A verdict; jumps go to chains below `chains`.
    fn verdict(&mut self, chains: usize) -> String {
        match self.random.below(if chains > 0 { 9 } else { 6 }) {
            0..3 => "accept".into(),
            3..5 => "drop".into(),
            5 => "return".into(),
            6..8 => format!("jump c{}", self.random.below(chains)),
            _ => format!("goto c{}", self.random.below(chains)),
        }
    }

    fn rule(&mut self, place: Place, family: &str, chains: usize) -> String {
        // The chains' rules ask what is known at the last hooks alone.
        let chains = if matches!(place, Place::Input | Place::Forward) { chains } else { 0 };
        let mut words = Vec::new();
        for _ in 0..self.random.below(3) {
            words.push(self.condition(place, family));
        }
        if place == Place::Nat && self.random.one_in(2) {
            words.push(self.translation(family));
            return words.join(" ");
        }
        if self.random.one_in(8) {
            words.push("counter".into());
        }
        if self.random.one_in(10) && place != Place::Ingress {
            let change =
                self.random.pick(&["meta mark set 0x5", "meta mark set meta mark | 0x10", "ct mark set 0x7"]);
            if place != Place::Raw || !change.starts_with("ct") {
                words.push(change.into());
            }
            if self.random.one_in(2) {
                return words.join(" ");
            }
        }
        if place == Place::Raw && self.random.one_in(5) {
            words.push("notrack".into());
            return words.join(" ");
        }
        if place == Place::Input && family != "ip6" && self.random.one_in(14) {
            words.push("add @seen { ip saddr }".into());
            return words.join(" ");
        }
        let last = match self.random.below(16) {
            0 if place == Place::Input && family == "inet" => self
                .random
                .pick(&[
                    "reject",
                    "reject with icmp type host-unreachable",
                    "reject with icmpv6 type no-route",
                ])
                .into(),
            0 if place == Place::Input => "reject".into(),
            1 if chains == 3 && family != "ip6" && self.random.one_in(2) => {
                self.random.pick(&["ip saddr vmap @ways", "iifname . tcp dport vmap @gates"]).into()
            }
            1 => self.verdict_map(family),
            2 if place == Place::Input => "ct state vmap { established : accept, invalid : drop }".into(),
            3 if place != Place::Ingress => "continue".into(),
            _ => self.verdict(chains),
        };
        words.push(last);
        words.join(" ")
    }

    fn verdict_map(&mut self, family: &str) -> String {
        let (a, b, c) = (self.verdict(0), self.verdict(0), self.verdict(0));
        match self.random.below(if family == "ip6" || family == "netdev" { 2 } else { 5 }) {
            0 => format!("tcp dport vmap {{ 22 : {a}, 80-443 : {b} }}"),
            1 => format!("iifname vmap {{ \"srv0\" : {a}, \"lo\" : {b} }}"),
            2 => "ip saddr vmap @sources".into(),
            3 => {
                format!("ip saddr . tcp dport vmap {{ 10.77.0.11 . 22 : {a}, 10.78.0.0/24 . 80-500 : {b} }}")
            }
            _ => format!("ip saddr vmap {{ 10.77.0.0/25 : {a}, 10.78.0.11 : {b}, * : {c} }}"),
        }
    }

    fn translation(&mut self, family: &str) -> String {
        let v4 = |this: &mut Self| match this.random.below(9) {
            6 | 7 => format!(
                "{} dport {} dnat ip to 10.79.0.2:{}",
                this.random.pick(&["tcp", "udp"]),
                this.random.pick(PORT),
                this.random.pick(&[22, 80, 8080])
            ),
            0 | 1 => format!(
                "tcp dport {} redirect to :{}",
                this.random.pick(PORT),
                this.random.pick(&[22, 80, 8080])
            ),
            2 => format!(
                "tcp dport {} dnat ip to 10.77.0.2:{}",
                this.random.pick(PORT),
                this.random.pick(&[22, 80])
            ),
            3 => "meta l4proto tcp redirect to :tcp dport map @doors".into(),
            4 => "dnat ip to ip saddr map { 10.77.0.11 : 10.77.0.2, 10.78.0.11 : 10.78.0.1 }".into(),
            _ => "dnat ip to tcp dport map { 80 : 10.77.0.1 . 8080, 9999 : 10.78.0.1 . 22 }".into(),
        };
        match family {
            "ip6" if self.random.one_in(2) => {
                format!(
                    "tcp dport {} dnat to [fd79::2]:{}",
                    self.random.pick(PORT),
                    self.random.pick(&[22, 80])
                )
            }
            "ip6" => {
                format!("udp dport {} redirect to :{}", self.random.pick(PORT), self.random.pick(&[22, 80]))
            }
            "ip" => v4(self).replace("dnat ip to", "dnat to"),
            _ => v4(self),
        }
    }

    fn condition(&mut self, place: Place, family: &str) -> String {
        let v4 = family != "ip6";
        let v6 = family != "ip";
        let no = if self.random.one_in(4) { "!= " } else { "" };
        let choice = self.random.below(50);
        let text = match choice {
            0..4 if v4 => format!("ip saddr {no}{}", self.random.pick(V4)),
            4 if v4 => format!("ip saddr {no}{{ {}, 192.0.2.9 }}", self.random.pick(&V4[..4])),
            5 | 6 if v4 && place != Place::Ingress => format!("ip saddr {no}@s4"),
            7 if v4 && place != Place::Ingress => format!("ip saddr . tcp dport {no}@pairs"),
            8 if v4 => format!("ip daddr {no}{}", self.random.pick(HOST_V4)),
            9 if v4 => format!(
                "ip saddr & {} == {}",
                "255.0.255.255",
                self.random.pick(&["10.0.0.11", "10.0.0.200"])
            ),
            10 if v4 => format!("ip protocol {no}{}", self.random.pick(&["tcp", "udp"])),
            11 if v4 => "ip frag-off & 0x1fff == 0".into(),
            12 | 13 if v6 => format!("ip6 saddr {no}{}", self.random.pick(V6)),
            14 if v6 && place != Place::Ingress => format!("ip6 saddr {no}@s6"),
            15 if v6 => format!("ip6 daddr {no}{}", self.random.pick(HOST_V6)),
            16..20 => format!("tcp dport {no}{}", self.random.pick(PORT)),
            20 => format!("tcp dport {no}{{ 22, 80-100, {} }}", self.random.pick(&["443", "8080"])),
            21 if place != Place::Ingress => format!("tcp dport {no}@ports"),
            22 => format!("udp dport {no}{}", self.random.pick(PORT)),
            23 => format!("meta l4proto {no}{}", self.random.pick(&["tcp", "udp", "{ tcp, udp }", "icmp"])),
            24 => format!(
                "tcp dport {} {}",
                self.random.pick(&["<", ">", "<=", ">="]),
                self.random.pick(&["80", "443", "22"])
            ),
            25 | 26 => format!("iifname {no}\"{}\"", self.random.pick(NAMES)),
            27 if place != Place::Ingress => format!("iifname {no}@names"),
            28 if place != Place::Ingress => format!(
                "ct state {}",
                self.random.pick(&[
                    "new",
                    "established",
                    "invalid",
                    "new,untracked",
                    "!= new",
                    "{ new, related }",
                    "! invalid"
                ])
            ),
            29 if place != Place::Ingress => format!("ct direction {no}original"),
            30 if place != Place::Ingress => format!("ct status {}dnat", self.random.pick(&["", "! "])),
            31 if place != Place::Ingress => {
                format!("meta mark {no}{}", self.random.pick(&["0", "5", "0x15", "{ 0, 5 }", "1-9"]))
            }
            32 if place != Place::Ingress => format!(
                "meta mark & {} == {}",
                self.random.pick(&["0x10", "0xff"]),
                self.random.pick(&["0", "0x5", "0x10"])
            ),
            33 if place != Place::Ingress => format!("ct mark {no}{}", self.random.pick(&["0", "7"])),
            34 => format!(
                "tcp flags {}",
                self.random.pick(&[
                    "syn",
                    "ack",
                    "syn / fin,syn,rst,ack",
                    "& (fin|syn) == fin",
                    "!= syn",
                    "& ack == 0"
                ])
            ),
            35 if place != Place::Ingress => format!(
                "fib daddr type {no}{}",
                self.random.pick(&["local", "unicast", "{ local, broadcast }"])
            ),
            36 if place != Place::Ingress => format!("fib daddr . iif type {no}local"),
            37 if place != Place::Ingress => {
                format!("fib saddr . iif oif {}", self.random.pick(&["missing", "exists"]))
            }
            38 => format!("meta pkttype {no}{}", self.random.pick(&["host", "broadcast"])),
            39 => format!("tcp sport {}", self.random.pick(&["32768-46000", "1-1023", ">= 1024", "53"])),
            40 if place != Place::Ingress => format!(
                "meta l4proto tcp ct original proto-dst {no}{}",
                self.random.pick(&["80", "8080", "22"])
            ),
            41 if place == Place::Input => self
                .random
                .pick(&["meta skuid 0", "oifname \"srv0\"", "oifname != \"srv0\"", "meta ipsec exists"])
                .into(),
            42 if place != Place::Ingress => {
                format!("meta nfproto {no}{}", self.random.pick(&["ipv4", "ipv6"]))
            }
            43 if place == Place::Input && v4 => format!("ip saddr {no}@seen"),
            44 if place != Place::Ingress => format!(
                "iifname . tcp dport {no}{{ \"{}\" . 22, \"srv1\" . 80-500 }}",
                self.random.pick(&["srv0", "lo"])
            ),
            45 => format!("meta l4proto . th dport {no}{{ tcp . 22, udp . 80, tcp . 400-500 }}"),
            46 if v6 => format!("ip6 saddr . tcp dport {no}{{ fd77::/64 . 22-443, fd78::11 . 5432 }}"),
            47 if v4 => format!(
                "ip saddr . ip daddr . tcp dport {no}{{ 10.77.0.0/24 . 10.77.0.1 . {}, 10.78.0.11 . 10.78.0.1 . 22 }}",
                self.random.pick(PORT)
            ),
            48 if place == Place::Forward => {
                format!("oifname {no}\"{}\"", self.random.pick(&["srv2", "srv0", "srv*"]))
            }
            49 if place == Place::Forward && v4 => format!("ip daddr {no}10.79.0.2 tcp dport 22-80"),
            _ => format!(
                "limit rate {}1000000/second burst 1000000 packets",
                if no.is_empty() { "" } else { "over " }
            ),
        };
        // What nft or the kernel does not take there.
        let ct_before_tracking = place == Place::Raw && text.starts_with("ct status");
        if ct_before_tracking || (text.starts_with("ct original") && family == "ip6") {
            return "tcp dport 22".into();
        }
        text
    }
}

/// Whether two elements of a concatenated interval set would clash.
fn overlaps(address: &str, ports: &str, other: &str) -> bool {
    let in_both = |net: &str| address.starts_with(net) == other.starts_with(net);
    !ports.is_empty() && in_both("192.")
}
