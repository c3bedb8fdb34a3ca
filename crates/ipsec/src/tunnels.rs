//! `[ipsec]`, checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use doorward_filter::{ClientSet, ClientsError, Door, DoorName, Host, PolicyError, SetName};

use crate::values::{Authentication, Certificate, Engine, Ipsec, OwnCertificate, System};
use crate::{Charon, FilePath, Identity, PreSharedKey};

/// Most peers; each is a connection of its own in strongSwan.
const MOST_PEERS: usize = 1000;

/// What the caller found out about a host.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Doors by service, and the site's own.
    pub host: Host,
    /// Shared secrets by the file that holds each ([`Ipsec::secrets`]).
    pub secrets: BTreeMap<FilePath, PreSharedKey>,
}

/// Why `[ipsec]` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IpsecError {
    /// The host without an address.
    #[error("own: addresses is empty; give those that peers connect to")]
    NoAddress,
    /// An address that is nobody's.
    #[error("own: {0} is no address that a peer can connect to")]
    Address(IpAddr),
    /// Too many.
    #[error("peers: more than {MOST_PEERS}; one peer may be a network")]
    TooMany,
    /// Addresses of a peer that are none.
    #[error("peers {peer}: {why}")]
    Clients {
        /// The peer.
        peer: SetName,
        /// What is wrong.
        why: Box<ClientsError>,
    },
    /// A peer that cannot reach any address of the host.
    #[error("peers {0}: it has no address of the same family as one of the host's ({1})")]
    Family(SetName, String),
    /// Certificates, and the host has none.
    #[error(
        "peers {0}: it uses certificates, but own has none: give own.certificate, or let the peer use a secret"
    )]
    NoCertificate(SetName),
    /// A secret that the caller did not give.
    #[error("peers {0}: {1} was not read")]
    Unread(SetName, FilePath),
    /// Two peers that are one.
    #[error("peers {0} and {1} have the same identity {2}: strongSwan could not tell them apart")]
    SameIdentity(SetName, SetName, Identity),
    /// A peer that is the host.
    #[error("peers {0}: its identity is the host's own")]
    OwnIdentity(SetName),
    /// Two peers with one secret: each could pretend to be the other.
    #[error("peers {0} and {1} share one secret: each could pretend to be the other. Give each its own")]
    SameSecret(SetName, SetName),
    /// A peer that no door is for.
    #[error("peers {0}: no door is for it; name it at a door, or leave it out")]
    NoDoor(SetName),
    /// No door at all.
    #[error("doors: none is named; leave [ipsec] out")]
    NoDoors,
    /// A door that is none, or several.
    #[error("{0}")]
    Door(PolicyError),
    /// A door of the site's, which everyone may use.
    #[error("{door}, named by {by}, is a door of the site: everyone must reach it without IPsec")]
    SiteDoor {
        /// The door.
        door: Door,
        /// What names it.
        by: String,
    },
    /// A door that IPsec itself needs.
    #[error("{0} is what IPsec itself comes by: it cannot be behind IPsec")]
    OwnDoor(Door),
    /// Two entries about one door.
    #[error("{door} is named twice: by {first} and by {second}")]
    Twice {
        /// The door.
        door: Door,
        /// What names it first.
        first: String,
        /// What names it again.
        second: String,
    },
    /// A door for nobody, or for somebody of whom nothing is said.
    #[error("door {0}: it is for no peer; leave it out of [ipsec] and close it")]
    ForNobody(String),
    /// A door for a peer of whom nothing is said.
    #[error("door {door}: no peer is called {peer}")]
    NoSuchPeer {
        /// The door's name.
        door: String,
        /// The missing peer.
        peer: SetName,
    },
    /// Two peers that cannot be told apart.
    #[error(
        "peers {0} and {1} may come from the same address and may use different doors: the packet filter knows that a \
         packet came through IPsec and from which address, not by whose association. Give them the same doors, or \
         addresses of their own"
    )]
    Overlap(SetName, SetName),
    /// Windows has no part in strongSwan's own engine.
    #[error(
        "peers {0}: Windows needs engine = \"kernel\": the userspace engine always wraps packets in UDP as if the host \
         was behind an address translator, which Windows refuses unless told (AssumeUDPEncapsulationContextOnSendRule)"
    )]
    WindowsUserspace(SetName),
    /// Windows cannot use a secret here.
    #[error(
        "peers {0}: Windows authenticates by certificates alone in IKEv2, and strongSwan is asked for nothing older: let it use one"
    )]
    WindowsSecret(SetName),
}

