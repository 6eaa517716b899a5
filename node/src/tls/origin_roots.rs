//! Which authorities origins' certificates are checked against.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::settings::TlsSettings;
use crate::tls::{TlsError, pem_file};

/// TLS towards origins: the system's authorities, and those of `tls.origin_ca_file`.
///
/// A machine without any (a bare container) can still serve plain origins, so that is only warned of.
pub fn origin_tls(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = &settings.origin_ca_file {
        let setting = "tls.origin_ca_file";
        for certificate in pem_file::certificates(setting, path)? {
            roots
                .add(certificate)
                .map_err(|error| TlsError::Authority {
                    setting: setting.to_owned(),
                    path: path.clone(),
                    error: Box::new(error),
                })?;
        }
    }
    if roots.is_empty() {
        tracing::warn!(
            "no certificate authorities found: https origins will be refused; install the system's \
             ca-certificates or set tls.origin_ca_file"
        );
    }
    client(roots).map_err(|error| TlsError::Provider(Box::new(error)))
}

/// TLS towards an origin that has authorities of its own: these certificates, PEM, and no others.
///
/// # Errors
/// A sentence that says what of the PEM cannot be used.
pub fn origin_tls_trusting(pem: &str) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("it is not PEM: {error:?}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("a certificate in it is of no authority: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    client(roots).map_err(|error| error.to_string())
}

fn client(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
