//! A synthetic Windows Server 2003 whose accounts, rights and IP security policy are set.
#![allow(missing_docs)]

mod common;

use common::{Made, software, system};
use doorward_hive::Kind;
use doorward_hive::testing::HiveBuilder;
use doorward_model::{Snapshot, Subject};
use doorward_windows_files::{Disk, collect};

const STORE: &str = r"Policies\Microsoft\Windows\IPSec\Policy\Local";

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The machine's SID, or that of an account of it.
fn sid(account: Option<u32>) -> Vec<u8> {
    let parts: Vec<u32> = [21, 1, 2, 3].into_iter().chain(account).collect();
    [&[1, u8::try_from(parts.len()).unwrap(), 0, 0, 0, 0, 0, 5][..], &words(&parts)].concat()
}

fn sam() -> HiveBuilder {
    let mut hive = HiveBuilder::new(3).named(r"System32\Config\SAM");
    hive.key(r"SAM\Domains\Account").value("V", Kind::Binary, &[&[0; 64][..], &sid(None)].concat());
    hive.key(r"SAM\Domains\Account\Users\Names\clerk").value("", Kind::Other(1001), &[]);
    // userParameters as MS-TSTS 2.3 has them: log on denied, remote control without asking, a program.
    let mut parameters = b" \0".repeat(48);
    parameters.extend([b'P', 0, 4, 0]);
    let properties: [(&str, &[u8]); 4] = [
        ("CtxCfgPresent", &0xb00b_1e55u32.to_le_bytes()),
        ("CtxCfgFlags1", &0x0001_0000u32.to_le_bytes()),
        ("CtxShadow", &2u32.to_le_bytes()),
        ("CtxInitialProgram", b"calc.exe\0"),
    ];
    for (name, value) in properties {
        parameters.extend([
            u8::try_from(2 * name.len()).unwrap(),
            0,
            u8::try_from(2 * value.len()).unwrap(),
            0,
            1,
            0,
        ]);
        parameters.extend(name.bytes().flat_map(|byte| [byte, 0]));
        parameters.extend(value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    }
    let mut v = vec![0; 17 * 12];
    v[5 * 12 + 4..5 * 12 + 8].copy_from_slice(&u32::try_from(parameters.len()).unwrap().to_le_bytes());
    hive.key(r"SAM\Domains\Account\Users\000003E9").value("V", Kind::Binary, &[v, parameters].concat());
    hive.key(r"SAM\Domains\Account\Users\000003EA").value("V", Kind::Binary, b"short");
    hive
}

fn security() -> HiveBuilder {
    let mut hive = HiveBuilder::new(3).named(r"System32\Config\SECURITY");
    let mut account = |name: &str, sid: &[u8], logons: u32, privileges: &[u32]| {
        let key = format!(r"Policy\Accounts\{name}");
        hive.key(&format!(r"{key}\Sid")).value("", Kind::None, sid);
        hive.key(&format!(r"{key}\ActSysAc")).value("", Kind::None, &logons.to_le_bytes());
        hive.key(&format!(r"{key}\Privilgs")).value("", Kind::None, &words(privileges));
    };
    account("S-1-1-0", &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], 2, &[1, 0, 23, 0, 0]);
    account("S-1-5-21-1-2-3-1001", &sid(Some(1001)), 0xc0, &[1, 0, 24, 0, 0]);
    let mut other = sid(Some(1001));
    other[12] = 9;
    account("S-1-5-21-9-2-3-1001", &other, 0x400, &[5, 0, 24]);
    hive.key(r"Policy\PolAdtEv").value("", Kind::None, &words(&[1, 0, 3, 1, 0, 0, 2, 0, 0, 0, 9]));
    hive
}

