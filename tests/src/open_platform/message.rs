//! Pushed messages as the open platform makes them (its "message encryption" page).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::COMPONENT;

/// What messages are signed and encrypted with.
pub const TOKEN: &str = "planted-message-token";
pub const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The path with its parameters and the body of a pushed event.
pub(super) fn sealed(kind: &str, fields: &str) -> (String, String) {
    let now_s = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let message = format!(
        "<xml><AppId><![CDATA[{COMPONENT}]]></AppId><CreateTime>{now_s}</CreateTime>\
         <InfoType><![CDATA[{kind}]]></InfoType>{fields}</xml>"
    );
    let encrypted = encrypt(&message);
    let (timestamp, nonce) = (now_s.to_string(), "320597731");
    let mut parts = [TOKEN, &timestamp, nonce, &encrypted];
    parts.sort_unstable();
    let signature: String = digest(&SHA1_FOR_LEGACY_USE_ONLY, parts.concat().as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let path = format!(
        "/platform/wechat/events?signature=x&timestamp={timestamp}&nonce={nonce}&encrypt_type=aes\
         &msg_signature={signature}"
    );
    let body = format!(
        "<xml><AppId><![CDATA[{COMPONENT}]]></AppId><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    );
    (path, body)
}

fn encrypt(message: &str) -> String {
    let key: [u8; 32] = BASE64
        .decode(format!("{AES_KEY}="))
        .expect("a key of the documented form")
        .try_into()
        .expect("32 bytes");
    let mut plain = vec![9; 16];
    plain.extend_from_slice(&(message.len() as u32).to_be_bytes());
    plain.extend_from_slice(message.as_bytes());
    plain.extend_from_slice(COMPONENT.as_bytes());
    let padding = 32 - plain.len() % 32;
    plain.extend(std::iter::repeat_n(padding as u8, padding));
    let iv: [u8; 16] = key[..16].try_into().expect("16 bytes");
    let cipher = UnboundCipherKey::new(&AES_256, &key).expect("a sound key");
    let cipher = EncryptingKey::cbc(cipher).expect("a sound key");
    cipher
        .less_safe_encrypt(&mut plain, EncryptionContext::Iv128(FixedLength::from(iv)))
        .expect("whole blocks");
    BASE64.encode(plain)
}
