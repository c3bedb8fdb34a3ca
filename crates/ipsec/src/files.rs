//! Files to be written, as values.

use std::fmt;

use zeroize::Zeroizing;

use crate::FilePath;

/// A file that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What is in it.
    pub content: Content,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text that anybody may read.
    Text(String),
    /// Text with a secret in it.
    Secret(Sensitive),
    /// A copy of another file: a certificate, or a key that this program never reads into its own words.
    CopyOf(FilePath),
}

/// Text with a secret in it. Shown to nobody unless asked by [`Self::reveal`], and overwritten when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(pub(crate) Zeroizing<String>);

impl Sensitive {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(not shown)")
    }
}
