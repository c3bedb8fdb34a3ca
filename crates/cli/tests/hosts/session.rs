//! The administrator's session through which a plan is made and applied outlives it, wherever ssh listens, and so does
//! the way in.

use std::path::Path;
use std::process::Output;

use doorward_lab::{Client, Door, Host, open_or_skip, roots};

use super::program::{PLAN, PROGRAM, open, put};

/// Who connects, with a key of its own.
struct Admin<'a> {
    client: &'a Client,
    key: &'a Path,
    port: u16,
}

impl<'a> Admin<'a> {
    /// Makes a key and lets it in.
    fn of(host: &Host, client: &'a Client, key: &'a Path, port: u16) -> Self {
        let file = key.display().to_string();
        let made = client.command(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &file]).status();
        assert!(made.unwrap().success());
        host.succeed(&["mkdir", "-p", "-m", "0700", "/root/.ssh"]).unwrap();
        let public = std::fs::read(key.with_extension("pub")).unwrap();
        host.write_file("/root/.ssh/authorized_keys", public).unwrap();
        Self { client, key, port }
    }

    fn ssh(&self, host: &Host, command: &str) -> Output {
        let (to, port, key) =
            (format!("root@{}", host.address()), self.port.to_string(), self.key.display().to_string());
        let unknown = "-oUserKnownHostsFile=/dev/null";
        let words = ["ssh", "-F", "none", "-p", &port, "-i", &key, "-oStrictHostKeyChecking=no", unknown];
        let quiet = ["-oLogLevel=ERROR", "-oBatchMode=yes", "-oConnectTimeout=20", &to, command];
        self.client.command(&[words.as_slice(), &quiet].concat()).output().unwrap()
    }

    fn succeeds(&self, host: &Host, command: &str) -> String {
        let output = self.ssh(host, command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{said}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn outlives_a_plan(host: &mut Host, client: &Client, port: u16) {
    put(host);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let admin = Admin::of(host, client, &key, port);
    // One session does it all. What it prints in the end came through it after the last door was shut.
    let all = format!(
        "set -e; {PROGRAM} plan --output {PLAN}; {PROGRAM} apply {PLAN} --yes; {PROGRAM} confirm; echo through"
    );
    assert_eq!(admin.succeeds(host, &all), "through\n");
    assert_eq!(
        client.tcp_open(host.address(), 1..super::EPHEMERAL).unwrap().len(),
        3,
        "site, ssh, a process"
    );
    admin.succeeds(host, "true");
    host.power_cut().unwrap();
    host.boot_until(&[Door::Tcp(port), Door::Tcp(80)]).unwrap();
    admin.succeeds(host, "true");
    assert_eq!(open(host, client).len(), 3, "nothing comes back with a boot");
}

#[test]
fn a_session_outlives_the_plan_that_it_applies() {
    let Some(lab) = open_or_skip() else { return };
    let (mut host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    outlives_a_plan(&mut host, &client, 22);
}

#[test]
fn a_session_behind_a_socket_on_another_port_outlives_it_too() {
    let Some(lab) = open_or_skip() else { return };
    let (mut host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    let moved = "[Socket]\nListenStream=\nListenStream=2222\n";
    host.succeed(&["mkdir", "-p", "/etc/systemd/system/ssh.socket.d"]).unwrap();
    host.write_file("/etc/systemd/system/ssh.socket.d/port.conf", moved).unwrap();
    host.succeed(&["systemctl", "daemon-reload"]).unwrap();
    host.succeed(&["systemctl", "disable", "--now", "ssh.service"]).unwrap();
    host.succeed(&["systemctl", "enable", "--now", "ssh.socket"]).unwrap();
    outlives_a_plan(&mut host, &client, 2222);
}
