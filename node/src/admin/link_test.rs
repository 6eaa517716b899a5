//! A link test: one call through this node's own link to each of a business's domains.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use awc::error::SendRequestError;
use awc::http::header::HOST;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use utoipa::ToSchema;
use weir_config::Stamp;
use weir_config::object::{Business, EnvVersion, UrlRule};

use super::AdminState;
use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::resource::{self, Resource};

/// Time for the whole test.
const TIME: Duration = Duration::from_secs(3);
/// How often is looked whether the link knows the business already.
const LOOK: Duration = Duration::from_millis(5);
/// Pause before a call that was beyond the package is made once more. A new gateway has earned nothing yet.
const PACKAGE_PAUSE: Duration = Duration::from_millis(50);
/// What the link's own answers may have, bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// What the calls say of themselves; it lets the link answer with a reason where it does not take them.
const CLIENT: &str = concat!("weir-link-test/", env!("CARGO_PKG_VERSION"));

/// What came of a link test.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkTest {
    /// Every call went through the link and was answered by its origin.
    pub ok: bool,
    /// The node whose link was tested.
    pub node: String,
    /// Which version the calls were of.
    pub env_version: EnvVersion,
    pub calls: Vec<LinkTestCall>,
}

/// One call of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkTestCall {
    /// As it is attached.
    pub domain: String,
    pub path: String,
    /// It went through the link and its origin answered.
    pub ok: bool,
    /// The status it was answered with: the origin's where `ok`, else the gateway's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    pub took_ms: u64,
    /// By which the call is found in logs, here and at the origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The gateway's code, where it answered itself (`CONTRACT.md` 1.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// What happened and what to do, where not all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Call each domain of a business once through this node's own link
#[utoipa::path(
    post, path = "/admin/v1/businesses/{business}/link-test", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid")),
    responses((status = 200, description = "Domain by domain; also where some of them do not answer", body = LinkTest)),
)]
pub async fn link_test(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let snapshot = state.config.catalog();
    let known = snapshot.catalog.business(&business);
    let known = known.ok_or_else(|| resource::no_such(Business::NAME, &business))?;
    Ok(HttpResponse::Ok().json(run(&state, known, None).await))
}

/// Tests all domains at once. `since`: the version of the configuration that the link has to know first.
pub async fn run(state: &AdminState, business: &Business, since: Option<&Stamp>) -> LinkTest {
    let deadline = Instant::now() + TIME;
    let access_domain = business.access_domain(&state.settings.link.base_domain);
    let known = timeout_at(deadline, known_to_link(state, &access_domain, since)).await;
    let env_version = match business.access.versions.contains(&EnvVersion::Trial) {
        true => EnvVersion::Trial,
        false => business
            .access
            .versions
            .first()
            .copied()
            .unwrap_or(EnvVersion::Trial),
    };
    let tester = Tester {
        http: awc::Client::builder()
            .timeout(TIME)
            .disable_redirects()
            .finish(),
        link: link_address(state),
        access_domain,
        env_version,
        deadline,
    };
    let calls = match known {
        Ok(()) => join_all(business.access.urls.iter().map(|rule| tester.call(rule))).await,
        Err(_) => {
            let rules = business.access.urls.iter();
            rules
                .map(|rule| LinkTestCall::unmade(rule, NOT_YET))
                .collect()
        }
    };
    LinkTest {
        ok: calls.iter().all(|call| call.ok),
        node: state.node.to_string(),
        env_version,
        calls,
    }
}

const NOT_YET: &str = "The link of this node did not come to know the business in time. Its log tells why; try again \
                       with POST /admin/v1/businesses/{id}/link-test.";

async fn known_to_link(state: &AdminState, access_domain: &str, since: Option<&Stamp>) {
    loop {
        let table = state.routing.load();
        let route = table.access.find(access_domain);
        if route.is_some_and(|route| since.is_none_or(|since| route.conf_version >= *since)) {
            return;
        }
        drop(table);
        sleep(LOOK).await;
    }
}

