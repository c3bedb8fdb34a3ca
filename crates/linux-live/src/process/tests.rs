#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use super::cgroup::{container, path, root_of, unit};
use super::stat::{Stat, boot_time, executable, user_and_capabilities};
use super::*;
use proptest::prelude::*;

const TAIL: &str = " S 7 1 1 34816 -1 4194560 1 2 3 4 50 25 0 0 20 0 3 0 1200 99 88 18446744073709551615 1 2";

#[test]
fn a_hostile_name_does_not_shift_the_fields() {
    for name in ["sshd", "a) b\n(c", ") S 1 1", "", ")))(((", "(sd-pam)"] {
        let stat = Stat::parse(format!("42 ({name}){TAIL}").as_bytes()).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.cpu_ticks, stat.start_ticks), (name, 7, 75, 1200));
        assert!(stat.has_terminal && !stat.is_kernel_thread && !stat.is_dead());
        assert_eq!(stat.threads, 3);
    }
    assert_eq!(Stat::parse(b"42 (x) S 7"), None);
    assert_eq!(Stat::parse(b")("), None);
}

#[test]
fn a_table_of_a_made_up_proc() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("stat", "cpu 1 2\nintr 5 6 7\nbtime 1700000000\n");
    write("1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 50 25 0 0 20 0 1 0 100 9 9");
    write("1/status", "Name:\tsystemd\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n");
    write("1/cgroup", "0::/init.scope\n");
    write("33/stat", &format!("33 (a) b\n(c){TAIL}"));
    write("33/status", "Name:\ta) b\\n(c\nUid:\t1\t33\t33\t33\nCapEff:\t0000000000000400\nCapBnd:\tff\n");
    write("33/cgroup", "9:name=systemd:/\n0::/system.slice/nginx.service\n");
    std::os::unix::fs::symlink("/usr/sbin/nginx (deleted)", dir.path().join("33/exe")).unwrap();
    std::fs::create_dir(dir.path().join("33/ns")).unwrap();
    std::os::unix::fs::symlink("net:[4026531840]", dir.path().join("33/ns/net")).unwrap();
    write("2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 10 0 0");
    write("44/stat", "44 (gone) Z 1 1 1 0 -1 4194560 1 2 3 4 50 25 0 0 20 0 1 0 100 9 9");
    std::fs::create_dir(dir.path().join("55")).unwrap(); // vanished
    write("66/stat", "garbage");

    let facts = Processes::read_at(dir.path());
    assert_eq!(facts.unseen, []);
    let table = facts.value;
    assert_eq!(table.iter().map(|p| p.pid).collect::<Vec<_>>(), [1, 2, 33]);
    let nginx = table.get(33).unwrap();
    assert_eq!(nginx.executable.as_deref(), Some("/usr/sbin/nginx"));
    assert_eq!((nginx.program(), nginx.uid, nginx.capabilities), ("nginx", 33, 0x400));
    assert_eq!((nginx.net_namespace, nginx.started), (Some(4_026_531_840), 1_700_000_012));
    assert_eq!(nginx.cpu_usec, 750_000);
    assert_eq!(table.unit(33), Some("nginx.service"));
    assert!(table.get(2).unwrap().is_kernel_thread);
    assert_eq!(table.unit(2), None);
}

#[test]
fn an_unreadable_proc_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let facts = Processes::read_at(&dir.path().join("absent"));
    assert_eq!(facts.unseen.len(), 1);
    // No btime, and process 1 hidden.
    let facts = Processes::read_at(dir.path());
    assert_eq!(facts.unseen.len(), 2);
    assert!(facts.unseen[1].why.contains("hidepid"));
}

#[test]
fn units_are_found_below_their_slices() {
    for (path, expected) in [
        ("/system.slice/ssh.service", Some("ssh.service")),
        ("/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service")),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", Some("user@1000.service")),
        ("/user.slice/user-1000.slice/session-3.scope", Some("session-3.scope")),
        ("/init.scope", Some("init.scope")),
        ("/system.slice/_cpu.service", Some("cpu.service")),
        ("/system.slice", None),
        ("/", None),
        ("/../..", None),
        ("/sshd", None),
        ("/.service", None),
    ] {
        assert_eq!(unit(path), expected, "{path}");
    }
}

