//! The one who asks for a copy, and runs programs in it.

use std::ffi::OsStr;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::error::Doing as _;
use crate::lines::{receive, send};
use crate::program::{self, NSENTER, RUN, program};
use crate::wire::{LONGEST, News, Order, Wish};
use crate::{CloneError, Difference, Interface};

/// Where the caller's program lies in the copy.
pub(crate) const PROGRAM: &str = "/run/host/doorward";
/// Folders of sockets, for root alone.
const FOLDER: &str = "/run/doorward";
/// Where the manager keeps units that nobody installed, as long as they are there.
const TRANSIENT: &str = "/run/systemd/transient";
/// A copy of a busy host takes some seconds; a unit that does not come up holds it for 90 s by default.
const BOOT_LIMIT: Duration = Duration::from_mins(4);
const UNIT_LIMIT: Duration = Duration::from_secs(20);

/// What the copy is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The host's name, which the copy has as well.
    pub host_name: String,
    /// Bytes that the copy may write; they are kept in memory.
    pub memory: u64,
    /// The host's interfaces with their addresses; loopback is there anyway.
    pub interfaces: Vec<Interface>,
    /// Names of the site, which lead to the copy itself.
    pub names: Vec<String>,
    /// The caller's program: it keeps the copy, and can be run in it.
    pub program: PathBuf,
    /// The words after it by which it becomes the keeper: it calls [`crate::keep`] with the word that follows them.
    pub keeper: Vec<String>,
}

/// A running copy. Dropping it ends it.
#[derive(Debug)]
pub struct Copy {
    unit: String,
    leader: u32,
    keeper: u32,
    differences: Vec<Difference>,
    took: Duration,
    line: BufReader<UnixStream>,
    folder: Folder,
}

/// The folder of a socket, which goes with it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // It lies in memory and is empty but for the socket; a rest of it harms nothing.
        let _ = std::fs::remove_dir_all(&self.0);
        // Others may be in use.
        let _ = std::fs::remove_dir(FOLDER);
    }
}

