#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::fs;

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn collect(&self) -> Facts<Vec<Container>> {
        collect(&Tree::open(self.dir.path()).unwrap())
    }
}

#[test]
fn a_host_without_containers_has_none() {
    assert_eq!(Host::new().collect(), Facts::default());
}

#[test]
fn docker_as_it_writes() {
    let host = Host::new();
    let dir = format!("/var/lib/docker/containers/{ID}");
    host.write(
        &format!("{dir}/config.v2.json"),
        r#"{"ID":"x","Name":"/web","Config":{"Image":"nginx:1.27"},"NetworkSettings":{
            "Networks":{"bridge":{"IPAddress":"172.17.0.2","GlobalIPv6Address":""},"other":null},
            "Ports":{"443/tcp":null,"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}],
                     "53/udp":[{"HostIp":"127.0.0.1","HostPort":"5353"}]}}}"#,
    );
    host.write(
        &format!("{dir}/hostconfig.json"),
        r#"{"RestartPolicy":{"Name":"unless-stopped"},"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}}"#,
    );
    let facts = host.collect();
    assert_eq!(facts.unseen, []);
    let [web] = facts.value.as_slice() else { panic!("{facts:?}") };
    assert_eq!((web.name.as_str(), web.id.as_str(), web.engine.as_str()), ("web", ID, "docker"));
    assert_eq!((web.image.as_deref(), web.restarts, web.running), (Some("nginx:1.27"), Some(true), None));
    assert_eq!(web.addresses, ["172.17.0.2"]);
    let published: Vec<_> = web
        .published
        .iter()
        .map(|p| (p.protocol, p.host_address.as_str(), p.host_port, p.container_port))
        .collect();
    assert_eq!(
        published,
        [
            (Protocol::Tcp, "0.0.0.0", 8080, 80),
            (Protocol::Tcp, "::", 8080, 80),
            (Protocol::Udp, "127.0.0.1", 5353, 53)
        ]
    );
}

#[test]
fn a_stopped_docker_container_tells_what_it_would_publish() {
    let host = Host::new();
    host.write("/etc/docker/daemon.json", r#"{"data-root":"/srv/docker"}"#);
    host.write(&format!("/srv/docker/containers/{ID}/config.v2.json"), r#"{"NetworkSettings":{"Ports":{}}}"#);
    host.write(
        &format!("/srv/docker/containers/{ID}/hostconfig.json"),
        r#"{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"80"},{"HostIp":"","HostPort":""}]}}"#,
    );
    let facts = host.collect();
    assert_eq!(facts.value[0].name, ID);
    assert_eq!(facts.value[0].published.len(), 1);
}

#[test]
fn malformed_files_are_named_and_the_rest_stays() {
    let host = Host::new();
    host.write("/var/lib/docker/containers/a/config.v2.json", "{");
    host.write("/var/lib/docker/containers/b/config.v2.json", r#"{"Name":"/b"}"#);
    host.write("/var/lib/containers/storage/overlay-containers/containers.json", "[1]");
    let facts = host.collect();
    assert_eq!(facts.value.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(facts.unseen.len(), 2);
    assert!(facts.unseen[0].why.contains("/var/lib/docker/containers/a/config.v2.json"));
}

#[test]
fn podman_with_its_state() {
    let host = Host::new();
    let root = "/var/lib/containers/storage";
    host.write(
        &format!("{root}/overlay-containers/containers.json"),
        &format!(r#"[{{"id":"{ID}","names":["db"],"metadata":"{{\"image-name\":\"docker.io/library/redis:7\"}}"}}]"#),
    );
    let without = host.collect();
    assert!(without.unseen[0].why.contains("bolt_state.db"), "{without:?}");

    let database =
        rusqlite::Connection::open(host.dir.path().join("var/lib/containers/storage/db.sql")).unwrap();
    database.execute("CREATE TABLE ContainerConfig (ID TEXT, Name TEXT, JSON TEXT)", []).unwrap();
    let json = r#"{"restart_policy":"always","newPortMappings":[
        {"host_ip":"","container_port":6379,"host_port":6379,"range":2,"protocol":"tcp,udp"}]}"#;
    database.execute("INSERT INTO ContainerConfig VALUES (?1, 'db', ?2)", [ID, json]).unwrap();
    drop(database);
    let facts = host.collect();
    assert_eq!(facts.unseen, []);
    let [db] = facts.value.as_slice() else { panic!("{facts:?}") };
    assert_eq!((db.name.as_str(), db.image.as_deref()), ("db", Some("docker.io/library/redis:7")));
    assert_eq!((db.restarts, db.published.len(), db.published[1].host_port), (Some(true), 4, 6380));
}

#[test]
fn machines_and_lxc() {
    let host = Host::new();
    host.write("/var/lib/machines/box/etc/hostname", "box");
    host.write("/etc/systemd/nspawn/box.nspawn", "[Network]\nPort=tcp:8080:80\nPort=53\nPort=udp:x\n");
    host.write("/var/lib/lxc/old/config", "lxc.start.auto = 1\nlxc.net.0.ipv4.address = 10.0.3.5/24\n");
    host.write("/var/lib/incus/containers/new/backup.yaml", "");
    let facts = host.collect();
    assert_eq!(facts.unseen, []);
    let names: Vec<_> = facts.value.iter().map(|c| (c.name.as_str(), c.engine.as_str())).collect();
    assert_eq!(names, [("box", "nspawn"), ("new", "lxc"), ("old", "lxc")]);
    assert_eq!(facts.value[0].published.iter().map(|p| p.host_port).collect::<Vec<_>>(), [8080, 53]);
    assert_eq!(
        (facts.value[2].restarts, facts.value[2].addresses.as_slice()),
        (Some(true), &["10.0.3.5".into()][..])
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        let _ = nspawn_ports(&text);
        let _ = lxc_container("x", &text);
        let host = Host::new();
        host.write("/var/lib/docker/containers/a/config.v2.json", &text);
        host.write("/var/lib/containers/storage/overlay-containers/containers.json", &text);
        let _ = host.collect();
    }
}
