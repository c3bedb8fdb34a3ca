//! The audit on real hosts, held against the truth: what a neighbour can really connect to, and whether the site
//! still works when everything that is called unneeded is stopped.

mod audited;
mod changed;
mod crashed;
mod faults;
mod filtered;
mod known;
mod program;
mod rebooted;
mod session;
mod site;
mod tried;
mod tried_live;
mod truth;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use audited::Audited;
use doorward_lab::{Client, Host, RootSpec, open_or_skip, roots};
use doorward_model::{Door, Exposure, Verdict};

/// Ports from here on are given out by the kernel for a while.
const EPHEMERAL: u16 = 32768;
/// A service is given this long to stop.
const STOPPING: Duration = Duration::from_mins(2);

/// What is true of a host.
struct Truth {
    root: &'static RootSpec,
    /// A part of its page.
    page: &'static str,
    /// Services that run and that the site works without, the way in for administrators aside.
    unneeded: &'static [&'static str],
}

const STATIC: Truth = Truth { root: &roots::STATIC_NGINX, page: PAGE, unneeded: &[] };
const APACHE: Truth = Truth { root: &roots::APACHE, page: PAGE, unneeded: &[] };
const WORDPRESS: Truth = Truth { root: &roots::WORDPRESS, page: "Hello world", unneeded: &[] };
const EVERYTHING: Truth = Truth {
    root: &roots::EVERYTHING,
    page: PAGE,
    unneeded: &[
        "avahi-daemon.service",
        "cups-browsed.service",
        "cups.service",
        "dovecot.service",
        "greeter.service",
        "inetd:telnet",
        "inetutils-inetd.service",
        "kernel:vxlan",
        "mariadb.service",
        "memcached.service",
        "named.service",
        "nmbd.service",
        "postfix@-.service",
        "process:perl",
        "redis-server.service",
        "rpcbind.service",
        "rpc-statd.service",
        "rsync.service",
        "smbd.service",
        "snmpd.service",
        "tftpd-hpa.service",
        "vsftpd.service",
        "xrdp-sesman.service",
        "xrdp.service",
    ],
};
const PAGE: &str = "It works without anything else";

#[test]
fn static_nginx() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::STATIC_NGINX).unwrap(), lab.client().unwrap());
    let audited = check(&host, &client, &STATIC);
    assert_eq!(audited.audit.host.roles, ["nginx", "static"]);
}

#[test]
fn apache() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::APACHE).unwrap(), lab.client().unwrap());
    let audited = check(&host, &client, &APACHE);
    assert_eq!(audited.audit.host.roles.first().map(String::as_str), Some("apache"));
}

#[test]
fn wordpress() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::WORDPRESS).unwrap(), lab.client().unwrap());
    let audited = check(&host, &client, &WORDPRESS);
    assert_eq!(audited.audit.host.roles, ["nginx", "php-fpm"]);
    let database = audited.service("mariadb.service");
    assert_eq!(database.verdict, Verdict::Needed, "{:?}", database.evidence);
    assert!(
        database.evidence.iter().any(|e| e.by.as_deref() == Some("WordPress")),
        "{:?}",
        database.evidence
    );
}

#[test]
fn everything() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    let audited = check(&host, &client, &EVERYTHING);
    for (service, verdict) in [
        ("nginx.service", Verdict::Required),
        ("ssh.service", Verdict::Needed),
        ("inetd:telnet", Verdict::Dangerous),
        ("smbd.service", Verdict::Dangerous),
        ("mariadb.service", Verdict::Unneeded),
        ("greeter.service", Verdict::Unneeded),
    ] {
        assert_eq!(audited.service(service).verdict, verdict, "{service}");
    }
    let via = |port: u16| audited.door(port).via.as_deref();
    assert_eq!(via(23), Some("inetutils-inetd.service"));
    assert_eq!(via(7070), Some("greeter.socket"));
    assert!(audited.door(9999).service.as_deref().is_some_and(|s| s.starts_with("process:")));
    assert!(audited.door(4789).service.as_deref().is_some_and(|s| s.starts_with("kernel:")));
}

#[test]
fn a_packet_filter_closes_what_it_closes() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    host.succeed(&[
        "nft",
        "add table inet t; add chain inet t in { type filter hook input priority 0; policy drop; }; \
         add rule inet t in ct state established,related accept; add rule inet t in iifname lo accept; \
         add rule inet t in meta l4proto { icmp, ipv6-icmp } accept; add rule inet t in tcp dport { 22, 80 } accept; \
         add rule inet t in ip saddr 203.0.113.0/24 tcp dport 445 accept; add rule inet t in udp dport 161 accept",
    ])
    .unwrap();
    let audited = Audited::of(&host, &[]);
    let closed = audited.door(23);
    assert_eq!(closed.exposure, Exposure::Closed);
    assert_eq!(closed.decided_by.as_deref(), Some("inet t in: policy drop"));
    assert_eq!(audited.door(445).exposure, Exposure::Limited);
    let open: BTreeSet<u16> = client.tcp_open(host.address(), 1..=u16::MAX).unwrap().into_iter().collect();
    let told = audited.ports("tcp", |d| d.exposure == Exposure::Everyone, host.address());
    assert_eq!(open, told);
    assert_eq!(audited.door(161).exposure, Exposure::Everyone);
}

