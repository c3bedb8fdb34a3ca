//! Trials on copies of this host, booted beside it and thrown away.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use doorward_clone::{CloneError, Copy, Difference, Interface, Settings};
use doorward_model::Snapshot;
use doorward_model::trial::NotTried;
use doorward_plan::{Plan, StepId};
use doorward_site::{Outcomes, Site};
use doorward_trial::{Attempt, Lane, LaneError};

use super::agent::copy_state;
use super::link::{Link, LinkError, SHUT_LIMIT, unexpected};
use super::wire::{Answer, Ask, Begin};
use crate::state::program;

/// The words by which this program becomes what it has to be in and around a copy.
pub(crate) const KEEPER: &str = "trial-keeper";
pub(crate) const AGENT: &str = "trial-agent";

/// A part of the memory that is free, for all copies together; a copy's processes take theirs besides.
const SHARE: u64 = 2;
const LEAST_MEMORY: u64 = 64 << 20;

/// What all copies have in common.
#[derive(Clone)]
pub(super) struct Kind {
    settings: Settings,
    begin: Begin,
    site: String,
    /// Where the copies are asked, from outside.
    pub(super) address: IpAddr,
    tests: NonZeroUsize,
    tests_limit: Duration,
    fresh: bool,
    stop: Arc<AtomicBool>,
}

/// What the user says about them.
pub(super) struct Wanted {
    pub(super) lanes: NonZeroUsize,
    /// Bytes that each may write.
    pub(super) memory: Option<u64>,
    pub(super) address: Option<IpAddr>,
    pub(super) tests: NonZeroUsize,
    pub(super) fresh: bool,
    pub(super) settle: Option<Duration>,
}

/// A copy with less room than that has failed, or soon will.
const LEAST_ROOM: u64 = 1 << 20;

/// A copy, booted when it is needed.
pub(super) struct CopyLane {
    kind: Kind,
    booted: Option<Booted>,
}

/// The lines end before the copy does.
struct Booted {
    changer: Link,
    tester: Link,
    copy: Copy,
    /// Steps that are shut in it now.
    shut: BTreeSet<StepId>,
}

impl Kind {
    pub(super) fn new(
        snapshot: &Snapshot,
        site: &Site,
        own: Vec<String>,
        wanted: &Wanted,
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let interfaces = interfaces(snapshot);
        let own_addresses = || interfaces.iter().flat_map(|i| &i.addresses).map(ipnet::IpNet::addr);
        let address = match wanted.address {
            Some(address) if own_addresses().any(|own| own == address) => address,
            Some(address) => anyhow::bail!("{address} is no address of this host, so its copy has not got it either"),
            None => own_addresses().find(IpAddr::is_ipv4).or_else(|| own_addresses().next()).context(
                "this host has no address on a network, so nothing from outside can ask its copy (--live tries on the host itself)",
            )?,
        };
        let names = site.hosts.iter().cloned().chain([site.host().to_owned()]);
        let names = names.filter(|name| name.parse::<IpAddr>().is_err() && name != "localhost").collect();
        let settings = Settings {
            host_name: snapshot.host.name.clone(),
            memory: match wanted.memory {
                Some(bytes) => bytes,
                None => memory()? / SHARE / wanted.lanes.get() as u64,
            },
            interfaces,
            names,
            program: program()?,
            keeper: vec![KEEPER.to_owned()],
        };
        if settings.memory < LEAST_MEMORY {
            anyhow::bail!(
                "a copy of this host could write {} MiB, and needs {} at least: fewer --lanes leave more for each, --copy-memory says how much, and --live needs none",
                settings.memory >> 20,
                LEAST_MEMORY >> 20
            );
        }
        let begin = Begin {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: copy_state().to_owned(),
            switch: None,
            own,
            settle: wanted.settle,
        };
        let tests_limit = super::ground::longest(site, wanted.tests);
        let site = doorward_site::print(site);
        Ok(Self {
            settings,
            begin,
            site,
            address,
            tests: wanted.tests,
            tests_limit,
            fresh: wanted.fresh,
            stop,
        })
    }
}

