//! Certificates: by name for the link, and the authorities that origins are checked against.

mod certificate_end;
mod development;
mod error;
mod origin_roots;
mod pem_file;
mod resolver;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;

pub use certificate_end::{CertificateEnd, certificate_ends};
pub use error::TlsError;
pub use origin_roots::{origin_tls, origin_tls_trusting};

use crate::settings::Settings;

/// TLS for the link: 1.2 and 1.3, HTTP/2 preferred, the certificate chosen by the name the client asks for.
pub fn link_tls(settings: &Settings) -> Result<Arc<ServerConfig>, TlsError> {
    let resolver = resolver::ByName::load(settings)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| TlsError::Provider(Box::new(error)))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    match CryptoProvider::get_default() {
        Some(provider) => provider.clone(),
        None => Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
    }
}
