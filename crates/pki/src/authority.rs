//! The authority: made once, opened to issue and to revoke.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use doorward_ipsec::Identity;
use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::certificate;
use crate::error::crypto;
use crate::folder::{Folder, PRIVATE, PUBLIC};
use crate::index::{Entry, Index, Reason, Revocation, Status, day};
use crate::{CommonName, Days, Name, PkiError};

/// The authority's certificate and key, its list of revoked certificates, its index.
const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";
const LIST: &str = "ca.crl";
const INDEX: &str = "index.json";

/// Certificates are valid from a little earlier, for peers whose clocks are behind.
const BEHIND: i64 = 300;
/// Identities of one certificate at most.
const MOST_IDENTITIES: usize = 32;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// An authority, opened: no other program has it meanwhile.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
    index: Index,
}

/// Files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// What the index has of it.
    pub entry: Entry,
}

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The certificates.
    pub entries: Vec<Entry>,
    /// The new list.
    pub list: PathBuf,
}

impl Authority {
    /// Makes an authority in a directory, which is made too where it is not there.
    pub fn create(path: &Path, name: &CommonName, valid: Days) -> Result<Self, PkiError> {
        let folder = Folder::create(path)?;
        for file in [INDEX, CERTIFICATE, KEY, LIST] {
            if folder.has(file)? {
                let instead = "use what is there, or take another directory";
                return Err(PkiError::Exists { path: folder.at(file), instead });
            }
        }
        let now = now();
        let mut params = certificate::of_authority(name);
        params.not_before = certificate::second(now - BEHIND);
        params.not_after = certificate::second(now) + valid.span();
        let key = certificate::key()?;
        let signed = params.self_signed(&key).map_err(crypto("sign the authority's certificate"))?;
        folder.make(KEY, PRIVATE, Zeroizing::new(key.serialize_pem()).as_bytes())?;
        folder.make(CERTIFICATE, PUBLIC, signed.pem().as_bytes())?;
        let index = Index::new(name.clone(), params.not_after.unix_timestamp());
        let mut authority = Self { folder, index };
        // Last: only with an index it is an authority.
        authority.save()?;
        authority.write_list(Days::of_list(30)?)?;
        Ok(authority)
    }

    /// Opens the one in a directory.
    pub fn open(path: &Path) -> Result<Self, PkiError> {
        let folder = Folder::open(path)?;
        let content = folder.read(INDEX)?.ok_or_else(|| PkiError::None(path.to_owned()))?;
        let index = serde_json::from_slice(&content)
            .map_err(|why| PkiError::Damaged { path: folder.at(INDEX), why: why.to_string() })?;
        Ok(Self { folder, index })
    }

    /// Its name, as its certificate has it.
    pub fn name(&self) -> &CommonName {
        &self.index.authority
    }

    /// Its certificate's file.
    pub fn certificate(&self) -> PathBuf {
        self.folder.at(CERTIFICATE)
    }

    /// Its list of revoked certificates.
    pub fn list(&self) -> PathBuf {
        self.folder.at(LIST)
    }

    /// Its last day.
    pub fn last_day(&self) -> String {
        day(self.index.valid_until)
    }

    /// What it issued, in that order.
    pub fn certificates(&self) -> &[Entry] {
        &self.index.certificates
    }

