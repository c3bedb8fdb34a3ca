use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that could not be read. A failure is a fact: it is shown by name, never swallowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unseen {
    /// What part of the host is not known because of it.
    pub subject: Subject,
    /// What could not be seen, naming the file, process or interface: `process of tcp 0.0.0.0:3306`.
    pub what: String,
    /// Why, as a sentence fragment: `permission denied reading /proc/812/fd`.
    pub why: String,
    /// What would show it: `run as root`, `install nft`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The part of a host that an [`Unseen`] fact leaves dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Sockets that accept. Without them no door list is complete.
    Listeners,
    /// Who owns a listener.
    Owners,
    /// Services and their states.
    Services,
    /// What a service needs or is needed by.
    Dependencies,
    /// The packet filter's rules.
    Filter,
    /// Package databases and pending updates.
    Packages,
    /// Containers and what they publish.
    Containers,
    /// Installed applications and their settings.
    Applications,
    /// Connections between services.
    Connections,
    /// The host itself: name, version, addresses.
    Host,
}

impl Unseen {
    /// A failure without a known way out.
    pub fn new(subject: Subject, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { subject, what: what.into(), why: why.into(), remedy: None }
    }

    /// The same with what would show it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// What a collector returns: what it saw, and what it could not see.
///
/// A collector never fails as a whole; an empty `value` with an empty `unseen` means that there is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts<T> {
    /// What was seen.
    pub value: T,
    /// What was not, and why.
    pub unseen: Vec<Unseen>,
}

impl<T> Facts<T> {
    /// Facts with nothing left unseen.
    pub fn complete(value: T) -> Self {
        Self { value, unseen: Vec::new() }
    }

    /// Hands the value out and appends the failures to `sink`.
    pub fn into_value(self, sink: &mut Vec<Unseen>) -> T {
        sink.extend(self.unseen);
        self.value
    }
}
