//! The command line. Its doc comments are the help, the man pages and the reference.

mod pki;
mod reach;
mod site;
mod trial;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use pki::{
    CrlArgs, InitArgs, IssueArgs, ListArgs, PkiCommand, ReasonWord, RevokeArgs, SecretArgs,
};
pub(crate) use reach::{Expect, ReachArgs, StateWord};
pub(crate) use site::{CheckArgs, RecordArgs, SiteCommand, SiteFormat};
pub(crate) use trial::TrialArgs;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; nothing at or above --fail-on was found
  1  done; something at or above --fail-on was found, or what was applied does not hold
  2  the command line is wrong
  3  input (snapshot, tree, knowledge, configuration, name) could not be read, or is malformed
  4  done, but not all could be looked at: that nothing was found proves nothing
  5  the result could not be written
  6  a change went wrong, and everything was put back
  7  not everything could be put back, or something was kept as somebody had changed it since
  130, 143, 129  ended by SIGINT (Ctrl-C), SIGTERM or SIGHUP";

/// Closes every door to a web server that its site does not need, and proves that the site still works.
///
/// Without a command, audits the host that it runs on.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The audit's options, for the default command.
    #[command(flatten)]
    pub(crate) audit: AuditArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show every door, who opens it, who needs it, and what could not be seen (the default)
    ///
    /// Prints the host's role, the site's own doors, every other door with its verdict, services that run unneeded
    /// without a door, and what was not seen. Worst first. Changes nothing, needs no root, but sees more with it.
    ///
    /// Verdicts: required (by the role or the host itself), needed (by something that is needed), unneeded (nothing
    /// needs it), dangerous (nothing needs it, it can be reached, and it is known how it was attacked), unknown (too
    /// little could be seen).
    #[command(after_help = EXIT_CODES)]
    Audit(Box<AuditArgs>),
    /// Show one service on one card: what it is, its dangers, who needs it, what to do
    #[command(after_help = EXIT_CODES)]
    Explain(Box<ExplainArgs>),
    /// Say whether a client gets through the packet filter to a port, and by which rule
    ///
    /// Follows the client's packet through all tables of nftables, iptables-nft, firewalld, ufw and container engines
    /// together, hook by hook, without sending one: sets, maps, jumps, interfaces, connection tracking and address
    /// translation as the kernel does them. What the rules leave open is called undecided, with the reason. Also says
    /// what listens behind the port; open is said of the filter, whether anything listens or not.
    #[command(after_help = reach::AFTER_HELP)]
    Reach(Box<ReachArgs>),
    /// Write down what to uninstall, disable, rebind and keep, in order, to be read and edited
    ///
    /// Each step says which doors it closes, what depends on it, what goes with it, how it is undone and what it saves.
    /// A step is switched off in the file with `on = false`. Nothing is changed by planning. A checker that did not
    /// make the plan refuses what would cut off the site, the administrators or the host.
    #[command(after_help = EXIT_CODES)]
    Plan(Box<PlanArgs>),
    /// Make a plan's changes, to be confirmed within a time or else taken back
    ///
    /// Each change is written down with the host's own prior state before it is made, and verified after. Before the
    /// first one a timer outside of this program, and a unit for the next boot, are set that put everything back unless
    /// `doorward confirm` says otherwise. When a step goes wrong, everything is put back at once.
    #[command(after_help = EXIT_CODES)]
    Apply(Box<ApplyArgs>),
    /// Keep the changes that wait
    #[command(after_help = EXIT_CODES)]
    Confirm(ConfirmArgs),
    /// Put the host back as it was before a plan was applied, confirmed or not
    ///
    /// What somebody has changed since is kept, and named. It may be run again at any time.
    #[command(after_help = EXIT_CODES)]
    Undo(UndoArgs),
    /// Give changes that wait more time to be confirmed
    ///
    /// The time counts from now. Until the new timer stands the old one goes on.
    #[command(after_help = EXIT_CODES)]
    Extend(ExtendArgs),
    /// Say whether what was applied still holds, and name what does not
    ///
    /// Units that were shut do not run and are masked, with their sockets, timers and paths; files are as they were
    /// left; removed packages are not back; shut doors do not answer. Nothing is changed.
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyArgs),
    /// List applied plans, or the changes of one
    Log(LogArgs),
    /// Show whether changes wait, and who changes the host now
    Status(StatusArgs),
    /// Try a plan out, and prove which of its steps the site does not miss
    ///
    /// Boots a copy of this host beside it, shuts there what the plan would shut, runs the site's tests, and finds with
    /// few trials the largest part of the plan that every test allows. What is left is applied to the copy as it would be
    /// here, packages removed, rebooted, and tested again. The plan that comes out says of each step in which trial it was
    /// proved unneeded, or which test fails without it. Nothing is changed on this host, unless with --live.
    #[command(after_help = EXIT_CODES)]
    Trial(Box<TrialArgs>),
    /// Serve a trial on the host that is tried
    #[command(hide = true)]
    TrialAgent,
    /// Keep a copy of this host for a trial
    #[command(hide = true)]
    TrialKeeper {
        /// Where the one who wants it listens
        socket: PathBuf,
    },
    /// Run the site's tests, or write them from the site
    #[command(subcommand)]
    Site(SiteCommand),
    /// Issue certificates and shared secrets for IPsec, from a small authority of your own
    #[command(subcommand)]
    Pki(PkiCommand),
    /// Print the configuration file with every setting explained
    Config,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages to a directory
    Man {
        /// Directory; it must exist
        directory: PathBuf,
    },
}

