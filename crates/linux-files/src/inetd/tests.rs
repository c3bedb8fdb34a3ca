use proptest::prelude::*;

use super::*;
use crate::fixture::Made;

fn host(conf: &str, daemon: Option<&str>) -> Facts<SuperServerFacts> {
    let services = "telnet 23/tcp\ndiscard 9/tcp\ndiscard 9/udp\nchargen 19/tcp\nftp 21/tcp\n";
    let made = Made::new().file("etc/inetd.conf", conf).file("etc/services", services);
    let made = if let Some(daemon) = daemon { made.file(daemon, "") } else { made };
    collect(&made.tree())
}

fn doors(facts: &Facts<SuperServerFacts>) -> Vec<String> {
    let show = |l: &Listener| {
        let only = l.v6only.map_or("", |only| if only { " v6only" } else { " dual" });
        format!("{} {} {}{only}", l.protocol.as_str(), l.address.unwrap(), l.port.unwrap())
    };
    facts.value.listeners.iter().map(show).collect()
}

/// The same lines as were given to both daemons in a Debian 12 host, with the sockets that they opened there.
const TRIED: &str = "discard stream tcp nowait root internal
telnet stream tcp6 nowait root internal
discard dgram udp wait root internal
127.0.0.1:chargen stream tcp nowait root internal
127.0.0.3,127.0.0.4:7777 stream tcp nowait root /bin/true true
9999 stream tcp4 nowait root /bin/cat cat
localhost:9998 stream tcp nowait.5 root:root /bin/cat cat
127.0.0.9:
9997 stream tcp nowait root /bin/cat cat
";

#[test]
fn inetutils_opens_ipv4_unless_told() {
    let facts = host(TRIED, Some("usr/sbin/inetutils-inetd"));
    assert_eq!(
        doors(&facts),
        [
            "tcp 0.0.0.0 9",
            "tcp 0.0.0.0 9999",
            "tcp 127.0.0.1 19",
            "tcp 127.0.0.1 9998",
            "tcp 127.0.0.3 7777",
            "tcp 127.0.0.4 7777",
            "tcp 127.0.0.9 9997",
            "tcp :: 23 dual",
            "udp 0.0.0.0 9"
        ]
    );
    assert_eq!(facts.unseen, []);
}

#[test]
fn openbsd_opens_both_families_apart() {
    let facts = host(TRIED, Some("usr/sbin/inetd"));
    let doors = doors(&facts);
    for door in ["tcp 0.0.0.0 9", "tcp :: 9 v6only", "tcp :: 23 v6only", "tcp 127.0.0.1 9998", "tcp ::1 9998"]
    {
        assert!(doors.iter().any(|d| d == door), "{door} of {doors:?}");
    }
}

#[test]
fn wrapped_and_disabled_entries() {
    let conf = "#<off># telnet\tstream\ttcp\tnowait\troot\t/usr/sbin/tcpd\t/usr/sbin/telnetd\n\
                ftp stream tcp nowait ftp.ftp /usr/sbin/tcpd in.ftpd -l\n# prose, not an entry\n";
    let facts = host(conf, None);
    let [ftp, telnet] = &facts.value.services[..] else { panic!("{facts:?}") };
    assert_eq!(
        (ftp.name.as_str(), ftp.start, ftp.user.as_deref()),
        ("inetd:ftp", Start::Enabled, Some("ftp"))
    );
    assert_eq!(ftp.executable.as_deref(), Some("/usr/sbin/in.ftpd"));
    assert_eq!((telnet.name.as_str(), telnet.start), ("inetd:telnet", Start::Disabled));
    assert_eq!(telnet.executable.as_deref(), Some("/usr/sbin/telnetd"));
    assert_eq!(facts.value.listeners.iter().filter(|l| l.port == Some(23)).count(), 0);
}

#[test]
fn what_makes_no_sense_is_named_and_the_rest_kept() {
    let conf = "telnet stream tcp\nnowhere stream tcp nowait root /bin/x\nexample.org:ftp stream tcp nowait root /bin/x\n\
                mountd/1-3 dgram rpc/udp wait root /bin/y\nftp stream tcp nowait root /bin/z\n";
    let facts = host(conf, Some("usr/sbin/inetutils-inetd"));
    let whats: Vec<&str> = facts.unseen.iter().map(|u| u.what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "/etc/inetd.conf:1",
            "listener of inetd:nowhere (/etc/inetd.conf:2)",
            "listener of inetd:ftp (/etc/inetd.conf:3)",
            "listener of inetd:mountd/1-3 (/etc/inetd.conf:4)"
        ]
    );
    assert_eq!(doors(&facts), ["tcp 0.0.0.0 21"]);
}

proptest! {
    #[test]
    fn any_text(text in "([a-z0-9.:,*\\[\\]]{0,9}[ \t]|(tcp|udp)(46|6)? |#<off># |\n|.){0,60}") {
        for entry in parse(&text, "f", &mut Vec::new()) {
            for dialect in [Dialect::Bsd, Dialect::Inetutils] {
                entry.listeners(dialect, &ServiceNames::default(), &mut Vec::new(), &mut Vec::new());
            }
        }
    }
}
