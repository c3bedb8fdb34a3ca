//! Counts connections between services over many looks.

use std::collections::{BTreeMap, BTreeSet};

use doorward_model::{Connection, Facts, LocalSocket, Subject, Transport, Unseen};

use super::holders::{Holder, Holders};
use super::pair::{End, Ended, Pair};
use crate::unix_sockets::absolute;

/// More different connections than this are not kept.
const LIMIT: usize = 20_000;
/// Servers whose clients were not seen are named up to this many.
const ENDED_LIMIT: usize = 50;

/// From, to, over what, where.
type Key = (String, String, Transport, String);

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// With how many there were at once, at most.
    most: BTreeMap<Key, u32>,
    /// Servers of connections whose client could not be told.
    ended: BTreeMap<Ended, usize>,
    /// Ends that we may not see the holders of, at most at once.
    hidden: usize,
    full: bool,
    unseen: BTreeSet<Unseen>,
}

impl Tally {
    /// Adds what one look saw. `ourselves`: the process whose own connections are of no interest.
    pub(super) fn add(
        &mut self,
        pairs: &[Pair],
        ended: Vec<(Ended, usize)>,
        holders: &Holders<'_>,
        local: &[LocalSocket],
        ourselves: u32,
    ) {
        let mut now: BTreeMap<Key, u32> = BTreeMap::new();
        let mut hidden = 0;
        let mut without_client: BTreeMap<Ended, usize> = ended.into_iter().collect();
        for pair in pairs {
            let server = Server::of(pair, holders, local);
            match (client(&pair.client, holders), server.holder) {
                (Some(client), _) if client.pid == ourselves => {}
                (Some(client), Some(answered)) => {
                    let (from, to, at) = order(pair, client, answered, server.at);
                    if from != to {
                        *now.entry((from, to, pair.transport, at)).or_default() += 1;
                    }
                }
                (client, answered) if !holders.is_complete() => {
                    hidden += usize::from(client.is_none()) + usize::from(answered.is_none());
                }
                (None, Some(answered)) if pair.or_at.is_none() => {
                    let ended = Ended { to: answered.service, at: server.at };
                    *without_client.entry(ended).or_default() += 1;
                }
                _ => {}
            }
        }
        self.hidden = self.hidden.max(hidden);
        for (ended, count) in without_client {
            self.merge_ended(ended, count);
        }
        for (key, count) in now {
            self.merge(key, count);
        }
    }

    /// Notes what could not be looked at.
    pub(super) fn note(&mut self, unseen: impl IntoIterator<Item = Unseen>) {
        self.unseen.extend(unseen);
    }

    fn merge(&mut self, key: Key, count: u32) {
        if self.most.len() >= LIMIT && !self.most.contains_key(&key) {
            self.full = true;
            return;
        }
        let most = self.most.entry(key).or_default();
        *most = (*most).max(count);
    }

    fn merge_ended(&mut self, ended: Ended, count: usize) {
        if self.ended.len() < LIMIT || self.ended.contains_key(&ended) {
            let most = self.ended.entry(ended).or_default();
            *most = (*most).max(count);
        }
    }

    /// All that was seen, sorted, and what was not.
    pub(super) fn finish(self) -> Facts<Vec<Connection>> {
        let Self { most, ended, hidden, full, unseen } = self;
        let value: Vec<Connection> = most
            .into_iter()
            .map(|((from, to, transport, at), count)| Connection { from, to, transport, at, count })
            .collect();
        let mut unseen: Vec<Unseen> = unseen.into_iter().collect();
        if hidden > 0 {
            let what = format!("services at {hidden} ends of connections between processes of this host");
            let why = "permission denied reading the descriptors of other users' processes";
            unseen.push(Unseen::new(Subject::Connections, what, why).with_remedy("run as root"));
        }
        if full {
            let why = format!("more than {LIMIT} different ones");
            unseen.push(Unseen::new(Subject::Connections, "connections between services", why));
        }
        // Where some client was seen, the others were most likely of its kind.
        let is_known = |e: &Ended| value.iter().any(|c| c.to == e.to && c.at == e.at);
        let unknown = ended.into_iter().filter(|(e, _)| !is_known(e)).take(ENDED_LIMIT);
        unseen.extend(unknown.map(|(Ended { to, at }, count)| {
            let what = format!("who connected to {to} at {at}");
            let why = format!("{count} connections were closed before the process at the other end was seen");
            Unseen::new(Subject::Connections, what, why).with_remedy("observe connections for longer")
        }));
        Facts { value, unseen }
    }
}

fn client(end: &End, holders: &Holders<'_>) -> Option<Holder> {
    holders.by_inode(end.inode).cloned().or_else(|| holders.by_cgroup(end))
}

/// Of two ends that look alike the younger process's counts as the one that connected.
fn order(pair: &Pair, client: Holder, server: Holder, at: String) -> (String, String, String) {
    let age = |h: &Holder| (h.started, h.pid);
    match &pair.or_at {
        Some(other) if age(&client) < age(&server) => (server.service, client.service, other.clone()),
        _ => (client.service, server.service, at),
    }
}

/// The answering end.
struct Server {
    holder: Option<Holder>,
    at: String,
}

