//! Whatever fails, and whenever the program or the host dies: undone, the host is as it was, bit for bit.
//!
//! `DOORWARD_CASES` says how many cases are tried, `DOORWARD_SEED` which one alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use doorward_change::fake::{FakeHost, FakeState, FakeStore, Faults, Random};
use doorward_change::journal::{JournalError, Record, State};
use doorward_change::system::{Activity, Node};
use doorward_change::{Change, Scope, Undone, apply, prepare, undo, verify};
use doorward_plan::Action;

use super::{journal, random};

/// Whether the power was cut, before the undoing had ended or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Never,
    Before,
    After,
}

/// What was seen over all cases: a property that never meets a crash proves nothing.
#[derive(Debug, Default)]
struct Seen {
    whole: u32,
    confirmed: u32,
    failed: u32,
    crashed: u32,
    power_cuts: u32,
    undo_crashed: u32,
    removals: u32,
    filters: u32,
    changes: usize,
    stuck: u32,
}

#[test]
fn undone_is_as_before_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let (from, to) = match number("DOORWARD_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, number("DOORWARD_CASES").unwrap_or(10_000)),
    };
    let mut seen = Seen::default();
    for seed in from..to {
        let tried = catch_unwind(AssertUnwindSafe(|| one(seed, &mut seen)));
        assert!(tried.is_ok(), "{}DOORWARD_SEED={seed} fails; seen so far: {seen:?}", shown(seed));
    }
    println!("{seen:?}");
    if to - from >= 1_000 {
        let all = [seen.whole, seen.confirmed, seen.failed, seen.crashed, seen.power_cuts, seen.undo_crashed];
        assert!(all.iter().all(|n| *n > 20) && seen.removals > 20 && seen.filters > 20, "{seen:?}");
    }
}

fn one(seed: u64, seen: &mut Seen) {
    let mut random = Random::new(seed);
    let (mut host, plan) = random::case(&mut random);
    let prior = host.state().clone();
    let steps = prepare(&plan, &host).unwrap_or_else(|e| panic!("refused: {e:?}"));
    assert_eq!(*host.state(), prior, "preparing changes nothing");
    seen.changes += steps.iter().map(|s| s.changes.len()).sum::<usize>();

    // What goes wrong, counted over what a good run would do.
    let mut model = host.fork();
    let (_, mut good) = journal(&model);
    apply(&mut model, good.as_mut().unwrap(), &steps, &mut ()).unwrap_or_else(|e| panic!("{e}"));
    let faults = faults(&mut random, model.operations());
    host.set_faults(faults);

    let (store, begun) = journal(&host);
    let result = begun.map(|mut journal| {
        let applied = apply(&mut host, &mut journal, &steps, &mut ());
        (applied, journal)
    });
    let mut cut = false;
    if host.is_dead() {
        seen.crashed += 1;
        cut = random.one_in(2);
        seen.power_cuts += u32::from(cut);
    }
    host.revive();
    if let Some((Ok(_), mut journal)) = result {
        if !host.is_dead() {
            assert_eq!(host.state(), model.state(), "applied as without faults");
            let mut later = host.fork();
            assert_eq!(verify(&later, &journal, &[]).unwrap(), [], "it holds");
            later.boot();
            assert_eq!(verify(&later, &journal, &[]).unwrap(), [], "it holds after a boot");
            seen.whole += 1;
        }
        if random.one_in(2) && journal.confirm(9).is_ok() {
            seen.confirmed += 1;
            let journal = store.open().unwrap();
            assert_eq!(journal.state(), State::Confirmed);
            assert_eq!(host.state(), model.state(), "confirmed changes stay");
            let mut later = host.fork();
            later.boot();
            for step in plan.changes().filter(|s| !matches!(s.action, Action::Stop { .. })) {
                for unit in step.action.units().into_iter().flat_map(|u| &u.parts().systemd) {
                    assert!(!later.state().active.contains(unit), "{unit} stays down after a boot");
                }
            }
        }
    } else {
        seen.failed += 1;
    }
    if cut {
        host.boot();
    }
    let cut = if cut { Cut::Before } else { Cut::Never };
    restore(&mut host, &store, &prior, cut, &mut random, seen);
}

