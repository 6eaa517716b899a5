//! Which authorities origins' certificates are checked against.

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
    Ok(ClientConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| TlsError::Provider(Box::new(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
