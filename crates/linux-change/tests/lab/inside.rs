//! The part of the tests that runs in a host: this very test program, copied there, does as it is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward_change::system::{Activity, Node, SavedPackage, System};
use doorward_lab::{Host, RootSpec, open_or_skip};
use doorward_linux_change::{LinuxHost, Lock, deadman};
use doorward_model::Protocol;
use serde::{Deserialize, Serialize};

use crate::agree::{Act, Came, play};

/// Set for the copy, to what it shall do.
pub(crate) const INSIDE: &str = "DOORWARD_INSIDE";
pub(crate) const COPY: &str = "/usr/local/bin/change";
/// The test that the copy runs.
pub(crate) const TEST: &str = "inside::inside_a_host";
/// What stands before its answer, among the words of the test harness.
const MARK: &str = "answer: ";
pub(crate) const STATE: &str = "/var/lib/doorward";

/// What the copy shall do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    Node(PathBuf),
    Put(PathBuf, Node),
    Reload,
    Activity(String),
    Stop(String, u64),
    Start(String, u64),
    Version(String),
    Save(String),
    Remove(Vec<String>),
    Restore(Vec<SavedPackage>),
    Answers(Protocol, u16),
    Arm(String, PathBuf, u64),
    Extend(String, PathBuf, u64),
    Disarm(String),
    IsArmed(String),
    InstallBootUnit(PathBuf),
    RemoveBootUnit,
    HoldLock,
    StartAtBoot(String),
    Play(Vec<Act>),
}

/// What it says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Node(Node),
    Activity(Activity),
    Version(Option<String>),
    Saved(SavedPackage),
    Is(bool),
    Came(Vec<Came>),
    Error(String),
}

#[test]
fn inside_a_host() {
    let Ok(task) = std::env::var(INSIDE) else { return };
    let answer = perform(serde_json::from_str(&task).unwrap());
    println!("\n{MARK}{}", serde_json::to_string(&answer).unwrap());
}

fn perform(task: Task) -> Answer {
    attempt(task).unwrap_or_else(|e| Answer::Error(format!("{e:?}")))
}

fn attempt(task: Task) -> Result<Answer, doorward_change::system::SystemError> {
    let state = Path::new(STATE);
    let mut host = LinuxHost::new(state)?;
    let done = |(): ()| Answer::Done;
    let seconds = Duration::from_secs;
    match task {
        Task::Node(path) => host.node(&path).map(Answer::Node),
        Task::Put(path, node) => host.put(&path, &node).map(done),
        Task::Reload => host.reload().map(done),
        Task::Activity(unit) => host.activity(&unit).map(Answer::Activity),
        Task::Stop(unit, limit) => host.stop(&unit, seconds(limit)).map(done),
        Task::Start(unit, limit) => host.start(&unit, seconds(limit)).map(done),
        Task::Version(name) => host.package(&name).map(Answer::Version),
        Task::Save(name) => host.save_package(&name).map(Answer::Saved),
        Task::Remove(names) => {
            host.remove_packages(&names.iter().map(String::as_str).collect::<Vec<_>>()).map(done)
        }
        Task::Restore(saved) => host.restore_packages(&saved).map(done),
        Task::Answers(protocol, port) => host.answers(protocol, port).map(Answer::Is),
        Task::Arm(id, program, after) => {
            deadman::arm(state, &id, &program, seconds(after)).map(|_| Answer::Done)
        }
        Task::Extend(id, program, after) => {
            deadman::extend(state, &id, &program, seconds(after)).map(|_| Answer::Done)
        }
        Task::Disarm(id) => deadman::disarm(state, &id).map(Answer::Is),
        Task::IsArmed(id) => deadman::is_armed(&id).map(Answer::Is),
        Task::InstallBootUnit(program) => deadman::install_boot_unit(state, &program).map(done),
        Task::RemoveBootUnit => deadman::remove_boot_unit().map(done),
        Task::StartAtBoot(unit) => LinuxHost::booting(state)?.start(&unit, seconds(5)).map(done),
        Task::Play(script) => Ok(Answer::Came(play(&mut host, &script))),
        Task::HoldLock => {
            let _lock = Lock::take(state, "the first")?;
            Lock::take(state, "the second").map(|_| Answer::Done)
        }
    }
}

/// A host that can be changed from within.
pub(crate) struct Changed(pub(crate) Host);

impl Changed {
    pub(crate) fn boot(root: &'static RootSpec) -> Option<Self> {
        let host = open_or_skip()?.host(root).unwrap();
        host.put(&std::env::current_exe().unwrap(), COPY).unwrap();
        Some(Self(host))
    }

    pub(crate) fn ask(&self, task: &Task) -> Answer {
        let inside = format!("{INSIDE}={}", serde_json::to_string(task).unwrap());
        let words = ["env", &inside, COPY, "--exact", TEST, "--nocapture"];
        let output = self.0.run_within(Duration::from_mins(5), &words).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(MARK));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_str(line.unwrap_or_else(|| panic!("{text}{error}"))).unwrap()
    }

    pub(crate) fn tell(&self, task: &Task) {
        assert_eq!(self.ask(task), Answer::Done, "{task:?}");
    }

    pub(crate) fn refuse(&self, task: &Task) -> String {
        match self.ask(task) {
            Answer::Error(why) => why,
            other => panic!("{task:?}: {other:?}"),
        }
    }

    /// What a command in the host prints, whatever it thinks of it.
    pub(crate) fn prints(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.0.run(words).unwrap().stdout).into_owned()
    }
}
