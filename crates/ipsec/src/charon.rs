//! What the installed strongSwan can do, and the proposals that follow: modern ones alone.

use std::fmt;
use std::str::FromStr;

use crate::values::System;

/// The oldest strongSwan that is configured: it has swanctl, VICI and X25519, and is what Debian 11 ships (5.9.1).
const OLDEST: (u16, u16) = (5, 9);
/// The first with ML-KEM, by several key exchanges (RFC 9370): strongSwan's release notes of 6.0.0.
const FIRST_WITH_ML_KEM: (u16, u16) = (6, 0);

/// An installed strongSwan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charon {
    version: (u16, u16, u16),
    ml_kem: bool,
}

/// Why a strongSwan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CharonError {
    /// Not a version.
    #[error("{0:?} is no version of strongSwan, as swanctl --version tells it (5.9.8)")]
    NoVersion(String),
    /// Too old.
    #[error("strongSwan {0} is older than {major}.{minor}: upgrade it", major = OLDEST.0, minor = OLDEST.1)]
    Old(String),
}

impl Charon {
    /// That it told VICI's `get-algorithms` of `ML_KEM_768`. Where it is older than ML-KEM this changes nothing.
    #[must_use]
    pub fn with_ml_kem(self) -> Self {
        Self { ml_kem: (self.version.0, self.version.1) >= FIRST_WITH_ML_KEM, ..self }
    }

    /// Proposals for IKE, best first.
    pub(crate) fn ike(self, peer: System) -> String {
        match peer {
            System::StrongSwan => self.exchanges("aes256gcm16-prfsha384-"),
            // Windows's main mode has no GCM (New-NetIPsecMainModeCryptoProposal, -Encryption).
            System::Windows => "aes256-sha384-prfsha384-ecp384".to_owned(),
        }
    }

    /// Proposals for ESP, best first.
    pub(crate) fn esp(self, peer: System) -> String {
        match peer {
            System::StrongSwan => self.exchanges("aes256gcm16-"),
            System::Windows => "aes256gcm16-ecp384".to_owned(),
        }
    }

    fn exchanges(self, before: &str) -> String {
        let hybrid: &[&str] =
            if self.ml_kem { &["x25519-ke1_mlkem768", "ecp384-ke1_mlkem1024"] } else { &[] };
        let all = hybrid.iter().chain(&["x25519", "ecp384"]);
        all.map(|exchange| format!("{before}{exchange}")).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Charon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.version;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl FromStr for Charon {
    type Err = CharonError;

    /// From `5.9.8`, or `U5.9.8` as older tools write it.
    fn from_str(text: &str) -> Result<Self, CharonError> {
        let wrong = || CharonError::NoVersion(text.chars().take(40).collect());
        let plain = text.trim().trim_start_matches('U');
        // `6.0.0rc1`, `5.9.8-5`: what follows the number does not matter.
        let number = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse::<u16>().map_err(|_| wrong())
        };
        let mut parts = plain.splitn(3, '.');
        let (major, minor) = (parts.next().ok_or_else(wrong)?, parts.next().ok_or_else(wrong)?);
        let version = (number(major)?, number(minor)?, parts.next().map_or(Ok(0), number)?);
        let charon = Self { version, ml_kem: false };
        if (version.0, version.1) < OLDEST { Err(CharonError::Old(charon.to_string())) } else { Ok(charon) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposals_follow_the_version() {
        let ike = |charon: Charon| charon.ike(System::StrongSwan);
        let old: Charon = "U5.9.8".parse().unwrap();
        assert_eq!(ike(old), "aes256gcm16-prfsha384-x25519, aes256gcm16-prfsha384-ecp384");
        assert_eq!(old.with_ml_kem(), old);
        let new: Charon = "6.0.1".parse().unwrap();
        assert_eq!(ike(new), ike(old));
        assert!(ike(new.with_ml_kem()).starts_with("aes256gcm16-prfsha384-x25519-ke1_mlkem768, "));
        assert!(new.with_ml_kem().esp(System::StrongSwan).contains("aes256gcm16-ecp384-ke1_mlkem1024"));
        assert_eq!("5.9".parse::<Charon>().unwrap().to_string(), "5.9.0");
        assert_eq!("6.0.0rc1".parse::<Charon>().unwrap().to_string(), "6.0.0");
        assert!("5.8.4".parse::<Charon>().unwrap_err().to_string().contains("older than 5.9"));
        for bad in ["", "x", "5", "5.", "99999.1"] {
            assert!(matches!(bad.parse::<Charon>(), Err(CharonError::NoVersion(_))), "{bad:?}");
        }
    }
}
