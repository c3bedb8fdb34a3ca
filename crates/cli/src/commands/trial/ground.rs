//! Where a plan is tried: what it takes to get ready there.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, bail};
use doorward_assess::Assessment;
use doorward_model::trial::{NotTried, PlaceDifference, TrialPlace};
use doorward_model::{Snapshot, State};
use doorward_plan::{Action, KeepReason, Plan};
use doorward_site::{Outcomes, Settings, Site};
use doorward_trial::{Lane, LaneError};

use super::copies::{AGENT, CopyLane, Kind, Wanted};
use super::host::HostLane;
use super::link::Link;
use super::wire::Begin;
use super::{shown, visitors};
use crate::args::TrialArgs;
use crate::served;
use crate::state::program;

/// On a host that stays, one trial takes no longer, the site's tests aside; then everything comes back by itself.
const LONGEST_TRIAL: Duration = Duration::from_mins(10);

/// Where it is tried, ready or nearly so.
pub(super) struct Ground {
    pub(super) place: TrialPlace,
    lanes: Lanes,
    pub(super) differences: Vec<PlaceDifference>,
}

enum Lanes {
    Copies(Vec<CopyLane>),
    Host(Box<HostLane>),
}

impl Ground {
    pub(super) fn prepare(
        args: &TrialArgs,
        snapshot: &Snapshot,
        assessment: &Assessment<'_>,
        plan: &Plan,
        site: &Site,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, LaneError> {
        let own = own_services(plan, assessment);
        let fails = |why: anyhow::Error| LaneError::Ended(format!("{why:#}"));
        if !(args.place.live || args.place.host.is_some()) {
            let wanted = Wanted {
                lanes: args.lanes,
                memory: args.copy_memory.map(|mib| u64::from(mib.get()) << 20),
                address: args.address,
                tests: args.tests,
                fresh: args.fresh.unwrap_or(true),
                settle: args.settle,
            };
            let kind = Kind::new(snapshot, site, own, &wanted, Arc::clone(stop)).map_err(fails)?;
            let lanes = (0..args.lanes.get()).map(|_| CopyLane::new(kind.clone())).collect();
            let elsewhere = served::elsewhere(snapshot).into_iter().map(|(to, place)| PlaceDifference {
                what: format!("{to} ({place})"),
                how: "is another machine: a copy reaches nothing outside of itself".to_owned(),
            });
            let differences = elsewhere.collect();
            return Ok(Self { place: TrialPlace::Clone, lanes: Lanes::Copies(lanes), differences });
        }
        if args.lanes.get() > 1 {
            return Err(LaneError::Ended("only copies can be tried on several at a time".to_owned()));
        }
        let (place, link) = match &args.place.host {
            Some(host) => (TrialPlace::Host, over_ssh(host).map_err(fails)?),
            None => (TrialPlace::Live, here().map_err(fails)?),
        };
        let watch = (place == TrialPlace::Live).then(|| watch(snapshot));
        let begin = Begin {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: args.state.state.clone(),
            switch: Some(LONGEST_TRIAL + longest(site, args.tests)),
            own,
            settle: args.settle,
        };
        let mut settings = Settings::default();
        settings.address = args.address;
        settings.lanes = args.tests;
        settings.stop = Arc::clone(stop);
        let lane = HostLane::new(link, begin, site.clone(), settings, args.fresh.unwrap_or(false), watch)?;
        Ok(Self { place, lanes: Lanes::Host(Box::new(lane)), differences: Vec::new() })
    }

    /// Boots copies, and runs the tests on the untouched site: the baseline's outcomes, and steps that cannot be tried.
    pub(super) fn ready(
        &mut self,
        args: &TrialArgs,
        plan: &Plan,
    ) -> Result<(Vec<Outcomes>, Vec<NotTried>), LaneError> {
        let times = args.baseline.get();
        match &mut self.lanes {
            Lanes::Host(lane) => {
                let not_tried = lane.look(plan)?;
                eprintln!("doorward: running the tests {times} times on the untouched site");
                let runs = (0..times).map(|_| lane.test()).collect();
                Ok((runs, not_tried))
            }
            Lanes::Copies(lanes) => {
                eprintln!("doorward: booting {}", shown::copies(lanes.len()));
                let booted: Vec<_> = std::thread::scope(|scope| {
                    let booting: Vec<_> = lanes.iter_mut().map(|lane| scope.spawn(|| lane.boot())).collect();
                    let join = |one: std::thread::ScopedJoinHandle<'_, _>| {
                        one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                    };
                    booting.into_iter().map(join).collect()
                });
                for one in booted {
                    let (differences, took) = one?;
                    eprintln!("doorward: a copy is up after {:.1} s", took.as_secs_f64());
                    for new in differences.into_iter().map(|d| PlaceDifference { what: d.what, how: d.how }) {
                        if !self.differences.contains(&new) {
                            self.differences.push(new);
                        }
                    }
                }
                let Some((first, others)) = lanes.split_first_mut() else {
                    return Err(LaneError::Ended("no lanes".to_owned()));
                };
                let not_tried = first.look(plan)?;
                if args.fresh.unwrap_or(true)
                    && let Some(why) = first.fresh()?
                {
                    return Err(LaneError::Ended(format!(
                        "the site's own services cannot be restarted, even with nothing shut (--fresh false leaves them): {why}"
                    )));
                }
                eprintln!("doorward: running the tests {times} times on an untouched copy");
                let mut runs = Vec::new();
                for _ in 0..times {
                    runs.push(first.test()?);
                }
                for lane in others {
                    runs.push(lane.test()?);
                }
                Ok((runs, not_tried))
            }
        }
    }

