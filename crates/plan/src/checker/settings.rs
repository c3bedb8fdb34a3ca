//! A changed setting is a setting of a file, and takes a door from the network that is not the site's own.

use doorward_knowledge::Index;

use super::targets::Targets;
use super::{Found, Rule, Violation};
use crate::{Action, Plan, Rebind, Step};

pub(super) fn check(targets: &Targets<'_>, found: &mut Found<'_>) {
    for (at, step) in targets.changes() {
        if let Action::Rebind(rebind) = &step.action {
            for wrong in wrong(rebind) {
                found.add(at, Rule::Setting, wrong, "put the value back that `doorward plan` gives");
            }
            let node = targets.graph().node(&rebind.service);
            if node.is_some_and(|n| targets.doors(n).iter().any(|d| d.http)) {
                let text = format!("the site's clients are answered by {}", rebind.service);
                found.add(at, Rule::Role, text, "switch the step off, or name it with --override");
            }
        }
    }
}

/// A plan may come from anybody, and its checks are run as root: only what the knowledge gives is run.
pub(super) fn foreign(plan: &Plan, index: &Index<'_>) -> Vec<Violation> {
    let known = |check: &String| {
        let mut all = index.services().flat_map(|e| &e.restrict).filter_map(|r| r.check.as_ref());
        all.any(|known| known == check)
    };
    let foreign = |step: &Step| match &step.action {
        Action::Rebind(Rebind { check: Some(check), .. }) if !known(check) => Some(Violation {
            step: step.id.clone(),
            rule: Rule::Setting,
            text: format!("no entry of the knowledge checks a configuration with {check}"),
            way_out: "take `check` out of the step, or add it to an entry in a folder for --knowledge"
                .to_owned(),
        }),
        _ => None,
    };
    plan.changes().filter_map(foreign).collect()
}

fn wrong(rebind: &Rebind) -> Vec<String> {
    let mut texts = Vec::new();
    if !rebind.file.starts_with('/') || rebind.file.split('/').any(|part| part == "..") {
        texts.push(format!("{} is no absolute path", rebind.file));
    }
    if rebind.check.as_ref().is_some_and(|c| !c.starts_with('/')) {
        texts.push("its check does not begin with the absolute path of a program".to_owned());
    }
    if rebind.setting.trim().is_empty() || rebind.to.trim().is_empty() {
        texts.push("its setting or its new value is empty".to_owned());
    }
    let all = [&rebind.file, &rebind.setting, &rebind.to].into_iter().chain(&rebind.check);
    if all.into_iter().any(|text| text.chars().any(char::is_control)) {
        texts.push("control characters are no part of a setting".to_owned());
    }
    let is_wildcard = |word: &str| {
        let host = word.rsplit_once("://").map_or(word, |(_, rest)| rest).trim_start_matches('-');
        host == "::" || host.starts_with("[::]") || host.starts_with("0.0.0.0") || host.starts_with('*')
    };
    if rebind.to.split([' ', ',']).any(is_wildcard) {
        texts.push(format!("{} binds it to every address", rebind.to));
    }
    texts
}
