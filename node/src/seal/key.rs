use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{SealError, Secret, key_file};

/// Bytes of a key: AES-256.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce, which stand before what is sealed. Random: a key may seal some billions of values.
const NONCE_BYTES: usize = 12;
/// How a sealed text begins: what is meant by the rest.
const VERSION: &str = "v1";

/// Seals values with AES-256-GCM. Cheap to clone; never shown.
#[derive(Clone)]
pub struct SealKey {
    key: Arc<RandomizedNonceKey>,
    /// Eight hexadecimal digits that tell keys apart and say nothing of the key.
    id: String,
}

// === impl SealKey ===

impl SealKey {
    /// The key of the settings; `None` where they name none.
    ///
    /// # Errors
    /// Where the text or the file holds no key, or the file is open to others.
    pub fn of_settings(
        key: Option<&Secret>,
        file: Option<&Path>,
    ) -> Result<Option<Self>, SealError> {
        match (key.filter(|key| !key.is_empty()), file) {
            (Some(_), Some(_)) => Err(SealError::Both),
            (Some(key), None) => SealKey::parse("seal.key", key.expose()).map(Some),
            (None, Some(file)) => {
                let text = key_file::read(file)?;
                SealKey::parse("the text in seal.key_file", text.expose()).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    /// The key of this node alone, kept in its data directory and made there first.
    ///
    /// # Errors
    /// Where the file cannot be read, made or used.
    pub fn of_node(data_dir: &Path) -> Result<Self, SealError> {
        let text = key_file::load_or_make(data_dir)?;
        SealKey::parse("the seal key in the data directory", text.expose())
    }

    /// Reads 32 bytes as 64 hexadecimal digits or as base64.
    ///
    /// # Errors
    /// [`SealError::NoKey`], naming `setting`.
    pub fn parse(setting: &'static str, text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text));
        let no_key = || SealError::NoKey { setting };
        let bytes = bytes.map_err(|_| no_key())?;
        if bytes.len() != KEY_BYTES {
            return Err(no_key());
        }
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| no_key())?;
        let mut id = Sha256::new();
        id.update(b"weir seal key id\0");
        id.update(&bytes);
        Ok(SealKey {
            key: Arc::new(key),
            id: hex::encode(&id.finalize()[..4]),
        })
    }

    /// Which key this is, in eight hexadecimal digits: equal on nodes that can open each other's values.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a value under a name: it opens under that very name only, so that sealed values cannot change
    /// places. The text is safe in a URL.
    ///
    /// # Errors
    /// [`SealError::Cipher`].
    pub fn seal(&self, name: &str, value: &[u8]) -> Result<String, SealError> {
        let mut sealed = value.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .map_err(|_| SealError::Cipher {
                what: name.to_owned(),
            })?;
        let mut whole = nonce.as_ref().to_vec();
        whole.extend_from_slice(&sealed);
        let text = URL_SAFE_NO_PAD.encode(whole);
        Ok(format!("{VERSION}.{}.{text}", self.id))
    }

    /// The value that was sealed under this name.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::Broken`].
    pub fn open(&self, name: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let broken = || SealError::Broken {
            what: name.to_owned(),
        };
        let mut parts = sealed.splitn(3, '.');
        let (version, id, text) = (parts.next(), parts.next(), parts.next());
        let (Some(VERSION), Some(id), Some(text)) = (version, id, text) else {
            return Err(broken());
        };
        let hex = |b: u8| b.is_ascii_hexdigit();
        if id.len() != self.id.len() || !id.bytes().all(hex) {
            return Err(broken());
        }
        if id != self.id {
            return Err(SealError::OtherKey {
                what: name.to_owned(),
                sealed_by: id.to_owned(),
                mine: self.id.clone(),
            });
        }
        let whole = URL_SAFE_NO_PAD.decode(text).map_err(|_| broken())?;
        let (nonce, ciphertext) = whole.split_at_checked(NONCE_BYTES).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut value = ciphertext.to_vec();
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut value)
            .map_err(|_| broken())?;
        Ok(opened.to_vec())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealKey {
        SealKey::parse("seal.key", &hex::encode([byte; KEY_BYTES])).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_with_its_key_and_under_its_name_only() {
        let sealed = key(1).seal("component", b"planted").unwrap();
        assert_eq!(key(1).open("component", &sealed).unwrap(), b"planted");
        assert!(!sealed.contains("planted"));
        assert!(matches!(
            key(1).open("another", &sealed),
            Err(SealError::Broken { .. })
        ));
        let other = key(2).open("component", &sealed).unwrap_err();
        assert!(matches!(other, SealError::OtherKey { .. }));
        assert!(other.to_string().contains("WEIR_SEAL_KEY"), "{other}");
    }

    #[test]
    fn the_same_value_is_sealed_differently_each_time() {
        assert_ne!(
            key(1).seal("a", b"x").unwrap(),
            key(1).seal("a", b"x").unwrap()
        );
    }

    #[test]
    fn every_changed_byte_of_a_sealed_value_is_noticed() {
        let sealed = key(1).seal("a", b"planted").unwrap();
        for i in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // Bits of the last base64 digit that no byte needs may be refused or ignored.
            if let Ok(opened) = key(1).open("a", &changed) {
                assert_eq!((i, opened.as_slice()), (sealed.len() - 1, &b"planted"[..]));
            }
        }
        for text in ["", "v1", "v1..", "v2.00000000.AAAA", "v1.00000000"] {
            assert!(key(1).open("a", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_hexadecimal_or_base64_and_nothing_else_and_is_never_shown() {
        let bytes = [7; KEY_BYTES];
        let (hex, base64) = (hex::encode(bytes), STANDARD.encode(bytes));
        let same = [&hex, &base64].map(|text| SealKey::parse("seal.key", text).unwrap());
        assert_eq!(same[0].id(), same[1].id());
        assert!(!format!("{:?}", same[0]).contains(&hex));
        for text in ["", "secret", &hex[2..], "zz"] {
            let error = SealKey::parse("seal.key", text).unwrap_err().to_string();
            assert!(
                error.contains("seal.key") && error.contains("openssl"),
                "{error}"
            );
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_key_is_given_in_one_place() {
        let key = Secret::new(hex::encode([1; KEY_BYTES]));
        let both = SealKey::of_settings(Some(&key), Some(Path::new("f"))).unwrap_err();
        assert!(matches!(both, SealError::Both));
        assert!(SealKey::of_settings(Some(&key), None).unwrap().is_some());
        assert!(SealKey::of_settings(None, None).unwrap().is_none());
    }
}
