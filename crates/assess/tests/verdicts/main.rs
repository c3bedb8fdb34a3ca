//! What is said of hosts that the tests describe themselves, with the built-in knowledge.

mod made;

use std::collections::BTreeMap;

use doorward_model::{
    AdminPath, Application, Container, DependencyKind, Manager, Package, PackageFamily, PacketFilter,
    Protocol, PublishedPort, Source, Start, State, Subject, Unseen, Verdict,
};
use made::Made;
use proptest::prelude::*;

const ANY: &str = "0.0.0.0";

/// nginx with a static site, ssh, and things that nobody asked for.
fn static_site() -> Made {
    Made::host()
        .runs("nginx.service", "/usr/sbin/nginx")
        .tcp(ANY, 80)
        .web("nginx", &[])
        .runs("ssh.service", "/usr/sbin/sshd")
        .tcp(ANY, 22)
        .runs("rpcbind.service", "/usr/sbin/rpcbind")
        .tcp(ANY, 111)
        .runs("cups.service", "/usr/sbin/cupsd")
        .tcp("127.0.0.1", 631)
        .runs("whatever.service", "/opt/whatever")
        .tcp(ANY, 4711)
}

#[test]
fn the_site_stays_and_what_nothing_needs_is_a_candidate_known_or_not() {
    let judged = static_site().audit();
    assert_eq!(judged.0.host.roles, ["nginx", "static"]);
    assert!(judged.door(80).http && judged.door(80).verdict == Verdict::Required);
    assert!(judged.0.doors.iter().all(|d| d.http == (d.port == Some(80))));
    assert_eq!(judged.at(22), "needed everyone: the administrators' remote way in");
    assert_eq!(judged.door(111).verdict, Verdict::Dangerous);
    assert_eq!(judged.at(4711), "unneeded everyone: not known by name; nothing found that needs it");
    // On loopback alone nobody from outside is endangered.
    assert_eq!(judged.door(631).verdict, Verdict::Unneeded);
    let order: Vec<_> = judged.0.doors.iter().map(|d| d.port.unwrap()).collect();
    assert_eq!(order, [80, 111, 4711, 631, 22], "the site first, then worst first");
}

#[test]
fn need_flows_from_the_site_to_what_stands_behind_it() {
    let judged = Made::host()
        .runs("nginx.service", "/usr/sbin/nginx")
        .tcp(ANY, 80)
        .web("nginx", &["/run/php/php8.2-fpm.sock"])
        .runs("php8.2-fpm.service", "/usr/sbin/php-fpm8.2")
        .local("/run/php/php8.2-fpm.sock")
        .runs("mariadb.service", "/usr/sbin/mariadbd")
        .tcp("127.0.0.1", 3306)
        .uses("php8.2-fpm.service", "mariadb.service", "/run/mysqld/mysqld.sock")
        .runs("redis-server.service", "/usr/bin/redis-server")
        .tcp("127.0.0.1", 6379)
        .audit();
    assert_eq!(judged.0.host.roles, ["nginx", "php-fpm"]);
    assert_eq!(judged.service("php8.2-fpm.service").verdict, Verdict::Required);
    assert_eq!(judged.of("mariadb.service"), "needed: /run/mysqld/mysqld.sock");
    assert_eq!(judged.service("mariadb.service").required_by, ["php8.2-fpm.service"]);
    assert_eq!(judged.service("redis-server.service").verdict, Verdict::Unneeded);
}

#[test]
fn an_application_needs_its_database_only_where_its_settings_say() {
    let host = |database: &str| {
        let settings = BTreeMap::from([("database-host".to_owned(), database.to_owned())]);
        static_site()
            .runs("mariadb.service", "/usr/sbin/mariadbd")
            .tcp("127.0.0.1", 3306)
            .with(|s| {
                s.applications.push(Application {
                    id: "wordpress".into(),
                    place: "/var/www/blog".into(),
                    evidence: "/var/www/blog/wp-config.php".into(),
                    settings,
                });
            })
            .audit()
    };
    assert_eq!(host("localhost").service("mariadb.service").verdict, Verdict::Needed);
    assert_eq!(
        host("192.0.2.7").service("mariadb.service").verdict,
        Verdict::Needed,
        "an address of its own"
    );
    assert_eq!(host("db.example").service("mariadb.service").verdict, Verdict::Unneeded);
}

