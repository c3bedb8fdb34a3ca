//! Clocks that show minutes: within one they look like any text.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use regex::Regex;

/// After this, every clock that shows minutes has moved on.
pub(super) const PAUSE: Duration = Duration::from_secs(61);

/// `18:05`, `6.05 pm`, `18h05`, `T18:05`; at most so many in a text are looked at.
static CLOCK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9][:.h]([0-5][0-9])([^0-9]|$)").expect("a fixed expression"));
const MOST: usize = 100_000;

/// The minute of the hour. Time zones differ by whole hours, and by half ones.
pub(super) fn minute() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() / 60 % 30)
}

/// Whether a text has a time whose minute is this one, or a neighbour: clocks differ a little.
pub(super) fn shows(text: &str, minute: u64) -> bool {
    let near = |shown: u64| [29, 0, 1].iter().any(|by| (minute + by) % 30 == shown % 30);
    CLOCK.captures_iter(text).take(MOST).filter_map(|found| found[1].parse().ok()).any(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_from_other_times() {
        for text in ["It is 18:05.", "<time>2026-11-29T18:05:33Z</time>", "um 6.35 Uhr", "18h04", "at 9:06pm"]
        {
            assert!(shows(text, 5), "{text}");
        }
        for text in ["open from 9:00 to 18:30", "version 1.051", "a:05", "ratio 16:9", ""] {
            assert!(!shows(text, 5), "{text}");
        }
        assert!(shows("23:59", 0) && shows("0:00", 29) && minute() < 30);
    }
}
