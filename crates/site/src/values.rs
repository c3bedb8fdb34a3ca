//! Values of `site.toml` that are more than text. Each knows what it may be, and says so.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json_path::JsonPath;
use sha2::{Digest as _, Sha256 as Hasher};

/// Why a text is no such value: what was expected, with an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(String);

/// No time limit is longer: a day.
const LONGEST_TIME: Duration = Duration::from_hours(24);
/// A compiled regular expression takes no more, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// A time: `500ms`, `10s`, `5m`, `1h`, up to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue(format!("{text:?} is no time: write 500ms, 10s, 5m or 1h, up to 24h"));
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let milliseconds = match unit {
            "ms" => Some(number),
            "s" => number.checked_mul(1000),
            "m" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            _ => None,
        };
        let time = milliseconds.map(Duration::from_millis).ok_or_else(wrong)?;
        if time.is_zero() || time > LONGEST_TIME { Err(wrong()) } else { Ok(Self(time)) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 60_000 == 0 => write!(f, "{}m", ms / 60_000),
            ms if ms % 1000 == 0 => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

/// A size in bytes: `200`, `64KiB`, `4MiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// No size is larger: bodies are held in memory.
const LARGEST_SIZE: u64 = 1 << 30;

impl FromStr for Size {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue(format!("{text:?} is no size: write 200, 64KiB or 4MiB, up to 1GiB"));
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let shift = match unit {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(wrong()),
        };
        number.checked_mul(1 << shift).filter(|&size| size <= LARGEST_SIZE).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size > 0 && size % (1 << 20) == 0 => write!(f, "{}MiB", size >> 20),
            size if size > 0 && size % (1 << 10) == 0 => write!(f, "{}KiB", size >> 10),
            size => write!(f, "{size}"),
        }
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    Some((number.parse().ok()?, unit))
}

/// A regular expression, in the syntax of the `regex` crate: no backtracking, so no text takes long.
///
/// Kept as text: compiled, thousands of them take more memory than the file that they come from may ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// The expression, compiled.
    pub(crate) fn regex(&self) -> Regex {
        compile(&self.0).expect("compiled before, when it was read")
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build()
}

impl FromStr for Pattern {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match compile(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            // The library draws where; its last line says what.
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(InvalidValue(format!("{text:?} is no regular expression: {last}")))
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A JSON path (RFC 9535): `$.items[0].price`.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonQuery {
    text: String,
    path: JsonPath,
}

impl JsonQuery {
    /// The parsed path.
    pub fn path(&self) -> &JsonPath {
        &self.path
    }
}

/// A path is no longer, in bytes, and opens no more brackets than this: its parser recurses.
const LONGEST_QUERY: usize = 1000;
const DEEPEST_QUERY: usize = 32;

impl FromStr for JsonQuery {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong =
            |why: String| InvalidValue(format!("{text:?} is no JSON path such as $.items[0].price: {why}"));
        if text.len() > LONGEST_QUERY || text.matches(['[', '(', '!']).count() > DEEPEST_QUERY {
            return Err(wrong("too long".to_owned()));
        }
        let path = JsonPath::parse(text).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { text: text.to_owned(), path })
    }
}

impl fmt::Display for JsonQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A SHA-256 sum, written as 64 hexadecimal digits; colons between bytes are read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The sum of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hasher::digest(bytes).into())
    }
}

impl FromStr for Sha256 {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue(format!("{text:?} is no SHA-256 sum: 64 hexadecimal digits"));
        let digits: Vec<u8> = text.bytes().filter(|&b| b != b':').collect();
        let mut sum = [0; 32];
        if digits.len() != 64 {
            return Err(wrong());
        }
        for (byte, pair) in sum.iter_mut().zip(digits.chunks(2)) {
            let pair = str::from_utf8(pair).map_err(|_| wrong())?;
            if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(sum))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// In the file each of these is a text.
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
as_text!(Time, Size, Pattern, JsonQuery, Sha256);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_value_says_what_one_is() {
        for bad in
            ["", "s", "0s", "10", "-1s", "25h", "99999999999999999999s", "1 s", "18446744073709551615h"]
        {
            assert!(bad.parse::<Time>().unwrap_err().to_string().contains("500ms, 10s"), "{bad}");
        }
        for bad in ["", "KiB", "2GiB", "1kb", "18446744073709551615KiB"] {
            assert!(bad.parse::<Size>().unwrap_err().to_string().contains("64KiB"), "{bad}");
        }
        for bad in ["(", "(\\w{999}){999}", "(?!a)"] {
            assert!(
                bad.parse::<Pattern>().unwrap_err().to_string().contains("no regular expression"),
                "{bad}"
            );
        }
        for bad in ["", "items", "$[", &"[".repeat(99_999)] {
            assert!(bad.parse::<JsonQuery>().unwrap_err().to_string().contains("no JSON path"));
        }
        for bad in ["", "00", &"g".repeat(64), &"+1".repeat(32), &"é".repeat(32)] {
            assert!(bad.parse::<Sha256>().unwrap_err().to_string().contains("64 hexadecimal"), "{bad}");
        }
    }

    #[test]
    fn a_sum_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc"), sum.parse().unwrap());
        assert_eq!(Sha256::of(b"abc").to_string(), sum);
    }

    proptest! {
        #[test]
        fn values_survive_being_written(ms in 1u64..86_400_000, size in 0u64..=LARGEST_SIZE, sum: [u8; 32]) {
            let time = Time(Duration::from_millis(ms));
            prop_assert_eq!(time.to_string().parse::<Time>().unwrap(), time);
            prop_assert_eq!(Size(size).to_string().parse::<Size>().unwrap(), Size(size));
            prop_assert_eq!(Sha256(sum).to_string().parse::<Sha256>().unwrap(), Sha256(sum));
        }

        #[test]
        fn no_text_makes_a_value_panic(text in "\\PC{0,40}") {
            let _ = (text.parse::<Time>(), text.parse::<Size>(), text.parse::<Sha256>());
            let _ = (text.parse::<JsonQuery>(), text.parse::<Pattern>());
        }
    }
}
