//! What Windows does when a service fails: the value `FailureActions`.

/// Most actions that are told.
const LIMIT: usize = 16;

/// The actions in words: `restart after 60 s, nothing; counted anew after 86400 s`. `None` when nothing is done.
///
/// The value holds four numbers (seconds until failures are counted anew, two that are unused, how many actions), the
/// offset of the actions, and for each action its kind and its delay in milliseconds.
pub(super) fn in_words(raw: &[u8], command: Option<&str>) -> Option<String> {
    let word = |at: usize| {
        let bytes = raw.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let count = usize::try_from(word(12)?).ok()?.min(LIMIT);
    let first = usize::try_from(word(16)?).ok()?;
    let (mut actions, mut command) = (Vec::new(), command);
    for number in 0..count {
        let at = first.checked_add(number * 8)?;
        let (Some(kind), Some(delay)) = (word(at), word(at.checked_add(4)?)) else { break };
        let seconds = delay / 1000;
        actions.push(match kind {
            0 => "nothing".to_owned(),
            1 => format!("restart after {seconds} s"),
            2 => format!("reboot after {seconds} s"),
            // Told once: it may be long.
            3 => format!("run {} after {seconds} s", command.replace("it").unwrap_or("a command")),
            other => format!("action {other} after {seconds} s"),
        });
    }
    if actions.iter().all(|action| action == "nothing") {
        return None;
    }
    let again = match word(0)? {
        0 | u32::MAX => String::new(),
        seconds => format!("; counted anew after {seconds} s"),
    };
    Some(format!("{}{again}", actions.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn actions_are_told() {
        let words = [86_400, 0, 0, 3, 0x14, 1, 60_000, 3, 120_000, 0, 0];
        let told = in_words(&raw(&words), Some("c:\\page.cmd"));
        let expected =
            "restart after 60 s, run c:\\page.cmd after 120 s, nothing; counted anew after 86400 s";
        assert_eq!(told.as_deref(), Some(expected));
        let twice = in_words(&raw(&[0, 0, 0, 2, 0x14, 3, 0, 3, 1000]), Some("x"));
        assert_eq!(twice.as_deref(), Some("run x after 0 s, run it after 1 s"));
        assert_eq!(in_words(&raw(&[0, 0, 0, 1, 0x14, 0, 0]), None), None);
        assert_eq!(in_words(&raw(&[0, 0, 0, 9, u32::MAX, 0, 0]), None), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = in_words(&bytes, None);
        }
    }
}