/// The machine's policies; lists of filters are given.
fn policies(lists: &[(&str, Vec<u8>)]) -> HiveBuilder {
    let mut hive = software(5, "Microsoft Windows Server 2003", "5.2", "3790", r"C:\WINDOWS");
    let path = |name: &str| format!(r"SOFTWARE\{STORE}\{name}");
    hive.key(STORE).string("ActivePolicy", &path("ipsecPolicy{1}"));
    hive.key(&format!(r"{STORE}\ipsecPolicy{{0}}")).string("ipsecName", "Client (Respond Only)");
    hive.key(&format!(r"{STORE}\ipsecPolicy{{1}}"))
        .string("ipsecName", "Web server")
        .strings("ipsecNFAReference", &[&path("ipsecNFA{1}"), &path("ipsecNFA{2}"), &path("ipsecNFA{3}")]);
    hive.key(&format!(r"{STORE}\ipsecNegotiationPolicy{{1}}"))
        .string("ipsecNegotiationPolicyAction", "{3f91a819-7647-11d1-864d-d46a00000000}");
    let rule = |active: u8| {
        let guid = [0, 0xac, 0xbb, 0x11, 0x8d, 0x49, 0xd1, 0x11, 0x86, 0x39, 0, 0xa0, 0x24, 0x8d, 0x30, 0x21];
        let mut raw = guid.to_vec();
        raw.extend(words(&[42, 0, 0xffff_fffd, 0, 0, 0, u32::from(active), 0]));
        raw
    };
    let references: Vec<String> =
        lists.iter().map(|(name, _)| path(&format!("ipsecFilter{{{name}}}"))).collect();
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    for (name, active) in [("ipsecNFA{1}", 1), ("ipsecNFA{2}", 0)] {
        hive.key(&format!(r"{STORE}\{name}"))
            .strings("ipsecFilterReference", &references)
            .string("ipsecNegotiationPolicyReference", &path("ipsecNegotiationPolicy{1}"))
            .value("ipsecData", Kind::Binary, &rule(active));
    }
    for (name, data) in lists {
        hive.key(&format!(r"{STORE}\ipsecFilter{{{name}}}")).string("ipsecName", "SMB").value(
            "ipsecData",
            Kind::Binary,
            data,
        );
    }
    hive
}

/// A list with one filter, TCP from any to 192.0.2.1 port 445.
fn smb() -> Vec<u8> {
    let mut raw =
        vec![0xb5, 0x20, 0xdc, 0x80, 0xc8, 0x2e, 0xd1, 0x11, 0xa8, 0x9e, 0, 0xa0, 0x24, 0x8d, 0x30, 0x21];
    raw.extend(words(&[74, 1]));
    raw.extend([2, 0, 0, 0, 0, 0].repeat(3));
    raw.extend([7; 16]);
    raw.extend(words(&[1, 0, 0]));
    raw.extend([192, 0, 2, 1, 255, 255, 255, 255]);
    raw.extend(words(&[0, 6, 445 << 16, 0]));
    raw
}

fn machine(software: &HiveBuilder) -> Snapshot {
    let made = Made::new();
    made.file("WINDOWS/system32/config/SYSTEM", system(5, "WEB", "ServerNT", &[]).build());
    made.file("WINDOWS/system32/config/SOFTWARE", software.build());
    made.file("WINDOWS/system32/config/SAM", sam().build());
    made.file("WINDOWS/system32/config/SECURITY", security().build());
    made.collect()
}

fn value(snapshot: &Snapshot, topic: &str, name: &str) -> String {
    let windows = snapshot.windows.as_ref().unwrap();
    windows.setting(topic, name).unwrap_or_else(|| panic!("no setting {topic} {name}")).value.clone()
}

