use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chitchat::ChitchatId;

use super::keys;
use super::signed::{Said, Sum};
use crate::trust::SharedTrust;

/// Values signed again in one interval, where the certificate is newer than they are.
const MAX_RENEWED: usize = 64;

/// What one incarnation of this node publishes: signs it, and knows what was signed longest ago.
pub(super) struct Publisher {
    id: ChitchatId,
    cluster: String,
    trust: SharedTrust,
    /// Of each key the version it is at, and the other way round.
    versions: HashMap<String, u64>,
    keys: BTreeMap<u64, String>,
    sum: Sum,
    /// The certificate that is published, and its version.
    certificate: (Vec<u8>, u64),
}

// === impl Publisher ===

impl Publisher {
    pub fn new(id: ChitchatId, cluster: String, trust: SharedTrust) -> Self {
        Publisher {
            id,
            cluster,
            trust,
            versions: HashMap::new(),
            keys: BTreeMap::new(),
            sum: Sum::default(),
            certificate: (Vec::new(), 0),
        }
    }

    /// The first values of the incarnation, from version 1 upwards: the certificate before all others.
    pub fn begin(&mut self, payloads: Vec<(String, String)>) -> Vec<(String, String)> {
        let certificate = self.renewal().into_iter().collect::<Vec<_>>();
        let all = certificate.into_iter().chain(payloads).zip(1..);
        all.map(|((key, payload), version)| {
            let value = self.sign(&key, &payload, version);
            (key, value)
        })
        .collect()
    }

    /// The certificate, where it is another than the one that is published.
    pub fn renewal(&self) -> Option<(String, String)> {
        let credentials = self.trust.credentials();
        let certificate = credentials.certificate();
        (certificate != self.certificate.0)
            .then(|| (keys::CERT.to_owned(), BASE64.encode(certificate)))
    }

    /// The value with this payload, for the version it will be at: the next one of this node.
    pub fn sign(&mut self, key: &str, payload: &str, version: u64) -> String {
        let credentials = self.trust.credentials();
        let before = self.versions.insert(key.to_owned(), version);
        if let Some(before) = before {
            self.keys.remove(&before);
        }
        self.keys.insert(version, key.to_owned());
        self.sum = self.sum.with(version, before.unwrap_or(0));
        if key == keys::CERT {
            self.certificate = (credentials.certificate().to_vec(), version);
        }
        let said = Said {
            cluster: &self.cluster,
            id: &self.id,
            key,
            version,
            sum: self.sum,
            payload,
        };
        said.sign(&credentials)
    }

    /// Keys under which something was ever said.
    pub fn keys(&self) -> usize {
        self.versions.len()
    }

    /// The newest version that is signed.
    pub fn version(&self) -> u64 {
        self.keys.keys().next_back().copied().unwrap_or(0)
    }

    /// The key that was signed longest ago, the certificate apart; with it, after a new certificate, more of
    /// those that are older.
    pub fn oldest(&self) -> Vec<String> {
        let (_, renewed) = self.certificate;
        let older = self.keys.range(..renewed).count().min(MAX_RENEWED);
        let others = self.keys.values().filter(|key| *key != keys::CERT);
        others.take(older.max(1)).cloned().collect()
    }
}
