//! Which process is which: an id comes again, an id with its start does not.

/// When a process started, in ticks since boot; `None` when there is none.
pub(crate) fn start(pid: u32) -> Option<u64> {
    start_in(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The 22nd field; the second, in parentheses, may hold anything.
fn start_in(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_confuse() {
        let stat = "7 (a) b (c) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        assert_eq!(start_in(stat), Some(4242));
        assert_eq!(start_in(""), None);
    }

    #[test]
    fn this_process_has_started() {
        assert!(start(std::process::id()).is_some());
    }
}
