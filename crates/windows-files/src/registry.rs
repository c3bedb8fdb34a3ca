//! Keys with their places: what cannot be read of one becomes an unseen fact that names file, key and reason.

use std::cell::{Cell, RefCell};

use doorward_hive::{HiveError, Key, Kind, Reason, Value};
use doorward_model::{Subject, Unseen};

use crate::disk::Opened;
use crate::{Disk, HiveKind};

/// How many failures are kept one by one. A hive with more is broken as a whole.
const FAILURE_LIMIT: usize = 2000;

/// How many bytes of them.
const TEXT_LIMIT: usize = 8 << 20;

/// Where failures go.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    unseen: RefCell<Vec<Unseen>>,
    bytes: Cell<usize>,
    dropped: Cell<usize>,
}

impl Sink {
    pub(crate) fn note(&self, unseen: Unseen) {
        let mut all = self.unseen.borrow_mut();
        let bytes = self.bytes.get() + unseen.what.len() + unseen.why.len();
        if all.len() < FAILURE_LIMIT && bytes <= TEXT_LIMIT {
            self.bytes.set(bytes);
            all.push(unseen);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    pub(crate) fn into_unseen(self) -> Vec<Unseen> {
        let mut all = self.unseen.into_inner();
        if self.dropped.get() > 0 {
            let why = format!("{} more failures to read", self.dropped.get());
            all.push(Unseen::new(Subject::Services, "much of the registry", why));
        }
        all
    }
}

/// The hives of a disk, by the names that Windows gives their roots.
#[derive(Clone, Copy)]
pub(crate) struct Registry<'a> {
    disk: &'a Disk,
    sink: &'a Sink,
}

impl<'a> Registry<'a> {
    pub(crate) fn new(disk: &'a Disk, sink: &'a Sink) -> Self {
        Self { disk, sink }
    }

    pub(crate) fn sink(&self) -> &'a Sink {
        self.sink
    }

    /// The root of a hive, when it was given.
    pub(crate) fn root(&self, kind: HiveKind, subject: Subject) -> Option<Node<'a>> {
        let Opened { file, hive, .. } = self.disk.hive(kind)?;
        let place = format!(r"HKLM\{}", kind.as_str());
        Some(Node { key: hive.root(), place, file, subject, sink: self.sink })
    }

    /// Minor version of a hive's format; 0 when it was not given.
    pub(crate) fn minor_version(&self, kind: HiveKind) -> u32 {
        self.disk.hive(kind).map_or(0, |opened| opened.hive.version().1)
    }

    /// A key of SOFTWARE.
    pub(crate) fn software(&self, path: &str, subject: Subject) -> Option<Node<'a>> {
        self.root(HiveKind::Software, subject)?.child(path)
    }

    /// A key of SOFTWARE and its twin for 32-bit programs.
    pub(crate) fn software_both(&self, path: &str, subject: Subject) -> Vec<Node<'a>> {
        let narrow = format!(r"Wow6432Node\{path}");
        [path, &narrow].into_iter().filter_map(|path| self.software(path, subject)).collect()
    }
}

/// A key with its place.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    pub(crate) key: Key<'a>,
    pub(crate) place: String,
    file: &'a str,
    subject: Subject,
    sink: &'a Sink,
}

impl<'a> Node<'a> {
    /// The key's name.
    pub(crate) fn name(&self) -> String {
        self.key.name().into_owned()
    }

    /// The same key, read for another part of the host.
    pub(crate) fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// The key at a path below this one.
    pub(crate) fn child(&self, path: &str) -> Option<Self> {
        match self.key.path(path) {
            Ok(key) => Some(self.with(key?, &format!(r"{}\{path}", self.place))),
            Err(why) => {
                self.fail(&format!(r"{}\{path}", self.place), &why);
                None
            }
        }
    }

    /// All subkeys that can be read, in the hive's order.
    pub(crate) fn children(&self) -> impl Iterator<Item = Self> + use<'a> {
        let parent = self.clone();
        self.key.subkeys().filter_map(move |key| match key {
            Ok(key) => Some(parent.with(key, &format!(r"{}\{}", parent.place, key.name()))),
            Err(why) => {
                parent.fail(&format!("a subkey of {}", parent.place), &why);
                None
            }
        })
    }

    /// All values that can be read.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let key = self.clone();
        self.key.values().filter_map(move |value| {
            value.map_err(|why| key.fail(&format!("a value of {}", key.place), &why)).ok()
        })
    }

    /// The value of this name.
    pub(crate) fn value(&self, name: &str) -> Option<Value<'a>> {
        self.read(name, self.key.value(name)).flatten()
    }

    /// The number in the value of this name.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.value(name).and_then(|value| self.number_in(name, &value))
    }

    /// The text in the value of this name; none for an empty one.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).and_then(|value| self.text_in(name, &value))
    }

    /// The texts in the value of this name.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.value(name).and_then(|value| self.texts_in(name, &value))
    }

    pub(crate) fn number_in(&self, name: &str, value: &Value<'_>) -> Option<u32> {
        self.read(name, value.as_u32())
    }

    pub(crate) fn text_in(&self, name: &str, value: &Value<'_>) -> Option<String> {
        self.texts_in(name, value)?.into_iter().next().filter(|text| !text.is_empty())
    }

    /// Programs write one text where a list belongs and the other way round; both are read as what they are.
    pub(crate) fn texts_in(&self, name: &str, value: &Value<'_>) -> Option<Vec<String>> {
        let texts = match value.kind() {
            Kind::Strings => value.as_strings(),
            _ => value.as_string().map(|text| vec![text]),
        };
        self.read(name, texts)
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let value = self.value(name)?;
        self.read(name, value.data()).map(std::borrow::Cow::into_owned)
    }

    /// The value of this name as text, whatever its kind, as it is shown.
    pub(crate) fn shown(&self, name: &str) -> Option<String> {
        self.value(name).and_then(|value| self.shown_in(&value))
    }

    pub(crate) fn shown_in(&self, value: &Value<'_>) -> Option<String> {
        let name = value.name();
        match value.kind() {
            Kind::U32 | Kind::U32BigEndian => {
                self.read(&name, value.as_u32()).map(|number| number.to_string())
            }
            Kind::U64 => self.read(&name, value.as_u64()).map(|number| number.to_string()),
            Kind::String | Kind::ExpandString | Kind::Link => self.read(&name, value.as_string()),
            Kind::Strings => self.read(&name, value.as_strings()).map(|texts| texts.join("; ")),
            _ => self.read(&name, value.data()).map(|data| format!("{} bytes", data.len())),
        }
    }

    /// Notes something about the key that is no failure of the hive.
    pub(crate) fn note(&self, what: &str, why: impl Into<String>) {
        self.sink.note(Unseen::new(self.subject, what, why));
    }

    fn with(&self, key: Key<'a>, place: &str) -> Self {
        Self { key, place: place.to_owned(), ..self.clone() }
    }

    fn read<T>(&self, name: &str, result: Result<T, HiveError>) -> Option<T> {
        result.map_err(|why| self.fail(&format!(r"{}\{name}", self.place), &why)).ok()
    }

    fn fail(&self, what: &str, why: &HiveError) {
        let why = match why.reason {
            // Not damaged: only not what it should be.
            Reason::Kind { .. } | Reason::Length { .. } => format!("{}: the value is {why}", self.file),
            _ => format!("{}: {why}", self.file),
        };
        self.sink.note(Unseen::new(self.subject, what, why));
    }
}