impl Server {
    fn of(pair: &Pair, holders: &Holders<'_>, local: &[LocalSocket]) -> Self {
        let end = &pair.server;
        let held = holders.by_inode(end.inode).or_else(|| holders.by_inode(end.listener)).cloned();
        let at = match (pair.transport, &held) {
            (Transport::Unix, held) => absolute(&pair.at, held.as_ref().and_then(|h| holders.process(h))),
            _ => pair.at.clone(),
        };
        // Who listens there was found out with more care than who holds it; process 1 holds what is others'.
        let by_path = || local.iter().find(|l| l.path == at).and_then(|l| l.service.clone());
        let service = match &held {
            Some(h) if pair.transport == Transport::Unix && h.pid != 1 => None,
            _ => end.service.clone().or_else(by_path),
        };
        let (pid, started) = held.as_ref().map_or((0, 0), |h| (h.pid, h.started));
        let holder = service
            .map(|service| Holder { service, pid, started })
            .or(held)
            .or_else(|| holders.by_cgroup(end));
        Self { holder, at }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::Names;
    use super::*;
    use crate::process::{Process, Processes};
    use crate::sockets::SocketOwners;

    fn process(pid: u32, unit: &str, started: u64) -> Process {
        let cgroup = Some(format!("/system.slice/{unit}"));
        Process { pid, cgroup, started, name: "x".into(), ..Process::default() }
    }

    fn holders(pairs: &[(u64, u32)], complete: bool) -> Holders<'static> {
        let init =
            Process { name: "systemd".into(), cgroup: Some("/init.scope".into()), ..process(1, "", 1) };
        let processes = Processes::of(vec![
            init,
            process(10, "web.service", 5),
            process(11, "web.service", 6),
            process(20, "db.service", 7),
        ]);
        let inodes: Vec<u64> = pairs.iter().map(|(inode, _)| *inode).collect();
        Holders::of(Names::new(&[], &[]), processes, &SocketOwners::of(pairs, complete), &inodes)
    }

    fn pair(client: u64, server: u64, at: &str) -> Pair {
        let end = |inode| End { inode, ..End::default() };
        let (client, server) = (end(client), end(server));
        Pair { transport: Transport::Unix, client, server, at: at.into(), or_at: None }
    }

    fn tally(pairs: &[Pair], holders: &Holders<'_>, local: &[LocalSocket]) -> Facts<Vec<Connection>> {
        let mut tally = Tally::default();
        tally.add(pairs, vec![], holders, local, 999);
        tally.add(&pairs[..1], vec![], holders, local, 999);
        tally.finish()
    }

    #[test]
    fn connections_are_counted_at_their_most() {
        let holders = holders(&[(1, 10), (2, 20), (3, 11), (4, 20), (5, 10), (6, 11)], true);
        let pairs = [pair(1, 2, "/run/db.sock"), pair(3, 4, "/run/db.sock"), pair(5, 6, "/run/workers.sock")];
        let facts = tally(&pairs, &holders, &[]);
        assert_eq!(facts.unseen, []);
        let [found] = facts.value.as_slice() else { panic!("{:?}", facts.value) };
        assert_eq!((found.from.as_str(), found.to.as_str()), ("web.service", "db.service"));
        assert_eq!((found.at.as_str(), found.count), ("/run/db.sock", 2));
    }

    #[test]
    fn what_process_1_holds_is_the_services_that_listens_there() {
        let holders = holders(&[(1, 10), (2, 1)], true);
        let local = [LocalSocket { path: "/run/a.sock".into(), service: Some("a.service".into()) }];
        let found = tally(&[pair(1, 2, "/run/a.sock")], &holders, &local);
        assert_eq!(found.value[0].to, "a.service");
        let found = tally(&[pair(1, 2, "/run/systemd/private")], &holders, &local);
        assert_eq!(found.value[0].to, "process:systemd");
    }

    #[test]
    fn of_two_alike_the_older_answers() {
        let holders = holders(&[(1, 10), (2, 20)], true);
        let alike = Pair { or_at: Some("127.0.0.1:40001".into()), ..pair(1, 2, "127.0.0.1:40002") };
        let found = tally(&[alike], &holders, &[]).value.remove(0);
        assert_eq!((found.from.as_str(), found.to.as_str()), ("db.service", "web.service"));
        assert_eq!(found.at, "127.0.0.1:40001");
    }

    #[test]
    fn what_was_not_seen_is_said() {
        let seen = [(1, 10), (2, 20)];
        let half = [pair(7, 2, "/run/db.sock")];
        let facts = tally(&half, &holders(&seen, true), &[]);
        assert_eq!(facts.value, []);
        assert_eq!(facts.unseen[0].what, "who connected to db.service at /run/db.sock");
        let facts = tally(&half, &holders(&seen, false), &[]);
        assert_eq!(facts.unseen[0].remedy.as_deref(), Some("run as root"));
        let both = [pair(7, 2, "/run/db.sock"), pair(1, 2, "/run/db.sock")];
        let facts = tally(&both, &holders(&seen, true), &[]);
        assert_eq!((facts.value.len(), facts.unseen), (1, vec![]), "a known client explains the others");
    }

    #[test]
    fn our_own_connections_are_left_out() {
        let holders = holders(&[(1, 10), (2, 20)], true);
        let mut tally = Tally::default();
        tally.add(&[pair(1, 2, "/run/db.sock")], vec![], &holders, &[], 10);
        assert_eq!(tally.finish(), Facts::default());
    }
}
