//! The certificate for the name a client asks for (SNI, RFC 6066 section 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::settings::{CertificateSettings, Settings};
use crate::tls::{TlsError, development, pem_file};

/// Certificates by exact name, by wildcard, and the development certificate for all else.
#[derive(Debug)]
pub struct ByName {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows `*.`; stands for exactly one label (RFC 9525 section 6.3).
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    fallback: Arc<CertifiedKey>,
}

// === impl ByName ===

impl ByName {
    pub fn load(settings: &Settings) -> Result<Self, TlsError> {
        let fallback =
            development::load_or_make(&settings.node.data_dir, &settings.link.base_domain)?;
        let mut by_name = ByName {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            fallback,
        };
        for (index, certificate) in settings.tls.certificates.iter().enumerate() {
            by_name.add(&format!("tls.certificates[{index}]"), certificate)?;
        }
        Ok(by_name)
    }

    fn add(&mut self, setting: &str, certificate: &CertificateSettings) -> Result<(), TlsError> {
        let key = pem_file::certified_key(setting, &certificate.cert_file, &certificate.key_file)?;
        for name in &certificate.names {
            let lower = name.trim_end_matches('.').to_ascii_lowercase();
            let (map, host) = match lower.strip_prefix("*.") {
                Some(rest) => (&mut self.wildcard, rest),
                None => (&mut self.exact, lower.as_str()),
            };
            if !is_host_name(host) {
                return Err(TlsError::Name {
                    setting: format!("{setting}.names"),
                    name: name.clone(),
                });
            }
            map.insert(host.to_owned(), key.clone());
        }
        Ok(())
    }

    fn find(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.to_ascii_lowercase();
        let by_wildcard = || self.wildcard.get(name.split_once('.')?.1);
        self.exact
            .get(&name)
            .or_else(by_wildcard)
            .unwrap_or(&self.fallback)
    }
}

fn is_host_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let label = |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(legal);
    name.len() <= 253 && name.split('.').all(label)
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(
            hello
                .server_name()
                .map_or(&self.fallback, |name| self.find(name))
                .clone(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::*;

    fn settings(dir: &std::path::Path, certificates: Vec<CertificateSettings>) -> Settings {
        Settings {
            node: NodeSettings {
                id: "n1".to_owned(),
                region: "shanghai".to_owned(),
                data_dir: dir.to_owned(),
                cluster: "weir".to_owned(),
            },
            link: LinkSettings::default(),
            admin: AdminSettings::default(),
            mesh: MeshSettings::default(),
            package: PackageSettings::default(),
            history: HistorySettings::default(),
            seal: Default::default(),
            platform: Default::default(),
            tls: TlsSettings {
                certificates,
                origin_ca_file: None,
            },
            limits: Limits::default(),
            monitor: Default::default(),
            log: LogSettings::default(),
            traces: Default::default(),
        }
    }

    fn own_certificate(dir: &std::path::Path, file: &str, names: &[&str]) -> CertificateSettings {
        let made = rcgen::generate_simple_self_signed(vec!["own.example".to_owned()]).unwrap();
        let (cert_file, key_file) = (
            dir.join(format!("{file}.pem")),
            dir.join(format!("{file}.key")),
        );
        std::fs::write(&cert_file, made.cert.pem()).unwrap();
        std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
        CertificateSettings {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            cert_file,
            key_file,
        }
    }

    #[test]
    fn a_certificate_is_chosen_by_exact_name_then_by_wildcard_then_the_development_one() {
        let dir = tempfile::tempdir().unwrap();
        let exact = own_certificate(dir.path(), "a", &["API.shop.example"]);
        let wildcard = own_certificate(dir.path(), "b", &["*.shop.example"]);
        let by_name = ByName::load(&settings(dir.path(), vec![exact, wildcard])).unwrap();
        let (exact, wildcard) = (
            &by_name.exact["api.shop.example"],
            &by_name.wildcard["shop.example"],
        );
        assert!(Arc::ptr_eq(by_name.find("api.Shop.example"), exact));
        assert!(Arc::ptr_eq(by_name.find("www.shop.example"), wildcard));
        assert!(Arc::ptr_eq(
            by_name.find("a.b.shop.example"),
            &by_name.fallback
        ));
        assert!(Arc::ptr_eq(by_name.find("shop.example"), &by_name.fallback));
    }

    #[test]
    fn a_missing_file_a_wrong_key_and_a_wrong_name_each_say_which_setting_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let error = |certificate| {
            let settings = settings(dir.path(), vec![certificate]);
            ByName::load(&settings).unwrap_err().to_string()
        };
        let good = own_certificate(dir.path(), "good", &["a.example"]);
        let mut missing = good.clone();
        missing.cert_file = dir.path().join("nowhere.pem");
        let said = error(missing);
        assert!(
            said.starts_with("tls.certificates[0].cert_file: "),
            "{said}"
        );
        assert!(said.contains("nowhere.pem"), "{said}");

        let mut foreign = good.clone();
        foreign.key_file = own_certificate(dir.path(), "other", &[]).key_file;
        assert!(error(foreign).contains("do not go together"));

        let mut swapped = good.clone();
        swapped.key_file = good.cert_file.clone();
        assert!(error(swapped).contains("holds no private key"));

        let mut named = good;
        named.names = vec!["*".to_owned()];
        assert!(error(named).contains("tls.certificates[0].names: `*` is not a host name"));
    }
}
