//! From which addresses doors may be reached, with real packets: before, while it changes, after a boot, and undone.
#![expect(clippy::disallowed_methods, reason = "a client connects")]
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use doorward_lab::{Client, Host, Lab, open_or_skip, roots};

use super::program::{PLAN, PROGRAM, difference, doorward, json, plan_only, put, run, state};

const CONFIG: &str = "/etc/doorward/config.toml";
/// Somebody else's rules, which stay as they are. By them connections are tracked: else one that stands is not known when
/// the filter comes, and goes on for named clients alone.
const OTHERS: &str = "table inet others {\n\tset seen {\n\t\ttype ipv4_addr\n\t\telements = { 203.0.113.1 }\n\t}\n\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tip saddr @seen drop\n\t\tct state invalid drop\n\t}\n}\n";
/// A door more, which nothing listens at.
const OTHER_DOOR: &str = "\"tcp/9100\" = { to = [\"office\"] }";
/// Connections that a stranger tries while the filter changes.
const TRIES: u64 = 50_000;

struct Site {
    host: Host,
    office: Client,
    stranger: Client,
}

impl Site {
    fn boot(lab: &Lab) -> Self {
        let host = lab.host(&roots::STATIC_NGINX).unwrap();
        let site = Self { host, office: lab.client().unwrap(), stranger: lab.client().unwrap() };
        put(&site.host);
        site.host.write_file("/root/others.nft", OTHERS).unwrap();
        site.host.succeed(&["nft", "-f", "/root/others.nft"]).unwrap();
        site.host.succeed(&["mkdir", "-p", "/etc/doorward"]).unwrap();
        site
    }

    /// Lets the office in by ssh, and more clients by more doors.
    fn configure(&self, clients: &str, doors: &str) {
        let office = [self.office.ipv4().to_string(), self.office.ipv6().to_string()];
        self.host.write_file("/etc/doorward/office.list", office.join("\n")).unwrap();
        let text = format!(
            "[access.clients]\noffice = [\"/etc/doorward/office.list\"]\n{clients}\n\
             [access.doors]\nssh = {{ to = [\"office\"] }}\n{doors}\n"
        );
        self.host.write_file(CONFIG, text).unwrap();
    }

    /// Plans the filter alone, and applies it.
    fn apply(&self, confirm_within: &str) {
        plan_only(&self.host, "disable", &["filter"]);
        let words = ["apply", PLAN, "--yes", "--confirm-within", confirm_within];
        let told = json(&self.host, 0, &words);
        assert_eq!(told["outcome"], "applied");
    }

    fn addresses(&self) -> [IpAddr; 2] {
        [self.host.address(), self.host.ipv6().into()]
    }

    fn open(&self, client: &Client) -> [Vec<u16>; 2] {
        self.addresses().map(|address| client.tcp_open(address, [22, 80]).unwrap())
    }

    fn is_filtered(&self) {
        assert_eq!(self.open(&self.office), [[22, 80], [22, 80]]);
        assert_eq!(self.open(&self.stranger), [[80], [80]]);
        assert_eq!(self.others(), OTHERS);
    }

    fn is_open(&self) {
        assert_eq!(self.open(&self.office), [[22, 80], [22, 80]]);
        assert_eq!(self.open(&self.stranger), [[22, 80], [22, 80]]);
    }

    /// What somebody else loaded.
    fn others(&self) -> String {
        self.host.succeed(&["nft", "list", "table", "inet", "others"]).unwrap()
    }

    fn tables(&self) -> String {
        self.host.succeed(&["nft", "list", "tables"]).unwrap()
    }

    fn reboot(&mut self) {
        self.host.power_cut().unwrap();
        self.host.boot().unwrap();
        self.host.succeed(&["nft", "-f", "/root/others.nft"]).unwrap();
    }
}

