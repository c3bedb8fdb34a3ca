//! The sites of a file, within bounds: what is said of all sites is kept with each.

use doorward_model::{IisBinding, IisSite};

/// Most bytes of what is kept.
const LIMIT: usize = 32 << 20;

/// Most bindings of a site.
pub(super) const BINDING_LIMIT: usize = 1000;

/// Sites that were read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) sites: Vec<IisSite>,
    bytes: usize,
}

impl Kept {
    /// Adds a site, or says why it and those that follow are left out.
    pub(super) fn add(&mut self, site: IisSite) -> Result<(), String> {
        if site.bindings.len() > BINDING_LIMIT {
            return Err(format!("{} has more than {BINDING_LIMIT} bindings", site.place));
        }
        self.bytes += size(&site);
        if self.bytes > LIMIT {
            return Err(format!("all but the first {} sites are too much to keep", self.sites.len()));
        }
        self.sites.push(site);
        Ok(())
    }
}

fn size(site: &IisSite) -> usize {
    let text = [&site.id, &site.name, &site.place].map(String::len).into_iter().sum::<usize>();
    let lists = site.writable.iter().chain(&site.restrictions).chain(&site.root);
    let binding = |b: &IisBinding| {
        size_of::<IisBinding>() + b.protocol.len() + b.address.len() + b.host.as_ref().map_or(0, String::len)
    };
    size_of::<IisSite>()
        + text
        + lists.map(|line| size_of::<String>() + line.len()).sum::<usize>()
        + site.bindings.iter().map(binding).sum::<usize>()
}
