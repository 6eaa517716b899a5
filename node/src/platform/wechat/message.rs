//! Messages that the open platform pushes to us: encrypted XML (its "message encryption" page, WXBizMsgCrypt).
//!
//! AES-256-CBC with the key `base64(EncodingAESKey + "=")`, whose first 16 bytes are the IV, PKCS#7 padded to 32
//! bytes; inside: 16 random bytes, the length (4 bytes, big-endian), the XML, the receiver's appid. The signature
//! is the SHA-1 of the sorted token, timestamp, nonce and encrypted text.

use std::fmt;

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::seal::Secret;

const RANDOM_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;
/// The block that the padding fills; larger than the cipher's own.
const PADDING_MAX: u8 = 32;

/// The platform writes keys whose last digit has bits that no byte needs.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Why a pushed message is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MessageError {
    #[error(
        "its signature is wrong: platform.wechat.message_token differs from the one on the open platform, or \
         somebody else sent it"
    )]
    Signature,
    #[error(
        "it cannot be decrypted: platform.wechat.encoding_aes_key differs from the one on the open platform"
    )]
    Encryption,
    #[error("it is meant for another third-party platform than platform.wechat.component_appid")]
    Receiver,
    #[error("it is not the XML that the open platform documents")]
    Form,
}

/// What messages are checked and opened with. Never shown.
#[derive(Clone)]
pub struct MessageKeys {
    token: Secret,
    key: [u8; 32],
    appid: String,
}

// === impl MessageKeys ===

impl MessageKeys {
    /// `None` where the key is not 43 characters of base64.
    pub fn new(token: Secret, encoding_aes_key: &Secret, appid: &str) -> Option<Self> {
        let text = encoding_aes_key.expose().trim();
        if text.len() != 43 {
            return None;
        }
        let key = LENIENT.decode(format!("{text}=")).ok()?;
        Some(MessageKeys {
            token,
            key: key.try_into().ok()?,
            appid: appid.to_owned(),
        })
    }

    /// Opens what came in `<Encrypt>`, after its signature.
    ///
    /// # Errors
    /// Where it is not signed by the token, or not encrypted for us.
    pub fn open(
        &self,
        signature: &str,
        timestamp: &str,
        nonce: &str,
        encrypted: &str,
    ) -> Result<String, MessageError> {
        let expected = self.signature(timestamp, nonce, encrypted);
        verify_slices_are_equal(expected.as_bytes(), signature.as_bytes())
            .map_err(|_| MessageError::Signature)?;
        self.decrypt(encrypted)
    }

    /// SHA-1 in hexadecimal of the four texts, sorted.
    pub fn signature(&self, timestamp: &str, nonce: &str, encrypted: &str) -> String {
        let mut parts = [self.token.expose(), timestamp, nonce, encrypted];
        parts.sort_unstable();
        hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, parts.concat().as_bytes()))
    }

    fn decrypt(&self, encrypted: &str) -> Result<String, MessageError> {
        let wrong = || MessageError::Encryption;
        let mut bytes = LENIENT.decode(encrypted.trim()).map_err(|_| wrong())?;
        let key = UnboundCipherKey::new(&AES_256, &self.key).map_err(|_| wrong())?;
        let key = DecryptingKey::cbc(key).map_err(|_| wrong())?;
        let iv: [u8; 16] = self.key[..16].try_into().map_err(|_| wrong())?;
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let plain = key.decrypt(&mut bytes, context).map_err(|_| wrong())?;
        let padding = *plain.last().ok_or_else(wrong)?;
        if padding == 0 || padding > PADDING_MAX {
            return Err(wrong());
        }
        let end = plain.len().checked_sub(padding.into()).ok_or_else(wrong)?;
        let (padded, rest) = (&plain[..end], &plain[end..]);
        if rest.iter().any(|&byte| byte != padding) {
            return Err(wrong());
        }
        let (_, after_random) = padded.split_at_checked(RANDOM_BYTES).ok_or_else(wrong)?;
        let (length, body) = after_random
            .split_at_checked(LENGTH_BYTES)
            .ok_or_else(wrong)?;
        let length: [u8; 4] = length.try_into().map_err(|_| wrong())?;
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| wrong())?;
        let (message, receiver) = body.split_at_checked(length).ok_or_else(wrong)?;
        if receiver != self.appid.as_bytes() {
            return Err(MessageError::Receiver);
        }
        String::from_utf8(message.to_vec()).map_err(|_| MessageError::Form)
    }
}

