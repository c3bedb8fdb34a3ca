//! Registries of real Windows machines, where the collection of them lies beside the checkout.
#![allow(missing_docs)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Made;
use doorward_model::Start;
use doorward_windows_files::{Disk, collect};
use serde_json::Value as Json;

/// The folder `../shared/data/windows` beside the checkout.
fn collection() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/windows");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no folder ../shared/data/windows beside the checkout");
    None
}

/// A file's bytes; those of an `.xz` are unpacked by the system's `xz`, `None` where there is none.
#[expect(clippy::disallowed_methods, reason = "xz unpacks test data, by absolute path and without a shell")]
fn bytes(path: &Path) -> Option<Vec<u8>> {
    if path.exists() {
        return Some(fs::read(path).unwrap());
    }
    let output = std::process::Command::new("/usr/bin/xz")
        .args(["-dc", "--"])
        .arg(path.with_added_extension("xz"))
        .output();
    match output {
        Ok(output) if output.status.success() => Some(output.stdout),
        _ => {
            eprintln!("skipped: {}: /usr/bin/xz cannot unpack it", path.display());
            None
        }
    }
}

#[test]
fn starts_and_types_are_as_other_readers_found_them() {
    let Some(folder) = collection() else { return };
    for entry in fs::read_dir(folder.join("oracle")).unwrap() {
        let oracle: Json = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let file = oracle["meta"]["file"].as_str().unwrap();
        let Some(bytes) = bytes(&folder.parent().unwrap().join(file)) else { continue };
        let made = Made::new();
        let snapshot = collect(&Disk::from_files(&[made.file("SYSTEM", bytes)]).unwrap());
        let mut expected = 0;
        for (name, wanted) in oracle["services"].as_object().unwrap() {
            let Some(start) = wanted["Start"].as_u64() else {
                assert!(snapshot.service(name).is_none(), "{file}: {name} has no Start");
                continue;
            };
            expected += 1;
            let service = snapshot.service(name).unwrap_or_else(|| panic!("{file}: no {name}"));
            let windows = service.windows.as_ref().unwrap();
            assert_eq!(u64::from(windows.start), start, "{file}: {name}");
            assert_eq!(Some(u64::from(windows.kind)), wanted["Type"].as_u64().or(Some(0)), "{file}: {name}");
            assert_eq!(
                windows.image_path.as_deref(),
                wanted["ImagePath"].as_str().filter(|t| !t.is_empty()),
                "{file}: {name}"
            );
            assert_eq!(service.start == Start::Masked, start == 4);
        }
        assert_eq!(snapshot.services.len(), expected, "{file}");
        let control_set = snapshot.windows.as_ref().unwrap().control_set.as_deref();
        assert_eq!(control_set, oracle["meta"]["control_set"].as_str());
        let failures = snapshot.unseen.iter().filter(|u| u.why.contains("the value is")).count();
        assert_eq!(failures, 0, "{file}: {:?}", snapshot.unseen);
    }
}

#[test]
fn members_of_groups_are_found_in_sam() {
    let Some(folder) = collection() else { return };
    let Some(bytes) = bytes(&folder.join("hives/regipy/SAM")) else { return };
    let made = Made::new();
    let windows = collect(&Disk::from_files(&[made.file("SAM", bytes)]).unwrap()).windows.unwrap();
    let members = windows.setting("Accounts", "members of Administrators").unwrap();
    assert_eq!(members.value, "Administrator; Preston");
}

#[test]
fn rights_to_log_on_are_found_in_security() {
    let Some(folder) = collection() else { return };
    let folder = folder.join("hives/dfiram/win10_rathbun");
    let files = [folder.join("SAM"), folder.join("SECURITY")];
    let windows = collect(&Disk::from_files(&files).unwrap()).windows.unwrap();
    let holders = |name: &str| windows.setting("User rights", name).unwrap().value.as_str();
    assert_eq!(holders("SeNetworkLogonRight"), "Administrators; Backup Operators; Everyone; Users");
    assert_eq!(holders("SeRemoteInteractiveLogonRight"), "Administrators; Remote Desktop Users");
    assert_eq!(holders("SeDenyNetworkLogonRight"), "Guest");
    assert_eq!(holders("SeDenyRemoteInteractiveLogonRight"), "nobody");
    assert_eq!(holders("SeRemoteShutdownPrivilege"), "Administrators");
    let members = windows.setting("Accounts", "members of Administrators").unwrap();
    assert_eq!(members.value, "Administrator; AndrewRathbun", "the machine's SID is known");
    assert!(windows.setting("Audit policy", "PolAdtEv").unwrap().value.contains("not decoded"));
}

#[test]
fn rights_to_sessions_are_words() {
    let Some(folder) = collection() else { return };
    let file = folder.join("hives/libyal/SYSTEM_winevtkb_old");
    let windows = collect(&Disk::from_files(&[file]).unwrap()).windows.unwrap();
    let words = &windows.setting("Terminal Services", "DefaultSecurity").unwrap().value;
    assert!(words.contains("Administrators: full control; SYSTEM: full control"), "{words}");
    assert!(words.contains("Remote Desktop Users: query information, log on, message, connect"), "{words}");
}

#[test]
fn any_file_is_taken_or_refused() {
    let Some(folder) = collection() else { return };
    let mut todo = vec![folder.join("hives")];
    let mut seen = 0;
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                seen += 1;
                if let Ok(disk) = Disk::from_files(&[&path]) {
                    let _ = collect(&disk);
                }
            }
        }
    }
    assert!(seen > 50);
}