/// A peer, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) from: ClientSet,
    pub(crate) identity: Identity,
    pub(crate) by: Proof,
    pub(crate) system: System,
    /// Doors that it may use; at least one.
    pub(crate) doors: BTreeSet<Door>,
}

/// How a peer and the host prove who they are, with all that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    Certificate { own: OwnCertificate, peer: Certificate },
    Secret(PreSharedKey),
}

/// Doors that answer only through IPsec; every entry is complete, and no two contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnels {
    pub(crate) engine: Engine,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) identity: Identity,
    pub(crate) peers: BTreeMap<SetName, Peer>,
    /// Doors, and who may use each; at least one.
    pub(crate) doors: BTreeMap<Door, BTreeSet<SetName>>,
}

impl Tunnels {
    /// Checks `[ipsec]` as a whole, for a host.
    pub fn new(ipsec: &Ipsec, given: &Given) -> Result<Self, IpsecError> {
        let addresses = addresses(&ipsec.own.addresses)?;
        let doors = doors(ipsec, &given.host)?;
        let peers = peers(ipsec, given, &doors)?;
        let tunnels =
            Self { engine: ipsec.engine, addresses, identity: ipsec.own.identity.clone(), peers, doors };
        tunnels.check_families()?;
        tunnels.check_pairs()?;
        Ok(tunnels)
    }

    /// Doors that are guarded, sorted.
    pub fn doors(&self) -> impl Iterator<Item = Door> {
        self.doors.keys().copied()
    }

    /// The peers' names, sorted.
    pub fn peers(&self) -> impl Iterator<Item = &SetName> {
        self.peers.keys()
    }

    /// Whether an address belongs to a peer that may use the door; without one of them nobody gets there.
    pub fn admits(&self, address: IpAddr, door: Door) -> bool {
        let address = address.to_canonical();
        self.doors.get(&door).is_some_and(|to| to.iter().any(|name| self.peers[name].from.contains(address)))
    }

    fn check_families(&self) -> Result<(), IpsecError> {
        for (name, peer) in &self.peers {
            let meets = |address: &IpAddr| match address {
                IpAddr::V4(_) => !peer.from.v4().is_empty(),
                IpAddr::V6(_) => !peer.from.v6().is_empty(),
            };
            if !self.addresses.iter().any(meets) {
                let own: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
                return Err(IpsecError::Family(name.clone(), own.join(", ")));
            }
        }
        Ok(())
    }

    fn check_pairs(&self) -> Result<(), IpsecError> {
        for (one, peer, other, second) in self.pairs() {
            if peer.identity == second.identity {
                let identity = peer.identity.clone();
                return Err(IpsecError::SameIdentity(one.clone(), other.clone(), identity));
            }
            if matches!((&peer.by, &second.by), (Proof::Secret(a), Proof::Secret(b)) if a == b) {
                return Err(IpsecError::SameSecret(one.clone(), other.clone()));
            }
            if peer.doors != second.doors && peer.from.overlaps(&second.from) {
                return Err(IpsecError::Overlap(one.clone(), other.clone()));
            }
        }
        match self.peers.iter().find(|(_, peer)| peer.identity == self.identity) {
            Some((name, _)) => Err(IpsecError::OwnIdentity(name.clone())),
            None => Ok(()),
        }
    }

    /// Each two peers.
    fn pairs(&self) -> impl Iterator<Item = (&SetName, &Peer, &SetName, &Peer)> {
        self.peers.iter().enumerate().flat_map(move |(at, (one, peer))| {
            self.peers.iter().skip(at + 1).map(move |(other, second)| (one, peer, other, second))
        })
    }

