//! What the host runs in: a container, a virtual machine, or neither, in the words of `systemd-detect-virt(1)`.
//!
//! Told from files alone, in systemd's order (its `src/basic/virt.c`): a container before the machine around it, and
//! the vendors that build on KVM before KVM. Where systemd asks the processor, which no file tells, the clocks that
//! the kernel offers stand in: it has a paravirtual one only when it found that hypervisor.

use std::io::Read as _;

use doorward_linux_files::Tree;

/// Largest of these files that is read, and as much of `/proc/cpuinfo` as holds its first processor.
const LIMIT: u64 = 64 << 10;

/// What a container manager calls itself in the variable `container` of process 1.
const CONTAINERS: [&str; 9] =
    ["docker", "lxc", "lxc-libvirt", "podman", "pouch", "proot", "rkt", "systemd-nspawn", "wsl"];

/// The link of a process in the first namespace of processes (`PROC_PID_INIT_INO`, `linux/proc_ns.h`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// DMI fields, those that tell more before the others.
const DMI_FIELDS: [&str; 5] =
    ["product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"];

/// What a DMI field begins with, and what that means.
const DMI_VENDORS: [(&str, &str); 17] = [
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("Amazon EC2", "amazon"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "oracle"),
    ("VirtualBox", "oracle"),
    ("Oracle Corporation", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "microsoft"),
    ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
];

/// Those of them that may use KVM or look like Hyper-V and are not either.
const DMI_FIRST: [&str; 5] = ["oracle", "xen", "amazon", "parallels", "google"];

/// What the running host lives in; `None` for a machine of its own, and for a tree that does not run.
pub fn detect(tree: &Tree) -> Option<String> {
    container(tree).or_else(|| machine(tree)).map(str::to_owned)
}

fn container(tree: &Tree) -> Option<&'static str> {
    if tree.exists("/proc/vz") && !tree.exists("/proc/bc") {
        return Some("openvz");
    }
    let kernel = line(tree, "/proc/sys/kernel/osrelease").unwrap_or_default();
    if kernel.contains("Microsoft") || kernel.contains("WSL") {
        return Some("wsl");
    }
    let told = ["/run/host/container-manager", "/run/systemd/container"].iter().find_map(|p| line(tree, p));
    match told.or_else(|| told_to_first_process(tree)).as_deref() {
        None | Some("oci") => by_files(tree), // OCI's engines all say the same there
        Some(name) => Some(CONTAINERS.iter().find(|c| **c == name).copied().unwrap_or("container-other")),
    }
}

/// The variable `container` of process 1, which root may read; an empty one says that there is none.
fn told_to_first_process(tree: &Tree) -> Option<String> {
    let environment = read(tree, "/proc/1/environ")?;
    let value = environment.split(|b| *b == 0).find_map(|v| v.strip_prefix(b"container="))?;
    Some(String::from_utf8_lossy(value).into_owned()).filter(|v| !v.is_empty())
}

fn by_files(tree: &Tree) -> Option<&'static str> {
    if tree.exists("/run/.containerenv") {
        return Some("podman");
    }
    // An image that was unpacked onto a disk keeps this file; a container has processes of its own as well.
    let namespace = tree.read_link("/proc/self/ns/pid").ok()?;
    (tree.exists("/.dockerenv") && namespace.as_os_str() != FIRST_PID_NAMESPACE).then_some("docker")
}

fn machine(tree: &Tree) -> Option<&'static str> {
    let dmi = dmi(tree);
    if let Some(found) = dmi.filter(|d| DMI_FIRST.contains(d)) {
        return (found != "amazon" || !is_amazon_metal(tree)).then_some(found);
    }
    if processor(tree, "vendor_id", "User Mode Linux") {
        return Some("uml");
    }
    if tree.exists("/proc/xen") {
        // The first domain is the machine itself.
        let capabilities = line(tree, "/proc/xen/capabilities").unwrap_or_default();
        return (!capabilities.split(',').any(|c| c.trim() == "control_d")).then_some("xen");
    }
    let clocks = line(tree, "/sys/devices/system/clocksource/clocksource0/available_clocksource");
    let has_clock =
        |name: &str| clocks.iter().flat_map(|c| c.split_whitespace()).any(|c| c.starts_with(name));
    if has_clock("kvm-clock") {
        return Some("kvm");
    }
    dmi.or_else(|| match line(tree, "/sys/hypervisor/type").as_deref() {
        None => None,
        Some("xen") => Some("xen"),
        Some(_) => Some("vm-other"),
    })
    .or_else(|| device_tree(tree))
    .or_else(|| (has_clock("hyperv_clocksource") || is_hyper_v(tree)).then_some("microsoft"))
    .or_else(|| processor(tree, "flags", "hypervisor").then_some("vm-other"))
}

fn dmi(tree: &Tree) -> Option<&'static str> {
    DMI_FIELDS.iter().find_map(|field| {
        let text = dmi_field(tree, field)?;
        DMI_VENDORS.iter().find(|(start, _)| text.starts_with(start)).map(|(_, word)| *word)
    })
}

fn dmi_field(tree: &Tree, field: &str) -> Option<String> {
    line(tree, &format!("/sys/class/dmi/id/{field}"))
}

/// Amazon's bare machines have the vendor of its virtual ones; their type tells: `m5.metal`, `u-6tb1.metal-24xl`.
fn is_amazon_metal(tree: &Tree) -> bool {
    let name = dmi_field(tree, "product_name").unwrap_or_default();
    name.split_once(".metal").is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('-'))
}

