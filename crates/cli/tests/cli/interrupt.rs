//! Signals that ask to end: what runs is ended with all that it started, and what is known until then is told.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Place;

/// What a stopped run said: exit status, output, errors.
type Said = (Option<i32>, String, String);

fn start(place: &Place, words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(words).current_dir(place.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for what the program under test does.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(mut child: Child, name: &str) -> Said {
    let pid = child.id().to_string();
    assert!(Command::new("/bin/kill").args(["-s", name, &pid]).status().unwrap().success());
    let began = Instant::now();
    let status = child.wait().unwrap();
    // It reacts within tenths of a second; a test machine may be slow.
    assert!(began.elapsed() < Duration::from_secs(5), "{name}: {:?}", began.elapsed());
    let (mut out, mut error) = (String::new(), String::new());
    child.stdout.unwrap().read_to_string(&mut out).unwrap();
    child.stderr.unwrap().read_to_string(&mut error).unwrap();
    (status.code(), out, error)
}

/// Whether a process runs with this among its arguments.
fn runs(mark: &str) -> bool {
    let all = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.unwrap().path().join("cmdline")).ok());
    all.into_iter().any(|line| line.windows(mark.len()).any(|w| w == mark.as_bytes()))
}

#[test]
fn a_suite_is_killed_with_all_that_it_started() {
    // One grandchild stays in the group, one leaves it, one leaves its parent too, one forgets its environment.
    let mark = format!("{}", 5_000_000_000_u64 + u64::from(std::process::id()));
    let script = format!(
        "sleep {mark}0 & setsid sleep {mark}1 & (setsid sleep {mark}2 &) ; env -i setsid sleep {mark}3 & touch begun; wait"
    );
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let place = Place::new();
        let directory = place.path().display();
        place.write(
            "site.toml",
            &format!(
                "version = 1\nurl = \"http://127.0.0.1:1/\"\n[[suite]]\nname = \"s\"\nresults = \"tap\"\n\
                 run = [\"/bin/sh\", \"-c\", \"{script}\"]\ndirectory = \"{directory}\"\ntime_limit = \"10m\"\n\
                 [[command]]\nname = \"quick\"\nrun = [\"/bin/true\"]\n"
            ),
        );
        let child = start(&place, &["site", "check", "--format", "json"]);
        let all = ["0", "1", "2", "3"].map(|n| format!("{mark}{n}"));
        until("all run", || place.path().join("begun").exists() && all.iter().all(|mark| runs(mark)));
        std::thread::sleep(Duration::from_millis(300));
        let (status, out, error) = signal(child, name);
        assert_eq!(status, Some(code), "{error}");
        for mark in &all {
            assert!(!runs(mark), "{name}: sleep {mark} lives");
        }
        let told: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(told["stopped"], true);
        let tests = told["runs"][0]["tests"].as_array().unwrap();
        let tests: Vec<&str> = tests.iter().map(|t| t["test"].as_str().unwrap()).collect();
        assert_eq!(tests, ["quick"], "what was broken off has no outcome");
        assert!(error.contains("stopped before all tests were run"), "{error}");
    }
}

#[test]
fn a_site_that_says_nothing_does_not_hold_it_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let place = Place::new();
    let text = format!(
        "version = 1\nurl = \"{url}\"\n[[http]]\nname = \"page\"\ntime_limit = \"10m\"\n[[http.request]]\nurl = \"/\"\n"
    );
    place.write("site.toml", &text);
    let child = start(&place, &["site", "check", "--repeat", "3"]);
    let mut visitor = silent.accept().unwrap().0;
    visitor.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").unwrap();
    let (status, out, error) = signal(child, "INT");
    assert_eq!(status, Some(130), "{error}");
    assert!(out.starts_with(&format!("{url} · 0 tests passed, then it was stopped\n")), "{out}");

    let child = start(&place, &["site", "record", &url, "-o", "new.toml"]);
    let _visitor = silent.accept().unwrap();
    let (status, _, error) = signal(child, "TERM");
    assert_eq!(status, Some(143), "{error}");
    assert!(error.contains("stopped after 0 pages were found: no tests were written"), "{error}");
    assert!(!place.path().join("new.toml").exists());
}

#[test]
fn a_signal_that_the_caller_ignores_stays_ignored() {
    let place = Place::new();
    let text = "version = 1\nurl = \"http://127.0.0.1:1/\"\n[[command]]\nname = \"slow\"\n\
        run = [\"/bin/sh\", \"-c\", \"kill -HUP $(cat pid); sleep 1\"]\ndirectory = \"DIR\"\n";
    place.write("site.toml", &text.replace("DIR", &place.path().display().to_string()));
    let script = "trap '' HUP; echo $$ > pid; exec \"$0\" site check";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_doorward")]).current_dir(place.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
