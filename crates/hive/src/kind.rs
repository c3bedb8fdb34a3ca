use std::fmt;

/// What a value's data is, as its writer declared it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `REG_NONE`.
    None,
    /// `REG_SZ`: text.
    String,
    /// `REG_EXPAND_SZ`: text with `%variables%`.
    ExpandString,
    /// `REG_BINARY`.
    Binary,
    /// `REG_DWORD`: 32 bits.
    U32,
    /// `REG_DWORD_BIG_ENDIAN`: 32 bits, the highest first.
    U32BigEndian,
    /// `REG_LINK`: where a link leads to.
    Link,
    /// `REG_MULTI_SZ`: texts.
    Strings,
    /// `REG_RESOURCE_LIST`.
    ResourceList,
    /// `REG_FULL_RESOURCE_DESCRIPTOR`.
    ResourceDescriptor,
    /// `REG_RESOURCE_REQUIREMENTS_LIST`.
    ResourceRequirements,
    /// `REG_QWORD`: 64 bits.
    U64,
    /// Anything else; SAM stores ids of accounts here.
    Other(u32),
}

impl Kind {
    pub(crate) fn new(number: u32) -> Self {
        match number {
            0 => Self::None,
            1 => Self::String,
            2 => Self::ExpandString,
            3 => Self::Binary,
            4 => Self::U32,
            5 => Self::U32BigEndian,
            6 => Self::Link,
            7 => Self::Strings,
            8 => Self::ResourceList,
            9 => Self::ResourceDescriptor,
            10 => Self::ResourceRequirements,
            11 => Self::U64,
            other => Self::Other(other),
        }
    }

    /// Its number in the hive.
    pub fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::String => 1,
            Self::ExpandString => 2,
            Self::Binary => 3,
            Self::U32 => 4,
            Self::U32BigEndian => 5,
            Self::Link => 6,
            Self::Strings => 7,
            Self::ResourceList => 8,
            Self::ResourceDescriptor => 9,
            Self::ResourceRequirements => 10,
            Self::U64 => 11,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "REG_NONE",
            Self::String => "REG_SZ",
            Self::ExpandString => "REG_EXPAND_SZ",
            Self::Binary => "REG_BINARY",
            Self::U32 => "REG_DWORD",
            Self::U32BigEndian => "REG_DWORD_BIG_ENDIAN",
            Self::Link => "REG_LINK",
            Self::Strings => "REG_MULTI_SZ",
            Self::ResourceList => "REG_RESOURCE_LIST",
            Self::ResourceDescriptor => "REG_FULL_RESOURCE_DESCRIPTOR",
            Self::ResourceRequirements => "REG_RESOURCE_REQUIREMENTS_LIST",
            Self::U64 => "REG_QWORD",
            Self::Other(number) => return write!(f, "kind {number:#x}"),
        })
    }
}
