//! What holds for every site: the answer is right, maximal and certified; priors, lanes and where a log was cut change
//! the way, never that.
#![allow(missing_docs)]

mod site;

use doorward_search::{Item, Log, Search};
use proptest::prelude::*;
use site::{Site, settings, sites};

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("few")
}

proptest! {
    // A failing case is printed with its seed, and kept beside this file to be tried again.
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn results_are_right_maximal_and_certified(site in sites(), lanes in 1_usize..6, minimum in any::<bool>()) {
        let settings = doorward_search::Settings { minimum, ..settings(lanes) };
        let search = Search::start(&site.problem(), &settings).unwrap();
        let (report, log) = site.answer_all(search, lanes);
        site.check_report(&report, &log)?;
    }

    #[test]
    fn priors_never_change_an_answer_that_is_the_only_one(mut site in sites(), lanes in 1_usize..4) {
        // Without "or" there is one greatest set.
        for (_, any) in &mut site.needs {
            any.truncate(1);
        }
        let find = |site: &Site| {
            site.answer_all(Search::start(&site.problem(), &settings(lanes)).unwrap(), lanes).0.shut
        };
        let with = find(&site);
        let reversed = Site { priors: site.priors.iter().map(|p| p.map(|p| 1.0 - p)).collect(), ..site.clone() };
        let without = Site { priors: vec![None; site.priors.len()], ..site.clone() };
        prop_assert_eq!(&with, &find(&reversed));
        prop_assert_eq!(&with, &find(&without));
    }

    #[test]
    fn a_log_cut_anywhere_is_gone_on_from(site in sites(), lanes in 1_usize..4, cut in any::<prop::sample::Index>()) {
        let problem = site.problem();
        let (_, mut log) = site.answer_all(Search::start(&problem, &settings(lanes)).unwrap(), lanes);
        log.trials.truncate(cut.index(log.trials.len() + 1));
        let saved = serde_json::to_string(&log).unwrap();
        let read: Log = serde_json::from_str(&saved).unwrap();
        prop_assert_eq!(&read, &log);
        let (report, log) = site.answer_all(Search::resume(&problem, &settings(lanes), &read).unwrap(), lanes);
        site.check_report(&report, &log)?;
        // All of it: nothing is left to be asked.
        let again = Search::resume(&problem, &settings(1), &log).unwrap();
        prop_assert!(matches!(&again, Search::Done(found) if found.report().trials == log.trials.len()));
    }

    /// Trials of a site that another service was added to, that lost one, and one of whose services changed.
    #[test]
    fn what_still_holds_of_an_earlier_site_is_used(site in sites(), lost in any::<prop::sample::Index>()) {
        let (_, log) = site.answer_all(Search::start(&site.problem(), &settings(1)).unwrap(), 1);
        // In the log's site, one more; the new site is the old one, but for the changed item's needs.
        let changed = lost.index(site.priors.len());
        let mut now = site.clone();
        now.needs.retain(|(_, any)| !any.contains(&changed));
        let problem = now.problem();
        let item = problem.items().nth(changed).unwrap();
        let carried = log.carried(&problem, &[item]).unwrap();
        let (report, log) = now.answer_all(Search::resume(&problem, &settings(1), &carried).unwrap(), 1);
        now.check_report(&report, &log)?;
    }

    #[test]
    fn foreign_trials_are_used(site in sites(), sets in prop::collection::vec(prop::collection::vec(any::<bool>(), 24), 0..12)) {
        // Trials that this search never asked for.
        let problem = site.problem();
        let (_, mut log) = site.answer_all(Search::start(&problem, &settings(1)).unwrap(), 1);
        log.trials.clear();
        for (round, set) in (0..).zip(sets) {
            let some: Vec<Item> = problem.items().zip(set).filter(|(_, shut)| *shut).map(|(item, _)| item).collect();
            let shut = site.closed(&some);
            let of = |fails: bool| (0..site.tests).filter(|&t| site.fails(&shut, t) == fails).map(place).collect();
            let (failed, passed) = (of(true), of(false));
            let shut = shut.iter().map(|item| place(item.index())).collect();
            log.trials.push(doorward_search::Trial { round, purpose: doorward_search::Purpose::Search, shut, failed, passed });
        }
        let (report, log) = site.answer_all(Search::resume(&problem, &settings(3), &log).unwrap(), 3);
        site.check_report(&report, &log)?;
    }
}
