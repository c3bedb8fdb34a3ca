use crate::Kind;

/// Why a hive, or something in it, cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (file offset {offset:#x})")]
pub struct HiveError {
    /// Offset in the hive's file, after recovery.
    pub offset: u64,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file has no byte.
    #[error("the file is empty")]
    Empty,
    /// A registry of another family of Windows.
    #[error("a registry of Windows 95, 98 or Me, which has another format")]
    Windows9x,
    /// Something else.
    #[error("not a registry hive: it begins with {}", .0.escape_ascii())]
    NotAHive([u8; 4]),
    /// A log was given for a hive.
    #[error("a transaction log (type {0}), not a hive")]
    ALog(u32),
    /// A version that nobody has described.
    #[error("hive version {0}.{1} is not known (1.1 to 1.6 are)")]
    Version(u32, u32),
    /// More than [`crate::LIMIT`].
    #[error("larger than {limit} bytes", limit = crate::LIMIT)]
    TooLarge,
    /// The system said no.
    #[error("cannot be read: {0}")]
    Read(String),
    /// The file ends before what it announces.
    #[error("the file ends after {0} bytes, before its first bin")]
    Truncated(u64),
    /// No bin where the first one has to be.
    #[error("no bin where the first one has to be")]
    NoBin,
    /// A pointer that leads out of the hive, or to where no cell can begin.
    #[error("cell offset {0:#x} leads out of the hive, or into the middle of a cell")]
    OutOfBounds(u32),
    /// A cell that does not fit into the hive.
    #[error("cell at {cell:#x} has the impossible size {size}")]
    CellSize {
        /// Its offset among the bins.
        cell: u32,
        /// Its size field.
        size: i32,
    },
    /// A pointer to a cell that is not in use.
    #[error("cell at {0:#x} is not in use")]
    Free(u32),
    /// A cell that holds something else.
    #[error("{}, not {expected}", .found.escape_ascii())]
    Signature {
        /// What should be there: `nk`, `vk`.
        expected: &'static str,
        /// What is.
        found: [u8; 2],
    },
    /// A record longer than its cell.
    #[error("{what} of {need} bytes in a cell of {have}")]
    Short {
        /// Which record, or which part.
        what: &'static str,
        /// Bytes that it needs.
        need: u64,
        /// Bytes that the cell has.
        have: u64,
    },
    /// Cells that share bytes.
    #[error("the cell overlaps with another one")]
    Overlap,
    /// A subkey that names another key as its parent. It is not followed: thus no loop can be.
    #[error("subkey at {key:#x} names {found:#x} as its parent, not {expected:#x}")]
    Parent {
        /// The subkey.
        key: u32,
        /// Whom it names.
        found: u32,
        /// In whose list it stands.
        expected: u32,
    },
    /// A list that names the same subkey, or the same list, twice.
    #[error("{0:#x} is named twice in a list of subkeys")]
    Twice(u32),
    /// A list with more or fewer elements than its key says.
    #[error("the key says {said} subkeys, its list has {listed}")]
    Count {
        /// By the key.
        said: u32,
        /// In the list.
        listed: u64,
    },
    /// A key whose name is longer than Windows allows.
    #[error("a key with a name of {0} characters")]
    Name(usize),
    /// Deeper than Windows allows.
    #[error("keys are nested deeper than {depth}", depth = crate::DEPTH_LIMIT)]
    Depth,
    /// The hive makes its reader work more than one of its size can need.
    #[error("reading was stopped: the hive's lists overlap, it would take forever")]
    Work,
    /// A value of another kind than asked for.
    #[error("{found}, not {expected}")]
    Kind {
        /// What was asked for.
        expected: &'static str,
        /// What it is.
        found: Kind,
    },
    /// A number of the wrong length.
    #[error("{kind} of {length} bytes")]
    Length {
        /// Its kind.
        kind: Kind,
        /// Its bytes.
        length: usize,
    },
}

impl HiveError {
    pub(crate) fn at(offset: u64, reason: Reason) -> Self {
        Self { offset, reason }
    }

    /// An error at an offset that is counted from the first bin.
    pub(crate) fn in_bins(offset: u32, reason: Reason) -> Self {
        Self { offset: u64::from(offset) + crate::base::SIZE as u64, reason }
    }
}
