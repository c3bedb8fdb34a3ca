//! The settings of an application, read from its own files by patterns.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use doorward_applications::{Marker, Patterns, Setting, secret};
use doorward_model::{Subject, Unseen};
use regex::bytes::Regex;

use super::drive::{self, Drive};
use crate::xml;

/// Largest file that is read; configuration is small.
const FILE_LIMIT: u64 = 1 << 20;

/// Bytes and files in all.
const BYTE_LIMIT: usize = 32 << 20;
const READ_LIMIT: usize = 2000;

/// Reads the settings of all applications, each file and expression once.
pub(super) struct Reader<'d> {
    drive: &'d Drive<'d>,
    texts: HashMap<PathBuf, Option<Rc<str>>>,
    patterns: Patterns,
    bytes: usize,
    unseen: Vec<Unseen>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(drive: &'d Drive<'d>) -> Self {
        Self { drive, texts: HashMap::new(), patterns: Patterns::default(), bytes: 0, unseen: Vec::new() }
    }

    pub(super) fn into_unseen(self) -> Vec<Unseen> {
        self.unseen
    }

    /// The settings of the application in a directory.
    pub(super) fn settings(&mut self, marker: &Marker, dir: &Path) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for setting in &marker.settings {
            let Some(pattern) = self.pattern(marker, setting) else { continue };
            let found = setting.files.iter().find_map(|file| {
                let text = self.text(marker, dir, file)?;
                let value = pattern.captures(text.as_bytes())?.get(1)?;
                Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            if let Some(value) = found.as_deref().and_then(|value| secret::whole(&setting.name, value)) {
                all.insert(setting.name.clone(), value.to_owned());
            }
        }
        all
    }

    fn dark(&mut self, what: String, why: impl Into<String>) {
        self.unseen.push(Unseen::new(Subject::Applications, what, why));
    }

    fn text(&mut self, marker: &Marker, dir: &Path, file: &str) -> Option<Rc<str>> {
        let found = if Drive::is_absolute(file) { self.drive.locate(file) } else { drive::below(dir, file) };
        let what = |shown: &str| format!("settings of {} in {shown}", marker.id);
        let path = match found {
            Ok(path) => path.filter(|path| path.is_file())?,
            Err(why) => {
                self.dark(what(file), why);
                return None;
            }
        };
        if let Some(text) = self.texts.get(&path) {
            return text.clone();
        }
        let text = if self.texts.len() >= READ_LIMIT || self.bytes > BYTE_LIMIT {
            Err("more configuration than anything honest has".to_owned())
        } else {
            read(&path)
        };
        let text = match text {
            Ok(text) => {
                self.bytes += text.len();
                Some(Rc::from(text))
            }
            Err(why) => {
                self.dark(what(&self.drive.shown(&path)), why);
                None
            }
        };
        self.texts.insert(path, text.clone());
        text
    }

    fn pattern(&mut self, marker: &Marker, setting: &Setting) -> Option<Regex> {
        self.patterns.of(setting, |why| {
            let what = format!("setting {} of {}", setting.name, marker.id);
            self.unseen.push(Unseen::new(Subject::Applications, what, format!("its pattern is bad: {why}")));
        })
    }
}

/// A file's text. What is commented out of an XML file says nothing.
fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|why| why.to_string())?;
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(format!("larger than {FILE_LIMIT} bytes"));
    }
    let text = xml::decoded(&bytes);
    let is_xml = path.extension().is_some_and(|end| {
        ["config", "xml"].iter().any(|xml| end.to_str().is_some_and(|end| end.eq_ignore_ascii_case(xml)))
    });
    Ok(if is_xml { without_comments(&text) } else { text })
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, end)| end);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn comments_are_left_out() {
        assert_eq!(without_comments("a<!-- b -->c<!---->d"), "acd");
        assert_eq!(without_comments("a<!-- b"), "a");
        assert_eq!(without_comments("a --> b"), "a --> b");
    }

    proptest! {
        #[test]
        fn what_stands_outside_of_comments_stays(parts in prop::collection::vec(("[a-z ]{0,5}", "[a-z>]{0,5}"), 0..5)) {
            let (mut text, mut outside) = (String::new(), String::new());
            for (out, within) in &parts {
                text.extend([out, "<!--", within, " -->"]);
                outside.push_str(out);
            }
            prop_assert_eq!(without_comments(&text), outside);
        }
    }
}
