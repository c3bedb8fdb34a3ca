//! The administrators' remote ways in: the one used now, and the last one that there is.

use doorward_model::{OsFamily, Source};

use crate::{Facts, roles::lives};

/// Entries that are a proper way in for administrators, best first. Where none of them runs, any remote shell,
/// desktop or administration that is reachable counts as the last way in.
const PROPER: &[&str] = &["openssh-server", "dropbear", "tinysshd"];
/// The same of Windows, by their key names; there, an administrator without one sits at the console.
const PROPER_OF_WINDOWS: &[&str] = &["TermService", "WinRM", "sshd"];
/// Hazard classes that let an administrator in.
const CLASSES: &[&str] = &["remote-shell", "remote-administration"];

/// Services that must never be planned away, with the reason.
pub(crate) fn find(facts: &Facts<'_, '_, '_>) -> Vec<(usize, String)> {
    let mut ways = Vec::new();
    let services = &facts.snapshot.services;
    if let Some(path) = &facts.snapshot.admin_path
        && let Some(node) = path.service.as_deref().and_then(|s| facts.graph.node(s))
    {
        ways.push((node, format!("you came in by it, from {}", path.remote)));
    }
    // What does not run listens nowhere yet: there, what starts at boot counts.
    let is_running = matches!(facts.snapshot.source, Source::Live { .. });
    let listens = |at: usize| {
        facts.snapshot.listeners.iter().any(|l| {
            l.service.as_deref() == Some(&services[at].name)
                && l.namespace.is_host()
                && l.address.is_some_and(|a| !a.is_loopback())
        })
    };
    if facts.snapshot.host.family == OsFamily::Windows {
        let named = PROPER_OF_WINDOWS.iter().filter_map(|name| facts.graph.node(name));
        let why = "the administrators' remote way in";
        ways.extend(named.filter(|&at| listens(at)).map(|at| (at, why.to_owned())));
        return ways;
    }
    // One that sleeps behind its socket answers as well.
    let answers = |at: usize| if is_running { listens(at) } else { lives(&services[at]) };
    let of = |test: &dyn Fn(&doorward_knowledge::ServiceEntry) -> bool| -> Vec<usize> {
        (0..services.len()).filter(|&at| facts.entries[at].is_some_and(test) && answers(at)).collect()
    };
    let proper = of(&|e| PROPER.contains(&e.id.as_str()));
    if !proper.is_empty() {
        ways.extend(proper.into_iter().map(|at| (at, "the administrators' remote way in".to_owned())));
    } else if ways.is_empty() {
        let any = of(&|e| e.class.as_deref().is_some_and(|c| CLASSES.contains(&c)));
        ways.extend(any.into_iter().map(|at| (at, "the last remote way in for administrators".to_owned())));
    }
    ways
}
