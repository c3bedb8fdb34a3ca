//! Compressed lists, as package managers keep them.

use std::fs::File;
use std::io::Read;

/// Most bytes that a list may unpack to; the largest real ones have a few tens of millions.
const UNPACKED_LIMIT: u64 = 256 << 20;

/// A reader of what `file` holds, by the ending of its name; the ending, where it is not known how to unpack it.
pub(super) fn reader(name: &str, file: File) -> Result<Box<dyn Read>, &str> {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let reader: Box<dyn Read> = match ending {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(std::io::BufReader::new(file))),
        Some("lz4") => Box::new(lz4_flex::frame::FrameDecoder::new(file)),
        Some(other @ ("xz" | "zst" | "bz2" | "lzma" | "zck")) => return Err(other),
        _ => Box::new(file),
    };
    Ok(Box::new(reader.take(UNPACKED_LIMIT)))
}
