//! The syntax of xinetd's files: `defaults` and `service NAME`, each with a block of `ATTRIBUTE = VALUES` lines
//! between braces that stand alone; `include` and `includedir`.

use std::collections::HashSet;

use doorward_model::{Subject, Unseen};

use crate::{Kind, Tree, unread::unread};

/// Files in all; more come from a loop or from an enemy.
const FILE_LIMIT: usize = 1000;

/// Services in all.
const ENTRY_LIMIT: usize = 10_000;

/// Bad lines that are told of, for each file.
const COMPLAINT_LIMIT: usize = 20;

/// All files together.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) defaults: Vec<Attribute>,
    pub(super) entries: Vec<Entry>,
}

/// `service NAME` with its block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) service: String,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) attributes: Vec<Attribute>,
    /// Whether the block has its braces and all its lines make sense; xinetd starts no other.
    pub(super) complete: bool,
}

/// An attribute with its values, `+=` and `-=` applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// The values of an attribute; none when it is not there.
pub(super) fn values<'a>(attributes: &'a [Attribute], name: &str) -> &'a [String] {
    attributes.iter().find(|a| a.name == name).map_or(&[], |a| &a.values)
}

/// What the lines that follow belong to.
enum Block {
    Outside,
    Defaults,
    Entry(Entry),
    /// Of something that makes no sense.
    Nonsense,
}

/// One line of a file.
enum Line<'t> {
    Open,
    Close,
    Defaults,
    Service(&'t str),
    Include(&'t str),
    IncludeDir(&'t str),
    Assign(&'t str, Operator, Vec<&'t str>),
    Nonsense,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Set,
    Add,
    Remove,
}

impl Config {
    /// Reads a file with everything that it includes, each file once.
    pub(super) fn read(tree: &Tree, main: &str, unseen: &mut Vec<Unseen>) -> Self {
        let mut config = Self::default();
        let mut seen = HashSet::new();
        let mut todo = vec![main.to_owned()];
        while let Some(path) = todo.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            if seen.len() > FILE_LIMIT {
                let why = format!("more than {FILE_LIMIT} files are included");
                unseen.push(Unseen::new(Subject::Services, "further xinetd services", why));
                break;
            }
            match tree.read(&path, crate::CONFIG_LIMIT) {
                Ok(bytes) => {
                    let includes = config.parse(&String::from_utf8_lossy(&bytes), &path, unseen);
                    let files = includes.into_iter().flat_map(|include| include.files(tree, unseen));
                    todo.extend(files.collect::<Vec<_>>().into_iter().rev());
                }
                Err(e) if e.is_absent() && path == main => {}
                Err(e) => unseen.push(unread(Subject::Services, format!("xinetd services in {path}"), &e)),
            }
        }
        config
    }

    /// Takes one file's services; returns what it includes.
    pub(super) fn parse(&mut self, text: &str, file: &str, unseen: &mut Vec<Unseen>) -> Vec<Include> {
        let mut includes = Vec::new();
        let mut complaints = Complaints { file, count: 0, unseen };
        let mut block = Block::Outside;
        let mut open = false;
        for (text, line) in text.lines().zip(1..) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match (Line::of(text), &mut block) {
                (Line::Open, Block::Defaults | Block::Entry(_) | Block::Nonsense) if !open => open = true,
                (Line::Close, _) if open => {
                    open = false;
                    self.end(std::mem::replace(&mut block, Block::Outside), true);
                }
                (Line::Assign(name, operator, values), Block::Defaults) if open => {
                    assign(&mut self.defaults, name, operator, &values);
                }
                (Line::Assign(name, operator, values), Block::Entry(entry)) if open => {
                    assign(&mut entry.attributes, name, operator, &values);
                }
                (Line::Assign(..), Block::Nonsense) if open => {}
                (Line::Defaults, _) if !open => {
                    self.end(std::mem::replace(&mut block, Block::Defaults), false);
                }
                (Line::Service(service), _) if !open => {
                    let entry = Entry {
                        service: service.to_owned(),
                        file: file.to_owned(),
                        line,
                        attributes: Vec::new(),
                        complete: true,
                    };
                    self.end(std::mem::replace(&mut block, Block::Entry(entry)), false);
                }
                (Line::Include(path), _) if !open => includes.push(Include::File(path.to_owned())),
                (Line::IncludeDir(path), _) if !open => includes.push(Include::Directory(path.to_owned())),
                (found, in_block) => {
                    complaints.add(line, in_block.wants(open));
                    match in_block {
                        Block::Entry(entry) => entry.complete = false,
                        Block::Outside if text.ends_with('{') => block = Block::Nonsense,
                        _ => {}
                    }
                    open |= matches!(found, Line::Nonsense) && text.ends_with('{') && !open;
                }
            }
        }
        self.end(block, false);
        complaints.finish();
        includes
    }

    /// Ends a block; one without its closing brace is not complete.
    fn end(&mut self, block: Block, closed: bool) {
        if let Block::Entry(mut entry) = block
            && self.entries.len() < ENTRY_LIMIT
        {
            entry.complete &= closed;
            self.entries.push(entry);
        }
    }
}