/// Options of `audit`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AuditArgs {
    /// What to look at.
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// How to judge.
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORM")]
    pub(crate) format: Format,
    /// Write the collected facts to FILE, to be judged later or elsewhere with --snapshot
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot_out: Option<PathBuf>,
    /// Exit with 1 when a door or a running service has this verdict or a worse one
    ///
    /// From worst: dangerous, unneeded, unknown. With unknown, things not seen count too.
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,
}

/// Options of `explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExplainArgs {
    /// A service by its name (`ssh.service`, `ssh`, `W3SVC`), its package, or a port (`3306`)
    #[arg(value_name = "NAME|PORT")]
    pub(crate) what: String,
    /// What to look at.
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// How to judge.
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = CardFormat::Text, value_name = "FORM")]
    pub(crate) format: CardFormat,
}

/// Options of `plan`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PlanArgs {
    /// What to look at.
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// How to judge.
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Write the plan to FILE instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What to do where there is a choice
    #[arg(long, value_enum, default_value_t = PreferWord::Uninstall, value_name = "WAY")]
    pub(crate) prefer: PreferWord,
    /// Check the plan in FILE against the host as it is now, instead of making one
    #[arg(long, value_name = "FILE", conflicts_with = "prefer")]
    pub(crate) check: Option<PathBuf>,
    /// Let this step pass although it breaks a rule; may be repeated
    #[arg(long, value_name = "STEP", requires = "check")]
    pub(crate) r#override: Vec<String>,
    /// Write the changes for other means of rolling them out
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "format")]
    pub(crate) emit: Option<EmitForm>,
    /// With --emit: write what takes the changes back
    #[arg(long, requires = "emit")]
    pub(crate) inverse: bool,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Options of `apply`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ApplyArgs {
    /// The plan, as doorward plan wrote it and you edited it
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// How to judge.
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Where what is needed to come back is kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Show each exact change, and make none
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ask nothing
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Put everything back unless the changes are confirmed within this time (`300s`, `10m`)
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m")]
    pub(crate) confirm_within: Duration,
    /// Once confirmed, verify everything again after the next boot, and let `status` and `log` tell
    #[arg(long)]
    pub(crate) reboot_proof: bool,
    /// Let this step pass although it breaks a rule; may be repeated
    #[arg(long, value_name = "STEP")]
    pub(crate) r#override: Vec<String>,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Options of `confirm`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ConfirmArgs {
    /// Number of the changes [default: the last]
    pub(crate) id: Option<u64>,
    /// Where they are kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Options of `extend`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExtendArgs {
    /// Number of the changes [default: the last]
    pub(crate) id: Option<u64>,
    /// Put everything back unless the changes are confirmed within this time from now (`300s`, `10m`)
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m")]
    pub(crate) within: Duration,
    /// Where they are kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Options of `undo`.
#[derive(Debug, ClapArgs)]
pub(crate) struct UndoArgs {
    /// Number of the changes [default: the last]
    pub(crate) id: Option<u64>,
    /// Put back this step alone, if no later one touched the same
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<String>,
    /// Where they are kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Of a damaged journal use the records before the damage
    #[arg(long)]
    pub(crate) use_good: bool,
    /// Do nothing when they are confirmed (the timer says this)
    #[arg(long, hide = true)]
    pub(crate) unless_confirmed: bool,
    /// Put back all that waits while the host boots (the boot unit says this)
    #[arg(long, hide = true)]
    pub(crate) boot: bool,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Options of `verify`.
#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Number of the changes [default: all that stay or wait]
    pub(crate) id: Option<u64>,
    /// Where they are kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Verify once what is to outlive a boot, and write it down (the boot unit says this)
    #[arg(long, hide = true)]
    pub(crate) after_boot: bool,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Options of `log`.
#[derive(Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// Number of the changes [default: a list of all]
    pub(crate) id: Option<u64>,
    /// Where they are kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Options of `status`.
#[derive(Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// Where changes are kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// The form of what a command says.
#[derive(Debug, ClapArgs)]
pub(crate) struct FormArgs {
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub(crate) format: Form,
}

/// Where changes are kept.
#[derive(Debug, ClapArgs)]
pub(crate) struct StateArgs {
    /// Directory that keeps what is needed to come back; root's alone
    #[arg(long, value_name = "DIR", default_value = "/var/lib/doorward")]
    pub(crate) state: PathBuf,
}

/// What to do where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PreferWord {
    /// Remove the package: what is not installed cannot be enabled by accident, and needs no patches
    Uninstall,
    /// Stop it, and make it impossible to start
    Disable,
    /// Stop it until the next boot
    Stop,
}

/// Other means of rolling changes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmitForm {
    /// An Ansible playbook
    Ansible,
    /// A preset file of systemd
    SystemdPreset,
    /// A script for any POSIX shell
    Shell,
}

