//! Names of others in TOML, and in YAML, whose double quotes are the same: nothing leaves its quotes, and nothing
//! steers the terminal or editor that shows the file.

use std::fmt::Write as _;

/// A basic string in its quotes. Control characters and direction marks are escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => {
                let code = u32::from(c);
                let _ =
                    if code <= 0xffff { write!(out, "\\u{code:04X}") } else { write!(out, "\\U{code:08X}") };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text for a comment: in one line, what is unsafe made visible.
pub(crate) fn in_comment(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_unsafe(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
        out
    })
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// Strings in brackets: on one line when they are few and short, else one a line.
pub(super) fn list<'t>(items: impl IntoIterator<Item = &'t str>) -> String {
    wrapped(&items.into_iter().map(quoted).collect::<Vec<_>>())
}

/// Values in brackets, as they are.
pub(super) fn wrapped(items: &[String]) -> String {
    let length: usize = items.iter().map(|i| i.len() + 2).sum();
    if length <= 90 {
        return format!("[{}]", items.join(", "));
    }
    items.iter().fold("[\n".to_owned(), |mut out, item| {
        let _ = writeln!(out, "    {item},");
        out
    }) + "]"
}

/// A table on one line.
pub(super) fn inline(fields: &[(&str, Option<String>)]) -> String {
    let fields = fields.iter().filter_map(|(name, value)| Some(format!("{name} = {}", value.as_ref()?)));
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}
