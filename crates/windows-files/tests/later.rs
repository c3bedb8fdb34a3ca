//! Synthetic machines of later versions: Windows Server 2003 with IIS 6.0, Windows Server 2022 with IIS 10.
#![allow(missing_docs)]

mod common;

use common::{Made, Of, doors, of, service, software, system};
use doorward_hive::Kind;
use doorward_model::{IisSiteKind, Start, Subject};

const SVCHOST: &str = r"%SystemRoot%\System32\svchost.exe -k netsvcs";
const INETINFO: &str = r"%SystemRoot%\system32\inetsrv\inetinfo.exe";

const METABASE: &str = r#"<?xml version="1.0"?>
<configuration xmlns="urn:microsoft-catalog:XML_Metabase_V64_0"><MBProperty>
<IIsWebService Location="/LM/W3SVC" AuthFlags="AuthNTLM" AccessFlags="AccessRead | AccessScript"/>
<IIsWebServer Location="/LM/W3SVC/1" ServerBindings=":80:
	192.0.2.3:8080:intern" SecureBindings=":443:" ServerComment="Default &amp; only" ServerAutoStart="TRUE"/>
<IIsWebVirtualDir Location="/LM/W3SVC/1/ROOT" AuthFlags="AuthAnonymous | AuthNTLM" Path="c:\inetpub\wwwroot" IPSecurity="0x18000080"/>
<IIsWebDirectory Location="/LM/W3SVC/1/ROOT/upload" AccessFlags="AccessRead | AccessWrite"/>
<IIsWebServer Location="/LM/W3SVC/10" ServerBindings=":81:" ServerComment="Off" ServerAutoStart="FALSE"/>
<IIsFtpServer Location="/LM/MSFTPSVC/1" ServerBindings=":21:" AllowAnonymous="TRUE" ServerComment="Drop"/>
<IIsFtpVirtualDir Location="/LM/MSFTPSVC/1/ROOT" AccessFlags="AccessRead | AccessWrite" Path="c:\inetpub\ftproot"/>
<IIsFtpVirtualDir Location="/LM/MSFTPSVC/1/ROOT/in" IPSecurity="18000080340000803c00008044000080010000004c0000000100000001000000020000000200000004000000000000004c000080000000000000000000000000000000000000000000000000ffffff00c0000200"/>
<IIsSmtpServer Location="/LM/SmtpSvc/1" ServerBindings=":25:" ServerComment="Mail" RelayIpList="0x18000080200000803c00008044000080010000004c00000000000000000000000100000001000000020000000200000004000000000000004c00008000000000000000000000000000000000ffffffff7f000001"/>
</MBProperty></configuration>"#;

