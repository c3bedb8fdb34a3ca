//! The card of one service, as text and Markdown.

use std::fmt::Write as _;

use doorward_assess::explain::Card;
use doorward_model::{Link, MemoryMethod};

use crate::markdown::cell;
use crate::table::wrap;
use crate::text::{bold, coloured};
use crate::view::{bytes, reached_by, start_of, state_word};
use crate::{TextStyle, escape};

/// Linux has 41 (6.x); one that has more than this of them is root in all but name.
const MANY_CAPABILITIES: usize = 25;
/// Width of the labels in front of a card's lines.
const LABEL: usize = 14;

/// A card as labelled paragraphs: the one source of both forms.
fn paragraphs(card: &Card) -> Vec<(&'static str, Vec<String>)> {
    let s = &card.service;
    let mut all: Vec<(&'static str, Vec<String>)> = Vec::new();
    let mut add = |label, lines: Vec<String>| {
        if !lines.is_empty() {
            all.push((label, lines));
        }
    };
    add(
        "what",
        card.what.iter().chain(card.description.iter().filter(|_| card.what.is_none())).cloned().collect(),
    );
    add(
        "verdict",
        s.evidence
            .iter()
            .enumerate()
            .map(|(at, e)| {
                let by = e.by.as_ref().map(|b| format!("by {b}: ")).unwrap_or_default();
                let verdict = if at == 0 { format!("{}: ", s.verdict.as_str()) } else { String::new() };
                format!("{verdict}{by}{}", e.detail)
            })
            .collect(),
    );
    add("runs", runs(card));
    add(
        "doors",
        card.doors
            .iter()
            .map(|d| {
                let owner = d.service.as_ref().filter(|owner| **owner != s.name);
                let owner = owner.map(|owner| format!(" of {owner}")).unwrap_or_default();
                let port = match (d.port, &d.name) {
                    (Some(port), _) => format!("/{port}"),
                    (None, Some(name)) => format!(" {name}"),
                    (None, None) => String::new(),
                };
                let limits = if d.limited_to.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", d.limited_to.join(", "))
                };
                let rule = d.decided_by.as_ref().map(|r| format!(", by rule: {r}")).unwrap_or_default();
                let reason = d.reasons.first().map(|r| format!(" — {r}")).unwrap_or_default();
                format!(
                    "{}{port}{owner} at {}, reached by {}{limits}{rule}: {}{reason}",
                    d.protocol.as_str(),
                    d.address,
                    reached_by(d),
                    d.verdict.as_str()
                )
            })
            .collect(),
    );
    add("gives", card.gives.iter().cloned().collect());
    add(
        "attacked",
        card.history
            .iter()
            .map(|v| {
                let exploited = if v.exploited { "  KNOWN EXPLOITED" } else { "" };
                let bulletin = v.bulletin.as_ref().map(|b| format!(" ({b})")).unwrap_or_default();
                format!("{}{bulletin}  {}{exploited}", v.id, v.what)
            })
            .collect(),
    );
    add("needs", links(&card.needs, |l| &l.to));
    add("needed by", links(&card.needed_by, |l| &l.from));
    add("came by", package(card));
    add("costs", Some(costs(card)).filter(|costs| !costs.is_empty()).into_iter().collect());
    if let Some(w) = &card.windows {
        add("registry", w.registry.clone());
        add("installed", w.as_installed.clone());
        add("the role", w.roles.clone());
        add(
            "patches",
            w.patch_burden.iter().map(|burden| format!("{burden}: {}", w.hotfixes.join(", "))).collect(),
        );
        let setting = |s: &doorward_model::AccessSetting| {
            format!("{} = {}: {} ({})", s.name, s.value, s.meaning, s.place)
        };
        add("settings", w.settings.iter().map(setting).collect());
        let share = |s: &doorward_model::WindowsShare| {
            let path = s.path.as_deref().unwrap_or(&s.kind);
            format!("{} shares {path}: {}", s.name, s.access.join("; "))
        };
        add("shares", w.shares.iter().map(share).collect());
    }
    add("loses", card.loses.iter().cloned().collect());
    add("would do", card.actions.iter().map(|a| a.text.clone()).collect());
    add(
        "restrict",
        card.restrict
            .iter()
            .map(|r| {
                let place = match (r.file.as_ref().or(r.registry.as_ref()), &r.setting, &r.value) {
                    (Some(f), Some(s), Some(v)) => format!(" ({f}: {s} = {v})"),
                    (Some(f), Some(s), None) => format!(" ({f}: {s})"),
                    (Some(f), None, _) => format!(" ({f})"),
                    _ => String::new(),
                };
                let check = r.check.as_ref().map(|c| format!("; check with {c}")).unwrap_or_default();
                format!("{}{place}{check}", r.text)
            })
            .collect(),
    );
    add("listed in", card.benchmarks.clone());
    add("sources", card.sources.clone());
    all
}

