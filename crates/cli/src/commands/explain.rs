//! `doorward explain`.

use anyhow::bail;
use doorward_assess::explain;

use crate::args::{CardFormat, ExplainArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::source::Source;
use crate::{judge, output};

pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let (knowledge, snapshot) = Source::one(&args.source, "a card")?.read(&config)?;
    let index = judge::index(&knowledge, &snapshot, &config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let cards = explain::cards(&assessment, &snapshot, &index, &config.options(), &args.what);
    if cards.is_empty() {
        let names = assessment.audit.services.iter().map(|s| s.name.as_str());
        let near: Vec<&str> = names.filter(|n| n.contains(args.what.as_str())).take(8).collect();
        let hint = match near.as_slice() {
            [] => "doorward audit lists what there is".to_owned(),
            some => format!("did you mean {}", some.join(", ")),
        };
        bail!("no service, package or door here is named {:?}; {hint}", args.what);
    }
    output::print(&match args.format {
        CardFormat::Text => doorward_report::cards_text(&cards, output::style()),
        CardFormat::Json => doorward_report::cards_json(&cards),
        CardFormat::Markdown => doorward_report::cards_markdown(&cards),
    })?;
    Ok(Exit::Done)
}
