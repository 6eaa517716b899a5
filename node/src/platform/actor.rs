//! PlatformActor: the one that speaks to platforms; asks by itself what is due, answers what it is asked.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Context, Handler, Message, WrapFuture};
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;

use super::schedule;
use super::wechat::WechatPlatform;
use super::{Front, Providers};
use crate::config_actor::ConfigHandle;
use crate::seal::SealKey;
use crate::settings::{Provider, Settings};

/// How often is looked at what is due.
const TICK: Duration = Duration::from_secs(1);

/// What the actor is made from.
#[derive(Clone)]
pub struct PlatformParts {
    pub settings: Arc<Settings>,
    pub config: ConfigHandle,
    pub cluster: watch::Receiver<Arc<ClusterView>>,
    pub key: SealKey,
}

/// Owns the connections to platforms and what is under way with them.
pub struct PlatformActor {
    providers: Rc<Providers>,
    cluster: watch::Receiver<Arc<ClusterView>>,
    refresh: Duration,
    /// What was due is being done.
    at_work: bool,
}

/// Something to ask the platforms; answers by what it captured.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Question(
    pub Box<dyn FnOnce(Rc<Providers>) -> LocalBoxFuture<'static, ()> + Send>,
);

// === impl PlatformParts ===

impl PlatformParts {
    /// What the admin port needs of it; `None` with the local platform alone.
    pub fn front(&self) -> Option<Front> {
        let wechat = &self.settings.platform.wechat;
        if self.settings.platform.provider == Provider::Local {
            return None;
        }
        // Checked when the settings were loaded.
        let component = wechat.component().ok()?;
        Some(Front {
            messages: component.messages,
            key: self.key.clone(),
            public_url: wechat.public_url.clone(),
        })
    }

    fn wechat(&self) -> Option<WechatPlatform> {
        if self.settings.platform.provider == Provider::Local {
            return None;
        }
        let component = self.settings.platform.wechat.component().ok()?;
        let (config, key) = (self.config.clone(), self.key.clone());
        WechatPlatform::new(&self.settings, component, config, key)
            .inspect_err(|error| tracing::error!(%error, "the open platform cannot be spoken to"))
            .ok()
    }
}

// === impl PlatformActor ===

impl PlatformActor {
    /// An incarnation. Runs on the thread it will live on.
    pub fn new(parts: &PlatformParts) -> Self {
        PlatformActor {
            providers: Rc::new(Providers::new(parts.config.clone(), parts.wechat())),
            cluster: parts.cluster.clone(),
            refresh: Duration::from_secs(parts.settings.platform.refresh_s),
            at_work: false,
        }
    }

    /// Does what is due, where it is this node's to do.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let mine = schedule::is_mine(&self.cluster.borrow());
        if self.at_work || !mine || self.providers.wechat.is_none() {
            return;
        }
        self.at_work = true;
        let work = schedule::work(self.providers.clone(), self.refresh);
        let done = work
            .into_actor(self)
            .map(|(), actor, _| actor.at_work = false);
        ctx.spawn(done);
    }
}

impl Actor for PlatformActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Handler<Question> for PlatformActor {
    type Result = ();

    fn handle(&mut self, Question(question): Question, ctx: &mut Context<Self>) {
        ctx.spawn(question(self.providers.clone()).into_actor(self));
    }
}
