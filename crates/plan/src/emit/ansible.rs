//! An Ansible playbook: modules that change only what differs, no shell. Names are `!unsafe`, so that they are no
//! templates.

use std::fmt::Write as _;

use doorward_model::{PackageFamily, Snapshot};

use super::Direction;
use super::changes::{Change, Changes, is_template};
use crate::ScriptManager;
use crate::file::{in_comment, quoted};

pub(super) fn text(steps: &[Changes<'_>], snapshot: &Snapshot, direction: Direction) -> String {
    let what = match direction {
        Direction::Apply => "Make the changes of a plan of Doorward",
        Direction::Undo => "Take back the changes of a plan of Doorward",
    };
    let hosts = quoted(&snapshot.host.name);
    let mut out =
        format!("---\n- name: {what}\n  hosts: !unsafe {hosts}\n  become: true\n  gather_facts: true\n");
    let start = out.len();
    out.push_str("  tasks:\n");
    let tasks = out.len();
    for Changes { step, list } in steps {
        let _ = writeln!(out, "    # {}", in_comment(&step.why));
        for change in list {
            task(&mut out, &step.id.0, change, snapshot);
        }
    }
    if !out[tasks..].contains("- name:") {
        out.truncate(start);
        out.push_str("  tasks: []\n");
    }
    out
}

fn task(out: &mut String, id: &str, change: &Change<'_>, snapshot: &Snapshot) {
    match change {
        Change::Stop(units) => each(out, id, units, &["state: stopped"]),
        Change::Disable(units) => each(out, id, units, &["state: stopped", "enabled: false"]),
        Change::Mask(units) => each(out, id, units, &["state: stopped", "enabled: false", "masked: true"]),
        Change::Unmask(units) => each(out, id, units, &["masked: false"]),
        Change::Enable(units) => each(out, id, units, &["enabled: true"]),
        Change::Start(units) => each(out, id, units, &["state: started"]),
        Change::Remove(packages) => {
            module(out, id, "ansible.builtin.package");
            let _ = writeln!(out, "        name: {}\n        state: absent", list(packages.iter().copied()));
        }
        Change::Install(packages) => {
            let between = if snapshot.packages.family == Some(PackageFamily::Rpm) { '-' } else { '=' };
            let exact: Vec<String> = packages.iter().map(|(n, v)| format!("{n}{between}{v}")).collect();
            module(out, id, "ansible.builtin.package");
            let _ = writeln!(
                out,
                "        name: {}\n        state: present",
                list(exact.iter().map(String::as_str))
            );
        }
        Change::StopContainer(name) => {
            command(out, id, &["docker", "update", "--restart=no", "--", name]);
            command(out, id, &["docker", "stop", "--", name]);
        }
        Change::StartContainer(name) => command(out, id, &["docker", "start", "--", name]),
        Change::StopScript(name, manager) => script(out, id, name, *manager, "stopped", false),
        Change::StartScript(name, manager, true) => script(out, id, name, *manager, "started", true),
        Change::StartScript(name, manager, false) => script(out, id, name, *manager, "stopped", true),
        Change::ByHand(text) => {
            module(out, id, "ansible.builtin.debug");
            let _ = writeln!(out, "        msg: !unsafe {}", quoted(&format!("by hand: {text}")));
        }
    }
}

fn module(out: &mut String, id: &str, module: &str) {
    let _ = writeln!(out, "    - name: !unsafe {}\n      {module}:", quoted(id));
}

/// One task a unit, in order. A unit that is gone with its package is as good as shut.
fn each(out: &mut String, id: &str, units: &[&str], settings: &[&str]) {
    for unit in units {
        let fits = |s: &&&str| !(is_template(unit) && s.starts_with("state:"));
        let settings: Vec<_> = settings.iter().filter(fits).collect();
        if settings.is_empty() {
            continue;
        }
        module(out, id, "ansible.builtin.systemd");
        let _ = writeln!(out, "        name: !unsafe {}", quoted(unit));
        for setting in settings {
            let _ = writeln!(out, "        {setting}");
        }
        out.push_str("      register: doorward\n");
        out.push_str("      failed_when: doorward is failed and 'Could not find' not in (doorward.msg | default(''))\n");
    }
}

fn script(out: &mut String, id: &str, name: &str, manager: ScriptManager, state: &str, enabled: bool) {
    let _ = manager; // the module finds out by itself
    module(out, id, "ansible.builtin.service");
    let name = quoted(name);
    let _ = writeln!(out, "        name: !unsafe {name}\n        state: {state}\n        enabled: {enabled}");
}

fn command(out: &mut String, id: &str, argv: &[&str]) {
    module(out, id, "ansible.builtin.command");
    let _ = writeln!(out, "        argv: {}", list(argv.iter().copied()));
}

fn list<'t>(items: impl Iterator<Item = &'t str>) -> String {
    let items: Vec<String> = items.map(|i| format!("!unsafe {}", quoted(i))).collect();
    format!("[{}]", items.join(", "))
}
