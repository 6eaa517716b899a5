//! Lets nodes in with join tokens, and renews their certificates, as far as this node has the keys.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::MeshError;
use weir_cluster::mesh::MeshHandle;
use weir_cluster::mesh::enrol::{
    AuthorityKey, AuthorityKeys as KeysAnswer, EnrolAnswer, EnrolAsk, EnrolPort, NotGranted,
    RenewAnswer, RenewAsk,
};
use weir_cluster::trust::{Authority, Grant, JoinToken, Member, now_ms, requested_key};
use weir_config::{NodeId, operation};

use super::{AuthorityKeys, JoinTokens};
use crate::config_actor::{Ack, ConfigHandle, WriteOptions};

/// Addresses of nodes that whoever joins is told.
const SEEDS_MAX: usize = 16;

/// Everything it decides by. Clones are the same.
#[derive(Clone)]
pub struct Granter {
    pub node: NodeId,
    pub cluster: String,
    pub config: ConfigHandle,
    pub mesh: MeshHandle,
    pub view: watch::Receiver<Arc<ClusterView>>,
    pub keys: AuthorityKeys,
    pub tokens: JoinTokens,
    /// How long a certificate holds.
    pub life_s: u64,
}

// === impl Granter ===

impl EnrolPort for Granter {
    fn enrol(&self, ask: EnrolAsk) -> LocalBoxFuture<'static, Result<EnrolAnswer, NotGranted>> {
        let granter = self.clone();
        async move { granter.let_in(ask).await }.boxed_local()
    }

    fn renew(
        &self,
        member: Member,
        ask: RenewAsk,
    ) -> LocalBoxFuture<'static, Result<RenewAnswer, NotGranted>> {
        let renewed = self.renewed(&member, &ask);
        async move { renewed }.boxed_local()
    }

    fn authority_keys(&self, member: Member) -> Result<KeysAnswer, NotGranted> {
        let catalog = self.config.catalog();
        let registered = catalog.catalog.node(member.node.as_str());
        // Both the certificate and the configuration have to say so.
        if !member.issuer || !registered.is_some_and(|node| node.issuer && !node.revoked) {
            let why = "only nodes that were let in with --issuer get the keys of the authorities";
            return Err(NotGranted::new(403, why));
        }
        tracing::warn!(
            node = member.node.as_str(),
            "gave the keys of the authorities to an issuer"
        );
        let held = self.keys.all();
        let keys = held.iter().map(|authority| AuthorityKey {
            certificate: BASE64.encode(authority.certificate().der()),
            key: authority.key_pem(),
        });
        let keys = keys.collect();
        Ok(KeysAnswer { keys })
    }
}

impl Granter {
    /// The authority that issues now, with its key.
    ///
    /// # Errors
    /// Where this node has it not.
    pub fn issuing(&self) -> Result<Arc<Authority>, NotGranted> {
        let catalog = self.config.catalog();
        let issuing = operation::issuing_authority(&catalog.catalog);
        let key = issuing.and_then(|authority| self.keys.get(&authority.id));
        key.ok_or_else(|| {
            let why = format!(
                "node {} may not let nodes in or renew certificates: ask a node that was let in with --issuer",
                self.node
            );
            NotGranted::new(503, why)
        })
    }

