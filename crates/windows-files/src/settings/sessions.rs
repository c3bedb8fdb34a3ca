//! What single accounts may do in terminal services, from SAM.
//!
//! An account's value `V` begins with 17 descriptors of 12 bytes (offset, size, and a number of no concern here); offsets
//! count from their end. One part holds `userParameters`, in the layout of MS-TSTS 2.3.1 to 2.3.3: 96 bytes of others, a
//! `P`, the number of properties, and the properties, whose values are written as hexadecimal digits. No description of
//! `V` says which part that is, so those that none explains are searched for its mark: the property `CtxCfgPresent`.

use doorward_model::AccessSetting;

use super::users::Users;
use super::{LIMIT, setting};
use crate::registry::Node;

/// Descriptors in `V`, and the bytes of each.
const DESCRIPTORS: usize = 17;
const DESCRIPTOR: usize = 12;

/// Largest `V` that is looked at: lengths in it have 16 bits.
const V_LIMIT: usize = 1 << 17;

/// Parts of `V` that nobody has explained.
const UNEXPLAINED: [usize; 2] = [5, 12];

/// What one account's properties say.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct UserConfig {
    flags: Option<u32>,
    shadow: Option<u32>,
    program: Option<String>,
    directory: Option<String>,
}

/// Bits of `CtxCfgFlags1`.
const LOGON_DISABLED: u32 = 0x0001_0000;
const PROMPT_FOR_PASSWORD: u32 = 0x0008_0000;
const DISABLE_DRIVES: u32 = 0x0000_0100;

/// The settings of all accounts that have any.
pub(super) fn collect(domains: &Node<'_>, users: &Users, all: &mut Vec<AccessSetting>) {
    let Some(accounts) = domains.child(r"Account\Users") else { return };
    for account in accounts.children().take(LIMIT) {
        let Ok(number) = u32::from_str_radix(&account.name(), 16) else { continue };
        let Some(raw) = account.bytes("V") else { continue };
        if raw.len() > V_LIMIT {
            account.note(&format!(r"{}\V", account.place), format!("its {} bytes are too many", raw.len()));
            continue;
        }
        let name = users.by_number(number).map_or_else(|| number.to_string(), str::to_owned);
        match config(&raw) {
            Ok(Some(config)) => all.extend(config.settings(&name, &account)),
            Ok(None) => {}
            Err(Cut) => account.note(
                &format!(r"{}\V", account.place),
                format!("the settings of {name} for terminal services are cut off or damaged"),
            ),
        }
    }
}

impl UserConfig {
    fn settings(&self, user: &str, key: &Node<'_>) -> Vec<AccessSetting> {
        let mut all = Vec::new();
        let mut add = |what: &str, value: &str, meaning: &str| {
            all.push(setting("Terminal Services", &format!("user {user}: {what}"), key, value, meaning));
        };
        if let Some(flags) = self.flags {
            let has = |bit| flags & bit != 0;
            let (value, meaning) = if has(LOGON_DISABLED) {
                ("denied", "this user may not log on to a terminal server")
            } else {
                ("not denied", "this user's own settings let terminal services in")
            };
            add("log on", value, meaning);
            if has(PROMPT_FOR_PASSWORD) {
                add("password", "always asked for", "what the client brings along is not taken");
            }
            if has(DISABLE_DRIVES) {
                add(
                    "client's drives",
                    "kept out",
                    "drives of the client cannot be used in this user's sessions",
                );
            }
        }
        if let Some(shadow) = self.shadow {
            add(
                "remote control",
                &shadowing(shadow),
                "whether others can watch or steer this user's sessions",
            );
        }
        if let Some(program) = self.program.as_deref().filter(|program| !program.is_empty()) {
            let place = self.directory.as_deref().filter(|place| !place.is_empty());
            let value = place.map_or_else(|| program.to_owned(), |place| format!("{program} in {place}"));
            add("initial program", &value, "what starts when this user logs on");
        }
        all
    }
}

/// `CtxShadow` of MS-TSTS 2.3.2, explained in 2.2.1.11.
fn shadowing(number: u32) -> String {
    match number {
        0 => "off".to_owned(),
        1 => "with keyboard and mouse, after asking".to_owned(),
        2 => "with keyboard and mouse, without asking".to_owned(),
        3 => "watching, after asking".to_owned(),
        4 => "watching, without asking".to_owned(),
        other => format!("mode {other}"),
    }
}

/// A record that leads out of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut;