#[test]
fn what_is_needed_on_the_host_alone_has_no_business_outside() {
    let judged = static_site()
        .runs("mariadb.service", "/usr/sbin/mariadbd")
        .tcp(ANY, 3306)
        .uses("nginx.service", "mariadb.service", "127.0.0.1:3306")
        .audit();
    assert_eq!(judged.service("mariadb.service").verdict, Verdict::Needed);
    assert_eq!(
        judged.at(3306),
        "dangerous everyone: needed on the host alone: bind it to loopback or filter it"
    );
}

#[test]
fn hard_and_soft_dependencies_carry_need_and_what_starts_the_needed_is_needed() {
    let judged = static_site()
        .runs("site-helper.service", "/opt/helper")
        .runs("wished.service", "/opt/wished")
        .runs("helper.socket", "")
        .depends(DependencyKind::Triggers, "site-helper.service")
        .runs("guest.service", "/opt/guest")
        .depends(DependencyKind::Requires, "nginx.service")
        .with(|s| {
            let nginx = s.services.iter_mut().find(|s| s.name == "nginx.service").unwrap();
            for (kind, on) in
                [(DependencyKind::Requires, "site-helper.service"), (DependencyKind::Wants, "wished.service")]
            {
                nginx.dependencies.push(doorward_model::Dependency { kind, on: on.into() });
            }
        })
        .audit();
    assert_eq!(judged.of("site-helper.service"), "needed: Requires=");
    assert_eq!(judged.of("wished.service"), "needed: Wants=");
    assert_eq!(judged.of("helper.socket"), "needed: starts site-helper.service");
    let guest = judged.service("guest.service");
    assert_eq!(guest.verdict, Verdict::Unneeded, "to need the site is not to be needed by it");
    assert_eq!(guest.requires, ["nginx.service"]);
    assert_eq!(judged.service("nginx.service").required_by, ["guest.service"]);
}

#[test]
fn that_a_boot_target_wants_it_is_no_need() {
    let judged = static_site()
        .runs("multi-user.target", "")
        .depends(DependencyKind::Wants, "whatever.service")
        .audit();
    assert_eq!(judged.service("whatever.service").verdict, Verdict::Unneeded);
    assert!(judged.0.services.iter().all(|s| s.name != "multi-user.target"), "groups are no services");
}

#[test]
fn without_root_nobody_says_that_nobody_uses_the_database() {
    let judged = static_site()
        .runs("redis-server.service", "/usr/bin/redis-server")
        .tcp("127.0.0.1", 6379)
        .with(|s| {
            s.source = Source::Live { privileged: false };
            s.unseen.push(Unseen::new(Subject::Owners, "owners of sockets", "permission denied"));
        })
        .audit();
    assert_eq!(judged.service("redis-server.service").verdict, Verdict::Unknown);
    assert_eq!(judged.door(111).verdict, Verdict::Dangerous, "rpcbind serves no local clients");
}

#[test]
fn a_door_without_a_visible_owner_is_unknown_never_fine() {
    let judged = static_site()
        .with(|s| {
            let mut hidden = s.listeners[0].clone();
            hidden.port = Some(9999);
            hidden.service = None;
            hidden.owner = doorward_model::Owner::Hidden { why: "run as root".into(), uid: Some(0) };
            s.listeners.push(hidden);
        })
        .audit();
    assert_eq!(judged.at(9999), "unknown everyone: its owner is not visible");
}

#[test]
fn a_base_service_that_comes_up_again_is_needed_while_it_does_not_run() {
    let stopped = |start| {
        let clock = Made::host().runs("systemd-timesyncd.service", "/usr/lib/systemd/systemd-timesyncd");
        let clock = clock.with(|s| (s.services[0].state, s.services[0].start) = (State::Stopped, start));
        clock.audit().service("systemd-timesyncd.service").verdict
    };
    assert_eq!(stopped(Start::Enabled), Verdict::Required);
    assert_eq!(stopped(Start::Disabled), Verdict::Unneeded);
}

#[test]
fn a_way_in_that_sleeps_behind_its_socket_is_one() {
    let audit = Made::host()
        .runs("ssh.socket", "")
        .depends(DependencyKind::Triggers, "ssh.service")
        .runs("ssh.service", "/usr/sbin/sshd")
        .tcp("0.0.0.0", 22)
        .with(|s| {
            let ssh = s.services.iter_mut().find(|s| s.name == "ssh.service").unwrap();
            (ssh.state, ssh.start) = (State::Stopped, Start::Disabled);
        })
        .audit();
    assert_eq!(audit.service("ssh.service").verdict, Verdict::Needed);
    assert_eq!(audit.service("ssh.socket").verdict, Verdict::Needed);
    assert_eq!(audit.door(22).verdict, Verdict::Needed);
}