/// A descriptor whose entries give Everyone these masks; type 1 denies.
fn descriptor(entries: &[(u8, u32)]) -> Vec<u8> {
    let length = u8::try_from(8 + 20 * entries.len()).unwrap();
    let mut raw = vec![1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
    raw.extend([2, 0, length, 0, u8::try_from(entries.len()).unwrap(), 0, 0, 0]);
    for (kind, mask) in entries {
        raw.extend([*kind, 0, 20, 0]);
        raw.extend(mask.to_le_bytes());
        raw.extend([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
    raw
}

#[test]
fn connections_and_components_have_rights_in_words() {
    let mut hive = system(5, "WEB", "ServerNT", &[]);
    hive.key(r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp").value(
        "Security",
        Kind::Binary,
        &descriptor(&[(1, 0x10), (0, 0x121)]),
    );
    hive.key(r"ControlSet001\Control\SecurePipeServers\winreg").security(&descriptor(&[(0, 0x2_0009)]));
    let mut software = policies(&[]);
    software
        .key(r"Microsoft\OLE")
        .value("MachineLaunchRestriction", Kind::Binary, &descriptor(&[(0, 0x0b), (1, 0x15)]))
        .value("MachineAccessRestriction", Kind::Binary, &descriptor(&[(0, 7)]));
    let made = Made::new();
    let files = [made.file("SYSTEM", hive.build()), made.file("SOFTWARE", software.build())];
    let snapshot = collect(&Disk::from_files(&files).unwrap());
    assert_eq!(
        value(&snapshot, "Terminal Services", "Security"),
        "Everyone: denied remote control; Everyone: query information, log on, connect"
    );
    assert_eq!(
        value(&snapshot, "Remote Registry", "permissions"),
        "Everyone: query values, list subkeys, read permissions"
    );
    assert_eq!(
        value(&snapshot, "DCOM", "MachineLaunchRestriction"),
        "Everyone: local launch, local activation; Everyone: denied remote launch, remote activation"
    );
    assert_eq!(value(&snapshot, "DCOM", "MachineAccessRestriction"), "Everyone: local access, remote access");
}

#[test]
fn fixed_addresses_of_version_6_are_those_of_their_interface() {
    let mut hive = system(5, "WEB", "ServerNT", &[]);
    let set = "ControlSet001";
    hive.key(&format!(r"{set}\Services\Tcpip\Parameters\Interfaces\{{6aafc9a9}}"))
        .strings("IPAddress", &["192.0.2.10"])
        .strings("SubnetMask", &["255.255.255.0"]);
    hive.key(&format!(r"{set}\Control\Class\{{4D36E972-E325-11CE-BFC1-08002BE10318}}\0007"))
        .string("NetCfgInstanceId", "{6AAFC9A9}")
        .u32("NetLuidIndex", 6)
        .u32("*IfType", 6);
    let mut data = [0xff; 48];
    data[16] = 64;
    hive.key(&format!(r"{set}\Control\Nsi\{{eb004a01-9b1a-11d4-9123-0050047759bc}}\10"))
        .value("000000060000060020010db8000000000000000000000001", Kind::Binary, &data)
        .value("000000090000060020010db8000000000000000000000009", Kind::Binary, &[])
        .value("0000000900000600", Kind::Binary, &[]);
    let made = Made::new();
    let file = made.file("SYSTEM", hive.build());
    let snapshot = collect(&Disk::from_files(&[file]).unwrap());
    let interfaces: Vec<_> =
        snapshot.host.interfaces.iter().map(|i| (i.name.as_str(), i.addresses.join(" "))).collect();
    let expected = [
        ("0000000900000600", "2001:db8::9/128".to_owned()),
        ("{6aafc9a9}", "192.0.2.10/24 2001:db8::1/64".to_owned()),
    ];
    assert_eq!(interfaces, expected);
    assert!(
        snapshot
            .unseen
            .iter()
            .any(|u| u.subject == Subject::Host && u.what.ends_with(r"\10\0000000900000600"))
    );
}

#[test]
fn single_users_have_settings_of_terminal_services() {
    let snapshot = machine(&policies(&[]));
    let of_clerk = |what: &str| value(&snapshot, "Terminal Services", &format!("user clerk: {what}"));
    assert_eq!(of_clerk("log on"), "denied");
    assert_eq!(of_clerk("remote control"), "with keyboard and mouse, without asking");
    assert_eq!(of_clerk("initial program"), "calc.exe");
    let windows = snapshot.windows.as_ref().unwrap();
    let setting = windows.setting("Terminal Services", "user clerk: log on").unwrap();
    assert_eq!(setting.place, r"HKLM\SAM\SAM\Domains\Account\Users\000003E9");
}

#[test]
fn rights_have_holders() {
    let snapshot = machine(&policies(&[]));
    let holders = |name: &str| value(&snapshot, "User rights", name);
    assert_eq!(holders("SeNetworkLogonRight"), "Everyone");
    assert_eq!(holders("SeDenyNetworkLogonRight"), "clerk");
    assert_eq!(holders("SeRemoteInteractiveLogonRight"), "S-1-5-21-9-2-3-1001", "another machine's 1001");
    assert_eq!(holders("SeRemoteShutdownPrivilege"), "clerk");
    assert!(snapshot.unseen.iter().any(|u| u.what.ends_with(r"S-1-5-21-9-2-3-1001\Privilgs")));
    let audit = |name: &str| value(&snapshot, "Audit policy", name);
    assert_eq!((audit("auditing"), audit("system")), ("on".into(), "nothing".into()));
    assert_eq!(audit("logons and logoffs"), "success and failure");
    assert_eq!(audit("policy changes"), "failure");
}

#[test]
fn the_policy_in_force_has_filters() {
    let snapshot = machine(&policies(&[("1", smb())]));
    let windows = snapshot.windows.as_ref().unwrap();
    let told: Vec<_> =
        windows.settings.iter().filter(|s| s.topic == "IPsec" && s.name != "ActivePolicy").collect();
    let told: Vec<_> = told.iter().map(|s| (s.name.as_str(), s.value.as_str(), s.meaning.as_str())).collect();
    let expected = [
        (
            "filter",
            "block TCP from any to 192.0.2.1 port 445, and back",
            "a filter of the IPsec policy in force, from its list SMB",
        ),
        ("policy", "Client (Respond Only)", "an IPsec policy that is there"),
        ("policy", "Web server", "the IPsec policy in force"),
    ];
    assert_eq!(told, expected);
    let dark: Vec<_> = snapshot.unseen.iter().filter(|u| u.what.contains("IPsec")).collect();
    assert_eq!(dark.len(), 1, "one rule is not there: {dark:?}");
    assert!(dark[0].subject == Subject::Filter && dark[0].why.contains("ipsecNFA{3}"));
}

#[test]
fn filters_that_cannot_be_read_are_told() {
    let mut cut = smb();
    cut.truncate(60);
    let snapshot = machine(&policies(&[("1", cut), ("2", b"other".to_vec())]));
    let whys: Vec<_> =
        snapshot.unseen.iter().filter(|u| u.subject == Subject::Filter).map(|u| u.why.as_str()).collect();
    assert!(whys.contains(&"a filter leads out of ipsecData's 60 bytes"), "{whys:?}");
    assert!(whys.contains(&"ipsecData is no list of filters"), "{whys:?}");
    let mut hive = policies(&[]);
    hive.key(STORE).string("ActivePolicy", r"SOFTWARE\Local\ipsecPolicy{9}");
    let snapshot = machine(&hive);
    assert!(snapshot.unseen.iter().any(|u| u.subject == Subject::Filter && u.why.contains("ipsecPolicy{9}")));
}

#[test]
fn the_policy_of_a_domain_stands_in_for_that_of_the_machine() {
    let mut hive = policies(&[("1", smb())]);
    hive.key(r"Policies\Microsoft\Windows\IPSec\GPTIPSECPolicy")
        .string("DSIPSECPolicyPath", "LDAP://CN=ipsecPolicy{5},CN=IP Security,CN=System,DC=example,DC=org");
    let told = |snapshot: &Snapshot| {
        let settings = &snapshot.windows.as_ref().unwrap().settings;
        let in_force = settings.iter().filter(|s| s.topic == "IPsec" && s.meaning.ends_with("in force"));
        let in_force = in_force.filter(|s| s.name == "policy").map(|s| s.value.clone()).collect::<Vec<_>>();
        (in_force, settings.iter().any(|s| s.topic == "IPsec" && s.name == "filter"))
    };
    let snapshot = machine(&hive);
    assert_eq!(told(&snapshot), (vec![], false));
    assert!(snapshot.unseen.iter().any(|u| u.subject == Subject::Filter && u.what.contains("the domain's")));
    hive.key(r"Policies\Microsoft\Windows\IPSec\Policy\Cache\ipsecPolicy{5}").string("ipsecName", "Domain");
    assert_eq!(told(&machine(&hive)), (vec!["Domain".into()], false));
}

#[test]
fn an_endless_name_of_a_list_is_not_told_with_each_filter() {
    let one = smb();
    let filter = &one[24..];
    let address = filter.windows(3).position(|window| window == [192, 0, 2]).unwrap();
    let mut all = [&one[..16], &words(&[4 + 900 * u32::try_from(filter.len()).unwrap(), 900])].concat();
    for n in 0..900u16 {
        let mut filter = filter.to_vec();
        filter[address + 2..address + 4].copy_from_slice(&n.to_be_bytes());
        all.extend(filter);
    }
    let mut software = policies(&[("1", all)]);
    software.key(&format!(r"{STORE}\ipsecFilter{{1}}")).string("ipsecName", &"x".repeat(100_000));
    let snapshot = machine(&software);
    let settings = snapshot.windows.unwrap().settings;
    let told: Vec<usize> = settings.iter().filter(|s| s.name == "filter").map(|s| s.meaning.len()).collect();
    assert_eq!(told.len(), 900);
    assert!(told.iter().sum::<usize>() < 1 << 20);
}
