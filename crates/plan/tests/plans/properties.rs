//! What holds of the plan of any host.

use std::collections::HashMap;

use doorward_model::{DependencyKind, Source, Verdict};
use doorward_plan::{Action, Parts, Prefer, Rule, StepId, Units, check_fresh, print, read};
use proptest::prelude::*;

use crate::made::{Made, changes};
use crate::random::host;
use crate::simulated::applied;

fn prefer() -> impl Strategy<Value = Prefer> {
    prop_oneof![Just(Prefer::Uninstall), Just(Prefer::Disable), Just(Prefer::Stop)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 20_000, max_global_rejects: 1_000_000, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_passes_the_checker(host in host(), prefer in prefer()) {
        let plan = host.plan_with(prefer);
        let found = host.check(&plan, &[]);
        prop_assert!(found.is_empty(), "{found:#?}\nof {}", print(&plan));
        prop_assert_eq!(check_fresh(&plan, &host.0), Ok(()));
    }

    #[test]
    fn every_plan_is_read_as_it_was_printed(host in host(), prefer in prefer()) {
        let plan = host.plan_with(prefer);
        let text = print(&plan);
        let printable = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        prop_assert!(text.chars().all(printable));
        prop_assert_eq!(read(&text), Ok(plan));
    }

    #[test]
    fn nothing_is_left_to_do_after_a_plan(host in host(), prefer in prefer()) {
        // In a tree, doors are assumed of what starts at boot: shutting one service can show another's.
        let rounds = if matches!(host.0.source, Source::Live { .. }) { 1 } else { 3 };
        let mut after = host;
        for _ in 0..rounds {
            after = Made(applied(&after.plan_with(prefer), &after.0));
        }
        let left = after.plan_with(prefer);
        prop_assert!(left.is_empty(), "{:?} of {after:?}", changes(&left));
    }

    #[test]
    fn dependents_are_shut_before_what_they_need(host in host(), prefer in prefer()) {
        let plan = host.plan_with(prefer);
        let mut at: HashMap<String, usize> = HashMap::new();
        for (number, step) in plan.steps.iter().enumerate().filter(|(_, s)| s.changes()) {
            at.extend(step.action.units().into_iter().flat_map(Units::names).map(|n| (n.into(), number)));
        }
        for service in &host.0.services {
            for dependency in service.dependencies.iter().filter(|d| d.kind == DependencyKind::Requires) {
                if let (Some(&first), Some(&later)) = (at.get(&service.name), at.get(&dependency.on)) {
                    let cycle = &plan.steps[first].cycle;
                    prop_assert!(first <= later || (cycle.is_some() && *cycle == plan.steps[later].cycle));
                }
            }
        }
    }

    #[test]
    fn no_step_can_be_edited_into_a_protected_service(host in host(), pick in any::<prop::sample::Index>()) {
        let plan = host.plan();
        let assessment = host.assess();
        let protected: Vec<&str> = assessment.audit.services.iter()
            .filter(|s| s.verdict >= Verdict::Needed && s.lives())
            .filter(|s| host.0.service(&s.name).unwrap().manager == doorward_model::Manager::Systemd)
            .map(|s| s.name.as_str()).collect();
        prop_assume!(!protected.is_empty() && !plan.is_empty());
        let victim = *pick.get(&protected);
        let ids: Vec<StepId> = plan.changes().map(|s| s.id.clone()).filter(|i| i.0 != format!("rebind:{victim}")).collect();
        for id in ids {
            let mut edited = plan.clone();
            edited.steps.retain(|s| s.id.0 != format!("keep:{victim}") && s.id.0 != format!("rebind:{victim}"));
            let step = edited.steps.iter_mut().find(|s| s.id == id).unwrap();
            let parts = Parts { systemd: vec![victim.to_owned()], ..Parts::default() };
            step.action = Action::Disable { units: Units::new(parts).unwrap() };
            let found = host.check(&edited, &[]);
            prop_assert!(found.iter().any(|v| v.step == id && v.rule != Rule::NoSuch), "{victim} by {id}: {found:?}");
        }
    }
}
