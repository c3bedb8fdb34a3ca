//! The crash matrix: a plan of many steps is applied, and taken back, on a real host, and at every record of the
//! journal the power is cut or the program killed; the power also in the midst of `dpkg`. Whatever was lost, the host is
//! as it was.
//!
//! A run of the tests tries a few of these moments, others each time. `DOORWARD_SEED` chooses them again,
//! `DOORWARD_CRASHES` says how many; of each test there are several hundred.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use doorward_lab::{DiskImage, Host, Lab, open_or_skip, roots};

use super::program::{PLAN, PROGRAM, Planned, crashes, doorward, plan, seed};

const JOURNAL: &str = "/var/lib/doorward/1.journal";
/// Moments that one run tries: of the power being cut, and of the program being killed.
const CUTS: usize = 20;
const KILLS: usize = 6;
/// Power cuts in the midst of removals, and as many of restores.
const MIDSTS: usize = 2;
/// Runs a program among the host's own processes, in no unit.
const AMONG: &str =
    r#"group=/sys/fs/cgroup/midst; mkdir -p $group; echo $$ > $group/cgroup.procs; exec "$@""#;
/// Hosts that boot at the same time.
const AT_ONCE: usize = 2;
/// The plan has at least so many steps, of every kind that the host gives occasion for.
const STEPS: usize = 12;

/// How much of the journal's last record the disk had taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Nothing,
    Half,
    All,
}

const TAKEN: [Taken; 3] = [Taken::Nothing, Taken::Half, Taken::All];

/// When the power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    during: &'static str,
    /// The how many-th record of the journal was being written, from 0.
    record: usize,
    taken: Taken,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "during {}, record {}, of which the disk took {:?}", self.during, self.record, self.taken)
    }
}

/// Which moments a run tries.
struct Chosen {
    seed: u64,
    random: fastrand::Rng,
    count: usize,
}

impl Chosen {
    fn new(count: usize) -> Self {
        let seed = seed();
        let count = crashes(count);
        Self { seed, random: fastrand::Rng::with_seed(seed), count }
    }

    /// A part of them, in percent, among so many.
    fn of(&mut self, moments: usize, percent: usize) -> Vec<usize> {
        let mut chosen = self.random.choose_multiple(0..moments, self.count * percent / 100);
        chosen.sort_unstable();
        chosen
    }
}

/// Boots what a power cut left, and says how it differs from what was.
struct Survivors<'a> {
    planned: &'a Planned,
    images: Mutex<Receiver<(String, DiskImage)>>,
    failed: Mutex<Vec<String>>,
}

impl Survivors<'_> {
    fn boot(&self) {
        loop {
            let next = self.images.lock().unwrap().recv();
            let Ok((moment, image)) = next else { return };
            // One that panics must not leave whoever makes the images waiting.
            let wrong = catch_unwind(AssertUnwindSafe(|| self.wrong(&image)))
                .unwrap_or_else(|_| Some("it could not be looked at, see above".to_owned()));
            eprintln!("{moment}: {}", wrong.as_deref().unwrap_or("came back"));
            self.failed.lock().unwrap().extend(wrong.map(|why| format!("{moment}: {why}")));
        }
    }

    fn wrong(&self, image: &DiskImage) -> Option<String> {
        let lab = Lab::open().unwrap();
        let host = lab.host_of(image).unwrap();
        let mut wrong = self.planned.differs(&host, &lab.client().unwrap());
        let waits = doorward(&host, &["status"]).out;
        if waits != "no changes wait\n" {
            wrong.push(waits);
        }
        (!wrong.is_empty()).then(|| format!("{wrong:#?}\n{}", log(&host, 1)))
    }
}

/// What the program says of its changes, for who has to find out why.
fn log(host: &Host, id: u64) -> String {
    let journal = doorward(host, &["log", &id.to_string()]).out;
    let boot = host.run(&["journalctl", "--no-pager", "--unit", "doorward-*"]).unwrap().stdout;
    format!("{journal}\n{}", String::from_utf8_lossy(&boot))
}

impl Planned {
    /// Boots each image that `make` hands on, while it goes on, and insists that all came back.
    fn survives(&self, seed: u64, make: impl FnOnce(&mut dyn FnMut(String, DiskImage))) {
        let (sender, images) = sync_channel(1);
        let survivors = Survivors { planned: self, images: Mutex::new(images), failed: Mutex::default() };
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| survivors.boot());
            }
            let sender = sender; // gone at the end of this block, also by a panic, so that the others end
            make(&mut |moment, image| sender.send((moment, image)).unwrap());
        });
        let failed = survivors.failed.into_inner().unwrap();
        assert!(failed.is_empty(), "DOORWARD_SEED={seed}\n{}", failed.join("\n"));
        assert_eq!(self.differs(&self.host, &self.client), [""; 0]);
    }
}

#[test]
fn a_power_cut_at_any_record_loses_nothing() {
    let Some(lab) = open_or_skip() else { return };
    let planned = Planned::boot(&lab);
    let host = &planned.host;
    let mut chosen = Chosen::new(CUTS);
    planned.survives(chosen.seed, |cut| {
        // A header, what runs, each change announced and done.
        let records = 2 + 2 * changes(host);
        let apply = [PROGRAM, "apply", PLAN, "--yes", "--confirm-within", "24h"];
        let (apply, undo) = (Stepping::new("apply", &apply), Stepping::new("undo", &[PROGRAM, "undo"]));
        let cuts = chosen.of(3 * records, 75);
        let written = apply.run(host, 0, &cuts, cut);
        assert_eq!(written, records);
        // What runs, and of each removal that packages come back and that they are back; and that all is undone.
        let records = 2 + 2 * removals(host);
        let cuts = chosen.of(3 * records, 25);
        let more = undo.run(host, written, &cuts, cut);
        assert_eq!(more, records);
    });
}

