//! The policy: checked as a whole, and what it means for one client.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::access::is_file;
use crate::{Access, Allow, ClientSet, ClientsError, Door, DoorName, Host, Published, Rate, SetName};

/// Longest name of an interface (`IFNAMSIZ` with the closing zero is 16).
const LONGEST_INTERFACE: usize = 15;

/// Why access cannot be made a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A client set that is not one.
    #[error("clients {name}{}: {why}", file.as_ref().map(|f| format!(", {f}")).unwrap_or_default())]
    Clients {
        /// The set.
        name: SetName,
        /// The file in which it stands, if it is in one.
        file: Option<String>,
        /// What is wrong.
        why: Box<ClientsError>,
    },
    /// A file whose contents the caller did not give.
    #[error("clients {0}: {1} was not read")]
    Unread(SetName, String),
    /// A door for clients of whom nothing is said.
    #[error("door {door}: no clients are named {name}")]
    NoSuchClients {
        /// The door's name.
        door: String,
        /// The missing set.
        name: SetName,
    },
    /// A door for nobody.
    #[error("door {0}: it is for no clients; leave it out to close it")]
    ForNobody(String),
    /// A service without a door.
    #[error("door {0}: no service of that name has a door with a port")]
    NoSuchService(String),
    /// A service whose name fits several.
    #[error("door {0}: several services have that name: {1}; give the whole name, or the port")]
    Ambiguous(String, String),
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
    /// A door of the site's, which everyone may use.
    #[error("{door}, named by {by}, is a door of the site: it is open to everyone")]
    SiteDoor {
        /// The door.
        door: Door,
        /// What names it.
        by: String,
    },
    /// A rate of nothing.
    #[error("rate: at least one connection a minute, and one at once")]
    NoRate,
    /// A name that no interface can have.
    #[error("guests: {0:?} names no interface (15 characters at most; * only at its end)")]
    Interface(String),
}

/// A policy that would cut off the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "you came in from {client} by {door}, which this policy closes to you: add {client} to a client set, and name \
     {door} for it"
)]
pub struct CutOff {
    /// Where the administrator comes from.
    pub client: IpAddr,
    /// The door.
    pub door: Door,
}

/// What a policy says of a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It gets through.
    Open,
    /// It gets through, unless its client opens too many.
    Limited,
    /// It does not.
    Closed,
}

/// Who may use a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Client sets; at least one.
    pub to: BTreeSet<SetName>,
    /// Whether connections to it are limited in rate.
    pub admin: bool,
}

/// From which addresses each door may be reached; every other door is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) site: BTreeSet<Door>,
    pub(crate) clients: BTreeMap<SetName, ClientSet>,
    pub(crate) named: BTreeMap<Door, Rule>,
    pub(crate) rate: Rate,
    pub(crate) counters: bool,
    pub(crate) log: bool,
    pub(crate) published: bool,
    pub(crate) guests: Vec<String>,
}

impl Policy {
    /// Checks access as a whole, for a host.
    pub fn new(access: &Access, host: &Host) -> Result<Self, PolicyError> {
        let mut clients = BTreeMap::new();
        for (name, entries) in &access.clients {
            clients.insert(name.clone(), set(name, entries, host)?);
        }
        let mut named: BTreeMap<Door, Rule> = BTreeMap::new();
        let mut named_by: BTreeMap<Door, String> = BTreeMap::new();
        for (name, allow) in &access.doors {
            let by = String::from(name.clone());
            if allow.to.is_empty() {
                return Err(PolicyError::ForNobody(by));
            }
            if let Some(missing) = allow.to.iter().find(|to| !clients.contains_key(*to)) {
                return Err(PolicyError::NoSuchClients { door: by, name: missing.clone() });
            }
            for door in doors(name, host)? {
                if host.site.contains(&door) {
                    return Err(PolicyError::SiteDoor { door, by });
                }
                if let Some(first) = named_by.insert(door, by.clone()) {
                    return Err(PolicyError::Twice { door, first, second: by });
                }
                named.insert(door, Rule { to: allow.to.iter().cloned().collect(), admin: allow.admin });
            }
        }
        if access.rate.per_minute == 0 || access.rate.burst == 0 {
            return Err(PolicyError::NoRate);
        }
        if let Some(bad) = access.guests.iter().find(|name| !is_interface(name)) {
            return Err(PolicyError::Interface(bad.clone()));
        }
        Ok(Self {
            site: host.site.clone(),
            clients,
            named,
            rate: access.rate,
            counters: access.counters,
            log: access.log,
            published: access.published.0,
            guests: access.guests.clone(),
        })
    }

