//! `cargo xtask lab`: build root file systems ahead of the tests, boot one to look around in.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, bail};
use doorward_lab::{Kept, Lab, RootSpec, cache_dir, kept, remove_kept, remove_outdated, roots};

#[derive(clap::Subcommand)]
pub(crate) enum Chore {
    /// Build root file systems that are not in the cache
    Build {
        /// Their names; all that the tests use when left out
        roots: Vec<String>,
    },
    /// List root file systems and running hosts
    List,
    /// Boot a host and leave it running
    Up {
        /// The name of its root file system
        root: String,
    },
    /// Enter a running host, or run one command in it
    Shell {
        /// Its name
        host: String,
        /// The command; a shell when left out
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Stop and remove the hosts that `up` left running, and what crashed tests left
    Down,
    /// Remove root file systems of recipes that have changed
    Clean,
}

pub(crate) fn run(chore: Chore) -> anyhow::Result<()> {
    match chore {
        Chore::Build { roots } => build(&roots),
        Chore::List => {
            list();
            Ok(())
        }
        Chore::Up { root } => up(named(&root)?),
        Chore::Shell { host, command } => shell(&host, &command),
        Chore::Down => Ok(remove_kept()?),
        Chore::Clean => {
            for tree in remove_outdated()? {
                println!("removed {}", tree.display());
            }
            Ok(())
        }
    }
}

/// Builds two at a time: one mostly waits for the network or the disk.
fn build(names: &[String]) -> anyhow::Result<()> {
    let lab = Lab::open()?;
    let mut specs = names.iter().map(|name| named(name)).collect::<anyhow::Result<Vec<_>>>()?;
    if specs.is_empty() {
        specs.extend(roots::TESTED);
    }
    let left = Mutex::new(specs.into_iter());
    let next = || left.lock().ok().and_then(|mut specs| specs.next());
    thread::scope(|scope| {
        let worker = || {
            while let Some(spec) = next() {
                let began = Instant::now();
                lab.root(spec).with_context(|| format!("root {}", spec.name))?;
                println!("{:<20} {:>6.1} s", spec.name, began.elapsed().as_secs_f64());
            }
            anyhow::Ok(())
        };
        let workers = [scope.spawn(worker), scope.spawn(worker)];
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn list() {
    println!("roots in {}:", cache_dir().join("roots").display());
    for spec in roots::all() {
        println!("  {:<20} {}", spec.name, if spec.path().exists() { "built" } else { "not built" });
    }
    for host in kept() {
        describe(&host);
    }
}

fn up(spec: &'static RootSpec) -> anyhow::Result<()> {
    let lab = Lab::open()?;
    let host = lab.host(spec)?;
    let client = lab.client()?;
    println!("ready after {:.1} s", host.boot_time()?.as_secs_f64());
    describe(&lab.keep(host, client)?);
    Ok(())
}

fn describe(host: &Kept) {
    println!("{} runs at {}; its process 1 is {}", host.name, host.address, host.leader);
    println!("  enter it:           cargo xtask lab shell {}", host.name);
    println!("  look from outside:  ip netns exec {} COMMAND", host.client);
}

fn shell(name: &str, words: &[String]) -> anyhow::Result<()> {
    let Some(host) = kept().into_iter().find(|host| host.name == name) else {
        bail!("no host {name} is running; cargo xtask lab up {name}");
    };
    let words: Vec<&str> =
        if words.is_empty() { vec!["bash", "--login"] } else { words.iter().map(String::as_str).collect() };
    let mut command = host.command(&words);
    if std::io::stdin().is_terminal() {
        command.env("TERM", std::env::var_os("TERM").unwrap_or_else(|| "dumb".into()));
    }
    let status = command.status().context("nsenter")?;
    std::process::exit(status.code().unwrap_or(1))
}

fn named(name: &str) -> anyhow::Result<&'static RootSpec> {
    roots::named(name).with_context(|| {
        let names: Vec<&str> = roots::all().map(|spec| spec.name).collect();
        format!("no root is called {name}; there are {}", names.join(", "))
    })
}
