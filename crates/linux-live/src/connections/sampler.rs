//! Looks at connections again and again.
//!
//! A web server asks its database for some milliseconds at a time, so one look sees little of it. Each further look
//! adds what is new; how many of a kind there were at once is kept at its most. What came and went between two looks
//! is lost but for TCP's memory: the side that closes first keeps the addresses for a minute (`TIME_WAIT`). They name
//! the server, by its listener, and no client, for no process holds them any more: it is said that the clients of that
//! server were not seen, unless one was.

use std::fs;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use doorward_model::{Connection, Container, Facts, Listener, LocalSocket, Service, Subject, Unseen};

use super::holders::Holders;
use super::inet::Question;
use super::listeners::Listeners;
use super::names::Names;
use super::pair::{Ended, Pair};
use super::places::Place;
use super::tally::Tally;
use super::{inet, unix};
use crate::process::Processes;
use crate::unix_sockets::LIMIT;

/// The shortest time between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The longest: what lives shorter than a minute is what this is for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often those that have ended are looked at: they stay for a minute, and there may be thousands.
const ENDED_EVERY: Duration = Duration::from_secs(15);
/// A look takes at most this part of the time until the next.
const SHARE: u32 = 20;

/// Collects connections over several looks.
#[derive(Debug)]
pub struct Sampler<'a> {
    listeners: Listeners<'a>,
    local: &'a [LocalSocket],
    holders: Holders<'a>,
    places: Vec<Place>,
    /// Namespaces of all processes when the places were opened.
    namespaces: Vec<u64>,
    first_ephemeral: u16,
    tally: Tally,
    cost: Duration,
    /// When those that have ended were looked at.
    ended_seen: Option<Instant>,
}

impl<'a> Sampler<'a> {
    /// Before the first look. `listeners`, `local` ([`crate::unix_sockets::collect`]) and `containers` as they were
    /// found and named; `services`: those that are known, of which the ones of init scripts are used.
    pub fn new(
        listeners: &'a [Listener],
        local: &'a [LocalSocket],
        containers: &'a [Container],
        services: &'a [Service],
    ) -> Self {
        let mut sampler = Self {
            listeners: Listeners::new(listeners),
            local,
            holders: Holders::new(Names::new(containers, services)),
            places: Vec::new(),
            namespaces: Vec::new(),
            first_ephemeral: first_ephemeral(),
            tally: Tally::default(),
            cost: Duration::ZERO,
            ended_seen: None,
        };
        sampler.open_places();
        sampler
    }

    /// Looks at all connections once.
    pub fn look(&mut self) {
        let began = Instant::now();
        let (pairs, ended) = self.pairs();
        self.holders.learn(&pairs);
        self.tally.add(&pairs, ended, &self.holders, self.local, std::process::id());
        if self.namespaces != namespaces(self.holders.processes()) {
            self.open_places();
        }
        self.cost = began.elapsed();
    }

    /// How long to wait until the next look, by what the last one cost.
    pub fn pause(&self) -> Duration {
        (self.cost * SHARE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    /// What all looks saw, sorted, and what they could not see.
    pub fn finish(self) -> Facts<Vec<Connection>> {
        self.tally.finish()
    }

    /// The connections that are there now, and how many have ended of each kind.
    pub(super) fn pairs(&mut self) -> (Vec<Pair>, Vec<(Ended, usize)>) {
        let ended = self.ended_seen.is_none_or(|at| at.elapsed() >= ENDED_EVERY);
        if ended {
            self.ended_seen = Some(Instant::now());
        }
        let peers: Vec<IpAddr> = self.places.iter().flat_map(|p| p.addresses.iter().copied()).collect();
        let question = Question::new(&peers, ended);
        let (mut inet_sockets, mut unix_sockets) = (Vec::new(), Vec::new());
        let mut gone = Vec::new();
        for place in &mut self.places {
            let Facts { value, mut unseen } = place.inet_sockets(&question);
            inet_sockets.extend(value);
            match place.unix_sockets() {
                Ok((found, more)) => {
                    unix_sockets.extend(found);
                    unseen.extend(more.then(|| unix_unseen(format!("there are more than {LIMIT}"))));
                }
                Err(e) => unseen.push(unix_unseen(e.to_string())),
            }
            let keep = place.is_host() || (unseen.is_empty() && place.is_inhabited());
            if !keep {
                gone.push(place.id);
            }
            self.tally.note(unseen);
        }
        // What is still there is opened anew, from inside.
        if !gone.is_empty() {
            self.places.retain(|p| !gone.contains(&p.id));
            self.namespaces.clear();
        }
        unix_sockets.sort_unstable_by_key(|s| s.inode);
        let own: Vec<_> = self.places.iter().flat_map(|p| p.addresses.iter().map(|ip| (p.id, *ip))).collect();
        let (mut pairs, ended) = inet::pairs(&inet_sockets, &own, &self.listeners, self.first_ephemeral);
        pairs.extend(unix::pairs(&unix_sockets));
        (pairs, ended)
    }

    fn open_places(&mut self) {
        self.namespaces = namespaces(self.holders.processes());
        let Facts { value, unseen } = Place::all(self.holders.processes());
        self.places = value;
        self.tally.note(unseen);
    }
}

fn unix_unseen(why: String) -> Unseen {
    Unseen::new(Subject::Connections, "connections over UNIX sockets", why)
}

/// The network namespaces that processes live in, sorted.
fn namespaces(processes: &Processes) -> Vec<u64> {
    let mut ids: Vec<u64> = processes.iter().filter_map(|p| p.net_namespace).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The first port that the kernel gives to sockets that ask for any (`ip(7)`); its default where it cannot be read.
fn first_ephemeral() -> u16 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32768)
}

#[cfg(test)]
impl Sampler<'_> {
    /// The processes that hold the two ends; 0 where none is known.
    pub(super) fn holders_of(&mut self, pair: &Pair) -> (u32, u32) {
        use super::pair::End;
        let mut pair = pair.clone();
        // Without what would tell enough.
        pair.client = End { inode: pair.client.inode, ..End::default() };
        pair.server = End { inode: pair.server.inode, ..End::default() };
        self.holders.learn(std::slice::from_ref(&pair));
        let pid = |inode| self.holders.by_inode(inode).map_or(0, |h| h.pid);
        (pid(pair.client.inode), pid(pair.server.inode))
    }
}
