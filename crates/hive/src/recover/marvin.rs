//! Marvin32, the checksum of log entries.

use crate::bytes;

/// The seed that logs are summed with.
const SEED: u64 = 0x82EF_4D88_7A4E_55C5;

/// Marvin32 with the seed of registry logs.
pub(crate) fn marvin(data: &[u8]) -> u64 {
    let seed = SEED.to_le_bytes();
    let mut state = (bytes::u32(&seed, 0), bytes::u32(&seed, 4));
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        mix(&mut state, bytes::u32(word, 0));
    }
    let rest = words.remainder();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    mix(&mut state, u32::from_le_bytes(last));
    mix(&mut state, 0);
    u64::from(state.1) << 32 | u64::from(state.0)
}

fn mix((low, high): &mut (u32, u32), word: u32) {
    *low = low.wrapping_add(word);
    *high ^= *low;
    *low = low.rotate_left(20).wrapping_add(*high);
    *high = high.rotate_left(9) ^ *low;
    *low = low.rotate_left(27).wrapping_add(*high);
    *high = high.rotate_left(19);
}

#[cfg(test)]
mod tests {
    use super::marvin;

    #[test]
    fn known_sums() {
        // Head of an entry in a log that Windows 10 wrote, and the sum that it wrote behind it.
        let head = [
            0x48, 0x76, 0x4c, 0x45, 0x00, 0x3e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6e, 0x00, 0x00, 0x00,
            0x00, 0x70, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x7d, 0x64, 0xf5, 0x94, 0x77, 0x48, 0x58,
        ];
        assert_eq!(marvin(&head), 0xae03_9151_c075_6be3);
        let different: Vec<u64> = (0..head.len()).map(|n| marvin(&head[..n])).collect();
        assert!(different.iter().all(|sum| different.iter().filter(|other| sum == *other).count() == 1));
    }
}