/// Microsoft builds real machines too.
fn is_hyper_v(tree: &Tree) -> bool {
    dmi_field(tree, "sys_vendor").is_some_and(|v| v == "Microsoft Corporation")
        && dmi_field(tree, "product_name").is_some_and(|n| n == "Virtual Machine")
}

/// Of processors that have a device tree in DMI's place.
fn device_tree(tree: &Tree) -> Option<&'static str> {
    let compatible = line(tree, "/proc/device-tree/hypervisor/compatible")?;
    Some(match compatible.trim_end_matches('\0') {
        "linux,kvm" => "kvm",
        other if other.contains("xen") => "xen",
        other if other.contains("vmware") => "vmware",
        _ => "vm-other",
    })
}

/// Whether a line of the first processor has that word or begins with it.
fn processor(tree: &Tree, key: &str, word: &str) -> bool {
    let Ok(file) = tree.open_file("/proc/cpuinfo") else { return false };
    let mut bytes = Vec::new();
    if file.take(LIMIT).read_to_end(&mut bytes).is_err() {
        return false;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut values = text.lines().filter_map(|l| l.split_once(':')).filter(|(k, _)| k.trim() == key);
    values.next().is_some_and(|(_, v)| v.trim().starts_with(word) || v.split_whitespace().any(|w| w == word))
}

/// First line of a file, without what surrounds it; `None` when there is none.
fn line(tree: &Tree, path: &str) -> Option<String> {
    let bytes = read(tree, path)?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().next().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty())
}

fn read(tree: &Tree, path: &str) -> Option<Vec<u8>> {
    tree.read(path, LIMIT).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
    use super::*;

    fn detected(files: &[(&str, &str)]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                None => std::fs::write(path, text).unwrap(),
            }
        }
        detect(&Tree::open(dir.path()).unwrap())
    }

    #[test]
    fn machines_by_their_vendors() {
        let dmi = |field: &str, text: &str| detected(&[(&format!("sys/class/dmi/id/{field}"), text)]);
        assert_eq!(dmi("sys_vendor", "VMware, Inc.\n").as_deref(), Some("vmware"));
        assert_eq!(dmi("sys_vendor", "QEMU\n").as_deref(), Some("qemu"));
        assert_eq!(dmi("board_vendor", "Oracle Corporation\n").as_deref(), Some("oracle"));
        assert_eq!(dmi("product_name", "Google Compute Engine\n").as_deref(), Some("google"));
        assert_eq!(dmi("sys_vendor", "Dell Inc.\n"), None);
        assert_eq!(dmi("sys_vendor", "Microsoft Corporation\n"), None, "a laptop of theirs");
    }

    #[test]
    fn machines_that_look_alike() {
        let qemu = ("sys/class/dmi/id/sys_vendor", "QEMU\n");
        let clock = ("sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc \n");
        assert_eq!(detected(&[qemu, clock]).as_deref(), Some("kvm"));
        let amazon = ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
        let product = |text| ("sys/class/dmi/id/product_name", text);
        assert_eq!(detected(&[amazon, clock, product("t3.micro\n")]).as_deref(), Some("amazon"));
        assert_eq!(detected(&[amazon, product("m5.metal\n")]), None);
        let microsoft = ("sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n");
        assert_eq!(detected(&[microsoft, product("Virtual Machine\n")]).as_deref(), Some("microsoft"));
        assert_eq!(detected(&[("sys/hypervisor/type", "xen\n")]).as_deref(), Some("xen"));
        let flags = ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor lahf_lm\n\nprocessor\t: 1\n");
        assert_eq!(detected(&[flags]).as_deref(), Some("vm-other"));
        assert_eq!(detected(&[("proc/xen/capabilities", "control_d\n")]), None, "the first domain");
        assert_eq!(detected(&[("proc/xen/capabilities", "")]).as_deref(), Some("xen"));
    }

    #[test]
    fn containers_by_what_they_are_told() {
        let kvm = ("sys/class/dmi/id/product_name", "KVM\n");
        let nspawn = ("run/systemd/container", "systemd-nspawn\n");
        assert_eq!(detected(&[kvm, nspawn]).as_deref(), Some("systemd-nspawn"), "the innermost");
        let environment = ("proc/1/environ", "TERM=x\0container=lxc\0");
        assert_eq!(detected(&[environment]).as_deref(), Some("lxc"));
        assert_eq!(detected(&[("proc/1/environ", "container=\0")]), None);
        let hostile = ("run/systemd/container", "\u{1b}[31mred\n");
        assert_eq!(detected(&[hostile]).as_deref(), Some("container-other"));
        let wsl = ("proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n");
        assert_eq!(detected(&[wsl]).as_deref(), Some("wsl"));
    }

    #[test]
    fn engines_by_the_files_they_leave() {
        let oci = ("run/systemd/container", "oci\n");
        let podman = ("run/.containerenv", "");
        assert_eq!(detected(&[oci, podman]).as_deref(), Some("podman"));
        let docker = (".dockerenv", "");
        let inside = ("proc/self/ns/pid", "-> pid:[4026532281]");
        let outside = ("proc/self/ns/pid", "-> pid:[4026531836]");
        assert_eq!(detected(&[docker, inside]).as_deref(), Some("docker"));
        assert_eq!(detected(&[docker, outside]), None, "an image on a disk");
        assert_eq!(detected(&[docker]), None, "a tree that does not run");
    }

    #[test]
    fn the_running_host_answers() {
        let found = detect(&Tree::open(std::path::Path::new("/")).unwrap());
        assert!(found.is_none_or(|f| f.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }
}
