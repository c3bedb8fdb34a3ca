//! A configuration file of IIS: as XML, then, beside a small registry, as each of the files that it could be.
#![no_main]

use std::sync::LazyLock;

use doorward_fuzz::{bounded, machines};
use doorward_windows_files::xml::Element;
use doorward_windows_files::{Disk, collect};
use libfuzzer_sys::{Corpus, fuzz_target};

const NAMES: [&str; 3] = ["MetaBase.xml", "applicationHost.config", "redirection.config"];

/// A registry in which all services of IIS start.
static SYSTEM: LazyLock<Vec<u8>> = LazyLock::new(machines::with_iis);

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(elements) = bounded(input.len(), || Element::parse(input).ok().map(|root| count(&root))) else {
        return Corpus::Keep;
    };
    // The shortest element is `<a/>`.
    assert!(elements <= input.len() / 4, "{elements} elements in {} bytes", input.len());
    for name in NAMES {
        bounded(input.len(), || {
            let files = vec![("SYSTEM".to_owned(), SYSTEM.clone()), (name.to_owned(), input.to_vec())];
            let snapshot = collect(&Disk::from_memory(files).expect("a sound hive"));
            let iis = snapshot.windows.and_then(|windows| windows.iis).expect("IIS is there");
            assert!(iis.sites.len() <= elements);
        });
    }
    Corpus::Keep
});

fn count(element: &Element) -> usize {
    1 + element.children.iter().map(count).sum::<usize>()
}
