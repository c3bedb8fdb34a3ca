//! `doorward trial`.

mod agent;
mod copies;
mod host;
mod link;
mod shown;
mod told;
mod visitors;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use doorward_assess::Assessment;
use doorward_linux_change::state_directory;
use doorward_linux_files::Tree;
use doorward_model::site::SiteCoverage;
use doorward_model::trial::TrialPlace;
use doorward_model::{Snapshot, State};
use doorward_plan::{Action, KeepReason, Options, Plan, StepId};
use doorward_report::escape;
use doorward_site::{Baseline, NoBaseline, Outcomes, Settings, Site};
use doorward_trial::{Candidates, Lane, LaneError, Record, Trial, TrialError};

pub(crate) use agent::serve;

use crate::args::TrialArgs;
use crate::commands::site::check::{self, report};
use crate::config::Config;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::progress::Trials;
use crate::source::One;
use crate::state::program;
use crate::{judge, output, served, source};
use copies::{AGENT, CopyLane, Kind, Wanted};
use host::HostLane;
use link::Link;
use shown::Told;
use wire::Begin;

/// A record may not be larger.
const RECORD_LIMIT: u64 = 256 << 20;
/// On a host that stays, one trial takes no longer, the site's tests aside; then everything comes back by itself.
const LONGEST_TRIAL: Duration = Duration::from_mins(10);

