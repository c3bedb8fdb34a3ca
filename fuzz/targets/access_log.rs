//! An access log: each line is at most one request, and no path has a control character.
#![no_main]

use doorward_site::LogPaths;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut paths = LogPaths::default();
    paths.add(data).expect("bytes can be read");
    let lines = data.split(|&byte| byte == b'\n').count() as u64;
    assert!(paths.requests + paths.unreadable <= lines);
    assert!(paths.top().iter().all(|(path, _)| !path.path.chars().any(char::is_control)));
});