fn faults(random: &mut Random, operations: u64) -> Faults {
    let seed = random.number();
    let mut faults = Faults { seed, ..Faults::default() };
    match random.below(4) {
        0 => {}
        1 => faults.fail_at = Some(random.below(operations)),
        2 => faults.crash_at = Some(random.below(2 * operations)),
        _ => {
            faults.fail_at = Some(random.below(operations));
            faults.crash_at = Some(random.below(2 * operations));
        }
    }
    faults
}

/// Undoes, with a death or a failure in the midst, as often as it takes.
fn restore(
    host: &mut FakeHost,
    store: &FakeStore,
    prior: &FakeState,
    mut cut: Cut,
    random: &mut Random,
    seen: &mut Seen,
) {
    for attempt in 0..4 {
        let mut journal = match store.open() {
            Ok(journal) => journal,
            Err(JournalError::Empty) => {
                if cut == Cut::Never {
                    assert_eq!(host.state(), prior, "nothing is changed without a journal");
                }
                return;
            }
            Err(e) => panic!("{e}"),
        };
        let last = attempt == 3;
        if !last && random.one_in(2) {
            host.set_faults(faults(random, 60));
        }
        let result = undo(host, &mut journal, Scope::All, &mut ()).unwrap();
        if std::env::var_os("DOORWARD_SEED").is_some() {
            println!("attempt {attempt}: {:?}\n{result:?}\n{:?}", host.state().active, journal.records());
        }
        let died = host.is_dead();
        host.revive();
        if died {
            seen.undo_crashed += 1;
            if random.one_in(3) {
                // A boot after the undoing is like any other.
                let undone = store.open().is_ok_and(|j| j.state() == State::Undone);
                cut = if undone { Cut::After } else { Cut::Before };
                host.boot();
            }
        } else if result.failures.is_empty() {
            seen.removals += u32::from(result.restored.iter().any(|r| r.starts_with('p')));
            seen.filters += u32::from(result.restored.iter().any(|r| r.ends_with("inet doorward")));
            return check(host, store, prior, cut, &result);
        } else if last {
            panic!("not undone: {result:?}");
        }
    }
    seen.stuck += 1;
    panic!("no attempt went through");
}

/// Bit for bit; told in short.
fn assert_same(now: &FakeState, prior: &FakeState) {
    for path in now.nodes.keys().chain(prior.nodes.keys()) {
        assert_eq!(now.nodes.get(path), prior.nodes.get(path), "{}", path.display());
    }
    assert_eq!(now.directories, prior.directories);
    assert_eq!(now.active, prior.active);
    assert_eq!(now.table, prior.table);
    assert!(now == prior, "packages differ");
}

fn check(host: &mut FakeHost, store: &FakeStore, prior: &FakeState, cut: Cut, result: &Undone) {
    assert_eq!(result.conflicts, [], "nobody changed anything");
    let mut journal = store.open().unwrap();
    if cut == Cut::Never {
        assert_same(host.state(), prior);
    } else {
        let state = host.state();
        assert_same(&FakeState { active: prior.active.clone(), ..state.clone() }, prior);
        // What a boot starts may differ from what ran; what ran and was to be shut runs again.
        for record in journal.records() {
            if let Record::Intent { change: Change::Stop { unit, was: Activity::Active }, .. } = record {
                assert!(cut == Cut::After || state.active.contains(unit), "{unit} runs again");
            }
        }
    }
    let once = host.state().clone();
    let again = undo(host, &mut journal, Scope::All, &mut ()).unwrap();
    assert_eq!((again.failures.len(), again.conflicts.len(), again.restored.len()), (0, 0, 0));
    assert_eq!(*host.state(), once, "undoing twice is undoing once");
    assert_eq!(journal.state(), State::Undone);
    let unique: BTreeSet<_> = result.restored.iter().collect();
    assert_eq!(unique.len(), result.restored.len(), "each is restored once");
}

/// The host and the plan of a case, to be looked at.
fn shown(seed: u64) -> String {
    let (host, plan) = random::case(&mut Random::new(seed));
    let mut text = String::new();
    for (path, node) in &host.state().nodes {
        let _ = match node {
            Node::File { content, .. } => {
                writeln!(text, "--- {}\n{}", path.display(), String::from_utf8_lossy(content))
            }
            other => writeln!(text, "--- {} {other:?}", path.display()),
        };
    }
    let actions: Vec<&Action> = plan.steps.iter().map(|s| &s.action).collect();
    let _ = writeln!(text, "{:?}\n{actions:?}", host.state().active);
    text
}