#[test]
fn the_last_remote_way_in_is_protected_whatever_it_is() {
    let telnet_only = Made::host().runs("inetd:telnet", "/usr/sbin/telnetd").tcp(ANY, 23).audit();
    assert_eq!(telnet_only.at(23), "needed everyone: the last remote way in for administrators");
    let beside_ssh = Made::host()
        .runs("inetd:telnet", "/usr/sbin/telnetd")
        .tcp(ANY, 23)
        .runs("ssh.service", "/usr/sbin/sshd")
        .tcp(ANY, 22)
        .audit();
    assert_eq!(beside_ssh.door(23).verdict, Verdict::Dangerous);
    let came_by_it = Made::host()
        .runs("xrdp.service", "/usr/sbin/xrdp")
        .tcp(ANY, 3389)
        .with(|s| {
            s.admin_path = Some(AdminPath {
                service: Some("xrdp.service".into()),
                local: "192.0.2.7".into(),
                port: 3389,
                remote: "198.51.100.9".into(),
                evidence: "connection".into(),
            });
        })
        .audit();
    assert_eq!(came_by_it.at(3389), "needed everyone: you came in by it, from 198.51.100.9");
}

#[test]
fn the_user_has_the_last_word_on_roles_and_needs() {
    let mut host = static_site();
    host.options.keep = BTreeMap::from([("whatever.service".to_owned(), "the boss wants it".to_owned())]);
    host.options.roles = Some(vec!["apache".to_owned()]);
    let judged = host.audit();
    assert_eq!(judged.0.host.roles, ["apache"]);
    assert_eq!(judged.at(4711), "needed everyone: kept by your configuration: the boss wants it");
    assert!(judged.0.doors.iter().all(|d| !d.http), "no apache runs, and nginx was not chosen");
}

#[test]
fn whoever_holds_the_webs_ports_serves_the_site() {
    let judged = Made::host().runs("shop.service", "/opt/shop/server").tcp(ANY, 443).audit();
    assert_eq!(judged.0.host.roles, [doorward_assess::OTHER_SERVER]);
    assert!(judged.door(443).http);
    let loopback = Made::host().runs("shop.service", "/opt/shop/server").tcp("127.0.0.1", 80).audit();
    assert_eq!(loopback.door(80).verdict, Verdict::Unneeded);
}

#[test]
fn what_to_do_is_said_in_the_distributions_own_words() {
    let host = |family: PackageFamily, os_id: &str| {
        Made::host()
            .runs("vsftpd.service", "/usr/sbin/vsftpd")
            .tcp(ANY, 21)
            .with(|s| {
                s.host.os_id = os_id.into();
                s.services[0].package = Some("vsftpd".into());
                s.packages.family = Some(family);
                s.packages.packages.insert("vsftpd".into(), Package::default());
            })
            .would_do("vsftpd")
    };
    assert_eq!(host(PackageFamily::Dpkg, "ubuntu"), "uninstall it: apt-get remove vsftpd");
    assert_eq!(host(PackageFamily::Rpm, "almalinux"), "uninstall it: dnf remove vsftpd");
    assert_eq!(host(PackageFamily::Rpm, "sles"), "uninstall it: zypper remove vsftpd");
    assert_eq!(host(PackageFamily::Apk, "alpine"), "uninstall it: apk del vsftpd");
    let script = |os_id: &str| {
        Made::host()
            .runs("vsftpd", "/usr/sbin/vsftpd")
            .with(|s| {
                s.host.os_id = os_id.into();
                s.services[0].manager = Manager::Sysv;
            })
            .would_do("vsftpd")
    };
    assert!(script("debian").ends_with("update-rc.d vsftpd disable"));
    assert!(script("centos").ends_with("chkconfig vsftpd off"));
}

fn nft(rules: &str) -> PacketFilter {
    PacketFilter::Nftables { ruleset: serde_json::from_str(rules).unwrap() }
}

