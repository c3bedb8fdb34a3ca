//! A server, and two peers: one with a certificate, one with a secret.

use std::collections::BTreeMap;
use std::path::Path;

use doorward_filter::SetName;
use doorward_ipsec::{Charon, Content, File, Given, OwnCertificate, PreSharedKey, REMOVE, Tunnels, WayOut};
use doorward_lab::Host;
use doorward_pki::{Authority, Days, Issued, Reason};
use tempfile::TempDir;

/// Who a peer is, or pretends to be.
#[derive(Clone, Copy)]
pub(crate) enum Party {
    Alice,
    Bob,
    /// Alice by a certificate of another authority.
    Stranger,
    /// Bob with another secret.
    WrongSecret,
}

pub(crate) struct Site {
    folder: TempDir,
    values: String,
    alice: Issued,
    stranger: Issued,
}

impl Site {
    pub(crate) fn new(server: &Host, alice: &Host, bob: &Host) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = |name: &str| {
            let path = folder.path().join(name);
            Authority::create(&path, &"Lab CA".parse().unwrap(), Days::of_authority(30).unwrap()).unwrap()
        };
        let issue = |authority: &mut Authority, name: &str| {
            let identity = format!("{name}.example.org").parse().unwrap();
            authority.issue(&name.parse().unwrap(), &[identity], Days::of_certificate(3).unwrap()).unwrap()
        };
        let mut ca = authority("pki");
        let web = issue(&mut ca, "web");
        let alices = issue(&mut ca, "alice");
        let stranger = issue(&mut authority("other"), "alice");
        doorward_pki::write_secret(&folder.path().join("bob.secret")).unwrap();
        doorward_pki::write_secret(&folder.path().join("wrong.secret")).unwrap();
        let at = folder.path().display();
        let values = format!(
            r#"
            engine = "userspace"
            [own]
            addresses = ["{server}"]
            identity = "web.example.org"
            certificate = {{ file = "{crt}", key = "{key}" }}
            [peers.alice]
            from = ["{alice}"]
            identity = "alice.example.org"
            by = {{ certificate = {{ authority = "{at}/pki/ca.crt", crl = "{at}/pki/ca.crl" }} }}
            [peers.bob]
            from = ["{bob}"]
            identity = "bob.example.org"
            by = {{ secret = {{ file = "{at}/bob.secret" }} }}
            [doors]
            "tcp/22" = {{ to = ["alice", "bob"] }}
            "#,
            server = server.ipv4(),
            alice = alice.ipv4(),
            bob = bob.ipv4(),
            crt = web.certificate.display(),
            key = web.key.display(),
        );
        Self { folder, values, alice: alices, stranger }
    }

    pub(crate) fn with_kernel_engine(mut self) -> Self {
        self.values = self.values.replace("\"userspace\"", "\"kernel\"");
        self
    }

    pub(crate) fn revoke_alice(&self) {
        let mut authority = Authority::open(&self.folder.path().join("pki")).unwrap();
        authority.revoke("alice", Reason::KeyCompromise, Days::of_list(7).unwrap()).unwrap();
    }

    pub(crate) fn host_files(&self) -> Vec<File> {
        self.tunnels("bob.secret").linux(charon()).unwrap().host_files()
    }

    pub(crate) fn client_files(&self, party: Party) -> Vec<File> {
        let own = |issued: &Issued| {
            let path = |path: &Path| path.display().to_string().parse().unwrap();
            OwnCertificate { file: path(&issued.certificate), key: path(&issued.key) }
        };
        let (name, own, secret) = match party {
            Party::Alice => ("alice", Some(own(&self.alice)), "bob.secret"),
            Party::Stranger => ("alice", Some(own(&self.stranger)), "bob.secret"),
            Party::Bob => ("bob", None, "bob.secret"),
            Party::WrongSecret => ("bob", None, "wrong.secret"),
        };
        let tunnels = self.tunnels(secret);
        let name = SetName::try_from(name.to_owned()).unwrap();
        tunnels.linux(charon()).unwrap().client_files(&name, own.as_ref()).unwrap()
    }

    /// Loads the table that binds the door.
    pub(crate) fn guard(&self, host: &Host, way_out: Option<WayOut>) {
        load(host, &self.tunnels("bob.secret").linux(charon()).unwrap().table(way_out));
    }

    fn tunnels(&self, secret: &str) -> Tunnels {
        let key = std::fs::read_to_string(self.folder.path().join(secret)).unwrap();
        let file = self.folder.path().join("bob.secret").display().to_string();
        let secrets = BTreeMap::from([(file.parse().unwrap(), PreSharedKey::new(&key).unwrap())]);
        Tunnels::new(&toml::from_str(&self.values).unwrap(), &Given { secrets, ..Given::default() }).unwrap()
    }
}

/// Writes the files as they are, and starts strongSwan anew.
pub(crate) fn install(host: &Host, files: &[File]) {
    for File { path, mode, content } in files {
        let bytes = match content {
            Content::Text(text) => text.clone().into_bytes(),
            Content::Secret(text) => text.reveal().as_bytes().to_vec(),
            Content::CopyOf(from) => std::fs::read(from.as_str()).unwrap(),
        };
        host.write_file(path, bytes).unwrap();
        host.succeed(&["/bin/chmod", &format!("{mode:o}"), path]).unwrap();
        if path.starts_with("/etc/sysctl.d/") {
            host.succeed(&["/usr/sbin/sysctl", "-p", path]).unwrap();
        }
    }
    let started = host.run(&["/usr/bin/systemctl", "restart", "strongswan"]).unwrap();
    assert!(started.status.success(), "{}", journal(host));
}

/// Takes the table away.
pub(crate) fn unguard(host: &Host) {
    load(host, REMOVE);
}

/// What a host's strongSwan wrote.
pub(crate) fn journal(host: &Host) -> String {
    host.succeed(&["/usr/bin/journalctl", "--no-pager", "-u", "strongswan"]).unwrap()
}

/// Debian 12's.
fn charon() -> Charon {
    "5.9.8".parse().unwrap()
}

fn load(host: &Host, rules: &str) {
    host.write_file("/root/rules.nft", rules).unwrap();
    host.succeed(&["/usr/sbin/nft", "-f", "/root/rules.nft"]).unwrap();
}
