//! The systems that a fact holds on: Linux, or versions of Windows by their NT number.
//!
//! A Windows service keeps its key name while its meaning changes (`SharedAccess` shares a connection on 2000 and is
//! the firewall too on XP), so entries name the versions that they describe.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use doorward_model::{OsFamily, Snapshot};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A version of Windows NT: 4.0; 5.0 is 2000, 5.1 XP, 5.2 Server 2003, 6.0 Vista and Server 2008, 6.1 7 and 2008 R2,
/// 6.2 8 and 2012, 6.3 8.1 and 2012 R2, 10.0 everything since; there the build tells (14393 is Server 2016, 17763
/// is 2019, 20348 is 2022, 26100 is 2025).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtVersion {
    /// Major number.
    pub major: u16,
    /// Minor number.
    pub minor: u16,
    /// Build; 0 where it is not known.
    pub build: u32,
}

/// The system of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// Any Linux distribution.
    Linux,
    /// Windows of this version.
    Windows(NtVersion),
}

/// A range of systems, as text: `linux`, `windows`, `windows 5.0`, `windows 5.1..5.2`, `windows 6.0..`,
/// `windows ..5.2`. Both ends are meant, and a version without a build means all of its builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Systems {
    /// Any Linux distribution.
    Linux,
    /// Versions of Windows.
    Windows {
        /// The first; none: from the beginning.
        from: Option<NtVersion>,
        /// The last; none: with no end.
        to: Option<NtVersion>,
    },
}

/// Why a text names no systems.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SystemsError {
    /// It begins with neither family.
    #[error("{0:?} names neither linux nor windows")]
    Family(String),
    /// A version is not of the form 6.1 or 10.0.17763.
    #[error("{0:?} is no version such as 6.1 or 10.0.17763")]
    Version(String),
    /// The range ends before it begins.
    #[error("{0:?} ends before it begins")]
    Backwards(String),
}

impl NtVersion {
    /// A version with any build.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, build: 0 }
    }

    /// The last version that is still meant by this one.
    fn last(self) -> Self {
        if self.build == 0 { Self { build: u32::MAX, ..self } } else { self }
    }
}

impl System {
    /// The system of a snapshot's host. A Windows whose version or build could not be told is taken for the newest.
    pub fn of(snapshot: &Snapshot) -> Self {
        if snapshot.host.family == OsFamily::Linux {
            return Self::Linux;
        }
        let mut numbers = snapshot.host.version.split('.').map_while(|part| part.parse::<u16>().ok());
        let (major, minor) = (numbers.next().unwrap_or(10), numbers.next().unwrap_or(0));
        let unknown = if major >= 10 { u32::MAX } else { 0 };
        let build = snapshot.windows.as_ref().and_then(|windows| windows.build).unwrap_or(unknown);
        Self::Windows(NtVersion { build, ..NtVersion::new(major, minor) })
    }
}

impl Systems {
    /// Whether the range contains a system.
    pub fn contains(self, system: System) -> bool {
        match (self, system) {
            (Self::Linux, System::Linux) => true,
            (Self::Windows { from, to }, System::Windows(version)) => {
                from.is_none_or(|f| f <= version) && to.is_none_or(|t| version <= t.last())
            }
            _ => false,
        }
    }

    /// Whether it speaks of Windows.
    pub fn is_windows(self) -> bool {
        matches!(self, Self::Windows { .. })
    }

    /// Whether both contain some one system.
    pub fn overlaps(self, other: Self) -> bool {
        let ends = |a: Option<NtVersion>, b: Option<NtVersion>| match (a, b) {
            (Some(first), Some(last)) => first <= last.last(),
            _ => true,
        };
        match (self, other) {
            (Self::Linux, Self::Linux) => true,
            (Self::Windows { from: f1, to: t1 }, Self::Windows { from: f2, to: t2 }) => {
                ends(f1, t2) && ends(f2, t1)
            }
            _ => false,
        }
    }
}

/// Whether a fact of an entry holds on a system: an empty list says, wherever the entry holds.
pub fn holds_on(systems: &[Systems], system: System) -> bool {
    systems.is_empty() || systems.iter().any(|s| s.contains(system))
}

/// Whether an entry describes a system: an empty list says Linux.
pub(crate) fn describes(systems: &[Systems], system: System) -> bool {
    if systems.is_empty() { system == System::Linux } else { systems.iter().any(|s| s.contains(system)) }
}

impl FromStr for NtVersion {
    type Err = SystemsError;

    fn from_str(text: &str) -> Result<Self, SystemsError> {
        let fail = |_: ParseIntError| SystemsError::Version(text.to_owned());
        let mut parts = text.split('.');
        let mut next = || parts.next().filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
        let (Some(major), Some(minor), build) = (next(), next(), next()) else {
            return Err(SystemsError::Version(text.to_owned()));
        };
        let version = Self {
            major: major.parse().map_err(fail)?,
            minor: minor.parse().map_err(fail)?,
            build: build.map_or(Ok(0), str::parse).map_err(fail)?,
        };
        if version.to_string() == text { Ok(version) } else { Err(SystemsError::Version(text.to_owned())) }
    }
}

impl fmt::Display for NtVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.build == 0 { Ok(()) } else { write!(f, ".{}", self.build) }
    }
}

impl FromStr for Systems {
    type Err = SystemsError;

    fn from_str(text: &str) -> Result<Self, SystemsError> {
        let (family, range) = text.split_once(' ').unwrap_or((text, ".."));
        match family {
            "linux" if text == "linux" => return Ok(Self::Linux),
            "windows" => {}
            _ => return Err(SystemsError::Family(text.to_owned())),
        }
        let (from, to) = range.split_once("..").unwrap_or((range, range));
        let end = |text: &str| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        let (from, to): (Option<NtVersion>, Option<NtVersion>) = (end(from)?, end(to)?);
        if let (Some(first), Some(last)) = (from, to)
            && first > last.last()
        {
            return Err(SystemsError::Backwards(text.to_owned()));
        }
        Ok(Self::Windows { from, to })
    }
}

impl fmt::Display for Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux => f.write_str("linux"),
            Self::Windows { from: None, to: None } => f.write_str("windows"),
            Self::Windows { from: Some(from), to } if Some(from) == to.as_ref() => {
                write!(f, "windows {from}")
            }
            Self::Windows { from, to } => {
                let end = |v: &Option<NtVersion>| v.map(|v| v.to_string()).unwrap_or_default();
                write!(f, "windows {}..{}", end(from), end(to))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Systems {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Systems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
