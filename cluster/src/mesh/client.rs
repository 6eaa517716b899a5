//! Requests to other nodes.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::web::Bytes;
use awc::http::{Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use weir_config::{Record, Stamp};

use super::MeshError;
use super::ask::{ASK_ANSWER_MAX_BYTES, ASK_DEADLINE, ASK_QUERY_MAX_BYTES};
use super::enrol::{AuthorityKeys, EnrolAnswer, EnrolAsk, RenewAnswer, RenewAsk};
use super::handle::MeshHandle;
use super::http;
use super::wire::{
    ANSWER_MAX_BYTES, NodeAnswer, PUSH_CUT_BYTES, PullAsk, PushAnswer, Records, StampsAnswer,
    StampsAsk, VersionAnswer,
};
use crate::replication::VersionName;

/// Time for a whole request about configuration, answer included.
const DEADLINE: Duration = Duration::from_secs(5);
/// How much of a refusal is kept for the log, bytes.
const REASON_MAX_BYTES: usize = 512;

/// Asks other nodes, directly or, where one cannot be reached so, by way of another. From [`MeshHandle::client`].
#[derive(Clone)]
pub struct MeshClient {
    mesh: MeshHandle,
}

/// One request; its path begins after `/mesh/v1/`.
struct Request {
    method: Method,
    path: String,
    body: Vec<u8>,
    answer_max_bytes: usize,
}

// === impl MeshClient ===

impl MeshClient {
    pub(super) fn new(mesh: MeshHandle) -> Self {
        MeshClient { mesh }
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

    /// Who answers at a mesh address, and what it has.
    pub async fn node(&self, addr: SocketAddr) -> Result<NodeAnswer, MeshError> {
        self.ask_at(addr, Method::GET, "node".to_owned(), Vec::new())
            .await
    }

    /// Asks a node a question by its name; `query` is encoded as in a URL. `None`: it has nothing to say of that.
    ///
    /// # Errors
    /// As for any request, within [`ASK_DEADLINE`]; a node that does not know the question refuses with 404.
    pub async fn ask_node<T: DeserializeOwned>(
        &self,
        addr: SocketAddr,
        what: &str,
        query: &str,
    ) -> Result<Option<T>, MeshError> {
        if query.len() > ASK_QUERY_MAX_BYTES {
            let reason = format!("the query is longer than {ASK_QUERY_MAX_BYTES} bytes");
            return Err(MeshError::Unreadable { addr, reason });
        }
        let request = Request {
            method: Method::GET,
            path: format!("ask/{what}?{query}"),
            body: Vec::new(),
            answer_max_bytes: ASK_ANSWER_MAX_BYTES,
        };
        let answer = self.within(ASK_DEADLINE, addr, request).await?;
        answer.map(|body| read(addr, &body)).transpose()
    }

    /// Passes a stranger's wish to join on to the node that made his token.
    pub async fn enrol(&self, addr: SocketAddr, ask: &EnrolAsk) -> Result<EnrolAnswer, MeshError> {
        let body = serde_json::to_vec(ask).map_err(|error| unwritable(addr, &error))?;
        self.ask_at(addr, Method::POST, "enrol".to_owned(), body)
            .await
    }

    /// Asks an issuer for a new certificate of this node's key.
    pub async fn renew(&self, addr: SocketAddr, ask: &RenewAsk) -> Result<RenewAnswer, MeshError> {
        let body = serde_json::to_vec(ask).map_err(|error| unwritable(addr, &error))?;
        self.ask_at(addr, Method::POST, "renew".to_owned(), body)
            .await
    }

    /// Asks an issuer for the keys of the cluster's authorities; for nodes that may issue themselves.
    pub async fn authority_keys(&self, addr: SocketAddr) -> Result<AuthorityKeys, MeshError> {
        self.ask_at(addr, Method::GET, "authority-keys".to_owned(), Vec::new())
            .await
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
        let path = format!("config/{what}");
        self.ask_at(addr, method, path, body).await
    }

    async fn ask_at<T: DeserializeOwned>(
        &self,
        addr: SocketAddr,
        method: Method,
        path: String,
        body: Vec<u8>,
    ) -> Result<T, MeshError> {
        let request = Request {
            method,
            path,
            body,
            answer_max_bytes: ANSWER_MAX_BYTES,
        };
        let answer = self.within(DEADLINE, addr, request).await?;
        read(addr, &answer.unwrap_or_default())
    }

    /// The body of the answer; `None`: there was nothing to answer. What is cut off before the answer is
    /// here is lost, as in a broken network.
    async fn within(
        &self,
        deadline: Duration,
        addr: SocketAddr,
        request: Request,
    ) -> Result<Option<Bytes>, MeshError> {
        if self.mesh.cut().is_cut(addr) {
            return Err(MeshError::Cut(addr));
        }
        let answer = timeout(deadline, self.exchange(addr, request)).await;
        if self.mesh.cut().is_cut(addr) {
            return Err(MeshError::Cut(addr));
        }
        answer.unwrap_or(Err(MeshError::Deadline {
            addr,
            after_ms: deadline.as_millis() as u64,
        }))
    }

    async fn exchange(
        &self,
        addr: SocketAddr,
        request: Request,
    ) -> Result<Option<Bytes>, MeshError> {
        let url = format!("http://{addr}/mesh/v1/{}", request.path);
        let client = http::of_thread(&self.mesh.links, DEADLINE);
        let mut sent = client
            .request(request.method, url)
            .insert_header((header::CONTENT_TYPE, "application/json"));
        for header in self.mesh.links.me.headers() {
            sent = sent.insert_header(header);
        }
        let answer = sent.send_body(request.body).await;
        let mut answer = answer.map_err(|error| MeshError::Unreachable {
            addr,
            reason: error.to_string(),
        })?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NO_CONTENT => return Ok(None),
            status => {
                let body = answer.body().limit(REASON_MAX_BYTES).await;
                let reason = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
                return Err(MeshError::Refused {
                    addr,
                    status: status.as_u16(),
                    reason,
                });
            }
        }
        let body = answer.body().limit(request.answer_max_bytes).await;
        body.map(Some).map_err(|error| MeshError::Unreadable {
            addr,
            reason: error.to_string(),
        })
    }
}

fn read<T: DeserializeOwned>(addr: SocketAddr, body: &[u8]) -> Result<T, MeshError> {
    serde_json::from_slice(body).map_err(|error| MeshError::Unreadable {
        addr,
        reason: error.to_string(),
    })
}

fn unwritable(addr: SocketAddr, error: &serde_json::Error) -> MeshError {
    MeshError::Unreadable {
        addr,
        reason: format!("the request could not be written: {error}"),
    }
}
