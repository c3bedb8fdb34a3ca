use std::time::{Duration, Instant};

use doorward_site::Verdict;

use crate::{one, run, why};

/// A check that runs a shell's script: the shell is the test's own choice.
fn script(kind: &str, script: &str, rest: &str) -> String {
    let script = toml_text(script);
    format!(
        "version = 1\nurl = \"http://localhost/\"\ntime_limit = \"5s\"\n[[{kind}]]\nname = \"a\"\n\
         run = [\"/bin/sh\", \"-c\", {script}]\n{rest}\n"
    )
}

fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[test]
fn a_command_is_judged_by_its_status_and_output() {
    assert_eq!(why(&one(&script("command", "exit 3", "status = 3"))), "");
    assert_eq!(
        why(&one(&script(
            "command",
            "echo $SITE_URL $A; pwd",
            "matches = '(?s)http://localhost/ b.*/tmp'\nenvironment.A = \"b\"\ndirectory = \"/tmp\""
        ))),
        ""
    );
    let failed = why(&one(&script("command", "echo no queue >&2; exit 1", "")));
    assert!(failed.contains("exit status: expected 0, seen 1; no queue"), "{failed}");
    let killed = why(&one(&script("command", "kill -9 $$", "")));
    assert!(killed.contains("seen ended by signal 9"), "{killed}");
    let missing = why(&one(&script("command", "", "").replace("/bin/sh", "/none")));
    assert!(missing.contains("program: expected starts, seen /none: No such file"), "{missing}");
    // Nothing of this process's environment reaches it.
    assert_eq!(why(&one(&script("command", "test -z \"$CARGO_MANIFEST_DIR\"", ""))), "");
}

#[test]
fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("alive");
    let text = format!("(sleep 3; touch {}) & sleep 60", mark.display());
    let outcome = one(&script("command", &text, "").replace("\"5s\"", "\"500ms\""));
    assert!(why(&outcome).contains("killed after 500ms"), "{}", why(&outcome));
    assert!(began.elapsed() < Duration::from_secs(30));
    std::thread::sleep(Duration::from_secs(4));
    assert!(!mark.exists());
}

#[test]
fn what_a_program_leaves_behind_does_not_hold_up_the_check() {
    let began = Instant::now();
    assert_eq!(why(&one(&script("command", "sleep 60 & echo done", "matches = \"done\""))), "");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_a_program_leaves_behind_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    // A daemon, and a child that left the group; both say who they are before the program ends.
    let text = format!(
        "f={}; (setsid sh -c 'echo $$ >> '$f'; exec sleep 600' > /dev/null 2>&1 &); sh -c 'echo $$ >> '$f'; exec sleep 600' & \
         while [ $(cat $f 2> /dev/null | wc -l) -lt 2 ]; do sleep 0.01; done",
        pids.display()
    );
    assert_eq!(why(&one(&script("command", &text, ""))), "");
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        // Gone, or dead and not yet reaped by whoever inherited it.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}

#[test]
fn output_without_end_is_read_and_forgotten() {
    let outcome = one(&script("command", "head -c 100000000 /dev/zero; exit 4", "status = 4"));
    assert_eq!(why(&outcome), "");
    assert!(outcome.exchanges[0].size <= 2 << 20);
    let endless = one(&script("command", "yes", "").replace("\"5s\"", "\"500ms\""));
    assert!(why(&endless).contains("killed after 500ms"));
}

#[test]
fn a_suite_is_a_test_for_each_of_its_results() {
    let outcomes =
        run(&script("suite", "printf '1..2\\nok 1 - pay\\nnot ok 2 - mail\\n'; exit 1", "results = \"tap\""));
    let told: Vec<(&str, Verdict)> = outcomes.tests.iter().map(|t| (t.test.0.as_str(), t.verdict)).collect();
    assert_eq!(told, [("a", Verdict::Passed), ("a: pay", Verdict::Passed), ("a: mail", Verdict::Failed)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.xml");
    let rest = format!("results = \"junit\"\nfile = \"{}\"", file.display());
    let text = format!("echo '<testsuite><testcase name=\"pay\"/></testsuite>' > {}", file.display());
    assert_eq!(run(&script("suite", &text, &rest)).tests.len(), 2);
    // The same file again, which nobody wrote this time.
    let stale = why(&run(&script("suite", "true", &rest)).tests[0]);
    assert!(stale.contains("is as it was before"), "{stale}");
}

#[test]
fn a_suite_that_tells_nothing_fails() {
    for (text, rest, seen) in [
        ("true", "results = \"tap\"", "results: expected readable, seen end: there is no plan"),
        ("echo 1..0", "results = \"tap\"", "results: expected a test, seen none"),
        ("printf '1..1\\nok\\n'; exit 7", "results = \"tap\"", "seen 7, although no test failed"),
        (
            "printf '1..1\\nok\\n'; exec sleep 60",
            "results = \"tap\"",
            "program: expected ends, seen killed after 500ms",
        ),
        ("printf '<testsuite><testcase'", "results = \"junit\"", "results: expected readable, seen byte"),
        (
            "true",
            "results = \"junit\"\nfile = \"/none/r.xml\"",
            "results: expected written, seen /none/r.xml: No such file",
        ),
        ("true", "results = \"junit\"\nfile = \"/dev/zero\"", "/dev/zero"),
    ] {
        let outcomes = run(&script("suite", text, rest).replace("\"5s\"", "\"500ms\""));
        assert_eq!(outcomes.tests.len(), 1);
        assert!(why(&outcomes.tests[0]).contains(seen), "{text}: {}", why(&outcomes.tests[0]));
    }
}