#[test]
fn without_root_less_is_seen_and_said_so() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    let seen = Audited::of(&host, &[]);
    let unseen = Audited::of_nobody(&host);
    let doors = |a: &Audited| -> BTreeSet<_> {
        a.audit
            .doors
            .iter()
            .filter(|d| d.protocol.has_port())
            .map(|d| (d.protocol, d.port, d.address.clone()))
            .collect()
    };
    assert_eq!(doors(&seen), doors(&unseen), "every door is seen without root");
    assert!(!unseen.audit.unseen.is_empty());
    assert!(unseen.audit.unseen.iter().any(|u| u.remedy.is_some()));
    let calls_needed = |d: &&Door| matches!(d.verdict, Verdict::Needed | Verdict::Required);
    for door in unseen.audit.doors.iter().filter(calls_needed) {
        let same = seen.audit.doors.iter().find(|d| (d.port, &d.address) == (door.port, &door.address));
        assert!(same.is_some_and(|d| matches!(d.verdict, Verdict::Needed | Verdict::Required)), "{door:?}");
    }
}

#[test]
fn the_same_host_from_its_disk() {
    let Some(lab) = open_or_skip() else { return };
    let tree = lab.root(&roots::EVERYTHING).unwrap();
    let audited = Audited::of_tree(&tree);
    assert_eq!(audited.audit.host.roles.first().map(String::as_str), Some("nginx"));
    let told: BTreeSet<u16> = audited
        .audit
        .doors
        .iter()
        .filter(|d| d.protocol == doorward_model::Protocol::Tcp && d.exposure.beyond_host())
        .filter_map(|d| d.port)
        .collect();
    assert_eq!(audited.door(22).verdict, Verdict::Needed, "the way in for administrators");
    for port in [21, 22, 23, 25, 53, 80, 111, 139, 445, 3389, 7070] {
        assert!(told.contains(&port), "{port} is missing: {told:?}");
    }
}

/// Holds an audit of the host against what is true of it, and prints a row of the table in `docs/accuracy.md`.
fn check(host: &Host, client: &Client, truth: &Truth) -> Audited {
    let name = truth.root.name;
    let audited = Audited::of(host, &[]);
    let mut doors = Doors::default();
    for address in [host.address(), host.ipv6().into()] {
        let reached = |d: &Door| d.exposure.beyond_host();
        let open = client.tcp_open(address, 1..=u16::MAX).unwrap().into_iter().collect();
        doors.compare(&open, &audited.ports("tcp", reached, address));
        let answering = client.udp_scan(address, 1..EPHEMERAL).unwrap().not_refused().into_iter().collect();
        let told = audited.ports("udp", reached, address).into_iter().filter(|p| *p < EPHEMERAL).collect();
        doors.compare(&answering, &told);
    }
    assert!(audited.audit.doors.iter().all(|d| d.http == (d.port == Some(80))), "the site's own doors");

    let web = SocketAddr::new(host.address(), 80);
    assert!(client.http_get(web, "/").unwrap().contains(truth.page));
    let shut = audited.candidates();
    println!("{name}: stopping {}", shut.join(" "));
    if !shut.is_empty() {
        let words =
            [&["systemctl", "stop"][..], &shut.iter().map(String::as_str).collect::<Vec<_>>()].concat();
        host.run_within(STOPPING, &words).unwrap();
    }
    let got = client.http_get(web, "/").unwrap();
    let works = got.contains(" 200 ") && got.contains(truth.page);
    let missed: Vec<&&str> =
        truth.unneeded.iter().filter(|s| !audited.service(s).verdict.is_candidate()).collect();
    println!(
        "| {name} | {} / {} | {} | {} | {} of {} |",
        doors.found,
        doors.there,
        doors.invented,
        if works { "0" } else { "at least 1" },
        missed.len(),
        truth.unneeded.len(),
    );
    assert_eq!((doors.found, doors.invented), (doors.there, 0), "{name}: {:?}", doors.differences);
    assert!(works, "{name}: the site needs one of {shut:?}: {got}");
    assert_eq!(missed, Vec::<&&str>::new(), "{name}: unneeded, and not said so");
    assert_eq!(client.tcp_open(host.address(), [22, 80]).unwrap(), [22, 80], "the admin's way in stays");
    audited
}

/// Doors that can be reached from outside, as the neighbour sees them and as the audit tells them.
#[derive(Default)]
struct Doors {
    there: usize,
    found: usize,
    invented: usize,
    differences: Vec<u16>,
}

impl Doors {
    fn compare(&mut self, there: &BTreeSet<u16>, told: &BTreeSet<u16>) {
        self.there += there.len();
        self.found += there.intersection(told).count();
        self.invented += told.difference(there).count();
        self.differences.extend(there.symmetric_difference(told));
    }
}