#[test]
fn the_packet_filter_decides_who_reaches_a_door() {
    let rules = r#"{"nftables": [
        {"table": {"family": "inet", "name": "f"}},
        {"chain": {"family": "inet", "table": "f", "name": "in", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
        {"rule": {"family": "inet", "table": "f", "chain": "in", "handle": 4, "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [22, 80]}}},
            {"accept": null}]}},
        {"rule": {"family": "inet", "table": "f", "chain": "in", "handle": 5, "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "10.0.0.0", "len": 8}}}},
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 111}},
            {"accept": null}]}}
    ]}"#;
    let judged = static_site().with(|s| s.filter = nft(rules)).audit();
    assert_eq!(judged.door(80).exposure, doorward_model::Exposure::Everyone);
    assert_eq!(judged.door(111).limited_to, ["saddr 10.0.0.0/8"]);
    assert_eq!(judged.door(111).verdict, Verdict::Dangerous, "limited is not shut");
    let closed = judged.door(4711);
    assert_eq!(closed.exposure, doorward_model::Exposure::Closed);
    assert_eq!(closed.decided_by.as_deref(), Some("inet f in: policy drop"));
    assert_eq!(closed.verdict, Verdict::Unneeded);

    let unread = static_site().with(|s| s.filter = PacketFilter::Unknown).audit();
    assert_eq!(unread.door(111).exposure, doorward_model::Exposure::Unknown);
    assert_eq!(unread.door(111).verdict, Verdict::Dangerous, "not decided is taken for open");
    let linked = static_site()
        .runs("lldpd.service", "/usr/sbin/lldpd")
        .tcp("169.254.1.1", 4712)
        .with(|s| s.filter = PacketFilter::Unknown)
        .audit();
    assert_eq!(linked.door(4712).exposure, doorward_model::Exposure::Link, "a filter only takes away");
    let garbage = static_site().with(|s| s.filter = nft(r#"{"nftables": 7}"#)).audit();
    assert!(garbage.0.unseen.iter().any(|u| u.subject == Subject::Filter));
}

#[test]
fn a_container_published_past_ufw_is_said_so() {
    let rules = include_str!("../../../netfilter/tests/fixtures/ufw-docker.json");
    let judged = static_site()
        .with(|s| {
            s.filter = nft(rules);
            s.containers.push(Container {
                name: "shop".into(),
                id: "c0ffee".into(),
                engine: "docker".into(),
                image: Some("shop:1".into()),
                running: Some(true),
                restarts: Some(true),
                addresses: vec!["172.17.0.2".into()],
                published: vec![PublishedPort {
                    protocol: Protocol::Tcp,
                    host_address: "0.0.0.0".into(),
                    host_port: 8080,
                    container_port: 80,
                    carried_by: "DNAT rule".into(),
                }],
                namespace: None,
            });
            s.services.push(doorward_model::Service {
                name: "container:shop".into(),
                manager: doorward_model::Manager::Container,
                state: State::Running,
                ..doorward_model::Service::default()
            });
        })
        .audit();
    let door = judged.door(8080);
    assert_eq!(door.exposure, doorward_model::Exposure::Everyone);
    assert_eq!(door.service.as_deref(), Some("container:shop"));
    assert!(
        door.reasons.iter().any(|r| r.starts_with("published past the packet filter")),
        "{:?}",
        door.reasons
    );
}

#[test]
fn a_tree_that_does_not_run_shows_the_doors_of_what_it_would_start() {
    let judged = Made::host()
        .runs("nginx.service", "/usr/sbin/nginx")
        .runs("redis-server.service", "/usr/bin/redis-server")
        .runs("vsftpd.service", "/usr/sbin/vsftpd")
        .runs("snmpd.service", "/usr/sbin/snmpd")
        .runs("ssh.service", "/usr/sbin/sshd")
        .with(|s| {
            s.source = Source::Tree { path: "/mnt".into() };
            s.filter = PacketFilter::Unknown;
            for service in &mut s.services {
                service.state = State::Unknown;
            }
            s.services[3].start = Start::Disabled;
        })
        .audit();
    let ports: Vec<_> = judged.0.doors.iter().map(|d| (d.port.unwrap(), d.verdict)).collect();
    assert!(ports.contains(&(21, Verdict::Dangerous)), "{ports:?}");
    assert!(ports.contains(&(6379, Verdict::Unneeded)), "redis binds loopback as packaged: {ports:?}");
    assert!(!ports.iter().any(|(p, _)| *p == 161), "what is disabled opens nothing: {ports:?}");
    assert!(judged.door(80).http);
    assert_eq!(judged.at(22), "needed unknown: the administrators' remote way in");
}

proptest! {
    /// The order in which facts were collected makes no difference.
    #[test]
    fn same_facts_same_audit(seed in prop::collection::vec(any::<prop::sample::Index>(), 8)) {
        let told = static_site().audit().0;
        let mut host = static_site();
        for pair in seed.chunks(2) {
            let services = host.snapshot.services.len();
            host.snapshot.services.swap(pair[0].index(services), pair[1].index(services));
            let listeners = host.snapshot.listeners.len();
            host.snapshot.listeners.swap(pair[0].index(listeners), pair[1].index(listeners));
        }
        prop_assert_eq!(host.audit().0, told);
    }
}
