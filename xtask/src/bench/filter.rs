//! `cargo xtask bench-filter`: the packet filter's table of many client networks, loaded in one transaction, beside `nft -f`
//! of the same table; and one address more, by each means that nft offers.
//!
//! All of it happens in a network namespace of its own, which nothing is connected to.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use doorward_change::System as _;
use doorward_filter::{Access, Host, Policy};
use doorward_linux_change::LinuxHost;

use super::goal;

const NFT: &str = "/usr/sbin/nft";
/// Loading may take this many times what nft alone takes.
const LOADING: f64 = 1.2;
/// One address more may take this long, in milliseconds.
const ONE_MORE: f64 = 5.0;
/// Networks of the largest table.
const MOST: u32 = 100_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Runs for each size
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Said by itself, in a network of its own
    #[arg(long, hide = true)]
    inside: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "measure the release: cargo run --release --package xtask -- bench-filter"
    );
    if !arguments.inside {
        let mut again = Command::new("/usr/bin/unshare");
        again.arg("--net").arg(std::env::current_exe()?).args(["bench-filter", "--inside", "--runs"]);
        let status = again.arg(arguments.runs.to_string()).status().context("unshare")?;
        ensure!(status.success(), "{status}");
        return Ok(());
    }
    println!("Medians of {} runs:\n", arguments.runs);
    println!(
        "| networks | nft -f | load_table | load / nft | tried first | read back | one more, same set | in a small set beside | in a table of its own |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut goals = Vec::new();
    for networks in [10, 1_000, 10_000, MOST] {
        let row = row(networks, arguments.runs.max(1))?;
        println!(
            "| {networks} | {:.1} ms | {:.1} ms | {:.2} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
            row.nft,
            row.load,
            row.load / row.nft,
            row.tried,
            row.read,
            row.same,
            row.beside,
            row.apart
        );
        if networks == MOST {
            let ratio = row.load / row.nft;
            goals.push(goal("loading beside nft alone, times", ratio, LOADING, ratio <= LOADING));
            let best = row.same.min(row.beside);
            goals.push(goal("one address more, ms", best, ONE_MORE, best <= ONE_MORE));
        }
    }
    println!("\n{}", goals.join("\n"));
    Ok(())
}

/// Medians, in milliseconds.
struct Row {
    nft: f64,
    load: f64,
    tried: f64,
    read: f64,
    same: f64,
    beside: f64,
    apart: f64,
}

fn row(networks: u32, runs: usize) -> anyhow::Result<Row> {
    let text = policy(networks)?.table();
    let mut host = LinuxHost::looking()?;
    let mut all: [Vec<f64>; 7] = Default::default();
    for run in 0..runs {
        // In turn, each in the place of a table as large.
        all[0].push(timed(|| nft(&text))?);
        let mut listed = String::new();
        all[2].push(timed(|| {
            listed = host.table_once_loaded(&text)?;
            Ok(())
        })?);
        all[1].push(timed(|| Ok(host.load_table(Some(&listed))?))?);
        all[3].push(timed(|| {
            ensure!(host.table()?.as_ref() == Some(&listed), "what was loaded is not what is there");
            Ok(())
        })?);
        nft(
            "add set inet doorward now { type ipv4_addr; }\ntable inet apart { set now { type ipv4_addr; }\n}\n",
        )?;
        for (at, set) in [(4, "doorward office.v4"), (5, "doorward now"), (6, "apart now")] {
            let element = format!("add element inet {set} {{ 198.51.100.{} }}\n", run % 256);
            all[at].push(timed(|| nft(&element))?);
        }
    }
    let [nft, load, tried, read, same, beside, apart] = all.map(median);
    Ok(Row { nft, load, tried, read, same, beside, apart })
}

/// Networks that cannot be merged.
fn policy(networks: u32) -> anyhow::Result<Policy> {
    let network = |n: u32| format!("\"{}/31\"", std::net::Ipv4Addr::from((11 << 24) + n * 4));
    let list: Vec<String> = (0..networks).map(network).collect();
    let text =
        format!("[clients]\noffice = [{}]\n[doors]\n\"tcp/22\" = {{ to = [\"office\"] }}\n", list.join(", "));
    let access: Access = toml::from_str(&text)?;
    Ok(Policy::new(&access, &Host::default())?)
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn nft(text: &str) -> anyhow::Result<()> {
    let mut child = Command::new(NFT).args(["-f", "-"]).stdin(Stdio::piped()).spawn().context(NFT)?;
    child.stdin.take().context("its input")?.write_all(text.as_bytes())?;
    let status = child.wait()?;
    ensure!(status.success(), "{NFT}: {status}");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