impl CopyLane {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, booted: None }
    }

    /// Boots it, if it is not there, and says how the copy differs from the host.
    pub(super) fn boot(&mut self) -> Result<(Vec<Difference>, Duration), LaneError> {
        let copy = &self.booted()?.copy;
        Ok((copy.differences().to_vec(), copy.took()))
    }

    /// Steps of a plan that cannot be tried in it, with the reason.
    pub(super) fn look(&mut self, plan: &Plan) -> Result<Vec<NotTried>, LaneError> {
        let stop = Arc::clone(&self.kind.stop);
        self.booted()?.changer.look(plan, &stop)
    }

    /// Runs the tests on the copy as it is.
    pub(super) fn test(&mut self) -> Result<Outcomes, LaneError> {
        let ask = Ask::Test {
            site: self.kind.site.clone(),
            address: Some(self.kind.address),
            lanes: self.kind.tests,
        };
        let (limit, stop) = (self.kind.tests_limit, Arc::clone(&self.kind.stop));
        let answer = self.booted()?.tester.ask(&ask, limit, Some(&stop));
        match self.usable(answer)? {
            Answer::Tested(outcomes) => self.has_room().map(|()| outcomes),
            other => Err(unexpected(&other)),
        }
    }

    /// Restarts the site's own services in it.
    pub(super) fn fresh(&mut self) -> Result<Option<String>, LaneError> {
        match self.change(&Ask::Fresh)? {
            Answer::Shut { problem } => Ok(problem),
            other => Err(unexpected(&other)),
        }
    }

    fn booted(&mut self) -> Result<&mut Booted, LaneError> {
        if self.kind.stop.load(Ordering::Relaxed) {
            return Err(LaneError::Stopped);
        }
        if self.booted.is_none() {
            let copy = Copy::boot(&self.kind.settings).map_err(|why| match why {
                CloneError::Missing { .. } => LaneError::Ended(format!(
                    "{why}; or try on a test server (--host) or on this host itself (--live)"
                )),
                other => ended(&other),
            })?;
            self.booted = Some(Booted::enter(copy, &self.kind)?);
        }
        self.booted.as_mut().ok_or(LaneError::Stopped)
    }

    fn change(&mut self, ask: &Ask) -> Result<Answer, LaneError> {
        let stop = Arc::clone(&self.kind.stop);
        let answer = self.booted()?.changer.ask(ask, SHUT_LIMIT, Some(&stop));
        self.usable(answer)
    }

    /// What cannot answer any more is thrown away.
    fn usable(&mut self, answer: Result<Answer, LinkError>) -> Result<Answer, LaneError> {
        answer.map_err(|error| {
            self.throw_away();
            error.into()
        })
    }

    fn throw_away(&mut self) {
        if let Some(Booted { changer, tester, copy, .. }) = self.booted.take() {
            changer.cut();
            tester.cut();
            drop(copy);
        }
    }

    fn tried(&mut self, plan: &Plan, reboot: bool) -> Result<Attempt, LaneError> {
        if let Some(problem) = self.shut(plan, reboot)? {
            return Ok(Attempt { problem: Some(problem), ..Attempt::default() });
        }
        if reboot {
            if let Some(problem) = self.reboot()? {
                return Ok(Attempt { problem: Some(problem), ..Attempt::default() });
            }
        } else if self.kind.fresh {
            // What does not start is left to the tests, which say what that means.
            self.fresh()?;
        }
        let outcomes = self.test()?;
        Ok(Attempt { outcomes, ..Attempt::default() })
    }

    /// Where there is no room left, tests fail that have nothing to do with what is shut.
    fn has_room(&self) -> Result<(), LaneError> {
        let room = self.booted.as_ref().and_then(|booted| booted.copy.room());
        if room.is_some_and(|room| room < LEAST_ROOM) {
            return Err(LaneError::NoRoom(format!(
                "the copy wrote more than the {} MB that it may: --copy-memory gives it more",
                self.kind.settings.memory >> 20
            )));
        }
        Ok(())
    }

    /// Boots it anew. That it does not come up is an outcome of the trial.
    fn reboot(&mut self) -> Result<Option<String>, LaneError> {
        let Some(Booted { changer, tester, mut copy, .. }) = self.booted.take() else {
            return Err(LaneError::Ended("the copy is gone".to_owned()));
        };
        changer.cut();
        tester.cut();
        match copy.reboot() {
            Ok(()) => {
                self.booted = Some(Booted::enter(copy, &self.kind)?);
                Ok(None)
            }
            Err(CloneError::Boot { why }) => Ok(Some(format!("after a reboot this host {why}"))),
            Err(late @ CloneError::Late { .. }) => Ok(Some(format!("after a reboot: {late}"))),
            Err(other) => Err(ended(&other)),
        }
    }

    /// Shuts what the plan says. What is shut already stays so where the plan shuts it, too; what it does not comes back.
    fn shut(&mut self, plan: &Plan, as_planned: bool) -> Result<Option<String>, LaneError> {
        let wanted: BTreeSet<StepId> = plan.changes().map(|step| step.id.clone()).collect();
        let shut = self.booted.as_ref().map(|booted| booted.shut.clone()).unwrap_or_default();
        // What was disabled before is to be removed now, as on the host; and to boot anew is quicker than to put back.
        if as_planned || !shut.is_subset(&wanted) {
            self.throw_away();
        }
        let shut = self.booted()?.shut.clone();
        let steps = plan.steps.iter().filter(|step| !shut.contains(&step.id)).cloned().collect();
        let plan = doorward_plan::print(&Plan { steps, ..plan.clone() });
        match self.change(&Ask::Shut { plan })? {
            Answer::Shut { problem: None } => {
                self.booted()?.shut = wanted;
                Ok(None)
            }
            Answer::Shut { problem } => Ok(problem),
            other => Err(unexpected(&other)),
        }
    }
}