fn runs(card: &Card) -> Vec<String> {
    let r = &card.runs;
    let mut first =
        vec![state_word(card.service.state).to_owned(), format!("start {}", start_of(&card.service))];
    first.extend(r.executable.clone());
    if r.processes > 0 {
        first.push(format!("{} process{}", r.processes, if r.processes == 1 { "" } else { "es" }));
    }
    first.extend(r.user.as_ref().map(|u| format!("as {u}")));
    let mut lines = vec![first.join(", ")];
    match r.capabilities.as_slice() {
        [] => {}
        [all] if all == "all" => lines.push("all capabilities".to_owned()),
        many if many.len() > MANY_CAPABILITIES => {
            lines.push(format!("{} capabilities: nearly all that root has", many.len()));
        }
        few => lines.push(format!("capabilities: {}", few.join(" "))),
    }
    lines.extend(r.definition.as_ref().map(|d| format!("defined in {d}")));
    lines
}

fn links(links: &[Link], end: impl Fn(&Link) -> &String) -> Vec<String> {
    links.iter().map(|l| format!("{}  {}: {}", end(l), kind(l), l.detail)).collect()
}

fn kind(link: &Link) -> &'static str {
    match link.kind {
        doorward_model::EvidenceKind::Observed => "observed",
        _ => "declared",
    }
}

fn package(card: &Card) -> Vec<String> {
    let Some(p) = &card.package else { return Vec::new() };
    let how = match p.package.manual {
        Some(true) => ", asked for by hand",
        Some(false) => ", came along as a dependency",
        None => "",
    };
    let mut lines = vec![format!("package {} {}{how}", p.name, p.package.version)];
    if !p.package.required_by.is_empty() {
        lines.push(format!("packages that need it: {}", p.package.required_by.join(", ")));
    }
    if !p.package.removal_takes.is_empty() {
        lines.push(format!("its removal takes along: {}", p.package.removal_takes.join(", ")));
    }
    if !p.package.orphans_after_removal.is_empty() {
        lines.push(format!("could go with it: {}", p.package.orphans_after_removal.join(", ")));
    }
    lines
}

fn costs(card: &Card) -> String {
    let mut parts = Vec::new();
    if let Some(m) = card.cost.memory {
        let method = match m.method {
            MemoryMethod::Cgroup => "its cgroup",
            MemoryMethod::Pss => "proportional share",
            MemoryMethod::Rss => "resident, shared pages counted each time",
        };
        parts.push(format!("{} of memory ({method})", bytes(m.bytes)));
    }
    if let Some(usec) = card.cost.cpu_usec {
        parts.push(format!("{}.{:02} s of CPU time since it started", usec / 1_000_000, usec / 10_000 % 100));
    }
    if card.windows.is_some() {
        return parts.join("; "); // what waits is not told by a disk; the hotfixes are told by themselves
    }
    parts.push(match card.cost.security_update {
        Some(true) => "a security update waits".to_owned(),
        Some(false) => "no security update waits".to_owned(),
        None => "security updates not known: no local lists".to_owned(),
    });
    parts.join("; ")
}

pub(crate) fn text(cards: &[Card], style: TextStyle) -> String {
    let mut out = String::new();
    for (at, card) in cards.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let title = if card.title == card.service.name {
            escape(&card.title).into_owned()
        } else {
            format!("{} ({})", escape(&card.service.name), escape(&card.title))
        };
        let _ = writeln!(out, "{}", bold(&title, style));
        for (label, lines) in paragraphs(card) {
            for (at, line) in lines.iter().flat_map(|l| indented(l, style.width)).enumerate() {
                let label = if at == 0 { label } else { "" };
                let verdict = (label == "verdict").then_some(card.service.verdict);
                let _ =
                    writeln!(out, "  {label:<width$}{}", coloured(&line, verdict, style), width = LABEL - 2);
            }
        }
    }
    out
}

/// A paragraph's lines: what does not fit goes on, indented.
fn indented(line: &str, width: usize) -> Vec<String> {
    let room = width.saturating_sub(LABEL + 2).max(20);
    let lines = wrap(&escape(line), room);
    lines.into_iter().enumerate().map(|(at, l)| if at == 0 { l } else { format!("  {l}") }).collect()
}

pub(crate) fn markdown(cards: &[Card]) -> String {
    let mut out = String::new();
    for card in cards {
        let _ = writeln!(out, "# {}\n", cell(&escape(&card.title)));
        for (label, lines) in paragraphs(card) {
            let _ = writeln!(out, "**{label}**\n");
            for line in lines {
                let _ = writeln!(out, "- {}", cell(&escape(&line)));
            }
            out.push('\n');
        }
    }
    out
}
