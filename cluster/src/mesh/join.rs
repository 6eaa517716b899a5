//! Joining: what a machine with a join token does to become a node. Nothing secret is sent before whoever answers has
//! shown the authority that the token names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::dev::fn_service;
use awc::http::{StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use weir_config::NodeId;

use super::connect::{Secured, Wire, dial};
use super::enrol::{EnrolAnswer, EnrolAsk};
use super::tls::{self, SERVER_NAME};
use crate::trust::{JoinToken, NodeKey, TrustError};

/// Time for a connection to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for the whole of it: the node asked may have to ask another.
const DEADLINE: Duration = Duration::from_secs(20);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 8;
const ANSWER_MAX_BYTES: usize = 256 * 1024;
const REASON_MAX_BYTES: usize = 1024;

/// Why a machine did not become a node: each a sentence for whoever wants it to.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error(
        "nobody can be reached at {at} ({why}): give the mesh address (mesh.listen, port 7000 unless it was changed) of a \
         running node as TOKEN@HOST:PORT, and let this machine reach it"
    )]
    Unreachable { at: String, why: String },
    #[error(
        "what answers at {at} speaks no TLS of a Weir mesh ({why}): give the mesh address of a running node, not another of its ports"
    )]
    NoMesh { at: String, why: String },
    #[error(
        "the node at {at} is not of the cluster that the token was made for, or its keys were rotated since: nothing was \
         sent to it. Give the address of a node of that cluster, or make a new token there (weir token join)"
    )]
    WrongCluster { at: String },
    #[error(
        "the certificate of the node at {at} is not valid at this machine's time ({why}): set the clocks of both right, then \
         join again with the same token"
    )]
    Clock { at: String, why: String },
    #[error("the cluster does not let this node in: {why}")]
    Refused { why: String },
    #[error(
        "the node at {at} answered what cannot be read ({why}): do both run the same version of Weir?"
    )]
    Unreadable { at: String, why: String },
    #[error(transparent)]
    Key(#[from] TrustError),
}

/// Joins by way of the node at `at`, `host:port`, under this name and with this key.
///
/// # Errors
/// One sentence, which shows nothing of the token.
pub async fn join(
    token: &JoinToken,
    at: &str,
    node: &NodeId,
    key: &NodeKey,
) -> Result<EnrolAnswer, JoinError> {
    let unreachable = |why: String| JoinError::Unreachable {
        at: at.to_owned(),
        why,
    };
    let joining = async {
        let addrs = lookup_host(at).await;
        let addrs = addrs.map_err(|error| unreachable(error.to_string()))?;
        let config = Arc::new(tls::joiner(token.authority).map_err(|_| TrustError::NoKey)?);
        let ask = EnrolAsk {
            token: token.expose(),
            node: node.clone(),
            request: BASE64.encode(key.request()?),
        };
        let mut last = unreachable("the name has no address".to_owned());
        for addr in addrs.take(ADDRESSES) {
            match ask_at(addr, at, &config, &ask).await {
                Err(error @ JoinError::Unreachable { .. }) => last = error,
                done => return done,
            }
        }
        Err(last)
    };
    let late = || Err(unreachable("no answer in time".to_owned()));
    timeout(DEADLINE, joining).await.unwrap_or_else(|_| late())
}

async fn ask_at(
    addr: SocketAddr,
    at: &str,
    config: &Arc<ClientConfig>,
    ask: &EnrolAsk,
) -> Result<EnrolAnswer, JoinError> {
    let secured = connect(addr, at, config).await?;
    // One connection, made already: awc is given it and asks for no other.
    let ready = std::rc::Rc::new(std::cell::RefCell::new(Some(secured)));
    let connect = fn_service(move |to: ConnectInfo<Uri>| {
        let secured = ready.take();
        async move {
            let secured = secured.ok_or(ConnectError::Unresolved)?;
            Ok(Connection::new(to.request().clone(), secured))
        }
    });
    let client = awc::Client::builder()
        .connector(awc::Connector::new().connector(connect))
        .timeout(DEADLINE)
        .disable_redirects()
        .finish();
    let unreadable = |why: String| JoinError::Unreadable {
        at: at.to_owned(),
        why,
    };
    let sent = client
        .post(format!("http://{addr}/mesh/v1/enrol"))
        .send_json(ask);
    let mut answer = sent.await.map_err(|error| unreadable(error.to_string()))?;
    if answer.status() != StatusCode::OK {
        let body = answer
            .body()
            .limit(REASON_MAX_BYTES)
            .await
            .unwrap_or_default();
        let why = String::from_utf8_lossy(&body).trim().to_owned();
        return Err(JoinError::Refused { why });
    }
    let body = answer.body().limit(ANSWER_MAX_BYTES).await;
    let body = body.map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))
}

async fn connect(
    addr: SocketAddr,
    at: &str,
    config: &Arc<ClientConfig>,
) -> Result<Secured, JoinError> {
    let unreachable = |why: String| JoinError::Unreachable {
        at: at.to_owned(),
        why,
    };
    let no_mesh = |why: String| JoinError::NoMesh {
        at: at.to_owned(),
        why,
    };
    let tcp = timeout(CONNECT_TIMEOUT, dial(None, addr)).await;
    let tcp = tcp.map_err(|_| unreachable("no answer in time".to_owned()))?;
    let tcp = tcp.map_err(|error| unreachable(error.to_string()))?;
    let name = ServerName::try_from(SERVER_NAME).map_err(|error| no_mesh(error.to_string()))?;
    let handshake = TlsConnector::from(config.clone()).connect(name, Wire::Tcp(tcp));
    let stream = timeout(CONNECT_TIMEOUT, handshake).await;
    let stream = stream.map_err(|_| no_mesh("no answer in time".to_owned()))?;
    let stream = stream.map_err(|error| {
        let at = at.to_owned();
        let tls = error
            .get_ref()
            .and_then(|error| error.downcast_ref::<Error>());
        match tls {
            Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                JoinError::WrongCluster { at }
            }
            Some(Error::InvalidCertificate(
                why @ (CertificateError::Expired | CertificateError::NotValidYet),
            )) => JoinError::Clock {
                at,
                why: why.to_string(),
            },
            _ => no_mesh(error.to_string()),
        }
    })?;
    Ok(Secured::new(stream))
}