#[test]
fn a_power_cut_in_the_midst_of_dpkg_loses_nothing() {
    let Some(lab) = open_or_skip() else { return };
    let planned = Planned::boot(&lab);
    let host = &planned.host;
    let mut chosen = Chosen::new(MIDSTS);
    planned.survives(chosen.seed, |cut| {
        changes(host);
        for words in [&["apply", PLAN, "--yes", "--confirm-within", "24h"][..], &["undo"]] {
            let mut running = host.command(&[&["sh", "-c", AMONG, "sh", PROGRAM], words].concat()).unwrap();
            let mut running = running.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let mut taken = 0;
            while running.try_wait().unwrap().is_none() {
                let dpkg = || host.run(&["pgrep", "--exact", "dpkg"]).unwrap().status.success();
                if taken == chosen.count || !dpkg() {
                    continue;
                }
                // It may have ended meanwhile; what stands still does not.
                let image = host.frozen(|| dpkg().then(|| host.disk_image().unwrap())).unwrap();
                let Some(image) = image else { continue };
                taken += 1;
                cut(format!("in the midst of dpkg during {}, {taken}", words[0]), image);
                thread::sleep(Duration::from_millis(chosen.random.u64(..2_000)));
            }
            let ended = running.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success(), "{words:?}: {said}\n{}", log(host, 1));
            assert!(taken > 0, "no dpkg was seen");
        }
    });
}

/// A command of the program, run from record to record.
struct Stepping<'a> {
    name: &'static str,
    words: &'a [&'a str],
}

impl<'a> Stepping<'a> {
    fn new(name: &'static str, words: &'a [&'a str]) -> Self {
        Self { name, words }
    }

    /// Runs it to its end, and hands on what is left of the disk when the power is cut at the chosen moments: three
    /// to a record. Returns how many records it wrote; the journal had `from` of them.
    fn run(&self, host: &Host, from: usize, cuts: &[usize], cut: &mut dyn FnMut(String, DiskImage)) -> usize {
        let mut program = host.stepped(JOURNAL, self.words).unwrap();
        let mut record = 0;
        while program.step().unwrap() {
            let journal = host.read(JOURNAL).unwrap();
            let last = journal[..journal.len() - 1].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            for (at, taken) in TAKEN.into_iter().enumerate() {
                if !cuts.contains(&(3 * record + at)) {
                    continue;
                }
                let length = match taken {
                    Taken::Nothing => last,
                    Taken::Half => usize::midpoint(last, journal.len()),
                    Taken::All => journal.len(),
                };
                let image = host.disk_image().unwrap();
                image.write_file(JOURNAL, &journal[..length]).unwrap();
                let moment = Moment { during: self.name, record: from + record, taken };
                cut(moment.to_string(), image);
            }
            record += 1;
        }
        record
    }
}

/// How many changes the plan makes. It has to be worth the name of a matrix.
fn changes(host: &Host) -> usize {
    let text = host.succeed(&[PROGRAM, "apply", PLAN, "--dry-run"]).unwrap();
    let (changes, steps): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with(' '));
    let of = |kind: &str| steps.iter().filter(|step| step.starts_with(kind)).count();
    assert!(steps.len() >= STEPS && of("uninstall:") > 0 && of("disable:") > 0, "{text}");
    changes.len()
}

fn removals(host: &Host) -> usize {
    let text = host.succeed(&[PROGRAM, "log", "1"]).unwrap();
    text.lines().filter(|line| line.contains("remove the packages")).count()
}

#[test]
fn killed_at_any_record_the_timer_puts_all_back() {
    let Some(lab) = open_or_skip() else { return };
    let planned = Planned::of(lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    let (host, client) = (&planned.host, &planned.client);
    let mut chosen = Chosen::new(KILLS);
    let records = 2 + 2 * changes(host);
    for (id, record) in (1..).zip(chosen.of(records, 100)) {
        let journal = format!("/var/lib/doorward/{id}.journal");
        let apply = [PROGRAM, "apply", PLAN, "--yes", "--confirm-within", "24h"];
        let mut program = host.stepped(&journal, &apply).unwrap();
        for _ in 0..=record {
            assert!(program.step().unwrap());
        }
        program.kill().unwrap();
        // What the timer starts when its time has come.
        let timers = host.succeed(&["systemctl", "list-timers", "--no-legend", "doorward-*"]).unwrap();
        let service = timers.split_whitespace().last().unwrap_or_else(|| panic!("no timer: {timers}"));
        let started = host.run_within(super::STOPPING * 3, &["systemctl", "start", service]).unwrap();
        let moment = format!("DOORWARD_SEED={}, record {record}", chosen.seed);
        assert!(started.status.success(), "{moment}\n{}", log(host, id));
        assert_eq!(planned.differs(host, client), [""; 0], "{moment}\n{}", log(host, id));
        assert_eq!(doorward(host, &["status"]).out, "no changes wait\n", "{moment}");
        // Made anew, since a daemon that was restarted may have another port by chance (rpc.statd).
        plan(host);
    }
}