pub(crate) fn run(args: &TrialArgs) -> anyhow::Result<Exit> {
    let began = Instant::now();
    super::undo::must_be_root("doorward trial")?;
    let config = Config::load(&args.judge)?;
    let site = check::read(&args.site)?;
    eprintln!("doorward: looking at this host");
    let (knowledge, snapshot) = One::ThisHost(None).read(&config)?;
    let index = judge::index(&knowledge, &snapshot, &config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let plan = planned(args, &snapshot, &assessment, &index)?;
    if plan.is_empty() {
        eprintln!("doorward: the plan changes nothing, so there is nothing to try");
        return Ok(Exit::Done);
    }
    if args.place.live && args.needed == Some(true) {
        bail!("--needed would shut the site itself: it is for copies and test servers");
    }
    let is_doubted = args.needed.unwrap_or(!args.place.live);
    let tried = if is_doubted { doorward_trial::doubted(&plan, &assessment) } else { plan.clone() };
    let interrupt = Interrupt::watch()?;
    let expect = |step: &doorward_plan::Step| doorward_trial::expect(step, &plan, &assessment, &index);
    let mut ground = Ground::prepare(args, &snapshot, &assessment, &plan, &site, &interrupt.stop());
    let ready = ground.as_mut().map_err(|why| why.clone()).and_then(|ground| ground.ready(args, &tried));
    let (baseline, not_tried) = match ready {
        Ok(ready) => ready,
        Err(LaneError::Stopped) => return Ok(stopped(&interrupt, false)),
        Err(why) => bail!(why),
    };
    let ground = ground?;
    let baseline = judged(&baseline, args, &ground.differences)?;
    let left_out: BTreeSet<StepId> = not_tried.iter().map(|(step, _)| StepId(step.clone())).collect();
    let candidates = Candidates::of(&tried, &left_out, expect);
    let not_tried = with_required(&tried, &candidates, not_tried);
    let file = args.record.clone().unwrap_or_else(|| args.state.state.join("trial.json"));
    let mut record = recorded(args, &file, &tried)?;
    let place = ground.place;
    let (mut lanes, differences) = ground.into_lanes();
    let mut observer = Told { record: &file, bar: Trials::new(lanes.len()), failed: None };
    let trial = Trial {
        plan: &tried,
        candidates: &candidates,
        baseline: &baseline,
        lanes: &mut lanes,
        disposable: place == TrialPlace::Clone,
        record: &mut record,
        observer: &mut observer,
    };
    let proof = trial.run();
    let unsaved = observer.failed.take();
    drop(observer);
    // What was tried on is thrown away, and agents put everything back, before anything is said.
    drop(lanes);
    if let Some(why) = unsaved {
        eprintln!("doorward: what was tried could not be kept: {}", escape(&why));
    }
    let proof = match proof {
        Ok(proof) => proof,
        Err(TrialError::Lane(LaneError::Stopped)) => return Ok(stopped(&interrupt, true)),
        Err(TrialError::Lane(why @ LaneError::NotRestored(_))) => {
            eprintln!("doorward: {}", escape(&why.to_string()));
            return Ok(Exit::NotRestored);
        }
        Err(why) => {
            return Err(why).with_context(|| {
                format!("the trial ends here (what was tried is kept in {})", file.display())
            });
        }
    };
    let marked = proof.mark(&plan, &record);
    let report = told::report(&told::Facts {
        plan: &plan,
        site: &site,
        place,
        baseline: &baseline,
        proof: &proof,
        not_tried: &not_tried,
        differences: &differences,
        coverage: args.place.host.is_none().then(|| touched(&site, &snapshot)).flatten(),
        took: began.elapsed(),
    });
    if let Some(file) = &args.output {
        output::write_file(file, &doorward_plan::print(&marked))?;
    }
    output::print_report(args.form.format, &report, || shown::text(&report))?;
    if let Some(file) = &args.output {
        eprintln!("doorward: the plan with what was proved is in {}", escape(&file.display().to_string()));
    }
    Ok(Exit::Done)
}

/// The keeper of a copy, in its unit.
pub(crate) fn keep(socket: &Path) -> anyhow::Result<Exit> {
    doorward_clone::keep(socket)?;
    Ok(Exit::Done)
}

fn stopped(interrupt: &Interrupt, is_kept: bool) -> Exit {
    let kept = if is_kept { "; what was tried is kept, and the next trial goes on from it" } else { "" };
    eprintln!("doorward: stopped; everything is as it was{kept}");
    interrupt.exit().unwrap_or(Exit::Done)
}

fn planned(
    args: &TrialArgs,
    snapshot: &Snapshot,
    assessment: &Assessment<'_>,
    index: &doorward_knowledge::Index<'_>,
) -> anyhow::Result<Plan> {
    let Some(file) = &args.plan else {
        let prefer = super::plan::preferred(args.prefer);
        // A visitor's address is no client's.
        return Ok(doorward_plan::plan(assessment, snapshot, index, Options { prefer, access: None })?);
    };
    let plan = super::plan::read(file)?;
    if args.place.host.is_none() {
        doorward_plan::check_fresh(&plan, snapshot).with_context(|| file.display().to_string())?;
        super::plan::refuse_wrong(&plan, snapshot, assessment, index, &[])?;
    }
    Ok(plan)
}

/// What a step needs that cannot be tried stays, too.
fn with_required(plan: &Plan, candidates: &Candidates, mut not_tried: NotTried) -> NotTried {
    let named = |step: &StepId| not_tried.iter().any(|(other, _)| *other == step.0);
    let others = plan.changes().filter(|step| !candidates.steps().contains(&step.id) && !named(&step.id));
    let why = "something that cannot be tried needs it";
    let others: Vec<_> = others.map(|step| (step.id.to_string(), why.to_owned())).collect();
    not_tried.extend(others);
    not_tried
}

/// What is known of earlier trials.
fn recorded(args: &TrialArgs, file: &Path, plan: &Plan) -> anyhow::Result<Record> {
    if args.record.is_none() {
        state_directory(&args.state.state)?;
    }
    if args.anew || !file.exists() {
        return Ok(Record::new(plan));
    }
    let text = source::text(file, RECORD_LIMIT)?;
    Record::read(&text, plan)
        .with_context(|| format!("{} (--anew forgets what was tried before)", file.display()))
}

/// Where it is tried, ready or nearly so.
struct Ground {
    place: TrialPlace,
    lanes: Lanes,
    differences: Vec<(String, String)>,
}

enum Lanes {
    Copies(Vec<CopyLane>),
    Host(Box<HostLane>),
}

impl Ground {
    fn prepare(
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
                address: args.address,
                tests: args.tests,
                fresh: args.fresh.unwrap_or(true),
                settle: args.settle,
            };
            let kind = Kind::new(snapshot, site, own, &wanted, Arc::clone(stop)).map_err(fails)?;
            let lanes = (0..args.lanes.get()).map(|_| CopyLane::new(kind.clone())).collect();
            let differences = shown::elsewhere(snapshot);
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
    fn ready(&mut self, args: &TrialArgs, plan: &Plan) -> Result<(Vec<Outcomes>, NotTried), LaneError> {
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
                    for new in differences.into_iter().map(|d| (d.what, d.how)) {
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

    fn into_lanes(self) -> (Vec<Box<dyn Lane>>, Vec<(String, String)>) {
        let lanes: Vec<Box<dyn Lane>> = match self.lanes {
            Lanes::Copies(lanes) => lanes.into_iter().map(|lane| Box::new(lane) as Box<dyn Lane>).collect(),
            Lanes::Host(lane) => vec![lane as Box<dyn Lane>],
        };
        (lanes, self.differences)
    }
}

/// Steps that cannot be tried, with the reason.
type NotTried = Vec<(String, String)>;

/// A site that fails before anything is shut proves nothing.
fn judged(runs: &[Outcomes], args: &TrialArgs, differences: &[(String, String)]) -> anyhow::Result<Baseline> {
    let baseline = Baseline::of(runs);
    match baseline {
        Ok(baseline) => {
            for flaky in baseline.flaky() {
                eprintln!(
                    "doorward: {} fails by itself in {} of {} runs: trials are repeated until that does not matter",
                    escape(&flaky.test().0),
                    flaky.failed,
                    baseline.runs
                );
            }
            Ok(baseline)
        }
        Err(why @ NoBaseline::Failing(_)) if !(args.place.live || args.place.host.is_some()) => {
            let mut text = format!(
                "nothing was shut: {why}\nSee whether they pass on the host itself: doorward site check {}. If so, the copy is not like the host",
                args.site.display()
            );
            for (what, how) in differences {
                let _ = write!(text, "\n{what}: {how}");
            }
            text.push_str("\nA test server (--host) or the host itself (--live) can be tried on instead");
            bail!(text)
        }
        Err(why) => bail!("nothing was shut: {why}"),
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

/// What of this host's web servers the tests touch, and of what its visitors ask for.
fn touched(site: &Site, snapshot: &Snapshot) -> Option<SiteCoverage> {
    let endpoints = served::endpoints(snapshot);
    let (logs, unread) = served::read_logs(snapshot, &Tree::open(Path::new("/")).ok()?);
    Some(report::coverage(doorward_site::coverage(site, &endpoints, &logs), unread))
}

/// All tests take no longer.
fn longest(site: &Site, lanes: NonZeroUsize) -> Duration {
    let each = site.time_limit.unwrap_or(doorward_site::TIME_LIMIT).0;
    let own = site.command.iter().map(|c| c.time_limit).chain(site.suite.iter().map(|s| s.time_limit));
    let own: Duration = own.flatten().map(|limit| limit.0).sum();
    let lanes = u32::try_from(lanes.get()).unwrap_or(u32::MAX);
    let checks = u32::try_from(site.len()).unwrap_or(u32::MAX);
    each.saturating_mul(checks / lanes + 1) + own + Duration::from_mins(1)
}

/// The access logs to watch, and where the tests come from.
fn watch(snapshot: &Snapshot) -> visitors::Watch {
    let addresses = snapshot.host.interfaces.iter().flat_map(|interface| &interface.addresses);
    let own: Vec<IpAddr> = addresses.filter_map(|a| a.split('/').next()?.parse().ok()).collect();
    visitors::Watch::new(shown::access_logs(snapshot), own)
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
