//! Which of the host's file systems the copy sees, and how: each local one under an overlay of its own.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use serde::{Deserialize, Serialize};

use crate::CloneError;
use crate::error::Doing as _;

/// Something that is not in the copy as it is on the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Difference {
    /// What: a path, with the type of its file system.
    pub what: String,
    /// How it differs.
    pub how: String,
}

/// File systems whose content lies on the host itself.
const LOCAL: [&str; 12] =
    ["bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "vfat", "xfs", "zfs"];
/// What a container has of its own.
const OWN: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/tmp"];

/// A mount of the host, as `/proc/self/mountinfo` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) at: PathBuf,
    pub(crate) kind: String,
}

/// What is made of the host's mounts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Mount points to lay an overlay on, `/` first, each after those that it lies in.
    pub(crate) overlays: Vec<PathBuf>,
    pub(crate) differences: Vec<Difference>,
}

/// Reads `/proc/self/mountinfo` (proc(5)).
pub(crate) fn parse(text: &str) -> Vec<Mount> {
    let one = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let at = unescaped(before.split(' ').nth(4)?);
        Some(Mount { at: PathBuf::from(at), kind: after.split(' ').next()?.to_owned() })
    };
    text.lines().filter_map(one).collect()
}

/// Blanks and the like are written in octal: `\040`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let octal = others.get(..3).filter(|_| first == b'\\').and_then(|digits| {
            let digits = str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[3..];
            }
            None => {
                bytes.push(first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Which mounts the copy gets. `is_directory` tells of the host's paths.
pub(crate) fn choose(mounts: &[Mount], is_directory: impl Fn(&Path) -> bool) -> Chosen {
    // The last mount at a place hides those before it.
    let last: BTreeMap<&Path, &Mount> = mounts.iter().map(|mount| (mount.at.as_path(), mount)).collect();
    let mut chosen = Chosen::default();
    let mut left_out: Vec<&Path> = Vec::new();
    for (at, mount) in last {
        let is_own = OWN.iter().any(|own| at.starts_with(own));
        if is_own || left_out.iter().any(|out| at.starts_with(out)) {
            continue;
        }
        let differs = |how: &str| Difference {
            what: format!("{} ({})", at.display(), mount.kind),
            how: how.to_owned(),
        };
        if !LOCAL.contains(&mount.kind.as_str()) {
            left_out.push(at);
            // Kernel interfaces that somebody mounted elsewhere are no content.
            if !matches!(mount.kind.as_str(), "autofs" | "proc" | "sysfs" | "cgroup2" | "devtmpfs") {
                chosen
                    .differences
                    .push(differs("is not on this host's own disks: the copy has nothing there"));
            }
        } else if !is_directory(at) {
            chosen.differences.push(differs("is mounted on a file: the copy has what lies below"));
        } else {
            chosen.overlays.push(at.to_owned());
        }
    }
    chosen
}

/// Lays the overlays below `folder`, which is in a mount namespace of our own. Returns the copy's root.
pub(crate) fn lay(folder: &Path, memory: u64, overlays: &[PathBuf]) -> Result<PathBuf, CloneError> {
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).doing(|| "keep mounts to ourselves".to_owned())?;
    std::fs::create_dir_all(folder).doing(|| format!("make {}", folder.display()))?;
    let options = format!("mode=0700,size={memory}");
    let size =
        std::ffi::CString::new(options).map_err(std::io::Error::from).doing(|| "options".to_owned())?;
    mount("tmpfs", folder, "tmpfs", MountFlags::NODEV, size.as_c_str())
        .doing(|| format!("mount memory on {}", folder.display()))?;
    let root = folder.join("root");
    make(&root)?;
    for (at, lower) in overlays.iter().enumerate() {
        let (upper, work) = (folder.join(format!("up{at}")), folder.join(format!("work{at}")));
        make(&upper)?;
        make(&work)?;
        same_owner(lower, &upper)?;
        let target = below(&root, lower);
        let options =
            format!("lowerdir={},upperdir={},workdir={}", quoted(lower), upper.display(), work.display());
        let text =
            std::ffi::CString::new(options).map_err(std::io::Error::from).doing(|| "options".to_owned())?;
        mount("overlay", &target, "overlay", MountFlags::empty(), text.as_c_str())
            .doing(|| format!("lay an overlay on {}", lower.display()))?;
    }
    Ok(root)
}

fn make(folder: &Path) -> Result<(), CloneError> {
    std::fs::create_dir(folder).doing(|| format!("make {}", folder.display()))
}

/// The overlay's root shows the upper folder's owner and mode.
fn same_owner(lower: &Path, upper: &Path) -> Result<(), CloneError> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let known = lower.metadata().doing(|| format!("look at {}", lower.display()))?;
    chown(upper, Some(known.uid()), Some(known.gid())).doing(|| format!("own {}", upper.display()))?;
    std::fs::set_permissions(upper, known.permissions()).doing(|| format!("open {}", upper.display()))
}

/// An absolute path of the host below the copy's root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.components().chain(path.components().filter(|part| matches!(part, Component::Normal(_)))).collect()
}

/// A path among an overlay's options: `:` separates layers, `,` options, `\` quotes.
fn quoted(path: &Path) -> String {
    let mut out = String::new();
    for c in path.display().to_string().chars() {
        if matches!(c, ':' | ',' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /run rw - tmpfs tmpfs rw
25 24 0:30 / /run/user/0 rw - tmpfs tmpfs rw
26 22 8:2 / /var rw - ext4 /dev/sda2 rw
27 26 8:3 / /var/lib/my\\040sql rw - xfs /dev/sdb rw
28 22 0:40 / /srv/shop rw - nfs4 filer:/shop rw
29 28 8:4 / /srv/shop/cache rw - ext4 /dev/sdc rw
30 22 8:1 /etc/names /etc/resolv.conf rw - ext4 /dev/sda1 rw
31 22 0:50 / /mnt/auto rw - autofs systemd-1 rw
32 22 0:51 / /opt/tmp rw - tmpfs tmpfs rw
";

    #[test]
    fn what_lies_on_the_host_is_copied_and_the_rest_is_told() {
        let chosen = choose(&parse(HOST), |path| path != Path::new("/etc/resolv.conf"));
        let overlays: Vec<&str> = chosen.overlays.iter().filter_map(|path| path.to_str()).collect();
        assert_eq!(overlays, ["/", "/opt/tmp", "/var", "/var/lib/my sql"]);
        let told: Vec<&str> = chosen.differences.iter().map(|difference| difference.what.as_str()).collect();
        assert_eq!(told, ["/etc/resolv.conf (ext4)", "/srv/shop (nfs4)"]);
    }

    #[test]
    fn nonsense_is_no_mount() {
        assert_eq!(
            parse("\n - \n1 2 3\n1 2 3 4 /x\\ - ext4\na b c d e\\99 - "),
            [
                Mount { at: "/x\\".into(), kind: "ext4".into() },
                Mount { at: "e\\99".into(), kind: String::new() }
            ]
        );
    }

    #[test]
    fn paths_stay_below_the_root() {
        assert_eq!(
            below(Path::new("/run/c/root"), Path::new("/../var//lib")),
            Path::new("/run/c/root/var/lib")
        );
        assert_eq!(quoted(Path::new("/a:b,c\\d")), "/a\\:b\\,c\\\\d");
    }
}