    async fn let_in(&self, ask: EnrolAsk) -> Result<EnrolAnswer, NotGranted> {
        let token: JoinToken = ask.token.parse().map_err(|error| refuse(&error))?;
        if token.maker != self.node {
            return self.pass_on(&token.maker, &ask).await;
        }
        let authority = self.issuing()?;
        let request = BASE64
            .decode(&ask.request)
            .map_err(|error| refuse(&error))?;
        let key = requested_key(&request).map_err(|error| refuse(&error))?;
        let (digest, key_text) = (token.digest(), key.to_string());
        let (tokens, node) = (self.tokens.clone(), ask.node.clone());
        let redeeming = {
            let (digest, key) = (digest.clone(), key_text.clone());
            move || tokens.redeem(&digest, &node, &key, now_ms())
        };
        let redeemed = tokio::task::spawn_blocking(redeeming).await;
        let redeemed = redeemed.map_err(|error| NotGranted::new(500, error.to_string()))?;
        let known = redeemed.map_err(|error| refuse(&error))?;

        let options = WriteOptions {
            author: known.author.clone(),
            ack: Ack::Local,
            request: None,
        };
        let (node, issuer) = (ask.node.clone(), known.issuer);
        let applied = self.config.apply(options, move |catalog, context| {
            operation::let_in(catalog, context, node.as_str(), &key_text, issuer)
        });
        let registered = match applied.await {
            Ok(applied) => applied.value,
            Err(refusal) => {
                let tokens = self.tokens.clone();
                let back = move || tokens.put_back(&digest, now_ms());
                if let Ok(Err(error)) = tokio::task::spawn_blocking(back).await {
                    tracing::warn!(%error, "a join token is lost");
                }
                return Err(NotGranted::new(refusal.status, refusal.detail));
            }
        };
        let registered =
            registered.ok_or_else(|| NotGranted::new(500, "the node was not registered"))?;
        let grant = Grant {
            cluster: self.cluster.clone(),
            node: ask.node.clone(),
            enrolment: registered.enrolment,
            issuer: registered.issuer,
        };
        let certificate = authority.issue(key, &grant, now_ms(), self.life_s);
        let certificate = certificate.map_err(|error| NotGranted::new(500, error.to_string()))?;
        tracing::info!(
            node = ask.node.as_str(),
            author = known.author,
            issuer = registered.issuer,
            "a node was let in"
        );
        let trust = self.mesh.trust().trust();
        let authorities = trust.authorities().iter();
        Ok(EnrolAnswer {
            cluster: self.cluster.clone(),
            certificate: BASE64.encode(certificate),
            authorities: authorities
                .map(|authority| BASE64.encode(authority.der()))
                .collect(),
            seeds: self.seeds(&ask.node),
        })
    }

    /// A token is redeemed by the node that made it.
    async fn pass_on(&self, maker: &NodeId, ask: &EnrolAsk) -> Result<EnrolAnswer, NotGranted> {
        let view = self.view.borrow().clone();
        let there = view
            .node(maker)
            .filter(|node| node.live && node.id != self.node);
        let Some(there) = there else {
            let why = format!(
                "the token was made by node {maker}, which node {} does not see: make a new one on a node that runs \
                 (weir token join)",
                self.node
            );
            return Err(NotGranted::new(503, why));
        };
        match self.mesh.client().enrol(there.mesh_addr, ask).await {
            Ok(answer) => Ok(answer),
            Err(MeshError::Refused { status, reason, .. }) => {
                Err(NotGranted::new(status, reason.trim()))
            }
            Err(error) => {
                let why = format!(
                    "the token was made by node {maker}, which cannot be asked now ({error}): make a new one on another \
                     node (weir token join)"
                );
                Err(NotGranted::new(503, why))
            }
        }
    }

    /// A new certificate for this node itself.
    ///
    /// # Errors
    /// Where it has not the key to issue it.
    pub fn own(&self, me: &Member, ask: &RenewAsk) -> Result<RenewAnswer, NotGranted> {
        self.renewed(me, ask)
    }

    /// A new certificate for the key of a node, by its own word over a connection it proved itself on.
    fn renewed(&self, member: &Member, ask: &RenewAsk) -> Result<RenewAnswer, NotGranted> {
        let authority = self.issuing()?;
        let request = BASE64
            .decode(&ask.request)
            .map_err(|error| refuse(&error))?;
        let key = requested_key(&request).map_err(|error| refuse(&error))?;
        if key != member.key {
            let why = "a certificate is renewed for the same key: to change it, join anew";
            return Err(NotGranted::new(403, why));
        }
        let catalog = self.config.catalog();
        let Some(registered) = catalog.catalog.node(member.node.as_str()) else {
            let why = "this node's configuration knows no such node yet: ask again in a second";
            return Err(NotGranted::new(503, why));
        };
        let grant = Grant {
            cluster: self.cluster.clone(),
            node: member.node.clone(),
            enrolment: member.enrolment,
            issuer: registered.issuer,
        };
        let certificate = authority.issue(key, &grant, now_ms(), self.life_s);
        let certificate = certificate.map_err(|error| NotGranted::new(500, error.to_string()))?;
        Ok(RenewAnswer {
            certificate: BASE64.encode(certificate),
        })
    }

    fn seeds(&self, joining: &NodeId) -> Vec<String> {
        let view = self.view.borrow().clone();
        let others = view
            .nodes
            .iter()
            .filter(|node| node.live && node.id != *joining);
        let seeds = others.map(|node| node.mesh_addr.to_string());
        seeds.take(SEEDS_MAX).collect()
    }
}

fn refuse(error: &impl ToString) -> NotGranted {
    NotGranted::new(403, error.to_string())
}
