//! Linux' capabilities by name (`capabilities(7)`).

/// Names by number (`linux/capability.h`).
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Names of a set of capabilities, sorted; `all` when it is the full set of any kernel since 2.6.25.
pub(super) fn names(bits: u64) -> Vec<String> {
    // The kernel never sets bits that it does not know, so a full set has every bit up to its last.
    if bits.trailing_ones() >= 34 && bits.checked_add(1).is_none_or(u64::is_power_of_two) {
        return vec!["all".into()];
    }
    let name = |bit: u32| {
        let known = usize::try_from(bit).ok().and_then(|at| CAPABILITIES.get(at));
        known.map_or_else(|| format!("CAP_{bit}"), |name| (*name).to_owned())
    };
    let mut names: Vec<String> = (0..64).filter(|bit| bits >> bit & 1 == 1).map(name).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_their_names() {
        assert_eq!(names(0), [] as [&str; 0]);
        assert_eq!(names(1 << 13 | 1 << 10), ["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"]);
        assert_eq!(names(0x1ff_ffff_ffff), ["all"]);
        assert_eq!(names(u64::MAX), ["all"]);
        assert_eq!(names(1 << 50), ["CAP_50"]);
    }
}
