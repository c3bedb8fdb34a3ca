//! Registries and configuration files that would take forever, or all memory: they are read within bounds, and what is left
//! out is told. None of these tests measures time; without the bounds they do not end.
#![allow(missing_docs)]

mod common;

use std::fmt::Write as _;

use common::{of, system};
use doorward_hive::testing::HiveBuilder;
use doorward_model::{Dependency, Iis, Snapshot};
use doorward_windows_files::{Disk, collect};

fn of_hives(hives: &[HiveBuilder]) -> Snapshot {
    let files = hives.iter().enumerate().map(|(i, hive)| (format!("hive {i}"), hive.build())).collect();
    collect(&Disk::from_memory(files).unwrap())
}

fn with_file(name: &str, text: String) -> (Snapshot, Iis) {
    let hive = system(5, "X", "ServerNT", &[of("W3SVC", "W3", 2, "x.exe", &[])]).build();
    let files = vec![("SYSTEM".to_owned(), hive), (name.to_owned(), text.into_bytes())];
    let mut snapshot = collect(&Disk::from_memory(files).unwrap());
    let iis = snapshot.windows.as_mut().and_then(|windows| windows.iis.take()).unwrap();
    (snapshot, iis)
}

fn is_told(snapshot: &Snapshot, why: &str) {
    assert!(snapshot.unseen.iter().any(|u| u.why.contains(why)), "{why}: {:?}", snapshot.unseen);
}

#[test]
fn variables_made_of_variables_end() {
    let mut hive = system(5, "X", "ServerNT", &[of("A", "A", 2, r"%v40%\a.exe", &[])]);
    let environment = hive.key(r"ControlSet001\Control\Session Manager\Environment");
    environment.string("v0", "0123456789");
    for n in 1..=40 {
        environment.string(&format!("v{n}"), &format!("%v{}%", n - 1).repeat(10));
    }
    let snapshot = of_hives(&[hive]);
    assert!(snapshot.service("A").unwrap().executable.as_ref().unwrap().len() < 5 << 20);
}

#[test]
fn endless_members_of_a_group_are_looked_up_at_once() {
    let mut hive = system(5, "X", "ServerNT", &[]);
    for n in 0..8000 {
        let key = hive.key(&format!(r"ControlSet001\Services\S{n}"));
        key.u32("Start", 2).u32("Type", 0x20).string("ImagePath", "svchost.exe -k many");
    }
    let mut software = HiveBuilder::new(5).named("SOFTWARE");
    let members: Vec<String> = (0..300_000).map(|n| format!("m{n}")).chain(["s7".into()]).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    software.key(r"Microsoft\Windows NT\CurrentVersion\Svchost").strings("MANY", &members);
    let snapshot = of_hives(&[hive, software]);
    let listed = |name: &str| snapshot.service(name).unwrap().windows.as_ref().unwrap().svchost_listed;
    assert_eq!((listed("S7"), listed("S8")), (Some(true), Some(false)));
}

#[test]
fn groups_named_again_and_again_are_looked_up_once() {
    let mut hive = system(5, "X", "ServerNT", &[]);
    for n in 0..3000 {
        let key = hive.key(&format!(r"ControlSet001\Services\S{n:04}"));
        key.u32("Start", 4).u32("Type", 0x20).string("Group", "all");
    }
    let order: Vec<String> = (0..50_000).map(|n| format!("g{n}")).collect();
    let order: Vec<&str> = order.iter().map(String::as_str).collect();
    hive.key(r"ControlSet001\Control\ServiceGroupOrder").strings("List", &order);
    let many = [vec!["ALL"; 20_000], vec!["none"; 20_000], order].concat();
    hive.key(r"ControlSet001\Services\S0000").strings("DependOnGroup", &many);
    let snapshot = of_hives(&[hive]);
    let on = |d: &Dependency| d.on.as_str() != "S0000";
    let dependencies = &snapshot.service("S0000").unwrap().dependencies;
    assert!(dependencies.len() == 2999 && dependencies.iter().all(on));
    is_told(&snapshot, "there is no such group");
    is_told(&snapshot, "no service is in that group");
    is_told(&snapshot, "more failures to read");
}