    pub(super) fn into_lanes(self) -> (Vec<Box<dyn Lane>>, Vec<PlaceDifference>) {
        let lanes: Vec<Box<dyn Lane>> = match self.lanes {
            Lanes::Copies(lanes) => lanes.into_iter().map(|lane| Box::new(lane) as Box<dyn Lane>).collect(),
            Lanes::Host(lane) => vec![lane as Box<dyn Lane>],
        };
        (lanes, self.differences)
    }
}

/// The services that the site itself is made of, in an order in which they can be started: the role's, and before them
/// what those need.
fn own_services(plan: &Plan, assessment: &Assessment<'_>) -> Vec<String> {
    let graph = &assessment.graph;
    let kept = |step: &doorward_plan::Step| match &step.action {
        Action::Keep { service, reason: reason @ (KeepReason::Role | KeepReason::Needed) } => {
            Some((graph.node(service)?, *reason))
        }
        _ => None,
    };
    let kept: Vec<(usize, KeepReason)> = plan.steps.iter().filter_map(kept).collect();
    let mut found: Vec<usize> =
        kept.iter().filter(|(_, reason)| *reason == KeepReason::Role).map(|(node, _)| *node).collect();
    let mut at = 0;
    while let Some(&node) = found.get(at) {
        for edge in graph.out(node).iter().filter(|edge| edge.origin.carries_need()) {
            if kept.iter().any(|(other, _)| *other == edge.other) && !found.contains(&edge.other) {
                found.push(edge.other);
            }
        }
        at += 1;
    }
    let services = found.iter().rev().map(|node| &graph.services()[*node]);
    let running = services.filter(|s| s.state == State::Running && s.name.ends_with(".service"));
    running.map(|service| service.name.clone()).collect()
}

/// All tests take no longer.
pub(super) fn longest(site: &Site, lanes: NonZeroUsize) -> Duration {
    let each = site.time_limit.unwrap_or(doorward_site::TIME_LIMIT).0;
    let own = site.command.iter().map(|c| c.time_limit).chain(site.suite.iter().map(|s| s.time_limit));
    let own: Duration = own.flatten().map(|limit| limit.0).sum();
    let lanes = u32::try_from(lanes.get()).unwrap_or(u32::MAX);
    let checks = u32::try_from(site.len()).unwrap_or(u32::MAX);
    each.saturating_mul(checks / lanes + 1) + own + Duration::from_mins(1)
}

/// The access logs to watch, and where the tests come from.
fn watch(snapshot: &Snapshot) -> visitors::Watch {
    let logs = served::access_logs(snapshot).into_iter().map(PathBuf::from).collect();
    visitors::Watch::new(logs, served::own_addresses(snapshot))
}

/// An agent on this host.
#[expect(clippy::disallowed_methods, reason = "the agent is this program")]
fn here() -> anyhow::Result<Link> {
    let mut command = std::process::Command::new(program()?);
    command.arg(AGENT);
    Link::start(command).context("the agent of the trial")
}

/// An agent on another host, where doorward is installed, too. `ssh` asks for what it needs at the terminal.
#[expect(clippy::disallowed_methods, reason = "another host is spoken with through the system's ssh")]
fn over_ssh(host: &str) -> anyhow::Result<Link> {
    if host.is_empty() || host.starts_with('-') || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        bail!("{host:?} is no USER@HOST");
    }
    let mut command = std::process::Command::new("/usr/bin/ssh");
    command.args(["-T", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4", "--", host]);
    // As root, or by sudo without a password.
    command.arg(format!(
        "if [ \"$(id -u)\" = 0 ]; then exec doorward {AGENT}; else exec sudo -n doorward {AGENT}; fi"
    ));
    Link::start(command).context("/usr/bin/ssh")
}
