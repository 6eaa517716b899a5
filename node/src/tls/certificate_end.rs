//! When the certificates of the settings end.

use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::settings::Settings;
use crate::tls::{TlsError, pem_file};

/// A certificate of the settings, and its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CertificateEnd {
    /// The host names it is for, separated by commas.
    pub names: String,
    /// Of the chain's certificates the first to end, milliseconds since 1970-01-01 UTC.
    pub not_after_ms: u64,
}

/// The certificates of `tls.certificates`, as they are in their files now. The development certificate is not among
/// them: it is made anew by itself.
///
/// # Errors
/// Where a file cannot be read.
pub fn certificate_ends(settings: &Settings) -> Result<Vec<CertificateEnd>, TlsError> {
    let own = settings.tls.certificates.iter().enumerate();
    own.map(|(place, own)| {
        let setting = format!("tls.certificates[{place}].cert_file");
        let chain = pem_file::certificates(&setting, &own.cert_file)?;
        let ends = chain.iter().filter_map(|certificate| {
            let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
            let seconds = certificate.validity().not_after.timestamp();
            Some(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000))
        });
        Ok(CertificateEnd {
            names: own.names.join(", "),
            not_after_ms: ends.min().unwrap_or(u64::MAX),
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CertificateSettings;

    #[test]
    fn a_certificate_ends_when_the_first_of_its_chain_does() {
        let dir = tempfile::tempdir().unwrap();
        let made = |year: i32| {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(vec!["own.example".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            params.self_signed(&key).unwrap().pem()
        };
        let cert_file = dir.path().join("own.pem");
        std::fs::write(&cert_file, format!("{}{}", made(2040), made(2035))).unwrap();
        let mut settings = crate::settings::load_from(
            None,
            [
                ("WEIR_NODE_ID".to_owned(), "n1".to_owned()),
                ("WEIR_NODE_REGION".to_owned(), "shanghai".to_owned()),
            ],
        )
        .unwrap();
        settings.tls.certificates = vec![CertificateSettings {
            names: vec!["own.example".to_owned(), "*.own.example".to_owned()],
            key_file: cert_file.clone(),
            cert_file,
        }];
        let ends = certificate_ends(&settings).unwrap();
        // 2035-01-01T00:00:00Z.
        assert_eq!(ends[0].not_after_ms, 2_051_222_400_000);
        assert_eq!(ends[0].names, "own.example, *.own.example");
    }
}