/// Where this node's own link answers plain HTTP.
fn link_address(state: &AdminState) -> SocketAddr {
    let view = state.cluster.borrow();
    let told = view.node(&view.me).and_then(|node| node.link_http);
    let mut address = told.unwrap_or(state.settings.link.http);
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// What all calls of a test have in common.
struct Tester {
    http: awc::Client,
    link: SocketAddr,
    access_domain: String,
    env_version: EnvVersion,
    deadline: Instant,
}

// === impl Tester ===

impl Tester {
    async fn call(&self, rule: &UrlRule) -> LinkTestCall {
        let began = Instant::now();
        let mut call = LinkTestCall::unmade(rule, "");
        call.detail = None;
        let made = timeout_at(self.deadline, self.make_within_package(rule, &mut call)).await;
        if made.is_err() && !call.is_beyond_package() {
            call.ok = false;
            call.detail = Some(format!(
                "Nothing was answered within {} s. Look whether {} answers from this node, and how long it takes.",
                TIME.as_secs(),
                call.domain
            ));
        }
        call.took_ms = began.elapsed().as_millis() as u64;
        call
    }

    /// Makes the call until the package has room for it: what is tested is the domain.
    async fn make_within_package(&self, rule: &UrlRule, call: &mut LinkTestCall) {
        loop {
            let mut attempt = LinkTestCall::unmade(rule, "");
            attempt.detail = None;
            self.make(&mut attempt).await;
            *call = attempt;
            if !call.is_beyond_package() {
                return;
            }
            sleep(PACKAGE_PAUSE).await;
        }
    }

    async fn make(&self, call: &mut LinkTestCall) {
        let url = format!("http://{}{}", self.link, call.path);
        let request = self
            .http
            .get(url)
            .no_decompress()
            .insert_header((HOST, self.access_domain.as_str()))
            .insert_header(("x-wx-target", call.domain.as_str()))
            .insert_header(("x-wx-env-version", self.env_version.as_str()))
            .insert_header(("x-wx-client", CLIENT));
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                call.detail = Some(unanswered(self.link, &error));
                return;
            }
        };
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let status = answer.status().as_u16();
        let own = header("x-wx-errmsg").is_none_or(|said| said != "gateway.call:ok");
        call.status = Some(status);
        call.call_id = header("x-wx-call-id");
        call.code = header("x-wx-error-code").and_then(|code| code.parse().ok());
        if !own {
            call.ok = true;
            if status >= 500 {
                call.detail = Some(format!(
                    "The link works; the origin itself answered {status}. Its log tells more, by the call id."
                ));
            }
            return;
        }
        let body = answer
            .body()
            .limit(ANSWER_MAX_BYTES)
            .await
            .unwrap_or_default();
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        call.detail = Some(explained(call, &said));
    }
}

fn unanswered(link: SocketAddr, error: &SendRequestError) -> String {
    format!(
        "The link of this node does not answer at {link} ({error}). Is link.http right, and the node not stopping?"
    )
}

/// What the gateway's own answer means for whoever has just attached a business.
fn explained(call: &LinkTestCall, said: &Value) -> String {
    let domain = &call.domain;
    let own = said["detail"].as_str().unwrap_or("");
    let what_to_do = match (call.code, said["reason"].as_str().unwrap_or("")) {
        (Some(-601_069), _) => format!(
            "The node gets no connection to {domain}: check that its name resolves and its port is open from this \
             node, and its certificate."
        ),
        (Some(-601_008), _) => format!(
            "{domain} took the call and did not answer in time: look at its load, or raise the business's timeout_ms."
        ),
        (Some(102_016), _) => format!(
            "{domain} is not configured, or not on the platform's list of legal domains any more."
        ),
        (Some(102_020 | 102_021), _) => {
            "The gateway's package is used up just now, so the call would take the public link; nothing is wrong with \
             the domain."
                .to_owned()
        }
        (_, "disconnected") => "The business is disconnected: connect it with POST …/connect.".to_owned(),
        (_, reason) if !reason.is_empty() => {
            format!("The call would take the public link ({}).", reason.replace('_', " "))
        }
        _ => "The gateway did not take the call.".to_owned(),
    };
    match own.is_empty() {
        true => what_to_do,
        false => format!("{what_to_do} The gateway said: {own}"),
    }
}

// === impl LinkTestCall ===

impl LinkTestCall {
    fn unmade(rule: &UrlRule, detail: &str) -> Self {
        LinkTestCall {
            domain: rule.domain.clone(),
            path: rule
                .paths
                .first()
                .cloned()
                .unwrap_or_else(|| "/".to_owned()),
            ok: false,
            status: None,
            took_ms: 0,
            call_id: None,
            code: None,
            detail: Some(detail.to_owned()),
        }
    }

    fn is_beyond_package(&self) -> bool {
        matches!(self.code, Some(102_020 | 102_021))
    }
}
