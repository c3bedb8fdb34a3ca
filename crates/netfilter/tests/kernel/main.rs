//! The evaluator against the kernel itself: random rulesets, real packets between network namespaces.
//!
//! Root only; says so and passes otherwise. `DOORWARD_CASES=10000` makes so many rulesets, each met by some dozen
//! packets; `DOORWARD_SEED` chooses them. A disagreement prints what replays it: `DOORWARD_CASE`.
#![allow(clippy::pedantic, missing_docs)]
#![expect(clippy::disallowed_methods, reason = "the test makes namespaces and loads rulesets")]

mod generate;
mod lab;
mod random;

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use doorward_netfilter::{Fate, Packet, Probe as Asked, Query, Reach, Ruleset, Target, Transport};

use crate::generate::Generator;
use crate::lab::{Arrived, Lab, Probe, Seen};

/// Rulesets of a usual run.
const CASES: u64 = 300;
/// Labs that work at the same time: most of the time they wait for packets that do not come.
const LANES: u64 = 4;
const PATIENCE: Duration = Duration::from_millis(30);
/// A loaded machine can be late; a second look, alone and patient, decides.
const MORE_PATIENCE: Duration = Duration::from_millis(700);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// What was found.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    packets: u64,
    arrived: u64,
    forwarded: u64,
    established: u64,
    undecided: u64,
    second_looks: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.arrived += other.arrived;
        self.forwarded += other.forwarded;
        self.established += other.established;
        self.undecided += other.undecided;
        self.second_looks += other.second_looks;
    }
}

#[test]
fn real_packets_agree_with_the_evaluator() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: making network namespaces needs root");
        return;
    }
    let labs: Result<Vec<Lab>, String> = (0..LANES).map(Lab::new).collect();
    let labs = match labs {
        Ok(labs) => labs,
        Err(why) => {
            let required = std::env::var_os("DOORWARD_LAB").is_some_and(|v| v == "required");
            assert!(!required, "no network namespaces with nftables here: {why}");
            eprintln!("skipped: no network namespaces with nftables here: {why}");
            return;
        }
    };
    if let Some(case) = setting("DOORWARD_CASE") {
        eprintln!("{:?}", run(&labs[0], case));
        return;
    }
    let seed = setting("DOORWARD_SEED").unwrap_or(0x5eed ^ u64::from(std::process::id()));
    let cases = setting("DOORWARD_CASES").unwrap_or(CASES);
    eprintln!("DOORWARD_SEED={seed} DOORWARD_CASES={cases}");
    let (begun, next) = (Instant::now(), AtomicU64::new(0));
    let mut all = Figures::default();
    thread::scope(|scope| {
        let lane = |lab| {
            let mut sum = Figures::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= cases {
                    return sum;
                }
                sum += run(lab, seed.wrapping_mul(0x9e37_79b9).wrapping_add(number));
            }
        };
        let lanes: Vec<_> = labs.iter().map(|lab| scope.spawn(move || lane(lab))).collect();
        for lane in lanes {
            all += lane.join().unwrap_or_else(|panic| {
                next.store(cases, Ordering::Relaxed);
                std::panic::resume_unwind(panic)
            });
        }
    });
    eprintln!("{cases} rulesets, no disagreement in {:?}: {all:?}", begun.elapsed());
    let Figures { packets, arrived, forwarded, established, undecided, .. } = all;
    assert!(undecided * 10 < packets, "too much is undecided");
    if cases >= 100 {
        assert!(arrived * 20 > packets && arrived * 20 < packets * 19, "the rulesets test nothing");
        assert!(forwarded > 0 && established > cases / 8, "neither containers nor connections were tried");
    }
}

/// One ruleset, and packets that meet it.
fn run(lab: &Lab, case: u64) -> Figures {
    let mut generator = Generator::new(case);
    let text = generator.ruleset();
    let wanted = generator.probes();
    // Connections from before the rules are not translated by them.
    let connections = !text.contains("type nat") && generator.one_in(3);
    let mut figures = Figures::default();
    let text = new_packets(lab, case, text, wanted.clone(), &mut figures);
    if connections {
        established_packets(lab, case, &text, wanted, &mut figures);
    }
    figures
}

