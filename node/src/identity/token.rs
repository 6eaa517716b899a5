//! Join tokens that this node made: short-lived, used by one key, known by their digests alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_config::NodeId;

use crate::config_actor::SharedStore;
use crate::store::StoreError;

/// The fact in the store that keeps them.
const FACT: &str = "join_tokens";
/// Tokens that are neither used nor expired, at once.
pub const TOKENS_MAX: usize = 64;
/// How long a token that expired or was used is remembered, to say so, milliseconds.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1_000;
/// Tokens remembered in all.
const REMEMBERED_MAX: usize = 512;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewToken {
    /// Only for a node of this name.
    pub node: Option<NodeId>,
    /// Whoever joins with it may let others in.
    pub issuer: bool,
    pub valid_for_s: u64,
    /// The token's name of whoever made it.
    pub author: String,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Known {
    #[serde(default)]
    node: Option<NodeId>,
    #[serde(default)]
    pub issuer: bool,
    expires_at_ms: u64,
    pub author: String,
    /// The public key that was let in with it.
    #[serde(default)]
    used_by: Option<String>,
}

/// Why a token lets nobody in, in a sentence.
#[derive(Debug, thiserror::Error)]
pub enum NotRedeemed {
    #[error(
        "the token is not known here: it was made by another cluster or long ago. Make a new one (weir token join)"
    )]
    Unknown,
    #[error(
        "the token expired {0} s ago: make a new one (weir token join --valid-for 10m), and let the clocks be right"
    )]
    Expired(u64),
    #[error(
        "the token was used already, by another machine: every token lets one node in. Make a new one (weir token join)"
    )]
    Used,
    #[error(
        "the token is for node {0}: set node.id so, or make a token for this one (weir token join --node)"
    )]
    OtherNode(NodeId),
    #[error("{TOKENS_MAX} tokens wait to be used already: let them be used or expire")]
    TooMany,
    #[error("the node that made the token cannot use its disk: {0}")]
    Store(#[from] StoreError),
}

/// The tokens in the store of this node.
#[derive(Clone)]
pub struct JoinTokens(SharedStore);

type All = BTreeMap<String, Known>;

// === impl JoinTokens ===

impl JoinTokens {
    pub fn new(store: SharedStore) -> Self {
        JoinTokens(store)
    }

    /// Knows a token from now on, by its digest.
    ///
    /// # Errors
    /// [`NotRedeemed::TooMany`], [`NotRedeemed::Store`].
    pub fn add(&self, digest: String, new: NewToken, now_ms: u64) -> Result<(), NotRedeemed> {
        self.change(now_ms, |all| {
            let open = |known: &&Known| known.used_by.is_none() && known.expires_at_ms > now_ms;
            if all.values().filter(open).count() >= TOKENS_MAX || all.len() >= REMEMBERED_MAX {
                return Err(NotRedeemed::TooMany);
            }
            let known = Known {
                node: new.node,
                issuer: new.issuer,
                expires_at_ms: now_ms.saturating_add(new.valid_for_s.saturating_mul(1_000)),
                author: new.author,
                used_by: None,
            };
            all.insert(digest, known);
            Ok(())
        })
    }

    /// Uses a token for a node's key. The same key may come again while the token holds: its answer was lost.
    ///
    /// # Errors
    /// Why it lets nobody in.
    pub fn redeem(
        &self,
        digest: &str,
        node: &NodeId,
        key: &str,
        now_ms: u64,
    ) -> Result<Known, NotRedeemed> {
        self.change(now_ms, |all| {
            let known = all.get_mut(digest).ok_or(NotRedeemed::Unknown)?;
            if known.used_by.as_ref().is_some_and(|used_by| used_by != key) {
                return Err(NotRedeemed::Used);
            }
            if known.expires_at_ms <= now_ms {
                return Err(NotRedeemed::Expired((now_ms - known.expires_at_ms) / 1_000));
            }
            if let Some(other) = known.node.as_ref().filter(|other| *other != node) {
                return Err(NotRedeemed::OtherNode(other.clone()));
            }
            known.used_by = Some(key.to_owned());
            Ok(known.clone())
        })
    }

    /// Puts a token back that let nobody in after all.
    ///
    /// # Errors
    /// [`NotRedeemed::Store`].
    pub fn put_back(&self, digest: &str, now_ms: u64) -> Result<(), NotRedeemed> {
        self.change(now_ms, |all| {
            if let Some(known) = all.get_mut(digest) {
                known.used_by = None;
            }
            Ok(())
        })
    }

    fn change<T>(
        &self,
        now_ms: u64,
        change: impl FnOnce(&mut All) -> Result<T, NotRedeemed>,
    ) -> Result<T, NotRedeemed> {
        let mut store = self.0.lock();
        let kept = store.fact(FACT)?.unwrap_or_default();
        let mut all: All = serde_json::from_str(&kept).unwrap_or_default();
        all.retain(|_, known| known.expires_at_ms.saturating_add(REMEMBERED_MS) > now_ms);
        let done = change(&mut all)?;
        // Texts and numbers can always be written.
        let text = serde_json::to_string(&all).unwrap_or_default();
        if text != kept {
            store.set_fact(FACT, &text)?;
        }
        Ok(done)
    }
}
