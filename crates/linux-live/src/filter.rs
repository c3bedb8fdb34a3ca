//! The packet filter, as `nft` lists it.
//!
//! Every kernel filter that matters to a door is in one of two places: `nf_tables`, which nft lists (with the rules of
//! `iptables-nft`), and the older tables of iptables, which it does not. Whether `nf_tables` holds any is asked of the
//! kernel first: a host without rules needs no nft, and one that may not be asked need not start it in vain.

use std::io::Read as _;

use doorward_model::{Facts, PacketFilter, Subject, Unseen};

mod module;
mod nft;
mod program;
mod tables;

use nft::NftError;
use program::Search;
use tables::{Tables, TablesError};

/// Where the older tables of iptables are named once they are loaded (root alone may read it).
const LEGACY: [(&str, &str); 3] = [
    ("/proc/thread-self/net/ip_tables_names", "iptables"),
    ("/proc/thread-self/net/ip6_tables_names", "ip6tables"),
    ("/proc/thread-self/net/arp_tables_names", "arptables"),
];

/// The packet filter of the network namespace that we run in.
pub fn collect() -> Facts<PacketFilter> {
    let mut unseen = Vec::new();
    let mut filter = nftables(&mut unseen);
    let legacy = legacy();
    if !legacy.is_empty() && filter == PacketFilter::None {
        filter = PacketFilter::Unknown;
    }
    unseen.extend(legacy);
    Facts { value: filter, unseen }
}

fn nftables(unseen: &mut Vec<Unseen>) -> PacketFilter {
    match tables::list() {
        Ok(Tables::None) => PacketFilter::None,
        Ok(Tables::Some) => list(unseen),
        Err(e) => {
            let fact = Unseen::new(Subject::Filter, "rules of nf_tables", e.to_string());
            let denied = matches!(e, TablesError::Denied);
            unseen.push(if denied { fact.with_remedy("run as root") } else { fact });
            PacketFilter::Unknown
        }
    }
}

fn list(unseen: &mut Vec<Unseen>) -> PacketFilter {
    let fact = |why: String| Unseen::new(Subject::Filter, "rules of nf_tables", why);
    let path = match program::find() {
        Search::Found(path) => path,
        Search::Absent => {
            let why = "the kernel has nf_tables rules, and there is no nft to list them";
            unseen.push(fact(why.into()).with_remedy("install nft"));
            return PacketFilter::Unknown;
        }
        Search::Unsafe(why) => {
            unseen.push(fact(why));
            return PacketFilter::Unknown;
        }
    };
    match nft::list(&path) {
        Ok(ruleset) => PacketFilter::Nftables { ruleset },
        Err(e) => {
            let fact = fact(format!("{} -j list ruleset: {e}", path.display()));
            unseen.push(match e {
                NftError::Failed { denied: true, .. } => fact.with_remedy("run as root"),
                _ => fact,
            });
            PacketFilter::Unknown
        }
    }
}

/// Rules of the older iptables. That they are loaded is all that files tell of them.
fn legacy() -> Vec<Unseen> {
    let named = LEGACY.iter().filter_map(|(path, program)| {
        let mut text = String::new();
        std::fs::File::open(path).ok()?.take(4 << 10).read_to_string(&mut text).ok()?;
        legacy_fact(program, &text)
    });
    named.collect()
}

fn legacy_fact(program: &str, names: &str) -> Option<Unseen> {
    let mut names: Vec<&str> = names.split_whitespace().collect();
    if names.is_empty() {
        return None;
    }
    names.sort_unstable();
    let what = format!("rules of {program}-legacy (tables {})", names.join(", "));
    let why = "they are kept apart from nf_tables, and nft does not list them";
    let remedy = format!("list them with {program}-legacy-save, and move them to nftables");
    Some(Unseen::new(Subject::Filter, what, why).with_remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_tables_are_named() {
        let fact = legacy_fact("iptables", "nat\nfilter\n").unwrap();
        assert_eq!(fact.what, "rules of iptables-legacy (tables filter, nat)");
        assert_eq!(legacy_fact("iptables", "\n"), None);
    }

    #[test]
    fn the_running_hosts_filter_is_known_or_said_not_to_be() {
        let facts = collect();
        match facts.value {
            PacketFilter::Unknown => assert_ne!(facts.unseen, []),
            PacketFilter::None => assert_eq!(facts.unseen, []),
            PacketFilter::Nftables { ruleset } => assert!(ruleset.get("nftables").is_some()),
            PacketFilter::WindowsFirewall => panic!("not on Linux"),
        }
    }
}