impl Lane for CopyLane {
    fn attempt(&mut self, plan: &Plan, reboot: bool) -> Result<Attempt, LaneError> {
        let began = Instant::now();
        let killed = out_of_memory();
        // A copy may die of what is tried; then it is not known whether the trial or chance was at fault.
        let tried = match self.tried(plan, reboot) {
            Err(LaneError::Ended(_)) => {
                self.throw_away();
                self.tried(plan, reboot)
            }
            tried => tried,
        };
        if reboot || tried.is_err() {
            self.throw_away();
        }
        if out_of_memory() > killed {
            self.throw_away();
            return Err(LaneError::NoRoom(
                "this host ran out of memory, and the kernel killed something: fewer --lanes need less"
                    .to_owned(),
            ));
        }
        let attempt = match tried {
            Err(LaneError::Ended(why)) => {
                // Twice: it dies of what is tried, if a copy with nothing shut lives.
                self.test()?;
                Attempt { problem: Some(why), ..Attempt::default() }
            }
            tried => tried?,
        };
        Ok(Attempt { took: began.elapsed(), ..attempt })
    }
}

impl Booted {
    fn enter(copy: Copy, kind: &Kind) -> Result<Self, LaneError> {
        let start = |command| Link::start(command).map_err(|why| ended(&why));
        let mut changer = start(copy.inside(&[AGENT]))?;
        let tester = start(copy.beside(&[AGENT]))?;
        changer.begin(kind.begin.clone(), &kind.stop)?;
        Ok(Self { changer, tester, copy, shut: BTreeSet::new() })
    }
}

fn ended(why: &dyn std::error::Error) -> LaneError {
    LaneError::Ended(why.to_string())
}

/// The host's interfaces with addresses that others can ask.
fn interfaces(snapshot: &Snapshot) -> Vec<Interface> {
    let asked = |address: &ipnet::IpNet| match address.addr() {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    let one = |interface: &doorward_model::Interface| Interface {
        name: interface.name.clone(),
        addresses: interface.addresses.iter().filter_map(|a| a.parse().ok()).filter(asked).collect(),
    };
    let others = snapshot.host.interfaces.iter().filter(|interface| !interface.loopback);
    others.map(one).filter(|interface| !interface.addresses.is_empty()).collect()
}

/// How often the kernel has killed something since it started, for want of memory; what is killed may be of the site.
fn out_of_memory() -> i64 {
    // A kernel that does not tell counts nothing.
    procfs::vmstat().ok().and_then(|told| told.get("oom_kill").copied()).unwrap_or_default()
}

/// Bytes of memory that are free.
fn memory() -> anyhow::Result<u64> {
    use procfs::Current as _;
    let told = procfs::Meminfo::current().context("/proc/meminfo")?;
    Ok(told.mem_available.unwrap_or(told.mem_free))
}
