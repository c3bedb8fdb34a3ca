//! Files and links.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Announced, Undone};
use crate::system::{Node, System};
use crate::{Change, Observer};

/// The states of one path over all changes.
pub(super) struct Chain<'j> {
    /// What the first change found.
    pub(super) first: &'j Node,
    /// All states that the changes found or made.
    known: Vec<&'j Node>,
    /// Directories that were made for it.
    made: Vec<&'j Path>,
    last: &'j Announced<'j>,
}

/// Each path that was to be changed. What other steps made of it that were undone is known too.
pub(super) fn chains<'j>(
    changes: &[&'j Announced<'j>],
    left: &[&'j Announced<'j>],
) -> BTreeMap<&'j Path, Chain<'j>> {
    let mut chains: BTreeMap<&Path, Chain<'_>> = BTreeMap::new();
    for announced in changes {
        if let Change::Put { path, before, after, made } = announced.change {
            let new = || Chain { first: before, known: Vec::new(), made: Vec::new(), last: announced };
            let chain = chains.entry(path).or_insert_with(new);
            chain.known.extend([before, after]);
            chain.made.extend(made.iter().map(std::path::PathBuf::as_path));
            chain.last = announced;
        }
    }
    for announced in left {
        if let Change::Put { path, before, after, .. } = announced.change
            && let Some(chain) = chains.get_mut(path.as_path())
        {
            chain.known.extend([before, after]);
        }
    }
    chains
}

/// Puts every path back; tells whether any changed.
pub(super) fn restore(
    system: &mut dyn System,
    changes: &[&Announced<'_>],
    left: &[&Announced<'_>],
    observer: &mut dyn Observer,
    result: &mut Undone,
) -> bool {
    let mut all: Vec<_> = chains(changes, left).into_iter().collect();
    all.sort_by_key(|(_, chain)| std::cmp::Reverse(chain.last.number));
    let mut changed = false;
    for (path, chain) in all {
        observer.undoing(chain.last.step, chain.last.change);
        changed |= one(system, path, &chain, result);
    }
    changed
}

fn one(system: &mut dyn System, path: &Path, chain: &Chain<'_>, result: &mut Undone) -> bool {
    let name = || path.display().to_string();
    let now = match system.node(path) {
        Ok(now) => now,
        Err(e @ crate::system::SystemError::Unsuitable { .. }) => {
            result.conflict(name(), format!("it was changed since, and is kept: {e}"));
            return false;
        }
        Err(e) => {
            result.failure(name(), e);
            return false;
        }
    };
    let mut changed = false;
    if now != *chain.first {
        if !chain.known.contains(&&now) {
            result.conflict(name(), "it was changed since, and is kept as it is");
            return false;
        }
        let put = system.put(path, chain.first).and_then(|()| system.node(path));
        match put {
            Ok(node) if node == *chain.first => result.restored.push(name()),
            Ok(_) => result.failure(name(), "it does not stay as it was put back"),
            Err(e) => result.failure(name(), e),
        }
        changed = true;
    }
    if *chain.first == Node::Absent {
        for directory in &chain.made {
            if let Err(e) = system.remove_empty_directory(directory) {
                result.failure(directory.display().to_string(), e);
            }
        }
    }
    changed
}
