//! Debian packages: kept so that they can come back with no network, removed, brought back.
//!
//! The lock that package managers hold for their whole session is taken for each operation, so that what was checked
//! is what is done; whoever else holds it is named. Nothing is ever purged.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward_change::system::{Activity, SavedPackage, SystemError};

use crate::error::failed;
use crate::files::Files;
use crate::program::{self, Ended, Late};
use crate::units;

use frontend::Frontend;
use policy::Policy;
use stanza::Stanza;

mod archive;
mod cache;
mod conffiles;
mod frontend;
mod placeholders;
mod policy;
mod repack;
mod stanza;

const DPKG: &str = "/usr/bin/dpkg";
const QUERY: &str = "/usr/bin/dpkg-query";
const APT_MARK: &str = "/usr/bin/apt-mark";
/// How long a question to the package database takes at most.
const QUESTION: Duration = Duration::from_mins(1);
/// How long packages are removed, installed or built at most.
const WORK: Duration = Duration::from_mins(15);
const STOPPING: Duration = Duration::from_secs(90);

/// Maintainer scripts ask nothing, and dpkg knows that the lock is ours.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
    ("DPKG_FRONTEND_LOCKED", "true"),
    ("UCF_FORCE_CONFFOLD", "1"),
];

/// The installed version of a package.
pub(crate) fn version(name: &str) -> Result<Option<String>, SystemError> {
    if !Path::new(DPKG).exists() {
        return Ok(None);
    }
    let stanza = status(name)?.filter(Stanza::is_installed);
    Ok(stanza.and_then(|s| s.field("Version").map(str::to_owned)))
}

/// Keeps an installed package in the state directory.
pub(crate) fn save(files: &Files, state: &Path, name: &str) -> Result<SavedPackage, SystemError> {
    let what = format!("keep the package {name}");
    let _frontend = Frontend::take()?;
    let stanza = status(name)?.filter(Stanza::is_installed);
    let stanza = stanza.ok_or_else(|| failed(&what, "it is not installed"))?;
    let field = |field: &str| {
        stanza.field(field).map(str::to_owned).ok_or_else(|| failed(&what, format!("it has no {field}")))
    };
    let (bare, version, architecture) = (field("Package")?, field("Version")?, field("Architecture")?);
    let from = match cache::find(&bare, &version, &architecture) {
        Some(cached) if is_as_shipped(name)? => archive::Source::Cached(cached),
        _ => archive::Source::Repacked,
    };
    let (archive, sha256) = archive::keep(state, &stanza, &from)?;
    conffiles::keep(files, &archive, stanza.field("Conffiles").unwrap_or_default())?;
    Ok(SavedPackage {
        name: name.to_owned(),
        version,
        archive,
        sha256,
        manual: is_manual(&bare, &architecture)?,
    })
}

/// Removes packages; refuses, and removes none, when anything else would have to go.
pub(crate) fn remove(names: &[&str]) -> Result<(), SystemError> {
    let what = format!("remove {}", names.join(", "));
    let _frontend = Frontend::take()?;
    let mut present = Vec::new();
    for name in names {
        if status(name)?.is_some_and(|s| !s.is_gone()) {
            present.push(*name);
        }
    }
    if present.is_empty() {
        return Ok(());
    }
    // Of several packages dpkg would remove those that it can: it is asked first, with nothing done.
    for extra in [&["--no-act"][..], &[]] {
        let arguments = [extra, &["--remove"], &present].concat();
        done(&what, &work(DPKG, &arguments)?)?;
    }
    for name in present {
        if status(name)?.is_some_and(|s| !s.is_gone()) {
            return Err(failed(what, format!("{name} is still there")));
        }
    }
    Ok(())
}

/// Installs saved packages. Configuration that is there stays as it is, and no service is started. What follows the
/// installation is done for those that are there already as well: a restore that died may not have come to it.
pub(crate) fn restore(files: &Files, packages: &[SavedPackage]) -> Result<(), SystemError> {
    let names: Vec<_> = packages.iter().map(|p| p.name.as_str()).collect();
    let what = format!("bring back {}", names.join(", "));
    let _frontend = Frontend::take()?;
    let mut missing = Vec::new();
    for package in packages {
        match status(&package.name)?.filter(Stanza::is_installed) {
            Some(installed) if installed.field("Version") == Some(&package.version) => {}
            Some(other) => {
                let version = other.field("Version").unwrap_or("unknown");
                let why = format!("{} has version {version} by now, and keeps it", package.name);
                return Err(failed(what, why));
            }
            None => {
                archive::verify(&package.archive, &package.sha256)?;
                missing.push(package);
            }
        }
    }
    if !missing.is_empty() {
        install(files, &what, &missing)?;
    }
    for package in packages {
        conffiles::give_owners(files, &package.archive)?;
        placeholders::remove(files, &package.archive)?;
        conffiles::remember(files, &package.name, &conffiles::sums(files, &package.archive)?)?;
        mark(package)?;
    }
    Ok(())
}