    /// Issues a certificate with a new key. An earlier one of the same name stays valid until it is revoked.
    pub fn issue(&mut self, name: &Name, identities: &[Identity], valid: Days) -> Result<Issued, PkiError> {
        if identities.is_empty() || identities.len() > MOST_IDENTITIES {
            let given = identities.len();
            return Err(PkiError::Value(format!(
                "{given} identities: a certificate is for 1 to {MOST_IDENTITIES} (--san)"
            )));
        }
        let issuer = self.issuer()?;
        let now = now();
        let left = self.index.valid_until - now;
        let lasts = valid.span().whole_seconds();
        if lasts > left {
            return Err(PkiError::Outlives { until: self.last_day(), most: left / DAY });
        }
        let entry = Entry {
            serial: certificate::serial()?,
            name: name.clone(),
            identities: identities.to_vec(),
            valid_from: now - BEHIND,
            valid_until: now + lasts,
            revoked: None,
        };
        let key = certificate::key()?;
        let signed = certificate::of_peer(&entry)?;
        let signed = signed.signed_by(&key, &issuer).map_err(crypto("sign the certificate"))?;
        self.index.certificates.push(entry.clone());
        self.save()?;
        let stem = entry.file_stem();
        let pem = Zeroizing::new(key.serialize_pem());
        let key = self.folder.make(&format!("{stem}.key"), PRIVATE, pem.as_bytes())?;
        let certificate = self.folder.make(&format!("{stem}.crt"), PUBLIC, signed.pem().as_bytes())?;
        Ok(Issued { certificate, key, entry })
    }

    /// Revokes what has this name or serial number and is not revoked, and writes the list anew.
    pub fn revoke(&mut self, what: &str, reason: Reason, list: Days) -> Result<Revoked, PkiError> {
        let now = now();
        let mut entries = Vec::new();
        for entry in &mut self.index.certificates {
            let is_meant = entry.name.as_str() == what || entry.serial.eq_ignore_ascii_case(what);
            if is_meant && entry.status(now) != Status::Revoked {
                entry.revoked = Some(Revocation { at: now, reason });
                entries.push(entry.clone());
            }
        }
        if entries.is_empty() {
            let cut: String = what.chars().take(64).collect();
            return Err(PkiError::NotIssued(cut));
        }
        let list = self.write_list(list)?;
        Ok(Revoked { entries, list })
    }

    /// Writes the list of revoked certificates anew, valid for so long; with the index.
    pub fn write_list(&mut self, valid: Days) -> Result<PathBuf, PkiError> {
        let issuer = self.issuer()?;
        let now = now();
        self.index.crl_number += 1;
        let until = now + valid.span().whole_seconds();
        let text = certificate::list(&issuer, self.index.crl_number, now, until, &self.index.certificates)?;
        // The index first: what it says is revoked goes into every later list, too.
        self.save()?;
        self.folder.replace(LIST, PUBLIC, text.as_bytes())
    }

    fn save(&mut self) -> Result<(), PkiError> {
        let mut text = serde_json::to_vec_pretty(&self.index)
            .map_err(|why| PkiError::Damaged { path: self.folder.at(INDEX), why: why.to_string() })?;
        text.push(b'\n');
        self.folder.replace(INDEX, PRIVATE, &text).map(drop)
    }

    /// What signs. That key and certificate belong together is looked at each time.
    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, PkiError> {
        let path = self.folder.at(KEY);
        let damaged =
            |path: &Path, why: &str| PkiError::Damaged { path: path.to_owned(), why: why.to_owned() };
        if now() > self.index.valid_until {
            return Err(PkiError::Expired { path: self.certificate(), until: self.last_day() });
        }
        let pem = self.folder.read(KEY)?.ok_or_else(|| damaged(&path, "it is missing"))?;
        let pem = Zeroizing::new(pem);
        let text = std::str::from_utf8(&pem).map_err(|_| damaged(&path, "it is no text"))?;
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(text, &PKCS_ECDSA_P384_SHA384)
            .map_err(|_| damaged(&path, "it is no key of P-384 in PKCS #8"))?;
        let at = self.certificate();
        let pem = self.folder.read(CERTIFICATE)?.ok_or_else(|| damaged(&at, "it is missing"))?;
        let der = CertificateDer::from_pem_slice(&pem).map_err(|_| damaged(&at, "it is no certificate"))?;
        // The public key stands in it byte by byte.
        let public = key.public_key_raw();
        if !der.windows(public.len()).any(|window| window == public) {
            return Err(damaged(&path, "the key is not that of ca.crt"));
        }
        let params: CertificateParams = certificate::of_authority(&self.index.authority);
        Ok(Issuer::new(params, key))
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    OffsetDateTime::from(SystemTime::now()).unix_timestamp()
}
