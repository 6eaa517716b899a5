//! The platforms of mini programs: how the cluster stands with them, readings on demand, authorisation pages, and
//! what the open platform and browsers bring back.

use std::future::Future;
use std::pin::Pin;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_config::Refusal;
use weir_config::object::{MiniProgram, PlatformProvider, Space};

use super::AdminState;
use super::body::{self, Json};
use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::resource::{self, Resource, Versioned};
use crate::platform::{
    AuthorisationPage, Event, PlatformError, PlatformHandle, Pushed, WechatStatus,
};

/// The largest pushed message, bytes.
const MESSAGE_BYTES: usize = 64 * 1024;

/// How this cluster stands with the platforms.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlatformView {
    /// Platforms this node speaks to besides the local one: `wechat` or nothing.
    pub providers: Vec<&'static str>,
    /// Absent where it does not speak to the open platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat: Option<WechatView>,
}

/// The open platform.
#[derive(Debug, Serialize, ToSchema)]
pub struct WechatView {
    /// When the newest verify ticket was made; null: none has been pushed yet.
    pub ticket_made_at_ms: Option<u64>,
    /// When the third-party platform's own token expires; null: there is none yet.
    pub token_expires_at_ms: Option<u64>,
    /// Mini programs whose owners authorised the third-party platform.
    pub authorised: usize,
    /// What stands in the way at present, in sentences.
    pub problems: Vec<String>,
}

/// A page for the owner of a mini program.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthorisationView {
    /// To be opened in a browser by the mini program's administrator, who scans what it shows.
    pub url: String,
    /// How long it can be used, seconds.
    pub expires_in_s: u64,
}

/// A login code of a client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionInput {
    /// What `wx.login` gave the client.
    pub code: String,
}

/// Who a user is.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    pub openid: String,
    /// Null where the platform gives none for this mini program.
    pub unionid: Option<String>,
}

/// What the open platform adds to the address of a pushed message.
#[derive(Debug, Deserialize)]
struct PushedQuery {
    msg_signature: Option<String>,
    timestamp: String,
    nonce: String,
}

/// What a browser brings back from an authorisation page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuthorizedQuery {
    /// What we gave the page.
    pub state: String,
    /// The open platform's code.
    pub auth_code: String,
}

/// How this cluster stands with the platforms
#[utoipa::path(
    get, path = "/admin/v1/platform", tag = "platform",
    responses((status = 200, description = "The platforms", body = PlatformView)),
)]
pub async fn get_platform(
    state: web::Data<AdminState>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let Ok(platform) = wechat(&state) else {
        let none = PlatformView {
            providers: Vec::new(),
            wechat: None,
        };
        return Ok(HttpResponse::Ok().json(none));
    };
    let status = platform.ask(|providers| Box::pin(async move { providers.status() }));
    let wechat = Some(WechatView::of(status.await));
    Ok(HttpResponse::Ok().json(PlatformView {
        providers: vec![PlatformProvider::Wechat.as_str()],
        wechat,
    }))
}

/// Read what the platform says of a mini program now, rather than when it is due
#[utoipa::path(
    post, path = "/admin/v1/platform/mini-programs/{appid}/refresh", tag = "platform",
    params(("appid" = String, Path, description = "`wx` and 16 hexadecimal digits")),
    responses((status = 200, description = "The mini program as it is now", body = Versioned<MiniProgram>)),
)]
pub async fn refresh(
    state: web::Data<AdminState>,
    appid: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let appid = appid.into_inner();
    if provider_of(&state, &appid, None) == PlatformProvider::Wechat {
        read(&state, &appid).await?;
    }
    resource::get::<MiniProgram>(&state, &appid).map(|found| found.answer())
}