#[test]
fn systemd_paths_may_start_deeper() {
    let first = Process { pid: 1, cgroup: Some("/box/payload/init.scope".into()), ..Process::default() };
    let other =
        Process { pid: 9, cgroup: Some("/box/payload/system.slice/a.service".into()), ..Process::default() };
    let table = Processes::of(vec![other, first]);
    assert_eq!(table.unit(9), Some("a.service"));
    assert_eq!(root_of(Some("/")), "");
}

#[test]
fn containers_are_found_by_every_engines_name() {
    let id = "0123456789abcdef".repeat(4);
    let cases = [
        (format!("/system.slice/docker-{id}.scope"), Engine::Docker, id.as_str()),
        (format!("/docker/{id}"), Engine::Docker, &id),
        (format!("/machine.slice/libpod-{id}.scope/container"), Engine::Podman, &id),
        (
            format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope"),
            Engine::Podman,
            &id,
        ),
        (format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"), Engine::Containerd, &id),
        (format!("/kubepods/besteffort/pod12-34/{id}"), Engine::Containerd, &id),
        ("/lxc.payload.web/init.scope".into(), Engine::Lxc, "web"),
        ("/machine.slice/machine-lxc\\x2d12\\x2dweb.scope".into(), Engine::Lxc, "web"),
        ("/machine.slice/machine-my\\x2dbox.scope/payload".into(), Engine::Nspawn, "my-box"),
        (
            "/machine.slice/systemd-nspawn@box.service/payload/system.slice/a.service".into(),
            Engine::Nspawn,
            "box",
        ),
    ];
    for (path, engine, id) in cases {
        assert_eq!(container(&path), Some(ContainerRef { engine, id: id.into() }), "{path}");
    }
    for path in [
        "/system.slice/docker.service",
        &format!("/machine.slice/libpod-conmon-{id}.scope"),
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
        "/docker/buildkit",
        "/system.slice/ssh.service",
    ] {
        assert_eq!(container(path), None, "{path}");
    }
}

#[test]
fn the_hierarchy_that_says_most_wins() {
    let hybrid = b"9:name=systemd:/system.slice/a.service\n8:pids:/x\n0::/\n";
    assert_eq!(path(hybrid).as_deref(), Some("/system.slice/a.service"));
    assert_eq!(path(b"9:name=systemd:/../..\n4:memory:/../other/1\n0::/../..\n").as_deref(), Some("/../.."));
    assert_eq!(path(b"4:memory:/docker/1\n3:name=openrc:/sshd\n").as_deref(), Some("/docker/1"));
    assert_eq!(path(b"0::/a:b:c\n").as_deref(), Some("/a:b:c"));
    assert_eq!(path(b"nonsense"), None);
}

#[test]
fn this_process_is_in_the_running_table() {
    let facts = Processes::read();
    let me = facts.value.get(std::process::id()).expect("this process");
    assert_eq!(me.uid, rustix::process::geteuid().as_raw());
    assert_eq!(me.executable.as_deref(), std::env::current_exe().unwrap().to_str());
    assert!(me.net_namespace.is_some() && me.threads >= 1 && !me.is_kernel_thread);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(me.started <= now + 1 && now - me.started < 3600, "started {} now {now}", me.started);
    let memory = facts.value.memory(&[me.pid]).expect("own memory");
    assert!(memory.bytes > 100_000 && memory.bytes < 4 << 30);
    // In a namespace of processes that was entered from outside, its parent is not visible.
    assert_eq!(facts.value.ancestry(me.pid).next().map(|p| p.pid), Some(me.pid));
    assert_eq!(facts.value.memory(&[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn arbitrary_text_never_panics(text in prop::collection::vec(any::<u8>(), 0..300), path_text in ".{0,80}") {
        let _ = Stat::parse(&text);
        let _ = user_and_capabilities(&text);
        let _ = boot_time(&text);
        let _ = executable(&text);
        let _ = path(&text);
        let _ = bracketed(&text, b"socket:[");
        let _ = super::memory::kilobytes(&text, b"Pss:");
        let _ = unit(&path_text);
        let _ = container(&path_text);
        let _ = container(&format!("/machine-{path_text}.scope"));
    }
}
