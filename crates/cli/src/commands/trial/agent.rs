//! The agent: on the host that is tried, it shuts, puts back and tests as it is told, and puts everything back when nobody
//! tells it anything any more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use doorward_change::journal::{IfDamaged, State};
use doorward_change::system::{Activity, System as _};
use doorward_change::{DifferenceKind, Journal, Scope, Undone};
use doorward_clone::lines::{receive, send};
use doorward_linux_change::{LinuxHost, restart_delay, state_directory};
use doorward_model::trial::NotTried;
use doorward_plan::{Action, Plan, Step};
use doorward_report::escape;
use doorward_site::Settings;

use super::wire::{Answer, Ask, Begin, LONGEST};
use crate::commands::{apply, undo};
use crate::exit::Exit;
use crate::state::Journals;

/// What ends because of what was shut shows by then.
const LEAST: Duration = Duration::from_millis(500);
/// Nobody waits longer for a service that is started again later.
const MOST: Duration = Duration::from_secs(10);
/// For the site's own services, each.
const LIMIT: Duration = Duration::from_mins(2);

/// Does as it is told on standard input.
pub(crate) fn serve() -> anyhow::Result<Exit> {
    undo::must_be_root("doorward trial")?;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut changer: Option<Changer> = None;
    let ended = loop {
        // Else who led the trial is gone.
        let Ok(Some(ask)) = receive::<Ask>(&mut input, LONGEST) else { break Ok(()) };
        let answer = match ask {
            Ask::Begin(begin) => Changer::new(begin).map(|new| {
                changer = Some(new);
                Answer::Ready
            }),
            Ask::Test { site, address, lanes } => test(&site, address, lanes),
            other => match &mut changer {
                Some(changer) => changer.answer(other),
                None => Err(anyhow::anyhow!("asked for something before it was told how to work")),
            },
        };
        let answer = answer.unwrap_or_else(|why| Answer::Failed(format!("{why:#}")));
        if let Err(error) = send(&mut output, &answer) {
            break Err(error);
        }
    };
    if let Some(changer) = &mut changer {
        for failure in changer.restore()? {
            eprintln!("doorward: could not be put back: {}", escape(&failure));
        }
    }
    ended.map(|()| Exit::Done).context("the one who leads the trial does not listen")
}

fn test(
    site: &str,
    address: Option<std::net::IpAddr>,
    lanes: std::num::NonZeroUsize,
) -> anyhow::Result<Answer> {
    let site = doorward_site::read(site)?;
    let mut settings = Settings::default();
    settings.address = address;
    settings.lanes = lanes;
    Ok(Answer::Tested(doorward_site::run(&site, &settings, &|_| ())))
}

/// Shuts and puts back.
struct Changer {
    state: PathBuf,
    switch: Option<Duration>,
    own: Vec<String>,
    settle: Duration,
    host: LinuxHost,
    /// The journals of what is shut now, one upon the other.
    open: Vec<u64>,
    /// Whether the site's own services were restarted since.
    is_fresh: bool,
}

impl Changer {
    fn new(begin: Begin) -> anyhow::Result<Self> {
        if begin.version != env!("CARGO_PKG_VERSION") {
            bail!(
                "this is doorward {}, and the trial is led by {}",
                env!("CARGO_PKG_VERSION"),
                begin.version
            );
        }
        state_directory(&begin.state)?;
        let learned = || {
            let delays = begin.own.iter().map(|unit| restart_delay(unit).unwrap_or_default());
            // What fails after it was started again has to show as well.
            delays.max().unwrap_or_default() * 2
        };
        let settle = begin.settle.unwrap_or_else(|| learned().clamp(LEAST, MOST));
        let host = LinuxHost::new(&begin.state)?;
        Ok(Self {
            state: begin.state,
            switch: begin.switch,
            own: begin.own,
            settle,
            host,
            open: Vec::new(),
            is_fresh: false,
        })
    }

    fn answer(&mut self, ask: Ask) -> anyhow::Result<Answer> {
        Ok(match ask {
            Ask::Look { plan } => Answer::Looked(self.look(&doorward_plan::read(&plan)?)?),
            Ask::Shut { plan } => Answer::Shut { problem: self.shut(&doorward_plan::read(&plan)?)? },
            Ask::Fresh => Answer::Shut { problem: self.fresh() },
            Ask::Restore => Answer::Restored { failures: self.restore()? },
            Ask::Begin(_) | Ask::Test { .. } => unreachable!("answered by who asked"),
        })
    }

    /// Steps that cannot be carried out, or are about something that does not run here.
    fn look(&self, plan: &Plan) -> anyhow::Result<Vec<NotTried>> {
        let mut found = Vec::new();
        for step in plan.changes() {
            if let Action::Filter(_) = step.action {
                let why = "who may come in by his address is not tried: the tests come from another one";
                found.push(NotTried { step: step.id.to_string(), why: why.to_owned() });
                continue;
            }
            let alone = Plan { steps: vec![step.clone()], ..plan.clone() };
            let refused = match doorward_change::prepare(&alone, &self.host) {
                Ok(_) => self.sleeps(step)?,
                Err(refusals) => refusals.first().map(ToString::to_string),
            };
            found.extend(refused.map(|why| NotTried { step: step.id.to_string(), why }));
        }
        Ok(found)
    }