    /// What it says of a new connection from outside to a door.
    pub fn says(&self, client: IpAddr, door: Door) -> Says {
        if self.site.contains(&door) {
            return Says::Open;
        }
        match self.named.get(&door) {
            Some(rule) if rule.to.iter().any(|name| self.clients[name].contains(client)) => {
                if rule.admin {
                    Says::Limited
                } else {
                    Says::Open
                }
            }
            _ => Says::Closed,
        }
    }

    /// That an administrator who came in from there by that door can do so again.
    pub fn keeps(&self, client: IpAddr, door: Door) -> Result<(), CutOff> {
        // A client over IPv4 to a socket of IPv6 is told as such, and its packets are IPv4.
        let client = client.to_canonical();
        if self.says(client, door) == Says::Closed { Err(CutOff { client, door }) } else { Ok(()) }
    }

    /// The site's own doors, open to everyone.
    pub fn site(&self) -> &BTreeSet<Door> {
        &self.site
    }

    /// All client sets, used or not.
    pub fn clients(&self) -> &BTreeMap<SetName, ClientSet> {
        &self.clients
    }

    /// Doors for named clients.
    pub fn named(&self) -> &BTreeMap<Door, Rule> {
        &self.named
    }

    /// The doors of the site and the named ones by their ports alone, as a file of its own would say it: clients are
    /// left out.
    pub fn settings(&self) -> Access {
        let allow = |rule: &Rule| Allow { to: rule.to.iter().cloned().collect(), admin: rule.admin };
        Access {
            clients: BTreeMap::new(),
            doors: self.named.iter().map(|(door, rule)| (DoorName::Port(*door), allow(rule))).collect(),
            rate: self.rate,
            counters: self.counters,
            log: self.log,
            published: Published(self.published),
            guests: self.guests.clone(),
        }
    }

    /// Doors that somebody may use, sorted: the site's, and the named ones.
    pub fn doors(&self) -> impl Iterator<Item = Door> {
        self.site.iter().chain(self.named.keys()).copied().collect::<BTreeSet<_>>().into_iter()
    }
}

fn set(name: &SetName, entries: &[String], host: &Host) -> Result<ClientSet, PolicyError> {
    let wrong = |file: Option<&String>, why| PolicyError::Clients {
        name: name.clone(),
        file: file.cloned(),
        why: Box::new(why),
    };
    let (files, plain): (Vec<&String>, Vec<&String>) = entries.iter().partition(|entry| is_file(entry));
    let mut merged = match ClientSet::of_entries(plain.into_iter().map(String::as_str)) {
        Err(ClientsError::Empty) if !files.is_empty() => ClientSet::default(),
        other => other.map_err(|why| wrong(None, why))?,
    };
    for file in files {
        let text = host.files.get(file).ok_or_else(|| PolicyError::Unread(name.clone(), file.clone()))?;
        merged = merged.union(ClientSet::of_file(text).map_err(|why| wrong(Some(file), why))?);
    }
    Ok(merged)
}

impl Host {
    /// The doors that a name means: the port, or those of the service that is called so.
    pub fn doors(&self, name: &DoorName) -> Result<BTreeSet<Door>, PolicyError> {
        doors(name, self)
    }
}

/// The service that a name means, if it means one, and its doors.
pub fn named_service<'h>(
    name: &str,
    host: &'h Host,
) -> Result<(&'h String, &'h BTreeSet<Door>), PolicyError> {
    if let Some(found) = host.services.get_key_value(name).filter(|(_, doors)| !doors.is_empty()) {
        return Ok(found);
    }
    // `ssh` for `ssh.service`.
    let is_short = |full: &str| full.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let fitting: Vec<_> =
        host.services.iter().filter(|(full, doors)| is_short(full) && !doors.is_empty()).collect();
    match fitting.as_slice() {
        [] => Err(PolicyError::NoSuchService(name.to_owned())),
        [one] => Ok(*one),
        many => {
            let names: Vec<&str> = many.iter().map(|(name, _)| name.as_str()).collect();
            Err(PolicyError::Ambiguous(name.to_owned(), names.join(", ")))
        }
    }
}

/// The doors that a name means.
fn doors(name: &DoorName, host: &Host) -> Result<BTreeSet<Door>, PolicyError> {
    match name {
        DoorName::Port(door) => Ok(BTreeSet::from([*door])),
        DoorName::Service(name) => named_service(name, host).map(|(_, doors)| doors.clone()),
    }
}

/// Whether a name, or its beginning before `*`, can be an interface's; and can be written between quotes.
fn is_interface(name: &str) -> bool {
    let stem = name.strip_suffix('*').unwrap_or(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    !stem.is_empty() && stem.len() <= LONGEST_INTERFACE && stem.chars().all(fits)
}
