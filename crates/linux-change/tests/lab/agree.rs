//! The fake host of the tests and a real one are told the same, at random, and must do and say the same: what is proved
//! of the fake one would mean little otherwise.
//!
//! `DOORWARD_CASES` says how many scripts are played, `DOORWARD_SEED` which one alone.

use std::path::PathBuf;
use std::time::Duration;

use doorward_change::fake::{FakeHost, Random};
use doorward_change::system::{Activity, Node, System};
use doorward_lab::roots;
use serde::{Deserialize, Serialize};

use crate::inside::{Answer, Changed, Task};

const ADMIN: &str = "/etc/systemd/system";
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";
/// Each may depend on those behind it. The last two are a socket and its service.
const UNITS: [&str; 6] = [
    "doorward-a.service",
    "doorward-b.service",
    "doorward-c.service",
    "doorward-d.service",
    "doorward-e.socket",
    "doorward-e.service",
];
const SCRIPTS: u64 = 8;
const LENGTH: usize = 30;
const LIMIT: Duration = Duration::from_secs(30);

/// One thing to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Act {
    /// Bring paths into these states, and make the manager read them: it reads a unit that it has forgotten at any
    /// time, so that what it does before a reload cannot be foretold.
    Put(Vec<(PathBuf, Node)>),
    Start(String),
    Stop(String),
}

/// What came of it, and what is there afterwards.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Came {
    done: bool,
    units: Vec<(String, Activity)>,
    paths: Vec<(PathBuf, Node)>,
}

/// Plays a script on a host, and says what came of each act.
pub(crate) fn play(host: &mut dyn System, script: &[Act]) -> Vec<Came> {
    script.iter().map(|act| came(host, act)).collect()
}

fn came(host: &mut dyn System, act: &Act) -> Came {
    let done = match act {
        Act::Put(paths) => paths.iter().try_for_each(|(path, node)| host.put(path, node)).and(host.reload()),
        Act::Start(unit) => host.start(unit, LIMIT),
        Act::Stop(unit) => host.stop(unit, LIMIT),
    };
    let unit = |unit: &&str| ((*unit).to_owned(), host.activity(unit).unwrap());
    let path = |path: PathBuf| (path.clone(), host.node(&path).unwrap());
    let units = UNITS.iter().map(unit).collect();
    let paths = UNITS.iter().flat_map(|unit| places(unit)).map(path).collect();
    Came { done: done.is_ok(), units, paths }
}

/// Where a unit is defined or masked, and enabled.
fn places(unit: &str) -> [PathBuf; 2] {
    [ADMIN, WANTS].map(|folder| PathBuf::from(folder).join(unit))
}

fn script(random: &mut Random) -> Vec<Act> {
    let all = |node: &mut dyn FnMut(usize) -> Node| {
        Act::Put((0..UNITS.len()).map(|at| (places(UNITS[at])[0].clone(), node(at))).collect())
    };
    let mut script = vec![all(&mut |at| definition(random, at))];
    for _ in 0..LENGTH {
        let at = index(random);
        let unit = UNITS[at].to_owned();
        let [file, link] = places(&unit);
        script.push(match random.below(8) {
            0 => Act::Put(vec![(file, definition(random, at))]),
            // What starts another unit needs it to be there.
            1 if at < 4 => Act::Put(vec![(file, Node::Link { target: "/dev/null".into() })]),
            2 if at < 4 => Act::Put(vec![(file, Node::Absent)]),
            3 => Act::Put(vec![(link, Node::Link { target: file })]),
            4 | 5 => Act::Stop(unit),
            _ => Act::Start(unit),
        });
    }
    // Triggers first, so that nothing is started again.
    script.extend(["doorward-e.socket"].iter().chain(&UNITS).map(|unit| Act::Stop((*unit).to_owned())));
    script.push(all(&mut |_| Node::Absent));
    script.push(Act::Put(UNITS.iter().map(|unit| (places(unit)[1].clone(), Node::Absent)).collect()));
    script
}

fn index(random: &mut Random) -> usize {
    usize::try_from(random.below(UNITS.len() as u64)).unwrap()
}

fn definition(random: &mut Random, at: usize) -> Node {
    let mut text = "[Unit]\n".to_owned();
    for (other, unit) in UNITS.iter().enumerate().take(4) {
        if other > at && random.one_in(3) {
            let key = ["Requires", "Wants", "PartOf"][usize::try_from(random.below(3)).unwrap()];
            text.extend([key, "=", unit, "\n"]);
        }
    }
    text += match at {
        4 => "[Socket]\nListenStream=7991\n",
        _ => "[Service]\nExecStart=/usr/bin/sleep infinity\n",
    };
    Node::File { content: text.into_bytes(), mode: 0o644, uid: 0, gid: 0 }
}

fn shown(act: &Act) -> String {
    let node = |(path, node): &(PathBuf, Node)| match node {
        Node::File { content, .. } => {
            format!("{}: {}", path.display(), String::from_utf8_lossy(content).replace('\n', " "))
        }
        Node::Link { target } => format!("{} -> {}", path.display(), target.display()),
        Node::Absent => format!("{}: none", path.display()),
    };
    match act {
        Act::Put(paths) => paths.iter().map(node).collect::<Vec<_>>().join("\n"),
        Act::Start(unit) => format!("start {unit}"),
        Act::Stop(unit) => format!("stop {unit}"),
    }
}

#[test]
fn a_fake_host_does_as_a_real_one() {
    let Some(host) = Changed::boot(&roots::STATIC_NGINX) else { return };
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seeds = match number("DOORWARD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DOORWARD_CASES").unwrap_or(SCRIPTS),
    };
    let mut seen = [0; 2];
    for seed in seeds {
        let script = script(&mut Random::new(seed));
        let fake = play(&mut FakeHost::new(), &script);
        let Answer::Came(real) = host.ask(&Task::Play(script.clone())) else {
            panic!("DOORWARD_SEED={seed}")
        };
        for at in 0..script.len() {
            let so_far: Vec<String> = script[..=at].iter().map(shown).collect();
            let (fake, real) = (&fake[at], &real[at]);
            assert_eq!(
                fake.paths,
                real.paths,
                "DOORWARD_SEED={seed}: the last of these\n{}",
                so_far.join("\n")
            );
            let (fake, real) = ((fake.done, &fake.units), (real.done, &real.units));
            assert_eq!(fake, real, "DOORWARD_SEED={seed}: the last of these\n{}", so_far.join("\n"));
            seen[usize::from(fake.0)] += 1;
        }
    }
    assert!(seen.iter().all(|n| *n > 0), "what always or never succeeds proves little: {seen:?}");
}
