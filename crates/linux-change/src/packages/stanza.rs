//! The package manager's paragraphs of fields.

/// A paragraph, its fields in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stanza(Vec<(String, String)>);

impl Stanza {
    /// What a field says, lines after the first with what they begin with.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The paragraph without some fields, as it is written.
    pub(super) fn without(&self, names: &[&str]) -> String {
        let kept = self.0.iter().filter(|(n, _)| !names.iter().any(|name| n.eq_ignore_ascii_case(name)));
        kept.fold(String::new(), |text, (name, value)| {
            // A field's first line may be empty.
            let space = if value.starts_with('\n') { "" } else { " " };
            text + name + ":" + space + value + "\n"
        })
    }

    /// Whether it is whole: unpacked and configured.
    pub(super) fn is_installed(&self) -> bool {
        matches!(self.state(), "installed" | "triggers-pending" | "triggers-awaited")
    }

    /// Whether at most its configuration is left.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state(), "not-installed" | "config-files")
    }

    /// `install ok installed`: what is wanted, whether something is wrong, how it is.
    fn state(&self) -> &str {
        self.field("Status").and_then(|s| s.split_ascii_whitespace().nth(2)).unwrap_or("not-installed")
    }
}

/// All paragraphs of a text.
pub(super) fn parse(text: &str) -> Vec<Stanza> {
    let mut all = Vec::new();
    let mut current = Stanza::default();
    for line in text.lines() {
        if line.trim().is_empty() {
            if !current.0.is_empty() {
                all.push(std::mem::take(&mut current));
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = current.0.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            current.0.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    if !current.0.is_empty() {
        all.push(current);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: a\nStatus: install ok installed\nConffiles:\n /etc/a 00\nDescription: x\n y\n\nPackage: b\n";

    #[test]
    fn a_paragraph_is_read_and_written() {
        let all = parse(TEXT);
        let [a, b] = all.as_slice() else { panic!("{all:?}") };
        assert!(a.is_installed() && !a.is_gone());
        assert!(b.is_gone() && !b.is_installed());
        assert_eq!(a.field("conffiles"), Some("\n /etc/a 00"));
        assert_eq!(a.without(&["status", "Conffiles"]), "Package: a\nDescription: x\n y\n");
        assert_eq!(format!("{}\nPackage: b\n", a.without(&[])), TEXT);
    }
}
