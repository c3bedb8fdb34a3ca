//! What the path of a process's control group says: its systemd unit, its container.
//!
//! systemd names each unit's cgroup after the unit, below the slices that hold it; container engines name theirs
//! after the container.

/// Endings of the units that have cgroups (`systemd.unit(5)`), but for slices, which only hold others.
const UNIT_TYPES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// A container as its cgroup names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerRef {
    /// The engine that made it.
    pub engine: Engine,
    /// The engine's id (64 hexadecimal digits for most), or its name for nspawn and LXC.
    pub id: String,
}

/// Container engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd and CRI-O under Kubernetes.
    Containerd,
    /// LXC, LXD and Incus.
    Lxc,
    /// systemd-nspawn.
    Nspawn,
}

impl Engine {
    /// The name in [`doorward_model::Container::engine`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Lxc => "lxc",
            Self::Nspawn => "nspawn",
        }
    }
}

/// The path out of `/proc/PID/cgroup`, whose lines are `HIERARCHY:CONTROLLERS:PATH`.
///
/// The unified hierarchy wins; a host that does not use it says `/` there, then systemd's own one, then any other.
pub(super) fn path(text: &[u8]) -> Option<String> {
    let mut best: Option<(u8, &[u8])> = None;
    for line in text.split(|b| *b == b'\n') {
        let mut parts = line.splitn(3, |b| *b == b':');
        let (Some(id), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        // Outside of our own cgroup namespace, or in no group: only better than nothing.
        let says_nothing = path == b"/" || path.starts_with(b"/..");
        let rank = match (says_nothing, id, controllers) {
            (false, b"0", b"") => 5,
            (false, _, b"name=systemd") => 4,
            (false, ..) => 3,
            (true, b"0", b"") => 2,
            (true, _, b"name=systemd") => 1,
            (true, ..) => continue,
        };
        if best.is_none_or(|(other, _)| rank > other) {
            best = Some((rank, path));
        }
    }
    best.map(|(_, path)| String::from_utf8_lossy(path).into_owned())
}

/// What all of systemd's paths start with: the cgroup above the `init.scope` that process 1 lives in.
pub(super) fn root_of(first_process: Option<&str>) -> String {
    first_process.and_then(|path| path.strip_suffix("/init.scope")).unwrap_or_default().to_owned()
}

/// The unit of a path: its first part that is no slice, when that is a unit.
pub(super) fn unit(path: &str) -> Option<&str> {
    let part = parts(path).find(|part| part.strip_suffix(".slice").is_none())?;
    // A leading underscore keeps names apart that the kernel could take for its own files.
    let part = part.strip_prefix('_').unwrap_or(part);
    UNIT_TYPES.iter().any(|end| part.len() > end.len() && part.ends_with(end)).then_some(part)
}

/// The container of a path: the outermost part that some engine named.
pub(super) fn container(path: &str) -> Option<ContainerRef> {
    let mut before = "";
    for part in parts(path) {
        if let Some((engine, id)) = named_by_engine(part, before) {
            return Some(ContainerRef { engine, id });
        }
        before = part;
    }
    None
}

fn named_by_engine(part: &str, before: &str) -> Option<(Engine, String)> {
    let scope = part.strip_suffix(".scope");
    let name = scope.unwrap_or(part);
    // podman's monitor has a cgroup of its own and is no part of the container.
    for (prefix, engine) in [
        ("docker-", Engine::Docker),
        ("libpod-", Engine::Podman),
        ("cri-containerd-", Engine::Containerd),
        ("crio-", Engine::Containerd),
    ] {
        if let Some(id) = name.strip_prefix(prefix).filter(|id| is_id(id)) {
            return Some((engine, id.to_owned()));
        }
    }
    if let Some(name) = scope.and_then(|name| name.strip_prefix("machine-")) {
        let name = unescape(name);
        // machined knows virtual machines as well; their processes live in the host's own namespaces.
        return match name.strip_prefix("lxc-") {
            _ if name.starts_with("qemu-") => None,
            Some(rest) => Some((Engine::Lxc, rest.split_once('-').map_or(rest, |(_, name)| name).to_owned())),
            None => Some((Engine::Nspawn, name)),
        };
    }
    if let Some(name) = part.strip_prefix("systemd-nspawn@").and_then(|name| name.strip_suffix(".service")) {
        return Some((Engine::Nspawn, unescape(name)));
    }
    if let Some(name) = part.strip_prefix("lxc.payload.").filter(|name| !name.is_empty()) {
        return Some((Engine::Lxc, name.to_owned()));
    }
    match before {
        "docker" if is_id(part) => Some((Engine::Docker, part.to_owned())),
        "lxc" | "lxc.payload" => Some((Engine::Lxc, part.to_owned())),
        _ if before.starts_with("pod") && is_id(part) => Some((Engine::Containerd, part.to_owned())),
        _ => None,
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Undoes systemd's `\x2d` escapes.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail.strip_prefix(b"x").and_then(|hex| hex.get(..2)).filter(|_| byte == b'\\');
        let code = code
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(byte));
        rest = if code.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}