#[test]
fn ports_and_addresses_in_endless_lists_are_left_out() {
    let services = [
        of("MSSQL$A", "A", 2, "a.exe", &[]),
        of("LanmanServer", "A", 2, "a.exe", &[]),
        of("NetBT", "A", 1, "a.sys", &[]),
    ];
    let mut hive = system(5, "X", "ServerNT", &services);
    let addresses: Vec<String> = (0..2000).map(|n| format!("192.0.{}.{}", n / 250, n % 250)).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    hive.key(r"ControlSet001\Services\Tcpip\Parameters\Interfaces\{A}").strings("IPAddress", &addresses);
    let mut software = HiveBuilder::new(5).named("SOFTWARE");
    let sql = r"Microsoft\Microsoft SQL Server";
    software.key("Microsoft\\Windows NT\\CurrentVersion");
    for n in 0..900 {
        software.key(&format!(r"{sql}\Instance Names\SQL")).string(&format!("A{n}"), "I");
    }
    software.key(&format!(r"{sql}\Instance Names\SQL")).string("A", "I");
    let ports: String = (1..60_000).fold(String::new(), |text, n| text + &format!("{n},"));
    software.key(&format!(r"{sql}\I\MSSQLServer\SuperSocketNetLib\Tcp")).string("TcpPort", &ports);
    let snapshot = of_hives(&[hive, software]);
    assert!(snapshot.listeners.len() <= 2001, "{}", snapshot.listeners.len());
    assert_eq!(snapshot.unseen.iter().filter(|u| u.why.starts_with("more than 1000")).count(), 2);
}

#[test]
fn what_sites_inherit_is_kept_within_bounds() {
    let mut text = String::from("<c><MBProperty><a Location=\"/LM/W3SVC\" ServerBindings=\"");
    text.push_str(&":1: ".repeat(900));
    text.push_str("\"/>");
    for n in 1..3000 {
        write!(text, "<a Location=\"/LM/W3SVC/{n}\"/>").unwrap();
    }
    text.push_str("</MBProperty></c>");
    let (snapshot, iis) = with_file("MetaBase.xml", text.clone());
    assert!(!iis.complete && !iis.sites.is_empty() && iis.sites.len() < 1000, "{}", iis.sites.len());
    is_told(&snapshot, "are too much to keep");
    let (snapshot, iis) = with_file("MetaBase.xml", text.replacen(":1: ", &":1: ".repeat(200), 1));
    assert!(!iis.complete && iis.sites.is_empty());
    is_told(&snapshot, "has more than 1000 bindings");
    // Numbers that are the beginning of all that follow them.
    let mut text = String::from("<c><MBProperty>");
    for n in 1..3000 {
        write!(text, "<a Location=\"/LM/W3SVC/{}\" IPSecurity=\"x\"/>", "0".repeat(n)).unwrap();
    }
    let (_, iis) = with_file("MetaBase.xml", text + "</MBProperty></c>");
    assert!(iis.complete && iis.sites.is_empty());
}

#[test]
fn what_is_said_of_all_sites_is_read_once() {
    let filler = "<x/>".repeat(100_000);
    let rules = r#"<add ipAddress="192.0.2.1" allowed="true"/>"#.repeat(60_000);
    let sites = "<site/>".repeat(60_000);
    let text = format!(
        "<c>{filler}<system.webServer><security><ipSecurity>{rules}</ipSecurity></security></system.webServer>\
         <system.applicationHost><sites>{sites}<siteDefaults>{filler}</siteDefaults></sites></system.applicationHost></c>"
    );
    let (_, iis) = with_file("applicationHost.config", text.clone());
    assert!(iis.complete && iis.sites.len() == 60_000, "rules that change nothing");
    assert!(iis.sites.iter().all(|site| site.restrictions.is_empty()));
    let denied = text.replacen("<ipSecurity>", "<ipSecurity allowUnlisted=\"false\">", 1);
    let (snapshot, iis) = with_file("applicationHost.config", denied);
    assert!(!iis.complete && iis.sites.len() < 100, "{}", iis.sites.len());
    is_told(&snapshot, "are too much to keep");
}
