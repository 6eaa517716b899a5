//! The tokens of the open platform: the third-party platform's own and those of the mini programs that let it
//! in. Shared by all nodes, sealed; renewed before they expire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::WechatPlatform;
use super::api::{ApiAnswer, ApiCall, lacking};
use super::errcode::{self, COMPONENT_TOKEN};
use crate::config_actor::now_ms;
use crate::platform::PlatformError;
use crate::seal::Secret;

pub(super) const TICKET: &str = "wechat-ticket";
pub(super) const COMPONENT: &str = "wechat-component";
const AUTHORIZER: &str = "wechat-authorizer-";

/// A token is renewed so long before it expires, or a sixth of its life before where that is less: at 1 h 50 min
/// of 2 h, as the documentation advises.
const MARGIN_MS: u64 = 10 * 60 * 1_000;
/// A token is not sent that expires within this.
const LAST_MS: u64 = 1_000;

/// What proves that pushed messages reach us; needed for the third-party platform's own token.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub ticket: String,
    /// When the platform made it, seconds since 1970-01-01 UTC by its clock.
    pub made_s: u64,
}

/// A token and its times, milliseconds since 1970-01-01 UTC by the clock of the node that got it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Token {
    pub access_token: String,
    pub renew_at_ms: u64,
    pub expires_at_ms: u64,
}

/// What a mini program's owner gave us.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Authorizer {
    pub token: Token,
    pub refresh_token: String,
    /// When we took it, seconds since 1970-01-01 UTC.
    pub since_s: u64,
}

pub(super) fn authorizer_id(appid: &str) -> String {
    format!("{AUTHORIZER}{appid}")
}

/// The mini program whose tokens are kept under this id.
pub(super) fn authorizer_of(id: &str) -> Option<&str> {
    id.strip_prefix(AUTHORIZER)
}

// === impl Token ===

impl Token {
    pub fn new(access_token: &str, expires_in_s: u64) -> Self {
        let (now, life_ms) = (now_ms(), expires_in_s.saturating_mul(1_000));
        let expires_at_ms = now.saturating_add(life_ms);
        Token {
            access_token: access_token.to_owned(),
            renew_at_ms: expires_at_ms.saturating_sub(MARGIN_MS.min(life_ms / 6)),
            expires_at_ms,
        }
    }

    /// It can be sent, and is not the one that was just refused.
    fn usable(&self, refused: Option<&Secret>) -> Option<Secret> {
        let fresh = now_ms().saturating_add(LAST_MS) < self.expires_at_ms;
        let token = Secret::new(&*self.access_token);
        (fresh && refused != Some(&token)).then_some(token)
    }

    pub fn is_due(&self) -> bool {
        now_ms() >= self.renew_at_ms
    }
}

// === impl WechatPlatform ===

impl WechatPlatform {
    /// Makes a call with the third-party platform's own token; once more with a new one where that is refused.
    pub(super) async fn as_component(&self, call: ApiCall<'_>) -> Result<ApiAnswer, PlatformError> {
        let call = call.of_component();
        let token = self.component_token(None).await?;
        match self.api.send(&call, Some(&token)).await {
            Err(error) if is_stale(&error) => {
                let token = self.component_token(Some(&token)).await?;
                self.api.send(&call, Some(&token)).await
            }
            answered => answered,
        }
    }

    /// Makes a call with a mini program's token; once more with a new one where that is refused.
    pub(super) async fn on_behalf_of(
        &self,
        appid: &str,
        call: ApiCall<'_>,
    ) -> Result<ApiAnswer, PlatformError> {
        let token = self.authorizer_token(appid, None).await?;
        match self.api.send(&call, Some(&token)).await {
            Err(error) if is_stale(&error) => {
                let token = self.authorizer_token(appid, Some(&token)).await?;
                self.api.send(&call, Some(&token)).await
            }
            answered => answered,
        }
    }

    async fn component_token(&self, refused: Option<&Secret>) -> Result<Secret, PlatformError> {
        let usable = || {
            let kept = self.secrets.get::<Token>(COMPONENT)?;
            Ok::<_, PlatformError>(kept.and_then(|token| token.usable(refused)))
        };
        if let Some(token) = usable()? {
            return Ok(token);
        }
        let _one = self.renewing_component.lock().await;
        // Whoever was before us may have renewed it.
        match usable()? {
            Some(token) => Ok(token),
            None => self.renew_component().await,
        }
    }

