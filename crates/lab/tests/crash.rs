//! A test run that is killed leaves its hosts running; the next lab removes them, and only them.
#![expect(clippy::disallowed_methods, reason = "the test starts itself again, to be killed")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use doorward_lab::{Lab, open_or_skip, roots};

const CHILD: &str = "DOORWARD_LAB_TEST_CHILD";

#[test]
fn what_a_killed_run_left_is_removed_and_what_lives_is_not() {
    if std::env::var_os(CHILD).is_some() {
        be_killed();
    }
    let Some(lab) = open_or_skip() else { return };
    let host = lab.host(&roots::STATIC_NGINX).unwrap();

    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args(["--nocapture", "what_a_killed_run_left"]).env(CHILD, "1").stdout(Stdio::piped());
    let mut run = run.spawn().unwrap();
    let lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let told = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("left: ").map(|(_, rest)| rest.to_owned()));
    let (namespace, leader) = told.as_deref().and_then(|told| told.split_once(' ')).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    let namespace = Path::new("/run/netns").join(namespace);
    let process = format!("/proc/{leader}/ns/net");
    assert!(namespace.exists() && Path::new(&process).exists(), "a killed run's host lives on");

    let _next = Lab::open().unwrap();
    assert!(!namespace.exists());
    assert!(std::fs::read_link(&process).is_err(), "process {leader} is alive");
    assert_eq!(host.succeed(&["echo", "here"]).unwrap(), "here\n", "the living lab's host was left alone");
}

fn be_killed() -> ! {
    let lab = Lab::open().unwrap();
    let host = lab.host(&roots::STATIC_NGINX).unwrap();
    let client = lab.client().unwrap();
    println!("left: {} {}", client.namespace(), host.leader_pid().unwrap());
    loop {
        std::thread::park();
    }
}
