//! Requests for configuration to other nodes.

use std::net::SocketAddr;
use std::time::Duration;

use awc::http::{Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use weir_config::{Record, Stamp};

use super::MeshError;
use super::handle::MeshHandle;
use super::http;
use super::wire::{
    ANSWER_MAX_BYTES, PUSH_CUT_BYTES, PullAsk, PushAnswer, Records, StampsAnswer, StampsAsk,
    VersionAnswer,
};
use crate::replication::VersionName;

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
    ) -> Result<Vec<VersionName>, MeshError> {
        let ask = StampsAsk {
            buckets: buckets.to_vec(),
        };
        let answer: StampsAnswer = self.post(addr, "stamps", &ask).await?;
        Ok(answer.read())
    }

    /// These versions, as many as fit one answer; none of what the node does not have.
    pub async fn pull(
        &self,
        addr: SocketAddr,
        versions: &[VersionName],
    ) -> Result<Vec<Record>, MeshError> {
        let answer: Records = self.post(addr, "pull", &PullAsk::new(versions)).await?;
        Ok(answer.read())
    }

    /// Gives a node what was just written here. What it has stored of it, once it is on its disk.
    pub async fn push(
        &self,
        addr: SocketAddr,
        records: &[Record],
    ) -> Result<Vec<Stamp>, MeshError> {
        let mut stored = Vec::new();
        let mut left = records;
        while !left.is_empty() {
            let (body, count) =
                Records::cut(left, PUSH_CUT_BYTES).map_err(|error| unwritable(addr, &error))?;
            let answer: PushAnswer = self.ask(addr, Method::POST, "push", body).await?;
            stored.extend(answer.read());
            left = &left[count..];
        }
        Ok(stored)
    }

    /// Whether a node has a change, and since when.
    pub async fn has_version(
        &self,
        addr: SocketAddr,
        version: &Stamp,
    ) -> Result<VersionAnswer, MeshError> {
        let what = format!("version/{version}");
        self.ask(addr, Method::GET, &what, Vec::new()).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        addr: SocketAddr,
        what: &str,
        ask: &impl Serialize,
    ) -> Result<T, MeshError> {
        let body = serde_json::to_vec(ask).map_err(|error| unwritable(addr, &error))?;
        self.ask(addr, Method::POST, what, body).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        addr: SocketAddr,
        method: Method,
        what: &str,
        body: Vec<u8>,
    ) -> Result<T, MeshError> {
        if self.mesh.cut().is_cut(addr) {
            return Err(MeshError::Cut(addr));
        }
        let deadline = MeshError::Deadline {
            addr,
            after_ms: DEADLINE.as_millis() as u64,
        };
        timeout(DEADLINE, self.exchange(addr, method, what, body))
            .await
            .unwrap_or(Err(deadline))
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        addr: SocketAddr,
        method: Method,
        what: &str,
        body: Vec<u8>,
    ) -> Result<T, MeshError> {
        let mut request = self
            .http
            .request(method, format!("http://{addr}/mesh/v1/config/{what}"))
            .insert_header((header::CONTENT_TYPE, "application/json"));
        for header in self.mesh.links.me.headers() {
            request = request.insert_header(header);
        }
        let mut answer = request
            .send_body(body)
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

fn unwritable(addr: SocketAddr, error: &serde_json::Error) -> MeshError {
    MeshError::Unreadable {
        addr,
        reason: format!("the request could not be written: {error}"),
    }
}
