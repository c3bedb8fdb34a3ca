//! A web server's hives, with a little of each thing that is looked at.

use doorward_hive::Kind;
use doorward_hive::testing::HiveBuilder;

use super::{descriptor, policies, sid};

const SET: &str = "ControlSet001";

/// A SYSTEM of Windows Server 2003 and later.
pub(super) fn system(minor: u32) -> HiveBuilder {
    let mut hive = HiveBuilder::new(minor).named("SYSTEM");
    hive.key("Select").u32("Current", 1).u32("Default", 1);
    hive.key(&format!(r"{SET}\Control\ProductOptions"))
        .string("ProductType", "ServerNT")
        .strings("ProductSuite", &["Enterprise"]);
    hive.key(&format!(r"{SET}\Control\ComputerName\ComputerName")).string("ComputerName", "WEB");
    hive.key(&format!(r"{SET}\Control\Session Manager\Environment"))
        .expand_string("a", r"%SystemRoot%\b")
        .expand_string("b", "%a%%a%%a%%a%%a%%a%%a%%a%")
        .string("PROCESSOR_ARCHITECTURE", "AMD64");
    hive.key(&format!(r"{SET}\Control\ServiceGroupOrder")).strings("List", &["Base", "TDI"]);
    services(&mut hive);
    network(&mut hive);
    firewall(&mut hive);
    access(&mut hive);
    hive
}

