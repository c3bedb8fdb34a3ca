//! Which certificates are trusted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};

use crate::file::Tls;
use crate::values::Sha256;

/// A file of authorities is no longer, in bytes.
const LONGEST_FILE: u64 = 16 << 20;
const DAY: Duration = Duration::from_hours(24);

/// Why no connection by TLS can even be tried.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Untrusted(String);

/// Why a server's certificate is refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}; the SHA-256 of the certificate is {sum}")]
pub(crate) struct CertificateRefused {
    /// Why.
    why: String,
    /// The sum of the certificate that the server showed.
    pub(crate) sum: Sha256,
}

impl CertificateRefused {
    /// Finds it in what the connection failed with.
    pub(crate) fn take(error: &io::Error) -> Option<Self> {
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
                inner.downcast_ref::<Self>().cloned()
            }
            _ => None,
        }
    }
}

/// Configurations of TLS, each made once.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    system: OnceLock<Result<Arc<RootCertStore>, Untrusted>>,
    files: Mutex<HashMap<PathBuf, Result<Arc<RootCertStore>, Untrusted>>>,
}

impl Trusted {
    /// The configuration for this trust.
    pub(crate) fn config(&self, tls: &Tls) -> Result<Arc<ClientConfig>, Untrusted> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier {
            trust: self.trust(tls, &provider)?,
            algorithms: provider.signature_verification_algorithms,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Untrusted(e.to_string()))?;
        let mut config =
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        // Each connection shows the certificate.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }

    fn trust(&self, tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Trust, Untrusted> {
        if tls.insecure {
            return Ok(Trust::Any);
        }
        if !tls.pin.is_empty() {
            return Ok(Trust::Pinned(tls.pin.clone()));
        }
        let roots = match &tls.ca {
            Some(file) => {
                let mut files = self.files.lock().map_err(|e| Untrusted(e.to_string()))?;
                files.entry(file.clone()).or_insert_with(|| authorities(file)).clone()?
            }
            None => self.system.get_or_init(system_authorities).clone()?,
        };
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|e| Untrusted(e.to_string()))?;
        Ok(Trust::Authorities { inner, ahead: tls.valid_days.map_or(Duration::ZERO, |days| DAY * days) })
    }
}

fn system_authorities() -> Result<Arc<RootCertStore>, Untrusted> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let why = found.errors.first().map(|e| format!(": {e}")).unwrap_or_default();
        return Err(Untrusted(format!(
            "this system trusts no certificate authority{why} (install ca-certificates, or set tls.ca or tls.pin)"
        )));
    }
    Ok(Arc::new(store))
}

fn authorities(file: &Path) -> Result<Arc<RootCertStore>, Untrusted> {
    let wrong = |why: &dyn std::fmt::Display| Untrusted(format!("tls.ca {}: {why}", file.display()));
    let mut text = Vec::new();
    File::open(file).and_then(|f| f.take(LONGEST_FILE).read_to_end(&mut text)).map_err(|e| wrong(&e))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        store.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
    }
    if store.is_empty() { Err(wrong(&"there is no certificate in it")) } else { Ok(Arc::new(store)) }
}

#[derive(Debug)]
enum Trust {
    Any,
    Pinned(Vec<Sha256>),
    Authorities { inner: Arc<WebPkiServerVerifier>, ahead: Duration },
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let sum = Sha256::of(end_entity);
        let refused = |why: String| {
            let refused = CertificateRefused { why, sum };
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
        };
        match &self.trust {
            Trust::Any => Ok(ServerCertVerified::assertion()),
            Trust::Pinned(sums) if sums.contains(&sum) => Ok(ServerCertVerified::assertion()),
            Trust::Pinned(_) => Err(refused("the certificate is not one of those in tls.pin".to_owned())),
            Trust::Authorities { inner, ahead } => {
                let verify = |time| {
                    inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, time)
                };
                let verified = verify(now).map_err(|e| refused(e.to_string()))?;
                let then = now.as_secs().saturating_add(ahead.as_secs());
                let later = verify(UnixTime::since_unix_epoch(Duration::from_secs(then)));
                let days = ahead.as_secs() / DAY.as_secs();
                later.map_err(|e| refused(format!("in {days} days: {e}")))?;
                Ok(verified)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
