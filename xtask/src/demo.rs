//! `cargo xtask demo`: Doorward's whole way on a real host, from the first look to the undoing, each command as its user
//! types it. Each step is checked: the exit status tells whether all went as expected.
//!
//! The host is the lab's `busy`; the site on it that counts has a contact form, which needs the host's mail server.
//! Nothing on the host says so, and a plan alone would take that server away: only the site's tests tell.

mod doors;
mod typed;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::ensure;
use doorward_lab::{Client, Host, Lab, RootSpec, roots};

use doors::{Doors, Names};
use typed::{Interrupted, Lines, Screen};

const HOST: &RootSpec = &roots::BUSY;
const SITE: &str = "contact.example";
const PROGRAM: &str = "/usr/local/bin/doorward";
/// Sends something: no recording does that by itself.
const BY_HAND: &str = include_str!("demo/by-hand.toml");
/// What stays open: ssh, the form's mail server, the site.
const KEPT: [u16; 3] = [22, 25, 80];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The doorward to show [default: the one that was built beside this program]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Show all that the commands say, however long
    #[arg(long)]
    full: bool,
}

/// Shows it. After a signal the process ends with the signal's exit code, once all is removed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let program = match &arguments.program {
        Some(file) => file.clone(),
        None => std::env::current_exe()?.with_file_name("doorward"),
    };
    ensure!(program.is_file(), "{} is not there: cargo build --workspace --bins", program.display());
    let lab = Lab::open()?;
    if !HOST.path().exists() {
        println!("Building the demo's host from Debian's packages, once: this takes some minutes");
    }
    lab.root(HOST)?;
    let shown = Demo::boot(&lab, &program, arguments.full).and_then(|demo| demo.show());
    drop(lab);
    if let Err(why) = &shown
        && let Some(Interrupted(signal)) = why.downcast_ref()
    {
        eprintln!("demo: stopped, and its host removed");
        std::process::exit(128 + signal);
    }
    shown
}

struct Demo {
    screen: Screen,
    host: Host,
    neighbour: Client,
}

impl Demo {
    fn boot(lab: &Lab, program: &Path, full: bool) -> anyhow::Result<Self> {
        let screen = Screen::new(full)?;
        println!(
            "A Debian 12 host full of servers, {}, is booted, and a neighbour beside it. Of its sites one counts:\n\
             http://{SITE}/, a contact form.",
            HOST.name
        );
        let (host, neighbour) = (lab.host(HOST)?, lab.client()?);
        host.put(program, PROGRAM)?;
        // What a name server would say.
        let hosts = [host.read("/etc/hosts")?, format!("{} {SITE}\n", host.address()).into_bytes()].concat();
        host.write_file("/etc/hosts", hosts)?;
        Ok(Self { screen, host, neighbour })
    }

    fn show(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let screen = &self.screen;

        screen.title("1. The doors, as a neighbour finds them");
        println!("The ports of {} below 32768 that answer:", self.host.address());
        let before = self.scan()?;
        let names = Names::of(&self.host, PROGRAM)?;
        println!("{}", before.list());

        screen.title("2. Audit: who opens them, and who needs them");
        self.types(&["doorward"], Lines { first: 20, last: 4 })?;

        screen.title("3. What the site has to do, as tests");
        self.types(&["doorward", "site", "record", &format!("http://{SITE}/")], Lines::ALL)?;
        println!("A recording only asks for pages. That the form's message is taken is added by hand:");
        self.adds("site.toml", BY_HAND)?;
        self.types(&["doorward", "site", "check"], Lines { first: 5, last: 0 })?;

        screen.title("4. Plan: what nothing seems to need");
        self.types(&["doorward", "plan", "--output", "plan.toml"], Lines::ALL)?;
        self.types(&["grep", "^# Step.*postfix", "plan.toml"], Lines::ALL)?;
        println!(
            "The plan would take away the mail server: nothing on the host tells that the form needs it.",
        );

        screen.title("5. Trial, in a copy of the host booted beside it: what the site does need");
        self.types(
            &["doorward", "trial", "plan.toml", "--output", "proved.toml"],
            Lines { first: 50, last: 17 },
        )?;

        screen.title("6. Apply what was proved, and confirm it in time");
        self.types(&["doorward", "apply", "proved.toml", "--yes"], Lines { first: 3, last: 5 })?;
        self.types(&["doorward", "confirm"], Lines::ALL)?;

        screen.title("7. The site still works; the doors before and after, by the same scan");
        self.types(&["doorward", "site", "check"], Lines { first: 5, last: 0 })?;
        let after = self.scan()?;
        println!("{}", before.beside(&after, &names));
        ensure!(after == Doors::tcp(&KEPT), "only these were to stay open, by TCP: {KEPT:?}");

        screen.title("8. Undo: all of it comes back");
        self.types(&["doorward", "undo"], Lines { first: 3, last: 2 })?;
        self.types(&["doorward", "site", "check"], Lines { first: 1, last: 0 })?;
        let undone = self.scan()?;
        ensure!(undone == before, "the doors are not as before:\n{}", before.beside(&undone, &names));
        println!("The same {} doors answer as before.", undone.count());

        screen.title(&format!(
            "All as expected, in {:.0} s: {} doors before, {} after, {} after the undoing; the site worked throughout.",
            began.elapsed().as_secs_f64(),
            before.count(),
            after.count(),
            undone.count()
        ));
        Ok(())
    }

    /// What answers the neighbour.
    fn scan(&self) -> anyhow::Result<Doors> {
        Doors::scan(&self.neighbour, self.host.address())
    }

    /// A command that its user types on the host, and that has to succeed.
    fn types(&self, words: &[&str], lines: Lines) -> anyhow::Result<()> {
        self.screen.types(&self.host, words, lines)
    }

    /// Adds to a file of the administrator's, shown as it would be typed.
    fn adds(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = format!("{}/{file}", typed::HOME);
        self.screen.prompt(&format!("cat >> {file} <<'END'\n{}\nEND", text.trim()));
        let both = [&self.host.read(&path)?, text.as_bytes()].concat();
        Ok(self.host.write_file(&path, both)?)
    }
}
