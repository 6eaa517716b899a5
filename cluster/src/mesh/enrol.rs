//! Letting nodes in: `POST /mesh/v1/enrol`, which a stranger with a join token may ask; `POST /mesh/v1/renew` and `GET
//! /mesh/v1/authority-keys`, for nodes. What is granted decides a port of the program's.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use weir_config::NodeId;

use super::handle::MeshHandle;
use super::server;
use crate::trust::Member;

/// The largest request, bytes.
pub const ENROL_MAX_BYTES: usize = 16 * 1024;
/// Time for a wish and its answer, another node asked included.
const ENROL_TIMEOUT: Duration = Duration::from_secs(12);
/// Wishes to join at once, and how many more each second: whoever guesses tokens has 256 bits to guess.
const ATTEMPTS_BURST: f64 = 50.0;
const ATTEMPTS_A_SECOND: f64 = 10.0;

/// What a stranger sends. Never shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct EnrolAsk {
    /// The join token, whole.
    pub token: String,
    pub node: NodeId,
    /// PKCS#10 in DER, base64.
    pub request: String,
}

/// What makes a stranger a node. Certificates are DER, base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolAnswer {
    pub cluster: String,
    pub certificate: String,
    /// Whom to trust.
    pub authorities: Vec<String>,
    /// Mesh addresses of live nodes.
    pub seeds: Vec<String>,
}

/// What a node sends for a new certificate: a PKCS#10 request in DER, base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewAsk {
    pub request: String,
}

/// A new certificate, DER, base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewAnswer {
    pub certificate: String,
}

/// The keys of the cluster's authorities. Never shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthorityKeys {
    pub keys: Vec<AuthorityKey>,
}

/// One authority's.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthorityKey {
    /// DER, base64.
    pub certificate: String,
    /// PKCS#8, PEM.
    pub key: String,
}

/// Why a wish is not granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotGranted {
    /// An HTTP status.
    pub status: u16,
    /// A sentence for whoever asked.
    pub why: String,
}

/// Grants, or not.
pub trait EnrolPort: Send + Sync + 'static {
    fn enrol(&self, ask: EnrolAsk) -> LocalBoxFuture<'static, Result<EnrolAnswer, NotGranted>>;
    fn renew(
        &self,
        member: Member,
        ask: RenewAsk,
    ) -> LocalBoxFuture<'static, Result<RenewAnswer, NotGranted>>;
    fn authority_keys(&self, member: Member) -> Result<AuthorityKeys, NotGranted>;
}

/// Where wishes go, and how many are listened to.
#[derive(Default)]
pub(super) struct Enrolments {
    port: RwLock<Option<Arc<dyn EnrolPort>>>,
    attempts: Mutex<Attempts>,
}

struct Attempts {
    level: f64,
    at: Instant,
}

// === impl NotGranted ===

impl NotGranted {
    pub fn new(status: u16, why: impl Into<String>) -> Self {
        NotGranted {
            status,
            why: why.into(),
        }
    }

    fn response(self) -> HttpResponse {
        use actix_web::http::StatusCode;
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::FORBIDDEN);
        HttpResponse::build(status).body(format!("{}\n", self.why))
    }
}

// === impl Enrolments ===

impl Enrolments {
    pub fn set(&self, port: Arc<dyn EnrolPort>) {
        *self.port.write() = Some(port);
    }

    fn port(&self) -> Result<Arc<dyn EnrolPort>, NotGranted> {
        let port = self.port.read().clone();
        port.ok_or_else(|| NotGranted::new(503, "this node is starting: ask again in a second"))
    }

    fn is_too_often(&self) -> bool {
        let mut attempts = self.attempts.lock();
        let drained = attempts.at.elapsed().as_secs_f64() * ATTEMPTS_A_SECOND;
        attempts.level = (attempts.level - drained).max(0.0);
        attempts.at = Instant::now();
        if attempts.level >= ATTEMPTS_BURST {
            return true;
        }
        attempts.level += 1.0;
        false
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            level: 0.0,
            at: Instant::now(),
        }
    }
}

impl fmt::Debug for Enrolments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolments")
    }
}

/// A stranger who sends his wish a byte at a time keeps his place among few for so long and no longer.
pub(super) async fn in_time(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let late = || actix_web::error::ErrorRequestTimeout("the wish to join did not come in time\n");
    let answered = timeout(ENROL_TIMEOUT, next.call(request)).await;
    Ok(answered.map_err(|_| late())??.map_into_boxed_body())
}

/// A wish to join, of a stranger or passed on by a node.
pub(super) async fn enrol(mesh: web::Data<MeshHandle>, ask: web::Json<EnrolAsk>) -> HttpResponse {
    if mesh.enrolments.is_too_often() {
        let why = "too many nodes want to join just now: try again in some seconds";
        return NotGranted::new(429, why).response();
    }
    if mesh.cut().is_cut_from_all() {
        return server::cut_off();
    }
    let port = match mesh.enrolments.port() {
        Ok(port) => port,
        Err(not_granted) => return not_granted.response(),
    };
    match port.enrol(ask.into_inner()).await {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(not_granted) => not_granted.response(),
    }
}

pub(super) async fn renew(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    ask: web::Json<RenewAsk>,
) -> HttpResponse {
    let peer = match server::admit(&mesh, &request) {
        Ok(peer) => peer,
        Err(refused) => return *refused,
    };
    let port = match mesh.enrolments.port() {
        Ok(port) => port,
        Err(not_granted) => return not_granted.response(),
    };
    match port.renew(peer.member, ask.into_inner()).await {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(not_granted) => not_granted.response(),
    }
}

pub(super) async fn authority_keys(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
) -> HttpResponse {
    let peer = match server::admit(&mesh, &request) {
        Ok(peer) => peer,
        Err(refused) => return *refused,
    };
    let keys = mesh.enrolments.port();
    match keys.and_then(|port| port.authority_keys(peer.member)) {
        Ok(keys) => HttpResponse::Ok().json(keys),
        Err(not_granted) => not_granted.response(),
    }
}
