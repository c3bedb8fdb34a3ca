//! `cargo xtask bench-changes`: shutting twelve services with a plan, beside the bare calls of `systemctl` that an
//! administrator would type, on the same real host; and what the journal costs on this machine's disk.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use doorward_change::Journal;
use doorward_change::journal::{Header, JOURNAL_VERSION};
use doorward_lab::{Host, Lab, roots};
use doorward_plan::Plan;

use super::{DOORWARD, LIMIT, goal, release_build};

const PLAN: &str = "/root/plan.toml";
const SERVICES: usize = 12;
/// Records that the journal takes in one run.
const RECORDS: u64 = 500;

/// Goals: the steps beside bare calls, and milliseconds of the journal a step.
const BARE_GOAL: f64 = 1.3;
const JOURNAL_GOAL: f64 = 5.0;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Runs of each
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Folder on the disk whose journal is measured [default: the current one]
    #[arg(long)]
    disk: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let program = release_build()?;
    let lab = Lab::open()?;
    let host = lab.host(&roots::EVERYTHING)?;
    host.put(&program, DOORWARD)?;
    let (mut bare, mut steps, mut whole, mut records) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=arguments.runs {
        eprintln!("round {round} of {}", arguments.runs);
        // Made anew each time: what is put back by hand is not quite as it was.
        let plan = plan(&host)?;
        records.push(records_a_step(&host)?);
        let (in_steps, in_all) = by_plan(&host)?;
        steps.push(in_steps);
        whole.push(in_all);
        bare.push(by_hand(&host, &plan)?);
    }
    let [bare, steps, whole, records] = [bare, steps, whole, records].map(median);
    println!("Shutting {SERVICES} services on the everything-host, medians of {} runs:\n", arguments.runs);
    println!("| | seconds |\n|---|---:|");
    println!("| `systemctl disable --now`, then `mask`, each unit | {bare:.2} |");
    println!("| the steps of `doorward apply`: announced, made, verified | {steps:.2} |");
    println!(
        "| `doorward apply` as a whole: two audits, the timer, what starts again within 2 s | {whole:.2} |"
    );
    let record = record(arguments)?;
    println!("\n{}", goal("steps / bare calls", steps / bare, BARE_GOAL, steps / bare <= BARE_GOAL));
    let cost = record * records;
    println!("a record of the journal takes {record:.2} ms, a step writes {records:.1} of them");
    println!("{}", goal("journal, ms a step", cost, JOURNAL_GOAL, cost <= JOURNAL_GOAL));
    Ok(())
}

/// A plan that disables so many services and leaves all else.
fn plan(host: &Host) -> anyhow::Result<Plan> {
    let text = host.succeed(&[DOORWARD, "plan", "--prefer", "disable"])?;
    let mut plan = doorward_plan::read(&text)?;
    let mut on = 0;
    for step in &mut plan.steps {
        // It makes a network device and never takes it away, so that it cannot start twice.
        step.on &= on < SERVICES && step.action.word() == "disable" && !step.id.0.contains("overlay-network");
        on += usize::from(step.on);
    }
    ensure!(on == SERVICES, "the host has {on} services to disable");
    host.write_file(PLAN, doorward_plan::print(&plan))?;
    Ok(plan)
}

/// The same units by hand, and back again.
fn by_hand(host: &Host, plan: &Plan) -> anyhow::Result<f64> {
    let shut = plan.changes().filter_map(|step| step.action.units());
    let units: Vec<&str> = shut.flat_map(|units| &units.parts().systemd).map(String::as_str).collect();
    let running: Vec<&str> = units
        .iter()
        .copied()
        .filter(|unit| host.run(&["systemctl", "is-active", unit]).is_ok_and(|o| o.status.success()))
        .collect();
    let enabled: Vec<&str> = units
        .iter()
        .copied()
        .filter(|unit| host.run(&["systemctl", "is-enabled", unit]).is_ok_and(|o| o.stdout == b"enabled\n"))
        .collect();
    let began = Instant::now();
    for unit in &units {
        host.run_within(LIMIT, &["systemctl", "disable", "--now", unit])?;
        host.run_within(LIMIT, &["systemctl", "mask", unit])?;
    }
    let took = began.elapsed();
    for (verb, units) in [("unmask", &units), ("enable", &enabled), ("start", &running)] {
        host.run_within(LIMIT, &[&["systemctl", verb], units.as_slice()].concat())?;
    }
    Ok(took.as_secs_f64())
}

/// Seconds in the steps, and in all. The plan is undone afterwards.
fn by_plan(host: &Host) -> anyhow::Result<(f64, f64)> {
    let mut apply = host.command(&[DOORWARD, "apply", PLAN, "--yes", "--confirm-within", "1h"])?;
    apply.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = apply.spawn()?;
    let lines = BufReader::new(child.stderr.take().context("no pipe")?).lines();
    let (mut steps, mut said) = (Vec::new(), Vec::new());
    for line in lines {
        said.push(line?);
        if said.last().is_some_and(|line| line.contains(&format!("/{SERVICES}  "))) {
            steps.push(began.elapsed());
        }
    }
    ensure!(child.wait()?.success(), "the plan could not be applied: {}", said.join("\n"));
    let all = began.elapsed();
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        anyhow::bail!("no step was told of");
    };
    ensure!(steps.len() == SERVICES, "{} steps were told of", steps.len());
    host.run_within(LIMIT, &[DOORWARD, "undo"])?;
    // Each line is said before its step: the last step's own time is taken to be that of the others.
    let steps = last.saturating_sub(*first).mul_f64(12.0 / 11.0);
    Ok((steps.as_secs_f64(), all.as_secs_f64()))
}

fn records_a_step(host: &Host) -> anyhow::Result<f64> {
    let shown = host.succeed(&[DOORWARD, "apply", PLAN, "--dry-run"])?;
    let (changes, steps): (Vec<&str>, Vec<&str>) = shown.lines().partition(|line| line.starts_with(' '));
    let number = |count: usize| u32::try_from(count).map(f64::from);
    Ok(2.0 * number(changes.len())? / number(steps.len())?)
}

/// Milliseconds until a record is on disk.
fn record(arguments: &Arguments) -> anyhow::Result<f64> {
    let private = std::fs::Permissions::from_mode(0o700);
    let disk = arguments.disk.as_deref().unwrap_or(".".as_ref());
    let folder = tempfile::Builder::new().permissions(private).tempdir_in(disk)?;
    let header = Header {
        version: JOURNAL_VERSION,
        doorward: String::new(),
        host: "a host".to_owned(),
        plan: String::new(),
        boot_id: String::new(),
        time: 0,
        reboot_proof: false,
    };
    let mut journal = Journal::create(&folder.path().join("1.journal"), header)?;
    let mut took = Vec::new();
    for time in 0..RECORDS {
        let began = Instant::now();
        journal.confirm(time)?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(took))
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
