use serde::{Deserialize, Serialize};

/// Something that a platform entrusted to us, sealed: the configuration carries it between nodes and no node
/// can open it without the cluster's seal key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlatformSecret {
    /// What it is: `wechat-component`, `wechat-authorizer-wx0123456789abcdef`.
    pub id: String,
    /// Opened with the seal key, under its id only. Never shown.
    pub sealed: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub written_at_ms: u64,
}
