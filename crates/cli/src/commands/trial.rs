//! `doorward trial`.

mod agent;
mod copies;
mod ground;
mod host;
mod link;
mod shown;
mod told;
mod visitors;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};
use doorward_assess::Assessment;
use doorward_linux_change::state_directory;
use doorward_linux_files::Tree;
use doorward_model::Snapshot;
use doorward_model::site::SiteCoverage;
use doorward_model::trial::{NotTried, PlaceDifference, TrialPlace};
use doorward_plan::{Options, Plan, StepId};
use doorward_report::escape;
use doorward_site::{Baseline, NoBaseline, Outcomes, Site};
use doorward_trial::{Candidates, LaneError, Record, Trial, TrialError};

pub(crate) use agent::serve;

use crate::args::TrialArgs;
use crate::commands::site::check::{self, report};
use crate::config::Config;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::progress::Trials;
use crate::source::One;
use crate::{judge, output, served, source};
use ground::Ground;
use shown::Told;

/// A record may not be larger.
const RECORD_LIMIT: u64 = 256 << 20;

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
    if args.place.live && args.fresh == Some(true) {
        bail!("--fresh would stop the site itself for a moment: it is for copies and test servers");
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
    let left_out: BTreeSet<StepId> = not_tried.iter().map(|one| StepId(one.step.clone())).collect();
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
        site: &site,
        baseline: &baseline,
        lanes: &mut lanes,
        disposable: place == TrialPlace::Clone,
        again: true,
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
    let report = told::report(told::Facts {
        plan: &plan,
        site: &site,
        place,
        baseline: &baseline,
        proof: &proof,
        not_tried,
        differences,
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
fn with_required(plan: &Plan, candidates: &Candidates, mut not_tried: Vec<NotTried>) -> Vec<NotTried> {
    let named = |step: &StepId| not_tried.iter().any(|one| one.step == step.0);
    let others = plan.changes().filter(|step| !candidates.steps().contains(&step.id) && !named(&step.id));
    let why = "something that cannot be tried needs it";
    let others: Vec<NotTried> =
        others.map(|step| NotTried { step: step.id.to_string(), why: why.to_owned() }).collect();
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

/// A site that fails before anything is shut proves nothing.
fn judged(runs: &[Outcomes], args: &TrialArgs, differences: &[PlaceDifference]) -> anyhow::Result<Baseline> {
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
            for difference in differences {
                let _ = write!(text, "\n{} {}", difference.what, difference.how);
            }
            text.push_str("\nA test server (--host) or the host itself (--live) can be tried on instead");
            bail!(text)
        }
        Err(why) => bail!("nothing was shut: {why}"),
    }
}

/// What of this host's web servers the tests touch, and of what its visitors ask for.
fn touched(site: &Site, snapshot: &Snapshot) -> Option<SiteCoverage> {
    let endpoints = served::endpoints(snapshot);
    let (logs, unread) = served::read_logs(snapshot, &Tree::open(Path::new("/")).ok()?);
    Some(report::coverage(doorward_site::coverage(site, &endpoints, &logs), unread))
}
