//! IdentityActor: keeps this node's trust as the configuration says, its certificate fresh, and the keys of new
//! authorities on issuers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::sync::watch;
use weir_cluster::membership::{ClusterView, MembershipHandle, NodeView, TrustShown};
use weir_cluster::mesh::enrol::{AuthorityKeys as KeysAnswer, RenewAsk};
use weir_cluster::trust::{Authority, Credentials, Member, now_ms};
use weir_config::operation;

use super::files::{Identity, IdentityFiles};
use super::{Granter, registry};
use crate::published::{Changed, changes};

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The longest pause after an attempt that failed; a twentieth of the certificate's life where that is less.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Renewal is due when so much of a certificate's life is over, and up to so much earlier by chance, so that nodes that
/// joined together do not come together.
const DUE_AT: f64 = 2.0 / 3.0;
const EARLIER: f64 = 0.1;

/// What an incarnation is made from.
#[derive(Clone)]
pub struct IdentityParts {
    pub granter: Granter,
    pub files: IdentityFiles,
    pub membership: MembershipHandle,
    pub changed: watch::Receiver<u64>,
}

/// One a node.
pub struct IdentityActor {
    parts: IdentityParts,
    /// By chance, of each incarnation its own.
    earlier: f64,
    busy: bool,
    not_before: Instant,
    told: Option<String>,
}

/// What was brought from another node.
enum Brought {
    Certificate(Vec<u8>),
    Keys(Vec<Authority>),
}

// === impl IdentityActor ===

impl IdentityActor {
    pub fn new(parts: &IdentityParts) -> Self {
        IdentityActor {
            parts: parts.clone(),
            earlier: rand::random_range(0.0..EARLIER),
            busy: false,
            not_before: Instant::now(),
            told: None,
        }
    }

    /// Whom to believe, as the configuration says now; others are told.
    fn follow(&mut self) {
        let Granter {
            mesh,
            config,
            cluster,
            keys,
            ..
        } = &self.parts.granter;
        let (trust, catalog) = (mesh.trust(), config.catalog());
        let own = trust.credentials().member().authority;
        trust.set_trust(registry::trust_of(
            cluster,
            &catalog.catalog,
            &trust.trust(),
            &own,
        ));
        let believed = trust.trust();
        for held in keys.all() {
            let gone = catalog.catalog.authorities().next().is_some();
            if gone && !believed.trusts(&held.id()) && !self.is_being_made(&held) {
                keys.remove(&held.id());
                match self.parts.files.remove_authority(&held.id()) {
                    Ok(()) => tracing::info!(
                        authority = held.id().short(),
                        "the key of an authority that nobody believes any more is destroyed"
                    ),
                    Err(error) => {
                        tracing::error!(%error, "the key of an authority that nobody believes any more is still there")
                    }
                }
            }
        }
        let me = trust.credentials();
        self.parts.membership.publish_trust(&TrustShown {
            certified_by: me.member().authority.short(),
            trusts: believed
                .authorities()
                .iter()
                .map(|a| a.id().short())
                .collect(),
            issues: keys.all().iter().map(|a| a.id().short()).collect(),
        });
        self.tell(
            believed
                .still_trusts(me.member(), now_ms())
                .err()
                .map(|why| why.to_string()),
        );
    }

    /// An authority that a rotation has just made, and that does not stand in the configuration yet.
    fn is_being_made(&self, held: &Authority) -> bool {
        let catalog = self.parts.granter.config.catalog();
        let newest = catalog.catalog.authorities().map(|a| a.made_at_ms).max();
        held.made_at_ms().saturating_add(1_000) > newest.unwrap_or_default()
    }

