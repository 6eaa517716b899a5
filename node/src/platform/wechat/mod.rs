//! The WeChat open platform, as the third-party platform this cluster is there
//! (developers.weixin.qq.com, "third-party platforms").

mod api;
mod errcode;
mod event;
mod message;
mod reading;
mod tokens;
mod xml;

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::secrets::Secrets;
use super::{
    Answer, AuthorisationPage, MiniProgramFacts, Platform, PlatformError, Session, TrialQr,
};
use crate::config_actor::ConfigHandle;
use crate::seal::SealKey;
use crate::settings::{Settings, WechatComponent};
use crate::tls::TlsError;
use api::{Api, ApiAnswer, ApiCall, encoded, lacking};
use tokens::{Authorizer, COMPONENT, TICKET, Ticket, Token, authorizer_id, authorizer_of};

pub use event::{Event, Pushed};
pub use message::{MessageError, MessageKeys};

/// Renewals of different mini programs' tokens that do not wait for each other.
const STRIPES: usize = 16;
/// A ticket is written down so long after the one before, seconds: it holds for 12 hours, and each writing goes
/// to every node.
const TICKET_EVERY_S: u64 = 30 * 60;
/// How far this node's clock and the platform's may differ, seconds.
const CLOCKS_DIFFER_S: u64 = 10 * 60;
/// The largest picture of a QR code, bytes.
const PICTURE_MAX_BYTES: usize = 1024 * 1024;

/// The open platform. Lives on its actor's thread.
pub struct WechatPlatform {
    api: Api,
    component: WechatComponent,
    authorize_url: String,
    secrets: Secrets,
    config: ConfigHandle,
    /// The newest ticket pushed to this very node.
    ticket_here: RefCell<Option<Ticket>>,
    renewing_component: Mutex<()>,
    renewing_authorizers: [Mutex<()>; STRIPES],
}

/// How the cluster stands with the open platform.
#[derive(Clone, Debug, Default)]
pub struct WechatStatus {
    /// When the newest verify ticket was made, seconds since 1970-01-01 UTC.
    pub ticket_made_s: Option<u64>,
    /// When the third-party platform's own token expires, milliseconds since 1970-01-01 UTC.
    pub token_expires_at_ms: Option<u64>,
    /// Mini programs that let the third-party platform in.
    pub authorised: usize,
}

// === impl WechatPlatform ===

impl WechatPlatform {
    /// # Errors
    /// Where the authorities that the platform is checked against cannot be read.
    pub fn new(
        settings: &Settings,
        component: WechatComponent,
        config: ConfigHandle,
        key: SealKey,
    ) -> Result<Self, TlsError> {
        Ok(WechatPlatform {
            api: Api::new(settings)?,
            authorize_url: settings.platform.wechat.authorize_url.clone(),
            secrets: Secrets::new(config.clone(), key, &component.appid),
            component,
            config,
            ticket_here: RefCell::default(),
            renewing_component: Mutex::default(),
            renewing_authorizers: Default::default(),
        })
    }

    /// Keeps a pushed ticket: here at once, for the other nodes now and then.
    pub async fn keep_ticket(&self, ticket: String, made_s: u64) -> Result<(), PlatformError> {
        let ticket = Ticket { ticket, made_s };
        let here = self.ticket_here.borrow().as_ref().map(|known| known.made_s);
        // One that was held up on its way, or sent once more by somebody else.
        if here.is_some_and(|here| here >= made_s) {
            return Ok(());
        }
        *self.ticket_here.borrow_mut() = Some(ticket.clone());
        let kept = self.secrets.get::<Ticket>(TICKET)?;
        let token = self.secrets.get::<Token>(COMPONENT)?;
        let old = kept.is_none_or(|kept| made_s >= kept.made_s + TICKET_EVERY_S);
        // Without a token somebody waits for this one.
        if old || token.is_none_or(|token| token.is_due()) {
            self.secrets.put(TICKET, &ticket).await?;
        }
        Ok(())
    }

