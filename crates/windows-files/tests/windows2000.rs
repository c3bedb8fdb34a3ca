//! A synthetic Windows 2000 Server with IIS 5.0 and its default services.
//!
//! Start types, programs and dependencies are those that Microsoft's knowledge base (Q281770, Q305313, Q236166) and
//! collections of the default services of Windows 2000 give; where they name none, a usual one stands.
#![allow(missing_docs)]

mod common;

use common::{Made, doors, needed_by, needs, of, service, software, system};
use doorward_hive::Kind;
use doorward_model::{Manager, OsFamily, Start, Subject};

const SERVICES_EXE: &str = r"%SystemRoot%\System32\services.exe";
const NETSVCS: &str = r"%SystemRoot%\System32\svchost.exe -k netsvcs";
const INETINFO: &str = r"C:\WINNT\System32\inetsrv\inetinfo.exe";

/// Name, display name, start, program, what it needs.
fn services() -> Vec<common::Of> {
    let mut all = vec![
        of("Alerter", "Alerter", 2, SERVICES_EXE, &["LanmanWorkstation"]),
        of("Browser", "Computer Browser", 2, SERVICES_EXE, &["LanmanWorkstation", "LanmanServer"]),
        of("cisvc", "Indexing Service", 3, r"C:\WINNT\System32\cisvc.exe", &["RPCSS"]),
        of("Dnscache", "DNS Client", 2, SERVICES_EXE, &["Tcpip"]),
        of("Eventlog", "Event Log", 2, SERVICES_EXE, &[]),
        of("IISADMIN", "IIS Admin Service", 2, INETINFO, &["RPCSS", "ProtectedStorage"]),
        of("lanmanserver", "Server", 2, SERVICES_EXE, &[]),
        of("lanmanworkstation", "Workstation", 2, SERVICES_EXE, &[]),
        of("LicenseService", "License Logging Service", 2, r"%SystemRoot%\System32\llssrv.exe", &[]),
        of("Messenger", "Messenger", 2, SERVICES_EXE, &["LanmanWorkstation", "RpcSS"]),
        of("mnmsrvc", "NetMeeting Remote Desktop Sharing", 3, r"C:\WINNT\System32\mnmsrvc.exe", &[]),
        of(
            "MSDTC",
            "Distributed Transaction Coordinator",
            2,
            r"C:\WINNT\System32\msdtc.exe",
            &["RPCSS", "SamSS"],
        ),
        of("MSFTPSVC", "FTP Publishing Service", 2, INETINFO, &["IISADMIN"]),
        of("NtLmSsp", "NT LM Security Support Provider", 3, r"%SystemRoot%\System32\lsass.exe", &[]),
        of("PlugPlay", "Plug and Play", 2, SERVICES_EXE, &[]),
        of("PolicyAgent", "IPSEC Policy Agent", 2, r"%SystemRoot%\System32\lsass.exe", &["RPCSS"]),
        of("ProtectedStorage", "Protected Storage", 2, SERVICES_EXE, &["RpcSs"]),
        of("RemoteRegistry", "Remote Registry Service", 2, r"%SystemRoot%\system32\regsvc.exe", &[]),
        of("RpcSs", "Remote Procedure Call (RPC)", 2, r"%SystemRoot%\system32\svchost -k rpcss", &[]),
        of("SamSs", "Security Accounts Manager", 2, r"%SystemRoot%\system32\lsass.exe", &[]),
        of("SharedAccess", "Internet Connection Sharing", 3, NETSVCS, &["RasMan"]),
        of("SMTPSVC", "Simple Mail Transport Protocol (SMTP)", 2, INETINFO, &["IISADMIN"]),
        of("Spooler", "Print Spooler", 2, r"%SystemRoot%\system32\spoolsv.exe", &["RPCSS"]),
        of("TermService", "Terminal Services", 4, r"%SystemRoot%\System32\termsrv.exe", &[]),
        of("TlntSvr", "Telnet", 3, r"%SystemRoot%\system32\tlntsvr.exe", &["RPCSS"]),
        of("W3SVC", "World Wide Web Publishing Service", 2, INETINFO, &["IISADMIN"]),
    ];
    let driver = |name, display, start, image| common::Of { kind: 1, ..of(name, display, start, image, &[]) };
    all.push(driver("Tcpip", "TCP/IP Protocol Driver", 1, r"System32\DRIVERS\tcpip.sys"));
    all.push(driver("NetBT", "NetBios over Tcpip", 1, r"\SystemRoot\System32\DRIVERS\netbt.sys"));
    all.push(common::Of { kind: 2, ..driver("Srv", "Srv", 3, r"System32\DRIVERS\srv.sys") });
    all
}

