//! `mod_jk`: Tomcats named in a file of properties, `worker.NAME.port=8009`.

use std::collections::BTreeMap;

use crate::web::address;
use crate::web::site::{Place, Site};

/// Workers of one file.
const WORKER_LIMIT: usize = 1000;

/// The port of AJP, where none is given.
const AJP: u16 = 8009;

#[derive(Default)]
struct Worker {
    kind: Option<String>,
    host: Option<String>,
    port: Option<String>,
    socket: Option<String>,
    line: usize,
}

/// Reads a file of workers.
pub(super) fn workers(site: &mut Site<'_>, path: &str, from: &Place) {
    let Some(text) = site.text(path, Some(from)) else { return };
    let mut workers: BTreeMap<&str, Worker> = BTreeMap::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        let Some((name, property, value)) = parse(line) else { continue };
        if workers.len() >= WORKER_LIMIT && !workers.contains_key(name) {
            site.dark(from, "more workers than anything honest has");
            break;
        }
        let worker = workers.entry(name).or_default();
        let slot = match property {
            "type" => &mut worker.kind,
            "host" => &mut worker.host,
            "port" => &mut worker.port,
            "socket" => &mut worker.socket,
            _ => continue,
        };
        *slot = Some(value.to_owned());
        worker.line = number;
    }
    for worker in workers.values().filter(|w| w.connects()) {
        let place = Place { file: path.into(), line: worker.line };
        site.upstream_or_dark(worker.target(), "a worker", &place, "worker");
    }
}

/// `JkWorkerProperty worker.NAME.host=…`: one at a time.
pub(super) fn property(site: &mut Site<'_>, text: &str, place: &Place) {
    if let Some((_, "host" | "port" | "socket", _)) = parse(text) {
        site.dark(place, "a worker of mod_jk that is put together from several places");
    }
}

impl Worker {
    /// Whether it is no balancer of others and no status page.
    fn connects(&self) -> bool {
        let is_given = self.host.is_some() || self.port.is_some() || self.socket.is_some();
        self.kind.as_deref().map_or(is_given, |kind| kind.starts_with("ajp"))
    }

    fn target(&self) -> Option<String> {
        if let Some(socket) = &self.socket {
            return address::socket_path(socket);
        }
        let port = self.port.as_ref().map_or(Some(AJP), |port| address::port_number(port))?;
        address::join(self.host.as_deref().unwrap_or_default(), port)
    }
}

/// `worker.NAME.PROPERTY=VALUE`
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (key, value) = line.strip_prefix("worker.")?.split_once('=')?;
    let (name, property) = key.trim().rsplit_once('.')?;
    Some((name, property, value.trim()))
}
