//! Trials on a host that stays: this one, or another over ssh.

use std::sync::Arc;
use std::time::Instant;

use doorward_model::trial::NotTried;
use doorward_plan::Plan;
use doorward_site::{Outcomes, Settings, Site};
use doorward_trial::{Attempt, Lane, LaneError};

use super::link::{Link, LinkError, SHUT_LIMIT, unexpected};
use super::wire::{Answer, Ask, Begin};

/// A host with an agent on it, tested from here.
pub(super) struct HostLane {
    link: Link,
    site: Site,
    settings: Settings,
    fresh: bool,
    /// Is told when the tests begin on something shut, and says at their end whether visitors fared worse.
    watch: Option<super::visitors::Watch>,
}

impl HostLane {
    pub(super) fn new(
        mut link: Link,
        begin: Begin,
        site: Site,
        settings: Settings,
        fresh: bool,
        watch: Option<super::visitors::Watch>,
    ) -> Result<Self, LaneError> {
        link.begin(begin, &settings.stop)?;
        Ok(Self { link, site, settings, fresh, watch })
    }

    /// Steps of a plan that cannot be tried on it, with the reason.
    pub(super) fn look(&mut self, plan: &Plan) -> Result<Vec<NotTried>, LaneError> {
        self.link.look(plan, &self.settings.stop)
    }

    /// Runs the tests on the host as it is.
    pub(super) fn test(&self) -> Outcomes {
        doorward_site::run(&self.site, &self.settings, &|_| ())
    }

    /// Whatever else, everything is put back.
    fn change(&mut self, ask: &Ask) -> Result<Option<String>, LaneError> {
        match self.link.ask(ask, SHUT_LIMIT, None) {
            Ok(Answer::Shut { problem }) => Ok(problem),
            Ok(Answer::Restored { failures }) if failures.is_empty() => Ok(None),
            Ok(Answer::Restored { failures }) => Err(LaneError::NotRestored(failures.join("; "))),
            Ok(other) => Err(unexpected(&other)),
            Err(LinkError::Failed(why)) => Err(LaneError::NotRestored(why)),
            Err(why) => Err(LaneError::Ended(format!(
                "{why}: what was shut comes back by itself, by the agent's end or the dead-man switch; look with doorward status"
            ))),
        }
    }
}

impl Lane for HostLane {
    fn attempt(&mut self, plan: &Plan, _reboot: bool) -> Result<Attempt, LaneError> {
        let began = Instant::now();
        if self.settings.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(LaneError::Stopped);
        }
        // From the first thing that is shut on. Visitors that fail end the tests at once, as the user does.
        let watching = self.watch.as_ref().map(|watch| watch.begin(&self.settings.stop));
        if let Some(problem) = self.change(&Ask::Shut { plan: doorward_plan::print(plan) })? {
            return Ok(Attempt { problem: Some(problem), took: began.elapsed(), ..Attempt::default() });
        }
        if self.fresh {
            self.change(&Ask::Fresh)?;
        }
        let mut settings = self.settings.clone();
        if let Some(watching) = &watching {
            settings.stop = Arc::clone(watching.stop());
        }
        let outcomes = doorward_site::run(&self.site, &settings, &|_| ());
        let visitors = watching.and_then(super::visitors::Watching::end);
        self.change(&Ask::Restore)?;
        if let Some(why) = visitors {
            return Err(LaneError::Ended(why));
        }
        if self.settings.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(LaneError::Stopped);
        }
        Ok(Attempt { outcomes, took: began.elapsed(), problem: None })
    }
}
