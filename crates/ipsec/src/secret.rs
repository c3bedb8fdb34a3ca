//! Shared secrets: made at 256 bits, refused when they can be guessed, shown to nobody.
//!
//! Whoever pretends to be the host in IKE gets a value from a peer with which every guess at the secret can be tried
//! offline (RFC 7296, section 2.15): a secret has to withstand that for as long as it is used. 112 bits is the least
//! that NIST allows (SP 800-57 part 1, revision 5, table 4).

use std::fmt;

use zeroize::Zeroizing;

/// Fewest characters: a hexadecimal secret of 112 bits has 28.
const SHORTEST: usize = 24;
/// Most characters; systems differ above.
const LONGEST: usize = 128;
/// Fewest bits that an estimate may come to.
const FEWEST_BITS: f64 = 112.0;
/// What a letter of a word counts: words have about two bits a letter, and this leaves random text enough.
const BITS_OF_A_LETTER_IN_A_WORD: f64 = 2.0;

/// Words of which people make secrets; each counts as one character.
const WORDS: [&str; 40] = [
    "password",
    "passwort",
    "passwd",
    "secret",
    "geheim",
    "admin",
    "administrator",
    "root",
    "server",
    "windows",
    "linux",
    "ipsec",
    "strongswan",
    "doorward",
    "vpn",
    "psk",
    "preshared",
    "shared",
    "key",
    "letmein",
    "welcome",
    "changeme",
    "default",
    "example",
    "test",
    "qwerty",
    "qwertz",
    "azerty",
    "asdf",
    "zxcv",
    "login",
    "master",
    "dragon",
    "monkey",
    "summer",
    "winter",
    "spring",
    "autumn",
    "company",
    "internet",
];

/// Why a secret is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Weak {
    /// Too few characters.
    #[error("the secret has {0} characters; {SHORTEST} are the fewest. doorward makes better ones")]
    Short(usize),
    /// Too many characters.
    #[error("the secret has {0} characters; {LONGEST} are the most that every system takes")]
    Long(usize),
    /// A character that means something else elsewhere. The place, from 1; not the character.
    #[error(
        "character {0} of the secret means different things to different systems: use letters, digits and + / = _ - . : \
         alone"
    )]
    Character(usize),
    /// Begins as if it was encoded.
    #[error("the secret begins with 0x or 0s, which other programs take for an encoding: begin it otherwise")]
    Encoded,
    /// Can be guessed.
    #[error(
        "the secret is worth about {bits:.0} bits, {FEWEST_BITS:.0} are the fewest: {because}. Whoever answers in the \
         host's place can try guesses at it without limit; let doorward make one"
    )]
    Guessable {
        /// What it is worth, about.
        bits: f64,
        /// What makes it weak.
        because: &'static str,
    },
}

/// A shared secret. It has no `Display` and no `Serialize`, and is overwritten when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct PreSharedKey(Zeroizing<String>);

impl PreSharedKey {
    /// From 256 random bits; 64 hexadecimal digits. The bits must come from the system's random numbers.
    pub fn from_random(bits: &[u8; 32]) -> Self {
        Self(hex(bits))
    }

