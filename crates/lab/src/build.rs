//! Builds root file systems: one base by `mmdebstrap`, copies of it with packages added by their own `apt-get`.
//!
//! Packages come from this machine's own Debian sources where it has some (see [`crate::sources`]) and are kept
//! beside the roots, so that roots which share packages download them once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::Doing;
use crate::root::RootSpec;
use crate::sources::Sources;
use crate::{LabError, cache, command, guest, roots};

/// Debian 12.
const SUITE: &str = "bookworm";

/// What every host has: enough to boot, to be looked into and to hold a packet filter.
const BASE_PACKAGES: &str = "systemd,systemd-sysv,dbus,iproute2,nftables,procps";

/// Package lists stay (a real host has them); documents and translations go. Manual pages must stay: some packages
/// make links to theirs when they are configured.
const BASE_OPTIONS: &[&str] = &[
    "--variant=minbase",
    "--mode=root",
    "--skip=check/empty,cleanup/apt/lists",
    "--aptopt=APT::Install-Recommends \"false\"",
    "--aptopt=Acquire::Languages \"none\"",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=force-unsafe-io",
];

/// Runs a command with the tree as its root, in process and mount namespaces of its own: what it leaves running or
/// mounted ends with it.
const IN_TREE: &str = r#"mount -t proc proc "$1/proc"; root=$1; shift; exec chroot "$root" "$@""#;

/// Keeps packages from starting their services in a tree that nobody booted.
const NO_STARTS: (&str, &str) = ("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");

/// Packages are configured, programs started and much is written: minutes on a slow disk.
const LIMIT: Duration = Duration::from_mins(20);

/// Builds the tree of `spec` and of its parents, unless they are there. Returns its place, read-only by convention.
pub(crate) fn build(spec: &RootSpec) -> Result<PathBuf, LabError> {
    let at = spec.path();
    if at.exists() {
        return Ok(at);
    }
    let below = spec.parent.map_or_else(base, build)?;
    cache::once(&at, |part| {
        let mut copy = Command::new("/bin/cp");
        command::succeed(copy.args(["-a", "--reflink=auto"]).arg(&below).arg(part), LIMIT)?;
        install(part, spec.packages)?;
        for file in spec.files {
            guest::write(part, file.path, file.mode, file.content.as_bytes())?;
        }
        guest::write(part, NO_STARTS.0, 0o755, NO_STARTS.1.as_bytes())?;
        for words in spec.setup {
            command::succeed(in_tree(part).args(*words), LIMIT)?;
        }
        fs::remove_file(part.join(&NO_STARTS.0[1..])).doing(|| format!("remove {}", NO_STARTS.0))?;
        identify(part, spec.name)
    })?;
    Ok(at)
}

/// Names the content of the base.
pub(crate) fn base_hash() -> String {
    let words = [SUITE, BASE_PACKAGES, IN_TREE].into_iter().chain(BASE_OPTIONS.iter().copied());
    cache::hash(words.map(str::as_bytes))
}

/// Removes trees from the cache that no recipe of [`crate::roots`] asks for any more. Returns them.
pub fn remove_outdated() -> Result<Vec<PathBuf>, LabError> {
    let mut current: Vec<PathBuf> = roots::all().map(RootSpec::path).collect();
    current.push(base_place());
    let folder = cache::cache_dir().join("roots");
    let mut removed = Vec::new();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !current.contains(&path) {
            fs::remove_dir_all(&path).doing(|| format!("remove {}", path.display()))?;
            removed.push(path);
        }
    }
    removed.sort();
    Ok(removed)
}

fn base_place() -> PathBuf {
    cache::cache_dir().join("roots").join(format!("base-{}", base_hash()))
}

fn base() -> Result<PathBuf, LabError> {
    let at = base_place();
    cache::once(&at, |part| {
        let mut make = Command::new("mmdebstrap");
        make.env("PATH", command::PATH).args(BASE_OPTIONS).arg(format!("--include={BASE_PACKAGES}"));
        make.arg(SUITE).arg(part);
        let sources = Sources::of_machine(SUITE);
        for (suffix, text) in [("sources", sources.stanzas), ("list", sources.lines)] {
            if !text.is_empty() {
                let file = part.with_extension(suffix);
                fs::write(&file, text).doing(|| format!("write {}", file.display()))?;
                make.arg(file);
            }
        }
        let built = command::succeed(&mut make, LIMIT);
        for suffix in ["sources", "list"] {
            // Where the machine had no such source there is no such file.
            let _ = fs::remove_file(part.with_extension(suffix));
        }
        built.map(drop)
    })?;
    Ok(at)
}

fn install(tree: &Path, packages: &[&str]) -> Result<(), LabError> {
    if packages.is_empty() {
        return Ok(());
    }
    // The tree resolves names as this machine does while it is built.
    let resolver = fs::read("/etc/resolv.conf").unwrap_or_default();
    guest::write(tree, "/etc/resolv.conf", 0o644, &resolver)?;
    guest::write(tree, NO_STARTS.0, 0o755, NO_STARTS.1.as_bytes())?;
    let pool = cache::cache_dir().join("packages");
    let archives = tree.join("var/cache/apt/archives");
    fs::create_dir_all(&pool).doing(|| format!("create {}", pool.display()))?;
    link_packages(&pool, &archives)?;
    command::succeed(in_tree(tree).args(["apt-get", "-q", "update"]), LIMIT)?;
    let options = ["--yes", "--no-install-recommends", "-o", "APT::Keep-Downloaded-Packages=true"];
    command::succeed(in_tree(tree).args(["apt-get", "-q", "install"]).args(options).args(packages), LIMIT)?;
    link_packages(&archives, &pool)?;
    command::succeed(in_tree(tree).args(["apt-get", "clean"]), LIMIT)?;
    Ok(())
}

/// Links each package file of `from` into `to`, where it is not there yet. Both lie in the cache: one file system.
fn link_packages(from: &Path, to: &Path) -> Result<(), LabError> {
    for entry in fs::read_dir(from).doing(|| format!("list {}", from.display()))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "deb") {
            match fs::hard_link(&path, to.join(entry.file_name())) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(error).doing(|| format!("link {}", path.display()));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Gives the tree its own, always same identity: hosts' facts must not change from build to build.
fn identify(tree: &Path, name: &str) -> Result<(), LabError> {
    let id = cache::hash([name.as_bytes()]);
    guest::write(tree, "/etc/machine-id", 0o444, format!("{id}{id}\n").as_bytes())?;
    guest::write(tree, "/etc/hostname", 0o644, format!("{name}\n").as_bytes())?;
    let hosts = format!("127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost\n");
    guest::write(tree, "/etc/hosts", 0o644, hosts.as_bytes())?;
    guest::write(tree, "/etc/resolv.conf", 0o644, b"# a lab host has no name server\n")
}

fn in_tree(tree: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.env_clear().env("PATH", command::PATH).env("HOME", "/root").env("LC_ALL", "C.UTF-8");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    for proxy in ["http_proxy", "https_proxy", "no_proxy"] {
        if let Some(value) = std::env::var_os(proxy) {
            command.env(proxy, value);
        }
    }
    command.args(["--fork", "--pid", "--kill-child", "--mount", "/bin/sh", "-ec", IN_TREE, "sh"]).arg(tree);
    command
}
