//! Which of this machine's package sources serve the suite that roots are built from.
//!
//! A machine knows best from where it can fetch Debian's packages (a mirror, a snapshot). Only entries signed with
//! Debian's own key count: a root must not depend on what else a developer has installed.

use std::fs;
use std::path::Path;

/// Sources for one suite family, in the two forms that apt reads (each may be empty).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    /// Stanzas (deb822).
    pub(crate) stanzas: String,
    /// One-line entries.
    pub(crate) lines: String,
}

impl Sources {
    /// The entries below `/etc/apt` that serve `suite` or its updates.
    pub(crate) fn of_machine(suite: &str) -> Self {
        let mut found = Self::default();
        let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
        let mut files: Vec<_> = folder.map(|entry| entry.path()).collect();
        files.push("/etc/apt/sources.list".into());
        files.sort();
        for file in files {
            // An unreadable file serves nothing: mmdebstrap then chooses a mirror by itself.
            found.add(&file, &fs::read_to_string(&file).unwrap_or_default(), suite);
        }
        found
    }

    fn add(&mut self, file: &Path, text: &str, suite: &str) {
        match file.extension().and_then(|end| end.to_str()) {
            Some("sources") => {
                for stanza in text.split("\n\n").filter(|stanza| stanza_serves(stanza, suite)) {
                    self.stanzas.push_str(stanza.trim_matches('\n'));
                    self.stanzas.push_str("\n\n");
                }
            }
            Some("list") => {
                for line in text.lines().filter(|line| line_serves(line, suite)) {
                    self.lines.push_str(line);
                    self.lines.push('\n');
                }
            }
            _ => {}
        }
    }
}

fn stanza_serves(stanza: &str, suite: &str) -> bool {
    let field = |name: &str| {
        let named =
            stanza.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
        named.map_or("", |(_, value)| value.trim())
    };
    field("Types").split_whitespace().any(|kind| kind == "deb")
        && field("Enabled") != "no"
        && field("Suites").split_whitespace().any(|name| belongs(name, suite))
        && signed_by_debian(field("Signed-By"))
}

fn line_serves(line: &str, suite: &str) -> bool {
    let Some(rest) = line.trim().strip_prefix("deb ") else { return false };
    let (options, rest) = match rest.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((options, rest)) => (options, rest),
        None => ("", rest),
    };
    let signed =
        options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).unwrap_or("");
    rest.split_whitespace().nth(1).is_some_and(|name| belongs(name, suite)) && signed_by_debian(signed)
}

fn belongs(name: &str, suite: &str) -> bool {
    name.strip_prefix(suite).is_some_and(|rest| matches!(rest, "" | "-updates" | "-security"))
}

fn signed_by_debian(keyring: &str) -> bool {
    keyring.is_empty() || keyring.contains("debian-archive-keyring")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_stanzas_are_taken_and_others_left() {
        let text = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
                    Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nTypes: deb\n\
                    URIs: http://third.example\nSuites: bookworm\nSigned-By: /etc/apt/keyrings/third.asc\n";
        let mut sources = Sources::default();
        sources.add(Path::new("a.sources"), text, "bookworm");
        assert!(sources.stanzas.contains("mirror.example") && !sources.stanzas.contains("third.example"));
    }

    #[test]
    fn lines_are_chosen_by_suite_and_key() {
        for (line, serves) in [
            ("deb http://mirror.example/debian bookworm main", true),
            ("deb [arch=amd64] http://mirror.example/debian bookworm-security main", true),
            ("deb [signed-by=/etc/apt/keyrings/third.asc] http://third.example bookworm stable", false),
            ("deb http://mirror.example/debian trixie main", false),
            ("deb http://mirror.example/debian bookworm-backports main", false),
            ("# deb http://mirror.example/debian bookworm main", false),
            ("deb-src http://mirror.example/debian bookworm main", false),
            ("deb", false),
        ] {
            assert_eq!(line_serves(line, "bookworm"), serves, "{line}");
        }
    }

    #[test]
    fn files_that_apt_ignores_are_ignored() {
        let mut sources = Sources::default();
        sources.add(
            Path::new("a.list.disabled"),
            "deb http://mirror.example/debian bookworm main\n",
            "bookworm",
        );
        assert_eq!(sources, Sources::default());
    }
}