    /// As somebody gives it; spaces around it, and the end of its line, are not part of it.
    pub fn new(text: &str) -> Result<Self, Weak> {
        let text = text.trim();
        let length = text.chars().count();
        if length < SHORTEST {
            return Err(Weak::Short(length));
        }
        if length > LONGEST {
            return Err(Weak::Long(length));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "+/=_-.:".contains(c);
        if let Some(at) = text.chars().position(|c| !fits(c)) {
            return Err(Weak::Character(at + 1));
        }
        if ["0x", "0s", "0X", "0S"].iter().any(|start| text.starts_with(start)) {
            return Err(Weak::Encoded);
        }
        let (bits, because) = estimate(text);
        if bits < FEWEST_BITS {
            return Err(Weak::Guessable { bits, because });
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The secret, for the file that keeps it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// As swanctl takes it whatever its characters are: `0x` and the bytes in hexadecimal.
    pub(crate) fn encoded(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("0x{}", hex(self.0.as_bytes()).as_str()))
    }
}

impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreSharedKey(not shown)")
    }
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    // As large as it gets, so that no copy is left where it would have grown.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// About how many bits it takes to guess it, from below; and what costs it most. An estimate of our own since known
/// ones (zxcvbn) stop to count far below what is asked here.
fn estimate(text: &str) -> (f64, &'static str) {
    let lower = text.to_ascii_lowercase();
    let known = known_words(&lower);
    let chars: Vec<char> = text.chars().collect();
    let is_hex = chars.iter().all(|c| c.is_ascii_digit() || matches!(c, 'a'..='f'))
        || chars.iter().all(|c| c.is_ascii_digit() || matches!(c, 'A'..='F'));
    let full = pool(&chars, is_hex).log2();
    let (mut bits, mut words, mut repeated, mut in_words) = (0.0, 0.0, 0.0, 0.0);
    for (at, &c) in chars.iter().enumerate() {
        if known[at] {
            words += full;
        } else if follows(&chars, at) || is_again(&lower, at) {
            repeated += full;
        } else if !is_hex && at > 0 && goes_on(chars[at - 1], c) {
            let worth = full.min(BITS_OF_A_LETTER_IN_A_WORD);
            bits += worth;
            in_words += full - worth;
        } else {
            bits += full;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 128 characters")]
    let at_best = full * chars.len() as f64;
    let reasons = [
        (words, "it is made of known words"),
        (repeated, "it repeats itself, or goes on in steps"),
        (in_words, "it reads like words"),
    ];
    let worst = reasons.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or("", |(_, reason)| reason);
    (bits, if at_best < FEWEST_BITS { "it is short for its few kinds of characters" } else { worst })
}

/// How many characters it seems to be drawn from.
fn pool(chars: &[char], is_hex: bool) -> f64 {
    let kinds: [(fn(&char) -> bool, f64); 4] = [
        (char::is_ascii_digit, 10.0),
        (char::is_ascii_lowercase, if is_hex { 6.0 } else { 26.0 }),
        (char::is_ascii_uppercase, if is_hex { 6.0 } else { 26.0 }),
        (|c| !c.is_ascii_alphanumeric(), 2.0),
    ];
    kinds.into_iter().filter(|(is, _)| chars.iter().any(is)).map(|(_, size)| size).sum::<f64>().max(2.0)
}

/// Which characters belong to a known word, its first excepted.
fn known_words(lower: &str) -> Vec<bool> {
    let mut known = vec![false; lower.len()];
    for word in WORDS {
        for (at, _) in lower.match_indices(word) {
            known[at + 1..at + word.len()].fill(true);
        }
    }
    known
}

/// Whether it is the one before it again, or one step on: `aaa`, `123`, `cba`.
fn follows(chars: &[char], at: usize) -> bool {
    at > 0 && (u32::from(chars[at]).abs_diff(u32::from(chars[at - 1]))) <= 1
}

/// Whether it and the two before it stood there before.
fn is_again(lower: &str, at: usize) -> bool {
    at >= 3 && lower.get(at - 2..=at).is_some_and(|three| lower[..at].contains(three))
}

/// Whether a letter may belong to the same word as the one before it: `Ho`, `or`, `AB`.
fn goes_on(before: char, c: char) -> bool {
    (before.is_ascii_alphabetic() && c.is_ascii_lowercase())
        || (before.is_ascii_uppercase() && c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(text: &str) -> String {
        PreSharedKey::new(text).unwrap_err().to_string()
    }

    #[test]
    fn what_can_be_guessed_is_refused_with_the_reason() {
        assert!(said("hunter2").contains("has 7 characters"));
        assert!(said(&"a".repeat(200)).contains("200 characters"));
        assert!(said("password-password-password-password").contains("known words"));
        assert!(said("correcthorsebatterystaplecorrectly").contains("reads like words"));
        assert!(said("CorrectHorseBatteryStapleTroubadourAnimal").contains("reads like words"));
        assert!(said(&"ab12".repeat(16)).contains("repeats itself"));
        assert!(said(&"0123456789".repeat(8)).contains("repeats itself"));
        assert!(said("abcdefghijklmnopqrstuvwxyz0123456789").contains("steps"));
        assert!(said("185736290174628593017462").contains("few kinds"));
        assert!(said("0x185736290174628593017462").contains("0x"));
        assert!(said("Zf3%kd8Qx1Lw0Tn5Rv7Yb2Hm4Gc").contains("character 4 "));
    }

    #[test]
    fn a_refusal_does_not_tell_the_secret() {
        for text in ["hunter2-hunter2-hunter2-hunter2", "Zf3%kd8Qx1Lw0Tn5Rv7Yb2Hm4Gc"] {
            let why = PreSharedKey::new(text).unwrap_err();
            assert!(!format!("{why} {why:?}").contains(&text[..7]));
        }
    }

    #[test]
    fn it_is_not_shown() {
        let key = PreSharedKey::from_random(&[0xa5; 32]);
        assert_eq!(key.reveal(), "a5".repeat(32));
        assert_eq!(format!("{key:?}"), "PreSharedKey(not shown)");
    }

    proptest! {
        /// 256 random bits are taken in each usual form: hexadecimal and base64.
        #[test]
        fn random_ones_are_taken(bits in any::<[u8; 32]>(), text in "[A-Za-z0-9+/]{43}") {
            prop_assume!(bits.iter().collect::<std::collections::BTreeSet<_>>().len() > 24);
            let made = PreSharedKey::from_random(&bits);
            prop_assert_eq!(PreSharedKey::new(made.reveal()).unwrap(), made);
            prop_assume!(!text.starts_with("0x") && !text.starts_with("0s"));
            prop_assume!(!text.starts_with("0X") && !text.starts_with("0S"));
            prop_assert!(PreSharedKey::new(&text).is_ok(), "{text}: {:?}", estimate(&text));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = PreSharedKey::new(&text);
        }
    }
}
