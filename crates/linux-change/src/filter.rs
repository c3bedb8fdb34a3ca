//! This program's own table of nftables, `inet doorward`: asked for, and loaded in one transaction.
//!
//! nft says a table in another form than it was written in. What a text will be once loaded is therefore asked of nft
//! and the kernel themselves, in a network of its own that nothing is connected to and that ends with the question.

use std::time::Duration;

use doorward_change::system::SystemError;
use nix::sched::CloneFlags;

use crate::error::{failed, io};
use crate::program::{self, Late};

const NFT: &str = "/usr/sbin/nft";
/// As its own listing begins a table's block.
const HEAD: &str = "table inet doorward {";
/// Takes away any earlier one, also where there is none, in the transaction that loads the next.
const REMOVE: &str = "table inet doorward\ndelete table inet doorward\n";
/// A listing of a million networks has 25 MB.
const LONGEST: u64 = 64 << 20;
/// A hundred thousand networks take a second.
const PATIENCE: Duration = Duration::from_mins(1);

/// The table as it is loaded, without counters and without the clients that its own rules remember.
pub(crate) fn table() -> Result<Option<String>, SystemError> {
    let tables = nft(&["list", "tables"], None)?;
    if !tables.lines().any(|line| line == "table inet doorward") {
        return Ok(None);
    }
    nft(&["--stateless", "list", "table", "inet", "doorward"], None).map(|text| Some(without_state(&text)))
}

/// What [`table`] would say of this text. Nothing is loaded here.
pub(crate) fn once_loaded(text: &str) -> Result<String, SystemError> {
    let what = "try the packet filter's table";
    let ask = || {
        nix::sched::unshare(CloneFlags::CLONE_NEWNET).map_err(|e| io(what, e))?;
        nft(&["-f", "-"], Some(text))?;
        nft(&["--stateless", "list", "ruleset"], None)
    };
    // A thread has a network of its own, and so has what it starts.
    let asked = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, ask).map_err(|e| io(what, e))?;
        thread.join().unwrap_or_else(|_| Err(failed(what, "it broke off")))
    });
    let listed = asked?;
    let mut heads = listed.lines().filter(|line| line.starts_with("table "));
    if heads.next() != Some(HEAD) || heads.next().is_some() {
        return Err(failed(what, "it is not one table inet doorward and nothing else"));
    }
    Ok(without_state(&listed))
}

/// Loads a table, as [`table`] says it, or takes it away: at once or not at all.
pub(crate) fn load(table: Option<&str>) -> Result<(), SystemError> {
    let text = format!("{REMOVE}{}", table.unwrap_or_default());
    nft(&["-f", "-"], Some(&text)).map(drop)
}

fn nft(arguments: &[&str], input: Option<&str>) -> Result<String, SystemError> {
    let what = || format!("{NFT} {}", arguments.join(" "));
    let ended = program::talk(NFT, arguments, &[], input, LONGEST, PATIENCE, Late::Kill);
    let output = match ended {
        Err(SystemError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(failed(what(), "there is no nft: install nftables"));
        }
        Ok(ended) if !ended.success => return Err(failed(what(), ended.complaint())),
        other => other?.output,
    };
    if output.len() as u64 >= LONGEST {
        return Err(failed(what(), format!("it prints {LONGEST} bytes or more")));
    }
    Ok(output)
}

/// Without the elements of sets that rules add to: they come and go by themselves.
fn without_state(listing: &str) -> String {
    let mut kept = String::with_capacity(listing.len());
    let (mut is_dynamic, mut is_element) = (false, false);
    for line in listing.lines() {
        let flags = line.strip_prefix("\t\tflags ");
        is_dynamic |= flags.is_some_and(|flags| flags.split(',').any(|flag| flag == "dynamic"));
        is_element |= is_dynamic && line.starts_with("\t\telements = {");
        if line == "\t}" {
            (is_dynamic, is_element) = (false, false);
        }
        if !is_element {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "table inet doorward {
\tset rate {
\t\ttype ipv4_addr
\t\tsize 65535
\t\tflags dynamic,timeout
\t\ttimeout 10m
\t}

\tset office {
\t\ttype ipv4_addr
\t\tflags interval
\t\telements = { 192.0.2.0/24 }
\t}

\tchain input {
\t\ttype filter hook input priority filter - 10; policy drop;
\t\ttcp dport 22 ip saddr @office accept
\t}
}
";

    /// Whether networks can be made here; the lab's hosts try all of it anyway.
    fn may() -> bool {
        rustix::process::geteuid().is_root() && std::path::Path::new(NFT).exists()
    }

    #[test]
    fn clients_that_rules_remember_are_left_out() {
        let with = TABLE.replace(
            "\t\ttimeout 10m\n",
            "\t\ttimeout 10m\n\t\telements = { 192.0.2.1 limit rate over 30/minute expires 9m,\n\t\t\t     192.0.2.2 }\n",
        );
        assert_ne!(with, TABLE);
        assert_eq!(without_state(&with), TABLE);
        assert_eq!(without_state(TABLE), TABLE);
    }

    #[test]
    fn a_table_is_tried_where_it_harms_nobody() {
        if !may() {
            eprintln!("skipped: needs root and nft");
            return;
        }
        let before = table();
        assert_eq!(once_loaded(TABLE).unwrap(), TABLE);
        assert_eq!(once_loaded(&format!("{REMOVE}{TABLE}")).unwrap(), TABLE);
        for bad in ["", "nonsense", "table inet other {\n}\n", &format!("{TABLE}table ip other {{\n}}\n")] {
            assert!(once_loaded(bad).is_err(), "{bad}");
        }
        assert_eq!(before.unwrap(), table().unwrap());
    }

    #[test]
    fn it_is_loaded_replaced_and_taken_away_as_a_whole() {
        if !may() {
            eprintln!("skipped: needs root and nft");
            return;
        }
        let alone = || {
            nix::sched::unshare(CloneFlags::CLONE_NEWNET).unwrap();
            load(None).unwrap();
            load(Some(TABLE)).unwrap();
            assert_eq!(table().unwrap().as_deref(), Some(TABLE));
            let other = TABLE.replace("192.0.2.0/24", "198.51.100.0/24");
            load(Some(&other)).unwrap();
            assert!(load(Some(&TABLE.replace("accept", "accept nonsense"))).is_err());
            assert_eq!(table().unwrap(), Some(other), "one that is refused changes nothing");
            load(None).unwrap();
            assert_eq!(table().unwrap(), None);
        };
        std::thread::spawn(alone).join().unwrap();
    }
}
