//! strongSwan's files: connections and children, certificates and secrets, and what the userspace engine needs.
//!
//! Keys and values are those of swanctl.conf(5) and strongswan.conf(5) of 5.9. Certificates and keys are copied to
//! where swanctl looks for them, since Debian confines it to `/etc/swanctl` (`AppArmor`).

mod lines;

use std::collections::BTreeMap;

use doorward_filter::{Door, SetName, Transport};
use ipnet::IpNet;
use zeroize::Zeroizing;

use self::lines::{Lines, list};
use crate::files::{Content, File, Sensitive};
use crate::tunnels::{Peer, Proof};
use crate::values::{Certificate, Engine, OwnCertificate};
use crate::{Charon, FilePath, Linux, Tunnels};

/// Connections, without a secret.
const CONNECTIONS: &str = "/etc/swanctl/conf.d/doorward.conf";
/// Shared secrets.
const SECRETS: &str = "/etc/swanctl/conf.d/doorward-secrets.conf";
/// Where swanctl looks for authorities, lists of revoked certificates, certificates and keys.
const AUTHORITIES: &str = "/etc/swanctl/x509ca";
const CRLS: &str = "/etc/swanctl/x509crl";
const CERTIFICATE: &str = "/etc/swanctl/x509/doorward.crt";
const KEY: &str = "/etc/swanctl/private/doorward.key";
/// Settings of the daemon and of the kernel, for the userspace engine.
const DAEMON: &str = "/etc/strongswan.d/doorward.conf";
const KERNEL: &str = "/etc/sysctl.d/60-doorward-ipsec.conf";

const MADE_BY: &str = "# Made by doorward, and replaced by it as a whole.\n";
const PUBLIC: u32 = 0o644;
const PRIVATE: u32 = 0o600;

/// Whose files are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Host,
    Client,
}

/// An authority and its list of revoked certificates.
type Authority<'a> = (&'a FilePath, Option<&'a FilePath>);

fn authority(certificate: &Certificate) -> Authority<'_> {
    (&certificate.authority, certificate.crl.as_ref())
}

/// Connections as one side has them.
struct Writer<'a> {
    tunnels: &'a Tunnels,
    charon: Charon,
    side: Side,
    peers: Vec<(&'a SetName, &'a Peer)>,
    /// Copies of authorities by what each is a copy of: several peers may have one.
    authorities: BTreeMap<Authority<'a>, String>,
}

impl Linux<'_> {
    /// What strongSwan on the host needs.
    pub fn host_files(&self) -> Vec<File> {
        Writer::new(*self, Side::Host, self.tunnels.peers.iter().collect()).files()
    }

    /// What strongSwan on a peer needs: the same connection from its end. `own` is the peer's certificate, which is not
    /// looked at where it uses a secret. None when there is no such peer, or it lacks a certificate.
    pub fn client_files(&self, name: &SetName, own: Option<&OwnCertificate>) -> Option<Vec<File>> {
        let (name, peer) = self.tunnels.peers.get_key_value(name)?;
        let by = match &peer.by {
            Proof::Certificate { peer: of_both, .. } => {
                Proof::Certificate { own: own?.clone(), peer: of_both.clone() }
            }
            secret @ Proof::Secret(_) => secret.clone(),
        };
        let peer = Peer { by, ..peer.clone() };
        Some(Writer::new(*self, Side::Client, vec![(name, &peer)]).files())
    }
}

impl<'a> Writer<'a> {
    fn new(of: Linux<'a>, side: Side, peers: Vec<(&'a SetName, &'a Peer)>) -> Self {
        let mut authorities: BTreeMap<Authority<'_>, String> = BTreeMap::new();
        for (_, peer) in &peers {
            if let Proof::Certificate { peer: certificate, .. } = &peer.by {
                let number = authorities.len() + 1;
                authorities.entry(authority(certificate)).or_insert_with(|| format!("doorward-{number}"));
            }
        }
        Self { tunnels: of.tunnels, charon: of.charon, side, peers, authorities }
    }

