//! `HAProxy`'s words: at blanks, with quotes, escapes and comments; variables within double quotes alone.

/// Longer lines are no configuration.
const LENGTH_LIMIT: usize = 8192;

/// A word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether all its variables are known.
    pub(super) is_known: bool,
}

/// The words of a line; `None` when a quote is not closed or the line grows too long.
pub(super) fn words(line: &str, value: impl Fn(&str) -> Option<String>) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut rest = line;
    let mut length = line.len();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if length > LENGTH_LIMIT {
            return None;
        }
        let current = || Word { text: String::new(), is_known: true };
        match (c, quote) {
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('#', None) => break,
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_with(current);
            }
            ('\\', None | Some('"')) => {
                let escaped = rest.chars().next().unwrap_or('\\');
                rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
                word.get_or_insert_with(current).text.push(escaped);
            }
            ('$', Some('"')) => {
                let (name, default, after) = variable(rest);
                rest = after;
                let word = word.get_or_insert_with(current);
                match value(name).or_else(|| default.map(str::to_owned)) {
                    Some(value) => {
                        length += value.len();
                        word.text.push_str(&value);
                    }
                    None => word.is_known = false,
                }
            }
            (c, _) => word.get_or_insert_with(current).text.push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Name, default value and what follows of a variable behind its `$`: `NAME`, `{NAME}`, `{NAME-default}`.
fn variable(text: &str) -> (&str, Option<&str>, &str) {
    let end_of_name =
        |t: &str| t.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(t.len());
    if let Some((inside, after)) = text.strip_prefix('{').and_then(|t| t.split_once('}')) {
        let (name, rest) = inside.split_at(end_of_name(inside));
        return (name, rest.strip_prefix('-'), after);
    }
    let (name, after) = text.split_at(end_of_name(text));
    (name, None, after)
}
