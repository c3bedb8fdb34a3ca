//! What the tests are held against: what the host's web servers serve, and what visitors ask for.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use doorward_linux_files::{Tree, web};
use doorward_model::Snapshot;
use doorward_model::site::SiteLogUnread;
use doorward_site::{Coverage, Endpoint, LogPaths, Site};

use crate::args::CheckArgs;
use crate::config::Config;
use crate::served;
use crate::source::One;

/// After the tests, looking at the host may take so much longer. It began with them.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Default)]
struct Found {
    endpoints: Vec<Endpoint>,
    logs: LogPaths,
    unread: Vec<SiteLogUnread>,
}

/// Looks at the host while the tests run.
pub(super) struct Known {
    host: Receiver<Option<Found>>,
    /// Logs that the user named take the place of the host's own.
    logs: Option<LogPaths>,
}

impl Known {
    /// Begins to look. What the user named must be readable; a host that nobody named is looked at if the site is on it,
    /// and never an error.
    pub(super) fn begin(args: &CheckArgs, site: &Site) -> anyhow::Result<Self> {
        let logs =
            if args.logs.is_empty() { None } else { Some(super::super::record::read_logs(&args.logs)?) };
        let reads_logs = logs.is_none();
        let (send, host) = mpsc::sync_channel(1);
        let named = match (&args.root, &args.snapshot) {
            (Some(root), _) => Some((One::Root(root), Some(root.clone()))),
            (None, Some(file)) => Some((One::Saved(file), None)),
            (None, None) => None,
        };
        if let Some((source, root)) = named {
            let (_, snapshot) = source.read(&Config::default())?;
            let root = root.filter(|_| reads_logs);
            send.send(Some(found(&snapshot, root.as_deref())))?;
        } else {
            let (name, address) = (site.host().to_owned(), args.address);
            let port = site.url.port_or_known_default().unwrap_or_default();
            thread::Builder::new().spawn(move || {
                // Nobody may wait for it any more.
                let _ = send.send(this_host(&name, port, address, reads_logs));
            })?;
        }
        Ok(Self { host, logs })
    }

    /// What the tests touch of it; nothing where there is nothing to hold them against.
    pub(super) fn coverage(self, site: &Site) -> Option<(Coverage, Vec<SiteLogUnread>)> {
        let found = self.host.recv_timeout(PATIENCE).ok().flatten();
        if found.is_none() && self.logs.is_none() {
            return None;
        }
        let found = found.unwrap_or_default();
        let logs = self.logs.unwrap_or(found.logs);
        Some((doorward_site::coverage(site, &found.endpoints, &logs), found.unread))
    }
}

/// Of the host that this runs on, where it has a web server that the site is behind.
fn this_host(name: &str, port: u16, address: Option<IpAddr>, reads_logs: bool) -> Option<Found> {
    let root = Path::new("/");
    // Most hosts have none, and this is the cheaper question.
    if web::collect(&Tree::open(root).ok()?).value.is_empty() {
        return None;
    }
    let (_, snapshot) = One::ThisHost(None).read(&Config::default()).ok()?;
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let addresses = match address {
        Some(address) => vec![address],
        None => {
            (bare, port).to_socket_addrs().map_or_else(|_| Vec::new(), |all| all.map(|a| a.ip()).collect())
        }
    };
    let found = found(&snapshot, reads_logs.then_some(root));
    served::is_at(&snapshot, &found.endpoints, name, &addresses).then_some(found)
}

fn found(snapshot: &Snapshot, root: Option<&Path>) -> Found {
    let tree = root.and_then(|root| Tree::open(root).ok());
    let (logs, unread) = tree.map(|tree| served::read_logs(snapshot, &tree)).unwrap_or_default();
    Found { endpoints: served::endpoints(snapshot), logs, unread }
}