/// Which host's facts to judge.
#[derive(Debug, ClapArgs)]
pub(crate) struct SourceArgs {
    /// Audit the Linux system mounted at DIR, executing nothing of it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["windows", "hive", "snapshot", "observe"])]
    pub(crate) root: Option<PathBuf>,
    /// Audit the Windows system disk mounted at DIR, executing nothing of it
    ///
    /// DIR is the disk's root, its Windows directory, or a copy of System32\config. Any Windows from NT 4.0 on.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["hive", "snapshot", "observe"])]
    pub(crate) windows: Option<PathBuf>,
    /// Audit registry hives: files of one machine, or folders with those of many
    ///
    /// SYSTEM tells services and doors; SOFTWARE, SAM and SECURITY beside it tell more. Logs (.LOG, .LOG1, .LOG2) that
    /// lie beside a hive are replayed when they fit. Of a folder, files named SYSTEM, SOFTWARE, SAM and SECURITY are
    /// one machine's, and every other hive is a machine of its own. Several machines are shown one after the other; in
    /// JSON, one line each.
    #[arg(long, value_name = "FILE|DIR", num_args = 1.., conflicts_with_all = ["snapshot", "observe"])]
    pub(crate) hive: Vec<PathBuf>,
    /// Judge facts saved with --snapshot-out (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "observe")]
    pub(crate) snapshot: Option<PathBuf>,
    /// Watch connections between services for this long (`60s`, `5m`) instead of one look
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) observe: Option<Duration>,
}

/// What the user decides.
#[derive(Debug, ClapArgs)]
pub(crate) struct JudgeArgs {
    /// The host's role, instead of the detected one; may be repeated
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Vec<String>,
    /// Configuration file [default: /etc/doorward/config.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder with knowledge entries that add to the built-in ones or replace them
    #[arg(long, value_name = "DIR")]
    pub(crate) knowledge: Option<PathBuf>,
}

/// Forms of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    Text,
    /// JSON, by schema/audit.schema.json
    Json,
    /// SARIF 2.1.0, for collectors of findings
    Sarif,
    /// Markdown, for tickets
    Markdown,
}

/// Forms of what commands say that plan and change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Text,
    /// JSON, by the command's own schema in schema/
    Json,
}

/// Forms of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CardFormat {
    /// For people
    Text,
    /// JSON
    Json,
    /// Markdown, for tickets
    Markdown,
}

/// Verdicts that `--fail-on` takes, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FailOn {
    /// Nothing needs it, it can be reached, and it is known how it was attacked
    Dangerous,
    /// Nothing needs it
    Unneeded,
    /// Too little could be seen
    Unknown,
}

/// `90`, `90s`, `5m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| "expected a number with a unit: 60s, 5m, 1h".to_owned())?;
    let seconds = match unit {
        "" | "s" => Some(number),
        "m" | "min" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        _ => return Err(format!("unknown unit {unit:?}: s, m or h")),
    };
    match seconds {
        Some(s @ 1..=86_400) => Ok(Duration::from_secs(s)),
        _ => Err("between one second and a day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(duration("60s"), Ok(Duration::from_mins(1)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        for bad in ["", "s", "0", "5 m", "-1", "25h", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
