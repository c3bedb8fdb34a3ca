//! Windows machines that exist nowhere, but could: what the targets begin with.

use doorward_hive::Kind;
use doorward_hive::testing::{HiveBuilder, entries_log, pages_log, unfinished};

use crate::with_options;

mod policies;
mod server;

/// A seed's name, and what is in it.
type Seed = (String, Vec<u8>);

/// A hive of each form, with something of everything.
pub fn hives() -> Vec<Seed> {
    let mut seeds: Vec<Seed> =
        [1, 3, 5].iter().map(|&minor| (format!("1.{minor}"), small(minor).build())).collect();
    let mut long = HiveBuilder::new(5);
    long.key("").value("in pieces", Kind::Binary, &[7; 20_000]);
    seeds.push(("pieces".into(), long.build()));
    let mut damaged = small(5).build();
    damaged[40] ^= 1;
    seeds.push(("damaged".into(), damaged));
    let sealed: Vec<Seed> =
        seeds.iter().map(|(name, hive)| (format!("{name}-sealed"), with_options(hive.clone(), 1))).collect();
    seeds.extend(sealed);
    seeds
}

/// Unfinished hives with their logs behind them.
pub fn hives_with_logs() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for minor in [1, 3, 5] {
        let mut builder = small(minor).sequence(10);
        let mut states = Vec::new();
        for step in 0..4u32 {
            let mut state = builder.build();
            if step == 0 {
                unfinished(&mut state);
                state = with_options(state, 3);
                doorward_hive::testing::seal(&mut state);
            }
            states.push(state);
            builder.key(&format!(r"ControlSet001\Services\New {step}")).u32("Start", step).value(
                "x",
                Kind::Binary,
                &[1; 900],
            );
        }
        let entries = |some: std::ops::RangeInclusive<usize>, sequence| {
            entries_log(&states[some].iter().map(Vec::as_slice).collect::<Vec<_>>(), sequence)
        };
        let [before, after] = [&states[0], &states[3]];
        let logs = [
            ("entries", vec![entries(0..=3, 10)]),
            ("two", vec![entries(1..=3, 11), entries(0..=1, 10)]),
            ("pages", vec![pages_log(before, after, 1, 11)]),
            ("old-pages", vec![pages_log(before, after, 2, 10)]),
            ("none", vec![]),
        ];
        for (name, logs) in logs {
            let mut file = before.clone();
            file.extend(logs.into_iter().flatten());
            seeds.push((format!("1.{minor}-{name}"), file));
        }
    }
    seeds
}

/// Whole registries, their hives one after the other.
pub fn machines() -> Vec<Seed> {
    let sealed = |hive: HiveBuilder| with_options(hive.build(), 1);
    let all = |hives: Vec<HiveBuilder>| hives.into_iter().flat_map(sealed).collect::<Vec<u8>>();
    vec![
        ("system".into(), all(vec![server::system(5)])),
        (
            "whole".into(),
            all(vec![server::system(5), server::software(5), server::sam(3), policies::security()]),
        ),
        ("old".into(), all(vec![server::old_system(), server::software(3)])),
        ("software".into(), all(vec![server::software(5)])),
        ("accounts".into(), all(vec![server::sam(3), policies::security()])),
        ("small".into(), all(vec![small(5)])),
    ]
}

/// A SYSTEM in which all services of IIS start.
pub fn with_iis() -> Vec<u8> {
    let mut hive = HiveBuilder::new(5);
    hive.key("Select").u32("Current", 1);
    for name in ["W3SVC", "MSFTPSVC", "FTPSVC", "SMTPSVC", "NntpSvc", "NetTcpActivator"] {
        hive.key(&format!(r"ControlSet001\Services\{name}")).u32("Start", 2).u32("Type", 0x20);
    }
    hive.build()
}

/// Security descriptors of all kinds.
pub fn descriptors() -> Vec<Seed> {
    let (everyone, system, account) = (sid(1, &[0]), sid(5, &[18]), sid(5, &[21, 1, 2, 3, 1001]));
    let list =
        descriptor(&[(0, 0, 0xf_003f, &sid(5, &[32, 544])), (1, 8, 0x2_0019, &everyone), (5, 0, 1, &system)]);
    let mut none = list.clone();
    none[16..20].fill(0);
    vec![
        ("list".into(), list),
        ("empty".into(), descriptor(&[])),
        ("none".into(), none),
        ("one".into(), descriptor(&[(0, 0, 0x1f_01ff, &account)])),
        ("sid".into(), account),
    ]
}

/// A SYSTEM as small as can be, with something of everything that a hive can hold.
fn small(minor: u32) -> HiveBuilder {
    let mut hive = HiveBuilder::new(minor).named(r"\SystemRoot\System32\Config\SYSTEM").leaf(3);
    hive.key("Select").u32("Current", 1);
    for (name, start) in [("W3SVC", 2), ("TlntSvr", 3), ("HTTP", 3), ("Schedule", 2)] {
        let key = hive.key(&format!(r"ControlSet001\Services\{name}"));
        key.u32("Start", start)
            .u32("Type", 0x20)
            .expand_string("ImagePath", &format!(r"%SystemRoot%\{name}.exe"));
    }
    hive.key(r"ControlSet001\Services\W3SVC")
        .strings("DependOnService", &["RPCSS", "HTTP"])
        .value("wide", Kind::U64, &7u64.to_le_bytes())
        .value("other", Kind::Other(0x1234), &[1; 5])
        .value("none", Kind::None, &[])
        .value("", Kind::U32BigEndian, &[0, 0, 0, 1])
        .security(&descriptor(&[(0, 0, 1, &sid(5, &[18]))]))
        .written(1_600_000_000);
    hive.key(r"ControlSet001\Control\Lsa").class("0123abcd");
    hive.key(r"ControlSet001\Enum\Größe").string("Привет", "ключ");
    hive
}

/// A SID.
pub(crate) fn sid(authority: u8, parts: &[u32]) -> Vec<u8> {
    let mut sid = vec![1, u8::try_from(parts.len()).expect("few parts"), 0, 0, 0, 0, 0, authority];
    sid.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    sid
}

/// A self-relative descriptor that SYSTEM owns, with these entries: type, flags, mask, SID.
pub(crate) fn descriptor(entries: &[(u8, u8, u32, &[u8])]) -> Vec<u8> {
    let half = |number: usize| u16::try_from(number).expect("a short list").to_le_bytes();
    let mut list = Vec::new();
    for (kind, flags, mask, sid) in entries {
        list.extend([*kind, *flags]);
        list.extend(half(8 + sid.len()));
        list.extend(mask.to_le_bytes());
        list.extend(*sid);
    }
    let mut bytes = vec![1, 0, 4, 0x80];
    let owner = 28 + u32::try_from(list.len()).expect("a short list");
    bytes.extend([owner, owner, 0, 20].into_iter().flat_map(u32::to_le_bytes));
    bytes.extend([2, 0]);
    bytes.extend(half(8 + list.len()));
    bytes.extend(half(entries.len()));
    bytes.extend([0, 0]);
    bytes.extend(list);
    bytes.extend(sid(5, &[18]));
    bytes
}