    fn files(&self) -> Vec<File> {
        let mut files = vec![text(CONNECTIONS, self.connections())];
        if let Some(secrets) = self.secrets() {
            files.push(File { path: SECRETS.to_owned(), mode: PRIVATE, content: Content::Secret(secrets) });
        }
        for ((authority, crl), name) in &self.authorities {
            files.push(copy(format!("{AUTHORITIES}/{name}.crt"), PUBLIC, authority));
            if let Some(crl) = crl {
                files.push(copy(format!("{CRLS}/{name}.crl"), PUBLIC, crl));
            }
        }
        let own = self.peers.iter().find_map(|(_, peer)| match &peer.by {
            Proof::Certificate { own, .. } => Some(own),
            Proof::Secret(_) => None,
        });
        if let Some(own) = own {
            files.push(copy(CERTIFICATE.to_owned(), PUBLIC, &own.file));
            files.push(copy(KEY.to_owned(), PRIVATE, &own.key));
        }
        if self.tunnels.engine == Engine::Userspace {
            files.push(text(DAEMON, daemon()));
            files.push(text(KERNEL, format!("{MADE_BY}{RP_FILTER}")));
        }
        files
    }

    fn connections(&self) -> String {
        let mut lines = Lines::new(MADE_BY);
        lines.block("connections", |lines| {
            for (name, peer) in &self.peers {
                lines.block(&format!("doorward-{name}"), |lines| self.connection(lines, name, peer));
            }
        });
        if !self.authorities.is_empty() {
            lines.block("authorities", |lines| {
                for name in self.authorities.values() {
                    lines.block(name, |lines| lines.put("cacert", &format!("{AUTHORITIES}/{name}.crt")));
                }
            });
        }
        lines.text()
    }

    fn connection(&self, lines: &mut Lines, name: &SetName, peer: &Peer) {
        let host = list(&self.tunnels.addresses);
        let networks = peer.from.v4().iter().copied().map(IpNet::from);
        let client = list(networks.chain(peer.from.v6().iter().copied().map(IpNet::from)));
        let own = &self.tunnels.identity;
        let (local, remote) = match self.side {
            Side::Host => ((Some(&host), own), (&client, &peer.identity)),
            Side::Client => ((None, &peer.identity), (&host, own)),
        };
        lines.put("version", "2");
        if let Some(addresses) = local.0 {
            lines.put("local_addrs", addresses);
        }
        lines.put("remote_addrs", remote.0);
        lines.put("proposals", &self.charon.ike(peer.system));
        // The packet filter knows peers by their addresses: none changes its own while connected (RFC 4555).
        lines.put("mobike", "no");
        lines.put("dpd_delay", "30s");
        if self.side == Side::Client {
            lines.put("keyingtries", "0");
        }
        lines.block("local", |lines| {
            lines.put("id", &local.1.typed());
            match &peer.by {
                Proof::Certificate { .. } => {
                    lines.put("auth", "pubkey");
                    lines.put("certs", CERTIFICATE);
                }
                Proof::Secret(_) => lines.put("auth", "psk"),
            }
        });
        lines.block("remote", |lines| {
            lines.put("id", &remote.1.typed());
            match &peer.by {
                Proof::Certificate { peer: certificate, .. } => {
                    lines.put("auth", "pubkey");
                    lines.put(
                        "cacerts",
                        &format!("{AUTHORITIES}/{}.crt", self.authorities[&authority(certificate)]),
                    );
                    lines.put("revocation", if certificate.crl.is_some() { "strict" } else { "relaxed" });
                }
                Proof::Secret(_) => lines.put("auth", "psk"),
            }
        });
        lines.block("children", |lines| self.children(lines, name, peer));
    }

