//! The same changes by other means: what they say, and that no name of a host leaves its quotes.
#![expect(clippy::disallowed_methods, reason = "asks the shell itself whether it understands a script")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use doorward_model::{DependencyKind, PackageFamily, Start, State};
use doorward_plan::{Direction, Form, Prefer, emit};
use proptest::prelude::*;

use crate::file::any_plan;
use crate::made::Made;
use crate::random::{host, hostile};

fn site() -> Made {
    Made::host()
        .runs("rpcbind.socket", "")
        .depends(DependencyKind::Triggers, "rpcbind.service")
        .runs("rpcbind.service", "/sbin/rpcbind")
        .change(|s| s.start = Start::Static)
        .runs("telnet.socket", "")
        .depends(DependencyKind::Triggers, "telnet@.service")
        .of("telnetd", "0.17-44")
        .idle("telnet@.service")
        .of("telnetd", "0.17-44")
        .runs("container:old", "/x")
        .docker()
}

fn shell(host: &Made, prefer: Prefer, direction: Direction) -> String {
    emit(&host.plan_with(prefer), &host.0, Form::Shell, direction)
}

/// What a shell says of a script on its standard input; `-n` to read it alone.
fn sh(script: &str, read_alone: bool) -> (bool, String) {
    let mut command = Command::new("/bin/sh");
    if read_alone {
        command.arg("-n");
    }
    let mut shell =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Runs a script with the host's programs replaced by functions that tell what they were asked; `gone` is not there.
fn runs(script: &str, gone: &str) -> Vec<String> {
    let fakes = format!(
        "systemctl() {{ case $1:${{6-}} in show:{gone}) echo not-found;; show:*) echo loaded;; *) echo \"systemctl $*\";; esac; }}\n\
         dpkg-query() {{ case $4 in {gone}) return 1;; esac; printf installed; }}\n\
         apt-get() {{ echo \"apt-get $*\"; }}\ndocker() {{ echo \"docker $*\"; }}\n"
    );
    // Names with a hyphen are functions to some shells only.
    let script = format!("{fakes}{script}").replace("dpkg-query", "dpkg_query").replace("apt-get", "apt_get");
    let (well, said) = sh(&script, false);
    assert!(well, "{said}");
    said.lines()
        .map(str::to_owned)
        .filter(|l| l.starts_with("systemctl") || l.starts_with("apt") || l.starts_with("docker"))
        .collect()
}

#[test]
fn the_script_does_what_the_plan_says() {
    let script = shell(&site(), Prefer::Uninstall, Direction::Apply);
    assert_eq!(
        runs(&script, "nothing"),
        [
            "docker update --restart=no -- old",
            "docker stop -- old",
            "systemctl stop -- rpcbind.socket",
            "systemctl stop -- rpcbind.service",
            "systemctl disable -- rpcbind.socket",
            "systemctl disable -- rpcbind.service",
            "systemctl mask -- rpcbind.socket",
            "systemctl mask -- rpcbind.service",
            "systemctl stop -- telnet.socket",
            "systemctl disable -- telnet.socket",
            "systemctl disable -- telnet@.service",
            "apt_get -y remove telnetd",
        ],
    );
    let again = runs(&script, "tel*");
    assert!(!again.iter().any(|l| l.contains("telnet")), "what is gone is left alone: {again:?}");
}

#[test]
fn the_inverse_goes_back_to_what_was_and_no_further() {
    let script = shell(&site(), Prefer::Uninstall, Direction::Undo);
    assert_eq!(
        runs(&script, "nothing"),
        [
            "apt_get -y install telnetd=0.17-44",
            "systemctl enable -- telnet.socket",
            "systemctl start -- telnet.socket",
            "systemctl unmask -- rpcbind.service",
            "systemctl unmask -- rpcbind.socket",
            "systemctl enable -- rpcbind.socket",
            "systemctl start -- rpcbind.service",
            "systemctl start -- rpcbind.socket",
            "docker start -- old",
        ],
    );
    let host = site().with(|s| {
        let rpcbind = s.services.iter_mut().find(|s| s.name == "rpcbind.service").unwrap();
        (rpcbind.state, rpcbind.start) = (State::Stopped, Start::Masked);
    });
    let undone = runs(&shell(&host, Prefer::Disable, Direction::Undo), "nothing");
    assert!(!undone.iter().any(|l| l.contains("rpcbind.service")), "it was masked and stopped: {undone:?}");
}

#[test]
fn presets_and_playbooks_say_the_same() {
    let plan = site().plan_with(Prefer::Disable);
    let of = |form, direction| emit(&plan, &site().0, form, direction);
    let lines = |text: &str| {
        text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&of(Form::SystemdPreset, Direction::Apply)),
        [
            "disable rpcbind.socket",
            "disable rpcbind.service",
            "disable telnet.socket",
            "disable telnet@.service"
        ]
    );
    assert_eq!(
        lines(&of(Form::SystemdPreset, Direction::Undo)),
        ["enable telnet.socket", "enable rpcbind.socket"]
    );
    let playbook = of(Form::Ansible, Direction::Apply);
    let task = "    - name: !unsafe \"disable:rpcbind.service\"\n      ansible.builtin.systemd:\n        \
                name: !unsafe \"rpcbind.socket\"\n        state: stopped\n        enabled: false\n        masked: true\n";
    assert!(playbook.contains(task), "{playbook}");
    assert!(!playbook.contains("state: stopped\n        name: !unsafe \"telnet@.service\""));
}

