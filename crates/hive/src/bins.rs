//! Bins: the blocks of whole pages that a hive consists of.

use crate::base;
use crate::store::Store;
use crate::{HiveError, bytes};

/// Bins begin and end at multiples of this.
pub(crate) const PAGE: usize = 4096;

/// Length of a bin's head.
pub(crate) const HEAD: usize = 32;

/// Size of the bin with this head, if the head is sound and belongs here.
pub(crate) fn size(head: &[u8], at: usize) -> Option<usize> {
    let size = bytes::u32(head, 8) as usize;
    let sound = head.starts_with(b"hbin") && bytes::u32(head, 4) as usize == at;
    (sound && size >= PAGE && size.is_multiple_of(PAGE)).then_some(size)
}

/// Length of the bins that have sound heads and follow each other from the first one on, for when the base block cannot
/// tell.
pub(crate) fn measure(store: &Store) -> Result<usize, HiveError> {
    let all = store.length() - base::SIZE;
    let mut at = 0;
    while let Some(head) = store.bytes(base::SIZE + at, HEAD)? {
        match size(head, at) {
            Some(size) if size < all - at => at += size,
            Some(_) => return Ok(all),
            None => break,
        }
    }
    Ok(at)
}
