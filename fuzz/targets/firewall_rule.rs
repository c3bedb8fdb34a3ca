//! A rule of Windows Firewall: a line for its name, then its text. What is read is no longer than what was there.
#![no_main]

use doorward_fuzz::bounded;
use doorward_windows_files::firewall::parse_rule;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|input: &[u8]| -> Corpus {
    let text = String::from_utf8_lossy(input);
    let (id, text) = text.split_once('\n').unwrap_or(("", &text));
    bounded(input.len(), || match parse_rule(id, text) {
        Ok(rule) => {
            assert_eq!(rule.id, id);
            assert!(!rule.action.is_empty());
            let lists = [&rule.local_ports, &rule.local_addresses, &rule.remote_addresses, &rule.conditions];
            let kept: usize = lists.into_iter().flatten().map(String::len).sum();
            assert!(kept <= text.len(), "{kept} bytes of {}", text.len());
            Corpus::Keep
        }
        Err(why) => {
            assert!(!why.to_string().is_empty());
            Corpus::Keep
        }
    })
});