impl Block {
    fn wants(&self, open: bool) -> &'static str {
        match (self, open) {
            (_, true) => "no attribute: NAME = VALUE",
            (Self::Outside, false) => "neither defaults nor a service nor an include",
            (_, false) => "the opening brace is missing, which must stand on a line of its own",
        }
    }
}

impl<'t> Line<'t> {
    fn of(text: &'t str) -> Self {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some((name, values)) = text.split_once('=') {
            let (name, operator) = match name.strip_suffix(['+', '-']) {
                Some(stem) if name.ends_with('+') => (stem, Operator::Add),
                Some(stem) => (stem, Operator::Remove),
                None => (name, Operator::Set),
            };
            let name = name.trim();
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let assign = || Self::Assign(name, operator, values.split_whitespace().collect());
            return if is_name { assign() } else { Self::Nonsense };
        }
        match (first, words.next(), words.next()) {
            ("{", None, _) => Self::Open,
            ("}", None, _) => Self::Close,
            ("defaults", None, _) => Self::Defaults,
            ("service", Some(name), None) if !name.contains('{') => Self::Service(name),
            ("include", Some(path), None) => Self::Include(path),
            ("includedir", Some(path), None) => Self::IncludeDir(path),
            _ => Self::Nonsense,
        }
    }
}

fn assign(attributes: &mut Vec<Attribute>, name: &str, operator: Operator, values: &[&str]) {
    let values = values.iter().map(|v| (*v).to_owned());
    let Some(known) = attributes.iter_mut().find(|a| a.name == name) else {
        let values = if operator == Operator::Remove { Vec::new() } else { values.collect() };
        attributes.push(Attribute { name: name.to_owned(), values });
        return;
    };
    match operator {
        Operator::Set => known.values = values.collect(),
        Operator::Add => known.values.extend(values),
        Operator::Remove => {
            let gone: HashSet<String> = values.collect();
            known.values.retain(|v| !gone.contains(v));
        }
    }
}

/// What a file includes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Include {
    File(String),
    Directory(String),
}

impl Include {
    /// Of a directory all files but those with a dot in their name or a tilde at its end.
    fn files(self, tree: &Tree, unseen: &mut Vec<Unseen>) -> Vec<String> {
        let directory = match self {
            Self::File(path) => return vec![path],
            Self::Directory(path) => path,
        };
        match tree.read_dir(&directory) {
            Ok(entries) => entries
                .into_iter()
                .filter(|e| matches!(e.kind, Kind::File | Kind::Link))
                .filter_map(|e| e.name.into_string().ok())
                .filter(|name| !name.contains('.') && !name.ends_with('~'))
                .map(|name| format!("{}/{name}", directory.trim_end_matches('/')))
                .collect(),
            Err(e) => {
                unseen.push(unread(Subject::Services, format!("xinetd services in {directory}"), &e));
                Vec::new()
            }
        }
    }
}

/// Bad lines of one file.
struct Complaints<'a> {
    file: &'a str,
    count: usize,
    unseen: &'a mut Vec<Unseen>,
}

impl Complaints<'_> {
    fn add(&mut self, line: usize, why: &str) {
        self.count += 1;
        if self.count <= COMPLAINT_LIMIT {
            self.unseen.push(Unseen::new(Subject::Services, format!("{}:{line}", self.file), why));
        }
    }

    fn finish(self) {
        if self.count > COMPLAINT_LIMIT {
            let why = format!("{} more lines make no sense", self.count - COMPLAINT_LIMIT);
            self.unseen.push(Unseen::new(Subject::Services, self.file, why));
        }
    }
}