fn install(files: &Files, what: &str, missing: &[&SavedPackage]) -> Result<(), SystemError> {
    let mut configuration = Vec::new();
    for package in missing {
        configuration.extend(conffiles::sums(files, &package.archive)?.into_keys());
    }
    let left_over = conffiles::Leftovers::before(configuration.iter());
    let kept = conffiles::Kept::before(files, configuration.iter());
    let policy = Policy::deny(files)?;
    let arguments: Vec<OsString> = ["--force-confold", "--install"]
        .map(OsString::from)
        .into_iter()
        .chain(missing.iter().map(|p| p.archive.clone().into_os_string()))
        .collect();
    let installed = work(DPKG, &arguments);
    policy.withdraw()?;
    done(what, &installed?)?;
    left_over.remove(files)?;
    kept.give_back(files)?;
    for package in missing {
        let now = version(&package.name)?;
        if now.as_ref() != Some(&package.version) {
            return Err(failed(what, format!("{} is not installed afterwards", package.name)));
        }
        stop_what_started(&package.name)?;
    }
    Ok(())
}

/// Where the host's own policy lets services start, or a script starts them by itself, they are stopped: the package
/// was not there, so none of its services ran.
fn stop_what_started(name: &str) -> Result<(), SystemError> {
    let Some(stanza) = status(name)? else { return Ok(()) };
    for path in repack::listed(&stanza)? {
        let is_unit = path.parent().is_some_and(|p| p.ends_with("systemd/system"));
        let unit = path.file_name().and_then(|n| n.to_str()).filter(|n| n.ends_with(".service"));
        if let Some(unit) = unit.filter(|unit| is_unit && !unit.contains("@."))
            && units::activity(unit)? == Activity::Active
        {
            units::stop(unit, STOPPING)?;
        }
    }
    Ok(())
}

/// What dpkg knows of a package.
fn status(name: &str) -> Result<Option<Stanza>, SystemError> {
    check(name)?;
    let ended = program::run(QUERY, &["--status", name], &[], QUESTION, Late::Kill)?;
    // It fails for a package that it does not know.
    let known = if ended.success { stanza::parse(&ended.output) } else { Vec::new() };
    let (mut installed, rest): (Vec<_>, Vec<_>) = known.into_iter().partition(Stanza::is_installed);
    if installed.len() > 1 {
        let why = "it is installed for several architectures: one must be named";
        return Err(failed(format!("look at the package {name}"), why));
    }
    Ok(installed.pop().or_else(|| rest.into_iter().next()))
}

/// Whether all that is installed, but for configuration, is what the archive holds.
fn is_as_shipped(name: &str) -> Result<bool, SystemError> {
    let ended = program::run(DPKG, &["--verify", name], &[], WORK, Late::Kill)?;
    let is_configuration = |line: &str| line.split_ascii_whitespace().nth(1) == Some("c");
    Ok(ended.output.lines().all(is_configuration))
}

/// Whether it was asked for by hand, as far as apt knows.
fn is_manual(name: &str, architecture: &str) -> Result<bool, SystemError> {
    const STATES: &str = "/var/lib/apt/extended_states";
    let text = match std::fs::read_to_string(STATES) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        other => other.map_err(|e| crate::error::io(format!("read {STATES}"), e))?,
    };
    let is_it = |s: &Stanza| {
        let apt_architecture = s.field("Architecture");
        // apt writes the machine's own architecture for packages of all.
        s.field("Package") == Some(name)
            && (architecture == "all" || apt_architecture.is_none_or(|a| a == architecture))
    };
    let auto = |s: &Stanza| s.field("Auto-Installed") == Some("1");
    Ok(!stanza::parse(&text).iter().any(|s| is_it(s) && auto(s)))
}

/// Gives apt's mark back.
fn mark(package: &SavedPackage) -> Result<(), SystemError> {
    let what = || format!("mark {}", package.name);
    let Some(stanza) = status(&package.name)? else { return Ok(()) };
    let field = |name| stanza.field(name).unwrap_or_default();
    if is_manual(field("Package"), field("Architecture"))? == package.manual {
        return Ok(());
    }
    let mark = if package.manual { "manual" } else { "auto" };
    done(&what(), &program::run(APT_MARK, &[mark, &package.name], ENVIRONMENT, QUESTION, Late::Kill)?)
}

/// Runs a program that must not be cut off.
fn work<A: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[A]) -> Result<Ended, SystemError> {
    program::run(program, arguments, ENVIRONMENT, WORK, Late::Leave)
}

fn done(what: &str, ended: &Ended) -> Result<(), SystemError> {
    if ended.success { Ok(()) } else { Err(failed(what, ended.complaint())) }
}

/// A package's name, with or without its architecture, and nothing that a program would take for an option.
fn check(name: &str) -> Result<(), SystemError> {
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
    let (bare, architecture) = name.split_once(':').unwrap_or((name, "any"));
    let well = |part: &str| {
        part.len() <= 200
            && part.bytes().all(is_name)
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
    };
    if well(bare) && well(architecture) {
        Ok(())
    } else {
        Err(failed(format!("ask for the package {name:?}"), "no package has such a name"))
    }
}

/// A package's archive as packages are called in folders: `name_1%3a2.0_amd64`.
fn file_stem(name: &str, version: &str, architecture: &str) -> PathBuf {
    let version = version.replace(':', "%3a").replace('/', "%2f");
    PathBuf::from(format!("{name}_{version}_{architecture}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_packages_are_asked_for() {
        for good in ["nginx", "libstdc++6", "libc6:i386", "a"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "--all", "a b", "A", "a:", ":a", "a*", "a:b:c", "../a", "a\n"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_epoch_is_written_as_in_the_cache() {
        assert_eq!(file_stem("bind9", "1:9.18-1", "amd64"), Path::new("bind9_1%3a9.18-1_amd64"));
    }
}
