//! Thousands of services and listeners on a host, for seeing how the audit grows.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, ensure};
use doorward_lab::Host;

use super::{HELPER, LIMIT};

/// First port that is opened.
const FIRST_PORT: u16 = 20_000;
/// Where the listening program notes its process id.
const PID_FILE: &str = "/run/xtask-listen.pid";
/// What is opened closes again after this, whatever happens.
const LONGEST: Duration = Duration::from_mins(5);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many ports to listen on
    listeners: u16,
}

/// `xtask listen`: listens on many ports until its time is over.
pub(crate) fn listen(arguments: &Arguments) -> anyhow::Result<()> {
    let ports = FIRST_PORT..FIRST_PORT.saturating_add(arguments.listeners);
    let open: Vec<TcpListener> =
        ports.map(|port| TcpListener::bind(("0.0.0.0", port))).collect::<Result<_, _>>().context("listen")?;
    std::fs::write(PID_FILE, std::process::id().to_string()).context(PID_FILE)?;
    std::thread::sleep(LONGEST);
    drop(open);
    Ok(())
}

/// What was put on a host.
pub(super) struct Load<'h> {
    host: &'h Host,
    listening: Child,
}

/// Starts one-shot services up to that number, and a program with so many listeners.
pub(super) fn put(host: &Host, services: u32, listeners: u16) -> anyhow::Result<Load<'_>> {
    let mut list = String::new();
    for number in 0..services {
        let name = format!("load-{number}.service");
        let unit =
            "[Unit]\nDescription=load\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n";
        host.write_file(&format!("/etc/systemd/system/{name}"), unit)?;
        let _ = write!(list, "{name} ");
    }
    host.write_file("/etc/systemd/system/load.target", format!("[Unit]\nDescription=load\nWants={list}\n"))?;
    for words in [&["systemctl", "daemon-reload"][..], &["systemctl", "start", "load.target"]] {
        let output = host.run_within(LIMIT, words)?;
        ensure!(output.status.success(), "{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    let limit = "--nofile=16384:16384";
    let listening = host.spawn(&["prlimit", limit, HELPER, "listen", &listeners.to_string()])?;
    let want = format!("sport >= :{FIRST_PORT} and sport < :{}", FIRST_PORT + listeners);
    for _ in 0..100 {
        let count = host.succeed(&["ss", "-tlnH", &want])?.lines().count();
        if count == usize::from(listeners) {
            return Ok(Load { host, listening });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("the listeners did not come up")
}

impl Load<'_> {
    /// Closes the listeners; the services stay.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let pid = String::from_utf8(self.host.read(PID_FILE)?)?;
        self.host.succeed(&["kill", pid.trim()])?;
        self.listening.wait()?;
        Ok(())
    }
}
