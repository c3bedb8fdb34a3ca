//! Shared secrets, for peers without certificates.

use std::path::Path;

use doorward_ipsec::PreSharedKey;
use rustix::fs::CWD;
use zeroize::Zeroizing;

use crate::PkiError;
use crate::folder::{self, PRIVATE};

/// Writes a new shared secret of 256 bits into a file that was not there, for its owner alone.
pub fn write_secret(path: &Path) -> Result<(), PkiError> {
    let mut bits = Zeroizing::new([0; 32]);
    getrandom::fill(bits.as_mut()).map_err(PkiError::Random)?;
    let key = PreSharedKey::from_random(&bits);
    let line = Zeroizing::new(format!("{}\n", key.reveal()));
    folder::make(CWD, path, path, PRIVATE, line.as_bytes(), "take another name")
}
