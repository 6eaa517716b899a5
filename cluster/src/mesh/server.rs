//! The mesh port: what other nodes, and an operator with curl and a node's certificate, can ask of this one.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{AppConfig, Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Bytes;
use actix_web::{App, HttpRequest, HttpResponse, rt, web};
use actix_ws::Message;
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use weir_config::{Record, Stamp};

use super::connection::{self, Incoming};
use super::door::Door;
use super::handle::MeshHandle;
use super::identity::{self, Admitted, Identity, MESH_ADDR, NotAPeer};
use super::port::ConfigPort;
use super::refused::Reason;
use super::wire::{
    NodeAnswer, PULL_CUT_BYTES, PULL_MAX_VERSIONS, PUSH_MAX_BYTES, PullAsk, PushAnswer,
    REQUEST_MAX_BYTES, Records, StampsAnswer, StampsAsk, VersionAnswer,
};
use super::{FRAME_MAX_BYTES, MeshError, enrol, relay};
use crate::replication::VersionName;
use crate::trust::now_ms;

const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections to the mesh port at once.
const MAX_CONNECTIONS: usize = 4_096;
/// Time for what is under way when the server is stopped; gossip connections have none of their own.
const SHUTDOWN_TIMEOUT_S: u64 = 1;

/// Opens the mesh port.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, MeshError> {
    TcpListener::bind(addr).map_err(|source| MeshError::Listen { addr, source })
}

/// The server of the mesh port; runs when awaited or spawned. Reads the configuration as it is at each
/// request.
pub fn server(
    mesh: MeshHandle,
    config: ConfigPort,
    listener: TcpListener,
) -> Result<Server, MeshError> {
    let addr = listener.local_addr().map_err(|source| MeshError::Listen {
        addr: mesh.config.mesh_addr,
        source,
    })?;
    let refused = mesh.links.refused.clone();
    let door = Door::new(mesh.links.trust.clone(), refused).map_err(MeshError::Tls)?;
    let door = Arc::new(door);
    let failed = |source: io::Error| MeshError::Listen { addr, source };
    let service = move || {
        let app = App::new()
            .app_data(web::Data::new(mesh.clone()))
            .app_data(web::Data::new(config.clone()))
            .app_data(web::JsonConfig::default().limit(REQUEST_MAX_BYTES))
            .service(
                web::scope("/mesh/v1")
                    .wrap(from_fn(lose_when_cut))
                    .route("/node", web::get().to(node))
                    .route("/gossip", web::get().to(gossip))
                    .route("/relay/{addr}", web::get().to(pass_on))
                    .route("/ask/{what}", web::get().to(ask))
                    .service(
                        web::resource("/enrol")
                            .app_data(web::JsonConfig::default().limit(enrol::ENROL_MAX_BYTES))
                            .route(web::post().to(enrol::enrol))
                            .wrap(from_fn(enrol::in_time)),
                    )
                    .route("/renew", web::post().to(enrol::renew))
                    .route("/authority-keys", web::get().to(enrol::authority_keys))
                    .route("/config/stamps", web::post().to(stamps))
                    .route("/config/pull", web::post().to(pull))
                    .service(
                        web::resource("/config/push")
                            .app_data(web::JsonConfig::default().limit(PUSH_MAX_BYTES))
                            .route(web::post().to(push)),
                    )
                    .route("/config/version/{stamp}", web::get().to(version)),
            )
            .wrap(from_fn(keep_strangers_out));
        let app = map_config(app.into_factory(), |()| AppConfig::default());
        let (door, introducing) = (door.clone(), door.clone());
        let secure = fn_service(move |tcp: TcpStream| {
            let door = door.clone();
            async move { door.let_in(tcp).await.map_err(DispatchError::Io) }
        });
        let http = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .h1_allow_half_closed(false)
            .secure()
            .local_addr(addr)
            .on_connect_ext(move |stream: &TlsStream<TcpStream>, data| {
                introducing.introduce(stream, data);
            })
            .h1(app);
        secure.and_then(http)
    };
    let server = Server::build()
        .workers(1)
        .max_concurrent_connections(MAX_CONNECTIONS)
        .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
        .disable_signals()
        .listen("mesh", listener, service)
        .map_err(failed)?;
    Ok(server.run())
}

