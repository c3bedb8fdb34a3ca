//! The project's own chores: `cargo xtask --help`.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_methods, reason = "chores write files of the project")]

mod bench;
mod demo;
mod fuzz;
mod lab;
mod schema;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Measure the audit beside its peers on a real host (needs root)
    Bench(bench::Arguments),
    /// Measure applying a plan beside bare calls of systemctl on a real host, and the journal (needs root)
    BenchChanges(bench::changes::Arguments),
    /// Measure loading the packet filter's table beside nft alone, in a network of its own (needs root)
    BenchFilter(bench::filter::Arguments),
    /// Measure the audit of registry hives beside its peers
    BenchHives(bench::hives::Arguments),
    /// Measure planning for made hosts of growing size
    BenchPlan(bench::plan::Arguments),
    /// Measure the search for what can be shut, beside its peers
    BenchSearch(bench::search::Arguments),
    /// Time a command as whole processes (the benchmark runs this in its host)
    #[command(hide = true)]
    Measure(bench::measure::Arguments),
    /// Listen on many ports for some minutes (the benchmark runs this in its host)
    #[command(hide = true)]
    Listen(bench::load::Arguments),
    /// Show the whole way on a real host: audit, plan, trial, apply, undo (needs root)
    Demo(demo::Arguments),
    /// Fuzz the parsers
    Fuzz(fuzz::Arguments),
    /// Real hosts to test on and to look around in (needs root)
    #[command(subcommand)]
    Lab(lab::Chore),
    /// Write the JSON schemas of audits and snapshots to schema/
    Schema(schema::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::BenchChanges(arguments) => bench::changes::run(&arguments),
        Chore::BenchFilter(arguments) => bench::filter::run(&arguments),
        Chore::BenchPlan(arguments) => bench::plan::run(&arguments),
        Chore::BenchHives(arguments) => bench::hives::run(&arguments),
        Chore::BenchSearch(arguments) => bench::search::run(&arguments),
        Chore::Demo(arguments) => demo::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Measure(arguments) => bench::measure::run(&arguments),
        Chore::Listen(arguments) => bench::load::listen(&arguments),
        Chore::Lab(chore) => lab::run(chore),
        Chore::Schema(arguments) => schema::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
