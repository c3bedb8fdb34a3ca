//! The demo as its user sees it, and that nothing of it is left when it is stopped. It shows the doorward that was built
//! beside it: `cargo test --workspace` builds both.
#![expect(clippy::disallowed_methods, reason = "runs the project's own program")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use doorward_lab::open_or_skip;

fn demo(words: &[&str]) -> Child {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_xtask"));
    demo.arg("demo").args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    demo.spawn().unwrap()
}

/// What a lab leaves on this machine while it lives.
fn left_of(process: u32) -> Vec<String> {
    let names = |folder| std::fs::read_dir(Path::new(folder)).into_iter().flatten().flatten();
    let all = ["/run/doorward-lab", "/run/netns"].into_iter().flat_map(names);
    let all = all.map(|entry| entry.path().display().to_string());
    all.filter(|path| path.contains(&format!("/doorward-{process}-"))).collect()
}

#[test]
fn the_whole_way() {
    let Some(_lab) = open_or_skip() else { return };
    let demo = demo(&["--full"]);
    let process = demo.id();
    let output = demo.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    println!("{told}{error}");
    assert!(output.status.success(), "{error}");
    // Each has to be said, in this order.
    let order = [
        "  tcp  18 open: 21 22 23 25 53 80 ",
        "# doorward\nbusy · ",
        "# doorward site record http://contact.example/\n",
        "http://contact.example/ · 2 tests passed\n",
        "uninstall postfix; closes tcp 0.0.0.0:25",
        "# doorward trial plan.toml --output proved.toml\n",
        "\ntrial 1, ",
        " proved unneeded, 3 needed; ",
        "  uninstall:postfix: without it, in trial ",
        ", message is sent fails\n",
        "<p>We are sorry: your message could not be sent.</p>\n",
        "after a reboot every test passed.\n",
        "# doorward apply proved.toml --yes\n",
        " are made. Confirm them within 300 s",
        "# doorward confirm\n",
        "http://contact.example/ · 2 tests passed\n",
        "  tcp/21    open    -       vsftpd\n",
        "  tcp/25    open    open    postfix@-\n",
        "  tcp/80    open    open    nginx\n",
        "# doorward undo\n",
        "http://contact.example/ · 2 tests passed\n",
        "The same 25 doors answer as before.\n",
        "\nAll as expected, in ",
    ];
    let mut rest = told.as_str();
    for part in order {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is not said, or not in its place"));
        rest = &rest[at + part.len()..];
    }
    let more = told.lines().find(|line| line.contains("another plan finds")).unwrap();
    assert!(!more.contains("postfix"), "what was proved to be needed is not called for again: {more}");
    assert_eq!(left_of(process), [""; 0]);
}

#[test]
fn a_signal_ends_it_and_leaves_nothing() {
    let Some(_lab) = open_or_skip() else { return };
    for (signal, code, until) in [("INT", 130, "doorward: a copy is up"), ("TERM", 143, "# doorward plan")] {
        let mut demo = demo(&[]);
        let process = demo.id();
        let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(until)), "{until}");
        assert_ne!(left_of(process), [""; 0], "its host runs");
        let kill = Command::new("/bin/kill").args([&format!("-{signal}"), &process.to_string()]).status();
        assert!(kill.unwrap().success());
        lines.for_each(drop);
        assert_eq!(demo.wait().unwrap().code(), Some(code), "{signal}");
        let mut error = String::new();
        demo.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert_eq!(error, "demo: stopped, and its host removed\n");
        assert_eq!(left_of(process), [""; 0]);
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let output = demo(&["--program", "/no/such/doorward"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("/no/such/doorward is not there"), "{error}");
}