fn server_2003() -> Made {
    let made = Made::new();
    let services = [
        of("HTTP", "HTTP", 3, r"system32\drivers\http.sys", &[]),
        of("HTTPFilter", "HTTP SSL", 3, r"%SystemRoot%\System32\lsass.exe", &["HTTP", "IISADMIN"]),
        of("IISADMIN", "IIS Admin Service", 2, INETINFO, &["RpcSs", "SamSs"]),
        of("MSFTPSVC", "FTP Publishing Service", 4, INETINFO, &["IISADMIN"]),
        of("RpcSs", "Remote Procedure Call (RPC)", 2, r"%SystemRoot%\system32\svchost.exe -k rpcss", &[]),
        of("SamSs", "Security Accounts Manager", 2, r"%SystemRoot%\system32\lsass.exe", &[]),
        of("SharedAccess", "Windows Firewall/Internet Connection Sharing (ICS)", 2, SVCHOST, &[]),
        of("SMTPSVC", "Simple Mail Transfer Protocol (SMTP)", 2, INETINFO, &["IISADMIN"]),
        of(
            "TermService",
            "Terminal Services",
            3,
            r"%SystemRoot%\System32\svchost.exe -k termsvcs",
            &["RpcSs"],
        ),
        of(
            "W3SVC",
            "World Wide Web Publishing Service",
            2,
            r"%SystemRoot%\System32\svchost.exe -k iissvcs",
            &["RpcSs", "HTTPFilter", "IISADMIN"],
        ),
    ];
    let mut hive = system(5, "WEB2003", "ServerNT", &services);
    hive.key(r"ControlSet001\Control\Terminal Server").u32("fDenyTSConnections", 0);
    hive.key(r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp")
        .u32("PortNumber", 3390)
        .u32("fEnableWinStation", 1);
    let profile = r"ControlSet001\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile";
    hive.key(profile).u32("EnableFirewall", 1).u32("DoNotAllowExceptions", 0);
    hive.key(&format!(r"{profile}\GloballyOpenPorts\List"))
        .string("3390:TCP", "3390:TCP:192.0.2.0/255.255.255.0:Enabled:RDP")
        .string("bad", "nonsense");
    made.file("windows/SYSTEM32/Config/SYSTEM", hive.build());
    let mut hive =
        software(5, "Microsoft(R) Windows(R) Server 2003, Standard Edition", "5.2", "3790", r"C:\WINDOWS");
    hive.key(r"Microsoft\Windows NT\CurrentVersion\Svchost")
        .strings("iissvcs", &["w3svc"])
        .strings("rpcss", &["RpcSs"]);
    made.file("windows/SYSTEM32/Config/software", hive.build());
    made.file("windows/SYSTEM32/inetsrv/Metabase.XML", METABASE);
    made
}

#[test]
fn iis_6_has_its_sites_in_the_metabase() {
    let snapshot = server_2003().collect();
    assert_eq!(
        (snapshot.host.os.as_str(), snapshot.host.version.as_str()),
        ("Windows Server 2003, Standard Edition", "5.2")
    );
    let windows = snapshot.windows.as_ref().unwrap();
    let iis = windows.iis.as_ref().unwrap();
    assert_eq!((iis.version.as_deref(), iis.complete, iis.sites.len()), (Some("6.0"), true, 4));
    let site = |kind, id: &str| iis.sites.iter().find(|s| s.kind == kind && s.id == id).unwrap();
    let web = site(IisSiteKind::Web, "1");
    assert_eq!((web.name.as_str(), web.anonymous, web.starts), ("Default & only", Some(true), true));
    assert_eq!(web.root.as_deref(), Some(r"c:\inetpub\wwwroot"));
    assert_eq!(web.writable, ["/ROOT/UPLOAD: AccessWrite"]);
    assert_eq!(
        web.restrictions,
        ["/ROOT: addresses are restricted (IPSecurity, 10 characters, not decoded)"]
    );
    assert_eq!(web.bindings[1].address, "192.0.2.3", "{:?}", web.bindings);
    let off = site(IisSiteKind::Web, "10");
    assert_eq!((off.starts, off.anonymous, off.writable.len()), (false, Some(false), 0), "NTLM is inherited");
    let ftp = site(IisSiteKind::Ftp, "1");
    assert_eq!(
        (ftp.anonymous, ftp.writable.as_slice()),
        (Some(true), &["/ROOT: AccessWrite".to_owned()][..])
    );
    assert_eq!(ftp.restrictions, ["/ROOT/IN: allow all but 192.0.2.0/255.255.255.0"]);
    assert_eq!(site(IisSiteKind::Smtp, "1").restrictions, ["/: relay only for 127.0.0.1"]);
    let expected = [
        "0.0.0.0:25 SMTPSVC",
        "0.0.0.0:80 W3SVC",
        "0.0.0.0:135 RpcSs",
        "0.0.0.0:443 W3SVC",
        "0.0.0.0:3390 TermService",
        "192.0.2.3:8080 W3SVC",
    ];
    assert_eq!(doors(&snapshot), expected, "the FTP service is disabled");
}

#[test]
fn groups_of_svchost_and_exceptions_of_the_firewall() {
    let snapshot = server_2003().collect();
    let listed = |name: &str| service(&snapshot, name).windows.as_ref().unwrap().svchost_listed;
    assert_eq!(
        (listed("W3SVC"), listed("SharedAccess"), listed("IISADMIN")),
        (Some(true), Some(false), None)
    );
    let firewall = snapshot.windows.as_ref().unwrap().firewall.as_ref().unwrap();
    assert_eq!((firewall.profiles[0].enabled, firewall.profiles[0].no_exceptions), (Some(true), Some(false)));
    let rule = &firewall.rules[0];
    assert_eq!(
        (rule.local_ports[0].as_str(), rule.remote_addresses[0].as_str()),
        ("3390", "192.0.2.0/255.255.255.0")
    );
    assert!(snapshot.unseen.iter().any(|u| u.subject == Subject::Filter && u.what.ends_with(r"List\bad")));
}

const APPLICATION_HOST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<configuration>
<system.applicationHost><sites>
  <site name="Default Web Site" id="1" serverAutoStart="true">
    <application path="/"><virtualDirectory path="/" physicalPath="%SystemDrive%\inetpub\wwwroot"/></application>
    <bindings>
      <binding protocol="http" bindingInformation="*:80:"/>
      <binding protocol="https" bindingInformation="192.0.2.9:443:www.example.org" sslFlags="1"/>
      <binding protocol="net.tcp" bindingInformation="808:*"/>
    </bindings>
  </site>
  <site name="Drop" id="2">
    <application path="/"><virtualDirectory path="/" physicalPath="D:\drop"/></application>
    <bindings><binding protocol="ftp" bindingInformation="*:21:"/></bindings>
    <ftpServer><security><authentication><anonymousAuthentication enabled="true"/></authentication></security></ftpServer>
  </site>
  <siteDefaults/>
</sites></system.applicationHost>
<system.webServer><security>
  <authentication><anonymousAuthentication enabled="true" userName="IUSR"/></authentication>
  <ipSecurity allowUnlisted="true"/>
</security></system.webServer>
<location path="Default Web Site/admin"><system.webServer><security>
  <ipSecurity allowUnlisted="false"><add ipAddress="192.0.2.0" subnetMask="255.255.255.0" allowed="true"/></ipSecurity>
</security></system.webServer></location>
<location path="Default Web Site"><system.webServer><webdav>
  <authoring enabled="true"/><authoringRules><add users="*" path="*" access="Read, Write"/></authoringRules>
</webdav></system.webServer></location>
<location path="Drop"><system.ftpServer><security><authorization>
  <add accessType="Allow" users="?" permissions="Read, Write"/>
</authorization></security></system.ftpServer></location>
</configuration>"#;

fn server_2022() -> Made {
    let made = Made::new();
    let driver = |name, image| Of { kind: 1, ..of(name, name, 3, image, &[]) };
    let services = [
        of(
            "AppHostSvc",
            "@%windir%\\system32\\inetsrv\\iisres.dll,-30011",
            2,
            r"%windir%\system32\svchost.exe -k apphost",
            &[],
        ),
        of("BFE", "Base Filtering Engine", 2, SVCHOST, &["RpcSs"]),
        Of { kind: 0x60, ..of("CDPUserSvc", "Connected Devices", 2, SVCHOST, &[]) },
        Of { kind: 0xe0, ..of("CDPUserSvc_1a2b", "Connected Devices", 2, SVCHOST, &[]) },
        of("FTPSVC", "Microsoft FTP Service", 2, r"%windir%\system32\svchost.exe -k ftpsvc", &["RPCSS"]),
        driver("HTTP", r"system32\drivers\HTTP.sys"),
        of(
            "MSSQL$WEB",
            "SQL Server (WEB)",
            2,
            r#""C:\Program Files\Microsoft SQL Server\MSSQL16.WEB\MSSQL\Binn\sqlservr.exe" -sWEB"#,
            &[],
        ),
        of("NetTcpActivator", "Net.Tcp Listener Adapter", 4, SVCHOST, &[]),
        of("RpcEptMapper", "RPC Endpoint Mapper", 2, r"%SystemRoot%\system32\svchost.exe -k RPCSS -p", &[]),
        of(
            "RpcSs",
            "Remote Procedure Call (RPC)",
            2,
            r"%SystemRoot%\system32\svchost.exe -k rpcss -p",
            &["RpcEptMapper"],
        ),
        of(
            "W3SVC",
            "World Wide Web Publishing Service",
            2,
            r"%windir%\system32\svchost.exe -k iissvcs",
            &["WAS", "HTTP"],
        ),
        of(
            "WAS",
            "Windows Process Activation Service",
            3,
            r"%windir%\system32\svchost.exe -k iissvcs",
            &["RPCSS"],
        ),
        of("WinRM", "Windows Remote Management", 2, SVCHOST, &["RPCSS", "HTTP"]),
    ];
    let mut hive = system(5, "WEB2022", "ServerNT", &services);
    hive.key(r"ControlSet001\Services\W3SVC").u32("DelayedAutostart", 1);
    hive.key(r"ControlSet001\Services\WAS\TriggerInfo\0").u32("Action", 1).u32("Type", 20);
    hive.key(r"ControlSet001\Services\WAS\TriggerInfo\1").u32("Action", 2);
    let actions: Vec<u8> =
        [86_400u32, 0, 0, 2, 20, 1, 5000, 2, 60_000].iter().flat_map(|n| n.to_le_bytes()).collect();
    hive.key(r"ControlSet001\Services\WinRM").value("FailureActions", Kind::Binary, &actions);
    let policy = r"ControlSet001\Services\SharedAccess\Parameters\FirewallPolicy";
    hive.key(&format!(r"{policy}\PublicProfile")).u32("EnableFirewall", 0);
    hive.key(&format!(r"{policy}\FirewallRules"))
        .string("IIS-HTTP", "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|App=System|Name=@x|")
        .string("broken", "v2.31|Action=Allow|");
    made.file("Windows/System32/config/SYSTEM", hive.build());
    let mut hive = software(5, "Windows Server 2022 Standard", "6.3", "20348", r"C:\Windows");
    hive.key(r"Microsoft\Windows NT\CurrentVersion")
        .u32("CurrentMajorVersionNumber", 10)
        .u32("CurrentMinorVersionNumber", 0)
        .u32("UBR", 587)
        .string("EditionID", "ServerStandard")
        .string("InstallationType", "Server");
    hive.key(r"Microsoft\InetStp").u32("MajorVersion", 10).u32("MinorVersion", 0);
    hive.key(r"Microsoft\InetStp\Components").u32("W3SVC", 1).u32("FTPServer", 1).u32("ASP", 0);
    let packages = r"Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";
    hive.key(&format!(r"{packages}\Package_for_KB5011497~31bf3856ad364e35~amd64~~20348.580.1.1"))
        .u32("CurrentState", 112);
    hive.key(&format!(r"{packages}\Package_for_KB5000001~31bf3856ad364e35~amd64~~1.0"))
        .u32("CurrentState", 80);
    hive.key(&format!(r"{packages}\Package_for_RollupFix~31bf3856ad364e35~amd64~~20348.587.1.7"))
        .u32("CurrentState", 112);
    hive.key(r"Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\SQL")
        .string("DisplayName", "Microsoft SQL Server 2022")
        .string("DisplayVersion", "16.0")
        .string("Publisher", "Microsoft Corporation")
        .string("InstallLocation", r"C:\Program Files\Microsoft SQL Server\");
    let sql = r"Microsoft\Microsoft SQL Server";
    hive.key(&format!(r"{sql}\Instance Names\SQL")).string("WEB", "MSSQL16.WEB");
    hive.key(&format!(r"{sql}\MSSQL16.WEB\MSSQLServer\SuperSocketNetLib\Tcp")).u32("Enabled", 1);
    hive.key(&format!(r"{sql}\MSSQL16.WEB\MSSQLServer\SuperSocketNetLib\Tcp\IPAll"))
        .string("TcpPort", "")
        .string("TcpDynamicPorts", "49733");
    hive.key(r"Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTP")
        .u32("Port", 5985)
        .string("uriprefix", "wsman");
    made.file("Windows/System32/config/SOFTWARE", hive.build());
    made.file("Windows/System32/inetsrv/config/applicationHost.config", APPLICATION_HOST);
    made
}

#[test]
fn iis_10_has_its_sites_in_its_configuration() {
    let snapshot = server_2022().collect();
    assert_eq!(snapshot.host.version, "10.0.20348");
    let windows = snapshot.windows.as_ref().unwrap();
    assert_eq!((windows.edition.as_deref(), windows.revision), (Some("ServerStandard"), Some(587)));
    let iis = windows.iis.as_ref().unwrap();
    assert_eq!((iis.version.as_deref(), iis.complete), (Some("10.0"), true));
    assert_eq!(iis.components, ["FTPServer", "W3SVC"]);
    let [web, ftp] = &iis.sites[..] else { panic!("{:?}", iis.sites) };
    assert_eq!((web.kind, web.anonymous, web.bindings.len()), (IisSiteKind::Web, Some(true), 3));
    assert_eq!(web.restrictions, ["/admin: deny all but 192.0.2.0/255.255.255.0"]);
    assert_eq!(web.writable, ["/: WebDAV, users *"]);
    assert_eq!((ftp.kind, ftp.anonymous), (IisSiteKind::Ftp, Some(true)));
    assert_eq!(ftp.writable, ["/: FTP, users ?"]);
    let expected = [
        "0.0.0.0:21 FTPSVC",
        "0.0.0.0:80 W3SVC",
        "0.0.0.0:135 RpcEptMapper",
        "0.0.0.0:49733 MSSQL$WEB",
        "192.0.2.9:443 W3SVC",
        ":::5985 WinRM",
    ];
    assert_eq!(doors(&snapshot), expected, "the adapter of net.tcp is disabled");
}

#[test]
fn services_carry_what_is_special_to_them() {
    let snapshot = server_2022().collect();
    let windows = |name: &str| service(&snapshot, name).windows.clone().unwrap();
    assert!(windows("W3SVC").delayed && !windows("WinRM").delayed);
    assert_eq!((windows("WAS").triggers, service(&snapshot, "WAS").start), (1, Start::Manual));
    assert_eq!(
        windows("WinRM").failure_actions.as_deref(),
        Some("restart after 5 s, reboot after 60 s; counted anew after 86400 s")
    );
    assert!(windows("CDPUserSvc").is_user_template() && !windows("CDPUserSvc").is_user_instance());
    assert!(windows("CDPUserSvc_1a2b").is_user_instance() && windows("HTTP").is_driver());
    assert_eq!(windows("W3SVC").svchost_group.as_deref(), Some("iissvcs"));
    assert_eq!(service(&snapshot, "MSSQL$WEB").package.as_deref(), Some("Microsoft SQL Server 2022"));
    let firewall = snapshot.windows.as_ref().unwrap().firewall.as_ref().unwrap();
    assert_eq!(
        (firewall.rules.len(), firewall.complete, firewall.profiles[0].enabled),
        (1, false, Some(false))
    );
    let fixes: Vec<&str> =
        snapshot.windows.as_ref().unwrap().hotfixes.iter().map(|h| h.id.as_str()).collect();
    assert_eq!(fixes, ["KB5011497", "RollupFix 20348.587.1.7"]);
}
