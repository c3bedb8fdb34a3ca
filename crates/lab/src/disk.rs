//! A host's disk: a layer in memory over a root file system that nobody writes, and copies of such layers.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::error::Doing;
use crate::lab::report;
use crate::{LabError, RootSpec, command};

/// The most that a host may write. The memory is used only as it writes.
const SIZE: &str = "size=3g,mode=0755";

/// Copying a layer takes a second or two.
const COPY_LIMIT: Duration = Duration::from_mins(2);

/// A host's disk as it was at a moment: what a power cut at that moment would have left. Dropping it removes it.
#[derive(Debug)]
pub struct DiskImage {
    pub(crate) spec: &'static RootSpec,
    layer: PathBuf,
}

impl DiskImage {
    /// Copies what the host with its disk in `at` has written so far.
    pub(crate) fn take(spec: &'static RootSpec, at: &Path, layer: PathBuf) -> Result<Self, LabError> {
        fs::create_dir_all(&layer).doing(|| format!("create {}", layer.display()))?;
        let image = Self { spec, layer };
        copy(&at.join("upper"), &image.layer)?;
        Ok(image)
    }

    /// Replaces a file that the host had written.
    pub fn write_file(&self, path: &str, content: &[u8]) -> Result<(), LabError> {
        let place = self.layer.join(path.trim_start_matches('/'));
        fs::write(&place, content).doing(|| format!("write {}", place.display()))
    }
}

impl Drop for DiskImage {
    fn drop(&mut self) {
        report(fs::remove_dir_all(&self.layer).doing(|| format!("remove {}", self.layer.display())));
    }
}

/// Copies a layer with all that a file system keeps of its files: a removed file is a device, a replaced folder has
/// an extended attribute.
fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    let mut cp = Command::new("cp");
    cp.args(["--archive", "--no-target-directory", "--"]).args([from, to]);
    command::succeed(&mut cp, COPY_LIMIT).map(drop)
}

/// Mounts a clone of `below`, with what `image` has above it, in the folder `at` and returns its root.
pub(crate) fn clone(below: &Path, image: Option<&DiskImage>, at: &Path) -> Result<PathBuf, LabError> {
    fs::create_dir_all(at).doing(|| format!("create {}", at.display()))?;
    let memory = CString::new(SIZE).unwrap_or_default();
    mount("tmpfs", at, "tmpfs", MountFlags::empty(), &*memory)
        .doing(|| format!("mount memory on {}", at.display()))?;
    let [upper, work, root] = ["upper", "work", "root"].map(|name| at.join(name));
    for folder in [&upper, &work, &root] {
        fs::create_dir(folder).doing(|| format!("create {}", folder.display()))?;
    }
    if let Some(image) = image {
        copy(&image.layer, &upper)?;
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