fn services(hive: &mut HiveBuilder) {
    let all = [
        ("RpcSs", 2, 0x20, r"%SystemRoot%\system32\svchost.exe -k rpcss"),
        ("HTTP", 3, 1, r"system32\drivers\http.sys"),
        ("W3SVC", 2, 0x20, r"%SystemRoot%\System32\svchost.exe -k iissvcs"),
        ("MSSQL$WEB", 2, 0x10, r#""C:\Program Files\SQL\sqlservr.exe" -sWEB"#),
        ("NetBT", 1, 1, r"\SystemRoot\System32\DRIVERS\netbt.sys"),
        ("LanmanServer", 2, 0x20, r"\??\C:\a b\c.exe"),
        ("TermService", 3, 0x20, ""),
        ("WinRM", 2, 0x20, r"svchost -k netsvcs"),
        ("SNMP", 4, 0x10, "snmp.exe x"),
    ];
    for (name, start, kind, image) in all {
        let key = hive.key(&format!(r"{SET}\Services\{name}"));
        key.u32("Start", start)
            .u32("Type", kind)
            .expand_string("ImagePath", image)
            .string("DisplayName", name);
    }
    hive.key(&format!(r"{SET}\Services\W3SVC"))
        .strings("DependOnService", &["RpcSs", "+TDI", "HTTP"])
        .strings("DependOnGroup", &["TDI"])
        .string("ObjectName", "LocalSystem")
        .string("Description", "@%windir%\\x.dll,-1")
        .string("FailureCommand", "c:\\page.cmd")
        .u32("DelayedAutostart", 1)
        .value(
            "FailureActions",
            Kind::Binary,
            &[86_400u32, 0, 0, 2, 0x14, 1, 60_000, 3, 0].map(u32::to_le_bytes).concat(),
        );
    hive.key(&format!(r"{SET}\Services\W3SVC\Parameters")).expand_string("ServiceDll", r"%windir%\w3.dll");
    hive.key(&format!(r"{SET}\Services\W3SVC\TriggerInfo\0")).u32("Action", 1);
    hive.key(&format!(r"{SET}\Services\NetBT")).string("Group", "TDI");
    hive.key(&format!(r"{SET}\Services\W3SVC\Parameters\Virtual Roots"))
        .string("/", r"C:\InetPub\wwwroot,,1");
}

fn network(hive: &mut HiveBuilder) {
    let class = r"Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}";
    hive.key(&format!(r"{SET}\Services\Tcpip\Parameters")).string("NameServer", "192.0.2.53,2001:db8::53");
    hive.key(&format!(r"{SET}\Services\Tcpip\Parameters\Interfaces\{{A}}"))
        .strings("IPAddress", &["192.0.2.7", "192.0.2.8"])
        .strings("SubnetMask", &["255.255.255.0"])
        .string("DhcpNameServer", "192.0.2.54");
    let store = r"Control\Nsi\{eb004a01-9b1a-11d4-9123-0050047759bc}\10";
    let (name, mut data) = ("000000090000060020010db8000000000000000000000001", [0; 20]);
    data[16] = 64;
    hive.key(&format!(r"{SET}\{store}")).value(name, Kind::Binary, &data);
    hive.key(&format!(r"{SET}\Control\Class\{{4D36E972-E325-11CE-BFC1-08002BE10318}}\0001"))
        .u32("NetLuidIndex", 9)
        .u32("*IfType", 6)
        .string("NetCfgInstanceId", "{A}");
    hive.key(&format!(r"{SET}\{class}\{{A}}\Connection")).string("Name", "LAN");
    hive.key(&format!(r"{SET}\Services\NetBT\Parameters\Interfaces\Tcpip_{{A}}")).u32("NetbiosOptions", 2);
}

fn firewall(hive: &mut HiveBuilder) {
    let policy = format!(r"{SET}\Services\SharedAccess\Parameters\FirewallPolicy");
    hive.key(&format!(r"{policy}\StandardProfile")).u32("EnableFirewall", 1).u32("DoNotAllowExceptions", 0);
    hive.key(&format!(r"{policy}\StandardProfile\GloballyOpenPorts\List"))
        .string("80:TCP", "80:TCP:192.0.2.0/255.255.255.0:Enabled:Web");
    hive.key(&format!(r"{policy}\StandardProfile\AuthorizedApplications\List"))
        .string("x", r"%windir%\x.exe:*:Enabled:X");
    hive.key(&format!(r"{policy}\FirewallRules"))
        .string(
            "In",
            r"v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|App=%windir%\x.exe|Svc=w3svc|",
        )
        .string("Out", "v2.30|Action=Block|Active=FALSE|Dir=Out|Profile=Public|RA4=LocalSubnet|");
}

fn access(hive: &mut HiveBuilder) {
    let rights = descriptor(&[(0, 0, 0x2_0019, &sid(1, &[0])), (1, 0, 1, &sid(5, &[32, 544]))]);
    let shares = format!(r"{SET}\Services\LanmanServer\Shares");
    hive.key(&shares).strings("Data", &[r"Path=C:\data", "Type=0", "MaxUses=5"]);
    hive.key(&format!(r"{shares}\Security")).value("Data", Kind::Binary, &rights);
    hive.key(&format!(r"{SET}\Services\LanmanServer\Parameters"))
        .u32("AutoShareServer", 1)
        .strings("NullSessionPipes", &["browser", "spoolss"]);
    hive.key(&format!(r"{SET}\Control\Lsa")).u32("RestrictAnonymous", 0);
    hive.key(&format!(r"{SET}\Control\SecurePipeServers\winreg")).security(&rights);
    hive.key(&format!(r"{SET}\Control\SecurePipeServers\winreg\AllowedPaths"))
        .strings("Machine", &[r"System\Control"]);
    hive.key(&format!(r"{SET}\Control\Terminal Server")).u32("fDenyTSConnections", 0);
    hive.key(&format!(r"{SET}\Control\Terminal Server\WinStations\RDP-Tcp")).u32("PortNumber", 3389).value(
        "Security",
        Kind::Binary,
        &rights,
    );
    hive.key(&format!(r"{SET}\Control\ContentIndex\Catalogs\Web"))
        .string("Location", "C:\\c")
        .u32("IsIndexingW3Svc", 1);
    hive.key(&format!(r"{SET}\Control\ContentIndex\Catalogs\Web\Scopes")).string(r"C:\docs\", ",,5");
    hive.key(&format!(r"{SET}\Services\SNMP\Parameters\ValidCommunities"))
        .u32("public", 4)
        .string("1", "private");
    hive.key(&format!(r"{SET}\Services\SNMP\Parameters\PermittedManagers")).string("1", "192.0.2.1");
}

/// A SYSTEM of Windows NT 4.0 or 2000.
pub(super) fn old_system() -> HiveBuilder {
    let mut hive = HiveBuilder::new(3).named("SYSTEM");
    hive.key("Select").u32("Current", 1);
    for name in ["RPCSS", "Dnscache", "MSFTPSVC", "IISADMIN", "TlntSvr"] {
        hive.key(&format!(r"{SET}\Services\{name}")).u32("Start", 2).u32("Type", 0x20);
    }
    hive.key(&format!(r"{SET}\Services\El90x\Parameters\Tcpip"))
        .u32("EnableDHCP", 1)
        .strings("DhcpIPAddress", &["192.0.2.9"]);
    hive.key(&format!(r"{SET}\Control\Windows")).u32("CSDVersion", 0x400);
    hive
}

/// A SOFTWARE with programs, updates, policies.
pub(super) fn software(minor: u32) -> HiveBuilder {
    let mut hive = HiveBuilder::new(minor).named("SOFTWARE");
    hive.key(r"Microsoft\Windows NT\CurrentVersion")
        .string("ProductName", "Microsoft(R) Windows Server 2022 Standard")
        .string("CurrentVersion", "6.3")
        .string("CurrentBuildNumber", "20348")
        .string("InstallationType", "Server")
        .string("SystemRoot", r"C:\Windows")
        .u32("CurrentMajorVersionNumber", 10)
        .u32("UBR", 587);
    hive.key(r"Microsoft\Windows NT\CurrentVersion\Svchost").strings("iissvcs", &["w3svc", "was"]);
    hive.key(r"Microsoft\Windows NT\CurrentVersion\HotFix\KB958644").u32("Installed", 1);
    hive.key(r"Microsoft\Updates\Windows\SP3\KB958645");
    hive.key(r"Microsoft\InetStp").u32("MajorVersion", 10).u32("MinorVersion", 0);
    hive.key(r"Microsoft\InetStp\Components").u32("W3SVC", 1);
    let current = r"Microsoft\Windows\CurrentVersion";
    hive.key(current).string("ProgramFilesDir", r"C:\Program Files");
    hive.key(&format!(r"{current}\Uninstall\SQL"))
        .string("DisplayName", "SQL Server")
        .string("DisplayVersion", "16.0")
        .string("InstallLocation", r"C:\Program Files\SQL\");
    hive.key(&format!(
        r"{current}\Component Based Servicing\Packages\Package_for_KB4012212~31~amd64~~6.1.1.0"
    ))
    .u32("CurrentState", 112);
    hive.key(&format!(r"{current}\WSMAN\Listener\*+HTTP")).u32("Port", 5985);
    let sql = r"Microsoft\Microsoft SQL Server";
    hive.key(&format!(r"{sql}\Instance Names\SQL")).string("WEB", "MSSQL16.WEB");
    hive.key(&format!(r"{sql}\MSSQL16.WEB\MSSQLServer\SuperSocketNetLib\Tcp\IPAll"))
        .string("TcpPort", "1433, 1434");
    let rights = descriptor(&[(0, 0, 0x1f, &sid(5, &[11]))]);
    hive.key(r"Microsoft\OLE").value("DefaultLaunchPermission", Kind::Binary, &rights);
    hive.key(r"Policies\Microsoft\WindowsFirewall\PublicProfile").u32("EnableFirewall", 0);
    policies::ipsec(&mut hive);
    hive
}

/// A SAM with groups and users.
pub(super) fn sam(minor: u32) -> HiveBuilder {
    let mut hive = HiveBuilder::new(minor).named("SAM");
    let members = [sid(5, &[21, 1, 2, 3, 1001]), sid(5, &[18])];
    let mut record = vec![0; 0x34];
    record[0x30] = 2;
    record.extend(members.concat());
    hive.key(r"SAM\Domains\Builtin\Aliases\00000220").value("C", Kind::Binary, &record);
    hive.key(r"SAM\Domains\Account\Aliases\000003E9").value("C", Kind::Binary, &record);
    hive.key(r"SAM\Domains\Account\Aliases\Names\TelnetClients").value("", Kind::Other(0x3e9), &[]);
    hive.key(r"SAM\Domains\Account\Users\Names\alice").value("", Kind::Other(1001), &[]);
    let machine = [&[0; 64][..], &sid(5, &policies::MACHINE)].concat();
    hive.key(r"SAM\Domains\Account").value("V", Kind::Binary, &machine);
    hive.key(r"SAM\Domains\Account\Users\000003E9").value("V", Kind::Binary, &policies::account());
    hive.key(r"SAM\Domains\Account\Users\000001F5").value("F", Kind::Binary, &[0; 0x50]);
    hive
}