impl fmt::Debug for MessageKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageKeys({})", self.appid)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};

    use super::*;

    pub const TOKEN: &str = "the-message-token";
    pub const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    pub const COMPONENT: &str = "wxc0ffee0000000001";

    pub fn keys() -> MessageKeys {
        MessageKeys::new(Secret::new(TOKEN), &Secret::new(AES_KEY), COMPONENT).unwrap()
    }

    /// As the platform does it.
    pub fn encrypt(keys: &MessageKeys, message: &str, receiver: &str) -> String {
        let mut plain = vec![7; RANDOM_BYTES];
        plain.extend_from_slice(&(message.len() as u32).to_be_bytes());
        plain.extend_from_slice(message.as_bytes());
        plain.extend_from_slice(receiver.as_bytes());
        let padding = 32 - plain.len() % 32;
        plain.extend(std::iter::repeat_n(padding as u8, padding));
        let key = UnboundCipherKey::new(&AES_256, &keys.key).unwrap();
        let iv: [u8; 16] = keys.key[..16].try_into().unwrap();
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        let key = EncryptingKey::cbc(key).unwrap();
        key.less_safe_encrypt(&mut plain, context).unwrap();
        LENIENT.encode(plain)
    }

    #[test]
    fn a_message_is_opened_whatever_its_length() {
        let keys = keys();
        for length in 0..100 {
            let message = "x".repeat(length);
            let encrypted = encrypt(&keys, &message, COMPONENT);
            let signature = keys.signature("1413192605", "nonce", &encrypted);
            let opened = keys.open(&signature, "1413192605", "nonce", &encrypted);
            assert_eq!(opened.as_deref(), Ok(message.as_str()));
        }
    }

    /// The four texts of the signature are sorted as texts, whatever they mean.
    #[test]
    fn the_signature_is_the_sha_1_of_the_sorted_parts() {
        let keys = keys();
        let expected = hex::encode(digest(
            &SHA1_FOR_LEGACY_USE_ONLY,
            b"1413192605ENCRYPTEDnoncethe-message-token",
        ));
        assert_eq!(keys.signature("1413192605", "nonce", "ENCRYPTED"), expected);
    }

    #[test]
    fn a_forged_a_foreign_and_a_broken_message_are_told_apart() {
        let keys = keys();
        let sealed = encrypt(&keys, "<xml/>", COMPONENT);
        let signature = keys.signature("1", "n", &sealed);
        assert_eq!(
            keys.open("0000", "1", "n", &sealed),
            Err(MessageError::Signature)
        );
        assert_eq!(
            keys.open(&signature, "2", "n", &sealed),
            Err(MessageError::Signature)
        );
        let foreign = encrypt(&keys, "<xml/>", "wxc0ffee0000000002");
        let signature = keys.signature("1", "n", &foreign);
        assert_eq!(
            keys.open(&signature, "1", "n", &foreign),
            Err(MessageError::Receiver)
        );
        for broken in ["", "AAAA", "no base64!", &LENIENT.encode([0; 64])] {
            let signature = keys.signature("1", "n", broken);
            assert_eq!(
                keys.open(&signature, "1", "n", broken),
                Err(MessageError::Encryption),
                "{broken}"
            );
        }
    }

    #[test]
    fn a_key_of_another_length_is_none_and_no_key_is_shown() {
        let token = Secret::new(TOKEN);
        assert!(MessageKeys::new(token.clone(), &Secret::new("short"), COMPONENT).is_none());
        assert!(MessageKeys::new(token, &Secret::new("!".repeat(43)), COMPONENT).is_none());
        assert!(!format!("{:?}", keys()).contains(TOKEN));
    }
}
