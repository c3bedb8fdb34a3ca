//! Windows web servers audited from their disks: what is left, what is named, what depends on what.
#![expect(clippy::disallowed_methods, reason = "the tests run the program, on files that they make")]

mod machine;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use doorward_knowledge::{Knowledge, NtVersion, System};
use doorward_model::{Audit, Exposure, Protocol, Verdict};
use machine::Machine;
use tempfile::TempDir;

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);

fn nt(major: u16, minor: u16, build: u32) -> System {
    System::Windows(NtVersion { build, ..NtVersion::new(major, minor) })
}

/// Windows 2000 Server in a workgroup with its default services, IIS 5.0 and what its setup brings along.
fn windows_2000() -> Machine {
    let mut machine = Machine::server(&KNOWLEDGE, nt(5, 0, 2195), "WEB2000", "Microsoft Windows 2000");
    machine.add("Netlogon", 3, 0x20, &["LanmanWorkstation"]);
    machine.add("IISADMIN", 2, 0x20, &["RPCSS", "ProtectedStorage"]);
    for site in ["W3SVC", "SMTPSVC", "MSFTPSVC"] {
        machine.add(site, 2, 0x20, &["IISADMIN"]);
    }
    machine.add("cisvc", 2, 0x20, &["RpcSs"]);
    machine.add("TlntSvr", 2, 0x20, &["RpcSs"]);
    machine.software.key(r"Microsoft\InetStp").u32("MajorVersion", 5).u32("MinorVersion", 0);
    machine.key(r"Control\ContentIndex\Catalogs\System\Scopes").string(r"C:\", ",,5");
    machine.key(r"Services\lanmanserver\Parameters").strings("NullSessionPipes", &["COMNAP", "SQL\\QUERY"]);
    machine
}

/// Windows Server 2003 in a workgroup with IIS 6.0 and one site on ports 80 and 443.
fn server_2003(root: &Path) {
    let mut machine = Machine::server(&KNOWLEDGE, nt(5, 2, 3790), "WEB2003", "Microsoft Windows Server 2003");
    machine.add("Netlogon", 3, 0x20, &["LanmanWorkstation"]);
    machine.add("HTTP", 3, 1, &[]);
    machine.add("PlugPlay", 2, 0x20, &[]);
    machine.add("HTTPFilter", 3, 0x20, &["HTTP"]);
    machine.add("IISADMIN", 2, 0x20, &["RPCSS", "SamSS"]);
    machine.add("W3SVC", 2, 0x20, &["RPCSS", "HTTPFilter", "IISADMIN"]);
    machine.software.key(r"Microsoft\InetStp").u32("MajorVersion", 6).u32("MinorVersion", 0);
    machine.write(root, "WINDOWS");
    let inetsrv = root.join("WINDOWS/System32/inetsrv");
    std::fs::create_dir_all(&inetsrv).unwrap();
    let metabase = r#"<?xml version="1.0"?><configuration xmlns="urn:microsoft-catalog:XML_Metabase_V64_0"><MBProperty>
        <IIsWebServer Location="/LM/W3SVC/1" ServerAutoStart="TRUE" ServerBindings=":80:" SecureBindings=":443:" ServerComment="Site"/>
        <IIsWebVirtualDir Location="/LM/W3SVC/1/ROOT" Path="C:\Inetpub\wwwroot" AccessFlags="AccessRead | AccessScript"/>
        </MBProperty></configuration>"#;
    std::fs::write(inetsrv.join("MetaBase.xml"), metabase).unwrap();
}

/// Windows Server 2022 with IIS 10, remote desktops, and Windows Firewall on in all profiles.
fn server_2022(root: &Path) {
    let mut machine =
        Machine::server(&KNOWLEDGE, nt(10, 0, 20348), "WEB2022", "Windows Server 2022 Standard");
    machine.add("HTTP", 3, 1, &[]);
    for (name, start, needs) in [
        ("W3SVC", 2, &["WAS", "HTTP"][..]),
        ("WAS", 3, &["RPCSS"]),
        ("AppHostSvc", 2, &[]),
        ("ftpsvc", 2, &[]),
        ("RpcSs", 2, &["RpcEptMapper", "DcomLaunch"]),
        ("RpcEptMapper", 2, &[]),
        ("DcomLaunch", 2, &[]),
        ("LanmanServer", 2, &["SamSS"]),
        ("SamSs", 2, &["RPCSS"]),
        ("TermService", 3, &["RPCSS"]),
        ("MpsSvc", 2, &["BFE"]),
        ("BFE", 2, &["RpcSs"]),
    ] {
        machine.add(name, start, 0x20, needs);
    }
    machine.key(r"Control\Terminal Server").u32("fDenyTSConnections", 0);
    machine
        .key(r"Control\Terminal Server\WinStations\RDP-Tcp")
        .u32("PortNumber", 3389)
        .u32("UserAuthentication", 0);
    let policy = r"Services\SharedAccess\Parameters\FirewallPolicy";
    for profile in ["DomainProfile", "StandardProfile", "PublicProfile"] {
        machine.key(&format!(r"{policy}\{profile}")).u32("EnableFirewall", 1);
    }
    let rule = |ports: &str, more: &str| {
        format!("v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort={ports}|{more}|Name=x|")
    };
    machine
        .key(&format!(r"{policy}\FirewallRules"))
        .string("web", &rule("80|LPort=443", "App=System"))
        .string(
            "rdp",
            &rule(
                "3389",
                "RA4=198.51.100.0/255.255.255.0|App=%SystemRoot%\\system32\\svchost.exe|Svc=termservice",
            ),
        )
        .string("smb", &rule("445", "Profile=Private|App=System"))
        .string("off", &rule("21", "App=System").replace("TRUE", "FALSE"));
    machine.software.key(r"Microsoft\InetStp").u32("MajorVersion", 10).u32("MinorVersion", 0);
    machine.write(root, "Windows");
    let config = root.join("Windows/System32/inetsrv/config");
    std::fs::create_dir_all(&config).unwrap();
    let text = r#"<configuration><system.applicationHost><sites>
        <site name="Site" id="1"><application path="/"><virtualDirectory path="/" physicalPath="C:\inetpub\wwwroot"/></application>
        <bindings><binding protocol="http" bindingInformation="*:80:"/><binding protocol="https" bindingInformation="*:443:"/></bindings></site>
        <site name="Files" id="2"><bindings><binding protocol="ftp" bindingInformation="*:21:"/></bindings></site>
        </sites></system.applicationHost></configuration>"#;
    std::fs::write(config.join("applicationHost.config"), text).unwrap();
}

fn run(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(words).args(["--config", "/dev/null"]).output().unwrap()
}

fn says(words: &[&str]) -> String {
    let output = run(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn audit(disk: &Path) -> Audit {
    serde_json::from_str(&says(&["audit", "--windows", disk.to_str().unwrap(), "--format", "json"])).unwrap()
}

/// Services that come up and are to stay, without drivers; lower case, sorted.
fn left(audit: &Audit) -> Vec<String> {
    let stays = |s: &&doorward_model::AuditService| {
        let is_driver = s.windows.as_ref().is_none_or(|w| w.kind & 0xf != 0);
        s.lives() && !s.verdict.is_candidate() && !is_driver
    };
    let mut names: Vec<String> = audit.services.iter().filter(stays).map(|s| s.name.to_lowercase()).collect();
    names.sort();
    names
}

/// The services that have to be there for a test to mean anything.
fn door<'a>(
    audit: &'a Audit,
    protocol: Protocol,
    port: Option<u16>,
    name: Option<&str>,
) -> &'a doorward_model::Door {
    let is =
        |d: &&doorward_model::Door| d.protocol == protocol && d.port == port && d.name.as_deref() == name;
    audit.doors.iter().find(is).unwrap_or_else(|| panic!("no door {protocol:?} {port:?} {name:?}"))
}

fn verdict(audit: &Audit, name: &str) -> Verdict {
    let service = audit.services.iter().find(|s| s.name.eq_ignore_ascii_case(name));
    service.unwrap_or_else(|| panic!("no service {name}")).verdict
}

#[test]
fn of_windows_2000_exactly_the_required_services_are_left() {
    let disk = TempDir::new().unwrap();
    windows_2000().write(disk.path(), "WINNT");
    let audit = audit(disk.path());
    assert_eq!(
        (audit.host.name.as_str(), audit.host.roles.as_slice()),
        ("WEB2000", &["iis-5.0".to_owned()][..])
    );
    // The chain of the web service, and what any Windows 2000 lives on.
    let chain = ["iisadmin", "protectedstorage", "rpcss", "w3svc"];
    let base = ["dmserver", "eventlog", "plugplay", "samss", "wuauserv"];
    let mut expected = [&chain[..], &base[..]].concat();
    expected.sort_unstable();
    assert_eq!(left(&audit), expected);
}

#[test]
fn of_windows_2000_the_dangerous_ones_that_run_are_named() {
    let disk = TempDir::new().unwrap();
    windows_2000().write(disk.path(), "WINNT");
    let audit = audit(disk.path());
    for name in ["SMTPSVC", "MSFTPSVC", "RemoteRegistry", "lanmanserver", "TlntSvr", "Messenger", "Spooler"] {
        assert_eq!(verdict(&audit, name), Verdict::Dangerous, "{name}");
    }
    let site = door(&audit, Protocol::Tcp, Some(80), None);
    assert!(site.http && site.exposure == Exposure::Everyone && site.verdict == Verdict::Required);
    for (protocol, port, name, service) in [
        (Protocol::Tcp, Some(25), None, "SMTPSVC"),
        (Protocol::Tcp, Some(21), None, "MSFTPSVC"),
        (Protocol::Tcp, Some(23), None, "TlntSvr"),
        (Protocol::Tcp, Some(445), None, "lanmanserver"),
        (Protocol::Pipe, None, Some("winreg"), "RemoteRegistry"),
        (Protocol::Share, None, Some("C$"), "lanmanserver"),
    ] {
        let door = door(&audit, protocol, port, name);
        assert_eq!(door.service.as_deref(), Some(service));
        assert_eq!((door.verdict, door.http), (Verdict::Dangerous, false), "{service}");
        assert_eq!(door.exposure, Exposure::Everyone, "Windows 2000 has no firewall");
    }
}

#[test]
fn settings_that_let_in_too_much_are_found_with_their_places() {
    let disk = TempDir::new().unwrap();
    windows_2000().write(disk.path(), "WINNT");
    let audit = audit(disk.path());
    let of = |service: &str| -> Vec<&str> {
        let own = audit.findings.iter().filter(|f| f.service.as_deref() == Some(service));
        own.map(|f| f.value.as_str()).collect()
    };
    assert_eq!(of("cisvc"), ["C:"], "a catalog of a whole volume");
    assert!(of("lanmanserver").contains(&r"COMNAP; SQL\QUERY"), "{:?}", of("lanmanserver"));
    let catalog = audit.findings.iter().find(|f| f.service.as_deref() == Some("cisvc")).unwrap();
    assert!(
        catalog.place.starts_with(r"HKLM\SYSTEM\ControlSet001\Control\ContentIndex\Catalogs"),
        "{}",
        catalog.place
    );
    // Of a service that does not come up nothing is said.
    assert!(audit.findings.iter().all(|f| f.service.as_deref() != Some("TermService")));
}

#[test]
fn all_of_it_as_people_read_it() {
    let disk = TempDir::new().unwrap();
    windows_2000().write(disk.path(), "WINNT");
    insta::assert_snapshot!("windows_2000", says(&["audit", "--windows", disk.path().to_str().unwrap()]));
}

#[test]
fn every_dependency_is_told_from_both_ends() {
    let disk = TempDir::new().unwrap();
    windows_2000().write(disk.path(), "WINNT");
    let audit = audit(disk.path());
    let of = |name: &str| audit.services.iter().find(|s| s.name.eq_ignore_ascii_case(name)).unwrap();
    assert_eq!(of("W3SVC").requires, ["IISADMIN"]);
    assert_eq!(of("IISADMIN").requires, ["ProtectedStorage", "RpcSs"]);
    assert_eq!(of("IISADMIN").required_by, ["MSFTPSVC", "SMTPSVC", "W3SVC"]);
    let mut edges = 0;
    for service in &audit.services {
        for other in &service.requires {
            assert!(of(other).required_by.contains(&service.name), "{} needs {other}", service.name);
            edges += 1;
        }
        for other in &service.required_by {
            assert!(of(other).requires.contains(&service.name), "{} is needed by {other}", service.name);
        }
    }
    assert!(edges > 40, "{edges}");
}

#[test]
fn the_registrys_own_numbers_are_with_each_service() {
    let disk = TempDir::new().unwrap();
    windows_2000().write(disk.path(), "WINNT");
    let audit = audit(disk.path());
    assert!(audit.services.iter().all(|s| s.windows.is_some()));
    let w3svc = audit.services.iter().find(|s| s.name == "W3SVC").unwrap().windows.as_ref().unwrap();
    assert_eq!((w3svc.start, w3svc.kind, w3svc.account.as_deref()), (2, 0x20, Some("LocalSystem")));
}

#[test]
fn each_version_has_the_role_of_its_web_server() {
    let role = |system, services: &[&str]| {
        let mut machine = Machine::server(&KNOWLEDGE, system, "WEB", "Windows");
        for service in services {
            machine.add(service, 2, 0x20, &[]);
        }
        let disk = TempDir::new().unwrap();
        machine.write(disk.path(), "WINDOWS");
        // Where the configuration names no door at all, the exit code says that it is incomplete.
        let output = run(&["audit", "--windows", disk.path().to_str().unwrap(), "--format", "json"]);
        assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
        serde_json::from_slice::<Audit>(&output.stdout).unwrap().host.roles
    };
    let nt4 = || nt(4, 0, 1381);
    assert_eq!(role(nt4(), &["W3SVC"]), ["iis-2.0"], "without IISADMIN it is an early one");
    assert_eq!(role(nt4(), &["W3SVC", "IISADMIN"]), ["iis-4.0"]);
    assert_eq!(role(nt(6, 0, 6001), &["W3SVC"]), ["iis-7.0"]);
    assert_eq!(role(nt(6, 1, 7601), &["W3SVC"]), ["iis-7.5"]);
    assert_eq!(role(nt(6, 2, 9200), &["W3SVC"]), ["iis-8.0"]);
    assert_eq!(role(nt(6, 3, 9600), &["W3SVC"]), ["iis-8.5"]);
    assert_eq!(role(nt(10, 0, 26100), &["W3SVC"]), ["iis-10"]);
}

#[test]
fn server_2003_with_iis_6() {
    let disk = TempDir::new().unwrap();
    server_2003(disk.path());
    let audit = audit(disk.path());
    assert_eq!(audit.host.roles, ["iis-6.0"]);
    for required in ["W3SVC", "IISADMIN", "HTTP", "RpcSs", "Eventlog", "PlugPlay"] {
        assert_eq!(verdict(&audit, required), Verdict::Required, "{required}");
    }
    assert_eq!(verdict(&audit, "HTTPFilter"), Verdict::Needed, "the web service depends on it");
    let site: Vec<u16> = audit.doors.iter().filter(|d| d.http).filter_map(|d| d.port).collect();
    assert_eq!(site, [80, 443]);
    assert!(
        left(&audit)
            .iter()
            .all(|name| !["spooler", "lanmanserver", "remoteregistry"].contains(&name.as_str()))
    );
}

#[test]
fn server_2022_behind_its_firewall() {
    let disk = TempDir::new().unwrap();
    server_2022(disk.path());
    let audit = audit(disk.path());
    assert_eq!(audit.host.roles, ["iis-10"]);
    let exposure = |port: u16| door(&audit, Protocol::Tcp, Some(port), None);
    assert_eq!(exposure(80).exposure, Exposure::Everyone);
    assert!(exposure(80).http && exposure(443).http);
    assert_eq!(exposure(3389).exposure, Exposure::Limited);
    assert_eq!(exposure(3389).limited_to, ["198.51.100.0/255.255.255.0"]);
    assert_eq!(exposure(3389).verdict, Verdict::Needed, "the administrators' remote way in");
    assert_eq!(exposure(445).exposure, Exposure::Everyone, "in the private profile");
    assert!(
        exposure(445).reasons.iter().any(|r| r.contains("closed in profile public")),
        "{:?}",
        exposure(445).reasons
    );
    assert_eq!(exposure(21).exposure, Exposure::Closed, "its rule is off");
    assert_eq!(verdict(&audit, "ftpsvc"), Verdict::Unneeded, "it cannot be reached");
    for required in
        ["W3SVC", "WAS", "AppHostSvc", "HTTP", "RpcSs", "RpcEptMapper", "DcomLaunch", "MpsSvc", "BFE"]
    {
        assert_eq!(verdict(&audit, required), Verdict::Required, "{required}");
    }
}

#[test]
fn a_saved_snapshot_is_judged_as_the_disk_itself() {
    let disk = TempDir::new().unwrap();
    server_2022(disk.path());
    let saved = disk.path().join("snapshot.json");
    let (path, saved) = (disk.path().to_str().unwrap(), saved.to_str().unwrap());
    let direct = says(&["audit", "--windows", path, "--format", "json", "--snapshot-out", saved]);
    assert_eq!(direct, says(&["audit", "--snapshot", saved, "--format", "json"]));
}

#[test]
fn many_machines_in_their_order() {
    let folder = TempDir::new().unwrap();
    for name in ["a", "b", "c"] {
        windows_2000().write(&folder.path().join(name), "WINNT");
    }
    std::fs::write(folder.path().join("b/WINNT/System32/config/SYSTEM.LOG"), b"no log").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"no hive").unwrap();
    let mut user = doorward_hive::testing::HiveBuilder::new(5).named("ntuser.dat");
    user.key("Control Panel").string("Colour", "blue");
    std::fs::write(folder.path().join("a/NTUSER.DAT"), user.build()).unwrap();
    let lines = says(&["audit", "--hive", folder.path().to_str().unwrap(), "--format", "json"]);
    let audits: Vec<Audit> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(audits.len(), 3);
    let sources: Vec<&str> = audits.iter().filter_map(|a| a.host.source.as_deref()).collect();
    assert!(sources.is_sorted() && sources[0].contains("SOFTWARE"), "{sources:?}");
    // One that cannot be read keeps no other back, and is named.
    let bad = folder.path().join("b/WINNT/System32/config/SYSTEM");
    std::fs::write(&bad, b"regf, but nothing more").unwrap();
    std::fs::remove_file(folder.path().join("b/WINNT/System32/config/SOFTWARE")).unwrap();
    let paths: Vec<String> = ["a", "b", "c"]
        .iter()
        .map(|n| folder.path().join(n).join("WINNT/System32/config/SYSTEM").display().to_string())
        .collect();
    let mut words = vec!["audit", "--format", "json", "--hive"];
    words.extend(paths.iter().map(String::as_str));
    let output = run(&words);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(bad.to_str().unwrap()) && error.contains("1 of 3 machines"), "{error}");
}

