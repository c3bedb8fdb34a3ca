//! Records as lines, each with a checksum over itself and the checksum before it: `CHECKSUM NUMBER JSON`.
//!
//! Since a record is on disk before the next one is begun, a crash damages the last line alone: it is cut off, or,
//! where the file's size reached the disk before its content, it has zeros. Anything else is damage.

use sha2::{Digest, Sha256};

use super::{Damage, Record};
use crate::bytes::hex;

/// The longest line: an edited file of the greatest length twice, each byte of it escaped.
const LONGEST_LINE: usize = 14 * crate::LONGEST_CONTENT;

const CHECKSUM: usize = 64;

/// Turns records into lines, and remembers the last checksum.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    checksum: String,
    count: u64,
}

/// What lines say.
pub(super) struct Lines {
    pub(super) records: Vec<Record>,
    pub(super) chain: Chain,
    /// Bytes that hold whole records.
    pub(super) good: usize,
    /// Whether the last line was not finished.
    pub(super) torn: bool,
    pub(super) damage: Option<Damage>,
}

impl Chain {
    /// The next line, with the chain as it is after it.
    pub(super) fn line(&self, record: &Record) -> Result<(Vec<u8>, Self), serde_json::Error> {
        let json = serde_json::to_string(record)?;
        let body = format!("{} {json}", self.count);
        let checksum = self.checksum_of(body.as_bytes());
        let line = format!("{checksum} {body}\n").into_bytes();
        Ok((line, Self { checksum, count: self.count + 1 }))
    }

    fn checksum_of(&self, body: &[u8]) -> String {
        let mut sum = Sha256::new();
        sum.update(self.checksum.as_bytes());
        sum.update(body);
        hex(&sum.finalize())
    }

    /// Takes a line without its end.
    fn read(&mut self, line: &[u8]) -> Result<Record, &'static str> {
        if line.len() > LONGEST_LINE {
            return Err("a record is too long");
        }
        let (checksum, body) = line.split_at_checked(CHECKSUM + 1).ok_or("a record is too short")?;
        let expected = self.checksum_of(body);
        if checksum[..CHECKSUM] != *expected.as_bytes() || checksum[CHECKSUM] != b' ' {
            return Err("a record's checksum is wrong");
        }
        let body = std::str::from_utf8(body).map_err(|_| "a record is no text")?;
        let (number, json) = body.split_once(' ').ok_or("a record has no number")?;
        if number.parse() != Ok(self.count) {
            return Err("a record has the wrong number");
        }
        let record = serde_json::from_str(json).map_err(|_| "a record is of a form that is not known")?;
        *self = Self { checksum: expected, count: self.count + 1 };
        Ok(record)
    }
}

/// Reads all records up to the end, a torn tail, or damage.
pub(super) fn read(bytes: &[u8]) -> Lines {
    let mut lines =
        Lines { records: Vec::new(), chain: Chain::default(), good: 0, torn: false, damage: None };
    while lines.good < bytes.len() {
        let rest = &bytes[lines.good..];
        let end = rest.iter().position(|b| *b == b'\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        let whole = end.is_some();
        let mut chain = lines.chain.clone();
        match chain.read(line) {
            Ok(_) if !whole => lines.torn = true,
            Ok(record) => {
                lines.chain = chain;
                lines.records.push(record);
                lines.good += line.len() + 1;
                continue;
            }
            Err(why) => {
                let is_last = !whole || rest.len() == line.len() + 1;
                if is_last && is_torn(&lines.chain, line, whole) {
                    lines.torn = true;
                } else {
                    let offset = u64::try_from(lines.good).unwrap_or(u64::MAX);
                    lines.damage = Some(Damage { offset, records: lines.records.len(), why });
                }
            }
        }
        break;
    }
    lines
}

/// Whether a crash explains the last line: one that is whole has lost a part of its content, which reads as zeros,
/// and one that is not whole is no whole one with another end.
fn is_torn(chain: &Chain, line: &[u8], whole: bool) -> bool {
    if whole {
        return line.windows(2).any(|pair| pair == [0, 0]);
    }
    let without_end = line.split_last().map_or(line, |(_, rest)| rest);
    chain.clone().read(without_end).is_err()
}
