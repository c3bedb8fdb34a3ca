//! Applications in what IIS serves, and their settings.
#![allow(missing_docs)]

mod common;

use common::{Made, of, software, system};
use doorward_applications::{Marker, Setting};
use doorward_model::{Snapshot, Subject};
use doorward_windows_files::{Disk, collect_with};

const INETINFO: &str = r"%SystemRoot%\system32\inetsrv\inetinfo.exe";

fn aspnet() -> Marker {
    let setting = |name: &str, pattern: &str| Setting {
        name: name.into(),
        files: vec!["web.config".into()],
        pattern: pattern.into(),
    };
    Marker {
        id: "aspnet".into(),
        files: vec!["web.config".into()],
        settings: vec![
            setting("session-mode", r#"(?i)<sessionState\b[^>]*\bmode\s*=\s*"(\w+)""#),
            setting("smtp-host", r#"(?is)<smtp\b.*?<network\b[^>]*\bhost\s*=\s*"([^"]+)""#),
            setting("connection", r#"connectionString="([^"]*)""#),
        ],
        ..Marker::default()
    }
}

fn agent() -> Marker {
    let files = vec![r"%ProgramFiles%\Agent".into(), r"%ProgramFiles(x86)%\Agent".into()];
    Marker { id: "agent".into(), files, ..Marker::default() }
}

fn config(mode: &str) -> String {
    format!(
        "<configuration><!-- <sessionState mode=\"Old\"/> --><connectionStrings>\
         <add connectionString=\"Server=db;User Id=sa;Password=hunter2\"/></connectionStrings>\
         <system.web><sessionState timeout='20' mode=\"{mode}\"/></system.web></configuration>"
    )
}

/// IIS 10 with these directories behind its sites and virtual ones.
fn iis_10(directories: &[&str]) -> Made {
    let virtual_one = |(number, path): (usize, &&str)| {
        let at = if number == 0 { "/".to_owned() } else { format!("/v{number}") };
        format!(r#"<virtualDirectory path="{at}" physicalPath="{path}"/>"#)
    };
    let all: String = directories.iter().enumerate().map(virtual_one).collect();
    let file = format!(
        r#"<configuration><system.applicationHost><sites>
        <site name="Default" id="1"><application path="/">{all}</application>
        <bindings><binding protocol="http" bindingInformation="*:80:"/></bindings></site>
        <site name="Drop" id="2"><application path="/">
        <virtualDirectory path="/" physicalPath="C:\inetpub\ftproot"/></application>
        <bindings><binding protocol="ftp" bindingInformation="*:21:"/></bindings></site>
        </sites></system.applicationHost></configuration>"#
    );
    let made = Made::new();
    let hive = system(6, "WEB", "ServerNT", &[of("W3SVC", "W3", 2, INETINFO, &[])]);
    made.file("Windows/System32/config/SYSTEM", hive.build());
    let mut hive = software(6, "Windows Server 2022 Standard", "6.3", "20348", r"C:\Windows");
    hive.key(r"Microsoft\Windows\CurrentVersion").string("ProgramFilesDir", r"C:\Program Files");
    made.file("Windows/System32/config/SOFTWARE", hive.build());
    made.file("Windows/System32/inetsrv/config/applicationHost.config", file);
    made
}

fn collected(made: &Made) -> Snapshot {
    collect_with(&Disk::open(made.path()).unwrap(), &[agent(), aspnet()])
}

/// `id | place | evidence | settings`
fn shown(snapshot: &Snapshot) -> Vec<String> {
    let line = |a: &doorward_model::Application| {
        let settings: Vec<String> = a.settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
        format!("{} | {} | {} | {}", a.id, a.place, a.evidence, settings.join(" ")).trim_end().to_owned()
    };
    snapshot.applications.iter().map(line).collect()
}

/// `what: why` of what is not known of applications.
fn unseen(snapshot: &Snapshot) -> Vec<String> {
    let of = snapshot.unseen.iter().filter(|u| u.subject == Subject::Applications);
    of.map(|u| format!("{}: {}", u.what, u.why)).collect()
}

#[test]
fn applications_lie_in_sites_and_virtual_directories() {
    let made = iis_10(&[r"%SystemDrive%\inetpub\wwwroot", r"C:\sites\shop"]);
    made.file("Inetpub/wwwroot/Web.Config", config("StateServer"));
    made.file("sites/shop/web.config", config("InProc"));
    made.file("Inetpub/ftproot/web.config", config("StateServer"));
    made.file("elsewhere/web.config", config("StateServer"));
    made.file("Program Files/Agent/agent.exe", "");
    let snapshot = collected(&made);
    assert_eq!(
        shown(&snapshot),
        [
            r"agent | C:\Program Files\Agent | C:\Program Files\Agent |",
            r"aspnet | C:\Inetpub\wwwroot | C:\Inetpub\wwwroot\Web.Config | session-mode=StateServer",
            r"aspnet | C:\sites\shop | C:\sites\shop\web.config | session-mode=InProc",
        ]
    );
    assert!(unseen(&snapshot).is_empty(), "{:?}", unseen(&snapshot));
    assert!(!serde_json::to_string(&snapshot).unwrap().contains("hunter2"), "no secret is kept");
    assert!(made.collect().applications.is_empty(), "nobody asked");
}

#[test]
fn two_directories_deep_and_no_further() {
    let made = iis_10(&[r"C:\w", r"C:\w\a\b\own"]);
    made.file("w/a/b/web.config", config("StateServer"));
    made.file("w/a/b/views/web.config", "<configuration/>");
    made.file("w/a/b/own/web.config", "<configuration/>");
    made.file("w/x/y/z/web.config", config("StateServer"));
    made.file("w/bin/web.config", config("StateServer"));
    let places: Vec<String> = collected(&made).applications.into_iter().map(|a| a.place).collect();
    assert_eq!(places, [r"C:\w\a\b", r"C:\w\a\b\own"]);
    // A folder of an application is part of it, unless it says something of its own.
    made.file("w/web.config", config("SQLServer"));
    made.file("w/plain/web.config", "<configuration/>");
    made.file("w/other/web.config", config("InProc"));
    let places: Vec<String> = collected(&made).applications.into_iter().map(|a| a.place).collect();
    assert_eq!(places, [r"C:\w", r"C:\w\a\b\own", r"C:\w\other"]);
}

#[test]
fn texts_of_both_widths_are_read() {
    let made = iis_10(&[r"C:\le", r"C:\be", r"C:\utf8"]);
    let text = config("StateServer");
    let wide = |mark: [u8; 2], order: fn(u16) -> [u8; 2]| {
        mark.into_iter().chain(text.encode_utf16().flat_map(order)).collect::<Vec<u8>>()
    };
    made.file("le/web.config", wide([0xff, 0xfe], u16::to_le_bytes));
    made.file("be/web.config", wide([0xfe, 0xff], u16::to_be_bytes));
    made.file("utf8/web.config", format!("\u{feff}{text}"));
    let snapshot = collected(&made);
    let modes = snapshot.applications.iter().filter_map(|a| a.settings.get("session-mode"));
    assert_eq!(modes.collect::<Vec<_>>(), ["StateServer"; 3]);
}

#[test]
fn what_cannot_be_looked_at_is_told() {
    let made = iis_10(&[r"D:\sites\web", r"\\server\share", r"C:\absent", r"C:\w", r"C:\w\..\..\x"]);
    made.file("w/web.config", vec![b' '; (1 << 20) + 1]);
    let snapshot = collected(&made);
    assert_eq!(
        unseen(&snapshot),
        [
            r"applications in C:\absent: a site serves it, but there is no such directory, or a link leads there",
            r"applications in C:\w\..\..\x: its path leads too deep, or upwards",
            r"applications in D:\sites\web: it does not lie on the drive C: that was given",
            r"applications in \\server\share: it lies on another machine",
            r"settings of aspnet in C:\w\web.config: larger than 1048576 bytes",
        ]
    );
    assert_eq!(shown(&snapshot), [r"aspnet | C:\w | C:\w\web.config |"]);
}

#[test]
fn bad_patterns_are_told() {
    let made = iis_10(&[r"C:\w"]);
    made.file("w/web.config", config("InProc"));
    for (pattern, why) in [("(", "its pattern is bad"), ("x", "no group"), ("(a{1000}){1000}", "size limit")]
    {
        let setting = Setting { name: "s".into(), files: vec!["web.config".into()], pattern: pattern.into() };
        let marker = Marker { settings: vec![setting], ..aspnet() };
        let snapshot = collect_with(&Disk::open(made.path()).unwrap(), &[marker]);
        assert!(unseen(&snapshot)[0].contains(why), "{pattern}: {:?}", unseen(&snapshot));
    }
}

/// IIS 5.0 keeps its sites where they are not read.
#[test]
fn the_usual_directory_and_old_virtual_roots_are_known() {
    let made = Made::new();
    let mut hive = system(5, "WEB2000", "ServerNT", &[of("W3SVC", "W3", 2, INETINFO, &[])]);
    hive.key(r"ControlSet001\Services\W3SVC\Parameters\Virtual Roots").string("/shop", r"C:\shop,,5");
    made.file("WINNT/System32/config/SYSTEM", hive.build());
    made.file("WINNT/System32/inetsrv/MetaBase.bin", "");
    made.file("Inetpub/wwwroot/web.config", config("StateServer"));
    made.file("shop/web.config", config("InProc"));
    assert_eq!(
        shown(&collected(&made)),
        [
            r"aspnet | C:\Inetpub\wwwroot | C:\Inetpub\wwwroot\web.config | session-mode=StateServer",
            r"aspnet | C:\shop | C:\shop\web.config | session-mode=InProc",
        ]
    );
}

#[test]
fn sites_of_the_metabase_are_known() {
    let made = Made::new();
    let hive = system(5, "WEB2003", "ServerNT", &[of("W3SVC", "W3", 2, INETINFO, &[])]);
    made.file("WINDOWS/system32/config/SYSTEM", hive.build());
    made.file(
        "WINDOWS/system32/inetsrv/MetaBase.xml",
        r#"<configuration><MBProperty><IIsWebServer Location="/LM/W3SVC/1"/>
        <IIsWebVirtualDir Location="/LM/W3SVC/1/ROOT" Path="c:\web"/>
        <IIsWebVirtualDir Location="/LM/w3svc/1/Root/shop" Path="c:\shop"/>
        <IIsWebVirtualDir Location="/LM/W3SVC/FILTERS" Path="c:\other"/>
        <IIsFtpVirtualDir Location="/LM/MSFTPSVC/1/ROOT" Path="c:\other"/></MBProperty></configuration>"#,
    );
    for dir in ["web", "shop", "other"] {
        made.file(&format!("{dir}/web.config"), config("InProc"));
    }
    let places: Vec<String> = collected(&made).applications.into_iter().map(|a| a.place).collect();
    assert_eq!(places, [r"C:\shop", r"C:\web"]);
}

#[test]
fn without_the_drive_the_sites_are_unseen() {
    let made = iis_10(&[r"C:\w"]);
    made.file("w/web.config", config("StateServer"));
    for path in ["Windows", "Windows/System32/config"] {
        let disk = Disk::open(&made.path().join(path)).unwrap();
        let snapshot = collect_with(&disk, &[aspnet()]);
        assert!(snapshot.applications.is_empty());
        assert_eq!(
            unseen(&snapshot),
            ["applications in the sites of IIS: the drive that its sites lie on was not given"],
            "{path}"
        );
    }
}

#[cfg(unix)]
#[test]
#[allow(clippy::disallowed_methods, reason = "a test makes what it looks at")]
fn links_are_not_followed() {
    let outside = Made::new();
    outside.file("web.config", config("StateServer"));
    let made = iis_10(&[r"C:\linked", r"C:\w"]);
    made.file("w/x", "");
    std::os::unix::fs::symlink(outside.path(), made.path().join("linked")).unwrap();
    std::os::unix::fs::symlink(outside.path(), made.path().join("w/linked")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("web.config"), made.path().join("w/web.config")).unwrap();
    let snapshot = collected(&made);
    assert!(snapshot.applications.is_empty(), "{:?}", shown(&snapshot));
    assert!(unseen(&snapshot)[0].contains("a link leads there"));
}
