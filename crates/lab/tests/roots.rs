//! The recipes: each host really offers what its name promises, seen from outside.

use std::net::SocketAddr;

use doorward_lab::{Client, Host, open_or_skip, roots};

const ALL: std::ops::RangeInclusive<u16> = 1..=u16::MAX;

#[test]
fn apache_serves_its_page() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::APACHE).unwrap(), lab.client().unwrap());
    assert_eq!(client.tcp_open(host.address(), ALL).unwrap(), [22, 80]);
    let page = get(&client, &host, "/");
    assert!(
        page.contains("200 OK") && page.contains("Server: Apache") && page.contains("works without"),
        "{page}"
    );
}

#[test]
fn wordpress_answers_and_needs_its_database() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::WORDPRESS).unwrap(), lab.client().unwrap());
    println!("booted in {:?}", host.boot_time().unwrap());
    assert_eq!(client.tcp_open(host.address(), ALL).unwrap(), [22, 80]);
    let page = get(&client, &host, "/");
    assert!(
        page.contains("200 OK") && page.contains("Doorward lab") && page.contains("Hello world"),
        "{page}"
    );
    host.succeed(&["systemctl", "stop", "mariadb"]).unwrap();
    let page = get(&client, &host, "/");
    assert!(page.contains(" 500 ") && page.contains("database"), "{page}");
}

#[test]
fn everything_is_open_and_the_site_needs_none_of_it() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    println!("booted in {:?}", host.boot_time().unwrap());
    let fixed = |ports: Vec<u16>| ports.into_iter().filter(|port| *port < 32768).collect::<Vec<_>>();

    let tcp = client.tcp_open(host.address(), ALL).unwrap();
    assert_eq!(fixed(tcp), [21, 22, 23, 25, 53, 80, 111, 139, 143, 445, 873, 993, 3389, 7070, 9999]);
    let udp = client.udp_scan(host.address(), ALL).unwrap();
    assert_eq!(fixed(udp.not_refused()), [53, 69, 111, 137, 138, 161, 4789, 5353]);

    // The visit started the socket unit's service; what listens unmanaged is of no unit but the manager's own.
    assert_eq!(host.succeed(&["systemctl", "is-active", "greeter.service"]).unwrap().trim(), "active");
    let agent = host.succeed(&["pgrep", "--full", "/opt/agent/agent"]).unwrap();
    let group = host.succeed(&["cat", &format!("/proc/{}/cgroup", agent.trim())]).unwrap();
    assert_eq!(group.lines().last(), Some("0::/init.scope"));
    // A door of the kernel's own: no process holds it.
    let kernel = host.succeed(&["ss", "-Hulpn", "sport = 4789"]).unwrap();
    assert!(kernel.contains("4789") && !kernel.contains("users:"), "{kernel}");
    // This machine's kernel may lack NFS; everything else works.
    let failed = host.succeed(&["systemctl", "list-units", "--failed", "--plain", "--no-legend"]).unwrap();
    let failed: Vec<&str> = failed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(failed.iter().all(|unit| unit.contains("nfs") || unit.contains("rpc_pipefs")), "{failed:?}");

    let others =
        ["postfix", "smbd", "nmbd", "vsftpd", "named", "mariadb", "redis-server", "dovecot", "xrdp", "snmpd"];
    host.succeed(&[&["systemctl", "stop"][..], &others].concat()).unwrap();
    assert!(get(&client, &host, "/").contains("It works without anything else"));
}

fn get(client: &Client, host: &Host, path: &str) -> String {
    client.http_get(SocketAddr::new(host.address(), 80), path).unwrap()
}
