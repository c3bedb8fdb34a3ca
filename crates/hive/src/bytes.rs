//! Little-endian numbers from slices, without panics: what lies outside reads as zero. Whoever reads has checked the
//! length before; zero is only the second line.

pub(crate) fn u16(data: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(take(data, at))
}

pub(crate) fn u32(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(take(data, at))
}

pub(crate) fn u64(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(take(data, at))
}

fn take<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    data.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
