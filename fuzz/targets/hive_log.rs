//! A hive that was left unfinished, and its logs, of both forms: what follows each further signature is a log.
#![no_main]

use doorward_fuzz::{bounded, files, machines, sealed, sealed_logs, seeds, walk::alike};
use doorward_hive::{Hive, Log};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Logs that are used; Windows writes two at most.
const LOGS: usize = 3;

fuzz_target!(init: seeds(machines::hives_with_logs()), |input: &[u8]| -> Corpus {
    let mut files = files(input);
    let logs = files.split_off(1);
    let hive = sealed(files.pop().unwrap_or_default());
    let logs = sealed_logs(&hive, logs);
    let named = || logs.iter().take(LOGS).enumerate().map(|(i, log)| Log::new(format!("LOG{i}"), log.as_slice()));
    bounded(input.len(), || {
        let whole = Hive::from_bytes(hive.clone(), named().collect());
        alike(input.len(), whole, Hive::open(hive.clone(), named().collect()))
    })
});
