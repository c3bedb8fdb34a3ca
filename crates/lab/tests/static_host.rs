//! The lab itself: a real host boots, is seen from outside as it is, survives a power cut and leaves nothing.
#![expect(clippy::disallowed_methods, reason = "a test looks at this machine's own state")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use doorward_lab::{LabError, Scan, open_or_skip, roots};

const ALL: std::ops::RangeInclusive<u16> = 1..=u16::MAX;

#[test]
fn a_static_host_has_two_doors_and_comes_back_after_a_power_cut() {
    let Some(lab) = open_or_skip() else { return };
    let mut host = lab.host(&roots::STATIC_NGINX).unwrap();
    let client = lab.client().unwrap();
    println!("booted in {:?}", host.boot_time().unwrap());

    for address in [host.address(), host.ipv6().into()] {
        let began = Instant::now();
        let scan = client.tcp_scan(address, ALL).unwrap();
        println!("all TCP ports of {address} in {:?}", began.elapsed());
        assert_eq!(scan, Scan { open: vec![22, 80], silent: vec![] });
        let began = Instant::now();
        assert_eq!(client.udp_scan(address, ALL).unwrap(), Scan::default());
        println!("all UDP ports of {address} in {:?}", began.elapsed());
    }
    let web = SocketAddr::new(host.address(), 80);
    assert!(client.http_get(web, "/").unwrap().contains("It works without anything else"));

    assert_eq!(host.succeed(&["hostname"]).unwrap().trim(), "static-nginx");
    assert_eq!(host.succeed(&["systemctl", "is-system-running"]).unwrap().trim(), "running");
    host.write_file("/var/lib/kept/over/the/cut", "still here").unwrap();
    host.succeed(&["nft", "add", "table", "inet", "of-this-boot"]).unwrap();
    let leader = host.leader_pid().unwrap();

    host.power_cut().unwrap();
    assert!(!Path::new(&format!("/proc/{leader}")).exists());
    assert!(matches!(host.run(&["true"]), Err(LabError::Off(_))));
    assert_eq!(client.tcp_scan(host.address(), [22, 80]).unwrap().open, [0_u16; 0]);
    assert_eq!(host.read("/var/lib/kept/over/the/cut").unwrap(), b"still here");

    host.boot().unwrap();
    assert_eq!(host.read("/var/lib/kept/over/the/cut").unwrap(), b"still here");
    assert_eq!(client.tcp_open(host.address(), [21, 22, 80]).unwrap(), [22, 80]);
    assert_eq!(
        host.succeed(&["nft", "list", "ruleset"]).unwrap(),
        "",
        "a packet filter does not outlive a boot"
    );

    let began = Instant::now();
    host.shut_down().unwrap();
    println!("shut down in {:?}", began.elapsed());
}

#[test]
fn scans_tell_closed_from_filtered_and_see_link_local_addresses() {
    let Some(lab) = open_or_skip() else { return };
    let host = lab.host(&roots::STATIC_NGINX).unwrap();
    let client = lab.client().unwrap();
    let link_local = "fe80::ff:fe00:1".parse().unwrap();
    assert_eq!(client.tcp_open(link_local, [22, 23, 80]).unwrap(), [22, 80]);
    host.succeed(&[
        "nft",
        "add table inet t; add chain inet t c { type filter hook input priority 0; };\
                    add rule inet t c tcp dport 22 drop; add rule inet t c udp dport 5000-5001 drop",
    ])
    .unwrap();
    assert_eq!(client.tcp_scan(host.address(), ALL).unwrap(), Scan { open: vec![80], silent: vec![22] });
    let udp = client.udp_scan(host.address(), ALL).unwrap();
    assert_eq!(udp, Scan { open: vec![], silent: vec![5000, 5001] });
}

#[test]
fn two_hosts_of_one_root_are_strangers_that_meet_on_the_switch() {
    let Some(lab) = open_or_skip() else { return };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| lab.host(&roots::STATIC_NGINX).unwrap());
        let two = scope.spawn(|| lab.host(&roots::STATIC_NGINX).unwrap());
        (one.join().unwrap(), two.join().unwrap())
    });
    one.write_file("/var/www/html/only-here", "of the first").unwrap();
    let fetch = |from: &doorward_lab::Host, at: &doorward_lab::Host| {
        let ask = format!(
            "exec 3<>/dev/tcp/{}/80; printf 'GET /only-here HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3",
            at.address()
        );
        from.succeed(&["bash", "-c", &ask]).unwrap()
    };
    assert!(fetch(&two, &one).contains("of the first"));
    assert!(fetch(&one, &two).starts_with("HTTP/1.1 404"));
    let error = one.run_within(Duration::from_millis(200), &["sleep", "30"]).unwrap_err();
    assert!(error.to_string().contains("time limit"), "{error}");
}

#[test]
fn nothing_is_left_when_hosts_and_clients_are_dropped() {
    let Some(lab) = open_or_skip() else { return };
    let host = lab.host(&roots::STATIC_NGINX).unwrap();
    let client = lab.client().unwrap();
    let id = client.namespace().trim_end_matches(char::is_numeric).to_owned();
    let leader = host.leader_pid().unwrap();
    assert_ne!(traces(&id), Vec::<String>::new());
    drop(lab);
    assert_eq!(client.tcp_open(host.address(), [80]).unwrap(), [80], "what it holds outlives a lab");
    drop((host, client));
    assert_eq!(traces(&id), Vec::<String>::new());
    assert!(!Path::new(&format!("/proc/{leader}")).exists());
}

/// What bears a lab's id on this machine: namespaces, mounts, groups, files, processes.
fn traces(id: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains(id)).map(str::to_owned));
    let groups =
        mounts.lines().filter(|line| line.starts_with("cgroup")).filter_map(|line| line.split(' ').nth(1));
    for folder in groups.chain(["/run/netns", "/run/doorward-lab", "/run/systemd/nspawn/propagate"]) {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        found.extend(
            names.filter(|name| format!("{name}-").starts_with(id)).map(|name| format!("{folder}/{name}")),
        );
    }
    let processes = Command::new("/bin/ps").args(["-eo", "args"]).output().unwrap();
    let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
    found.extend(processes.lines().filter(|line| line.contains(id)).map(str::to_owned));
    found
}
