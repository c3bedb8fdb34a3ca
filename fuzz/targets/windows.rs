//! The registry of a whole machine, as its hives one after the other: collected, judged, and shown.
#![no_main]

use std::sync::LazyLock;

use doorward_assess::{Options, assess};
use doorward_fuzz::{bounded, files, machines, sealed, seeds};
use doorward_knowledge::{Index, Knowledge};
use doorward_model::Snapshot;
use doorward_report::TextStyle;
use doorward_windows_files::{Disk, collect};
use libfuzzer_sys::{Corpus, fuzz_target};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);
static INDEX: LazyLock<Index<'_>> = LazyLock::new(|| Index::new(&KNOWLEDGE));

fuzz_target!(
    init: {
        LazyLock::force(&INDEX);
        seeds(machines::machines());
    },
    |input: &[u8]| -> Corpus {
        let hives = files(input).into_iter().enumerate().map(|(i, hive)| (format!("hive{i}"), sealed(hive)));
        bounded(input.len(), || {
            let Ok(disk) = Disk::from_memory(hives.collect()) else { return Corpus::Reject };
            let snapshot = collect(&disk);
            let saved = serde_json::to_string(&snapshot).expect("a snapshot can be saved");
            assert!(serde_json::from_str::<Snapshot>(&saved).is_ok_and(|back| back == snapshot));
            let assessment = assess(&snapshot, &INDEX, &Options::default());
            let text = doorward_report::text(&assessment.audit, TextStyle::default());
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
            Corpus::Keep
        })
    }
);