#[test]
fn named_clients_alone_come_in_and_that_outlives_a_boot() {
    let Some(lab) = open_or_skip() else { return };
    let mut site = Site::boot(&lab);
    site.configure("", "");
    site.is_open();
    let before = state(&site.host);
    let talk = |address| {
        let mut stream =
            site.stranger.inside(|| TcpStream::connect(SocketAddr::new(address, 22))).unwrap().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut banner = [0; 8];
        stream.read_exact(&mut banner).unwrap();
        assert_eq!(&banner, b"SSH-2.0-");
        stream
    };
    let talks = site.addresses().map(talk);

    site.apply("1h");
    site.is_filtered();
    for mut stream in talks {
        // The rest of the server's line, and its part of the key exchange after ours.
        stream.write_all(b"SSH-2.0-stranger\r\n").unwrap();
        let mut told = Vec::new();
        while told.len() < 200 {
            let mut part = [0; 512];
            let length = stream.read(&mut part).unwrap();
            assert_ne!(length, 0, "what is established goes on");
            told.extend_from_slice(&part[..length]);
        }
    }
    run(&site.host, &["confirm"]);
    assert_eq!(doorward(&site.host, &["verify"]).code, 0);
    site.host.succeed(&[PROGRAM, "plan", "--output", PLAN]).unwrap();
    let again = String::from_utf8(site.host.read(PLAN).unwrap()).unwrap();
    assert!(!again.contains("action = \"filter\""), "it is so already");

    site.reboot();
    site.is_filtered();
    assert_eq!(site.host.succeed(&["systemctl", "is-system-running"]).unwrap(), "running\n");
    assert_eq!(doorward(&site.host, &["verify"]).code, 0);

    // Taken away by somebody, and loaded again with what took it away.
    site.host.succeed(&["nft", "delete", "table", "inet", "doorward"]).unwrap();
    let found = json(&site.host, 1, &["verify"]);
    let text = found["changes"][0]["differences"][0]["text"].as_str().unwrap();
    assert!(text.contains("is gone"), "{found}");
    site.host.succeed(&["systemctl", "reload", "doorward-filter.service"]).unwrap();
    site.is_filtered();
    site.host
        .succeed(&["nft", "add", "rule", "inet", "doorward", "input", "tcp", "dport", "22", "accept"])
        .unwrap();
    assert!(
        json(&site.host, 1, &["verify"])["changes"][0]["differences"][0]["text"]
            .to_string()
            .contains("changed")
    );
    let told = doorward(&site.host, &["undo"]);
    assert!(told.code != 0 && told.error.contains("kept as it was changed since"), "{}", told.error);
    site.host.succeed(&["nft", "delete", "table", "inet", "doorward"]).unwrap();
    site.is_open();
    assert_eq!(difference(&before, &state(&site.host)), [""; 0]);
}

