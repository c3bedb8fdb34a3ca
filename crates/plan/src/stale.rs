//! A plan is refused, with the difference, on another host or when its own has changed underneath.

use std::collections::{BTreeMap, BTreeSet};

use doorward_model::Snapshot;

use crate::{Plan, PlanHost, Recorded};

/// Why a plan does not fit a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// It was made for another.
    #[error(
        "the plan is for {} ({}), and this is {} ({}): make one here with `doorward plan`",
        .plan.name, .plan.os, .here.name, .here.os
    )]
    OtherHost {
        /// Whose it is.
        plan: PlanHost,
        /// Where it was to be used.
        here: PlanHost,
    },
    /// What it rests on was edited.
    #[error("what the plan recorded of the host was edited ([recorded], or snapshot): make a new plan")]
    Edited,
    /// The host has changed since.
    #[error("the host has changed since the plan was made: {}; make a new plan", .0.join("; "))]
    Changed(
        /// What has changed, a line each.
        Vec<String>,
    ),
}

/// Refuses a plan that was made for another host, or for this one as it no longer is.
pub fn check_fresh(plan: &Plan, snapshot: &Snapshot) -> Result<(), Stale> {
    let here = PlanHost::of(snapshot);
    if plan.host != here {
        return Err(Stale::OtherHost { plan: plan.host.clone(), here });
    }
    if plan.recorded.fingerprint(&plan.host) != plan.snapshot {
        return Err(Stale::Edited);
    }
    let changed = difference(&plan.recorded, snapshot);
    if changed.is_empty() { Ok(()) } else { Err(Stale::Changed(changed)) }
}

/// What differs between what was recorded and a host, in words; empty when nothing does.
pub fn difference(recorded: &Recorded, snapshot: &Snapshot) -> Vec<String> {
    let now = Recorded::of(snapshot);
    let mut words = Vec::new();
    sets(&mut words, "listener", &recorded.listeners, &now.listeners);
    sets(&mut words, "application", &recorded.applications, &now.applications);
    maps(&mut words, "package", &recorded.packages, &now.packages, |words, name, was, is| {
        if was.version != is.version {
            words.push(format!("package {name} is now {}, was {}", is.version, was.version));
        }
        if was.takes != is.takes {
            words.push(format!("what the removal of package {name} would take along has changed"));
        }
    });
    maps(&mut words, "service", &recorded.services, &now.services, |words, name, was, is| {
        if was.start != is.start {
            words.push(format!("service {name} is now {}, was {}", is.start.as_str(), was.start.as_str()));
        }
        if was.package != is.package {
            let of = |p: &Option<String>| p.clone().unwrap_or_else(|| "none".to_owned());
            words.push(format!(
                "the package of service {name} is now {}, was {}",
                of(&is.package),
                of(&was.package)
            ));
        }
        if was.definition != is.definition {
            words.push(format!("service {name} is defined otherwise: its file, or what it needs or starts"));
        }
    });
    words
}

fn sets(words: &mut Vec<String>, what: &str, was: &BTreeSet<String>, is: &BTreeSet<String>) {
    words.extend(is.difference(was).map(|new| format!("{what} {new} is new")));
    words.extend(was.difference(is).map(|gone| format!("{what} {gone} is gone")));
}

fn maps<T>(
    words: &mut Vec<String>,
    what: &str,
    was: &BTreeMap<String, T>,
    is: &BTreeMap<String, T>,
    differ: impl Fn(&mut Vec<String>, &str, &T, &T),
) {
    for (name, new) in is {
        match was.get(name) {
            Some(old) => differ(words, name, old, new),
            None => words.push(format!("{what} {name} is new")),
        }
    }
    let gone = was.keys().filter(|name| !is.contains_key(*name));
    words.extend(gone.map(|name| format!("{what} {name} is gone")));
}
