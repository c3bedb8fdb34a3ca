//! A `site.toml`: what is read is written and read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    match doorward_site::read(text) {
        Ok(site) => assert_eq!(doorward_site::read(&doorward_site::print(&site)).as_ref(), Ok(&site)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
