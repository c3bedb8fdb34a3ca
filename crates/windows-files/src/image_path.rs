//! From what the registry says of a program (`ImagePath`, `ServiceDll`) to the program's path.

use std::cell::Cell;
use std::collections::BTreeMap;

/// Ends of file names that programs have.
const PROGRAMS: [&str; 7] = [".exe", ".sys", ".dll", ".com", ".bat", ".cmd", ".scr"];

/// Most bytes that are put in for variables in all. A machine's services need some 30 KiB; variables made of variables
/// could have any length.
const LIMIT: usize = 4 << 20;

/// Variables of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Variables {
    /// By their names in lower case.
    values: BTreeMap<String, String>,
    /// Bytes that were put in so far.
    used: Cell<usize>,
}

impl Variables {
    /// Sets a variable, unless it is set.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.entry(name.to_lowercase()).or_insert_with(|| value.into());
    }

    /// Replaces `%NAME%`. What is not known stays as it is, as does all that follows when too much was put in; what was
    /// put in is not looked at again.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            let found = after.split_once('%').and_then(|(name, end)| Some((self.value(name)?, end)));
            if let Some((value, end)) = found {
                out.push_str(value);
                rest = end;
            } else {
                out.push('%');
                rest = after;
            }
        }
        out.push_str(rest);
        out
    }

    fn value(&self, name: &str) -> Option<&str> {
        let value = self.values.get(&name.to_lowercase())?;
        let used = self.used.get() + value.len();
        if used > LIMIT {
            return None;
        }
        self.used.set(used);
        Some(value)
    }
}

/// The program of an image path, and its arguments.
///
/// Where spaces are not quoted, Windows tries each of them as the program's end. Here the first one after the end of a
/// program's name is taken. A driver's path has no arguments.
pub(crate) fn program(image: &str, is_driver: bool, variables: &Variables) -> Option<(String, String)> {
    let image = image.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let (path, arguments) = match image.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
        None if is_driver => (image, ""),
        None => split(image),
    };
    let path = path.trim();
    (!path.is_empty()).then(|| (absolute(path, variables), arguments.trim().to_owned()))
}

/// Windows' own notations of a path to the usual one.
pub(crate) fn absolute(path: &str, variables: &Variables) -> String {
    let path = path.strip_prefix(r"\??\").unwrap_or(path);
    let lower = path.to_ascii_lowercase();
    let below = |prefix: &str| lower.starts_with(prefix).then(|| &path[prefix.len()..]);
    let path = if let Some(rest) = below(r"\systemroot\") {
        format!(r"%SystemRoot%\{rest}")
    } else if let Some(rest) = below(r"systemroot\") {
        format!(r"%SystemRoot%\{rest}")
    } else if lower.starts_with(r"system32\") || lower.starts_with(r"syswow64\") {
        format!(r"%SystemRoot%\{path}")
    } else {
        path.to_owned()
    };
    variables.expand(&path)
}

fn split(image: &str) -> (&str, &str) {
    let mut spaces = image.match_indices(' ').map(|(at, _)| at).chain([image.len()]);
    let ends = |at: &usize| {
        let head = image.as_bytes().get(..*at).unwrap_or_default();
        PROGRAMS.iter().any(|end| {
            head.len() >= end.len() && head[head.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
        })
    };
    let at = spaces.find(ends).or_else(|| {
        // No such name: Windows appends .exe to what it tries, and the first space is the first try.
        image.find(' ')
    });
    at.map_or((image, ""), |at| image.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.set("SystemRoot", r"C:\WINNT");
        variables.set("ProgramFiles", r"C:\Program Files");
        variables
    }

    #[test]
    fn programs_and_arguments() {
        let cases = [
            (
                r"%SystemRoot%\System32\svchost.exe -k netsvcs -p",
                r"C:\WINNT\System32\svchost.exe",
                "-k netsvcs -p",
            ),
            (r#""C:\Program Files\VM\vm srvc.exe" /service"#, r"C:\Program Files\VM\vm srvc.exe", "/service"),
            (r"C:\Program Files\Some Agent\agent.exe -d", r"C:\Program Files\Some Agent\agent.exe", "-d"),
            (r"\SystemRoot\System32\smss.exe", r"C:\WINNT\System32\smss.exe", ""),
            (r"\??\C:\x\y.exe", r"C:\x\y.exe", ""),
            (r"system32\tcpsvcs.exe", r"C:\WINNT\system32\tcpsvcs.exe", ""),
            (r"%programfiles%\a\b.EXE x.exe", r"C:\Program Files\a\b.EXE", "x.exe"),
            (r"C:\tools\daemon -x", r"C:\tools\daemon", "-x"),
            ("%unknown%\\a.exe", "%unknown%\\a.exe", ""),
            (r#""C:\unclosed\a.exe"#, r"C:\unclosed\a.exe", ""),
        ];
        for (image, path, arguments) in cases {
            let expected = Some((path.to_owned(), arguments.to_owned()));
            assert_eq!(program(image, false, &variables()), expected, "{image}");
        }
        assert_eq!(program(" \0", false, &variables()), None);
        let driver = program(r"System32\Drivers\my driver.sys", true, &variables());
        assert_eq!(driver, Some((r"C:\WINNT\System32\Drivers\my driver.sys".into(), String::new())));
    }

    #[test]
    fn variables_of_variables_end() {
        let mut variables = Variables::default();
        variables.set("v0", "x".repeat(1000));
        for n in 1..100 {
            let value = variables.expand(&format!("%v{}%", n - 1).repeat(10));
            variables.set(&format!("v{n}"), value);
        }
        let all: usize = variables.values.values().map(String::len).sum();
        assert!(all < 2 * LIMIT, "{all}");
        assert_eq!(variables.expand(r"%v2%\x"), r"%v2%\x", "as it is written");
    }

    proptest! {
        #[test]
        fn any_text_is_taken(image in ".{0,60}", driver: bool) {
            let _ = program(&image, driver, &variables());
        }

        #[test]
        fn what_is_quoted_is_the_program(path in r"[A-Z]:(\\[a-zA-Z0-9 ._-]{1,12}){1,4}", arguments in "[a-z /-]{0,20}") {
            let got = program(&format!("\"{path}\" {arguments}"), false, &Variables::default());
            prop_assert_eq!(got, Some((path.trim().to_owned(), arguments.trim().to_owned())));
        }

        #[test]
        fn what_is_put_in_is_not_expanded_again(value in "%[a-z]{1,5}%") {
            let mut variables = Variables::default();
            variables.set("a", value.clone());
            prop_assert_eq!(variables.expand("x%A%y"), format!("x{value}y"));
        }
    }
}
