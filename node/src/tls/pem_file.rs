//! PEM files, with errors that name the setting and the file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::tls::TlsError;

/// All certificates of a file, at least one.
pub fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(setting, path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| pem_error(setting, path, "certificate", error))?;
    if certificates.is_empty() {
        return Err(pem_error(
            setting,
            path,
            "certificate",
            pem::Error::NoItemsFound,
        ));
    }
    Ok(certificates)
}

/// A certificate chain and its key.
pub fn certified_key(
    setting: &str,
    cert: &Path,
    key: &Path,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(&format!("{setting}.cert_file"), cert)?;
    let key_setting = format!("{setting}.key_file");
    let private = PrivateKeyDer::from_pem_slice(&read(&key_setting, key)?)
        .map_err(|error| pem_error(&key_setting, key, "private key", error))?;
    let certified = CertifiedKey::from_der(chain, private, &super::provider());
    certified.map(Arc::new).map_err(|error| TlsError::Pair {
        setting: setting.to_owned(),
        cert: cert.to_owned(),
        key: key.to_owned(),
        error: Box::new(error),
    })
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Read {
        setting: setting.to_owned(),
        path: path.to_owned(),
        error,
    })
}

fn pem_error(setting: &str, path: &Path, what: &'static str, error: pem::Error) -> TlsError {
    let (setting, path) = (setting.to_owned(), path.to_owned());
    match error {
        pem::Error::NoItemsFound => TlsError::Empty {
            setting,
            path,
            what,
        },
        error => TlsError::Pem {
            setting,
            path,
            error,
        },
    }
}