#[test]
fn others_rules_that_close_what_is_to_be_open_are_told() {
    let Some(lab) = open_or_skip() else { return };
    let site = Site::boot(&lab);
    site.configure("", "");
    site.apply("1h");
    run(&site.host, &["confirm"]);
    site.host
        .succeed(&["nft", "add", "rule", "inet", "others", "input", "tcp", "dport", "80", "drop"])
        .unwrap();
    let found = json(&site.host, 1, &["verify"]);
    let text = found["changes"][0]["differences"][0]["text"].as_str().unwrap();
    assert!(text.contains("tcp/80 stays closed over IPv4 by inet others input"), "{found}");
    // Debian's own service flushes all tables, and takes this one's along when it is loaded anew.
    site.host.succeed(&["systemctl", "start", "nftables"]).unwrap();
    site.host.succeed(&["systemctl", "restart", "doorward-filter"]).unwrap();
    for verb in ["reload", "restart"] {
        site.host.succeed(&["systemctl", verb, "nftables"]).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while !site.tables().contains("inet doorward") {
            assert!(Instant::now() < until, "{verb}: {}", site.tables());
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(doorward(&site.host, &["verify"]).code, 0, "{verb}");
    }
    run(&site.host, &["undo"]);
    assert!(!site.tables().contains("doorward"), "{}", site.tables());
    assert!(!site.host.run(&["systemctl", "cat", "doorward-filter.service"]).unwrap().status.success());
}

#[test]
fn unconfirmed_it_comes_back_by_the_timer_and_by_a_boot() {
    let Some(lab) = open_or_skip() else { return };
    let mut site = Site::boot(&lab);
    site.configure("", "");
    let before = state(&site.host);
    let is_back = |site: &Site| {
        site.is_open();
        assert!(!site.tables().contains("doorward"), "{}", site.tables());
    };
    site.apply("4s");
    site.is_filtered();
    let until = Instant::now() + Duration::from_mins(1);
    while !json(&site.host, 0, &["status"])["waiting"].is_null() {
        assert!(Instant::now() < until, "it is not undone");
        std::thread::sleep(Duration::from_millis(500));
    }
    is_back(&site);
    // The timer's own units go a moment later.
    while !difference(&before, &state(&site.host)).is_empty() {
        assert!(Instant::now() < until, "{:?}", difference(&before, &state(&site.host)));
        std::thread::sleep(Duration::from_millis(500));
    }

    site.apply("1h");
    site.is_filtered();
    site.reboot();
    is_back(&site);
    assert_eq!(difference(&before, &state(&site.host)), [""; 0]);

    // In the place of an earlier one, which comes back.
    site.apply("1h");
    run(&site.host, &["confirm"]);
    site.configure("", OTHER_DOOR);
    let earlier = state(&site.host);
    site.apply("1h");
    site.is_filtered();
    assert!(site.host.succeed(&["nft", "list", "table", "inet", "doorward"]).unwrap().contains("9100"));
    site.reboot();
    site.is_filtered();
    assert!(!site.host.succeed(&["nft", "list", "table", "inet", "doorward"]).unwrap().contains("9100"));
    assert_eq!(difference(&earlier, &state(&site.host)), [""; 0]);
}

#[test]
fn a_power_cut_at_any_record_brings_the_earlier_table_back() {
    let Some(lab) = open_or_skip() else { return };
    let mut site = Site::boot(&lab);
    site.configure("", "");
    site.apply("1h");
    run(&site.host, &["confirm"]);
    site.reboot();
    site.configure("", OTHER_DOOR);
    let table = |host: &Host| host.succeed(&["nft", "-s", "list", "table", "inet", "doorward"]).unwrap();
    let (before, earlier) = (state(&site.host), table(&site.host));
    plan_only(&site.host, "disable", &["filter"]);
    let words = [PROGRAM, "apply", PLAN, "--yes", "--confirm-within", "24h"];
    let mut program = site.host.stepped("/var/lib/doorward/2.journal", &words).unwrap();
    let mut records = 0;
    while program.step().unwrap() {
        records += 1;
        let image = site.host.disk_image().unwrap();
        let after = lab.host_of(&image).unwrap();
        assert_eq!(table(&after), earlier, "record {records}");
        assert_eq!(difference(&before, &state(&after)), [""; 0], "record {records}");
        assert_eq!(doorward(&after, &["status"]).out, "no changes wait\n", "record {records}");
        assert_eq!(site.stranger.tcp_open(after.address(), [22, 80]).unwrap(), [80], "record {records}");
    }
    assert!(records > 5, "{records} records are too few");
    assert!(table(&site.host).contains("9100"));
}

#[test]
fn a_hundred_thousand_networks_are_planned_loaded_and_undone() {
    let Some(lab) = open_or_skip() else { return };
    let site = Site::boot(&lab);
    let many = "many = [\"/etc/doorward/many.list\"]";
    site.configure(many, "\"tcp/9100\" = { to = [\"many\"] }");
    let network = |n: u32| format!("{}/31\n", std::net::Ipv4Addr::from((11 << 24) + n * 4));
    site.host.write_file("/etc/doorward/many.list", (0..100_000).map(network).collect::<String>()).unwrap();
    let began = Instant::now();
    site.apply("1h");
    println!("planned and applied within {:?}", began.elapsed());
    site.is_filtered();
    run(&site.host, &["confirm"]);
    let began = Instant::now();
    assert_eq!(doorward(&site.host, &["verify"]).code, 0);
    println!("verified within {:?}", began.elapsed());
    run(&site.host, &["undo"]);
    assert!(!site.tables().contains("doorward"), "{}", site.tables());
}

#[test]
fn nothing_gets_through_while_it_changes() {
    let Some(lab) = open_or_skip() else { return };
    let site = Site::boot(&lab);
    site.configure("", "");
    site.apply("1h");
    run(&site.host, &["confirm"]);
    let over = AtomicBool::new(false);
    let (mut replaced, mut loaded) = (0, 0);
    let floods = std::thread::scope(|scope| {
        let flood = |address| {
            let (site, over) = (&site, &over);
            scope.spawn(move || {
                let to = SocketAddr::new(address, 22);
                site.stranger.tcp_flood(to, || !over.load(Ordering::Relaxed)).unwrap()
            })
        };
        let floods = site.addresses().map(flood);
        for port in ["9100", "9101"] {
            // Replaced by what forbids the stranger the same, and put back.
            site.configure("", &OTHER_DOOR.replace("9100", port));
            site.apply("1h");
            run(&site.host, &["undo"]);
            replaced += 2;
        }
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            site.host.succeed(&["nft", "-f", "/etc/doorward/filter.nft"]).unwrap();
            loaded += 1;
        }
        over.store(true, Ordering::Relaxed);
        floods.map(|flood| flood.join().unwrap())
    });
    let tries: u64 = floods.iter().map(|flood| flood.tries).sum();
    println!("{tries} tries over {replaced} changes and {loaded} replacements: {floods:?}");
    assert!(floods.iter().all(|flood| flood.answered == 0), "{floods:?}");
    assert!(tries >= TRIES, "{tries} tries are too few");
    site.is_filtered();
    // The flood would have seen it.
    site.host.succeed(&["nft", "delete", "table", "inet", "doorward"]).unwrap();
    let until = Instant::now() + Duration::from_secs(1);
    let flood =
        site.stranger.tcp_flood(SocketAddr::new(site.host.address(), 22), || Instant::now() < until).unwrap();
    assert!(flood.answered > 0, "{flood:?}");
}
