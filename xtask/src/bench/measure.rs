//! `xtask measure`: times a command as whole processes, by the system's own accounting. The benchmark copies it into
//! its host.
#![expect(clippy::disallowed_methods, reason = "it runs what it measures")]

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use nix::sys::resource::{UsageWho, getrusage};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Runs
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// The command; its output is thrown away
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// What one command costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of processor time, user and system.
    pub(crate) cpu: f64,
    /// Largest resident set of any of its processes.
    pub(crate) peak_bytes: u64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for _ in 0..arguments.runs.max(1) {
        all.push(once(&arguments.command)?);
    }
    let median = Figures::median(&all);
    println!("{} {} {}", median.wall, median.cpu, median.peak_bytes);
    Ok(())
}

fn once(command: &[String]) -> anyhow::Result<Figures> {
    let (program, rest) = command.split_first().context("no command")?;
    let before = cpu_of_children()?;
    let began = Instant::now();
    let status = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| program.clone())?;
    let wall = began.elapsed().as_secs_f64();
    ensure!(status.code().is_some(), "{program} was killed");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let peak_bytes = u64::try_from(usage.max_rss()).unwrap_or(0) * 1024;
    Ok(Figures { wall, cpu: cpu_of_children()? - before, peak_bytes })
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark")]
fn cpu_of_children() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

impl Figures {
    /// The median of each figure.
    pub(crate) fn median(all: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> f64| {
            let mut values: Vec<f64> = all.iter().map(figure).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let peak_bytes = all.iter().map(|f| f.peak_bytes).max().unwrap_or(0);
        Self { wall: middle(|f| f.wall), cpu: middle(|f| f.cpu), peak_bytes }
    }

    /// Both, one after the other.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
            peak_bytes: self.peak_bytes.max(other.peak_bytes),
        }
    }

    /// Peak memory in millions of bytes.
    #[expect(clippy::cast_precision_loss, reason = "a digit is shown")]
    pub(crate) fn peak_megabytes(&self) -> f64 {
        self.peak_bytes as f64 / 1e6
    }

    /// What [`run`] prints.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut next = || words.next();
        let (wall, cpu) = (next()?.parse().ok()?, next()?.parse().ok()?);
        Some(Self { wall, cpu, peak_bytes: next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_what_is_printed() {
        let all = [3.0, 1.0, 2.0].map(|wall| Figures { wall, cpu: wall / 2.0, peak_bytes: 7 });
        let median = Figures::median(&all);
        assert_eq!(median, Figures { wall: 2.0, cpu: 1.0, peak_bytes: 7 });
        assert_eq!(Figures::parse("2 1 7\n"), Some(median));
        assert_eq!(Figures::parse("2 1"), None);
    }
}
