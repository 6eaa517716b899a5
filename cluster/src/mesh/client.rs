//! Requests for configuration to other nodes.

use std::net::SocketAddr;
use std::time::Duration;

use awc::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use weir_config::{ObjectKey, Record, Stamp};

use super::MeshError;
use super::handle::MeshHandle;
use super::http;
use super::wire::{ANSWER_MAX_BYTES, PullAnswer, PullAsk, StampsAnswer, StampsAsk};

/// Time for a whole request, answer included.
const DEADLINE: Duration = Duration::from_secs(5);
/// How much of a refusal is kept for the log, bytes.
const REASON_MAX_BYTES: usize = 512;

/// Asks other nodes for configuration. Not `Send`: one per thread, from [`MeshHandle::client`].
#[derive(Clone)]
pub struct MeshClient {
    mesh: MeshHandle,
    http: awc::Client,
}

// === impl MeshClient ===

impl MeshClient {
    pub(super) fn new(mesh: MeshHandle) -> Self {
        MeshClient {
            mesh,
            http: http::client(DEADLINE),
        }
    }

    /// The stamps of everything the node at this mesh address has in these buckets.
    pub async fn ask_stamps(
        &self,
        addr: SocketAddr,
        buckets: &[u8],
    ) -> Result<Vec<(ObjectKey, Stamp)>, MeshError> {
        let ask = StampsAsk {
            buckets: buckets.to_vec(),
        };
        let answer: StampsAnswer = self.post(addr, "stamps", &ask).await?;
        Ok(answer.read())
    }

    /// The records of these objects, as many as fit one answer; none of what the node does not have.
    pub async fn pull(
        &self,
        addr: SocketAddr,
        keys: &[ObjectKey],
    ) -> Result<Vec<Record>, MeshError> {
        let ask = PullAsk {
            keys: keys.iter().map(ObjectKey::to_string).collect(),
        };
        let answer: PullAnswer = self.post(addr, "pull", &ask).await?;
        Ok(answer.read())
    }

    async fn post<T: DeserializeOwned>(
        &self,
        addr: SocketAddr,
        what: &str,
        ask: &impl Serialize,
    ) -> Result<T, MeshError> {
        if self.mesh.cut().is_cut(addr) {
            return Err(MeshError::Cut(addr));
        }
        let deadline = MeshError::Deadline {
            addr,
            after_ms: DEADLINE.as_millis() as u64,
        };
        timeout(DEADLINE, self.exchange(addr, what, ask))
            .await
            .unwrap_or(Err(deadline))
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        addr: SocketAddr,
        what: &str,
        ask: &impl Serialize,
    ) -> Result<T, MeshError> {
        let mut request = self
            .http
            .post(format!("http://{addr}/mesh/v1/config/{what}"));
        for header in self.mesh.links.me.headers() {
            request = request.insert_header(header);
        }
        let mut answer = request
            .send_json(ask)
            .await
            .map_err(|error| MeshError::Unreachable {
                addr,
                reason: error.to_string(),
            })?;
        if answer.status() != StatusCode::OK {
            let body = answer
                .body()
                .limit(REASON_MAX_BYTES)
                .await
                .unwrap_or_default();
            return Err(MeshError::Refused {
                addr,
                status: answer.status().as_u16(),
                reason: String::from_utf8_lossy(&body).into_owned(),
            });
        }
        let body = answer.body().limit(ANSWER_MAX_BYTES).await;
        let unreadable = |reason: String| MeshError::Unreadable { addr, reason };
        let body = body.map_err(|error| unreadable(error.to_string()))?;
        serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))
    }
}