fn new_packets(lab: &Lab, case: u64, text: String, mut wanted: Vec<Probe>, figures: &mut Figures) -> String {
    let (text, listing) = load(lab, text);
    let rules = Ruleset::parse(&listing).expect("a listing of nft");
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
    let seen = lab.probe(&wanted, PATIENCE);
    for (probe, seen) in wanted.iter().zip(seen) {
        let packet = packet(probe, &seen);
        let fate = rules.fate(&packet, &lab.interfaces());
        figures.packets += 1;
        figures.arrived += u64::from(seen.arrived.is_some());
        figures.forwarded += u64::from(matches!(fate, Fate::Forwarded { .. }));
        figures.undecided += undecided(&fate);
        if agrees(&fate, &seen) {
            check_whole(&rules, lab, &packet, &fate, &text);
            continue;
        }
        figures.second_looks += 1;
        lab.load(&text).expect("loaded before");
        let again = lab.probe(std::slice::from_ref(probe), MORE_PATIENCE).remove(0);
        let fate = rules.fate(&self::packet(probe, &again), &lab.interfaces());
        assert!(
            agrees(&fate, &again),
            "DOORWARD_CASE={case}: {probe:?} was {again:?}, evaluated as {fate:?}\n{text}"
        );
    }
    text
}

/// Bytes in connections that were there before the rules.
fn established_packets(lab: &Lab, case: u64, text: &str, mut wanted: Vec<Probe>, figures: &mut Figures) {
    wanted.retain(|p| p.protocol == Transport::Tcp && lab::PORTS.contains(&p.port));
    let talk = |wanted: &[Probe], patience| {
        let mut connections = lab.establish(wanted);
        let listing = lab.replace(text).expect("loaded before");
        lab.talk(&mut connections, patience);
        let seen: Vec<Seen> = connections.into_iter().map(|(seen, _)| seen).collect();
        (Ruleset::parse(&listing).expect("a listing of nft"), seen)
    };
    let (rules, seen) = talk(&wanted, PATIENCE);
    let fate = |rules: &Ruleset, probe: &Probe, seen: &Seen| {
        let asked = Asked {
            protocol: probe.protocol,
            client: probe.from.into(),
            source_port: Some(seen.source_port),
            destination: Some(probe.to),
            port: probe.port,
            interface: probe.interface.to_owned(),
            established: true,
        };
        rules.trace(&asked, &lab.interfaces()).remove(0).fate
    };
    for (probe, seen) in wanted.iter().zip(seen) {
        figures.packets += 1;
        figures.established += 1;
        figures.arrived += u64::from(seen.arrived.is_some());
        let told = fate(&rules, probe, &seen);
        figures.undecided += undecided(&told);
        if agrees(&told, &seen) {
            continue;
        }
        figures.second_looks += 1;
        let (rules, again) = talk(std::slice::from_ref(probe), MORE_PATIENCE);
        let told = fate(&rules, probe, &again[0]);
        assert!(
            agrees(&told, &again[0]),
            "DOORWARD_CASE={case}: established {probe:?} was {:?}, evaluated as {told:?}\n{text}",
            again[0]
        );
    }
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

/// Counts, and with `DOORWARD_SHOW_UNDECIDED` tells, what is undecided.
fn undecided(fate: &Fate) -> u64 {
    let Fate::Undecided { why } = fate else { return 0 };
    if std::env::var_os("DOORWARD_SHOW_UNDECIDED").is_some() {
        eprintln!("undecided: {why}");
    }
    1
}

fn agrees(fate: &Fate, seen: &Seen) -> bool {
    match fate {
        Fate::Undecided { .. } => true,
        Fate::Dropped => seen.arrived.is_none(),
        Fate::Forwarded { port, .. } => match seen.arrived {
            Some(Arrived::Container(at)) => at == *port,
            Some(Arrived::Host(_)) | None => false,
            Some(Arrived::Somewhere) => true,
        },
        Fate::Delivered { port, .. } if !lab::PORTS.contains(port) => seen.arrived.is_none(),
        Fate::Delivered { port, .. } => match seen.arrived {
            Some(Arrived::Host(at)) => at == *port,
            Some(Arrived::Container(_)) | None => false,
            Some(Arrived::Somewhere) => true,
        },
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
