//! The dead-man switch fires by itself, can be put off and called off, and a reboot fires it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use doorward_lab::roots;

use crate::inside::{Answer, COPY, Changed, INSIDE, STATE, TEST, Task};

/// Writes down how it was called.
const PROGRAM: &str = "/usr/local/bin/revert";
const SCRIPT: &str = "#!/bin/sh\necho \"$@\" >> /root/reverted\nsystemctl list-jobs --no-legend > /root/jobs\nsystemctl is-active sysinit.target nginx.service ssh.service > /root/active\nexit 0\n";
const PATIENCE: Duration = Duration::from_secs(30);

fn host() -> Option<Changed> {
    let host = Changed::boot(&roots::STATIC_NGINX)?;
    host.0.write_file(PROGRAM, SCRIPT).unwrap();
    host.0.succeed(&["chmod", "755", PROGRAM]).unwrap();
    Some(host)
}

fn reverted(host: &Changed) -> String {
    host.prints(&["cat", "/root/reverted"])
}

fn wait(host: &Changed) -> String {
    let until = Instant::now() + PATIENCE;
    while reverted(host).is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    reverted(host)
}

fn program() -> PathBuf {
    PROGRAM.into()
}

#[test]
fn it_fires_unless_it_is_called_off() {
    let Some(host) = host() else { return };
    host.tell(&Task::Arm("one".into(), program(), 600));
    assert_eq!(host.ask(&Task::IsArmed("one".into())), Answer::Is(true));
    host.tell(&Task::Arm("one-1".into(), program(), 600));
    assert_eq!(host.ask(&Task::Disarm("one".into())), Answer::Is(false));
    assert_eq!(host.ask(&Task::IsArmed("one".into())), Answer::Is(false));
    assert_eq!(host.ask(&Task::IsArmed("one-1".into())), Answer::Is(true));

    // Put off first, so that the first time is over; a clock that jumps does not matter.
    host.tell(&Task::Arm("two".into(), program(), 2));
    host.tell(&Task::Extend("two".into(), program(), 600));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(reverted(&host), "");
    host.tell(&Task::Reload);
    assert_eq!(host.ask(&Task::IsArmed("two".into())), Answer::Is(true));
    host.tell(&Task::Extend("two".into(), program(), 1));
    assert_eq!(wait(&host), format!("undo two --unless-confirmed --state {STATE}\n"));
    assert_eq!(host.prints(&["ls", &format!("{STATE}/pending")]), "one-1\ntwo\n");
    assert_eq!(host.ask(&Task::Disarm("two".into())), Answer::Is(false));
    let timers =
        host.prints(&["systemctl", "list-units", "--all", "--no-legend", "--plain", "doorward-revert-*"]);
    let names: Vec<_> = timers.lines().filter_map(|l| l.split_ascii_whitespace().next()).collect();
    assert_eq!(names, ["doorward-revert-one-1-1.service", "doorward-revert-one-1-1.timer"]);
}

#[test]
fn the_next_boot_reverts_before_services_start() {
    let Some(mut host) = host() else { return };
    host.tell(&Task::InstallBootUnit(program()));
    host.tell(&Task::InstallBootUnit(program()));
    host.0.power_cut().unwrap();
    host.0.boot().unwrap();
    assert_eq!(reverted(&host), "", "nothing was pending");
    host.tell(&Task::Arm("three".into(), program(), 600));
    host.0.power_cut().unwrap();
    host.0.boot().unwrap();
    assert_eq!(reverted(&host), format!("undo --boot --state {STATE}\n"));
    assert_eq!(host.prints(&["cat", "/root/active"]), "inactive\ninactive\ninactive\n");
    let jobs = host.prints(&["cat", "/root/jobs"]);
    assert!(jobs.contains("nginx.service") && jobs.contains("sysinit.target"), "{jobs}");
    assert_eq!(host.prints(&["systemctl", "is-active", "nginx.service"]), "active\n");
    host.tell(&Task::RemoveBootUnit);
    assert_eq!(host.prints(&["find", "/etc/systemd/system", "-name", "doorward*"]), "");
}

#[test]
fn what_the_next_boot_starts_again_starts_once_it_can() {
    let Some(mut host) = host() else { return };
    let task = serde_json::to_string(&Task::StartAtBoot("nginx.service".into())).unwrap();
    let script =
        format!("#!/bin/sh\n{INSIDE}='{task}' {COPY} --exact {TEST} --nocapture > /root/reverted 2>&1\n");
    host.0.write_file(PROGRAM, script).unwrap();
    host.0.succeed(&["chmod", "755", PROGRAM]).unwrap();
    host.0.succeed(&["systemctl", "disable", "nginx.service"]).unwrap();
    host.tell(&Task::InstallBootUnit(program()));
    host.tell(&Task::Arm("four".into(), program(), 600));
    host.0.power_cut().unwrap();
    // Waits for the site's door: nothing but the revert opens it.
    host.0.boot().unwrap();
    let said = reverted(&host);
    assert!(said.contains("answer: \"Done\""), "{said}");
}
