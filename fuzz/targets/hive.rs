//! Any bytes as a registry hive: opened from memory and in pieces, and everything read that either tells.
#![no_main]

use doorward_fuzz::{bounded, machines, sealed, seeds, walk::alike};
use doorward_hive::Hive;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(init: seeds(machines::hives()), |input: &[u8]| -> Corpus {
    let bytes = sealed(input.to_vec());
    bounded(input.len(), || {
        alike(input.len(), Hive::from_bytes(bytes.clone(), Vec::new()), Hive::open(bytes, Vec::new()))
    })
});
