//! What the tests of all servers share.

use std::cell::RefCell;

use doorward_model::{Unseen, WebConfig};

use crate::fixture::Made;

/// The one configuration of a tree with these files, whose server's program lies at the first path.
pub(super) fn config(program: &str, files: &[(&str, &str)]) -> (WebConfig, Vec<Unseen>) {
    let made = files.iter().fold(Made::new().file(program, ""), |made, (path, text)| made.file(path, text));
    let mut facts = super::collect(&made.tree());
    assert_eq!(facts.value.len(), 1, "{facts:?}");
    (facts.value.remove(0), facts.unseen)
}

thread_local! {
    static REUSED: RefCell<Option<Made>> = const { RefCell::new(None) };
}

/// The same for a main file alone, in a tree that a property test's cases share.
pub(super) fn reused(program: &str, main: &str, text: &str) -> (WebConfig, Vec<Unseen>) {
    let made = REUSED.take().unwrap_or_else(|| Made::new().file(program, "")).file(main, text);
    let mut facts = super::collect(&made.tree());
    REUSED.replace(Some(made));
    (facts.value.remove(0), facts.unseen)
}

/// Upstreams as `target <- place`, places without the directory.
pub(super) fn upstreams(config: &WebConfig) -> Vec<String> {
    let show = |u: &doorward_model::Upstream| {
        format!("{} <- {}", u.target, u.place.rsplit_once('/').map_or(u.place.as_str(), |(_, name)| name))
    };
    config.upstreams.iter().map(show).collect()
}

/// Endpoints as `host:port`, a host that takes any name as `*`.
pub(super) fn endpoints(config: &WebConfig) -> Vec<String> {
    let show = |e: &doorward_model::WebEndpoint| format!("{}:{}", e.host.as_deref().unwrap_or("*"), e.port);
    config.endpoints.iter().map(show).collect()
}

/// Configurations captured on real hosts that lie beside the checkout, or nothing, told on standard error.
pub(super) fn captured(kind: &str) -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/linux/insights")
        .join(kind);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return Vec::new();
    };
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        Some((path.display().to_string(), std::fs::read_to_string(&path).ok()?))
    };
    entries.filter_map(read).collect()
}
