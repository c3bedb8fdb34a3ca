//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage on the stable compiler, and runs them.
//!
//! Finds and corpora stay below `fuzz/`, outside of what is committed. Seeds are `fuzz/seeds/TARGET/`, and for rulesets
//! those that the evaluator's tests have: without one, JSON of the right form is never hit upon.
#![expect(clippy::disallowed_methods, reason = "builds and runs the fuzz targets")]

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Coverage for libFuzzer, by stable options of the compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1";
/// Inputs are not longer.
const LONGEST: u32 = 16 << 10;
/// Memory that a run may take, in megabytes.
const MEMORY: u32 = 1024;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Targets; all when left out
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Seed of the generator; 0 takes one from the clock (it is printed)
    #[arg(long, default_value_t = 0)]
    seed: u32,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let known = targets()?;
    let chosen = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    if let Some(stranger) = chosen.iter().find(|t| !known.contains(t)) {
        bail!("no target {stranger}; there are {}", known.join(", "));
    }
    build()?;
    for target in chosen {
        fuzz(target, arguments)?;
    }
    println!("{} targets, {} s each, nothing found", chosen.len(), arguments.seconds);
    Ok(())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn targets() -> anyhow::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder().join("targets")).context("fuzz/targets")?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|e| e.path().file_stem().and_then(|s| s.to_str()).map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| folder().join("target"), |d| PathBuf::from(d).join("fuzz"))
}

fn build() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--manifest-path"]).arg(folder().join("Cargo.toml"));
    command.arg("--target-dir").arg(target_folder());
    // With a target named, build scripts and procedural macros are built without coverage.
    command.args(["--target", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)]);
    let status = command.env("RUSTFLAGS", FLAGS).status()?;
    ensure!(status.success(), "building the fuzz targets failed");
    Ok(())
}

fn fuzz(target: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let corpus = folder().join("corpus").join(target);
    let finds = folder().join("artifacts").join(target);
    for made in [&corpus, &finds] {
        std::fs::create_dir_all(made).with_context(|| made.display().to_string())?;
    }
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let program = target_folder().join(triple).join("release").join(target);
    let mut command = Command::new(&program);
    command.arg(&corpus);
    let seeds = match target {
        "ruleset" => folder().join("../crates/netfilter/tests/fixtures"),
        other => folder().join("seeds").join(other),
    };
    if seeds.exists() {
        command.arg(seeds);
    }
    command.arg(format!("-artifact_prefix={}/", finds.display()));
    command.args([
        format!("-max_total_time={}", arguments.seconds),
        format!("-max_len={LONGEST}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-seed={}", arguments.seed),
        "-timeout=10".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]);
    let status = command.status().with_context(|| program.display().to_string())?;
    ensure!(status.success(), "{target}: a find lies in {}", finds.display());
    Ok(())
}
