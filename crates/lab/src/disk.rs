//! A host's disk: a layer in memory over a root file system that nobody writes.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::LabError;
use crate::error::Doing;

/// The most that a host may write. The memory is used only as it writes.
const SIZE: &str = "size=3g,mode=0755";

/// Mounts a clone of `below` in the folder `at` and returns its root.
pub(crate) fn clone(below: &Path, at: &Path) -> Result<PathBuf, LabError> {
    fs::create_dir_all(at).doing(|| format!("create {}", at.display()))?;
    let memory = CString::new(SIZE).unwrap_or_default();
    mount("tmpfs", at, "tmpfs", MountFlags::empty(), &*memory)
        .doing(|| format!("mount memory on {}", at.display()))?;
    let [upper, work, root] = ["upper", "work", "root"].map(|name| at.join(name));
    for folder in [&upper, &work, &root] {
        fs::create_dir(folder).doing(|| format!("create {}", folder.display()))?;
    }
    let mut options = Vec::new();
    for (key, value) in [("lowerdir=", below), (",upperdir=", &upper), (",workdir=", &work)] {
        options.extend_from_slice(key.as_bytes());
        options.extend_from_slice(value.as_os_str().as_bytes());
    }
    let options =
        CString::new(options).map_err(std::io::Error::from).doing(|| "name the layers".to_owned())?;
    mount("overlay", &root, "overlay", MountFlags::empty(), &*options)
        .doing(|| format!("mount a clone of {} on {}", below.display(), root.display()))?;
    Ok(root)
}

/// Takes away what [`clone`] mounted, and the folder. Nothing there: nothing to do.
pub(crate) fn remove(at: &Path) -> Result<(), LabError> {
    for place in [at.join("root"), at.to_path_buf()] {
        match unmount(&place, UnmountFlags::DETACH) {
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
            Err(error) => return Err(error).doing(|| format!("unmount {}", place.display())),
        }
    }
    match fs::remove_dir_all(at) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove {}", at.display()))
        }
        _ => Ok(()),
    }
}
