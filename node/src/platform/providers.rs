//! All platforms of one node, and what is done with what they say.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use weir_config::Catalog;
use weir_config::domain::Origin;
use weir_config::object::PlatformProvider;
use weir_config::operation::{self, Change, PlatformReading};

use super::local::LocalPlatform;
use super::secrets::AUTHOR;
use super::sessions::Sessions;
use super::wechat::WechatPlatform;
use super::{Event, MiniProgramFacts, Platform, PlatformError, Session, WechatStatus};
use crate::config_actor::{ConfigHandle, WriteOptions, now_ms};

/// How long a pushed authorisation waits for the browser that brings the same.
const REDIRECT_PATIENCE: Duration = Duration::from_secs(5);

/// The platforms. Lives on the actor's thread, and is remade with it.
pub struct Providers {
    pub(super) config: ConfigHandle,
    local: LocalPlatform,
    pub(super) wechat: Option<WechatPlatform>,
    sessions: RefCell<Sessions>,
    /// When this node is to read a mini program again.
    pub(super) next_reading: RefCell<BTreeMap<String, Instant>>,
    /// Until when a renewal that failed is not tried again: by appid, and `""` for the third-party platform's own.
    pub(super) resting: RefCell<BTreeMap<String, Instant>>,
}

// === impl Providers ===

impl Providers {
    pub(super) fn new(config: ConfigHandle, wechat: Option<WechatPlatform>) -> Self {
        Providers {
            local: LocalPlatform::new(config.clone()),
            config,
            wechat,
            sessions: RefCell::default(),
            next_reading: RefCell::default(),
            resting: RefCell::default(),
        }
    }

    /// # Errors
    /// `platform_not_configured`.
    pub fn of(&self, provider: PlatformProvider) -> Result<&dyn Platform, PlatformError> {
        match provider {
            PlatformProvider::Local => Ok(&self.local),
            PlatformProvider::Wechat => self.wechat().map(|wechat| wechat as &dyn Platform),
        }
    }

    pub(super) fn wechat(&self) -> Result<&WechatPlatform, PlatformError> {
        self.wechat
            .as_ref()
            .ok_or_else(PlatformError::not_configured)
    }

    /// Reads a mini program from the open platform and writes down what it says.
    ///
    /// # Errors
    /// Why it could not be read; what was read before stays.
    pub async fn refresh(&self, appid: &str) -> Result<(), PlatformError> {
        let facts = self.wechat()?.read(appid).await?;
        self.record(appid, Ok(reading(facts))).await
    }

    /// The same by the schedule: what goes wrong is written down too, for whoever looks at the mini program.
    pub(super) async fn refresh_scheduled(&self, appid: &str) {
        let read = match self.wechat() {
            Ok(wechat) => wechat.read(appid).await,
            Err(_) => return,
        };
        let reading = match read {
            Ok(facts) => Ok(reading(facts)),
            Err(error) => {
                tracing::warn!(
                    appid,
                    code = error.code,
                    "a mini program could not be read from its platform: {error}"
                );
                Err(error.detail)
            }
        };
        if let Err(error) = self.record(appid, reading).await {
            tracing::warn!(
                appid,
                "what the platform said could not be written down: {error}"
            );
        }
    }

    async fn record(
        &self,
        appid: &str,
        reading: Result<PlatformReading, String>,
    ) -> Result<(), PlatformError> {
        let before = self.config.catalog();
        let id = appid.to_owned();
        let record = self
            .config
            .apply(WriteOptions::by(AUTHOR), move |catalog, context| {
                // Of one that was never read there is nothing to write down.
                if reading.is_err() && catalog.mini_program(&id).is_none() {
                    return Ok((Change::default(), ()));
                }
                let change = operation::put_platform_reading(catalog, context, &id, reading)?;
                Ok((change, ()))
            });
        if record.await?.changed {
            let after = self.config.catalog();
            warn_of_domains(appid, &before.catalog, &after.catalog);
        }
        Ok(())
    }