    /// For a host that runs Linux, with this strongSwan.
    pub fn linux(&self, charon: Charon) -> Result<Linux<'_>, IpsecError> {
        for (name, peer) in self.peers.iter().filter(|(_, peer)| peer.system == System::Windows) {
            if matches!(peer.by, Proof::Secret(_)) {
                return Err(IpsecError::WindowsSecret(name.clone()));
            }
            if self.engine == Engine::Userspace {
                return Err(IpsecError::WindowsUserspace(name.clone()));
            }
        }
        Ok(Linux { tunnels: self, charon })
    }
}

/// [`Tunnels`] of a host that runs Linux and strongSwan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linux<'a> {
    pub(crate) tunnels: &'a Tunnels,
    pub(crate) charon: Charon,
}

fn addresses(given: &[IpAddr]) -> Result<Vec<IpAddr>, IpsecError> {
    let mut addresses: Vec<IpAddr> = given.iter().map(IpAddr::to_canonical).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let no_place = |a: &&IpAddr| a.is_unspecified() || a.is_loopback() || a.is_multicast();
    match addresses.iter().find(no_place) {
        Some(wrong) => Err(IpsecError::Address(*wrong)),
        None if addresses.is_empty() => Err(IpsecError::NoAddress),
        None => Ok(addresses),
    }
}

fn doors(ipsec: &Ipsec, host: &Host) -> Result<BTreeMap<Door, BTreeSet<SetName>>, IpsecError> {
    let mut doors: BTreeMap<Door, BTreeSet<SetName>> = BTreeMap::new();
    let mut named_by: BTreeMap<Door, String> = BTreeMap::new();
    for (name, allow) in &ipsec.doors {
        let by = match name {
            DoorName::Port(door) => door.to_string(),
            DoorName::Service(service) => service.clone(),
        };
        if allow.to.is_empty() {
            return Err(IpsecError::ForNobody(by));
        }
        if let Some(missing) = allow.to.iter().find(|to| !ipsec.peers.contains_key(*to)) {
            return Err(IpsecError::NoSuchPeer { door: by, peer: missing.clone() });
        }
        for door in host.doors(name).map_err(IpsecError::Door)? {
            if host.site.contains(&door) {
                return Err(IpsecError::SiteDoor { door, by });
            }
            if crate::nft::IKE.contains(&door) {
                return Err(IpsecError::OwnDoor(door));
            }
            if let Some(first) = named_by.insert(door, by.clone()) {
                return Err(IpsecError::Twice { door, first, second: by });
            }
            doors.insert(door, allow.to.iter().cloned().collect());
        }
    }
    if doors.is_empty() { Err(IpsecError::NoDoors) } else { Ok(doors) }
}

fn peers(
    ipsec: &Ipsec,
    given: &Given,
    doors: &BTreeMap<Door, BTreeSet<SetName>>,
) -> Result<BTreeMap<SetName, Peer>, IpsecError> {
    if ipsec.peers.len() > MOST_PEERS {
        return Err(IpsecError::TooMany);
    }
    let mut peers = BTreeMap::new();
    for (name, peer) in &ipsec.peers {
        let from = ClientSet::of_entries(peer.from.iter().map(String::as_str));
        let from = from.map_err(|why| IpsecError::Clients { peer: name.clone(), why: Box::new(why) })?;
        let by = match &peer.by {
            Authentication::Certificate(of_peer) => {
                let own = ipsec.own.certificate.clone();
                let own = own.ok_or_else(|| IpsecError::NoCertificate(name.clone()))?;
                Proof::Certificate { own, peer: of_peer.clone() }
            }
            Authentication::Secret(secret) => {
                let key = given.secrets.get(&secret.file);
                let unread = || IpsecError::Unread(name.clone(), secret.file.clone());
                Proof::Secret(key.ok_or_else(unread)?.clone())
            }
        };
        let of_it = doors.iter().filter(|(_, to)| to.contains(name)).map(|(door, _)| *door);
        let doors: BTreeSet<Door> = of_it.collect();
        if doors.is_empty() {
            return Err(IpsecError::NoDoor(name.clone()));
        }
        let identity = peer.identity.clone();
        peers.insert(name.clone(), Peer { from, identity, by, system: peer.system, doors });
    }
    Ok(peers)
}