    /// Forgets what a mini program gave us, unless it gave it after this was said.
    pub async fn forget(&self, appid: &str, said_s: u64) -> Result<bool, PlatformError> {
        let kept = self.secrets.get::<Authorizer>(&authorizer_id(appid))?;
        if kept.is_none_or(|kept| kept.since_s > said_s + CLOCKS_DIFFER_S) {
            return Ok(false);
        }
        self.secrets.remove(&authorizer_id(appid)).await?;
        Ok(true)
    }

    /// Whether a mini program's authorisation was taken since, seconds since 1970-01-01 UTC.
    pub fn was_authorised_since(&self, appid: &str, since_s: u64) -> bool {
        let authorizer = self.authorizer(appid);
        authorizer.is_ok_and(|authorizer| authorizer.since_s >= since_s)
    }

    /// The mini programs whose tokens are due, at most so many, without those to be left alone.
    pub fn due_authorizers(&self, most: usize, alone: impl Fn(&str) -> bool) -> Vec<String> {
        let appids = self.authorised_appids();
        let due = appids.into_iter().filter(|appid| {
            let is_due = |authorizer: Authorizer| authorizer.token.is_due();
            !alone(appid) && self.authorizer(appid).is_ok_and(is_due)
        });
        due.take(most).collect()
    }

    /// Renews the third-party platform's own token where it is due; says whether it was.
    pub async fn renew_component_if_due(&self) -> Result<bool, PlatformError> {
        let is_due = || {
            let kept = self.secrets.get::<Token>(COMPONENT)?;
            Ok::<_, PlatformError>(kept.is_none_or(|token| token.is_due()))
        };
        // Before the first ticket there is nothing to renew with.
        if !is_due()? || self.ticket()?.is_none() {
            return Ok(false);
        }
        let _one = self.renewing_component.lock().await;
        if !is_due()? {
            return Ok(false);
        }
        self.renew_component().await.map(|_| true)
    }

    /// Renews a mini program's token where it is due.
    pub async fn renew_authorizer_if_due(&self, appid: &str) -> Result<(), PlatformError> {
        let _one = self.renewing_authorizer(appid).lock().await;
        let authorizer = self.authorizer(appid)?;
        match authorizer.token.is_due() {
            true => self.renew_authorizer(appid, authorizer).await.map(drop),
            false => Ok(()),
        }
    }

    pub fn status(&self) -> Result<WechatStatus, PlatformError> {
        let token = self.secrets.get::<Token>(COMPONENT)?;
        Ok(WechatStatus {
            ticket_made_s: self.ticket()?.map(|ticket| ticket.made_s),
            token_expires_at_ms: token.map(|token| token.expires_at_ms),
            authorised: self.authorised_appids().len(),
        })
    }

    fn authorised_appids(&self) -> Vec<String> {
        let snapshot = self.config.catalog();
        let secrets = snapshot.catalog.platform_secrets();
        let appids = secrets.filter_map(|secret| authorizer_of(&secret.id));
        appids.map(str::to_owned).collect()
    }