#[test]
fn what_systemctl_would_take_for_a_pattern_is_not_emitted() {
    let host = Made::host().runs("*.service", "/x");
    let script = shell(&host, Prefer::Disable, Direction::Apply);
    assert!(script.contains("'by hand: no unit can be called *.service'"), "{script}");
    assert!(runs(&script, "nothing").is_empty());
}

/// Each line without what stands in single quotes, for which there is a Q; lines can be of any number in quotes.
fn outside_quotes(script: &str) -> Vec<String> {
    let mut out = String::new();
    let mut chars = script.chars();
    let mut line_starts = true;
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                assert!(chars.by_ref().any(|c| c == '\''), "a quote is left open");
                out.push('Q');
            }
            '\\' => {
                assert_eq!(chars.next(), Some('\''), "only quotes are escaped");
                out.push('Q');
            }
            '#' if line_starts => {
                chars.by_ref().find(|c| *c == '\n');
            }
            c => out.push(c),
        }
        line_starts = c == '\n' || c == '#';
    }
    out.lines()
        .map(|l| l.replace("QQ", "Q").replace("QQ", "Q").replace("QQ", "Q").replace("Q Q", "Q"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_name_leaves_its_quotes(plan in any_plan(), host in host(), name in hostile(), family in any::<bool>()) {
        let host = host.with(|s| {
            s.host.name = name;
            s.packages.family = Some(if family { PackageFamily::Dpkg } else { PackageFamily::Rpm });
        });
        let own = host.plan();
        for (plan, direction) in [(&plan, Direction::Apply), (&plan, Direction::Undo), (&own, Direction::Apply)] {
            let script = emit(plan, &host.0, Form::Shell, direction);
            prop_assert_eq!(sh(&script, true), (true, String::new()));
            let empty = doorward_plan::Plan { steps: Vec::new(), ..plan.clone() };
            let frame = emit(&empty, &host.0, Form::Shell, direction);
            let frame = frame.trim_end().strip_suffix("exit \"$failed\"").unwrap().trim_end();
            let body = script.strip_prefix(frame).unwrap();
            for line in outside_quotes(body) {
                let line = line.trim_end_matches([' ', 'Q']);
                let known = [
                    "", "say", "each stop", "each unmask", "each enable", "each start", "leave", "shut", "remove", "install",
                    "restarts_not", "container stop", "container start", "exit \"$failed\"", "try rc-service Q stop",
                    "try rc-update add", "try rc-service Q start", "try rc-update -a del",
                ];
                prop_assert!(known.contains(&line), "{line:?} in {script}");
            }
        }
    }

    #[test]
    fn no_name_leaves_its_scalar_or_line(plan in any_plan(), host in host()) {
        for direction in [Direction::Apply, Direction::Undo] {
            let playbook = emit(&plan, &host.0, Form::Ansible, direction);
            for line in playbook.lines().filter(|l| !l.trim_start().starts_with('#')) {
                let scalar = line.replace("\\\\", "").replace("\\\"", "");
                prop_assert_eq!(scalar.matches('"').count() % 2, 0, "{}", line);
                let outside: String = scalar.split('"').step_by(2).collect();
                let plain = |c: char| c.is_ascii_alphanumeric() || " -:_.![](),'|".contains(c);
                prop_assert!(outside.chars().all(plain), "{}", line);
            }
            let preset = emit(&plan, &host.0, Form::SystemdPreset, direction);
            for line in preset.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
                let words: Vec<&str> = line.split(' ').collect();
                prop_assert!(words.len() == 2 && matches!(words[0], "enable" | "disable"), "{}", line);
                prop_assert!(!words[1].contains(['*', '?', '[', '\\']), "{}", line);
            }
        }
    }
}
