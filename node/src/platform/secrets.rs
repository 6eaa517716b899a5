//! What platforms entrusted to us, sealed in the configuration and so on every node.

use serde::Serialize;
use serde::de::DeserializeOwned;
use weir_config::operation;

use super::PlatformError;
use crate::config_actor::{ConfigHandle, WriteOptions};
use crate::seal::{SealError, SealKey};

/// Who wrote what a platform said: the author of the change.
pub(super) const AUTHOR: &str = "platform";

/// Reads and writes sealed values by their ids.
#[derive(Clone)]
pub(super) struct Secrets {
    config: ConfigHandle,
    key: SealKey,
    /// Whose they are: those of another third-party platform do not open.
    owner: String,
}

// === impl Secrets ===

impl Secrets {
    pub fn new(config: ConfigHandle, key: SealKey, owner: &str) -> Self {
        Secrets {
            config,
            key,
            owner: owner.to_owned(),
        }
    }

    /// `None` where there is no such value, or one that nobody can use any more.
    ///
    /// # Errors
    /// `seal_key_differs` where it was sealed with another key.
    pub fn get<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, PlatformError> {
        let snapshot = self.config.catalog();
        let Some(secret) = snapshot.catalog.platform_secret(id) else {
            return Ok(None);
        };
        match self.key.open(&self.name(id), &secret.sealed) {
            Ok(value) => Ok(serde_json::from_slice(&value).ok()),
            Err(error @ SealError::OtherKey { .. }) => Err(unsealed(&error)),
            Err(_) => Ok(None),
        }
    }

    pub async fn put(&self, id: &str, value: &impl Serialize) -> Result<(), PlatformError> {
        let value = serde_json::to_vec(value).unwrap_or_default();
        let sealed = self.key.seal(&self.name(id), &value);
        let sealed = sealed.map_err(|error| unsealed(&error))?;
        let id = id.to_owned();
        let put = self
            .config
            .apply(WriteOptions::by(AUTHOR), move |_, context| {
                operation::put_platform_secret(context, &id, &sealed).map(|change| (change, ()))
            });
        put.await.map(drop).map_err(PlatformError::from)
    }

    pub async fn remove(&self, id: &str) -> Result<(), PlatformError> {
        let id = id.to_owned();
        let remove = self
            .config
            .apply(WriteOptions::by(AUTHOR), move |catalog, _| {
                Ok((operation::delete_platform_secret(catalog, &id), ()))
            });
        remove.await.map(drop).map_err(PlatformError::from)
    }

    fn name(&self, id: &str) -> String {
        format!("platform_secret/{id} of {}", self.owner)
    }
}

fn unsealed(error: &SealError) -> PlatformError {
    PlatformError::new(503, "seal_key_differs", format!("{error}."))
}