/// Give out a page on which the owner of a mini program authorises it to a space
#[utoipa::path(
    post, path = "/admin/v1/spaces/{space}/authorization-url", tag = "platform",
    params(("space" = String, Path, description = "The space's id")),
    responses((status = 200, description = "The page", body = AuthorisationView)),
)]
pub async fn authorization_url(
    state: web::Data<AdminState>,
    space: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let snapshot = state.config.catalog();
    let known = snapshot.catalog.space(&space);
    let known = known.ok_or_else(|| resource::no_such(Space::NAME, &space))?;
    let provider = known.platform;
    let platform = platform(&state)?;
    // The local platform has no pages, and says so.
    let redirect = match provider {
        PlatformProvider::Wechat => platform.front()?.redirect(&space)?,
        PlatformProvider::Local => String::new(),
    };
    let page = platform.ask(move |providers| {
        Box::pin(async move { providers.of(provider)?.authorisation_page(&redirect).await })
    });
    let AuthorisationPage { url, expires_in_s } = page.await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(AuthorisationView { url, expires_in_s }))
}

/// Who the user is that a client's login code stands for
#[utoipa::path(
    post, path = "/admin/v1/platform/mini-programs/{appid}/session", tag = "platform",
    params(("appid" = String, Path, description = "`wx` and 16 hexadecimal digits")),
    request_body = SessionInput,
    responses((status = 200, description = "The user", body = SessionView)),
)]
pub async fn session(
    state: web::Data<AdminState>,
    appid: web::Path<String>,
    _: Query<NoParameters>,
    Json(input): Json<SessionInput>,
) -> Result<HttpResponse, Problem> {
    let appid = appid.into_inner();
    if input.code.is_empty() || input.code.len() > 256 {
        let detail = "A login code has 1 to 256 bytes: send what wx.login gave the client.";
        return Err(Refusal::invalid("code", detail).into());
    }
    let provider = provider_of(&state, &appid, None);
    let session = platform(&state)?.ask(move |providers| {
        Box::pin(async move { providers.session(provider, &appid, &input.code).await })
    });
    let session = session.await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(SessionView {
            openid: session.openid,
            unionid: session.unionid,
        }))
}

/// Where the open platform pushes its messages: signed and encrypted by it, so no token is asked for
#[utoipa::path(
    post, path = "/platform/wechat/events", tag = "node",
    request_body(content = String, content_type = "text/xml"),
    responses((status = 200, description = "`success`", body = String, content_type = "text/plain")),
)]
pub async fn wechat_event(
    state: web::Data<AdminState>,
    Delivered(event): Delivered,
) -> Result<HttpResponse, Problem> {
    let platform = wechat(&state)?;
    let ticket = matches!(event, Event::Ticket { .. });
    let platform = platform.clone();
    let taking = async move {
        let took = platform.ask(|providers| Box::pin(providers.take(event)));
        let took = took.await;
        if let Err(error) = &took {
            tracing::warn!(
                code = error.code,
                "a message of the open platform was not taken: {error}"
            );
        }
        took
    };
    // A ticket that is not kept is worth sending again; other messages take longer than their sender waits.
    match ticket {
        true => taking.await?,
        false => drop(actix_web::rt::spawn(taking)),
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain")
        .body("success"))
}

/// Where a browser comes back to from an authorisation page; what it carries proves itself
#[utoipa::path(
    get, path = "/platform/wechat/authorized", tag = "node",
    params(AuthorizedQuery),
    responses((status = 200, description = "Done, in words", body = String, content_type = "text/plain")),
)]
pub async fn wechat_authorized(
    state: web::Data<AdminState>,
    Query(query): Query<AuthorizedQuery>,
) -> Result<HttpResponse, Problem> {
    let platform = wechat(&state)?;
    let space = platform.front()?.space(&query.state)?;
    let (to, code) = (space.clone(), query.auth_code);
    let authorised = platform
        .ask(move |providers| Box::pin(async move { providers.authorised(&code, Some(to)).await }));
    let appid = authorised.await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(format!(
            "Mini program {appid} is authorised to space {space}. You can close this page.\n"
        )))
}

