//! A call record as it is kept, searched for and shown.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use weir_config::access::Source;
use weir_config::moment;
use weir_config::object::EnvVersion;

use super::draft::Draft;
use super::figures::Outcome;

/// Whose records these are.
#[derive(Clone, Debug)]
pub struct Origin {
    pub node: String,
    pub region: String,
    /// The cluster's name: what users are hidden with.
    pub cluster: String,
}

/// One call. What was not known or does not apply is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CallRecord {
    pub call_id: String,
    /// When it arrived, RFC 3339.
    pub at: String,
    /// The node that served it, and its region.
    pub node: String,
    pub region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_tag: Option<String>,
    /// The domain it was for, `https://api.shop.example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The URL rule that matched: domain and path prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `release`, `trial` or `develop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `wx_client`, `wx_devtools`, `web` or `app`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    pub client_ip: String,
    /// The hash of `x-wx-user`; the user himself is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    pub tls: bool,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: String,
    pub method: String,
    /// As the origin got it, or as typed; cut at `monitor.path_bytes`.
    pub path: String,
    /// Only where `monitor.query` is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// `link`, `relay`, `public`, `refused`, or `own` for what the node answers itself.
    pub decision: String,
    /// `ok`, `refused`, `public`, `client_fault`, `gateway_fault`, `origin_fault`.
    pub outcome: String,
    /// Why it did not take the link or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Beyond the package.
    pub overflow: bool,
    /// What the client got; absent where it went away before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The address that answered, `ip:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_address: Option<String>,
    /// How often it was sent; 0: it was not.
    pub attempts: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_attempts: Vec<AttemptRecord>,
    pub timings: Timings,
    /// Head and body.
    pub request_bytes: u64,
    /// Head and body.
    pub response_bytes: u64,
    /// The configuration it was decided by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conf_version: Option<String>,
    /// W3C trace context: 32 hexadecimal digits.
    pub trace_id: String,
}

/// An attempt to send a call that brought no answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptRecord {
    pub address: String,
    pub reason: String,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Timings {
    /// From the opened connection to the head of the request, TLS included; of the first call on a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_ms: Option<f64>,
    /// Waited for a place among the calls under way to the origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_ms: Option<f64>,
    /// Made a connection to the origin; absent where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// From arrival to the head of the origin's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// From arrival to the last byte of the answer, or to where the call broke off.
    pub total_ms: f64,
}

/// What is kept of a user's id: 32 hexadecimal digits of SHA-256 over the cluster's name and the id.
pub fn hidden_user(cluster: &str, user: &str) -> String {
    let hash = Sha256::new()
        .chain_update(cluster)
        .chain_update([0])
        .chain_update(user)
        .finalize();
    hex::encode(&hash[..16])
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Refused => "refused",
            Outcome::Public => "public",
            Outcome::ClientFault => "client_fault",
            Outcome::GatewayFault => "gateway_fault",
            Outcome::OriginFault => "origin_fault",
        }
    }
}

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

// === impl CallRecord ===

impl CallRecord {
    pub fn of(draft: &Draft, origin: &Origin) -> Self {
        let route = draft.route.as_deref();
        let rule = draft.rule.as_deref();
        let end = &draft.end;
        let counted = &end.counted;
        let us = |us: Option<u32>| us.map(|us| ms(us.into()));
        let user = draft.user();
        CallRecord {
            call_id: draft.id.to_string(),
            at: moment::text(draft.at_ms),
            node: origin.node.clone(),
            region: origin.region.clone(),
            business: route.map(|it| it.business.clone()),
            gateway: route.map(|it| it.gateway.clone()),
            appid: route.map(|it| it.appid.clone()),
            route_tag: route.map(|it| it.route_tag.clone()),
            domain: rule.map(|it| it.origin.clone()),
            rule: rule.map(|it| it.rule.clone()),
            version: draft.version.map(EnvVersion::as_str).map(str::to_owned),
            source: draft.source.map(Source::as_str).map(str::to_owned),
            client_ip: draft.client_ip.to_string(),
            user: (!user.is_empty()).then(|| hidden_user(&origin.cluster, user)),
            tls: draft.secure,
            protocol: format!("{:?}", draft.http_version),
            method: draft.method.to_string(),
            path: draft.path().to_owned(),
            query: present(draft.query()),
            decision: draft.passed.as_str().to_owned(),
            outcome: counted.outcome.as_str().to_owned(),
            reason: present(draft.reason),
            code: draft.code,
            detail: present(&draft.detail),
            overflow: counted.overflow,
            status: Some(draft.status).filter(|&status| status > 0),
            origin_address: end.peer.map(|peer| peer.to_string()),
            attempts: end.attempts,
            failed_attempts: end.failed_attempts.iter().map(AttemptRecord::of).collect(),
            timings: Timings {
                accept_ms: us(draft.accept_us),
                queue_ms: us(end.queue_us),
                connect_ms: us(end.connect_us),
                first_byte_ms: counted.first_byte_us.map(ms),
                total_ms: ms(end.total_us),
            },
            request_bytes: counted.request_bytes,
            response_bytes: counted.response_bytes,
            conf_version: route.map(|it| it.conf_version.to_string()),
            trace_id: format!("{:032x}", draft.trace_id.unwrap_or(draft.id.as_u128())),
        }
    }
}

// === impl AttemptRecord ===

impl AttemptRecord {
    fn of(attempt: &crate::forward::FailedAttempt) -> Self {
        AttemptRecord {
            address: attempt.address.clone(),
            reason: attempt.reason.to_owned(),
        }
    }
}