    /// Says once what is wrong with this node's own certificate.
    fn tell(&mut self, wrong: Option<String>) {
        if self.told != wrong {
            if let Some(why) = &wrong {
                tracing::error!(
                    why,
                    "the other nodes do not believe this node's certificate"
                );
            }
            self.told = wrong;
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.follow();
        if self.busy || Instant::now() < self.not_before {
            return;
        }
        let granter = self.parts.granter.clone();
        let trust = granter.mesh.trust().clone();
        let me = trust.credentials();
        let catalog = granter.config.catalog();
        let registered = catalog.catalog.node(granter.node.as_str());
        let issuer = me.member().issuer && registered.is_some_and(|node| node.issuer);
        let lacking = catalog
            .catalog
            .authorities()
            .any(|a| granter.keys.get(&a.id).is_none());
        let issuing = operation::issuing_authority(&catalog.catalog).map(|a| a.id.clone());
        let stale = issuing.is_some_and(|id| id != me.member().authority.to_string());
        // Let in as an issuer since: the certificate has to say so before the keys are asked for.
        let promoted = registered.is_some_and(|node| node.issuer) && !me.member().issuer;
        if stale || promoted || self.is_due(me.member()) {
            self.begin(
                async move { renew(&granter, &me).await.map(Brought::Certificate) },
                ctx,
            );
        } else if issuer && lacking {
            self.begin(async move { fetch(&granter).await.map(Brought::Keys) }, ctx);
        }
    }

    fn is_due(&self, me: &Member) -> bool {
        let life_ms = me.not_after_ms.saturating_sub(me.issued_at_ms) as f64;
        let due_ms = me.issued_at_ms as f64 + life_ms * (DUE_AT - self.earlier);
        now_ms() as f64 >= due_ms
    }

    fn begin(
        &mut self,
        bringing: impl Future<Output = Result<Brought, String>> + 'static,
        ctx: &mut Context<Self>,
    ) {
        self.busy = true;
        let brought = bringing.into_actor(self).map(|brought, actor, ctx| {
            actor.busy = false;
            match brought.and_then(|brought| actor.take(brought)) {
                Ok(()) => actor.look(ctx),
                Err(why) => {
                    let me = actor.parts.granter.mesh.trust().credentials();
                    let member = me.member();
                    let life = member.not_after_ms.saturating_sub(member.issued_at_ms);
                    let pause = Duration::from_millis(life / 20).min(RETRY_MAX);
                    let jitter = rand::random_range(0.5..1.0);
                    actor.not_before = Instant::now() + pause.mul_f64(jitter);
                    tracing::warn!(
                        why,
                        "this node's certificate or keys could not be renewed; it tries again"
                    );
                }
            }
        });
        ctx.spawn(brought);
    }

    fn take(&mut self, brought: Brought) -> Result<(), String> {
        let (files, granter) = (&self.parts.files, &self.parts.granter);
        let trust = granter.mesh.trust();
        match brought {
            Brought::Certificate(certificate) => {
                let key = trust.credentials().key().clone();
                let believed = trust.trust();
                let credentials = Credentials::new(key, &certificate, &believed, now_ms());
                let credentials = credentials.map_err(|error| error.to_string())?;
                let before = files.identity().map_err(|error| error.to_string())?;
                let identity = Identity {
                    cluster: granter.cluster.clone(),
                    certificate: BASE64.encode(&certificate),
                    authorities: believed
                        .authorities()
                        .iter()
                        .map(|a| BASE64.encode(a.der()))
                        .collect(),
                    seeds: before.map(|before| before.seeds).unwrap_or_default(),
                };
                files
                    .set_identity(&identity)
                    .map_err(|error| error.to_string())?;
                tracing::info!(
                    authority = credentials.member().authority.short(),
                    "this node's certificate is renewed"
                );
                trust.set_credentials(credentials);
            }
            Brought::Keys(authorities) => {
                for authority in authorities {
                    files
                        .add_authority(&authority)
                        .map_err(|error| error.to_string())?;
                    tracing::info!(
                        authority = authority.id().short(),
                        "this node may let nodes in now"
                    );
                    granter.keys.add(authority);
                }
            }
        }
        Ok(())
    }
}

impl Actor for IdentityActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.add_stream(changes(self.parts.changed.clone(), Duration::ZERO));
        ctx.run_interval(LOOK_EVERY, |actor, ctx| actor.look(ctx));
        self.look(ctx);
    }
}

impl StreamHandler<Changed> for IdentityActor {
    fn handle(&mut self, _: Changed, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

/// Other live nodes that have keys of authorities, in an order of chance.
fn issuers(view: &ClusterView) -> Vec<NodeView> {
    let mut issuers: Vec<NodeView> = view
        .live_peers()
        .filter(|node| !node.trust.issues.is_empty())
        .cloned()
        .collect();
    let turn = if issuers.is_empty() {
        0
    } else {
        rand::random_range(0..issuers.len())
    };
    issuers.rotate_left(turn);
    issuers
}

async fn renew(granter: &Granter, me: &Arc<Credentials>) -> Result<Vec<u8>, String> {
    let ask = RenewAsk {
        request: BASE64.encode(me.key().request().map_err(|error| error.to_string())?),
    };
    if let Ok(answer) = granter.own(me.member(), &ask) {
        return BASE64
            .decode(answer.certificate)
            .map_err(|error| error.to_string());
    }
    let view = granter.view.borrow().clone();
    let mut why = "no node that may renew certificates is in sight: start one that may (weir cluster shows which)".to_owned();
    for issuer in issuers(&view) {
        match granter.mesh.client().renew(issuer.mesh_addr, &ask).await {
            Ok(answer) => {
                return BASE64
                    .decode(answer.certificate)
                    .map_err(|error| error.to_string());
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

async fn fetch(granter: &Granter) -> Result<Vec<Authority>, String> {
    let view = granter.view.borrow().clone();
    let mut why = "no node that has the keys of the authorities is in sight".to_owned();
    for issuer in issuers(&view) {
        match granter.mesh.client().authority_keys(issuer.mesh_addr).await {
            Ok(keys) => return Ok(believed(granter, &keys)),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// The keys of authorities that this node believes and has not yet.
fn believed(granter: &Granter, keys: &KeysAnswer) -> Vec<Authority> {
    let trust = granter.mesh.trust().trust();
    let read = keys.keys.iter().filter_map(|key| {
        let certificate = BASE64.decode(&key.certificate).ok()?;
        Authority::from_parts(&certificate, &key.key).ok()
    });
    read.filter(|authority| trust.trusts(&authority.id()))
        .collect()
}
