//! Any bytes as a registry hive: opened from memory and in pieces, and everything read that either tells.
#![no_main]

use doorward_fuzz::{bounded, machines, sealed, seeds, walk::walk};
use doorward_hive::Hive;
use libfuzzer_sys::{Corpus, fuzz_target};

/// Bytes that a hive may tell, and how many more for each of its own: it reads each only so often.
const TOLD_FLAT: usize = 16 << 20;
const TOLD_PER_BYTE: usize = 24;

fuzz_target!(init: seeds(machines::hives()), |input: &[u8]| -> Corpus {
    let bytes = sealed(input.to_vec());
    bounded(input.len(), || match (Hive::from_bytes(bytes.clone(), Vec::new()), Hive::open(bytes, Vec::new())) {
        (Ok(whole), Ok(pieces)) => {
            let (whole, pieces) = (walk(&whole), walk(&pieces));
            assert!(whole.told <= TOLD_FLAT + input.len() * TOLD_PER_BYTE, "{} bytes told", whole.told);
            if !whole.overlaps && !pieces.overlaps {
                assert_eq!(whole.digest, pieces.digest);
            }
            Corpus::Keep
        }
        (Err(whole), Err(pieces)) => {
            assert_eq!(whole, pieces);
            Corpus::Reject
        }
        (whole, pieces) => panic!("{whole:?}\n{pieces:?}"),
    })
});