    /// With the kernel's engine one child a door, so that all other traffic stays as it is. (What comes through the SA is
    /// not held to that door: strongSwan leaves ports out of an SA's own selector. The packet filter sees to that.) The
    /// userspace engine routes by addresses, so there all goes through one.
    fn children(&self, lines: &mut Lines, name: &SetName, peer: &Peer) {
        let (near, far) = match self.side {
            Side::Host => ("local_ts", "remote_ts"),
            Side::Client => ("remote_ts", "local_ts"),
        };
        if self.tunnels.engine == Engine::Userspace {
            lines.block(&format!("doorward-{name}"), |lines| {
                lines.put("mode", "tunnel");
                lines.put(near, "dynamic");
                lines.put(far, "dynamic");
                self.child(lines, peer, "start");
            });
            return;
        }
        for Door { transport, port } in &peer.doors {
            // By number: names need /etc/protocols, which small systems lack.
            let protocol = match transport {
                Transport::Tcp => 6,
                Transport::Udp => 17,
            };
            lines.block(&format!("doorward-{name}-{}-{port}", transport.as_str()), |lines| {
                lines.put("mode", "transport");
                lines.put(near, &format!("dynamic[{protocol}/{port}]"));
                lines.put(far, &format!("dynamic[{protocol}]"));
                self.child(lines, peer, "trap");
            });
        }
    }

    /// The host only answers. A client begins when there is something to send, or, where nobody tells strongSwan of that
    /// (the userspace engine), at once; and begins again when the host was away.
    fn child(&self, lines: &mut Lines, peer: &Peer, start: &str) {
        lines.put("esp_proposals", &self.charon.esp(peer.system));
        match self.side {
            Side::Host => lines.put("dpd_action", "clear"),
            Side::Client => {
                lines.put("start_action", start);
                lines.put("dpd_action", if start == "start" { "restart" } else { start });
                lines.put("close_action", start);
            }
        }
    }

    fn secrets(&self) -> Option<Sensitive> {
        let secret = |(name, peer): &(&'a SetName, &'a Peer)| match &peer.by {
            Proof::Secret(key) => Some((*name, *peer, key)),
            Proof::Certificate { .. } => None,
        };
        let secrets: Vec<_> = self.peers.iter().filter_map(secret).collect();
        if secrets.is_empty() {
            return None;
        }
        let mut lines = Lines::new(MADE_BY);
        lines.block("secrets", |lines| {
            for (name, peer, key) in &secrets {
                lines.block(&format!("ike-doorward-{name}"), |lines| {
                    lines.put("id-host", &self.tunnels.identity.typed());
                    lines.put("id-peer", &peer.identity.typed());
                    lines.put("secret", &key.encoded());
                });
            }
        });
        Some(Sensitive(Zeroizing::new(lines.text())))
    }
}

/// Answers to what came through the tunnel go by another way than the packets around it: by strict reverse path
/// filtering the kernel would drop them (RFC 3704). The larger of `all` and an interface's own value counts.
const RP_FILTER: &str = "net.ipv4.conf.all.rp_filter = 2\nnet.ipv4.conf.default.rp_filter = 2\n";

/// ESP by strongSwan itself. Packets of the tunnel leave by a mark, round the route into the tunnel, or they would be
/// wrapped again and again. Plugins that make exceptions, or answer for others' addresses, are off.
fn daemon() -> String {
    let mut lines = Lines::new(MADE_BY);
    lines.block("charon", |lines| {
        lines.block("plugins", |lines| {
            lines.block("kernel-libipsec", |lines| {
                lines.put("load", "yes");
                lines.put("allow_peer_ts", "yes");
            });
            lines.block("kernel-netlink", |lines| lines.put("fwmark", "!0x42"));
            lines.block("socket-default", |lines| lines.put("fwmark", "0x42"));
            for off in ["bypass-lan", "dhcp", "farp", "ha"] {
                lines.block(off, |lines| lines.put("load", "no"));
            }
        });
    });
    lines.text()
}

fn text(path: &str, text: String) -> File {
    File { path: path.to_owned(), mode: PUBLIC, content: Content::Text(text) }
}

fn copy(path: String, mode: u32, of: &FilePath) -> File {
    File { path, mode, content: Content::CopyOf(of.clone()) }
}
