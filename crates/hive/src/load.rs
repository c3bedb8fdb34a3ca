//! What has to hold before and after recovery for a file to be read as a hive.

use crate::base::{self, Base};
use crate::error::Reason;
use crate::store::Store;
use crate::{HiveError, LIMIT, bins};

/// The base block of a hive that may be unfinished.
pub(crate) fn base(store: &Store) -> Result<Base, HiveError> {
    let length = store.length();
    if length == 0 {
        return Err(HiveError::at(0, Reason::Empty));
    }
    let mut head = [0; base::HEAD];
    let there = length.min(base::HEAD);
    head[..there].copy_from_slice(store.bytes(0, there)?.unwrap_or_default());
    let base = Base::read(&head).map_err(|reason| HiveError::at(0, reason))?;
    let announced = base::SIZE as u64 + u64::from(base.bins);
    if base.intact && announced > LIMIT || !base.intact && length as u64 >= LIMIT {
        return Err(HiveError::at(40, Reason::TooLarge));
    }
    if base.kind != 0 && store.bytes(base::SIZE, 4)? != Some(b"hbin") {
        return Err(HiveError::at(28, Reason::ALog(base.kind)));
    }
    if length < base::SIZE + bins::HEAD {
        return Err(HiveError::at(length as u64, Reason::Truncated(length as u64)));
    }
    Ok(base)
}

/// Whether there is a hive behind the base block, and how long it is with it: as the base block says, or, when it is
/// damaged, as the bins say.
pub(crate) fn extent(base: &Base, store: &Store, notes: &mut Vec<String>) -> Result<usize, HiveError> {
    if base.major != 1 || !(1..=6).contains(&base.minor) {
        return Err(HiveError::at(20, Reason::Version(base.major, base.minor)));
    }
    if store.bytes(base::SIZE, 4)? != Some(b"hbin") {
        return Err(HiveError::at(base::SIZE as u64, Reason::NoBin));
    }
    let (said, there) = (base.bins as usize, store.length() - base::SIZE);
    if !base.intact {
        let measured = bins::measure(store)?;
        if measured != said {
            notes.push(format!(
                "the base block says {said} bytes of bins, {measured} were found (file offset 0x28)"
            ));
        }
        return Ok(base::SIZE + if measured == 0 { said.min(there) } else { measured });
    }
    if said > there {
        let end = store.length();
        notes.push(format!(
            "the file is cut off: {said} bytes of bins announced, {there} there (file offset {end:#x})"
        ));
    }
    Ok(base::SIZE + said.min(there))
}
