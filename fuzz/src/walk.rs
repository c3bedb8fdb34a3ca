//! Everything that a hive tells, as often as it tells it.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use doorward_hive::{Hive, HiveError, Key, Reason};
use libfuzzer_sys::Corpus;

/// Bytes that a hive may tell, and how many more for each of its own: it reads each only so often.
const TOLD_FLAT: usize = 16 << 20;
const TOLD_PER_BYTE: usize = 24;

/// What a walk through a hive came to.
#[derive(Debug, Default)]
pub struct Walk {
    /// Bytes of names, data, class names and descriptors.
    pub told: usize,
    /// Whether cells overlap at a border of the pieces in which a file is read, so that reading it whole shows more.
    pub overlaps: bool,
    /// All that was told, in short.
    pub digest: u64,
    keys: HashSet<u64>,
    hasher: DefaultHasher,
}

/// Reads all keys, values and descriptors. Each key has to be reached in one way only.
pub fn walk(hive: &Hive) -> Walk {
    let mut walk = Walk::default();
    (hive.state() as u8, hive.notes(), hive.version(), hive.name()).hash(&mut walk.hasher);
    walk.key(hive.root());
    walk.digest = walk.hasher.finish();
    walk
}

/// A hive that was opened from memory and in pieces, as from a file: both tell the same, or refuse it for the same
/// reason, and tell no more than an input of this length is worth.
pub fn alike(length: usize, whole: Result<Hive, HiveError>, pieces: Result<Hive, HiveError>) -> Corpus {
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            let (whole, pieces) = (walk(&whole), walk(&pieces));
            assert!(whole.told <= TOLD_FLAT + length * TOLD_PER_BYTE, "{} bytes told", whole.told);
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
    }
}

impl Walk {
    fn key(&mut self, key: Key<'_>) {
        assert!(self.keys.insert(key.file_offset()), "the key at {:#x} is reached twice", key.file_offset());
        self.tell(key.name().as_bytes());
        (key.last_written(), key.is_link()).hash(&mut self.hasher);
        self.try_tell(key.class_name().map(|name| name.map(String::into_bytes).unwrap_or_default()));
        self.try_tell(key.security_descriptor().map(Option::unwrap_or_default));
        for value in key.values() {
            match value {
                Ok(value) => {
                    self.tell(value.name().as_bytes());
                    value.kind().number().hash(&mut self.hasher);
                    self.try_tell(value.data());
                    self.try_tell(value.as_string().map(String::into_bytes));
                    self.try_tell(value.as_strings().map(|all| all.concat().into_bytes()));
                    self.try_tell(value.as_u32().map(u32::to_le_bytes));
                    self.try_tell(value.as_u64().map(u64::to_le_bytes));
                }
                Err(why) => self.try_tell::<&[u8]>(Err(why)),
            }
        }
        for subkey in key.subkeys() {
            match subkey {
                Ok(subkey) => {
                    assert!(self.keys.len() < 1 << 20);
                    self.key(subkey);
                }
                Err(why) => self.try_tell::<&[u8]>(Err(why)),
            }
        }
    }

    fn tell(&mut self, bytes: &[u8]) {
        self.told += bytes.len();
        bytes.hash(&mut self.hasher);
    }

    fn try_tell<T: AsRef<[u8]>>(&mut self, told: Result<T, doorward_hive::HiveError>) {
        match told {
            Ok(bytes) => self.tell(bytes.as_ref()),
            Err(why) => {
                self.overlaps |= why.reason == Reason::Overlap;
                shown(&why).hash(&mut self.hasher);
            }
        }
    }
}

fn shown(why: &(impl Debug + ToString)) -> String {
    why.to_string()
}