impl Copy {
    /// Boots a copy of this host, and waits until its service manager says that it is up.
    pub fn boot(settings: &Settings) -> Result<Self, CloneError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let began = Instant::now();
        program::check()?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("doorward-copy-{}-{number}", std::process::id());
        let folder = Folder(Path::new(FOLDER).join(&name));
        let private = |path: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        private(&folder.0).doing(|| format!("make {}", folder.0.display()))?;
        let socket = folder.0.join("socket");
        let listener = UnixListener::bind(&socket).doing(|| format!("listen at {}", socket.display()))?;
        let unit = format!("{name}.service");
        start(settings, &unit, &socket)?;
        let stream = accept(&listener, &unit)?;
        let keeper =
            rustix::net::sockopt::socket_peercred(&stream).doing(|| "ask who keeps the copy".to_owned())?;
        let mut copy = Self {
            unit,
            leader: 0,
            keeper: keeper.pid.as_raw_nonzero().get().unsigned_abs(),
            differences: Vec::new(),
            took: Duration::ZERO,
            line: BufReader::new(stream),
            folder,
        };
        let order = Order {
            name,
            host_name: settings.host_name.clone(),
            memory: settings.memory,
            interfaces: settings.interfaces.clone(),
            names: settings.names.clone(),
            program: settings.program.clone(),
        };
        copy.tell(&order)?;
        copy.wait()?;
        copy.took = began.elapsed();
        Ok(copy)
    }

    /// Boots it anew, in order, on the same disks. Programs in it end.
    pub fn reboot(&mut self) -> Result<(), CloneError> {
        self.tell(&Wish::Reboot)?;
        self.wait()
    }

    /// What is not as on the host, as far as its disks go.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// Bytes that it may still write; nothing where that cannot be told, as when it has ended.
    pub fn room(&self) -> Option<u64> {
        // Seen through the keeper, in whose mount namespace it lies.
        let inside = self.folder.0.join("copy");
        let at = Path::new("/proc")
            .join(self.keeper.to_string())
            .join("root")
            .join(inside.strip_prefix("/").ok()?);
        let known = rustix::fs::statvfs(&at).ok()?;
        Some(known.f_bavail * known.f_frsize)
    }

    /// From the first step to ready.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The caller's program with these words, within the copy and on its network.
    pub fn inside(&self, words: &[&str]) -> Command {
        self.enter(OsStr::new("--net"), words)
    }

    /// The same, but on the network of its visitor: what it asks of the copy comes from outside.
    pub fn beside(&self, words: &[&str]) -> Command {
        self.enter(OsStr::new(&format!("--net=/proc/{}/ns/net", self.keeper)), words)
    }

    fn enter(&self, net: &OsStr, words: &[&str]) -> Command {
        let mut command = program(NSENTER);
        command.arg(format!("--target={}", self.leader));
        command.args(["--mount", "--uts", "--ipc", "--pid"]).arg(net).args(["--", PROGRAM]).args(words);
        command
    }

    fn tell(&self, line: &impl serde::Serialize) -> Result<(), CloneError> {
        send(&mut self.line.get_ref(), line).doing(|| "speak with the copy's keeper".to_owned())
    }

    fn wait(&mut self) -> Result<(), CloneError> {
        let stream = self.line.get_ref();
        stream.set_read_timeout(Some(BOOT_LIMIT)).doing(|| "set a time limit".to_owned())?;
        loop {
            match receive(&mut self.line, LONGEST) {
                Ok(Some(News::Made { differences })) => self.differences = differences,
                Ok(Some(News::Ready { leader })) => {
                    self.leader = leader;
                    return Ok(());
                }
                Ok(Some(News::Failed { why })) => return Err(CloneError::Boot { why }),
                Ok(None) => {
                    let why = format!("ended: journalctl -u {} may say why", self.unit);
                    return Err(CloneError::Boot { why });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(CloneError::Late { what: "boot a copy".to_owned(), limit: BOOT_LIMIT });
                }
                Err(error) => return Err(error).doing(|| "listen to the copy's keeper".to_owned()),
            }
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The keeper ends the copy when nobody listens any more, and the unit with it; that is waited for, so that the
        // machine is as it was. Should it hang, its manager ends it.
        let stream = self.line.get_ref();
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(UNIT_LIMIT));
        while let Ok(Some(_)) = receive::<News>(&mut self.line, LONGEST) {}
        let unit = Path::new(TRANSIENT).join(&self.unit);
        let until = Instant::now() + UNIT_LIMIT;
        while unit.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Starts the keeper as a unit of the host's manager.
fn start(settings: &Settings, unit: &str, socket: &Path) -> Result<(), CloneError> {
    let mut command = program(RUN);
    command.args(["--quiet", "--collect", &format!("--unit={unit}")]);
    command.arg(format!("--description=A copy of {} on which doorward tries", settings.host_name));
    for property in [
        "Type=exec",
        "Delegate=yes",
        "PrivateMounts=yes",
        "PrivateNetwork=yes",
        "TimeoutStopSec=10",
        "OOMPolicy=continue",
        "TasksMax=infinity",
    ] {
        command.args(["-p", property]);
    }
    command.arg("--").arg(&settings.program).args(&settings.keeper).arg(socket);
    program::succeed(&mut command, "start a unit for the copy")
}

fn accept(listener: &UnixListener, unit: &str) -> Result<UnixStream, CloneError> {
    listener.set_nonblocking(true).doing(|| "listen".to_owned())?;
    let until = Instant::now() + UNIT_LIMIT;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).doing(|| "listen".to_owned())?;
                return Ok(stream);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return Err(error).doing(|| "listen".to_owned());
            }
            Err(_) if Instant::now() > until => {
                let why = format!("has no keeper: journalctl -u {unit} may say why");
                return Err(CloneError::Boot { why });
            }
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}
