//! `seal` and `platform`: secrets at rest, and the platform that mini programs are registered on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::validate::{http_url, within};
use crate::platform::MessageKeys;
use crate::seal::Secret;

/// What secrets are sealed with.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SealSettings {
    /// 32 bytes, hexadecimal or base64.
    pub key: Option<Secret>,
    /// A file that holds the key.
    pub key_file: Option<PathBuf>,
}

/// Which platforms the node speaks to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlatformSettings {
    pub provider: Provider,
    /// How often what the platform says of each mini program is read again, seconds.
    pub refresh_s: u64,
    pub wechat: WechatSettings,
}

/// Besides the local platform, which every node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    #[default]
    Local,
    Wechat,
}

/// The third-party platform that this cluster is on the WeChat open platform.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WechatSettings {
    pub base_url: String,
    /// The page on which a mini program's owner lets the third-party platform in.
    pub authorize_url: String,
    pub component_appid: Option<String>,
    pub component_secret: Option<Secret>,
    /// What pushed messages are signed with.
    pub message_token: Option<Secret>,
    /// What they are encrypted with, 43 characters.
    pub encoding_aes_key: Option<Secret>,
    /// Where browsers and the open platform reach `/platform/wechat/…` of the admin port.
    pub public_url: Option<String>,
    /// Time for one answer.
    pub timeout_ms: u64,
}

/// What the node needs to be a third-party platform, all of it there.
#[derive(Clone, Debug)]
pub struct WechatComponent {
    pub appid: String,
    pub secret: Secret,
    pub messages: MessageKeys,
}

// === impl WechatSettings ===

impl WechatSettings {
    /// # Errors
    /// The key that is missing or cannot be used, and why.
    pub fn component(&self) -> Result<WechatComponent, (&'static str, String)> {
        let missing = |key: &'static str| {
            let why = "it is needed with platform.provider = \"wechat\": copy it from the third-party platform's page \
                       on open.weixin.qq.com";
            (key, why.to_owned())
        };
        let given = |value: &Option<Secret>| value.clone().filter(|value| !value.is_empty());
        let appid = self.component_appid.clone().filter(|id| !id.is_empty());
        let appid = appid.ok_or_else(|| missing("platform.wechat.component_appid"))?;
        let secret = given(&self.component_secret);
        let secret = secret.ok_or_else(|| missing("platform.wechat.component_secret"))?;
        let token = given(&self.message_token);
        let token = token.ok_or_else(|| missing("platform.wechat.message_token"))?;
        let key = given(&self.encoding_aes_key);
        let key = key.ok_or_else(|| missing("platform.wechat.encoding_aes_key"))?;
        let messages = MessageKeys::new(token, &key, &appid).ok_or_else(|| {
            let why = "it is no key: write the 43 letters and digits as on open.weixin.qq.com";
            ("platform.wechat.encoding_aes_key", why.to_owned())
        })?;
        Ok(WechatComponent {
            appid,
            secret,
            messages,
        })
    }
}

/// Checks both sections: what is wrong with which key.
pub(super) fn check(
    seal: &SealSettings,
    platform: &PlatformSettings,
) -> Result<(), (&'static str, String)> {
    let key = |name: &'static str| move |why: String| (name, why);
    within(platform.refresh_s, 1, 86_400).map_err(key("platform.refresh_s"))?;
    let wechat = &platform.wechat;
    within(wechat.timeout_ms, 100, 60_000).map_err(key("platform.wechat.timeout_ms"))?;
    http_url(&wechat.base_url).map_err(key("platform.wechat.base_url"))?;
    http_url(&wechat.authorize_url).map_err(key("platform.wechat.authorize_url"))?;
    if let Some(url) = &wechat.public_url {
        http_url(url).map_err(key("platform.wechat.public_url"))?;
    }
    if seal.key.is_some() && seal.key_file.is_some() {
        let why = "seal.key_file is set too: keep one of them".to_owned();
        return Err(("seal.key", why));
    }
    if platform.provider == Provider::Local {
        return Ok(());
    }
    wechat.component()?;
    if seal.key.as_ref().is_none_or(Secret::is_empty) && seal.key_file.is_none() {
        let why = "it is needed with platform.provider = \"wechat\", the same on every node, since nodes share the \
                   platform's tokens sealed: make one with `openssl rand -hex 32` and set WEIR_SEAL_KEY or \
                   seal.key_file everywhere";
        return Err(("seal.key", why.to_owned()));
    }
    Ok(())
}

// === defaults ===

impl Default for PlatformSettings {
    fn default() -> Self {
        PlatformSettings {
            provider: Provider::Local,
            refresh_s: 3_600,
            wechat: WechatSettings::default(),
        }
    }
}

impl Default for WechatSettings {
    fn default() -> Self {
        WechatSettings {
            base_url: "https://api.weixin.qq.com".to_owned(),
            authorize_url: "https://mp.weixin.qq.com/cgi-bin/componentloginpage".to_owned(),
            component_appid: None,
            component_secret: None,
            message_token: None,
            encoding_aes_key: None,
            public_url: None,
            timeout_ms: 5_000,
        }
    }
}
