//! What the targets share: seeds that are made when a target starts, inputs of several files, and a bound on memory.

use std::path::PathBuf;

use doorward_hive::testing::{seal, seal_log};
use peak_alloc::PeakAlloc;

pub mod machines;
pub mod walk;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The variable in which `cargo xtask fuzz` names the folder for seeds that are made.
const SEEDS: &str = "DOORWARD_FUZZ_SEEDS";

/// Memory that any input may take, and how much more for each of its bytes.
const MEMORY_FLAT: usize = 64 << 20;
const MEMORY_PER_BYTE: usize = 256;

/// Where a hive's base block has nothing: there stands what is to be done with an input before it is read.
const OPTIONS: usize = 2048;

/// Writes a target's seeds before they are read. Those that a few lines of Rust can make need not be kept as binary files.
pub fn seeds(made: Vec<(String, Vec<u8>)>) {
    let Some(folder) = std::env::var_os(SEEDS).map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).expect("a folder for seeds");
    for (name, bytes) in made {
        std::fs::write(folder.join(name), bytes).expect("a seed");
    }
}

/// Runs it, and makes sure that memory stays within what an input of this length is worth.
pub fn bounded<T>(length: usize, run: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = run();
    let (taken, most) = (MEMORY.peak_usage().saturating_sub(before), MEMORY_FLAT + length * MEMORY_PER_BYTE);
    assert!(taken <= most, "{taken} bytes of memory for an input of {length}");
    result
}

/// The registry files that an input consists of: each begins with a hive's signature, the first one where the input does.
pub fn files(input: &[u8]) -> Vec<Vec<u8>> {
    let starts = (1..input.len()).filter(|&at| input[at..].starts_with(b"regf"));
    let bounds: Vec<usize> = [0].into_iter().chain(starts).chain([input.len()]).collect();
    bounds.windows(2).map(|pair| input[pair[0]..pair[1]].to_vec()).collect()
}

/// Corrects the checksum of a hive, if its base block asks for it: a change of the base block alone would only ever show
/// what is done with damaged ones.
pub fn sealed(mut hive: Vec<u8>) -> Vec<u8> {
    if option(&hive, 1) && hive.len() >= 512 {
        seal(&mut hive);
    }
    hive
}

/// Corrects all checksums of a hive's logs, if the hive asks for it.
pub fn sealed_logs(hive: &[u8], mut logs: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if option(hive, 2) {
        logs.iter_mut().for_each(|log| seal_log(log));
    }
    logs
}

fn option(hive: &[u8], bit: u8) -> bool {
    hive.get(OPTIONS).is_some_and(|options| options & bit != 0)
}

/// Sets the options of a seed.
pub fn with_options(mut hive: Vec<u8>, options: u8) -> Vec<u8> {
    if let Some(byte) = hive.get_mut(OPTIONS) {
        *byte = options;
    }
    hive
}
