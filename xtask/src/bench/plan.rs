//! `cargo xtask bench-plan`: planning and checking for hosts of growing size, in this process.
//!
//! The hosts are made: half of the services run and nothing needs them, each depends on five others at random.

use std::time::Instant;

use anyhow::ensure;
use doorward_assess::{Options, assess};
use doorward_knowledge::{Index, Knowledge};
use doorward_model::{
    Dependency, DependencyKind, Listener, Manager, OsFamily, PacketFilter, Protocol, Service, Snapshot,
    Source, Start, State,
};

use super::goal;

/// Dependencies of each service.
const EDGES: usize = 5;
/// Planning for 2,000 services may take this long, in milliseconds.
const GOAL: f64 = 50.0;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Runs for each size
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// Seed of the made hosts
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "measure the release: cargo run --release --package xtask -- bench-plan"
    );
    println!("Medians of {} runs, seed {}:\n", arguments.runs, arguments.seed);
    println!("| services / dependencies | steps | plan | check |\n|---|---:|---:|---:|");
    let knowledge = Knowledge::built_in();
    let index = Index::new(&knowledge);
    let mut goals = Vec::new();
    for size in [500, 1000, 2000, 4000, 8000] {
        let snapshot = host(size, arguments.seed);
        let assessment = assess(&snapshot, &index, &Options::default());
        let (mut plans, mut checks, mut steps) = (Vec::new(), Vec::new(), 0);
        for _ in 0..arguments.runs.max(1) {
            let began = Instant::now();
            let plan =
                doorward_plan::plan(&assessment, &snapshot, &index, doorward_plan::Options::default())?;
            plans.push(began.elapsed().as_secs_f64() * 1e3);
            let began = Instant::now();
            let violations = doorward_plan::check(&plan, &snapshot, &assessment, &[]);
            checks.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(violations.is_empty(), "the checker refuses the planner's plan: {}", violations[0]);
            steps = plan.changes().count();
        }
        let (plan, check) = (median(&mut plans), median(&mut checks));
        println!("| {size} / {} | {steps} | {plan:.1} ms | {check:.1} ms |", size * EDGES);
        if size == 2000 {
            goals.push(goal("planning for 2,000 services, ms", plan, GOAL, plan <= GOAL));
        }
    }
    println!("\n{}", goals.join("\n"));
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn host(size: usize, seed: u64) -> Snapshot {
    let mut state = seed.max(1);
    // xorshift: the same seed gives the same host, and no more is asked of it.
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap_or(0)
    };
    let mut snapshot = Snapshot {
        source: Source::Live { privileged: true },
        filter: PacketFilter::None,
        ..Snapshot::default()
    };
    snapshot.host.family = OsFamily::Linux;
    for at in 0..size {
        let dependencies = (0..EDGES)
            .map(|_| Dependency { kind: DependencyKind::Wants, on: format!("made{}.service", random(size)) })
            .collect();
        let runs = at % 2 == 0;
        snapshot.services.push(Service {
            name: format!("made{at}.service"),
            manager: Manager::Systemd,
            state: if runs { State::Running } else { State::Stopped },
            start: if runs { Start::Enabled } else { Start::Disabled },
            executable: Some(format!("/usr/sbin/made{at}")),
            dependencies,
            ..Service::default()
        });
        if runs {
            let address = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
            let port = u16::try_from(1024 + at).ok();
            let listener = Listener::configured(Protocol::Tcp, address, port, "made");
            snapshot.listeners.push(Listener { service: Some(format!("made{at}.service")), ..listener });
        }
    }
    snapshot.sort();
    snapshot
}
