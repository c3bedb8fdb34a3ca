//! Made sites, whose truth is known.
#![allow(dead_code, reason = "each test file uses some")]

use std::num::NonZeroUsize;

use doorward_search::{
    Candidate, Item, Log, Noise, Outcome, Probability, Problem, Report, Round, Search, Settings,
};
use proptest::prelude::*;

/// What a test needs: one of these must run.
pub(crate) type Need = (usize, Vec<usize>);

/// A site: who requires whom (cycles too), what is needed by which test, and priors that may mislead.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) requires: Vec<(usize, usize)>,
    pub(crate) needs: Vec<Need>,
    pub(crate) tests: usize,
    pub(crate) priors: Vec<Option<f64>>,
    pub(crate) risky: Vec<bool>,
}

pub(crate) fn sites() -> impl Strategy<Value = Site> {
    (1_usize..24, 1_usize..4).prop_flat_map(|(count, tests)| {
        let edges = prop::collection::vec((0..count, 0..count), 0..count);
        // "A", "A or B", "A or B or C".
        let needs = prop::collection::vec((0..tests, prop::collection::vec(0..count, 1..4)), 0..6);
        let prior = prop::option::weighted(0.8, prop::sample::select(vec![0.001, 0.02, 0.3, 0.6, 0.99]));
        let priors = prop::collection::vec(prior, count);
        let risky = prop::collection::vec(prop::bool::weighted(0.2), count);
        (edges, needs, Just(tests), priors, risky).prop_map(|(requires, needs, tests, priors, risky)| Site {
            requires,
            needs,
            tests,
            priors,
            risky,
        })
    })
}

impl Site {
    pub(crate) fn problem(&self) -> Problem {
        let mut problem = Problem::new((0..self.tests).map(|test| format!("test {test}"))).unwrap();
        let mut items = Vec::new();
        for (at, (prior, risky)) in self.priors.iter().zip(&self.risky).enumerate() {
            let prior = prior.and_then(Probability::new);
            let name = format!("service {at}");
            items.push(problem.add(Candidate { name, prior, risky: *risky }).unwrap());
        }
        for &(dependent, on) in &self.requires {
            problem.requires(items[dependent], items[on]).unwrap();
        }
        problem
    }

    /// Whether the test fails when these are shut.
    pub(crate) fn fails(&self, shut: &[Item], test: usize) -> bool {
        let gone = |item: &usize| shut.iter().any(|shut| shut.index() == *item);
        self.needs.iter().any(|(by, any)| *by == test && any.iter().all(gone))
    }

    pub(crate) fn breaks(&self, shut: &[Item]) -> bool {
        (0..self.tests).any(|test| self.fails(shut, test))
    }

    pub(crate) fn outcomes(&self, shut: &[Item]) -> Vec<Outcome> {
        let of = |test| if self.fails(shut, test) { Outcome::Failed } else { Outcome::Passed };
        (0..self.tests).map(of).collect()
    }

    /// The items with all that requires them.
    pub(crate) fn closed(&self, items: &[Item]) -> Vec<Item> {
        let problem = self.problem();
        let mut closed = items.to_vec();
        let mut at = 0;
        while at < closed.len() {
            for (dependent, on) in problem.edges() {
                if *on == closed[at] && !closed.contains(dependent) {
                    closed.push(*dependent);
                }
            }
            at += 1;
        }
        closed.sort_unstable();
        closed
    }

    /// Answers until the search ends; each trial is checked to be one.
    pub(crate) fn answer_all(&self, mut search: Search, lanes: usize) -> (Report, Log) {
        loop {
            match search {
                Search::Done(found) => return (found.report().clone(), found.log()),
                Search::Unsteady(unsteady) => panic!("a steady site: {:?}", unsteady.trials),
                Search::Asks(round) => {
                    self.check(&round, lanes);
                    search = self.answer(round);
                }
            }
        }
    }

    pub(crate) fn answer(&self, round: Round) -> Search {
        let answers: Vec<_> = round.lanes().iter().map(|lane| self.outcomes(&lane.shut)).collect();
        round.answer(&answers).unwrap()
    }

    fn check(&self, round: &Round, lanes: usize) {
        assert!(!round.lanes().is_empty() && round.lanes().len() <= lanes);
        for lane in round.lanes() {
            assert!(!lane.shut.is_empty(), "the untouched site is not tried");
            assert_eq!(lane.shut, self.closed(&lane.shut), "shut with all that requires it");
        }
        let progress = round.progress();
        assert!(progress.about >= progress.trial);
        assert!(progress.trial <= 40 * (1 + self.priors.len()), "goes astray");
    }

    /// Right, maximal and certified.
    pub(crate) fn check_report(&self, report: &Report, log: &Log) -> Result<(), TestCaseError> {
        prop_assert!(!self.breaks(&report.shut), "shuts what is needed");
        let items: Vec<Item> = self.problem().items().collect();
        for &item in &items {
            let kept = report.kept.iter().find(|kept| kept.item == item);
            prop_assert_eq!(report.shut.contains(&item), kept.is_none(), "either shut or kept");
            let Some(kept) = kept else { continue };
            let with = |item: Item| self.closed(&[report.shut.as_slice(), &[item]].concat());
            prop_assert!(self.breaks(&with(item)), "{item:?} could be shut too");
            // The witness: logged, failed, within what is shut and the needed item.
            let witness = &log.trials[kept.trial - 1];
            let failed: Vec<usize> = witness.failed.iter().map(|&test| test as usize).collect();
            prop_assert_eq!(&failed, &kept.tests);
            prop_assert!(!failed.is_empty());
            let within = with(kept.needed);
            let inside = |&at: &u32| within.iter().any(|item| item.index() == at as usize);
            prop_assert!(witness.shut.iter().all(inside), "the witness shut something else");
            prop_assert!(
                self.closed(&[item]).contains(&kept.needed),
                "needed for what it is not required by"
            );
        }
        match report.passed {
            None => prop_assert!(report.shut.is_empty()),
            Some(trial) => {
                let trial = &log.trials[trial - 1];
                prop_assert!(trial.failed.is_empty() && trial.passed.len() == self.tests);
                let shut = |item: &Item| trial.shut.iter().any(|&at| at as usize == item.index());
                prop_assert!(report.shut.iter().all(shut), "never seen together");
            }
        }
        prop_assert_eq!(report.trials, log.trials.len());
        Ok(())
    }
}

pub(crate) fn settings(lanes: usize) -> Settings {
    Settings { lanes: NonZeroUsize::new(lanes).unwrap(), noise: Noise::None, minimum: false }
}