    fn renewing_authorizer(&self, appid: &str) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        appid.hash(&mut hasher);
        &self.renewing_authorizers[(hasher.finish() % STRIPES as u64) as usize]
    }

    async fn page(&self, redirect: &str) -> Result<AuthorisationPage, PlatformError> {
        let name = "a pre-authorisation code (api_create_preauthcode)";
        let path = "/cgi-bin/component/api_create_preauthcode";
        let appid = &self.component.appid;
        let call = ApiCall::post(name, path, json!({ "component_appid": appid }));
        let answer = self.as_component(call).await?.json(name)?;
        let code = answer["pre_auth_code"].as_str();
        let code = code.ok_or_else(|| lacking(name, "`pre_auth_code` is missing"))?;
        let url = format!(
            "{}?component_appid={}&pre_auth_code={}&redirect_uri={}&auth_type=2",
            self.authorize_url,
            encoded(appid),
            encoded(code),
            encoded(redirect)
        );
        Ok(AuthorisationPage {
            url,
            expires_in_s: answer["expires_in"].as_u64().unwrap_or(600),
        })
    }

    async fn take_code(&self, code: &str) -> Result<String, PlatformError> {
        let name = "an authorisation (api_query_auth)";
        let path = "/cgi-bin/component/api_query_auth";
        let body = json!({ "component_appid": self.component.appid, "authorization_code": code });
        // A code can be used once: after a failure on the way it is unknown whether it was.
        let call = ApiCall::post(name, path, body).once();
        let answer = self.as_component(call).await?.json(name)?;
        let info = &answer["authorization_info"];
        let text = |field: &str| {
            let text = info[field].as_str().filter(|text| !text.is_empty());
            text.ok_or_else(|| lacking(name, &format!("`authorization_info.{field}` is missing")))
        };
        let appid = text("authorizer_appid")?;
        let expires_in_s = info["expires_in"].as_u64();
        let expires_in_s = expires_in_s.ok_or_else(|| lacking(name, "`expires_in` is missing"))?;
        let authorizer = Authorizer {
            token: Token::new(text("authorizer_access_token")?, expires_in_s),
            refresh_token: text("authorizer_refresh_token")?.to_owned(),
            since_s: crate::config_actor::now_ms() / 1_000,
        };
        self.secrets.put(&authorizer_id(appid), &authorizer).await?;
        tracing::info!(
            appid,
            "a mini program was authorised to the third-party platform"
        );
        Ok(appid.to_owned())
    }

    async fn picture(&self, appid: &str) -> Result<TrialQr, PlatformError> {
        let name = "the trial version's QR code (wxa/get_qrcode)";
        let call = ApiCall::get(name, "/wxa/get_qrcode").on_behalf_of(appid);
        match self.on_behalf_of(appid, call).await? {
            ApiAnswer::Bytes { media_type, bytes } if bytes.len() <= PICTURE_MAX_BYTES => {
                Ok(TrialQr::Picture { media_type, bytes })
            }
            ApiAnswer::Bytes { bytes, .. } => {
                let what = format!("the picture has {} bytes", bytes.len());
                Err(lacking(name, &what))
            }
            ApiAnswer::Json(_) => Err(lacking(name, "it is no picture")),
        }
    }

    async fn session_of(&self, appid: &str, code: &str) -> Result<Session, PlatformError> {
        let name = "a session (sns/component/jscode2session)";
        let call = ApiCall::get(name, "/sns/component/jscode2session")
            .with("appid", appid)
            .with("js_code", code)
            .with("grant_type", "authorization_code")
            .with("component_appid", &self.component.appid)
            .about(appid)
            .once();
        let answer = self.as_component(call).await?.json(name)?;
        let text = |field: &str| answer[field].as_str().filter(|text| !text.is_empty());
        let openid = text("openid").ok_or_else(|| lacking(name, "`openid` is missing"))?;
        // The session key stays where it is: nobody here needs it.
        Ok(Session {
            openid: openid.to_owned(),
            unionid: text("unionid").map(str::to_owned),
        })
    }
}

impl Platform for WechatPlatform {
    fn read<'a>(&'a self, appid: &'a str) -> Answer<'a, MiniProgramFacts> {
        self.facts(appid).boxed_local()
    }

    fn trial_qr<'a>(&'a self, appid: &'a str) -> Answer<'a, TrialQr> {
        self.picture(appid).boxed_local()
    }

    fn authorisation_page<'a>(&'a self, redirect: &'a str) -> Answer<'a, AuthorisationPage> {
        self.page(redirect).boxed_local()
    }

    fn authorised<'a>(&'a self, auth_code: &'a str) -> Answer<'a, String> {
        self.take_code(auth_code).boxed_local()
    }

    fn session<'a>(&'a self, appid: &'a str, code: &'a str) -> Answer<'a, Session> {
        self.session_of(appid, code).boxed_local()
    }
}

/// The texts of an array; nothing where it is none.
fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
