//! The evaluator against the kernel itself: random rulesets, real packets between two network namespaces.
//!
//! Root only; says so and passes otherwise. Figures can be set: `DOORWARD_RULESETS=10000 DOORWARD_SEED=1`.
#![allow(clippy::pedantic, missing_docs)]
#![expect(clippy::disallowed_methods, reason = "the test makes namespaces and loads rulesets")]

mod generate;
mod lab;
mod random;

use std::time::{Duration, Instant};

use doorward_netfilter::{Fate, Packet, Query, Reach, Ruleset, Target};

use crate::generate::Generator;
use crate::lab::{Lab, Probe, Seen};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[test]
fn real_packets_agree_with_the_evaluator() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: making network namespaces needs root");
        return;
    }
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => {
            eprintln!("skipped: no network namespaces with nftables here: {why}");
            return;
        }
    };
    let clock = u64::from(std::process::id());
    let (seed, rulesets) = (setting("DOORWARD_SEED", 0x5eed ^ clock), setting("DOORWARD_RULESETS", 60));
    eprintln!("DOORWARD_SEED={seed} DOORWARD_RULESETS={rulesets}");
    let begun = Instant::now();
    let (mut probes, mut open, mut undecided) = (0, 0, 0);
    for number in 0..rulesets {
        let mut generator = Generator::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(number));
        let text = generator.ruleset();
        let (text, listing) = load(&lab, text);
        let rules = Ruleset::parse(&listing).expect("a listing of nft");
        let mut wanted = generator.probes();
        if text.contains("add @seen") {
            // A client's first packet changes what its second one meets.
            let mut known = Vec::new();
            wanted.retain(|probe| {
                !known.contains(&probe.from) && {
                    known.push(probe.from);
                    true
                }
            });
        }
        let seen = lab.probe(&wanted, Duration::from_millis(30));
        for (probe, seen) in wanted.iter().zip(seen) {
            probes += 1;
            let packet = packet(probe, &seen);
            let fate = rules.fate(&packet, &lab.interfaces());
            open += u64::from(seen.arrived_at.is_some());
            undecided += u64::from(matches!(fate, Fate::Undecided { .. }));
            if agrees(&fate, &seen) {
                check_whole(&rules, &lab, &packet, &fate, &text);
                continue;
            }
            // A loaded machine can be late; a second look, alone and patient, decides.
            lab.load(&text).expect("loaded before");
            let again = lab.probe(std::slice::from_ref(probe), Duration::from_millis(700)).remove(0);
            let fate = rules.fate(&self::packet(probe, &again), &lab.interfaces());
            assert!(
                agrees(&fate, &again),
                "seed {seed}, ruleset {number}: {probe:?} was {again:?}, evaluated as {fate:?}\n{text}"
            );
        }
    }
    eprintln!(
        "{rulesets} rulesets, {probes} packets, {open} arrived, {undecided} undecided, no disagreement, {:?}",
        begun.elapsed()
    );
    assert!(undecided * 10 < probes, "too much is undecided: {undecided} of {probes}");
    assert!(rulesets < 20 || (open * 20 > probes && open * 20 < probes * 19), "the rulesets test nothing");
}

/// Loads a ruleset without the rules that nft or this kernel does not take.
fn load(lab: &Lab, mut text: String) -> (String, serde_json::Value) {
    loop {
        let refusal = match lab.load(&text) {
            Ok(listing) => return (text, listing),
            Err(refusal) => refusal,
        };
        // The first line is the one that flushes; messages count from 1.
        let line = refusal
            .split("/dev/stdin:")
            .nth(1)
            .and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        let mut lines: Vec<&str> = text.lines().collect();
        match line
            .and_then(|n| n.checked_sub(2))
            .filter(|n| lines.get(*n).is_some_and(|l| l.starts_with("  ")))
        {
            Some(bad) => {
                if std::env::var_os("DOORWARD_SHOW_REFUSED").is_some() {
                    eprintln!(
                        "refused: {}: {}",
                        lines[bad].trim(),
                        refusal.lines().next().unwrap_or_default()
                    );
                }
                lines.remove(bad);
            }
            None => panic!("nft refused what was generated: {refusal}\n{text}"),
        }
        text = lines.join("\n");
    }
}

fn packet(probe: &Probe, seen: &Seen) -> Packet {
    Packet {
        protocol: probe.protocol,
        source: probe.from,
        source_port: seen.source_port,
        destination: probe.to,
        port: probe.port,
        interface: probe.interface.to_owned(),
    }
}

fn agrees(fate: &Fate, seen: &Seen) -> bool {
    match fate {
        Fate::Undecided { .. } => true,
        Fate::Dropped | Fate::Forwarded { .. } => seen.arrived_at.is_none(),
        Fate::Delivered { port, .. } if !lab::PORTS.contains(port) => seen.arrived_at.is_none(),
        Fate::Delivered { port, .. } => seen.arrived_at.is_some_and(|at| at.is_none_or(|at| at == *port)),
    }
}

/// The answer for all clients at once must not contradict the one for this client.
fn check_whole(rules: &Ruleset, lab: &Lab, packet: &Packet, fate: &Fate, text: &str) {
    let query = Query {
        protocol: packet.protocol,
        family: doorward_netfilter::Family::of(packet.destination),
        address: Some(packet.destination),
        port: packet.port,
        bound_to: Some(packet.interface.clone()),
        interfaces: lab.interfaces(),
        target: Target::Anything,
    };
    let answer = rules.reach(&query);
    let contradiction = match (&answer.reach, fate) {
        (Reach::Closed, Fate::Delivered { .. } | Fate::Forwarded { .. }) => true,
        // A client may choose another source port.
        (Reach::Open, Fate::Dropped) => answer.notes.is_empty() && !text.contains("sport"),
        _ => false,
    };
    assert!(!contradiction, "{packet:?} is {fate:?}, yet the door is {answer:?}\n{text}");
}