    /// Nothing of it runs: that the site does not miss it proves nothing.
    fn sleeps(&self, step: &Step) -> anyhow::Result<Option<String>> {
        let Some(units) = step.action.units().map(doorward_plan::Units::parts) else { return Ok(None) };
        let mut awake =
            !(units.scripts.is_empty() && units.entries.is_empty() && units.containers.is_empty());
        for unit in &units.systemd {
            awake |= self.host.activity(unit)? == Activity::Active;
        }
        Ok((!awake).then(|| "it does not run here".to_owned()))
    }

    /// Shuts what a plan says, on top of what is shut already. With a problem, all of this plan is back.
    fn shut(&mut self, plan: &Plan) -> anyhow::Result<Option<String>> {
        let _lock = undo::patient(&self.state, "doorward trial")?;
        let journals = Journals::of(&self.state);
        if let Some(kept) = journals.all()?.iter().find(|kept| kept.waits() && !self.open.contains(&kept.id))
        {
            bail!("changes {0} wait: doorward confirm {0} or doorward undo {0} first", kept.id);
        }
        let steps = match doorward_change::prepare(plan, &self.host) {
            Ok(steps) if steps.is_empty() => return Ok(None),
            Ok(steps) => steps,
            Err(refusals) => return Ok(refusals.first().map(ToString::to_string)),
        };
        let id = journals.next()?;
        let header = apply::header(plan, &self.host, false)?;
        let mut journal = match self.switch {
            Some(longest) => apply::begun(&journals, id, longest, header, &self.state)?,
            None => Journal::create(&journals.path(id), header)?,
        };
        self.open.push(id);
        let mut problem = doorward_change::apply(&mut self.host, &mut journal, &steps, &mut ())
            .err()
            .map(|why| why.to_string());
        if problem.is_none() {
            std::thread::sleep(self.settle);
            let differences = doorward_change::verify(&self.host, &journal, &[])?;
            let back = |kind| matches!(kind, DifferenceKind::Back | DifferenceKind::Down);
            problem = differences.iter().find(|d| back(d.kind)).map(ToString::to_string);
        }
        if problem.is_some() {
            let failures = self.put_back(id, &mut journal)?;
            if !failures.is_empty() {
                bail!("not everything could be put back: {}", failures.join("; "));
            }
        }
        Ok(problem)
    }

    /// The site's own services, without what they keep in memory. What does not start is left to the tests to judge, and
    /// started again when what it may miss is back.
    fn fresh(&mut self) -> Option<String> {
        self.is_fresh = true;
        let stopped: Vec<_> = self.own.iter().rev().map(|unit| self.host.stop(unit, LIMIT)).collect();
        let problem = stopped.into_iter().find_map(Result::err).map(|why| why.to_string());
        let failures = self.start_own();
        std::thread::sleep(self.settle);
        problem.or_else(|| failures.into_iter().next())
    }

    fn start_own(&mut self) -> Vec<String> {
        let started: Vec<_> = self.own.iter().map(|unit| self.host.start(unit, LIMIT)).collect();
        started.into_iter().filter_map(Result::err).map(|why| why.to_string()).collect()
    }

    /// Puts back what is shut, and tells what could not be.
    fn restore(&mut self) -> anyhow::Result<Vec<String>> {
        let mut failures = self.put_all_back()?;
        if std::mem::take(&mut self.is_fresh) {
            failures.extend(self.start_own());
        }
        Ok(failures)
    }

    fn put_all_back(&mut self) -> anyhow::Result<Vec<String>> {
        if self.open.is_empty() {
            return Ok(Vec::new());
        }
        let _lock = undo::patient(&self.state, "doorward trial")?;
        let mut failures = Vec::new();
        while let Some(&id) = self.open.last() {
            let mut journal = Journals::of(&self.state).open(id, IfDamaged::Refuse)?;
            if journal.state() == State::Undone {
                failures.push(
                    "the time was over, and everything was put back in the midst of the tests".to_owned(),
                );
            }
            failures.extend(self.put_back(id, &mut journal)?);
            if self.open.last() == Some(&id) {
                break;
            }
        }
        Ok(failures)
    }

    fn put_back(&mut self, id: u64, journal: &mut Journal) -> anyhow::Result<Vec<String>> {
        let undone = doorward_change::undo(&mut self.host, journal, Scope::All, &mut ())?;
        let mut failures = told(&undone);
        if !undone.failures.is_empty() && self.switch.is_some() {
            failures.push(format!("doorward undo {id} tries again"));
        }
        if undone.failures.is_empty() {
            if self.switch.is_some() {
                undo::disarm(&self.state, id)?;
            }
            self.open.retain(|open| *open != id);
            if undone.is_complete() {
                Journals::of(&self.state).forget(id)?;
            }
        }
        Ok(failures)
    }
}

/// What is not as it was.
fn told(undone: &Undone) -> Vec<String> {
    let notes = undone.conflicts.iter().chain(&undone.failures);
    let all: BTreeSet<String> = notes.map(ToString::to_string).collect();
    all.into_iter().collect()
}

/// Where the agent of a copy keeps its journals: gone with a reboot, as the copy is.
pub(super) fn copy_state() -> &'static Path {
    Path::new("/run/doorward-trial")
}