fn machine() -> Made {
    let made = Made::new();
    let mut hive = system(3, "WEB2000", "ServerNT", &services());
    hive.key(r"ControlSet001\Control\ServiceGroupOrder")
        .strings("List", &["TDI", "NetworkProvider", "Empty"]);
    for (name, group) in
        [("Tcpip", "PNP_TDI"), ("NetBT", "PNP_TDI"), ("lanmanworkstation", "NetworkProvider")]
    {
        hive.key(&format!(r"ControlSet001\Services\{name}")).string("Group", group);
    }
    hive.key(r"ControlSet001\Services\lanmanserver").strings("DependOnGroup", &["PNP_TDI", "Empty"]);
    hive.key(r"ControlSet001\Services\RpcSs\Parameters")
        .expand_string("ServiceDll", r"%SystemRoot%\system32\rpcss.dll");
    hive.key(r"ControlSet001\Services\PerfDisk\Performance").string("Library", "perfdisk.dll");
    hive.key(r"ControlSet002\Services\OtherSet").u32("Start", 2).u32("Type", 16);
    hive.key(r"ControlSet001\Control\Windows").u32("CSDVersion", 0x400);
    hive.key(r"ControlSet001\Services\Tcpip\Parameters\Interfaces\{A}")
        .strings("IPAddress", &["192.0.2.10"])
        .strings("SubnetMask", &["255.255.255.0"])
        .string("NameServer", "192.0.2.53,198.51.100.53");
    hive.key(r"ControlSet001\Control\ContentIndex\Catalogs\Web")
        .string("Location", r"C:\System Volume Information")
        .u32("IsIndexingW3Svc", 1);
    hive.key(r"ControlSet001\Control\ContentIndex\Catalogs\Web\Scopes")
        .string(r"C:\", ",,5")
        .string(r"C:\Secret", ",,4");
    hive.key(r"ControlSet001\Services\SNMP\Parameters\ValidCommunities").u32("public", 4).u32("private", 8);
    hive.key(r"ControlSet001\Services\SNMP\Parameters\PermittedManagers");
    hive.key(r"ControlSet001\Services\lanmanserver\Shares").strings(
        "wwwroot",
        &[
            "CSCFlags=0",
            "MaxUses=4294967295",
            r"Path=C:\Inetpub\wwwroot",
            "Permissions=0",
            "Remark=",
            "Type=0",
        ],
    );
    // Everyone: full control.
    let mut sd = vec![
        1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 2, 0, 28, 0, 1, 0, 0, 0, 0, 0, 20, 0,
    ];
    sd.extend(0x1f_01ffu32.to_le_bytes());
    sd.extend([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    hive.key(r"ControlSet001\Services\lanmanserver\Shares\Security").value("wwwroot", Kind::Binary, &sd);
    hive.key(r"ControlSet001\Control\SecurePipeServers\winreg").security(&sd);
    hive.key(r"ControlSet001\Control\SecurePipeServers\winreg\AllowedPaths")
        .strings("Machine", &[r"System\CurrentControlSet\Services\Eventlog"]);
    hive.key(r"ControlSet001\Control\Lsa").u32("RestrictAnonymous", 0);
    hive.key(r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp").u32("PortNumber", 3389);
    made.file("WINNT/System32/config/system", hive.build());
    let mut hive = software(3, "Microsoft Windows 2000", "5.0", "2195", r"C:\WINNT");
    hive.key(r"Microsoft\Windows NT\CurrentVersion").string("CSDVersion", "Service Pack 4");
    hive.key(r"Microsoft\Windows NT\CurrentVersion\HotFix\Q299444").u32("Installed", 1);
    hive.key(r"Microsoft\Updates\Windows 2000\SP5\KB823980").string("Description", "Windows 2000 Hotfix");
    hive.key(r"Microsoft\Windows\CurrentVersion\Uninstall\{0CE5}")
        .string("DisplayName", "Monitor")
        .string("DisplayVersion", "3.1")
        .u32("WindowsInstaller", 1);
    hive.key(r"Microsoft\OLE").string("EnableDCOM", "Y");
    hive.key(r"Microsoft\TelnetServer\1.0").u32("TelnetPort", 23).u32("NTLM", 2);
    hive.key(r"Microsoft\InetStp").u32("MajorVersion", 5).u32("MinorVersion", 0);
    made.file("WINNT/System32/config/SOFTWARE", hive.build());
    made.file("WINNT/System32/inetsrv/metabase.bin", [0; 8]);
    made
}

#[test]
fn the_machine_is_known() {
    let snapshot = machine().collect();
    let host = &snapshot.host;
    assert_eq!(
        (host.name.as_str(), host.family, host.version.as_str()),
        ("WEB2000", OsFamily::Windows, "5.0")
    );
    assert_eq!(host.os, "Windows 2000");
    assert_eq!(host.interfaces[0].addresses, ["192.0.2.10/24"]);
    assert_eq!(host.resolvers.len(), 2);
    let windows = snapshot.windows.unwrap();
    assert_eq!((windows.build, windows.service_pack.as_deref()), (Some(2195), Some("Service Pack 4")));
    assert_eq!(windows.hotfixes.iter().map(|h| h.id.as_str()).collect::<Vec<_>>(), ["KB823980", "Q299444"]);
    assert_eq!(snapshot.packages.versions["Monitor"], "3.1");
    let iis = windows.iis.unwrap();
    assert_eq!((iis.version.as_deref(), iis.complete), (Some("5.0"), false));
    assert!(
        snapshot.unseen.iter().any(|u| u.subject == Subject::Listeners && u.why.contains("metabase.bin"))
    );
}

#[test]
fn services_of_the_current_control_set_with_a_start_are_services() {
    let snapshot = machine().collect();
    assert_eq!(snapshot.services.len(), services().len());
    for no_service in ["PerfDisk", "OtherSet", "SNMP"] {
        assert!(snapshot.service(no_service).is_none(), "{no_service}");
    }
    let w3svc = service(&snapshot, "W3SVC");
    assert_eq!((w3svc.manager, w3svc.start), (Manager::Scm, Start::Enabled));
    assert_eq!(w3svc.executable.as_deref(), Some(r"C:\WINNT\System32\inetsrv\inetinfo.exe"));
    assert_eq!(w3svc.user.as_deref(), Some("LocalSystem"));
    assert_eq!(w3svc.definition.as_deref(), Some(r"HKLM\SYSTEM\ControlSet001\Services\W3SVC"));
    assert_eq!(w3svc.description.as_deref(), Some("World Wide Web Publishing Service"));
    assert_eq!(service(&snapshot, "TermService").start, Start::Masked);
    assert_eq!(service(&snapshot, "TlntSvr").start, Start::Manual);
    assert_eq!(
        service(&snapshot, "Tcpip").executable.as_deref(),
        Some(r"C:\WINNT\System32\DRIVERS\tcpip.sys")
    );
    assert_eq!(service(&snapshot, "Tcpip").user, None);
    assert_eq!(service(&snapshot, "RpcSs").executable.as_deref(), Some(r"C:\WINNT\system32\rpcss.dll"));
}

#[test]
fn dependencies_lead_both_ways() {
    let snapshot = machine().collect();
    assert_eq!(needs(&snapshot, "W3SVC"), ["IISADMIN"]);
    assert_eq!(needs(&snapshot, "IISADMIN"), ["ProtectedStorage", "RpcSs"], "case means nothing");
    assert_eq!(needed_by(&snapshot, "IISADMIN"), ["MSFTPSVC", "SMTPSVC", "W3SVC"]);
    assert_eq!(needs(&snapshot, "lanmanserver"), ["NetBT", "Tcpip"], "members of the group");
    assert!(
        snapshot.unseen.iter().any(|u| u.subject == Subject::Dependencies && u.what.ends_with("group Empty"))
    );
}

#[test]
fn ways_in_have_places_and_values() {
    let windows = machine().collect().windows.unwrap();
    let value = |topic: &str, name: &str| {
        let setting = windows.setting(topic, name).unwrap_or_else(|| panic!("no setting {topic} {name}"));
        (setting.value.clone(), setting.meaning.clone())
    };
    assert_eq!(
        value("Anonymous access", "RestrictAnonymous").1,
        "accounts and shares can be listed without a name"
    );
    assert_eq!(value("Remote Registry", "permissions").0, "Everyone: full control");
    assert_eq!(value("Remote Registry", "AllowedPaths").0, r"System\CurrentControlSet\Services\Eventlog");
    assert_eq!(value("Indexing Service", "scope"), ("C:".into(), "a whole volume is indexed".into()));
    assert!(windows.settings.iter().any(|s| s.value == r"C:\Secret" && s.meaning.contains("left out")));
    assert_eq!(value("Indexing Service", "IsIndexingW3Svc").0, "1");
    assert_eq!(value("SNMP", "community private").1, "a community that can read and write");
    assert_eq!(value("SNMP", "PermittedManagers").1, "requests of all hosts are taken");
    assert_eq!(value("DCOM", "EnableDCOM").1, "DCOM is on");
    assert_eq!(value("Telnet", "NTLM").1, "NTLM only");
    assert_eq!(windows.firewall, None, "Windows 2000 has none");
    let share = &windows.shares[0];
    assert_eq!((share.name.as_str(), share.path.as_deref()), ("wwwroot", Some(r"C:\Inetpub\wwwroot")));
    assert_eq!(share.access, ["Everyone: full control"]);
}

#[test]
fn doors_are_those_of_services_that_come_up() {
    let snapshot = machine().collect();
    let expected = ["0.0.0.0:135 RpcSs", "0.0.0.0:445 lanmanserver", "192.0.2.10:139 lanmanserver"];
    assert_eq!(doors(&snapshot), expected);
}

#[test]
fn the_same_disk_gives_the_same_snapshot() {
    let made = machine();
    let json = || {
        let mut snapshot = made.collect();
        snapshot.collected_at = 0;
        serde_json::to_string(&snapshot).unwrap()
    };
    assert_eq!(json(), json());
    assert!(json().contains(r#""windows":{"start":2,"type":32,"image_path":"#));
}

#[test]
fn without_software_the_version_is_concluded_and_said_to_be() {
    let made = machine();
    let file = made.path().join("WINNT/System32/config/system");
    let snapshot =
        doorward_windows_files::collect(&doorward_windows_files::Disk::from_files(&[file]).unwrap());
    assert_eq!((snapshot.host.os.as_str(), snapshot.host.version.as_str()), ("Windows 2000 Server", "5.0"));
    assert_eq!(
        service(&snapshot, "Alerter").executable.as_deref(),
        Some(r"%SystemRoot%\System32\services.exe")
    );
    assert!(snapshot.unseen.iter().any(|u| u.subject == Subject::Host && u.why.contains("concluded")));
    assert!(snapshot.unseen.iter().any(|u| u.subject == Subject::Packages));
    assert_eq!(snapshot.windows.unwrap().iis.unwrap().version.as_deref(), Some("5.0"));
}
