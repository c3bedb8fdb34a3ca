//! What a test suite writes down, as JUnit's XML and as TAP: names are told apart, and no result comes of nothing.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for cases in [doorward_site::junit(data), doorward_site::tap(data)].into_iter().flatten() {
        assert!(cases.len() <= data.len());
        let names: HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
    }
});
