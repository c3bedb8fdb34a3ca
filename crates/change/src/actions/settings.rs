//! One setting in a configuration file. Files have many forms; where the place is not beyond doubt, nothing is done.

use doorward_plan::Rebind;

use super::view::{View, checked};
use crate::Change;

/// The daemon's own check of what was edited. A program that is not there is told now, not in the midst.
pub(super) fn check(view: &View<'_>, command: &str) -> Result<Change, String> {
    let mut words = command.split_whitespace();
    let program = checked(words.next().unwrap_or_default())?;
    let folder = program.parent().unwrap_or(&program);
    if !view.names(folder)?.iter().any(|name| program.file_name().is_some_and(|f| f == name.as_str())) {
        return Err(format!("there is no {}, by which its configuration is checked", program.display()));
    }
    Ok(Change::Check { program, arguments: words.map(str::to_owned).collect() })
}

/// The edit; none where the setting has the value.
pub(super) fn set(view: &mut View<'_>, rebind: &Rebind) -> Result<Option<Change>, String> {
    let path = checked(&rebind.file)?;
    let text = view.text(&path)?.ok_or_else(|| format!("there is no {}", rebind.file))?;
    if [&rebind.setting, &rebind.to].into_iter().any(|t| t.is_empty() || t.contains(char::is_control)) {
        return Err("its setting or its value is not one line of text".to_owned());
    }
    let edited = edited(&text, &rebind.setting, &rebind.to)
        .map_err(|why| format!("{} in {}: {why}; set it by hand", rebind.setting, rebind.file))?;
    view.edit(&path, edited)
}

/// The text with another value in the one line of the setting.
pub(super) fn edited(text: &str, setting: &str, value: &str) -> Result<String, &'static str> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut found = lines.iter().enumerate().filter_map(|(at, l)| Some((at, Line::of(l, setting)?)));
    let (at, line) = found.next().ok_or("it is not set there")?;
    if found.next().is_some() {
        return Err("it is set more than once");
    }
    let new = line.with(value)?;
    let before = lines[..at].concat();
    Ok(format!("{before}{new}{}", lines[at + 1..].concat()))
}

/// `SETTING SEPARATOR VALUE END`, with what stands around the value.
struct Line<'t> {
    before: &'t str,
    value: &'t str,
    after: &'t str,
}

impl<'t> Line<'t> {
    fn of(line: &'t str, setting: &str) -> Option<Self> {
        let body = line.trim_end();
        let rest = body.trim_start().strip_prefix(setting)?;
        let value = rest.trim_start_matches([' ', '\t', '=', ':']);
        // Another setting may begin with the same letters.
        if value.len() == rest.len() || rest.trim_start().is_empty() {
            return None;
        }
        let before = &line[..body.len() - value.len()];
        Some(Self { before, value, after: &line[body.len()..] })
    }

    fn with(&self, new: &str) -> Result<String, &'static str> {
        let (value, end) = match self.value.strip_suffix(';') {
            Some(value) if !new.ends_with(';') => (value, ";"),
            _ => (self.value, ""),
        };
        let quote = ['"', '\''].into_iter().find(|q| value.starts_with(*q) && !new.starts_with(*q));
        let quote = quote.map(String::from).unwrap_or_default();
        let inner = value.strip_prefix(quote.as_str()).and_then(|v| v.strip_suffix(quote.as_str()));
        let inner = inner.ok_or("its value ends in another line, or with a comment")?;
        if inner.ends_with('\\') || inner.contains('#') || !quote.is_empty() && inner.contains(&quote) {
            return Err("its value ends in another line, or with a comment");
        }
        if inner.matches('{').count() != inner.matches('}').count() || inner.ends_with([',', '[']) {
            return Err("its value goes over more than one line");
        }
        if quote.is_empty() && new.contains(' ') && self.before.contains(['"']) {
            return Err("its value is of a form that is not known");
        }
        if !quote.is_empty() && new.contains(&quote) {
            return Err("the new value has quotes");
        }
        Ok(format!("{}{quote}{new}{quote}{end}{}", self.before, self.after))
    }
}
