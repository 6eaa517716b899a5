use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ED25519, PublicKeyData};
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::refusal::TrustError;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Bytes of a public key.
const PUBLIC_BYTES: usize = 32;
/// What every signed text begins with. TLS 1.3 signs texts that begin with 64 spaces and X.509 such that begin with
/// 0x30, so that no signature made here means anything there.
const DOMAIN: &[u8] = b"weir signature v1\0";

/// The private key of a node. Never shown.
pub struct NodeKey {
    key: KeyPair,
    signer: Ed25519KeyPair,
}

/// The public key of a node; 64 hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

/// What is signed: the domain, the context with its length, the message.
fn signed(context: &str, message: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(DOMAIN.len() + 8 + context.len() + message.len());
    text.extend_from_slice(DOMAIN);
    text.extend_from_slice(&(context.len() as u64).to_be_bytes());
    text.extend_from_slice(context.as_bytes());
    text.extend_from_slice(message);
    text
}

// === impl NodeKey ===

impl NodeKey {
    /// A new key.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn generate() -> Result<Self, TrustError> {
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(|_| TrustError::NoKey)?;
        NodeKey::new(key)
    }

    /// Reads PKCS#8 in PEM, as [`NodeKey::to_pem`] writes it.
    ///
    /// # Errors
    /// [`TrustError::Key`]; the message shows nothing of the text.
    pub fn from_pem(pem: &str) -> Result<Self, TrustError> {
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ED25519);
        NodeKey::new(key.map_err(|_| TrustError::Key)?)
    }

    fn new(key: KeyPair) -> Result<Self, TrustError> {
        let signer = Ed25519KeyPair::from_pkcs8(key.serialized_der());
        let signer = signer.map_err(|_| TrustError::Key)?;
        Ok(NodeKey { key, signer })
    }

    /// The key itself, for the file that keeps it.
    pub fn to_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The key itself, for TLS.
    pub(crate) fn to_pkcs8(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der())
    }

    pub fn public(&self) -> PublicKey {
        let mut public = [0; PUBLIC_BYTES];
        let bytes = self.signer.public_key().as_ref();
        public.copy_from_slice(&bytes[..PUBLIC_BYTES]);
        PublicKey(public)
    }

    /// Signs a message for one purpose; it holds for that one only. 64 bytes.
    pub fn sign(&self, context: &str, message: &[u8]) -> Vec<u8> {
        self.signer
            .sign(&signed(context, message))
            .as_ref()
            .to_vec()
    }

    /// A request to certify this key (PKCS#10, DER), signed with it. It names nobody: who it is for says whoever
    /// grants it.
    ///
    /// # Errors
    /// Where it cannot be written, which no key leads to.
    pub fn request(&self) -> Result<Vec<u8>, TrustError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&self.key);
        let request = request.map_err(|_| TrustError::NoKey)?;
        Ok(request.der().to_vec())
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.key
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.public())
    }
}

// === impl PublicKey ===

impl PublicKey {
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(PublicKey)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the holder of this key signed the message for this purpose.
    pub fn verify(&self, context: &str, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(&signed(context, message), signature).is_ok()
    }
}

/// For certificates that this key is put in.
impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let bytes = hex::decode(text).map_err(|_| TrustError::PublicKey)?;
        PublicKey::from_bytes(&bytes).ok_or(TrustError::PublicKey)
    }
}
