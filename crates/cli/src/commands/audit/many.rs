//! Many machines in one run: as many at a time as there are processors, shown in the order given.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::bail;
use doorward_knowledge::{Index, Knowledge, System};
use doorward_model::{Audit, OsFamily};
use doorward_windows_files::DiskError;

use crate::args::{AuditArgs, Format};
use crate::config::Config;
use crate::exit::Exit;
use crate::progress::Machines;
use crate::{judge, output, source};

/// Results that wait for those before them, a worker.
const WAITING: usize = 8;

type Judged = (usize, anyhow::Result<(Audit, Exit)>);

/// Audits every machine. One that cannot be read is named and does not keep the others back.
pub(super) fn run(args: &AuditArgs, config: &Config, machines: &[Vec<PathBuf>]) -> anyhow::Result<Exit> {
    if args.snapshot_out.is_some() {
        bail!("--snapshot-out takes one machine, and --hive names {}: audit them one by one", machines.len());
    }
    let knowledge = config.knowledge(OsFamily::Windows)?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(machines.len());
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING * workers);
        for _ in 0..workers {
            let (sender, knowledge, next, stop) = (sender.clone(), &knowledge, &next, &stop);
            scope.spawn(move || work(args, config, knowledge, machines, next, stop, &sender));
        }
        drop(sender);
        let shown = show(args, machines, receiver);
        stop.store(true, Ordering::Relaxed);
        shown
    })
}

fn work(
    args: &AuditArgs,
    config: &Config,
    knowledge: &Knowledge,
    machines: &[Vec<PathBuf>],
    next: &AtomicUsize,
    stop: &AtomicBool,
    sender: &SyncSender<Judged>,
) {
    let mut indices: HashMap<System, Index<'_>> = HashMap::new();
    let mut judge = |files: &[PathBuf]| {
        let snapshot = source::of_hives(files)?;
        let system = System::of(&snapshot);
        let index = match indices.entry(system) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(judge::index(knowledge, &snapshot, config)?),
        };
        let audit = doorward_assess::assess(&snapshot, index, &config.options()).audit;
        let exit = judge::exit(&audit, &snapshot, args.fail_on.or(config.fail_on));
        Ok((audit, exit))
    };
    while !stop.load(Ordering::Relaxed) {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(files) = machines.get(at) else { return };
        if sender.send((at, judge(files))).is_err() {
            return;
        }
    }
}

/// Shows the results in order. The worst exit of all is the whole's.
fn show(args: &AuditArgs, machines: &[Vec<PathBuf>], results: Receiver<Judged>) -> anyhow::Result<Exit> {
    let mut progress = Machines::new(machines.len());
    let (mut ahead, mut shown) = (BTreeMap::new(), 0);
    let (mut sarif, mut failed, mut others, mut worst) = (Vec::new(), 0, 0, Exit::Done);
    for (at, result) in results {
        progress.one_more();
        ahead.insert(at, result);
        while let Some(result) = ahead.remove(&shown) {
            let files = &machines[shown];
            shown += 1;
            match result {
                // A folder holds the hives of users and programs too.
                Err(why) if is_of_others(&why) && !args.source.hive.contains(&files[0]) => {
                    others += 1;
                }
                Err(why) => {
                    failed += 1;
                    progress.say(&format!("doorward: {}", doorward_report::escape(&format!("{why:#}"))));
                }
                Ok((audit, exit)) => {
                    worst = worst.worse(exit);
                    match args.format {
                        Format::Json => output::print(&doorward_report::json_line(&audit))?,
                        Format::Sarif => sarif.push(audit),
                        form => {
                            let rule = doorward_report::escape(&name(files)).into_owned();
                            output::print(&format!("{rule}\n\n{}\n\n", super::rendered(&audit, form)))?;
                        }
                    }
                }
            }
        }
    }
    if args.format == Format::Sarif {
        output::print(&doorward_report::sarif(&sarif, env!("CARGO_PKG_VERSION")))?;
    }
    if others > 0 {
        progress.say(&format!(
            "doorward: {others} other hives (of users, of programs) tell of no machine, and were left out"
        ));
    }
    if failed > 0 {
        bail!("{failed} of {} machines could not be read; each is named above", machines.len() - others);
    }
    Ok(worst)
}

fn is_of_others(why: &anyhow::Error) -> bool {
    matches!(why.downcast_ref::<DiskError>(), Some(DiskError::OtherHive { .. }))
}

fn name(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    names.join(", ")
}
