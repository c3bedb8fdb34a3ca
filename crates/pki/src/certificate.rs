//! Keys, certificates and lists of revoked ones, as rcgen makes them.

use doorward_ipsec::Identity;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
    RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::error::crypto;
use crate::index::{Entry, Reason};
use crate::{CommonName, PkiError};

/// Bytes of a serial number. The first bit is none, so that it is positive in as many bytes (RFC 5280, section 4.1.2.2,
/// allows 20).
const SERIAL_BYTES: usize = 16;

/// `id-kp-ipsecIKE` (RFC 4945, section 5.1.3.12).
const IPSEC_IKE: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 17];

/// A new key.
pub(crate) fn key() -> Result<KeyPair, PkiError> {
    KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).map_err(crypto("make a key"))
}

/// A new serial number, hexadecimal.
pub(crate) fn serial() -> Result<String, PkiError> {
    let mut bytes = [0; SERIAL_BYTES];
    getrandom::fill(&mut bytes).map_err(PkiError::Random)?;
    // Positive, and of the same length however it is written.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

/// The authority's own certificate.
pub(crate) fn of_authority(name: &CommonName) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(name.as_str());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A certificate for a peer.
pub(crate) fn of_peer(entry: &Entry) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(entry.name.as_str());
    params.serial_number = Some(number(&entry.serial));
    params.not_before = second(entry.valid_from);
    params.not_after = second(entry.valid_until);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::Other(IPSEC_IKE.to_vec()),
    ];
    for identity in &entry.identities {
        let text = |text: &str| Ia5String::try_from(text).map_err(crypto("write a name"));
        params.subject_alt_names.push(match identity {
            Identity::Name(name) => SanType::DnsName(text(name)?),
            Identity::Mail(mail) => SanType::Rfc822Name(text(mail)?),
            Identity::Address(address) => SanType::IpAddress(*address),
        });
    }
    Ok(params)
}

/// The list of what is revoked.
pub(crate) fn list(
    issuer: &Issuer<'_, KeyPair>,
    number: u64,
    now: i64,
    until: i64,
    entries: &[Entry],
) -> Result<String, PkiError> {
    let revoked = entries.iter().filter_map(|entry| {
        let revocation = entry.revoked?;
        Some(RevokedCertParams {
            serial_number: self::number(&entry.serial),
            revocation_time: second(revocation.at),
            reason_code: match revocation.reason {
                // Left out, as RFC 5280 wants it.
                Reason::Unspecified => None,
                Reason::KeyCompromise => Some(RevocationReason::KeyCompromise),
                Reason::Superseded => Some(RevocationReason::Superseded),
                Reason::CessationOfOperation => Some(RevocationReason::CessationOfOperation),
            },
            invalidity_date: None,
        })
    });
    let params = CertificateRevocationListParams {
        this_update: second(now),
        next_update: second(until),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(issuer).map_err(crypto("sign the list of revoked certificates"))?;
    list.pem().map_err(crypto("write the list of revoked certificates"))
}

/// A second since 1970. Those of an index are in range, since they were made from times.
pub(crate) fn second(second: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn distinguished(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn number(hex: &str) -> SerialNumber {
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).filter_map(|digit| u8::try_from(digit).ok()).collect();
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    SerialNumber::from_slice(&bytes)
}
