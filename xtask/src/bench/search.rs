//! `cargo xtask bench-search`: the trial search on made sites, beside what else could search.
//!
//! Instances are made from seeds, counted up from the one given; every result is checked against the site's truth. Peers
//! take part where they can: one test's pass or fail, one trial at a time, no noise.

mod cells;
mod instance;
mod peers;
mod run;
mod units;

use anyhow::ensure;
use cells::{Cell, Goal};
use run::{Figures, Spread};
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Instances of each cell
    #[arg(long, default_value_t = 1000)]
    instances: usize,
    /// Only cells whose name contains this; may be given again
    #[arg(long)]
    cell: Vec<String>,
    /// How to print the figures
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Seed of the first instance; each has one of its own, counted up
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Leave the peers out
    #[arg(long)]
    without_peers: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let asked = |cell: &Cell| {
        arguments.cell.is_empty() || arguments.cell.iter().any(|part| cell.name.contains(part.as_str()))
    };
    let cells: Vec<Cell> = cells::all().into_iter().filter(asked).collect();
    ensure!(!cells.is_empty(), "no cell is called that");
    let text = arguments.format == Format::Text;
    if text {
        println!(
            "{} instances a cell, seeds from {}; mean/p95/max of trials:\n",
            arguments.instances, arguments.seed
        );
        println!("| cell | bound | LBS | ratio | rounds | time on a site | wrong | goal | peers |");
        println!("|---|---:|---:|---:|---:|---:|---:|---|---|");
    }
    let mut all = Vec::new();
    for cell in &cells {
        let figures = run::measure(
            cell,
            arguments.instances,
            arguments.seed,
            arguments.threads,
            !arguments.without_peers,
        );
        if text {
            println!("{}", row(cell, &figures));
        }
        if !figures.wrong.is_empty() {
            eprintln!("{}: wrong results, seeds {:?}", cell.name, figures.wrong);
        }
        all.push(json(cell, &figures));
    }
    if !text {
        let (instances, seed) = (arguments.instances, arguments.seed);
        println!(
            "{}",
            serde_json::to_string_pretty(&json!({ "instances": instances, "seed": seed, "cells": all }))?
        );
    }
    Ok(())
}

fn row(cell: &Cell, figures: &Figures) -> String {
    let ratio = if figures.bound >= 1.0 { format!("{:.3}", figures.ratio()) } else { "-".into() };
    let goal = match cell.goal.reached(figures) {
        None => "-".to_owned(),
        Some(reached) => format!("{}: {}", cell.goal, if reached { "reached" } else { "NOT reached" }),
    };
    let peers: Vec<String> =
        figures.peers.iter().map(|(peer, trials, _)| format!("{} {}", peer.name(), of(trials))).collect();
    format!(
        "| {} | {:.1} | {} | {ratio} | {:.2} | {:.0} min | {} | {goal} | {} |",
        cell.name,
        figures.bound.max(0.0),
        of(&figures.lbs),
        figures.rounds.mean,
        figures.seconds.mean / 60.0,
        figures.wrong.len(),
        peers.join(", ")
    )
}

fn of(spread: &Spread) -> String {
    format!("{:.1}/{}/{}", spread.mean, spread.p95, spread.max)
}

fn json(cell: &Cell, figures: &Figures) -> serde_json::Value {
    let spread = |spread: &Spread| json!({ "mean": spread.mean, "p95": spread.p95, "max": spread.max });
    let peers: serde_json::Map<String, serde_json::Value> = figures
        .peers
        .iter()
        .map(|(peer, trials, wrong)| {
            (peer.name().to_owned(), json!({ "trials": spread(trials), "not_maximal": wrong }))
        })
        .collect();
    json!({
        "cell": cell.name,
        "bound_bits": figures.bound,
        "trials": spread(&figures.lbs),
        "ratio": (figures.bound >= 1.0).then(|| figures.ratio()),
        "rounds": spread(&figures.rounds),
        "site_seconds": spread(&figures.seconds),
        "cpu_seconds": figures.cpu,
        "wrong_seeds": figures.wrong,
        "goal": (cell.goal != Goal::None).then(|| cell.goal.to_string()),
        "reached": cell.goal.reached(figures),
        "peers": peers,
    })
}
