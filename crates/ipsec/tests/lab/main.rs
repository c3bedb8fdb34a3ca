//! Real hosts with strongSwan, by the files as they are written: who has the certificate or the secret gets in, nobody
//! else does, and without strongSwan nobody at all.
//!
//! With the userspace engine, since a lab's kernel may lack ESP; what the kernel's engine needs is checked as far as
//! strongSwan reads it.
#![allow(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "it connects to hosts that it made")]

mod site;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use doorward_filter::{Door, Transport};
use doorward_ipsec::WayOut;
use doorward_lab::{Client, Host, Lab, open_or_skip, roots};
use site::{Party, Site, install, journal, unguard};

/// How long a connection over IPsec may take to come up, and a closed door is watched.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether ssh on the server answers this host.
fn answers(from: &Host, server: &Host) -> bool {
    let ask = format!("exec 3<>/dev/tcp/{}/22 && head -c 4 <&3", server.ipv4());
    let output = from.run(&["/usr/bin/timeout", "2", "/bin/bash", "-c", &ask]).unwrap();
    output.stdout == b"SSH-"
}

fn until_answers(from: &Host, server: &Host) -> Duration {
    let begin = Instant::now();
    while !answers(from, server) {
        assert!(begin.elapsed() < PATIENCE, "no answer: {}\n{}", journal(from), journal(server));
    }
    begin.elapsed()
}

fn nobody_gets_in(stranger: &Client, server: &Host) {
    assert_eq!(stranger.tcp_open(server.address(), [22]).unwrap(), Vec::<u16>::new());
}

#[test]
fn only_the_holders_of_a_certificate_or_a_secret_get_in() {
    let Some(lab) = open_or_skip() else { return };
    let (server, alice, bob, stranger) = hosts(&lab);
    assert_eq!(stranger.tcp_open(server.address(), [22]).unwrap(), [22]);
    let site = Site::new(&server, &alice, &bob);
    install(&server, &site.host_files());
    site.guard(&server, None);
    nobody_gets_in(&stranger, &server);
    assert!(!answers(&alice, &server) && !answers(&bob, &server));

    // A stranger's certificate from an authority of the same name, and another secret.
    install(&alice, &site.client_files(Party::Stranger));
    install(&bob, &site.client_files(Party::WrongSecret));
    let begin = Instant::now();
    while journal(&server).matches("AUTH_FAILED").count() < 2 {
        assert!(begin.elapsed() < PATIENCE, "{}", journal(&server));
    }
    assert!(!answers(&alice, &server) && !answers(&bob, &server));

    install(&alice, &site.client_files(Party::Alice));
    install(&bob, &site.client_files(Party::Bob));
    eprintln!("by certificate after {:?}", until_answers(&alice, &server));
    eprintln!("by secret after {:?}", until_answers(&bob, &server));
    let associations = server.succeed(&["/usr/sbin/swanctl", "--list-sas"]).unwrap();
    for part in ["AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519", "TUNNEL", "ESP:AES_GCM_16-256"] {
        assert!(associations.contains(part), "{part}: {associations}");
    }
    nobody_gets_in(&stranger, &server);

    // An association that is ended, while its peer does not begin again.
    bob.succeed(&["/usr/bin/systemctl", "stop", "strongswan"]).unwrap();
    assert!(!answers(&bob, &server));
    assert!(answers(&alice, &server));

    // The daemon killed, for good.
    server.succeed(&["/usr/bin/systemctl", "mask", "--runtime", "strongswan"]).unwrap();
    server.succeed(&["/usr/bin/systemctl", "kill", "-s", "KILL", "strongswan"]).unwrap();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(5) {
        assert!(!answers(&alice, &server));
        nobody_gets_in(&stranger, &server);
    }
    // And with the table gone the door is as it was.
    unguard(&server);
    assert_eq!(stranger.tcp_open(server.address(), [22]).unwrap(), [22]);
}

#[test]
fn the_administrators_connection_goes_on_until_the_changes_are_confirmed() {
    let Some(lab) = open_or_skip() else { return };
    let (server, alice, bob, administrator) = hosts(&lab);
    let site = Site::new(&server, &alice, &bob);
    let connect = || TcpStream::connect((server.ipv4(), 22)).unwrap();
    let mut connection = administrator.inside(connect).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    assert!(connection.read(&mut [0; 256]).unwrap() > 0);
    let door = Door { transport: Transport::Tcp, port: 22 };
    site.guard(&server, Some(WayOut { client: administrator.ipv4().into(), door }));
    nobody_gets_in(&administrator, &server);
    connection.write_all(b"SSH-2.0-lab\r\n").unwrap();
    assert!(connection.read(&mut [0; 2048]).unwrap() > 0, "the server begins to exchange keys");
    // Confirmed: it comes through IPsec, or not at all. The server would close the connection for what this is.
    site.guard(&server, None);
    connection.write_all(&[0; 64]).unwrap();
    let kind = connection.read(&mut [0; 256]).map_err(|error| error.kind());
    assert!(matches!(kind, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{kind:?}");
}

#[test]
fn a_revoked_certificate_does_not_get_in() {
    let Some(lab) = open_or_skip() else { return };
    let (server, alice, bob, _) = hosts(&lab);
    let site = Site::new(&server, &alice, &bob);
    site.revoke_alice();
    install(&server, &site.host_files());
    site.guard(&server, None);
    install(&alice, &site.client_files(Party::Alice));
    let begin = Instant::now();
    while !journal(&server).contains("was revoked") {
        assert!(begin.elapsed() < PATIENCE, "{}", journal(&server));
    }
    assert!(!answers(&alice, &server));
}

#[test]
fn strongswan_reads_the_kernels_engine_as_it_was_meant() {
    let Some(lab) = open_or_skip() else { return };
    let (server, alice, bob, _) = hosts(&lab);
    let site = Site::new(&server, &alice, &bob).with_kernel_engine();
    install(&server, &site.host_files());
    let shown = server.succeed(&["/usr/sbin/swanctl", "--list-conns"]).unwrap();
    for part in
        ["doorward-alice: IKEv2", "doorward-bob: IKEv2", "doorward-alice-tcp-22: TRANSPORT", "dynamic[6/22]"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

fn hosts(lab: &Lab) -> (Host, Host, Host, Client) {
    let host = || lab.host(&roots::IPSEC).unwrap();
    (host(), host(), host(), lab.client().unwrap())
}
