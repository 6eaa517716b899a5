use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};
use weir_config::NodeId;

use super::authority::AuthorityId;

/// How a join token begins, so that a person and a scanner of secrets know one.
pub const TOKEN_PREFIX: &str = "weirjoin_";
const VERSION: u8 = 1;
const SECRET_BYTES: usize = 32;
const AUTHORITY_BYTES: usize = 32;

/// What lets one node into the cluster, once and soon: a secret, the node that made it, and the fingerprint of the
/// authority that whoever is asked has to show first. Never shown but by [`JoinToken::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    secret: [u8; SECRET_BYTES],
    pub authority: AuthorityId,
    /// The node that made it, and that alone redeems it.
    pub maker: NodeId,
}

/// Why a text is no join token. Shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no join token: give TOKEN@HOST:PORT as `weir token join` prints it")]
pub struct BadToken;

// === impl JoinToken ===

impl JoinToken {
    pub fn generate(authority: AuthorityId, maker: NodeId) -> Self {
        JoinToken {
            secret: rand::random(),
            authority,
            maker,
        }
    }

    /// The token itself, for the one who is to use it.
    pub fn expose(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(self.authority.as_bytes());
        bytes.extend_from_slice(self.maker.as_str().as_bytes());
        format!("{TOKEN_PREFIX}{}", BASE64.encode(bytes))
    }

    /// What is kept of it: enough to know it again, nothing to use. It has 256 random bits, so it needs no salt.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.secret))
    }
}

impl FromStr for JoinToken {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let text = text.trim().strip_prefix(TOKEN_PREFIX).ok_or(BadToken)?;
        // The longest maker's name has 32 letters.
        if text.len() > 160 {
            return Err(BadToken);
        }
        let bytes = BASE64.decode(text).map_err(|_| BadToken)?;
        let (&version, rest) = bytes.split_first().ok_or(BadToken)?;
        let (secret, rest) = rest.split_at_checked(SECRET_BYTES).ok_or(BadToken)?;
        let (authority, maker) = rest.split_at_checked(AUTHORITY_BYTES).ok_or(BadToken)?;
        if version != VERSION {
            return Err(BadToken);
        }
        let maker = std::str::from_utf8(maker).map_err(|_| BadToken)?;
        Ok(JoinToken {
            secret: secret.try_into().map_err(|_| BadToken)?,
            authority: AuthorityId::from_bytes(authority).ok_or(BadToken)?,
            maker: maker.parse().map_err(|_| BadToken)?,
        })
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken(made by {})", self.maker)
    }
}
