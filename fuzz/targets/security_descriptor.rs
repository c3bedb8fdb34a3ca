//! A security descriptor, and the SIDs in it: read, then told in words without a control character.
#![no_main]

use doorward_fuzz::{bounded, machines, seeds};
use doorward_windows_files::security::{Rights, SecurityDescriptor, Sid};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(init: seeds(machines::descriptors()), |input: &[u8]| -> Corpus {
    bounded(input.len(), || {
        if let Some((sid, length)) = Sid::parse(input) {
            assert!(length <= input.len() && sid.number().starts_with("S-1-"));
        }
        let Ok(descriptor) = SecurityDescriptor::parse(input) else { return Corpus::Keep };
        let entries = descriptor.dacl.as_ref().map_or(0, Vec::len);
        assert!(entries <= input.len() / 8, "{entries} entries in {} bytes", input.len());
        for rights in [Rights::Key, Rights::File, Rights::Session, Rights::ComAccess, Rights::ComLaunch] {
            let told = descriptor.access(rights);
            assert!(told.len() <= entries.max(1) && !told.iter().any(|line| line.contains(char::is_control)));
        }
        assert!(descriptor.dacl.is_some() || descriptor.admits_strangers());
        Corpus::Keep
    })
});
