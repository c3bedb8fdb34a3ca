//! `doorward reach`: whether a client gets through the packet filter to a port, and by which rule.

use std::path::Path;

use anyhow::Context as _;
use doorward_assess::reach::{Asked, reach};
use doorward_model::reach::{ReachState, ReachVerdict};
use doorward_model::{PacketFilter, Snapshot, Subject};

use crate::args::{Expect, ReachArgs, StateWord};
use crate::config::Config;
use crate::exit::Exit;
use crate::source::{self, Source};
use crate::{judge, output};

/// A listing may not be larger.
const RULESET_LIMIT: u64 = 1 << 28;

pub(crate) fn run(args: &ReachArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let (knowledge, mut snapshot) = Source::one(&args.source, "a way in")?.read(&config)?;
    if let Some(file) = &args.ruleset {
        replace_rules(&mut snapshot, file)?;
    }
    let index = judge::index(&knowledge, &snapshot, &config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let asked = Asked {
        client: args.client,
        protocol: args.port.protocol,
        port: args.port.number,
        interface: args.interface.clone(),
        to: args.to,
        state: match args.state {
            StateWord::New => ReachState::New,
            StateWord::Established => ReachState::Established,
        },
    };
    let report = reach(&snapshot, &assessment.audit, &asked)?;
    let style = output::style();
    output::print_report(args.form.format, &report, || doorward_report::reach_text(&report, style))?;
    Ok(match (report.verdict, args.expect) {
        (ReachVerdict::Undecided, _) => Exit::Incomplete,
        (ReachVerdict::Open, Expect::Open) | (ReachVerdict::Closed, Expect::Closed) => Exit::Done,
        _ => Exit::Found,
    })
}

/// The same host with other rules, of which nothing is unseen.
fn replace_rules(snapshot: &mut Snapshot, file: &Path) -> anyhow::Result<()> {
    let text = source::text(file, RULESET_LIMIT)?;
    let ruleset = serde_json::from_str(&text)
        .with_context(|| format!("{}: not what nft -j list ruleset prints", file.display()))?;
    snapshot.filter = PacketFilter::Nftables { ruleset };
    snapshot.unseen.retain(|u| u.subject != Subject::Filter);
    Ok(())
}
