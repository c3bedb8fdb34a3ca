//! Whether a kernel module is there, without asking the kernel in a way that loads it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

/// Both lists are far smaller.
const LIMIT: u64 = 4 << 20;

/// Whether the module is surely neither loaded nor built in. Where the lists cannot be read, it may be there.
pub(super) fn is_surely_absent(module: &str) -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let built_in = list(&format!("/lib/modules/{release}/modules.builtin"));
    list("/proc/modules").zip(built_in).is_some_and(|(loaded, built_in)| {
        !loaded.iter().any(|line| is_loaded(line, module))
            && !built_in.iter().any(|line| is_built_in(line, module))
    })
}

/// A line of `/proc/modules`: the name, then numbers.
fn is_loaded(line: &str, module: &str) -> bool {
    line.split_ascii_whitespace().next() == Some(module)
}

/// A line of `modules.builtin`: `kernel/net/netfilter/nf_tables.ko`, with `-` or `_` as the file has it.
fn is_built_in(line: &str, module: &str) -> bool {
    let name = line.rsplit('/').next().and_then(|file| file.split_once(".ko"));
    name.is_some_and(|(name, _)| name.replace('-', "_") == module)
}

fn list(path: &str) -> Option<Vec<String>> {
    BufReader::new(File::open(path).ok()?.take(LIMIT)).lines().collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_they_are() {
        assert!(is_loaded("nf_tables 376832 120 nft_ct,nft_counter, Live 0x0", "nf_tables"));
        assert!(!is_loaded("nf_tables_set 49152 3 - Live 0x0", "nf_tables"));
        assert!(is_built_in("kernel/net/netfilter/nf_tables.ko", "nf_tables"));
        assert!(is_built_in("kernel/net/ipv4/inet-diag.ko", "inet_diag"));
        assert!(!is_built_in("kernel/net/netfilter/nf_tables_set.ko", "nf_tables"));
        assert!(!is_built_in("", "nf_tables"));
    }
}