/// What `V` says of terminal services, if anything.
fn config(v: &[u8]) -> Result<Option<UserConfig>, Cut> {
    for part in UNEXPLAINED {
        let word =
            |at: usize| v.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
        let (Some(offset), Some(size)) = (word(part * DESCRIPTOR), word(part * DESCRIPTOR + 4)) else {
            return Ok(None);
        };
        let start = (DESCRIPTORS * DESCRIPTOR).saturating_add(offset);
        // What leads out of the value is cut off, and tells what is left.
        let Some(blob) = v.get(start..start.saturating_add(size).min(v.len())) else { continue };
        if is_marked(blob) {
            return properties(blob).map(Some);
        }
    }
    Ok(None)
}

/// Whether it has the property that marks settings of terminal services.
fn is_marked(blob: &[u8]) -> bool {
    let mark: Vec<u8> = "CtxCfgPresent".bytes().flat_map(|byte| [byte, 0]).collect();
    blob.windows(mark.len()).any(|window| window == mark)
}

fn properties(blob: &[u8]) -> Result<UserConfig, Cut> {
    const RESERVED: usize = 96;
    const PRESENT: u32 = 0xb00b_1e55;
    let half =
        |at: usize| blob.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))).ok_or(Cut);
    if half(RESERVED)? != usize::from(b'P') {
        return Ok(UserConfig::default()); // valid means: with this letter
    }
    let (mut config, mut present) = (UserConfig::default(), false);
    let mut at = RESERVED + 4;
    for _ in 0..half(RESERVED + 2)? {
        let (name, value) = (half(at)?, half(at + 2)?);
        let values = at + 6 + name;
        let name = utf16(blob.get(at + 6..values).ok_or(Cut)?);
        let value = bytes(blob.get(values..values + value).ok_or(Cut)?).ok_or(Cut)?;
        at = values + 2 * value.len();
        let number = value.first_chunk().copied().map(u32::from_le_bytes);
        match name.as_str() {
            "CtxCfgPresent" => present = number == Some(PRESENT),
            "CtxCfgFlags1" => config.flags = number,
            "CtxShadow" => config.shadow = number,
            "CtxInitialProgram" => config.program = Some(narrow(&value)),
            "CtxWorkDirectory" => config.directory = Some(narrow(&value)),
            _ => {}
        }
    }
    Ok(if present { config } else { UserConfig::default() })
}

/// Two hexadecimal digits for each byte.
fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn narrow(value: &[u8]) -> String {
    let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

fn utf16(raw: &[u8]) -> String {
    let units: Vec<u16> = raw.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{user, user_parameters};
    use proptest::prelude::*;

    fn parameters() -> Vec<u8> {
        user_parameters(&[
            ("CtxCfgPresent", &0xb00b_1e55u32.to_le_bytes()),
            ("CtxCfgFlags1", &0x0109_0100u32.to_le_bytes()),
            ("CtxShadow", &2u32.to_le_bytes()),
            ("CtxInitialProgram", b"C:\\tool.exe\0"),
            ("CtxWorkDirectory", b"C:\\\0"),
        ])
    }

    #[test]
    fn properties_are_read() {
        let config = config(&user(5, &parameters())).unwrap().unwrap();
        assert_eq!((config.flags, config.shadow), (Some(0x0109_0100), Some(2)));
        assert_eq!(
            (config.program.as_deref(), config.directory.as_deref()),
            (Some(r"C:\tool.exe"), Some(r"C:\"))
        );
    }

    #[test]
    fn only_parts_that_nobody_explains_are_searched() {
        assert!(config(&user(12, &parameters())).unwrap().is_some());
        assert_eq!(config(&user(4, &parameters())), Ok(None), "a comment is what its user writes");
        assert_eq!(config(&user(5, b"")), Ok(None));
        assert_eq!(config(b""), Ok(None));
    }

    #[test]
    fn what_is_not_valid_says_nothing() {
        let other = user_parameters(&[("CtxCfgPresent", &[0; 4]), ("CtxShadow", &[1, 0, 0, 0])]);
        assert_eq!(properties(&other), Ok(UserConfig::default()));
        let mut unsigned = parameters();
        unsigned[96] = b'Q';
        assert_eq!(properties(&unsigned), Ok(UserConfig::default()));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let whole = parameters();
        for length in 96 + 4 + 32..whole.len() {
            assert_eq!(config(&user(5, &whole[..length])), Err(Cut), "{length} of {} bytes", whole.len());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(raw in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = (config(&raw), properties(&raw));
        }

        #[test]
        fn damaged_ones_are_taken(at in 0usize..1000, byte: u8) {
            let mut raw = user(5, &parameters());
            let length = raw.len();
            raw[at % length] = byte;
            let _ = config(&raw);
        }
    }
}
