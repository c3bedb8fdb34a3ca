//! Certificates and lists, as webpki and openssl see them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use doorward_pki::{Reason, Status};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use webpki::{
    EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use super::{Place, issue, list, read};

/// What webpki says of a certificate, for these days from now.
fn verified(
    authority: &Path,
    list: Option<&Path>,
    certificate: &Path,
    days: u64,
    name: &str,
) -> Result<(), String> {
    let der = |path: &Path| CertificateDer::from_pem_slice(&read(path)).unwrap();
    let (authority, certificate) = (der(authority), der(certificate));
    let certificate = EndEntityCert::try_from(&certificate).map_err(|why| why.to_string())?;
    let time = SystemTime::now() + Duration::from_secs(days * 86_400);
    let time = UnixTime::since_unix_epoch(time.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let lists: Vec<_> = list
        .map(|path| CertificateRevocationListDer::from_pem_slice(&read(path)).unwrap())
        .map(|der| OwnedCertRevocationList::from_der(&der).unwrap().into())
        .into_iter()
        .collect();
    let lists: Vec<_> = lists.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists).ok();
    let revocation =
        revocation.map(|builder| builder.with_expiration_policy(webpki::ExpirationPolicy::Enforce).build());
    let anchors = [anchor_from_trusted_cert(&authority).unwrap()];
    let verified = certificate.verify_for_usage(
        &[webpki::ring::ECDSA_P384_SHA384],
        &anchors,
        &[],
        time,
        KeyUsage::client_auth(),
        revocation,
        None,
    );
    verified.map_err(|why| format!("{why:?}"))?;
    certificate
        .verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
        .map_err(|why| format!("{why:?}"))
}

#[test]
fn certificates_are_good_until_they_end_or_are_revoked() {
    let place = Place::new();
    let mut authority = place.create();
    let alice = issue(&mut authority, "alice", &["alice.example.org", "192.0.2.7", "alice@example.org"]);
    let bob = issue(&mut authority, "bob", &["bob.example.org"]);
    let root = authority.certificate();
    let crl = authority.list();
    let alice_is = |days, name: &str| verified(&root, Some(&crl), &alice.certificate, days, name);
    assert_eq!(alice_is(0, "alice.example.org"), Ok(()));
    assert_eq!(alice_is(0, "192.0.2.7"), Ok(()));
    assert!(alice_is(0, "bob.example.org").unwrap_err().contains("NotValidForName"));
    let in_31_days = verified(&root, None, &alice.certificate, 31, "alice.example.org");
    assert!(in_31_days.unwrap_err().contains("CertExpired"));
    // The list is written for 30 days when the authority is made.
    assert!(alice_is(31, "alice.example.org").is_err());

    let revoked = authority.revoke("alice", Reason::KeyCompromise, list()).unwrap();
    assert_eq!(revoked.entries.len(), 1);
    assert!(alice_is(0, "alice.example.org").unwrap_err().contains("CertRevoked"));
    assert_eq!(verified(&root, Some(&crl), &bob.certificate, 0, "bob.example.org"), Ok(()));
    // A certificate of another authority of the same name is not one of this.
    let other = Place::new();
    let stranger = issue(&mut other.create(), "alice", &["alice.example.org"]);
    let is = verified(&root, None, &stranger.certificate, 0, "alice.example.org");
    assert!(is.unwrap_err().contains("InvalidSignature"));
}

#[test]
fn an_authority_goes_on_where_it_was() {
    let place = Place::new();
    drop(place.create());
    let first =
        issue(&mut doorward_pki::Authority::open(&place.path()).unwrap(), "web", &["web.example.org"]);
    let mut authority = doorward_pki::Authority::open(&place.path()).unwrap();
    let second = issue(&mut authority, "web", &["web.example.org"]);
    assert_ne!((&first.key, &first.entry.serial), (&second.key, &second.entry.serial));
    assert_ne!(read(&first.key), read(&second.key));
    let revoked = authority.revoke(&first.entry.serial, Reason::Superseded, list()).unwrap();
    assert_eq!(revoked.entries[0].serial, first.entry.serial);
    let now = second.entry.valid_from + 1;
    let states: Vec<Status> = authority.certificates().iter().map(|entry| entry.status(now)).collect();
    assert_eq!(states, [Status::Revoked, Status::Valid]);
    // By its name all that is left of it is revoked, and then nothing.
    assert_eq!(
        authority.revoke("web", Reason::Unspecified, list()).unwrap().entries,
        [revoked_of(&authority, 1)]
    );
    let why = authority.revoke("web", Reason::Unspecified, list()).unwrap_err().to_string();
    assert!(why.contains("see doorward pki list"), "{why}");
}

fn revoked_of(authority: &doorward_pki::Authority, at: usize) -> doorward_pki::Entry {
    authority.certificates()[at].clone()
}

/// Skips where openssl is not installed.
#[test]
fn openssl_agrees() {
    let openssl = Path::new("/usr/bin/openssl");
    if !openssl.exists() {
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let said = |words: &[&std::ffi::OsStr]| {
        let output = Command::new(openssl).args(words).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let place = Place::new();
    let mut authority = place.create();
    let issued = issue(&mut authority, "web", &["web.example.org", "2001:db8::1"]);
    let (root, crl) = (authority.certificate(), authority.list());
    let verify = || {
        let words = [
            "verify",
            "-x509_strict",
            "-crl_check",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "web.example.org",
        ];
        let mut words: Vec<&std::ffi::OsStr> = words.iter().map(AsRef::as_ref).collect();
        words.extend::<[&std::ffi::OsStr; 5]>([
            "-CAfile".as_ref(),
            root.as_ref(),
            "-CRLfile".as_ref(),
            crl.as_ref(),
            issued.certificate.as_ref(),
        ]);
        said(&words)
    };
    let (good, text) = verify();
    assert!(good, "{text}");
    let (_, text) = said(&[
        "x509".as_ref(),
        "-noout".as_ref(),
        "-text".as_ref(),
        "-in".as_ref(),
        issued.certificate.as_ref(),
    ]);
    for part in [
        "ecdsa-with-SHA384",
        "ASN1 OID: secp384r1",
        "Issuer: CN = Test CA",
        "DNS:web.example.org, IP Address:2001:DB8:0:0:0:0:0:1",
        "CA:FALSE",
        "1.3.6.1.5.5.7.3.17",
    ] {
        assert!(
            text.contains(part)
                || (part.starts_with("1.3.6") && text.contains("ipsec Internet Key Exchange")),
            "{part}: {text}"
        );
    }
    authority.revoke("web", Reason::Unspecified, list()).unwrap();
    let (good, text) = verify();
    assert!(!good && text.contains("certificate revoked"), "{text}");
}
