//! A saved snapshot from anybody: judged, and shown in every form without a control character.
#![no_main]

use std::sync::LazyLock;

use doorward_assess::{Options, assess, explain};
use doorward_knowledge::{Index, Knowledge};
use doorward_model::Snapshot;
use doorward_report::TextStyle;
use libfuzzer_sys::{Corpus, fuzz_target};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);
static INDEX: LazyLock<Index<'_>> = LazyLock::new(|| Index::new(&KNOWLEDGE));

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(mut snapshot) = serde_json::from_slice::<Snapshot>(input) else { return Corpus::Reject };
    snapshot.sort();
    let options = Options::default();
    let assessment = assess(&snapshot, &INDEX, &options);
    let audit = &assessment.audit;
    let mut cards = Vec::new();
    for service in audit.services.iter().take(3) {
        cards.extend(explain::cards(&assessment, &snapshot, &INDEX, &options, &service.name));
    }
    let forms = [
        doorward_report::text(audit, TextStyle::default()),
        doorward_report::markdown(audit),
        doorward_report::cards_text(&cards, TextStyle::default()),
        doorward_report::cards_markdown(&cards),
    ];
    for form in forms {
        assert!(form.chars().all(|c| c == '\n' || !c.is_control()));
    }
    for json in [doorward_report::json(audit), doorward_report::sarif(std::slice::from_ref(audit), "0")] {
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    }
    Corpus::Keep
});
