//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage on the stable compiler, and runs them.
//!
//! Finds and corpora stay below `fuzz/`, outside of what is committed. Seeds are `fuzz/seeds/TARGET/`, those that a target
//! makes itself (hives), and for rulesets those that the evaluator's tests have: without one, JSON of the right form is
//! never hit upon.
#![expect(clippy::disallowed_methods, reason = "builds and runs the fuzz targets")]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, bail, ensure};

mod kept;

use kept::Kept;

/// Coverage for libFuzzer, by stable options of the compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1";
/// Inputs are not longer.
const LONGEST: u32 = 16 << 10;
/// Those of these targets may be: the smallest hive has 8 KiB.
const OF_HIVES: [&str; 3] = ["hive", "hive_log", "windows"];
const LONGEST_OF_HIVES: u32 = 64 << 10;
/// Memory that a run may take, in megabytes.
const MEMORY: u32 = 1024;
/// Lines that are repeated at the end when a target found something.
const LAST: usize = 60;
/// The variable that names the folder into which a target writes the seeds that it makes.
const SEEDS: &str = "DOORWARD_FUZZ_SEEDS";

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
    /// Targets that run at the same time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Build in this folder, to which the sources are copied: there, what did not change is not built again for another
    /// checkout
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Build the targets, and run none
    #[arg(long)]
    build: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let known = targets()?;
    let chosen = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    if let Some(stranger) = chosen.iter().find(|t| !known.contains(t)) {
        bail!("no target {stranger}; there are {}", known.join(", "));
    }
    let kept = match &arguments.keep {
        Some(keep) => Some(Kept::of(&folder().join(".."), keep)?),
        None => None,
    };
    let built = kept.as_ref().map_or_else(target_folder, Kept::target);
    build(&kept.as_ref().map_or_else(|| folder().join("Cargo.toml"), Kept::manifest), &built)?;
    if arguments.build {
        return Ok(());
    }
    let (queue, results) = (Mutex::new(chosen.iter()), Mutex::new(Vec::new()));
    let next = || queue.lock().ok()?.next();
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                while let Some(target) = next() {
                    let result = fuzz(target, arguments, &built);
                    results.lock().expect("no run panics").push(result);
                }
            });
        }
    });
    // At the end, where it is seen.
    let mut found = 0;
    for result in results.into_inner()? {
        match result {
            Ok(noted) => println!("{}", noted.join("\n")),
            Err(why) => {
                println!("{why:#}");
                found += 1;
            }
        }
    }
    ensure!(found == 0, "{found} of {} targets found something", chosen.len());
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

fn build(manifest: &Path, built: &Path) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(built);
    // With a target named, build scripts and procedural macros are built without coverage.
    command.args(["--target", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)]);
    let status = command.env("RUSTFLAGS", FLAGS).status()?;
    ensure!(status.success(), "building the fuzz targets failed");
    Ok(())
}

/// Runs one target, and returns what is worth noting of the run.
fn fuzz(target: &str, arguments: &Arguments, built: &Path) -> anyhow::Result<Vec<String>> {
    let corpus = folder().join("corpus").join(target);
    let finds = folder().join("artifacts").join(target);
    let made = built.join("seeds").join(target);
    for folder in [&corpus, &finds, &made] {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let program = built.join(triple).join("release").join(target);
    let mut command = Command::new(&program);
    command.arg(&corpus).arg(&made).env(SEEDS, &made);
    let seeds = match target {
        "ruleset" => folder().join("../crates/netfilter/tests/fixtures"),
        other => folder().join("seeds").join(other),
    };
    if seeds.exists() {
        command.arg(seeds);
    }
    let longest = if OF_HIVES.contains(&target) { LONGEST_OF_HIVES } else { LONGEST };
    command.arg(format!("-artifact_prefix={}/", finds.display()));
    command.args([
        format!("-max_total_time={}", arguments.seconds),
        format!("-max_len={longest}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-seed={}", arguments.seed),
        "-timeout=10".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]);
    let mut running =
        command.stderr(Stdio::piped()).spawn().with_context(|| program.display().to_string())?;
    let said = running.stderr.take().map(|output| relay(target, output)).unwrap_or_default();
    let last = || Vec::from(said.last).join("\n");
    ensure!(running.wait()?.success(), "{}\n{target}: a find lies in {}", last(), finds.display());
    Ok(said.noted)
}

/// What libFuzzer said.
#[derive(Debug, Default)]
struct Said {
    /// Its seed, and what came of it.
    noted: Vec<String>,
    /// Its last lines.
    last: VecDeque<String>,
}

/// Passes on what libFuzzer says, each line with its target, but for what it says of each new input.
fn relay(target: &str, output: impl Read) -> Said {
    let mut said = Said::default();
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if line.contains("\tNEW ") || line.contains("\tREDUCE ") {
            continue;
        }
        let shown = format!("{target}: {line}");
        eprintln!("{shown}");
        if said.last.len() == LAST {
            said.last.pop_front();
        }
        said.last.push_back(shown.clone());
        if line.starts_with("INFO: Seed:") || line.starts_with("Done ") || line.contains("\tDONE ") {
            said.noted.push(shown);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_seed_and_the_last_words_are_kept() {
        let output = b"INFO: Seed: 7\n#2\tINITED cov: 1\n#3\tNEW    cov: 2\n#9\tDONE   cov: 3 corp: 2/9b\nDone 9 runs in 3 second(s)\nstat::x: 1\n\xff";
        let said = super::relay("hive", &output[..]);
        let expected =
            ["hive: INFO: Seed: 7", "hive: #9\tDONE   cov: 3 corp: 2/9b", "hive: Done 9 runs in 3 second(s)"];
        assert_eq!(said.noted, expected);
        assert_eq!(said.last.len(), 6);
        let long = super::relay("hive", "x\n".repeat(super::LAST + 1).as_bytes());
        assert_eq!(long.last.len(), super::LAST);
    }
}