#[test]
fn what_is_no_windows_is_refused_with_its_reason() {
    let empty = TempDir::new().unwrap();
    let file = empty.path().join("SYSTEM");
    let fails = |words: &[&str], why: &str| {
        let output = run(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains(why), "{why}: {error}");
    };
    fails(&["audit", "--windows", empty.path().to_str().unwrap()], "no Windows here");
    fails(&["audit", "--hive", empty.path().to_str().unwrap()], "no registry hive");
    std::fs::write(&file, b"CREG").unwrap();
    fails(&["audit", "--hive", file.to_str().unwrap()], "Windows 9");
    std::fs::write(&file, vec![0; 8192]).unwrap();
    fails(&["audit", "--hive", file.to_str().unwrap()], "offset");
}

#[test]
fn a_card_tells_version_recipe_and_places() {
    let disk = TempDir::new().unwrap();
    windows_2000().write(disk.path(), "WINNT");
    let card = says(&["explain", "smtpsvc", "--windows", disk.path().to_str().unwrap()]);
    insta::assert_snapshot!(card);
    let server = says(&["explain", "LANMANSERVER", "--windows", disk.path().to_str().unwrap()]);
    assert!(server.contains("NullSessionPipes") && server.contains(r"HKLM\SYSTEM"), "{server}");
    let config = disk.path().join("doorward.toml");
    std::fs::write(&config, "patches = \"all-in-sequence\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(["explain", "smtpsvc", "--windows"]).arg(disk.path()).arg("--config").arg(&config);
    let other = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(other.contains("all are applied in sequence"), "{other}");
}
