//! `doorward audit`.

use doorward_model::Audit;

use crate::args::{AuditArgs, Format};
use crate::config::Config;
use crate::exit::Exit;
use crate::source::Source;
use crate::{judge, output};

mod many;

pub(crate) fn run(args: &AuditArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let one = match Source::of(&args.source)? {
        Source::One(one) => one,
        Source::Many(machines) => return many::run(args, &config, &machines),
    };
    let (knowledge, snapshot) = one.read(&config)?;
    let index = judge::index(&knowledge, &snapshot, &config)?;
    if let Some(path) = &args.snapshot_out {
        output::write_file(path, &serde_json::to_string_pretty(&snapshot)?)?;
    }
    let audit = doorward_assess::assess(&snapshot, &index, &config.options()).audit;
    match args.format {
        Format::Json => output::print_json(&audit)?,
        format => output::print(&rendered(&audit, format))?,
    }
    let exit = judge::exit(&audit, &snapshot, args.fail_on.or(config.fail_on));
    // The program ends: the system takes all back at once, where taking it apart costs a tenth of an audit's time.
    std::mem::forget((audit, index, snapshot));
    std::mem::forget(knowledge);
    Ok(exit)
}

fn rendered(audit: &Audit, format: Format) -> String {
    match format {
        Format::Text => doorward_report::text(audit, output::style()),
        Format::Json => doorward_report::json(audit),
        Format::Sarif => doorward_report::sarif(std::slice::from_ref(audit), env!("CARGO_PKG_VERSION")),
        Format::Markdown => doorward_report::markdown(audit),
    }
}
