//! A saved snapshot of a small host, and a small tree, of the tests' own making.

use std::path::Path;

use serde_json::{Value, json};

/// nginx and ssh, an inetd entry, a cache on loopback, something unknown, one door without a visible owner.
pub(crate) fn snapshot() -> Value {
    let service = |name: &str, executable: &str, package: &str| {
        json!({
            "name": name, "manager": if name.starts_with("inetd:") { "inetd" } else { "systemd" }, "state": "running",
            "start": "enabled", "executable": executable, "package": package, "user": "root",
            "memory": {"bytes": 4_200_000, "method": "pss"}, "cpu_usec": 1_234_567, "processes": [10]
        })
    };
    let listener = |service: Option<&str>, address: &str, port: u16| {
        let owner = match service {
            Some(_) => json!({"kind": "processes", "pids": [10]}),
            None => {
                json!({"kind": "hidden", "why": "held by none of the processes that we may look into", "uid": 33})
            }
        };
        json!({
            "protocol": "tcp", "address": address, "port": port, "owner": owner, "service": service, "basis": "observed"
        })
    };
    let mut inetd_listener = listener(Some("inetd:telnet"), "0.0.0.0", 23);
    inetd_listener["via"] = json!("inetutils-inetd.service");
    let mut entry = service("inetd:telnet", "/usr/sbin/telnetd", "inetutils-telnetd");
    entry["dependencies"] = json!([{"kind": "requires", "on": "inetutils-inetd.service"}]);
    json!({
        "schema_version": 1, "collector": "0.1.0", "collected_at": 1_790_000_000,
        "source": {"kind": "live", "privileged": true},
        "host": {
            "name": "web1", "family": "linux", "os_id": "debian", "os": "Debian GNU/Linux 12 (bookworm)", "version": "12",
            "init": "systemd", "interfaces": [
                {"name": "lo", "index": 1, "loopback": true, "up": true, "addresses": ["127.0.0.1/8"]},
                {"name": "eth0", "index": 2, "loopback": false, "up": true, "addresses": ["192.0.2.7/24"]}
            ]
        },
        "services": [
            service("nginx.service", "/usr/sbin/nginx", "nginx"),
            service("ssh.service", "/usr/sbin/sshd", "openssh-server"),
            service("inetutils-inetd.service", "/usr/sbin/inetutils-inetd", "inetutils-inetd"),
            entry,
            service("redis-server.service", "/usr/bin/redis-server", "redis-server"),
            service("what\u{1b}[2Jever.service", "/opt/whatever", "whatever"),
            service("batch.service", "/opt/batch", "batch")
        ],
        "listeners": [
            listener(Some("nginx.service"), "0.0.0.0", 80),
            listener(Some("ssh.service"), "0.0.0.0", 22),
            inetd_listener,
            listener(Some("redis-server.service"), "127.0.0.1", 6379),
            listener(Some("what\u{1b}[2Jever.service"), "0.0.0.0", 4711),
            listener(None, "0.0.0.0", 9999)
        ],
        "packages": {
            "family": "dpkg", "installed": 300, "lists_updated": 1_789_000_000,
            "packages": {"inetutils-telnetd": {
                "version": "2:2.4-2+deb12u1", "manual": true, "essential": false,
                "removal_takes": [], "orphans_after_removal": ["inetutils-inetd"],
                "update": {"version": "2:2.4-2+deb12u2", "security": true}
            }}
        },
        "web": [{"server": "nginx", "files": ["/etc/nginx/nginx.conf"], "complete": true}],
        "filter": {"kind": "none"},
        "admin_path": {
            "service": "ssh.service", "local": "192.0.2.7", "port": 22, "remote": "198.51.100.9",
            "evidence": "SSH_CONNECTION of this shell"
        },
        "unseen": [{"subject": "packages", "what": "updates of extra.list", "why": "malformed"}]
    })
}

/// A Debian-like tree that would start nginx and vsftpd.
pub(crate) fn tree(root: &Path) {
    let vendor = "usr/lib/systemd/system";
    let unit =
        |program: &str| format!("[Service]\nExecStart={program}\n[Install]\nWantedBy=multi-user.target\n");
    let status = |package: &str| {
        format!(
            "Package: {package}\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\nDescription: x\n\n"
        )
    };
    let files = [
        (
            "etc/os-release",
            "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n".to_owned(),
        ),
        ("etc/hostname", "image1\n".to_owned()),
        ("etc/nginx/nginx.conf", "http { server { listen 80; root /var/www/html; } }\n".to_owned()),
        ("usr/lib/systemd/systemd", String::new()),
        (&format!("{vendor}/nginx.service"), unit("/usr/sbin/nginx")),
        (&format!("{vendor}/vsftpd.service"), unit("/usr/sbin/vsftpd")),
        (&format!("{vendor}/redis-server.service"), unit("/usr/bin/redis-server")),
        (&format!("{vendor}/multi-user.target"), "[Unit]\nDescription=Multi-User System\n".to_owned()),
        ("usr/sbin/nginx", String::new()),
        ("usr/sbin/vsftpd", String::new()),
        ("usr/bin/redis-server", String::new()),
        ("var/lib/dpkg/status", status("nginx") + &status("vsftpd")),
        ("var/lib/dpkg/info/nginx.list", "/usr/sbin/nginx\n".to_owned()),
        ("var/lib/dpkg/info/vsftpd.list", "/usr/sbin/vsftpd\n".to_owned()),
    ];
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    std::fs::create_dir_all(&wants).unwrap();
    for name in ["nginx.service", "vsftpd.service"] {
        std::os::unix::fs::symlink(format!("/{vendor}/{name}"), wants.join(name)).unwrap();
    }
    for (link, target) in [
        ("sbin/init", "/usr/lib/systemd/systemd"),
        ("etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target"),
    ] {
        std::fs::create_dir_all(root.join(link).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, root.join(link)).unwrap();
    }
}