/// Whoever has no certificate may ask for enrolment and for nothing else, whatever else there is.
async fn keep_strangers_out(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let mesh = request.app_data::<web::Data<MeshHandle>>().cloned();
    if request.path() != "/mesh/v1/enrol"
        && let Some(mesh) = mesh
        && let Err(why) = identity::member(request.request(), &mesh.links.trust.trust(), now_ms())
    {
        // The connection with him.
        let mut refused = refuse(&mesh, why);
        refused
            .head_mut()
            .set_connection_type(ConnectionType::Close);
        return Ok(request.into_response(refused));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Lets in other nodes of this cluster that are not cut off; anyone else gets the answer returned.
pub(super) fn admit(
    mesh: &MeshHandle,
    request: &HttpRequest,
) -> Result<Admitted, Box<HttpResponse>> {
    let links = &mesh.links;
    let trust = links.trust.trust();
    let peer = identity::member(request, &trust, now_ms())
        .and_then(|member| links.me.admit(member, request.headers(), &links.directory));
    match peer {
        Err(why) => Err(Box::new(refuse(mesh, why))),
        Ok(peer) if mesh.cut().is_cut(peer.mesh_addr) => Err(Box::new(cut_off())),
        Ok(peer) => Ok(peer),
    }
}

/// The answer to a caller that was cut off while it was made does not arrive, as in a broken network.
async fn lose_when_cut(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let mesh = request.app_data::<web::Data<MeshHandle>>().cloned();
    let caller = Identity::address(request.headers());
    let answer = next.call(request).await?.map_into_boxed_body();
    match (mesh, caller) {
        (Some(mesh), Some(caller)) if mesh.cut().is_cut(caller) => {
            Ok(answer.into_response(cut_off()))
        }
        _ => Ok(answer),
    }
}

pub(super) fn cut_off() -> HttpResponse {
    HttpResponse::ServiceUnavailable().body("the mesh is cut here\n")
}

fn refuse(mesh: &MeshHandle, why: NotAPeer) -> HttpResponse {
    let (me, refused) = (&mesh.links.me, &mesh.links.refused);
    match why {
        NotAPeer::NoCertificate => {
            refused.count(Reason::NoCertificate);
            HttpResponse::Unauthorized().body(
                "only a node of this cluster can ask this: show its certificate. To become one, join with a token \
                 (weir token join)\n",
            )
        }
        NotAPeer::NotTrusted(why) => {
            refused.count_certificate(&why);
            HttpResponse::Forbidden().body(format!("{why}\n"))
        }
        NotAPeer::NoMeshAddress => {
            refused.count(Reason::NoMeshAddress);
            HttpResponse::BadRequest().body(format!(
                "{MESH_ADDR} is missing or malformed: only a Weir node can ask this\n"
            ))
        }
        NotAPeer::Namesake => {
            refused.count(Reason::Namesake);
            HttpResponse::Conflict().body(format!(
                "the caller is node {} or is dialled at {}, as this node is: \
                 give each its own node.id and mesh address\n",
                me.node, me.mesh_addr
            ))
        }
        NotAPeer::AddressOfAnother => {
            refused.count(Reason::AddressOfAnother);
            HttpResponse::Forbidden().body(
                "another live node is dialled at the address that the caller gives as its own: \
                 set mesh.advertise to where this very node is reached\n",
            )
        }
    }
}

async fn node(mesh: web::Data<MeshHandle>, config: web::Data<ConfigPort>) -> HttpResponse {
    HttpResponse::Ok().json(NodeAnswer {
        node: mesh.config.node.clone(),
        cluster: mesh.config.cluster.clone(),
        version: mesh.config.version.clone(),
        config_root: config.snapshot.load().newest_root.clone(),
    })
}

async fn stamps(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    config: web::Data<ConfigPort>,
    ask: web::Json<StampsAsk>,
) -> HttpResponse {
    if let Err(refused) = admit(&mesh, &request) {
        return *refused;
    }
    let stamps = config.snapshot.load().stamps_in(&ask.buckets);
    HttpResponse::Ok().json(StampsAnswer::new(stamps))
}

async fn pull(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    config: web::Data<ConfigPort>,
    ask: web::Json<PullAsk>,
) -> HttpResponse {
    if let Err(refused) = admit(&mesh, &request) {
        return *refused;
    }
    if ask.versions.len() > PULL_MAX_VERSIONS {
        return HttpResponse::BadRequest().body(format!(
            "a pull names at most {PULL_MAX_VERSIONS} versions\n"
        ));
    }
    let wanted = ask.into_inner().read();
    match web::block(move || Records::cut(&found(&config, &wanted), PULL_CUT_BYTES)).await {
        Ok(Ok((body, _))) => HttpResponse::Ok()
            .content_type("application/json")
            .body(body),
        Ok(Err(error)) => HttpResponse::InternalServerError().body(format!("{error}\n")),
        Err(error) => HttpResponse::InternalServerError().body(format!("{error}\n")),
    }
}

/// Those of these versions that are here, in the order asked: what is in force from the snapshot, the rest
/// from the store.
fn found(config: &ConfigPort, wanted: &[VersionName]) -> Vec<Record> {
    let snapshot = config.snapshot.load();
    let in_force = |(key, stamp): &VersionName| {
        let record = snapshot.catalog.record(key);
        record.filter(|record| record.stamp == *stamp)
    };
    let older: Vec<VersionName> = wanted
        .iter()
        .filter(|name| in_force(name).is_none())
        .cloned()
        .collect();
    let mut older: HashMap<VersionName, Record> = if older.is_empty() {
        HashMap::new()
    } else {
        let stored = config.versions.versions(&older);
        let named = |record: Record| ((record.key.clone(), record.stamp.clone()), record);
        stored.into_iter().map(named).collect()
    };
    let one = |name: &VersionName| in_force(name).cloned().or_else(|| older.remove(name));
    wanted.iter().filter_map(one).collect()
}

async fn push(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    config: web::Data<ConfigPort>,
    pushed: web::Json<Records>,
) -> HttpResponse {
    let peer = match admit(&mesh, &request) {
        Ok(peer) => peer.member.node,
        Err(refused) => return *refused,
    };
    match config.pushes.push(peer, pushed.into_inner().read()).await {
        Ok(stamps) => HttpResponse::Ok().json(PushAnswer::new(&stamps)),
        Err(why) => HttpResponse::ServiceUnavailable().body(format!("{why}\n")),
    }
}

async fn version(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    config: web::Data<ConfigPort>,
    version: web::Path<String>,
) -> HttpResponse {
    if let Err(refused) = admit(&mesh, &request) {
        return *refused;
    }
    let version: Stamp = match version.parse() {
        Ok(version) => version,
        Err(error) => return HttpResponse::BadRequest().body(format!("{error}\n")),
    };
    match web::block(move || config.versions.seen_at_ms(&version)).await {
        Ok(since_ms) => HttpResponse::Ok().json(VersionAnswer {
            node: mesh.config.node.clone(),
            has: since_ms.is_some(),
            since_ms,
        }),
        Err(error) => HttpResponse::InternalServerError().body(format!("{error}\n")),
    }
}

async fn ask(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    what: web::Path<String>,
) -> HttpResponse {
    if let Err(refused) = admit(&mesh, &request) {
        return *refused;
    }
    match mesh.asks.ask(&what, request.query_string()).await {
        Ok(Some(body)) => HttpResponse::Ok()
            .content_type("application/json")
            .body(body),
        Ok(None) => HttpResponse::NoContent().finish(),
        Err(why) => why.response(),
    }
}

async fn gossip(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    payload: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let dialler = match admit(&mesh, &request) {
        Ok(dialler) => dialler,
        Err(refused) => return Ok(*refused),
    };
    let Some(peer) = mesh.links.peer(dialler.mesh_addr, false) else {
        return Ok(HttpResponse::ServiceUnavailable().body("too many peers\n"));
    };
    let (answer, session, stream) = actix_ws::handle(&request, payload)?;
    let stream = stream
        .max_frame_size(FRAME_MAX_BYTES)
        .map(|message| match message {
            Ok(Message::Binary(bytes)) => Incoming::Frame(bytes),
            Ok(Message::Ping(payload)) => Incoming::Ping(payload),
            Ok(Message::Pong(_) | Message::Nop) => Incoming::Pong,
            Ok(Message::Text(_) | Message::Continuation(_)) => Incoming::Bad,
            Ok(Message::Close(_)) => Incoming::End,
            Err(error) => error.into(),
        });
    let links = mesh.links.clone();
    rt::spawn(async move {
        let Admitted { member, mesh_addr } = dialler;
        connection::run(&links, mesh_addr, &member, peer, session, stream).await;
    });
    Ok(answer)
}

/// Passes a connection on to another node, which the caller cannot reach.
async fn pass_on(
    request: HttpRequest,
    mesh: web::Data<MeshHandle>,
    to: web::Path<SocketAddr>,
    payload: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let asker = match admit(&mesh, &request) {
        Ok(asker) => asker,
        Err(refused) => return Ok(*refused),
    };
    let to = to.into_inner();
    let passed = match relay::reach(&mesh.links, to).await {
        Ok(passed) => passed,
        Err(why) => return Ok(HttpResponse::BadGateway().body(format!("{why}\n"))),
    };
    let (answer, session, stream) = actix_ws::handle(&request, payload)?;
    let stream = stream
        .max_frame_size(FRAME_MAX_BYTES)
        .map(|message| match message {
            Ok(Message::Binary(bytes)) => Some(bytes),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Nop) => Some(Bytes::new()),
            _ => None,
        });
    let (links, ends) = (mesh.links.clone(), [asker.mesh_addr, to]);
    rt::spawn(async move { passed.carry(&links, ends, session, stream).await });
    Ok(answer)
}