    /// Takes the code with which a mini program's owner let us in, and reads the mini program.
    ///
    /// # Errors
    /// Where the code is not taken. That the mini program could not be read is no error: it is written down.
    pub async fn authorised(
        &self,
        code: &str,
        space: Option<String>,
    ) -> Result<String, PlatformError> {
        let appid = self.wechat()?.authorised(code).await?;
        if let Some(space) = space {
            let id = appid.clone();
            let authorise = self
                .config
                .apply(WriteOptions::by(AUTHOR), move |catalog, _| {
                    operation::authorize_by_platform(catalog, &space, &id)
                        .map(|change| (change, ()))
                });
            authorise.await?;
        }
        self.refresh_scheduled(&appid).await;
        Ok(appid)
    }

    /// Does what a pushed message asks for.
    ///
    /// # Errors
    /// Where it could not be done.
    pub async fn take(self: Rc<Self>, event: Event) -> Result<(), PlatformError> {
        match event {
            Event::Ticket { ticket, made_s } => {
                // What failed for want of a ticket need not wait.
                self.resting.borrow_mut().clear();
                self.wechat()?.keep_ticket(ticket, made_s).await
            }
            Event::Authorised { appid, code } => {
                tracing::info!(
                    appid,
                    "a mini program's owner authorised the third-party platform"
                );
                // The page's redirect brings the same code, which can be used once, and the space besides.
                let since_s = now_ms() / 1_000;
                sleep(REDIRECT_PATIENCE).await;
                if self
                    .wechat()?
                    .was_authorised_since(&appid, since_s.saturating_sub(60))
                {
                    return Ok(());
                }
                self.authorised(&code, None).await.map(drop)
            }
            Event::Unauthorised { appid, said_s } => {
                if self.wechat()?.forget(&appid, said_s).await? {
                    tracing::warn!(
                        appid,
                        "a mini program's owner took the authorisation back: its businesses go on with what was \
                         read last, and nothing new is read"
                    );
                    self.refresh_scheduled(&appid).await;
                }
                Ok(())
            }
            Event::Other(kind) => {
                tracing::debug!(kind, "a pushed message of another kind");
                Ok(())
            }
        }
    }

    /// How this cluster stands with the open platform.
    ///
    /// # Errors
    /// Where its secrets cannot be opened.
    pub fn status(&self) -> Result<WechatStatus, PlatformError> {
        self.wechat()?.status()
    }

    /// Who the user is that a login code stands for; asked once, however often it is wanted.
    ///
    /// # Errors
    /// What the platform refuses.
    pub async fn session(
        &self,
        provider: PlatformProvider,
        appid: &str,
        code: &str,
    ) -> Result<Session, PlatformError> {
        let known = self.sessions.borrow().get(appid, code, Instant::now());
        if let Some(session) = known {
            return Ok(session);
        }
        let session = self.of(provider)?.session(appid, code).await?;
        let kept = session.clone();
        let mut sessions = self.sessions.borrow_mut();
        sessions.put(appid, code, kept, Instant::now());
        Ok(session)
    }
}

fn reading(facts: MiniProgramFacts) -> PlatformReading {
    PlatformReading {
        source: PlatformProvider::Wechat,
        name: facts.name,
        request_domains: facts.request_domains,
        versions: facts.versions,
    }
}

/// Tells the operator which attached domains came off the platform's list, and which came back.
fn warn_of_domains(appid: &str, before: &Catalog, after: &Catalog) {
    let legal = |catalog: &Catalog| -> BTreeSet<String> {
        let program = catalog.mini_program(appid);
        let domains = program.map(|program| program.request_domains.clone());
        let origins = domains.into_iter().flatten();
        origins
            .filter_map(|domain| Some(Origin::parse(&domain).ok()?.to_string()))
            .collect()
    };
    let Some(business) = after.business(appid) else {
        return;
    };
    let (before, after) = (legal(before), legal(after));
    for domain in &business.attached_domains {
        let Ok(origin) = Origin::parse(&domain.0) else {
            continue;
        };
        let origin = origin.to_string();
        match (before.contains(&origin), after.contains(&origin)) {
            (true, false) => tracing::warn!(
                appid,
                domain = domain.0,
                "a domain was taken off the platform's list of legal domains: its calls are refused as not \
                 configured until it is back on the list"
            ),
            (false, true) => {
                tracing::info!(
                    appid,
                    domain = domain.0,
                    "an attached domain is legal again"
                );
            }
            _ => {}
        }
    }
}