/// The platform that knows a mini program: the one that told of it, else that of the space it is for.
pub fn provider_of(state: &AdminState, appid: &str, space: Option<&str>) -> PlatformProvider {
    let snapshot = state.config.catalog();
    let catalog = &snapshot.catalog;
    let of_space = space
        .and_then(|space| catalog.space(space))
        .map(|space| space.platform);
    let of_program = catalog.mini_program(appid).map(|program| program.source);
    of_space.or(of_program).unwrap_or_default()
}

/// Reads a mini program from the open platform.
///
/// # Errors
/// Why it cannot be read.
pub async fn read(state: &AdminState, appid: &str) -> Result<(), Problem> {
    let appid = appid.to_owned();
    let read = wechat(state)?
        .ask(move |providers| Box::pin(async move { providers.refresh(&appid).await }));
    Ok(read.await?)
}

/// # Errors
/// `platform_busy` where its actor is not there.
pub fn platform(state: &AdminState) -> Result<&PlatformHandle, Problem> {
    let platform = state.platform.as_ref();
    platform.ok_or_else(|| PlatformError::busy().into())
}

/// The platforms, where the open platform is among them.
///
/// # Errors
/// `platform_not_configured`.
fn wechat(state: &AdminState) -> Result<&PlatformHandle, Problem> {
    let platform = state
        .platform
        .as_ref()
        .filter(|platform| platform.front.is_some());
    platform.ok_or_else(|| PlatformError::not_configured().into())
}

/// A pushed message, opened.
pub struct Delivered(Event);

impl FromRequest for Delivered {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let state = request.app_data::<web::Data<AdminState>>();
            let state = state.ok_or_else(PlatformError::not_configured)?;
            let front = wechat(state)?.front()?.clone();
            let told = body::told_length(request.headers());
            let body = body::read(payload, told, MESSAGE_BYTES, body::BODY_TIMEOUT).await?;
            // More parameters may come: `signature`, `encrypt_type`.
            let query = web::Query::<PushedQuery>::from_query(request.query_string());
            let query = query.map_err(|_| not_theirs("its address lacks timestamp or nonce"))?;
            let body = std::str::from_utf8(&body).map_err(|_| not_theirs("it is no text"))?;
            let pushed = Pushed {
                msg_signature: query.msg_signature.as_deref().unwrap_or(""),
                timestamp: &query.timestamp,
                nonce: &query.nonce,
                body,
            };
            let event = front.read(&pushed).map_err(|error| {
                tracing::warn!("a message to /platform/wechat/events was not taken: {error}");
                not_theirs(&error.to_string())
            })?;
            Ok(Delivered(event))
        })
    }
}

fn not_theirs(why: &str) -> Problem {
    let detail = format!("This is no message of the open platform to this cluster: {why}.");
    Problem::new(StatusCode::FORBIDDEN, "event_refused", detail)
}

// === impl WechatView ===

impl WechatView {
    fn of(status: Result<WechatStatus, PlatformError>) -> Self {
        let mut problems = Vec::new();
        let status = status.unwrap_or_else(|error| {
            problems.push(error.detail);
            WechatStatus::default()
        });
        if problems.is_empty() && status.ticket_made_s.is_none() {
            problems.push(
                "The open platform has not pushed a verify ticket yet: look that the authorisation event URL set on \
                 open.weixin.qq.com is this cluster's …/platform/wechat/events."
                    .to_owned(),
            );
        }
        WechatView {
            ticket_made_at_ms: status
                .ticket_made_s
                .map(|made_s| made_s.saturating_mul(1_000)),
            token_expires_at_ms: status.token_expires_at_ms,
            authorised: status.authorised,
            problems,
        }
    }
}

impl From<PlatformError> for Problem {
    fn from(error: PlatformError) -> Self {
        Problem::from(Refusal::from(error))
    }
}