    /// Gets a new token of the third-party platform's own.
    pub(super) async fn renew_component(&self) -> Result<Secret, PlatformError> {
        let ticket = self.ticket()?.ok_or_else(no_ticket)?;
        let body = json!({
            "component_appid": self.component.appid,
            "component_appsecret": self.component.secret.expose(),
            "component_verify_ticket": ticket.ticket,
        });
        let path = "/cgi-bin/component/api_component_token";
        let call = ApiCall::post(COMPONENT_TOKEN, path, body);
        let answer = self.api.send(&call, None).await?.json(COMPONENT_TOKEN)?;
        let token = token_in(&answer, "component_access_token", COMPONENT_TOKEN)?;
        self.secrets.put(COMPONENT, &token).await?;
        tracing::info!("the third-party platform's token was renewed");
        Ok(Secret::new(token.access_token))
    }

    async fn authorizer_token(
        &self,
        appid: &str,
        refused: Option<&Secret>,
    ) -> Result<Secret, PlatformError> {
        if let Some(token) = self.authorizer(appid)?.token.usable(refused) {
            return Ok(token);
        }
        let _one = self.renewing_authorizer(appid).lock().await;
        let authorizer = self.authorizer(appid)?;
        match authorizer.token.usable(refused) {
            Some(token) => Ok(token),
            None => self.renew_authorizer(appid, authorizer).await,
        }
    }

    /// Gets a new token of a mini program's.
    pub(super) async fn renew_authorizer(
        &self,
        appid: &str,
        authorizer: Authorizer,
    ) -> Result<Secret, PlatformError> {
        let name = "a mini program's token (api_authorizer_token)";
        let body = json!({
            "component_appid": self.component.appid,
            "authorizer_appid": appid,
            "authorizer_refresh_token": authorizer.refresh_token,
        });
        let path = "/cgi-bin/component/api_authorizer_token";
        let call = ApiCall::post(name, path, body).about(appid);
        let answer = self.as_component(call).await?.json(name)?;
        let token = token_in(&answer, "authorizer_access_token", name)?;
        let refresh_token = answer["authorizer_refresh_token"].as_str();
        let renewed = Authorizer {
            refresh_token: refresh_token
                .unwrap_or(&authorizer.refresh_token)
                .to_owned(),
            token,
            ..authorizer
        };
        self.secrets.put(&authorizer_id(appid), &renewed).await?;
        tracing::debug!(appid, "a mini program's token was renewed");
        Ok(Secret::new(renewed.token.access_token))
    }

    /// # Errors
    /// `not_authorized` where nobody let us in.
    pub(super) fn authorizer(&self, appid: &str) -> Result<Authorizer, PlatformError> {
        let kept = self.secrets.get(&authorizer_id(appid))?;
        kept.ok_or_else(|| PlatformError::not_authorized(appid))
    }

    /// The newest ticket that this node knows.
    pub(super) fn ticket(&self) -> Result<Option<Ticket>, PlatformError> {
        let kept = self.secrets.get::<Ticket>(TICKET)?;
        let here = self.ticket_here.borrow().clone();
        Ok(kept
            .into_iter()
            .chain(here)
            .max_by_key(|ticket| ticket.made_s))
    }
}

fn is_stale(error: &PlatformError) -> bool {
    error.errcode.is_some_and(errcode::is_stale_token)
}

fn token_in(answer: &Value, field: &str, name: &str) -> Result<Token, PlatformError> {
    let token = answer[field].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| lacking(name, &format!("`{field}` is missing")))?;
    let expires_in_s = answer["expires_in"].as_u64();
    let expires_in_s = expires_in_s.ok_or_else(|| lacking(name, "`expires_in` is missing"))?;
    Ok(Token::new(token, expires_in_s))
}

fn no_ticket() -> PlatformError {
    PlatformError::new(
        503,
        "platform_ticket_missing",
        "The open platform has not pushed a verify ticket yet. It does so every 10 minutes once the third-party \
         platform is approved: look that the authorisation event URL set on open.weixin.qq.com is this cluster's \
         …/platform/wechat/events and reaches the admin port of a node.",
    )
}
